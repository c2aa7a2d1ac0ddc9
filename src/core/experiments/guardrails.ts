import { confidenceSequenceBounds } from '../statistics/confidence-sequence.ts';
import type { Sample } from '../statistics/sample.ts';
import { compareArms, pooledArms } from './compare.ts';
import { type Experiment, type ExperimentMetric, type Guardrail, isGain, isShare } from './experiment.ts';
import type { ExperimentTally } from './exposure-tally.ts';

/** Chance that any guardrail of an arm ever stops it wrongly, however often it is looked at. */
const ALPHA = 0.05;
/** Units of an arm below which the sequence, which is asymptotic, is not trusted to stop anything. */
const UNITS_MIN = 100;

/**
 * `too_few`: not enough units to say anything. `watching`: nothing is proven. `safe`: proven to be worse by less than the
 * margin at most. `breached`: proven to be worse by more than the margin. `reported`: the same, but only by the word of
 * one account that sends its payments itself.
 */
export const GUARDRAIL_STATES = ['too_few', 'watching', 'safe', 'breached', 'reported'] as const;
export type GuardrailState = (typeof GUARDRAIL_STATES)[number];

export interface GuardrailReading {
  readonly arm: string;
  readonly metric: ExperimentMetric;
  readonly margin: number;
  readonly state: GuardrailState;
  /** How much better than the baseline the arm is, whatever direction is good: bounds that hold at all looks. */
  readonly low: number | null;
  readonly high: number | null;
}

type Units = Pick<ExperimentTally, 'phases'>;

/**
 * Every guardrail of every arm but the baseline. An arm breaches one when even the upper bound of its effect is below
 * minus the margin: one-sided confidence sequences, whose error is divided among the guardrails (Bonferroni).
 *
 * What accounts report of payments that they send themselves is their word. It breaches a guardrail only together: the
 * units that are our own attempts prove it by themselves, or it is proven without any one of the accounts. Each of the
 * two ways has half of the error then.
 */
export function readGuardrails(experiment: Experiment, tally: ExperimentTally): readonly GuardrailReading[] {
  const { arms, baseline, guardrails } = experiment;
  const { without } = tally;
  const alpha = ALPHA / Math.max(1, guardrails.length) / (without.length === 0 ? 1 : 2);
  return arms
    .filter(({ name }) => name !== baseline)
    .flatMap(({ name: arm }) =>
      guardrails.map((guardrail): GuardrailReading => {
        const read = (units: Units) => readGuardrail(experiment, units, arm, guardrail, alpha);
        const all = read(tally);
        if (without.length === 0) return all;
        const own = read({ phases: tally.own });
        if (own.state === 'breached') return own;
        const each = without.map(read);
        const [weakest] = each.toSorted((one, other) => (other.high ?? 0) - (one.high ?? 0));
        if (weakest !== undefined && each.every(({ state }) => state === 'breached')) return weakest;
        return all.state === 'breached' ? { ...all, state: 'reported' } : all;
      }),
    );
}

/** A guardrail that one account's own reports breach. */
export interface AccountReading extends GuardrailReading {
  readonly account: string;
}

/**
 * Guardrails that are breached by what one account reports, read by its units alone: enough to stop the arm for its own
 * payments, whatever others see.
 */
export function readAccountGuardrails(
  experiment: Experiment,
  { reporting }: Pick<ExperimentTally, 'reporting'>,
): readonly AccountReading[] {
  const { arms, baseline, guardrails } = experiment;
  const alpha = ALPHA / Math.max(1, guardrails.length);
  return reporting.flatMap((units) =>
    arms
      .filter(({ name }) => name !== baseline)
      .flatMap(({ name }) =>
        guardrails.map((guardrail) => readGuardrail(experiment, units, name, guardrail, alpha)),
      )
      .filter(({ state }) => state === 'breached')
      .map((reading) => ({ ...reading, account: units.account })),
  );
}

function readGuardrail(
  experiment: Experiment,
  units: Units,
  arm: string,
  { metric, margin }: Guardrail,
  alpha: number,
): GuardrailReading {
  const { baseline, expectedSample } = experiment;
  const counts = new Map(pooledArms(units).map(({ arm: name, sums }) => [name, sums.approval_rate.count]));
  const enough = (name: string) => (counts.get(name) ?? 0) >= UNITS_MIN;
  const adjust = isShare(metric) ? cautious : (sample: Sample) => sample;
  const effect = compareArms(experiment, units, metric, { arm, baseline }, adjust);
  if (effect === null || !enough(arm) || !enough(baseline)) {
    return { arm, metric, margin, state: 'too_few', low: null, high: null };
  }
  const bounds = confidenceSequenceBounds(effect, { alpha, expectedSample });
  const { low, high } = isGain(metric) ? bounds : { low: -bounds.high, high: -bounds.low };
  const state = high < -margin ? 'breached' : low > -margin ? 'safe' : 'watching';
  return { arm, metric, margin, state, low, high };
}

/**
 * A share with at least the variance that one success and one failure more would give: an arm that declines everything
 * has none of its own, and must be stopped first of all.
 */
function cautious(sample: Sample): Sample {
  const share = (sample.mean * sample.count + 1) / (sample.count + 2);
  return { ...sample, variance: Math.max(sample.variance, share * (1 - share)) };
}
