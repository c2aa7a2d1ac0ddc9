import { describe, expect, test } from 'vitest';
import type { Authorization } from '../../src/core/authorization.ts';
import type { Journal, Notice } from '../../src/gateway/ports.ts';
import {
  concluded,
  OUTCOMES,
  opened,
  refusedOpening,
  sampleBegin,
  sampleConclusion,
  sampleEnd,
  sampleFinding,
  sampleOpening,
  sampleScope,
  T0,
  written,
} from './journal-fixtures.ts';

/** What is kept beside the authorizations, and what is let go. */
export function keepingContract(journal: () => Journal): void {
  noticeContract(journal);
  sealContract(journal);
  purgeContract(journal);
  dutyContract(journal);

  test('a secret is made once', async () => {
    const secret = await journal().secret();
    expect(secret).toHaveLength(32);
    expect(new Set(secret).size).toBeGreaterThan(8);
    expect(await Promise.all([journal().secret(), journal().secret()])).toEqual([secret, secret]);
  });
}

function noticeContract(journal: () => Journal): void {
  const notice = (eventId: string, over: Partial<Notice> = {}): Notice => ({
    eventId,
    type: 'authorization.approved',
    attemptId: 'att_one_1',
    data: { result: 'approved', note: 'é ✓', nested: [1, null] },
    ...over,
  });

  const UNNAMED = { operationId: null, providerReference: null };

  describe('notices', () => {
    test('are kept once for each provider, oldest first, until somebody has dealt with them', async () => {
      expect(await journal().keepNotice('psp', notice('e1'), T0)).toBe('kept');
      expect(await journal().keepNotice('psp', notice('e1', { data: 'other' }), T0 + 1)).toBe('known');
      expect(await journal().keepNotice('other', notice('e1'), T0 + 2)).toBe('kept');
      expect(await journal().keepNotice('psp', notice('e2', { attemptId: null, data: null }), T0 + 3)).toBe(
        'kept',
      );
      const open = await journal().openNotices(10);
      expect(open).toEqual([
        { ...notice('e1'), ...UNNAMED, provider: 'psp', sequence: open[0]?.sequence, receivedAtMs: T0 },
        { ...notice('e1'), ...UNNAMED, provider: 'other', sequence: open[1]?.sequence, receivedAtMs: T0 + 2 },
        expect.objectContaining({ eventId: 'e2', attemptId: null, data: null }),
      ]);
      expect(await journal().openNotices(1)).toEqual(open.slice(0, 1));
      await journal().settleNotice(open[0]?.sequence ?? 0, 'applied');
      await journal().settleNotice(open[0]?.sequence ?? 0, 'once more');
      expect(await journal().openNotices(10)).toEqual(open.slice(1));
      expect(await journal().keepNotice('psp', notice('e1'), T0 + 9)).toBe('known');
    });

    test('keep what they name, an operation or an id at the provider', async () => {
      const named = { attemptId: null, operationId: 'ref_one_1', providerReference: 'psp_a' };
      await journal().keepNotice('psp', notice('e1', named), T0);
      expect(await journal().openNotices(10)).toMatchObject([named]);
    });

    test('of two that come at once one is kept', async () => {
      const results = await Promise.all([
        journal().keepNotice('psp', notice('e1'), T0),
        journal().keepNotice('psp', notice('e1'), T0),
      ]);
      expect(results.sort()).toEqual(['kept', 'known']);
    });
  });
}

