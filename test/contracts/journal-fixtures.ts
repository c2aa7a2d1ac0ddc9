import type { Attempt, AttemptOutcome } from '../../src/core/attempt.ts';
import {
  type Authorization,
  type AuthorizationRequest,
  isAnswerable,
  newAuthorization,
} from '../../src/core/authorization.ts';
import type { RoutingDecision } from '../../src/core/decision.ts';
import type { Decline } from '../../src/core/declines/decline.ts';
import { applyOperationEnd, applyOutcome, type OperationEnd } from '../../src/core/lifecycle.ts';
import type { Operation } from '../../src/core/operation.ts';
import { settled } from '../../src/core/settlement.ts';
import type {
  ClaimScope,
  FrozenAnswer,
  Intent,
  Journal,
  Opening,
  SchemeCheck,
  Step,
} from '../../src/gateway/ports.ts';
import { sampleRequest } from '../support/sample-request.ts';

/** Wall clock at which the sample roads begin. */
export const T0 = Date.UTC(2026, 10, 23, 10);
export const LEASE_MS = 30_000;
export const VALIDITY_MS = 7 * 24 * 60 * 60_000;

export const ROUTING: RoutingDecision = {
  ruleset: 12,
  rule: 'eu-debit',
  strategy: 'score',
  experiment: null,
  propensity: 0.94,
  candidates: [],
  notes: ['BIN not in the table — marque inconnue'],
};

export const DECLINE: Decline = {
  category: 'soft_decline_issuer',
  code: 'do_not_honor',
  networkCode: '05',
  advice: null,
  retryNotBefore: null,
  otherProvider: 'yes_once',
  mayHideApproval: false,
};

/** One outcome of each kind, and of each meaning that a kind may have. */
export const OUTCOMES = {
  approved: {
    kind: 'approved',
    providerReference: 'psp_a',
    networkTransaction: { id: 'n1', network: 'visa', date: '2026-11-23' },
  },
  partialReversed: {
    kind: 'partially_approved',
    providerReference: 'psp_p',
    authorizedAmount: 1000,
    networkTransaction: null,
    reversal: 'confirmed',
  },
  partialStanding: {
    kind: 'partially_approved',
    providerReference: 'psp_p',
    authorizedAmount: 1000,
    networkTransaction: null,
    reversal: 'none',
  },
  declined: { kind: 'declined', decline: DECLINE, providerReference: 'psp_d' },
  declinedHiding: {
    kind: 'declined',
    decline: { ...DECLINE, mayHideApproval: true },
    providerReference: 'psp_d',
  },
  authentication: { kind: 'authentication_required', code: 'sca', providerReference: null },
  pending: { kind: 'pending', code: null, providerReference: 'psp_w' },
  rejected: {
    kind: 'rejected',
    reason: 'transient',
    code: '503',
    retryAfterMs: null,
    providerReference: null,
  },
  notSent: { kind: 'not_sent', code: 'ECONNREFUSED' },
  unknown: { kind: 'unknown', code: 'timeout', providerReference: null },
} as const satisfies Record<string, AttemptOutcome>;
export type OutcomeName = keyof typeof OUTCOMES;
export const OUTCOME_NAMES = Object.keys(OUTCOMES) as readonly OutcomeName[];

/** After these, and no others, another attempt may be intended at once. */
export const NEGATIVE: readonly OutcomeName[] = ['partialReversed', 'declined', 'rejected', 'notSent'];

export function sampleIntent(authorizationId: string, number: number, over: Partial<Intent> = {}): Intent {
  const attemptId = `att_${authorizationId.slice('auth_'.length)}_${number}`;
  return {
    attemptId,
    number,
    provider: `sandbox-${'abc'.charAt(number - 1)}`,
    providerKey: attemptId,
    fingerprint: 'ab'.repeat(32),
    propensity: 0.94,
    startedAtMs: T0,
    deadlineAtMs: T0 + 8_000,
    owner: 'pod-1',
    ...over,
  };
}

function attemptOf(intent: Intent): Attempt {
  return {
    id: intent.attemptId,
    number: intent.number,
    provider: intent.provider,
    providerKey: intent.providerKey,
    preparedReference: null,
    outcome: null,
    propensity: intent.propensity,
    durationMs: null,
    startedAtMs: intent.startedAtMs,
    deadlineAtMs: intent.deadlineAtMs,
  };
}

