import { describe, expect, it } from 'vitest';
import type { RoutingFacts } from '../../../src/core/facts.ts';
import {
  type Condition,
  compileCondition,
  FALSE,
  MISSING,
  TRUE,
  type Truth,
} from '../../../src/core/rules/condition.ts';
import { type RawCondition, readCondition } from '../../../src/core/rules/read-condition.ts';
import type { RuleProblem } from '../../../src/core/rules/rule-problem.ts';
import { bareFacts, MONDAY_TEN_UTC, someFacts } from './some-facts.ts';

function read(raw: RawCondition): Condition {
  const problems: RuleProblem[] = [];
  const condition = readCondition(raw, ['when'], problems);
  expect(problems).toEqual([]);
  if (condition === null) throw new Error('refused without a problem');
  return condition;
}

function evaluate(raw: RawCondition, facts: RoutingFacts): Truth {
  return compileCondition(read(raw))(facts);
}

const NEW_YEAR_BERLIN = Date.UTC(2026, 11, 31, 23, 30);

/** One row per field and operator: condition, facts, what it says, and what its negation says. */
const ROWS: readonly (readonly [string, RawCondition, Partial<RoutingFacts>, Truth])[] = [
  ['is', { field: 'card.country', is: 'DK' }, {}, TRUE],
  ['is, another', { field: 'card.country', is: 'DE' }, {}, FALSE],
  ['is, missing', { field: 'card.country', is: 'DK' }, { cardCountry: null }, MISSING],
  ['one_of', { field: 'card.country', one_of: ['DE', 'DK'] }, {}, TRUE],
  ['one_of, another', { field: 'card.country', one_of: ['DE', 'FR'] }, {}, FALSE],
  ['not_one_of', { field: 'card.country', not_one_of: ['DE', 'FR'] }, {}, TRUE],
  ['not_one_of, in it', { field: 'card.country', not_one_of: ['DE', 'DK'] }, {}, FALSE],
  ['not_one_of, missing', { field: 'card.country', not_one_of: ['DE'] }, { cardCountry: null }, MISSING],
  ['none_of', { field: 'card.country', none_of: ['DE'] }, {}, TRUE],
  ['country NO is a word', { field: 'card.country', is: 'NO' }, { cardCountry: 'NO' }, TRUE],
  ['exists', { field: 'card.issuer', exists: true }, {}, TRUE],
  ['exists, missing', { field: 'card.issuer', exists: true }, { cardIssuer: null }, FALSE],
  ['exists false, missing', { field: 'card.issuer', exists: false }, { cardIssuer: null }, TRUE],
  ['brand', { field: 'card.brand', is: 'visa' }, {}, TRUE],
  ['brand unknown is missing', { field: 'card.brand', is: 'visa' }, { cardBrand: 'unknown' }, MISSING],
  ['brand does not exist', { field: 'card.brand', exists: false }, { cardBrand: 'unknown' }, TRUE],
  ['funding', { field: 'card.funding', is: 'debit' }, {}, TRUE],
  ['product', { field: 'card.product', is: 'classic' }, {}, TRUE],
  ['prepaid', { field: 'card.prepaid', is: true }, {}, FALSE],
  ['prepaid, missing', { field: 'card.prepaid', is: false }, { cardPrepaid: null }, MISSING],
  ['issuer', { field: 'card.issuer', is: 'Jyske Bank' }, {}, TRUE],
  ['issuer region', { field: 'card.issuer_region', is: 'eea' }, {}, TRUE],
  ['shopper country', { field: 'shopper.country', is: 'DE' }, {}, TRUE],
  ['shopper region', { field: 'shopper.region', is: 'uk' }, {}, FALSE],
  ['cross border', { field: 'cross_border', one_of: ['domestic', 'intra_region'] }, {}, TRUE],
  ['merchant', { field: 'merchant', is: 'acme-eu' }, {}, TRUE],
  ['initiator', { field: 'initiator', is: 'merchant' }, {}, FALSE],
  ['3DS data', { field: 'three_ds', is: true }, {}, TRUE],
  ['3DS data exist', { field: 'three_ds', exists: true }, {}, TRUE],
  ['no 3DS data', { field: 'three_ds', exists: false }, { threeDsPresent: false }, TRUE],
  ['network token', { field: 'network_token', is: false }, {}, TRUE],
  ['metadata', { field: 'metadata.channel', is: 'web' }, {}, TRUE],
  ['metadata, missing', { field: 'metadata.shop', is: 'web' }, {}, MISSING],
  ['metadata, inherited name', { field: 'metadata.constructor', exists: true }, {}, FALSE],
  ['currency', { field: 'currency', one_of: ['EUR', 'USD'] }, {}, TRUE],
  ['below', { field: 'amount', currency: 'EUR', below: '50.00' }, {}, TRUE],
  ['below is not at most', { field: 'amount', currency: 'EUR', below: '49.99' }, {}, FALSE],
  ['at most', { field: 'amount', currency: 'EUR', at_most: '49.99' }, {}, TRUE],
  ['above is not at least', { field: 'amount', currency: 'EUR', above: '49.99' }, {}, FALSE],
  ['at least', { field: 'amount', currency: 'EUR', at_least: '49.99' }, {}, TRUE],
  ['between, both ends in', { field: 'amount', currency: 'EUR', between: ['49.99', '60'] }, {}, TRUE],
  ['a band', { field: 'amount', currency: 'EUR', at_least: '10', below: '49.99' }, {}, FALSE],
  ['amount is', { field: 'amount', currency: 'EUR', is: '49.99' }, {}, TRUE],
  ['amount in another currency', { field: 'amount', currency: 'USD', below: '50.00' }, {}, FALSE],
  [
    'amount without decimals',
    { field: 'amount', currency: 'JPY', below: '5000' },
    { amount: { value: 4999, currency: 'JPY' } },
    TRUE,
  ],
  ['prefix', { field: 'card.bin', prefix: ['457173', '5'] }, {}, TRUE],
  ['prefix as long as the BIN', { field: 'card.bin', prefix: '45717360' }, {}, TRUE],
  ['prefix, another', { field: 'card.bin', prefix: ['457174', '5'] }, {}, FALSE],
  ['prefix, missing', { field: 'card.bin', prefix: '4' }, { cardBin: null }, MISSING],
  ['BIN too short to tell', { field: 'card.bin', prefix: '45717360' }, { cardBin: '457173' }, MISSING],
  ['short BIN that differs', { field: 'card.bin', prefix: '45717360' }, { cardBin: '457174' }, FALSE],
  ['prefix range, first', { field: 'card.bin', prefix: '222100-272099' }, { cardBin: '222100' }, TRUE],
  ['prefix range, last', { field: 'card.bin', prefix: '222100-272099' }, { cardBin: '27209999' }, TRUE],
  ['prefix range, after', { field: 'card.bin', prefix: '222100-272099' }, { cardBin: '272100' }, FALSE],
  ['prefix range, before', { field: 'card.bin', prefix: '222100-272099' }, { cardBin: '22209999' }, FALSE],
  [
    'several prefixes',
    { field: 'card.bin', prefix: ['51-55', '4', '2221-2720'] },
    { cardBin: '530000' },
    TRUE,
  ],
  ['weekday', { field: 'time.weekday', is: 'monday' }, {}, TRUE],
  ['hour', { field: 'time.hour', is: 10 }, {}, TRUE],
  ['hour in a zone', { field: 'time.hour', is: 11, time_zone: 'Europe/Berlin' }, {}, TRUE],
  ['hour in half a zone', { field: 'time.hour', is: 15, time_zone: 'Asia/Kolkata' }, {}, TRUE],
  [
    'summer time',
    { field: 'time.hour', is: 12, time_zone: 'Europe/Berlin' },
    { atMs: Date.UTC(2026, 6, 1, 10, 59) },
    TRUE,
  ],
  ['hours between', { field: 'time.hour', between: [8, 10] }, {}, TRUE],
  ['hours below', { field: 'time.hour', below: 10 }, {}, FALSE],
  ['hours not one of', { field: 'time.hour', not_one_of: [9, 11] }, {}, TRUE],
  [
    'midnight elsewhere',
    { field: 'time.hour', is: 0, time_zone: 'Europe/Berlin' },
    { atMs: NEW_YEAR_BERLIN },
    TRUE,
  ],
  [
    'already Friday elsewhere',
    { field: 'time.weekday', is: 'friday', time_zone: 'Europe/Berlin' },
    { atMs: NEW_YEAR_BERLIN },
    TRUE,
  ],
];

