import type { GatewayDeps } from './gateway-deps.ts';
import { JournalError } from './ports.ts';

/** A journal call that may fail is a value on the road: `failed` means that it is not known whether it was written. */
export type JournalCall<T> = { readonly ok: true; readonly value: T } | { readonly ok: false };

/** Times a journal call and turns {@link JournalError} into a value. Anything else is a bug and passes through. */
export async function callJournal<T>(
  operation: string,
  deps: Pick<GatewayDeps, 'clock' | 'observer'>,
  call: () => Promise<T>,
): Promise<JournalCall<T>> {
  const startedMs = deps.clock.monotonicMs();
  const took = () => deps.clock.monotonicMs() - startedMs;
  try {
    const value = await call();
    deps.observer.journalTook({ operation, durationMs: took(), failed: false });
    return { ok: true, value };
  } catch (error) {
    if (!(error instanceof JournalError)) throw error;
    deps.observer.journalTook({ operation, durationMs: took(), failed: true });
    deps.observer.alert({
      kind: 'journal_failed',
      detail: error.message,
      authorizationId: null,
    });
    return { ok: false };
  }
}
