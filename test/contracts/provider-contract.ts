import { afterEach, beforeEach, describe, expect, it, type TestContext } from 'vitest';
import type { AttemptOutcome, OutcomeKind } from '../../src/core/attempt.ts';
import type { AuthorizationRequest } from '../../src/core/authorization.ts';
import { judgeOutcome } from '../../src/core/failover.ts';
import type { OperationKind } from '../../src/core/operation.ts';
import type {
  AuthorizeCall,
  CallBudget,
  InquiryAnswer,
  NoticeEvidence,
  NoticeMessage,
  OperationCall,
  OperationOutcome,
  Provider,
} from '../../src/gateway/ports.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { sampleRequest } from '../support/sample-request.ts';

/** What a provider, or the way to it, can be made to do with the next authorization. */
const SITUATIONS = [
  'approve',
  'decline_soft',
  'decline_hard',
  'decline_unmapped',
  'decline_hiding_approval',
  'authentication_required',
  'approve_partially',
  'stay_pending',
  'refuse_connections',
  'reset_unprocessed',
  'reset_processed',
  'hang_unprocessed',
  'answer_late',
  'truncate_answer',
  'answer_garbage',
  'answer_wrong_amount',
  'answer_wrong_currency',
  'answer_wrong_reference',
  'rate_limit',
  'refuse_credentials',
  'fail_not_processed',
  'fail_processed',
  'fail_unprocessed_unsaid',
  // Carried out, and answered by somebody on the way back.
  'bare_401',
  'bare_403',
  'bare_404',
  'bare_429',
] as const;
export type Situation = (typeof SITUATIONS)[number];

/** Operations that a fault can be put on. */
type FaultyOperation = 'inquire' | 'void' | 'capture' | 'refund';

const MISSTATEMENTS = ['wrong_amount', 'wrong_currency', 'wrong_reference'] as const;
/** In what an answer differs from what was asked. */
type Misstatement = (typeof MISSTATEMENTS)[number];

/** How a situation is brought about: the token to charge, or why this provider cannot be brought into it. */
export type Arranged = { readonly token: string } | { readonly skip: string };

/** One authorization as the provider's own books have it. */
interface BookedAuthorization {
  readonly reference: string;
  /** Idempotency key that came with it. */
  readonly key: string;
  /** Money is held or taken. */
  readonly live: boolean;
  readonly capturedAmount: number;
  readonly refundedAmount: number;
}

/** An adapter and the provider behind it, fresh for each test. */
export interface ProviderUnderTest {
  readonly provider: Provider;
  arrange(situation: Situation): Promise<Arranged>;
  /**
   * Makes the next such operation fail: `lost` is processed and never answered, `unprocessed` said not to be, `bare_403`
   * is processed and answered by somebody on the way back, the others are processed and answered with what is not true. Or says why its answer has nothing to misstate there.
   */
  fail(
    operation: FaultyOperation,
    how: 'lost' | 'unprocessed' | 'bare_403' | Misstatement,
  ): Promise<{ readonly skip: string } | undefined>;
  /** The next authorization (of two steps, the second) is found wanting by the provider itself, and not carried out. */
  findWanting(): { readonly skip: string } | undefined;
  /** What the provider has sent by itself so far, where that is how it tells what became of what it was asked for. */
  sent?(): readonly NoticeMessage[];
  /** The form that a key of ours has on the wire, where the provider takes no other. */
  keyOnWire?(providerKey: string): string;
  books(): readonly BookedAuthorization[];
  /** Requests to authorize, capture, void or refund that reached the provider. */
  requests(): number;
  /** Texts that may stand in no code: credentials and the like. */
  readonly secrets: readonly string[];
  /** In what an authorization must differ from the sample, because the provider cannot be told it; left out: nothing. */
  readonly request?: Partial<AuthorizationRequest>;
  /** A decline that means "do not honor", as the provider codes it; left out: by the network's own code. */
  readonly doNotHonor?: { readonly code: string; readonly networkCode: string | null };
  stop(): Promise<void>;
}

export interface ProviderHarness {
  start(clock: FakeClock): Promise<ProviderUnderTest>;
}

/** What must come out of a situation. */
interface Expected {
  readonly kind: OutcomeKind;
  /** Live authorizations in the provider's books afterwards. */
  readonly live: 0 | 1;
  /** Requests that reached the provider. */
  readonly requests: 0 | 1;
  readonly mayFailOver: boolean;
  readonly more?: (outcome: AttemptOutcome) => void;
}

const DEADLINE_MS = 4_000;

