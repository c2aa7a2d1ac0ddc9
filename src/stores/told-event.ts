import type { Authorization } from '../core/authorization.ts';
import { type HistoryEntry, type OutgoingEvent, outgoingEvents } from '../core/outgoing-event.ts';
import type { ToldEvent } from '../gateway/ports.ts';
import { authorizationFromEvents } from './replay.ts';

/** An event of one authorization as the store holds it. */
export interface StoredEvent {
  readonly at_ms: number;
  readonly actor: string;
  readonly kind: string;
  readonly data: string;
  /** Whether it froze the answer to the caller. */
  readonly answers: number;
}

/** What the last of some events means, and the authorization as it left it. */
export interface ToldByHistory {
  readonly events: readonly OutgoingEvent[];
  readonly authorization: Authorization;
  readonly entry: HistoryEntry;
}

/**
 * What a change tells, from the history up to it. Null when the history does not tell what it changed, or was damaged:
 * one authorization that cannot be read must not hold up what is told of the others.
 * @param rows all events of the authorization up to the change, oldest first
 */
export function toldByHistory(
  authorizationId: string,
  account: string,
  rows: readonly StoredEvent[],
): ToldByHistory | null {
  const last = rows.at(-1);
  if (last === undefined) return null;
  try {
    const events = rows.map(({ at_ms: atMs, data, answers }) => ({
      atMs,
      data: JSON.parse(data) as unknown,
      answers: answers === 1,
    }));
    const authorization = authorizationFromEvents(authorizationId, events);
    // Whose it is stands beside the history too: nobody is told of what two places disagree about.
    if (authorization === null || authorization.account !== account) return null;
    const before = rows.length === 1 ? null : authorizationFromEvents(authorizationId, events.slice(0, -1));
    const entry = { kind: last.kind, actor: last.actor, data: events.at(-1)?.data };
    return { events: outgoingEvents(before, authorization, entry), authorization, entry };
  } catch {
    return null;
  }
}

/** One of the things that a change tells. */
export function partTold(told: ToldByHistory | null, part: number): ToldEvent | null {
  const event = told?.events[part - 1];
  if (told === null || event === undefined) return null;
  return { event, authorization: told.authorization, entry: told.entry };
}
