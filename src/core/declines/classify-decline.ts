import type { CardBrand } from '../card.ts';
import { unreachable } from '../invariant.ts';
import type { Decline, DeclineCategory, OtherProvider } from './decline.ts';
import {
  type CodeMeaning,
  type DeclineTables,
  networkMeaning,
  providerMeaning,
  type VisaCategory,
} from './decline-tables.ts';

/** Everything that came with an answer "no". */
export interface DeclineInput {
  /** Adapter whose table reads `code` and `advice`. */
  readonly provider: string;
  /** The provider's most specific code. */
  readonly code: string;
  /** Raw DE39 of the network. */
  readonly networkCode: string | null;
  /** The provider's advice; its table says whether that is the network's merchant advice code. */
  readonly advice: string | null;
  /** Raw Mastercard merchant advice code, where a provider reports it beside an advice of its own. */
  readonly merchantAdviceCode?: string | null;
  /** Visa's category, where a provider reports it; else it follows from `networkCode`. */
  readonly visaCategory?: VisaCategory | null;
  readonly brand: CardBrand;
  /** Issuer in the EEA or the UK. */
  readonly scaRegion: boolean;
  /** The request carried the result of an authentication. */
  readonly threeDsPresent: boolean;
  /** The provider says that it declined after the issuer's approval. */
  readonly afterApproval?: boolean;
  /** Wall clock, milliseconds since 1970, from which waiting times count. */
  readonly nowMs: number;
}

/** What an answer "no" is. */
export type DeclineReading =
  | { readonly kind: 'declined'; readonly decline: Decline }
  | { readonly kind: 'authentication_required'; readonly code: string }
  | { readonly kind: 'pending'; readonly code: string }
  /** The outcome of the attempt is unknown. */
  | { readonly kind: 'ambiguous'; readonly code: string }
  | {
      readonly kind: 'not_processed';
      readonly reason: 'configuration' | 'transient';
      readonly code: string;
    };

/** What one source says. `retryAfterMs`: no attempt before. */
interface Part {
  readonly meaning: CodeMeaning;
  readonly retryAfterMs: number | null;
}

/**
 * Reads an answer "no": each of {DE39 with the brand, Visa's category, merchant advice code, the provider's class,
 * the provider's advice} has a say, and the strictest wins. A code or advice that no table knows is `unmapped` and
 * never fails over. A DE39 value is never read without its brand.
 */
export function classifyDecline(tables: DeclineTables, input: DeclineInput): DeclineReading {
  const parts = partsOf(tables, input);
  const strictest = parts.reduce((best, part) => (isStricter(part.meaning, best.meaning) ? part : best));
  const { meaning } = strictest;
  switch (meaning.kind) {
    case 'declined':
      return { kind: 'declined', decline: declineOf(input, parts, meaning) };
    case 'authentication_required':
    case 'pending':
    case 'ambiguous':
      return { kind: meaning.kind, code: input.code };
    case 'not_processed':
      return { kind: 'not_processed', reason: meaning.reason, code: input.code };
    case 'approved':
    case 'see_network':
      // An approval told as a decline by the provider's own table, which no table may hold: nothing is certain.
      return { kind: 'ambiguous', code: input.code };
    default:
      return unreachable(meaning);
  }
}

const UNMAPPED: CodeMeaning = declined('unmapped', 'no');

function declined(
  category: DeclineCategory,
  otherProvider: OtherProvider,
  hidesApproval = false,
): CodeMeaning {
  return { kind: 'declined', category, otherProvider, hidesApproval };
}

function partsOf(tables: DeclineTables, input: DeclineInput): readonly [Part, ...Part[]] {
  const plain = (meaning: CodeMeaning): Part => ({ meaning, retryAfterMs: null });
  const ofNetwork = networkPart(tables, input);
  const table = tables.providers.get(input.provider);
  const ofProvider = table === undefined ? null : providerMeaning(table, input.code);
  // What only points to the network says nothing where the network says nothing, or nothing but "approved".
  const pointsNowhere =
    ofProvider?.kind === 'see_network' && (ofNetwork === null || ofNetwork === HIDDEN_APPROVAL);
  const parts: [Part, ...Part[]] = [plain(ofProvider === null || pointsNowhere ? UNMAPPED : ofProvider)];
  if (ofNetwork !== null) parts.push(plain(ofNetwork));
  if (visaCategory(tables, input) === 1) parts.push(plain(declined('hard_decline_issuer', 'never')));
  if (input.advice !== null) {
    if (table?.adviceIsNetworks === true) parts.push(...advicePart(tables, input.advice));
    else parts.push(plain(table?.advice.get(input.advice) ?? UNMAPPED));
  }
  if (input.merchantAdviceCode != null) parts.push(...advicePart(tables, input.merchantAdviceCode));
  if (input.afterApproval === true) parts.push(plain(HIDDEN_APPROVAL));
  return parts;
}

