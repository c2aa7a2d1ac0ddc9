import { z } from '@hono/zod-openapi';
import { LEARNER_DEFAULTS, type LearnerSettings } from '../core/replay/ruleset-replay.ts';

const { model: DEFAULTS } = LEARNER_DEFAULTS;

const between = (low: number, high: number, description: string, initial: number) =>
  z
    .number(`a number from ${low} to ${high}`)
    .min(low, `a number from ${low} to ${high}`)
    .max(high, `a number from ${low} to ${high}`)
    .optional()
    .openapi({ description: `${description} ${initial} when left out.`, example: initial });

const whole = (low: number, high: number, description: string, initial: number) =>
  z
    .int(`a whole number from ${low} to ${high}`)
    .min(low, `a whole number from ${low} to ${high}`)
    .max(high, `a whole number from ${low} to ${high}`)
    .optional()
    .openapi({ description: `${description} ${initial} when left out.`, example: initial });

const weight = (level: keyof typeof DEFAULTS.priorWeight) =>
  between(1, 1_000_000, `Of the level ${level}, in outcomes.`, DEFAULTS.priorWeight[level]);

/** How replayed rules learn, as callers and files say it. What is left out is as in this version of the gateway. */
export const learnerSettingsSchema = z
  .strictObject({
    exploration_share: z
      .number('a number from 0 to 0.2')
      .min(0, 'a number from 0 to 0.2')
      .max(0.2, 'a number from 0 to 0.2')
      .optional()
      .openapi({
        description:
          'Share of payments by which score explores, for all rules and arms; as they say when left out.',
        example: 0.05,
      }),
    prior_mean: between(0.01, 0.99, 'Approval that a provider without outcomes has.', DEFAULTS.priorMean),
    prior_weight: z
      .strictObject({
        provider: weight('provider'),
        brand: weight('brand'),
        country_brand: weight('country_brand'),
        issuer: weight('issuer'),
        bin: weight('bin'),
      })
      .optional()
      .openapi({ description: 'Outcomes that what the coarser level knows is worth.' }),
    discount: between(
      0.9,
      1,
      'All that is known in a cell is multiplied by it at each outcome there: 1 forgets nothing.',
      DEFAULTS.gamma,
    ),
    discount_after_change: between(
      0.5,
      1,
      'The same for a provider whose rate was seen to change.',
      DEFAULTS.gammaAfterChange,
    ),
    fast_for: whole(0, 1_000_000, 'For how many outcomes that holds.', DEFAULTS.fastFor),
    change_threshold: between(
      1,
      1000,
      'Evidence at which a change is believed: the higher, the later and the rarer.',
      DEFAULTS.change.threshold,
    ),
    watched_from: whole(
      1,
      1_000_000,
      'Outcomes from which on a rate is watched for changes.',
      DEFAULTS.watchedFrom,
    ),
  })
  .openapi('LearnerSettings');

/** The settings as the replay takes them. */
export function learnerSettings(given: z.infer<typeof learnerSettingsSchema>): LearnerSettings {
  const weights = given.prior_weight ?? {};
  const { priorWeight } = DEFAULTS;
  return {
    explorationShare: given.exploration_share ?? null,
    model: {
      ...DEFAULTS,
      priorMean: given.prior_mean ?? DEFAULTS.priorMean,
      priorWeight: {
        provider: weights.provider ?? priorWeight.provider,
        brand: weights.brand ?? priorWeight.brand,
        country_brand: weights.country_brand ?? priorWeight.country_brand,
        issuer: weights.issuer ?? priorWeight.issuer,
        bin: weights.bin ?? priorWeight.bin,
      },
      gamma: given.discount ?? DEFAULTS.gamma,
      gammaAfterChange: given.discount_after_change ?? DEFAULTS.gammaAfterChange,
      fastFor: given.fast_for ?? DEFAULTS.fastFor,
      change: { ...DEFAULTS.change, threshold: given.change_threshold ?? DEFAULTS.change.threshold },
      watchedFrom: given.watched_from ?? DEFAULTS.watchedFrom,
    },
  };
}
