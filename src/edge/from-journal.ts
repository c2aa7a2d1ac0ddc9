import { WAITED_MS } from '../gateway/answer-time.ts';
import { inTime } from '../gateway/journal-calls.ts';
import { JournalError } from '../gateway/ports.ts';
import type { EdgeDeps } from './edge-deps.ts';
import type { Exchange } from './endpoint.ts';
import { type Problem, problem } from './problems.ts';

/** What is told of a read that failed. */
const NOT_READ = 'The journal did not answer. What was to be read can be read later.';

/**
 * A journal that does not answer is an operating error, not a bug.
 * @param detail what is told then: for what changes something, whether it may be written, and what to do
 */
export async function fromJournal<T>(call: () => Promise<T>, detail = NOT_READ): Promise<T | Problem> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof JournalError)) throw error;
    return problem('journal-unavailable', detail, { headers: { 'Retry-After': '1' } });
  }
}

type Asked = Pick<Exchange, 'receivedAtMs' | 'route' | 'trace'>;
type AskDeps = Pick<EdgeDeps, 'clock' | 'reportFault'>;

/** The same of what a request only reads, and within its time: a journal that hangs is not waited for any longer. */
export function readInTime<T>(exchange: Asked, deps: AskDeps, read: () => Promise<T>): Promise<T | Problem> {
  return fromJournal(() => inTime(read, waitingFor('read', exchange, deps)));
}

/**
 * The same of what a person wants done or checked. What is written after the answer is told to whoever else has to know like
 * any other: that is to be part of `command`.
 * @param command is given until when it may begin to write, monotonic clock
 */
export function commandInTime<T>(
  kind: Exclude<keyof typeof WAITED_MS, 'read' | 'notice'>,
  exchange: Asked,
  deps: AskDeps,
  command: (untilMs: number) => Promise<T>,
  detail: string,
): Promise<T | Problem> {
  // From when all of it was here.
  const waiting = waitingFor(kind, { ...exchange, receivedAtMs: deps.clock.monotonicMs() }, deps);
  return fromJournal(() => inTime(() => command(waiting.untilMs), waiting), detail);
}

/** A bug that shows after the answer is told as one before it. */
function waitingFor(
  kind: Exclude<keyof typeof WAITED_MS, 'notice'>,
  { receivedAtMs, route, trace: { traceId } }: Asked,
  { clock, reportFault }: AskDeps,
) {
  const onLateFault = (error: unknown) => reportFault({ traceId, route, error });
  return { untilMs: receivedAtMs + WAITED_MS[kind], clock, onLateFault };
}
