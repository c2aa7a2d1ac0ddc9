import { eventId, isWanted } from '../core/outgoing-event.ts';
import type { EventSubscription } from '../gateway/ports.ts';
import { type StoredEvent, toldByHistory } from './told-event.ts';

/** An event of the history that may be told. */
export interface TellingRow {
  readonly sequence: number;
  readonly authorization: number;
  readonly number: number;
  readonly at_ms: number;
  /** Of the authorization. */
  readonly id: string;
  readonly account: string;
}

/** Its id, endpoint, account, authorization, number, part, type and when it happened. */
export type NewDelivery = readonly [string, string, string, number, number, number, string, number];

/**
 * What an endpoint is to be told of an event: none, or several.
 * @param history events of the authorization up to this one, oldest first
 */
export function toldDeliveries(
  subscription: EventSubscription,
  row: TellingRow,
  history: readonly StoredEvent[],
): readonly NewDelivery[] {
  const { endpoint, account } = subscription;
  const { id, authorization, number, at_ms: atMs } = row;
  const told = toldByHistory(id, row.account, history);
  return (told?.events ?? []).flatMap((event, index): NewDelivery[] => {
    if (!isWanted(event, subscription)) return [];
    const part = index + 1;
    const name = eventId(endpoint, id, number, part);
    return [[name, endpoint, account, authorization, number, part, event.type, atMs]];
  });
}
