import { isUnsettled, providerReferenceOf } from '../../src/core/attempt.ts';
import type { Authorization } from '../../src/core/authorization.ts';
import { hasWork, pendingVoid } from '../../src/core/settlement.ts';
import type { GatewayDeps } from '../../src/gateway/gateway-deps.ts';
import { keepNotices, workOutNotices } from '../../src/gateway/notices.ts';
import { planToAskAgain } from '../../src/gateway/plan-to-ask-again.ts';
import type { Notice } from '../../src/gateway/ports.ts';
import { type Resolution, resolveAttempt } from '../../src/gateway/resolve-by-person.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { Callers } from './callers.ts';
import { authorizationOf, Checker, paymentOf } from './checker.ts';
import { GatewayProcess, type SharedWorld } from './gateway-process.ts';
import {
  checkChain,
  countEvents,
  nextDueMs,
  type OpenedJournal,
  openJournal,
  parkedIn,
} from './open-journal.ts';
import { PROFILES } from './provider-profiles.ts';
import { type BookEntry, SimulatedProvider } from './simulated-provider.ts';
import { trueWallMs, VirtualTime } from './virtual-time.ts';
import { noWork } from './work-done.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const PROCESSES = 3;
const LOOK_MIN_MS = 20 * SECOND_MS;
const LOOK_MAX_MS = 30 * MINUTE_MS;
/** Payments that begin within a minute; then it is quiet for hours. */
const BURST = 250;

export interface WorldOptions {
  /** Weakens a rule of the product, to see that it is noticed. */
  readonly mutate?: (deps: GatewayDeps) => GatewayDeps;
  /** Changes the journal's database before anything happens: for the same purpose. */
  readonly prepare?: (opened: OpenedJournal) => void;
  /** Lives on after a broken promise, to see what else breaks. */
  readonly livesOn?: boolean;
}

/**
 * A seeded world: callers, providers with faults of every kind, a journal that fails, processes that die and clocks that
 * jump, for days; then weeks without faults in which everything must come to rest. The same seed gives the same world.
 */
export class SimulatedWorld {
  readonly work = noWork();
  readonly checker = new Checker(this.work);
  readonly #payments: number;
  readonly #livesOn: boolean;
  readonly #random: SeededRandom;
  readonly #time = new VirtualTime();
  readonly #opened: OpenedJournal;
  readonly #providers: ReadonlyMap<string, SimulatedProvider>;
  readonly #shared: SharedWorld;
  readonly #callers: Callers;
  readonly #said = new Map<string, string[]>();
  #processes: GatewayProcess[] = [];
  #started = 0;

  constructor(seed: number, payments: number, options: WorldOptions = {}) {
    this.#payments = payments;
    this.#livesOn = options.livesOn ?? false;
    this.#random = new SeededRandom(seed);
    this.#opened = openJournal();
    options.prepare?.(this.#opened);
    const trouble = this.#random.pick([0.1, 0.25, 0.4]);
    const watch = {
      held: (entry: BookEntry) => this.checker.held(entry),
      carriedOut: this.checker.carriedOut.bind(this.checker),
      notify: (provider: string, notices: readonly Notice[], sure: boolean) =>
        void this.#notify(provider, notices, sure),
      say: (attemptId: string, words: string) => this.#say(authorizationOf(attemptId), words),
    };
    const common = { time: this.#time, random: this.#random, watch, work: this.work, trouble };
    this.#providers = new Map(
      Object.entries(PROFILES).map(([id, semantics]) => [id, new SimulatedProvider(id, semantics, common)]),
    );
    this.#shared = {
      time: this.#time,
      random: this.#random,
      journal: this.#opened.journal,
      providers: this.#providers,
      checker: this.checker,
      work: this.work,
      mutate: options.mutate ?? ((deps) => deps),
      faultsOn: true,
    };
    for (let index = 0; index < PROCESSES; index += 1) this.#processes.push(this.#start());
    this.#scheduleLook();
    this.#callers = new Callers(this.#shared, () => this.#random.pick(this.#processes));
  }

  #start(): GatewayProcess {
    return new GatewayProcess(this.#shared, this.#started++);
  }

