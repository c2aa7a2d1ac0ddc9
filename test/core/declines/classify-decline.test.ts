import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CARD_BRANDS, type CardBrand } from '../../../src/core/card.ts';
import {
  classifyDecline,
  type DeclineInput,
  type DeclineReading,
  strictness,
} from '../../../src/core/declines/classify-decline.ts';
import {
  DECLINE_CATEGORIES,
  type DeclineCategory,
  type OtherProvider,
} from '../../../src/core/declines/decline.ts';
import {
  type CodeMeaning,
  type DeclineTables,
  type ProviderTable,
  visaCategoryOf,
} from '../../../src/core/declines/decline-tables.ts';
import { shippedDeclineTables } from '../../support/decline-tables.ts';

const tables = await shippedDeclineTables();

const NOW = Date.parse('2026-11-23T10:00:00.000Z');
const PLAIN: DeclineInput = {
  provider: 'sandbox',
  code: 'issuer_05',
  networkCode: '05',
  advice: null,
  brand: 'visa',
  scaRegion: false,
  threeDsPresent: false,
  nowMs: NOW,
};

function read(changes: Partial<DeclineInput>): DeclineReading {
  return classifyDecline(tables, { ...PLAIN, ...changes });
}

function network(networkCode: string, brand: CardBrand, changes: Partial<DeclineInput> = {}): DeclineReading {
  return read({ code: `issuer_${networkCode}`, networkCode, brand, ...changes });
}

/** Category and word on other providers, or the kind of what is no decline. */
function brief(reading: DeclineReading): string {
  return reading.kind === 'declined'
    ? `${reading.decline.category} ${reading.decline.otherProvider}`
    : reading.kind;
}

type Expected = `${DeclineCategory} ${OtherProvider}` | 'authentication_required' | 'pending' | 'ambiguous';
/** Brands whose DE39 has no rows of its own stand for one another. */
const OTHERS = ['amex', 'jcb', 'unionpay', 'elo', 'mir', 'troy'] as const;
const ALL = ['visa', 'mastercard', ...OTHERS] as const;

/** Payments reference, table 1.5: DE39, the brands it is read for, what it means there. */
const TABLE: readonly (readonly [string, readonly CardBrand[], Expected])[] = [
  ['01 02', ALL, 'soft_decline_issuer no'],
  ['03', ALL, 'config yes_once'],
  ['04 07 33 34 35 36 37 38 41 43', ALL, 'hard_decline_issuer never'],
  ['05', ALL, 'soft_decline_issuer yes_once'],
  ['06 20 22 30 96', ALL, 'provider_technical yes_once'],
  ['09', ALL, 'pending'],
  ['21', ALL, 'provider_technical yes_once'],
  ['12', ['visa'], 'hard_decline_issuer never'],
  ['12', ['mastercard', ...OTHERS], 'hard_decline_issuer no'],
  ['13 Z5', ALL, 'invalid_data no'],
  ['14 15 46 56', ALL, 'hard_decline_issuer never'],
  ['19', ALL, 'provider_technical yes_once'],
  ['28 31 92', ALL, 'provider_technical yes_once'],
  ['39 52 53', ALL, 'hard_decline_issuer no'],
  ['51', ALL, 'soft_decline_issuer no'],
  ['54', ALL, 'invalid_data no'],
  ['55 75 86', ALL, 'invalid_data no'],
  ['57', ['visa'], 'hard_decline_issuer never'],
  ['57', ['mastercard', ...OTHERS], 'hard_decline_issuer no'],
  ['58', ALL, 'config yes_once'],
  ['59 63', ALL, 'fraud_issuer no'],
  ['61 65', ALL, 'soft_decline_issuer no'],
  ['62 5C', ALL, 'soft_decline_issuer yes_once'],
  ['68', ALL, 'ambiguous'],
  ['78 9G', ALL, 'soft_decline_issuer no'],
  ['91', ALL, 'issuer_unavailable yes_once'],
  ['93', ALL, 'hard_decline_issuer no'],
  ['94', ALL, 'duplicate_suspected no'],
  ['N7 6P', ALL, 'invalid_data no'],
  ['R0 R1 R3', ['mastercard', ...OTHERS], 'cancelled_by_customer never'],
  // Visa category 1 says the same more strongly: the issuer will never approve.
  ['R0 R1 R3', ['visa'], 'hard_decline_issuer never'],
  ['82', ['visa'], 'invalid_data no'],
  ['82', ['mastercard'], 'hard_decline_issuer no'],
  ['82', ['amex', 'jcb'], 'unmapped no'],
  ['83', ['visa', 'mastercard'], 'fraud_issuer no'],
  ['83', ['amex', 'jcb'], 'unmapped no'],
  ['79', ['mastercard'], 'hard_decline_issuer no'],
  ['1A', ['visa', 'amex'], 'authentication_required'],
  ['1A', ['mastercard', 'jcb'], 'unmapped no'],
  ['70', ['visa'], 'authentication_required'],
  ['70', ['mastercard'], 'soft_decline_issuer no'],
  ['130', ['amex'], 'authentication_required'],
  ['130', ['visa', 'mastercard'], 'unmapped no'],
  ['103', ['diners'], 'authentication_required'],
  ['103', ['visa', 'mastercard'], 'unmapped no'],
  ['ZZ', ALL, 'unmapped no'],
];
const ROWS = TABLE.flatMap(([codes, brands, expected]) =>
  codes.split(' ').flatMap((code) => brands.map((brand) => [code, brand, expected] as const)),
);

