import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callSandbox } from '../support/call-sandbox.ts';
import { eventually } from '../support/eventually.ts';
import type { AuthorizationView, TestGateway } from '../support/start-gateway.ts';
import { Story, type StoryPlan, startStories, triedIn } from '../support/story-gateway.ts';

/**
 * Faults T21 to T28: what an issuer's "no" permits. Each is told by the sandbox through real sockets, and what reached
 * the providers is read from their own books.
 */

const STORIES = [
  't21',
  't21-ceiling',
  't22',
  't23',
  't24',
  't25',
  't26-visa',
  't26-mastercard',
  't26-elsewhere',
  't26-crowd',
  't27',
  't28',
] as const;
type Name = (typeof STORIES)[number];

const MASTERCARD_DE = '535584';
const MASTERCARD_US = '510253';
const VISA_DK = '45717360';
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A block counts from the provider's answer, and is read some moments later. */
const CLOSE_MS = 15_000;

let gateway: TestGateway;
const story = (name: Name) => new Story(name, () => gateway);

beforeAll(async () => {
  gateway = await startStories(STORIES.map((name): StoryPlan => ({ name })));
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

/** Why the road ended, as the log tells it. */
async function stopOf({ id }: AuthorizationView): Promise<unknown> {
  const line = await eventually(
    `the line about ${id}`,
    () => gateway.output.events('authorization').find((event) => event['authorization_id'] === id) ?? null,
  );
  return line['stopped'];
}

/** The moment before which a refused card is not to be tried, from now; milliseconds. */
function waitIn(authorization: AuthorizationView): number {
  const { retry_not_before: until } = authorization.decline as unknown as {
    readonly retry_not_before: string;
  };
  return Date.parse(until) - Date.now();
}

describe.concurrent('T21: Visa 05 at A', () => {
  test('T21: one failover to B, and none after the second decline', async () => {
    const told = story('t21');
    const approved = await told.pay({ tokens: { a: 'tok_decline_05' } });
    expect(triedIn(approved.authorization)).toEqual(['a declined', 'b approved']);
    expect(await told.live(approved.reference)).toEqual(['b']);
    const declined = await told.pay({ tokens: { a: 'tok_decline_05', b: 'tok_decline_05' } });
    expect([declined.answer.status, declined.authorization.status]).toEqual([201, 'declined']);
    expect(triedIn(declined.authorization)).toEqual(['a declined', 'b declined']);
    expect(await stopOf(declined.authorization)).toBe('declined_twice');
    expect(await told.requests()).toEqual({ a: 2, b: 2, c: 0 });
  });

  test('T21: both declines count, and a ceiling that is met between A and B stops B', async () => {
    const told = story('t21-ceiling');
    const again = () =>
      told.pay({ tokens: { a: 'tok_decline_05', b: 'tok_decline_05' }, card: { id: 'card-t21' } });
    for (let payment = 1; payment <= 7; payment += 1) {
      expect(triedIn((await again()).authorization)).toEqual(['a declined', 'b declined']);
    }
    const fifteenth = await again();
    expect(triedIn(fifteenth.authorization)).toEqual(['a declined']);
    expect([fifteenth.answer.status, fifteenth.authorization.status]).toEqual([201, 'declined']);
    expect(await stopOf(fifteenth.authorization)).toBe('scheme_limit');
    const over = await again();
    expect(over.authorization).toMatchObject({ attempts: [], decline: { category: 'scheme_blocked' } });
    expect(await told.requests()).toEqual({ a: 8, b: 7, c: 0 });
  });
});

test('T22: insufficient funds at A: nobody else is asked', async () => {
  const told = story('t22');
  const { answer, authorization } = await told.pay({ tokens: { a: 'tok_decline_51' } });
  expect([answer.status, authorization.status]).toEqual([201, 'declined']);
  expect(authorization.decline).toMatchObject({ category: 'soft_decline_issuer', network_code: '51' });
  expect(await stopOf(authorization)).toBe('decline_is_final');
  expect(await told.requests()).toEqual({ a: 1, b: 0, c: 0 });
});

const THREE_DS = {
  eci: '02',
  cavv: 'AAABBBBBBBBBBBBBBBBBBBBBBBA=',
  ds_transaction_id: 'ds-1',
  version: '2.2.0',
};

describe('T23: DE39 65 is read with brand and region', () => {
  test.each([
    ['Mastercard of Germany, without 3DS', MASTERCARD_DE, null, 'authentication_required', null],
    ['Mastercard of Germany, with 3DS', MASTERCARD_DE, THREE_DS, 'declined', 'soft_decline_issuer'],
    ['Mastercard of the United States', MASTERCARD_US, null, 'declined', 'soft_decline_issuer'],
    ['Visa of Denmark', VISA_DK, null, 'declined', 'soft_decline_issuer'],
    ['a BIN that nobody knows', '99999999', null, 'declined', 'unmapped'],
  ])('T23: %s', async (_, bin, threeDs, status, category) => {
    const told = story('t23');
    const before = await told.requests();
    const { authorization } = await told.pay({
      tokens: { a: 'tok_decline_65' },
      card: { bin },
      more: threeDs === null ? {} : { three_ds: threeDs },
    });
    expect([authorization.status, authorization.decline?.category ?? null]).toEqual([status, category]);
    expect(await told.requests()).toEqual({ a: before.a + 1, b: 0, c: 0 });
  });
});

describe('a card that is not to be tried again', () => {
  test.each<{
    readonly number: string;
    readonly name: Name;
    readonly advice: string;
    readonly waitMs: number;
  }>([
    { number: 'T24', name: 't24', advice: '24', waitMs: HOUR_MS },
    { number: 'T25', name: 't25', advice: '03', waitMs: 30 * DAY_MS },
  ])(
    '$number: merchant advice $advice, then other tokens of the same account reference at once',
    async ({ name, advice, waitMs }) => {
      const told = story(name);
      const card = { bin: MASTERCARD_DE, account_reference: `par-${name}` };
      const first = await told.pay({
        tokens: { a: `tok_decline_05_mac_${advice}` },
        card: { ...card, id: 'one' },
      });
      expect(triedIn(first.authorization)).toEqual(['a declined']);
      const sent = await told.requests();
      const tokens = { a: 'tok_another', b: 'tok_another_b', c: 'tok_another_c' };
      for (const id of ['one', 'two', 'three']) {
        const next = await told.pay({ tokens, card: { ...card, id } });
        expect([next.answer.status, next.authorization.status]).toEqual([201, 'declined']);
        expect(next.authorization).toMatchObject({ attempts: [], decline: { category: 'scheme_blocked' } });
        expect(Math.abs(waitIn(next.authorization) - waitMs)).toBeLessThan(CLOSE_MS);
      }
      expect(await told.requests()).toEqual(sent);
      expect(sent).toEqual({ a: 1, b: 0, c: 0 });
      // Another card of the same merchant is not meant.
      const other = await told.pay({
        tokens,
        card: { bin: MASTERCARD_DE, account_reference: `other-${name}` },
      });
      expect(other.authorization.status).toBe('approved');
    },
  );
});

const PLACES = ['a', 'b', 'c'] as const;

describe('T26: ceilings over three providers', () => {
  test.each<{ readonly name: Name; readonly bin: string; readonly max: number }>([
    { name: 't26-visa', bin: VISA_DK, max: 15 },
    { name: 't26-mastercard', bin: MASTERCARD_DE, max: 9 },
  ])('T26: $max declines, then refused at each ($name)', async ({ name, bin, max }) => {
    const told = story(name);
    // Only this one has a token of its own, so that it is the first.
    const payAt = (place: (typeof PLACES)[number], token: string) =>
      told.pay({ card: { bin, id: 'card-t26', token: null, tokens: { [told.provider(place)]: token } } });
    for (let payment = 0; payment < max; payment += 1) {
      const place = PLACES[payment % 3] ?? 'a';
      const declined = await payAt(place, 'tok_decline_51');
      expect(triedIn(declined.authorization)).toEqual([`${place} declined`]);
      // What is approved does not count, and does not begin the count anew.
      if (payment % 3 === 0) expect((await payAt(place, 'tok_visa')).authorization.status).toBe('approved');
    }
    const sent = await told.requests();
    expect(sent.a + sent.b + sent.c).toBe(max + Math.ceil(max / 3));
    for (const place of PLACES) {
      const refused = await payAt(place, 'tok_visa');
      expect([refused.answer.status, refused.authorization.status]).toEqual([201, 'declined']);
      expect(refused.authorization).toMatchObject({ attempts: [], decline: { category: 'scheme_blocked' } });
      expect(waitIn(refused.authorization)).toBeGreaterThan(0);
    }
    expect(await told.requests()).toEqual(sent);
    // The ceiling is that of card and merchant.
    const elsewhere = await story('t26-elsewhere').pay({ card: { bin, id: 'card-t26' } });
    expect(elsewhere.authorization.status).toBe('approved');
  });

  test('T26: thirty at once cannot pass the ceiling together', async () => {
    const told = story('t26-crowd');
    await Promise.all(PLACES.map((place) => told.fault(place, { kind: 'late', delay_ms: 400, times: null })));
    const crowd = await Promise.all(
      Array.from({ length: 30 }, (_, index) => {
        const place = PLACES[index % 3] ?? 'a';
        const tokens = { [told.provider(place)]: 'tok_decline_51' };
        return told.pay({ card: { id: 'card-crowd', token: null, tokens } });
      }),
    );
    const refused = crowd.filter(({ authorization }) => authorization.decline?.category === 'scheme_blocked');
    expect(refused).toHaveLength(15);
    for (const { authorization } of refused) expect(authorization.attempts).toEqual([]);
    const { a, b, c } = await told.requests();
    expect(a + b + c).toBe(15);
    expect(Math.min(a, b, c), 'all three were asked').toBeGreaterThan(0);
  });
});

/*
 * The model of an approval carries no advice: advice 41 (a virtual card number for one use) is information, and nothing
 * of ours uses it. So what can be shown is that it harms nobody: neither this payment nor the card's next ones.
 */
test('T27: merchant advice 41 beside an approval: approved again and again, and the card is unaffected', async () => {
  const told = story('t27');
  const card = { bin: MASTERCARD_DE, id: 'card-t27' };
  for (let payment = 0; payment < 12; payment += 1) {
    const { reference, authorization } = await told.pay({ tokens: { a: 'tok_approved_mac_41' }, card });
    expect([authorization.status, authorization.decline]).toEqual(['approved', null]);
    expect(await told.at('a', reference)).toMatchObject([{ status: 'authorized', advice: '41', live: true }]);
  }
  const declined = await told.pay({ tokens: { a: 'tok_decline_51' }, card });
  expect(declined.authorization.decline).toMatchObject({ category: 'soft_decline_issuer' });
  const next = await told.pay({ card });
  expect(next.authorization.status).toBe('approved');
  expect(await told.requests()).toEqual({ a: 14, b: 0, c: 0 });
});

describe('T28: a code that no table knows', () => {
  const counted = (code: string) =>
    gateway.metric('pointsman_unmapped_codes_total', `{provider="t28-a",code="${code}"}`);
  const lines = (id: string) =>
    gateway.output.events('unmapped_code').filter((event) => event['authorization_id'] === id);

  test('T28: no failover, unmapped, counted and logged', async () => {
    const told = story('t28');
    const before = (await counted('issuer_ZZ')) ?? 0;
    const { authorization } = await told.pay({ tokens: { a: 'tok_decline_ZZ' } });
    expect(authorization).toMatchObject({ status: 'declined', decline: { category: 'unmapped' } });
    expect(triedIn(authorization)).toEqual(['a declined']);
    expect(await stopOf(authorization)).toBe('decline_is_final');
    expect(await counted('issuer_ZZ')).toBe(before + 1);
    const [line] = await eventually('the line', () => {
      const found = lines(authorization.id);
      return found.length > 0 ? found : null;
    });
    expect(line).toMatchObject({ level: 'warn', provider: 't28-a', code: 'issuer_ZZ', network_code: 'ZZ' });
    expect((await told.requests()).b).toBe(0);
  });

  test('T28: also when it is learned later, once', async () => {
    const told = story('t28');
    const { authorization } = await told.pay({ tokens: { a: 'tok_pending' } });
    expect(authorization.status).toBe('pending');
    const reference = authorization.attempts[0]?.id;
    await callSandbox(gateway.sandbox, 'POST', '/settlements', {
      reference,
      status: 'declined',
      network_code: 'ZY',
    });
    await told.until(authorization.id, 'declined', ({ status }) => status === 'declined');
    await eventually('the line', () => (lines(authorization.id).length > 0 ? true : null));
    expect(await counted('issuer_ZY')).toBe(1);
    expect(lines(authorization.id)).toHaveLength(1);
    expect((await told.requests()).b).toBe(0);
  });

  test('T28: not where something stricter decided', async () => {
    const told = story('t28');
    const { authorization } = await told.pay({ tokens: { a: 'tok_decline_ZX_mac_03' } });
    expect(authorization.decline?.category).toBe('hard_decline_issuer');
    expect(await counted('issuer_ZX')).toBeNull();
    expect(lines(authorization.id)).toEqual([]);
  });
});
