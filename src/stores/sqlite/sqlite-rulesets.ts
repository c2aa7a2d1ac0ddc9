import type { ActivationCause } from '../../gateway/ports.ts';
import type { Statements } from './statements.ts';

export interface ActivationRow {
  readonly sequence: number;
  readonly version: number;
  readonly content_hash: string;
  readonly cause: ActivationCause;
  readonly author: string;
  readonly reason: string;
  readonly at_ms: number;
  /** When the next one came; null for the newest. */
  readonly until_ms: number | null;
}

/** A ruleset without its files, and how it came to be in force last. */
export interface ListedRulesetRow {
  readonly number: number;
  readonly content_hash: string;
  readonly registered_at_ms: number;
  readonly sequence: number | null;
  readonly cause: ActivationCause | null;
  readonly author: string | null;
  readonly reason: string | null;
  readonly at_ms: number | null;
  readonly until_ms: number | null;
  readonly active: 0 | 1;
}

export interface RulesetRow extends ListedRulesetRow {
  /** JSON: content by file name. */
  readonly files: string;
}

export interface ActiveReply {
  readonly row: ActivationRow;
  /** The version to which a rollback goes; null: there is none. */
  readonly previous: number | null;
  /** The version of the activation before; null for the first. */
  readonly replaced: number | null;
  /** What persons have left since the folder was followed last. */
  readonly left: readonly LeftRow[];
}

interface LeftRow {
  readonly version: number;
  readonly content_hash: string;
  /** Sequence of the activation by which it was left last. */
  readonly sequence: number;
}

export interface ActivateReply {
  /** False when another activation is the newest, or a way back does not lead to this version. */
  readonly done: boolean;
  /** Afterwards. */
  readonly active: ActiveReply | null;
}

export interface RulesetListReply<Row> {
  readonly rows: readonly Row[];
  /** Number of the last row when there are more after it. */
  readonly next: number | null;
}

/** What is to be in force, and what the caller takes to be so. */
export interface ActivateCommand {
  readonly version: number;
  readonly cause: ActivationCause;
  readonly author: string;
  readonly reason: string;
  readonly atMs: number;
  /** Sequence of the newest activation; null: there is none. */
  readonly expected: number | null;
}

const ACTIVATION = `
  SELECT a.sequence, a.version, r.content_hash, a.cause, a.author, a.reason, a.at_ms,
    (SELECT at_ms FROM ruleset_activations WHERE sequence = a.sequence + 1) AS until_ms
  FROM ruleset_activations AS a JOIN rulesets AS r ON r.number = a.version`;

// In force at a stretch, several activations of one version are one time: it began with the first of them.
const LISTED = `
  r.number, r.content_hash, r.registered_at_ms, a.sequence, a.cause, a.author, a.reason, a.at_ms,
    (SELECT at_ms FROM ruleset_activations WHERE sequence = (
      SELECT max(sequence) + 1 FROM ruleset_activations WHERE version = r.number)) AS until_ms,
    r.number IS (SELECT version FROM ruleset_activations ORDER BY sequence DESC LIMIT 1) AS active
  FROM rulesets AS r LEFT JOIN ruleset_activations AS a ON a.sequence = (
    SELECT min(sequence) FROM ruleset_activations WHERE version = r.number AND sequence > coalesce((
      SELECT max(sequence) FROM ruleset_activations WHERE version <> r.number AND sequence < (
        SELECT max(sequence) FROM ruleset_activations WHERE version = r.number)), 0))`;

