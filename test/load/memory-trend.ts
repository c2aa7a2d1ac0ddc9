import { readFileSync } from 'node:fs';

/** Memory of a process that is in RAM, bytes (Linux). */
export function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes ?? 0) * 1_024;
}

/** Slope of evenly spaced samples by Theil and Sen: the median of all pairs' slopes, per step; one outlier moves it little. */
export function slopeOf(samples: readonly number[]): number {
  const slopes: number[] = [];
  for (const [right, after] of samples.entries()) {
    for (const [left, before] of samples.slice(0, right).entries())
      slopes.push((after - before) / (right - left));
  }
  slopes.sort((left, right) => left - right);
  return slopes[Math.floor(slopes.length / 2)] ?? 0;
}

/** Least length of a run that is judged, seconds: before that what is warmed up cannot be told from what grows. */
export const SOAK_S = 300;
/** Growth over the second half of a soak that is none, as a share of what is held. */
export const FLAT_WITHIN = 0.1;
/** A run is told and judged in tenths of it. */
const PARTS = 10;

export interface MemoryTrend {
  /** For people. */
  readonly text: string;
  /** Whether memory was flat once all was warm; null: the run was too short to say. */
  readonly isFlat: boolean | null;
}

/**
 * Whether memory grew over the second half of a run. What is told and judged of each tenth is the least that was held in
 * it: memory goes up between collections, and what cannot be collected shows at their ends.
 * @param samples evenly spaced, bytes, in the order of time
 * @param seconds length of the run
 */
export function memoryTrend(samples: readonly number[], seconds: number): MemoryTrend {
  if (samples.length < PARTS) return { text: 'too few samples of memory to tell a trend', isFlat: null };
  const least = Array.from({ length: PARTS }, (_, part) => {
    const from = Math.floor((part * samples.length) / PARTS);
    return Math.min(...samples.slice(from, Math.floor(((part + 1) * samples.length) / PARTS)));
  });
  const settled = least.slice(PARTS / 2);
  const growth = slopeOf(settled) * (settled.length - 1);
  const share = growth / Math.min(...settled);
  const isFlat = seconds < SOAK_S ? null : share <= FLAT_WITHIN;
  const told = least.map((bytes) => (bytes / 2 ** 20).toFixed(0)).join(' ');
  const grew = `${growth >= 0 ? '+' : ''}${(growth / 2 ** 20).toFixed(1)} MiB in the second half (${(share * 100).toFixed(0)} %)`;
  const verdict = isFlat === null ? '' : isFlat ? ', flat' : `, NOT FLAT: more than ${FLAT_WITHIN * 100} %`;
  return { text: `least memory of each tenth, MiB: ${told}; ${grew}${verdict}`, isFlat };
}
