import {
  type Attempt,
  type AttemptOutcome,
  isDefiniteNegative,
  isUnsettled,
  referenceOf,
} from './attempt.ts';
import { type Authorization, type AuthorizationStatus, isAnswerable } from './authorization.ts';
import { hasUndone, type Operation, sumOf } from './operation.ts';

/** The state of an authorization that its attempts and operations add up to. */
export interface Settlement {
  readonly status: AuthorizationStatus;
  readonly authorizedAmount: number;
  readonly capturedAmount: number;
  readonly refundedAmount: number;
  /** Number of the attempt that the status rests on; null when there is none. */
  readonly restsOn: number | null;
}

/** What of an authorization decides its state. */
type Settled = Pick<Authorization, 'attempts' | 'operations' | 'captureClosed'> & {
  readonly request: {
    readonly amount: { readonly value: number };
    readonly acceptPartial: boolean;
  };
};

/**
 * Adds attempts and operations up. The order of the checks is the order of what matters about money: an approval, then
 * anything that may still be one, then what still has to be undone, then a decline, then "never processed by anyone".
 */
export function settle(authorization: Settled): Settlement {
  const { attempts, request } = authorization;
  const found = (test: (attempt: Attempt, outcome: AttemptOutcome | null) => boolean) =>
    attempts.findLast((attempt) => test(attempt, attempt.outcome));

  const approved = found(
    (attempt, outcome) => outcome?.kind === 'approved' && !isUndone(authorization, attempt),
  );
  if (approved !== undefined) return standing(authorization, approved, request.amount.value, 'approved');

  const unsettled = found((_, outcome) => isUnsettled(outcome));
  if (unsettled !== undefined) return without('pending', unsettled);

  const partial = found(
    (attempt, outcome) => outcome?.kind === 'partially_approved' && !isUndone(authorization, attempt),
  );
  if (partial?.outcome?.kind === 'partially_approved') {
    const status = request.acceptPartial ? 'partially_approved' : 'reversing';
    return standing(authorization, partial, partial.outcome.authorizedAmount, status);
  }
  const hidden = found(
    (attempt, outcome) =>
      outcome?.kind === 'declined' &&
      outcome.decline.mayHideApproval &&
      !hasVoidEnded(authorization, attempt),
  );
  if (hidden !== undefined) return without('reversing', hidden);

  const voided = found((_, outcome) => outcome?.kind === 'approved');
  if (voided !== undefined) return without(endOfUndone(authorization, voided), voided);

  const authentication = found((_, outcome) => outcome?.kind === 'authentication_required');
  if (authentication !== undefined) return without('authentication_required', authentication);

  const declined = found((_, outcome) => outcome?.kind === 'declined');
  if (declined !== undefined) return without('declined', declined);

  const reversed = found((_, outcome) => outcome?.kind === 'partially_approved');
  if (reversed !== undefined) return without(endOfUndone(authorization, reversed), reversed);
  return without('failed', attempts.at(-1) ?? null);
}

/** What an authorization is called whose money went back: `expired` when that was all that was wrong with it. */
function endOfUndone(authorization: Settled, attempt: Attempt): AuthorizationStatus {
  const hasExpired = authorization.operations.some(
    (operation) =>
      operation.attemptNumber === attempt.number && operation.purpose === 'expiry' && hasUndone(operation),
  );
  return hasExpired ? 'expired' : 'voided';
}

function without(status: AuthorizationStatus, attempt: Attempt | null): Settlement {
  const restsOn = attempt?.number ?? null;
  return { status, authorizedAmount: 0, capturedAmount: 0, refundedAmount: 0, restsOn };
}

/** What became of an authorization that an attempt obtained. */
function standing(
  authorization: Settled,
  attempt: Attempt,
  authorizedAmount: number,
  base: AuthorizationStatus,
): Settlement {
  const { operations } = authorization;
  const void_ = operations.findLast(
    (operation) => operation.kind === 'void' && operation.attemptNumber === attempt.number,
  );
  const capturedAmount = sumOf(operations, 'capture', ['succeeded']);
  const refundedAmount = sumOf(operations, 'refund', ['succeeded']);
  const status = ((): AuthorizationStatus => {
    if (void_?.status === 'pending') return 'reversing';
    if (refundedAmount > 0) return refundedAmount === capturedAmount ? 'refunded' : 'partially_refunded';
    if (capturedAmount === 0) return base;
    return isCaptureClosed(authorization, authorizedAmount, capturedAmount)
      ? 'captured'
      : 'partially_captured';
  })();
  return { status, authorizedAmount, capturedAmount, refundedAmount, restsOn: attempt.number };
}

