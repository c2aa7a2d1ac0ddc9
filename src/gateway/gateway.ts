import { authorize } from './authorize.ts';
import { CallerDecisions } from './caller-decisions.ts';
import type { DecideCommand, DecideResult } from './decide-for-caller.ts';
import { type EndpointState, EventDeliverer } from './deliver-events.ts';
import { describeError } from './describe-error.ts';
import {
  type ArmCommand,
  type ArmResult,
  type ExperimentResults,
  ExperimentWatch,
} from './experiment-watch.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal } from './journal-calls.ts';
import {
  countUnreported,
  purgeDecisions,
  purgeDelivered,
  purgeHistory,
  type SealMemory,
  sealHistory,
} from './keep-history.ts';
import { KeptHere } from './kept-here.ts';
import { LeaseWatch } from './lease-watch.ts';
import { type KeepResult, keepNotices, workOutNotices } from './notices.ts';
import { type OperateCommand, type OperateResult, operate } from './operate.ts';
import type { EventEndpoint } from './ports.ts';
import { expireDue, recoverLapsed } from './recover.ts';
import type { ReportCommand, ReportResult } from './report-outcome.ts';
import { Resolver } from './resolve.ts';
import { type ResolveCommand, type ResolveResult, resolveAttempt } from './resolve-by-person.ts';
import {
  type ResolveOperationCommand,
  type ResolveOperationResult,
  resolveOperation,
} from './resolve-operation-by-person.ts';
import type { AuthorizeCommand, AuthorizeResult } from './road-results.ts';
import { settledWithin } from './settled-within.ts';

/** Time between two runs of the housekeeping, at most. */
const HOUSEKEEPING_MS = 1_000;
/** Time between two seals of the history. */
const SEAL_MS = 60_000;
/** Time between two looks at what is no longer kept. */
const PURGE_MS = 3_600_000;
/** Time between two looks for decisions that nobody reports. */
const UNREPORTED_MS = 30_000;
/** Time between two looks at the experiments. */
const EXPERIMENTS_MS = 60_000;
/** A duty is left to the process that has it for so many of its turns. */
const DUTY_KEPT_TIMES = 3;
/** Time between two looks at leases on work that others hold. */
const LEASES_MS = 15_000;
/** For what the journal has under way when a process ends: longer than it waits for a connection and for an answer. */
const JOURNAL_ARRIVES_MS = 15_000;
/** For the last try to record what is unrecorded, milliseconds. */
const LAST_TRY_MS = 4_000;
/** For the last seal, milliseconds: others, or the next process, make it as well. */
const LAST_SEAL_MS = 1_000;
/** How long {@link Gateway.close} takes at the most, milliseconds. */
export const CLOSES_WITHIN_MS = JOURNAL_ARRIVES_MS + LAST_TRY_MS + LAST_SEAL_MS;
/** At least, however short the schedule is. */
const HOUSEKEEPING_MIN_MS = 50;

/** The road with what a process does beside it: counting what is under way, and taking up what was left. */
export class Gateway {
  readonly #deps: GatewayDeps;
  readonly #seals: SealMemory = { newest: null };
  #underWay = 0;
  #onIdle: (() => void)[] = [];
  readonly #loops: Loop[] = [];
  readonly #resolver: Resolver;
  readonly #leaseWatch: LeaseWatch;
  readonly #deliverer: EventDeliverer;
  readonly #decisions: CallerDecisions;
  readonly #experiments: ExperimentWatch;
  readonly #keptHere = new KeptHere();
  #noticeLoop: Loop | null = null;

  constructor(deps: GatewayDeps) {
    this.#deps = deps;
    this.#resolver = new Resolver(deps);
    this.#leaseWatch = new LeaseWatch(deps);
    this.#deliverer = new EventDeliverer(deps);
    this.#decisions = new CallerDecisions(deps);
    this.#experiments = new ExperimentWatch(deps);
  }

  /** Requests of callers that are not answered. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Takes an authorization along its road. The road goes on when the caller hangs up. */
  authorize(command: AuthorizeCommand): Promise<AuthorizeResult> {
    return this.#counted(() => authorize(command, this.#deps));
  }

