import {
  type Attempt,
  type AttemptOutcome,
  isUnsettled,
  mayHoldMoney,
  providerReferenceOf,
  referenceOf,
  type UnsettledOutcome,
  wasNotFound,
} from './attempt.ts';
import type { Authorization } from './authorization.ts';
import { invariant } from './invariant.ts';
import {
  hasUndone,
  NOTHING_TO_VOID,
  newOperation,
  type Operation,
  type OperationPurpose,
} from './operation.ts';
import { isUndone, pendingVoid, settle, settled } from './settlement.ts';

/** Something about a change that an operator must know. Label of a metric: keep the list short and closed. */
export type Remark =
  /** An approval came after its authorization had moved on, or too late to be of use: it is reversed. */
  | 'late_approval'
  /**
   * It was sent, or is worked on, after it was recorded as not known to its provider: it is asked about once more, and
   * whatever is found is reversed.
   */
  | 'sent_after_closed'
  /** What was found contradicts what is recorded; the record stands. */
  | 'evidence_conflict'
  /** An answer was not about what was asked: whatever stands behind it is reversed. */
  | 'quarantined'
  /** A provider does not undo what may not stand; it is tried anew. */
  | 'reversal_refused'
  /** A capture, void or refund that a provider had confirmed has failed after all; the record stands. */
  | 'failed_after_success'
  /** One that a provider had refused was carried out after all; the record stands. */
  | 'done_after_failure';

/** A remark and the attempt that it is about. */
export interface RemarkOn {
  readonly remark: Remark;
  readonly attemptNumber: number;
  /** Of a contradiction: the id of the authorization that holds money at the provider against the record. */
  readonly standing?: string;
  /** Of a capture, void or refund that ended twice: which. */
  readonly operation?: Pick<Operation, 'kind' | 'id'>;
}

/** An authorization after something was found out about it. */
export interface Change {
  readonly authorization: Authorization;
  readonly remarks: readonly RemarkOn[];
  /** False: nothing new; there is nothing to write. */
  readonly changed: boolean;
}

/** What a change needs from outside. */
export interface ChangeContext {
  /** Wall clock. */
  readonly nowMs: number;
  /** How long an authorization at that provider is good for, unless its approval says so itself; milliseconds. */
  readonly validityMs: number;
  /** From intent to outcome, milliseconds; null when it was not the sender who found it out. */
  readonly durationMs: number | null;
  /** A person says so, of all that the attempt obtained: whatever reference is given with it. */
  readonly saidByPerson?: boolean;
}

/** Code of an unknown outcome whose answer was about something else than what was asked. */
export const ANSWER_MISMATCH = 'answer_mismatch';

/**
 * What an outcome that was found out means for its authorization, whoever found it: the road, an inquiry, a replay, a
 * webhook or a person. A definite outcome is never replaced, at most completed; an unsettled one is replaced only by
 * something that says more. Pure,
 * so that all who meet on an attempt come to the same end in any order, each conditional on the version it read.
 */
export function applyOutcome(
  authorization: Authorization,
  attemptNumber: number,
  outcome: AttemptOutcome,
  context: ChangeContext,
): Change {
  const attempt = authorization.attempts.find(({ number }) => number === attemptNumber);
  invariant(attempt !== undefined, 'an outcome is about an attempt of its authorization');
  if (isUnsettled(attempt.outcome)) return applyFirst(authorization, attempt, outcome, context);
  return applySecond(authorization, attempt, attempt.outcome, outcome, context);
}

