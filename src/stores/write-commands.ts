import { hash } from 'node:crypto';
import type { Attempt } from '../core/attempt.ts';
import { type Authorization, HOLDS_PAYMENT, isAnswerable } from '../core/authorization.ts';
import { invariant } from '../core/invariant.ts';
import type { Operation } from '../core/operation.ts';
import { isNegative, isUndone } from '../core/settlement.ts';
import type {
  ClaimScope,
  ExclusiveReference,
  FrozenAnswer,
  Intent,
  Opening,
  OutcomeScheme,
  SchemeCheck,
  SchemeStop,
  Step,
  WorkPlan,
} from '../gateway/ports.ts';
import { type ExposureValues, exposureValues } from './exposure-values.ts';
import type { SqlValue, SqlValues } from './sql-values.ts';
import type { OpenedData } from './stored-authorization.ts';
import {
  type Changes,
  changesBetween,
  type Differences,
  differencesBetween,
  firstChanges,
  storableExpiry,
} from './stored-changes.ts';
import { storedOutcome } from './stored-outcome.ts';

// What travels to the database: plain values only, in the order of the statements.

export interface OpenCommand {
  readonly id: string;
  /** Account, merchant, operation, key. */
  readonly claim: SqlValues;
  readonly bodyFingerprint: string;
  readonly merchant: string;
  readonly reference: string;
  readonly holdsPayment: boolean;
  /** Status, unsettled, open, answered, account, live, amount, currency, provider, decline, lease, trace id. */
  readonly state: SqlValues;
  readonly attempt: SqlValues | null;
  readonly scheme: SchemeCommand | null;
  readonly exposures: readonly ExposureValues[];
  readonly event: EventValues;
}

export interface AdvanceCommand {
  readonly id: string;
  /** The version that the change is made on. */
  readonly version: number;
  readonly claim: {
    readonly scope: SqlValues;
    readonly bodyFingerprint: string;
    readonly operationNumber: number;
  } | null;
  readonly scheme: SchemeCommand | null;
  /** Provider, reference and attempt. */
  readonly exclusive: readonly [string, string, string] | null;
  /** Number, kind, JSON, negative, provider reference, duration; then counts, blocked until and reason if known. */
  readonly outcomes: readonly SqlValues[];
  /** Number and what the provider has prepared for it. */
  readonly prepared: readonly SqlValues[];
  /** Attempts that a void has undone. */
  readonly undone: readonly number[];
  /** Number, status, code, provider reference, settled at, answer status, answer body. */
  readonly operated: readonly SqlValues[];
  readonly begun: readonly SqlValues[];
  readonly attempt: SqlValues | null;
  readonly event: EventValues;
  /** Columns of the authorization that change, and their values. */
  readonly columns: readonly string[];
  readonly values: SqlValues;
  /** Due at, step, failures, owner, lease until, keep; `null` ends the work. */
  readonly work: WorkValues | 'unchanged' | null;
}

/** At, actor, kind, data, answer status, answer body. */
export type EventValues = readonly [number, string, string, string, number | null, string | null];

/** Due at, step, failures, owner, lease until; then whether a lease that is there is kept (1). */
export type WorkValues = readonly [number | null, number, number, string | null, number | null, 0 | 1];

export interface SchemeCommand extends SchemeCheck {
  readonly amount: number;
  readonly currency: string;
  /** Attempts of the same authorization that stop counting with this change. */
  readonly leaving: readonly number[];
  /** What the outcomes of this very change forbid. */
  readonly stop: SchemeStop | null;
}

