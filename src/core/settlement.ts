import { type AttemptOutcome, providerReferenceOf } from './attempt.ts';
import type { Authorization, AuthorizationStatus } from './authorization.ts';

/** The state of an authorization that its attempts add up to, once no further attempt is made. */
export interface Settlement {
  readonly status: AuthorizationStatus;
  readonly authorizedAmount: number;
  /** Number of the attempt that the status rests on; null when there is none. */
  readonly restsOn: number | null;
}

/**
 * Adds the attempts of an authorization up. The order of the checks is the order of what matters about money:
 * an approval, then anything that may still be one, then what still has to be undone, then a decline, then "never
 * processed by anyone".
 */
export function settle(
  attempts: Authorization['attempts'],
  request: { readonly amount: { readonly value: number }; readonly acceptPartial: boolean },
): Settlement {
  const found = (test: (outcome: AttemptOutcome | null) => boolean) =>
    attempts.findLast((attempt) => test(attempt.outcome));

  const approved = found((outcome) => outcome?.kind === 'approved');
  if (approved !== undefined) {
    return { status: 'approved', authorizedAmount: request.amount.value, restsOn: approved.number };
  }
  const unsettled = found(
    (outcome) => outcome === null || outcome.kind === 'unknown' || outcome.kind === 'pending',
  );
  if (unsettled !== undefined) return { status: 'pending', authorizedAmount: 0, restsOn: unsettled.number };
  const partial = found(
    (outcome) => outcome?.kind === 'partially_approved' && outcome.reversal !== 'confirmed',
  );
  if (partial?.outcome?.kind === 'partially_approved') {
    return {
      status: request.acceptPartial ? 'partially_approved' : 'reversing',
      authorizedAmount: partial.outcome.authorizedAmount,
      restsOn: partial.number,
    };
  }
  const hidden = found((outcome) => outcome?.kind === 'declined' && outcome.decline.mayHideApproval);
  if (hidden !== undefined) return { status: 'reversing', authorizedAmount: 0, restsOn: hidden.number };
  const authentication = found((outcome) => outcome?.kind === 'authentication_required');
  if (authentication !== undefined) {
    return { status: 'authentication_required', authorizedAmount: 0, restsOn: authentication.number };
  }
  const declined = found((outcome) => outcome?.kind === 'declined');
  if (declined !== undefined) return { status: 'declined', authorizedAmount: 0, restsOn: declined.number };
  const reversed = found((outcome) => outcome?.kind === 'partially_approved');
  if (reversed !== undefined) return { status: 'voided', authorizedAmount: 0, restsOn: reversed.number };
  return { status: 'failed', authorizedAmount: 0, restsOn: attempts.at(-1)?.number ?? null };
}

/** The authorization with every field that follows from what its attempts add up to. */
export function settled(authorization: Authorization): Authorization {
  const settlement = settle(authorization.attempts, authorization.request);
  const attempt = authorization.attempts.find((candidate) => candidate.number === settlement.restsOn);
  const outcome = attempt?.outcome ?? null;
  const hasMoney = outcome?.kind === 'approved' || outcome?.kind === 'partially_approved';
  return {
    ...authorization,
    open: false,
    status: settlement.status,
    authorizedAmount: settlement.authorizedAmount,
    provider: attempt?.provider ?? null,
    providerReference: outcome === null ? null : providerReferenceOf(outcome),
    networkTransaction: hasMoney ? outcome.networkTransaction : null,
    decline: settlement.status === 'declined' && outcome?.kind === 'declined' ? outcome.decline : null,
  };
}
