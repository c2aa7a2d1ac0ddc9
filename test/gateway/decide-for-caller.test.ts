import { describe, expect, it } from 'vitest';
import type { SchemeRules } from '../../src/core/scheme/scheme-rules.ts';
import { decisionAnswerSchema } from '../../src/edge/answer-schemas.ts';
import { DecisionWorld, viewOf } from '../support/decision-world.ts';
import { sampleCommand, sampleRequest } from '../support/sample-request.ts';

const KEYED = { ...sampleCommand(), idempotencyKey: 'key-1' };
const ONE_AN_HOUR: SchemeRules = {
  limits: [
    {
      name: 'one_an_hour',
      brands: 'all',
      fromMs: 0,
      windowMs: 3_600_000,
      max: 1,
      sameAmount: false,
      source: 'a test',
    },
  ],
  hardDeclineBlockMs: 30 * 86_400_000,
};

describe('a decision for a caller that sends itself', () => {
  it('ranks by the rule, explains itself, and says until when it is good', async () => {
    const world = new DecisionWorld();
    const decision = await world.decided();
    expect(decisionAnswerSchema.parse(decision)).toMatchObject({
      id: expect.stringMatching(/^dec_[A-Za-z]+$/),
      live: false,
      provider: 'sandbox-a',
      ranking: ['sandbox-a', 'sandbox-b', 'sandbox-c'],
      decline: null,
      routing: { ruleset: 1, rule: 'fallback', propensity: 1 },
      expires_at: new Date(world.clock.wallMs() + 8_000).toISOString(),
    });
    expect(decision.routing.candidates).toHaveLength(3);
    expect(world.counted).toEqual({ made: 1 });
  });

  it('is good as long as the caller’s deadline and the rule’s, whichever is shorter', async () => {
    const world = new DecisionWorld({ action: { deadlineMs: 3_000 } });
    for (const [deadlineMs, expected] of [
      [1_000, 1_000],
      [60_000, 3_000],
      [null, 3_000],
    ] as const) {
      const { expires_at } = await world.decided({ request: sampleRequest({ deadlineMs }) });
      expect(Date.parse(expires_at) - world.clock.wallMs()).toBe(expected);
    }
  });

  it('takes no place at a provider’s limit, but sees it, and breakers and overrides', async () => {
    const world = new DecisionWorld();
    for (let time = 0; time < 500; time += 1) expect((await world.decided()).provider).toBe('sandbox-a');
    const lane = { provider: 'sandbox-a', brand: 'visa', merchant: 'acme-eu' } as const;
    expect(world.lanes.view(lane).limitHeadroom).toBe(1);
    const taken = Array.from({ length: 50 }, () => world.lanes.admit(lane, 0));
    expect(await world.decided()).toMatchObject({ ranking: ['sandbox-b', 'sandbox-c'] });
    for (const admission of taken) {
      if (!(admission instanceof Promise) && admission.kind === 'admitted') admission.permit.release();
    }
    world.override({ provider: 'sandbox-a', mode: 'force_open' });
    const decision = await world.decided();
    expect(decision.ranking).toEqual(['sandbox-b', 'sandbox-c']);
    expect(decision.routing.candidates).toContainEqual(
      expect.objectContaining({ provider: 'sandbox-a', reason: 'forced_open' }),
    );
  });

  it('stores no CAVV', async () => {
    const world = new DecisionWorld();
    const threeDs = {
      eci: '05',
      cavv: 'AAABBEg0VhI0VniQEjRWAAAAAAA=',
      dsTransactionId: null,
      version: null,
      exemption: null,
    };
    const { id } = await world.decided({ request: sampleRequest({ threeDs }) });
    const stored = await world.journal.findDecision(id);
    expect(stored).toMatchObject({ carriesCavv: true, request: { threeDs: { eci: '05', cavv: null } } });
  });

  it('the same key gives the same answer byte for byte, whatever has changed since', async () => {
    const world = new DecisionWorld();
    const first = await world.decide(KEYED);
    world.override({ provider: 'sandbox-a', mode: 'force_open' });
    await world.clock.advance(3_600_000);
    const again = await world.decide(KEYED);
    expect(again).toEqual({ ...first, replayed: true });
    expect((await world.decided()).provider).toBe('sandbox-b');
    expect(world.counted).toEqual({ made: 2 });
  });

  it('the same key with another body is refused, and is another key in another account or merchant', async () => {
    const world = new DecisionWorld();
    const { id } = await world.decided(KEYED);
    expect(await world.decide({ ...KEYED, bodyFingerprint: 'ef'.repeat(32) })).toEqual({
      kind: 'other_body',
    });
    expect((await world.decided({ ...KEYED, account: 'other' })).id).not.toBe(id);
    const request = sampleRequest({ merchant: 'acme-uk' });
    expect((await world.decided({ ...KEYED, request })).id).not.toBe(id);
  });

  it('without a key each request is a decision of its own', async () => {
    const world = new DecisionWorld();
    const ids = await Promise.all(Array.from({ length: 5 }, () => world.decided()));
    expect(new Set(ids.map(({ id }) => id)).size).toBe(5);
  });

  it('of many at once with one key one is answered, the others are told to ask again, and then get its answer', async () => {
    const world = new DecisionWorld();
    const results = await Promise.all(Array.from({ length: 20 }, () => world.decide(KEYED)));
    expect(results.filter(({ kind }) => kind === 'answered')).toHaveLength(1);
    expect(results.filter(({ kind }) => kind === 'in_flight')).toHaveLength(19);
    const body = results.find((result) => result.kind === 'answered');
    expect(await world.decide(KEYED)).toEqual({ ...body, replayed: true });
  });

  it('when nobody can be tried it says why, and does not use up the key', async () => {
    const world = new DecisionWorld({ action: { only: new Set(['sandbox-a']) } });
    world.override({ provider: 'sandbox-a', mode: 'drain' });
    const result = await world.decide(KEYED);
    expect(result).toMatchObject({ kind: 'no_route', rule: 'fallback', retryAfterMs: 1_000 });
    expect(result.kind === 'no_route' && result.reasons).toContainEqual(
      expect.objectContaining({ provider: 'sandbox-a', reason: 'draining' }),
    );
    world.lanes.setOverrides([]);
    const first = await world.decided(KEYED);
    world.override({ provider: 'sandbox-a', mode: 'drain' });
    expect(viewOf(await world.decide(KEYED))).toEqual(first);
  });

  it('a ceiling of the scheme leaves nobody to try: told, with the moment from which there is', async () => {
    const world = new DecisionWorld({ schemeRules: ONE_AN_HOUR });
    const request = sampleRequest();
    await world.decided({ request });
    const stopped = await world.decided({ ...KEYED, request });
    expect(decisionAnswerSchema.parse(stopped)).toMatchObject({
      provider: null,
      ranking: [],
      decline: {
        category: 'scheme_blocked',
        code: 'one_an_hour',
        retry_not_before: new Date(world.clock.wallMs() + 3_600_000).toISOString(),
      },
    });
    // Final, as it is for an authorization.
    await world.clock.advance(3_600_001);
    expect(viewOf(await world.decide({ ...KEYED, request }))).toEqual(stopped);
    expect((await world.decided({ request })).provider).toBe('sandbox-a');
    expect(await world.report(stopped.id, { provider: 'sandbox-a', outcome: 'approved' })).toEqual({
      kind: 'not_offered',
      offered: [],
    });
  });

  it('payments that look like card testing are refused, and the key is not used up', async () => {
    const world = new DecisionWorld();
    const refused = {
      ...world.deps,
      cardTesting: { refusedForMs: () => 30_000, ended: () => 'counted' as const },
    };
    const { CallerDecisions } = await import('../../src/gateway/caller-decisions.ts');
    const decisions = new CallerDecisions(refused);
    expect(await decisions.decide(KEYED)).toEqual({ kind: 'card_testing', retryAfterMs: 30_000 });
    const first = await world.decide(KEYED);
    expect(await decisions.decide(KEYED)).toEqual({ ...first, replayed: true });
  });
});