/** @throws InvariantError for an opening that could never be right */
export function openCommand(opening: Opening): OpenCommand {
  const { authorization, intent, frozen } = opening;
  const { request } = authorization;
  checkOpening(opening);
  return {
    id: authorization.id,
    claim: scopeValues(opening.claim),
    bodyFingerprint: opening.bodyFingerprint,
    merchant: request.merchant,
    reference: request.reference,
    holdsPayment: HOLDS_PAYMENT[authorization.status],
    state: [
      authorization.status,
      isUnsettledRow(authorization),
      authorization.open ? 1 : 0,
      authorization.answered ? 1 : 0,
      authorization.account,
      authorization.live ? 1 : 0,
      request.amount.value,
      request.amount.currency,
      authorization.provider,
      jsonOrNull(authorization.decline),
      intent === null ? null : Math.ceil(opening.leaseUntilMs),
      authorization.traceId,
    ],
    attempt: intent === null ? null : intentValues(intent, opening.scheme),
    scheme: opening.scheme === null ? null : schemeCommand(opening.scheme, authorization, new Map()),
    exposures: exposureValues(opening.exposures ?? []),
    event: [
      Math.floor(authorization.createdAtMs),
      'gateway',
      'opened',
      JSON.stringify(openedData(authorization)),
      frozen?.httpStatus ?? null,
      frozen?.body ?? null,
    ],
  };
}

function checkOpening({ authorization, intent, frozen }: Opening): void {
  const { attempts, operations, open, status, version } = authorization;
  invariant((authorization.request.threeDs?.cavv ?? null) === null, 'a CAVV is never stored');
  invariant(version === 1 && operations.length === 0, 'an authorization begins at version 1');
  if (intent === null) {
    invariant(attempts.length === 0 && !open && isAnswerable(status), 'without an intent all is over');
  } else {
    invariant(intent.number === 1, 'an authorization is opened with its first attempt');
    invariant(attempts.length === 1 && open && frozen === null, 'with an intent its road is open');
    checkIntent(intent, attempts[0] as Attempt);
  }
  invariant(authorization.answered === (frozen !== null), 'answered is what has a frozen answer');
}

function checkIntent(intent: Intent, attempt: Attempt): void {
  invariant(attempt.id === intent.attemptId, 'an intent is about the attempt that is added');
  invariant(attempt.number === intent.number, 'an intent has the number of its attempt');
  invariant(attempt.outcome === null, 'an attempt begins without an outcome');
  invariant(attempt.preparedReference === null, 'nothing is prepared before the intent');
}

function openedData(authorization: Authorization): OpenedData {
  const { account, live, traceId, request, brand, scaRegion, latePolicy, routing } = authorization;
  const changes = firstChanges(authorization);
  return { account, live, traceId, request, brand, scaRegion, latePolicy, routing, changes };
}

/** @throws InvariantError for a step that could never be right */
export function advanceCommand(step: Step): AdvanceCommand {
  const { before, after, intent, scheme, outcomeScheme, event, frozen } = step;
  const differences = differencesBetween(before, after);
  checkStep(step, differences);
  const [columns, values] = changedColumns(before, after, step.leaseUntilMs);
  const changes = changesBetween(before, after, differences);
  return {
    id: before.id,
    version: before.version,
    claim: claimCommand(step, differences),
    scheme: scheme === null ? null : schemeCommand(scheme, after, outcomeScheme),
    exclusive: exclusiveValues(step.exclusive ?? null),
    outcomes: differences.settled.map((attempt) => outcomeValues(attempt, outcomeScheme)),
    prepared: differences.prepared.map(({ number, preparedReference }) => [number, preparedReference]),
    undone: undoneBy(differences, before, after),
    operated: differences.operated.map((operation) => operatedValues(operation, step.operationAnswers)),
    begun: differences.begun.map((operation) => begunValues(operation, step.operationAnswers)),
    attempt: intent === null ? null : intentValues(intent, scheme),
    event: [
      Math.floor(event.atMs),
      event.actor,
      event.kind,
      JSON.stringify({ ...event.data, changes: withAnswers(changes, step.operationAnswers) }),
      frozen?.httpStatus ?? null,
      frozen?.body ?? null,
    ],
    columns,
    values,
    work: workValues(step.work),
  };
}

