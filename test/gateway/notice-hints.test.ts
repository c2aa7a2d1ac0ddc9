import { describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../../src/core/attempt.ts';
import { keepNotices, workOutNotices } from '../../src/gateway/notices.ts';
import type {
  Dispute,
  InquiryAnswer,
  KeptNotice,
  LearnedOutcome,
  NoticeEvidence,
  OperationInquiry,
  Provider,
} from '../../src/gateway/ports.ts';
import { oneRowJournal, type StubAnswers, stage, stubProvider } from '../support/gateway-stubs.ts';
import { sampleAuthorization, sampleOperation } from '../support/sample-authorization.ts';
import { SAMPLE_OUTCOMES, sampleDecline } from '../support/sample-outcomes.ts';
import { sampleContract, sampleRuleset } from '../support/sample-ruleset.ts';

/** What is only hinted at, what is told to people, and in which order notices of several providers are worked out. */

const A = 'sandbox-a';
const B = 'sandbox-b';
const { id: ON_FIRST } = sampleOperation(1);
const { id: ON_SECOND } = sampleOperation(2);
const APPROVED: InquiryAnswer = { kind: 'found', outcome: SAMPLE_OUTCOMES.approved };
const UNMAPPED: AttemptOutcome = {
  kind: 'declined',
  decline: sampleDecline({ category: 'unmapped' }),
  providerReference: 'p1',
};

interface Piece {
  readonly evidence: NoticeEvidence;
  readonly outcomes?: readonly (AttemptOutcome | null)[];
  readonly open?: boolean;
  /** Of the second attempt's operation. */
  readonly status?: 'pending' | 'succeeded';
  readonly answers?: StubAnswers;
  readonly isInRuleset?: boolean;
  readonly isConnected?: boolean;
  /** The journal cannot be written. */
  readonly isReadOnly?: boolean;
}

/** One notice of the second provider, about the second attempt; each attempt has one operation. */
async function worked(piece: Piece) {
  const { outcomes = [SAMPLE_OUTCOMES.rejectedTransient, SAMPLE_OUTCOMES.approved], status = 'pending' } =
    piece;
  const operations = [
    sampleOperation(1, { kind: 'void', purpose: 'late_approval' }),
    sampleOperation(2, { attemptNumber: 2, status, settledAtMs: status === 'pending' ? null : 0 }),
  ];
  const plain = sampleAuthorization(outcomes, { operations, open: piece.open ?? false });
  const authorization = {
    ...plain,
    attempts: plain.attempts.map((attempt) => ({ ...attempt, provider: attempt.number === 1 ? A : B })),
  };
  const results: string[] = [];
  const unmapped: unknown[] = [];
  const learned: LearnedOutcome[] = [];
  const stub = stubProvider(piece.answers, {}, B);
  const provider: Provider = { ...stub, evidenceIn: () => piece.evidence };
  const ruleset = sampleRuleset(piece.isInRuleset === false ? [] : [sampleContract(B, {})]);
  const notice: KeptNotice = {
    sequence: 1,
    provider: B,
    eventId: 'evt_1',
    type: 'payment.changed',
    attemptId: authorization.attempts[1]?.id ?? '',
    data: {},
    receivedAtMs: 0,
  };
  const row = oneRowJournal(authorization, piece.isReadOnly === true ? ['fails'] : []);
  const here = stage({
    journal: {
      ...row,
      openNotices: async () => [notice],
      settleNotice: async (_, result) => {
        results.push(result);
      },
    },
    providers: piece.isConnected === false ? [] : [provider],
    more: { rulesets: { current: () => ruleset } },
  });
  const deps = {
    ...here.deps,
    observer: { ...here.deps.observer, unmappedCode: (event: object) => unmapped.push(event) },
    learner: { ...here.deps.learner, observe: (event: LearnedOutcome) => void learned.push(event) },
  };
  expect(await workOutNotices(deps)).toBe(piece.isReadOnly === true ? 0 : 1);
  return {
    authorization,
    result: results[0],
    asked: stub.asked.map(({ what }) => what),
    alerts: here.told.filter(({ what }) => what === 'alert'),
    steps: row.steps,
    unmapped,
    learned,
  };
}

const hint = (operationId: string | null): NoticeEvidence => ({ kind: 'hint', operationId });

describe('a hint', () => {
  it.each<[string, Piece, string, readonly string[], boolean]>([
    [
      'of an operation of ours is asked about',
      {
        evidence: hint(ON_SECOND),
        answers: { inquireOperation: { kind: 'confirmed', providerReference: 'o' } },
      },
      'applied',
      ['inquireOperation'],
      false,
    ],
    [
      'of an operation that is still worked on is left to the worker',
      { evidence: hint(ON_SECOND), answers: { inquireOperation: { kind: 'pending' } } },
      'asked',
      ['inquireOperation'],
      false,
    ],
    [
      'of an operation that ended, which nobody can explain, is told',
      {
        evidence: hint(ON_SECOND),
        status: 'succeeded',
        answers: { inquireOperation: { kind: 'no_answer', code: 'timeout' } satisfies OperationInquiry },
      },
      'unanswered',
      ['inquireOperation'],
      true,
    ],
    ["of another attempt's operation is nobody's", { evidence: hint(ON_FIRST) }, 'unmatched', [], false],
    ['of an operation that there is not is nobodys', { evidence: hint('cap_x_9') }, 'unmatched', [], false],
    [
      'of an attempt is asked about',
      { evidence: hint(null), answers: { inquire: APPROVED } },
      'known',
      ['inquire'],
      false,
    ],
    [
      'of an attempt that is known, which nobody can explain, is told',
      { evidence: hint(null), answers: { inquire: { kind: 'no_answer', code: 'timeout' } } },
      'unanswered',
      ['inquire'],
      true,
    ],
    [
      'of an attempt that is not known is left to the resolver',
      {
        evidence: hint(null),
        outcomes: [SAMPLE_OUTCOMES.rejectedTransient, SAMPLE_OUTCOMES.unknownMismatch],
        answers: { inquire: { kind: 'not_found' } },
      },
      'asked',
      ['inquire'],
      false,
    ],
    [
      'of an operation that ended, by a provider that no rule knows any more, is told',
      { evidence: hint(ON_SECOND), status: 'succeeded', isInRuleset: false },
      'unanswered',
      [],
      true,
    ],
    [
      'by a provider that no rule knows any more is told',
      { evidence: hint(null), isInRuleset: false },
      'unanswered',
      [],
      true,
    ],
  ])('%s', async (_, piece, result, asked, isTold) => {
    const done = await worked(piece);
    expect([done.result, done.asked]).toEqual([result, asked]);
    expect(done.alerts).toEqual(
      isTold
        ? [
            {
              what: 'alert',
              kind: 'notice_unanswered',
              detail: `${B} told of payment.changed, and could not say by an inquiry what has changed; look there`,
              authorizationId: done.authorization.id,
            },
          ]
        : [],
    );
    expect(done.steps.length).toBe(result === 'applied' ? 1 : 0);
  });

  it('says in the history what the provider answered', async () => {
    const inquiry: OperationInquiry = { kind: 'confirmed', providerReference: 'o' };
    const { steps } = await worked({ evidence: hint(ON_SECOND), answers: { inquireOperation: inquiry } });
    expect(steps[0]?.event.data).toEqual({
      notice: 'evt_1',
      type: 'payment.changed',
      kind: 'operation',
      operationId: ON_SECOND,
      inquiry,
    });
  });
});

describe('what is told to people', () => {
  it('a mismatch, with the provider and the authorization', async () => {
    const { result, alerts, authorization } = await worked({ evidence: { kind: 'mismatch' } });
    expect(result).toBe('mismatch');
    expect(alerts).toEqual([
      {
        what: 'alert',
        kind: 'notice_mismatch',
        detail: `${B} tells of another amount, currency, merchant or operation than was asked; nothing was changed`,
        authorizationId: authorization.id,
      },
    ]);
  });

  it('a dispute is kept once, with what it is of', async () => {
    const dispute: Dispute = {
      disputeId: 'd',
      stage: 'opened',
      reason: null,
      amount: null,
      respondByMs: null,
    };
    const { result, steps, authorization } = await worked({ evidence: { kind: 'dispute', dispute } });
    expect(result).toBe('dispute');
    expect(steps.map(({ event }) => event)).toMatchObject([
      {
        kind: 'disputed',
        actor: `webhook ${B}`,
        data: { notice: 'evt_1', type: 'payment.changed', attempt: authorization.attempts[1]?.id, dispute },
      },
    ]);
  });

  const waiting = { outcomes: [SAMPLE_OUTCOMES.rejectedTransient, null] };
  const told = { provider: B, code: 'issuer_05', networkCode: '05', advice: null };
  it.each<[string, Omit<Piece, 'evidence'>, AttemptOutcome, boolean]>([
    ['an unmapped decline, once the road is over', waiting, UNMAPPED, true],
    ['not while its sender still waits for it', { ...waiting, open: true }, UNMAPPED, false],
    ['not a decline that a table knows', waiting, SAMPLE_OUTCOMES.declinedSoft, false],
    [
      'not what was known already',
      { outcomes: [SAMPLE_OUTCOMES.rejectedTransient, UNMAPPED] },
      UNMAPPED,
      false,
    ],
    [
      'one whose sender has given up, while others go on',
      { outcomes: [SAMPLE_OUTCOMES.rejectedTransient, SAMPLE_OUTCOMES.pending], open: true },
      UNMAPPED,
      true,
    ],
  ])('%s', async (_, piece, outcome, isTold) => {
    const done = await worked({ ...piece, evidence: { kind: 'attempt', outcome } });
    expect(done.unmapped).toEqual(
      isTold ? [expect.objectContaining({ ...told, authorizationId: done.authorization.id })] : [],
    );
  });

  it('nothing by a provider that is not there', async () => {
    const { result, asked, alerts } = await worked({ evidence: hint(null), isConnected: false });
    expect([result, asked, alerts]).toEqual(['nothing', [], []]);
  });
});

describe('what is learnt', () => {
  const unsettled = [SAMPLE_OUTCOMES.rejectedTransient, SAMPLE_OUTCOMES.pending];
  it.each<[string, Omit<Piece, 'evidence'>, number]>([
    ['an outcome that nobody knew', { outcomes: unsettled }, 1],
    ['the same while others go on', { outcomes: unsettled, open: true }, 1],
    [
      'not what its sender will learn from the answer',
      { outcomes: [SAMPLE_OUTCOMES.rejectedTransient, null], open: true },
      0,
    ],
    ['not what was known', {}, 0],
  ])('%s', async (_, piece, times) => {
    const outcome = SAMPLE_OUTCOMES.approved;
    const { learned, result } = await worked({ ...piece, evidence: { kind: 'attempt', outcome } });
    expect(result).toBe(piece.outcomes === undefined ? 'known' : 'applied');
    const told = { provider: B, attemptNumber: 2, outcome, resolvedLater: true };
    expect(learned).toMatchObject(Array.from({ length: times }, () => told));
  });
});

describe('while the journal cannot be written', () => {
  it.each<[string, Piece]>([
    [
      'an outcome',
      {
        outcomes: [SAMPLE_OUTCOMES.rejectedTransient, SAMPLE_OUTCOMES.pending],
        evidence: { kind: 'attempt', outcome: SAMPLE_OUTCOMES.approved },
      },
    ],
    [
      'the end of an operation',
      {
        evidence: {
          kind: 'operation',
          operationId: ON_SECOND,
          inquiry: { kind: 'confirmed', providerReference: 'o' },
        },
      },
    ],
  ])('%s stays to be worked out', async (_, piece) => {
    const { result, steps, learned } = await worked({ ...piece, isReadOnly: true });
    expect([result, steps.length, learned]).toEqual([undefined, 1, []]);
  });
});

describe('several providers', () => {
  const notice = (sequence: number, provider: string): KeptNotice => ({
    sequence,
    provider,
    eventId: `evt_${sequence}`,
    type: 'told',
    attemptId: 'att_none_1',
    data: {},
    receivedAtMs: 0,
  });

  /** Working out takes that long for each notice of the first provider, and no time for the second's. */
  async function run(notices: readonly KeptNotice[], tookMs: number) {
    const settled: number[] = [];
    const here = stage({
      journal: {
        openNotices: async () => notices,
        findAuthorization: async () => null,
        settleNotice: async (sequence) => {
          if (notices[sequence - 1]?.provider === A) await here.clock.advance(tookMs);
          settled.push(sequence);
        },
      },
    });
    return { dealtWith: await workOutNotices(here.deps), settled, here };
  }

  it('go on beside each other, each in its own order, and all are counted', async () => {
    const { dealtWith, settled, here } = await run(
      [notice(1, A), notice(2, A), notice(3, B), notice(4, B)],
      100,
    );
    expect(dealtWith).toBe(4);
    expect(settled.filter((sequence) => sequence <= 2)).toEqual([1, 2]);
    expect(settled.slice(0, 2)).toEqual([3, 4]);
    expect(here.journalCalls[0]).toBe('open_notices');
  });

  it.each([
    [1_000, 3],
    [1_001, 2],
  ])('one is left for the next run after two seconds (%d ms each: %d)', async (tookMs, count) => {
    const { dealtWith } = await run(
      [1, 2, 3, 4].map((sequence) => notice(sequence, A)),
      tookMs,
    );
    expect(dealtWith).toBe(count);
  });

  it('none is dealt with while the journal cannot be read', async () => {
    const here = stage({ journal: {} });
    expect(await workOutNotices(here.deps)).toBe(0);
    expect(here.journalCalls).toEqual(['open_notices']);
  });

  it.each<[string, Partial<KeptNotice>, readonly string[]]>([
    ['neither an attempt nor an operation nor an id', {}, []],
    ['an id of the provider', { providerReference: 'psp_1' }, ['find_reference']],
    ['an operation that is none of ours', { operationId: 'order-7' }, []],
    ['an operation of ours', { operationId: ON_FIRST, providerReference: 'psp_1' }, ['find']],
  ])('one that names %s has the journal asked for that alone', async (_, names, calls) => {
    const here = stage({
      journal: {
        openNotices: async () => [{ ...notice(1, A), attemptId: null, ...names }],
        findAuthorization: async () => null,
        findAttemptByReference: async () => null,
        settleNotice: async () => {},
      },
    });
    expect(await workOutNotices(here.deps)).toBe(1);
    expect(here.journalCalls).toEqual(['open_notices', ...calls, 'settle_notice']);
  });

  it('what names no payment of ours is unmatched', async () => {
    const results: string[] = [];
    const here = stage({
      journal: {
        openNotices: async () => [notice(1, A)],
        findAuthorization: async () => null,
        settleNotice: async (_, result) => {
          results.push(result);
        },
      },
    });
    await workOutNotices(here.deps);
    expect(results).toEqual(['unmatched']);
  });
});

describe('what comes in', () => {
  it('is told as kept, then as repeated', async () => {
    const taken: unknown[] = [];
    const provider: Provider = {
      ...stubProvider({}, {}, A),
      readNotices: async () => ({
        kind: 'read',
        notices: [{ eventId: 'e', type: 't', attemptId: null, data: {} }],
      }),
    };
    let kept = 0;
    const here = stage({
      journal: { keepNotice: async () => (kept++ === 0 ? 'kept' : 'known') },
      providers: [provider],
    });
    const deps = {
      ...here.deps,
      observer: { ...here.deps.observer, noticeTaken: (it: object) => taken.push(it) },
    };
    for (let time = 0; time < 2; time += 1) await keepNotices(A, { headers: {}, body: '' }, deps);
    expect(taken).toEqual([
      { provider: A, result: 'kept' },
      { provider: A, result: 'repeated' },
    ]);
    expect(here.journalCalls).toEqual(['keep_notice', 'keep_notice']);
  });
});
