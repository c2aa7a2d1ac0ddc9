import { describe, expect, it } from 'vitest';
import type { OperationEnd } from '../../src/core/lifecycle.ts';
import {
  askedOf,
  endOfAcceptedVoid,
  endOfInquiry,
  endOfOutcome,
  endOfRefusedVoid,
  inquireOperation,
  labelOf,
  sendOperation,
  targetOf,
} from '../../src/gateway/operation-calls.ts';
import type {
  CallBudget,
  InquiryAnswer,
  OperationInquiry,
  OperationOutcome,
} from '../../src/gateway/ports.ts';
import { type StubAnswers, stage, stubProvider } from '../support/gateway-stubs.ts';
import { sampleAttempt, sampleAuthorization, sampleOperation } from '../support/sample-authorization.ts';
import { SAMPLE_OUTCOMES, type SampleOutcome } from '../support/sample-outcomes.ts';

const BUDGET: CallBudget = {
  deadlineMs: 4_000,
  connectTimeoutMs: 1_000,
  signal: new AbortController().signal,
  traceparent: null,
};
const BUG = new TypeError('undefined is not a function');

function scene(answers: StubAnswers, name: SampleOutcome | null = 'approved', kind = 'void' as const) {
  const operation = sampleOperation(1, { kind, amount: 1_234 });
  const outcome = name === null ? null : SAMPLE_OUTCOMES[name];
  const authorization = sampleAuthorization([outcome], { operations: [operation] });
  const provider = stubProvider(answers);
  const target = { authorization, attempt: sampleAttempt(1, outcome), operation };
  return { provider, target, authorization, ...stage() };
}

/** What the provider is told of the sample operation. */
const call = ({ target, authorization }: ReturnType<typeof scene>, providerReference: string | null) => ({
  operationId: target.operation.id,
  attemptId: target.attempt.id,
  providerReference,
  providerKey: target.operation.providerKey,
  operation: 'void',
  // Nobody knows how much an attempt has obtained that is not known.
  amount: {
    value: target.attempt.outcome?.kind === 'approved' ? 1_234 : 0,
    currency: authorization.request.amount.currency,
  },
  final: false,
  budget: BUDGET,
});

describe('what an operation acts on', () => {
  it.each([
    ['the authorization that the attempt obtained', 'approved', null, 'p1'],
    ['the one that the operation names', 'approved', 'p7', 'p7'],
    ['nothing that is known yet', null, null, null],
    ['what an answer named', 'unknownMismatch', null, 'p1'],
    ['nothing where none was named', 'unknown', null, null],
    ['what the operation names, though nothing is known yet', null, 'p7', 'p7'],
  ] as const)('%s', (_, name, target, expected) => {
    const attempt = sampleAttempt(1, name === null ? null : SAMPLE_OUTCOMES[name]);
    expect(targetOf({ attempt, operation: sampleOperation(1, { target }) })).toBe(expected);
  });
});

describe('a call', () => {
  it.each([
    ['approved', 'p1'],
    ['unknown', null],
  ] as const)('for an attempt that is %s tells the provider all that it needs', async (name, reference) => {
    const confirmed = { kind: 'confirmed', providerReference: 'op_1' } as const;
    const here = scene({ operate: confirmed, inquireOperation: confirmed }, name);
    expect(await sendOperation(here.provider, here.target, BUDGET, here.deps)).toBe(confirmed);
    expect(await inquireOperation(here.provider, here.target, BUDGET, here.deps)).toBe(confirmed);
    expect(here.provider.asked).toEqual([
      { what: 'void', call: call(here, reference) },
      { what: 'inquireOperation', call: call(here, reference) },
    ]);
    expect(here.told).toEqual([]);
  });

  it.each([
    ['void', 'approved', 1_234],
    ['void', 'partial', 1_234],
    ['void', 'unknown', 0],
    ['void', 'declinedHidingApproval', 0],
    ['capture', 'approved', 1_234],
    ['capture', 'unknown', 1_234],
    ['refund', 'partial', 1_234],
    ['refund', 'unknown', 1_234],
  ] as const)('for a %s of what is %s is about %d', (kind, name, value) => {
    const outcome = SAMPLE_OUTCOMES[name];
    const operation = sampleOperation(1, { kind, amount: 1_234 });
    const authorization = sampleAuthorization([outcome], { operations: [operation] });
    const { currency } = authorization.request.amount;
    expect(askedOf({ authorization, attempt: sampleAttempt(1, outcome), operation }).amount).toEqual({
      value,
      currency,
    });
  });

  it('in which an adapter throws has no answer, and pages', async () => {
    const { provider, target, deps, told, authorization } = scene({ operate: BUG, inquireOperation: BUG });
    expect(await sendOperation(provider, target, BUDGET, deps)).toEqual({
      kind: 'unknown',
      code: 'adapter_failed',
    });
    expect(await inquireOperation(provider, target, BUDGET, deps)).toEqual({
      kind: 'no_answer',
      code: 'adapter_failed',
    });
    const alert = {
      what: 'alert',
      kind: 'adapter_threw',
      detail: expect.stringContaining('undefined is not a function'),
      authorizationId: authorization.id,
    };
    expect(told).toEqual([alert, alert]);
  });
});