  /** Ranks for a caller that sends the payment itself. Sends nothing. */
  decide(command: DecideCommand): Promise<DecideResult> {
    return this.#counted(() => this.#decisions.decide(command));
  }

  /** Takes what such a caller reports, and says what to do next. */
  report(command: ReportCommand): Promise<ReportResult> {
    return this.#counted(() => this.#decisions.report(command));
  }

  /** Captures, voids or refunds. What was begun is finished and recorded when the caller hangs up. */
  operate(command: OperateCommand): Promise<OperateResult> {
    return this.#counted(() => operate(command, this.#deps));
  }

  /** A person closes a capture, void or refund that could not be found out. */
  resolveOperation(command: ResolveOperationCommand): Promise<ResolveOperationResult> {
    return this.#counted(() => resolveOperation(command, this.#deps));
  }

  /** A person closes an attempt that could not be found out. */
  resolve(command: ResolveCommand): Promise<ResolveResult> {
    return this.#counted(() => resolveAttempt(command, this.#deps));
  }

  /** What is known of an experiment; null when there is none. @throws JournalError */
  experimentResults(id: string): Promise<ExperimentResults | null> {
    return this.#experiments.results(id);
  }

  /** Whether a payment was ever recorded in an experiment, also one that is gone. @throws JournalError */
  isExperimentRecorded(id: string): Promise<boolean> {
    return this.#experiments.isRecorded(id);
  }

  /** A person stops an arm, or lets it run again. @throws JournalError */
  setArm(command: ArmCommand): Promise<ArmResult> {
    return this.#experiments.setArm(command);
  }

  /** Takes what a provider sent by itself; once this resolves to `kept`, it may be acknowledged. */
  async takeNotices(
    provider: string,
    message: { readonly headers: Readonly<Record<string, string>>; readonly body: string },
  ): Promise<KeepResult> {
    const kept = await this.#counted(() => keepNotices(provider, message, this.#deps, this.#keptHere));
    if (kept.kind === 'kept' && kept.isNew) this.#noticeLoop?.hurry();
    return kept;
  }

