import type { AttemptOutcome } from '../attempt.ts';

/** An attempt as results need it. */
export interface ExposedAttempt {
  /** Null while the request may be on its way, or nobody has reported it. */
  readonly outcome: AttemptOutcome['kind'] | null;
  /** Wall clock at which that came to be known; of one that is on its way, at which it began. */
  readonly atMs: number;
  readonly durationMs: number | null;
  /** Of an approval: its fees as expected when it was decided, basis points of the amount; null: not known. */
  readonly costBasisPoints: number | null;
}

/** One request about a unit that met an arm: an authorization, or a decision for a caller that sends itself. */
export interface ExposedRequest {
  readonly unit: string;
  /** The payment that it is about: merchant and reference. */
  readonly payment: string;
  readonly arm: string;
  /** Number of the phase, rising with its first exposure. */
  readonly phase: number;
  readonly propensity: number;
  /** The baseline has taken it from an arm that was stopped. */
  readonly redirected: boolean;
  /** Wall clock of its assignment. */
  readonly atMs: number;
  /** Minor units. */
  readonly amount: number;
  readonly currency: string;
  /** The account whose word its attempts are; null: they are our own. */
  readonly reportedBy: string | null;
  readonly attempts: readonly ExposedAttempt[];
}
