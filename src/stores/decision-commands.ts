import { attemptDurationMs, type OfferedAttempt } from '../core/caller-decision.ts';
import { invariant } from '../core/invariant.ts';
import type { DecisionOpening, DecisionStep, SchemeCheck } from '../gateway/ports.ts';
import { type ExposureValues, exposureValues } from './exposure-values.ts';
import type { SqlValues } from './sql-values.ts';
import { decisionData } from './stored-decision.ts';
import type { SchemeCommand } from './write-commands.ts';

// What travels to the database: plain values only, in the order of the statements.

export interface OpenDecisionCommand {
  /** Account, merchant, key; null: no key was given. */
  readonly claim: SqlValues | null;
  /**
   * Id, account, merchant, reference, key, fingerprint, amount, currency, created, expires, data, answer, whether it awaits
   * a report.
   */
  readonly decision: SqlValues;
  readonly attempt: SqlValues | null;
  readonly scheme: SchemeCommand | null;
  readonly exposures: readonly ExposureValues[];
  /** Wall clock. */
  readonly atMs: number;
}

export interface AdvanceDecisionCommand {
  readonly id: string;
  /** The version that the change is made on. */
  readonly version: number;
  /** Number, kind, outcome, reports, counts, blocked until, reason, known at, duration. */
  readonly reported: SqlValues;
  readonly attempt: SqlValues | null;
  readonly scheme: SchemeCommand | null;
}

/** @throws InvariantError for an opening that could never be right */
export function openDecisionCommand(opening: DecisionOpening): OpenDecisionCommand {
  const { claim, decision, scheme, answer } = opening;
  const { request, attempts } = decision;
  invariant((request.threeDs?.cavv ?? null) === null, 'a CAVV is never stored');
  invariant(decision.version === 1 && attempts.length <= 1, 'a decision begins at version 1');
  const [first = null] = attempts;
  invariant(first === null || first.reports.length === 0, 'nothing is reported before it is offered');
  invariant((first === null) === (scheme === null), 'the ceilings are asked for what is offered');
  return {
    claim: claim === null ? null : [claim.account, claim.merchant, claim.key],
    decision: [
      decision.id,
      decision.account,
      request.merchant,
      request.reference,
      claim?.key ?? null,
      opening.bodyFingerprint,
      request.amount.value,
      request.amount.currency,
      Math.floor(decision.createdAtMs),
      Math.ceil(decision.expiresAtMs),
      JSON.stringify(decisionData(decision)),
      answer.httpStatus,
      answer.body,
      first === null ? 0 : 1,
    ],
    attempt: first === null ? null : offerValues(first, scheme),
    scheme: scheme === null ? null : { ...scheme, ...amountOf(decision), leaving: [], stop: null },
    exposures: exposureValues(opening.exposures),
    atMs: Math.floor(decision.createdAtMs),
  };
}

/** @throws InvariantError for a step that could never be right */
export function advanceDecisionCommand(step: DecisionStep): AdvanceDecisionCommand {
  const { before, after, scheme, outcomeScheme } = step;
  const reported = before.attempts.at(-1);
  const settled = after.attempts[before.attempts.length - 1];
  invariant(reported !== undefined && settled !== undefined, 'a report is about the last attempt');
  invariant(settled.reports.length === reported.reports.length + 1, 'a step takes one report');
  invariant(settled.outcome !== null, 'a report has an outcome');
  const knownAt = settled.reports.at(-1)?.atMs ?? null;
  const offered = after.attempts[before.attempts.length] ?? null;
  invariant((offered === null) === (scheme === null), 'the ceilings are asked for what is offered');
  const { counts, blockedUntilMs, reason } = outcomeScheme;
  const blocked = blockedUntilMs === null ? null : Math.ceil(blockedUntilMs);
  const stop = blocked === null || reason === null ? null : { reason, retryAtMs: blocked };
  return {
    id: before.id,
    version: before.version,
    reported: [
      settled.number,
      settled.outcome.kind,
      JSON.stringify(settled.outcome),
      JSON.stringify(settled.reports),
      counts ? 1 : 0,
      blocked,
      blocked === null ? null : reason,
      knownAt === null ? null : Math.floor(knownAt),
      attemptDurationMs(after, settled),
    ],
    attempt: offered === null ? null : offerValues(offered, scheme),
    scheme:
      scheme === null
        ? null
        : { ...scheme, ...amountOf(after), leaving: counts ? [] : [settled.number], stop },
  };
}

function amountOf({ request }: DecisionStep['after']): {
  readonly amount: number;
  readonly currency: string;
} {
  return { amount: request.amount.value, currency: request.amount.currency };
}

/** Number, provider, propensity, offered at, card key, counts, cost, routing. */
function offerValues(attempt: OfferedAttempt, scheme: SchemeCheck | null): SqlValues {
  const { number, provider, propensity, offeredAtMs, costBasisPoints, routing } = attempt;
  const cardKey = scheme?.cardKey ?? null;
  return [
    number,
    provider,
    propensity,
    Math.floor(offeredAtMs),
    cardKey,
    cardKey === null ? 0 : 1,
    costBasisPoints,
    routing === null ? null : JSON.stringify(routing),
  ];
}
