import { JournalError } from '../gateway/ports.ts';
import { type Problem, problem } from './problems.ts';

/** A journal that does not answer is an operating error, not a bug. */
export async function fromJournal<T>(call: () => Promise<T>): Promise<T | Problem> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof JournalError)) throw error;
    return problem('journal-unavailable', 'The journal did not take the request.', {
      headers: { 'Retry-After': '1' },
    });
  }
}