function sealContract(journal: () => Journal): void {
  test('a command that fails tells the cause first, then which it was', async () => {
    await journal().close();
    await expect(journal().openNotices(1)).rejects.toThrow(/^the journal is closed \(met by openNotices\)$/);
  });

  describe('seals', () => {
    test('cover every event once, in pieces, each over the one before', async () => {
      expect(await journal().seal(T0, 100)).toBeNull();
      for (let index = 0; index < 5; index += 1) await opened(journal(), `auth_${index}`);
      const first = await journal().seal(T0 + 1, 2);
      const second = await journal().seal(T0 + 2, 2);
      const third = await journal().seal(T0 + 3, 2);
      expect([first, second, third]).toMatchObject([
        { number: 1, throughEvent: 2, atMs: T0 + 1 },
        { number: 2, throughEvent: 4, atMs: T0 + 2 },
        { number: 3, throughEvent: 5, atMs: T0 + 3 },
      ]);
      const digests = [first, second, third].map((seal) => seal?.digest);
      expect(new Set(digests).size).toBe(3);
      for (const digest of digests) expect(digest).toMatch(/^[0-9a-f]{64}$/);
      expect(await journal().seal(T0 + 4, 100)).toBeNull();
      await opened(journal(), 'auth_more');
      expect(await journal().seal(T0 + 5, 100)).toMatchObject({ number: 4, throughEvent: 6 });
    });

    test('when the oldest event without one was written is told', async () => {
      expect(await journal().oldestUnsealed()).toBeNull();
      for (const index of [1, 2, 3]) await opened(journal(), `auth_${index}`, { atMs: T0 + index });
      expect(await journal().oldestUnsealed()).toBe(T0 + 1);
      await journal().seal(T0 + 9, 2);
      expect(await journal().oldestUnsealed()).toBe(T0 + 3);
      await journal().seal(T0 + 9, 2);
      expect(await journal().oldestUnsealed()).toBeNull();
    });
  });
}