describe('DE39', () => {
  it.each(ROWS)('%s of %s is %s', (code, brand, expected) => {
    expect(brief(network(code, brand))).toBe(expected);
  });

  it('is never read without its brand', () => {
    for (const code of tables.network.keys()) {
      expect(brief(network(code, 'unknown'))).toBe('unmapped no');
    }
  });

  it('65 is three things: Mastercard under SCA, elsewhere, and Visa', () => {
    expect(brief(network('65', 'mastercard', { scaRegion: true }))).toBe('authentication_required');
    expect(brief(network('65', 'mastercard', { scaRegion: false }))).toBe('soft_decline_issuer no');
    expect(brief(network('65', 'visa', { scaRegion: true }))).toBe('soft_decline_issuer no');
  });

  it('does not ask for an authentication that was given', () => {
    for (const [code, brand] of [
      ['65', 'mastercard'],
      ['1A', 'visa'],
      ['70', 'visa'],
      ['130', 'amex'],
      ['103', 'diners'],
    ] as const) {
      const reading = network(code, brand, { scaRegion: true, threeDsPresent: true });
      expect(brief(reading)).toBe('soft_decline_issuer no');
    }
  });

  it('gives Visa codes their category, and only those', () => {
    expect(['57', '51', '54', '05'].map((code) => visaCategoryOf(tables, code, 'visa'))).toEqual([
      1, 2, 3, 4,
    ]);
    expect(visaCategoryOf(tables, '57', 'mastercard')).toBeNull();
  });
});

describe('other voices', () => {
  it('reads a code that no table knows as unmapped, and never fails over', () => {
    expect(brief(read({ code: 'ZZ', networkCode: null }))).toBe('unmapped no');
    expect(brief(read({ code: 'who_knows' }))).toBe('unmapped no');
    expect(brief(read({ provider: 'nobody', code: 'issuer_05' }))).toBe('unmapped no');
    expect(brief(read({ advice: '99' }))).toBe('unmapped no');
  });

  it('stops for ever at a Visa category 1 that a provider calls soft', () => {
    expect(brief(read({ provider: 'checkout', code: '20057', networkCode: null }))).toBe(
      'hard_decline_issuer never',
    );
    expect(brief(read({ provider: 'checkout', code: '20005', networkCode: '57' }))).toBe(
      'hard_decline_issuer never',
    );
    expect(brief(read({ visaCategory: 1 }))).toBe('hard_decline_issuer never');
    expect(brief(read({ visaCategory: 4 }))).toBe('soft_decline_issuer yes_once');
  });

  it.each([
    ['24', 1],
    ['25', 24],
    ['26', 48],
    ['27', 96],
    ['28', 144],
    ['29', 192],
    ['30', 240],
  ])('waits at MAC %s for %d hours, at every provider', (advice, hours) => {
    const reading = read({ brand: 'mastercard', advice });
    expect(reading).toMatchObject({
      kind: 'declined',
      decline: {
        otherProvider: 'no',
        advice,
        retryNotBefore: new Date(NOW + hours * 3_600_000).toISOString(),
      },
    });
  });

  it.each(['03', '21'])('never tries again at MAC %s', (advice) => {
    for (const code of ['05', '51', '91', '65']) {
      const reading = network(code, 'mastercard', { advice, scaRegion: true });
      expect(reading).toMatchObject({ kind: 'declined', decline: { otherProvider: 'never' } });
    }
  });

  it.each(['22', '40', '41', '42', '43'])('takes MAC %s as information', (advice) => {
    expect(brief(read({ brand: 'mastercard', advice }))).toBe('soft_decline_issuer yes_once');
  });

  it('reads an advice as the provider means it, never as a MAC by chance', () => {
    const stripe = { provider: 'stripe', code: 'do_not_honor', networkCode: null };
    expect(brief(read({ ...stripe, advice: 'do_not_try_again' }))).toBe('hard_decline_issuer never');
    expect(brief(read({ ...stripe, advice: 'try_again_later' }))).toBe('soft_decline_issuer no');
    expect(brief(read({ ...stripe, advice: '03' }))).toBe('unmapped no');
    expect(brief(read({ ...stripe, merchantAdviceCode: '03' }))).toBe('hard_decline_issuer never');
    expect(brief(read({ provider: 'checkout', code: '20005', networkCode: null, advice: '03' }))).toBe(
      'hard_decline_issuer never',
    );
  });

  it.each<[string, Partial<DeclineInput>]>([
    ['said by the provider', { afterApproval: true }],
    ['shown by an approving DE39', { networkCode: '00' }],
    [
      'shown by an approving DE39 behind a known code',
      { provider: 'stripe', code: 'do_not_honor', networkCode: '00' },
    ],
    ['Stripe', { provider: 'stripe', code: 'reversed_after_approval', networkCode: null }],
    ['Adyen 22', { provider: 'adyen', code: '22', networkCode: null }],
    ['the sandbox', { code: 'declined_after_approval', networkCode: null }],
  ])('keeps a hidden approval to itself: %s', (_, changes) => {
    expect(read(changes)).toMatchObject({
      kind: 'declined',
      decline: { mayHideApproval: true, otherProvider: 'no' },
    });
  });

  it('calls what may still be approved by its name, whatever else is said', () => {
    expect(brief(network('68', 'mastercard', { advice: '03' }))).toBe('ambiguous');
    expect(brief(read({ provider: 'checkout', code: '20068', networkCode: '05' }))).toBe('ambiguous');
    expect(brief(read({ provider: 'checkout', code: '20118', networkCode: '41' }))).toBe('pending');
    expect(brief(read({ provider: 'adyen', code: '21', networkCode: null }))).toBe('not_processed');
  });
});

