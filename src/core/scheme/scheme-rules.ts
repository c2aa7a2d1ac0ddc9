import type { AttemptOutcome } from '../attempt.ts';
import type { CardBrand } from '../card.ts';
import { unreachable } from '../invariant.ts';

/** One ceiling on attempts that were, or may still be, declined: per card and merchant, over all providers. */
export interface SchemeLimit {
  /** Unique among those in force at one time; editions of the same limit share it. */
  readonly name: string;
  readonly brands: 'all' | ReadonlySet<CardBrand>;
  /** Wall clock from which this edition is in force. */
  readonly fromMs: number;
  readonly windowMs: number;
  /** Declined or open attempts in the window, the one to be made not counted, with which it is refused. */
  readonly max: number;
  /** Only attempts of the same amount and currency count. */
  readonly sameAmount: boolean;
  readonly source: string;
}

export interface SchemeRules {
  readonly limits: readonly SchemeLimit[];
  /** How long a card may not be tried again at a merchant after a decline that forbids it, milliseconds. */
  readonly hardDeclineBlockMs: number;
}

/** A ceiling as the journal checks it. */
export interface WindowLimit {
  readonly name: string;
  readonly windowMs: number;
  readonly max: number;
  readonly sameAmount: boolean;
}

/**
 * The ceilings that an attempt with a card of this brand must keep now. Of several editions of a limit, the newest
 * whose date has come; on the same day, the strictest. A brand without a published limit of its own keeps all of the
 * others' (payments reference, section 1.4: no public rule was found, so the strictest known ceiling applies).
 */
export function limitsInForce(rules: SchemeRules, brand: CardBrand, atMs: number): readonly WindowLimit[] {
  const current = new Map<string, SchemeLimit>();
  for (const limit of rules.limits) {
    if (limit.fromMs > atMs) continue;
    const known = current.get(limit.name);
    const isNewer = known === undefined || limit.fromMs > known.fromMs;
    const isStricter = known?.fromMs === limit.fromMs && limit.max < known.max;
    if (isNewer || isStricter) current.set(limit.name, limit);
  }
  const all = [...current.values()];
  const own = all.filter(({ brands }) => brands !== 'all' && brands.has(brand));
  const applying = own.length > 0 ? all.filter(({ brands }) => brands === 'all' || brands.has(brand)) : all;
  return applying.map(({ name, windowMs, max, sameAmount }) => ({ name, windowMs, max, sameAmount }));
}

/**
 * Until when an outcome forbids further attempts with the card at this merchant, at any provider; null: it does not.
 * A decline that is never to be repeated (Visa category 1, Mastercard advice 03 and 21, revocations) blocks the card
 * for thirty days, one with a waiting time (advice 24 to 30) until then (payments reference, invariants 16 and 18).
 */
export function cardBlock(
  outcome: AttemptOutcome,
  rules: SchemeRules,
  atMs: number,
): { readonly untilMs: number; readonly reason: string } | null {
  if (outcome.kind !== 'declined') return null;
  const { otherProvider, retryNotBefore } = outcome.decline;
  const waitsMs = retryNotBefore === null ? 0 : Date.parse(retryNotBefore);
  const blockedMs = otherProvider === 'never' ? atMs + rules.hardDeclineBlockMs : 0;
  if (waitsMs <= atMs && blockedMs === 0) return null;
  return blockedMs >= waitsMs
    ? { untilMs: blockedMs, reason: 'hard_decline' }
    : { untilMs: waitsMs, reason: 'advised_wait' };
}

/**
 * Whether an attempt counts against the ceilings: one that was declined, by the issuer or with a demand for
 * authentication (also an issuer's no), and one that may still turn out so. What the scheme never saw, or approved,
 * does not.
 * @param outcome null while there is none
 */
export function countsAsReattempt(outcome: AttemptOutcome | null): boolean {
  if (outcome === null) return true;
  switch (outcome.kind) {
    case 'declined':
    case 'authentication_required':
    case 'pending':
    case 'unknown':
      return true;
    case 'approved':
    case 'partially_approved':
    case 'rejected':
    case 'not_sent':
      return false;
    default:
      return unreachable(outcome);
  }
}