  /**
   * In quiet times some process looks at what is beside the road when something is due, at least every half hour: a look
   * each second, for weeks, would be most of the work and find nothing.
   */
  #scheduleLook(looksInVain = 0, dueBefore: number | null = null): void {
    const due = nextDueMs(this.#opened.database);
    const dueInMs = due === null ? LOOK_MAX_MS : due - trueWallMs(this.#time);
    // What nobody takes up although it is due (a lease, a clock that is behind) is looked at less and less often.
    const inVain = due === dueBefore ? looksInVain + 1 : 0;
    const delayMs = Math.min(LOOK_MAX_MS, Math.max(LOOK_MIN_MS * 2 ** Math.min(10, inVain), dueInMs));
    this.#time.after(delayMs * (1 + 0.3 * this.#random.unit()), () => {
      void this.#random.pick(this.#processes).lookNow();
      this.#scheduleLook(inVain, due);
    });
  }

  /** Lives through everything, and ends at the first broken promise. */
  async run(): Promise<void> {
    let begun = 0;
    while (begun < this.#payments) {
      const burst = Math.min(BURST, this.#payments - begun);
      this.#scheduleBurst(begun, burst);
      begun += burst;
      await this.#pass(this.#random.integer(10 * MINUTE_MS, 20 * HOUR_MS));
      await this.#closeByPerson();
    }
    // What was planned for later happens under faults too.
    await this.#pass(4 * DAY_MS);
    this.#endFaults();
    for (let day = 0; day < 75 && this.#goesOn(); day += 5) {
      await this.#pass(5 * DAY_MS);
      await this.#closeByPerson();
    }
    if (this.#goesOn()) await this.#checkAtRest();
    await this.#opened.journal.close();
  }

  #goesOn = (): boolean => this.#livesOn || this.checker.broken.length === 0;

  #pass(ms: number): Promise<void> {
    return this.#time.runUntil(this.#time.nowMs + ms, this.#goesOn);
  }

  #scheduleBurst(first: number, count: number): void {
    const random = this.#random;
    const within = () => random.integer(0, MINUTE_MS);
    for (let index = 0; index < count; index += 1) {
      this.#time.after(within(), () => {
        this.#callers.begin(first + index);
      });
    }
    // While payments come in, every process looks as often as it does in earnest.
    for (let atMs = 0; atMs < MINUTE_MS + 15 * SECOND_MS; atMs += random.integer(500, 1_500)) {
      this.#time.after(atMs, () => void random.pick(this.#processes).lookNow());
    }
    for (let times = random.integer(1, 6); times > 0; times -= 1)
      this.#time.after(within(), () => this.#crash());
    for (let times = random.integer(0, 2); times > 0; times -= 1) {
      this.#time.after(within(), () => {
        this.work.clockJumps += 1;
        random.pick(this.#processes).jumpClock();
      });
    }
    const providers = [...this.#providers.values()];
    if (random.chance(0.3)) {
      this.#time.after(within(), () => {
        this.work.outages += 1;
        const length = random.integer(10 * SECOND_MS, random.chance(0.2) ? 3 * HOUR_MS : 2 * MINUTE_MS);
        random.pick(providers).downUntilMs = this.#time.nowMs + length;
      });
    }
    for (let times = random.integer(0, 2); times > 0; times -= 1) {
      this.#time.after(random.integer(MINUTE_MS, 10 * HOUR_MS), () => {
        const provider = random.pick(providers);
        if (provider.entries.length > 0) provider.voidBeside();
      });
    }
  }

  #crash(): void {
    this.work.crashes += 1;
    const index = this.#random.integer(0, this.#processes.length - 1);
    this.#processes[index]?.die();
    this.#processes[index] = this.#start();
  }

  #endFaults(): void {
    this.#shared.faultsOn = false;
    for (const provider of this.#providers.values()) provider.faultsOn = false;
  }

  async #notify(provider: string, notices: readonly Notice[], sure: boolean): Promise<void> {
    this.work.notices += 1;
    const { deps } = this.#random.pick(this.#processes);
    const attemptId = notices[0]?.attemptId ?? '';
    this.#say(authorizationOf(attemptId), `${provider} tells by itself: ${JSON.stringify(notices[0]?.data)}`);
    let isKept = false;
    // What a process that died meanwhile does not acknowledge is sent again too.
    this.#time.after(5 * MINUTE_MS, () => {
      if (!isKept && sure) void this.#notify(provider, notices, sure);
    });
    const kept = await keepNotices(provider, { headers: {}, body: JSON.stringify(notices) }, deps);
    isKept = kept.kind === 'kept';
    if (isKept) await workOutNotices(deps);
  }

  // ---------------------------------------------------------------------------------------- persons

  /** A person closes what was given up, with what the providers' books say. */
  async #closeByPerson(): Promise<void> {
    for (const id of parkedIn(this.#opened.database)) {
      const authorization = await this.#opened.journal.findAuthorization(id);
      if (authorization === null) continue;
      if (!this.checker.wasAlerted(id)) {
        const payment = paymentOf(authorization);
        this.checker.break(`${id} was given up to a person, and nobody was told`, payment);
      }
      for (const attempt of authorization.attempts) {
        const resolution = this.#truthFor(authorization, attempt.number);
        if (resolution === null) continue;
        await this.#close(attempt.id, resolution.as, resolution.reference);
      }
    }
  }

  #truthFor(
    authorization: Authorization,
    number: number,
  ): { readonly as: Resolution; readonly reference: string | null } | null {
    const attempt = authorization.attempts[number - 1];
    if (attempt === undefined) return null;
    const provider = this.#providers.get(attempt.provider);
    if (provider === undefined) return null;
    const isBeingUndone = pendingVoid(authorization, number) !== null;
    if (!isUnsettled(attempt.outcome) && !isBeingUndone) return null;
    // An authorization for another amount is not what was asked for: it goes back.
    const truth = provider.truthFor(attempt.id);
    if (truth === null) return null;
    const isWrong = truth !== 'nothing' && truth.kind === 'unknown';
    if (isBeingUndone || isWrong) provider.voidByHand(attempt.id);
    if (truth === 'nothing') return { as: isBeingUndone ? 'undone' : 'not_processed', reference: null };
    const reference = providerReferenceOf(truth);
    if (isBeingUndone || isWrong || truth.kind === 'partially_approved') {
      if (truth.kind === 'partially_approved') provider.voidByHand(attempt.id);
      return { as: 'undone', reference };
    }
    if (truth.kind === 'declined' && truth.decline.mayHideApproval) {
      provider.voidByHand(attempt.id);
      return { as: 'undone', reference };
    }
    return { as: truth.kind === 'approved' ? 'approved' : 'not_processed', reference };
  }

  async #close(attemptId: string, resolution: Resolution, reference: string | null): Promise<void> {
    const { deps } = this.#random.pick(this.#processes);
    this.#say(authorizationOf(attemptId), `a person closes ${attemptId}: ${resolution}`);
    const command = {
      account: 'acme',
      covers: () => true,
      attemptId,
      resolution,
      providerReference: reference,
      evidence: 'the books of the provider',
      receivedAtMs: deps.clock.monotonicMs(),
    };
    let isDone = false;
    const closing = resolveAttempt(command, deps).then(({ kind }) => {
      isDone = true;
      if (kind === 'resolved') this.work.closedByPerson += 1;
    });
    // The journal may be slow: true time goes on meanwhile.
    for (let step = 0; step < 60 && !isDone; step += 1) await this.#pass(SECOND_MS);
    if (isDone) await closing;
  }

  // ---------------------------------------------------------------------------------------- the end

  async #checkAtRest(): Promise<void> {
    const { database, journal } = this.#opened;
    const parked = new Set(parkedIn(database));
    const chain = checkChain(database);
    this.work.events += chain.events;
    this.work.askedAgain += countEvents(database, 'asked_again');
    this.work.leasesEnded += countEvents(database, 'lease_ended');
    for (const id of chain.wrong) this.checker.break(`the chain of hashes is broken at ${id}`, null);
    for (const { id } of this.checker.records.values()) {
      const authorization = await journal.findAuthorization(id);
      if (authorization === null) {
        this.checker.break(`${id} is no longer in the journal`, null);
        continue;
      }
      this.#count(authorization);
      this.checker.checkAtRest(authorization, parked, trueWallMs(this.#time));
      if (await this.#isToBeAsked(authorization))
        this.checker.break(`${id} is still to be asked about, and nobody does`, paymentOf(authorization));
    }
  }

  /** Whether something of it that was closed as not found should have been asked about once more, and was not. */
  async #isToBeAsked(authorization: Authorization): Promise<boolean> {
    const { deps } = this.#random.pick(this.#processes);
    const event = { kind: 'looked_at', actor: 'simulation', atMs: trueWallMs(this.#time), data: {} };
    const seen = { ...deps, journal: this.#opened.journal };
    return !hasWork(authorization) && (await planToAskAgain(authorization, event, seen)) !== null;
  }

  #count({ status, attempts }: Authorization): void {
    this.work.authorizations += 1;
    this.work.failovers += attempts.length - 1;
    if (status === 'captured' || status === 'partially_captured') this.work.captured += 1;
    if (status === 'voided') this.work.voided += 1;
    if (status === 'refunded' || status === 'partially_refunded') this.work.refunded += 1;
    if (status === 'expired') this.work.expired += 1;
  }

  #say(authorizationId: string, words: string): void {
    const said = this.#said.get(authorizationId) ?? [];
    this.#said.set(authorizationId, said);
    if (said.length < 200) said.push(`${atTime(this.#time.nowMs)}  ${words}`);
  }

  /** Everything that happened to a payment, for whoever looks into a broken promise: call it before `run` ends it. */
  historyOf(payment: string): readonly string[] {
    const lines: string[] = [];
    for (const record of this.checker.records.values()) {
      if (paymentOf(record) !== payment) continue;
      lines.push(
        `-- ${record.id}: ${record.status}, version ${record.version}, ${JSON.stringify(record.request.amount)}`,
      );
      for (const attempt of record.attempts)
        lines.push(`   ${attempt.id} at ${attempt.provider}: ${JSON.stringify(attempt.outcome)}`);
      for (const { id, purpose, status, amount, code, attemptNumber } of record.operations)
        lines.push(`   ${id} of attempt ${attemptNumber} (${purpose}, ${amount}): ${status} ${code ?? ''}`);
      lines.push(...(this.#said.get(record.id) ?? []));
    }
    return lines;
  }
}

function atTime(ms: number): string {
  const days = Math.floor(ms / DAY_MS);
  return `day ${days} ${new Date(ms % DAY_MS).toISOString().slice(11, 23)}`;
}
