import { describe, expect, it } from 'vitest';
import type { Authorization } from '../../src/core/authorization.ts';
import type { Operation } from '../../src/core/operation.ts';
import type { ProviderSemantics } from '../../src/core/resolution.ts';
import { type OperateCommand, operate } from '../../src/gateway/operate.ts';
import { type ClaimRecord, type Journal, JournalError, type StepResult } from '../../src/gateway/ports.ts';
import { settled } from '../support/fake-clock.ts';
import { oneRowJournal, type StubAnswers, stage, stubProvider } from '../support/gateway-stubs.ts';
import { sampleAuthorization, sampleOperation } from '../support/sample-authorization.ts';
import { SAMPLE_OUTCOMES, type SampleOutcome } from '../support/sample-outcomes.ts';
import { sampleContract, sampleRuleset } from '../support/sample-ruleset.ts';

const TIMEOUT_MS = 3_000;
const MINUTE_MS = 60_000;
const CONFIRMED = { kind: 'confirmed', providerReference: 'op_1' } as const;
const REFUSED = { kind: 'refused', code: 'invalid_state' } as const;
const UNAVAILABLE = { kind: 'journal_unavailable', retryAfterMs: 1_000 } as const;
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

const state = (names: readonly SampleOutcome[], over: Partial<Omit<Authorization, 'request'>> = {}) =>
  sampleAuthorization(
    names.map((name) => SAMPLE_OUTCOMES[name]),
    over,
  );

interface Scene {
  readonly authorization?: Authorization | null;
  readonly command?: Partial<OperateCommand>;
  readonly claim?: ClaimRecord | null;
  readonly answers?: StubAnswers;
  readonly results?: readonly (StepResult | 'fails')[];
  /** What the journal does with the lease that is put back. */
  readonly release?: 'freed' | 'no longer its own' | 'fails';
  readonly journal?: Partial<Journal>;
  readonly isConnected?: boolean;
  readonly isInRuleset?: boolean;
  readonly partialCapture?: boolean;
  readonly schedule?: readonly number[];
  readonly semantics?: Partial<ProviderSemantics>;
}

function scene(options: Scene = {}) {
  const { authorization = state(['approved']), claim = null } = options;
  const row = oneRowJournal(authorization, options.results);
  const asked: unknown[] = [];
  const meanwhile = () => here.clock.advance(70);
  const provider = stubProvider({ operate: CONFIRMED, meanwhile, ...options.answers }, options.semantics);
  const features = new Set(options.partialCapture === false ? [] : (['partial_capture'] as const));
  const contract = sampleContract('sandbox-a', {
    timeoutMs: TIMEOUT_MS,
    connectTimeoutMs: 700,
    capabilities: { currencies: 'all', brands: 'all', countries: 'all', features },
  });
  const ruleset = sampleRuleset(options.isInRuleset === false ? [] : [contract]);
  const here = stage({
    journal: {
      ...row,
      findClaim: async (scope) => {
        asked.push(scope);
        return claim;
      },
      holdWork: async () => true,
      postponeWork: async (...how) => {
        asked.push(how);
        if (options.release === 'fails') throw new JournalError('disk full');
        return options.release !== 'no longer its own';
      },
      ...options.journal,
    },
    providers: options.isConnected === false ? [] : [provider],
    more: {
      rulesets: { current: () => ruleset },
      randomness: { unit: () => 0, id: (prefix) => `${prefix}_x` },
      ...(options.schedule === undefined ? {} : { resolverSchedule: options.schedule }),
    },
  });
  const command: OperateCommand = {
    kind: 'capture',
    amount: null,
    final: false,
    account: 'acme',
    covers: (merchant) => merchant === 'acme-eu',
    authorizationId: state(['approved']).id,
    currency: null,
    idempotencyKey: 'op-1',
    bodyFingerprint: 'ab'.repeat(32),
    traceparent: TRACEPARENT,
    receivedAtMs: here.clock.monotonicMs(),
    ...options.command,
  };
  return { ...here, provider, asked, steps: row.steps, run: () => operate(command, here.deps) };
}

