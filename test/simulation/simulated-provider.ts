import { type AttemptOutcome, isUnsettled, providerReferenceOf } from '../../src/core/attempt.ts';
import type { Decline } from '../../src/core/declines/decline.ts';
import type { OperationKind } from '../../src/core/operation.ts';
import type { ProviderSemantics } from '../../src/core/resolution.ts';
import type {
  AuthorizeCall,
  InquiryAnswer,
  KeptNotice,
  Notice,
  NoticeEvidence,
  NoticeReading,
  OperationCall,
  OperationInquiry,
  OperationOutcome,
  Provider,
} from '../../src/gateway/ports.ts';
import { sampleDecline } from '../support/sample-outcomes.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { VirtualTime } from './virtual-time.ts';
import type { Work } from './work-done.ts';

/** One authorization as the provider's own books have it: the truth that the checks compare with. */
export interface BookEntry {
  readonly provider: string;
  readonly attemptId: string;
  /** Merchant and reference. */
  readonly payment: string;
  readonly reference: string;
  readonly amount: number;
  /** Money is held or was taken. */
  live: boolean;
  captured: number;
  refunded: number;
  /** It came about after the provider's own window: a promise that the provider broke. */
  readonly breach: boolean;
  /** Its sender stood still, with its clocks, before it sent it. */
  readonly stoodStill: boolean;
  /** The merchant voided it at the provider, beside the gateway. */
  voidedBeside: boolean;
  /** How often each operation of ours was carried out, by its id. */
  readonly carriedOut: Map<string, number>;
}

/** A request that the provider has taken. */
interface KnownRequest {
  readonly attemptId: string;
  readonly reference: string;
  readonly takenAtMs: number;
  readonly visibleAtMs: number;
  /** What a repeat is told. */
  readonly answer: AttemptOutcome;
  /** What is true; `pending` while the provider works on it. */
  truth: AttemptOutcome;
  entry: BookEntry | null;
}

/** What a provider with two steps has made first. */
interface Prepared {
  readonly attemptId: string;
  readonly reference: string;
  cancelled: boolean;
}

interface KnownOperation {
  readonly id: string;
  readonly takenAtMs: number;
  readonly visibleAtMs: number;
  /** What a repeat is told. */
  readonly answer: OperationOutcome;
  state: 'working' | 'done' | { readonly failed: string };
}

/** What the world is told of a provider's doings. */
export interface ProviderWatch {
  /** Money is held from now on. */
  held(entry: BookEntry): void;
  carriedOut(entry: BookEntry, kind: OperationKind, operationId: string): void;
  /** A message to the gateway; `sure`: the provider repeats it until it is taken. */
  notify(provider: string, notices: readonly Notice[], sure: boolean): void;
  say(attemptId: string, words: string): void;
}

/** A call, and whether its sender stood still before it left. */
type SimulatedCall = AuthorizeCall & { readonly stoodStill?: boolean };

const DECLINE: Decline = sampleDecline();
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/**
 * How long a request is under way at most where the provider names no window: what the margin before a key's end
 * (KEY_MARGIN_MS) leaves for it.
 */
const LONGEST_UNDER_WAY_MS = HOUR_MS;

/**
 * A provider of a simulated world: it keeps its promises (its semantics) and its books, and everything else goes wrong
 * now and then. It lives outside of the gateway's processes: their crashes do not stop what was handed over. Times are
 * true times, those in calls too: whoever calls converts them.
 */
export class SimulatedProvider implements Provider {
  readonly id: string;
  readonly live = false;
  readonly semantics: ProviderSemantics;
  readonly entries: BookEntry[] = [];
  /** Requests on their way that will still arrive, by attempt. */
  readonly onTheirWay = new Map<string, number>();
  /** Faults happen; off at the end of a run, so that everything can come to rest. */
  faultsOn = true;
  /** Down until then. */
  downUntilMs = -1;
  readonly #time: VirtualTime;
  readonly #random: SeededRandom;
  readonly #watch: ProviderWatch;
  readonly #work: Work;
  /** Share of calls that meet a fault. */
  readonly #trouble: number;
  readonly #byKey = new Map<string, KnownRequest>();
  readonly #byAttempt = new Map<string, KnownRequest[]>();
  readonly #operations = new Map<string, KnownOperation[]>();
  /** By reference. */
  readonly #prepared = new Map<string, Prepared>();
  #numbers = 0;

