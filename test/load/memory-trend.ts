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

/** Whether memory grew over the second half of a run, when all is warm, in words. */
export function memoryTrend(samples: readonly number[], seconds: number): string {
  const settled = samples.slice(Math.floor(samples.length / 2));
  if (settled.length < 3) return 'too few samples of memory to tell a trend';
  const perMinute = (slopeOf(settled) / 2 ** 20) * (samples.length / seconds) * 60;
  const told = samples.map((bytes) => (bytes / 2 ** 20).toFixed(0)).join(' ');
  return `memory, MiB: ${told}; in the second half ${perMinute >= 0 ? '+' : ''}${perMinute.toFixed(1)} MiB a minute`;
}
