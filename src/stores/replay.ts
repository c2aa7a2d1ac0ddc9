import type { Attempt } from '../core/attempt.ts';
import { type Authorization, newAuthorization } from '../core/authorization.ts';
import type { Operation } from '../core/operation.ts';
import { settled } from '../core/settlement.ts';
import type { OpenedData } from './stored-authorization.ts';
import type { Changes } from './stored-changes.ts';

/** An event of one authorization, as far as its state follows from it. */
export interface ReplayedEvent {
  readonly atMs: number;
  readonly data: unknown;
  /** Whether it froze the answer to the caller. */
  readonly answers: boolean;
}

/**
 * Builds an authorization again from its events alone, oldest first.
 * @returns null when an event does not tell what it changed: those of the first version of the journal do not
 */
export function authorizationFromEvents(id: string, events: readonly ReplayedEvent[]): Authorization | null {
  const first = events[0];
  const opened = first?.data as Partial<OpenedData> | undefined;
  if (first === undefined || !isOpened(opened)) return null;
  let authorization = beginning(id, first.atMs, opened);
  for (const { data, answers } of events) {
    const changes = (data as { readonly changes?: Changes }).changes;
    if (changes === undefined) return null;
    authorization = { ...changed(authorization, changes), answered: authorization.answered || answers };
  }
  const whole = { ...authorization, version: events.length };
  return whole.attempts.length === 0 ? whole : settled(whole);
}

function isOpened(opened: Partial<OpenedData> | undefined): opened is OpenedData {
  return opened?.request !== undefined && opened.changes !== undefined;
}

function beginning(id: string, createdAtMs: number, opened: OpenedData): Authorization {
  const { account, live, traceId, request, brand, scaRegion, latePolicy, routing } = opened;
  const asked = { account, live, traceId, request, brand, scaRegion, latePolicy, routing };
  return newAuthorization({ ...asked, id, createdAtMs });
}

function changed(authorization: Authorization, changes: Changes): Authorization {
  const { status, open, attempts, operations, captureClosed, expiresAtMs, decline } = changes;
  return {
    ...authorization,
    status: status ?? authorization.status,
    open: open ?? authorization.open,
    attempts:
      attempts === undefined
        ? authorization.attempts
        : merged(authorization.attempts, attempts.map(withPrepared)),
    operations:
      operations === undefined ? authorization.operations : merged(authorization.operations, operations),
    captureClosed: captureClosed ?? authorization.captureClosed,
    expiresAtMs: expiresAtMs === undefined ? authorization.expiresAtMs : expiresAtMs,
    decline: decline ?? authorization.decline,
  };
}

/** Events of earlier versions do not tell of what was prepared: nothing was. */
function withPrepared(attempt: Attempt): Attempt {
  return { ...attempt, preparedReference: attempt.preparedReference ?? null };
}

/** What has a number that was there before takes its place. */
function merged<T extends Attempt | Operation>(known: readonly T[], news: readonly T[]): readonly T[] {
  const whole = [...known];
  for (const item of news) whole[item.number - 1] = item;
  return whole;
}
