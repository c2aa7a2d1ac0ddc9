import { describe, expect, it } from 'vitest';
import type { OutcomeKind } from '../../src/core/attempt.ts';
import type { SchemeRules } from '../../src/core/scheme/scheme-rules.ts';
import { countUnreported, purgeDecisions } from '../../src/gateway/keep-history.ts';
import { CardTestingGuard } from '../../src/guards/card-testing-guard.ts';
import { DecisionWorld } from '../support/decision-world.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { routingFacts } from '../support/routing-facts.ts';
import { sampleOverride } from '../support/sample-override.ts';
import { sampleCommand, sampleRequest } from '../support/sample-request.ts';

/** Facts of the payments that the world's card table tells. */
const factsOf = () => routingFacts({ cardCountry: 'DK', cardIssuer: null });
const A = { provider: 'sandbox-a', attempt: 1 } as const;
const B = { provider: 'sandbox-b', attempt: 2 } as const;
const BLOCKS: SchemeRules = { limits: [], hardDeclineBlockMs: 30 * 86_400_000 };

async function begun(options: ConstructorParameters<typeof DecisionWorld>[0] = {}) {
  const world = new DecisionWorld(options);
  const { id } = await world.decided();
  return { world, id };
}

describe('what a caller is told after its report', () => {
  it.each<[OutcomeKind, string | null, string | null, string, string]>([
    ['approved', null, null, 'stop', 'approved'],
    ['partially_approved', null, null, 'stop', 'partial_not_reversed'],
    ['authentication_required', 'sca', null, 'stop', 'authentication_required'],
    ['pending', null, null, 'wait', 'pending'],
    ['unknown', 'timeout', null, 'wait', 'unknown'],
    ['rejected', '503', null, 'sandbox-b', 'rejected'],
    ['not_sent', 'ECONNREFUSED', null, 'sandbox-b', 'not_sent'],
    ['declined', 'issuer_05', '05', 'sandbox-b', 'declined'],
    ['declined', 'issuer_51', '51', 'stop', 'decline_is_final'],
    ['declined', 'issuer_43', '43', 'stop', 'decline_is_final'],
    ['declined', 'risk_blocked', null, 'stop', 'decline_is_final'],
    ['declined', 'not_supported', null, 'sandbox-b', 'declined'],
    ['declined', 'never heard of', null, 'stop', 'decline_is_final'],
  ])('%s %s %s: %s', async (outcome, code, networkCode, next, reason) => {
    const { world, id } = await begun();
    expect(await world.reported(id, { ...A, outcome, code, networkCode })).toEqual({ next, reason });
  });

  it('goes on until attempts, or providers, are used up', async () => {
    const { world, id } = await begun({ action: { attemptsMax: 2 } });
    expect(await world.reported(id, { ...A, outcome: 'rejected' })).toMatchObject({ next: 'sandbox-b' });
    expect(await world.reported(id, { ...B, outcome: 'rejected' })).toEqual({
      next: 'stop',
      reason: 'attempts_max',
    });
    const many = await begun({ action: { attemptsMax: 9 } });
    for (const [index, provider] of ['sandbox-a', 'sandbox-b', 'sandbox-c'].entries()) {
      const report = { provider, attempt: index + 1, outcome: 'rejected' as const };
      const step = await many.world.reported(many.id, report);
      if (index === 2) expect(step).toEqual({ next: 'stop', reason: 'no_candidate_left' });
    }
  });

  it('never offers a provider that was taken out meanwhile', async () => {
    const { world, id } = await begun();
    world.override({ provider: 'sandbox-b', mode: 'force_open' });
    expect(await world.reported(id, { ...A, outcome: 'rejected' })).toMatchObject({ next: 'sandbox-c' });
  });

  it('nobody once the decision has expired, and none that would hardly answer before', async () => {
    const { world, id } = await begun();
    await world.clock.advance(7_600);
    // A quarter of the time limit is needed at least.
    expect(await world.reported(id, { ...A, outcome: 'rejected' })).toEqual({
      next: 'stop',
      reason: 'no_candidate_left',
    });
    const late = await begun();
    await late.world.clock.advance(8_000);
    expect(await late.world.reported(late.id, { ...A, outcome: 'unknown' })).toEqual({
      next: 'stop',
      reason: 'expired',
    });
    expect(await late.world.reported(late.id, { ...A, outcome: 'rejected' })).toEqual({
      next: 'stop',
      reason: 'expired',
    });
  });

  it('keeps the account’s own retry budget after technical failures, not after declines', async () => {
    const world = new DecisionWorld();
    const ids: string[] = [];
    for (let time = 0; time < 12; time += 1) ids.push((await world.decided()).id);
    const last = await world.decided();
    const unsuited = await world.decided();
    const nexts: string[] = [];
    for (const id of ids) nexts.push((await world.reported(id, { ...A, outcome: 'not_sent' })).reason);
    // The floor of ten.
    expect(nexts.slice(-2)).toEqual(['retry_budget', 'retry_budget']);
    expect(nexts.filter((reason) => reason === 'not_sent')).toHaveLength(10);
    const declined = { ...A, outcome: 'declined', code: 'issuer_05', networkCode: '05' } as const;
    expect(await world.reported(last.id, declined)).toMatchObject({ next: 'sandbox-b' });
    // Whom a payment does not suit is not out: who takes it over takes nothing that an outage would multiply.
    const said = { ...A, outcome: 'not_sent', code: 'not_supported' } as const;
    expect(await world.reported(unsuited.id, said)).toMatchObject({ next: 'sandbox-b' });
    const other = await world.decided({ account: 'other' });
    expect(await world.reported(other.id, { ...A, outcome: 'not_sent' }, 'other')).toMatchObject({
      next: 'sandbox-b',
    });
  });

  it('a ceiling that is reached meanwhile stops', async () => {
    const limit = {
      name: 'two',
      brands: 'all',
      fromMs: 0,
      windowMs: 3_600_000,
      max: 2,
      sameAmount: false,
    } as const;
    const world = new DecisionWorld({ schemeRules: { ...BLOCKS, limits: [{ ...limit, source: 's' }] } });
    const request = sampleRequest();
    const first = await world.decided({ request });
    await world.decided({ request });
    const declined = { ...A, outcome: 'declined', code: 'issuer_05', networkCode: '05' } as const;
    expect(await world.reported(first.id, declined)).toEqual({ next: 'stop', reason: 'scheme_limit' });
  });

  it('a decline that is never to be repeated blocks the card for the next decision', async () => {
    const world = new DecisionWorld({ schemeRules: BLOCKS });
    const request = sampleRequest();
    const { id } = await world.decided({ request });
    const lost = { ...A, outcome: 'declined', code: 'issuer_41', networkCode: '41' } as const;
    expect(await world.reported(id, lost)).toEqual({ next: 'stop', reason: 'decline_is_final' });
    expect(await world.decided({ request })).toMatchObject({
      provider: null,
      decline: { category: 'scheme_blocked', code: 'hard_decline' },
    });
  });

  it('authentication data that was handed over is spent', async () => {
    const threeDs = { eci: '05', cavv: 'AAAB', dsTransactionId: null, version: null, exemption: null };
    const world = new DecisionWorld();
    const spent = await world.decided({ request: sampleRequest({ threeDs }) });
    expect(await world.reported(spent.id, { ...A, outcome: 'rejected' })).toEqual({
      next: 'stop',
      reason: 'authentication_spent',
    });
    const card = { ...sampleRequest().card, id: 'card-other' };
    const kept = await world.decided({ request: sampleRequest({ threeDs, card }) });
    expect(await world.reported(kept.id, { ...A, outcome: 'not_sent' })).toMatchObject({ next: 'sandbox-b' });
  });

  it('tells a code that no table knows, once', async () => {
    const { world, id } = await begun();
    const report = { ...A, outcome: 'declined', code: 'never heard of' } as const;
    await world.reported(id, report);
    await world.reported(id, report);
    expect(world.unmapped).toEqual(['never heard of']);
  });
});

