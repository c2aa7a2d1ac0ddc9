import type { SqlValues } from '../sql-values.ts';
import type { Report } from './finding.ts';

/** Below every number of a seal, a ruleset or a row beside the authorizations: four bytes are all that some have. */
export const BEFORE_ALL = -(2 ** 31);

/** A look at what only the engine knows: its file, or its schema. */
export interface EngineCheck {
  readonly where: string;
  /** @throws JournalError for what is no journal of this version, which this one cannot judge */
  check(report: Report): Promise<void>;
}

/** A part that cannot be read to its end. */
export interface UnreadablePart {
  /** Why, in words. */
  readonly unreadable: string;
}

/** One view of a journal, that of one moment, in which its rows are read, whatever the engine. */
export interface JournalView {
  /** Whether events, rulesets and overrides are numbered without gaps. Postgres spends a number on what it rolls back too. */
  readonly isGapless: boolean;
  readonly checks: readonly EngineCheck[];
  /**
   * All rows. Whoever reads much asks for a page at a time.
   * @param sql that every engine understands; parameters are `?1`, `?2`, …
   * @throws errors of the engine
   */
  all<Row>(sql: string, ...values: SqlValues): Promise<readonly Row[]>;
  /**
   * Does a part of the work; the view is good for others afterwards, whatever became of it.
   * @returns that it cannot be read, where damage or a foreign hand is why
   * @throws all other errors
   */
  guarded<Result>(work: () => Promise<Result>): Promise<Result | UnreadablePart>;
}