export interface OpeningOver {
  readonly account?: string;
  readonly key?: string;
  readonly atMs?: number;
  readonly leaseUntilMs?: number;
  readonly request?: Partial<AuthorizationRequest>;
  readonly intent?: Partial<Intent>;
  readonly scheme?: SchemeCheck | null;
  readonly authorization?: Partial<Authorization>;
}

/** An opening whose key and reference follow from the id (`auth_…`), unless told otherwise. */
export function sampleOpening(id: string, over: OpeningOver = {}): Opening {
  const request = sampleRequest({ reference: `order-${id}`, ...over.request });
  const account = over.account ?? 'acme';
  const intent = sampleIntent(id, 1, over.intent);
  return {
    claim: sampleScope(id, { account, merchant: request.merchant, ...(over.key && { key: over.key }) }),
    bodyFingerprint: 'cd'.repeat(32),
    authorization: {
      ...newAuthorization({
        id,
        account,
        live: false,
        request,
        brand: 'visa',
        scaRegion: true,
        latePolicy: { reverseAfterMs: 60_000 },
        routing: ROUTING,
        traceId: '0af7651916cd43dd8448eb211c80319c',
        createdAtMs: over.atMs ?? T0,
      }),
      version: 1,
      attempts: [attemptOf(intent)],
      ...over.authorization,
    },
    intent,
    scheme: over.scheme ?? null,
    leaseUntilMs: over.leaseUntilMs ?? T0 + LEASE_MS,
    frozen: null,
  };
}

/** An opening that a scheme's ceiling refused: nothing is sent, and it is over at once. */
export function refusedOpening(id: string, over: OpeningOver = {}): Opening {
  const decline: Decline = { ...DECLINE, category: 'scheme_blocked', code: 'visa_30_days' };
  const refused = { attempts: [], open: false, status: 'declined', decline, answered: true } as const;
  const opening = sampleOpening(id, { ...over, authorization: refused });
  return { ...opening, intent: null, frozen: { httpStatus: 201, body: `{"id":"${id}"}` } };
}

export function sampleScope(id: string, over: Partial<ClaimScope> = {}): ClaimScope {
  return { account: 'acme', merchant: 'acme-eu', operation: 'authorize', key: `key-${id}`, ...over };
}

export type StepOver = Partial<Omit<Step, 'before' | 'after' | 'event'>> & {
  readonly event?: Partial<Step['event']>;
};

/** A change from one state to another, with nothing beside it unless told otherwise. */
export function sampleStep(before: Authorization, after: Authorization, over: StepOver = {}): Step {
  const { event, ...rest } = over;
  return {
    before,
    after,
    intent: null,
    scheme: null,
    leaseUntilMs: null,
    outcomeScheme: new Map(),
    claim: null,
    frozen: null,
    operationAnswers: new Map(),
    work: 'unchanged',
    ...rest,
    event: { kind: 'changed', actor: 'gateway', atMs: T0 + 100, data: { reason: 'a test' }, ...event },
  };
}

/** The id that a provider with two steps has for the last attempt. */
export function samplePrepared(before: Authorization, reference: string, over: StepOver = {}): Step {
  const last = before.attempts.length;
  const attempts = before.attempts.map((attempt) =>
    attempt.number === last ? { ...attempt, preparedReference: reference } : attempt,
  );
  return sampleStep(before, { ...before, attempts }, { ...over, event: { kind: 'prepared', ...over.event } });
}

/** The outcome of the last attempt, and the intent of the next one. */
export function sampleFailOver(
  before: Authorization,
  outcome: AttemptOutcome = OUTCOMES.notSent,
  over: StepOver = {},
): Step {
  const number = before.attempts.length + 1;
  const intent = over.intent ?? sampleIntent(before.id, number);
  const known = withOutcome(before, before.attempts.length, outcome, T0 + 10, 2.5);
  const after = settled({ ...known, attempts: [...known.attempts, attemptOf(intent)] });
  return sampleStep(before, after, {
    leaseUntilMs: T0 + LEASE_MS,
    ...over,
    intent,
    event: { kind: 'failed_over', atMs: T0 + 10, ...over.event },
  });
}