/** What is still to be recorded of it, in the words of the list. */
const unrecorded = ({ deps }: ReturnType<typeof scene>) => deps.unrecorded.size;
const bodyOf = (result: Awaited<ReturnType<typeof operate>>) =>
  result.kind === 'answered' ? (JSON.parse(result.body) as Operation & { authorization: string }) : null;

it('a void that only stops the road, which undoes it already, is not sent', async () => {
  const ours = sampleOperation(1, { kind: 'void', purpose: 'partial_approval' });
  const authorization = state(['partial'], { open: true, operations: [ours] });
  const here = scene({ authorization, command: { kind: 'void' } });
  expect(bodyOf(await here.run())).toMatchObject({ status: 'succeeded', code: 'nothing_to_void' });
  expect(here.provider.asked).toEqual([]);
  expect(here.steps).toMatchObject([{ work: 'unchanged', after: { status: 'reversing' } }]);
});

describe('before anything is begun', () => {
  it.each<[string, Scene]>([
    ['there is no such authorization', { authorization: null }],
    ['it is another account’s', { command: { account: 'other' } }],
    ['it is of a merchant that the key does not cover', { command: { covers: () => false } }],
  ])('%s', async (_, options) => {
    const here = scene(options);
    expect(await here.run()).toEqual({ kind: 'not_found' });
    expect([here.asked, here.steps, here.provider.asked]).toEqual([[], [], []]);
  });

  it.each<[string, Partial<Journal>]>([
    ['the authorization', { findAuthorization: () => Promise.reject(new JournalError('disk full')) }],
    ['the key', { findClaim: () => Promise.reject(new JournalError('disk full')) }],
  ])('%s cannot be read', async (_, journal) => {
    const here = scene({ journal });
    expect(await here.run()).toEqual(UNAVAILABLE);
    expect([here.steps, here.provider.asked, unrecorded(here)]).toEqual([[], [], 0]);
  });

  it('the key is looked up in the scope of the operation and its authorization', async () => {
    const here = scene();
    await here.run();
    const { id } = state(['approved']);
    const scope = { account: 'acme', merchant: 'acme-eu', operation: `capture ${id}`, key: 'op-1' };
    expect(here.asked).toEqual([scope]);
    expect(here.steps).toMatchObject([
      { claim: { scope, bodyFingerprint: 'ab'.repeat(32) } },
      { claim: null },
    ]);
  });

  it.each<[string, Scene, string, number]>([
    ['another currency', { command: { currency: 'USD', amount: 1 } }, 'currency_differs', 0],
    ['more than there is', { command: { currency: 'EUR', amount: 5_000 } }, 'amount_too_large', 4_999],
    [
      'a part where the provider cannot',
      { command: { amount: 1 }, partialCapture: false },
      'partial_capture_not_supported',
      4_999,
    ],
    [
      'a part where nobody knows what the provider can',
      { command: { amount: 1 }, isInRuleset: false },
      'partial_capture_not_supported',
      4_999,
    ],
    ['what was declined', { authorization: state(['declinedSoft']) }, 'nothing_authorized', 0],
    ['what was never attempted', { authorization: state([]) }, 'nothing_authorized', 0],
  ])('%s is refused', async (_, options, refusal, leftAmount) => {
    const here = scene(options);
    const authorization = options.authorization ?? state(['approved']);
    expect(await here.run()).toEqual({ kind: 'refused', refusal, leftAmount, authorization });
    expect([here.steps, here.provider.asked]).toEqual([[], []]);
  });
});

