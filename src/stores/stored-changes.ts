import type { Attempt } from '../core/attempt.ts';
import type { Authorization, AuthorizationStatus } from '../core/authorization.ts';
import type { Decline } from '../core/declines/decline.ts';
import { invariant } from '../core/invariant.ts';
import type { Operation } from '../core/operation.ts';

/**
 * What a change made of an authorization, as its event keeps it: enough to build the authorization again from its
 * events alone. Left out is what did not change.
 */
export interface Changes {
  readonly status?: AuthorizationStatus;
  readonly open?: boolean;
  /** New attempts, and those of which something is other; whole. */
  readonly attempts?: readonly Attempt[];
  /** New operations, and those that went on; whole. */
  readonly operations?: readonly Operation[];
  /** SHA-256, hex, of the answers that were frozen for operations, by number. */
  readonly operationAnswers?: Readonly<Record<string, string>>;
  readonly captureClosed?: boolean;
  readonly expiresAtMs?: number | null;
  /** Only of an authorization that was declined without an attempt; else it follows from the attempts. */
  readonly decline?: Decline;
}

/** What of attempts and operations differs between two states of an authorization. */
export interface Differences {
  /** Attempts that both have, with another outcome in the second. */
  readonly settled: readonly Attempt[];
  /** Attempts that both have, of which only the second names what the provider has prepared. */
  readonly prepared: readonly Attempt[];
  /** The attempt that only the second has. */
  readonly attempt: Attempt | null;
  /** Operations that both have, further on in the second. */
  readonly operated: readonly Operation[];
  /** Operations that only the second has. */
  readonly begun: readonly Operation[];
}

const NONE: readonly never[] = [];

/** @throws InvariantError when the second is no later state of the first */
export function differencesBetween(before: Authorization, after: Authorization): Differences {
  invariant(before.id === after.id, 'a step is about one authorization');
  const added = after.attempts.length - before.attempts.length;
  invariant(added === 0 || added === 1, 'a step adds at most one attempt');
  const isSameOperations = before.operations === after.operations;
  return {
    settled: before.attempts === after.attempts ? NONE : settledAttempts(before.attempts, after.attempts),
    prepared: before.attempts === after.attempts ? NONE : preparedAttempts(before.attempts, after.attempts),
    attempt: added === 0 ? null : storableAttempt(after.attempts.at(-1) as Attempt),
    operated: isSameOperations ? NONE : operatedOn(before.operations, after.operations),
    begun: isSameOperations ? NONE : after.operations.slice(before.operations.length).map(storableOperation),
  };
}

function settledAttempts(before: readonly Attempt[], after: readonly Attempt[]): readonly Attempt[] {
  const settled: Attempt[] = [];
  for (const [index, known] of before.entries()) {
    const attempt = after[index];
    invariant(attempt?.id === known.id, 'an attempt never goes');
    if (attempt === known || attempt.outcome === known.outcome) continue;
    if (known.outcome !== null && isSame(known.outcome, attempt.outcome)) continue;
    settled.push(storableAttempt(attempt));
  }
  return settled;
}

function preparedAttempts(before: readonly Attempt[], after: readonly Attempt[]): readonly Attempt[] {
  return after
    .slice(0, before.length)
    .filter(({ preparedReference }, index) => preparedReference !== before[index]?.preparedReference)
    .map(storableAttempt);
}

function operatedOn(before: readonly Operation[], after: readonly Operation[]): readonly Operation[] {
  const operated: Operation[] = [];
  for (const [index, known] of before.entries()) {
    const operation = after[index];
    invariant(operation?.id === known.id, 'an operation never goes');
    if (operation !== known && !isSame(known, operation)) operated.push(storableOperation(operation));
  }
  return operated;
}

function isSame(one: object, other: object | null): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Wall clocks are stored in whole milliseconds; a deadline never ends earlier by that. */
function storableAttempt(attempt: Attempt): Attempt {
  return {
    ...attempt,
    startedAtMs: Math.floor(attempt.startedAtMs),
    deadlineAtMs: Math.ceil(attempt.deadlineAtMs),
  };
}

function storableOperation(operation: Operation): Operation {
  const { createdAtMs, settledAtMs } = operation;
  return {
    ...operation,
    createdAtMs: Math.floor(createdAtMs),
    settledAtMs: settledAtMs === null ? null : Math.floor(settledAtMs),
  };
}

/** What an event keeps of a change. */
export function changesBetween(
  before: Authorization,
  after: Authorization,
  differences: Differences,
): Changes {
  const { settled, prepared, attempt, operated, begun } = differences;
  const changed = [
    ...settled,
    ...prepared.filter(({ number }) => !settled.some((other) => other.number === number)),
  ];
  const attempts = attempt === null ? changed : [...changed, attempt];
  const expiresAtMs = storableExpiry(after);
  return {
    ...(before.status !== after.status && { status: after.status }),
    ...(before.open !== after.open && { open: after.open }),
    ...(attempts.length > 0 && { attempts }),
    ...((operated.length > 0 || begun.length > 0) && { operations: [...operated, ...begun] }),
    ...(before.captureClosed !== after.captureClosed && { captureClosed: after.captureClosed }),
    ...(before.expiresAtMs !== expiresAtMs && { expiresAtMs }),
  };
}

/** What the first event keeps. */
export function firstChanges(authorization: Authorization): Changes {
  const { status, open, attempts, decline } = authorization;
  return {
    status,
    open,
    attempts: attempts.map(storableAttempt),
    ...(attempts.length === 0 && decline !== null && { decline }),
  };
}

/** Never earlier by being stored in whole milliseconds. */
export function storableExpiry({ expiresAtMs }: Authorization): number | null {
  return expiresAtMs === null ? null : Math.ceil(expiresAtMs);
}
