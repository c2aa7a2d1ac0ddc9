import type { GatewayDeps } from '../../src/gateway/gateway-deps.ts';
import { workOutNotices } from '../../src/gateway/notices.ts';
import type {
  AuthorizeCall,
  Journal,
  Observer,
  Opening,
  OperationCall,
  Provider,
  Step,
} from '../../src/gateway/ports.ts';
import { JournalError } from '../../src/gateway/ports.ts';
import { expireDue, recoverLapsed } from '../../src/gateway/recover.ts';
import { Resolver } from '../../src/gateway/resolve.ts';
import { never } from '../support/faulty-journal.ts';
import { roadDeps } from '../support/road-deps.ts';
import { sampleAction, sampleContract, sampleRuleset } from '../support/sample-ruleset.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { Checker } from './checker.ts';
import { PROFILES } from './provider-profiles.ts';
import type { SimulatedProvider } from './simulated-provider.ts';
import { ProcessClock, type VirtualTime } from './virtual-time.ts';
import type { Work } from './work-done.ts';

/** What all processes of a world share. */
export interface SharedWorld {
  readonly time: VirtualTime;
  readonly random: SeededRandom;
  readonly journal: Journal;
  readonly providers: ReadonlyMap<string, SimulatedProvider>;
  readonly checker: Checker;
  readonly work: Work;
  /** Weakens a rule of the product, to see that it is noticed. */
  readonly mutate: (deps: GatewayDeps) => GatewayDeps;
  faultsOn: boolean;
}

/** The furthest that a wall clock is wrong, milliseconds. */
const SKEW_MAX_MS = 10 * 60_000;
const WRITES: ReadonlySet<string> = new Set([
  'open',
  'advance',
  'takeWork',
  'postponeWork',
  'holdWork',
  'keepNotice',
  'settleNotice',
]);
const READS: ReadonlySet<string> = new Set([
  'findClaim',
  'findAuthorization',
  'listLapsed',
  'listExpired',
  'isReferenceElsewhere',
  'openNotices',
  'history',
]);

export const MERCHANTS = ['m0', 'm1', 'm2', 'm3', 'm4', 'm5', 'm6'] as const;

/** One rule for each merchant: another order of providers, another way to deal with what is unknown or late. */
const RULESET = sampleRuleset(
  Object.keys(PROFILES).map((id) =>
    sampleContract(id, {
      timeoutMs: 2_000,
      capabilities: {
        currencies: 'all',
        brands: 'all',
        countries: 'all',
        features: new Set(['partial_capture']),
      },
    }),
  ),
  MERCHANTS.map((merchant, index) => {
    const ids = Object.keys(PROFILES);
    return {
      name: merchant,
      matches: (facts) => facts.merchant === merchant,
      action: sampleAction({
        strategy: { kind: 'priority', order: [...ids.slice(index), ...ids.slice(0, index)] },
        attemptsMax: 3,
        afterUnknown: index % 2 === 0 ? 'hold' : 'cancel_then_fail_over',
        lateApprovalReverseAfterMs: index % 3 === 0 ? 60_000 : null,
      }),
    };
  }),
);

/** One process of the gateway: it can die at any moment, and then nothing comes back to it. */
export class GatewayProcess {
  readonly clock: ProcessClock;
  readonly deps: GatewayDeps;
  readonly #world: SharedWorld;
  readonly #resolver: Resolver;
  #dead = false;

  constructor(world: SharedWorld, number: number) {
    this.#world = world;
    const { random, checker } = world;
    this.clock = new ProcessClock(world.time, random.integer(0, 1_000_000_000));
    this.jumpClock();
    const observer: Partial<Observer> = {
      alert: ({ kind, detail, authorizationId }) => {
        if (kind === 'resolver_failed') checker.break(`the resolver threw: ${detail}`, null);
        checker.alerted(kind, authorizationId);
      },
      remarked: ({ remark, authorizationId }) => {
        if (remark === 'late_approval') checker.remarkedLate(authorizationId);
      },
    };
    const owner = `process-${number}`;
    this.deps = world.mutate(
      roadDeps({
        clock: this.clock,
        random,
        journal: this.#journal(),
        provider: this.#providers(),
        owner,
        leaseMs: 5_000,
        ruleset: RULESET,
        observer,
        refuse: () => world.faultsOn && random.chance(0.03),
      }),
    );
    this.#resolver = new Resolver(this.deps);
  }

  get dead(): boolean {
    return this.#dead;
  }

  jumpClock(): void {
    this.clock.skewMs = this.#world.random.integer(-SKEW_MAX_MS, SKEW_MAX_MS);
  }

