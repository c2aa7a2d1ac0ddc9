import type { Authorization, AuthorizationRequest } from '../../src/core/authorization.ts';
import type { RuleAction } from '../../src/core/rules/ruleset.ts';
import type { SchemeRules } from '../../src/core/scheme/scheme-rules.ts';
import { authorize } from '../../src/gateway/authorize.ts';
import type { GatewayDeps } from '../../src/gateway/gateway-deps.ts';
import { LeaseWatch } from '../../src/gateway/lease-watch.ts';
import { type OperateCommand, type OperateResult, operate } from '../../src/gateway/operate.ts';
import type { Journal, Observer } from '../../src/gateway/ports.ts';
import { expireDue, recoverLapsed } from '../../src/gateway/recover.ts';
import { Resolver } from '../../src/gateway/resolve.ts';
import { type ResolveCommand, resolveAttempt } from '../../src/gateway/resolve-by-person.ts';
import {
  type ResolveOperationCommand,
  resolveOperation,
} from '../../src/gateway/resolve-operation-by-person.ts';
import type { AuthorizeResult } from '../../src/gateway/road-results.ts';
import { openInProcessJournal } from '../../src/stores/sqlite/in-process-journal.ts';
import { FakeClock, settled } from './fake-clock.ts';
import { roadDeps } from './road-deps.ts';
import { sampleCommand, sampleRequest } from './sample-request.ts';
import { sampleAction, sampleContract, sampleRuleset } from './sample-ruleset.ts';
import { type ScriptedOptions, ScriptedProvider, type ScriptStep } from './scripted-provider.ts';
import { SeededRandom } from './seeded-random.ts';

const IDS = ['sandbox-a', 'sandbox-b', 'sandbox-c'] as const;
export type WorldProvider = (typeof IDS)[number];

export interface WorldOptions {
  /** What each provider does with authorizations, one after the other; then it approves. */
  readonly script?: Partial<Record<WorldProvider, readonly ScriptStep[]>>;
  /** What a provider does when its script is over, or has none. */
  readonly step?: () => ScriptStep;
  readonly latencyMs?: number;
  readonly provider?: ScriptedOptions;
  readonly action?: Partial<RuleAction>;
  readonly schemeRules?: SchemeRules;
  readonly schedule?: readonly number[];
  /** Wraps the journal, for faults. */
  readonly journal?: (journal: Journal) => Journal;
}

/** One process of the gateway. */
export interface WorldProcess {
  readonly deps: GatewayDeps;
  readonly resolver: Resolver;
  /** Left out: it ends no leases of others. */
  readonly leases?: LeaseWatch;
}

/** Alerts and remarks, in the order in which they were told. */
export interface Told {
  readonly alerts: string[];
  readonly remarks: string[];
  readonly resolved: string[];
}

/** A gateway on a fake clock, with an embedded journal in memory and scripted providers: everything but sockets. */
export class GatewayWorld {
  readonly clock = new FakeClock();
  readonly journal: Journal;
  readonly providers: ReadonlyMap<string, ScriptedProvider>;
  readonly told: Told = { alerts: [], remarks: [], resolved: [] };
  readonly #options: WorldOptions;
  readonly #random = new SeededRandom(20_261_123);
  #processes = 0;

  constructor(options: WorldOptions = {}) {
    this.#options = options;
    const journal = openInProcessJournal(':memory:');
    this.journal = options.journal?.(journal) ?? journal;
    this.providers = new Map(
      IDS.map((id) => {
        const script = [...(options.script?.[id] ?? [])];
        const step = () => script.shift() ?? options.step?.() ?? 'approve';
        const latency = () => options.latencyMs ?? 10;
        return [id, new ScriptedProvider(id, this.clock, step, latency, options.provider)];
      }),
    );
  }