/** The attempt's outcome is not known yet. */
function applyFirst(
  authorization: Authorization,
  attempt: Attempt,
  outcome: AttemptOutcome,
  context: ChangeContext,
): Change {
  if (!saysMore(attempt.outcome, outcome)) return { authorization, remarks: [], changed: false };
  const known = { ...attempt, outcome, durationMs: context.durationMs ?? attempt.durationMs };
  let after: Authorization = {
    ...authorization,
    attempts: authorization.attempts.map((other) => (other.number === attempt.number ? known : other)),
  };
  const remarks: RemarkOn[] = [];
  const remark = (what: Remark) => remarks.push({ remark: what, attemptNumber: attempt.number });
  if (outcome.kind === 'approved' || outcome.kind === 'partially_approved') {
    after = { ...after, expiresAtMs: toldExpiry(attempt, outcome) ?? context.nowMs + context.validityMs };
  }
  const purpose = reversalOf(after, known, outcome, context);
  if (purpose !== null) {
    after = withVoid(after, known, purpose, context.nowMs);
    if (purpose === 'late_approval') remark('late_approval');
    if (purpose === 'quarantine') remark('quarantined');
  }
  const waiting = pendingVoid(after, attempt.number);
  if (waiting === null) after = withAutomaticCapture(after, known, outcome, context.nowMs);
  else if (!isUnsettled(outcome) && !mayHoldMoney(outcome)) {
    // Whatever it was to undo is not there, or is undone already.
    const code = isUndone(after, known) ? null : NOTHING_TO_VOID;
    after = withOperation(after, { ...waiting, status: 'succeeded', code, settledAtMs: context.nowMs });
  }
  return { authorization: settled(after), remarks, changed: true };
}

/**
 * What a provider tells of the end of an authorization is believed within these bounds from the beginning of its attempt;
 * milliseconds. The schemes grant a day at the least and 30 days at the most; another unit or a wrong clock is far beside.
 */
const TOLD_VALIDITY_MIN_MS = 60 * 60_000;
const TOLD_VALIDITY_MAX_MS = 31 * 24 * 60 * 60_000;

type Approval = Extract<AttemptOutcome, { kind: 'approved' | 'partially_approved' }>;

/** Until when an approval is good by its own word, wall clock; null where it says nothing that can be believed. */
function toldExpiry({ startedAtMs }: Attempt, { expiresAtMs = Number.NaN }: Approval): number | null {
  const validityMs = expiresAtMs - startedAtMs;
  return validityMs >= TOLD_VALIDITY_MIN_MS && validityMs <= TOLD_VALIDITY_MAX_MS ? expiresAtMs : null;
}

/** What was asked for with `capture: automatic` is captured as soon as it is durable, in full and once. */
function withAutomaticCapture(
  authorization: Authorization,
  attempt: Attempt,
  outcome: AttemptOutcome,
  nowMs: number,
): Authorization {
  const { request, operations } = authorization;
  const amount = standingAmount(request, outcome);
  if (request.capture !== 'automatic' || amount === null) return authorization;
  const capture = newOperation(authorization, attempt, {
    kind: 'capture',
    purpose: 'automatic_capture',
    target: null,
    amount,
    final: true,
    createdAtMs: nowMs,
  });
  return { ...authorization, operations: [...operations, capture] };
}

/** What an outcome lets stand for its caller, minor units; null: nothing. */
function standingAmount(request: Authorization['request'], outcome: AttemptOutcome): number | null {
  switch (outcome.kind) {
    case 'approved':
      return request.amount.value;
    case 'partially_approved':
      return request.acceptPartial && outcome.reversal === 'none' ? outcome.authorizedAmount : null;
    default:
      return null;
  }
}

/** Whether an outcome tells more than what is known: a definite one always, `pending` more than `unknown`. */
function saysMore(known: AttemptOutcome | null, outcome: AttemptOutcome): boolean {
  if (known === null || !isUnsettled(outcome)) return true;
  return known.kind === 'unknown' && outcome.kind === 'pending';
}

/** Why what an attempt obtained may not stand; null when it may, or is being undone already. */
function reversalOf(
  authorization: Authorization,
  attempt: Attempt,
  outcome: AttemptOutcome,
  { nowMs }: ChangeContext,
): OperationPurpose | null {
  if (pendingVoid(authorization, attempt.number) !== null) return null;
  switch (outcome.kind) {
    case 'approved':
      return isTooLate(authorization, nowMs) ? 'late_approval' : null;
    case 'partially_approved':
      if (outcome.reversal === 'confirmed') return null;
      if (!authorization.request.acceptPartial) return 'partial_approval';
      return isTooLate(authorization, nowMs) ? 'late_approval' : null;
    case 'declined':
      return outcome.decline.mayHideApproval ? 'hidden_approval' : null;
    case 'unknown':
      return outcome.code === ANSWER_MISMATCH ? 'quarantine' : null;
    default:
      return null;
  }
}

