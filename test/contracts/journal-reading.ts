import { describe, expect, test } from 'vitest';
import type {
  AuthorizationFilter,
  HistoryPage,
  Journal,
  PastEvent,
  ProviderOverride,
  RecordedPage,
} from '../../src/gateway/ports.ts';
import { recordedFrom } from '../../src/stores/recorded-text.ts';
import { sampleOverride } from '../support/sample-override.ts';
import {
  answerOf,
  concluded,
  OUTCOMES,
  opened,
  ROUTING,
  sampleBegin,
  sampleConclusion,
  sampleEnd,
  sampleFailOver,
  sampleFinding,
  sampleOpening,
  samplePrepared,
  sampleScope,
  T0,
  written,
} from './journal-fixtures.ts';

/** What is read, what is kept of overrides, and what a restart leaves. */
export function readingContract(journal: () => Journal, reopen: () => Promise<Journal>): void {
  findingContract(journal);
  historyPageContract(journal);
  listingContract(journal);
  recordedContract(journal);
  adminContract(journal);
  durabilityContract(journal, reopen);
}

function findingContract(journal: () => Journal): void {
  test('what is not there is null or empty', async () => {
    expect(await journal().findAuthorization('auth_nobody')).toBeNull();
    expect(await journal().findClaim(sampleScope('auth_nobody'))).toBeNull();
    expect(await journal().history('auth_nobody')).toEqual([]);
    expect(await journal().historyPage('auth_nobody', 0, 10)).toEqual({ data: [], nextAfter: null });
    expect(await journal().listOverrides()).toEqual([]);
    expect(await journal().openNotices(10)).toEqual([]);
    expect(await journal().takeWork(T0, 10, { owner: 'p', untilMs: T0 })).toEqual([]);
    expect(await journal().listLapsed(T0, 10)).toEqual([]);
    expect(await journal().listExpired(T0, 10)).toEqual([]);
    expect(await journal().purge(T0, 10)).toBe(0);
    expect(await journal().activeRuleset()).toBeNull();
    expect(await journal().findRuleset(1)).toBeNull();
    expect(await journal().recordedPage({ fromMs: 0, toMs: T0 * 2 }, null, 10)).toEqual({
      text: '[]',
      next: null,
      progress: 1,
    });
  });

  test('a claim is found only in its own scope', async () => {
    await opened(journal(), 'auth_one');
    const scope = sampleScope('auth_one');
    expect(await journal().findClaim(scope)).toMatchObject({ authorizationId: 'auth_one', open: true });
    for (const other of [{ account: 'x' }, { merchant: 'x' }, { operation: 'x' }, { key: 'x' }]) {
      expect(await journal().findClaim({ ...scope, ...other })).toBeNull();
    }
  });

  test('the history tells every change and what it made of the authorization, oldest first', async () => {
    const open = await opened(journal(), 'auth_one');
    const second = await written(journal(), sampleFailOver(open));
    const unknown = await written(journal(), sampleConclusion(second, OUTCOMES.unknown));
    const evidence = { event: { actor: 'psp-webhook', data: { notice: 'evt_1' } } };
    const approved = await written(journal(), sampleFinding(unknown, 2, OUTCOMES.approved, evidence));
    const begun = await written(journal(), sampleBegin(approved));
    const operationAnswers = new Map([[1, { httpStatus: 201, body: '{}' }]]);
    await written(journal(), sampleEnd(begun, 1, {}, { operationAnswers }));
    const events = await journal().history('auth_one');
    expect(events.map(({ sequence, actor, kind }) => [sequence, actor, kind])).toEqual([
      [1, 'gateway', 'opened'],
      [2, 'gateway', 'failed_over'],
      [3, 'gateway', 'concluded'],
      [4, 'psp-webhook', 'resolved'],
      [5, 'acme', 'operation_begun'],
      [6, 'gateway', 'operation_ended'],
    ]);
    expect(events.map((event) => event.atMs)).toEqual([T0, T0 + 10, T0 + 100, T0 + 200, T0 + 250, T0 + 300]);
    const hash = expect.stringMatching(/^[0-9a-f]{64}$/);
    expect(events.map((event) => event.data)).toMatchObject([
      { routing: ROUTING, account: 'acme', changes: { status: 'pending', attempts: [{ number: 1 }] } },
      {
        changes: {
          attempts: [
            { number: 1, outcome: OUTCOMES.notSent },
            { number: 2, outcome: null },
          ],
        },
      },
      { changes: { open: false, attempts: [{ number: 2, outcome: OUTCOMES.unknown }] } },
      { notice: 'evt_1', changes: { status: 'approved', expiresAtMs: approved.expiresAtMs } },
      { changes: { operations: [{ number: 1, status: 'pending' }] } },
      {
        changes: { status: 'captured', operations: [{ status: 'succeeded' }], operationAnswers: { 1: hash } },
      },
    ]);
  });

  test('the journal alone says what changed', async () => {
    const step = sampleConclusion(await opened(journal(), 'auth_one'), OUTCOMES.approved, {
      event: { data: { changes: {} } },
    });
    await expect(journal().advance(step)).rejects.toThrow(/journal itself/);
  });
}

