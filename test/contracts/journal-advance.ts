import { describe, expect, test } from 'vitest';
import { HOLDS_PAYMENT } from '../../src/core/authorization.ts';
import { settled } from '../../src/core/settlement.ts';
import type { Journal } from '../../src/gateway/ports.ts';
import {
  answerOf,
  concluded,
  NEGATIVE,
  OUTCOME_NAMES,
  OUTCOMES,
  opened,
  sampleBegin,
  sampleConclusion,
  sampleEnd,
  sampleFailOver,
  sampleFinding,
  sampleIntent,
  sampleOpening,
  samplePrepared,
  sampleScope,
  sampleStep,
  T0,
  withOutcome,
  written,
} from './journal-fixtures.ts';

/** What `advance` writes, in every direction, and what it refuses. */
export function advanceContract(journal: () => Journal): void {
  preparedContract(journal);
  failOverContract(journal);
  concludingContract(journal);
  findingContract(journal);
  operationContract(journal);
}

const JOURNAL_ERROR = { name: 'JournalError' };

function preparedContract(journal: () => Journal): void {
  describe('advance to what a provider with two steps has prepared', () => {
    test('is kept with its attempt, whatever the outcome says afterwards', async () => {
      const prepared = await written(journal(), samplePrepared(await opened(journal(), 'auth_one'), 'pi_1'));
      expect(await journal().findAuthorization('auth_one')).toEqual(prepared);
      const concluded = await written(journal(), sampleConclusion(prepared, OUTCOMES.unknown));
      const found = await journal().findAuthorization('auth_one');
      expect(found).toEqual(concluded);
      expect(found).toMatchObject({
        providerReference: 'pi_1',
        attempts: [{ preparedReference: 'pi_1', outcome: OUTCOMES.unknown }],
      });
    });

    test('is of the last attempt, and another may be prepared for the next', async () => {
      const first = await written(journal(), samplePrepared(await opened(journal(), 'auth_one'), 'pi_1'));
      const second = await written(journal(), sampleFailOver(first, OUTCOMES.rejected));
      const prepared = await written(journal(), samplePrepared(second, 'pi_2'));
      expect(prepared.attempts.map(({ preparedReference }) => preparedReference)).toEqual(['pi_1', 'pi_2']);
      expect(await journal().findAuthorization('auth_one')).toEqual(prepared);
    });

    test('is noted once, and only while the request is under way', async () => {
      const prepared = await written(journal(), samplePrepared(await opened(journal(), 'auth_one'), 'pi_1'));
      await expect(journal().advance(samplePrepared(prepared, 'pi_2'))).rejects.toMatchObject(JOURNAL_ERROR);
      const unknown = await concluded(journal(), 'auth_two', OUTCOMES.unknown);
      await expect(journal().advance(samplePrepared(unknown, 'pi_3'))).rejects.toMatchObject(JOURNAL_ERROR);
      expect(await journal().findAuthorization('auth_one')).toEqual(prepared);
      expect(await journal().findAuthorization('auth_two')).toEqual(unknown);
    });

    test('comes too late where somebody else has moved the authorization on', async () => {
      const before = await opened(journal(), 'auth_one');
      const closed = await written(journal(), sampleConclusion(before, OUTCOMES.unknown));
      expect(await journal().advance(samplePrepared(before, 'pi_1'))).toEqual({ kind: 'stale' });
      expect(await journal().findAuthorization('auth_one')).toEqual(closed);
    });
  });
}