function purgeContract(journal: () => Journal): void {
  /** The newest always stays, so that numbers are never given twice. */
  const newest = () => opened(journal(), 'auth_newest', { atMs: T0 + 99_000 });
  const operated = async (id: string, kinds: readonly ('capture' | 'refund' | 'void')[]) => {
    let now: Authorization = await concluded(journal(), id);
    for (const [index, kind] of kinds.entries()) {
      now = await written(journal(), sampleBegin(now, { kind }));
      now = await written(journal(), sampleEnd(now, index + 1));
    }
    return now;
  };

  describe('purge', () => {
    test('removes what is settled, with its keys and its history', async () => {
      const states: Readonly<Record<string, string>> = {
        auth_declined: (await concluded(journal(), 'auth_declined', OUTCOMES.declined)).status,
        auth_failed: (await concluded(journal(), 'auth_failed', OUTCOMES.rejected)).status,
        auth_sca: (await concluded(journal(), 'auth_sca', OUTCOMES.authentication)).status,
        auth_voided: (await operated('auth_voided', ['void'])).status,
      };
      await journal().open(refusedOpening('auth_refused'));
      await newest();
      expect(Object.values(states)).toEqual(['declined', 'failed', 'authentication_required', 'voided']);
      expect(await journal().purge(T0 + 1_000, 100)).toBe(5);
      for (const id of [...Object.keys(states), 'auth_refused']) {
        expect(await journal().findAuthorization(id), id).toBeNull();
        expect(await journal().history(id), id).toEqual([]);
        expect(await journal().historyPage(id, 0, 10), id).toEqual({ data: [], nextAfter: null });
        expect(await journal().findClaim(sampleScope(id)), id).toBeNull();
        expect(await journal().open(sampleOpening(id)), id).toEqual({ kind: 'opened' });
      }
    });

    test('of one that holds its payment a row stays, and refuses a second one', async () => {
      await operated('auth_refunded', ['capture', 'refund']);
      await newest();
      expect(await journal().purge(T0 + 1_000, 100)).toBe(1);
      expect(await journal().findAuthorization('auth_refunded')).toBeNull();
      expect(await journal().history('auth_refunded')).toEqual([]);
      expect((await journal().historyPage('auth_refunded', 0, 10)).data).toEqual([]);
      const request = { reference: 'order-auth_refunded' };
      expect(await journal().open(sampleOpening('auth_two', { request, key: 'key-auth_refunded' }))).toEqual({
        kind: 'payment_live',
        authorizationId: 'auth_refunded',
      });
      const filter = { account: 'acme', merchants: 'all', limit: 1 } as const;
      const page = await journal().listAuthorizations(filter);
      expect(page.data.map(({ id }) => id)).toEqual(['auth_newest']);
      expect(page.nextCursor).toBeNull();
      expect(await journal().hasOpenMoney('sandbox-a')).toBe(true);
      expect(await journal().purge(T0 + 1_000, 100)).toBe(0);
    });

    test('never what is open, unsettled, approved, captured or has work', async () => {
      await opened(journal(), 'auth_open');
      await concluded(journal(), 'auth_unknown', OUTCOMES.unknown);
      await concluded(journal(), 'auth_reversing', OUTCOMES.partialStanding);
      await concluded(journal(), 'auth_approved');
      await concluded(journal(), 'auth_partial', OUTCOMES.partialStanding, {
        request: { acceptPartial: true },
      });
      await operated('auth_captured', ['capture']);
      const part = await written(
        journal(),
        sampleBegin(await concluded(journal(), 'auth_part'), { amount: 1 }),
      );
      await written(journal(), sampleEnd(part, 1));
      const back = await written(
        journal(),
        sampleBegin(await operated('auth_back', ['capture']), { kind: 'refund', amount: 1 }),
      );
      await written(journal(), sampleEnd(back, 2));
      // A void is under way, or work is planned, although the state is final.
      await written(
        journal(),
        sampleFinding(await concluded(journal(), 'auth_late', OUTCOMES.rejected), 1, OUTCOMES.approved),
      );
      await concluded(journal(), 'auth_work', OUTCOMES.declined, {
        step: { work: { step: 0, failures: 0, dueAtMs: null, lease: null } },
      });
      await newest();
      expect(await journal().purge(T0 + 1_000_000, 100)).toBe(0);
      const page = await journal().listAuthorizations({ account: 'acme', merchants: 'all', limit: 200 });
      expect(page.data).toHaveLength(11);
    });

    test('what may still be refunded by a clock of its own, and then for ever refused', async () => {
      const ids = ['auth_captured', 'auth_back'];
      await operated('auth_captured', ['capture']);
      const back = await operated('auth_back', ['capture']);
      await written(
        journal(),
        sampleEnd(await written(journal(), sampleBegin(back, { kind: 'refund', amount: 1 })), 2),
      );
      const part = await written(
        journal(),
        sampleBegin(await concluded(journal(), 'auth_part'), { amount: 1 }),
      );
      await written(journal(), sampleEnd(part, 1));
      const pending = await written(
        journal(),
        sampleBegin(await operated('auth_refunding', ['capture']), { kind: 'refund', amount: 1 }),
      );
      await newest();
      const captured = await journal().findAuthorization('auth_captured');
      expect(await journal().purge(T0 + 90_000, 100), 'not by the clock of the others').toBe(0);
      expect(await journal().purge(T0 + 90_000, 100, null)).toBe(0);
      expect(await journal().purge(T0 + 90_000, 100, T0 + 300), 'since its last change').toBe(0);
      expect(await journal().purge(T0 + 90_000, 1, T0 + 301)).toBe(1);
      expect(await journal().purge(T0 + 90_000, 100, T0 + 301)).toBe(1);
      expect(await journal().purge(T0 + 90_000, 100, T0 + 90_000), 'what is under way stays').toBe(0);
      expect(await journal().findAuthorization('auth_part')).not.toBeNull();
      expect(await journal().findAuthorization('auth_refunding')).toEqual(pending);
      for (const id of ids) {
        expect(await journal().findAuthorization(id), id).toBeNull();
        expect(await journal().history(id), id).toEqual([]);
        expect(await journal().findClaim(sampleScope(id)), id).toBeNull();
        const again = sampleOpening(`${id}_again`, { request: { reference: `order-${id}` } });
        expect(await journal().open(again)).toEqual({ kind: 'payment_live', authorizationId: id });
      }
      // Whoever read it before cannot change it any more.
      if (captured === null) throw new Error('it was there');
      const refund = sampleBegin(captured, { kind: 'refund' });
      expect(await journal().advance(refund)).toEqual({ kind: 'stale' });
    });

    test('the oldest first, those last changed before, at most as many as asked for', async () => {
      for (const [index, id] of ['auth_one', 'auth_two', 'auth_three'].entries()) {
        await concluded(journal(), id, OUTCOMES.declined, {
          atMs: T0 + index,
          step: { event: { atMs: T0 + 100 + index } },
        });
      }
      await newest();
      expect(await journal().purge(T0 + 100, 100), 'created before, and changed since').toBe(0);
      expect(await journal().purge(T0 + 102, 1)).toBe(1);
      expect(await journal().findAuthorization('auth_one')).toBeNull();
      expect(await journal().purge(T0 + 102, 100)).toBe(1);
      expect(await journal().findAuthorization('auth_three')).not.toBeNull();
    });

    test('seals go on over what is gone, and numbers are not given again', async () => {
      await concluded(journal(), 'auth_one', OUTCOMES.declined);
      expect(await journal().seal(T0, 1)).toMatchObject({ throughEvent: 1 });
      await newest();
      expect(await journal().purge(T0 + 1_000, 100)).toBe(1);
      expect(await journal().seal(T0, 100)).toMatchObject({ number: 2, throughEvent: 3 });
      // The newest is never purged, settled or not.
      const open = sampleOpening('auth_newest', { atMs: T0 + 99_000 }).authorization;
      await written(journal(), sampleConclusion(open, OUTCOMES.declined));
      expect(await journal().purge(T0 + 1_000_000, 100)).toBe(0);
      await opened(journal(), 'auth_after');
      expect(await journal().seal(T0, 100)).toMatchObject({ throughEvent: 5 });
      expect(await journal().purge(T0 + 1_000_000, 100)).toBe(1);
    });

    test('notices that were dealt with go by the same clock, others stay', async () => {
      const notice = { type: 't', attemptId: null, data: {} };
      for (const [index, eventId] of ['old', 'open', 'new'].entries()) {
        await journal().keepNotice('psp', { ...notice, eventId }, T0 + index * 1_000);
      }
      for (const { sequence, eventId } of await journal().openNotices(10)) {
        if (eventId !== 'open') await journal().settleNotice(sequence, 'applied');
      }
      await journal().purge(T0 + 1_500, 100);
      expect(await journal().keepNotice('psp', { ...notice, eventId: 'old' }, T0)).toBe('kept');
      expect(await journal().keepNotice('psp', { ...notice, eventId: 'open' }, T0)).toBe('known');
      expect(await journal().keepNotice('psp', { ...notice, eventId: 'new' }, T0)).toBe('known');
    });
  });
}

