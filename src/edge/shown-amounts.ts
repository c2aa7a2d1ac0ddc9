import type { Authorization } from '../core/authorization.ts';

/** What was asked, authorized, captured and refunded, as answers and problems show it. */
export function shownAmounts(authorization: Authorization) {
  const { value, currency } = authorization.request.amount;
  return {
    requested: value,
    authorized: authorization.authorizedAmount,
    captured: authorization.capturedAmount,
    refunded: authorization.refundedAmount,
    currency,
  };
}
