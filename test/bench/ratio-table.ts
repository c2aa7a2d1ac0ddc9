/** Rows of a bench, aligned; every figure stands beside the one of the same run that it is compared with. */
export function printTable(
  title: string,
  header: readonly string[],
  rows: readonly (readonly string[])[],
): void {
  const widths = header.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ');
  console.log(`\n${title}`);
  console.log(line(header));
  for (const row of rows) console.log(line(row));
}

/** Median of some figures. */
export function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Results end here, so that the compiler cannot leave the work out. */
export const sink: { last: unknown } = { last: null };

/**
 * Nanoseconds of one call, median of five rounds after a warm-up. CPU time of this thread: what else runs on the machine
 * counts little.
 */
export function nanosecondsOf(calls: number, work: () => unknown): number {
  const round = () => {
    const before = process.threadCpuUsage();
    for (let call = 0; call < calls; call += 1) sink.last = work();
    const { user, system } = process.threadCpuUsage(before);
    return ((user + system) * 1000) / calls;
  };
  round();
  return median([round(), round(), round(), round(), round()]);
}