function recordedContract(journal: () => Journal): void {
  test('what was recorded is read in pages, oldest first, as it is now, within its time', async () => {
    for (let number = 1; number <= 7; number += 1) {
      await concluded(journal(), `auth_${number}`, OUTCOMES.approved, { atMs: T0 + number * 1000 });
    }
    const read = async (fromMs: number, toMs: number, limit: number) => {
      const pages: (readonly string[])[] = [];
      let progress = 0;
      for (let after: number | null = null, isFirst = true; isFirst || after !== null; isFirst = false) {
        const page: RecordedPage = await journal().recordedPage({ fromMs, toMs }, after, limit);
        expect(page.progress).toBeGreaterThanOrEqual(progress);
        ({ progress, next: after } = page);
        const found = recordedFrom(page.text);
        for (const each of found) expect(each).toEqual(await journal().findAuthorization(each.id));
        pages.push(found.map(({ id }) => id));
      }
      expect(progress).toBe(1);
      return pages;
    };
    expect((await read(0, T0 * 2, 3)).flat()).toEqual(
      [1, 2, 3, 4, 5, 6, 7].map((number) => `auth_${number}`),
    );
    expect((await read(0, T0 * 2, 3))[0]).toHaveLength(3);
    expect((await read(T0 + 3000, T0 + 6000, 2)).flat()).toEqual(['auth_3', 'auth_4', 'auth_5']);
    expect((await read(T0 + 60_000, T0 * 2, 2)).flat()).toEqual([]);
  });
}

function historyPageContract(journal: () => Journal): void {
  describe('historyPage', () => {
    /** Six events: failed over, unknown, found out, captured. */
    const lived = async () => {
      const second = await written(journal(), sampleFailOver(await opened(journal(), 'auth_one')));
      const unknown = await written(journal(), sampleConclusion(second, OUTCOMES.unknown));
      // Somebody else's events come in between.
      await concluded(journal(), 'auth_other', OUTCOMES.declined);
      const evidence = { event: { actor: 'psp-webhook', data: { notice: 'evt_1' } } };
      const approved = await written(journal(), sampleFinding(unknown, 2, OUTCOMES.approved, evidence));
      const begun = await written(journal(), sampleBegin(approved));
      return written(journal(), sampleEnd(begun, 1));
    };

    test('tells of every event what it changed: status, attempts, operations, each as it left them', async () => {
      await lived();
      const { data, nextAfter } = await journal().historyPage('auth_one', 0, 200);
      expect(nextAfter).toBeNull();
      expect(data.map(({ sequence, kind, status }) => [sequence, kind, status])).toEqual([
        [1, 'opened', { from: null, to: 'pending' }],
        [2, 'failed_over', null],
        [3, 'concluded', null],
        [4, 'resolved', { from: 'pending', to: 'approved' }],
        [5, 'operation_begun', null],
        [6, 'operation_ended', { from: 'approved', to: 'captured' }],
      ]);
      expect(data.map(({ attempts }) => attempts.map(({ number, outcome }) => [number, outcome]))).toEqual([
        [[1, null]],
        [
          [1, OUTCOMES.notSent],
          [2, null],
        ],
        [[2, OUTCOMES.unknown]],
        [[2, OUTCOMES.approved]],
        [],
        [],
      ]);
      expect(data.map(({ operations }) => operations.map(({ status }) => status))).toEqual([
        [],
        [],
        [],
        [],
        ['pending'],
        ['succeeded'],
      ]);
      expect(data[3]).toMatchObject({ actor: 'psp-webhook', atMs: T0 + 200, data: { notice: 'evt_1' } });
      expect(data[3]?.data, 'what it changed stands apart').not.toHaveProperty('changes');
      expect(new Set(data.map(({ hash }) => hash)).size).toBe(6);
      for (const { hash } of data) expect(hash).toMatch(/^[0-9a-f]{64}$/);
    });

    test('tells the same as the whole history', async () => {
      await lived();
      const whole = await journal().history('auth_one');
      const { data } = await journal().historyPage('auth_one', 0, 200);
      const heads = (events: readonly Pick<PastEvent, 'sequence' | 'atMs' | 'actor' | 'kind'>[]) =>
        events.map(({ sequence, atMs, actor, kind }) => [sequence, atMs, actor, kind]);
      expect(heads(data)).toEqual(heads(whole));
    });

    test('goes on from page to page, each event as in one page', async () => {
      await lived();
      const { data: whole } = await journal().historyPage('auth_one', 0, 200);
      for (const limit of [1, 2, 3, 4, 5, 6]) {
        const pages: PastEvent[][] = [];
        let after: number | null = 0;
        while (after !== null) {
          const page: HistoryPage = await journal().historyPage('auth_one', after, limit);
          pages.push([...page.data]);
          after = page.nextAfter;
        }
        expect(pages.flat(), `pages of ${limit}`).toEqual(whole);
        expect(pages).toHaveLength(Math.ceil(6 / limit));
      }
      expect(await journal().historyPage('auth_one', 6, 200)).toEqual({ data: [], nextAfter: null });
    });

    test('what comes later is read after the last that was read', async () => {
      const now = await lived();
      await written(journal(), sampleBegin(now, { kind: 'refund', amount: 100 }));
      const { data } = await journal().historyPage('auth_one', 6, 200);
      expect(data).toMatchObject([{ sequence: 7, status: null, operations: [{ kind: 'refund' }] }]);
    });

    test('refuses bounds that are none', async () => {
      for (const [after, limit] of [
        [-1, 10],
        [0.5, 10],
        [0, 0],
        [0, 201],
      ] as const) {
        await expect(journal().historyPage('auth_one', after, limit)).rejects.toThrow(/a page/);
      }
    });
  });
}

