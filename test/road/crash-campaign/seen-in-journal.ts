import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** What the history of a journal tells of a campaign. */
export interface SeenInJournal {
  /** Roads that were closed because their process was dead. */
  readonly lapsed: number;
  /** Outcomes found out beside the road. */
  readonly resolved: number;
  /** Captures, voids and refunds that ended beside the road: found out, or sent again. */
  readonly operationsEnded: number;
  readonly seals: number;
}

/** @param folder of a gateway that has ended in order */
export function seenInJournal(folder: string): SeenInJournal {
  const database = new DatabaseSync(join(folder, 'journal.sqlite'), { readOnly: true });
  try {
    const count = (sql: string): number =>
      Number(database.prepare(`SELECT count(*) AS n FROM ${sql}`).get()?.['n']);
    return {
      lapsed: count("events WHERE kind = 'lapsed'"),
      resolved: count("events WHERE kind = 'resolved' AND actor = 'resolver'"),
      operationsEnded: count("events WHERE kind = 'operation_ended' AND actor = 'resolver'"),
      seals: count('seals'),
    };
  } finally {
    database.close();
  }
}