/** Whether an approval comes later than the rule keeps it for: nobody waits for the goods any more. */
function isTooLate({ open, latePolicy, createdAtMs }: Authorization, nowMs: number): boolean {
  const { reverseAfterMs } = latePolicy;
  return !open && reverseAfterMs !== null && nowMs - createdAtMs > reverseAfterMs;
}

/** The attempt's outcome is known, and something else is told about it. */
function applySecond(
  authorization: Authorization,
  attempt: Attempt,
  known: AttemptOutcome,
  outcome: AttemptOutcome,
  context: ChangeContext,
): Change {
  const same: Change = { authorization, remarks: [], changed: false };
  if (isUnsettled(outcome)) {
    const reversed = reverseMismatch(authorization, attempt, known, outcome, context);
    return reversed ?? doubtClosed(same, attempt, known, outcome, context);
  }
  if (outcome.kind === 'partially_approved' && outcome.reversal === 'confirmed') {
    return applyUndone(authorization, attempt, known, outcome, context);
  }
  const elsewhere = unaccounted(authorization, attempt, known, providerReferenceOf(outcome));
  // The journal keeps one void at a time, and a second one only of what was never recorded as processed.
  const mayBeVoided =
    elsewhere !== null && known.kind === 'rejected' && pendingVoid(authorization, attempt.number) === null;
  const isBeingUndone = !mayBeVoided && isReversalKnown(authorization, attempt, known);
  const heldBefore = mayHoldMoney(known) || isBeingUndone;
  if (mayHoldMoney(outcome) && !heldBefore) {
    // We had been told that nothing stands there. Its place may be taken by now: it goes back.
    const found = { ...attempt, outcome };
    const reversing = withVoid(
      authorization,
      found,
      'late_approval',
      context.nowMs,
      providerReferenceOf(outcome),
    );
    return { authorization: settled(reversing), remarks: [about('late_approval', attempt)], changed: true };
  }
  const conflict: Change = { ...same, remarks: [about('evidence_conflict', attempt)] };
  // The provider has authorized one attempt twice. What is recorded may be captured, and neither it nor what is undone
  // already may be voided (once more) by the journal's rules: a person has to undo the other one there.
  if (mayHoldMoney(outcome) && elsewhere !== null) {
    return { ...same, remarks: [{ ...about('evidence_conflict', attempt), standing: elsewhere }] };
  }
  const whole = isUndone(authorization, attempt) ? null : completed(known, outcome);
  if (whole !== null) {
    const attempts = authorization.attempts.map((other) =>
      other.number === attempt.number ? { ...attempt, outcome: whole } : other,
    );
    const { restsOn } = settle(authorization);
    const told = restsOn === attempt.number ? toldExpiry(attempt, whole) : null;
    const expiresAtMs = told ?? authorization.expiresAtMs;
    return { ...same, authorization: settled({ ...authorization, attempts, expiresAtMs }), changed: true };
  }
  // An approval of what is undone by now is passed over under the same reference: an event that comes late or again
  // says the same as a provider that goes back on a void it confirmed. Whoever has such an event asks the provider.
  const agrees =
    known.kind === outcome.kind ||
    (mayHoldMoney(known) && mayHoldMoney(outcome)) ||
    (wasNeverProcessed(known) && wasNeverProcessed(outcome));
  return agrees || isUndone(authorization, attempt) ? same : conflict;
}

/**
 * Something else than what was asked stands under an attempt that was closed since its provider did not know it. Nothing
 * will ever tell more of it: it goes back, as an approval does that is found so late. Null where it is nothing of the kind.
 */
function reverseMismatch(
  authorization: Authorization,
  attempt: Attempt,
  known: AttemptOutcome,
  outcome: UnsettledOutcome,
  { nowMs }: ChangeContext,
): Change | null {
  if (outcome?.kind !== 'unknown' || !isMismatchThere(outcome) || !wasNotFound(known)) return null;
  if (isReversalKnown(authorization, attempt, known)) return null;
  const reversing = withVoid(authorization, attempt, 'late_approval', nowMs, outcome.providerReference);
  return { authorization: settled(reversing), remarks: [about('late_approval', attempt)], changed: true };
}

