import type { ExposedAttempt, ExposedRequest } from '../core/experiments/exposed.ts';
import type { ArmState, BanditShares, ExposureCursor } from '../gateway/ports.ts';
import type { ExposureReply } from './journal-rows.ts';

/** An exposure beside one attempt of whom it is about, as a database finds them. */
export interface ExposureRow {
  readonly source: ExposureCursor[1];
  readonly sequence: number;
  readonly unit: string;
  readonly arm: string;
  readonly phase: number;
  readonly propensity: number;
  readonly redirected_from: string | null;
  readonly at_ms: number;
  /** Whose word a decision's attempts are; null for an authorization. */
  readonly account: string | null;
  readonly merchant: string;
  readonly reference: string;
  readonly amount: number;
  readonly currency: string;
  /** Null where there is no attempt. */
  readonly attempt: number | null;
  readonly outcome_kind: ExposedAttempt['outcome'];
  readonly outcome_at_ms: number | null;
  readonly started_at_ms: number;
  readonly duration_ms: number | null;
  readonly cost: number | null;
}

interface Found {
  readonly exposed: ExposedRequest & { readonly attempts: ExposedAttempt[] };
  readonly cursor: ExposureCursor;
}

/** Where a page of exposures begins among those of authorizations, and among those of decisions: after unit and sequence. */
export interface ExposureStart {
  readonly unit: string;
  readonly authorization: number;
  readonly decision: number;
}

/** @param after where the page before ended; null: from the beginning */
export function exposureStart(after: ExposureCursor | null): ExposureStart {
  const [unit, source, sequence] = after ?? ['', 'authorization', 0];
  // Of a unit, its authorizations come before its decisions.
  return source === 'authorization'
    ? { unit, authorization: sequence, decision: Number.MIN_SAFE_INTEGER }
    : { unit, authorization: Number.MAX_SAFE_INTEGER, decision: sequence };
}

/**
 * A page out of the first exposures of both kinds.
 * @param authorized rows of at most `limit` exposures of authorizations, by unit (in the order of its bytes), sequence and
 *   attempt
 * @param decided the same of decisions
 */
export function exposureReply(
  authorized: readonly ExposureRow[],
  decided: readonly ExposureRow[],
  limit: number,
): ExposureReply {
  const page = merged(gathered(authorized), gathered(decided)).slice(0, limit);
  const isLast = page.length < limit;
  return { found: page.map(({ exposed }) => exposed), next: isLast ? null : (page.at(-1)?.cursor ?? null) };
}

function gathered(rows: readonly ExposureRow[]): readonly Found[] {
  const found: Found[] = [];
  for (const row of rows) {
    const last = found.at(-1)?.cursor;
    if (last?.[2] !== row.sequence || last[0] !== row.unit) {
      found.push({ exposed: exposedFrom(row), cursor: [row.unit, row.source, row.sequence] });
    }
    if (row.attempt !== null) found.at(-1)?.exposed.attempts.push(attemptFrom(row));
  }
  return found;
}

/** Both as one, in the order of units; of a unit its authorizations first. */
function merged(authorized: readonly Found[], decided: readonly Found[]): readonly Found[] {
  if (authorized.length === 0 || decided.length === 0) return authorized.length === 0 ? decided : authorized;
  // As the databases compare them.
  const bytes = (found: Found) => Buffer.from(found.cursor[0]);
  const keyed = [...authorized, ...decided].map((found) => ({ found, unit: bytes(found) }));
  return keyed.sort((one, other) => Buffer.compare(one.unit, other.unit)).map(({ found }) => found);
}

function exposedFrom(row: ExposureRow): ExposedRequest & { readonly attempts: ExposedAttempt[] } {
  return {
    unit: row.unit,
    payment: `${row.merchant} ${row.reference}`,
    arm: row.arm,
    phase: row.phase,
    propensity: row.propensity,
    redirected: row.redirected_from !== null,
    atMs: row.at_ms,
    amount: row.amount,
    currency: row.currency,
    reportedBy: row.account,
    attempts: [],
  };
}

function attemptFrom(row: ExposureRow): ExposedAttempt {
  return {
    outcome: row.outcome_kind,
    atMs: row.outcome_at_ms ?? row.started_at_ms + (row.duration_ms ?? 0),
    durationMs: row.duration_ms,
    costBasisPoints: row.cost,
  };
}

/** A state of an arm as its columns hold it. */
export interface ArmStateRow extends Omit<ArmState, 'account'> {
  readonly account: string | null;
}

export function armStateFrom(row: ArmStateRow): ArmState {
  const { experiment, arm, state, reason, author, createdAtMs, account } = row;
  return { experiment, arm, state, reason, author, createdAtMs, ...(account !== null && { account }) };
}

/** What a bandit divides by, as its columns hold it. */
export interface ShareRow {
  readonly experiment: string;
  readonly arms: string;
  /** JSON. */
  readonly shares: string;
  readonly at_ms: number;
}

export function sharesFrom({ experiment, arms, shares, at_ms: atMs }: ShareRow): BanditShares {
  return { experiment, arms, shares: JSON.parse(shares) as readonly number[], atMs };
}
