import type { DatabaseSync } from 'node:sqlite';
import { type Journal, JournalError } from '../../src/gateway/ports.ts';
import type { CommandRunner } from '../../src/stores/command-runner.ts';
import { eventHash } from '../../src/stores/event-hash.ts';
import { SqliteBatch } from '../../src/stores/sqlite/sqlite-batch.ts';
import { SqliteCommands } from '../../src/stores/sqlite/sqlite-commands.ts';
import { openDatabase } from '../../src/stores/sqlite/sqlite-database.ts';
import { StoredJournal } from '../../src/stores/stored-journal.ts';

/** The real journal in memory, with its database at hand: checks read what no port shows. */
export interface OpenedJournal {
  readonly journal: Journal;
  readonly database: DatabaseSync;
}

export function openJournal(): OpenedJournal {
  const database = openDatabase({ path: ':memory:' });
  const batches = new SqliteBatch(database, new SqliteCommands(database));
  const runner: CommandRunner = {
    async run(name, args) {
      const { values, failures } = batches.run([[name, args]]);
      const failure = failures?.[0] ?? null;
      if (failure !== null) throw new JournalError(`${name}: ${failure}`);
      return values[0] as never;
    },
    async close() {
      database.close();
    },
  };
  return { journal: new StoredJournal(runner), database };
}

/** Ids of authorizations that no worker will look at again, as far as their plan says. */
export function parkedIn(database: DatabaseSync): readonly string[] {
  const rows = database
    .prepare(
      'SELECT a.id FROM work w JOIN authorizations a ON a.sequence = w.authorization WHERE w.due_at_ms IS NULL',
    )
    .all();
  return rows.map((row) => String(row['id']));
}

/** Wall clock at which the next work is due; null when there is none. */
export function nextDueMs(database: DatabaseSync): number | null {
  const row = database.prepare('SELECT min(due_at_ms) AS due FROM work WHERE due_at_ms IS NOT NULL').get();
  return row?.['due'] == null ? null : Number(row['due']);
}

/** Events of a kind, in all histories. */
export function countEvents(database: DatabaseSync, kind: string): number {
  const row = database.prepare('SELECT count(*) AS count FROM events WHERE kind = ?').get(kind);
  return Number(row?.['count']);
}

/** Follows the chain of hashes through every event. Returns how many there are, and what is wrong. */
export function checkChain(database: DatabaseSync): {
  readonly events: number;
  readonly wrong: readonly string[];
} {
  const previous = new Map<string, string>();
  const wrong: string[] = [];
  const rows = database
    .prepare(
      'SELECT a.id, e.* FROM events e JOIN authorizations a ON a.sequence = e.authorization ORDER BY e.sequence',
    )
    .all();
  for (const row of rows) {
    const id = String(row['id']);
    const hash = eventHash(previous.get(id) ?? null, id, {
      number: Number(row['number']),
      atMs: Number(row['at_ms']),
      actor: String(row['actor']),
      kind: String(row['kind']),
      data: String(row['data']),
      answerStatus: row['answer_status'] === null ? null : Number(row['answer_status']),
      answerBody: row['answer_body'] === null ? null : String(row['answer_body']),
    });
    if (hash !== row['hash']) wrong.push(id);
    previous.set(id, hash);
  }
  return { events: rows.length, wrong };
}
