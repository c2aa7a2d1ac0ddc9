import { readFileSync } from 'node:fs';

/** CPU time that a process has used so far, all threads, in microseconds (Linux). */
export function cpuMicroseconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  // utime and stime, fields 14 and 15 of proc(5), in ticks of 1/100 s.
  const ticks = Number(fields[11]) + Number(fields[12]);
  return ticks * 10_000;
}
