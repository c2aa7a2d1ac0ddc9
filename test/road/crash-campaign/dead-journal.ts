import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Sprung } from './trap.ts';

/** How far a request had come in the journal when the process died. */
export type LeftBehind = 'nothing' | 'intent' | 'outcome' | 'answer';

/** What a killed process left on the disk. */
export interface DeadJournal {
  /** Requests that left the gateway without an intent in the journal. */
  readonly withoutIntent: readonly string[];
  /** Of the request that set the kill off; null when it is not known which that was. */
  readonly victim: LeftBehind | null;
  /** Authorizations whose road was under way. */
  readonly openRoads: number;
  readonly pendingOperations: number;
  /** Authorizations that somebody has to look at again. */
  readonly work: number;
}

/**
 * Reads a copy: opening the files themselves would recover their log, which is the next process's to do.
 * @param sent attempt ids and keys of operations that left the dead process
 */
export function readDeadJournal(folder: string, sent: Iterable<string>, sprung: Sprung | null): DeadJournal {
  const copy = mkdtempSync(join(tmpdir(), 'pointsman-dead-'));
  try {
    for (const name of ['journal.sqlite', 'journal.sqlite-wal']) {
      if (existsSync(join(folder, name))) cpSync(join(folder, name), join(copy, name));
    }
    const database = new DatabaseSync(join(copy, 'journal.sqlite'));
    try {
      return readFrom(database, sent, sprung);
    } finally {
      database.close();
    }
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function readFrom(database: DatabaseSync, sent: Iterable<string>, sprung: Sprung | null): DeadJournal {
  const known = database.prepare(
    'SELECT 1 FROM attempts WHERE provider_key = ?1 UNION ALL SELECT 1 FROM operations WHERE provider_key = ?1',
  );
  const count = (sql: string): number => Number(database.prepare(sql).get()?.['count'] ?? 0);
  return {
    withoutIntent: [...sent].filter((key) => known.get(keyInJournal(key)) === undefined),
    victim:
      sprung === null || sprung.reference === null ? null : leftBehind(database, sprung, sprung.reference),
    openRoads: count('SELECT count(*) AS count FROM authorizations WHERE open = 1'),
    pendingOperations: count("SELECT count(*) AS count FROM operations WHERE status = 'pending'"),
    work: count('SELECT count(*) AS count FROM work'),
  };
}

/** A void by our reference has a body, and so a key, of its own. */
function keyInJournal(key: string): string {
  return key.replace(/(_v\d+)r$/, '$1');
}

function leftBehind(database: DatabaseSync, { kind }: Sprung, reference: string): LeftBehind {
  const authorization = database
    .prepare('SELECT sequence, open, answered FROM authorizations WHERE reference = ? ORDER BY sequence DESC')
    .get(reference);
  if (authorization === undefined) return 'nothing';
  if (kind === 'capture' || kind === 'void' || kind === 'refund' || kind === 'reversal') {
    const operation = database
      .prepare(
        'SELECT status, answer_status FROM operations WHERE authorization = ? AND kind = ? ORDER BY number DESC',
      )
      .get(authorization['sequence'] ?? 0, kind === 'reversal' ? 'void' : kind);
    if (operation === undefined) return 'nothing';
    if (operation['status'] === 'pending') return 'intent';
    return operation['answer_status'] === null ? 'outcome' : 'answer';
  }
  if (authorization['answered'] === 1) return 'answer';
  const attempt = database
    .prepare('SELECT outcome_kind FROM attempts WHERE authorization = ? ORDER BY number DESC')
    .get(authorization['sequence'] ?? 0);
  return attempt?.['outcome_kind'] === null ? 'intent' : 'outcome';
}
