import type { GatewayDeps } from '../../src/gateway/gateway-deps.ts';
import { LeaseWatch } from '../../src/gateway/lease-watch.ts';
import { workOutNotices } from '../../src/gateway/notices.ts';
import type {
  AuthorizeCall,
  ClaimScope,
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
/** The longest that a machine stands still, with what it was about to send; milliseconds. */
const AUTHORIZE_STILL_MAX_MS = 90 * 60_000;
/** From an intent to its request, by the process's own clocks; milliseconds. */
const LONGEST_ATTEMPT_MS = 20_000;
/** A repeat that is held back past its key's end is a new payment: what a key's margin leaves beside a slow way. */
const REPEAT_STILL_MAX_MS = 2 * 60_000;
const OPERATION_STILL_MAX_MS = 10 * 60_000;
/** Kinds of events after which an operation is sent: no machine that has one in hand stands still for longer than that. */
const SENT_NEXT: ReadonlySet<string> = new Set(['operation_begun', 'operation_sent', 'operation_sent_again']);
/** How late what was given up lands at the latest, milliseconds: within a lease, after it, and long after it. */
const LANDS_AFTER_MS = [300, 10_000, 10 * 60_000, 5 * 3_600_000];
const WRITES: ReadonlySet<string> = new Set([
  'open',
  'advance',
  'takeWork',
  'postponeWork',
  'holdWork',
  'takeOverWork',
  'keepNotice',
  'settleNotice',
]);
const READS: ReadonlySet<string> = new Set([
  'findClaim',
  'findAuthorization',
  'historyPage',
  'listLapsed',
  'listExpired',
  'listHeldWork',
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
  readonly #leases: LeaseWatch;
  /** Authorizations and keys of which the journal's last word has not come, or came before the machine stood still. */
  readonly #unheard = new Set<string>();
  #dead = false;
  /** When it was last about to send an operation, by its own clock, milliseconds. */
  #operatingMs = Number.NEGATIVE_INFINITY;

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
    this.#leases = new LeaseWatch(this.deps);
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** Whether this process cannot know how an authorization, or what was begun under a key, stands by now. */
  hasNotHeardOf(authorizationId: string, key: string): boolean {
    return this.#unheard.has(authorizationId) || this.#unheard.has(key);
  }

  jumpClock(): void {
    this.clock.skewMs = this.#world.random.integer(-SKEW_MAX_MS, SKEW_MAX_MS);
  }

  die(): void {
    this.#dead = true;
    this.clock.stop();
  }

  /** One look at everything beside the road; what the resolver takes up goes on by itself. */
  async look(): Promise<void> {
    const { deps } = this;
    await deps.unrecorded.retry(deps);
    await recoverLapsed(deps);
    await expireDue(deps);
    await this.#leases.look();
    await workOutNotices(deps);
    await this.#resolver.takeUp();
  }

  /** A look of its own accord, which may not throw. */
  async lookNow(): Promise<void> {
    if (this.#dead || this.clock.isStopped) return;
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
    await this.clock.running();
    if (this.#dead) return never();
    const subject = subjectOf(name, args);
    if (subject !== null) this.#unheard.add(subject);
    if (name === 'advance' && SENT_NEXT.has((args[0] as Step).event.kind)) {
      this.#operatingMs = this.clock.monotonicMs();
    }
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
      if (subject !== null) this.#unheard.delete(subject);
      throw new JournalError(`${name}: refused before it was written`);
    }
    if (isWrite && draw >= 0.04 && draw < 0.055) {
      work.journalLandsLate += 1;
      // Given up by whoever called, and seen by nobody until it lands: as a commit that waits for a copy.
      const delayMs = random.pick(LANDS_AFTER_MS);
      time.after(random.integer(1, delayMs), () => void call(...args).catch(() => {}));
      throw new JournalError(`${name}: not known to be written, and may land later`);
    }
    const value = await call(...args);
    if (subject !== null && !this.clock.isStopped) this.#unheard.delete(subject);
    await this.clock.running();
    if (this.#dead) return never();
    if (isWrite && draw >= 0.025 && draw < 0.04) {
      work.journalConfirmationsLost += 1;
      throw new JournalError(`${name}: written, but the confirmation was lost`);
    }
    return value;
  }

  /** The machine is suspended now and then, both clocks with it, just before something leaves it or just afterwards. */
  async #mayStandStill(maxMs: number): Promise<boolean> {
    const { random, work, time, faultsOn } = this.#world;
    const draw = faultsOn ? random.unit() : 1;
    if (draw >= 0.006 || this.clock.isStopped) return false;
    const isBefore = draw < 0.004;
    const stop = () => {
      if (this.#dead || this.clock.isStopped) return;
      work.stoodStill += 1;
      const isOperating = this.clock.monotonicMs() - this.#operatingMs < LONGEST_ATTEMPT_MS;
      const longestMs = isOperating ? Math.min(maxMs, OPERATION_STILL_MAX_MS) : maxMs;
      this.clock.stop();
      time.after(random.integer(1_000, longestMs), () => this.clock.go());
    };
    if (isBefore) stop();
    else time.after(1, stop);
    await this.clock.running();
    return isBefore;
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
        await this.clock.running();
        return this.#dead ? never() : value;
      } catch (error) {
        await this.clock.running();
        if (this.#dead) return never();
        throw error;
      }
    };
    const operate = (kind: 'capture' | 'void' | 'refund') => (call: OperationCall) =>
      alive(async () => {
        checker.operating(kind, call);
        await this.#mayStandStill(OPERATION_STILL_MAX_MS);
        return provider[kind](timed(call));
      });
    return {
      id: provider.id,
      live: false,
      semantics: provider.semantics,
      authorize: (call) =>
        alive(async () => {
          // Its clocks stand still with it: what it was about to send before, it sends when it goes on.
          const wasStill = this.clock.hasGoneOnWithin(LONGEST_ATTEMPT_MS);
          checker.sending(provider.id, call, wasStill);
          const maxMs = call.isRepeat ? REPEAT_STILL_MAX_MS : AUTHORIZE_STILL_MAX_MS;
          const stoodStill = (await this.#mayStandStill(maxMs)) || wasStill;
          if (stoodStill) checker.sentLate(call);
          return provider.authorize({ ...timed(call), stoodStill });
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

/** Of which authorization, or what was begun under which key, a call of the journal tells how it stands; null: of none. */
function subjectOf(name: string, args: readonly unknown[]): string | null {
  switch (name) {
    case 'findAuthorization':
      return args[0] as string;
    case 'findClaim':
      return (args[0] as ClaimScope).key;
    case 'advance':
      return (args[0] as Step).before.id;
    default:
      return null;
  }
}
