import { describe, expect, test } from 'vitest';
import type { CallerDecision } from '../../src/core/caller-decision.ts';
import type { Exposure } from '../../src/core/experiments/assign.ts';
import type { ExposedRequest } from '../../src/core/experiments/exposed.ts';
import type {
  DecisionStep,
  ExposureCursor,
  ExposurePage,
  Journal,
  SchemeCheck,
} from '../../src/gateway/ports.ts';
import {
  NO_CEILING,
  sampleDecision,
  sampleDecisionOpening,
  sampleDecisionStep,
  sampleOffer,
} from '../support/sample-decision.ts';
import { sampleRequest } from '../support/sample-request.ts';
import { OUTCOMES, opened, ROUTING, sampleOpening, sampleScope, T0 } from './journal-fixtures.ts';

const HOUR_MS = 3_600_000;
const KEY = sampleScope('auth_one', { operation: 'decide', key: 'k' });
const check = (nowMs = T0): SchemeCheck => ({
  ...NO_CEILING,
  limits: [{ name: 'two_an_hour', windowMs: HOUR_MS, max: 2, sameAmount: false }],
  nowMs,
});

/** Decisions for callers that send themselves: kept, conditional, counted, let go. */
export function decisionContract(journal: () => Journal): void {
  const begun = async (over: Partial<CallerDecision> = {}): Promise<CallerDecision> => {
    const opening = sampleDecisionOpening(over);
    expect(await journal().openDecision(opening)).toEqual({ kind: 'opened' });
    return opening.decision;
  };
  const advanced = async (step: DecisionStep): Promise<CallerDecision> => {
    expect(await journal().advanceDecision(step)).toEqual({ kind: 'written' });
    return { ...step.after, version: step.before.version + 1 };
  };

  describe('decisions', () => {
    test('keeps everything it was given', async () => {
      const decision = await begun({ request: sampleRequest({ metadata: { channel: 'wéb ✓' } }) });
      expect(await journal().findDecision('dec_one')).toEqual(decision);
      expect(await journal().findDecision('dec_two')).toBeNull();
    });

    test('keeps reports with their answers, and who is offered next', async () => {
      const first = await begun();
      const second = await advanced(sampleDecisionStep(first, OUTCOMES.rejected, sampleOffer(2)));
      expect(await journal().findDecision('dec_one')).toEqual(second);
      const unknown = await advanced(sampleDecisionStep(second, OUTCOMES.unknown));
      const settled = await advanced(sampleDecisionStep(unknown, OUTCOMES.approved));
      expect(await journal().findDecision('dec_one')).toEqual(settled);
      expect(settled).toMatchObject({ version: 4, attempts: [{}, { reports: [{}, {}] }] });
    });

    test('a used key gives what it was used for, byte for byte, in its own account and merchant only', async () => {
      const opening = sampleDecisionOpening({}, { claim: KEY });
      await journal().openDecision(opening);
      const claim = { decisionId: 'dec_one', bodyFingerprint: 'cd'.repeat(32), answer: opening.answer };
      const again = sampleDecisionOpening(
        { id: 'dec_two' },
        { claim: KEY, bodyFingerprint: 'ef'.repeat(32) },
      );
      expect(await journal().openDecision(again)).toEqual({ kind: 'claimed', claim });
      expect(await journal().findDecision('dec_two')).toBeNull();
      expect(await journal().findDecisionClaim(KEY)).toEqual(claim);
      for (const other of [{ account: 'other' }, { merchant: 'acme-uk' }, { key: 'l' }]) {
        expect(await journal().findDecisionClaim({ ...KEY, ...other })).toBeNull();
      }
      // Keys of authorizations are others.
      await opened(journal(), 'auth_one', { key: 'k' });
      for (const id of ['dec_three', 'dec_four']) {
        expect(await journal().openDecision(sampleDecisionOpening({ id })), 'no key').toEqual({
          kind: 'opened',
        });
      }
    });

    test('of two at once with one key one opens, and the other gets its answer', async () => {
      const results = await Promise.all(
        ['dec_one', 'dec_two'].map((id) =>
          journal().openDecision(sampleDecisionOpening({ id }, { claim: KEY })),
        ),
      );
      expect(results.map(({ kind }) => kind).sort()).toEqual(['claimed', 'opened']);
    });

    test('of two reports at once one is written, and the other is told to read again', async () => {
      const decision = await begun();
      const results = await Promise.all([
        journal().advanceDecision(sampleDecisionStep(decision, OUTCOMES.rejected, sampleOffer(2))),
        journal().advanceDecision(sampleDecisionStep(decision, OUTCOMES.approved)),
      ]);
      expect(results.map(({ kind }) => kind).sort()).toEqual(['stale', 'written']);
      expect(await journal().findDecision('dec_one')).toMatchObject({ version: 2 });
      const unknown = sampleDecision({ id: 'dec_none' });
      expect(await journal().advanceDecision(sampleDecisionStep(unknown, OUTCOMES.approved))).toEqual({
        kind: 'stale',
      });
    });

    test('refuses what must never be', async () => {
      const threeDs = { eci: null, cavv: 'AAAB', dsTransactionId: null, version: null, exemption: null };
      const opening = sampleDecisionOpening({ request: sampleRequest({ threeDs }) });
      await expect(journal().openDecision(opening)).rejects.toThrow(/CAVV/);
      const decision = await begun();
      const wrong = [
        // Somebody else while it is not known what became of the first, or it was approved.
        sampleDecisionStep(decision, OUTCOMES.unknown, sampleOffer(2)),
        sampleDecisionStep(decision, OUTCOMES.pending, sampleOffer(2)),
        sampleDecisionStep(decision, OUTCOMES.approved, sampleOffer(2)),
        sampleDecisionStep(decision, OUTCOMES.rejected, sampleOffer(3)),
      ];
      for (const step of wrong) await expect(journal().advanceDecision(step)).rejects.toThrow();
      expect(await journal().findDecision('dec_one')).toEqual(decision);
      const approved = await advanced(sampleDecisionStep(decision, OUTCOMES.approved));
      const other = sampleDecisionStep(approved, OUTCOMES.declined);
      await expect(journal().advanceDecision(other)).rejects.toThrow(/never changes/);
    });
  });

  describe('ceilings over decisions', () => {
    const decided = (id: string, scheme: SchemeCheck = check()) =>
      journal().openDecision(sampleDecisionOpening({ id }, { scheme }));
    const stop = { reason: 'two_an_hour', retryAtMs: T0 + HOUR_MS };

    test('what was offered counts with what we sent ourselves, whoever asks', async () => {
      await decided('dec_one');
      await opened(journal(), 'auth_one', {
        scheme: check(),
        intent: { startedAtMs: T0 + 1, deadlineAtMs: T0 + 8_001 },
      });
      expect(await decided('dec_two', check(T0 + 2))).toEqual({ kind: 'scheme_stop', stop });
      expect(await journal().findDecision('dec_two')).toBeNull();
      expect(await journal().open(sampleOpening('auth_two', { scheme: check(T0 + 2) }))).toEqual({
        kind: 'scheme_stop',
        stop,
      });
    });

    test('a reported outcome that does not count leaves, also for the attempt that follows it', async () => {
      await decided('dec_zero');
      await decided('dec_one');
      const scheme = check(T0 + 10);
      const decision = sampleDecision({ id: 'dec_one' });
      const counted = { counts: true, blockedUntilMs: null, reason: null };
      const offer = sampleOffer(2, { offeredAtMs: T0 + 10 });
      const declined = sampleDecisionStep(decision, OUTCOMES.declined, offer, {
        scheme,
        outcomeScheme: counted,
      });
      expect(await journal().advanceDecision(declined)).toMatchObject({ kind: 'scheme_stop' });
      expect(await journal().findDecision('dec_one')).toMatchObject({ version: 1 });
      const rejected = sampleDecisionStep(decision, OUTCOMES.rejected, offer, { scheme });
      expect(await journal().advanceDecision(rejected)).toEqual({ kind: 'written' });
    });

    test('a decline that blocks the card stops decisions and authorizations until then', async () => {
      await decided('dec_one');
      const outcomeScheme = { counts: true, blockedUntilMs: T0 + 2 * HOUR_MS, reason: 'hard_decline' };
      const step = sampleDecisionStep(sampleDecision(), OUTCOMES.declined, null, { outcomeScheme });
      expect(await journal().advanceDecision(step)).toEqual({ kind: 'written' });
      const blocked = { reason: 'hard_decline', retryAtMs: T0 + 2 * HOUR_MS };
      const later = check(T0 + HOUR_MS + 1);
      expect(await decided('dec_two', later)).toEqual({ kind: 'scheme_stop', stop: blocked });
      expect(await journal().open(sampleOpening('auth_one', { scheme: later }))).toEqual({
        kind: 'scheme_stop',
        stop: blocked,
      });
      expect(await decided('dec_two', check(T0 + 2 * HOUR_MS))).toEqual({ kind: 'opened' });
    });
  });

  describe('decisions as they are read', () => {
    test('come with their answer, and are listed by account and payment, newest first, page by page', async () => {
      const request = sampleRequest({ reference: 'order-1' });
      for (const id of ['dec_a', 'dec_b', 'dec_c']) await begun({ id, request });
      await begun({ id: 'dec_other', request: sampleRequest({ reference: 'order-2' }) });
      await begun({ id: 'dec_foreign', account: 'other', request });
      await begun({ id: 'dec_elsewhere', request: { ...request, merchant: 'acme-uk' } });
      const moved = await advanced(
        sampleDecisionStep(
          await begun({ id: 'dec_d', request }),
          OUTCOMES.rejected,
          sampleOffer(2, { routing: ROUTING }),
        ),
      );
      const answer = sampleDecisionOpening({ id: 'dec_d' }).answer;
      expect(await journal().readDecision('dec_d')).toEqual({ decision: moved, answer });
      expect(await journal().readDecision('dec_none')).toBeNull();
      const filter = { account: 'acme', merchant: 'acme-eu', reference: 'order-1', limit: 3 };
      const first = await journal().listDecisions(filter);
      expect(first.data.map(({ decision }) => decision.id)).toEqual(['dec_d', 'dec_c', 'dec_b']);
      expect(first.data[0]).toEqual({ decision: moved, answer });
      const second = await journal().listDecisions({ ...filter, cursor: first.nextCursor ?? '' });
      expect(second).toMatchObject({ data: [{ decision: { id: 'dec_a' } }], nextCursor: null });
      const none = { data: [], nextCursor: null };
      expect(await journal().listDecisions({ ...filter, cursor: 'never-given' })).toEqual(none);
      expect(await journal().listDecisions({ ...filter, account: 'nobody' })).toEqual(none);
    });
  });

  describe('decisions in experiments', () => {
    const exposure = (unit: string, arm = 'control'): Exposure => ({
      experiment: 'checkout',
      arm,
      unit,
      phase: '{"shares":{}}',
      propensity: 0.5,
      redirectedFrom: null,
    });
    const decided = (id: string, unit: string, over: Partial<CallerDecision> = {}, arm?: string) =>
      journal().openDecision(sampleDecisionOpening({ id, ...over }, { exposures: [exposure(unit, arm)] }));
    const authorized = (id: string, unit: string) =>
      journal().open({ ...sampleOpening(id), exposures: [exposure(unit)] });
    const all = async (limit: number) => {
      const found: ExposedRequest[] = [];
      for (let after: ExposureCursor | null = null; ; ) {
        const page: ExposurePage = await journal().exposurePage('checkout', after, limit);
        expect(page.data.length).toBeLessThanOrEqual(limit);
        found.push(...page.data);
        after = page.next;
        if (after === null) return found;
      }
    };

    test('are read beside authorizations, all of a unit together, whatever the pages', async () => {
      await decided('dec_one', 'unit-2');
      await authorized('auth_one', 'unit-2');
      await authorized('auth_two', 'unit-1');
      await decided('dec_two', 'unit-3');
      await decided('dec_three', 'unit-2', { account: 'other' });
      await authorized('auth_three', 'unit-2');
      const whole = await all(1000);
      expect(whole.map(({ unit, reportedBy }) => [unit, reportedBy])).toEqual([
        ['unit-1', null],
        ['unit-2', null],
        ['unit-2', null],
        ['unit-2', 'acme'],
        ['unit-2', 'other'],
        ['unit-3', 'acme'],
      ]);
      for (const limit of [1, 2, 3, 4]) expect(await all(limit)).toEqual(whole);
      // One way to divide is one phase, whoever meets it first.
      expect(await journal().experimentPhases('checkout')).toHaveLength(1);
    });

    test('keep the order of their units in every script', async () => {
      const names = ['z', 'é', '\uffee', '😀'];
      for (const [index, name] of names.toReversed().entries()) {
        await decided(`dec_${index}`, name);
        await authorized(`auth_${index}`, name);
      }
      const expected = names.flatMap((name) => [name, name]);
      for (const limit of [1, 3, 100]) {
        expect((await all(limit)).map(({ unit }) => unit)).toEqual(expected);
      }
    });

    test('show what is reported, when, how long it took and what it costs; nothing before that', async () => {
      await decided('dec_one', 'unit-1');
      const [before] = await all(10);
      expect(before).toMatchObject({
        payment: 'acme-eu order-7781',
        arm: 'control',
        redirected: false,
        atMs: T0,
        amount: 4999,
        currency: 'EUR',
        attempts: [{ outcome: null, atMs: T0, durationMs: null, costBasisPoints: 32 }],
      });
      const moved = await advanced(sampleDecisionStep(sampleDecision(), OUTCOMES.rejected, sampleOffer(2)));
      await advanced(sampleDecisionStep(moved, OUTCOMES.approved));
      expect((await all(10))[0]?.attempts).toEqual([
        { outcome: 'rejected', atMs: T0 + 300, durationMs: 212, costBasisPoints: 32 },
        { outcome: 'approved', atMs: T0 + 300, durationMs: 212, costBasisPoints: 32 },
      ]);
    });

    test('are written with the decision, once, and only when it is', async () => {
      const opening = (id: string) =>
        sampleDecisionOpening({ id }, { claim: KEY, exposures: [exposure('unit-1')] });
      await journal().openDecision(opening('dec_one'));
      expect((await journal().openDecision(opening('dec_two'))).kind).toBe('claimed');
      expect(await all(10)).toHaveLength(1);
      const wrong = { ...exposure('unit-2'), propensity: 0 };
      const bad = sampleDecisionOpening({ id: 'dec_three' }, { exposures: [wrong] });
      await expect(journal().openDecision(bad)).rejects.toThrow();
      expect(await journal().findDecision('dec_three')).toBeNull();
      expect(await all(10)).toHaveLength(1);
    });

    test('give their unit its arm, whichever came first', async () => {
      expect(await journal().armOfUnit('checkout', 'unit-1')).toBeNull();
      await decided('dec_one', 'unit-1', { createdAtMs: T0 + 5 }, 'treatment');
      expect(await journal().armOfUnit('checkout', 'unit-1')).toBe('treatment');
      await authorized('auth_one', 'unit-1');
      expect(await journal().armOfUnit('checkout', 'unit-1')).toBe('control');
    });

    test('leave with their decisions', async () => {
      await decided('dec_one', 'unit-1');
      await decided('dec_two', 'unit-2', { createdAtMs: T0 + 10, expiresAtMs: T0 + 20 });
      expect(await journal().purgeDecisions(T0 + 5, 10)).toBe(1);
      expect((await all(10)).map(({ unit }) => unit)).toEqual(['unit-2']);
    });

    test('an arm is stopped for everybody, or for an account alone: the newest of each is told', async () => {
      const state = {
        experiment: 'checkout',
        arm: 'a',
        state: 'stopped',
        reason: 'r',
        author: 'guardrail',
        createdAtMs: T0,
      } as const;
      await journal().saveArmState({ ...state, account: 'one' });
      await journal().saveArmState(state);
      await journal().saveArmState({ ...state, account: 'two' });
      await journal().saveArmState({ ...state, state: 'running', author: 'acme', createdAtMs: T0 + 1 });
      const newest = await journal().listArmStates();
      expect(newest).toEqual([
        { ...state, state: 'running', author: 'acme', createdAtMs: T0 + 1 },
        { ...state, account: 'one' },
        { ...state, account: 'two' },
      ]);
    });

    test('shares of a bandit are kept, the newest of each', async () => {
      const shares = { experiment: 'checkout', arms: 'seed a,b', shares: [0.25, 0.75], atMs: T0 };
      await journal().saveBanditShares(shares);
      const newer = { ...shares, arms: 'seed a,c', shares: [0.1, 0.9], atMs: T0 + 1 };
      await journal().saveBanditShares(newer);
      const other = { ...shares, experiment: 'another' };
      await journal().saveBanditShares(other);
      expect(await journal().listBanditShares()).toEqual([other, newer]);
    });

    test('keeps looks in their order, and a planned one once', async () => {
      const look = (planned: number | null, data: string, atMs = T0 + 0.5) => ({ atMs, planned, data });
      const kept = async () =>
        (await journal().listExperimentLooks('checkout')).map(({ planned, data }) => [planned, data]);
      expect(await kept()).toEqual([]);
      await journal().saveExperimentLook('checkout', look(1, '["one"]'));
      await journal().saveExperimentLook('other', look(1, '["another experiment\'s"]'));
      await journal().saveExperimentLook('checkout', look(null, '["between"]'));
      await journal().saveExperimentLook('checkout', look(1, '["one, by another process"]'));
      await journal().saveExperimentLook('checkout', look(null, '["between"]'));
      await Promise.all(
        [2, 2, 2].map((planned) => journal().saveExperimentLook('checkout', look(planned, '["two"]'))),
      );
      expect(await kept()).toEqual([
        [1, '["one"]'],
        [null, '["between"]'],
        [null, '["between"]'],
        [2, '["two"]'],
      ]);
      expect((await journal().listExperimentLooks('checkout'))[0]).toEqual(look(1, '["one"]', T0));
    });
  });

  describe('decisions that nobody reports', () => {
    test('are counted once, after they expired, and not those that were reported or offered nobody', async () => {
      await begun({ id: 'dec_silent' });
      await begun({ id: 'dec_late', expiresAtMs: T0 + 9_000 });
      await begun({ id: 'dec_stopped', attempts: [] });
      const reported = await begun({ id: 'dec_reported' });
      await advanced(sampleDecisionStep(reported, OUTCOMES.unknown));
      expect(await journal().countUnreported(T0 + 8_000, 10)).toBe(0);
      expect(await journal().countUnreported(T0 + 8_001, 10)).toBe(1);
      expect(await journal().countUnreported(T0 + 8_001, 10)).toBe(0);
      expect(await journal().countUnreported(T0 + 100_000, 10)).toBe(1);
      // A report is taken all the same.
      const silent = await journal().findDecision('dec_silent');
      await advanced(sampleDecisionStep(silent as CallerDecision, OUTCOMES.approved));
    });

    test('are counted in small steps', async () => {
      for (const id of ['dec_a', 'dec_b', 'dec_c']) await begun({ id });
      expect(await journal().countUnreported(T0 + 10_000, 2)).toBe(2);
      expect(await journal().countUnreported(T0 + 10_000, 2)).toBe(1);
    });
  });

  describe('purging decisions', () => {
    test('lets go of old ones with their attempts and keys, the oldest first', async () => {
      for (const [id, age] of [
        ['dec_b', 20],
        ['dec_a', 10],
        ['dec_c', 30],
      ] as const) {
        const createdAtMs = T0 + age;
        const claim = { ...KEY, key: id };
        await journal().openDecision(sampleDecisionOpening({ id, createdAtMs }, { claim }));
      }
      expect(await journal().purgeDecisions(T0 + 10, 10)).toBe(0);
      expect(await journal().purgeDecisions(T0 + 30, 1)).toBe(1);
      expect(await journal().findDecision('dec_a')).toBeNull();
      expect(await journal().findDecisionClaim({ ...KEY, key: 'dec_a' })).toBeNull();
      expect(await journal().purgeDecisions(T0 + 30, 10)).toBe(1);
      expect(await journal().findDecision('dec_c')).not.toBeNull();
      expect(await journal().openDecision(sampleDecisionOpening({ id: 'dec_b' }))).toEqual({
        kind: 'opened',
      });
    });
  });
}
