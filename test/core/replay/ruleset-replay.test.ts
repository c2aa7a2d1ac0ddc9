import { describe, expect, it } from 'vitest';
import type { Attempt } from '../../../src/core/attempt.ts';
import {
  LEARNER_DEFAULTS,
  type LearnerSettings,
  RulesetReplay,
} from '../../../src/core/replay/ruleset-replay.ts';
import { verdictOf } from '../../../src/core/replay/verdict.ts';
import type { RuleAction, Ruleset } from '../../../src/core/rules/ruleset.ts';
import { routingFacts } from '../../support/routing-facts.ts';
import { sampleAttempt, sampleAuthorization, sampleCandidate } from '../../support/sample-authorization.ts';
import { SAMPLE_OUTCOMES } from '../../support/sample-outcomes.ts';
import { sampleAction, sampleContract, sampleRuleset } from '../../support/sample-ruleset.ts';
import { SeededRandom } from '../../support/seeded-random.ts';

const SEED = 20_261_128;
const PROVIDERS = ['sandbox-a', 'sandbox-b', 'sandbox-c'] as const;
/** Approval of first attempts; second ones see harder payments. */
const APPROVAL: Readonly<Record<string, number>> = { 'sandbox-a': 0.9, 'sandbox-b': 0.8, 'sandbox-c': 0.7 };
const HARDER = 0.5;
/** How the recorded traffic chose. */
const LOGGED: Readonly<Record<string, number>> = { 'sandbox-a': 0.4, 'sandbox-b': 0.35, 'sandbox-c': 0.25 };

function rules(over: Partial<RuleAction>, fees: Readonly<Record<string, number>> = {}): Ruleset {
  const contracts = PROVIDERS.map((id) => {
    const { fees: none } = sampleContract(id);
    return sampleContract(id, { fees: { ...none, basisPoints: fees[id] ?? 0 } });
  });
  return sampleRuleset(contracts, [{ name: 'replayed', matches: () => true, action: sampleAction(over) }]);
}

const inOrder = (...order: readonly string[]): Partial<RuleAction> => ({
  strategy: { kind: 'priority', order },
  fallback: false,
});

function drawn(weights: ReadonlyMap<string, number>, aim: number): readonly [string, number] {
  let below = 0;
  let last: readonly [string, number] = ['', 0];
  for (last of weights) {
    below += last[1];
    if (aim < below) break;
  }
  return last;
}

/** A payment as the recording policy made it: drawn by weight, with one failover to another provider. */
function recorded(random: SeededRandom) {
  const left = new Map(Object.entries(LOGGED));
  const attempts: Attempt[] = [];
  for (const number of [1, 2]) {
    const sum = [...left.values()].reduce((total, weight) => total + weight, 0);
    const [provider, weight] = drawn(left, random.unit() * sum);
    left.delete(provider);
    const isApproved = random.chance((APPROVAL[provider] ?? 0) * (number === 1 ? 1 : HARDER));
    const outcome = SAMPLE_OUTCOMES[isApproved ? 'approved' : 'declinedSoft'];
    attempts.push({ ...sampleAttempt(number, outcome), provider, propensity: weight / sum });
    if (isApproved) break;
  }
  const base = sampleAuthorization([]);
  const candidates = PROVIDERS.map((provider) =>
    sampleCandidate(provider, { score: APPROVAL[provider] ?? 0 }),
  );
  const routing = { ...base.routing, candidates };
  return { authorization: { ...base, routing, attempts }, facts: routingFacts() };
}

function replay(ruleset: Ruleset, payments: number, random = new SeededRandom(SEED)) {
  const replayed = new RulesetReplay({ ruleset, random: () => random.unit() });
  for (let payment = 0; payment < payments; payment += 1) replayed.add(recorded(random));
  return replayed.result();
}

/** Approval of a fixed order with one failover. */
const truthOf = (first: string, second: string): number => {
  const [one = 0, two = 0] = [APPROVAL[first], APPROVAL[second]];
  return one + (1 - one) * two * HARDER;
};

