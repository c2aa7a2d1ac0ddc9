import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type AuthorizationStatus, HOLDS_PAYMENT } from '../../src/core/authorization.ts';
import type { AuthorizationFilter, Journal, ProviderOverride } from '../../src/gateway/ports.ts';
import {
  DECLINE,
  LEASE_MS,
  NEGATIVE,
  OUTCOMES,
  type OutcomeName,
  ROUTING,
  sampleConclusion,
  sampleFailOver,
  sampleOpening,
  T0,
} from './journal-fixtures.ts';

/** A store that the contract runs on. Each call of `open` after a `close` sees what was written before. */
export interface JournalUnderTest {
  open(): Promise<Journal>;
  /** Frees what the store needed. */
  dispose(): Promise<void>;
}

/** What every journal must do, whatever it is built on. */
export function journalContract(name: string, makeStore: () => Promise<JournalUnderTest>): void {
  describe(`journal: ${name}`, () => {
    let store: JournalUnderTest;
    let journal: Journal;
    beforeEach(async () => {
      store = await makeStore();
      journal = await store.open();
    });
    afterEach(async () => {
      await journal.close();
      await store.dispose();
    });
    const get = (): Journal => journal;
    openingContract(get);
    failOverContract(get);
    concludingContract(get);
    lapseContract(get);
    readingContract(get);
    listingContract(get);
    adminContract(get);
    durabilityContract(get, async () => {
      await journal.close();
      journal = await store.open();
      return journal;
    });
  });
}

const SCOPE = (id: string, account = 'acme') => ({
  account,
  merchant: 'acme-eu',
  operation: 'authorize',
  key: `key-${id}`,
});