/** A decline by which the provider overrode an approval. The category is a last resort: its own code says why. */
const HIDDEN_APPROVAL: CodeMeaning = declined('soft_decline_issuer', 'no', true);

function networkPart(tables: DeclineTables, input: DeclineInput): CodeMeaning | null {
  if (input.networkCode === null) return null;
  const meaning = networkMeaning(tables, input.networkCode, input);
  if (meaning === null) return UNMAPPED;
  return meaning.kind === 'approved' ? HIDDEN_APPROVAL : meaning;
}

function visaCategory(tables: DeclineTables, input: DeclineInput): VisaCategory | null {
  if (input.visaCategory != null) return input.visaCategory;
  if (input.brand !== 'visa' || input.networkCode === null) return null;
  return tables.visaCategories.get(input.networkCode) ?? null;
}

/** Read for every brand: only Mastercard sends them, and to obey one too many is the safe side. */
function advicePart(tables: DeclineTables, code: string): Part[] {
  const row = tables.merchantAdvice.get(code);
  if (row === undefined) return [{ meaning: UNMAPPED, retryAfterMs: null }];
  if (row.demands === null) return [];
  const { category, otherProvider, retryAfterMs } = row.demands;
  return [{ meaning: declined(category, otherProvider), retryAfterMs }];
}

/**
 * How strict a meaning is. What may still turn into an approval stands above all: treating it as a decline could
 * charge twice. Then the declines by what they forbid; an authentication stands below a "no" since it permits a
 * further attempt, above "another provider may try" since that one would be refused the same way.
 */
export function strictness(meaning: CodeMeaning): number {
  switch (meaning.kind) {
    case 'ambiguous':
      return 7;
    case 'pending':
      return 6;
    case 'approved':
      return 5;
    case 'declined':
      return { never: 4, no: 3, yes_once: 1 }[meaning.otherProvider];
    case 'authentication_required':
      return 2;
    case 'not_processed':
      return 0;
    case 'see_network':
      // Says nothing by itself: whatever the network says is heard above it.
      return -1;
    default:
      return unreachable(meaning);
  }
}

/** Of equally strict declines the category that says most: first what must not be shown, then what is worth knowing. */
const TELLING: readonly DeclineCategory[] = [
  'fraud_issuer',
  'fraud_psp',
  'hard_decline_issuer',
  'cancelled_by_customer',
  'duplicate_suspected',
  'scheme_blocked',
  'unmapped',
  'invalid_data',
  'config',
  'issuer_unavailable',
  'provider_technical',
  'soft_decline_issuer',
];

function isStricter(left: CodeMeaning, right: CodeMeaning): boolean {
  const difference = strictness(left) - strictness(right);
  if (difference !== 0) return difference > 0;
  if (left.kind !== 'declined' || right.kind !== 'declined') return false;
  return TELLING.indexOf(left.category) < TELLING.indexOf(right.category);
}

function declineOf(
  input: DeclineInput,
  parts: readonly Part[],
  strictest: Extract<CodeMeaning, { readonly kind: 'declined' }>,
): Decline {
  const waits = parts.flatMap(({ retryAfterMs }) => (retryAfterMs === null ? [] : [retryAfterMs]));
  return {
    category: strictest.category,
    code: input.code,
    networkCode: input.networkCode,
    advice: input.merchantAdviceCode ?? input.advice,
    retryNotBefore: waits.length === 0 ? null : new Date(input.nowMs + Math.max(...waits)).toISOString(),
    otherProvider: strictest.otherProvider,
    mayHideApproval: parts.some(({ meaning }) => meaning.kind === 'declined' && meaning.hidesApproval),
  };
}
