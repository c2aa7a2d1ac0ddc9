import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findCardNumber, findCardNumberInJson, scrub } from '../../../src/core/cards/card-number.ts';
import { passesLuhn } from '../../../src/core/cards/digit-scan.ts';

const VISA = '4111111111111111';

/** Prefixes and lengths as schemes publish them, written down apart from the table under test. */
const SCHEMES: readonly (readonly [string, readonly number[]])[] = [
  ['4', [13, 16, 19]],
  ['51', [16]],
  ['55', [16]],
  ['2221', [16]],
  ['2720', [16]],
  ['34', [15]],
  ['37', [15]],
  ['6011', [16, 19]],
  ['644', [16]],
  ['65', [16]],
  ['300', [14, 16]],
  ['3095', [14]],
  ['36', [14, 19]],
  ['38', [16]],
  ['3528', [16, 19]],
  ['3589', [16]],
  ['1800', [15]],
  ['2131', [15]],
  ['62', [16, 17, 18, 19]],
  ['81', [16]],
  ['5018', [12, 13, 16, 19]],
  ['6304', [12, 15, 18]],
  ['6759', [16, 18, 19]],
  ['2200', [16, 19]],
  ['9792', [16]],
  ['606282', [16]],
  ['637095', [16]],
  ['5067', [16]],
  ['5019', [16]],
];

function withCheckDigit(body: string): string {
  for (let digit = 0; digit < 10; digit += 1) if (passesLuhn(body + digit)) return body + digit;
  throw new Error('one of ten check digits must fit');
}

const cardNumbers = fc
  .constantFrom(...SCHEMES.flatMap(([prefix, lengths]) => lengths.map((length) => [prefix, length] as const)))
  .chain(([prefix, length]) => {
    const rest = length - prefix.length - 1;
    return fc
      .string({ unit: fc.constantFrom(...'0123456789'), minLength: rest, maxLength: rest })
      .map((middle) => withCheckDigit(prefix + middle));
  });
const separators = fc.constantFrom(
  '',
  '',
  ' ',
  '-',
  '  ',
  ' - ',
  '\u00a0',
  '\u2011',
  '\u2013',
  '\u2212',
  '\u200b',
  '\t',
);
/** A card number with separators anywhere. */
const written = cardNumbers.chain((number) =>
  fc
    .array(separators, { minLength: number.length - 1, maxLength: number.length - 1 })
    .map((between) => [...number].map((digit, index) => digit + (between[index] ?? '')).join('')),
);
const words = fc.string({ unit: fc.constantFrom(...'abcxyz .,:;/?!äß€'), maxLength: 12 });