describe('conditions', () => {
  it.each(ROWS)('%s', (_name, raw, changes, truth) => {
    const facts = someFacts(changes);
    expect(evaluate(raw, facts)).toBe(truth);
    // Negated: the contrary, but never true of what is missing.
    expect(evaluate({ not: raw }, facts)).toBe(truth === MISSING ? MISSING : truth === TRUE ? FALSE : TRUE);
  });

  const T: RawCondition = { field: 'merchant', is: 'acme-eu' };
  const F: RawCondition = { field: 'merchant', is: 'other' };
  const M: RawCondition = { field: 'card.country', is: 'DK' };
  const VALUES: readonly (readonly [RawCondition, Truth])[] = [
    [T, TRUE],
    [F, FALSE],
    [M, MISSING],
  ];

  it('combines three values as Kleene does', () => {
    // FALSE is below MISSING is below TRUE: all is the lower, any the higher of two.
    const order: readonly Truth[] = [FALSE, MISSING, TRUE];
    for (const [left, leftTruth] of VALUES) {
      for (const [right, rightTruth] of VALUES) {
        const ranks = [order.indexOf(leftTruth), order.indexOf(rightTruth)];
        expect(evaluate({ all: [left, right] }, bareFacts())).toBe(order[Math.min(...ranks)]);
        expect(evaluate({ any: [left, right] }, bareFacts())).toBe(order[Math.max(...ranks)]);
      }
    }
  });

  it('never matches on a negated missing field, however deep', () => {
    for (const raw of [{ not: M }, { not: { all: [T, M] } }, { all: [T, { not: { any: [F, M] } }] }]) {
      expect(evaluate(raw, bareFacts())).not.toBe(TRUE);
    }
    expect(evaluate({ not: { all: [F, M] } }, bareFacts())).toBe(TRUE);
  });

  it('reads the clock of a zone through the change from summer time', () => {
    const hour = (atMs: number, is: number) =>
      evaluate({ field: 'time.hour', is, time_zone: 'Europe/Berlin' }, someFacts({ atMs }));
    // 25 October 2026, 01:00 UTC: clocks go from 03:00 back to 02:00 (Directive 2000/84/EC).
    expect(hour(Date.UTC(2026, 9, 25, 0, 59), 2)).toBe(TRUE);
    expect(hour(Date.UTC(2026, 9, 25, 1, 0), 2)).toBe(TRUE);
    expect(hour(Date.UTC(2026, 9, 25, 2, 0), 3)).toBe(TRUE);
  });

  it('gives the same answer for instants in any order', () => {
    const evaluation = compileCondition(read({ field: 'time.hour', is: 10 }));
    const truths = [0, 1, 0, -1, 0].map((hours) =>
      evaluation(someFacts({ atMs: MONDAY_TEN_UTC + hours * 3_600_000 })),
    );
    expect(truths).toEqual([TRUE, FALSE, TRUE, FALSE, TRUE]);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 1e300, -1e300])('is total: the instant %d', (atMs) => {
    expect(evaluate({ field: 'time.hour', is: 10 }, someFacts({ atMs }))).toBe(MISSING);
  });

  it.each(['', 'abc', '4571736012', '4571 73'])('is total: the BIN "%s"', (cardBin) => {
    expect(evaluate({ field: 'card.bin', prefix: '4' }, someFacts({ cardBin }))).toBe(MISSING);
  });
});