function checkStep(step: Step, { attempt, begun }: Differences): void {
  const { before, after, intent, frozen, claim } = step;
  invariant((attempt === null) === (intent === null), 'an attempt is added with its intent');
  if (intent !== null && attempt !== null) checkIntent(intent, attempt);
  invariant(step.scheme === null || intent !== null, 'ceilings are checked for an intent');
  invariant(claim === null || begun.length === 1, 'a key begins one operation');
  invariant(
    frozen === null || isAnswerable(after.status),
    'an answer is frozen only when nothing is still being found out',
  );
  invariant(after.answered === (before.answered || frozen !== null), 'answered is what has a frozen answer');
  invariant(!before.answered || frozen === null, 'an answer is frozen once');
  invariant(!('changes' in step.event.data), 'the journal itself tells what changed');
}

function exclusiveValues(exclusive: ExclusiveReference | null): AdvanceCommand['exclusive'] {
  return exclusive === null ? null : [exclusive.provider, exclusive.reference, exclusive.attemptId];
}

function claimCommand({ claim }: Step, { begun }: Differences): AdvanceCommand['claim'] {
  if (claim === null) return null;
  return {
    scope: scopeValues(claim.scope),
    bodyFingerprint: claim.bodyFingerprint,
    operationNumber: begun[0]?.number ?? 0,
  };
}

function schemeCommand(
  check: SchemeCheck,
  { request }: Authorization,
  outcomes: ReadonlyMap<number, OutcomeScheme>,
): SchemeCommand {
  const leaving: number[] = [];
  let stop: SchemeStop | null = null;
  for (const [number, { counts, blockedUntilMs, reason }] of outcomes) {
    if (!counts) leaving.push(number);
    if (blockedUntilMs !== null && blockedUntilMs > Math.max(check.nowMs, stop?.retryAtMs ?? 0)) {
      stop = { reason: reason ?? 'blocked', retryAtMs: blockedUntilMs };
    }
  }
  return { ...check, amount: request.amount.value, currency: request.amount.currency, leaving, stop };
}

/** Attempts that stood for money until an operation of this change has undone them. */
function undoneBy({ operated, begun }: Differences, before: Authorization, after: Authorization): number[] {
  const undone: number[] = [];
  if (operated.length === 0 && begun.length === 0) return undone;
  for (const attempt of after.attempts) {
    const known = before.attempts[attempt.number - 1];
    const wasNegative = known !== undefined && isNegative(before, known);
    if (!wasNegative && isNegative(after, attempt) && isUndone(after, attempt)) undone.push(attempt.number);
  }
  return undone;
}

/** Wall clocks are stored in whole milliseconds; a lease and a deadline never end earlier by that. */
function intentValues(intent: Intent, scheme: SchemeCheck | null): SqlValues {
  return [
    intent.number,
    intent.attemptId,
    intent.provider,
    intent.providerKey,
    intent.fingerprint,
    intent.propensity,
    Math.floor(intent.startedAtMs),
    Math.ceil(intent.deadlineAtMs),
    intent.owner,
    scheme === null ? null : scheme.cardKey,
    scheme === null ? 0 : 1,
  ];
}

function outcomeValues(attempt: Attempt, schemes: ReadonlyMap<number, OutcomeScheme>): SqlValues {
  const { outcome, number, durationMs } = attempt;
  invariant(outcome !== null, 'an outcome that was told is never taken back');
  const { kind, json, negative, providerReference } = storedOutcome(outcome);
  const values = [number, kind, json, negative ? 1 : 0, providerReference, durationMs];
  const scheme = schemes.get(number);
  if (scheme === undefined) return values;
  const { counts, blockedUntilMs, reason } = scheme;
  if (blockedUntilMs === null) return [...values, counts ? 1 : 0, null, null];
  return [...values, counts ? 1 : 0, Math.ceil(blockedUntilMs), reason ?? 'blocked'];
}

function operatedValues(operation: Operation, answers: ReadonlyMap<number, FrozenAnswer>): SqlValues {
  const { number, status, code, providerReference, settledAtMs } = operation;
  const answer = answers.get(number);
  return [
    number,
    status,
    code,
    providerReference,
    settledAtMs,
    answer?.httpStatus ?? null,
    answer?.body ?? null,
  ];
}