function failOverContract(journal: () => Journal): void {
  describe('advance to another attempt', () => {
    test.each(OUTCOME_NAMES)('after %s: only after a definite negative', async (name) => {
      const before = await opened(journal(), 'auth_one');
      const step = sampleFailOver(before, OUTCOMES[name]);
      if (NEGATIVE.includes(name)) {
        const after = await written(journal(), step);
        expect(after).toMatchObject({ version: 2, status: 'pending', open: true });
        expect(await journal().findAuthorization('auth_one')).toEqual(after);
      } else {
        await expect(journal().advance(step)).rejects.toMatchObject(JOURNAL_ERROR);
        expect(await journal().findAuthorization('auth_one')).toEqual(before);
      }
    });

    test('twice at once: one is written, the other is stale', async () => {
      const step = sampleFailOver(await opened(journal(), 'auth_one'));
      const results = await Promise.all([journal().advance(step), journal().advance(step)]);
      expect(results).toContainEqual({ kind: 'written', version: 2 });
      expect(results).toContainEqual({ kind: 'stale' });
      expect((await journal().findAuthorization('auth_one'))?.attempts).toHaveLength(2);
    });

    test('a third attempt needs both before it to be definite negatives', async () => {
      const second = await written(journal(), sampleFailOver(await opened(journal(), 'auth_one')));
      await expect(journal().advance(sampleFailOver(second, OUTCOMES.unknown))).rejects.toMatchObject(
        JOURNAL_ERROR,
      );
      expect(await written(journal(), sampleFailOver(second, OUTCOMES.declined))).toMatchObject({
        version: 3,
      });
    });

    test('not once the road is over, and not while something is being undone', async () => {
      const ended = await written(
        journal(),
        sampleConclusion(await opened(journal(), 'auth_one'), OUTCOMES.unknown),
      );
      await expect(journal().advance(sampleFailOver(ended, OUTCOMES.rejected))).rejects.toThrow(
        /road .* is over/,
      );
      const first = await written(journal(), sampleFailOver(await opened(journal(), 'auth_two')));
      const found = await written(journal(), sampleFinding(first, 1, OUTCOMES.approved));
      expect(found.operations).toMatchObject([{ kind: 'void', purpose: 'late_approval', status: 'pending' }]);
      await expect(journal().advance(sampleFailOver(found, OUTCOMES.rejected))).rejects.toThrow(
        /being undone/,
      );
    });

    test('after a partial approval that was undone within the request', async () => {
      const open = await opened(journal(), 'auth_one');
      const partial = withOutcome(open, 1, OUTCOMES.partialStanding, T0 + 50, 40);
      const reversing = await written(journal(), sampleStep(open, partial, { leaseUntilMs: T0 + 60_000 }));
      expect(reversing).toMatchObject({ status: 'reversing', open: true });
      await expect(journal().advance(sampleFailOver(reversing))).rejects.toMatchObject(JOURNAL_ERROR);
      const undone = sampleEnd(reversing, 1).after;
      const step = sampleFailOver({ ...undone, version: reversing.version });
      const after = await written(journal(), { ...step, before: reversing });
      expect(after).toMatchObject({
        status: 'pending',
        attempts: [{ number: 1 }, { number: 2, outcome: null }],
      });
      expect(await journal().findAuthorization('auth_one')).toEqual(after);
    });

    test('refuses an intent that is not about the attempt it adds', async () => {
      const before = await opened(journal(), 'auth_one');
      const step = sampleFailOver(before);
      for (const intent of [null, sampleIntent('auth_one', 3), sampleIntent('auth_two', 2)]) {
        await expect(journal().advance({ ...step, intent })).rejects.toMatchObject({
          name: 'InvariantError',
        });
      }
    });
  });
}