  constructor(
    id: string,
    semantics: ProviderSemantics,
    world: {
      readonly time: VirtualTime;
      readonly random: SeededRandom;
      readonly watch: ProviderWatch;
      readonly work: Work;
      readonly trouble: number;
    },
  ) {
    this.id = id;
    this.semantics = semantics;
    this.#time = world.time;
    this.#random = world.random;
    this.#watch = world.watch;
    this.#work = world.work;
    this.#trouble = world.trouble;
  }

  // ---------------------------------------------------------------------------------------- authorizations

  async authorize(call: SimulatedCall): Promise<AttemptOutcome> {
    const { deadlineMs } = call.budget;
    if (this.#time.nowMs >= deadlineMs) return { kind: 'not_sent', code: 'deadline_passed' };
    const latencyMs = this.#latency();
    if (this.#isDown()) {
      await this.#time.sleep(5);
      return { kind: 'not_sent', code: 'ECONNREFUSED' };
    }
    if (this.semantics.twoSteps && call.preparedReference === null) return this.#authorizeInTwoSteps(call);
    const fault = this.#draw(AUTHORIZE_FAULTS);
    if (fault === 'refused_connection') {
      this.#work.refusedConnections += 1;
      return { kind: 'not_sent', code: 'ECONNREFUSED' };
    }
    this.#watch.say(call.attemptId, `${this.id} is sent the authorization (${fault ?? 'no fault'})`);
    switch (fault) {
      case null: {
        await this.#time.sleep(latencyMs);
        const answer = this.#arrive(call, false);
        return this.#inTime(answer, deadlineMs);
      }
      case 'never_arrives':
        this.#work.neverArrived += 1;
        return this.#noAnswer(deadlineMs, latencyMs);
      case 'answer_lost':
        this.#work.answersLost += 1;
        this.#later(call, Math.min(latencyMs, 900), false);
        return this.#noAnswer(deadlineMs, latencyMs);
      case 'arrives_late': {
        this.#work.arrivedLate += 1;
        const isBreach = !this.semantics.twoSteps && this.#random.chance(0.1);
        if (isBreach) this.#work.windowBreaches += 1;
        const windowMs = this.semantics.notFoundAfterMs ?? LONGEST_UNDER_WAY_MS;
        const afterMs = isBreach
          ? windowMs + this.#random.integer(MINUTE_MS, 48 * HOUR_MS)
          : this.#random.integer(0, Math.floor(windowMs * 0.95));
        this.#later(call, deadlineMs - this.#time.nowMs + afterMs, isBreach);
        return this.#noAnswer(deadlineMs, latencyMs);
      }
      case 'slow': {
        this.#work.slowAnswers += 1;
        const afterMs = deadlineMs - this.#time.nowMs + this.#random.integer(1, 1_500);
        this.#later(call, Math.min(afterMs, deadlineMs - this.#time.nowMs + this.#windowMs() * 0.9), false);
        await this.#time.sleep(deadlineMs - this.#time.nowMs);
        return unknown('timeout');
      }
      case 'throws':
        this.#work.adapterThrows += 1;
        await this.#time.sleep(latencyMs);
        this.#arrive(call, false);
        throw new TypeError('a bug of the adapter');
      case 'error_processed':
      case 'error_unprocessed':
        this.#work.serverErrors += 1;
        await this.#time.sleep(latencyMs);
        this.#arriveInError(call, fault === 'error_processed');
        return unknown('http_500');
    }
  }

  /** The first step; the second only once its reference is durable. */
  async #authorizeInTwoSteps(call: SimulatedCall): Promise<AttemptOutcome> {
    await this.#time.sleep(this.#latency());
    const rejected = (code: string): AttemptOutcome => ({ ...CANCELLED, reason: 'transient', code });
    if (this.#time.nowMs > call.budget.deadlineMs) return rejected('create_timeout');
    const reference = `${this.id}-${this.#numbers++}`;
    this.#prepared.set(reference, { attemptId: call.attemptId, reference, cancelled: false });
    this.#watch.say(call.attemptId, `${this.id} has prepared ${reference}`);
    if (this.#draw([true]) === true) return rejected('create_lost');
    if (!(await call.prepared(reference))) {
      this.#work.preparedNotRecorded += 1;
      return { ...CANCELLED, reason: 'transient', code: 'not_recorded', providerReference: reference };
    }
    const outcome = await this.authorize({ ...call, preparedReference: reference });
    return outcome.kind === 'unknown' ? { ...outcome, providerReference: reference } : outcome;
  }

  async #noAnswer(deadlineMs: number, latencyMs: number): Promise<AttemptOutcome> {
    const hangs = this.#random.chance(0.5);
    const untilMs = hangs ? deadlineMs : Math.min(deadlineMs, this.#time.nowMs + latencyMs + 1);
    await this.#time.sleep(untilMs - this.#time.nowMs);
    return unknown(hangs ? 'timeout' : 'ECONNRESET');
  }

  #inTime(answer: AttemptOutcome, deadlineMs: number): AttemptOutcome {
    return this.#time.nowMs <= deadlineMs ? answer : unknown('timeout');
  }

  #later(call: SimulatedCall, delayMs: number, isBreach: boolean): void {
    const { attemptId } = call;
    this.onTheirWay.set(attemptId, (this.onTheirWay.get(attemptId) ?? 0) + 1);
    this.#time.after(delayMs, () => {
      this.onTheirWay.set(attemptId, (this.onTheirWay.get(attemptId) ?? 1) - 1);
      // A promise is broken once: what was taken in time is not taken again.
      if (isBreach && this.#byAttempt.has(attemptId)) return;
      this.#watch.say(attemptId, `the authorization arrives at ${this.id} only now`);
      this.#arrive(call, isBreach);
    });
  }

  /** The first request under a key is carried out; what a repeat is told, the semantics say. */
  #arrive(call: SimulatedCall, isBreach: boolean): AttemptOutcome {
    const kept = this.#kept(this.#byKey.get(call.providerKey));
    if (kept !== undefined) {
      this.#work.providerReplays += 1;
      if (this.semantics.replay === 'same_answer' || isSuccess(kept.answer)) return kept.answer;
    }
    // What breaks a promise must be told of, or nobody can find it: a plain approval can.
    const verdict = this.faultsOn && !isBreach ? this.#random.pick(VERDICTS) : 'approve';
    return this.#carryOut(verdict, call, isBreach);
  }

  #arriveInError(call: SimulatedCall, isProcessed: boolean): void {
    const kept = this.#kept(this.#byKey.get(call.providerKey));
    if (kept !== undefined) return;
    if (isProcessed) this.#carryOut('error_approve', call, false);
    else if (this.semantics.replay === 'same_answer') this.#carryOut('error', call, false);
  }

  /** What is remembered, while it is. */
  #kept<T extends { readonly takenAtMs: number }>(known: T | undefined): T | undefined {
    const { replay, keyLifetimeMs } = this.semantics;
    if (known === undefined || replay === 'none') return undefined;
    const isKept = keyLifetimeMs === null || this.#time.nowMs - known.takenAtMs < keyLifetimeMs;
    return isKept ? known : undefined;
  }

  #carryOut(verdict: Verdict, call: SimulatedCall, isBreach: boolean): AttemptOutcome {
    const prepared = this.#prepared.get(call.preparedReference ?? '');
    if (prepared?.cancelled === true) {
      this.#work.cancelledRefused += 1;
      this.#watch.say(call.attemptId, `${this.id} has cancelled ${prepared.reference} before`);
      return { ...CANCELLED, providerReference: prepared.reference };
    }
    const reference = prepared?.reference ?? `${this.id}-${this.#numbers++}`;
    if (verdict === 'rejected') {
      return {
        kind: 'rejected',
        reason: this.#random.pick(['transient', 'rate_limited', 'configuration'] as const),
        code: 'http_503',
        retryAfterMs: null,
        providerReference: null,
      };
    }
    const decided = this.#decide(verdict, reference, call.request.amount.value);
    const known = this.#take(decided, reference, call);
    this.#watch.say(call.attemptId, `${this.id} decides: ${verdict}, reference ${reference}`);
    if (decided.amount > 0) this.#hold(known, call, decided.amount, isBreach);
    if (isBreach) this.#notifyOf(known, true);
    else if (verdict !== 'error' && this.#random.chance(0.5)) this.#notifyOf(known, false);
    if (verdict === 'pending') this.#endLater(known, call, isBreach);
    return decided.answer;
  }

  #decide(verdict: Exclude<Verdict, 'rejected'>, reference: string, value: number): Decided {
    const approved = approvedAs(reference);
    switch (verdict) {
      case 'approve':
        return plainly(approved, value);
      case 'error_approve':
        return { answer: unknown('http_500'), truth: approved, amount: value };
      case 'error':
        return { answer: unknown('http_500'), truth: NOT_PROCESSED, amount: 0 };
      case 'decline':
        return plainly(declinedAs(reference), 0);
      case 'decline_hard': {
        const hard = { category: 'hard_decline_issuer', otherProvider: 'never' } as const;
        return plainly(declinedAs(reference, hard), 0);
      }
      case 'hidden':
        this.#work.hiddenApprovals += 1;
        return plainly(
          declinedAs(reference, { mayHideApproval: true }),
          this.#random.chance(0.6) ? value : 0,
        );
      case 'step_up':
        this.#work.stepUps += 1;
        return plainly(
          { kind: 'authentication_required', code: 'issuer_1A', providerReference: reference },
          0,
        );
      case 'partial': {
        this.#work.partialApprovals += 1;
        const authorizedAmount = Math.max(1, Math.floor(value / 2));
        return plainly(
          {
            kind: 'partially_approved',
            providerReference: reference,
            authorizedAmount,
            networkTransaction: null,
            reversal: 'none',
          },
          authorizedAmount,
        );
      }
      case 'mismatch':
        this.#work.mismatches += 1;
        // It took another amount than it was asked for.
        return plainly({ kind: 'unknown', code: 'answer_mismatch', providerReference: reference }, value + 1);
      case 'pending':
        this.#work.pendingOutcomes += 1;
        return plainly({ kind: 'pending', code: null, providerReference: reference }, 0);
    }
  }

  /** Keeps what was decided, under the key and for inquiries. */
  #take({ answer, truth }: Decided, reference: string, call: SimulatedCall): KnownRequest {
    // What has a reference before it is carried out is found by it at once.
    const isLagging = !this.semantics.twoSteps && this.faultsOn && this.#random.chance(0.15);
    const lagMs = isLagging ? this.#random.integer(0, Math.max(0, this.#lagMaxMs(call))) : 0;
    const known: KnownRequest = {
      attemptId: call.attemptId,
      reference,
      takenAtMs: this.#time.nowMs,
      visibleAtMs: this.#time.nowMs + lagMs,
      answer,
      truth,
      entry: null,
    };
    this.#byKey.set(call.providerKey, known);
    this.#byAttempt.set(call.attemptId, [...(this.#byAttempt.get(call.attemptId) ?? []), known]);
    return known;
  }

  /** What is pending ends some time. */
  #endLater(known: KnownRequest, call: SimulatedCall, isBreach: boolean): void {
    const { reference } = known;
    const ends = this.#random.chance(0.7) ? approvedAs(reference) : declinedAs(reference);
    this.#time.after(this.#random.integer(1_000, this.#random.chance(0.5) ? MINUTE_MS : 6 * HOUR_MS), () => {
      // Cancelled meanwhile.
      if (known.truth.kind !== 'pending') return;
      known.truth = ends;
      this.#watch.say(call.attemptId, `${this.id} ends ${reference}: ${ends.kind}`);
      if (ends.kind === 'approved') this.#hold(known, call, call.request.amount.value, isBreach);
      this.#notifyOf(known, this.semantics.inquiry === 'none' || this.#random.chance(0.8));
    });
  }

  #hold(known: KnownRequest, call: SimulatedCall, amount: number, breach: boolean): void {
    const entry: BookEntry = {
      provider: this.id,
      attemptId: call.attemptId,
      payment: `${call.request.merchant}/${call.request.reference}`,
      reference: known.reference,
      amount,
      live: true,
      captured: 0,
      refunded: 0,
      breach,
      stoodStill: call.stoodStill === true,
      voidedBeside: false,
      carriedOut: new Map(),
    };
    known.entry = entry;
    this.entries.push(entry);
    this.#watch.held(entry);
  }

  async inquire(query: {
    readonly attemptId: string;
    readonly providerReference: string | null;
  }): Promise<InquiryAnswer> {
    this.#work.inquiries += 1;
    const failure = await this.#inquiryFails();
    if (failure !== null) return failure;
    const known = this.#requestOf(query.attemptId, query.providerReference);
    const isHidden = known !== undefined && known.visibleAtMs > this.#time.nowMs;
    if (isHidden) this.#work.inquiriesLagging += 1;
    const answer: InquiryAnswer =
      known === undefined || isHidden || known.truth === NOT_PROCESSED
        ? this.#answerOfFirstStep(query.providerReference)
        : { kind: 'found', outcome: truthOf(known) };
    await this.#time.sleep(this.#latency() / 2);
    this.#watch.say(
      query.attemptId,
      `${this.id} is asked and says ${answer.kind === 'found' ? answer.outcome.kind : answer.kind}`,
    );
    return answer;
  }

  #answerOfFirstStep(reference: string | null): InquiryAnswer {
    const prepared = this.#prepared.get(reference ?? '');
    if (prepared === undefined) return { kind: 'not_found' };
    if (prepared.cancelled) {
      return { kind: 'found', outcome: { ...CANCELLED, providerReference: prepared.reference } };
    }
    this.#work.unconfirmed += 1;
    return { kind: 'unconfirmed' };
  }

  async #inquiryFails(): Promise<{ readonly kind: 'no_answer'; readonly code: string } | null> {
    await this.#time.sleep(this.#latency() / 2);
    if (!this.#isDown() && !(this.faultsOn && this.#random.chance(0.12))) return null;
    this.#work.inquiriesFailed += 1;
    return { kind: 'no_answer', code: 'timeout' };
  }

  /** By the provider's own reference, else by ours where that is possible. */
  #requestOf(attemptId: string, reference: string | null): KnownRequest | undefined {
    const requests = this.#byAttempt.get(attemptId) ?? [];
    if (reference !== null) return requests.find((known) => known.reference === reference);
    if (this.semantics.inquiry === 'our_reference')
      return requests.findLast(({ truth }) => truth !== NOT_PROCESSED);
    return undefined;
  }

  /** Lagging may not outlast the window after which "not found" is evidence. */
  #lagMaxMs(call: AuthorizeCall): number {
    const windowEndMs = call.budget.deadlineMs + this.#windowMs();
    return (windowEndMs - this.#time.nowMs) * 0.95;
  }

  #windowMs(): number {
    return this.semantics.notFoundAfterMs ?? 10 * MINUTE_MS;
  }

  // ---------------------------------------------------------------------------------------- operations

  void(call: OperationCall): Promise<OperationOutcome> {
    return this.#operate('void', call);
  }

  capture(call: OperationCall): Promise<OperationOutcome> {
    return this.#operate('capture', call);
  }

  refund(call: OperationCall): Promise<OperationOutcome> {
    return this.#operate('refund', call);
  }

  async #operate(kind: OperationKind, call: OperationCall): Promise<OperationOutcome> {
    const { deadlineMs } = call.budget;
    if (this.#time.nowMs >= deadlineMs || this.#isDown()) return { kind: 'not_sent', code: 'ECONNREFUSED' };
    const fault = this.#draw(OPERATION_FAULTS);
    const latencyMs = this.#latency();
    this.#watch.say(call.attemptId, `${this.id} is sent ${call.operationId} (${fault ?? 'no fault'})`);
    const lose = async (): Promise<OperationOutcome> => {
      await this.#time.sleep(Math.min(latencyMs + 1, deadlineMs - this.#time.nowMs));
      return { kind: 'unknown', code: 'timeout' };
    };
    switch (fault) {
      case null: {
        await this.#time.sleep(latencyMs);
        const answer = this.#arriveOperation(kind, call);
        this.#watch.say(call.attemptId, `${this.id} says of ${call.operationId}: ${JSON.stringify(answer)}`);
        return this.#time.nowMs <= deadlineMs ? answer : { kind: 'unknown', code: 'timeout' };
      }
      case 'refused_connection':
        this.#work.refusedConnections += 1;
        return { kind: 'not_sent', code: 'ECONNREFUSED' };
      case 'rejected':
        await this.#time.sleep(latencyMs);
        return { kind: 'rejected', code: 'http_503', retryAfterMs: null };
      case 'never_arrives':
        this.#work.operationsLost += 1;
        return lose();
      case 'answer_lost':
        this.#work.operationsLost += 1;
        this.#laterOperation(kind, call, latencyMs);
        return lose();
      case 'arrives_late': {
        this.#work.operationsLate += 1;
        const afterMs = this.#random.integer(0, Math.floor(this.#windowMs() * 0.95));
        this.#laterOperation(kind, call, deadlineMs - this.#time.nowMs + afterMs);
        return lose();
      }
    }
  }

  #laterOperation(kind: OperationKind, call: OperationCall, delayMs: number): void {
    this.#time.after(delayMs, () => {
      const answer = this.#arriveOperation(kind, call);
      this.#watch.say(
        call.attemptId,
        `${call.operationId} arrives at ${this.id} only now: ${JSON.stringify(answer)}`,
      );
    });
  }

  #arriveOperation(kind: OperationKind, call: OperationCall): OperationOutcome {
    const kept = this.#kept(this.#operations.get(call.providerKey)?.[0]);
    if (kept !== undefined && (this.semantics.replay === 'same_answer' || kept.answer.kind !== 'refused')) {
      return kept.answer;
    }
    const known =
      call.providerReference !== null
        ? (this.#byAttempt.get(call.attemptId) ?? []).find(
            ({ reference }) => reference === call.providerReference,
          )
        : this.#toCancel(kind, call.attemptId);
    const prepared = this.#prepared.get(call.providerReference ?? '');
    if (kind === 'void' && prepared !== undefined && (known === undefined || known.truth === NOT_PROCESSED)) {
      prepared.cancelled = true;
      this.#work.unconfirmedCancelled += 1;
      return this.#keepOperation(call, { kind: 'confirmed', providerReference: null }, 'done');
    }
    if (known === undefined) return { kind: 'not_found' };
    if (kind === 'void' && known.truth.kind === 'pending') {
      known.truth = CANCELLED;
      return this.#keepOperation(call, { kind: 'confirmed', providerReference: null }, 'done');
    }
    const refusal = this.#refusalOf(kind, known.entry, call.amount.value);
    if (refusal !== null) return this.#refuse(call, refusal);
    if (this.faultsOn && kind !== 'void' && this.#random.chance(0.04)) return this.#refuse(call, 'no_funds');
    const entry = known.entry as BookEntry;
    if (this.faultsOn && this.#random.chance(0.15)) return this.#accept(kind, call, entry, known);
    this.#perform(kind, call, entry);
    return this.#keepOperation(
      call,
      { kind: 'confirmed', providerReference: `op-${call.operationId}` },
      'done',
    );
  }

  #toCancel(kind: OperationKind, attemptId: string): KnownRequest | undefined {
    if (kind !== 'void' || !this.semantics.cancelByReference) return undefined;
    return this.#byAttempt.get(attemptId)?.findLast(({ truth }) => truth !== NOT_PROCESSED);
  }

  #refusalOf(kind: OperationKind, entry: BookEntry | null, amount: number): string | null {
    if (entry === null || (!entry.live && kind !== 'refund')) return 'invalid_state';
    if (kind === 'void') return entry.captured > 0 ? 'already_captured' : null;
    if (kind === 'capture') return entry.captured + amount > entry.amount ? 'invalid_amount' : null;
    return entry.refunded + amount > entry.captured ? 'invalid_amount' : null;
  }

  #refuse(call: OperationCall, code: string): OperationOutcome {
    this.#work.operationsRefused += 1;
    return this.#keepOperation(call, { kind: 'refused', code }, { failed: code });
  }

  /** Acknowledged, and done or failed later. */
  #accept(
    kind: OperationKind,
    call: OperationCall,
    entry: BookEntry,
    request: KnownRequest,
  ): OperationOutcome {
    this.#work.operationsAccepted += 1;
    const answer: OperationOutcome = { kind: 'accepted' };
    this.#keepOperation(call, answer, 'working');
    const operation = this.#operations.get(call.providerKey)?.at(-1) as KnownOperation;
    this.#time.after(this.#random.integer(500, this.#random.chance(0.7) ? 5_000 : 2 * HOUR_MS), () => {
      const refusal =
        this.#refusalOf(kind, entry, call.amount.value) ??
        (this.#random.chance(0.15) ? 'failed_later' : null);
      if (refusal === null) {
        this.#perform(kind, call, entry);
        operation.state = 'done';
      } else {
        this.#work.operationsFailedLater += 1;
        operation.state = { failed: refusal };
      }
      this.#watch.say(call.attemptId, `${this.id} ends ${call.operationId}: ${refusal ?? 'done'}`);
      // Where nobody can ask, whoever only acknowledges must tell.
      const sure = !this.semantics.operationInquiry || this.#random.chance(0.7);
      this.#notifyOfOperation(request, call.operationId, operation, sure);
    });
    return answer;
  }

  #perform(kind: OperationKind, call: OperationCall, entry: BookEntry): void {
    if (kind === 'void') entry.live = false;
    else if (kind === 'capture') entry.captured += call.amount.value;
    else entry.refunded += call.amount.value;
    entry.carriedOut.set(call.operationId, (entry.carriedOut.get(call.operationId) ?? 0) + 1);
    this.#watch.carriedOut(entry, kind, call.operationId);
  }

  #keepOperation(
    call: OperationCall,
    answer: OperationOutcome,
    state: KnownOperation['state'],
  ): OperationOutcome {
    const isLagging = this.faultsOn && this.#random.chance(0.1);
    const lagMs = isLagging ? this.#random.integer(0, Math.floor(this.#windowMs() * 0.5)) : 0;
    const untilMs = Math.min(
      this.#time.nowMs + lagMs,
      Math.max(this.#time.nowMs, call.budget.deadlineMs + this.#windowMs() * 0.95),
    );
    const operation: KnownOperation = {
      id: call.operationId,
      takenAtMs: this.#time.nowMs,
      visibleAtMs: untilMs,
      answer,
      state,
    };
    const known = this.#operations.get(call.providerKey) ?? [];
    this.#operations.set(call.providerKey, [...known, operation]);
    return answer;
  }

  async inquireOperation(
    call: OperationCall & { readonly operation: OperationKind },
  ): Promise<OperationInquiry> {
    this.#work.inquiries += 1;
    const failure = await this.#inquiryFails();
    if (failure !== null) return failure;
    const answer = this.#operationTruth(call);
    await this.#time.sleep(this.#latency() / 2);
    this.#watch.say(
      call.attemptId,
      `${this.id} is asked about ${call.operationId}: ${JSON.stringify(answer)}`,
    );
    return answer;
  }

  #operationTruth(call: OperationCall & { readonly operation: OperationKind }): OperationInquiry {
    const entry = this.#requestOf(call.attemptId, call.providerReference)?.entry ?? null;
    if (call.operation === 'void' && entry !== null && !entry.live) {
      return { kind: 'confirmed', providerReference: null };
    }
    const visible = (this.#operations.get(call.providerKey) ?? []).filter(
      ({ visibleAtMs }) => visibleAtMs <= this.#time.nowMs,
    );
    const done = visible.find(({ state }) => state === 'done');
    const operation = done ?? visible.find(({ state }) => state === 'working') ?? visible.at(-1);
    if (operation === undefined) return { kind: 'not_found' };
    if (operation.state === 'working') return { kind: 'pending' };
    if (operation.state === 'done') return { kind: 'confirmed', providerReference: null };
    return { kind: 'failed', code: operation.state.failed };
  }

  // ---------------------------------------------------------------------------------------- beside the gateway

  /** The merchant voids something at the provider itself, and the provider tells of it. */
  voidBeside(): void {
    const entry = this.#random.pick(this.entries);
    if (!entry.live || entry.captured > 0) return;
    const request = this.#byAttempt.get(entry.attemptId)?.find((known) => known.entry === entry);
    if (request === undefined) return;
    entry.live = false;
    entry.voidedBeside = true;
    this.#work.providerSideVoids += 1;
    this.#watch.say(entry.attemptId, `the merchant voids ${entry.reference} at ${this.id}`);
    this.#notifyOf(request, true);
  }

  /** A person does at the provider what the gateway could not. */
  voidByHand(attemptId: string): void {
    for (const { entry } of this.#byAttempt.get(attemptId) ?? []) {
      if (entry === null || !entry.live || entry.captured > 0) continue;
      entry.live = false;
      this.#watch.say(attemptId, `a person voids ${entry.reference} at ${this.id}`);
    }
  }

  /** What a person who looks into the provider's books finds; null while something is under way there. */
  truthFor(attemptId: string): AttemptOutcome | 'nothing' | null {
    if ((this.onTheirWay.get(attemptId) ?? 0) > 0) return null;
    const requests = (this.#byAttempt.get(attemptId) ?? []).filter(({ truth }) => truth !== NOT_PROCESSED);
    const known = requests.find(({ entry }) => entry?.live === true) ?? requests.at(-1);
    if (known === undefined) return 'nothing';
    const truth = truthOf(known);
    return truth.kind === 'pending' ? null : truth;
  }

  // ---------------------------------------------------------------------------------------- notices

  #notifyOf(request: KnownRequest, sure: boolean): void {
    const outcome = truthOf(request);
    if (isUnsettled(outcome) && outcome.kind !== 'pending') return;
    this.#send(request.attemptId, { about: 'attempt', outcome }, sure);
  }

  #notifyOfOperation(
    request: KnownRequest,
    operationId: string,
    { state }: KnownOperation,
    sure: boolean,
  ): void {
    const inquiry: OperationInquiry =
      typeof state === 'object'
        ? { kind: 'failed', code: state.failed }
        : { kind: 'confirmed', providerReference: null };
    this.#send(request.attemptId, { about: 'operation', operationId, inquiry }, sure);
  }

  #send(attemptId: string, data: unknown, sure: boolean): void {
    const eventId = `${this.id}-event-${this.#numbers++}`;
    if (!sure && this.#random.chance(0.2)) {
      this.#work.noticesLost += 1;
      return;
    }
    const notice: Notice = { eventId, type: 'told', attemptId, data };
    const times = this.#random.chance(0.15) ? 2 : 1;
    if (times > 1) this.#work.noticesRepeated += 1;
    for (let time = 0; time < times; time += 1) {
      this.#time.after(this.#noticeDelay(), () => this.#watch.notify(this.id, [notice], sure));
    }
  }

  #noticeDelay(): number {
    const draw = this.#random.unit();
    if (draw < 0.5) return this.#random.integer(1, 2_000);
    return this.#random.integer(2_000, draw < 0.85 ? 5 * MINUTE_MS : 12 * HOUR_MS);
  }

  async readNotices(message: { readonly body: string }): Promise<NoticeReading> {
    return { kind: 'read', notices: JSON.parse(message.body) as readonly Notice[] };
  }

  evidenceIn(notice: Pick<KeptNotice, 'data'>): NoticeEvidence {
    const data = notice.data as
      | { readonly about: 'attempt'; readonly outcome: AttemptOutcome }
      | { readonly about: 'operation'; readonly operationId: string; readonly inquiry: OperationInquiry };
    return data.about === 'attempt'
      ? { kind: 'attempt', outcome: data.outcome }
      : { kind: 'operation', operationId: data.operationId, inquiry: data.inquiry };
  }

  classify(): Decline {
    return DECLINE;
  }

  close(): void {}

  #isDown(): boolean {
    return this.faultsOn && this.#time.nowMs < this.downUntilMs;
  }

  #latency(): number {
    return this.#random.integer(5, this.faultsOn && this.#random.chance(0.05) ? 3_000 : 250);
  }

  #draw<T>(faults: readonly T[]): T | null {
    return this.faultsOn && this.#random.chance(this.#trouble) ? this.#random.pick(faults) : null;
  }
}