/** What a network's row, a provider's code and its advice say when each says one thing only. */
function twoVoices(ofProvider: CodeMeaning, ofNetwork: CodeMeaning): DeclineTables {
  const provider: ProviderTable = {
    codes: new Map([['own', ofProvider]]),
    prefixes: [],
    advice: new Map(),
    adviceIsNetworks: true,
  };
  const row = { code: 'N', brands: null, scaRegion: null, threeDs: null, meaning: ofNetwork };
  return { ...tables, network: new Map([['N', [row]]]), providers: new Map([['mine', provider]]) };
}

function heard(ofProvider: CodeMeaning, ofNetwork: CodeMeaning): DeclineReading {
  return classifyDecline(twoVoices(ofProvider, ofNetwork), {
    ...PLAIN,
    provider: 'mine',
    code: 'own',
    networkCode: 'N',
  });
}

const no = (category: DeclineCategory, hidesApproval = false): CodeMeaning => ({
  kind: 'declined',
  category,
  otherProvider: 'no',
  hidesApproval,
});
const SEE_NETWORK: CodeMeaning = { kind: 'see_network' };
const AMBIGUOUS: CodeMeaning = { kind: 'ambiguous' };
const PENDING: CodeMeaning = { kind: 'pending' };
const AUTHENTICATE: CodeMeaning = { kind: 'authentication_required' };
const NOT_PROCESSED: CodeMeaning = { kind: 'not_processed', reason: 'transient' };
const NOT_CONFIGURED: CodeMeaning = { kind: 'not_processed', reason: 'configuration' };

