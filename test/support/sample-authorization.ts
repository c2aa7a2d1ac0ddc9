import type { Attempt, AttemptOutcome } from '../../src/core/attempt.ts';
import {
  type Authorization,
  type AuthorizationRequest,
  newAuthorization,
} from '../../src/core/authorization.ts';
import type { CandidateExplanation } from '../../src/core/decision.ts';
import type { Operation } from '../../src/core/operation.ts';
import { settled } from '../../src/core/settlement.ts';
import { sampleRequest } from './sample-request.ts';

/** Wall clock at which sample authorizations begin. */
export const SAMPLE_T0 = Date.UTC(2026, 10, 23, 10);
export const SAMPLE_ID = 'auth_bcdfghjkmnpqrstvwxyzb';

/** An attempt of the sample authorization. */
export function sampleAttempt(number: number, outcome: AttemptOutcome | null): Attempt {
  const id = `att_${SAMPLE_ID.slice('auth_'.length)}_${number}`;
  return {
    id,
    number,
    provider: `sandbox-${'abc'.charAt(number - 1)}`,
    providerKey: id,
    preparedReference: null,
    outcome,
    propensity: 1,
    durationMs: outcome === null ? null : 5,
    startedAtMs: SAMPLE_T0,
    deadlineAtMs: SAMPLE_T0 + 4_000,
  };
}

/** A provider as the sample's decision saw it: eligible, and nothing against it. */
export function sampleCandidate(
  provider: string,
  over: Partial<CandidateExplanation> = {},
): CandidateExplanation {
  return {
    provider,
    eligible: true,
    rank: 1,
    score: 0.9,
    approval: null,
    health: 1,
    breaker: 'closed',
    limitHeadroom: 1,
    costBasisPoints: 0,
    reason: null,
    ...over,
  };
}

/** An operation of the sample authorization: a capture of everything, unless told otherwise. */
export function sampleOperation(number: number, over: Partial<Operation> = {}): Operation {
  return {
    id: `cap_${SAMPLE_ID.slice('auth_'.length)}_${number}`,
    number,
    kind: 'capture',
    purpose: 'requested',
    attemptNumber: 1,
    target: null,
    amount: 4999,
    final: false,
    status: 'pending',
    code: null,
    providerKey: `att_${SAMPLE_ID.slice('auth_'.length)}_1_c${number}`,
    providerReference: null,
    createdAtMs: SAMPLE_T0 + 1_000,
    settledAtMs: null,
    ...over,
  };
}

/** An authorization whose road is over, in the state that its attempts and operations add up to. */
export function sampleAuthorization(
  outcomes: readonly (AttemptOutcome | null)[],
  over: Partial<Omit<Authorization, 'request'>> & { readonly request?: Partial<AuthorizationRequest> } = {},
): Authorization {
  const { request, ...rest } = over;
  return settled({
    ...newAuthorization({
      id: SAMPLE_ID,
      account: 'acme',
      live: false,
      request: sampleRequest(request),
      brand: 'visa',
      scaRegion: false,
      latePolicy: { reverseAfterMs: null },
      routing: {
        ruleset: 1,
        rule: 'fallback',
        strategy: 'score',
        experiment: null,
        propensity: 1,
        candidates: [],
        notes: [],
      },
      traceId: '0af7651916cd43dd8448eb211c80319c',
      createdAtMs: SAMPLE_T0,
    }),
    version: 2,
    open: false,
    attempts: outcomes.map((outcome, index) => sampleAttempt(index + 1, outcome)),
    ...rest,
  });
}