/** Whether something that is known by its id there was authorized, and is something else than what was asked. */
export function isMismatchThere(outcome: AttemptOutcome): boolean {
  return outcome.kind === 'unknown' && outcome.code === ANSWER_MISMATCH && outcome.providerReference !== null;
}

/**
 * Somebody who knows tells that a request is out, of an attempt that was closed since its provider did not know it: its sender
 * stood still, with its clocks, while others waited and closed it; or the provider has taken it up after its own window. The
 * record stands, as all that is definite does; but nobody believes it before the provider was asked once more.
 */
function doubtClosed(
  same: Change,
  attempt: Attempt,
  known: AttemptOutcome,
  outcome: UnsettledOutcome,
  { durationMs }: ChangeContext,
): Change {
  const isSendersWord = durationMs !== null;
  const isDoubted = wasNotFound(known) && (isSendersWord || outcome?.kind === 'pending');
  return isDoubted ? { ...same, remarks: [about('sent_after_closed', attempt)], changed: true } : same;
}

/** Whether an outcome says that nothing came of a request: it never left, or its provider turned it away. */
function wasNeverProcessed({ kind }: AttemptOutcome): boolean {
  return kind === 'rejected' || kind === 'not_sent';
}

/**
 * What is recorded of an approval, with what only later evidence tells of the very same one: which transaction of the card's
 * network it is, and until when it is good. Null where nothing is missing or told; what is recorded is never replaced.
 */
function completed(known: AttemptOutcome, told: AttemptOutcome): Approval | null {
  if (known.kind !== 'approved' && known.kind !== 'partially_approved') return null;
  if (told.kind !== known.kind || told.providerReference !== known.providerReference) return null;
  if (heldIn(told) !== heldIn(known)) return null;
  const networkTransaction = known.networkTransaction ?? told.networkTransaction;
  const expiresAtMs = known.expiresAtMs ?? told.expiresAtMs;
  if (networkTransaction === known.networkTransaction && expiresAtMs === known.expiresAtMs) return null;
  return { ...known, networkTransaction, ...(expiresAtMs !== undefined && { expiresAtMs }) };
}

/** Of an approval for less than was asked, for how much. */
function heldIn(outcome: AttemptOutcome): number | null {
  return outcome.kind === 'partially_approved' ? outcome.authorizedAmount : null;
}

/**
 * The authorization that a provider tells of for an attempt, where it is neither the recorded one nor one that a void of
 * ours undoes or has undone: one that forgets keys may execute one request twice. Null where none is told or recorded.
 */
function unaccounted(
  { operations }: Authorization,
  attempt: Attempt,
  known: AttemptOutcome,
  told: string | null,
): string | null {
  const own = providerReferenceOf(known);
  const undoing = operations.filter(
    (operation) =>
      operation.kind === 'void' &&
      operation.attemptNumber === attempt.number &&
      (operation.status === 'pending' || hasUndone(operation)),
  );
  const accounted = [...(mayHoldMoney(known) ? [own] : []), ...undoing.map(({ target }) => target ?? own)];
  // A person may have closed an attempt without naming it: then this may be the one that was meant.
  const isNamed = accounted.some((reference) => reference !== null && reference !== '');
  return isNamed && !accounted.includes(told) ? told : null;
}

function about(remark: Remark, { number }: Pick<Attempt, 'number'>): RemarkOn {
  return { remark, attemptNumber: number };
}

/**
 * Whether the reversal of what an attempt obtained is under way or done. A cancellation that was confirmed before
 * anything was known of the attempt does not count: a provider that tells of an approval afterwards contradicts itself,
 * and undoing twice undoes once.
 */
function isReversalKnown({ operations }: Authorization, attempt: Attempt, known: AttemptOutcome): boolean {
  const wasCancelled = known.kind === 'rejected' && known.reason === 'cancelled';
  return operations.some(
    (operation) =>
      operation.kind === 'void' &&
      operation.attemptNumber === attempt.number &&
      (operation.status === 'pending' ||
        (hasUndone(operation) && (!wasCancelled || operation.purpose === 'late_approval'))),
  );
}