function concludingContract(journal: () => Journal): void {
  describe('advance to the end of the road', () => {
    test.each(OUTCOME_NAMES)('after %s: holds the payment or lets it go', async (name) => {
      const step = sampleConclusion(await opened(journal(), 'auth_one'), OUTCOMES[name]);
      const after = await written(journal(), step);
      expect(await journal().findAuthorization('auth_one')).toEqual(after);
      expect(await journal().findClaim(sampleScope('auth_one'))).toMatchObject({
        open: false,
        frozen: step.frozen,
      });
      const next = await journal().open(
        sampleOpening('auth_two', { request: { reference: 'order-auth_one' } }),
      );
      expect(next.kind).toBe(HOLDS_PAYMENT[after.status] ? 'payment_live' : 'opened');
    });

    test.each(['unknown', 'pending', 'approved', 'partialStanding', 'declinedHiding'] as const)(
      'never lets a payment go after %s',
      async (name) => {
        const before = await opened(journal(), 'auth_one');
        const known = withOutcome(before, 1, OUTCOMES[name], T0 + 100, 1);
        const wrong = { ...known, open: false, status: 'failed', authorizedAmount: 0 } as const;
        await expect(journal().advance(sampleStep(before, wrong))).rejects.toMatchObject(JOURNAL_ERROR);
        expect(await journal().findAuthorization('auth_one')).toEqual(before);
      },
    );

    test('twice at once: one is written, the other is stale', async () => {
      const before = await opened(journal(), 'auth_one');
      const results = await Promise.all([
        journal().advance(sampleConclusion(before)),
        journal().advance(sampleConclusion(before, OUTCOMES.declined)),
      ]);
      expect(results).toEqual([{ kind: 'written', version: 2 }, { kind: 'stale' }]);
      expect((await journal().findAuthorization('auth_one'))?.status).toBe('approved');
    });

    test('is stale at another version, and for an authorization that is not there', async () => {
      const before = await opened(journal(), 'auth_one');
      for (const wrong of [
        { ...before, version: 2 },
        { ...before, version: 0 },
        sampleOpening('auth_two').authorization,
      ]) {
        expect(await journal().advance(sampleConclusion(wrong))).toEqual({ kind: 'stale' });
      }
      expect(await journal().findAuthorization('auth_one')).toEqual(before);
    });

    test('refuses to freeze an answer while something is being found out, and a second answer', async () => {
      const before = await opened(journal(), 'auth_one');
      const step = sampleConclusion(before, OUTCOMES.unknown);
      const frozen = { httpStatus: 202, body: '{}' };
      await expect(
        journal().advance({ ...step, frozen, after: { ...step.after, answered: true } }),
      ).rejects.toThrow(/frozen/);
      const answered = await written(journal(), sampleConclusion(before));
      const again = sampleBegin(answered);
      await expect(journal().advance({ ...again, frozen: answerOf(again.after) })).rejects.toThrow(/frozen/);
      // The same from one that read it before the answer was there.
      const late = { ...again, before: { ...answered, answered: false }, frozen: answerOf(again.after) };
      await expect(journal().advance(late)).rejects.toThrow(/frozen once/);
    });

    test('an approval with its capture begun may be recorded while the road is open', async () => {
      const request = { capture: 'automatic' } as const;
      const open = await opened(journal(), 'auth_one', { request });
      const after = withOutcome(open, 1, OUTCOMES.approved, T0 + 50, 40);
      const approved = await written(journal(), sampleStep(open, after));
      // What is known is recorded; its state stays open as long as its road is.
      expect(approved).toMatchObject({ status: 'pending', open: true, operations: [{ kind: 'capture' }] });
      expect(await journal().findAuthorization('auth_one')).toEqual(approved);
      const captured = sampleEnd(approved, 1).after;
      const end = await written(journal(), sampleConclusion({ ...captured }, null, {}));
      expect(end).toMatchObject({ status: 'captured', open: false, capturedAmount: 4999 });
    });

    test('a road that is over is never taken up again', async () => {
      const ended = await written(
        journal(),
        sampleConclusion(await opened(journal(), 'auth_one'), OUTCOMES.unknown),
      );
      const reopened = sampleStep(ended, { ...ended, open: true });
      await expect(journal().advance(reopened)).rejects.toThrow(/never taken up/);
    });
  });
}

