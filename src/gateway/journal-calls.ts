import { describeError } from './describe-error.ts';
import { type Clock, JournalError, type Observer, type Span } from './ports.ts';

/**
 * A journal call that may fail is a value on the road: `failed` means that it is not known whether it was written.
 * `ended` resolves when a call that was not waited for any longer has come back, be it that it was written after all;
 * null: it has come back. `isUnsent`: it never left this process, and is not written later either.
 */
export type JournalCall<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly ended: Promise<void> | null; readonly isUnsent: boolean };

type CallDeps = { readonly clock: Clock; readonly observer: Pick<Observer, 'journalTook' | 'alert'> };

/**
 * Times a journal call and turns {@link JournalError} into a value. Anything else is a bug and passes through.
 * @param span of which the call is a piece, where that is traced
 * @param untilMs monotonic clock until which it is waited for; null: as long as it takes. What is not confirmed by then
 *   goes on, and may be written later
 */
export async function callJournal<T>(
  operation: string,
  deps: CallDeps,
  call: () => Promise<T>,
  span: Span | null = null,
  untilMs: number | null = null,
): Promise<JournalCall<T>> {
  const startedMs = deps.clock.monotonicMs();
  const took = () => deps.clock.monotonicMs() - startedMs;
  const piece = span?.begin('journal', { command: operation });
  const fail = (detail: string, ended: Promise<void> | null, isUnsent: boolean) => {
    piece?.end({}, true);
    deps.observer.journalTook({ operation, durationMs: took(), failed: true });
    deps.observer.alert({ kind: 'journal_failed', detail, authorizationId: null });
    return { ok: false, ended, isUnsent } as const;
  };
  try {
    const work = call();
    const onLateFault = (error: unknown) => tellLateFault(operation, error, deps);
    const waited =
      untilMs === null ? { value: await work } : await withinTime(work, { ...deps, untilMs, onLateFault });
    if (waited === null) {
      const ms = Math.round(took());
      return fail(
        `not confirmed after ${ms} ms, which is all that its request can wait; it may be written later (met by ${operation})`,
        endOf(work),
        false,
      );
    }
    piece?.end();
    deps.observer.journalTook({ operation, durationMs: took(), failed: false });
    return { ok: true, value: waited.value };
  } catch (error) {
    if (!(error instanceof JournalError)) {
      piece?.end({}, true);
      throw error;
    }
    return fail(error.message, null, error.isUnsent);
  }
}

/** Until when something is waited for, and who is told of a bug in it that shows later. */
export interface Waiting {
  /** Monotonic clock. */
  readonly untilMs: number;
  readonly clock: Pick<Clock, 'monotonicMs' | 'after'>;
  /** Given what the work was rejected with once nobody waited for it, unless the journal failed. Must not throw. */
  readonly onLateFault: (error: unknown) => void;
}

/**
 * Waits for work that goes on by itself.
 * @returns null when it has not come back in time
 * @throws what the work is rejected with by then
 */
function withinTime<T>(work: Promise<T>, { untilMs, clock, onLateFault }: Waiting): Promise<Waited<T>> {
  return new Promise((resolve, reject) => {
    let isGivenUp = false;
    const cancel = clock.after(Math.max(0, untilMs - clock.monotonicMs()), () => {
      isGivenUp = true;
      resolve(null);
    });
    const fail = (error: unknown) => {
      if (!isGivenUp) reject(error);
      else if (!(error instanceof JournalError)) onLateFault(error);
    };
    work.then((value) => resolve({ value }), fail).finally(cancel);
  });
}

type Waited<T> = { readonly value: T } | null;

/**
 * What a request asks of the journal, within the request's time. What was begun goes on, and may be written later; what was
 * not is not begun any more.
 * @throws JournalError when the time is over before it has come back; else what it is rejected with by then
 */
export async function inTime<T>(begin: () => Promise<T>, waiting: Waiting): Promise<T> {
  beginsInTime(waiting.untilMs, waiting.clock);
  const waited = await withinTime(begin(), waiting);
  if (waited === null) throw new JournalError('not confirmed within the time of its request');
  return waited.value;
}

/**
 * To be asked before a write is begun on the way of a request that may have been answered meanwhile: what was told as perhaps
 * written comes from what was under way then, and from nothing later.
 * @param untilMs monotonic clock until which the request is waited for
 * @throws JournalError when that is over
 */
export function beginsInTime(untilMs: number, clock: Pick<Clock, 'monotonicMs'>): void {
  if (clock.monotonicMs() < untilMs) return;
  throw new JournalError('not begun: the time of its request is over', { isUnsent: true });
}

/** A bug that nobody waited for any longer. @param operation in which it showed */
export function tellLateFault(
  operation: string,
  error: unknown,
  { observer }: { readonly observer: Pick<Observer, 'alert'> },
): void {
  const detail = `${describeError(error)} (met by ${operation}, which nobody waited for any longer)`;
  observer.alert({ kind: 'late_fault', detail, authorizationId: null });
}

/** Resolves when the call has come back, whatever it came to: a bug in it is told by whoever gave it up. */
async function endOf(work: Promise<unknown>): Promise<void> {
  await work.catch(() => {});
}
