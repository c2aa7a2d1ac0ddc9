import { z } from 'zod';
import { type AttemptOutcome, breakerSignal, OUTCOME_KINDS, type RejectionReason } from '../core/attempt.ts';
import { CARD_BRANDS, REGIONS } from '../core/card.ts';
import { DECLINE_CATEGORIES } from '../core/declines/decline.ts';
import type { LearnedOutcome } from '../gateway/ports.ts';

const name = z.string().max(200);
const REASONS = [
  'configuration',
  'rate_limited',
  'transient',
  'not_found',
  'cancelled',
] as const satisfies readonly RejectionReason[];

/** Outcomes of one batch at most. */
export const OUTCOMES_MAX = 200;

/** What an outcome teaches and nothing else: no reference, amount, token or word of a provider. */
const outcomeSchema = z.tuple([
  /** Account whose report it is; '': an attempt of our own. */
  name,
  name.min(1),
  name,
  z.string().max(11).nullable(),
  z.enum(CARD_BRANDS),
  z.string().max(2).nullable(),
  name.nullable(),
  z.enum(REGIONS).nullable(),
  z.enum(['customer', 'merchant']),
  z.int().min(1).max(1_000),
  z.enum(OUTCOME_KINDS),
  /** Of a decline its category, of a rejection its reason, of what we held back ourselves the code. */
  name,
  z.number().min(0).max(86_400_000),
  z.boolean(),
  name,
]);
type WrittenOutcome = z.infer<typeof outcomeSchema>;
const batchSchema = z.array(outcomeSchema).max(OUTCOMES_MAX);

/** An outcome, and whose it is. */
export interface ObservedOutcome {
  /** Null: of an attempt of our own. */
  readonly account: string | null;
  readonly learned: LearnedOutcome;
}

/** Writes outcomes down for other processes. */
export function writeOutcomes(observed: readonly ObservedOutcome[]): string {
  return JSON.stringify(observed.map(written));
}

/**
 * Reads what another process wrote.
 * @returns null for what none of this version writes
 */
export function readOutcomes(text: string): readonly ObservedOutcome[] | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const parsed = batchSchema.safeParse(value);
  if (!parsed.success) return null;
  const outcomes: ObservedOutcome[] = [];
  for (const one of parsed.data) {
    const outcome = outcomeOf(one[10], one[11]);
    if (outcome === null) return null;
    outcomes.push(observedOf(one, outcome));
  }
  return outcomes;
}

function written({ account, learned }: ObservedOutcome): WrittenOutcome {
  const { provider, facts, attemptNumber, outcome, durationMs, resolvedLater, scope = '' } = learned;
  return [
    account ?? '',
    provider,
    facts.merchant,
    facts.cardBin,
    facts.cardBrand,
    facts.cardCountry,
    facts.cardIssuer,
    facts.cardIssuerRegion,
    facts.initiator,
    attemptNumber,
    outcome.kind,
    detailOf(outcome),
    Math.round(durationMs),
    resolvedLater,
    scope,
  ];
}

function detailOf(outcome: AttemptOutcome): string {
  switch (outcome.kind) {
    case 'declined':
      return outcome.decline.category;
    case 'rejected':
      return outcome.reason;
    case 'not_sent':
      return breakerSignal(outcome) === 'excluded' ? outcome.code : '';
    default:
      return '';
  }
}

function observedOf(one: WrittenOutcome, outcome: AttemptOutcome): ObservedOutcome {
  const [account, provider, merchant, cardBin, cardBrand, cardCountry, cardIssuer, cardIssuerRegion] = one;
  const [initiator, attemptNumber, , , durationMs, resolvedLater, scope] = one.slice(8) as [
    WrittenOutcome[8],
    WrittenOutcome[9],
    WrittenOutcome[10],
    WrittenOutcome[11],
    WrittenOutcome[12],
    WrittenOutcome[13],
    WrittenOutcome[14],
  ];
  const facts = { merchant, cardBin, cardBrand, cardCountry, cardIssuer, cardIssuerRegion, initiator };
  const learned = { provider, facts, attemptNumber, outcome, durationMs, resolvedLater, scope };
  return { account: account === '' ? null : account, learned };
}

/** An outcome that teaches the same; what it does not teach by is left empty. */
function outcomeOf(kind: AttemptOutcome['kind'], detail: string): AttemptOutcome | null {
  switch (kind) {
    case 'approved':
      return { kind, providerReference: '', networkTransaction: null };
    case 'partially_approved':
      return { kind, providerReference: '', authorizedAmount: 0, networkTransaction: null, reversal: 'none' };
    case 'declined': {
      const category = DECLINE_CATEGORIES.find((known) => known === detail);
      if (category === undefined) return null;
      const decline = { category, code: '', networkCode: null, advice: null, retryNotBefore: null } as const;
      return {
        kind,
        decline: { ...decline, otherProvider: 'never', mayHideApproval: false },
        providerReference: null,
      };
    }
    case 'rejected': {
      const reason = REASONS.find((known) => known === detail);
      return reason === undefined
        ? null
        : { kind, reason, code: '', retryAfterMs: null, providerReference: null };
    }
    case 'not_sent':
      return { kind, code: detail };
    case 'authentication_required':
    case 'pending':
    case 'unknown':
      return { kind, code: '', providerReference: null };
  }
}