  die(): void {
    this.#dead = true;
  }

  /** One look at everything beside the road; what the resolver takes up goes on by itself. */
  async look(): Promise<void> {
    const { deps } = this;
    await deps.unrecorded.retry(deps);
    await recoverLapsed(deps);
    await expireDue(deps);
    await workOutNotices(deps);
    await this.#resolver.takeUp();
  }

  /** A look of its own accord, which may not throw. */
  async lookNow(): Promise<void> {
    if (this.#dead) return;
    try {
      await this.look();
    } catch (error) {
      const detail = error instanceof Error ? error.stack : String(error);
      this.#world.checker.break(`the work beside the road threw: ${detail}`, null);
    }
  }

  #journal(): Journal {
    const { journal, checker } = this.#world;
    const faulty: Record<string, (...args: unknown[]) => Promise<unknown>> = {};
    for (const name of [...WRITES, ...READS]) {
      const call = Reflect.get(journal, name).bind(journal) as (...args: unknown[]) => Promise<unknown>;
      faulty[name] = (...args) => this.#callJournal(name, call, args);
    }
    const open = async (opening: Opening) => {
      const result = await journal.open(opening);
      if (result.kind === 'opened') checker.committed(opening.authorization);
      return result;
    };
    const advance = async (step: Step) => {
      const result = await journal.advance(step);
      if (result.kind === 'written') checker.committed({ ...step.after, version: result.version });
      return result;
    };
    faulty['open'] = (...args) => this.#callJournal('open', () => open(args[0] as Opening), args);
    faulty['advance'] = (...args) => this.#callJournal('advance', () => advance(args[0] as Step), args);
    return new Proxy(journal, {
      get: (target, property) => faulty[String(property)] ?? Reflect.get(target, property),
    });
  }

  async #callJournal(
    name: string,
    call: (...args: unknown[]) => Promise<unknown>,
    args: unknown[],
  ): Promise<unknown> {
    if (this.#dead) return never();
    const { random, work, time, faultsOn } = this.#world;
    const draw = faultsOn ? random.unit() : 1;
    if (draw < 0.01) {
      work.journalSlow += 1;
      await time.sleep(random.integer(1, random.chance(0.1) ? 8_000 : 300));
      if (this.#dead) return never();
    }
    const isWrite = WRITES.has(name);
    if (isWrite && draw >= 0.01 && draw < 0.025) {
      work.journalWritesFailed += 1;
      throw new JournalError(`${name}: refused before it was written`);
    }
    const value = await call(...args);
    if (this.#dead) return never();
    if (isWrite && draw >= 0.025 && draw < 0.04) {
      work.journalConfirmationsLost += 1;
      throw new JournalError(`${name}: written, but the confirmation was lost`);
    }
    return value;
  }

  /** The providers as this process sees them: checked before every call, in its own time, and silent once it is dead. */
  #providers(): (id: string) => Provider | undefined {
    const seen = new Map([...this.#world.providers].map(([id, provider]) => [id, this.#seen(provider)]));
    return (id) => seen.get(id);
  }

  #seen(provider: SimulatedProvider): Provider {
    const { checker } = this.#world;
    const timed = <T extends { readonly budget: AuthorizeCall['budget'] }>(call: T): T => {
      return { ...call, budget: { ...call.budget, deadlineMs: this.clock.toTrueMs(call.budget.deadlineMs) } };
    };
    const alive = async <T>(work: () => Promise<T>): Promise<T> => {
      if (this.#dead) return never();
      try {
        const value = await work();
        return this.#dead ? never() : value;
      } catch (error) {
        if (this.#dead) return never();
        throw error;
      }
    };
    const operate = (kind: 'capture' | 'void' | 'refund') => (call: OperationCall) =>
      alive(() => {
        checker.operating(kind, call);
        return provider[kind](timed(call));
      });
    return {
      id: provider.id,
      live: false,
      semantics: provider.semantics,
      authorize: (call) =>
        alive(() => {
          checker.sending(provider.id, call);
          return provider.authorize(timed(call));
        }),
      inquire: (query) => alive(() => provider.inquire(timed(query))),
      capture: operate('capture'),
      void: operate('void'),
      refund: operate('refund'),
      inquireOperation: (call) => alive(() => provider.inquireOperation(timed(call))),
      readNotices: (message) => provider.readNotices(message),
      evidenceIn: (notice) => provider.evidenceIn(notice),
      classify: () => provider.classify(),
      close: () => {},
    };
  }
}