function begunValues(operation: Operation, answers: ReadonlyMap<number, FrozenAnswer>): SqlValues {
  const { id, kind, purpose, attemptNumber, target, amount, final, providerKey, createdAtMs } = operation;
  const state = operatedValues(operation, answers);
  const intent = [id, kind, purpose, attemptNumber, target, amount, final ? 1 : 0, providerKey, createdAtMs];
  return [...state, ...intent];
}

function withAnswers(changes: Changes, answers: ReadonlyMap<number, FrozenAnswer>): Changes {
  if (answers.size === 0) return changes;
  const hashes: Record<string, string> = {};
  for (const [number, answer] of answers) hashes[number] = answerHash(answer);
  return { ...changes, operationAnswers: hashes };
}

/** What the history keeps of an answer that stands elsewhere. */
export function answerHash({ httpStatus, body }: FrozenAnswer): string {
  return hash('sha256', `${httpStatus}\n${body}`, 'hex');
}

/** Columns whose value differs. What is not named is not rewritten, nor are the indexes over it. */
function changedColumns(
  before: Authorization,
  after: Authorization,
  leaseUntilMs: number | null,
): readonly [columns: readonly string[], values: SqlValues] {
  const columns: string[] = [];
  const values: SqlValue[] = [];
  const put = (column: string, from: SqlValue, to: SqlValue) => {
    if (from === to) return;
    columns.push(column);
    values.push(to);
  };
  put('open', before.open ? 1 : 0, after.open ? 1 : 0);
  put('status', before.status, after.status);
  put('unsettled', isUnsettledRow(before), isUnsettledRow(after));
  put('holds_payment', HOLDS_PAYMENT[before.status] ? 1 : 0, HOLDS_PAYMENT[after.status] ? 1 : 0);
  put('authorized_amount', before.authorizedAmount, after.authorizedAmount);
  put('captured_amount', before.capturedAmount, after.capturedAmount);
  put('refunded_amount', before.refundedAmount, after.refundedAmount);
  put('provider', before.provider, after.provider);
  put('provider_reference', before.providerReference, after.providerReference);
  if (before.networkTransaction !== after.networkTransaction) {
    put('network_transaction', jsonOrNull(before.networkTransaction), jsonOrNull(after.networkTransaction));
  }
  if (before.decline !== after.decline) put('decline', jsonOrNull(before.decline), jsonOrNull(after.decline));
  put('capture_closed', before.captureClosed ? 1 : 0, after.captureClosed ? 1 : 0);
  put('expires_at_ms', storableExpiry(before), storableExpiry(after));
  put('answered', before.answered ? 1 : 0, after.answered ? 1 : 0);
  if (leaseUntilMs !== null && after.open) put('lease_until_ms', null, Math.ceil(leaseUntilMs));
  return [columns, values];
}

/** Whether recovery or the resolver may have to look at it: its road is open, or its state says so. */
function isUnsettledRow({ open, status }: Authorization): 0 | 1 {
  return open || !isAnswerable(status) ? 1 : 0;
}

export function workValues(plan: Step['work']): AdvanceCommand['work'] {
  if (plan === null || plan === 'unchanged') return plan;
  return planValues(plan);
}

export function planValues({ dueAtMs, step, failures, lease }: WorkPlan): WorkValues {
  const due = dueAtMs === null ? null : Math.ceil(dueAtMs);
  if (lease === null || lease === 'keep') return [due, step, failures, null, null, lease === null ? 0 : 1];
  return [due, step, failures, lease.owner, Math.ceil(lease.untilMs), 0];
}

export function scopeValues(scope: ClaimScope): SqlValues {
  return [scope.account, scope.merchant, scope.operation, scope.key];
}

function jsonOrNull(value: object | null): string | null {
  return value === null ? null : JSON.stringify(value);
}