function openingContract(journal: () => Journal): void {
  describe('open', () => {
    test('keeps everything it was given', async () => {
      const opening = sampleOpening('one', { request: { metadata: { channel: 'wéb ✓' } } });
      expect(await journal().open(opening)).toEqual({ kind: 'opened' });
      expect(await journal().findAuthorization('one')).toEqual({
        id: 'one',
        account: 'acme',
        status: 'pending',
        version: 1,
        open: true,
        live: false,
        request: opening.request,
        authorizedAmount: 0,
        capturedAmount: 0,
        refundedAmount: 0,
        provider: null,
        providerReference: null,
        networkTransaction: null,
        decline: null,
        attempts: [
          {
            id: 'att_one_1',
            number: 1,
            provider: 'sandbox-a',
            outcome: null,
            propensity: 0.94,
            durationMs: null,
            startedAtMs: T0,
          },
        ],
        routing: ROUTING,
        traceId: opening.traceId,
        createdAtMs: T0,
      });
    });

    test('a used key gives its claim, whether its road is open, pending or ended', async () => {
      const again = () => journal().open(sampleOpening('two', { key: 'key-one' }));
      const claim = { authorizationId: 'one', bodyFingerprint: 'cd'.repeat(32), open: true, frozen: null };
      await journal().open(sampleOpening('one'));
      expect(await again()).toEqual({ kind: 'claimed', claim });
      const conclusion = sampleConclusion('one', OUTCOMES.declined, 'declined');
      await journal().conclude(conclusion);
      expect(await again()).toEqual({
        kind: 'claimed',
        claim: { ...claim, open: false, frozen: conclusion.frozen },
      });
      expect(await journal().findAuthorization('two')).toBeNull();
    });

    test('a held payment gives its holder, and does not use up the key', async () => {
      await journal().open(sampleOpening('one'));
      const second = sampleOpening('two', { request: { reference: 'order-one' } });
      expect(await journal().open(second)).toEqual({ kind: 'payment_live', authorizationId: 'one' });
      expect(await journal().findClaim(SCOPE('two'))).toBeNull();
      await journal().conclude(sampleConclusion('one', OUTCOMES.declined, 'declined'));
      expect(await journal().open(second)).toEqual({ kind: 'opened' });
    });

    test('the key is asked before the payment', async () => {
      await journal().open(sampleOpening('one'));
      const result = await journal().open(
        sampleOpening('two', { key: 'key-one', request: { reference: 'order-one' } }),
      );
      expect(result.kind).toBe('claimed');
    });

    test('keys of other accounts and merchants, and references of other merchants, are others', async () => {
      await journal().open(sampleOpening('one', { key: 'k', request: { reference: 'r' } }));
      for (const [id, account, merchant] of [
        ['two', 'other', 'acme-us'],
        ['three', 'acme', 'acme-uk'],
      ] as const) {
        const opening = sampleOpening(id, { account, key: 'k', request: { reference: 'r', merchant } });
        expect(await journal().open(opening), id).toEqual({ kind: 'opened' });
      }
    });

    test('of two at once with one key one opens, and the other is told of it', async () => {
      const results = await Promise.all([
        journal().open(sampleOpening('one', { key: 'k' })),
        journal().open(sampleOpening('two', { key: 'k' })),
      ]);
      expect(results.map((result) => result.kind).sort()).toEqual(['claimed', 'opened']);
    });

    test('of two at once for one payment one opens, and the other is told of it', async () => {
      const request = { reference: 'r' };
      const results = await Promise.all([
        journal().open(sampleOpening('one', { request })),
        journal().open(sampleOpening('two', { request })),
      ]);
      expect(results).toContainEqual({ kind: 'opened' });
      const winner = results[0]?.kind === 'opened' ? 'one' : 'two';
      expect(results).toContainEqual({ kind: 'payment_live', authorizationId: winner });
    });

    test('refuses a CAVV', async () => {
      const threeDs = { eci: '05', cavv: 'AAAB', dsTransactionId: null, version: '2.2.0', exemption: null };
      await expect(journal().open(sampleOpening('one', { request: { threeDs } }))).rejects.toThrow(/CAVV/);
      const without = { ...threeDs, cavv: null };
      await journal().open(sampleOpening('one', { request: { threeDs: without } }));
      expect((await journal().findAuthorization('one'))?.request.threeDs).toEqual(without);
    });

    test('a command that fails does not take its neighbours with it', async () => {
      await journal().open(sampleOpening('one'));
      const twice = sampleOpening('one', { key: 'k2', request: { reference: 'r2' } });
      const results = await Promise.allSettled([
        journal().open(sampleOpening('two')),
        journal().open(twice),
        journal().open(sampleOpening('three')),
        journal().findAuthorization('one'),
      ]);
      expect(results.map((result) => result.status)).toEqual([
        'fulfilled',
        'rejected',
        'fulfilled',
        'fulfilled',
      ]);
      expect(results[1]).toMatchObject({ reason: { name: 'JournalError' } });
      expect(await journal().findClaim({ ...SCOPE('one'), key: 'k2' })).toBeNull();
      for (const id of ['two', 'three']) expect(await journal().findAuthorization(id)).not.toBeNull();
    });
  });
}

function failOverContract(journal: () => Journal): void {
  describe('failOver', () => {
    test.each(Object.keys(OUTCOMES) as OutcomeName[])(
      'after %s: only after a definite negative',
      async (name) => {
        await journal().open(sampleOpening('one'));
        const result = await journal().failOver(sampleFailOver('one', 2, OUTCOMES[name]));
        const found = await journal().findAuthorization('one');
        if (NEGATIVE.includes(name)) {
          expect(result).toEqual({ kind: 'written', version: 2 });
          expect(found?.attempts.map((attempt) => attempt.outcome)).toEqual([OUTCOMES[name], null]);
          expect(found?.attempts[0]?.durationMs).toBe(2.5);
        } else {
          expect(result).toEqual({ kind: 'stale' });
          expect(found?.attempts.map((attempt) => attempt.outcome)).toEqual([null]);
          expect(found?.version).toBe(1);
        }
      },
    );

    test('twice at once: one is written, the other is stale', async () => {
      await journal().open(sampleOpening('one'));
      const step = sampleFailOver('one', 2);
      const results = await Promise.all([journal().failOver(step), journal().failOver(step)]);
      expect(results).toContainEqual({ kind: 'written', version: 2 });
      expect(results).toContainEqual({ kind: 'stale' });
      expect((await journal().findAuthorization('one'))?.attempts).toHaveLength(2);
    });

    test('is stale at another version, number, attempt or authorization, and after the end', async () => {
      await journal().open(sampleOpening('one'));
      const step = sampleFailOver('one', 2);
      const wrong = [
        { ...step, expectedVersion: 2 },
        { ...step, intent: { ...step.intent, number: 3 } },
        { ...step, outcome: { ...step.outcome, attemptId: 'att_one_9' } },
        { ...step, authorizationId: 'two' },
      ];
      for (const other of wrong) expect(await journal().failOver(other)).toEqual({ kind: 'stale' });
      await journal().conclude(sampleConclusion('one', OUTCOMES.notSent, 'failed'));
      expect(await journal().failOver({ ...step, expectedVersion: 2 })).toEqual({ kind: 'stale' });
      expect((await journal().findAuthorization('one'))?.attempts).toHaveLength(1);
    });

    test('a third attempt needs both before it to be definite negatives', async () => {
      await journal().open(sampleOpening('one'));
      await journal().failOver(sampleFailOver('one', 2));
      expect(await journal().failOver(sampleFailOver('one', 3, OUTCOMES.unknown))).toEqual({ kind: 'stale' });
      expect(await journal().failOver(sampleFailOver('one', 3, OUTCOMES.declined))).toEqual({
        kind: 'written',
        version: 3,
      });
    });
  });
}