function findingContract(journal: () => Journal): void {
  describe('advance by what is found out', () => {
    test.each(OUTCOME_NAMES)('an unknown becomes %s', async (name) => {
      const unknown = await concluded(journal(), 'auth_one', OUTCOMES.unknown);
      const step = sampleFinding(unknown, 1, OUTCOMES[name]);
      if (name === 'unknown') {
        expect(step.after).toEqual(unknown);
        return;
      }
      const after = await written(journal(), step);
      expect(await journal().findAuthorization('auth_one')).toEqual(after);
    });

    test('an answer of the provider that it is pending becomes definite', async () => {
      const unknown = await concluded(journal(), 'auth_one', OUTCOMES.unknown);
      const pending = await written(journal(), sampleFinding(unknown, 1, OUTCOMES.pending));
      const after = await written(journal(), sampleFinding(pending, 1, OUTCOMES.declined));
      expect(await journal().findAuthorization('auth_one')).toEqual(after);
      expect(after.status).toBe('declined');
    });

    test.each([
      ['approved', 'declined'],
      ['declined', 'approved'],
      ['rejected', 'approved'],
      ['partialStanding', 'partialReversed'],
      ['authentication', 'notSent'],
      ['approved', 'unknown'],
    ] as const)('a definite outcome never changes: %s to %s', async (from, to) => {
      const before = await concluded(journal(), 'auth_one', OUTCOMES[from]);
      const attempts = before.attempts.map((attempt) => ({ ...attempt, outcome: OUTCOMES[to] }));
      const wrong = sampleStep(before, { ...before, attempts });
      await expect(journal().advance(wrong)).rejects.toThrow(/definite outcome|stays undone/);
      expect(await journal().findAuthorization('auth_one')).toEqual(before);
    });

    test('an approval is completed by the end of its validity, once', async () => {
      const before = await concluded(journal(), 'auth_one');
      const expiresAtMs = T0 + 5 * 24 * 3_600_000;
      const told = { ...OUTCOMES.approved, expiresAtMs };
      const after = await written(journal(), sampleFinding(before, 1, told));
      expect(after).toMatchObject({ expiresAtMs, attempts: [{ outcome: told }] });
      expect(await journal().findAuthorization('auth_one')).toEqual(after);
      const outcome = { ...told, expiresAtMs: expiresAtMs + 1 };
      const attempts = after.attempts.map((attempt) => ({ ...attempt, outcome }));
      await expect(journal().advance(sampleStep(after, { ...after, attempts }))).rejects.toThrow(
        /definite outcome/,
      );
    });

    test('an approval is completed by the transaction of its network, once', async () => {
      const nameless = { ...OUTCOMES.approved, networkTransaction: null };
      const before = await concluded(journal(), 'auth_one', nameless);
      const after = await written(journal(), sampleFinding(before, 1, OUTCOMES.approved));
      expect(after.networkTransaction).toEqual(OUTCOMES.approved.networkTransaction);
      expect(await journal().findAuthorization('auth_one')).toEqual(after);
      expect((await journal().historyPage('auth_one', 2, 10)).data).toMatchObject([
        { kind: 'resolved', attempts: [{ outcome: OUTCOMES.approved }] },
      ]);
      for (const networkTransaction of [null, { ...OUTCOMES.approved.networkTransaction, id: 'n2' }]) {
        const outcome = { ...OUTCOMES.approved, networkTransaction };
        const attempts = after.attempts.map((attempt) => ({ ...attempt, outcome }));
        await expect(journal().advance(sampleStep(after, { ...after, attempts }))).rejects.toThrow(
          /definite outcome/,
        );
      }
    });

    test.each([
      ['pending', { ...OUTCOMES.pending, code: 'later' }],
      ['pending', OUTCOMES.unknown],
      ['unknown', { ...OUTCOMES.unknown, code: 'other' }],
    ] as const)('%s is not replaced by what says no more', async (from, outcome) => {
      const before = await concluded(journal(), 'auth_one', OUTCOMES[from]);
      const attempts = before.attempts.map((attempt) => ({ ...attempt, outcome }));
      await expect(journal().advance(sampleStep(before, { ...before, attempts }))).rejects.toThrow(
        /says more/,
      );
    });

    test('of two that find out something else about it one is written', async () => {
      const unknown = await concluded(journal(), 'auth_one', OUTCOMES.unknown);
      const results = await Promise.all([
        journal().advance(sampleFinding(unknown, 1, OUTCOMES.approved)),
        journal().advance(sampleFinding(unknown, 1, OUTCOMES.rejected)),
      ]);
      expect(results).toEqual([{ kind: 'written', version: 3 }, { kind: 'stale' }]);
    });

    test('an approval found after the end is undone, and the payment is let go then', async () => {
      const unknown = await concluded(journal(), 'auth_one', OUTCOMES.unknown);
      const late = sampleFinding(unknown, 1, OUTCOMES.approved, { event: { atMs: T0 + 120_000 } });
      const reversing = await written(journal(), late);
      expect(reversing).toMatchObject({ status: 'reversing', operations: [{ purpose: 'late_approval' }] });
      const voided = await written(journal(), sampleEnd(reversing, 1));
      expect(voided).toMatchObject({ status: 'voided', answered: true, authorizedAmount: 0 });
      expect(await journal().findAuthorization('auth_one')).toEqual(voided);
      const request = { reference: 'order-auth_one' };
      expect(await journal().open(sampleOpening('auth_two', { request }))).toEqual({ kind: 'opened' });
    });
  });
}