describe('two voices', () => {
  it.each<[CodeMeaning, CodeMeaning]>([
    [AMBIGUOUS, PENDING],
    [AMBIGUOUS, no('fraud_issuer')],
    [PENDING, no('fraud_issuer')],
    [no('config'), AUTHENTICATE],
    [AUTHENTICATE, { kind: 'declined', category: 'config', otherProvider: 'yes_once', hidesApproval: false }],
    [AUTHENTICATE, NOT_PROCESSED],
  ])('%o is heard above %o, whoever says it', (louder, other) => {
    expect(heard(louder, other).kind).toBe(louder.kind);
    expect(heard(other, louder)).toEqual(heard(louder, other));
  });

  it.each<[CodeMeaning, object]>([
    [AMBIGUOUS, { kind: 'ambiguous' }],
    [PENDING, { kind: 'pending' }],
    [AUTHENTICATE, { kind: 'authentication_required' }],
    [NOT_PROCESSED, { kind: 'not_processed', reason: 'transient' }],
    [NOT_CONFIGURED, { kind: 'not_processed', reason: 'configuration' }],
    [no('config'), { kind: 'declined', decline: { category: 'config' } }],
  ])("leave the word to the network where the provider's code only points there: %o", (meaning, expected) => {
    expect(heard(SEE_NETWORK, meaning)).toMatchObject(expected);
  });

  it("that say the same leave the provider's own reason standing", () => {
    expect(heard(NOT_CONFIGURED, NOT_PROCESSED)).toMatchObject({ reason: 'configuration' });
    expect(heard(NOT_PROCESSED, NOT_CONFIGURED)).toMatchObject({ reason: 'transient' });
  });

  /** What must not be shown, then what is worth knowing. */
  const telling: readonly DeclineCategory[] = [
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

  it('that are as strict give the category that tells most', () => {
    expect(telling.toSorted()).toEqual(DECLINE_CATEGORIES.toSorted());
    for (const [at, more] of telling.entries()) {
      for (const less of telling.slice(at)) {
        expect(heard(no(more), no(less))).toMatchObject({ decline: { category: more } });
        expect(heard(no(less), no(more))).toMatchObject({ decline: { category: more } });
      }
    }
  });

  it('hide an approval when one of them does', () => {
    const hidden = (one: boolean, other: boolean) => heard(no('config', one), no('config', other));
    expect(hidden(false, false)).toMatchObject({ decline: { mayHideApproval: false } });
    expect(hidden(true, false)).toMatchObject({ decline: { mayHideApproval: true } });
    expect(hidden(false, true)).toMatchObject({ decline: { mayHideApproval: true } });
    expect(heard(NOT_PROCESSED, no('config'))).toMatchObject({ decline: { mayHideApproval: false } });
  });

  it('of which the provider calls an approval a decline are nothing certain', () => {
    expect(heard({ kind: 'approved' }, no('fraud_issuer'))).toEqual({ kind: 'ambiguous', code: 'own' });
  });

  it('of which one is of a kind that there is not are a bug of ours', () => {
    const strange = { kind: 'settled' } as never;
    expect(() => heard(strange, no('config'))).toThrow('unreachable case');
    const alone = { ...PLAIN, provider: 'mine', code: 'own', networkCode: null };
    expect(() => classifyDecline(twoVoices(strange, PENDING), alone)).toThrow('unreachable case');
  });
});

describe('a decline in full', () => {
  const plain = {
    category: 'unmapped',
    code: 'issuer_05',
    networkCode: null,
    advice: null,
    retryNotBefore: null,
    otherProvider: 'no',
    mayHideApproval: false,
  };

  it.each<[string, Partial<DeclineInput>, object]>([
    ['that points to a silent network', { networkCode: null }, {}],
    [
      'that points to an approval of the network',
      { networkCode: '00' },
      { networkCode: '00', mayHideApproval: true },
    ],
    ['of a provider that nobody knows', { provider: 'nobody', networkCode: null }, {}],
    ['with a DE39 that nobody knows', { networkCode: 'ZZ' }, { networkCode: 'ZZ' }],
    [
      'with a merchant advice code that nobody knows',
      { advice: '99', networkCode: '51' },
      { advice: '99', networkCode: '51' },
    ],
    [
      'of the issuer',
      { networkCode: '05' },
      { networkCode: '05', category: 'soft_decline_issuer', otherProvider: 'yes_once' },
    ],
    [
      'of Visa category 1',
      { networkCode: '57' },
      { networkCode: '57', category: 'hard_decline_issuer', otherProvider: 'never' },
    ],
    [
      'with two advices, of which the network waits longer',
      { advice: '24', merchantAdviceCode: '26', networkCode: '05' },
      {
        networkCode: '05',
        advice: '26',
        category: 'soft_decline_issuer',
        retryNotBefore: '2026-11-25T10:00:00.000Z',
      },
    ],
    [
      'with two advices, of which the provider waits longer',
      { advice: '26', merchantAdviceCode: '24', networkCode: '05' },
      {
        networkCode: '05',
        advice: '24',
        category: 'soft_decline_issuer',
        retryNotBefore: '2026-11-25T10:00:00.000Z',
      },
    ],
  ])('%s', (_, changes, expected) => {
    expect(read(changes)).toEqual({ kind: 'declined', decline: { ...plain, ...expected } });
  });
});

describe('strictness', () => {
  it('orders the meanings, no two alike', () => {
    const by = (otherProvider: OtherProvider): CodeMeaning => ({
      kind: 'declined',
      category: 'config',
      otherProvider,
      hidesApproval: false,
    });
    const strictestFirst: readonly CodeMeaning[] = [
      AMBIGUOUS,
      PENDING,
      { kind: 'approved' },
      by('never'),
      by('no'),
      AUTHENTICATE,
      by('yes_once'),
      NOT_PROCESSED,
      SEE_NETWORK,
    ];
    const levels = strictestFirst.map(strictness);
    expect(levels).toEqual([...new Set(levels)].toSorted((left, right) => right - left));
    expect(levels).toHaveLength(9);
  });

  const readings: readonly DeclineReading['kind'][] = [
    'not_processed',
    'authentication_required',
    'pending',
    'ambiguous',
  ];

  function strictnessOf(reading: DeclineReading): number {
    if (reading.kind !== 'declined') {
      expect(readings).toContain(reading.kind);
      return strictness(reading.kind === 'not_processed' ? reading : { kind: reading.kind });
    }
    const { category, otherProvider, mayHideApproval } = reading.decline;
    return strictness({ kind: 'declined', category, otherProvider, hidesApproval: mayHideApproval });
  }

  const providerCodes = [...tables.providers].flatMap(([provider, table]) =>
    [...table.codes.keys(), ...table.prefixes.map(([prefix]) => `${prefix}05`), 'who_knows'].map((code) => ({
      provider,
      code,
    })),
  );
  const advices = [
    null,
    '99',
    ...tables.merchantAdvice.keys(),
    ...[...tables.providers.values()].flatMap((table) => [...table.advice.keys()]),
  ];
  const inputs = fc.record({
    of: fc.constantFrom(...providerCodes),
    networkCode: fc.constantFrom(null, 'ZZ', ...tables.network.keys()),
    advice: fc.constantFrom(...advices),
    merchantAdviceCode: fc.constantFrom(null, '99', ...tables.merchantAdvice.keys()),
    visaCategory: fc.constantFrom(null, 1 as const, 2 as const, 3 as const, 4 as const),
    brand: fc.constantFrom(...CARD_BRANDS),
    scaRegion: fc.boolean(),
    threeDsPresent: fc.boolean(),
    afterApproval: fc.boolean(),
  });

  it('of all voices together is never less than of any one of them', () => {
    // A code that says nothing by itself leaves the word to the one voice under test.
    const silent: ReadonlyMap<string, CodeMeaning> = new Map([
      ['silent', { kind: 'not_processed', reason: 'transient' }],
    ]);
    const providers = new Map(
      [...tables.providers].map(([name, table]) => [
        name,
        { ...table, codes: new Map([...table.codes, ...silent]) },
      ]),
    );
    const withSilent = { ...tables, providers };
    fc.assert(
      fc.property(inputs, ({ of, ...rest }) => {
        const all = strictnessOf(classifyDecline(withSilent, { ...rest, ...of, nowMs: NOW }));
        const nothing = {
          networkCode: null,
          advice: null,
          merchantAdviceCode: null,
          visaCategory: null,
          afterApproval: false,
        };
        const alone = (voice: Partial<DeclineInput>) =>
          strictnessOf(
            classifyDecline(withSilent, { ...rest, ...nothing, ...of, code: 'silent', nowMs: NOW, ...voice }),
          );
        expect(all).toBeGreaterThanOrEqual(alone({ networkCode: rest.networkCode }));
        expect(all).toBeGreaterThanOrEqual(alone({ advice: rest.advice }));
        expect(all).toBeGreaterThanOrEqual(alone({ merchantAdviceCode: rest.merchantAdviceCode }));
        expect(all).toBeGreaterThanOrEqual(alone({ visaCategory: rest.visaCategory }));
        expect(all).toBeGreaterThanOrEqual(alone({ afterApproval: rest.afterApproval }));
        const code = tables.providers.get(of.provider)?.codes.get(of.code);
        if (code !== undefined) expect(all).toBeGreaterThanOrEqual(strictness(code));
      }),
      { numRuns: 3_000 },
    );
  });

  it('fails over only from categories that may', () => {
    fc.assert(
      fc.property(inputs, ({ of, ...rest }) => {
        const reading = classifyDecline(tables, { ...rest, ...of, nowMs: NOW });
        if (reading.kind !== 'declined' || reading.decline.otherProvider !== 'yes_once') return;
        expect(reading.decline.mayHideApproval).toBe(false);
        expect(reading.decline.retryNotBefore).toBeNull();
        expect(rest.brand === 'unknown' && rest.networkCode !== null).toBe(false);
        expect(['soft_decline_issuer', 'config', 'provider_technical', 'issuer_unavailable']).toContain(
          reading.decline.category,
        );
      }),
      { numRuns: 3_000 },
    );
  });
});