describe('a key that was used', () => {
  const captured = state(['approved'], {
    operations: [sampleOperation(1), sampleOperation(2, { amount: 1 })],
  });
  const claim: ClaimRecord = {
    authorizationId: captured.id,
    operationNumber: 2,
    bodyFingerprint: 'ab'.repeat(32),
    open: false,
    frozen: null,
  };
  it.each<[string, Partial<ClaimRecord>, object]>([
    ['with another body', { bodyFingerprint: 'cd'.repeat(32) }, { kind: 'other_body' }],
    [
      'gives its frozen answer',
      { frozen: { httpStatus: 201, body: 'frozen' } },
      { kind: 'answered', httpStatus: 201, body: 'frozen', replayed: true },
    ],
    ['gives its operation as it is', {}, { kind: 'answered', httpStatus: 202, replayed: true }],
  ])('%s', async (_, over, expected) => {
    const here = scene({ authorization: captured, claim: { ...claim, ...over } });
    const result = await here.run();
    expect(result).toMatchObject({ ...expected, authorizationId: captured.id });
    if ('httpStatus' in expected && expected.httpStatus === 202)
      expect(bodyOf(result)).toMatchObject({ number: 2 });
    expect([here.steps, here.provider.asked]).toEqual([[], []]);
  });

  it('after the authorization was read: both are read anew, eight times', async () => {
    let reads = 0;
    const read = (authorizations: readonly Authorization[]) => ({
      findAuthorization: async () => authorizations[reads++] ?? captured,
    });
    const stale = state(['approved']);
    expect(await scene({ claim, journal: read([stale]) }).run()).toMatchObject({ replayed: true });
    expect(reads).toBe(2);
    reads = 0;
    expect(await scene({ claim, journal: read(Array<Authorization>(7).fill(stale)) }).run()).toMatchObject({
      replayed: true,
    });
    reads = 0;
    expect(await scene({ claim, journal: read(Array<Authorization>(9).fill(stale)) }).run()).toEqual(
      UNAVAILABLE,
    );
    expect(reads).toBe(8);
  });
});

describe('the intent', () => {
  it('is written with the key, what it is, and a lease of its own', async () => {
    const here = scene({ command: { amount: 1_000, final: true } });
    const nowMs = here.clock.wallMs();
    await here.run();
    const overAtMs = nowMs + TIMEOUT_MS;
    expect(here.steps[0]).toMatchObject({
      before: state(['approved']),
      after: { operations: [{ kind: 'capture', amount: 1_000, final: true, status: 'pending' }] },
      intent: null,
      scheme: null,
      leaseUntilMs: null,
      work: {
        step: 0,
        failures: 0,
        dueAtMs: overAtMs + 2_000,
        lease: { owner: 'process-1 call_x', untilMs: overAtMs + 30 * MINUTE_MS },
      },
      event: {
        kind: 'operation_begun',
        actor: 'acme',
        atMs: nowMs,
        data: {
          operation: here.steps[0]?.after.operations[0]?.id,
          kind: 'capture',
          amount: 1_000,
          final: true,
        },
      },
    });
  });

  it('that others overtook is judged anew, eight times', async () => {
    const stale: StepResult = { kind: 'stale' };
    const one = scene({ results: [stale] });
    expect(await one.run()).toMatchObject({ kind: 'answered' });
    expect([one.steps.length, one.provider.asked.length]).toEqual([3, 1]);
    const eight = scene({ results: Array<StepResult>(8).fill(stale) });
    expect(await eight.run()).toEqual(UNAVAILABLE);
    expect([eight.steps.length, eight.provider.asked.length, unrecorded(eight)]).toEqual([8, 0, 0]);
  });

  it('that others overtook is not begun anew under a lease of which it is not known whether it is given back', async () => {
    const authorization = state(['approved'], {
      operations: [sampleOperation(1, { status: 'pending', amount: 1 })],
    });
    const here = scene({
      authorization,
      command: { amount: 1 },
      results: [{ kind: 'stale' }],
      release: 'fails',
    });
    expect(await here.run()).toEqual(UNAVAILABLE);
    expect([here.steps.length, here.provider.asked, unrecorded(here)]).toEqual([1, [], 1]);
  });

  it('that could not be written is never sent, and ended as soon as the journal can', async () => {
    const here = scene({ results: ['fails'] });
    expect(await here.run()).toEqual(UNAVAILABLE);
    expect([here.provider.asked, unrecorded(here)]).toEqual([[], 1]);
    const [scope] = here.asked;
    await here.deps.unrecorded.retry(here.deps);
    // It asks for the key, in the scope of the call.
    expect(here.asked.slice(1)).toEqual([scope]);
  });

  it('that nobody would have sent stays as it may have been written', async () => {
    const here = scene({ authorization: state(['unknown']), command: { kind: 'void' }, results: ['fails'] });
    expect(await here.run()).toEqual(UNAVAILABLE);
    expect(unrecorded(here)).toBe(0);
  });

  it('that could not be written is looked for under the lease of its call alone', async () => {
    const claim = {
      authorizationId: 'a',
      operationNumber: 1,
      bodyFingerprint: '',
      open: false,
      frozen: null,
    };
    let reads = 0;
    const here = scene({
      results: ['fails'],
      release: 'no longer its own',
      journal: { findClaim: async () => (reads++ === 0 ? null : claim) },
    });
    await here.run();
    await here.deps.unrecorded.retry(here.deps);
    expect(here.asked).toMatchObject([[state(['approved']).id, 'process-1 call_x', {}]]);
  });
});

