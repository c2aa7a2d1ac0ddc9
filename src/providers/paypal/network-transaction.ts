import type { NetworkTransaction } from '../../core/authorization.ts';
import { repeatsCard } from '../repeats-card.ts';
import { networkNamed } from './card-source.ts';
import type { Asked } from './codes.ts';
import type { WireAuthorization } from './transformers.ts';

const DAY_MS = 24 * 60 * 60_000;

/**
 * The network's identifier, by which later payments are linked to this one; null when there is none, or it repeats the
 * card: an approval counts without it too.
 * @param nowMs wall clock, for an authorization that does not say when it was made
 */
export function networkTransactionOf(
  { network_transaction_reference: reference, create_time: createdAt }: WireAuthorization,
  { request, brand }: Pick<Asked, 'request' | 'brand'>,
  nowMs: number,
): NetworkTransaction | null {
  if (reference == null || repeatsCard(reference.id, request.card.bin)) return null;
  const told = createdAt == null ? Number.NaN : Date.parse(createdAt);
  const date = dateOf(reference.date ?? null, Number.isNaN(told) ? nowMs : told);
  if (date === null) return null;
  const network = reference.network == null ? brand : networkNamed(reference.network);
  return { id: reference.id, network, date };
}

/**
 * The day that PayPal tells without its year (MMDD): of the years around, the one that brings it nearest to when the
 * authorization was made. Some networks give no day at all; then it is that of the authorization.
 */
function dateOf(monthAndDay: string | null, madeAtMs: number): string | null {
  const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  if (monthAndDay === null) return dayOf(madeAtMs);
  const year = new Date(madeAtMs).getUTCFullYear();
  const days = [year - 1, year, year + 1].flatMap((candidate) => {
    const text = `${String(candidate).padStart(4, '0')}-${monthAndDay.slice(0, 2)}-${monthAndDay.slice(2)}`;
    const ms = Date.parse(text);
    // A day that the year does not have is another one when it is read back.
    return Number.isNaN(ms) || dayOf(ms) !== text
      ? []
      : [{ text, away: Math.abs(ms + DAY_MS / 2 - madeAtMs) }];
  });
  days.sort((left, right) => left.away - right.away);
  return days[0]?.text ?? null;
}
