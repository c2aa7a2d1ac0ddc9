import { withinTime } from '../gateway/journal-calls.ts';
import { JournalError } from '../gateway/ports.ts';
import type { EdgeDeps } from './edge-deps.ts';
import type { Exchange } from './endpoint.ts';
import { type Problem, problem } from './problems.ts';

/** A journal that does not answer is an operating error, not a bug. */
export async function fromJournal<T>(call: () => Promise<T>): Promise<T | Problem> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof JournalError)) throw error;
    return problem(
      'journal-unavailable',
      'The journal did not answer. What was to be read can be read later; that a change is written could not be confirmed: repeat it.',
      {
        headers: { 'Retry-After': '1' },
      },
    );
  }
}

/** From the request, how long what it reads is waited for: milliseconds, as long as a database takes for a statement at most. */
const READ_WITHIN_MS = 5_000;

/** The same of what a request only reads, and within its time: a journal that hangs is not waited for any longer. */
export function readInTime<T>(
  { receivedAtMs }: Pick<Exchange, 'receivedAtMs'>,
  { clock }: Pick<EdgeDeps, 'clock'>,
  read: () => Promise<T>,
): Promise<T | Problem> {
  return fromJournal(async () => {
    const found = await withinTime(read(), receivedAtMs + READ_WITHIN_MS, { clock });
    if (found === null) throw new JournalError(`not read within ${READ_WITHIN_MS} ms of its request`);
    return found.value;
  });
}