function dutyContract(journal: () => Journal): void {
  const take = (duty: string, nowMs: number, owner: string, untilMs: number) =>
    journal().takeDuty(duty, nowMs, { owner, untilMs });

  describe('duties', () => {
    test('belong to one process at a time, until it has not kept at it', async () => {
      expect(await take('look', T0, 'pod-1', T0 + 1_000)).toBe(true);
      expect(await take('look', T0 + 999, 'pod-2', T0 + 5_000)).toBe(false);
      expect(await take('look', T0 + 999, 'pod-1', T0 + 2_000)).toBe(true);
      expect(await take('look', T0 + 1_999, 'pod-2', T0 + 5_000)).toBe(false);
      expect(await take('look', T0 + 2_000, 'pod-2', T0 + 5_000)).toBe(true);
      expect(await take('look', T0 + 2_001, 'pod-1', T0 + 9_000)).toBe(false);
    });

    test('are each their own', async () => {
      expect(await take('look', T0, 'pod-1', T0 + 1_000)).toBe(true);
      expect(await take('seal', T0, 'pod-2', T0 + 1_000)).toBe(true);
    });

    test('of many that ask at once one gets it', async () => {
      const asked = Array.from({ length: 20 }, (_, index) => take('look', T0, `pod-${index}`, T0 + 1_000));
      expect((await Promise.all(asked)).filter((got) => got)).toHaveLength(1);
    });
  });
}
