import { describe, expect, test } from 'vitest';
import { GatewayWorld, idIn } from '../support/gateway-world.ts';
import { authorizationIn } from '../support/start-gateway.ts';
import { startStage, told } from './fault-stage.ts';

/**
 * Declines after which the schemes forbid another attempt with the card at the merchant (T20): no failover, and a block
 * of thirty days that nothing shortens.
 */

const DAY_MS = 24 * 60 * 60_000;
const BLOCK_MS = 30 * DAY_MS;

/** Visa's category 1; the last one is no such code. */
const CODES = [
  { code: '57', blocks: true },
  { code: '14', blocks: true },
  { code: '41', blocks: true },
  { code: '04', blocks: true },
  { code: '51', blocks: false },
] as const;

describe('T20: through processes', () => {
  test('T20: 57, 14, 41 and 04 block the card at the merchant, also after kill -9; 51 does not', async () => {
    await using stage = await startStage([
      ...CODES.map(({ code }) => ({ name: `c${code}` })),
      { name: 'other' },
    ]);
    const cardOf = (code: string, token: string, provider: string) => ({
      bin: '45717360',
      last4: '0007',
      expiry_month: 9,
      expiry_year: 2029,
      id: `card-${code}`,
      token: 'tok_visa',
      tokens: { [provider]: token },
    });
    for (const { code } of CODES) {
      const story = `c${code}`;
      const card = cardOf(code, `tok_decline_${code}`, `${story}-a`);
      const paid = await stage.pay(story, { more: { card } });
      expect(told(paid), code).toEqual([201, 'declined', 'first declined']);
      expect(await stage.end(paid), code).toMatchObject({ books: ['first declined x1'] });
      expect(stage.requests(story), 'nobody else is tried').toEqual({ first: 1, second: 0 });
    }
    for (const round of ['at once', 'after kill -9']) {
      for (const [index, { code, blocks }] of CODES.entries()) {
        const story = `c${code}`;
        // Another payment with another token of the same card, which the provider would approve.
        const card = { ...cardOf(code, 'tok_visa', `${story}-a`), token: `tok_other_${code}` };
        const reference = `${story}-again-${round.replaceAll(' ', '-')}`;
        const before = stage.requests(story);
        const sinceMs = Date.now();
        const paid = await stage.pay(story, { reference, more: { card } });
        if (!blocks) {
          expect(told(paid), round).toEqual([201, 'approved', 'first approved']);
          continue;
        }
        expect(told(paid), `${code} ${round}`).toEqual([201, 'declined']);
        const { decline } = authorizationIn(paid.answer) as unknown as {
          readonly decline: { readonly category: string; readonly retry_not_before: string };
        };
        expect(decline.category).toBe('scheme_blocked');
        const remainingMs = Date.parse(decline.retry_not_before) - sinceMs;
        expect(remainingMs).toBeLessThanOrEqual(BLOCK_MS);
        expect(remainingMs).toBeGreaterThan(BLOCK_MS - 120_000);
        expect(stage.requests(story), `${code} ${round}`).toEqual(before);
        expect(stage.books(reference)).toEqual([]);
        // The answer is final, and repeated as it is.
        expect((await stage.repeat(paid)).text).toBe(paid.answer.text);
        if (index > 0 || round !== 'at once') continue;
        // Another merchant has its own standing with the card.
        const elsewhere = await stage.pay('other', { more: { card: cardOf(code, 'tok_visa', 'other-a') } });
        expect(told(elsewhere)).toEqual([201, 'approved', 'first approved']);
      }
      if (round === 'at once') {
        await stage.gateway.kill9();
        await stage.gateway.restart();
      }
    }
  }, 60_000);
});

describe('T20: on a fake clock', () => {
  test('T20: the block lasts thirty days to the second, through new processes, and then ends', async () => {
    const world = new GatewayWorld({ script: { 'sandbox-a': ['decline_hard'] } });
    const sent = () => [...world.providers.values()].reduce((sum, { seen }) => sum + seen.length, 0);
    const first = await world.authorize(world.process());
    expect((await world.get(idIn(first))).status).toBe('declined');
    const declinedAtMs = world.clock.wallMs();
    expect(sent()).toBe(1);
    const days = [0, 1, 7, 15, 29, 29.9, 29.999];
    for (const day of days) {
      await world.clock.advance(declinedAtMs + day * DAY_MS - world.clock.wallMs());
      const reference = `order-day-${day}`;
      const result = await world.authorize(world.process(), { reference }, `key-of-day-${day}`);
      const refused = await world.get(idIn(result));
      expect([refused.status, refused.decline?.category], `day ${day}`).toEqual([
        'declined',
        'scheme_blocked',
      ]);
      expect(sent(), `day ${day}`).toBe(1);
    }
    // Being refused did not prolong it.
    await world.clock.advance(declinedAtMs + BLOCK_MS + 1_000 - world.clock.wallMs());
    const result = await world.authorize(world.process(), { reference: 'order-after' }, 'key-after');
    expect((await world.get(idIn(result))).status).toBe('approved');
    expect([sent(), world.live().length]).toEqual([2, 1]);
  });
});