/** Names of operations in the form that the gateway gives them, by which events are recognized. */
const VOID_ID = 'void_abc_1';
const CAPTURE_ID = 'cap_abc_2';
const REFUND_ID = 'ref_abc_3';
const ANOTHER_VOID_ID = 'void_abc_4';
const WATCHED_IDS = { void: 'void_abc_7', capture: 'cap_abc_7', refund: 'ref_abc_7' } as const;
const CAVV = 'AJkBBkhgQQAAAAE4hUlUAAAAAAA=';

const EXPECTED: Readonly<Record<Situation, Expected>> = {
  approve: { kind: 'approved', live: 1, requests: 1, mayFailOver: false, more: hasReference },
  decline_soft: {
    kind: 'declined',
    live: 0,
    requests: 1,
    mayFailOver: true,
    more: (outcome) =>
      expect(outcome).toMatchObject({
        decline: { category: 'soft_decline_issuer', otherProvider: 'yes_once' },
      }),
  },
  decline_hard: {
    kind: 'declined',
    live: 0,
    requests: 1,
    mayFailOver: false,
    more: (outcome) =>
      expect(outcome).toMatchObject({ decline: { category: 'hard_decline_issuer', otherProvider: 'never' } }),
  },
  decline_unmapped: {
    kind: 'declined',
    live: 0,
    requests: 1,
    mayFailOver: false,
    more: (outcome) => expect(outcome).toMatchObject({ decline: { category: 'unmapped' } }),
  },
  decline_hiding_approval: {
    kind: 'declined',
    live: 0,
    requests: 1,
    mayFailOver: false,
    more: (outcome) => expect(outcome).toMatchObject({ decline: { mayHideApproval: true } }),
  },
  authentication_required: { kind: 'authentication_required', live: 0, requests: 1, mayFailOver: false },
  approve_partially: {
    kind: 'partially_approved',
    live: 1,
    requests: 1,
    mayFailOver: false,
    more: (outcome) => {
      hasReference(outcome);
      if (outcome.kind !== 'partially_approved') return;
      expect(outcome.authorizedAmount).toBeGreaterThan(0);
      expect(outcome.authorizedAmount).toBeLessThan(sampleRequest().amount.value);
      expect(outcome.reversal).toBe('none');
    },
  },
  stay_pending: { kind: 'pending', live: 0, requests: 1, mayFailOver: false, more: hasReference },
  refuse_connections: {
    kind: 'not_sent',
    live: 0,
    requests: 0,
    mayFailOver: true,
    more: (outcome) => expect(outcome).toEqual({ kind: 'not_sent', code: 'ECONNREFUSED' }),
  },
  reset_unprocessed: { kind: 'unknown', live: 0, requests: 1, mayFailOver: false },
  reset_processed: { kind: 'unknown', live: 1, requests: 1, mayFailOver: false },
  hang_unprocessed: { kind: 'unknown', live: 0, requests: 1, mayFailOver: false },
  answer_late: { kind: 'unknown', live: 1, requests: 1, mayFailOver: false },
  truncate_answer: { kind: 'unknown', live: 1, requests: 1, mayFailOver: false },
  answer_garbage: { kind: 'unknown', live: 1, requests: 1, mayFailOver: false },
  answer_wrong_amount: { kind: 'unknown', live: 1, requests: 1, mayFailOver: false },
  answer_wrong_currency: { kind: 'unknown', live: 1, requests: 1, mayFailOver: false },
  answer_wrong_reference: { kind: 'unknown', live: 1, requests: 1, mayFailOver: false },
  rate_limit: {
    kind: 'rejected',
    live: 0,
    requests: 1,
    mayFailOver: true,
    more: (outcome) => expect(outcome).toMatchObject({ reason: 'rate_limited', retryAfterMs: 7_000 }),
  },
  refuse_credentials: {
    kind: 'rejected',
    live: 0,
    requests: 1,
    mayFailOver: true,
    more: (outcome) => expect(outcome).toMatchObject({ reason: 'configuration', retryAfterMs: null }),
  },
  fail_not_processed: {
    kind: 'rejected',
    live: 0,
    requests: 1,
    mayFailOver: true,
    more: (outcome) => expect(outcome).toMatchObject({ reason: 'transient' }),
  },
  fail_processed: { kind: 'unknown', live: 1, requests: 1, mayFailOver: false },
  fail_unprocessed_unsaid: { kind: 'unknown', live: 0, requests: 1, mayFailOver: false },
  bare_401: { kind: 'unknown', live: 1, requests: 1, mayFailOver: false },
  bare_403: { kind: 'unknown', live: 1, requests: 1, mayFailOver: false },
  bare_404: { kind: 'unknown', live: 1, requests: 1, mayFailOver: false },
  bare_429: { kind: 'unknown', live: 1, requests: 1, mayFailOver: false },
};