/** The end of a road with the outcome of its last attempt; null when all outcomes are recorded. */
export function sampleConclusion(
  before: Authorization,
  outcome: AttemptOutcome | null = OUTCOMES.approved,
  over: StepOver = {},
): Step {
  const known =
    outcome === null ? before : withOutcome(before, before.attempts.length, outcome, T0 + 100, 84.25);
  const after = settled({ ...known, open: false });
  return frozenWhenSettled(
    sampleStep(before, after, { ...over, event: { kind: 'concluded', ...over.event } }),
  );
}

/** The same step with the answer that it settles. */
function frozenWhenSettled(step: Step): Step {
  const { before, after } = step;
  if (before.answered || after.open || !isAnswerable(after.status)) return step;
  return { ...step, after: { ...after, answered: true }, frozen: step.frozen ?? answerOf(after) };
}

export function answerOf({ id, status }: Authorization): FrozenAnswer {
  return { httpStatus: 201, body: `{"id":"${id}","status":"${status}","é":"✓"}` };
}

/** What was found out beside the road about one of the attempts. */
export function sampleFinding(
  before: Authorization,
  number: number,
  outcome: AttemptOutcome,
  over: StepOver = {},
): Step {
  const atMs = over.event?.atMs ?? T0 + 200;
  const after = withOutcome(before, number, outcome, atMs, null);
  return frozenWhenSettled(
    sampleStep(before, after, {
      ...over,
      event: { kind: 'resolved', actor: 'resolver', ...over.event, atMs },
    }),
  );
}

/** How one of the operations ended. */
export function sampleEnd(
  before: Authorization,
  number: number,
  end: Partial<OperationEnd> = {},
  over: StepOver = {},
): Step {
  const whole: OperationEnd = { status: 'succeeded', code: null, providerReference: 'psp_o', ...end };
  const atMs = over.event?.atMs ?? T0 + 300;
  const change = applyOperationEnd(before, number, whole, { nowMs: atMs });
  return frozenWhenSettled(
    sampleStep(before, change.authorization, {
      ...over,
      event: { kind: 'operation_ended', ...over.event, atMs },
    }),
  );
}

/** One more operation, whether it is wise or not. */
export function sampleBegin(before: Authorization, over: Partial<Operation> = {}, step: StepOver = {}): Step {
  const number = before.operations.length + 1;
  const operation: Operation = {
    id: `op_${before.id}_${number}`,
    number,
    kind: 'capture',
    purpose: 'requested',
    attemptNumber: before.attempts.length,
    target: null,
    amount: 4999,
    final: false,
    status: 'pending',
    code: null,
    providerKey: `${before.id}_o${number}`,
    providerReference: null,
    createdAtMs: T0 + 250,
    settledAtMs: null,
    ...over,
  };
  const after = settled({ ...before, operations: [...before.operations, operation] });
  return sampleStep(before, after, {
    ...step,
    event: { kind: 'operation_begun', actor: 'acme', atMs: T0 + 250, ...step.event },
  });
}

export function withOutcome(
  before: Authorization,
  number: number,
  outcome: AttemptOutcome,
  nowMs: number,
  durationMs: number | null,
): Authorization {
  return applyOutcome(before, number, outcome, { nowMs, validityMs: VALIDITY_MS, durationMs }).authorization;
}

/** Writes a step that must be written, and returns the authorization as it then is. */
export async function written(journal: Journal, step: Step): Promise<Authorization> {
  const result = await journal.advance(step);
  if (result.kind !== 'written') throw new Error(`${step.event.kind} was not written: ${result.kind}`);
  return { ...step.after, version: result.version };
}

/** Opens an authorization that must be opened, and returns it. */
export async function opened(journal: Journal, id: string, over: OpeningOver = {}): Promise<Authorization> {
  const opening = sampleOpening(id, over);
  const result = await journal.open(opening);
  if (result.kind !== 'opened') throw new Error(`${id} was not opened: ${result.kind}`);
  return opening.authorization;
}

/** Opens an authorization and ends its road with an outcome. */
export async function concluded(
  journal: Journal,
  id: string,
  outcome: AttemptOutcome = OUTCOMES.approved,
  over: OpeningOver & { readonly step?: StepOver } = {},
): Promise<Authorization> {
  const { step, ...opening } = over;
  return written(journal, sampleConclusion(await opened(journal, id, opening), outcome, step));
}
