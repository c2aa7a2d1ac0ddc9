import type { Amount } from '../../core/money.ts';
import { amountOf } from './amounts.ts';
import type { WireCapture, WireRefund } from './transformers.ts';

export type RefundableCapture =
  | { readonly kind: 'found'; readonly captureId: string }
  /** None can give it back; the code says why. */
  | {
      readonly kind: 'none';
      readonly code: 'nothing_captured' | 'refund_exceeds_captured' | 'refund_spans_captures';
    };

/**
 * The capture that a refund goes to: PayPal refunds captures, not authorizations. A refund is never split over several:
 * of two requests under one name one may be done and the other not, and no answer could say so. Of those that can give it
 * back alone, the one with the least left, so that large ones stay whole for large refunds.
 *
 * Refunds that do not say which capture they are of count against each of them.
 */
export function refundableCapture(
  captures: readonly WireCapture[],
  refunds: readonly WireRefund[],
  amount: Amount,
): RefundableCapture {
  const left = captures.flatMap((capture) => {
    const leftAmount = leftOf(capture, refunds, amount.currency);
    return leftAmount === null ? [] : [{ captureId: capture.id, leftAmount }];
  });
  if (left.length === 0) return { kind: 'none', code: 'nothing_captured' };
  const able = left.filter(({ leftAmount }) => leftAmount >= amount.value);
  able.sort((one, other) => one.leftAmount - other.leftAmount || (one.captureId < other.captureId ? -1 : 1));
  const chosen = able[0];
  if (chosen !== undefined) return { kind: 'found', captureId: chosen.captureId };
  const all = left.reduce((sum, { leftAmount }) => sum + leftAmount, 0);
  return { kind: 'none', code: all >= amount.value ? 'refund_spans_captures' : 'refund_exceeds_captured' };
}

/** What of a capture may still be given back, minor units; null: it took nothing, or is in another currency. */
function leftOf(capture: WireCapture, refunds: readonly WireRefund[], currency: string): number | null {
  const captured = amountOf(capture.amount);
  const isTaken = ['COMPLETED', 'PARTIALLY_REFUNDED', 'REFUNDED', 'PENDING'].includes(capture.status);
  if (captured === null || captured.currency !== currency || !isTaken) return null;
  if (capture.status === 'REFUNDED') return 0;
  let left = captured.value;
  for (const refund of refunds) {
    const isUndone = refund.status === 'FAILED' || refund.status === 'CANCELLED';
    const of = captureOf(refund);
    if (isUndone || (of !== null && of !== capture.id)) continue;
    left -= amountOf(refund.amount)?.value ?? captured.value;
  }
  return Math.max(0, left);
}

/** The capture that a refund is of, by its link `up`; null when it does not say. */
function captureOf({ links }: WireRefund): string | null {
  const up = links?.find(({ rel }) => rel === 'up')?.href ?? '';
  return /\/captures\/([A-Z0-9]{1,36})$/.exec(up)?.[1] ?? null;
}
