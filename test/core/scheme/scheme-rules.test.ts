import { describe, expect, it } from 'vitest';
import { loadSchemeRules } from '../../../src/config/scheme-limits.ts';
import { CARD_BRANDS } from '../../../src/core/card.ts';
import {
  cardBlock,
  countsAsReattempt,
  limitsInForce,
  type SchemeLimit,
} from '../../../src/core/scheme/scheme-rules.ts';
import { SAMPLE_OUTCOMES, type SampleOutcome, sampleDecline } from '../../support/sample-outcomes.ts';

const HOUR_MS = 3_600_000;
const NOW = Date.UTC(2026, 10, 23, 10);
const reading = await loadSchemeRules(null);
if (reading.kind === 'refused') throw new Error('the shipped limits are refused');
const SHIPPED = reading.rules;

const limit = (over: Partial<SchemeLimit>): SchemeLimit => ({
  name: 'l',
  brands: new Set(['visa']),
  fromMs: 0,
  windowMs: HOUR_MS,
  max: 10,
  sameAmount: false,
  source: 'test',
  ...over,
});
const rulesOf = (...limits: SchemeLimit[]) => ({ limits, hardDeclineBlockMs: 30 * 24 * HOUR_MS });

const VISA = { name: 'visa-30-days', windowMs: 720 * HOUR_MS, max: 15, sameAmount: false };
const MASTERCARD = [
  { name: 'mastercard-24-hours', windowMs: 24 * HOUR_MS, max: 9, sameAmount: false },
  { name: 'mastercard-30-days-same-amount', windowMs: 720 * HOUR_MS, max: 34, sameAmount: true },
];

describe('ceilings in force', () => {
  it('Visa keeps its own, Mastercard its own, everybody else all that are known', () => {
    for (const brand of CARD_BRANDS) {
      const expected =
        brand === 'visa'
          ? [VISA]
          : brand === 'mastercard' || brand === 'maestro'
            ? MASTERCARD
            : [VISA, ...MASTERCARD];
      expect(limitsInForce(SHIPPED, brand, NOW), brand).toEqual(expected);
    }
  });

  it.each([
    ['an edition before its day', [limit({ fromMs: NOW + 1 })], []],
    ['on its day', [limit({ fromMs: NOW })], [10]],
    ['the newest of several', [limit({ max: 20, fromMs: 1 }), limit({ max: 12, fromMs: 2 })], [12]],
    ['also when it allows more', [limit({ max: 12, fromMs: 1 }), limit({ max: 20, fromMs: 2 })], [20]],
    ['written in the other order', [limit({ max: 20, fromMs: 2 }), limit({ max: 12, fromMs: 1 })], [20]],
    ['not one that is to come', [limit({ max: 12, fromMs: 1 }), limit({ max: 20, fromMs: NOW + 1 })], [12]],
    ['of one day the strictest', [limit({ max: 12 }), limit({ max: 9 }), limit({ max: 20 })], [9]],
    ['of different names all', [limit({ max: 12 }), limit({ name: 'm', max: 9 })], [12, 9]],
    [
      'those for all brands beside its own',
      [limit({}), limit({ name: 'm', brands: 'all', max: 3 })],
      [10, 3],
    ],
    ['not those of another brand', [limit({}), limit({ name: 'm', brands: new Set(['amex']) })], [10]],
  ] as const)('%s', (_, limits, expected) => {
    expect(limitsInForce(rulesOf(...limits), 'visa', NOW).map(({ max }) => max)).toEqual(expected);
  });

  it('of one day and as strict, the one that stands first', () => {
    const [inForce] = limitsInForce(rulesOf(limit({ sameAmount: true }), limit({})), 'visa', NOW);
    expect(inForce).toMatchObject({ max: 10, sameAmount: true });
  });
});

describe('what blocks a card', () => {
  const declined = (over: Parameters<typeof sampleDecline>[0]) =>
    ({ kind: 'declined', decline: sampleDecline(over), providerReference: null }) as const;
  const later = (ms: number) => new Date(NOW + ms).toISOString();
  it.each([
    ['never again', { otherProvider: 'never' }, 720 * HOUR_MS, 'hard_decline'],
    ['advice 24', { otherProvider: 'no', retryNotBefore: later(HOUR_MS) }, HOUR_MS, 'advised_wait'],
    [
      'never, with a wait',
      { otherProvider: 'never', retryNotBefore: later(HOUR_MS) },
      720 * HOUR_MS,
      'hard_decline',
    ],
    [
      'a wait longer than that',
      { otherProvider: 'never', retryNotBefore: later(800 * HOUR_MS) },
      800 * HOUR_MS,
      'advised_wait',
    ],
    [
      'a wait just as long',
      { otherProvider: 'never', retryNotBefore: later(720 * HOUR_MS) },
      720 * HOUR_MS,
      'hard_decline',
    ],
  ] as const)('%s', (_, over, forMs, reason) => {
    expect(cardBlock(declined(over), SHIPPED, NOW)).toEqual({ untilMs: NOW + forMs, reason });
  });

  it.each([
    ['a plain decline', {}],
    ['one that no other provider may try', { otherProvider: 'no' }],
    ['a wait that is over', { otherProvider: 'no', retryNotBefore: later(0) }],
  ] as const)('%s does not', (_, over) => {
    expect(cardBlock(declined(over), SHIPPED, NOW)).toBeNull();
  });

  it('nothing but a decline does', () => {
    for (const outcome of Object.values(SAMPLE_OUTCOMES)) {
      if (outcome.kind !== 'declined') expect(cardBlock(outcome, SHIPPED, NOW)).toBeNull();
    }
  });
});

describe('what counts', () => {
  it('what was declined or may be, not what was approved or never seen by the scheme', () => {
    const counting = (Object.keys(SAMPLE_OUTCOMES) as SampleOutcome[]).filter((name) =>
      countsAsReattempt(SAMPLE_OUTCOMES[name]),
    );
    expect(counting).toEqual([
      'declinedSoft',
      'declinedHard',
      'declinedFunds',
      'declinedHidingApproval',
      'issuerDown',
      'networkDown',
      'authenticationRequired',
      'pending',
      'unknown',
      'unknownMismatch',
    ]);
    expect(countsAsReattempt(null)).toBe(true);
  });

  it('nothing that there is not', () => {
    expect(() => countsAsReattempt({ kind: 'settled' } as never)).toThrow('unreachable case');
  });
});
