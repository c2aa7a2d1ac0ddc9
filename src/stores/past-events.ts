import type { AuthorizationStatus } from '../core/authorization.ts';
import type { PastEvent } from '../gateway/ports.ts';
import type { Changes } from './stored-changes.ts';

/** An event as the store's columns hold it. */
interface StoredEvent {
  readonly number: number;
  readonly at_ms: number;
  readonly actor: string;
  readonly kind: string;
  /** JSON. */
  readonly data: string;
  readonly hash: string | null;
}

/**
 * Consecutive events of one authorization with what each changed, in their order.
 * @param statusBefore the status that the events before them left; null when there are none, or none told it
 */
export function pastEvents(
  stored: readonly StoredEvent[],
  statusBefore: AuthorizationStatus | null,
): readonly PastEvent[] {
  let from = statusBefore;
  return stored.map((event) => {
    const { changes = {}, ...data }: { readonly changes?: Changes } = JSON.parse(event.data);
    const to = changes.status;
    const status = to === undefined ? null : { from, to };
    from = to ?? from;
    return {
      sequence: event.number,
      atMs: event.at_ms,
      actor: event.actor,
      kind: event.kind,
      data,
      status,
      attempts: changes.attempts ?? [],
      operations: changes.operations ?? [],
      hash: event.hash,
    };
  });
}