function isCaptureClosed(authorization: Settled, authorizedAmount: number, capturedAmount: number): boolean {
  return (
    authorization.captureClosed ||
    capturedAmount >= authorizedAmount ||
    authorization.operations.some(
      (operation) => operation.kind === 'capture' && operation.status === 'succeeded' && operation.final,
    )
  );
}

/** Whether what an attempt obtained is confirmed to be undone: by its own outcome, or by a void of ours. */
export function isUndone(authorization: Pick<Authorization, 'operations'>, attempt: Attempt): boolean {
  const { outcome } = attempt;
  if (outcome?.kind === 'partially_approved' && outcome.reversal === 'confirmed') return true;
  return authorization.operations.some(
    (operation) => operation.attemptNumber === attempt.number && hasUndone(operation),
  );
}

/**
 * Whether the voids of an attempt are over and one has succeeded, be it that it found nothing to undo: nothing stands
 * there. While one is pending, another that succeeded has only left it to that one.
 */
function hasVoidEnded({ operations }: Pick<Authorization, 'operations'>, { number }: Attempt): boolean {
  const statuses = operations
    .filter(({ kind, attemptNumber }) => kind === 'void' && attemptNumber === number)
    .map(({ status }) => status);
  return statuses.includes('succeeded') && !statuses.includes('pending');
}

/**
 * How often the void of an attempt has failed that is pending now, at most over all attempts: it is tried ever less
 * often.
 */
export function failedVoids({ operations }: Pick<Authorization, 'operations'>): number {
  const isVoid = ({ kind }: Operation) => kind === 'void';
  const open = operations.filter((operation) => isVoid(operation) && operation.status === 'pending');
  const failed = operations.filter((operation) => isVoid(operation) && operation.status === 'failed');
  return Math.max(
    0,
    ...open.map(({ attemptNumber: of }) => failed.filter(({ attemptNumber }) => attemptNumber === of).length),
  );
}

/** Whether no money can stand at the provider of an attempt: only then may another one be made. */
export function isNegative(authorization: Pick<Authorization, 'operations'>, attempt: Attempt): boolean {
  const { outcome } = attempt;
  if (isUnsettled(outcome) || outcome.kind === 'authentication_required') return false;
  return isDefiniteNegative(outcome) || isUndone(authorization, attempt);
}

/** The void that waits for its confirmation, or for the outcome of its attempt; at most one for each attempt. */
export function pendingVoid(
  authorization: Pick<Authorization, 'operations'>,
  attemptNumber: number,
): Operation | null {
  return (
    authorization.operations.find(
      ({ kind, status, attemptNumber: of }) =>
        kind === 'void' && status === 'pending' && of === attemptNumber,
    ) ?? null
  );
}

/** Whether something about it is still to be found out, done or undone, by whoever works beside the road. */
export function hasWork(authorization: Pick<Authorization, 'attempts' | 'operations'>): boolean {
  return (
    authorization.attempts.some(({ outcome }) => isUnsettled(outcome)) ||
    authorization.operations.some(({ status }) => status === 'pending')
  );
}

/** States in which what was authorized may still be captured, and so may expire. */
const MAY_EXPIRE: ReadonlySet<AuthorizationStatus> = new Set([
  'approved',
  'partially_approved',
  'partially_captured',
  'reversing',
]);

/**
 * The authorization with every field that follows from what its attempts and operations add up to. While its road is
 * open it is `pending` or `reversing`, whatever is known already: its answer is not given yet.
 */
export function settled(authorization: Authorization): Authorization {
  const settlement = settle(authorization);
  const attempt = authorization.attempts.find((candidate) => candidate.number === settlement.restsOn);
  const outcome = attempt?.outcome ?? null;
  const hasMoney = outcome?.kind === 'approved' || outcome?.kind === 'partially_approved';
  return {
    ...authorization,
    status: authorization.open && isAnswerable(settlement.status) ? 'pending' : settlement.status,
    authorizedAmount: settlement.authorizedAmount,
    capturedAmount: settlement.capturedAmount,
    refundedAmount: settlement.refundedAmount,
    provider: attempt?.provider ?? null,
    providerReference: attempt === undefined ? null : referenceOf(attempt),
    networkTransaction: hasMoney ? outcome.networkTransaction : null,
    decline: settlement.status === 'declined' && outcome?.kind === 'declined' ? outcome.decline : null,
    expiresAtMs: MAY_EXPIRE.has(settlement.status) ? authorization.expiresAtMs : null,
  };
}