const ALL: AuthorizationFilter = { account: 'acme', merchants: 'all', limit: 200 };

function listingContract(journal: () => Journal): void {
  describe('listAuthorizations', () => {
    /** Five of `acme` at two merchants, one of another account. */
    const fill = async () => {
      for (const [index, id] of ['a1', 'a2', 'a3', 'a4', 'a5'].entries()) {
        const merchant = index % 2 === 0 ? 'acme-eu' : 'acme-us';
        await opened(journal(), id, { atMs: T0 + index, request: { merchant } });
      }
      await opened(journal(), 'b1', { account: 'other', request: { merchant: 'other-eu' } });
      for (const [id, outcome] of [
        ['a1', OUTCOMES.approved],
        ['a2', OUTCOMES.declined],
        ['a3', OUTCOMES.unknown],
        ['a4', OUTCOMES.partialStanding],
      ] as const) {
        const before = await journal().findAuthorization(id);
        if (before !== null) await written(journal(), sampleConclusion(before, outcome));
      }
      const again = { merchant: 'acme-us', reference: 'order-a2' };
      await opened(journal(), 'a6', { atMs: T0 + 5, request: again });
    };
    const CASES: readonly (readonly [string, Partial<AuthorizationFilter>, readonly string[]])[] = [
      ['everything', {}, ['a6', 'a5', 'a4', 'a3', 'a2', 'a1']],
      ['another account', { account: 'other' }, ['b1']],
      ['no account', { account: 'nobody' }, []],
      ['one merchant', { merchant: 'acme-us' }, ['a6', 'a4', 'a2']],
      ["the key's merchants", { merchants: ['acme-eu', 'x'] }, ['a5', 'a3', 'a1']],
      ['no merchant', { merchants: [] }, []],
      ["outside the key's merchants", { merchants: ['acme-eu'], merchant: 'acme-us' }, []],
      ['a reference', { reference: 'order-a2' }, ['a6', 'a2']],
      ['a reference of a merchant', { reference: 'order-a2', merchant: 'acme-us' }, ['a6', 'a2']],
      ['a reference elsewhere', { reference: 'order-a2', merchant: 'acme-eu' }, []],
      ["another account's reference", { reference: 'order-b1' }, []],
      ['pending', { status: 'pending' }, ['a6', 'a5', 'a3']],
      ['pending, older', { status: 'pending', olderThanMs: T0 + 4 }, ['a3']],
      ['reversing', { status: 'reversing' }, ['a4']],
      ['approved', { status: 'approved' }, ['a1']],
      ['declined with a reference', { status: 'declined', reference: 'order-a2' }, ['a2']],
      ['older', { olderThanMs: T0 + 1 }, ['a1']],
      ['a cursor that nobody gave', { cursor: "1' OR 1" }, []],
    ];
    test('filters, newest first', async () => {
      await fill();
      for (const [name, filter, expected] of CASES) {
        const page = await journal().listAuthorizations({ ...ALL, ...filter });
        expect(
          page.data.map((found) => found.id),
          name,
        ).toEqual(expected);
        expect(page.nextCursor, name).toBeNull();
      }
    });

    test('gives each as it is found alone, operations and all', async () => {
      const begun = await written(journal(), sampleBegin(await concluded(journal(), 'auth_one')));
      expect((await journal().listAuthorizations(ALL)).data).toEqual([begun]);
    });

    test('goes on from page to page, undisturbed by what comes in between', async () => {
      await fill();
      const pages: string[][] = [];
      let cursor: string | undefined;
      for (let turn = 0; turn < 10; turn += 1) {
        const filter: AuthorizationFilter = { ...ALL, limit: 2 };
        const page = await journal().listAuthorizations(
          cursor === undefined ? filter : { ...filter, cursor },
        );
        pages.push(page.data.map((found) => found.id));
        await opened(journal(), `late${turn}`);
        if (page.nextCursor === null) break;
        cursor = page.nextCursor;
      }
      expect(pages).toEqual([
        ['a6', 'a5'],
        ['a4', 'a3'],
        ['a2', 'a1'],
      ]);
    });

    test('refuses a limit out of bounds', async () => {
      for (const limit of [0, 201]) {
        await expect(journal().listAuthorizations({ ...ALL, limit })).rejects.toThrow(/1 to 200/);
      }
    });
  });
}

