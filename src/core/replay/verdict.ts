import type { ReplayResult } from './ruleset-replay.ts';
import { type StreamedEstimate, UNKNOWN_MAX } from './streamed-estimate.ts';

export const VERDICTS = ['more', 'fewer', 'no_difference', 'cannot_say'] as const;
export const REFUSALS = [
  'no_payments',
  'not_supported',
  'cut_short',
  'thin',
  'propensities_do_not_fit',
] as const;
/** Why nothing is said. */
export type Refusal = (typeof REFUSALS)[number];

/** What a replay comes to. */
export interface Verdict {
  readonly kind: (typeof VERDICTS)[number];
  /** Why it cannot be said; null when it can. */
  readonly reason: Refusal | null;
  /** One sentence for whoever decides. */
  readonly sentence: string;
}

/** Why an estimate says nothing; null when it says something. */
export function refusalOf(approval: StreamedEstimate): Refusal | null {
  const { payments, difference, differenceInterval, supported, unsupportedShare, openShare } = approval;
  if (payments === 0) return 'no_payments';
  if (unsupportedShare > UNKNOWN_MAX) return 'not_supported';
  if (openShare > UNKNOWN_MAX) return 'cut_short';
  if (unsupportedShare + openShare > UNKNOWN_MAX) return 'not_supported';
  if (supported && difference !== null && differenceInterval !== null) return null;
  return approval.enough ? 'propensities_do_not_fit' : 'thin';
}

/** What can be said of other rules: only what the recorded traffic supports. */
export function verdictOf(result: ReplayResult): Verdict {
  const { approval } = result.all;
  const reason = refusalOf(approval);
  const { difference, differenceInterval } = approval;
  if (reason !== null || difference === null || differenceInterval === null) {
    const why = whyNot(reason ?? 'thin', result);
    return { kind: 'cannot_say', reason: reason ?? 'thin', sentence: `Cannot say: ${why}.` };
  }
  const range = `95 % interval ${points(differenceInterval.low)} to ${points(differenceInterval.high)}`;
  const told = (kind: Verdict['kind'], sentence: string): Verdict => ({ kind, reason: null, sentence });
  if (differenceInterval.low > 0) {
    return told('more', `These rules would have approved ${points(difference)} points more (${range}).`);
  }
  if (differenceInterval.high < 0) {
    return told('fewer', `These rules would have approved ${points(-difference)} points fewer (${range}).`);
  }
  return told('no_difference', `No difference can be told: ${points(difference)} points (${range}).`);
}

function whyNot(refusal: Refusal, { all: { approval }, unsupported, cutShort }: ReplayResult): string {
  const { payments, effectiveSampleSize, largestShare, unsupportedShare, meanWeight } = approval;
  switch (refusal) {
    case 'no_payments':
      return 'no payment was recorded in that time with a probability of choice';
    case 'not_supported': {
      const named = unsupported
        .slice(0, 3)
        .map(({ provider, share, isNew }) => `${provider} ${percent(share)}${isNew ? ', new' : ''}`)
        .join('; ');
      return (
        `for ${percent(unsupportedShare)} of the payments these rules would choose what the record cannot have chosen ` +
        `(${named}), 5 % at most; send some payments there first (exploration_share, or an experiment), and replay those`
      );
    }
    case 'cut_short':
      return (
        `these rules would try on where ${cutShort} of ${payments} recorded payments ended, and what comes of that ` +
        'nobody knows; compare with as many attempts (attempts_max), and where they are as many leave out the time of an ' +
        'outage (from, to), since payments also end for want of time, retry budget or an answer; or run an experiment'
      );
    case 'thin':
      return (
        `the record hardly ever chose as these rules would: of ${payments} payments it supports ` +
        `${Math.floor(effectiveSampleSize)} (100 are needed), and one alone carries ${percent(largestShare)} of the ` +
        'weight (5 % at most); record more exploration (exploration_share), or run an experiment'
      );
    case 'propensities_do_not_fit':
      return (
        `the record chose as these rules would less often than its own probabilities promise (${percent(meanWeight)} ` +
        'of it): there are providers that it never chose, although it calls them possible; run an experiment'
      );
  }
}

/** A share as percentage points; never minus nothing. */
export function points(share: number): string {
  return (share * 100).toFixed(2).replace(/^-(0\.0+)$/, '$1');
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
