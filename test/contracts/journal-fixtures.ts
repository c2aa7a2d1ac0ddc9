import type { AttemptOutcome } from '../../src/core/attempt.ts';
import type { AuthorizationRequest, AuthorizationStatus } from '../../src/core/authorization.ts';
import type { RoutingDecision } from '../../src/core/decision.ts';
import type { Decline } from '../../src/core/declines/decline.ts';
import type { Conclusion, FailOverStep, Intent, Opening } from '../../src/gateway/ports.ts';
import { sampleRequest } from '../support/sample-request.ts';

/** Wall clock at which the sample roads begin. */
export const T0 = Date.UTC(2026, 10, 23, 10);
export const LEASE_MS = 30_000;

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
  approved: { kind: 'approved', providerReference: 'psp_a', networkTransaction: null },
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
    reversal: 'unconfirmed',
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

/** After these, and no others, another attempt may be intended. */
export const NEGATIVE: readonly OutcomeName[] = ['partialReversed', 'declined', 'rejected', 'notSent'];

export function sampleIntent(authorizationId: string, number: number, over: Partial<Intent> = {}): Intent {
  const attemptId = `att_${authorizationId}_${number}`;
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
    leaseUntilMs: T0 + LEASE_MS,
    ...over,
  };
}

export interface OpeningOver {
  readonly account?: string;
  readonly key?: string;
  readonly atMs?: number;
  readonly request?: Partial<AuthorizationRequest>;
  readonly intent?: Partial<Intent>;
}

/** An opening whose key and reference follow from the id, unless told otherwise. */
export function sampleOpening(id: string, over: OpeningOver = {}): Opening {
  const request = sampleRequest({ reference: `order-${id}`, ...over.request });
  return {
    claim: {
      account: over.account ?? 'acme',
      merchant: request.merchant,
      operation: 'authorize',
      key: over.key ?? `key-${id}`,
    },
    bodyFingerprint: 'cd'.repeat(32),
    authorizationId: id,
    request,
    live: false,
    routing: ROUTING,
    traceId: '0af7651916cd43dd8448eb211c80319c',
    createdAtMs: over.atMs ?? T0,
    intent: sampleIntent(id, 1, over.intent),
  };
}

export function sampleFailOver(
  id: string,
  next: number,
  outcome: AttemptOutcome = OUTCOMES.notSent,
): FailOverStep {
  return {
    authorizationId: id,
    expectedVersion: next - 1,
    outcome: { attemptId: `att_${id}_${next - 1}`, outcome, durationMs: 2.5, atMs: T0 + 10 },
    reason: 'not_sent',
    candidates: [],
    intent: sampleIntent(id, next),
  };
}

/** The end of a road at its attempt `number`, at the version that the road then knows. */
export function sampleConclusion(
  id: string,
  outcome: AttemptOutcome | null = OUTCOMES.approved,
  status: AuthorizationStatus = 'approved',
  over: Partial<Conclusion> & { readonly number?: number } = {},
): Conclusion {
  const { number = 1, ...rest } = over;
  const settled = status !== 'pending' && status !== 'reversing';
  return {
    authorizationId: id,
    expectedVersion: number,
    outcome:
      outcome === null
        ? null
        : { attemptId: `att_${id}_${number}`, outcome, durationMs: 84.25, atMs: T0 + 100 },
    status,
    authorizedAmount: status === 'approved' ? 4999 : 0,
    provider: 'sandbox-a',
    providerReference: 'psp_a',
    networkTransaction: null,
    decline: null,
    frozen: settled ? { httpStatus: 201, body: `{"id":"${id}","status":"${status}","é":"✓"}` } : null,
    reason: 'approved',
    actor: 'gateway',
    atMs: T0 + 100,
    ...rest,
  };
}
