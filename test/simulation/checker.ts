import { isUnsettled } from '../../src/core/attempt.ts';
import { type Authorization, isAnswerable } from '../../src/core/authorization.ts';
import { hasUndone, type Operation, type OperationKind } from '../../src/core/operation.ts';
import { hasWork, isNegative } from '../../src/core/settlement.ts';
import type { AuthorizeCall, OperationCall } from '../../src/gateway/ports.ts';
import type { BookEntry } from './simulated-provider.ts';
import type { Work } from './work-done.ts';

/** A promise that did not hold. */
export interface Broken {
  readonly words: string;
  /** Whose history tells how it came about; null when it is about no payment. */
  readonly payment: string | null;
}

/** What a call knew that was answered. */
interface Knowing {
  /** It began when the final answer of its key had been told. */
  readonly beganAfterFinal: boolean;
  /** Its process could not know how things stood when it answered. */
  readonly couldNotRead: boolean;
}

/** States that tell the caller for good that no money stands. */
const WITHOUT_MONEY: ReadonlySet<string> = new Set([
  'declined',
  'authentication_required',
  'failed',
  'voided',
  'expired',
]);

/**
 * Holds everything that happens against the promises, as it happens and at rest: the providers' books are the truth,
 * the journal's commits are what the gateway knows.
 *
 * Exempt, and why:
 * - an authorization that came about after the provider's own window (`breach`) may stand beside another until it is
 *   found: the provider broke its promise. It is a plain approval, where nothing was taken in time, and the provider is
 *   sure to tell of it: else nobody could find it. At rest it must be undone like everything else;
 * - the same of one that its sender sent late, since its machine had stood still with both clocks: nothing could stop it, and nobody
 *   may tell of it, so that the gateway has to ask. Until it is found the record and the answers do not know of it; at rest it must
 *   be undone;
 * - a hold that the merchant voided at the provider beside the gateway counts as approved until the provider told of it;
 * - a capture or refund that the provider never tells of, where nobody can ask, may stay pending at rest if it was given
 *   up to a person with an alert: there is no way to know;
 * - a void that was recorded failed may be done after that, by a copy of it that was on its way; of reversals only the
 *   last one has to be right, since a failed one is begun anew;
 * - an attempt that was cancelled before anything was known of it, and that the provider then tells to be approved (a
 *   notice that is late), is undone a second time: undoing twice undoes once;
 * - a call that was under way before its key's final answer was told may still answer `pending` after it, if its process could
 *   not read the journal before it answered, or its machine stood still between the reading and the answer: it is what that
 *   process knows. One that began after the final answer may not, and none may answer anything final but the same.
 */
export class Checker {
  readonly broken: Broken[] = [];
  /** The newest committed state of every authorization. */
  readonly records = new Map<string, Authorization>();
  readonly #entries = new Map<string, BookEntry[]>();
  readonly #liveOf = new Map<string, Set<BookEntry>>();
  readonly #finals = new Map<string, string>();
  readonly #fingerprints = new Map<string, string>();
  readonly #alerted = new Map<string, Set<string>>();
  readonly #firstSent = new Set<string>();
  readonly #lateRemarks = new Map<string, number>();
  readonly #work: Work;

  constructor(work: Work) {
    this.#work = work;
  }

  break(words: string, payment: string | null): void {
    if (this.broken.length < 50) this.broken.push({ words, payment });
  }

  // ---------------------------------------------------------------------------------------- as it happens

  alerted(kind: string, authorizationId: string | null): void {
    const id = authorizationId ?? 'none';
    if (ALERTS_OF_BUGS.has(kind)) this.break(`${id}: ${kind}`, null);
    const kinds = this.#alerted.get(id) ?? new Set();
    this.#alerted.set(id, kinds.add(kind));
  }

  remarkedLate(authorizationId: string): void {
    this.#lateRemarks.set(authorizationId, (this.#lateRemarks.get(authorizationId) ?? 0) + 1);
  }