  async #counted<T>(work: () => Promise<T>): Promise<T> {
    this.#underWay += 1;
    try {
      return await work();
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === 0) for (const tell of this.#onIdle.splice(0)) tell();
    }
  }

  /** Runs the housekeeping at once, then it and the resolver regularly, until {@link close}. */
  async start(): Promise<void> {
    const { soleOwner, journal, owner } = this.#deps;
    // What a dead process had in hand is taken up at once.
    if (soleOwner) await callJournal('free_work', this.#deps, () => journal.freeWork(owner));
    await this.housekeep();
    const first = this.#deps.resolverSchedule[0] ?? HOUSEKEEPING_MS;
    const resolverMs = Math.min(HOUSEKEEPING_MS, Math.max(HOUSEKEEPING_MIN_MS, first / 2));
    this.#noticeLoop = new Loop(this.#deps, HOUSEKEEPING_MS, () =>
      workOutNotices(this.#deps, this.#keptHere),
    );
    this.#loops.push(
      this.#noticeLoop,
      new Loop(this.#deps, HOUSEKEEPING_MS, () => this.housekeep()),
      new Loop(this.#deps, LEASES_MS, () => this.#leaseWatch.look()),
      this.#duty('seal', SEAL_MS, () => sealHistory(this.#deps, this.#seals)),
      this.#duty('purge', PURGE_MS, () => this.#purge()),
      this.#duty('count_unreported', UNREPORTED_MS, () => countUnreported(this.#deps)),
      this.#duty('experiments', EXPERIMENTS_MS, () => this.#experiments.look()),
      new Loop(this.#deps, HOUSEKEEPING_MS, () => this.#deliverer.takeUp()),
      // Apart from the housekeeping: a provider that hangs must not hold up what records and recovers.
      new Loop(this.#deps, resolverMs, () => this.#resolver.takeUp()),
    );
  }

  /** What one process does at a time, of all that share the journal; another goes on when it has not for three times. */
  #duty(name: string, everyMs: number, run: () => Promise<unknown>): Loop {
    const { soleOwner, journal, owner, clock } = this.#deps;
    if (soleOwner) return new Loop(this.#deps, everyMs, run);
    return new Loop(this.#deps, everyMs, async () => {
      const nowMs = clock.wallMs();
      const lease = { owner, untilMs: nowMs + DUTY_KEPT_TIMES * everyMs };
      const taken = await callJournal('take_duty', this.#deps, () => journal.takeDuty(name, nowMs, lease));
      if (taken.ok && taken.value) await run();
    });
  }

  /** Records what could not be recorded before, takes up what a dead process left, and lets expire what is over. */
  async housekeep(): Promise<void> {
    await this.#deps.unrecorded.retry(this.#deps);
    await recoverLapsed(this.#deps);
    await expireDue(this.#deps);
  }

  async #purge(): Promise<void> {
    await purgeHistory(this.#deps);
    await purgeDelivered(this.#deps);
    await purgeDecisions(this.#deps);
  }

  /** The endpoints that are configured now, and whether they are told. */
  eventEndpoints(): readonly (EventEndpoint & { readonly state: EndpointState })[] {
    return this.#deps.outgoing
      .endpoints()
      .map((endpoint) => ({ ...endpoint, state: this.#deliverer.stateOf(endpoint) }));
  }

  /** Has no further event sent, and resolves when none is on its way. */
  endDeliveries(): Promise<void> {
    return this.#deliverer.stop();
  }

  /** Resolves when no request is under way. */
  idle(): Promise<void> {
    if (this.#underWay === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /**
   * Ends what runs beside the road. What the journal has under way comes back first: after the last try to record what is
   * unrecorded nobody knows any more that it was never sent. Takes {@link CLOSES_WITHIN_MS} at the most, however the journal
   * hangs, and tells what it leaves.
   */
  async close(): Promise<void> {
    this.#experiments.stop();
    const { clock, unrecorded } = this.#deps;
    const arrived = this.idle().then(() => unrecorded.arrived());
    await settledWithin(Promise.all([this.#endBeside(), arrived]), JOURNAL_ARRIVES_MS, clock);
    await settledWithin(unrecorded.retry(this.#deps, 'all'), LAST_TRY_MS, clock);
    unrecorded.tellLeft(this.#deps);
    await settledWithin(sealHistory(this.#deps, this.#seals), LAST_SEAL_MS, clock);
  }

  /** Begins nothing beside the road any more, and resolves when nothing of it is under way. */
  async #endBeside(): Promise<void> {
    await Promise.all(this.#loops.map((loop) => loop.stop()));
    await this.#resolver.idle();
    await this.#deliverer.stop();
  }
}

/** Runs something again and again, never twice at once; a failure is told and does not end it. */
class Loop {
  readonly #deps: Pick<GatewayDeps, 'clock' | 'observer'>;
  readonly #everyMs: number;
  readonly #run: () => Promise<unknown>;
  #cancelTimer: () => void = () => {};
  #running: Promise<unknown> = Promise.resolve();
  #isRunning = false;
  #hurried = false;
  #stopped = false;

  constructor(deps: Pick<GatewayDeps, 'clock' | 'observer'>, everyMs: number, run: () => Promise<unknown>) {
    this.#deps = deps;
    this.#everyMs = everyMs;
    this.#run = run;
    this.#schedule();
  }

  /** Runs at once, or again as soon as the run under way is over. */
  hurry(): void {
    this.#hurried = true;
    this.#cancelTimer();
    if (!this.#isRunning) this.#start();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer();
    await this.#running;
  }

  #schedule(): void {
    if (this.#stopped) return;
    if (this.#hurried) this.#start();
    else this.#cancelTimer = this.#deps.clock.after(this.#everyMs, () => this.#start());
  }

  #start(): void {
    this.#hurried = false;
    this.#isRunning = true;
    this.#running = this.#run()
      .catch((error: unknown) => {
        const detail = describeError(error);
        this.#deps.observer.alert({ kind: 'housekeeping_failed', detail, authorizationId: null });
      })
      .then(() => {
        this.#isRunning = false;
        this.#schedule();
      });
  }
}
