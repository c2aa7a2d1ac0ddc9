import type { Authorization } from '../core/authorization.ts';
import { scrub } from '../core/cards/card-number.ts';
import { NOTHING_TO_VOID, type Operation } from '../core/operation.ts';

/** A capture, void or refund as answers show it. */
export function shownOperation(authorization: Authorization, operation: Operation) {
  const { currency } = authorization.request.amount;
  const { settledAtMs } = operation;
  return {
    id: operation.id,
    type: operation.kind,
    purpose: operation.purpose,
    status: operation.status,
    // A void that found nothing has undone nothing, whatever it was expected to undo.
    amount: { value: operation.code === NOTHING_TO_VOID ? 0 : operation.amount, currency },
    final: operation.final,
    code: shownCode(authorization, operation),
    provider_reference: operation.providerReference,
    created_at: new Date(operation.createdAtMs).toISOString(),
    settled_at: settledAtMs === null ? null : new Date(settledAtMs).toISOString(),
  };
}

/**
 * The provider's code. What it says about a void behind a decline may tell why it was declined, which the decline's own
 * mask hides: it is left out.
 */
function shownCode(authorization: Authorization, operation: Operation): string | null {
  const { code, purpose, attemptNumber } = operation;
  if (code === null || code === NOTHING_TO_VOID) return code;
  const attempt = authorization.attempts.find(({ number }) => number === attemptNumber);
  if (purpose === 'hidden_approval' || attempt?.outcome?.kind === 'declined') return null;
  return scrub(code);
}
