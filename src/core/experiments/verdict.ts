import { type Experiment, type ExperimentMetric, isGain, isShare } from './experiment.ts';
import type { Comparison, ExperimentReport, ResultsInput } from './results.ts';

const METRIC_WORDS: Readonly<Record<ExperimentMetric, string>> = {
  approval_rate: 'approval rate',
  first_attempt_approval_rate: 'approval rate of first attempts',
  technical_error_rate: 'rate of technical errors',
  attempts_per_payment: 'attempts per payment',
  latency_ms: 'mean latency',
};

/** Share of the payments from which it is said that they are maturing. */
const MATURING_SHARE = 0.03;

/**
 * One plain sentence, or one for each of several arms: what can be said, or why nothing can. And how many payments are in
 * none of it since they are too young, where that is more than a few percent.
 */
export function verdictOf(input: ResultsInput, report: Omit<ExperimentReport, 'verdict'>): string {
  const said = saidOf(input, report);
  const { payments, share } = report.maturing;
  if (share <= MATURING_SHARE) return said;
  const age = `${text(input.experiment.maturityMs / 60_000)} min`;
  return `${said} Still maturing: ${payments} payments (${percent(share)}), younger than ${age} and in no figure yet.`;
}

function saidOf({ experiment, stopped }: ResultsInput, report: Omit<ExperimentReport, 'verdict'>): string {
  const { srm, multiple, comparisons } = report;
  if (experiment.status === 'draft' && report.units === 0) return draftText(report);
  if (report.units === 0) return 'Nobody has met an arm yet.';
  if (srm.mismatch) {
    return `Do not trust this: the arms have other shares of the units than planned (p = ${text(srm.pValue)}), so that units of an arm are missing or too many. Figures cannot tell why: they may be assigned otherwise, not be recorded, or find no provider in one arm only.`;
  }
  if (multiple.tooMany) {
    return `Do not trust this: ${percent(multiple.share)} of the units met more than one arm.`;
  }
  const ended = [...stopped].map(([arm, reason]) => `${arm} is stopped: ${reason}.`);
  const own = comparisons.filter(
    ({ arm, method, metric }) =>
      method === 'confidence_sequence' && metric === experiment.metric && !stopped.has(arm),
  );
  if (own.length === 0 && ended.length === 0) {
    const hasAll = report.arms.every(({ counted }) => counted >= 2);
    return hasAll
      ? 'Nothing tells the arms apart yet: all that are counted have ended the same way.'
      : 'Too few units to compare the arms.';
  }
  const texts = own.map((comparison) => comparisonText(experiment, comparison, report));
  return [...ended, ...texts].join(' ');
}

function draftText({ plan }: Omit<ExperimentReport, 'verdict'>): string {
  const rise = plan.detectableRise;
  const found = rise === null ? 'no rise of any size' : `a rise of ${points(rise)} with a chance of 80 %`;
  return `A draft: nobody is in it. ${plan.expectedSample} units in two arms would find ${found}.`;
}

function comparisonText(
  experiment: Experiment,
  { arm, baseline, metric, difference, low, high, restsOn }: Comparison,
  { plan }: Omit<ExperimentReport, 'verdict'>,
): string {
  const range = `between ${amount(metric, low)} and ${amount(metric, high)}`;
  if (low <= 0 && high >= 0) {
    return `No difference of ${arm} from ${baseline} is shown yet: its ${METRIC_WORDS[metric]} differs by ${range}, after ${plan.sample} of ${plan.expectedSample} expected units.`;
  }
  const word = difference > 0 === isGain(metric) ? 'better' : 'worse';
  const name = experiment.arms.length > 2 || arm !== 'treatment' ? arm : 'The treatment';
  if (restsOn !== undefined) {
    return `${name} looks ${word} than ${baseline} (its ${METRIC_WORDS[metric]} differs by ${range}), but only by what ${restsOn} reports of payments that it sends itself: without that, no difference is shown.`;
  }
  return `${name} is ${word} than ${baseline}: its ${METRIC_WORDS[metric]} differs by ${amount(metric, difference)} (${range}, at all looks together 95 % sure).`;
}

function amount(metric: ExperimentMetric, value: number): string {
  if (isShare(metric)) return points(value);
  return `${signed(value)}${metric === 'latency_ms' ? ' ms' : ''}`;
}

function points(share: number): string {
  return `${signed(share * 100)} pp`;
}

function signed(value: number): string {
  return `${value > 0 ? '+' : ''}${text(value)}`;
}

function percent(share: number): string {
  return `${text(share * 100)} %`;
}

/** Two digits behind the point, or as many as it takes to see something. */
function text(value: number): string {
  const rounded = Math.round(value * 100) / 100;
  return rounded === 0 && value !== 0 ? value.toPrecision(1) : String(rounded);
}