const AUTHORIZE_FAULTS = [
  'refused_connection',
  'never_arrives',
  'answer_lost',
  'answer_lost',
  'arrives_late',
  'slow',
  'throws',
  'error_processed',
  'error_unprocessed',
] as const;

const OPERATION_FAULTS = [
  'refused_connection',
  'rejected',
  'never_arrives',
  'answer_lost',
  'arrives_late',
] as const;

type Verdict =
  | 'approve'
  | 'decline'
  | 'decline_hard'
  | 'hidden'
  | 'step_up'
  | 'pending'
  | 'partial'
  | 'mismatch'
  | 'rejected'
  | 'error_approve'
  | 'error';

/** One of these is drawn for each request: what stands here more often happens more often. */
const VERDICTS: readonly Verdict[] = [
  ...Array.from({ length: 62 }, () => 'approve' as const),
  ...Array.from({ length: 12 }, () => 'decline' as const),
  ...Array.from({ length: 3 }, () => 'decline_hard' as const),
  ...Array.from({ length: 3 }, () => 'hidden' as const),
  ...Array.from({ length: 3 }, () => 'step_up' as const),
  ...Array.from({ length: 5 }, () => 'pending' as const),
  ...Array.from({ length: 5 }, () => 'partial' as const),
  ...Array.from({ length: 2 }, () => 'mismatch' as const),
  ...Array.from({ length: 5 }, () => 'rejected' as const),
];

