import type { z } from 'zod';
import type { FaultBook, faultBody, StoredFault } from './faults.ts';
import type { Ledger, LedgerFilter, LedgerRow } from './ledger.ts';
import { type LedgerReport, ledgerEntry } from './ledger-view.ts';
import type { ProviderListener } from './provider-listener.ts';
import type { PspAccount } from './psp-account.ts';
import type { SandboxClock } from './sandbox-clock.ts';
import type { TraitBook } from './traits.ts';
import type { Verdict } from './verdict.ts';
import type { WebhookSender } from './webhooks.ts';
import { World, type WorldPlan, worldBody } from './world.ts';

/** One simulated provider. */
export interface SimulatedProvider {
  readonly account: PspAccount;
  readonly listener: ProviderListener;
}

/** A timer may fire a little before the wall clock says so. */
const TIMER_MARGIN_MS = 5;

/** What can be asked of a running sandbox from outside: faults, traits, world, reset, ledger. */
export class Controls {
  readonly providers: ReadonlyMap<string, SimulatedProvider>;
  readonly webhooks: WebhookSender;
  readonly traits: TraitBook;
  readonly #ledger: Ledger;
  readonly #faults: FaultBook;
  readonly #clock: SandboxClock;
  readonly #latencyMs: number | null;
  readonly #seed: string;
  #world: World;
  #worldIsSet = false;

  constructor(options: {
    readonly providers: ReadonlyMap<string, SimulatedProvider>;
    readonly ledger: Ledger;
    readonly faults: FaultBook;
    readonly traits: TraitBook;
    readonly webhooks: WebhookSender;
    readonly clock: SandboxClock;
    readonly seed: string;
    readonly latencyMs: number | null;
  }) {
    this.providers = options.providers;
    this.webhooks = options.webhooks;
    this.traits = options.traits;
    this.#ledger = options.ledger;
    this.#faults = options.faults;
    this.#clock = options.clock;
    this.#latencyMs = options.latencyMs;
    this.#seed = options.seed;
    this.#world = this.#plainWorld();
  }

  /** The world that holds now. */
  get world(): World {
    return this.#world;
  }

  /** The plan that was set; null for the plain world in which everything is approved. */
  get worldPlan(): WorldPlan | null {
    return this.#worldIsSet ? this.#world.plan : null;
  }

  /** Adds a fault. A closed port is closed when the promise resolves. */
  async addFault(body: z.output<typeof faultBody>): Promise<StoredFault> {
    const fault = this.#faults.add(body);
    if (fault.duration_ms !== undefined) {
      this.#clock.after(fault.duration_ms, () => this.#inBackground(this.removeFault(fault.id)));
    }
    await this.#applyRefusals();
    return fault;
  }

  faults(): readonly StoredFault[] {
    return this.#faults.list();
  }

  /** False when there is no such fault. A closed port is open again when the promise resolves. */
  async removeFault(id: string): Promise<boolean> {
    const removed = this.#faults.remove(id);
    await this.#applyRefusals();
    return removed;
  }

  async clearFaults(): Promise<void> {
    this.#faults.clear();
    await this.#applyRefusals();
  }

  async setWorld(plan: WorldPlan): Promise<void> {
    const nowMs = this.#clock.nowMs();
    this.#world = new World(plan, nowMs, this.#latencyMs);
    this.#worldIsSet = true;
    for (const atMs of this.#world.refusalChangesMs()) {
      this.#clock.after(atMs - nowMs + TIMER_MARGIN_MS, () => this.#inBackground(this.#applyRefusals()));
    }
    await this.#applyRefusals();
  }

  async clearWorld(): Promise<void> {
    this.#world = this.#plainWorld();
    this.#worldIsSet = false;
    await this.#applyRefusals();
  }

  /** Empties ledger, keys, faults, traits, world and past events. Who gets the webhooks stays. */
  async reset(): Promise<void> {
    this.#ledger.clear();
    for (const { account } of this.providers.values()) account.clear();
    this.#faults.clear();
    this.traits.clear();
    this.webhooks.forgetEvents();
    await this.clearWorld();
  }

  /** Settles a pending authorization, or overturns one that was declined or voided; found by id or reference. */
  settle(
    query: { readonly id?: string | undefined; readonly reference?: string | undefined },
    verdict: Verdict | 'overturn',
  ): 'settled' | 'not_found' | 'not_possible' {
    for (const [provider, { account }] of this.providers) {
      const row: LedgerRow | null =
        query.id === undefined
          ? this.#ledger.byReference(provider, query.reference ?? '')
          : this.#ledger.byId(provider, query.id);
      if (row === null) continue;
      const done = verdict === 'overturn' ? account.overturn(row) : account.settle(row, verdict);
      return done ? 'settled' : 'not_possible';
    }
    return 'not_found';
  }

  /** @param limit most rows to show, the oldest first */
  ledger(filter: LedgerFilter, limit: number): LedgerReport {
    const entries = [];
    let truncated = false;
    for (const row of this.#ledger.rows(filter)) {
      if (entries.length >= limit) {
        truncated = true;
        break;
      }
      entries.push(ledgerEntry(row));
    }
    const totals = this.#ledger.totals();
    const requests = Object.values(totals).reduce((sum, counts) => sum + counts.requests, 0);
    return { authorizations: entries, truncated, totals, requests, dropped: this.#ledger.dropped };
  }

  /** Closes and opens ports as faults and world want it now. */
  async #applyRefusals(): Promise<void> {
    const nowMs = this.#clock.nowMs();
    const changes = [...this.providers].map(([provider, { listener }]) =>
      this.#faults.refuses(provider) || this.#world.refuses(provider, nowMs)
        ? listener.gate.shut()
        : listener.gate.reopen((delayMs) => this.#clock.pause(delayMs)),
    );
    await Promise.all(changes);
  }

  #plainWorld(): World {
    return new World(worldBody.parse({ seed: this.#seed }), this.#clock.nowMs(), this.#latencyMs);
  }

  #inBackground(work: Promise<unknown>): void {
    work.catch((error: unknown) => process.stderr.write(`sandbox: ${String(error)}\n`));
  }
}
