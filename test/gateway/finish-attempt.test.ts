import { describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../../src/core/attempt.ts';
import { unassigned } from '../../src/core/experiments/assign.ts';
import type { Operation, OperationPurpose } from '../../src/core/operation.ts';
import type { ProviderSemantics } from '../../src/core/resolution.ts';
import type { RuleAction } from '../../src/core/rules/ruleset.ts';
import { finishAttempt } from '../../src/gateway/finish-attempt.ts';
import type { StepResult } from '../../src/gateway/ports.ts';
import { beginRoad, type Road } from '../../src/gateway/road.ts';
import { oneRowJournal, type StubAnswers, stage, stubProvider } from '../support/gateway-stubs.ts';
import { VISA_FACTS } from '../support/road-deps.ts';
import { routingFacts } from '../support/routing-facts.ts';
import { sampleAuthorization, sampleOperation } from '../support/sample-authorization.ts';
import { SAMPLE_OUTCOMES, type SampleOutcome } from '../support/sample-outcomes.ts';
import { sampleCommand, sampleRequest } from '../support/sample-request.ts';
import { sampleAction, sampleContract, sampleRuleset } from '../support/sample-ruleset.ts';

const CONFIRMED = { kind: 'confirmed', providerReference: 'op_1' } as const;
const TIMEOUT_MS = 3_000;
const DEADLINE_MS = 8_000;

interface Scene {
  readonly outcomes?: readonly (SampleOutcome | AttemptOutcome)[];
  readonly operations?: readonly Partial<Operation>[];
  readonly answers?: StubAnswers;
  readonly semantics?: Partial<ProviderSemantics>;
  readonly action?: Partial<RuleAction>;
  /** How the journal takes what is recorded before the operation. */
  readonly results?: readonly (StepResult | 'fails')[];
  readonly startMs?: number;
}

/** A road whose last attempt has just come back, and what finishing it does. */
async function finish(scene: Scene) {
  const journal = oneRowJournal(null, scene.results);
  const { deps, clock, told } = stage({ journal });
  await clock.advance(scene.startMs ?? 1_000);
  const meanwhile = () => clock.advance(70);
  const provider = stubProvider({ operate: CONFIRMED, meanwhile, ...scene.answers }, scene.semantics);
  const contract = sampleContract('sandbox-a', { timeoutMs: TIMEOUT_MS, connectTimeoutMs: 700 });
  const rule = { name: 'fallback', matches: () => true, action: sampleAction(scene.action) };
  const command = sampleCommand({
    request: sampleRequest({ deadlineMs: DEADLINE_MS }),
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  });
  const ruleset = sampleRuleset([contract]);
  const begun = beginRoad(command, VISA_FACTS, routingFacts(), ruleset, unassigned(rule), deps);
  const outcomes = (scene.outcomes ?? ['approved']).map((each) =>
    typeof each === 'string' ? SAMPLE_OUTCOMES[each] : each,
  );
  const operations = (scene.operations ?? []).map((over, index) =>
    sampleOperation(index + 1, { attemptNumber: outcomes.length, ...over }),
  );
  const current = sampleAuthorization(outcomes, { open: true, operations });
  const road: Road = { ...begun, recorded: { ...current, operations: [] }, current };
  const permit = { report: () => {}, release: () => {} };
  const admitted = { contract, provider, token: 'tok', permit, propensity: 1, deadlineMs: 4_000 };
  const startedMs = clock.monotonicMs();
  const stop = await finishAttempt(road, admitted, deps);
  return {
    stop,
    road,
    startedMs,
    deps,
    steps: journal.steps,
    told,
    asked: provider.asked.map(({ what }) => what),
    calls: provider.asked.map(({ call }) => call),
    operations: road.current.operations.map(({ purpose, status, code }) => [purpose, status, code]),
  };
}

const capture: Partial<Operation> = { purpose: 'automatic_capture', final: true };
const reversal: Partial<Operation> = { kind: 'void', purpose: 'partial_approval' };

describe('while the caller waits', () => {
  it.each<[OperationPurpose, boolean]>([
    ['automatic_capture', true],
    ['partial_approval', true],
    ['hidden_approval', true],
    ['unknown_outcome', true],
    ['requested', false],
    ['late_approval', false],
    ['quarantine', false],
    ['expiry', false],
    ['external', false],
  ])('an operation for %s is done at once: %s', async (purpose, isDone) => {
    const { stop, asked, operations } = await finish({ operations: [{ kind: 'void', purpose }] });
    expect(stop).toBeNull();
    expect(asked).toEqual(isDone ? ['void'] : []);
    expect(operations).toEqual([[purpose, isDone ? 'succeeded' : 'pending', null]]);
  });

  it.each<[string, Scene]>([
    ['nothing is to be done', {}],
    ['it is done', { operations: [{ ...capture, status: 'succeeded' }] }],
    ['it is about an earlier attempt', { operations: [{ ...capture, attemptNumber: 7 }] }],
    ['nothing was attempted', { outcomes: [], operations: [capture] }],
    ['too little time is left', { operations: [capture], startMs: DEADLINE_MS - 49 }],
  ])('nothing is sent or written where %s', async (_, scene) => {
    const { stop, asked, steps } = await finish(scene);
    expect([stop, asked, steps]).toEqual([null, [], []]);
  });

  it('an operation is begun when just enough time is left, and takes no longer than that', async () => {
    const { asked, calls } = await finish({ operations: [capture], startMs: DEADLINE_MS - 50 });
    expect(asked).toEqual(['capture']);
    expect(calls).toMatchObject([{ budget: { deadlineMs: DEADLINE_MS } }]);
  });

  it('it is durable before it is sent', async () => {
    const { steps, road } = await finish({ operations: [capture] });
    const [operation] = road.current.operations;
    expect(steps).toMatchObject([
      {
        after: { operations: [{ status: 'pending' }] },
        intent: null,
        work: 'unchanged',
        event: {
          kind: 'operation_begun',
          actor: 'gateway',
          data: { operation: operation?.id, purpose: 'automatic_capture' },
        },
      },
    ]);
    expect(road.findings).toEqual([
      {
        about: 'operation',
        number: 1,
        end: { status: 'succeeded', code: null, providerReference: 'op_1' },
      },
    ]);
  });

  it.each([
    ['fails', 'journal_failed'],
    [{ kind: 'stale' }, 'overtaken'],
  ] as const)('it is not sent when its intent is not written: %j', async (result, stop) => {
    const done = await finish({ operations: [capture], results: [result] });
    expect([done.stop, done.asked]).toEqual([stop, []]);
  });

  it('it is told with its own time, and has the time of one call', async () => {
    const { calls, told, startedMs, road, deps } = await finish({ operations: [capture] });
    expect(calls).toMatchObject([
      {
        operationId: road.current.operations[0]?.id,
        budget: {
          deadlineMs: startedMs + TIMEOUT_MS,
          connectTimeoutMs: 700,
          signal: deps.stopSignal,
          traceparent: road.command.traceparent,
        },
      },
    ]);
    expect(told).toEqual([
      {
        what: 'resolved',
        authorizationId: road.authorizationId,
        provider: 'sandbox-a',
        subject: 'capture',
        by: 'answer',
        result: 'succeeded',
        ageMs: 70,
      },
    ]);
  });
});

describe('what an answer to it comes to', () => {
  const refused = { kind: 'refused', code: 'invalid_state' } as const;
  const undone = { kind: 'found', outcome: SAMPLE_OUTCOMES.partialReversed } as const;
  const stands = { kind: 'found', outcome: SAMPLE_OUTCOMES.partial } as const;
  /** The operation, answers, whether operations can be inquired; what was asked, what logs say, the operation after. */
  it.each<
    [
      string,
      SampleOutcome,
      Partial<Operation>,
      StubAnswers,
      boolean,
      readonly string[],
      string,
      string,
      string | null,
    ]
  >([
    [
      'a refused capture has failed',
      'approved',
      capture,
      { operate: refused },
      true,
      ['capture'],
      'failed',
      'failed',
      'invalid_state',
    ],
    [
      'a lost answer leaves it open',
      'approved',
      capture,
      { operate: { kind: 'unknown', code: 'timeout' } },
      true,
      ['capture'],
      'unknown timeout',
      'pending',
      null,
    ],
    [
      'what is acknowledged is asked about',
      'partial',
      reversal,
      { operate: { kind: 'accepted' }, inquireOperation: CONFIRMED },
      true,
      ['void', 'inquireOperation'],
      'succeeded',
      'succeeded',
      null,
    ],
    [
      'and may not be done yet',
      'partial',
      reversal,
      { operate: { kind: 'accepted' }, inquireOperation: { kind: 'pending' } },
      true,
      ['void', 'inquireOperation'],
      'pending',
      'pending',
      null,
    ],
    [
      'unless it cannot be asked about',
      'partial',
      reversal,
      { operate: { kind: 'accepted' } },
      false,
      ['void'],
      'accepted',
      'pending',
      null,
    ],
    [
      'a void is refused for what is undone',
      'partial',
      reversal,
      { operate: refused, inquire: undone },
      true,
      ['void', 'inquire'],
      'succeeded',
      'succeeded',
      null,
    ],
    [
      'a void is refused for what stands',
      'partial',
      reversal,
      { operate: refused, inquire: stands },
      true,
      ['void', 'inquire'],
      'failed',
      'failed',
      'invalid_state',
    ],
    [
      'a void is refused, and nobody can say why',
      'partial',
      reversal,
      { operate: refused, inquire: { kind: 'not_found' } },
      true,
      ['void', 'inquire'],
      'refused invalid_state',
      'pending',
      null,
    ],
    [
      'a cancellation is refused',
      'unknown',
      { kind: 'void', purpose: 'unknown_outcome' },
      { operate: refused },
      true,
      ['void'],
      'failed',
      'failed',
      'invalid_state',
    ],
  ])('%s', async (_, outcome, operation, answers, operationInquiry, asked, result, status, code) => {
    const done = await finish({
      outcomes: [outcome],
      operations: [operation],
      answers,
      semantics: { operationInquiry },
    });
    expect(done.asked).toEqual(asked);
    expect(done.told.filter(({ what }) => what === 'resolved')).toMatchObject([{ result }]);
    expect(done.operations[0]).toEqual([operation.purpose, status, code]);
    expect(done.road.findings).toHaveLength(status === 'pending' ? 0 : 1);
    expect(done.stop).toBeNull();
  });
});

describe('what surely was not processed', () => {
  const limited = { kind: 'rejected', code: 'http_429', retryAfterMs: null } as const;
  const once = { replay: 'success_only' } as const;
  it.each<[string, Scene, boolean]>([
    ['a capture that was turned away', { operations: [capture], semantics: once }, true],
    ['a capture that a key sees to', { operations: [capture] }, false],
    ['a reversal', { outcomes: ['partial'], operations: [reversal], semantics: once }, false],
  ])('is recorded of %s', async (_, scene, isRecorded) => {
    const { steps, road, stop } = await finish({ ...scene, answers: { operate: limited } });
    expect(stop).toBeNull();
    expect(steps).toHaveLength(isRecorded ? 2 : 1);
    if (!isRecorded) return;
    const operation = road.current.operations[0]?.id;
    const data = { operation, sending: 0, because: 'rejected', code: 'http_429' };
    expect(steps[1]).toMatchObject({ event: { kind: 'operation_not_processed', actor: 'gateway', data } });
    expect(road.recorded.version).toBe(4);
  });

  it('ends the road as it would have ended where that cannot be recorded', async () => {
    const results = [{ kind: 'written', version: 3 }, 'fails'] as const;
    const scene: Scene = { operations: [capture], semantics: once, answers: { operate: limited }, results };
    expect(await finish(scene)).toMatchObject({
      stop: null,
      operations: [['automatic_capture', 'pending', null]],
    });
  });
});

describe('an attempt whose outcome is not known', () => {
  const cancel: Scene = { outcomes: ['unknown'], action: { afterUnknown: 'cancel_then_fail_over' } };
  const byReference = (can: boolean) => ({ semantics: { cancelByReference: can } });
  it.each<[string, Scene, boolean]>([
    ['is cancelled by our reference', { ...cancel, ...byReference(true) }, true],
    ['not by a reference that the provider does not take', { ...cancel, ...byReference(false) }, false],
    [
      "by the provider's reference, if it named one",
      { ...cancel, outcomes: ['unknownMismatch'], ...byReference(false) },
      true,
    ],
    ['not where the rule holds it', { ...cancel, action: { afterUnknown: 'hold' } }, false],
    ['not when it is pending', { ...cancel, outcomes: ['pending'] }, false],
    ['not when it is known', { ...cancel, outcomes: ['declinedSoft'] }, false],
  ])('%s', async (_, scene, isCancelled) => {
    const { asked, road, stop } = await finish(scene);
    expect(stop).toBeNull();
    expect(asked).toEqual(isCancelled ? ['void'] : []);
    expect(road.current.operations).toMatchObject(
      isCancelled ? [{ kind: 'void', purpose: 'unknown_outcome', status: 'succeeded', amount: 4999 }] : [],
    );
    if (isCancelled) expect(road.current.attempts).toMatchObject([{ outcome: { reason: 'cancelled' } }]);
  });

  it('is cancelled at the time that it is, under a number of its own', async () => {
    const { road, deps, startedMs } = await finish(cancel);
    const createdAtMs = deps.clock.wallMs() - (deps.clock.monotonicMs() - startedMs);
    expect(road.current.operations).toMatchObject([{ number: 1, attemptNumber: 1, createdAtMs }]);
  });

  it('is not cancelled twice', async () => {
    const { operations, asked } = await finish({ ...cancel, operations: [{ kind: 'void' }] });
    expect(operations).toEqual([['requested', 'pending', null]]);
    expect(asked).toEqual([]);
  });
});