function adminContract(journal: () => Journal): void {
  test('the newest override of each provider, brand and merchant counts', async () => {
    const override = (over: Partial<ProviderOverride>) =>
      sampleOverride({ provider: 'sandbox-a', createdAtMs: T0, expiresAtMs: T0 + 60_000, ...over });
    const newest = [
      override({ mode: 'auto', expiresAtMs: null }),
      override({ merchant: 'acme-eu', mode: 'force_closed' }),
      override({ brand: 'visa', mode: 'drain' }),
      override({ provider: 'sandbox-b' }),
    ];
    for (const saved of [override({}), override({ brand: 'visa' }), ...newest]) {
      await journal().saveOverride(saved);
    }
    const listed = await journal().listOverrides();
    expect(listed).toHaveLength(newest.length);
    expect(listed).toEqual(expect.arrayContaining(newest));
  });

  test('money may stand at a provider that has an attempt out, unknown, or an authorization', async () => {
    const at = (provider: string) => journal().hasOpenMoney(provider);
    expect(await at('sandbox-a')).toBe(false);
    const open = await opened(journal(), 'auth_one');
    expect([await at('sandbox-a'), await at('sandbox-b')]).toEqual([true, false]);
    const second = await written(journal(), sampleFailOver(open));
    expect([await at('sandbox-a'), await at('sandbox-b')]).toEqual([false, true]);
    await written(journal(), sampleConclusion(second, OUTCOMES.declined));
    expect([await at('sandbox-a'), await at('sandbox-b')]).toEqual([false, false]);
    for (const [outcome, expected] of [
      ['unknown', true],
      ['pending', true],
      ['approved', true],
      ['partialStanding', true],
      ['declinedHiding', true],
      ['partialReversed', false],
      ['authentication', false],
      ['rejected', false],
    ] as const) {
      const intent = { provider: `psp-${outcome}` };
      await concluded(journal(), `auth_${outcome}`, OUTCOMES[outcome], { intent });
      expect(await at(`psp-${outcome}`), outcome).toBe(expected);
    }
  });

  test('captured money stands until all of it is refunded', async () => {
    let now = await written(journal(), sampleBegin(await concluded(journal(), 'auth_one')));
    now = await written(journal(), sampleEnd(now, 1));
    now = await written(journal(), sampleBegin(now, { kind: 'refund' }));
    expect(await journal().hasOpenMoney('sandbox-a')).toBe(true);
    await written(journal(), sampleEnd(now, 2));
    expect(await journal().hasOpenMoney('sandbox-a')).toBe(false);
  });

  test('an id at a provider is of the attempt that it was recorded about, whatever became of it', async () => {
    const isElsewhere = (reference: string, attemptId = 'att_two_1', provider = 'sandbox-a') =>
      journal().isReferenceElsewhere(provider, reference, attemptId);
    expect(await isElsewhere('psp_a')).toBe(false);
    await concluded(journal(), 'auth_one');
    await opened(journal(), 'auth_two');
    expect(await isElsewhere('psp_a')).toBe(true);
    expect(await isElsewhere('psp_a', 'att_one_1'), 'its own').toBe(false);
    expect(await isElsewhere('psp_a', 'att_two_1', 'sandbox-b'), 'at another provider').toBe(false);
    expect(await isElsewhere('PSP_A'), 'letters differ').toBe(false);
    for (const outcome of ['pending', 'declined', 'partialReversed'] as const) {
      await concluded(journal(), `auth_${outcome}`, OUTCOMES[outcome]);
      expect(await isElsewhere(OUTCOMES[outcome].providerReference), outcome).toBe(true);
    }
    await concluded(journal(), 'auth_unknown', OUTCOMES.unknown);
    expect(await isElsewhere('')).toBe(false);
  });

  test('an id at a provider that something is undone by is of the attempt that it was found about', async () => {
    const declined = await concluded(journal(), 'auth_one', OUTCOMES.declined);
    const late = { ...OUTCOMES.approved, providerReference: 'psp_late' };
    await written(journal(), sampleFinding(declined, 1, late));
    expect(await journal().isReferenceElsewhere('sandbox-a', 'psp_late', 'att_two_1')).toBe(true);
    expect(await journal().isReferenceElsewhere('sandbox-a', 'psp_late', 'att_one_1')).toBe(false);
    expect(await journal().isReferenceElsewhere('sandbox-b', 'psp_late', 'att_two_1')).toBe(false);
  });

  test('an id at a provider that nobody else may have is checked with the change itself', async () => {
    const one = await concluded(journal(), 'auth_one', OUTCOMES.unknown);
    const two = await concluded(journal(), 'auth_two', OUTCOMES.unknown);
    const exclusive = (attemptId: string) => ({ provider: 'sandbox-a', reference: 'psp_a', attemptId });
    const results = await Promise.all([
      journal().advance(sampleFinding(one, 1, OUTCOMES.approved, { exclusive: exclusive('att_one_1') })),
      journal().advance(sampleFinding(two, 1, OUTCOMES.approved, { exclusive: exclusive('att_two_1') })),
    ]);
    expect(results.map(({ kind }) => kind)).toEqual(['written', 'reference_taken']);
    expect(await journal().findAuthorization('auth_two')).toEqual(two);
    const again = sampleFinding(two, 1, OUTCOMES.approved, {
      exclusive: { ...exclusive('att_two_1'), provider: 'sandbox-b' },
    });
    expect(await journal().advance(again), 'at another provider').toMatchObject({ kind: 'written' });
  });

  test('an attempt is found by what it obtained, prepared, or is undone by at its provider', async () => {
    const find = (reference: string, provider = 'sandbox-a') =>
      journal().findAttemptByReference(provider, reference);
    expect(await find('psp_a')).toBeNull();
    await concluded(journal(), 'auth_one');
    expect(await find('psp_a')).toEqual({ authorizationId: 'auth_one', number: 1 });
    expect(await find('psp_a', 'sandbox-b'), 'at another provider').toBeNull();

    await written(journal(), samplePrepared(await opened(journal(), 'auth_two'), 'psp_prepared'));
    expect(await find('psp_prepared')).toEqual({ authorizationId: 'auth_two', number: 1 });

    const declined = await concluded(journal(), 'auth_three', OUTCOMES.declined);
    await written(
      journal(),
      sampleFinding(declined, 1, { ...OUTCOMES.approved, providerReference: 'psp_late' }),
    );
    expect(await find('psp_late')).toEqual({ authorizationId: 'auth_three', number: 1 });

    await concluded(journal(), 'auth_four');
    expect(await find('psp_a'), 'two of them').toBeNull();
  });

  test('an attempt is found by what a capture or refund of it is called at its provider', async () => {
    const find = (reference: string, provider = 'sandbox-a') =>
      journal().findAttemptByReference(provider, reference);
    const approval = (providerReference: string) => ({ ...OUTCOMES.approved, providerReference });
    const captured = async (id: string, own: string, capture: string) => {
      const begun = await written(journal(), sampleBegin(await concluded(journal(), id, approval(own))));
      expect(await find(capture), 'nobody knows it yet').toBeNull();
      return written(journal(), sampleEnd(begun, 1, { providerReference: capture }));
    };
    const one = await captured('auth_one', 'psp_one', 'psp_capture');
    const found = { authorizationId: 'auth_one', number: 1 };
    expect(await find('psp_capture')).toEqual(found);
    expect(await find('psp_capture', 'sandbox-b'), 'at another provider').toBeNull();
    expect(await journal().isReferenceElsewhere('sandbox-a', 'psp_capture', 'att_two_1')).toBe(false);

    const refunding = await written(journal(), sampleBegin(one, { kind: 'refund', amount: 100 }));
    await written(journal(), sampleEnd(refunding, 2, { providerReference: 'psp_capture' }));
    expect(await find('psp_capture'), 'two of one attempt').toEqual(found);

    await concluded(journal(), 'auth_two', approval('psp_two'));
    expect(await find('psp_two')).toEqual({ authorizationId: 'auth_two', number: 1 });
    const three = await written(
      journal(),
      sampleBegin(await concluded(journal(), 'auth_three', approval('psp_three'))),
    );
    await written(journal(), sampleEnd(three, 1, { providerReference: 'psp_two' }));
    expect(await find('psp_two'), 'of one attempt, and of the capture of another').toBeNull();

    await captured('auth_four', 'psp_four', 'psp_again');
    const five = await written(
      journal(),
      sampleBegin(await concluded(journal(), 'auth_five', approval('psp_five'))),
    );
    await written(journal(), sampleEnd(five, 1, { providerReference: 'psp_again' }));
    expect(await find('psp_again'), 'of captures of two').toBeNull();
  });

  test('answers a ping', async () => {
    await expect(journal().ping()).resolves.toBeUndefined();
  });
}