const END_STATES: readonly (readonly [AuthorizationStatus, OutcomeName])[] = [
  ['approved', 'approved'],
  ['pending', 'unknown'],
  ['pending', 'pending'],
  ['partially_approved', 'partialStanding'],
  ['reversing', 'partialStanding'],
  ['reversing', 'declinedHiding'],
  ['voided', 'partialReversed'],
  ['declined', 'declined'],
  ['authentication_required', 'authentication'],
  ['failed', 'notSent'],
  ['failed', 'rejected'],
];

function concludingContract(journal: () => Journal): void {
  describe('conclude', () => {
    test.each(END_STATES)('%s after %s holds the payment or lets it go', async (status, outcome) => {
      await journal().open(sampleOpening('one'));
      const decline = status === 'declined' ? DECLINE : null;
      const networkTransaction = { id: 'n1', network: 'visa', date: '2026-11-23' };
      const conclusion = sampleConclusion('one', OUTCOMES[outcome], status, { decline, networkTransaction });
      expect(await journal().conclude(conclusion)).toEqual({ kind: 'written', version: 2 });
      expect(await journal().findAuthorization('one')).toMatchObject({
        status,
        version: 2,
        open: false,
        decline,
        networkTransaction,
        provider: 'sandbox-a',
        providerReference: 'psp_a',
        attempts: [{ outcome: OUTCOMES[outcome], durationMs: 84.25 }],
      });
      const claim = await journal().findClaim(SCOPE('one'));
      expect(claim).toMatchObject({ open: false, frozen: conclusion.frozen });
      const next = await journal().open(sampleOpening('two', { request: { reference: 'order-one' } }));
      expect(next.kind).toBe(HOLDS_PAYMENT[status] ? 'payment_live' : 'opened');
    });

    test.each(['unknown', 'pending', 'approved', 'partialStanding', 'declinedHiding'] as const)(
      'never lets a payment go after %s',
      async (outcome) => {
        await journal().open(sampleOpening('one'));
        const wrong = journal().conclude(sampleConclusion('one', OUTCOMES[outcome], 'failed'));
        await expect(wrong).rejects.toMatchObject({ name: 'JournalError' });
        expect(await journal().findAuthorization('one')).toMatchObject({
          status: 'pending',
          open: true,
          version: 1,
          attempts: [{ outcome: null }],
        });
      },
    );

    test('twice at once: one is written, the other is stale', async () => {
      await journal().open(sampleOpening('one'));
      const results = await Promise.all([
        journal().conclude(sampleConclusion('one')),
        journal().conclude(sampleConclusion('one', OUTCOMES.declined, 'declined')),
      ]);
      expect(results).toEqual([{ kind: 'written', version: 2 }, { kind: 'stale' }]);
      expect((await journal().findAuthorization('one'))?.status).toBe('approved');
    });

    test('is stale at another version or attempt, and for an authorization that is not there', async () => {
      await journal().open(sampleOpening('one'));
      const conclusion = sampleConclusion('one');
      for (const wrong of [
        { ...conclusion, expectedVersion: 2 },
        { ...conclusion, expectedVersion: 0 },
        sampleConclusion('one', OUTCOMES.approved, 'approved', { number: 2 }),
        sampleConclusion('two'),
        // An attempt is still out.
        sampleConclusion('one', null, 'failed'),
      ]) {
        expect(await journal().conclude(wrong)).toEqual({ kind: 'stale' });
      }
    });

    test('refuses to freeze an answer while something is being found out', async () => {
      await journal().open(sampleOpening('one'));
      const frozen = { httpStatus: 202, body: '{}' };
      const wrong = sampleConclusion('one', OUTCOMES.unknown, 'pending', { frozen });
      await expect(journal().conclude(wrong)).rejects.toThrow(/frozen/);
    });
  });
}