describe('reports that are told again, or otherwise', () => {
  it('a repeat gets the same answer and teaches nothing more', async () => {
    const { world, id } = await begun();
    const first = await world.reported(id, { ...A, outcome: 'rejected' });
    const health = JSON.stringify(world.deps.accounts.of('acme').learner.health('sandbox-a', factsOf()));
    for (let time = 0; time < 20; time += 1) {
      expect(await world.reported(id, { ...A, outcome: 'rejected' })).toEqual(first);
    }
    expect(JSON.stringify(world.deps.accounts.of('acme').learner.health('sandbox-a', factsOf()))).toBe(
      health,
    );
    expect(world.counted).toEqual({ made: 1, reported: 1, 'told provider': 1 });
  });

  it('a repeat is answered by what stands now: never with a provider that was tried since', async () => {
    const { world, id } = await begun();
    expect(await world.reportedNow(id, { ...A, outcome: 'rejected' })).toEqual({
      next: 'sandbox-b',
      reason: 'rejected',
      attempt: 2,
    });
    await world.reported(id, { ...B, outcome: 'unknown' });
    const again = { ...A, outcome: 'rejected' } as const;
    expect(await world.reportedNow(id, again)).toEqual({ next: 'wait', reason: 'unknown', attempt: null });
    await world.reported(id, { ...B, outcome: 'approved' });
    expect(await world.reportedNow(id, again)).toEqual({ next: 'stop', reason: 'approved', attempt: null });
  });

  it('a repeat after the decision has expired offers nobody', async () => {
    const { world, id } = await begun();
    await world.reported(id, { ...A, outcome: 'rejected' });
    await world.clock.advance(60_000);
    expect(await world.reportedNow(id, { ...A, outcome: 'rejected' })).toEqual({
      next: 'stop',
      reason: 'expired',
      attempt: null,
    });
  });

  it('one change from unknown or pending to something definite is taken, and nothing after it', async () => {
    for (const open of ['unknown', 'pending'] as const) {
      const { world, id } = await begun();
      expect(await world.reported(id, { ...A, outcome: open })).toEqual({ next: 'wait', reason: open });
      expect(await world.reported(id, { ...A, outcome: 'rejected' })).toMatchObject({ next: 'sandbox-b' });
      const result = await world.report(id, { ...A, outcome: 'approved' });
      expect(result).toMatchObject({ kind: 'contradiction', recorded: { outcome: 'rejected' } });
      expect(await world.reported(id, { ...B, outcome: 'approved' })).toEqual({
        next: 'stop',
        reason: 'approved',
      });
    }
  });

  it('a report about what was not offered is refused, with what was', async () => {
    const { world, id } = await begun();
    for (const wrong of [B, { ...A, provider: 'sandbox-c' }, { ...A, attempt: 7 }]) {
      const result = await world.report(id, { ...wrong, outcome: 'approved' });
      expect(result).toMatchObject({ kind: 'not_offered', offered: [{ provider: 'sandbox-a', number: 1 }] });
    }
  });

  it('a decision of another account, merchant or nobody does not exist', async () => {
    const { world, id } = await begun();
    const report = { ...A, outcome: 'approved' } as const;
    expect(await world.report(id, report, 'other')).toEqual({ kind: 'not_found' });
    expect(await world.report('dec_none', report)).toEqual({ kind: 'not_found' });
    const whole = { ...report, code: null, networkCode: null, advice: null, latencyMs: null };
    const command = { account: 'acme', covers: () => false, decisionId: id, report: whole, receivedAtMs: 0 };
    expect(await world.decisions.report(command)).toEqual({ kind: 'not_found' });
  });

  it('of many at once, the same or contradicting, all come to one end', async () => {
    for (let round = 0; round < 20; round += 1) {
      const world = new DecisionWorld({ seed: round });
      const { id } = await world.decided();
      const outcomes = ['rejected', 'approved', 'unknown', 'rejected', 'approved', 'unknown'] as const;
      const results = await Promise.all(outcomes.map((outcome) => world.report(id, { ...A, outcome })));
      const stored = await world.journal.findDecision(id);
      const [first] = stored?.attempts ?? [];
      expect(first?.reports.length).toBeLessThanOrEqual(2);
      for (const [index, result] of results.entries()) {
        const again = await world.report(id, { ...A, outcome: outcomes[index] as OutcomeKind });
        expect(again).toEqual(result);
      }
      // Another is offered only where the first is definitely negative.
      expect((stored?.attempts.length ?? 0) > 1).toBe(first?.outcome?.kind === 'rejected');
    }
  });
});