/** Situations without an answer: the deadline has to come. */
const WITHOUT_ANSWER: ReadonlySet<Situation> = new Set(['hang_unprocessed', 'answer_late']);

function hasReference(outcome: AttemptOutcome): void {
  expect('providerReference' in outcome && outcome.providerReference).toBeTruthy();
}

/** What every adapter must do, tried on the real provider behind it or a server that behaves like it. */
export function providerContract(name: string, harness: ProviderHarness): void {
  describe(`provider contract: ${name}`, () => {
    let clock: FakeClock;
    let stopper: AbortController;
    let tested: ProviderUnderTest;
    /** Ids that the adapter made durable. */
    let prepared: string[];

    beforeEach(async () => {
      clock = new FakeClock();
      stopper = new AbortController();
      prepared = [];
      tested = await harness.start(clock);
    });

    afterEach(async () => {
      tested.provider.close();
      await tested.stop();
      expect(clock.pendingTimers, 'timers left behind').toBe(0);
    });

    const budget = (): CallBudget => ({
      deadlineMs: clock.monotonicMs() + DEADLINE_MS,
      connectTimeoutMs: 1_000,
      signal: stopper.signal,
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    });

    const callFor = (token: string, attemptId = 'att_abc_1'): AuthorizeCall => ({
      attemptId,
      providerKey: attemptId,
      token,
      brand: 'visa',
      scaRegion: false,
      budget: budget(),
      isRepeat: false,
      preparedReference: null,
      prepared: async (reference) => {
        prepared.push(reference);
        return true;
      },
      request: sampleRequest({
        threeDs: { eci: '05', cavv: CAVV, dsTransactionId: 'ds-1', version: '2.2.0', exemption: null },
        ...tested.request,
      }),
    });

    const arrange = async (situation: Situation, test: TestContext): Promise<string> => {
      const arranged = await tested.arrange(situation);
      if ('skip' in arranged) {
        expect(arranged.skip.length, 'a skip needs a reason').toBeGreaterThan(10);
        return test.skip(arranged.skip);
      }
      return arranged.token;
    };

    /** Waits for the provider to have read a request; it may say nothing about it. */
    const requestsReached = async (count: number): Promise<void> => {
      while (tested.requests() < count) await new Promise(setImmediate);
      // What it does with the request may take another turn.
      for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
    };

    const approved = async (
      test: TestContext,
    ): Promise<{ call: AuthorizeCall; operation: OperationCall }> => {
      const call = callFor(await arrange('approve', test));
      const outcome = await tested.provider.authorize(call);
      expect(outcome.kind).toBe('approved');
      const providerReference = outcome.kind === 'approved' ? outcome.providerReference : '';
      const { amount } = call.request;
      const operation = {
        operationId: VOID_ID,
        attemptId: call.attemptId,
        providerReference,
        providerKey: `${call.providerKey}_op`,
        amount,
        final: true,
        budget: budget(),
      };
      return { call, operation };
    };

    /** By our own reference where there is none of the provider's, and the provider knows it. */
    const inquire = (call: AuthorizeCall, providerReference: string | null): Promise<InquiryAnswer> =>
      tested.provider.inquire({
        attemptId: call.attemptId,
        providerReference:
          tested.provider.semantics.inquiry === 'provider_reference'
            ? (providerReference ?? prepared.at(-1) ?? 'no-such-id')
            : providerReference,
        // As the journal has it: without the CAVV.
        request: { ...call.request, threeDs: null },
        brand: call.brand,
        scaRegion: call.scaRegion,
        budget: budget(),
      });

    const live = () => tested.books().filter((entry) => entry.live);

    const misstate = async (operation: FaultyOperation, how: Misstatement, test: TestContext) => {
      const arranged = await tested.fail(operation, how);
      if (arranged !== undefined) test.skip(arranged.skip);
    };

    /** What everything that the provider has sent by itself says about an attempt and its operations. */
    const evidenceOf = async (
      { attemptId, request = sampleRequest() }: Pick<OperationCall, 'attemptId'> & Partial<AuthorizeCall>,
      providerReference: string | null,
      operations: readonly (OperationCall & { readonly operation: OperationKind })[],
    ): Promise<readonly NoticeEvidence[]> => {
      const subject = {
        attemptId,
        request,
        brand: 'visa',
        scaRegion: false,
        providerReference,
        operations,
        operationReferences: [],
      } as const;
      const evidence: NoticeEvidence[] = [];
      for (const message of tested.sent?.() ?? []) {
        const reading = await tested.provider.readNotices(message);
        if (reading.kind !== 'read') throw new Error(`an event was not read: ${JSON.stringify(reading)}`);
        for (const notice of reading.notices) evidence.push(tested.provider.evidenceIn(notice, subject));
      }
      return evidence;
    };

    /** What is found out about an attempt: by an inquiry, or where there is none by what the provider sends. */
    const found = async (call: AuthorizeCall, providerReference: string | null): Promise<InquiryAnswer> => {
      const answer = await inquire(call, providerReference);
      if (tested.provider.semantics.inquiry !== 'none') return answer;
      expect(answer).toMatchObject({ kind: 'no_answer' });
      const told = (await evidenceOf(call, providerReference, [])).findLast(({ kind }) => kind === 'attempt');
      return told?.kind === 'attempt' ? { kind: 'found', outcome: told.outcome } : answer;
    };

    /** How an operation ends: as it was answered; where it was only acknowledged, as the provider tells afterwards. */
    const ended = async (
      operation: OperationKind,
      call: OperationCall,
      outcome?: OperationOutcome,
    ): Promise<OperationOutcome['kind']> => {
      const answered = outcome ?? (await tested.provider[operation](call));
      if (answered.kind !== 'accepted') return answered.kind;
      const asked = { ...call, operation };
      let inquiry = tested.provider.semantics.operationInquiry
        ? await tested.provider.inquireOperation({ ...asked, budget: budget() })
        : null;
      for (const each of await evidenceOf(call, call.providerReference, [asked])) {
        if (each.kind === 'operation' && each.operationId === call.operationId) inquiry = each.inquiry;
      }
      switch (inquiry?.kind) {
        case 'confirmed':
          return 'confirmed';
        case 'failed':
          return 'refused';
        default:
          return 'accepted';
      }
    };

    describe('authorize', () => {
      it.for(SITUATIONS)('situation %s', async (situation, test) => {
        const expected = EXPECTED[situation];
        const call = callFor(await arrange(situation, test));
        const answer = tested.provider.authorize(call);
        if (WITHOUT_ANSWER.has(situation)) {
          await requestsReached(1);
          await clock.advance(DEADLINE_MS);
        }
        const outcome = await answer;
        expect(outcome).toMatchObject({ kind: expected.kind });
        expect(judgeOutcome(outcome, { acceptPartial: false, undone: false }).mayFailOver).toBe(
          expected.mayFailOver,
        );
        expected.more?.(outcome);
        expect(tested.requests(), 'requests').toBe(expected.requests);
        expect(live(), 'live authorizations').toHaveLength(expected.live);
        const told = JSON.stringify(outcome);
        for (const secret of [call.token, CAVV, '45717360', ...tested.secrets]) {
          expect(told).not.toContain(secret);
        }
      });

      it('sends the key and the reference that it was given', async (test) => {
        const call = { ...callFor(await arrange('approve', test)), providerKey: 'att_abc_1_key' };
        await tested.provider.authorize(call);
        const key = tested.keyOnWire?.('att_abc_1_key') ?? 'att_abc_1_key';
        expect(tested.books()).toMatchObject([{ reference: 'att_abc_1', key }]);
      });

      it('the same call again is the same authorization', async (test) => {
        const call = callFor(await arrange('approve', test));
        const first = await tested.provider.authorize(call);
        const second = await tested.provider.authorize(call);
        expect(second).toEqual(first);
        expect(tested.books()).toHaveLength(1);
      });

      it('the same key for something else is no approval and no negative', async (test) => {
        const call = callFor(await arrange('approve', test));
        await tested.provider.authorize(call);
        const other = { ...call.request, amount: { value: 1, currency: 'EUR' } };
        const outcome = await tested.provider.authorize({ ...call, request: other });
        expect(outcome.kind).toBe('unknown');
        expect(tested.books()).toHaveLength(1);
      });

      it('a deadline that has passed keeps the request back', async (test) => {
        const call = callFor(await arrange('approve', test));
        await clock.advance(DEADLINE_MS);
        expect(await tested.provider.authorize(call)).toEqual({ kind: 'not_sent', code: 'deadline_passed' });
        expect(tested.requests()).toBe(0);
      });

      it('a signal that came keeps the request back', async (test) => {
        const call = callFor(await arrange('approve', test));
        stopper.abort();
        expect(await tested.provider.authorize(call)).toEqual({ kind: 'not_sent', code: 'draining' });
        expect(tested.requests()).toBe(0);
      });

      it('a signal ends what was handed over as unknown', async (test) => {
        const call = callFor(await arrange('hang_unprocessed', test));
        const answer = tested.provider.authorize(call);
        await requestsReached(1);
        stopper.abort();
        expect(await answer).toMatchObject({ kind: 'unknown' });
      });

      it('many at once are each authorized once', async (test) => {
        const token = await arrange('approve', test);
        const outcomes = await Promise.all(
          Array.from({ length: 40 }, (_, index) =>
            tested.provider.authorize(callFor(token, `att_m_${index}`)),
          ),
        );
        expect(outcomes.map((outcome) => outcome.kind)).toEqual(outcomes.map(() => 'approved'));
        expect(new Set(live().map((entry) => entry.reference)).size).toBe(40);
        expect(live()).toHaveLength(40);
      });
    });

    describe('a repeat that is turned away', () => {
      /** Kinds of outcomes by which nothing is settled: what a repeat says of itself. */
      const ABOUT_REPEAT: readonly OutcomeKind[] = ['unknown', 'rejected', 'not_sent'];

      const repeated = async (first: 'reset_processed' | 'reset_unprocessed', test: TestContext) => {
        const call = callFor(await arrange(first, test));
        expect((await tested.provider.authorize(call)).kind).toBe('unknown');
        return { ...call, budget: budget(), isRepeat: true, preparedReference: prepared[0] ?? null };
      };

      it.for([
        ['reset_processed', 'found_wanting'],
        ['reset_unprocessed', 'found_wanting'],
        ['reset_processed', 'rate_limit'],
        ['reset_processed', 'refuse_credentials'],
        ['reset_processed', 'fail_not_processed'],
        ['reset_processed', 'bare_403'],
      ] as const)('says nothing of the first request: %s, then %s', async ([first, how], test) => {
        const repeat = await repeated(first, test);
        if (how === 'found_wanting') {
          const arranged = tested.findWanting();
          if (arranged !== undefined) test.skip(arranged.skip);
        } else await arrange(how, test);
        const outcome = await tested.provider.authorize(repeat);
        // What it came to may be read there all the same.
        const isTold = live().length === 1 && outcome.kind === 'approved';
        if (!isTold) expect(ABOUT_REPEAT).toContain(outcome.kind);
      });

      it('tells an answer that is kept under the key', async (test) => {
        const call = callFor(await arrange('decline_soft', test));
        const first = await tested.provider.authorize(call);
        const again = { ...call, isRepeat: true, preparedReference: prepared[0] ?? null };
        expect(await tested.provider.authorize(again)).toEqual(first);
      });
    });

    describe('two steps', () => {
      it('are told to the gateway before money can move, or there is one', async (test) => {
        const call = callFor(await arrange('approve', test));
        const liveWhenPrepared: number[] = [];
        const outcome = await tested.provider.authorize({
          ...call,
          prepared: async (reference) => {
            prepared.push(reference);
            liveWhenPrepared.push(live().length);
            return true;
          },
        });
        expect(outcome.kind).toBe('approved');
        expect(prepared).toHaveLength(tested.provider.semantics.twoSteps ? 1 : 0);
        expect(liveWhenPrepared.every((count) => count === 0)).toBe(true);
      });

      const unconfirmed = async (
        test: TestContext,
      ): Promise<AuthorizeCall & { preparedReference: string }> => {
        if (!tested.provider.semantics.twoSteps) test.skip('this provider takes one step');
        const call = callFor(await arrange('approve', test));
        const outcome = await tested.provider.authorize({
          ...call,
          prepared: async (reference) => {
            prepared.push(reference);
            return false;
          },
        });
        expect(outcome).toMatchObject({ kind: 'rejected', reason: 'transient' });
        expect(prepared).toHaveLength(1);
        expect(live()).toEqual([]);
        return { ...call, preparedReference: prepared[0] as string };
      };

      it('end with the first where its id is not durable', async (test) => {
        const call = await unconfirmed(test);
        const answer = await inquire(call, call.preparedReference);
        // No evidence either way: the second step might be on its way.
        expect(['unconfirmed', 'not_found']).toContain(answer.kind);
      });

      it('come to nothing once what was prepared is cancelled', async (test) => {
        const call = await unconfirmed(test);
        const answer = await inquire(call, call.preparedReference);
        if (answer.kind !== 'unconfirmed') test.skip('what was prepared cannot be cancelled there');
        const cancelled = await tested.provider.void({
          operationId: VOID_ID,
          attemptId: call.attemptId,
          providerReference: call.preparedReference,
          providerKey: `${call.providerKey}_op`,
          amount: call.request.amount,
          final: false,
          budget: budget(),
        });
        expect(cancelled.kind).toBe('confirmed');
        const late = await tested.provider.authorize(call);
        expect(['approved', 'partially_approved', 'pending']).not.toContain(late.kind);
        expect(live()).toEqual([]);
        const afterwards = await inquire(call, call.preparedReference);
        expect(afterwards).toMatchObject({
          kind: 'found',
          outcome: { kind: 'rejected', reason: 'cancelled' },
        });
      });

      it('are not begun anew where the first was taken', async (test) => {
        const call = await unconfirmed(test);
        const outcome = await tested.provider.authorize(call);
        expect(outcome).toMatchObject({ kind: 'approved', providerReference: call.preparedReference });
        expect(prepared).toHaveLength(1);
        expect(tested.books()).toHaveLength(1);
      });
    });
    describe('inquire', () => {
      it('finds an authorization by its id and by our reference', async (test) => {
        const { call, operation } = await approved(test);
        const approval = { kind: 'found', outcome: { kind: 'approved' } };
        expect(await found(call, operation.providerReference)).toMatchObject(approval);
        expect(await found(call, null)).toMatchObject(approval);
      });

      it.for(['reset_processed', 'answer_garbage', 'fail_processed'] as const)(
        'tells what became of an unknown: %s',
        async (situation, test) => {
          const call = callFor(await arrange(situation, test));
          expect((await tested.provider.authorize(call)).kind).toBe('unknown');
          const answer = await found(call, null);
          expect(answer).toMatchObject({ kind: 'found', outcome: { kind: 'approved' } });
        },
      );

      it('does not find what was never processed', async (test) => {
        const call = callFor(await arrange('reset_unprocessed', test));
        expect((await tested.provider.authorize(call)).kind).toBe('unknown');
        const answer = await found(call, null);
        const { inquiry, twoSteps } = tested.provider.semantics;
        // What was prepared and cannot be cancelled is as good as not there.
        const unseen = twoSteps ? ['unconfirmed', 'not_found'] : ['not_found'];
        expect(inquiry === 'none' ? ['no_answer'] : unseen).toContain(answer.kind);
      });

      it.for(['decline_soft', 'authentication_required', 'stay_pending', 'approve_partially'] as const)(
        'tells the same outcome as the answer did: %s',
        async (situation, test) => {
          const call = callFor(await arrange(situation, test));
          const outcome = await tested.provider.authorize(call);
          const answer = await found(call, null);
          const canAsk = tested.provider.semantics.inquiry !== 'none';
          if (!canAsk && answer.kind === 'no_answer')
            test.skip('this provider sends nothing of what is not decided');
          expect(answer).toEqual({ kind: 'found', outcome });
        },
      );

      it('an authorization of another amount is no evidence', async (test) => {
        const { call } = await approved(test);
        const request = { ...call.request, amount: { value: 1, currency: 'EUR' } };
        expect(await found({ ...call, request }, null)).toMatchObject({ kind: 'no_answer' });
      });

      it('a voided authorization is told as undone', async (test) => {
        const { call, operation } = await approved(test);
        expect(await ended('void', operation)).toBe('confirmed');
        if (tested.provider.semantics.inquiry === 'none') test.skip('this provider has no inquiry');
        const answer = await inquire(call, operation.providerReference);
        expect(answer).toMatchObject({
          kind: 'found',
          outcome: { kind: 'partially_approved', reversal: 'confirmed' },
        });
      });

      it.for(['lost', 'unprocessed'] as const)(
        'a failure of the inquiry itself is no evidence: %s',
        async (how, test) => {
          const call = callFor('tok_none');
          if (tested.provider.semantics.inquiry === 'none') test.skip('this provider has no inquiry');
          await tested.fail('inquire', how);
          expect(await inquire(call, null)).toMatchObject({ kind: 'no_answer' });
        },
      );

      it('no connection is no evidence', async (test) => {
        const call = callFor(await arrange('refuse_connections', test));
        if (tested.provider.semantics.inquiry === 'none') test.skip('this provider has no inquiry');
        expect(await inquire(call, null)).toEqual({ kind: 'no_answer', code: 'ECONNREFUSED' });
      });
    });

    describe('operations', () => {
      it('void undoes, once', async (test) => {
        const { operation } = await approved(test);
        expect(await ended('void', operation)).toBe('confirmed');
        expect(live()).toHaveLength(0);
        expect(await ended('void', operation)).toBe('confirmed');
        // Another void finds nothing to undo. A provider without keys for voids says of each that it is undone.
        const another = { ...operation, operationId: ANOTHER_VOID_ID, providerKey: 'another' };
        expect(['refused', 'confirmed']).toContain(await ended('void', another));
        expect(live()).toHaveLength(0);
      });

      it('capture and refund move what they were told', async (test) => {
        const { operation } = await approved(test);
        const amount = { value: 1_000, currency: 'EUR' };
        const capture = { ...operation, operationId: CAPTURE_ID, providerKey: 'c1', amount };
        expect(await ended('capture', capture)).toBe('confirmed');
        expect(await ended('capture', capture)).toBe('confirmed');
        expect(tested.books()).toMatchObject([{ capturedAmount: 1_000, refundedAmount: 0 }]);
        const less = { value: 400, currency: 'EUR' };
        const refund = { ...operation, operationId: REFUND_ID, providerKey: 'r1', amount: less };
        expect(await ended('refund', refund)).toBe('confirmed');
        expect(tested.books()).toMatchObject([{ capturedAmount: 1_000, refundedAmount: 400 }]);
      });

      it('more than there is, and what does not exist, is refused', async (test) => {
        const { operation } = await approved(test);
        const amount = { value: 5_000, currency: 'EUR' };
        const tooMuch = { ...operation, operationId: CAPTURE_ID, providerKey: 'c1', amount };
        expect(await ended('capture', tooMuch)).toBe('refused');
        const refund = { ...operation, operationId: REFUND_ID, providerKey: 'r1' };
        expect(await ended('refund', refund)).toBe('refused');
        const nowhere = { ...operation, providerReference: 'no-such-id', providerKey: 'v2' };
        // What is to be undone may still be on its way there: no evidence that there is nothing.
        expect(await tested.provider.void(nowhere)).toEqual({ kind: 'not_found' });
        expect(await tested.provider.capture({ ...nowhere, providerKey: 'c2' })).toMatchObject({
          kind: 'refused',
        });
      });

      it.for(['void', 'capture', 'refund'] as const)(
        '%s: lost is unknown, unprocessed may be repeated',
        async (name, test) => {
          const { operation } = await approved(test);
          if (name === 'refund') {
            await tested.provider.capture({ ...operation, operationId: CAPTURE_ID, providerKey: 'c' });
          }
          const call = { ...operation, operationId: WATCHED_IDS[name] };
          await tested.fail(name, 'unprocessed');
          const first = { ...call, providerKey: 'k1' };
          expect(await tested.provider[name](first)).toMatchObject({ kind: 'rejected' });
          await tested.fail(name, 'lost');
          const second = { ...call, providerKey: 'k2' };
          expect(await tested.provider[name](second)).toMatchObject({ kind: 'unknown' });
          // The same key again tells what it came to, without doing it twice.
          expect(await ended(name, second)).toBe('confirmed');
        },
      );

      it.for(['void', 'capture', 'refund'] as const)(
        '%s: a bare status of somebody on the way back is no evidence',
        async (name, test) => {
          const { operation } = await approved(test);
          if (name === 'refund') {
            await tested.provider.capture({ ...operation, operationId: CAPTURE_ID, providerKey: 'c' });
          }
          const call = { ...operation, operationId: WATCHED_IDS[name], providerKey: 'k1' };
          const arranged = await tested.fail(name, 'bare_403');
          if (arranged !== undefined) test.skip(arranged.skip);
          expect(await tested.provider[name](call)).toEqual({ kind: 'unknown', code: 'http_403' });
        },
      );

      it.for(['void', 'capture', 'refund'] as const)(
        '%s: an inquiry tells what became of it, by our own name for it',
        async (name, test) => {
          const { operation } = await approved(test);
          if (!tested.provider.semantics.operationInquiry) test.skip('this provider has no such inquiry');
          if (name === 'refund') await tested.provider.capture({ ...operation, operationId: CAPTURE_ID });
          const call = { ...operation, operationId: WATCHED_IDS[name], providerKey: 'k7' };
          const ask = () => tested.provider.inquireOperation({ ...call, operation: name, budget: budget() });
          expect(await ask()).toEqual({ kind: 'not_found' });
          await tested.fail(name, 'lost');
          expect(await tested.provider[name](call)).toMatchObject({ kind: 'unknown' });
          expect(await ask()).toMatchObject({ kind: 'confirmed' });
          await tested.fail('inquire', 'lost');
          expect(await ask()).toMatchObject({ kind: 'no_answer' });
        },
      );

      it.for(
        MISSTATEMENTS.flatMap((how) =>
          (['void', 'capture', 'refund'] as const).map((name) => ({ how, name })),
        ),
      )('$name: an answer with a $how is no evidence', async ({ how, name }, test) => {
        const { operation } = await approved(test);
        if (name === 'refund') {
          await tested.provider.capture({ ...operation, operationId: CAPTURE_ID, providerKey: 'c' });
        }
        const call = { ...operation, operationId: WATCHED_IDS[name], providerKey: 'k7' };
        await misstate(name, how, test);
        const mismatch = { code: 'answer_mismatch' };
        expect(await tested.provider[name](call)).toEqual({ kind: 'unknown', ...mismatch });
        if (!tested.provider.semantics.operationInquiry) return;
        const ask = () => tested.provider.inquireOperation({ ...call, operation: name });
        // That nothing stands there any more is told by the authorization's state, whatever it was about.
        const isTold = name === 'void' && how !== 'wrong_reference';
        await tested.fail('inquire', how);
        expect(await ask()).toMatchObject(
          isTold ? { kind: 'confirmed' } : { kind: 'no_answer', ...mismatch },
        );
        expect(await ask()).toMatchObject({ kind: 'confirmed' });
      });

      it.for(MISSTATEMENTS)(
        'a cancellation by our reference that is answered with a %s is no evidence',
        async (how, test) => {
          const { operation } = await approved(test);
          if (!tested.provider.semantics.cancelByReference) test.skip('this provider cannot');
          await misstate('void', how, test);
          const cancelled = await tested.provider.void({ ...operation, providerReference: null });
          expect(cancelled).toEqual({ kind: 'unknown', code: 'answer_mismatch' });
        },
      );

      it('cancels by our reference what it knows, and says when it knows nothing', async (test) => {
        const call = callFor(await arrange('reset_processed', test));
        if (!tested.provider.semantics.cancelByReference) test.skip('this provider cannot');
        const cancel = (attemptId: string, providerKey: string): OperationCall => ({
          operationId: VOID_ID,
          attemptId,
          providerReference: null,
          providerKey,
          amount: call.request.amount,
          final: false,
          budget: budget(),
        });
        // Where it is only acknowledged, what comes of it is that nothing was cancelled.
        expect(['not_found', 'refused']).toContain(await ended('void', cancel('att_nobody_1', 'v1')));
        expect((await tested.provider.authorize(call)).kind).toBe('unknown');
        expect(live()).toHaveLength(1);
        expect(await ended('void', cancel(call.attemptId, 'v2'))).toBe('confirmed');
        expect(live()).toHaveLength(0);
        if (tested.provider.semantics.inquiry === 'none') return;
        expect(await inquire(call, null)).toMatchObject({
          kind: 'found',
          outcome: { kind: 'partially_approved', reversal: 'confirmed' },
        });
      });

      it('without a connection nothing is sent', async (test) => {
        const { operation } = await approved(test);
        await arrange('refuse_connections', test);
        expect(await tested.provider.void(operation)).toEqual({ kind: 'not_sent', code: 'ECONNREFUSED' });
        expect(live()).toHaveLength(1);
      });
    });

    describe('classify', () => {
      const code = {
        code: 'issuer_05',
        networkCode: '05',
        advice: null,
        brand: 'visa',
        scaRegion: false,
        threeDsPresent: false,
      } as const;

      it("reads the issuer's refusal by its table, and the network's where that is stricter", async (test) => {
        const outcome = await tested.provider.authorize(callFor(await arrange('decline_soft', test)));
        const own = outcome.kind === 'declined' ? outcome.decline.code : '';
        const told = { ...code, code: own, ...tested.doNotHonor };
        expect(tested.provider.classify(told)).toMatchObject({ category: 'soft_decline_issuer' });
        const lost = { category: 'hard_decline_issuer', otherProvider: 'never' };
        expect(tested.provider.classify({ ...code, code: own, networkCode: '41' })).toMatchObject(lost);
      });

      it('a code that no table knows never fails over', () => {
        const decline = tested.provider.classify({ ...code, code: 'from_the_moon', networkCode: null });
        expect(decline).toMatchObject({ category: 'unmapped', code: 'from_the_moon' });
        expect(decline.otherProvider).not.toBe('yes_once');
      });
    });
  });
}
