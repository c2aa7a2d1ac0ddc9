import { describe, expect, test } from 'vitest';
import type { Journal } from '../../src/gateway/ports.ts';
import {
  concluded,
  OUTCOMES,
  opened,
  refusedOpening,
  sampleConclusion,
  sampleOpening,
  sampleScope,
  written,
} from './journal-fixtures.ts';

/** What `open` keeps and refuses. */
export function openingContract(journal: () => Journal): void {
  describe('open', () => {
    test('keeps everything it was given', async () => {
      const opening = sampleOpening('auth_one', { request: { metadata: { channel: 'wéb ✓' } } });
      expect(await journal().open(opening)).toEqual({ kind: 'opened' });
      expect(await journal().findAuthorization('auth_one')).toEqual(opening.authorization);
    });

    test('keeps one that is refused at once, and its answer, without holding the payment', async () => {
      const opening = refusedOpening('auth_one');
      expect(await journal().open(opening)).toEqual({ kind: 'opened' });
      expect(await journal().findAuthorization('auth_one')).toEqual(opening.authorization);
      expect(await journal().findClaim(opening.claim)).toMatchObject({ open: false, frozen: opening.frozen });
      const second = sampleOpening('auth_two', { request: { reference: 'order-auth_one' } });
      expect(await journal().open(second)).toEqual({ kind: 'opened' });
    });

    test('one that is refused at once gives way to a used key and to the holder of its payment', async () => {
      await opened(journal(), 'auth_one');
      const request = { reference: 'order-auth_one' };
      const live = { kind: 'payment_live', authorizationId: 'auth_one' };
      expect(await journal().open(refusedOpening('auth_two', { request }))).toEqual(live);
      const again = await journal().open(refusedOpening('auth_two', { request, key: 'key-auth_one' }));
      expect(again).toMatchObject({ kind: 'claimed', claim: { authorizationId: 'auth_one' } });
      expect(await journal().findAuthorization('auth_two')).toBeNull();
    });

    test('one whose payment another account holds is told no more than that', async () => {
      await opened(journal(), 'auth_one');
      const opening = sampleOpening('auth_two', { request: { reference: 'order-auth_one' } });
      const theirs = {
        ...opening,
        claim: { ...opening.claim, account: 'other' },
        authorization: { ...opening.authorization, account: 'other' },
      };
      expect(await journal().open(theirs)).toEqual({ kind: 'payment_held' });
      expect(await journal().findAuthorization('auth_two')).toBeNull();
    });

    test('a used key gives its claim, whether its road is open, pending or ended', async () => {
      const again = () => journal().open(sampleOpening('auth_two', { key: 'key-auth_one' }));
      const claim = {
        authorizationId: 'auth_one',
        operationNumber: null,
        bodyFingerprint: 'cd'.repeat(32),
        open: true,
        frozen: null,
      };
      const open = await opened(journal(), 'auth_one');
      expect(await again()).toEqual({ kind: 'claimed', claim });
      const pending = await written(journal(), sampleConclusion(open, OUTCOMES.unknown));
      expect(await again()).toEqual({ kind: 'claimed', claim: { ...claim, open: false } });
      const conclusion = sampleConclusion(pending, OUTCOMES.declined);
      await written(journal(), conclusion);
      expect(await again()).toEqual({
        kind: 'claimed',
        claim: { ...claim, open: false, frozen: conclusion.frozen },
      });
      expect(conclusion.frozen).not.toBeNull();
      expect(await journal().findAuthorization('auth_two')).toBeNull();
    });

    test('a held payment gives its holder, and does not use up the key', async () => {
      const one = await opened(journal(), 'auth_one');
      const second = sampleOpening('auth_two', { request: { reference: 'order-auth_one' } });
      expect(await journal().open(second)).toEqual({ kind: 'payment_live', authorizationId: 'auth_one' });
      expect(await journal().findClaim(sampleScope('auth_two'))).toBeNull();
      await written(journal(), sampleConclusion(one, OUTCOMES.declined));
      expect(await journal().open(second)).toEqual({ kind: 'opened' });
    });

    test('the key is asked before the payment', async () => {
      await opened(journal(), 'auth_one');
      const result = await journal().open(
        sampleOpening('auth_two', { key: 'key-auth_one', request: { reference: 'order-auth_one' } }),
      );
      expect(result.kind).toBe('claimed');
    });

    test('keys of other accounts and merchants, and references of other merchants, are others', async () => {
      await opened(journal(), 'auth_one', { key: 'k', request: { reference: 'r' } });
      for (const [id, account, merchant] of [
        ['auth_two', 'other', 'acme-us'],
        ['auth_three', 'acme', 'acme-uk'],
      ] as const) {
        const opening = sampleOpening(id, { account, key: 'k', request: { reference: 'r', merchant } });
        expect(await journal().open(opening), id).toEqual({ kind: 'opened' });
      }
    });

    test('of two at once with one key one opens, and the other is told of it', async () => {
      const results = await Promise.all([
        journal().open(sampleOpening('auth_one', { key: 'k' })),
        journal().open(sampleOpening('auth_two', { key: 'k' })),
      ]);
      expect(results.map((result) => result.kind).sort()).toEqual(['claimed', 'opened']);
    });

    test('of two at once for one payment one opens, and the other is told of it', async () => {
      const request = { reference: 'r' };
      const results = await Promise.all([
        journal().open(sampleOpening('auth_one', { request })),
        journal().open(sampleOpening('auth_two', { request })),
      ]);
      expect(results).toContainEqual({ kind: 'opened' });
      const winner = results[0]?.kind === 'opened' ? 'auth_one' : 'auth_two';
      expect(results).toContainEqual({ kind: 'payment_live', authorizationId: winner });
    });

    test('refuses a CAVV', async () => {
      const threeDs = { eci: '05', cavv: 'AAAB', dsTransactionId: null, version: '2.2.0', exemption: null };
      await expect(journal().open(sampleOpening('auth_one', { request: { threeDs } }))).rejects.toThrow(
        /CAVV/,
      );
      const without = { ...threeDs, cavv: null };
      await opened(journal(), 'auth_one', { request: { threeDs: without } });
      expect((await journal().findAuthorization('auth_one'))?.request.threeDs).toEqual(without);
    });

    test('refuses what could not have begun like that', async () => {
      const good = sampleOpening('auth_one');
      const { authorization, intent } = good;
      const approved = { ...authorization, status: 'approved' as const };
      const wrong = [
        { ...good, intent: null },
        { ...good, authorization: { ...authorization, version: 2 } },
        { ...good, authorization: { ...authorization, attempts: [] } },
        { ...good, frozen: { httpStatus: 201, body: '{}' } },
        { ...good, intent: intent === null ? null : { ...intent, number: 2 } },
        { ...refusedOpening('auth_one'), frozen: null },
        { ...good, authorization: approved },
        // It would hold its payment without ever having been sent.
        {
          ...refusedOpening('auth_one'),
          authorization: { ...refusedOpening('auth_one').authorization, status: 'approved' as const },
        },
      ];
      for (const opening of wrong) await expect(journal().open(opening)).rejects.toThrow();
      expect(await journal().findAuthorization('auth_one')).toBeNull();
    });

    test('a command that fails does not take its neighbours with it', async () => {
      await opened(journal(), 'auth_one');
      const twice = sampleOpening('auth_one', { key: 'k2', request: { reference: 'r2' } });
      const results = await Promise.allSettled([
        journal().open(sampleOpening('auth_two')),
        journal().open(twice),
        journal().open(sampleOpening('auth_three')),
        journal().findAuthorization('auth_one'),
      ]);
      expect(results.map((result) => result.status)).toEqual([
        'fulfilled',
        'rejected',
        'fulfilled',
        'fulfilled',
      ]);
      expect(results[1]).toMatchObject({ reason: { name: 'JournalError' } });
      expect(await journal().findClaim(sampleScope('auth_one', { key: 'k2' }))).toBeNull();
      for (const id of ['auth_two', 'auth_three']) {
        expect(await journal().findAuthorization(id)).not.toBeNull();
      }
    });

    test('a payment that was let go can be opened again by another', async () => {
      await concluded(journal(), 'auth_one', OUTCOMES.notSent);
      const request = { reference: 'order-auth_one' };
      expect(await journal().open(sampleOpening('auth_two', { request }))).toEqual({ kind: 'opened' });
    });
  });
}
