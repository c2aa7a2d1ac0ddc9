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
    const waited = untilMs === null ? { value: await work } : await withinTime(work, untilMs, deps);
    if (waited === null) {
      const ms = Math.round(took());
      return fail(
        `not confirmed after ${ms} ms, which is all that its request can wait; it may be written later (met by ${operation})`,
        endOf(work, deps),
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

/**
 * Waits for work that goes on by itself.
 * @param untilMs monotonic clock
 * @returns null when it has not come back in time
 */
export function withinTime<T>(
  work: Promise<T>,
  untilMs: number,
  { clock }: Pick<CallDeps, 'clock'>,
): Promise<{ readonly value: T } | null> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(Math.max(0, untilMs - clock.monotonicMs()), () => resolve(null));
    work.then((value) => resolve({ value }), reject).finally(cancel);
  });
}

/** Nobody waits for its result any more: only a bug in it is still told. */
async function endOf(work: Promise<unknown>, { observer }: Pick<CallDeps, 'observer'>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (error instanceof JournalError) return;
    observer.alert({ kind: 'journal_failed', detail: describeError(error), authorizationId: null });
  }
}