  /** A change is durable. */
  committed(authorization: Authorization): void {
    const before = this.records.get(authorization.id);
    this.records.set(authorization.id, authorization);
    const payment = paymentOf(authorization);
    if (before !== undefined && authorization.version !== before.version + 1) {
      this.break(`${authorization.id}: version ${authorization.version} follows ${before.version}`, payment);
    }
    if (!authorization.open && WITHOUT_MONEY.has(authorization.status)) {
      for (const entry of this.#liveEntriesOf(authorization)) {
        if (isExempt(entry)) continue;
        this.break(
          `${authorization.id} is recorded ${authorization.status} while ${entry.provider} holds ${entry.amount} under ${entry.attemptId}`,
          payment,
        );
      }
    }
    this.#checkFailedVoids(before, authorization);
    if (!authorization.open && authorization.authorizedAmount > 0 && isAnswerable(authorization.status)) {
      const live = this.#liveEntriesOf(authorization);
      if (live.length > 0 && !live.some(({ amount }) => amount === authorization.authorizedAmount)) {
        this.break(
          `${authorization.id} is recorded ${authorization.status} for ${authorization.authorizedAmount}, but ${live[0]?.amount} is held`,
          payment,
        );
      }
    }
    for (const attempt of authorization.attempts.slice(0, -1)) {
      if (isNegative(authorization, attempt)) continue;
      const outcome = attempt.outcome?.kind ?? 'no outcome';
      this.break(`${authorization.id} went on after attempt ${attempt.number}: ${outcome}`, payment);
    }
  }