describe('findCardNumber', () => {
  it('finds the numbers of all schemes, however they are written, in any text', () => {
    fc.assert(
      fc.property(words, written, words, (before, number, after) => {
        const hit = findCardNumber(`${before}:${number}.${after}`);
        expect(hit).not.toBeNull();
      }),
      { numRuns: 1_000 },
    );
  });

  it('finds printed groups with any one punctuation mark between them', () => {
    const mark = fc.constantFrom('.', '/', '_', ',', '·');
    fc.assert(
      fc.property(cardNumbers, mark, words, (number, between, before) => {
        fc.pre(number.length > 13);
        const groups = number.length < 16 ? /^(\d{4})(\d{6})(\d+)$/ : /^(\d{4})(\d{4})(\d{4})(\d{4})(\d*)$/;
        const text = (groups.exec(number) ?? [])
          .slice(1)
          .filter((group) => group !== '')
          .join(between);
        expect(findCardNumber(`${before}:${text}.${before}`)).not.toBeNull();
      }),
      { numRuns: 300 },
    );
  });

  it('finds them beside other groups of digits', () => {
    fc.assert(
      fc.property(cardNumbers, fc.nat(9_999), fc.nat(99), (number, before, after) => {
        expect(findCardNumber(`${before} ${number} ${after}`)).not.toBeNull();
        expect(findCardNumber(`0000${number}`)).not.toBeNull();
      }),
      { numRuns: 300 },
    );
  });

  it('finds nothing where there are fewer than twelve digits', () => {
    const few = fc
      .array(fc.oneof(fc.constantFrom(...'0123456789'), words), { maxLength: 30 })
      .map((parts) => parts.join(' '))
      .filter((text) => (text.match(/\d/g) ?? []).length < 12);
    fc.assert(
      fc.property(few, (text) => {
        expect(findCardNumber(text)).toBeNull();
      }),
    );
  });

  it('never lets a wrong check digit through as a card number', () => {
    fc.assert(
      fc.property(cardNumbers, fc.integer({ min: 1, max: 9 }), (number, add) => {
        const wrong = number.slice(0, -1) + ((Number(number.at(-1)) + add) % 10);
        expect(findCardNumber(`x${wrong}x`)).toBeNull();
      }),
    );
  });

  it.each([
    ['grouped', '4111 1111 1111 1111'],
    ['with dashes', '4111-1111-1111-1111'],
    ['within words', 'order4111111111111111x'],
    ['between other groups', 'ref 12 4111 1111 1111 1111 12/29'],
    ['padded', '0000004111111111111111'],
    ['full width', '４１１１１１１１１１１１１１１１'],
    ['Arabic digits', '٤١١١١١١١١١١١١١١١'],
    ['mathematical digits', '𝟒𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏'],
    ['superscripts', '⁴¹¹¹¹¹¹¹¹¹¹¹¹¹¹¹'],
    ['over lines', '4111\n1111\r\n1111\n1111'],
    ['track data', ';4111111111111111=29121010000000000000?'],
    ['long Visa', '4000000000000000006'],
    ['after a plus sign', '+4111111111111111'],
    ['with full stops', '4111.1111.1111.1111'],
    ['with slashes', '4111/1111/1111/1111'],
    ['with underscores', '4111_1111_1111_1111'],
    ['with commas', '4111,1111,1111,1111'],
    ['with middle dots', '4111·1111·1111·1111'],
    ['with full-width full stops', '４１１１．１１１１．１１１１．１１１１'],
    ['with colons', '4111:1111:1111:1111'],
    ['with bars', '4111|1111|1111|1111'],
    ['with stars', '4111*1111*1111*1111'],
    ['with brackets', '(4111)(1111)(1111)(1111)'],
    ['with quotes', "'4111'1111'1111'1111'"],
    ['with two full stops', '4111..1111..1111..1111'],
    ['with this and that', '4111.1111-1111 1111'],
    ['with full stops, between other groups', 'order 7.4111.1111.1111.1111/12/29'],
    ['with full stops, within words', 'r-4111.1111.1111.1111.'],
    ['of 19 digits with full stops', '4000.0000.0000.0000.006'],
    ['of American Express', '3782 822463 10005'],
    ['of American Express with full stops', '3782.822463.10005'],
    ['of American Express with slashes', 'x3782/822463/10005x'],
    ['of Diners with commas', '3056,930902,5904'],
    ['of track 1', '%B4111111111111111^DOE/JOHN^29121010000000000000?'],
    ['of track 2 with D', '4111111111111111D29121010000012300000'],
    ['of track 2 with d', '4111111111111111d2912101'],
    ['of track 2 with D in as many characters as a digest', '4111111111111111D29121010000012300000000'],
  ])('finds a number %s', (_, text) => {
    expect(findCardNumber(text)).not.toBeNull();
  });

  it.each([
    ['a payment account reference', 'V0010013022298169667504231315'],
    ['milliseconds', '1764000000000'],
    ['microseconds', '1764000000000000'],
    ['nanoseconds', '1764000000000000000'],
    ['a UUID', '550e8400-e29b-41d4-a716-676771234564'],
    ['an object id', '507f1f676771234564bce86c'],
    ['a telephone number', '+49 170 1234567'],
    ['a telephone number that passes', '+6011 2345 6782'],
    ['a date and time', '2026-11-23 10:00:00.000'],
    ['the middle of a long id', '98765411111111111111110123456'],
    ['a number of no scheme', '9999999999999995'],
    ['a wrong length for its scheme', '411111111111116'],
    ['an IP address', '192.168.100.200'],
    ['IP addresses', '4.111.111.111,111.111.111.1'],
    ['an amount with thousands', '4,111,111,111,111,111'],
    ['an amount with thousands and cents', '4.111.111.111.111,11'],
    ['an amount', '41111111111111.11'],
    ['a date and time in full', '2026-11-23T10:00:00.000000+01:00'],
    ['a date and time with full stops', '2026.11.23 10.00.00,000'],
    ['a date and time as groups of four', '2026.1123.1000.0009'],
    ['dates with slashes', '12/29/2026,12/30/2026'],
    ['a network address of a device', '5018.0000.0009'],
    ['a number of a version', '4111.1111.1111.111'],
    ['other groups', '41111.1111.111.1111'],
    ['groups of four glued to more', '4111.1111.1111.11111'],
    ['a list', '4111, 1111, 1111, 1111'],
    ['groups with a wrong check digit', '4111.1111.1111.1112'],
    ['groups of no scheme', '9999.9999.9999.9995'],
    ['UUIDs', '550e8400-e29b-41d4-a716-676771234564_550e8400-e29b-41d4-a716-676771234564'],
    ['a path', '/v1/authorizations/2026/1128/4111'],
  ])('takes %s for what it is', (_, text) => {
    expect(findCardNumber(text)).toBeNull();
  });

  it('finds the card itself by its BIN, within longer runs and in opaque ids too', () => {
    const glued = '987654111111111111111012345';
    expect(findCardNumber('98765411111111111111110123456', { bin: '411111' })).toEqual({ start: 5, end: 21 });
    expect(findCardNumber(glued, { bin: '555555' })).toBeNull();
    expect(findCardNumber(VISA, { bin: '41111111', opaque: true })).toEqual({ start: 0, end: 16 });
    expect(findCardNumber(VISA, { bin: '555555', opaque: true })).toBeNull();
    expect(findCardNumber(VISA, { opaque: true })).toBeNull();
    expect(findCardNumber('4111111111111112', { bin: '411111', opaque: true })).toBeNull();
    expect(findCardNumber('id_4111.1111.1111.1111', { bin: '411111', opaque: true })).not.toBeNull();
    expect(findCardNumber('id_4111.1111.1111.1111', { bin: '555555', opaque: true })).toBeNull();
  });
});

