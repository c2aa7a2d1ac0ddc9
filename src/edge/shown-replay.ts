import type { ProviderMove, SegmentResult } from '../core/replay/segment-tally.ts';
import type { StreamedEstimate } from '../core/replay/streamed-estimate.ts';
import { refusalOf } from '../core/replay/verdict.ts';
import type { Interval } from '../core/statistics/intervals.ts';
import type { Replay, ReplayEnd } from '../gateway/replays.ts';

/** A replay as callers see it. */
export function shownReplay({ id, state, version, range, seed, progress, end, failure, ...times }: Replay) {
  return {
    id,
    status: state,
    ruleset: version,
    from: shownTime(range.fromMs),
    to: shownTime(range.toMs),
    seed,
    progress: rounded(progress),
    created_at: shownTime(times.createdAtMs),
    ended_at: times.endedAtMs === null ? null : shownTime(times.endedAtMs),
    failure,
    result: end === null ? null : shownReplayEnd(end),
  };
}

/** What a replay came to: the same for callers of the interface and for the command line. */
export function shownReplayEnd({ verdict, result }: ReplayEnd) {
  return {
    verdict: { kind: verdict.kind, reason: verdict.reason, sentence: verdict.sentence },
    counts: {
      payments: result.all.approval.payments,
      unresolved: result.unresolved,
      unrouted: result.unrouted,
      without_propensity: result.withoutPropensity,
      cut_short: result.cutShort,
    },
    all: shownSegment(result.all),
    by_card: result.segments.map(shownSegment),
    by_rule: result.rules.map(shownSegment),
    unsupported: result.unsupported.map(({ provider, share, isNew }) => ({
      provider,
      share: rounded(share),
      new: isNew,
    })),
    providers_gone: result.gone,
  };
}

function shownSegment({ segment, approval, providers, moves, movedShare, costBasisPoints }: SegmentResult) {
  const { recorded, replayed } = costBasisPoints;
  return {
    segment,
    approval: shownEstimate(approval),
    cost_bps: {
      recorded: roundedOr(recorded),
      replayed: roundedOr(replayed),
      difference: recorded === null || replayed === null ? null : rounded(replayed - recorded),
    },
    providers: providers.map((shift) => ({
      provider: shift.provider,
      recorded: rounded(shift.recorded),
      replayed: rounded(shift.replayed),
    })),
    moved_share: rounded(movedShare),
    moves: moves.map(shownMove),
  };
}

function shownMove({ from, to, share, approval }: ProviderMove) {
  return { from, to, share: rounded(share), approval: shownEstimate(approval) };
}

function shownEstimate(approval: StreamedEstimate) {
  const refusal = refusalOf(approval);
  // What cannot be said is not said: a figure without support would be believed all the same.
  const said = (value: number | null) => (refusal === null ? roundedOr(value) : null);
  return {
    payments: approval.payments,
    recorded: roundedOr(approval.recorded),
    replayed: said(approval.selfNormalised),
    ...bounds(refusal === null ? approval.interval : null),
    difference: said(approval.difference),
    difference_low: refusal === null ? roundedOr(approval.differenceInterval?.low ?? null) : null,
    difference_high: refusal === null ? roundedOr(approval.differenceInterval?.high ?? null) : null,
    cannot_say: refusal,
    support: {
      effective_sample_size: rounded(approval.effectiveSampleSize),
      largest_share: rounded(approval.largestShare),
      mean_weight: rounded(approval.meanWeight),
      inverse_propensity: rounded(approval.inversePropensity),
      unsupported_share: rounded(approval.unsupportedShare),
      open_share: rounded(approval.openShare),
      left_out: approval.leftOut,
    },
  };
}

function bounds(interval: Interval | null) {
  return { low: roundedOr(interval?.low ?? null), high: roundedOr(interval?.high ?? null) };
}

/** Six digits are more than any of these figures is good for. */
function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}

function roundedOr(value: number | null): number | null {
  return value === null ? null : rounded(value);
}

function shownTime(ms: number): string {
  return new Date(ms).toISOString();
}