  /** A caller's void that was done is not told as failed. */
  #checkFailedVoids(before: Authorization | undefined, after: Authorization): void {
    for (const { id, number, kind, purpose, status } of after.operations) {
      const wasPending = before?.operations[number - 1]?.status === 'pending';
      if (kind !== 'void' || purpose !== 'requested' || status !== 'failed' || !wasPending) continue;
      const entries = this.#entries.get(after.id) ?? [];
      if (entries.some(({ carriedOut }) => carriedOut.has(id)))
        this.break(`${id} is recorded failed, and it was done`, paymentOf(after));
    }
  }

  /** A provider holds money from now on. At most one at a time may, for a payment, over all providers. */
  held(entry: BookEntry): void {
    const authorizationId = authorizationOf(entry.attemptId);
    this.#entries.set(authorizationId, [...(this.#entries.get(authorizationId) ?? []), entry]);
    const all = this.#liveOf.get(entry.payment) ?? new Set();
    for (const other of all) if (!other.live) all.delete(other);
    this.#liveOf.set(entry.payment, all.add(entry));
    const sound = [...all].filter((entry) => !isExempt(entry));
    if (sound.length > 1) {
      const where = sound.map(({ provider, attemptId }) => `${attemptId} at ${provider}`).join(', ');
      this.break(`${entry.payment} is authorized ${sound.length} times at once: ${where}`, entry.payment);
    }
    const record = this.records.get(authorizationId);
    if (entry.stoodStill && record?.open === false && WITHOUT_MONEY.has(record.status))
      this.#work.heldAfterClosed += 1;
    if (record === undefined) {
      this.break(`${entry.attemptId} holds money and is in no record`, entry.payment);
    } else if (!record.open && WITHOUT_MONEY.has(record.status) && !isExempt(entry)) {
      this.break(
        `${entry.attemptId} holds money at ${entry.provider} after ${record.id} was recorded ${record.status}`,
        entry.payment,
      );
    }
  }

  carriedOut(entry: BookEntry, kind: OperationKind, operationId: string): void {
    const times = entry.carriedOut.get(operationId) ?? 0;
    if (times > 1)
      this.break(`${kind} ${operationId} was carried out ${times} times at ${entry.provider}`, entry.payment);
    const record = this.records.get(authorizationOf(entry.attemptId));
    const operation = record?.operations.find(({ id }) => id === operationId);
    if (operation === undefined)
      this.break(`${operationId} was carried out without an intent`, entry.payment);
    else if (operation.kind !== 'void' && operation.status === 'failed') {
      this.break(`${operationId} was carried out after it was recorded failed`, entry.payment);
    }
  }

  /**
   * Nothing is sent before it is durable, and nothing after anything but a definite negative.
   * @param wasStill its machine has stood still lately: it cannot know what others closed meanwhile
   */
  sending(provider: string, call: AuthorizeCall, wasStill: boolean): void {
    const record = this.records.get(authorizationOf(call.attemptId));
    const payment = `${call.request.merchant}/${call.request.reference}`;
    const attempt = record?.attempts.find(({ id }) => id === call.attemptId);
    if (record === undefined || attempt === undefined) {
      this.break(`${call.attemptId} is sent to ${provider} without a durable intent`, payment);
      return;
    }
    if (attempt.provider !== provider) this.break(`${call.attemptId} is sent to ${provider}`, payment);
    if (attempt.providerKey !== call.providerKey)
      this.break(`${call.attemptId} is sent under another key`, payment);
    const isFirst = !this.#firstSent.has(call.attemptId);
    this.#firstSent.add(call.attemptId);
    if (isFirst && !wasStill && attempt.outcome !== null && !isUnsettled(attempt.outcome)) {
      this.break(`${call.attemptId} is sent for the first time after ${attempt.outcome.kind}`, payment);
    }
    for (const before of record.attempts) {
      if (before.number < attempt.number && !isNegative(record, before)) {
        this.break(
          `${call.attemptId} is sent after ${before.id}, which is ${before.outcome?.kind ?? 'open'}`,
          payment,
        );
      }
    }
  }

  /** A request leaves that was held back: its attempt may be closed by now. */
  sentLate(call: AuthorizeCall): void {
    const record = this.records.get(authorizationOf(call.attemptId));
    const attempt = record?.attempts.find(({ id }) => id === call.attemptId);
    if (attempt?.outcome != null && !isUnsettled(attempt.outcome)) this.#work.sentAfterClosed += 1;
  }

  operating(kind: OperationKind, call: OperationCall): void {
    const record = this.records.get(authorizationOf(call.attemptId));
    const operation = record?.operations.find(({ id }) => id === call.operationId);
    const payment = record === undefined ? null : paymentOf(record);
    if (operation === undefined) this.break(`${call.operationId} is sent without a durable intent`, payment);
    // How much a void undoes may not be known yet.
    else if (
      operation.kind !== kind ||
      ![operation.amount, kind === 'void' ? 0 : null].includes(call.amount.value)
    )
      this.break(`${call.operationId} is sent as something else than was intended`, payment);
  }

  /** The same key gives the same final answer, and never one that the books contradict. */
  answered(
    key: string,
    fingerprint: string,
    answer: { readonly httpStatus: number; readonly body: string },
    { beganAfterFinal, couldNotRead }: Knowing,
  ): void {
    const known = this.#fingerprints.get(key);
    const body = JSON.parse(answer.body) as { readonly id?: string };
    const payment = this.#paymentOfKey(key);
    if (known !== undefined && known !== fingerprint) this.break(`key ${key} answered two bodies`, payment);
    this.#fingerprints.set(key, fingerprint);
    if (answer.httpStatus === 202) {
      if (!this.#finals.has(key)) return;
      if (couldNotRead && !beganAfterFinal) this.#work.pendingUnread += 1;
      else this.break(`key ${key} is pending again after its final answer`, payment);
      return;
    }
    const before = this.#finals.get(key);
    if (before !== undefined && before !== answer.body) {
      this.break(`key ${key} changed its final answer from ${before} to ${answer.body}`, payment);
    }
    this.#finals.set(key, answer.body);
    if (key.startsWith('authorize ') && body.id !== undefined) this.#checkTold(answer.body);
  }

  otherBody(key: string, fingerprint: string): void {
    if (this.#fingerprints.get(key) === fingerprint)
      this.break(`key ${key} refused its own body`, this.#paymentOfKey(key));
  }

  hasFinal(key: string): boolean {
    return this.#finals.has(key);
  }

  #paymentOfKey(key: string): string {
    return key.split(' ')[1] ?? key;
  }

  #checkTold(body: string): void {
    const told = JSON.parse(body) as Authorization;
    const payment = paymentOf(told);
    const entries = this.#entries.get(told.id) ?? [];
    const live = this.#liveEntriesOf(told).filter((entry) => !isExempt(entry));
    if (WITHOUT_MONEY.has(told.status)) {
      const isVoidedLater = this.records.get(told.id)?.status !== told.status;
      if (live.length > 0 && !isVoidedLater)
        this.break(`the caller is told ${told.status} of ${told.id} while money is held`, payment);
    } else if (isAnswerable(told.status) && entries.length === 0) {
      this.break(`the caller is told ${told.status} of ${told.id}, and nobody authorized it`, payment);
    }
  }

  #liveEntriesOf({ id }: Pick<Authorization, 'id'>): readonly BookEntry[] {
    return (this.#entries.get(id) ?? []).filter(({ live }) => live);
  }

  // ---------------------------------------------------------------------------------------- at rest

  /** Whether somebody was told that an authorization needs a person. */
  wasAlerted(authorizationId: string): boolean {
    const kinds = this.#alerted.get(authorizationId);
    return kinds !== undefined && ALERTS_FOR_PERSONS.some((kind) => kinds.has(kind));
  }

  /**
   * Everything has come to an end: what is recorded is what the books say.
   * @param parked what only a person can end
   */
  checkAtRest(authorization: Authorization, parked: ReadonlySet<string>, nowMs: number): void {
    const { id, status, attempts } = authorization;
    const payment = paymentOf(authorization);
    const say = (words: string) => this.break(`${id} (${status}) ${words}`, payment);
    const record = this.records.get(id);
    if (record?.version !== authorization.version || record.status !== status)
      say(`is not what was committed last (${record?.status})`);
    if (authorization.open) {
      say('is still open');
      return;
    }
    const isParked = parked.has(id) && this.wasAlerted(id);
    if (hasWork(authorization)) {
      // A capture or refund that nobody can be asked about.
      const isOfOperations = !attempts.some(({ outcome }) => isUnsettled(outcome));
      if (!isParked || !isOfOperations) say(`is unsettled${parked.has(id) ? ' and parked' : ''}`);
      return;
    }
    if (parked.has(id)) say('is parked with nothing to do');
    if (!authorization.answered) say('was never answered');
    if (authorization.expiresAtMs !== null && authorization.expiresAtMs < nowMs - DAY_MS)
      say('is past its validity, and nothing was given back');
    this.#checkMoney(authorization, say);
    this.#checkOperations(authorization, say);
  }

  #checkMoney(authorization: Authorization, say: (words: string) => void): void {
    const { status } = authorization;
    const entries = this.#entries.get(authorization.id) ?? [];
    const live = entries.filter((entry) => entry.live);
    const captured = sum(entries.map((entry) => entry.captured));
    const refunded = sum(entries.map((entry) => entry.refunded));
    if (WITHOUT_MONEY.has(status)) {
      for (const entry of live) say(`but ${entry.provider} holds ${entry.amount} under ${entry.attemptId}`);
    } else {
      if (live.length > 1) say(`but ${live.length} hold money`);
      const [entry] = live;
      if (entry === undefined) say('but nobody holds money');
      else if (entry.provider !== authorization.provider)
        say(`at ${authorization.provider}, but the money is at ${entry.provider}`);
      else if (entry.amount !== authorization.authorizedAmount)
        say(`for ${authorization.authorizedAmount}, but ${entry.amount} is held`);
    }
    if (captured !== authorization.capturedAmount)
      say(`has ${authorization.capturedAmount} captured, the books say ${captured}`);
    if (refunded !== authorization.refundedAmount)
      say(`has ${authorization.refundedAmount} refunded, the books say ${refunded}`);
  }

  #checkOperations(authorization: Authorization, say: (words: string) => void): void {
    const entries = this.#entries.get(authorization.id) ?? [];
    const undone = new Map<number, number>();
    for (const operation of authorization.operations) {
      this.#checkOperation(operation, entries, say);
      if (hasUndone(operation))
        undone.set(operation.attemptNumber, (undone.get(operation.attemptNumber) ?? 0) + 1);
    }
    for (const [number, times] of undone) {
      const outcome = authorization.attempts[number - 1]?.outcome;
      const wasCancelled = outcome?.kind === 'rejected' && outcome.reason === 'cancelled';
      if (times > (wasCancelled ? 2 : 1)) say(`has attempt ${number} undone ${times} times`);
    }
    const late = authorization.operations.filter(({ purpose }) => purpose === 'late_approval');
    this.#work.lateApprovals += late.length;
    this.#work.quarantined += authorization.operations.filter(
      ({ purpose }) => purpose === 'quarantine',
    ).length;
    if (late.length > 0 && !this.#lateRemarks.has(authorization.id))
      say('had a late approval without an alert');
  }

  #checkOperation(operation: Operation, entries: readonly BookEntry[], say: (words: string) => void): void {
    const times = sum(entries.map(({ carriedOut }) => carriedOut.get(operation.id) ?? 0));
    if (operation.kind === 'void') return;
    const expected = operation.status === 'succeeded' ? 1 : 0;
    if (times !== expected)
      say(`has ${operation.id} recorded ${operation.status}, which was carried out ${times} times`);
  }
}

/** What may stand beside what is recorded until it is found. */
function isExempt({ breach, stoodStill }: BookEntry): boolean {
  return breach || stoodStill;
}

const DAY_MS = 24 * 3_600_000;
/** Alerts that tell of a bug of the gateway itself; an adapter's is one of the faults. */
const ALERTS_OF_BUGS: ReadonlySet<string> = new Set(['resolver_failed', 'housekeeping_failed', 'late_fault']);
const ALERTS_FOR_PERSONS = ['unresolved', 'reversal_refused', 'not_connected'];

export function authorizationOf(attemptId: string): string {
  return `auth_${attemptId.split('_')[1]}`;
}

export function paymentOf({ request }: Pick<Authorization, 'request'>): string {
  return `${request.merchant}/${request.reference}`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
