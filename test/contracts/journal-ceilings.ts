import { describe, expect, test } from 'vitest';
import type { AttemptOutcome } from '../../src/core/attempt.ts';
import type { Journal, OutcomeScheme, SchemeCheck } from '../../src/gateway/ports.ts';
import {
  concluded,
  OUTCOMES,
  opened,
  sampleConclusion,
  sampleFailOver,
  sampleOpening,
  sampleScope,
  T0,
  written,
} from './journal-fixtures.ts';

const HOUR_MS = 60 * 60_000;

const check = (over: Partial<SchemeCheck> = {}): SchemeCheck => ({
  cardKey: 'card-key-one',
  limits: [{ name: 'two_an_hour', windowMs: HOUR_MS, max: 2, sameAmount: false }],
  nowMs: T0,
  ...over,
});
const at = (startedAtMs: number, over: Partial<SchemeCheck> = {}) => ({
  intent: { startedAtMs, deadlineAtMs: startedAtMs + 8_000 },
  scheme: check({ nowMs: startedAtMs, ...over }),
});
const meaning = (over: Partial<OutcomeScheme> = {}): ReadonlyMap<number, OutcomeScheme> =>
  new Map([[1, { counts: true, blockedUntilMs: null, reason: null, ...over }]]);

/** The ceilings of the card schemes: checked and reserved in the transaction of the intent. */
export function ceilingContract(journal: () => Journal): void {
  /** Opens and ends an authorization whose attempt means this for its card. */
  const ended = async (
    id: string,
    outcome: AttemptOutcome,
    outcomeScheme: ReadonlyMap<number, OutcomeScheme>,
    over: ReturnType<typeof at> = at(T0),
  ) => concluded(journal(), id, outcome, { ...over, step: { outcomeScheme } });

  describe('ceilings', () => {
    test('an attempt counts from its intent on, until it leaves the window', async () => {
      await opened(journal(), 'auth_one', at(T0));
      await opened(journal(), 'auth_two', at(T0 + 1_000));
      const third = sampleOpening('auth_three', at(T0 + 2_000));
      const stop = { reason: 'two_an_hour', retryAtMs: T0 + HOUR_MS };
      expect(await journal().open(third)).toEqual({ kind: 'scheme_stop', stop });
      expect(await journal().findAuthorization('auth_three')).toBeNull();
      expect(await journal().findClaim(sampleScope('auth_three'))).toBeNull();
      const early = sampleOpening('auth_three', at(T0 + HOUR_MS - 1));
      expect((await journal().open(early)).kind).toBe('scheme_stop');
      const inTime = sampleOpening('auth_three', at(T0 + HOUR_MS));
      expect(await journal().open(inTime)).toEqual({ kind: 'opened' });
      // Two are in the window again: the second, and the third.
      expect(await journal().open(sampleOpening('auth_four', at(T0 + HOUR_MS)))).toMatchObject({
        stop: { retryAtMs: T0 + 1_000 + HOUR_MS },
      });
    });

    test('other cards, and attempts without a check, have nothing to do with it', async () => {
      await opened(journal(), 'auth_one', at(T0));
      await opened(journal(), 'auth_two', at(T0));
      expect(await journal().open(sampleOpening('auth_a', at(T0, { cardKey: 'other' })))).toEqual({
        kind: 'opened',
      });
      expect(await journal().open(sampleOpening('auth_b'))).toEqual({ kind: 'opened' });
      expect(await journal().open(sampleOpening('auth_c', at(T0, { limits: [] })))).toEqual({
        kind: 'opened',
      });
    });

    test('an outcome keeps its place or gives it back; told nothing, it keeps it', async () => {
      const full = async () => (await journal().open(sampleOpening('auth_x', at(T0)))).kind === 'scheme_stop';
      await ended('auth_one', OUTCOMES.approved, meaning({ counts: false }));
      await ended('auth_two', OUTCOMES.declined, meaning());
      expect(await full()).toBe(false);
      await concluded(journal(), 'auth_three', OUTCOMES.declined, { ...at(T0 + 1, { limits: [] }) });
      const again = await journal().open(sampleOpening('auth_four', at(T0 + 2)));
      expect(again.kind).toBe('scheme_stop');
    });

    test('an outcome found later gives its place back then', async () => {
      await ended('auth_one', OUTCOMES.declined, meaning());
      const unknown = await ended('auth_two', OUTCOMES.unknown, meaning());
      const third = sampleOpening('auth_three', at(T0));
      expect((await journal().open(third)).kind).toBe('scheme_stop');
      const found = sampleConclusion(unknown, OUTCOMES.approved, {
        outcomeScheme: meaning({ counts: false }),
      });
      await written(journal(), found);
      expect(await journal().open(third)).toEqual({ kind: 'opened' });
    });

    test('a ceiling for the same amount counts that amount and currency alone', async () => {
      const limits = [{ name: 'same_amount', windowMs: HOUR_MS, max: 1, sameAmount: true }];
      const amount = { value: 700, currency: 'EUR' };
      await opened(journal(), 'auth_one', { ...at(T0, { limits }), request: { amount } });
      for (const [id, other] of [
        ['auth_two', { value: 701, currency: 'EUR' }],
        ['auth_three', { value: 700, currency: 'USD' }],
      ] as const) {
        const opening = sampleOpening(id, { ...at(T0, { limits }), request: { amount: other } });
        expect(await journal().open(opening)).toEqual({ kind: 'opened' });
      }
      const again = sampleOpening('auth_four', { ...at(T0, { limits }), request: { amount } });
      expect(await journal().open(again)).toMatchObject({ stop: { reason: 'same_amount' } });
    });

    test('of several ceilings the one that lasts longest is told', async () => {
      await opened(journal(), 'auth_one', at(T0));
      const limits = [
        { name: 'hour', windowMs: HOUR_MS, max: 1, sameAmount: false },
        { name: 'day', windowMs: 24 * HOUR_MS, max: 1, sameAmount: false },
        { name: 'minute', windowMs: 60_000, max: 1, sameAmount: false },
        { name: 'roomy', windowMs: 48 * HOUR_MS, max: 9, sameAmount: false },
      ];
      expect(await journal().open(sampleOpening('auth_two', at(T0, { limits })))).toEqual({
        kind: 'scheme_stop',
        stop: { reason: 'day', retryAtMs: T0 + 24 * HOUR_MS },
      });
      const never = [{ name: 'never', windowMs: HOUR_MS, max: 0, sameAmount: false }];
      const other = at(T0, { limits: never, cardKey: 'fresh' });
      expect((await journal().open(sampleOpening('auth_two', other))).kind).toBe('scheme_stop');
    });

    test('of two at once at the last free place one opens', async () => {
      await opened(journal(), 'auth_one', at(T0));
      const results = await Promise.all([
        journal().open(sampleOpening('auth_two', at(T0))),
        journal().open(sampleOpening('auth_three', at(T0))),
      ]);
      expect(results.map((result) => result.kind).sort()).toEqual(['opened', 'scheme_stop']);
    });

    test('a used key and a held payment are told first', async () => {
      await opened(journal(), 'auth_one', at(T0));
      await opened(journal(), 'auth_two', at(T0));
      const used = sampleOpening('auth_three', { ...at(T0), key: 'key-auth_one' });
      expect((await journal().open(used)).kind).toBe('claimed');
      const held = sampleOpening('auth_three', { ...at(T0), request: { reference: 'order-auth_one' } });
      expect((await journal().open(held)).kind).toBe('payment_live');
    });
  });

  describe('ceilings on the way to another attempt', () => {
    test('stop it, with nothing written; a version that is stale is told first', async () => {
      const one = await opened(journal(), 'auth_one', at(T0));
      await opened(journal(), 'auth_two', at(T0));
      const step = sampleFailOver(one, OUTCOMES.declined, { scheme: check(), outcomeScheme: meaning() });
      expect(await journal().advance(step)).toMatchObject({
        kind: 'scheme_stop',
        stop: { reason: 'two_an_hour' },
      });
      expect(await journal().findAuthorization('auth_one')).toEqual(one);
      const before = { ...one, version: 2 };
      expect(await journal().advance({ ...step, before })).toEqual({ kind: 'stale' });
    });

    test('an attempt that never counted gives its place to the next', async () => {
      const one = await opened(journal(), 'auth_one', at(T0));
      await opened(journal(), 'auth_two', at(T0));
      const outcomeScheme = meaning({ counts: false });
      const step = sampleFailOver(one, OUTCOMES.notSent, { scheme: check(), outcomeScheme });
      expect(await journal().advance(step)).toEqual({ kind: 'written', version: 2 });
      expect((await journal().open(sampleOpening('auth_three', at(T0)))).kind).toBe('scheme_stop');
    });

    test('what the outcome itself forbids stops it too', async () => {
      const one = await opened(journal(), 'auth_one', at(T0));
      const outcomeScheme = meaning({ blockedUntilMs: T0 + HOUR_MS, reason: 'mac_03' });
      const step = sampleFailOver(one, OUTCOMES.declined, { scheme: check(), outcomeScheme });
      expect(await journal().advance(step)).toEqual({
        kind: 'scheme_stop',
        stop: { reason: 'mac_03', retryAtMs: T0 + HOUR_MS },
      });
    });
  });

  describe('blocks', () => {
    test('an outcome forbids further attempts with its card until then', async () => {
      const blockedUntilMs = T0 + 2 * HOUR_MS;
      await ended(
        'auth_one',
        OUTCOMES.declined,
        meaning({ counts: false, blockedUntilMs, reason: 'visa_1' }),
      );
      const stop = { reason: 'visa_1', retryAtMs: blockedUntilMs };
      const early = sampleOpening('auth_two', at(blockedUntilMs - 1, { limits: [] }));
      expect(await journal().open(early)).toEqual({ kind: 'scheme_stop', stop });
      const other = sampleOpening('auth_three', at(T0, { cardKey: 'other' }));
      expect(await journal().open(other)).toEqual({ kind: 'opened' });
      const later = sampleOpening('auth_two', at(blockedUntilMs));
      expect(await journal().open(later)).toEqual({ kind: 'opened' });
    });

    test('of several the longest counts, before a ceiling that ends sooner', async () => {
      const hours = { auth_one: 1, auth_two: 3, auth_three: 2 };
      const open = Object.keys(hours).map((id) => opened(journal(), id, at(T0, { limits: [] })));
      for (const [index, [id, hour]] of Object.entries(hours).entries()) {
        const outcomeScheme = meaning({ blockedUntilMs: T0 + hour * HOUR_MS, reason: `block of ${id}` });
        const before = await (open[index] as (typeof open)[number]);
        await written(journal(), sampleConclusion(before, OUTCOMES.declined, { outcomeScheme }));
      }
      expect(await journal().open(sampleOpening('auth_four', at(T0)))).toEqual({
        kind: 'scheme_stop',
        stop: { reason: 'block of auth_two', retryAtMs: T0 + 3 * HOUR_MS },
      });
    });
  });
}
