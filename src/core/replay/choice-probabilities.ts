import { type RankInput, rankCandidates } from '../scoring/rank-candidates.ts';

/** What a decision is made of, without what it is drawn with. */
export type ChoiceInput = Omit<RankInput, 'draw'>;

/** With which probability each candidate would be the first choice; those that never would be are left out. */
export function choiceProbabilities(input: ChoiceInput): ReadonlyMap<string, number> {
  const { chances } = rankCandidates({ ...input, draw: () => 0 });
  const probabilities = new Map<string, number>();
  for (const [place, { provider }] of input.candidates.entries()) {
    const chance = chances[place] ?? 0;
    if (chance > 0) probabilities.set(provider, chance);
  }
  return probabilities;
}
