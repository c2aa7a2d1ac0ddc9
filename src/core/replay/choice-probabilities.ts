import { type RankInput, rankCandidates } from '../scoring/rank-candidates.ts';

/** What a decision is made of, without what it is drawn with. */
export type ChoiceInput = Omit<RankInput, 'draw'>;

/** Below any probability that counts: what is left of 1 by rounding. */
const NOTHING = 1e-12;

/**
 * With which probability each candidate would be the first choice; those that would never be are left out. A ranking
 * says of each how likely it is once those before it are gone, whatever order was drawn: from that follows how likely
 * each is at all. A split, which is sticky by payment, is taken by its weights.
 */
export function choiceProbabilities(input: ChoiceInput): ReadonlyMap<string, number> {
  const { candidates } = rankCandidates({ ...input, draw: () => 0 });
  const probabilities = new Map<string, number>();
  let left = 1;
  for (const { provider, eligible, propensity } of candidates) {
    if (!eligible || left <= NOTHING) break;
    const chance = left * propensity;
    if (chance > 0) probabilities.set(provider, chance);
    left -= chance;
  }
  return probabilities;
}