/** The provider says that what the attempt obtained is undone: by our void, or by somebody else at the provider. */
function applyUndone(
  authorization: Authorization,
  attempt: Attempt,
  known: AttemptOutcome,
  { providerReference: told, authorizedAmount }: Extract<AttemptOutcome, { kind: 'partially_approved' }>,
  { nowMs, saidByPerson = false }: ChangeContext,
): Change {
  // Of two that one attempt obtained, the end of one says nothing of the other; nor does the end of a part of it.
  const held = heldAmount(authorization, known);
  const isOfPart = held !== null && authorizedAmount !== held;
  if (!saidByPerson && (isOfPart || unaccounted(authorization, attempt, known, told) !== null)) {
    return { authorization, remarks: [about('evidence_conflict', attempt)], changed: false };
  }
  const waiting = pendingVoid(authorization, attempt.number);
  const awaited = waiting?.target ?? providerReferenceOf(known) ?? '';
  if (waiting !== null && (saidByPerson || awaited === '' || awaited === told)) {
    const done: Operation = { ...waiting, status: 'succeeded', code: null, settledAtMs: nowMs };
    return { authorization: settled(withOperation(authorization, done)), remarks: [], changed: true };
  }
  const stands = mayHoldMoney(known) && !isUndone(authorization, attempt);
  if (!stands) return { authorization, remarks: [], changed: false };
  const isCaptured = authorization.operations.some(
    ({ kind, status }) => kind === 'capture' && status !== 'failed',
  );
  // Captured money cannot be voided: the record stands, and the contradiction is told.
  if (isCaptured) return { authorization, remarks: [about('evidence_conflict', attempt)], changed: false };
  const begun = voidOf(authorization, attempt, 'external', nowMs, null);
  const external: Operation = { ...begun, status: 'succeeded', settledAtMs: nowMs };
  const operations = [...authorization.operations, external];
  return { authorization: settled({ ...authorization, operations }), remarks: [], changed: true };
}

/** What an attempt is known to have obtained, minor units; null when that is not known. */
function heldAmount({ request }: Authorization, known: AttemptOutcome): number | null {
  switch (known.kind) {
    case 'approved':
      return request.amount.value;
    case 'partially_approved':
      return known.authorizedAmount;
    default:
      return null;
  }
}

/**
 * Adds a void of ours, pending, for whatever the attempt obtained.
 * @param target the authorization's id at the provider, when the attempt's recorded outcome does not name it
 */
export function withVoid(
  authorization: Authorization,
  attempt: Attempt,
  purpose: OperationPurpose,
  nowMs: number,
  target: string | null = null,
): Authorization {
  const operation = voidOf(authorization, attempt, purpose, nowMs, target);
  return { ...authorization, operations: [...authorization.operations, operation] };
}

function voidOf(
  authorization: Authorization,
  attempt: Attempt,
  purpose: OperationPurpose,
  nowMs: number,
  target: string | null,
): Operation {
  const { outcome } = attempt;
  const amount =
    outcome?.kind === 'partially_approved' ? outcome.authorizedAmount : authorization.request.amount.value;
  return newOperation(authorization, attempt, {
    kind: 'void',
    purpose,
    target,
    amount,
    final: false,
    createdAtMs: nowMs,
  });
}

/** The authorization with an operation in place of the one of the same number. */
export function withOperation(authorization: Authorization, operation: Operation): Authorization {
  return {
    ...authorization,
    operations: authorization.operations.map((other) =>
      other.number === operation.number ? operation : other,
    ),
  };
}

/** How an operation ended, as a provider told it. */
export interface OperationEnd {
  readonly status: 'succeeded' | 'failed';
  readonly code: string | null;
  readonly providerReference: string | null;
}

/**
 * What the end of an operation means for its authorization. One that has ended is never changed. A reversal of ours that
 * fails is begun anew under a key of its own, since the failed one's gives the same answer for ever: it is worked on and
 * alerted until the provider confirms it or a person ends it.
 */
