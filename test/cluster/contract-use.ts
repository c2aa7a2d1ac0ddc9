import { callsAbove } from '../support/calls-above.ts';
import { type ClusterWorld, CONTRACTS, PODS, type ProviderId, type Stretch } from './cluster-world.ts';

/** How much more than a contract all pods together may call, for what they do not know of each other. */
const OVER = 1.05;
/**
 * Stretches from this length on are held against a contract and its burst of one second, shorter ones not: on a busy machine
 * a call may be made a while after it was granted. From a minute on the burst has to be within what is allowed over it.
 */
const STRETCH_MS = 10_000;
const MINUTE_MS = 60_000;

/** The worst stretch of a run. */
interface Over {
  /** So many calls are above what is allowed in it; below 0: it is kept. */
  readonly calls: number;
  /** Seconds of the run. */
  readonly from: number;
  readonly until: number;
}

/** What a provider was asked, held against its contract. */
export interface ContractUse {
  readonly asked: number;
  /**
   * Calls above five per cent over the contract, what each pod has leased, and a burst, in the worst stretch in which the
   * database answered.
   */
  readonly overWithBurst: Over;
  /** The same without the burst, in the worst stretch of a minute or more. */
  readonly overInAMinute: Over;
  /** Share of the contract's calls a second that was used in calm stretches. */
  readonly callsUsed: number;
  /** The most calls that were open at once; and the share of its places that calls had in calm stretches. */
  readonly mostOpen: number;
  readonly placesUsed: number;
}

export function contractUse(world: ClusterWorld, id: ProviderId): ContractUse {
  const { proxies, calms, away } = world;
  const { perSecond, concurrent } = CONTRACTS[id];
  const proxy = proxies.get(id);
  if (proxy === undefined) throw new Error(`no proxy of ${id}`);
  const sum = (of: (fromMs: number, untilMs: number) => number): number =>
    calms.reduce((all, { fromMs, untilMs }) => all + of(fromMs, untilMs), 0);
  const calmMs = sum((fromMs, untilMs) => untilMs - fromMs);
  const asked = sum((fromMs, untilMs) => proxy.askedWithin(fromMs, untilMs).length);
  const openMs = sum((fromMs, untilMs) => proxy.openOnAverage(fromMs, untilMs) * (untilMs - fromMs));
  // Whole calls, for a tenth of a second of the contract.
  const leased = PODS * Math.ceil(perSecond / 10);
  const over = (atMs: readonly number[], leastMs: number, granted: number): Over => {
    const { calls, fromMs, untilMs } = callsAbove(atMs, OVER * perSecond, leastMs);
    return { calls: calls - granted, from: world.second(fromMs), until: world.second(untilMs) };
  };
  const withBurst = between(away).map(({ fromMs, untilMs }) =>
    over(proxy.askedWithin(fromMs, untilMs), STRETCH_MS, leased + perSecond),
  );
  return {
    asked: proxy.askedAtMs.length,
    overWithBurst: withBurst.reduce((worst, each) => (each.calls > worst.calls ? each : worst)),
    overInAMinute: over(proxy.askedAtMs, MINUTE_MS, leased),
    callsUsed: (asked * 1_000) / (perSecond * calmMs),
    mostOpen: proxy.mostOpen,
    placesUsed: openMs / (concurrent * calmMs),
  };
}

/** The time before, between and after some stretches. */
function between(stretches: readonly Stretch[]): readonly Stretch[] {
  const begins = [Number.NEGATIVE_INFINITY, ...stretches.map(({ untilMs }) => untilMs)];
  const ends = [...stretches.map(({ fromMs }) => fromMs), Number.POSITIVE_INFINITY];
  return begins.map((fromMs, index) => ({ fromMs, untilMs: ends[index] ?? fromMs }));
}