const SQL = {
  newest: 'SELECT number, content_hash FROM rulesets ORDER BY number DESC LIMIT 1',
  insert: 'INSERT INTO rulesets (content_hash, files, registered_at_ms) VALUES (?, ?, ?) RETURNING number',
  find: `SELECT r.files, ${LISTED} WHERE r.number = ?`,
  active: `${ACTIVATION} ORDER BY a.sequence DESC LIMIT 1`,
  place: 'SELECT sequence, version, beneath FROM ruleset_activations WHERE sequence = ?',
  newestPlace: 'SELECT sequence, version, beneath FROM ruleset_activations ORDER BY sequence DESC LIMIT 1',
  // What the gateway itself took back was left by nobody.
  left: `
    SELECT r.number AS version, r.content_hash, max(next.sequence) AS sequence
    FROM ruleset_activations AS a
      JOIN ruleset_activations AS next ON next.sequence = a.sequence + 1
      JOIN rulesets AS r ON r.number = a.version
    WHERE a.sequence >= (SELECT coalesce(max(sequence), 1) FROM ruleset_activations WHERE cause = 'folder')
      AND next.cause IN ('activation', 'rollback') AND r.content_hash <> ?
    GROUP BY r.number ORDER BY max(next.sequence)`,
  activate: `
    INSERT INTO ruleset_activations (sequence, version, cause, author, reason, at_ms, beneath)
    VALUES (?, ?, ?, ?, ?, ?, ?)`,
  list: `SELECT ${LISTED} WHERE r.number < ? ORDER BY r.number DESC LIMIT ?`,
  activations: `${ACTIVATION} WHERE a.sequence < ? ORDER BY a.sequence DESC LIMIT ?`,
} as const;

interface Place {
  readonly sequence: number;
  readonly version: number;
  readonly beneath: number | null;
}

/** Contents of the rules folder, and which of them was in force when. */
export class SqliteRulesets {
  readonly #statements: Statements;

  constructor(statements: Statements) {
    this.#statements = statements;
  }

  register(contentHash: string, files: string, atMs: number): number {
    const newest = this.#statements.one<Pick<RulesetRow, 'number' | 'content_hash'>>(SQL.newest);
    if (newest?.content_hash === contentHash) return newest.number;
    return this.#statements.prepare(SQL.insert).get(contentHash, files, atMs)?.['number'] as number;
  }

  find(version: number): RulesetRow | null {
    return this.#statements.one<RulesetRow>(SQL.find, version);
  }

  active(): ActiveReply | null {
    const row = this.#statements.one<ActivationRow>(SQL.active);
    if (row === null) return null;
    const left = this.#statements.all<LeftRow>(SQL.left, row.content_hash);
    return {
      row: { ...row },
      previous: this.#beneath(this.#place(row.sequence))?.version ?? null,
      replaced: this.#place(row.sequence - 1)?.version ?? null,
      left: left.map((each) => ({ ...each })),
    };
  }

  activate(command: ActivateCommand): ActivateReply {
    const done = this.#move(command);
    return { done, active: this.active() };
  }

  #move({ version, cause, author, reason, atMs, expected }: ActivateCommand): boolean {
    const newest = this.#statements.one<Place>(SQL.newestPlace);
    if ((newest?.sequence ?? null) !== expected) return false;
    let beneath = newest?.sequence ?? null;
    if (newest?.version === version) beneath = newest.beneath;
    else if (cause === 'rollback' || cause === 'restored') {
      const target = cause === 'rollback' ? this.#beneath(newest) : this.#place((newest?.sequence ?? 0) - 1);
      if (target?.version !== version) return false;
      beneath = target.beneath;
    }
    const sequence = (newest?.sequence ?? 0) + 1;
    this.#statements.run(SQL.activate, sequence, version, cause, author, reason, atMs, beneath);
    return true;
  }

  /** @param before only versions below this number */
  list(before: number, limit: number): RulesetListReply<ListedRulesetRow> {
    const rows = this.#statements.all<ListedRulesetRow>(SQL.list, before, limit + 1);
    return pageOf(rows, limit, ({ number }) => number);
  }

  /** @param before only activations below this sequence number */
  activations(before: number, limit: number): RulesetListReply<ActivationRow> {
    const rows = this.#statements.all<ActivationRow>(SQL.activations, before, limit + 1);
    return pageOf(rows, limit, ({ sequence }) => sequence);
  }

  #place(sequence: number): Place | null {
    return this.#statements.one<Place>(SQL.place, sequence);
  }

  #beneath(place: Place | null): Place | null {
    return place?.beneath == null ? null : this.#place(place.beneath);
  }
}

/** The first `limit` of rows of which one more was asked for. */
function pageOf<Row>(
  found: readonly Row[],
  limit: number,
  numberOf: (row: Row) => number,
): RulesetListReply<Row> {
  const rows = found.slice(0, limit).map((row) => ({ ...row }));
  const last = rows.at(-1);
  return { rows, next: found.length > limit && last !== undefined ? numberOf(last) : null };
}