function lapseContract(journal: () => Journal): void {
  const after = T0 + LEASE_MS + 1;
  describe('lapse', () => {
    test('leaves a lease alone until it ends', async () => {
      await journal().open(sampleOpening('one'));
      expect(await journal().lapse(T0 + LEASE_MS - 1, 10)).toEqual({ lapsed: [], unconcluded: [] });
      expect(await journal().findAuthorization('one')).toMatchObject({ version: 1, open: true });
    });

    test('makes an attempt unknown and its authorization pending, once', async () => {
      await journal().open(sampleOpening('one'));
      for (let run = 0; run < 2; run += 1) {
        expect(await journal().lapse(after, 10)).toEqual({
          lapsed: run === 0 ? [{ authorizationId: 'one', provider: 'sandbox-a' }] : [],
          unconcluded: [],
        });
        expect(await journal().findAuthorization('one')).toMatchObject({
          status: 'pending',
          version: 2,
          open: false,
          provider: 'sandbox-a',
          attempts: [{ outcome: { kind: 'unknown', code: 'lease_expired' } }],
        });
      }
      expect(await journal().findClaim(SCOPE('one'))).toMatchObject({ open: false, frozen: null });
      const second = sampleOpening('two', { request: { reference: 'order-one' } });
      expect((await journal().open(second)).kind).toBe('payment_live');
    });

    test('takes at most as many as it is told', async () => {
      const ids = ['one', 'two', 'three'];
      for (const id of ids) await journal().open(sampleOpening(id));
      const open = async () => {
        const found = await Promise.all(ids.map((id) => journal().findAuthorization(id)));
        return found.filter((authorization) => authorization?.open === true).length;
      };
      await journal().lapse(after, 2);
      expect(await open()).toBe(1);
      await journal().lapse(after, 2);
      expect(await open()).toBe(0);
    });

    test('makes only the attempt that is out unknown', async () => {
      await journal().open(sampleOpening('one'));
      await journal().failOver(sampleFailOver('one', 2));
      await journal().lapse(after, 10);
      const found = await journal().findAuthorization('one');
      expect(found).toMatchObject({ provider: 'sandbox-b', version: 3 });
      expect(found?.attempts.map((attempt) => attempt.outcome?.kind)).toEqual(['not_sent', 'unknown']);
    });

    test('an owner that comes late may still tell its outcome, once', async () => {
      await journal().open(sampleOpening('one'));
      await journal().lapse(after, 10);
      const late = sampleConclusion('one');
      expect(await journal().conclude(late)).toEqual({ kind: 'written', version: 3 });
      expect(await journal().findAuthorization('one')).toMatchObject({
        status: 'approved',
        attempts: [{ outcome: OUTCOMES.approved }],
      });
      expect(await journal().findClaim(SCOPE('one'))).toMatchObject({ frozen: late.frozen });
      expect(await journal().conclude(late)).toEqual({ kind: 'stale' });
      expect(await journal().conclude({ ...late, expectedVersion: 2 })).toEqual({ kind: 'stale' });
    });

    test('an owner that comes late may not fail over', async () => {
      await journal().open(sampleOpening('one'));
      await journal().lapse(after, 10);
      expect(await journal().failOver(sampleFailOver('one', 2))).toEqual({ kind: 'stale' });
      const later = { ...sampleFailOver('one', 2), expectedVersion: 2 };
      expect(await journal().failOver(later)).toEqual({ kind: 'stale' });
    });

    test('an unknown that its owner told is not replaced by its owner', async () => {
      await journal().open(sampleOpening('one'));
      await journal().conclude(sampleConclusion('one', OUTCOMES.unknown, 'pending'));
      await journal().lapse(after, 10);
      expect(await journal().conclude(sampleConclusion('one'))).toEqual({ kind: 'stale' });
      expect(await journal().conclude(sampleConclusion('one', OUTCOMES.approved))).toEqual({ kind: 'stale' });
    });

    test('in either order with a conclusion the outcome stands', async () => {
      await journal().open(sampleOpening('one'));
      await journal().open(sampleOpening('two'));
      await Promise.all([
        journal().conclude(sampleConclusion('one')),
        journal().lapse(after, 10),
        journal().conclude(sampleConclusion('two')),
      ]);
      for (const id of ['one', 'two']) {
        expect(await journal().findAuthorization(id)).toMatchObject({ status: 'approved', open: false });
      }
    });
  });
}

