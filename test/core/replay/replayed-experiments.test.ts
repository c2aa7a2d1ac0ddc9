import { describe, expect, it } from 'vitest';
import type { ExperimentDecision } from '../../../src/core/decision.ts';
import { assignArm } from '../../../src/core/experiments/assign.ts';
import type { Experiments, Holdout } from '../../../src/core/experiments/experiment.ts';
import { RulesetReplay } from '../../../src/core/replay/ruleset-replay.ts';
import { verdictOf } from '../../../src/core/replay/verdict.ts';
import type { RuleAction, Ruleset } from '../../../src/core/rules/ruleset.ts';
import { routingFacts } from '../../support/routing-facts.ts';
import { sampleAttempt, sampleAuthorization, sampleCandidate } from '../../support/sample-authorization.ts';
import { sampleArm, sampleExperiment } from '../../support/sample-experiment.ts';
import { SAMPLE_OUTCOMES } from '../../support/sample-outcomes.ts';
import { sampleAction, sampleContract, sampleRuleset } from '../../support/sample-ruleset.ts';
import { SeededRandom } from '../../support/seeded-random.ts';

const SEED = 20_261_130;
const PROVIDERS = ['a', 'b'] as const;
const APPROVAL: Readonly<Record<string, number>> = { a: 0.9, b: 0.7 };
const PAYMENTS = 4000;

const split = (a: number, b: number): RuleAction['strategy'] => ({
  kind: 'split',
  weights: new Map([
    ['a', a],
    ['b', b],
  ]),
});

/** Fixed: always a. Drawn: either, by halves. */
const EXPERIMENT = sampleExperiment({
  arms: [
    sampleArm('fixed', ['a']),
    {
      ...sampleArm('drawn'),
      change: { kind: 'own', strategy: split(1, 1), fallback: false, tuning: {} },
    },
  ],
  baseline: 'fixed',
});
const HOLDOUT: Holdout = {
  share: 0.1,
  seed: 'held-1',
  rules: new Set(['fallback']),
  change: { kind: 'own', strategy: { kind: 'priority', order: ['a'] }, fallback: false, tuning: {} },
  maturityMs: 3_600_000,
};

function rules(action: Partial<RuleAction>, experiments: Partial<Experiments> = {}): Ruleset {
  const rule = {
    name: 'fallback',
    matches: () => true,
    action: sampleAction({ fallback: false, attemptsMax: 1, ...action }),
  };
  const ruleset = sampleRuleset(
    PROVIDERS.map((id) => sampleContract(id)),
    [rule],
  );
  return { ...ruleset, experiments: { holdout: null, list: [], notes: [], ...experiments } };
}

/** Payments as a ruleset with experiments made them: each in the arm that its reference has. */
function* recorded(ruleset: Ruleset, random: SeededRandom) {
  const [rule] = ruleset.rules;
  if (rule === undefined) throw new Error('there is a rule');
  for (let number = 1; number <= PAYMENTS; number += 1) {
    const facts = routingFacts({ reference: `order-${number}` });
    const base = sampleAuthorization([]);
    const assigned = assignArm(
      ruleset.experiments,
      { facts, customer: null, rule, nowMs: base.createdAtMs },
      { isStopped: () => false, shares: () => null },
    );
    const { strategy } = assigned.rule.action;
    const weights = strategy.kind === 'split' ? strategy.weights : new Map([['a', 1]]);
    const sum = [...weights.values()].reduce((total, weight) => total + weight, 0);
    const provider = random.chance((weights.get('a') ?? 0) / sum) ? 'a' : 'b';
    const outcome = SAMPLE_OUTCOMES[random.chance(APPROVAL[provider] ?? 0) ? 'approved' : 'declinedSoft'];
    const propensity = (weights.get(provider) ?? 0) / sum;
    const attempts = [{ ...sampleAttempt(1, outcome), provider, propensity }];
    const experiment: ExperimentDecision | null = assigned.shown;
    const candidates = PROVIDERS.map((each) => sampleCandidate(each));
    const routing = { ...base.routing, strategy: strategy.kind, experiment, candidates };
    yield { authorization: { ...base, routing, attempts }, facts };
  }
}

function replay(record: Ruleset, other: Ruleset) {
  const random = new SeededRandom(SEED);
  const replayed = new RulesetReplay({ ruleset: other, random: () => random.unit() });
  for (const payment of recorded(record, random)) replayed.add(payment);
  return replayed.result();
}

/** How many are in each arm, as hashes have it. */
function countedArms(result: ReturnType<typeof replay>) {
  return { payments: result.all.approval.payments, leftOut: result.all.approval.leftOut };
}

