import type { AttemptOutcome } from '../core/attempt.ts';
import type { CallerDecision, OfferedAttempt, TakenReport } from '../core/caller-decision.ts';
import type { RoutingDecision } from '../core/decision.ts';

/** What is kept of a decision as JSON: what has no column of its own. */
export type DecisionData = Pick<
  CallerDecision,
  | 'request'
  | 'carriesCavv'
  | 'brand'
  | 'scaRegion'
  | 'ruleset'
  | 'rule'
  | 'experiment'
  | 'attemptsMax'
  | 'threeDsReuse'
  | 'traceId'
>;

/** A decision as its columns hold it. */
export interface DecisionRow {
  readonly sequence: number;
  readonly id: string;
  readonly account: string;
  readonly version: number;
  readonly created_at_ms: number;
  readonly expires_at_ms: number;
  readonly data: string;
}

export interface DecisionAttemptRow {
  readonly number: number;
  readonly provider: string;
  readonly propensity: number;
  readonly offered_at_ms: number;
  readonly cost_bps: number | null;
  readonly routing: string | null;
  readonly outcome: string | null;
  readonly reports: string;
}

export interface FoundDecision {
  readonly row: DecisionRow;
  readonly attempts: readonly DecisionAttemptRow[];
}

export function decisionData(decision: CallerDecision): DecisionData {
  const { request, carriesCavv, brand, scaRegion, ruleset, rule, experiment } = decision;
  const { attemptsMax, threeDsReuse, traceId } = decision;
  return {
    request,
    carriesCavv,
    brand,
    scaRegion,
    ruleset,
    rule,
    experiment,
    attemptsMax,
    threeDsReuse,
    traceId,
  };
}

/** What the first version of the journal did not keep. */
const FIRST_DATA = { experiment: null } as const;
const FIRST_REPORT = { latencyMs: null, atMs: null } as const;

export function decisionFrom({ row, attempts }: FoundDecision): CallerDecision {
  return {
    id: row.id,
    account: row.account,
    version: row.version,
    ...FIRST_DATA,
    ...(JSON.parse(row.data) as DecisionData),
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
    attempts: attempts.map(attemptFrom),
  };
}

function attemptFrom(row: DecisionAttemptRow): OfferedAttempt {
  return {
    number: row.number,
    provider: row.provider,
    propensity: row.propensity,
    offeredAtMs: row.offered_at_ms,
    costBasisPoints: row.cost_bps,
    routing: row.routing === null ? null : (JSON.parse(row.routing) as RoutingDecision),
    reports: (JSON.parse(row.reports) as readonly TakenReport[]).map((report) => ({
      ...FIRST_REPORT,
      ...report,
    })),
    outcome: row.outcome === null ? null : (JSON.parse(row.outcome) as AttemptOutcome),
  };
}
