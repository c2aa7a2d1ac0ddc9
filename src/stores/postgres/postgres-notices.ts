import type { NoticeRow, OverrideRow } from '../journal-rows.ts';
import type { SqlValues } from '../sql-values.ts';
import type { Queries } from './queries.ts';

/** Notices that cannot be read, of which a page looks at no more. */
const UNREADABLE_MAX = 1_000;

const SQL = {
  insert: `
    INSERT INTO notices (provider, event_id, type, attempt_id, operation_id, provider_reference, data, received_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (provider, event_id) DO NOTHING`,
  touch: 'UPDATE notices SET result = result WHERE provider = $1 AND event_id = $2',
  open: `
    SELECT sequence, provider, event_id, type, attempt_id, operation_id, provider_reference, data, received_at_ms
    FROM notices WHERE result IS NULL AND sequence > $1 ORDER BY sequence LIMIT $2`,
  settle: 'UPDATE notices SET result = $2 WHERE sequence = $1 AND result IS NULL',
  insertOverride: `
    INSERT INTO overrides (provider, brand, merchant, mode, reason, author, created_at_ms, expires_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
  newestOverrides: `
    SELECT provider, brand, merchant, mode, reason, author, created_at_ms, expires_at_ms FROM (
      SELECT DISTINCT ON (provider, brand, merchant)
        provider, brand, merchant, mode, reason, author, created_at_ms, expires_at_ms
      FROM overrides ORDER BY provider, brand, merchant, sequence DESC) AS newest
    ORDER BY provider COLLATE "C", brand COLLATE "C" NULLS FIRST, merchant COLLATE "C" NULLS FIRST`,
} as const;

/** What is heard of providers: from themselves, and from those who force them in or out. */
export class PostgresNotices {
  readonly #queries: Queries;

  constructor(queries: Queries) {
    this.#queries = queries;
  }

  /**
   * A repeat writes, too, though it changes nothing: a commit without that waits for no copy, and would confirm what a copy
   * may not have.
   * @returns whether it is new
   */
  async keep(notice: SqlValues): Promise<boolean> {
    if ((await this.#queries.run('insert_notice', SQL.insert, notice)) > 0) return true;
    await this.#queries.run('touch_notice', SQL.touch, notice.slice(0, 2));
    return false;
  }

  /** The oldest that nobody has dealt with; what cannot be read is left out, so that it does not hold up the others. */
  async open(limit: number): Promise<readonly NoticeRow[]> {
    const readable: NoticeRow[] = [];
    for (let after = 0, seen = 0; seen < limit + UNREADABLE_MAX; ) {
      const rows = await this.#queries.all<NoticeRow>('open_notices', SQL.open, [after, limit]);
      readable.push(...rows.filter(({ data }) => isJson(data)));
      if (rows.length < limit || readable.length >= limit) break;
      after = rows.at(-1)?.sequence ?? after;
      seen += rows.length;
    }
    return readable.slice(0, limit);
  }

  async settle(sequence: number, result: string): Promise<void> {
    await this.#queries.run('settle_notice', SQL.settle, [sequence, result]);
  }

  async saveOverride(override: SqlValues): Promise<void> {
    await this.#queries.run('insert_override', SQL.insertOverride, override);
  }

  listOverrides(): Promise<readonly OverrideRow[]> {
    return this.#queries.all<OverrideRow>('newest_overrides', SQL.newestOverrides, []);
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