/** The key is taken, and nothing stands behind it: nobody but the key knows of it. */
const NOT_PROCESSED: AttemptOutcome = unknown('not_processed');
const CANCELLED: Extract<AttemptOutcome, { kind: 'rejected' }> = {
  kind: 'rejected',
  reason: 'cancelled',
  code: 'cancelled',
  retryAfterMs: null,
  providerReference: null,
};

/** What the provider makes of a request: what it says, what is true, and how much of the money it holds for it. */
interface Decided {
  readonly answer: AttemptOutcome;
  readonly truth: AttemptOutcome;
  readonly amount: number;
}

/** It says what is true. */
function plainly(outcome: AttemptOutcome, amount: number): Decided {
  return { answer: outcome, truth: outcome, amount };
}

function approvedAs(reference: string): AttemptOutcome {
  return { kind: 'approved', providerReference: reference, networkTransaction: null };
}

function declinedAs(reference: string, how: Partial<Decline> = {}): AttemptOutcome {
  return { kind: 'declined', decline: { ...DECLINE, ...how }, providerReference: reference };
}

function unknown(code: string): AttemptOutcome {
  return { kind: 'unknown', code, providerReference: null };
}

/** What is true of a request now: it may have been undone since. */
function truthOf({ truth, entry, reference }: KnownRequest): AttemptOutcome {
  if (entry === null || entry.live) return truth;
  return {
    kind: 'partially_approved',
    providerReference: providerReferenceOf(truth) ?? reference,
    authorizedAmount: entry.amount,
    networkTransaction: null,
    reversal: 'confirmed',
  };
}

/** Answers that a provider keeps which keeps successes only. */
function isSuccess(answer: AttemptOutcome): boolean {
  return answer.kind !== 'unknown';
}
