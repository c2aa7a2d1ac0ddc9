import { ApprovalModel, type LearningScope } from '../../src/core/scoring/approval-model.ts';
import { type RankInput, rankCandidates } from '../../src/core/scoring/rank-candidates.ts';
import { routingFacts } from '../support/routing-facts.ts';
import { sampleAction } from '../support/sample-ruleset.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { nanosecondsOf, printTable } from './ratio-table.ts';

/**
 * A ranking by probability matching (scores, chances, the draw of the first choice), alone and with the candidates put
 * together from the estimates of the approval model, over sorting an array of as many objects by one number in the same
 * run. Every call is for a payment of another kind of card, as on the road.
 */
const KINDS = 512;
const FIRST: LearningScope = { name: '', later: false };
const action = sampleAction({ strategy: { kind: 'score' }, explorationShare: 0.02 });

const rows = [2, 5, 10, 50].map((count) => {
  const random = new SeededRandom(count);
  const model = new ApprovalModel();
  const providers = Array.from({ length: count }, (_, index) => `provider-${index}`);
  const kinds = Array.from({ length: KINDS }, (_, index) =>
    routingFacts({ cardBin: String(40_000_000 + index), cardIssuer: `Bank ${index % 100}` }),
  );
  const rates = providers.map(() => 0.86 + 0.08 * random.unit());
  for (let outcome = 0; outcome < 40_000; outcome += 1) {
    const number = random.integer(0, count - 1);
    model.observe(providers[number] ?? '', random.pick(kinds), FIRST, random.chance(rates[number] ?? 0));
  }
  const fees = { fixed: null, basisPoints: 100, crossBorderBasisPoints: 30, brands: new Map() };
  const health = { processed: 1, unknown: 0, pending: 0, samples: 100 };
  const lane = { breaker: 'closed', closedBecause: null, limitHeadroom: 1 } as const;
  const draw = () => random.unit();
  let next = 0;
  const inputFor = (facts: (typeof kinds)[number]): RankInput => ({
    facts,
    exchangeRates: [],
    rule: 'all',
    action,
    attemptsLeft: 2,
    candidates: providers.map((provider) => ({
      provider,
      fees,
      borrowsToken: false,
      approval: model.approval(provider, facts, FIRST),
      health,
      lane,
    })),
    ineligible: [],
    draw,
  });
  const prepared = kinds.map(inputFor);
  const rank = () => rankCandidates(prepared[next++ % KINDS] as RankInput);
  const decide = () => rankCandidates(inputFor(kinds[next++ % KINDS] as (typeof kinds)[number]));
  const scores = Array.from({ length: 64 }, () => providers.map(() => ({ score: random.unit() })));
  const sort = () => {
    const list = scores[next++ % scores.length] as (typeof scores)[number];
    return list.slice().sort((left, right) => right.score - left.score);
  };
  const rankNs = nanosecondsOf(40_000, rank);
  const decideNs = nanosecondsOf(40_000, decide);
  const sortNs = nanosecondsOf(40_000, sort);
  return [
    String(count),
    (rankNs / 1000).toFixed(2),
    (decideNs / 1000).toFixed(2),
    (sortNs / 1000).toFixed(2),
    (rankNs / sortNs).toFixed(1),
  ];
});
printTable('Rankings', ['providers', 'us', 'with estimates', 'sort, us', 'x sort'], rows);
