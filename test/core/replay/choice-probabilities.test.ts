import { describe, expect, it } from 'vitest';
import { choiceProbabilities } from '../../../src/core/replay/choice-probabilities.ts';
import { ApprovalModel } from '../../../src/core/scoring/approval-model.ts';
import { type RankCandidate, rankCandidates } from '../../../src/core/scoring/rank-candidates.ts';
import { routingFacts } from '../../support/routing-facts.ts';
import { sampleAction, sampleContract } from '../../support/sample-ruleset.ts';
import { SeededRandom } from '../../support/seeded-random.ts';

const SEED = 20_261_129;
const PROVIDERS = ['alpha', 'beta', 'gamma', 'delta'] as const;
const SCOPE = { name: '', later: false };

/** Four providers of which so much is known that none is certain. */
function candidates(over: Partial<Record<string, Partial<RankCandidate>>> = {}): readonly RankCandidate[] {
  const random = new SeededRandom(SEED);
  const model = new ApprovalModel();
  for (let outcome = 0; outcome < 600; outcome += 1) {
    const place = outcome % PROVIDERS.length;
    const approved = random.chance(0.9 - 0.03 * place);
    model.observe(PROVIDERS[place] ?? '', routingFacts(), SCOPE, approved);
  }
  return PROVIDERS.map((provider) => ({
    provider,
    fees: sampleContract(provider).fees,
    borrowsToken: false,
    approval: model.approval(provider, routingFacts(), SCOPE),
    health: { processed: 1, unknown: 0, pending: 0, samples: 0 },
    lane: { breaker: 'closed', closedBecause: null, limitHeadroom: 1 },
    ...over[provider],
  }));
}

const input = (action: Parameters<typeof sampleAction>[0], list = candidates()) => ({
  facts: routingFacts(),
  exchangeRates: [],
  rule: 'all',
  action: sampleAction(action),
  attemptsLeft: 2,
  candidates: list,
  ineligible: [],
});

describe('the probability of each choice', () => {
  it('is how often the strategy that learns draws each provider first', () => {
    const asked = input({ strategy: { kind: 'score' }, explorationShare: 0.1 });
    const probabilities = choiceProbabilities(asked);
    const sum = [...probabilities.values()].reduce((total, chance) => total + chance, 0);
    expect(sum).toBeCloseTo(1, 9);
    const random = new SeededRandom(SEED);
    const drawn = new Map<string, number>();
    const draws = 20_000;
    for (let draw = 0; draw < draws; draw += 1) {
      const [first] = rankCandidates({ ...asked, draw: () => random.unit() }).candidates;
      if (first === undefined) throw new Error('somebody is first');
      drawn.set(first.provider, (drawn.get(first.provider) ?? 0) + 1);
      expect(first.propensity).toBeCloseTo(probabilities.get(first.provider) ?? 0, 9);
    }
    for (const provider of PROVIDERS) {
      const chance = probabilities.get(provider) ?? 0;
      expect(chance).toBeGreaterThan(0.02);
      const error = Math.sqrt((chance * (1 - chance)) / draws);
      expect(Math.abs((drawn.get(provider) ?? 0) / draws - chance)).toBeLessThan(5 * error);
    }
  });

  it('is the weights of a split over those that can be used, and certainty for an order', () => {
    const weights = new Map([
      ['alpha', 1],
      ['beta', 2],
      ['gamma', 5],
    ]);
    const split = { strategy: { kind: 'split', weights }, fallback: true } as const;
    expect(choiceProbabilities(input(split)).get('gamma')).toBeCloseTo(5 / 8, 12);
    expect(choiceProbabilities(input(split)).has('delta')).toBe(false);
    const open = { breaker: 'open', closedBecause: 'breaker_open', limitHeadroom: 1 } as const;
    const without = choiceProbabilities(input(split, candidates({ gamma: { lane: open } })));
    expect([...without.keys()].toSorted()).toEqual(['alpha', 'beta']);
    expect(without.get('beta')).toBeCloseTo(2 / 3, 12);
    const order = input({ strategy: { kind: 'priority', order: ['delta', 'alpha'] } });
    expect(choiceProbabilities(order)).toEqual(new Map([['delta', 1]]));
    expect(choiceProbabilities(input({}, []))).toEqual(new Map());
  });
});