function readingContract(journal: () => Journal): void {
  test('what is not there is null or empty', async () => {
    expect(await journal().findAuthorization('nobody')).toBeNull();
    expect(await journal().findClaim(SCOPE('nobody'))).toBeNull();
    expect(await journal().history('nobody')).toEqual([]);
    expect(await journal().listOverrides()).toEqual([]);
  });

  test('a claim is found only in its own scope', async () => {
    await journal().open(sampleOpening('one'));
    const scope = SCOPE('one');
    expect(await journal().findClaim(scope)).toMatchObject({ authorizationId: 'one', open: true });
    for (const other of [{ account: 'x' }, { merchant: 'x' }, { operation: 'x' }, { key: 'x' }]) {
      expect(await journal().findClaim({ ...scope, ...other })).toBeNull();
    }
  });

  test('the history tells every change, oldest first', async () => {
    await journal().open(sampleOpening('one'));
    await journal().failOver(sampleFailOver('one', 2));
    await journal().lapse(T0 + LEASE_MS, 10);
    await journal().conclude(sampleConclusion('one', OUTCOMES.approved, 'approved', { number: 2 }));
    const events = await journal().history('one');
    expect(events.map(({ sequence, actor, kind }) => [sequence, actor, kind])).toEqual([
      [1, 'gateway', 'opened'],
      [2, 'gateway', 'failed_over'],
      [3, 'recovery', 'lapsed'],
      [4, 'gateway', 'concluded'],
    ]);
    expect(events.map((event) => event.atMs)).toEqual([T0, T0 + 10, T0 + LEASE_MS, T0 + 100]);
    expect(events[0]?.data).toMatchObject({ attempt: 'att_one_1', routing: ROUTING });
    expect(events[1]?.data).toMatchObject({
      attempt: 'att_one_1',
      outcome: OUTCOMES.notSent,
      reason: 'not_sent',
      next: { provider: 'sandbox-b' },
    });
    expect(events[3]?.data).toMatchObject({ outcome: OUTCOMES.approved, status: 'approved' });
  });
}

const ALL: AuthorizationFilter = { account: 'acme', merchants: 'all', limit: 200 };