describe('what reports teach', () => {
  it('an account’s next decision avoids at once what its reports say fails, and nobody else’s does', async () => {
    const world = new DecisionWorld();
    await world.reportMany('one', 'unknown', 10);
    expect((await world.decided({ account: 'one' })).ranking).toEqual(['sandbox-b', 'sandbox-c']);
    expect((await world.decided({ account: 'two' })).provider).toBe('sandbox-a');
    await world.reportMany('two', 'unknown', 10);
    expect((await world.decided({ account: 'three' })).ranking).toEqual(['sandbox-b', 'sandbox-c']);
  });

  it('one account alone, however much it reports, changes no other’s decisions', async () => {
    const world = new DecisionWorld({ action: { strategy: { kind: 'score' } } });
    for (const id of ['sandbox-a', 'sandbox-b']) {
      for (let time = 0; time < 100; time += 1) {
        const approved = { kind: 'approved', providerReference: 'r', networkTransaction: null } as const;
        const told = {
          provider: id,
          facts: factsOf(),
          attemptNumber: 1,
          durationMs: 100,
          resolvedLater: false,
        };
        world.learner.observe({ ...told, outcome: approved });
      }
    }
    const seen = async () => {
      const { routing } = await world.decided({ account: 'two' });
      return [...routing.candidates]
        .sort((left, right) => left.provider.localeCompare(right.provider))
        .map((candidate) => ({ ...candidate, rank: null }));
    };
    const before = await seen();
    await world.reportMany('one', 'declined', 100);
    await world.reportMany('one', 'unknown', 100);
    await world.reportMany('one', 'rejected', 100);
    expect(await seen()).toEqual(before);
  });

  it('what is reported long after is learned, and moves no breaker', async () => {
    const world = new DecisionWorld();
    const ids: string[] = [];
    for (let time = 0; time < 20; time += 1) ids.push((await world.decided()).id);
    await world.clock.advance(3_600_000);
    for (const id of ids) await world.reported(id, { ...A, outcome: 'unknown' });
    expect((await world.decided()).provider).toBe('sandbox-a');
    for (const id of ids)
      await world.reported(id, { ...A, outcome: 'declined', code: 'issuer_51', networkCode: '51' });
    const known = world.deps.accounts.of('acme').learner.approval('sandbox-a', factsOf(), {
      name: '',
      later: false,
    });
    expect(known.n).toBeGreaterThan(10);
  });
});

