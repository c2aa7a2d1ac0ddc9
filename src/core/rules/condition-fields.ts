import { CARD_BRANDS, CARD_FUNDINGS, REGIONS } from '../card.ts';
import type { RoutingFacts } from '../facts.ts';
import { COUNTRY_CODES } from './country-codes.ts';
import type { Universe } from './value-set.ts';
import { zonedTime } from './zoned-time.ts';

/** How the values of a field are written and compared. */
type FieldKind = 'word' | 'country' | 'currency' | 'boolean' | 'amount' | 'bin' | 'hour';

/** One thing that conditions may ask about. */
export interface ConditionField {
  /** Equal for conditions that ask about the same thing; a time zone is part of it. */
  readonly key: string;
  readonly kind: FieldKind;
  readonly universe: Universe;
  /** False: every request has it, so that `exists` would be an idle question. */
  readonly mayBeMissing: boolean;
  /**
   * The value in a request: a word (booleans as "true" and "false"), a number, or null when it is missing.
   */
  readonly read: (facts: RoutingFacts) => string | number | null;
}

const WEEKDAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const;
const CROSS_BORDERS = ['domestic', 'intra_region', 'cross_border'] as const;

/** BINs are kept to 8 digits; a longer prefix could never be told to match. */
export const BIN_DIGITS = 8;

const OPEN: Universe = { words: null };
const BOOLEAN: Universe = { words: ['true', 'false'] };
const METADATA = 'metadata.';
const IN_ZONE = ' in ';

type FieldTemplate = Omit<ConditionField, 'key'>;

function words(
  read: ConditionField['read'],
  list: readonly string[] | null,
  mayBeMissing: boolean,
): FieldTemplate {
  return { kind: 'word', universe: { words: list }, mayBeMissing, read };
}

function country(read: ConditionField['read']): FieldTemplate {
  return { kind: 'country', universe: { words: COUNTRY_CODES }, mayBeMissing: true, read };
}

function yesNo(read: (facts: RoutingFacts) => boolean | null, mayBeMissing: boolean): FieldTemplate {
  return {
    kind: 'boolean',
    universe: BOOLEAN,
    mayBeMissing,
    read: (facts) => {
      const value = read(facts);
      return value === null ? null : value ? 'true' : 'false';
    },
  };
}

const FIELDS: ReadonlyMap<string, FieldTemplate> = new Map<string, FieldTemplate>([
  [
    'amount',
    {
      kind: 'amount',
      universe: { range: [1, Number.MAX_SAFE_INTEGER] },
      mayBeMissing: false,
      read: (facts) => facts.amount.value,
    },
  ],
  [
    'currency',
    { kind: 'currency', universe: OPEN, mayBeMissing: false, read: (facts) => facts.amount.currency },
  ],
  [
    'card.bin',
    {
      kind: 'bin',
      universe: { range: [0, 10 ** BIN_DIGITS - 1] },
      mayBeMissing: true,
      read: (facts) => facts.cardBin,
    },
  ],
  [
    'card.brand',
    words(
      (facts) => (facts.cardBrand === 'unknown' ? null : facts.cardBrand),
      CARD_BRANDS.filter((brand) => brand !== 'unknown'),
      true,
    ),
  ],
  ['card.funding', words((facts) => facts.cardFunding, CARD_FUNDINGS, true)],
  ['card.product', words((facts) => facts.cardProduct, null, true)],
  ['card.prepaid', yesNo((facts) => facts.cardPrepaid, true)],
  ['card.issuer', words((facts) => facts.cardIssuer, null, true)],
  ['card.country', country((facts) => facts.cardCountry)],
  ['card.issuer_region', words((facts) => facts.cardIssuerRegion, REGIONS, true)],
  ['shopper.country', country((facts) => facts.shopperCountry)],
  ['shopper.region', words((facts) => facts.shopperRegion, REGIONS, true)],
  ['cross_border', words((facts) => facts.crossBorder, CROSS_BORDERS, true)],
  ['merchant', words((facts) => facts.merchant, null, false)],
  ['initiator', words((facts) => facts.initiator, ['customer', 'merchant'], false)],
  ['three_ds', yesNo((facts) => facts.threeDsPresent, false)],
  ['network_token', yesNo((facts) => facts.networkToken, false)],
]);

/** Every name a condition may ask about, `metadata.<name>` apart. */
export const FIELD_NAMES: readonly string[] = [...FIELDS.keys(), 'time.weekday', 'time.hour'];

/** Whether a field takes `time_zone`. */
export function isTimeField(name: string): boolean {
  return name === 'time.weekday' || name === 'time.hour';
}

/**
 * The field of this name, or null when there is none.
 * @param timeZone IANA name; only read for time fields, and already known to be valid
 */
export function conditionField(name: string, timeZone: string): ConditionField | null {
  const template = FIELDS.get(name);
  if (template !== undefined) return { key: name, ...template };
  if (name.startsWith(METADATA) && name.length > METADATA.length) {
    const key = name.slice(METADATA.length);
    return {
      key: name,
      // An own property only: a caller does not send `constructor` by not sending it.
      ...words(
        (facts) => (Object.hasOwn(facts.metadata, key) ? (facts.metadata[key] ?? null) : null),
        null,
        true,
      ),
    };
  }
  if (!isTimeField(name)) return null;
  const timeOf = zonedTime(timeZone);
  const key = `${name}${IN_ZONE}${timeZone}`;
  if (name === 'time.weekday') {
    return { key, ...words((facts) => timeOf(facts.atMs)?.weekday ?? null, WEEKDAYS, false) };
  }
  return {
    key,
    kind: 'hour',
    universe: { range: [0, 23] },
    mayBeMissing: false,
    read: (facts) => timeOf(facts.atMs)?.hour ?? null,
  };
}

/** The field that has this key, or null when there is none. */
export function fieldOfKey(key: string): ConditionField | null {
  const [name = '', timeZone = ''] = key.split(IN_ZONE, 2);
  return isTimeField(name) ? conditionField(name, timeZone) : conditionField(key, '');
}
