import type { ActivateCommand, RulesetListReply } from './journal-rows.ts';

/** An activation, and to which one a rollback from it goes. */
export interface Place {
  readonly sequence: number;
  readonly version: number;
  readonly beneath: number | null;
}

/** The newest activation, and the two that a way back may lead to; null where there is none. */
export interface NewestPlaces {
  readonly newest: Place | null;
  /** The one beneath the newest. */
  readonly beneath: Place | null;
  /** The one before the newest. */
  readonly before: Place | null;
}

/**
 * Where an activation goes: its sequence, and the one beneath it. Null when another activation is the newest than the
 * caller takes to be so, or when a way back does not lead to the version.
 */
export function nextPlace(
  { version, cause, expected }: ActivateCommand,
  { newest, beneath, before }: NewestPlaces,
): Pick<Place, 'sequence' | 'beneath'> | null {
  if ((newest?.sequence ?? null) !== expected) return null;
  const sequence = (newest?.sequence ?? 0) + 1;
  if (newest?.version === version) return { sequence, beneath: newest.beneath };
  if (cause !== 'rollback' && cause !== 'restored') return { sequence, beneath: newest?.sequence ?? null };
  const target = cause === 'rollback' ? beneath : before;
  return target?.version === version ? { sequence, beneath: target.beneath } : null;
}

/** The first `limit` of rows of which one more was asked for. */
export function pageOf<Row>(
  found: readonly Row[],
  limit: number,
  numberOf: (row: Row) => number,
): RulesetListReply<Row> {
  const rows = found.slice(0, limit).map((row) => ({ ...row }));
  const last = rows.at(-1);
  return { rows, next: found.length > limit && last !== undefined ? numberOf(last) : null };
}
