import { describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../../src/core/attempt.ts';
import { applyOutcome } from '../../src/core/lifecycle.ts';
import type { Operation } from '../../src/core/operation.ts';
import type { ProviderSemantics } from '../../src/core/resolution.ts';
import { changeAuthorization } from '../../src/gateway/change.ts';
import {
  type InquiryAnswer,
  type Journal,
  JournalError,
  type LearnedOutcome,
  type StepResult,
} from '../../src/gateway/ports.ts';
import {
  attemptNamed,
  type Resolution,
  type ResolveCommand,
  resolveAttempt,
} from '../../src/gateway/resolve-by-person.ts';
import { oneRowJournal, type StubAnswers, stage, stubProvider } from '../support/gateway-stubs.ts';
import { GatewayWorld, idIn } from '../support/gateway-world.ts';
import { sampleAttempt, sampleAuthorization, sampleOperation } from '../support/sample-authorization.ts';
import { SAMPLE_OUTCOMES, type SampleOutcome } from '../support/sample-outcomes.ts';
import { sampleContract, sampleRuleset } from '../support/sample-ruleset.ts';

/** A payment whose only attempt hangs, and a journal that lets others write just before it writes. */
async function unknownPayment(
  inquiry: () => InquiryAnswer = () => ({ kind: 'no_answer', code: 'timeout' }),
  lost = 1,
) {
  const state: { overtake: (() => Promise<unknown>) | null } = { overtake: null };
  const journal = (real: Journal): Journal =>
    new Proxy(real, {
      get: (target, property) => {
        if (property === 'advance') {
          return async (...how: Parameters<Journal['advance']>) => {
            const { overtake } = state;
            state.overtake = null;
            await overtake?.();
            return real.advance(...how);
          };
        }
        const value: unknown = Reflect.get(target, property);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  const world = new GatewayWorld({
    journal,
    script: { 'sandbox-a': Array.from({ length: lost }, () => 'hang_processed' as const) },
    action: { attemptsMax: 1 },
    provider: { inquiryStep: () => 'fail' },
    schedule: [3_600_000],
  });
  const process = world.process();
  const id = idIn(await world.authorize(process));
  const before = await world.get(id);
  expect(before.status).toBe('pending');
  /** Somebody else finds out what became of it. */
  const findOut = async (outcome: AttemptOutcome) => {
    const context = { nowMs: world.clock.wallMs(), validityMs: 1_000, durationMs: null };
    const event = { kind: 'noticed', actor: 'webhook sandbox-a', data: {} };
    const current = await world.get(id);
    await changeAuthorization(
      current,
      (it) => applyOutcome(it, 1, outcome, context),
      { event },
      process.deps,
    );
  };
  const overtakenBy = (outcome: AttemptOutcome) => {
    state.overtake = () => findOut(outcome);
  };
  const provider = world.providers.get('sandbox-a');
  if (provider === undefined) throw new Error('no such provider');
  const asked: unknown[] = [];
  provider.inquire = (query) => {
    asked.push(query);
    return Promise.resolve(inquiry());
  };
  const resolve = (resolution: Resolution, more: Partial<ResolveCommand> = {}) =>
    world.resolveByPerson(process, { attemptId: before.attempts[0]?.id ?? '', resolution, ...more });
  return { world, process, id, asked, overtakenBy, resolve };
}

describe('what was found out between the look of a person and its word', () => {
  it.each<[Resolution, keyof typeof SAMPLE_OUTCOMES, string]>([
    ['undone', 'approved', 'approved'],
    ['not_processed', 'approved', 'approved'],
    ['approved', 'declinedHard', 'declined'],
  ])('stands: %s does not change what is %s', async (resolution, found, status) => {
    const { world, id, overtakenBy, resolve } = await unknownPayment(() => ({ kind: 'not_found' }));
    overtakenBy(SAMPLE_OUTCOMES[found]);
    expect(await resolve(resolution)).toMatchObject({ kind: 'not_open', authorization: { status } });
    expect(await world.get(id)).toMatchObject({ status, operations: [] });
    expect((await world.journal.history(id)).map(({ kind }) => kind)).not.toContain('resolved_by_person');
    expect(world.told.resolved).toEqual([]);
  });
});

describe('what a person says to stand at the provider', () => {
  it.each<Resolution>(['approved', 'not_processed', 'undone'])(
    'is not what another payment obtained there: %s',
    async (resolution) => {
      const { world, process, id, resolve } = await unknownPayment();
      const other = await world.get(idIn(await world.authorize(process, { reference: 'order-2' }, 'key-2')));
      expect(other).toMatchObject({ status: 'approved', provider: 'sandbox-a' });
      const before = await world.get(id);
      const { providerReference } = other;
      expect(await resolve(resolution, { providerReference })).toEqual({
        kind: 'reference_refused',
        because: 'recorded_elsewhere',
        authorization: before,
      });
      expect(await world.get(id)).toEqual(before);
      expect(world.live()).toHaveLength(2);
    },
  );

  const approvedAs = (providerReference: string): InquiryAnswer => ({
    kind: 'found',
    outcome: { ...SAMPLE_OUTCOMES.approved, providerReference },
  });
  it.each<[name: string, InquiryAnswer, 'resolved' | 'reference_refused']>([
    ['an approval under it', approvedAs('psp_7'), 'resolved'],
    ['an approval under another', approvedAs('psp_8'), 'reference_refused'],
    ['a decline', { kind: 'found', outcome: SAMPLE_OUTCOMES.declinedHard }, 'reference_refused'],
    ['another payment', { kind: 'no_answer', code: 'answer_mismatch' }, 'reference_refused'],
    ['nothing', { kind: 'not_found' }, 'reference_refused'],
    ['that it does not know yet', { kind: 'found', outcome: SAMPLE_OUTCOMES.pending }, 'resolved'],
    ['no answer', { kind: 'no_answer', code: 'timeout' }, 'reference_refused'],
    ['that it was not confirmed', { kind: 'unconfirmed' }, 'reference_refused'],
  ])('is compared with what the provider says: %s', async (_, answer, kind) => {
    const { world, id, asked, resolve } = await unknownPayment(() => answer);
    await world.clock.advance(600_000);
    const before = await world.get(id);
    expect(await resolve('approved', { providerReference: 'psp_7' })).toMatchObject({ kind });
    expect(asked).toMatchObject([{ attemptId: before.attempts[0]?.id, providerReference: 'psp_7' }]);
    const after = await world.get(id);
    if (kind === 'resolved') expect(after).toMatchObject({ status: 'approved', providerReference: 'psp_7' });
    else expect(after).toEqual(before);
  });

  it.each([
    ['answers nothing', { kind: 'no_answer', code: 'timeout' }, 'provider_silent'],
    ['denies it', { kind: 'no_answer', code: 'answer_mismatch' }, 'provider_denies'],
  ] as const)('is refused with the reason where the provider %s', async (_, answer, because) => {
    const { resolve } = await unknownPayment(() => answer);
    expect(await resolve('approved', { providerReference: 'psp_7' })).toMatchObject({ because });
  });

  it('is of one of two persons who name the same at once', async () => {
    const { world, process, id } = await unknownPayment(() => ({ kind: 'not_found' }), 2);
    const second = idIn(await world.authorize(process, { reference: 'order-2' }, 'key-2'));
    expect(await world.get(second)).toMatchObject({ status: 'pending' });
    const results = await Promise.all(
      [id, second].map(async (each) => {
        const attemptId = (await world.get(each)).attempts[0]?.id ?? '';
        return world.resolveByPerson(process, {
          attemptId,
          resolution: 'approved',
          providerReference: 'psp_7',
        });
      }),
    );
    expect(results.map(({ kind }) => kind).toSorted()).toEqual(['reference_refused', 'resolved']);
    expect(results.find(({ kind }) => kind === 'reference_refused')).toMatchObject({
      because: 'recorded_elsewhere',
    });
  });

  it('is believed while the provider cannot be certain that there is nothing', async () => {
    const { resolve } = await unknownPayment(() => ({ kind: 'not_found' }));
    expect(await resolve('approved')).toMatchObject({ kind: 'resolved' });
  });

  it('is not believed while the journal cannot tell', async () => {
    const { world, process, id } = await unknownPayment();
    const before = await world.get(id);
    const journal = new Proxy(world.journal, {
      get: (target, property) =>
        property === 'isReferenceElsewhere'
          ? () => Promise.reject(new JournalError('gone'))
          : Reflect.get(target, property),
    });
    const closing = world.resolveByPerson(
      { ...process, deps: { ...process.deps, journal } },
      { attemptId: before.attempts[0]?.id ?? '', resolution: 'approved' },
    );
    expect(await closing).toEqual({ kind: 'journal_unavailable' });
    expect(await world.get(id)).toEqual(before);
  });
});

describe('what becomes of the word of a person', () => {
  interface Piece {
    readonly outcomes?: readonly (SampleOutcome | AttemptOutcome)[];
    readonly operations?: readonly Partial<Operation>[];
    readonly open?: boolean;
    readonly command?: Partial<ResolveCommand>;
    readonly answers?: StubAnswers;
    readonly semantics?: Partial<ProviderSemantics>;
    readonly journal?: Partial<Journal>;
    readonly results?: readonly (StepResult | 'fails')[];
    readonly isConnected?: boolean;
    readonly nowMs?: number;
  }
  const { id: attemptId } = sampleAttempt(1, null);

  async function said(piece: Piece = {}, forgotten: string[] = []) {
    const outcomes = (piece.outcomes ?? ['unknown']).map((each) =>
      typeof each === 'string' ? SAMPLE_OUTCOMES[each] : each,
    );
    const operations = (piece.operations ?? []).map((over, index) => sampleOperation(index + 1, over));
    const authorization = sampleAuthorization(outcomes, { operations, open: piece.open ?? false });
    const row = oneRowJournal(authorization, piece.results);
    const provider = stubProvider(piece.answers, piece.semantics);
    const here = stage({
      journal: { ...row, isReferenceElsewhere: async () => false, ...piece.journal },
      providers: piece.isConnected === false ? [] : [provider],
      more: { rulesets: { current: () => sampleRuleset([sampleContract('sandbox-a', {})]) } },
    });
    await here.clock.advance(piece.nowMs ?? 5_000);
    const command: ResolveCommand = {
      account: 'acme',
      covers: () => true,
      attemptId,
      resolution: 'not_processed',
      providerReference: null,
      evidence: 'ticket 7',
      receivedAtMs: here.clock.monotonicMs(),
      ...piece.command,
    };
    const { sightings } = here.deps;
    const forget = (id: string): void => {
      forgotten.push(id);
      sightings.forget(id);
    };
    const watched = new Proxy(sightings, {
      get: (target, property) => {
        if (property === 'forget') return forget;
        const value: unknown = Reflect.get(target, property, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const learned: LearnedOutcome[] = [];
    const learner = { ...here.deps.learner, observe: (event: LearnedOutcome) => void learned.push(event) };
    const result = await resolveAttempt(command, { ...here.deps, sightings: watched, learner });
    return {
      ...here,
      result,
      authorization,
      step: row.steps[0],
      asked: provider.asked.map(({ what }) => what),
      learned,
    };
  }

  it.each<[string, Piece, string]>([
    ['an id that is none', { command: { attemptId: 'order-7' } }, 'not_found'],
    ['an id in another text', { command: { attemptId: `x${attemptId}` } }, 'not_found'],
    ['an id with more behind it', { command: { attemptId: `${attemptId}x` } }, 'not_found'],
    ['an attempt that there is not', { command: { attemptId: attemptId.replace(/1$/, '7') } }, 'not_found'],
    ["another account's", { command: { account: 'other' } }, 'not_found'],
    ['a merchant that the key does not cover', { command: { covers: () => false } }, 'not_found'],
    ['an authorization that is not there', { journal: { findAuthorization: async () => null } }, 'not_found'],
    [
      'a journal that cannot be read',
      { journal: { findAuthorization: () => Promise.reject(new JournalError('disk full')) } },
      'journal_unavailable',
    ],
    [
      'a journal that cannot look a reference up',
      {
        command: { providerReference: 'psp_7' },
        journal: { isReferenceElsewhere: () => Promise.reject(new JournalError('disk full')) },
      },
      'journal_unavailable',
    ],
    ['a journal that cannot be written', { results: ['fails'] }, 'journal_unavailable'],
    ['a road that is open', { open: true }, 'not_open'],
    ['what is known', { outcomes: ['declinedSoft'] }, 'not_open'],
    ['what is known, undone', { outcomes: ['approved'], command: { resolution: 'undone' } }, 'not_open'],
    [
      'what is being undone, and never was',
      { outcomes: ['approved'], operations: [{ kind: 'void' }] },
      'not_open',
    ],
    [
      'what is being undone, said to stand',
      {
        outcomes: ['approved'],
        operations: [{ kind: 'void' }],
        command: { resolution: 'approved', providerReference: 'psp_7' },
      },
      'not_open',
    ],
    [
      'what is known, named by an id',
      { outcomes: ['declinedSoft'], command: { providerReference: 'psp_7' } },
      'not_open',
    ],
  ])('nothing, of %s', async (_, piece, kind) => {
    const done = await said(piece);
    expect(done.result.kind).toBe(kind);
    // Nobody is asked about what a person may not say anything about.
    if (kind === 'not_open') expect([done.asked, done.journalCalls]).toEqual([[], ['find']]);
    expect(done.told.filter(({ what }) => what === 'resolved')).toEqual([]);
    if (piece.results === undefined) expect(done.step).toBeUndefined();
    if (kind === 'not_open') expect(done.result).toEqual({ kind, authorization: done.authorization });
  });

  it('an event with who said so and why, told with its age', async () => {
    const done = await said({
      outcomes: ['declinedSoft', 'unknown'],
      command: { attemptId: attemptId.replace(/1$/, '2') },
    });
    const outcome = {
      kind: 'rejected',
      reason: 'not_found',
      code: 'closed_by_person',
      retryAfterMs: null,
      providerReference: null,
    };
    const attempt = done.authorization.attempts[1]?.id;
    expect(done.step).toMatchObject({
      exclusive: null,
      after: { attempts: [{ outcome: SAMPLE_OUTCOMES.declinedSoft }, { outcome }] },
      event: {
        kind: 'resolved_by_person',
        actor: 'acme',
        data: { attempt, resolution: 'not_processed', evidence: 'ticket 7', outcome },
      },
    });
    expect(done.told).toMatchObject([
      {
        what: 'resolved',
        provider: 'sandbox-b',
        subject: 'attempt',
        by: 'person',
        result: 'not_processed',
        ageMs: 5_000,
      },
    ]);
    expect(done.journalCalls).toEqual(['find', 'history_page', 'advance']);
    expect(done.learned).toMatchObject([
      { provider: 'sandbox-b', attemptNumber: 2, outcome, resolvedLater: true },
    ]);
  });

  it.each<[string, Piece, object]>([
    [
      'what is undone is what is recorded, by whatever id it was found',
      {
        outcomes: ['approved'],
        operations: [{ kind: 'void' }],
        command: { resolution: 'undone', providerReference: 'psp_7' },
      },
      { operations: [{ status: 'succeeded' }], attempts: [{ outcome: SAMPLE_OUTCOMES.approved }] },
    ],
    [
      'what is undone is all that was obtained, although a part alone was',
      {
        outcomes: ['partial'],
        operations: [{ kind: 'void', purpose: 'partial_approval', amount: 2_000 }],
        command: { resolution: 'undone' },
      },
      { operations: [{ status: 'succeeded' }], attempts: [{ outcome: SAMPLE_OUTCOMES.partial }] },
    ],
    [
      'and what is told where nothing is recorded',
      { command: { resolution: 'undone', providerReference: 'psp_7' } },
      { attempts: [{ outcome: { reversal: 'confirmed', providerReference: 'psp_7' } }] },
    ],
    [
      'and nothing where that is told of nothing',
      { command: { resolution: 'undone' } },
      { attempts: [{ outcome: { reversal: 'confirmed', providerReference: '' } }] },
    ],
    [
      'an approval stands under the id that is told',
      {
        outcomes: ['unknownMismatch'],
        command: { resolution: 'approved', providerReference: 'psp_7' },
        isConnected: false,
      },
      { attempts: [{ outcome: { kind: 'approved', providerReference: 'psp_7' } }] },
    ],
    [
      'what was never processed keeps its id',
      { outcomes: ['unknownMismatch'] },
      { attempts: [{ outcome: { providerReference: 'p1' } }] },
    ],
  ])('%s', async (_, piece, after) => {
    const done = await said(piece);
    expect(done.result.kind).toBe('resolved');
    expect(done.step).toMatchObject({ after });
    // Of what is recorded, the history keeps the id that it is recorded by.
    const isRecorded = done.authorization.attempts[0]?.outcome?.kind.endsWith('approved') === true;
    if (isRecorded) expect(done.step?.event.data).toMatchObject({ outcome: { providerReference: 'p1' } });
    expect(done.asked).toEqual([]);
  });

  it('an id that is looked up, and forgets when the provider was seen without it', async () => {
    const forgotten: string[] = [];
    const done = await said({ command: { resolution: 'undone', providerReference: 'psp_7' } }, forgotten);
    expect(done.result.kind).toBe('resolved');
    expect(done.journalCalls).toEqual(['find', 'find_reference', 'advance']);
    expect(forgotten).toEqual([done.authorization.attempts[0]?.id]);
  });

  it('an approval without any id has none', async () => {
    const { step } = await said({ command: { resolution: 'approved' } });
    expect(step?.after.attempts[0]?.outcome).toEqual({
      kind: 'approved',
      providerReference: '',
      networkTransaction: null,
    });
  });

  it('of the twelfth attempt is of the twelfth', () => {
    expect(attemptNamed('att_bcdf_12')).toEqual({ authorizationId: 'auth_bcdf', number: 12 });
    expect(attemptNamed('att_bcdf_123')).toBe(null);
  });

  const named: Piece = { command: { resolution: 'approved', providerReference: 'p1' } };
  const tooEarly = { inquire: { kind: 'not_found' } } as const;
  it.each<[string, Piece, string, readonly string[]]>([
    ['cannot be asked', { semantics: { inquiry: 'none' } }, 'resolved', []],
    ['does not know it yet', { answers: tooEarly, nowMs: 14_000 }, 'resolved', ['inquire']],
    ['does not know it', { answers: tooEarly, nowMs: 14_001 }, 'provider_denies', ['inquire']],
    [
      'never can tell that it does not',
      { answers: tooEarly, nowMs: 10 ** 9, semantics: { notFoundAfterMs: null } },
      'resolved',
      ['inquire'],
    ],
    [
      'tells of a part of it',
      { answers: { inquire: { kind: 'found', outcome: SAMPLE_OUTCOMES.partial } } },
      'provider_denies',
      ['inquire'],
    ],
  ])('an approval that its provider %s', async (_, piece, expected, asked) => {
    const { result, asked: done } = await said({ ...named, ...piece });
    expect(result.kind === 'reference_refused' ? result.because : result.kind).toBe(expected);
    expect(done).toEqual(asked);
  });
});
