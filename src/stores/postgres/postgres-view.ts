import { hash } from 'node:crypto';
import type { SqlValues } from '../sql-values.ts';
import type { EngineCheck, JournalView, UnreadablePart } from '../verify/journal-view.ts';
import { messageOf } from './postgres-connection.ts';
import { PostgresFailure } from './postgres-failure.ts';
import type { Queries } from './queries.ts';

/** A journal on Postgres as one snapshot of it shows it. */
export class PostgresView implements JournalView {
  readonly isGapless = false;
  readonly checks: readonly EngineCheck[];
  readonly #queries: Queries;

  /** @param queries of a snapshot, whose statements may take as long as they need */
  constructor(queries: Queries, checks: readonly EngineCheck[]) {
    this.#queries = queries;
    this.checks = checks;
  }

  all<Row>(sql: string, ...values: SqlValues): Promise<readonly Row[]> {
    const numbered = sql.replaceAll('?', '$');
    return this.#queries.all<Row>(`look_${hash('sha1', numbered, 'hex')}`, numbered, values);
  }

  async guarded<Result>(work: () => Promise<Result>): Promise<Result | UnreadablePart> {
    await this.#queries.run('part_begins', 'SAVEPOINT part', []);
    try {
      const result = await work();
      await this.#queries.run('part_ends', 'RELEASE SAVEPOINT part', []);
      return result;
    } catch (error) {
      const what = isForeignNumber(error) ? 'a number is out of range' : unreadableBy(sqlStateOf(error));
      if (what === null) throw error;
      await this.#queries.run('part_failed', 'ROLLBACK TO SAVEPOINT part', []);
      return { unreadable: `${what} (${messageOf(error)})` };
    }
  }
}

/** A number that no JavaScript number can be was not written by us. */
function isForeignNumber(error: unknown): boolean {
  return error instanceof PostgresFailure && error.cause instanceof RangeError;
}

/** What the server said went wrong; null when it is not the server that did. */
function sqlStateOf(error: unknown): string | null {
  return error instanceof PostgresFailure ? error.code : null;
}

/** What keeps a part from being read, in words; null where it is nothing about the journal. */
function unreadableBy(sqlState: string | null): string | null {
  if (sqlState === null) return null;
  if (sqlState === 'XX001' || sqlState === 'XX002') return 'a page is damaged';
  if (sqlState.startsWith('42') && sqlState !== '42501') return 'a part of the schema is not as it was';
  if (sqlState.startsWith('22')) return 'a value is not what it can be';
  return null;
}