describe('an operation that waits', () => {
  it.each<[string, Scene]>([
    [
      'for the outcome of its attempt',
      { authorization: state(['unknownMismatch']), command: { kind: 'void' } },
    ],
    ['for its provider to be connected', { isConnected: false }],
    ['for its provider to be in the ruleset', { isInRuleset: false }],
  ])('%s is not sent', async (_, options) => {
    const here = scene(options);
    const result = await here.run();
    expect(result).toMatchObject({ kind: 'answered', httpStatus: 202, replayed: false });
    expect(bodyOf(result)).toMatchObject({ number: 1, status: 'pending' });
    expect(here.provider.asked).toEqual([]);
    expect(here.told).toEqual([]);
    const first = options.authorization === undefined ? 1_000 : 5_000;
    expect(here.steps).toMatchObject([{ work: { dueAtMs: here.clock.wallMs() + first, lease: 'keep' } }]);
  });

  it('for a record that lacks its attempt is not sent', async () => {
    const torn = { ...state(['approved']), attempts: state(['notSent', 'approved']).attempts.slice(1) };
    const here = scene({ authorization: torn });
    expect(bodyOf(await here.run())).toMatchObject({ status: 'pending', attemptNumber: 2 });
    expect(here.provider.asked).toEqual([]);
  });

  it('is planned by the road while that is open', async () => {
    const authorization = state(['approved'], { open: true });
    const here = scene({ authorization, command: { kind: 'void' } });
    await here.run();
    expect(here.steps).toMatchObject([{ work: 'unchanged' }, { work: 'unchanged' }]);
  });
});

