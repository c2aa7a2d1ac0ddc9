import type { AuthorizationStatus } from './authorization.ts';

/**
 * Which state of an authorization may follow which; staying in a state is no transition. The journal holds the same
 * table and refuses everything else, and docs/payments.md shows it; tests compare the three.
 */
export const TRANSITIONS: Readonly<Record<AuthorizationStatus, readonly AuthorizationStatus[]>> = {
  pending: [
    'approved',
    'partially_approved',
    'declined',
    'authentication_required',
    'failed',
    'reversing',
    'voided',
    // Captured within its own request.
    'captured',
  ],
  // A void that the provider refuses leaves the authorization as it was; a partial approval that is undone within the
  // request lets its road go on.
  reversing: [
    'pending',
    'approved',
    'partially_approved',
    'declined',
    'authentication_required',
    'failed',
    'voided',
    'expired',
  ],
  approved: ['reversing', 'partially_captured', 'captured', 'voided', 'expired'],
  partially_approved: ['reversing', 'partially_captured', 'captured', 'voided', 'expired'],
  partially_captured: ['captured', 'partially_refunded', 'refunded'],
  captured: ['partially_refunded', 'refunded'],
  partially_refunded: ['refunded'],
  declined: [],
  authentication_required: [],
  failed: [],
  voided: [],
  expired: [],
  // A capture that ends after all that was captured before it has been refunded.
  refunded: ['partially_refunded'],
};

/** Whether an authorization may pass from one state to the other. */
export function mayFollow(from: AuthorizationStatus, to: AuthorizationStatus): boolean {
  return from === to || TRANSITIONS[from].includes(to);
}
