import type { Clock } from './ports.ts';

/** Resolves when the work is done, or after so many milliseconds without it. @throws what the work throws by then */
export async function settledWithin(
  work: Promise<unknown>,
  ms: number,
  clock: Pick<Clock, 'after'>,
): Promise<void> {
  let cancel = () => {};
  const over = new Promise<void>((resolve) => {
    cancel = clock.after(ms, resolve);
  });
  await Promise.race([work, over]).finally(cancel);
}