describe('reports and card testing', () => {
  const declined = { outcome: 'declined', code: 'issuer_14' } as const;
  /** Payments of an account that end with this report. */
  const end = async (
    world: DecisionWorld,
    account: string,
    count: number,
    report: typeof declined | { outcome: 'approved' },
  ) => {
    for (let time = 0; time < count; time += 1) {
      const { id, provider } = await world.decided({ account });
      await world.reported(id, { provider: provider ?? '', ...report }, account);
    }
  };
  const watching = () => {
    const clock = new FakeClock();
    return new DecisionWorld({ cardTesting: new CardTestingGuard(clock) });
  };

  it('reported declines of nearly all of many payments have the account’s next ones refused, and nobody else’s', async () => {
    const world = watching();
    await end(world, 'acme', 99, declined);
    expect(world.alerts).toEqual([]);
    await end(world, 'acme', 1, declined);
    expect(world.alerts).toEqual(['card_testing']);
    expect(await world.decide()).toMatchObject({ kind: 'card_testing' });
    expect((await world.decide({ account: 'other' })).kind).toBe('answered');
  });

  it('a payment counts once, by how it ended, and what is reported late does not', async () => {
    const world = watching();
    await end(world, 'acme', 60, declined);
    await end(world, 'acme', 40, { outcome: 'approved' });
    // A decline after which another provider is offered is not its end.
    const softly = { outcome: 'declined', code: 'issuer_05', networkCode: '05' } as const;
    for (let time = 0; time < 60; time += 1) {
      const { id } = await world.decided();
      expect((await world.reported(id, { provider: 'sandbox-a', ...softly })).next).toBe('sandbox-b');
    }
    const late: string[] = [];
    for (let time = 0; time < 120; time += 1) late.push((await world.decided({ account: 'late' })).id);
    await world.clock.advance(120_000);
    for (const id of late) await world.reported(id, { provider: 'sandbox-a', ...declined }, 'late');
    expect(world.alerts).toEqual([]);
  });
});

