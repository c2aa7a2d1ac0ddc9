import { type RankInput, rankCandidates } from '../scoring/rank-candidates.ts';

/** What a decision is made of, without what it is drawn with. */
export type ChoiceInput = Omit<RankInput, 'draw'>;

/** Smallest step from one choice to the next: far below any probability that counts. */
const STEP = 1e-12;

/**
 * With which probability each candidate would be the first choice. The draw is turned from 0 to 1, and each choice that
 * comes up says how likely it is; a split, which is sticky by payment, is asked for its weights instead.
 */
export function choiceProbabilities(input: ChoiceInput): ReadonlyMap<string, number> {
  const { strategy } = input.action;
  if (strategy.kind === 'split') return splitProbabilities(input, strategy.weights);
  const probabilities = new Map<string, number>();
  let below = 0;
  while (below < 1 - STEP && probabilities.size <= input.candidates.length) {
    const at = below === 0 ? 0 : below + STEP;
    const [first] = rankCandidates({ ...input, draw: () => at }).candidates;
    if (first === undefined || !first.eligible || probabilities.has(first.provider)) break;
    probabilities.set(first.provider, first.propensity);
    below += first.propensity;
  }
  return probabilities;
}

function splitProbabilities(
  input: ChoiceInput,
  weights: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const { candidates } = rankCandidates({ ...input, draw: () => 0 });
  const usable = candidates.filter(
    ({ provider, eligible, reason }) => eligible && reason === null && weights.has(provider),
  );
  const [first] = candidates;
  if (usable.length === 0) {
    return first?.eligible === true ? new Map([[first.provider, 1]]) : new Map();
  }
  const sum = usable.reduce((total, { provider }) => total + (weights.get(provider) ?? 0), 0);
  return new Map(usable.map(({ provider }) => [provider, (weights.get(provider) ?? 0) / sum]));
}
