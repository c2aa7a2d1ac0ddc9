import type { LearningScope } from '../../src/core/scoring/approval-model.ts';
import {
  APPROVAL_MODEL_DEFAULTS,
  type ApprovalModelSettings,
} from '../../src/core/scoring/approval-model.ts';
import { type RankCandidate, rankCandidates } from '../../src/core/scoring/rank-candidates.ts';
import type { LaneView } from '../../src/gateway/ports.ts';
import { OutcomeLearner } from '../../src/guards/outcome-learner.ts';
import { sampleAction } from '../support/sample-ruleset.ts';
import type { NamedPolicy } from './policy.ts';

const FREE = { fixed: null, basisPoints: 0, crossBorderBasisPoints: 0, brands: new Map() };
const OPEN: LaneView = { breaker: 'closed', closedBecause: null, limitHeadroom: 1 };
const FIRST: LearningScope = { name: '', later: false };
const LATER: LearningScope = { name: '', later: true };
/** How long every attempt takes. */
export const ATTEMPT_MS = 80;

/**
 * What the product does: its learner, its health, its ranking by score, all as they are.
 * @param explorationShare the floor, 0 to 1
 */
export function pointsman(
  explorationShare: number,
  settings: ApprovalModelSettings = APPROVAL_MODEL_DEFAULTS,
  name = explorationShare === 0 ? 'Pointsman' : `Pointsman, floor ${explorationShare * 100} %`,
): NamedPolicy {
  const action = sampleAction({ strategy: { kind: 'score' }, explorationShare });
  return {
    name,
    begin: ({ providers, random, clock, guards }) => {
      const learner = new OutcomeLearner(clock, settings);
      const numbers = new Map(providers.map((provider, number) => [provider, number]));
      const draw = () => random.unit();
      return {
        choose: ({ facts, attempt, eligible }) => {
          const scope = attempt > 1 ? LATER : FIRST;
          const candidates: RankCandidate[] = [];
          for (const [number, provider] of providers.entries()) {
            if (eligible[number] !== true) continue;
            const lane = { provider, brand: facts.cardBrand, merchant: facts.merchant };
            candidates.push({
              provider,
              fees: FREE,
              borrowsToken: false,
              approval: learner.approval(provider, facts, scope),
              health: learner.health(provider, facts),
              lane: guards?.view(lane) ?? OPEN,
            });
          }
          const ranking = rankCandidates({
            facts,
            exchangeRates: [],
            rule: 'all',
            action,
            attemptsLeft: action.attemptsMax - attempt + 1,
            candidates,
            ineligible: [],
            draw,
          });
          const first = ranking.first === null ? undefined : candidates[ranking.first];
          return numbers.get(first?.provider ?? '') ?? -1;
        },
        learn: ({ facts, attempt }, number, outcome) => {
          learner.observe({
            provider: providers[number] ?? '',
            facts,
            attemptNumber: attempt,
            outcome,
            durationMs: ATTEMPT_MS,
            resolvedLater: false,
          });
        },
      };
    },
  };
}