export function applyOperationEnd(
  authorization: Authorization,
  operationNumber: number,
  end: OperationEnd,
  context: Pick<ChangeContext, 'nowMs'>,
): Change {
  const operation = authorization.operations.find(({ number }) => number === operationNumber);
  invariant(operation !== undefined, 'an end is about an operation of its authorization');
  const same: Change = { authorization, remarks: [], changed: false };
  const remark = (what: Remark): RemarkOn => ({ remark: what, attemptNumber: operation.attemptNumber });
  if (operation.status !== 'pending') {
    if (operation.status === end.status) return same;
    const what = end.status === 'failed' ? 'failed_after_success' : 'done_after_failure';
    const { kind, id } = operation;
    return { ...same, remarks: [{ ...remark(what), operation: { kind, id } }] };
  }
  let after = withOperation(authorization, { ...operation, ...end, settledAtMs: context.nowMs });
  if (operation.kind === 'void' && end.status === 'succeeded') after = cancelled(after, operation);
  const attempt = after.attempts.find(({ number }) => number === operation.attemptNumber);
  invariant(attempt !== undefined, 'an operation is about an attempt of its authorization');
  const purpose = end.status === 'failed' ? purposeAnew(after, attempt, operation) : null;
  if (purpose === null) return { authorization: settled(after), remarks: [], changed: true };
  const anew = withVoid(after, attempt, purpose, context.nowMs, operation.target);
  return { authorization: settled(anew), remarks: [remark('reversal_refused')], changed: true };
}

/**
 * Why what a failed operation was to undo is undone anew; null when it may stand. A caller's void stood in for the
 * reversal of what may never stand (it was pending when that was found): then the reversal is ours now.
 */
function purposeAnew(
  { request }: Pick<Authorization, 'request'>,
  { outcome }: Attempt,
  { kind, purpose }: Operation,
): OperationPurpose | null {
  if (kind !== 'void') return null;
  if (purpose !== 'requested') return purpose;
  if (outcome?.kind === 'declined' && outcome.decline.mayHideApproval) return 'hidden_approval';
  const isUnwanted =
    outcome?.kind === 'partially_approved' && outcome.reversal === 'none' && !request.acceptPartial;
  return isUnwanted ? 'partial_approval' : null;
}

/** A confirmed void of an attempt whose outcome was not known says what it is: nothing stands there any more. */
function cancelled(authorization: Authorization, operation: Operation): Authorization {
  return {
    ...authorization,
    attempts: authorization.attempts.map((attempt) => {
      if (attempt.number !== operation.attemptNumber || !isUnsettled(attempt.outcome)) return attempt;
      return {
        ...attempt,
        outcome: {
          kind: 'rejected',
          reason: 'cancelled',
          code: 'cancelled',
          retryAfterMs: null,
          providerReference: referenceOf(attempt),
        },
      };
    }),
  };
}

/**
 * The validity of an authorization is over. What was never captured is given back, and is `expired` once the provider
 * has confirmed it; of one that was captured in part, the rest can no longer be captured.
 * @returns unchanged while anything about it is still to be found out
 */
export function applyExpiry(authorization: Authorization, { nowMs }: Pick<ChangeContext, 'nowMs'>): Change {
  const { status, expiresAtMs, operations } = authorization;
  const same: Change = { authorization, remarks: [], changed: false };
  const isDue = expiresAtMs !== null && expiresAtMs <= nowMs && !authorization.open;
  if (!isDue || operations.some((operation) => operation.status === 'pending')) return same;
  if (status === 'partially_captured') {
    return { ...same, authorization: settled({ ...authorization, captureClosed: true }), changed: true };
  }
  // Not just any that ever obtained something: what an earlier one obtained may be undone already.
  const { restsOn } = settle(authorization);
  const attempt = authorization.attempts.find(({ number }) => number === restsOn);
  if (attempt === undefined || (status !== 'approved' && status !== 'partially_approved')) return same;
  const reversing = withVoid(authorization, attempt, 'expiry', nowMs);
  return { ...same, authorization: settled(reversing), changed: true };
}