/** An answer, how the operation ended by it, and how logs name it. */
const OUTCOMES: readonly (readonly [OperationOutcome, OperationEnd | null, string])[] = [
  [
    { kind: 'confirmed', providerReference: 'op_1' },
    { status: 'succeeded', code: null, providerReference: 'op_1' },
    'confirmed',
  ],
  [
    { kind: 'refused', code: 'invalid_state' },
    { status: 'failed', code: 'invalid_state', providerReference: null },
    'refused invalid_state',
  ],
  [{ kind: 'accepted' }, null, 'accepted'],
  [{ kind: 'rejected', code: 'http_503', retryAfterMs: null }, null, 'rejected http_503'],
  [{ kind: 'not_sent', code: 'ECONNREFUSED' }, null, 'not_sent ECONNREFUSED'],
  [{ kind: 'unknown', code: 'ECONNRESET' }, null, 'unknown ECONNRESET'],
  [{ kind: 'not_found' }, null, 'not_found'],
];

const INQUIRIES: readonly (readonly [OperationInquiry, OperationEnd | null, string])[] = [
  [
    { kind: 'confirmed', providerReference: 'op_1' },
    { status: 'succeeded', code: null, providerReference: 'op_1' },
    'confirmed',
  ],
  [
    { kind: 'failed', code: 'capture_refused' },
    { status: 'failed', code: 'capture_refused', providerReference: null },
    'failed capture_refused',
  ],
  [{ kind: 'pending' }, null, 'pending'],
  [{ kind: 'not_found' }, null, 'not_found'],
  [{ kind: 'no_answer', code: 'timeout' }, null, 'no_answer timeout'],
];

describe('an operation has ended', () => {
  it.each(OUTCOMES)('by the answer %j: %j', (outcome, end, label) => {
    expect(endOfOutcome(outcome)).toEqual(end);
    expect(labelOf(outcome)).toBe(label);
  });

  it.each(INQUIRIES)('by the inquiry %j: %j', (inquiry, end, label) => {
    expect(endOfInquiry(inquiry)).toEqual(end);
    expect(labelOf(inquiry)).toBe(label);
  });
});

const UNDONE: OperationEnd = { status: 'succeeded', code: null, providerReference: null };
const REFUSAL: OperationEnd = { status: 'failed', code: 'invalid_state', providerReference: null };
const CANCELLED = { ...SAMPLE_OUTCOMES.rejectedNotFound, reason: 'cancelled' } as const;
const found = (outcome: Extract<InquiryAnswer, { kind: 'found' }>['outcome']): InquiryAnswer => ({
  kind: 'found',
  outcome,
});

/** What an inquiry says stands there; how a void ended that was refused, and one that was only acknowledged. */
const STANDING: readonly (readonly [string, InquiryAnswer, OperationEnd | null, OperationEnd | null])[] = [
  ['undone', found(SAMPLE_OUTCOMES.partialReversed), UNDONE, UNDONE],
  ['cancelled', found(CANCELLED), UNDONE, UNDONE],
  ['approved', found(SAMPLE_OUTCOMES.approved), REFUSAL, null],
  ['approved in part', found(SAMPLE_OUTCOMES.partial), REFUSAL, null],
  ['declined', found(SAMPLE_OUTCOMES.declinedSoft), UNDONE, UNDONE],
  ['declined, with what may hide behind it', found(SAMPLE_OUTCOMES.declinedHidingApproval), REFUSAL, null],
  ['not processed', found(SAMPLE_OUTCOMES.rejectedTransient), UNDONE, UNDONE],
  ['unknown', found(SAMPLE_OUTCOMES.unknown), null, null],
  ['still worked on', found(SAMPLE_OUTCOMES.pending), null, null],
  ['not found, which contradicts the record', { kind: 'not_found' }, null, null],
  ['not told', { kind: 'no_answer', code: 'timeout' }, null, null],
];

describe('a void that is not confirmed ends by what stands there', () => {
  it.each(STANDING)('%s', async (_, answer, refused, accepted) => {
    const { provider, target, deps, authorization } = scene({ inquire: answer });
    expect(await endOfRefusedVoid(provider, target, REFUSAL, BUDGET, deps)).toEqual(refused);
    expect(await endOfAcceptedVoid(provider, target, BUDGET, deps)).toEqual(accepted);
    const { request, brand, scaRegion } = authorization;
    const inquiry = {
      what: 'inquire',
      call: {
        attemptId: target.attempt.id,
        providerReference: 'p1',
        request,
        brand,
        scaRegion,
        budget: BUDGET,
      },
    };
    expect(provider.asked).toEqual([inquiry, inquiry]);
  });
});