describe('the call', () => {
  it.each([
    ['recorded', 390, 201],
    ['pending', 410, 202],
  ])('that comes back after its time is %s when that takes %d ms', async (_, recordingMs, httpStatus) => {
    let writes = 0;
    const advance: Journal['advance'] = async (step) => {
      writes += 1;
      if (writes === 2) await new Promise<void>((resolve) => here.clock.after(recordingMs, resolve));
      return { kind: 'written', version: step.before.version + 1 };
    };
    const here: ReturnType<typeof scene> = scene({
      answers: { meanwhile: () => here.clock.advance(8_200) },
      journal: { advance },
    });
    const running = here.run();
    while (writes < 2) await settled();
    await here.clock.advance(1_000);
    expect(await running).toMatchObject({ httpStatus });
    expect(unrecorded(here)).toBe(httpStatus === 201 ? 0 : 1);
  });

  it('has the time of one call, and the trace of its caller', async () => {
    const here = scene();
    const startedMs = here.clock.monotonicMs();
    await here.run();
    expect(here.journalCalls).toEqual(['find', 'find_claim', 'advance', 'advance']);
    expect(here.provider.asked).toMatchObject([
      {
        what: 'capture',
        call: {
          providerReference: 'p1',
          budget: {
            deadlineMs: startedMs + TIMEOUT_MS,
            connectTimeoutMs: 700,
            signal: here.deps.stopSignal,
            traceparent: TRACEPARENT,
          },
        },
      },
    ]);
  });

  const undone = { kind: 'found', outcome: SAMPLE_OUTCOMES.partialReversed } as const;
  const stands = { kind: 'found', outcome: SAMPLE_OUTCOMES.approved } as const;
  /** What the provider is asked; what logs say, and the operation's state and code, which the caller is told. */
  it.each<
    [string, 'capture' | 'void', StubAnswers, readonly string[], string, Operation['status'], string | null]
  >([
    ['confirms', 'capture', {}, ['capture'], 'succeeded', 'succeeded', null],
    ['refuses', 'capture', { operate: REFUSED }, ['capture'], 'failed', 'failed', 'invalid_state'],
    ['acknowledges', 'capture', { operate: { kind: 'accepted' } }, ['capture'], 'accepted', 'pending', null],
    [
      'is not heard',
      'capture',
      { operate: { kind: 'unknown', code: 'timeout' } },
      ['capture'],
      'unknown timeout',
      'pending',
      null,
    ],
    ['confirms a void', 'void', {}, ['void'], 'succeeded', 'succeeded', null],
    [
      'refuses to void what is undone',
      'void',
      { operate: REFUSED, inquire: undone },
      ['void', 'inquire'],
      'succeeded',
      'succeeded',
      null,
    ],
    [
      'refuses to void what stands',
      'void',
      { operate: REFUSED, inquire: stands },
      ['void', 'inquire'],
      'failed',
      'failed',
      'invalid_state',
    ],
    [
      'refuses a void and does not say why',
      'void',
      { operate: REFUSED, inquire: { kind: 'not_found' } },
      ['void', 'inquire'],
      'refused invalid_state',
      'pending',
      null,
    ],
  ])('that the provider %s (%s)', async (_, kind, answers, asked, result, status, code) => {
    const here = scene({ command: { kind }, answers });
    await here.clock.advance(500);
    const answer = await here.run();
    expect(here.provider.asked.map(({ what }) => what)).toEqual(asked);
    expect(here.told).toEqual([
      {
        what: 'resolved',
        authorizationId: state(['approved']).id,
        provider: 'sandbox-a',
        subject: kind,
        by: 'answer',
        result,
        ageMs: 70 * asked.length,
      },
    ]);
    expect(bodyOf(answer)).toMatchObject({ number: 1, status, code });
    expect(answer).toMatchObject({
      httpStatus: status === 'pending' ? 202 : 201,
      replayed: false,
      authorizationId: state(['approved']).id,
    });
    expect(here.steps).toHaveLength(status === 'pending' ? 1 : 2);
    if (status === 'pending') return;
    const end = {
      status,
      code,
      providerReference: result === 'succeeded' && asked.length === 1 ? 'op_1' : null,
    };
    expect(here.steps[1]).toMatchObject({
      event: {
        kind: 'operation_ended',
        actor: 'gateway',
        data: { operation: bodyOf(answer)?.id, by: 'answer', ...end },
      },
    });
  });
});

