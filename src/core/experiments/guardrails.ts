import { confidenceSequenceBounds } from '../statistics/confidence-sequence.ts';
import type { Sample } from '../statistics/sample.ts';
import type { ArmTally } from './arm-tally.ts';
import { compareArms, pooledArms } from './compare.ts';
import {
  type Experiment,
  type ExperimentMetric,
  earlyAgeMs,
  type Guardrail,
  isGain,
  isShare,
} from './experiment.ts';
import type { ExperimentTally } from './exposure-tally.ts';

/** Chance that any guardrail of an arm ever stops it wrongly, however often it is looked at. */
const ALPHA = 0.05;
/** Units of an arm, of the age that is read, below which the sequence, which is asymptotic, is not trusted to stop anything. */
const UNITS_MIN = 100;

/**
 * `too_few`: not enough units to say anything. `watching`: nothing is proven. `safe`: proven to be worse by less than the
 * margin at most, by mature payments. `breached`: proven to be worse by more than the margin. `reported`: the same, but only by the word of
 * one account that sends its payments itself.
 */
export const GUARDRAIL_STATES = ['too_few', 'watching', 'safe', 'breached', 'reported'] as const;
export type GuardrailState = (typeof GUARDRAIL_STATES)[number];

export interface GuardrailReading {
  readonly arm: string;
  readonly metric: ExperimentMetric;
  readonly margin: number;
  readonly state: GuardrailState;
  /** Age of the payments by which this is told, milliseconds: mature ones, or earlier where that proves a breach. */
  readonly ageMs: number;
  /** How much better than the baseline the arm is, whatever direction is good: bounds that hold at all looks. */
  readonly low: number | null;
  readonly high: number | null;
}

type Units = Pick<ExperimentTally, 'phases'>;

/**
 * Every guardrail of every arm but the baseline. An arm breaches one when even the upper bound of its effect is below
 * minus the margin: one-sided confidence sequences, whose error is divided among the guardrails (Bonferroni).
 *
 * Payments are read when they are mature, and where that takes longer than {@link earlyAgeMs} a first time at that age,
 * with half of the error. The early reading can only breach: it takes for approved what is open in the arm, and for not
 * approved what is open in the baseline, so that an arm is not stopped for being slow and what it proves of the payments
 * it has read will still be so when they are mature. Technical errors, attempts and time count as they are at that age.
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
  guardrail: Guardrail,
  alpha: number,
): GuardrailReading {
  const early = earlyAgeMs(experiment);
  const mature: Reader = {
    ageMs: experiment.maturityMs,
    highest: ({ sums }) => sums,
    lowest: ({ sums }) => sums,
  };
  if (early === null) return readAt(experiment, units, arm, guardrail, alpha, mature);
  const atMaturity = readAt(experiment, units, arm, guardrail, alpha / 2, mature);
  if (atMaturity.state === 'breached') return atMaturity;
  const atFirst = readAt(experiment, units, arm, guardrail, alpha / 2, {
    ageMs: early,
    highest: (tally) => (tally.arm === arm ? tally.early.best : tally.early.worst),
    lowest: (tally) => (tally.arm === arm ? tally.early.worst : tally.early.best),
  });
  return atFirst.state === 'breached' ? atFirst : atMaturity;
}

/** Which sums of an arm are read, for the best and for the worst that can be said of the arm beside the baseline. */
interface Reader {
  readonly ageMs: number;
  readonly highest: (tally: ArmTally) => ArmTally['sums'];
  readonly lowest: (tally: ArmTally) => ArmTally['sums'];
}

function readAt(
  experiment: Experiment,
  units: Units,
  arm: string,
  { metric, margin }: Guardrail,
  alpha: number,
  { ageMs, highest, lowest }: Reader,
): GuardrailReading {
  const { baseline, expectedSample } = experiment;
  const counts = new Map(pooledArms(units).map((tally) => [tally.arm, highest(tally)[metric].count]));
  const enough = (name: string) => (counts.get(name) ?? 0) >= UNITS_MIN;
  const adjust = isShare(metric) ? cautious : (sample: Sample) => sample;
  const named = { arm, baseline };
  const upper = compareArms(experiment, units, metric, named, adjust, highest);
  const lower = compareArms(experiment, units, metric, named, adjust, lowest);
  if (upper === null || lower === null || !enough(arm) || !enough(baseline)) {
    return { arm, metric, margin, state: 'too_few', ageMs, low: null, high: null };
  }
  const sequence = { alpha, expectedSample };
  const atBest = confidenceSequenceBounds(upper, sequence);
  const atWorst = confidenceSequenceBounds(lower, sequence);
  const { low, high } = isGain(metric)
    ? { low: atWorst.low, high: atBest.high }
    : { low: -atWorst.high, high: -atBest.low };
  const state = high < -margin ? 'breached' : low > -margin ? 'safe' : 'watching';
  return { arm, metric, margin, state, ageMs, low, high };
}

/**
 * A share with at least the variance that one success and one failure more would give: an arm that declines everything
 * has none of its own, and must be stopped first of all.
 */
function cautious(sample: Sample): Sample {
  const share = (sample.mean * sample.count + 1) / (sample.count + 2);
  return { ...sample, variance: Math.max(sample.variance, share * (1 - share)) };
}