describe('findCardNumberInJson', () => {
  const body = {
    reference: 'order-7781',
    amount: { value: 4999, currency: 'EUR' },
    card: {
      bin: '45717360',
      last4: '0007',
      tokens: { 'sandbox-a': 'tok_visa', adyen: '8415' },
      account_reference: 'V0010013022298169667504231315',
    },
    network_transaction: { id: '016153570198200', network: 'visa', date: '2026-11-23' },
    metadata: { channel: 'web', at: 1_764_000_000_000, big: 123_456 },
  };

  it('lets the example through', () => {
    expect(findCardNumberInJson(body)).toBeNull();
  });

  it.each<[string, unknown, string]>([
    ['a string', { metadata: { note: `call ${VISA}` } }, 'metadata.note'],
    ['a list', { items: ['x', { a: [1, VISA] }] }, 'items[1].a[1]'],
    ['a number', { metadata: { card: 4_111_111_111_111_111 } }, 'metadata.card'],
    ['a number beyond 2^53', { a: Number('6011000990139424123') }, 'a'],
    ['a negative number', { a: -4_111_111_111_111_111 }, 'a'],
    ['the name of a member', { metadata: { [VISA]: 'x' } }, 'a member name of metadata'],
    ['the name of a top member', { [VISA]: 'x' }, 'a member name'],
    ['the BIN itself', { card: { bin: VISA } }, 'card.bin'],
    ['a text', VISA, 'body'],
    ['a list at the top', [VISA], '[0]'],
  ])('finds one in %s, and tells the path without it', (_, value, path) => {
    expect(findCardNumberInJson(value)).toBe(path);
  });

  it('refuses tokens and network ids only where they begin with the BIN', () => {
    const tokens = (token: string, bin: string | null) => ({ card: { bin, tokens: { stripe: token } } });
    expect(findCardNumberInJson(tokens(VISA, '555555'))).toBeNull();
    expect(findCardNumberInJson(tokens(VISA, '411111'))).toBe('card.tokens.stripe');
    expect(findCardNumberInJson({ card: { bin: '411111' }, network_transaction: { id: VISA } })).toBe(
      'network_transaction.id',
    );
    expect(findCardNumberInJson({ card: { bin: '555555' }, network_transaction: { id: VISA } })).toBeNull();
    // Without a BIN there is nothing to begin with: a token that is a card number and nothing else is refused.
    expect(findCardNumberInJson({ card: { token: VISA } })).toBe('card.token');
    expect(findCardNumberInJson({ card: { token: `tok_${VISA}` } })).toBeNull();
  });

  it('takes amounts of twelve digits for amounts', () => {
    expect(findCardNumber('501800000009')).not.toBeNull();
    expect(findCardNumberInJson({ amount: { value: 501_800_000_009 } })).toBeNull();
  });

  it('reads values nested too deep for recursion', () => {
    let deep: unknown = VISA;
    for (let level = 0; level < 50_000; level += 1) deep = [deep];
    expect(findCardNumberInJson(deep)).toBe('[0]'.repeat(50_000));
  });

  it.each([
    ['zeros', '0'.repeat(65_000)],
    ['zeros apart', '0 '.repeat(32_500)],
    ['digits of another script', '٤'.repeat(32_000)],
    ['numbers with a wrong check digit', '4111111111111112-'.repeat(3_800)],
    ['groups with a wrong check digit', '4111.1111.1111.1112.'.repeat(3_250)],
    ['punctuation', '4.'.repeat(32_500)],
  ])('reads the largest body of %s without holding up the payments beside it', (_, text) => {
    const startedMs = performance.now();
    expect(findCardNumberInJson({ metadata: { note: text }, card: { bin: '457173' } })).toBeNull();
    expect(performance.now() - startedMs).toBeLessThan(1_000);
  });

  it('does not trip over members named like those of objects', () => {
    expect(findCardNumberInJson(JSON.parse('{"__proto__":{"constructor":"x"},"toString":"y"}'))).toBeNull();
  });
});

describe('scrub', () => {
  it('removes every number and leaves the rest', () => {
    expect(scrub(`Card ${VISA} declined, not 4111 1111-1111 1111.`)).toBe(
      'Card [card number removed] declined, not [card number removed].',
    );
    expect(scrub('Card 4111.1111.1111.1111, expiry 12/29')).toBe('Card [card number removed], expiry 12/29');
    expect(scrub('nothing here')).toBe('nothing here');
  });

  it('cuts within long runs of digits as well', () => {
    expect(scrub('41111111111111111234567890')).not.toContain(VISA);
  });

  it('leaves nothing that the search would find', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            written,
            words,
            fc.stringMatching(/^(\d{4}[.,/ ]){0,8}\d{0,6}$/),
            fc.stringMatching(/^\d{0,24}$/),
          ),
          { maxLength: 5 },
        ),
        (parts) => {
          expect(findCardNumber(scrub(parts.join('|')))).toBeNull();
        },
      ),
      { numRuns: 300 },
    );
  });
});