describe('when the call is over', () => {
  const lost: StubAnswers = { operate: { kind: 'unknown', code: 'timeout' } };
  const { id } = state(['approved']);
  const freed = (here: ReturnType<typeof scene>, dueInMs: number) => [
    id,
    'process-1 call_x',
    { step: 0, failures: 0, dueAtMs: here.clock.wallMs() + dueInMs, lease: null },
  ];

  it.each<[string, Scene, number | null]>([
    ['what is not known is looked at after the first delay', { answers: lost }, 5_000],
    ['at once without a schedule', { answers: lost, schedule: [] }, 0],
    ['what has ended needs no look', {}, null],
    [
      'what else is left is looked at at once',
      {
        authorization: state(['approved'], { operations: [sampleOperation(1, { amount: 1_000 })] }),
        command: { amount: 1_000 },
      },
      0,
    ],
  ])('%s', async (_, options, dueInMs) => {
    const here = scene(options);
    await here.run();
    const [key, ...then] = here.asked;
    // What it cannot tell may have been told meanwhile: its key is looked up once more, last of all.
    const last = options.answers === undefined ? [] : [key];
    expect(then).toEqual(dueInMs === null ? [] : [freed(here, dueInMs), ...last]);
    expect(unrecorded(here)).toBe(0);
  });

  it.each([
    ['unknown, its key grows old by this clock', lost, 100],
    ['known, nothing is kept in sight', {}, 0],
  ] as const)('and its end is %s', async (_, answers, seenForMs) => {
    const here = scene({ answers });
    await here.run();
    const [attempt] = state(['approved']).attempts;
    await here.clock.advance(100);
    expect(here.deps.sightings.seenForMs(`${attempt?.id} ${sampleOperation(1).id}`)).toBe(seenForMs);
  });

  const limited = { kind: 'rejected', code: 'http_429', retryAfterMs: null } as const;
  const unreached = { kind: 'not_sent', code: 'ECONNREFUSED' } as const;
  it.each([limited, unreached])('and it surely was not processed, that is recorded: %j', async (operate) => {
    const here = scene({ answers: { operate }, semantics: { replay: 'success_only' } });
    expect(await here.run()).toMatchObject({ httpStatus: 202 });
    const operation = here.steps[0]?.after.operations[0]?.id;
    expect(here.steps[1]).toMatchObject({
      before: { version: 3 },
      after: { operations: [{ status: 'pending', code: null }] },
      work: 'unchanged',
      event: {
        kind: 'operation_not_processed',
        actor: 'gateway',
        data: { operation, sending: 0, because: operate.kind, code: operate.code },
      },
    });
    expect(here.asked.slice(1)).toEqual([freed(here, 5_000), here.asked[0]]);
  });

  it.each<[string, Scene]>([
    ['a void, which undoes once', { command: { kind: 'void' }, semantics: { replay: 'success_only' } }],
    ['what a key sees to', {}],
    ['what is not known', { answers: lost, semantics: { replay: 'success_only' } }],
  ])('and it was not processed, %s is not told', async (_, options) => {
    const here = scene({ answers: { operate: limited }, ...options });
    await here.run();
    expect(here.steps).toHaveLength(1);
  });

  it('and that it was not processed cannot be recorded, it is freed all the same', async () => {
    const results = [{ kind: 'written', version: 3 }, 'fails'] as const;
    const here = scene({ answers: { operate: limited }, results, semantics: { replay: 'none' } });
    expect(await here.run()).toMatchObject({ httpStatus: 202 });
    expect(here.asked.slice(1)).toEqual([freed(here, 5_000), here.asked[0]]);
  });

  it('and its lease cannot be freed, that is tried again', async () => {
    const here = scene({ answers: lost, release: 'fails' });
    expect(await here.run()).toMatchObject({ httpStatus: 202 });
    expect(unrecorded(here)).toBe(1);
    here.asked.length = 0;
    await here.deps.unrecorded.retry(here.deps);
    expect(here.asked).toEqual([freed(here, 0)]);
  });

  it('and its end cannot be recorded, it is pending for the caller, and is recorded later', async () => {
    const here = scene({ results: [{ kind: 'written', version: 3 }, 'fails'] });
    const answer = await here.run();
    expect(answer).toMatchObject({ httpStatus: 202, replayed: false });
    expect(bodyOf(answer)).toMatchObject({ status: 'pending' });
    expect(unrecorded(here)).toBe(1);
    here.asked.length = 0;
    const begun = here.steps[0]?.after ?? null;
    const journal: Partial<Journal> = {
      ...oneRowJournal(begun),
      postponeWork: async (...how) => here.asked.push(how) > 0,
    };
    await here.deps.unrecorded.retry({ ...here.deps, journal: journal as Journal });
    expect(here.asked).toEqual([freed(here, 0)]);
    expect((journal as ReturnType<typeof oneRowJournal>).steps).toMatchObject([
      { after: { operations: [{ status: 'succeeded', providerReference: 'op_1' }] } },
    ]);
  });
});
