import type { Attempt } from '../attempt.ts';
import type { Authorization } from '../authorization.ts';
import type { CandidateExplanation } from '../decision.ts';
import { armScope, HOLDOUT_ID } from '../experiments/experiment.ts';
import type { Health } from '../scoring/health.ts';
import type { RankCandidate } from '../scoring/rank-candidates.ts';
import type { Stratum } from './streamed-estimate.ts';

/** A propensity from which on nothing was drawn, but for rounding. */
const CERTAIN = 1 - 1e-9;
/** Recent requests below which a provider is never unhealthy, as `health.ts` has it: a low share tells of as many. */
const UNHEALTHY_SAMPLES = 10;
/** Reasons for which a lane lets nothing through. */
const CLOSED = ['breaker_open', 'forced_open', 'draining', 'probe_in_flight'] as const;

/** What the recorded decision saw of a provider; undefined when it did not know it. */
export function seenOf(
  { routing }: Pick<Authorization, 'routing'>,
  provider: string,
): CandidateExplanation | undefined {
  return routing.candidates.find((candidate) => candidate.provider === provider);
}

/** The lane as the recorded decision saw it; open to all where it did not look. */
export function recordedLane(seen: CandidateExplanation | undefined): RankCandidate['lane'] {
  return {
    breaker: seen?.breaker ?? 'closed',
    closedBecause: CLOSED.find((reason) => reason === seen?.reason) ?? null,
    limitHeadroom: seen?.reason === 'limit_exhausted' ? 0 : (seen?.limitHeadroom ?? 1),
  };
}

/** Health as the recorded decision saw it; good where it did not look. What was not processed counts as failed. */
export function recordedHealth(seen: CandidateExplanation | undefined): Health {
  const processed = seen?.health ?? 1;
  return { processed, unknown: 0, pending: 0, samples: seen?.reason === 'unhealthy' ? UNHEALTHY_SAMPLES : 0 };
}

/**
 * Probability, by other rules, of choices that the record cannot have made in the place of this attempt: what comes of
 * them nobody knows.
 * @param choices by the other rules, of all that was not tried before it
 */
export function unsupportedChoices(
  authorization: Pick<Authorization, 'routing'>,
  attempt: Pick<Attempt, 'provider' | 'propensity'>,
  choices: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const isCertain = attempt.propensity >= CERTAIN;
  const found = new Map<string, number>();
  for (const [provider, chance] of choices) {
    if (provider === attempt.provider) continue;
    if (isCertain || !isChoosable(seenOf(authorization, provider))) found.set(provider, chance);
  }
  return found;
}

function isChoosable(seen: CandidateExplanation | undefined): boolean {
  if (seen === undefined || !seen.eligible) return false;
  // Those that stand behind others for their price are drawn all the same.
  return seen.reason === null || seen.reason === 'cost_tolerance_exceeded';
}

/** Rules of the record whose splits are told apart; those beyond count as none. */
const SPLITS_MAX = 1_000;

/**
 * The provider that the record was most likely to choose first, by what was known before the draw: groups of payments may
 * be told apart by it, and not by what was drawn.
 */
export class RecordedFavourites {
  /** First attempts by rule, arm and provider. */
  readonly #splits = new Map<string, Map<string, number>>();

  /**
   * Of the next payment, in the order of time. The one that was chosen, if its probability was more than half; else the one
   * with the best score, or of a split, of which no weights are recorded, the one that was chosen most often so far.
   */
  next({ attempts: [first], routing }: Pick<Authorization, 'attempts' | 'routing'>): string | null {
    if (first === undefined) return null;
    const { rule, experiment, strategy } = routing;
    if (strategy !== 'split') return first.propensity > 0.5 ? first.provider : bestScored(routing, first);
    const counts = this.#countsOf(`${rule}\n${experiment === null ? '' : armScope(experiment)}`);
    let favourite = first.provider;
    let most = 0;
    for (const [provider, count] of counts) {
      if (count <= most || !isChoosable(seenOf({ routing }, provider))) continue;
      favourite = provider;
      most = count;
    }
    counts.set(first.provider, (counts.get(first.provider) ?? 0) + 1);
    return first.propensity > 0.5 ? first.provider : favourite;
  }

  #countsOf(name: string): Map<string, number> {
    const known = this.#splits.get(name);
    if (known !== undefined) return known;
    const made = new Map<string, number>();
    if (this.#splits.size < SPLITS_MAX) this.#splits.set(name, made);
    return made;
  }
}

function bestScored({ candidates }: Authorization['routing'], first: Attempt): string {
  let favourite: CandidateExplanation | null = null;
  for (const candidate of candidates) {
    if (!isChoosable(candidate)) continue;
    if (favourite === null || (candidate.score ?? 0) > (favourite.score ?? 0)) favourite = candidate;
  }
  return favourite?.provider ?? first.provider;
}

/**
 * Into which way of routing the record drew a payment.
 * @param replayedArm the arm that the replayed rules draw it into; null for none. Payments of one arm of theirs cannot
 * stand for those of another: the two draws may be the same one.
 */
export function recordedStratum(
  { routing: { experiment } }: Pick<Authorization, 'routing'>,
  replayedArm: string | null,
): Stratum {
  const group = replayedArm ?? '';
  if (experiment === null) return { group: `${group} `, arm: '', spare: false };
  const arm = armScope(experiment);
  // Nobody says of the others that they might have been held out: they are all payments.
  if (experiment.holdout) return { group: `${group} ${HOLDOUT_ID}`, arm, spare: true };
  return { group: `${group} ${experiment.id}`, arm, spare: false };
}
