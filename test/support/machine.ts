import type { GatewayDeps } from '../../src/gateway/gateway-deps.ts';
import { LeaseWatch } from '../../src/gateway/lease-watch.ts';
import type { CallBudget, Clock, Journal, Provider } from '../../src/gateway/ports.ts';
import { Resolver } from '../../src/gateway/resolve.ts';
import { Sightings } from '../../src/gateway/sightings.ts';
import { Unrecorded } from '../../src/gateway/unrecorded.ts';
import type { FakeClock } from './fake-clock.ts';
import type { WorldProcess } from './gateway-world.ts';

/** Where a process stops: before the call it is about to make is looked at once more and handed over, or after that. */
export type StopPoint = 'before_send' | 'after_send';

export interface MachineOptions {
  /** How far its wall clock is ahead, milliseconds. */
  readonly offMs?: number;
  /** Whether its clocks stand still with it, both of them: the machine is suspended, not just its process. */
  readonly clocksStop?: boolean;
}

/**
 * A process on a machine of its own: with clocks of its own, and which can stop at any moment. While it stands still nothing
 * comes back to it and no timer of it fires; what it had handed over goes on elsewhere.
 */
export class Machine {
  readonly clock: Clock;
  readonly process: WorldProcess;
  /** What it wanted to send and did not, since its own time was over. */
  readonly heldBack: string[] = [];
  readonly #base: FakeClock;
  readonly #clocksStop: boolean;
  #stopAt: { readonly call: string; readonly point: StopPoint } | null = null;
  #stoppedAtMs: number | null = null;
  /** How long its clocks have stood still before. */
  #lostMs = 0;
  #waiting: (() => void)[] = [];

  constructor(plain: WorldProcess, base: FakeClock, { offMs = 0, clocksStop = false }: MachineOptions = {}) {
    this.#base = base;
    this.#clocksStop = clocksStop;
    this.clock = {
      monotonicMs: () => base.monotonicMs() - this.#lostNowMs(),
      wallMs: () => base.wallMs() + offMs - this.#lostNowMs(),
      after: (delayMs, action) => this.#after(delayMs, action),
    };
    const deps: GatewayDeps = {
      ...plain.deps,
      clock: this.clock,
      sightings: new Sightings(this.clock),
      unrecorded: new Unrecorded(),
      journal: this.#journal(plain.deps.journal),
      provider: (id) => {
        const provider = plain.deps.provider(id);
        return provider === undefined ? undefined : this.#reached(provider);
      },
    };
    this.process = { deps, resolver: new Resolver(deps), leases: new LeaseWatch(deps) };
  }

  get isStopped(): boolean {
    return this.#stoppedAtMs !== null;
  }

  /** Has it stop around the next call of that name to a provider: `authorize`, `capture` … */
  stopAt(call: string, point: StopPoint): void {
    this.#stopAt = { call, point };
  }

  stop(): void {
    this.#stoppedAtMs = this.#base.monotonicMs();
  }

  /** It goes on where it stood. */
  wake(): void {
    this.#lostMs = this.#lostNowMs();
    this.#stoppedAtMs = null;
    for (const go of this.#waiting.splice(0)) go();
  }

  #lostNowMs(): number {
    if (this.#stoppedAtMs === null || !this.#clocksStop) return this.#lostMs;
    return this.#lostMs + this.#base.monotonicMs() - this.#stoppedAtMs;
  }

  #awake(): Promise<void> {
    if (!this.isStopped) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #after(delayMs: number, action: () => void): () => void {
    const dueMs = this.clock.monotonicMs() + delayMs;
    let cancelled = false;
    const fire = () => {
      if (cancelled) return;
      if (this.isStopped) {
        this.#waiting.push(fire);
        return;
      }
      const leftMs = dueMs - this.clock.monotonicMs();
      if (leftMs > 0) this.#base.after(leftMs, fire);
      else action();
    };
    this.#base.after(delayMs, fire);
    return () => {
      cancelled = true;
    };
  }

  #journal(journal: Journal): Journal {
    return new Proxy(journal, {
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== 'function') return value;
        return async (...args: readonly unknown[]) => {
          await this.#awake();
          try {
            return (await value.apply(target, args)) as unknown;
          } finally {
            await this.#awake();
          }
        };
      },
    });
  }

  /** As it reaches a provider: it looks at both clocks directly before the first byte, as the transport does. */
  #reached(provider: Provider): Provider {
    const call =
      <Call extends { readonly budget: CallBudget }, Answer>(
        name: string,
        send: (call: Call) => Promise<Answer>,
        notSent: Answer,
      ) =>
      async (asked: Call): Promise<Answer> => {
        await this.#comeTo(name, 'before_send');
        const { budget } = asked;
        const leftMs = budget.deadlineMs - this.clock.monotonicMs();
        if (leftMs <= 0 || this.clock.wallMs() >= (budget.sendByMs ?? Number.POSITIVE_INFINITY)) {
          this.heldBack.push(name);
          return notSent;
        }
        // The provider lives in true time.
        const deadlineMs = this.#base.monotonicMs() + leftMs;
        const answer = send({ ...asked, budget: { ...budget, deadlineMs } });
        await this.#comeTo(name, 'after_send');
        const told = await answer;
        await this.#awake();
        return told;
      };
    const late = { kind: 'not_sent', code: 'deadline_passed' } as const;
    const silent = { kind: 'no_answer', code: 'deadline_passed' } as const;
    return {
      id: provider.id,
      live: provider.live,
      semantics: provider.semantics,
      authorize: call('authorize', (asked) => provider.authorize(asked), late),
      inquire: call('inquire', (asked) => provider.inquire(asked), silent),
      capture: call('capture', (asked) => provider.capture(asked), late),
      void: call('void', (asked) => provider.void(asked), late),
      refund: call('refund', (asked) => provider.refund(asked), late),
      inquireOperation: call('inquireOperation', (asked) => provider.inquireOperation(asked), silent),
      readNotices: (message) => provider.readNotices(message),
      evidenceIn: (notice, subject) => provider.evidenceIn(notice, subject),
      classify: (code) => provider.classify(code),
      close: () => {},
    };
  }

  async #comeTo(call: string, point: StopPoint): Promise<void> {
    if (this.#stopAt?.call === call && this.#stopAt.point === point) {
      this.#stopAt = null;
      this.stop();
    }
    await this.#awake();
  }
}