function operationContract(journal: () => Journal): void {
  describe('advance by operations', () => {
    test('capture, refund and refund again, each begun and ended', async () => {
      let now = await concluded(journal(), 'auth_one');
      const steps = [
        { kind: 'capture', amount: 3000, status: 'partially_captured' },
        { kind: 'capture', amount: 1999, status: 'captured' },
        { kind: 'refund', amount: 1000, status: 'partially_refunded' },
        { kind: 'refund', amount: 3999, status: 'refunded' },
      ] as const;
      for (const [index, { kind, amount, status }] of steps.entries()) {
        now = await written(journal(), sampleBegin(now, { kind, amount }));
        expect(await journal().findAuthorization('auth_one')).toEqual(now);
        now = await written(journal(), sampleEnd(now, index + 1));
        expect(now.status).toBe(status);
        expect(await journal().findAuthorization('auth_one')).toEqual(now);
      }
    });

    test('a void gives an approval back, and a void of a void is refused', async () => {
      const approved = await concluded(journal(), 'auth_one');
      const begun = await written(journal(), sampleBegin(approved, { kind: 'void' }));
      expect(begun.status).toBe('reversing');
      await expect(journal().advance(sampleBegin(begun, { kind: 'void' }))).rejects.toMatchObject(
        JOURNAL_ERROR,
      );
      const voided = await written(journal(), sampleEnd(begun, 1));
      expect(voided.status).toBe('voided');
      await expect(journal().advance(sampleBegin(voided, { kind: 'void' }))).rejects.toThrow(
        /undone already/,
      );
    });

    test('a void that is refused leaves an approval that may be captured', async () => {
      const begun = await written(
        journal(),
        sampleBegin(await concluded(journal(), 'auth_one'), { kind: 'void' }),
      );
      await expect(journal().advance(sampleBegin(begun))).rejects.toThrow(/being undone/);
      const refused = await written(journal(), sampleEnd(begun, 1, { status: 'failed', code: 'too_late' }));
      expect(refused).toMatchObject({ status: 'approved', operations: [{ code: 'too_late' }] });
      expect(await written(journal(), sampleBegin(refused))).toMatchObject({ status: 'approved' });
    });

    test('captured money is not voided, voided money is not captured', async () => {
      const begun = await written(
        journal(),
        sampleBegin(await concluded(journal(), 'auth_one'), { amount: 1 }),
      );
      await expect(journal().advance(sampleBegin(begun, { kind: 'void' }))).rejects.toThrow(/not voided/);
      const captured = await written(journal(), sampleEnd(begun, 1));
      for (const purpose of ['requested', 'external', 'expiry'] as const) {
        const wrong = sampleBegin(captured, { kind: 'void', purpose });
        await expect(journal().advance(wrong)).rejects.toThrow(/not voided/);
      }
      const voided = await written(
        journal(),
        sampleBegin(await concluded(journal(), 'auth_two'), {
          kind: 'void',
          status: 'succeeded',
          settledAtMs: T0 + 9,
        }),
      );
      expect(voided.status).toBe('voided');
      await expect(journal().advance(sampleBegin(voided))).rejects.toThrow(/stands/);
    });

    test.each([
      ['captures beyond what was authorized', OUTCOMES.approved, 'capture', [4000, 1000]],
      ['captures beyond a partial approval', OUTCOMES.partialStanding, 'capture', [1001]],
      ['refunds of what was not captured', OUTCOMES.approved, 'refund', [1]],
    ] as const)('refuses %s', async (_what, outcome, kind, amounts) => {
      let now = await concluded(journal(), 'auth_one', outcome, { request: { acceptPartial: true } });
      for (const [index, amount] of amounts.entries()) {
        const step = sampleBegin(now, { kind, amount });
        if (index === amounts.length - 1) await expect(journal().advance(step)).rejects.toThrow(/exceed/);
        else now = await written(journal(), step);
      }
      expect(await journal().findAuthorization('auth_one')).toEqual(now);
    });

    test('pending refunds count against what was captured', async () => {
      let now = await concluded(journal(), 'auth_one');
      now = await written(journal(), sampleBegin(now, { amount: 3000 }));
      await expect(journal().advance(sampleBegin(now, { kind: 'refund', amount: 1 }))).rejects.toThrow(
        /exceed/,
      );
      now = await written(journal(), sampleEnd(now, 1));
      now = await written(journal(), sampleBegin(now, { kind: 'refund', amount: 2000 }));
      await expect(journal().advance(sampleBegin(now, { kind: 'refund', amount: 1001 }))).rejects.toThrow(
        /exceed/,
      );
      now = await written(journal(), sampleEnd(now, 2, { status: 'failed', code: 'no' }));
      expect(await written(journal(), sampleBegin(now, { kind: 'refund', amount: 3000 }))).toMatchObject({
        status: 'partially_captured',
      });
    });

    test('an operation that ended never changes', async () => {
      const begun = await written(journal(), sampleBegin(await concluded(journal(), 'auth_one')));
      const ended = await written(journal(), sampleEnd(begun, 1, { status: 'failed', code: 'no' }));
      const operations = ended.operations.map((operation) => ({
        ...operation,
        status: 'succeeded' as const,
      }));
      const wrong = settled({ ...ended, operations });
      await expect(journal().advance(sampleStep(ended, wrong))).rejects.toThrow(/ended never changes/);
    });

    test('refuses sums that the operations do not add up to', async () => {
      const begun = await written(journal(), sampleBegin(await concluded(journal(), 'auth_one')));
      const step = sampleEnd(begun, 1);
      for (const capturedAmount of [0, 1, 4998]) {
        const wrong = { ...step, after: { ...step.after, capturedAmount } };
        await expect(journal().advance(wrong)).rejects.toThrow(/sums of the operations/);
      }
      expect(await journal().findAuthorization('auth_one')).toEqual(begun);
    });

    test('keeps the key and the answer of an operation', async () => {
      const approved = await concluded(journal(), 'auth_one');
      const scope = sampleScope('auth_one', { operation: 'capture auth_one', key: 'k1' });
      const claim = { scope, bodyFingerprint: 'ef'.repeat(32) };
      const begun = await written(journal(), sampleBegin(approved, {}, { claim }));
      const record = {
        authorizationId: 'auth_one',
        operationNumber: 1,
        bodyFingerprint: claim.bodyFingerprint,
        open: false,
        frozen: null,
      };
      expect(await journal().findClaim(scope)).toEqual(record);
      const answer = { httpStatus: 201, body: '{"captured":"✓"}' };
      const operationAnswers = new Map([[1, answer]]);
      const ended = await written(journal(), sampleEnd(begun, 1, {}, { operationAnswers }));
      const settledRecord = { ...record, frozen: answer };
      expect(await journal().findClaim(scope)).toEqual(settledRecord);
      // The key of the authorization still gives the authorization's own answer.
      expect((await journal().findClaim(sampleScope('auth_one')))?.frozen).toEqual(answerOf(approved));
      const refund = { kind: 'refund', amount: 1 } as const;
      const again = await journal().advance(sampleBegin(ended, refund, { claim }));
      expect(again).toEqual({ kind: 'claimed', claim: settledRecord });
      expect(await journal().findAuthorization('auth_one')).toEqual(ended);
    });

    test('a used key is told before a version that is stale', async () => {
      const approved = await concluded(journal(), 'auth_one');
      const claim = {
        scope: sampleScope('auth_one', { operation: 'capture auth_one' }),
        bodyFingerprint: 'ef',
      };
      const step = sampleBegin(approved, { amount: 1 }, { claim });
      const results = await Promise.all([journal().advance(step), journal().advance(step)]);
      expect(results.map((result) => result.kind).sort()).toEqual(['claimed', 'written']);
      const other = sampleBegin(approved, { amount: 1 });
      expect(await journal().advance(other)).toEqual({ kind: 'stale' });
    });
  });
}