describe('other rules over recorded payments', () => {
  it.each([
    ['sandbox-a', 'sandbox-b'],
    ['sandbox-b', 'sandbox-a'],
    ['sandbox-c', 'sandbox-b'],
  ])('%s, then %s: the interval covers what they would have come to', (first, second) => {
    const { all } = replay(rules({ ...inOrder(first, second), attemptsMax: 2 }), 6000);
    const truth = truthOf(first, second);
    expect(all.approval.supported).toBe(true);
    expect(all.approval.interval?.low).toBeLessThan(truth);
    expect(all.approval.interval?.high).toBeGreaterThan(truth);
    expect(Math.abs((all.approval.selfNormalised ?? 0) - truth)).toBeLessThan(0.03);
  });

  it('the same rules as were recorded come to what was recorded', () => {
    const weights = new Map(Object.entries(LOGGED));
    const same = rules({ strategy: { kind: 'split', weights }, fallback: false, attemptsMax: 2 });
    const { all, cutShort, unrouted } = replay(same, 2000);
    expect(all.approval.difference).toBeCloseTo(0, 12);
    expect(all.approval.effectiveSampleSize).toBeCloseTo(2000, 6);
    expect([cutShort, unrouted]).toEqual([0, 0]);
    for (const { recorded: before, replayed: after, provider } of all.providers) {
      expect(after).toBeCloseTo(LOGGED[provider] ?? 0, 9);
      expect(Math.abs(before - after)).toBeLessThan(0.03);
    }
  });

  it('fewer attempts count for less, and what more would have brought is not made up', () => {
    const one = replay(rules({ ...inOrder('sandbox-a', 'sandbox-b'), attemptsMax: 1 }), 4000);
    expect(Math.abs((one.all.approval.selfNormalised ?? 0) - 0.9)).toBeLessThan(0.02);
    const three = replay(rules({ ...inOrder('sandbox-c', 'sandbox-b', 'sandbox-a'), attemptsMax: 3 }), 4000);
    expect(three.cutShort).toBeGreaterThan(0);
    const two = replay(rules({ ...inOrder('sandbox-c', 'sandbox-b'), attemptsMax: 2 }), 4000);
    expect(two.cutShort).toBe(0);
  });

  it('learn as they would have: a score finds the best provider', () => {
    const { all } = replay(
      rules({ strategy: { kind: 'score' }, explorationShare: 0.02, attemptsMax: 2 }),
      6000,
    );
    const share = all.providers.find(({ provider }) => provider === 'sandbox-a')?.replayed ?? 0;
    expect(share).toBeGreaterThan(0.9);
    expect(all.approval.difference).toBeGreaterThan(0.02);
    expect(all.approval.differenceInterval?.low).toBeGreaterThan(0);
  });

  it('say nothing for certain where the record never chose as they do', () => {
    const random = new SeededRandom(SEED);
    const replayed = new RulesetReplay({
      ruleset: rules({ ...inOrder('sandbox-c'), attemptsMax: 1 }),
      random: () => random.unit(),
    });
    for (let payment = 0; payment < 3000; payment += 1) {
      const attempts = [{ ...sampleAttempt(1, SAMPLE_OUTCOMES.approved), propensity: 0.98 }];
      replayed.add({ authorization: { ...sampleAuthorization([]), attempts }, facts: routingFacts() });
    }
    expect(replayed.result().all.approval).toMatchObject({ supported: false, selfNormalised: null });
  });

  it('counts what it cannot weigh, what it would not send, and what is not known yet', () => {
    const random = new SeededRandom(SEED);
    const nowhere = new RulesetReplay({
      ruleset: sampleRuleset([sampleContract('sandbox-a')], []),
      random: () => random.unit(),
    });
    const somewhere = new RulesetReplay({ ruleset: rules({}), random: () => random.unit() });
    for (const each of [nowhere, somewhere]) {
      const add = (attempts: readonly Attempt[]) =>
        each.add({ authorization: { ...sampleAuthorization([]), attempts }, facts: routingFacts() });
      add([]);
      add([{ ...sampleAttempt(1, SAMPLE_OUTCOMES.approved), propensity: 0 }]);
      add([sampleAttempt(1, SAMPLE_OUTCOMES.unknown)]);
      add([sampleAttempt(1, null)]);
      add([sampleAttempt(1, SAMPLE_OUTCOMES.approved)]);
    }
    expect(nowhere.result()).toMatchObject({ unresolved: 2, unrouted: 3, withoutPropensity: 1 });
    expect(nowhere.result().all.approval).toMatchObject({ payments: 3, selfNormalised: 0 });
    expect(somewhere.result()).toMatchObject({ unresolved: 2, unrouted: 0, withoutPropensity: 1 });
    expect(somewhere.result().all.approval).toMatchObject({ payments: 3, selfNormalised: 1 / 3 });
  });

  it('sees a lane that was closed as the decision saw it', () => {
    const random = new SeededRandom(SEED);
    const replayed = new RulesetReplay({
      ruleset: rules({ ...inOrder('sandbox-a', 'sandbox-b'), attemptsMax: 1 }),
      random: () => random.unit(),
    });
    const base = sampleAuthorization([]);
    const explained = sampleCandidate('sandbox-a', { breaker: 'open', reason: 'breaker_open' });
    const routing = { ...base.routing, candidates: [explained, sampleCandidate('sandbox-b')] };
    const attempts = [{ ...sampleAttempt(1, SAMPLE_OUTCOMES.approved), provider: 'sandbox-b' }];
    for (let payment = 0; payment < 200; payment += 1) {
      replayed.add({ authorization: { ...base, routing, attempts }, facts: routingFacts() });
    }
    const { all } = replayed.result();
    expect(all.approval).toMatchObject({ selfNormalised: 1, effectiveSampleSize: 200, supported: true });
  });

  it('tells kinds of payments apart, and what an approval costs', () => {
    const random = new SeededRandom(SEED);
    const fees = { 'sandbox-a': 100, 'sandbox-b': 20, 'sandbox-c': 60 };
    const replayed = new RulesetReplay({
      ruleset: rules({ ...inOrder('sandbox-b'), attemptsMax: 1 }, fees),
      random: () => random.unit(),
    });
    for (let payment = 0; payment < 2000; payment += 1) {
      const { authorization } = recorded(random);
      const facts =
        payment % 4 === 0 ? routingFacts({ cardBrand: 'amex', cardIssuerRegion: null }) : routingFacts();
      replayed.add({ authorization, facts });
    }
    const { segments, all } = replayed.result();
    expect(segments.map(({ segment, approval }) => [segment, approval.payments])).toEqual([
      ['visa eea', 1500],
      ['amex unknown', 500],
    ]);
    expect(all.costBasisPoints.replayed).toBeCloseTo(20, 9);
    expect(all.costBasisPoints.recorded).toBeGreaterThan(50);
    expect(all.providers).toContainEqual({
      provider: 'sandbox-b',
      recorded: expect.any(Number),
      replayed: 1,
    });
  });

  it('names providers that are new or gone, and how much hangs on them', () => {
    const random = new SeededRandom(SEED);
    const weights = new Map([
      ['sandbox-b', 0.7],
      ['sandbox-d', 0.3],
    ]);
    const contracts = ['sandbox-b', 'sandbox-c', 'sandbox-d'].map((id) =>
      sampleContract(id, { enabled: id !== 'sandbox-c' }),
    );
    const action = sampleAction({ strategy: { kind: 'split', weights }, fallback: false, attemptsMax: 1 });
    const replayed = new RulesetReplay({
      ruleset: sampleRuleset(contracts, [{ name: 'moved', matches: () => true, action }]),
      random: () => random.unit(),
    });
    for (let payment = 0; payment < 2000; payment += 1) replayed.add(recorded(random));
    const result = replayed.result();
    expect(result.gone).toEqual(['sandbox-a', 'sandbox-c']);
    expect(result.unsupported).toHaveLength(1);
    expect(result.unsupported[0]).toMatchObject({ provider: 'sandbox-d', isNew: true });
    expect(result.unsupported[0]?.share).toBeCloseTo(0.3, 9);
    expect(verdictOf(result)).toMatchObject({ kind: 'cannot_say', reason: 'not_supported' });
    expect(verdictOf(result).sentence).toContain('(sandbox-d 30.0 %, new), 5 % at most');
  });

  it('refuses to say what comes after the end of the record', () => {
    const one = replay(rules({ ...inOrder('sandbox-c', 'sandbox-b', 'sandbox-a'), attemptsMax: 3 }), 4000);
    expect(verdictOf(one)).toMatchObject({ kind: 'cannot_say', reason: 'cut_short' });
    expect(one.all.approval.openShare).toBeGreaterThan(0.05);
    expect(verdictOf(replay(rules(inOrder('sandbox-a')), 0)).reason).toBe('no_payments');
  });

  it('shows which payments move, from whom to whom, with what that comes to', () => {
    const random = new SeededRandom(SEED);
    const visa = sampleAction({ ...inOrder('sandbox-b'), attemptsMax: 1 });
    const others = sampleAction({ ...inOrder('sandbox-a'), attemptsMax: 1 });
    const contracts = PROVIDERS.map((id) => sampleContract(id));
    const replayed = new RulesetReplay({
      ruleset: sampleRuleset(contracts, [
        { name: 'visa', matches: ({ cardBrand }) => cardBrand === 'visa', action: visa },
        { name: 'others', matches: () => true, action: others },
      ]),
      random: () => random.unit(),
    });
    for (let payment = 0; payment < 3000; payment += 1) {
      const { authorization } = recorded(random);
      const facts = payment % 3 === 0 ? routingFacts({ cardBrand: 'amex' }) : routingFacts();
      replayed.add({ authorization, facts });
    }
    const { all, segments, rules: byRule } = replayed.result();
    expect(byRule.map(({ segment, approval }) => [segment, approval.payments])).toEqual([
      ['visa', 2000],
      ['others', 1000],
    ]);
    const [ofVisa, ofAmex] = segments;
    // The best score was sandbox-a's, whichever was drawn.
    expect(ofVisa?.moves).toMatchObject([{ from: 'sandbox-a', to: 'sandbox-b', share: 1 }]);
    expect(ofAmex).toMatchObject({ moves: [], movedShare: 0 });
    const [move] = ofVisa?.moves ?? [];
    expect(move?.approval).toMatchObject({ payments: 2000, supported: true });
    expect(move?.approval.interval?.low).toBeLessThan(0.8);
    expect(move?.approval.interval?.high).toBeGreaterThan(0.8);
    expect(all.moves).toMatchObject([{ from: 'sandbox-a', to: 'sandbox-b' }]);
    expect(all.movedShare).toBeCloseTo(2 / 3, 12);
    const nobody = replay(sampleRuleset([sampleContract('sandbox-a')], []), 100);
    expect(nobody.all.moves[0]).toMatchObject({ to: null });
  });

  it.each([
    ['an unhealthy provider stands behind the others', 'unhealthy', 'sandbox-b'],
    ['one that mostly works on what it is sent does not', null, 'sandbox-a'],
  ])('takes health as it was recorded: %s', (_, reason, first) => {
    const random = new SeededRandom(SEED);
    const replayed = new RulesetReplay({
      ruleset: rules({ ...inOrder('sandbox-a', 'sandbox-b', 'sandbox-c'), attemptsMax: 1 }),
      random: () => random.unit(),
    });
    const base = sampleAuthorization([]);
    const candidates = PROVIDERS.map((provider) =>
      sampleCandidate(provider, provider === 'sandbox-a' ? { health: 0.3, reason } : { health: 0.99 }),
    );
    const attempts = [{ ...sampleAttempt(1, SAMPLE_OUTCOMES.approved), provider: 'sandbox-b' }];
    for (let payment = 0; payment < 200; payment += 1) {
      const routing = { ...base.routing, candidates };
      replayed.add({ authorization: { ...base, routing, attempts }, facts: routingFacts() });
    }
    expect(replayed.result().all.providers).toContainEqual(
      expect.objectContaining({ provider: first, replayed: 1 }),
    );
  });

  it('explores as much as it is told to, and learns as it is told to', () => {
    const shareOf = (learner: LearnerSettings) => {
      const random = new SeededRandom(SEED);
      const ruleset = rules({ strategy: { kind: 'score' }, explorationShare: 0, fallback: true });
      const replayed = new RulesetReplay({ ruleset, random: () => random.unit(), learner });
      for (let payment = 0; payment < 2000; payment += 1) replayed.add(recorded(random));
      const { providers } = replayed.result().all;
      return providers.find(({ provider }) => provider === 'sandbox-c')?.replayed ?? 0;
    };
    const usual = shareOf(LEARNER_DEFAULTS);
    expect(usual).toBeLessThan(0.05);
    const exploring = shareOf({ ...LEARNER_DEFAULTS, explorationShare: 0.3 });
    expect(exploring).toBeGreaterThan(usual + 0.05);
    const model = { ...LEARNER_DEFAULTS.model, gamma: 0.9, gammaAfterChange: 0.9 };
    expect(shareOf({ ...LEARNER_DEFAULTS, model }), 'who forgets at once, doubts for ever').toBeGreaterThan(
      usual + 0.01,
    );
  });
});