describe('payments that were in experiments', () => {
  const running = rules({ strategy: split(1, 1) }, { list: [EXPERIMENT] });

  it('the same rules with the same experiments come to what was recorded', () => {
    const { all } = replay(running, running);
    expect(all.approval).toMatchObject({
      difference: 0,
      differenceInterval: { low: 0, high: 0 },
      leftOut: 0,
    });
    expect(all.approval.effectiveSampleSize).toBeCloseTo(PAYMENTS, 6);
    const withHoldout = rules({ strategy: split(1, 1) }, { holdout: HOLDOUT, list: [EXPERIMENT] });
    expect(replay(withHoldout, withHoldout).all.approval).toMatchObject({ difference: 0, leftOut: 0 });
  });

  it('stand for their like in an arm that never chose as the other rules would', () => {
    // All to b: the fixed arm says nothing of it, the drawn one all.
    const result = replay(running, rules({ strategy: { kind: 'priority', order: ['b'] } }));
    const { approval } = result.all;
    const { payments, leftOut } = countedArms(result);
    expect(payments).toBe(PAYMENTS);
    expect(leftOut).toBeGreaterThan(PAYMENTS * 0.4);
    expect(leftOut).toBeLessThan(PAYMENTS * 0.6);
    expect(approval).toMatchObject({ supported: true, unsupportedShare: 0 });
    // What the fixed arm cannot tell is told by the others: nobody is named for it.
    expect(result.unsupported).toEqual([]);
    expect(approval.meanWeight).toBeCloseTo(1, 1);
    expect(approval.interval?.low).toBeLessThan(0.7);
    expect(approval.interval?.high).toBeGreaterThan(0.7);
    // Those left out are in what was recorded all the same: half always a, half by halves.
    expect(Math.abs((approval.recorded ?? 0) - 0.85)).toBeLessThan(0.02);
    expect(verdictOf(result)).toMatchObject({ kind: 'fewer' });
  });

  it('do not stand for another arm of the replayed rules: the two draws may be the same one', () => {
    // The same draw as recorded: those of the fixed arm now go to b, of which nobody knows anything.
    const arms = [sampleArm('fixed', ['b']), ...EXPERIMENT.arms.slice(1)];
    const changed = rules({ strategy: split(1, 1) }, { list: [{ ...EXPERIMENT, arms }] });
    const result = replay(running, changed);
    expect(verdictOf(result)).toMatchObject({ kind: 'cannot_say', reason: 'not_supported' });
    expect(result.unsupported).toEqual([
      { provider: 'b', isNew: false, share: result.all.approval.unsupportedShare },
    ]);
    expect(Math.abs(result.all.approval.unsupportedShare - 0.5)).toBeLessThan(0.05);
  });

  it('say nothing where no arm could have chosen so', () => {
    const arms = [sampleArm('fixed', ['a']), sampleArm('drawn', ['a'])];
    const fixed = rules({ strategy: split(1, 1) }, { list: [{ ...EXPERIMENT, arms }] });
    const result = replay(fixed, rules({ strategy: { kind: 'priority', order: ['b'] } }));
    expect(verdictOf(result)).toMatchObject({ kind: 'cannot_say', reason: 'not_supported' });
    expect(result.all.approval).toMatchObject({ leftOut: 0, unsupportedShare: 1 });
  });

  it('are held out of what the others tell', () => {
    const held = rules({ strategy: split(1, 1) }, { holdout: HOLDOUT });
    const { all } = replay(held, rules({ strategy: { kind: 'priority', order: ['b'] } }));
    expect(all.approval).toMatchObject({ supported: true, unsupportedShare: 0 });
    expect(all.approval.leftOut).toBeGreaterThan(PAYMENTS * 0.07);
    expect(all.approval.leftOut).toBeLessThan(PAYMENTS * 0.13);
    expect(Math.abs((all.approval.selfNormalised ?? 0) - 0.7)).toBeLessThan(0.03);
  });
});

describe('experiments of the replayed rules', () => {
  it('draw each payment into its arm, which routes it', () => {
    const record = rules({ strategy: split(1, 1) });
    const arms = [sampleArm('control', ['a']), sampleArm('treatment', ['b'])];
    const plan = { coverage: 1, shares: [0.25, 0.75] };
    const other = rules({ strategy: split(1, 1) }, { list: [sampleExperiment({ arms, plan })] });
    const { all } = replay(record, other);
    const share = all.providers.find(({ provider }) => provider === 'b')?.replayed ?? 0;
    expect(Math.abs(share - 0.75)).toBeLessThan(0.03);
    const truth = (1 - share) * 0.9 + share * 0.7;
    expect(all.approval.interval?.low).toBeLessThan(truth);
    expect(all.approval.interval?.high).toBeGreaterThan(truth);
    // Each payment is sent to one of both for certain.
    expect(all.approval.effectiveSampleSize).toBeLessThan(PAYMENTS * 0.55);
  });

  it('learn apart: an arm of few payments knows less than the rest', () => {
    const record = rules({ strategy: split(1, 1) });
    const score: RuleAction['strategy'] = { kind: 'score' };
    const learning = {
      ...sampleArm('new'),
      change: { kind: 'own', strategy: score, fallback: true, tuning: {} },
    } as const;
    const arms = [sampleArm('control', ['a']), learning];
    const few = { coverage: 1, shares: [0.99, 0.01] };
    const experiment = sampleExperiment({ arms, plan: few });
    const chosen = (ruleset: Ruleset) => {
      const { all } = replay(record, ruleset);
      return all.providers.find(({ provider }) => provider === 'a')?.replayed ?? 0;
    };
    const alone = chosen(rules({ strategy: score, explorationShare: 0, fallback: true }));
    expect(alone).toBeGreaterThan(0.95);
    // One in a hundred learns from forty payments alone, and chooses b much more often than those that learn from all.
    const apart = chosen(rules({ explorationShare: 0 }, { list: [experiment] }));
    const inArm = (apart - 0.99) / 0.01;
    expect(inArm).toBeLessThan(alone - 0.05);
    const stopped = rules({ strategy: split(1, 1) }, { list: [{ ...experiment, status: 'stopped' }] });
    expect(chosen(stopped)).toBeCloseTo(0.5, 9);
  });
});