function durabilityContract(journal: () => Journal, reopen: () => Promise<Journal>): void {
  test('everything is there after it was closed and opened again', async () => {
    const second = await written(journal(), sampleFailOver(await opened(journal(), 'auth_one')));
    const approved = await written(journal(), sampleConclusion(second));
    await written(journal(), sampleBegin(approved));
    const work = { step: 1, failures: 2, dueAtMs: T0, lease: null };
    await concluded(journal(), 'auth_two', OUTCOMES.unknown, { step: { work } });
    await opened(journal(), 'auth_three');
    await journal().registerRuleset('h1', {}, T0);
    const notice = { eventId: 'e1', type: 't', attemptId: null, data: {} };
    await journal().keepNotice('psp', notice, T0);
    const seal = await journal().seal(T0, 3);
    const read = async (from: Journal) => [
      await from.findAuthorization('auth_one'),
      await from.findAuthorization('auth_two'),
      await from.findAuthorization('auth_three'),
      await from.history('auth_one'),
      await from.historyPage('auth_one', 1, 10),
      await from.countWork(T0),
      await from.openNotices(10),
      await from.secret(),
    ];
    const before = await read(journal());
    const again = await reopen();
    expect(await read(again)).toEqual(before);
    expect(await again.findClaim(sampleScope('auth_one'))).toMatchObject({ frozen: answerOf(approved) });
    expect(await again.registerRuleset('h2', {}, T0)).toBe(2);
    expect(await again.keepNotice('psp', notice, T0)).toBe('known');
    expect(await again.seal(T0, 100)).toMatchObject({ number: (seal?.number ?? 0) + 1 });
    expect(await again.takeWork(T0, 10, { owner: 'p', untilMs: T0 })).toMatchObject([
      { step: 1, failures: 2 },
    ]);
  });

  test('close finishes what was begun, and refuses what comes after', async () => {
    const begun = Array.from({ length: 50 }, (_, index) => journal().open(sampleOpening(`auth_n${index}`)));
    const closed = journal();
    const again = reopen();
    await expect(closed.ping()).rejects.toThrow(/closed/);
    expect(await Promise.all(begun)).toEqual(begun.map(() => ({ kind: 'opened' })));
    expect(await (await again).findAuthorization('auth_n49')).not.toBeNull();
    await closed.close();
  });
}