  /** Another process on the same journal. */
  process(): WorldProcess {
    this.#processes += 1;
    const observer: Partial<Observer> = {
      alert: ({ kind }) => this.told.alerts.push(kind),
      remarked: ({ remark }) => this.told.remarks.push(remark),
      resolved: ({ subject, by, result }) => this.told.resolved.push(`${subject} ${by} ${result}`),
    };
    const action = sampleAction({
      strategy: { kind: 'priority', order: [...IDS] },
      attemptsMax: 3,
      ...this.#options.action,
    });
    const partial = new Set(['partial_capture'] as const);
    const ruleset = sampleRuleset(
      IDS.map((id) =>
        sampleContract(id, {
          timeoutMs: 2_000,
          capabilities: { currencies: 'all', brands: 'all', countries: 'all', features: partial },
        }),
      ),
      [{ name: 'fallback', matches: () => true, action }],
    );
    const deps = roadDeps({
      clock: this.clock,
      random: this.#random,
      journal: this.journal,
      provider: (id) => this.providers.get(id),
      owner: `process-${this.#processes}`,
      leaseMs: 5_000,
      ruleset,
      observer,
      ...(this.#options.schedule === undefined ? {} : { resolverSchedule: this.#options.schedule }),
      ...(this.#options.schemeRules === undefined ? {} : { schemeRules: this.#options.schemeRules }),
    });
    return { deps, resolver: new Resolver(deps), leases: new LeaseWatch(deps) };
  }

  /** Begins an authorization; nothing moves until the clock does. */
  begin(
    process: WorldProcess,
    request: Partial<AuthorizationRequest> = {},
    key = 'key-1',
  ): Promise<AuthorizeResult> {
    const command = sampleCommand({
      idempotencyKey: key,
      request: sampleRequest(request),
      receivedAtMs: this.clock.monotonicMs(),
    });
    return authorize(command, process.deps);
  }

  /** Authorizes, and lets the time pass that it takes. */
  async authorize(
    process: WorldProcess,
    request: Partial<AuthorizationRequest> = {},
    key = 'key-1',
  ): Promise<AuthorizeResult> {
    return this.finish(this.begin(process, request, key));
  }

  /** Captures, voids or refunds, and lets the time pass that it takes. */
  async operate(
    process: WorldProcess,
    authorizationId: string,
    what: Pick<OperateCommand, 'kind'> & Partial<OperateCommand>,
    key = 'op-1',
  ): Promise<OperateResult> {
    return this.finish(this.beginOperation(process, authorizationId, what, key));
  }

  /** Begins a capture, void or refund; nothing moves until the clock does. */
  beginOperation(
    process: WorldProcess,
    authorizationId: string,
    what: Pick<OperateCommand, 'kind'> & Partial<OperateCommand>,
    key = 'op-1',
  ): Promise<OperateResult> {
    const command: OperateCommand = {
      account: 'acme',
      covers: () => true,
      authorizationId,
      amount: null,
      final: false,
      currency: null,
      idempotencyKey: key,
      bodyFingerprint: JSON.stringify([what.kind, what.amount ?? null, what.final ?? false]).padEnd(64, '0'),
      traceparent: null,
      receivedAtMs: process.deps.clock.monotonicMs(),
      ...what,
    };
    return operate(command, process.deps);
  }

  resolveByPerson(
    process: WorldProcess,
    command: Pick<ResolveCommand, 'attemptId' | 'resolution'> & Partial<ResolveCommand>,
  ) {
    const more = {
      account: 'acme',
      covers: () => true,
      providerReference: `psp_sandbox-a_${command.attemptId}`,
      evidence: 'ticket 7',
      receivedAtMs: process.deps.clock.monotonicMs(),
    };
    return this.finish(resolveAttempt({ ...more, ...command }, process.deps));
  }

  /** A person closes an operation; nothing moves until the clock does. */
  resolveOperation(
    process: WorldProcess,
    command: Pick<ResolveOperationCommand, 'operationId' | 'resolution'> & Partial<ResolveOperationCommand>,
  ) {
    const receivedAtMs = process.deps.clock.monotonicMs();
    const more = {
      account: 'acme',
      covers: () => true,
      providerReference: null,
      evidence: 'ticket 8',
      receivedAtMs,
    };
    return resolveOperation({ ...more, ...command }, process.deps);
  }

  /** Moves the clock in small steps until the work is done; at most two minutes. */
  async finish<T>(work: Promise<T>): Promise<T> {
    const state: { done: boolean } = { done: false };
    const mark = () => {
      state.done = true;
    };
    work.then(mark, mark);
    await turn();
    for (let step = 0; step < 2_400 && !state.done; step += 1) {
      await this.clock.advance(50);
      await turn();
    }
    return work;
  }

  /** Lets time pass, with housekeeping and resolver of these processes every second of it. */
  async pass(ms: number, ...processes: readonly WorldProcess[]): Promise<void> {
    const stepMs = Math.max(1_000, Math.floor(ms / 600));
    for (let passed = 0; passed < ms; passed += stepMs) {
      await this.clock.advance(Math.min(stepMs, ms - passed));
      await turn();
      for (const process of processes) await this.look(process);
    }
  }

  /** One look of a process at everything beside the road. */
  async look({ deps, resolver, leases }: WorldProcess): Promise<void> {
    await deps.unrecorded.retry(deps);
    await recoverLapsed(deps);
    await expireDue(deps);
    await leases?.look();
    await resolver.takeUp();
    await this.finish(resolver.idle());
  }

  async get(id: string): Promise<Authorization> {
    const found = await this.journal.findAuthorization(id);
    if (found === null) throw new Error(`there is no ${id}`);
    return found;
  }

  /** The provider's books on live money, over all providers. */
  live() {
    return [...this.providers.values()].flatMap(({ books }) => books.filter((entry) => entry.live));
  }
}

/** Lets promises settle and immediates run. */
async function turn(): Promise<void> {
  await settled();
  await new Promise((resolve) => setImmediate(resolve));
  await settled();
}

/** The id in an answer; the test fails when there is none. */
export function idIn(result: AuthorizeResult | OperateResult): string {
  if (!('authorizationId' in result)) throw new Error(`no authorization in ${JSON.stringify(result)}`);
  return result.authorizationId;
}