const REFUSED: readonly (readonly [string, RawCondition, RegExp])[] = [
  ['nothing', {}, /asks nothing/],
  ['two forms', { all: [{ field: 'merchant', is: 'a' }], field: 'merchant', is: 'b' }, /all and field/],
  ['a stray operator', { any: [{ field: 'merchant', is: 'a' }], is: 'b' }, /is beside any/],
  [
    'an unknown field',
    { field: 'card.contry', is: 'DE' },
    /unknown field "card.contry".*did you mean card.country/,
  ],
  ['no operator', { field: 'card.country' }, /nothing asked/],
  ['two operators', { field: 'card.country', is: 'DE', one_of: ['FR'] }, /is and one_of/],
  ['two lower bounds', { field: 'time.hour', above: 3, at_least: 4 }, /above and at_least/],
  ['an operator of another field', { field: 'card.country', below: '5' }, /below on card.country/],
  ['exists of what is always there', { field: 'merchant', exists: true }, /every request has/],
  ['an unknown country', { field: 'card.country', is: 'de' }, /unknown country "de".*write DE/],
  ['an unknown currency', { field: 'currency', is: 'EUO' }, /unknown currency "EUO"/],
  ['an unknown brand', { field: 'card.brand', is: 'vsa' }, /did you mean visa/],
  ['brand unknown', { field: 'card.brand', is: 'unknown' }, /exists: false/],
  ['an unknown region', { field: 'shopper.region', is: 'eu' }, /"eu" for shopper.region/],
  ['an unknown funding', { field: 'card.funding', is: 'Debit' }, /did you mean debit/],
  ['an unknown weekday', { field: 'time.weekday', is: 'mon' }, /"mon" for time.weekday/],
  ['a number for a word', { field: 'metadata.shop', is: 12 }, /12 for metadata.shop.*"12"/],
  ['a word for yes or no', { field: 'card.prepaid', is: 'yes' }, /true or false/],
  ['an amount without currency', { field: 'amount', below: '5' }, /without currency/],
  [
    'an amount in an unknown currency',
    { field: 'amount', currency: 'EU', below: '5' },
    /unknown currency "EU"/,
  ],
  ['an amount as a number', { field: 'amount', currency: 'EUR', below: 250 }, /250 for amount.*"250"/],
  ['an amount too exact', { field: 'amount', currency: 'JPY', below: '5.5' }, /"5.5" for amount/],
  ['an amount with a comma', { field: 'amount', currency: 'EUR', below: '1,5' }, /"1,5" for amount/],
  ['currency on another field', { field: 'merchant', currency: 'EUR', is: 'a' }, /currency on merchant/],
  ['bounds the wrong way', { field: 'amount', currency: 'EUR', between: ['9', '8'] }, /swap/],
  ['an amount below one cent', { field: 'amount', currency: 'EUR', below: '0.01' }, /no amount/],
  ['hours over midnight', { field: 'time.hour', between: [22, 5] }, /midnight/],
  ['the hour 24', { field: 'time.hour', is: 24 }, /24 for time.hour/],
  ['an unknown time zone', { field: 'time.hour', is: 1, time_zone: 'Europe/Berln' }, /unknown time zone/],
  ['an offset for a time zone', { field: 'time.hour', is: 1, time_zone: '+01:00' }, /unknown time zone/],
  ['a time zone elsewhere', { field: 'merchant', is: 'a', time_zone: 'UTC' }, /time_zone on "merchant"/],
  ['a prefix with letters', { field: 'card.bin', prefix: '45x' }, /"45x" is no BIN prefix/],
  ['a prefix beyond the BIN', { field: 'card.bin', prefix: '457173601' }, /cut it to 8/],
  ['a range of unequal lengths', { field: 'card.bin', prefix: '2221-27209' }, /no BIN prefix/],
  ['a range the wrong way', { field: 'card.bin', prefix: '55-51' }, /no BIN prefix/],
];

describe('conditions that are refused', () => {
  it.each(REFUSED)('%s', (_name, raw, expected) => {
    const problems: RuleProblem[] = [];
    expect(readCondition(raw, ['when'], problems)).toBeNull();
    expect(problems).toHaveLength(1);
    const [problem] = problems;
    expect(`${problem?.what}; ${problem?.expected}; ${problem?.remedy}`).toMatch(expected);
  });

  it('shows all mistakes at once', () => {
    const problems: RuleProblem[] = [];
    readCondition(
      {
        all: [
          { field: 'x', is: 1 },
          { field: 'card.country', one_of: ['de', 'FR', 'xx'] },
        ],
      },
      [],
      problems,
    );
    expect(problems.map((problem) => problem.path.join('.'))).toEqual([
      'all.0.field',
      'all.1.one_of.0',
      'all.1.one_of.2',
    ]);
  });
});
