import type { ReplayResult } from './ruleset-replay.ts';

/** Share of payments that were cut short from which nothing is said. */
const CUT_SHORT_MAX = 0.05;

/** What a replay comes to. */
export interface Verdict {
  readonly kind: 'more' | 'fewer' | 'no_difference' | 'cannot_say';
  /** One sentence for whoever decides. */
  readonly sentence: string;
}

/** What can be said of other rules: only what the recorded traffic supports. */
export function verdictOf({ all, cutShort }: ReplayResult): Verdict {
  const { payments, difference, differenceInterval, supported, effectiveSampleSize, largestShare } =
    all.approval;
  if (payments === 0) return cannotSay('no payment was recorded in that time with a probability of choice');
  if (!supported || difference === null || differenceInterval === null) {
    return cannotSay(
      `the record hardly ever chose as these rules would: of ${payments} payments it supports ` +
        `${Math.floor(effectiveSampleSize)} (100 are needed), and one alone carries ${percent(largestShare)} of the ` +
        'weight (5 % at most); record more exploration (exploration_share), or run an experiment',
    );
  }
  if (cutShort > payments * CUT_SHORT_MAX) {
    return cannotSay(
      `these rules would try on where ${cutShort} of ${payments} recorded payments ended, and what comes of that ` +
        'nobody knows; compare with as many attempts (attempts_max), or run an experiment',
    );
  }
  const range = `95 % interval ${points(differenceInterval.low)} to ${points(differenceInterval.high)}`;
  if (differenceInterval.low > 0) {
    return {
      kind: 'more',
      sentence: `These rules would have approved ${points(difference)} points more (${range}).`,
    };
  }
  if (differenceInterval.high < 0) {
    return {
      kind: 'fewer',
      sentence: `These rules would have approved ${points(-difference)} points fewer (${range}).`,
    };
  }
  return {
    kind: 'no_difference',
    sentence: `No difference can be told: ${points(difference)} points (${range}).`,
  };
}

function cannotSay(reason: string): Verdict {
  return { kind: 'cannot_say', sentence: `Cannot say: ${reason}.` };
}

/** A share as percentage points. */
function points(share: number): string {
  return (share * 100).toFixed(2);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