describe('what the log is told', () => {
  it('each decision and each report once, and why there is none', async () => {
    const world = new DecisionWorld();
    const keyed = { ...sampleCommand({ receivedAtMs: world.clock.monotonicMs() }), idempotencyKey: 'key-1' };
    const { id } = await world.decided(keyed);
    await world.decided(keyed);
    await world.clock.advance(250);
    await world.reported(id, { provider: 'sandbox-a', outcome: 'rejected', code: '503' });
    await world.reported(id, { provider: 'sandbox-a', outcome: 'rejected', code: '503' });
    await world.reported(id, { provider: 'sandbox-b', attempt: 2, outcome: 'approved' });
    const payment = { account: 'acme', merchant: 'acme-eu', reference: 'order-7781' };
    expect(world.lines).toMatchObject([
      { ...payment, decisionId: id, result: 'offered', provider: 'sandbox-a', rule: 'fallback', ruleset: 1 },
      {
        ...payment,
        decisionId: id,
        attempt: 1,
        provider: 'sandbox-a',
        outcome: 'rejected',
        code: '503',
        next: 'provider',
        nextProvider: 'sandbox-b',
        reason: 'rejected',
        ageMs: 250,
      },
      { ...payment, attempt: 2, outcome: 'approved', next: 'stop', nextProvider: null, reason: 'approved' },
    ]);
  });

  it('that nobody could be tried', async () => {
    const world = new DecisionWorld();
    const overrides = ['sandbox-a', 'sandbox-b', 'sandbox-c'].map((provider) =>
      sampleOverride({ provider, mode: 'force_open' }),
    );
    world.lanes.setOverrides(overrides);
    await world.decide();
    expect(world.lines).toMatchObject([
      { decisionId: null, result: 'no_route', provider: null, rule: 'fallback' },
    ]);
  });
});

describe('decisions that nobody reports', () => {
  it('are counted once they are long over', async () => {
    const world = new DecisionWorld();
    for (let time = 0; time < 3; time += 1) await world.decided();
    const { id } = await world.decided();
    await world.reported(id, { ...A, outcome: 'approved' });
    expect(await countUnreported(world.deps)).toBe(0);
    await world.clock.advance(8_000 + 300_000);
    expect(await countUnreported(world.deps)).toBe(0);
    await world.clock.advance(1);
    expect(await countUnreported(world.deps)).toBe(3);
    expect(await countUnreported(world.deps)).toBe(0);
    expect(world.counted).toEqual({ made: 4, reported: 1, unreported: 3, 'told stop': 1 });
  });

  it('are let go of by their age, with their keys', async () => {
    const world = new DecisionWorld();
    const { id } = await world.decided();
    const day = 86_400_000;
    await world.clock.advance(31 * day);
    expect(await purgeDecisions(world.deps)).toBe(0);
    expect(await purgeDecisions({ ...world.deps, retentionMs: 30 * day })).toBe(1);
    expect(await world.journal.findDecision(id)).toBeNull();
    await world.decided();
    await world.clock.advance(90 * day + 1);
    expect(await purgeDecisions(world.deps)).toBe(1);
  });
});