function listingContract(journal: () => Journal): void {
  describe('listAuthorizations', () => {
    /** Five of `acme` at two merchants, one of another account. */
    const fill = async () => {
      for (const [index, id] of ['a1', 'a2', 'a3', 'a4', 'a5'].entries()) {
        const merchant = index % 2 === 0 ? 'acme-eu' : 'acme-us';
        await journal().open(sampleOpening(id, { atMs: T0 + index, request: { merchant } }));
      }
      await journal().open(sampleOpening('b1', { account: 'other', request: { merchant: 'other-eu' } }));
      await journal().conclude(sampleConclusion('a1'));
      await journal().conclude(sampleConclusion('a2', OUTCOMES.declined, 'declined'));
      await journal().conclude(sampleConclusion('a3', OUTCOMES.unknown, 'pending'));
      await journal().conclude(sampleConclusion('a4', OUTCOMES.partialStanding, 'reversing'));
      const again = { merchant: 'acme-us', reference: 'order-a2' };
      await journal().open(sampleOpening('a6', { atMs: T0 + 5, request: again }));
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
        await journal().open(sampleOpening(`late${turn}`));
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
  test('a ruleset gets a new number when it is not the newest known', async () => {
    const numbers: number[] = [];
    for (const hash of ['h1', 'h1', 'h2', 'h1', 'h1']) {
      numbers.push(await journal().registerRuleset(hash, { 'rules.yaml': `# ${hash}` }, T0));
    }
    expect(numbers).toEqual([1, 1, 2, 3, 3]);
  });

  test('the newest override of each provider, brand and merchant counts', async () => {
    const override = (over: Partial<ProviderOverride>): ProviderOverride => ({
      provider: 'sandbox-a',
      brand: null,
      merchant: null,
      mode: 'force_open',
      reason: 'tests',
      author: 'acme',
      createdAtMs: T0,
      expiresAtMs: T0 + 60_000,
      ...over,
    });
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
    await journal().open(sampleOpening('one'));
    expect([await at('sandbox-a'), await at('sandbox-b')]).toEqual([true, false]);
    await journal().failOver(sampleFailOver('one', 2));
    expect([await at('sandbox-a'), await at('sandbox-b')]).toEqual([false, true]);
    const provider = 'sandbox-b';
    const end = sampleConclusion('one', OUTCOMES.declined, 'declined', { number: 2, provider });
    await journal().conclude(end);
    expect([await at('sandbox-a'), await at('sandbox-b')]).toEqual([false, false]);
    for (const [id, outcome, status, open] of [
      ['u', 'unknown', 'pending', true],
      ['w', 'pending', 'pending', true],
      ['a', 'approved', 'approved', true],
      ['p', 'partialStanding', 'reversing', true],
      ['h', 'declinedHiding', 'reversing', true],
      ['v', 'partialReversed', 'voided', false],
      ['s', 'authentication', 'authentication_required', false],
      ['f', 'rejected', 'failed', false],
    ] as const) {
      await journal().open(sampleOpening(id, { intent: { provider: `psp-${id}` } }));
      const over = { provider: `psp-${id}` };
      await journal().conclude(sampleConclusion(id, OUTCOMES[outcome], status, over));
      expect(await at(`psp-${id}`), outcome).toBe(open);
    }
  });

  test('answers a ping', async () => {
    await expect(journal().ping()).resolves.toBeUndefined();
  });
}

function durabilityContract(journal: () => Journal, reopen: () => Promise<Journal>): void {
  test('everything is there after it was closed and opened again', async () => {
    await journal().open(sampleOpening('one'));
    await journal().failOver(sampleFailOver('one', 2));
    const conclusion = sampleConclusion('one', OUTCOMES.approved, 'approved', { number: 2 });
    await journal().conclude(conclusion);
    await journal().open(sampleOpening('two'));
    await journal().registerRuleset('h1', {}, T0);
    const before = [
      await journal().findAuthorization('one'),
      await journal().findAuthorization('two'),
      await journal().history('one'),
    ];
    const again = await reopen();
    expect([
      await again.findAuthorization('one'),
      await again.findAuthorization('two'),
      await again.history('one'),
    ]).toEqual(before);
    expect(await again.findClaim(SCOPE('one'))).toMatchObject({ frozen: conclusion.frozen });
    expect(await again.registerRuleset('h2', {}, T0)).toBe(2);
  });

  test('close finishes what was begun, and refuses what comes after', async () => {
    const begun = Array.from({ length: 50 }, (_, index) => journal().open(sampleOpening(`n${index}`)));
    const closed = journal();
    const again = reopen();
    await expect(closed.ping()).rejects.toThrow(/closed/);
    expect(await Promise.all(begun)).toEqual(begun.map(() => ({ kind: 'opened' })));
    expect(await (await again).findAuthorization('n49')).not.toBeNull();
    await closed.close();
  });
}
