import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isDefiniteNegative } from '../../../src/core/attempt.ts';
import { judgeOutcome } from '../../../src/core/failover.ts';
import {
  isKeyUsable,
  isNotFoundEvidence,
  KEY_MARGIN_MS,
  quickResolution,
} from '../../../src/core/resolution.ts';
import type { Provider } from '../../../src/gateway/ports.ts';
import { ADYEN_SEMANTICS, createAdyenProvider } from '../../../src/providers/adyen/adapter.ts';
import { wireKey } from '../../../src/providers/adyen/transformers.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import type { StandInRequest } from '../../support/psp-stand-in.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { shippedDeclineTables } from '../shipped-decline-tables.ts';
import { adyenContract } from './adyen-contract.ts';
import { CAVV, callOf, operationOf } from './adyen-fixture.ts';
import { AdyenStandIn, errorAnswer, TOKENS } from './adyen-stand-in.ts';

const declineTables = await shippedDeclineTables();
const DAY_MS = 86_400_000;

let standIn: AdyenStandIn;
let provider: Provider;

beforeEach(async () => {
  standIn = await AdyenStandIn.start();
  const deps = { clock: new FakeClock(), declineTables: () => declineTables };
  provider = createAdyenProvider(adyenContract({ baseUrl: standIn.server.url }), deps);
});

afterEach(async () => {
  provider.close();
  await standIn.server.close();
});

const isPayment = ({ path }: StandInRequest) => path === '/payments';
const failure = errorAnswer(500, '905', 'configuration');
const transient = errorAnswer(500, '905', 'configuration', { 'transient-error': 'true' });

/** What the events so far say about our attempt, by the operations that it has. */
async function evidence(operations: Parameters<Provider['evidenceIn']>[1]['operations'] = []) {
  const all = [];
  for (const message of standIn.sent) {
    const reading = await provider.readNotices(message);
    if (reading.kind !== 'read') throw new Error(reading.kind);
    for (const notice of reading.notices) {
      const { request, brand, scaRegion, attemptId } = callOf();
      const names = { attemptId, providerReference: null, operationReferences: [] };
      const asked = { ...names, request, brand, scaRegion, operations };
      all.push(provider.evidenceIn(notice, asked));
    }
  }
  return all;
}

describe('trap 2: an answer may be kept under its key for ever', () => {
  it('a failure that is kept stays unknown, however often it is repeated; the event tells', async () => {
    // Carried out, and the failure kept as the final answer under the key.
    for (let turn = 0; turn < 3; turn += 1) {
      standIn.server.meet({ kind: 'instead', carriedOut: turn === 0, answer: failure }, isPayment);
      expect(await provider.authorize(callOf())).toEqual({
        kind: 'unknown',
        code: 'error_905',
        providerReference: null,
      });
    }
    expect(standIn.payments).toHaveLength(1);
    expect(await evidence()).toMatchObject([{ kind: 'attempt', outcome: { kind: 'approved' } }]);
  });

  it('a lost answer is told by a repeat, and nothing is charged twice', async () => {
    standIn.server.meet({ kind: 'reset_after' }, isPayment);
    const lost = await provider.authorize(callOf());
    expect(lost).toMatchObject({ kind: 'unknown', code: 'ECONNRESET' });
    if (lost.kind === 'unknown') expect(quickResolution(lost, provider.semantics, 1_000)).toBe('replay');
    expect(await provider.authorize(callOf())).toMatchObject({ kind: 'approved' });
    expect(standIn.payments).toHaveLength(1);
  });

  it('what Adyen marks as transient was never begun: another may be made, and the key is free', async () => {
    standIn.server.meet({ kind: 'instead', carriedOut: false, answer: transient }, isPayment);
    const outcome = await provider.authorize(callOf());
    expect(isDefiniteNegative(outcome)).toBe(true);
    expect(judgeOutcome(outcome, { acceptPartial: false, undone: false }).mayFailOver).toBe(true);
    expect(standIn.payments).toEqual([]);
    expect(await provider.authorize(callOf())).toMatchObject({ kind: 'approved' });
  });
});

describe('trap 3: after its life a key is a new payment', () => {
  it('it is used up to a margin before seven days, never after', () => {
    const lifetimeMs = 7 * DAY_MS;
    expect(ADYEN_SEMANTICS).toMatchObject({ replay: 'same_answer', keyLifetimeMs: lifetimeMs });
    expect(isKeyUsable(ADYEN_SEMANTICS, 0, KEY_MARGIN_MS)).toBe(true);
    expect(isKeyUsable(ADYEN_SEMANTICS, lifetimeMs - KEY_MARGIN_MS - 1, KEY_MARGIN_MS)).toBe(true);
    expect(isKeyUsable(ADYEN_SEMANTICS, lifetimeMs - KEY_MARGIN_MS, KEY_MARGIN_MS)).toBe(false);
    expect(isKeyUsable(ADYEN_SEMANTICS, lifetimeMs, 0)).toBe(false);
  });
});

describe('trap 4: keys of another region are others', () => {
  it('each account has one base URL, and nothing is ever sent anywhere else', async () => {
    const other = await AdyenStandIn.start();
    standIn.server.meet({ kind: 'reset_after' }, isPayment);
    await provider.authorize(callOf());
    await provider.authorize(callOf());
    expect(standIn.server.requests).toHaveLength(2);
    expect(other.server.requests).toEqual([]);
    await other.server.close();
  });
});

describe('trap 5: a cancellation that is taken proves nothing', () => {
  const cancel = operationOf({
    operationId: 'void_aBc_1',
    providerReference: null,
    amount: callOf().request.amount,
  });
  const operations = [{ ...cancel, operation: 'void' as const }];

  it('of a payment that is still on its way: taken, failed, and then the payment lands', async () => {
    expect(await provider.void(cancel)).toEqual({ kind: 'accepted' });
    expect(await provider.authorize(callOf())).toMatchObject({ kind: 'approved' });
    expect(await evidence(operations)).toMatchObject([
      { kind: 'operation', operationId: 'void_aBc_1', inquiry: { kind: 'failed' } },
      { kind: 'attempt', outcome: { kind: 'approved' } },
    ]);
  });

  it('of a payment that is there: taken, and confirmed by the event alone', async () => {
    standIn.server.meet({ kind: 'reset_after' }, isPayment);
    await provider.authorize(callOf());
    expect(await provider.void(cancel)).toEqual({ kind: 'accepted' });
    expect((await evidence(operations)).at(-1)).toMatchObject({
      kind: 'operation',
      operationId: 'void_aBc_1',
      inquiry: { kind: 'confirmed' },
    });
    expect(standIn.payments).toMatchObject([{ cancelled: true }]);
  });

  it('by its id and by our reference are two requests, under two keys', async () => {
    await provider.authorize(callOf());
    const [payment] = standIn.payments;
    await provider.void(cancel);
    await provider.void({ ...cancel, providerReference: payment?.pspReference ?? null });
    const keys = standIn.server.requests.map(({ headers }) => headers['idempotency-key']);
    expect(new Set(keys).size).toBe(3);
  });

  it('"not found" is never evidence', () => {
    const forEver = { pastDeadlineMs: 365 * DAY_MS, seenForMs: 365 * DAY_MS };
    expect(isNotFoundEvidence(ADYEN_SEMANTICS.notFoundAfterMs, forEver)).toBe(false);
  });
});

describe('trap 7: what is in a key', () => {
  it('nothing of the card, the token or the cryptogram', async () => {
    const threeDs = { eci: '05', cavv: CAVV, dsTransactionId: 'ds', version: '2.2.0', exemption: null };
    await provider.authorize(callOf());
    await provider.authorize(callOf({ request: sampleRequest({ threeDs }) }));
    await provider.authorize(callOf({ token: TOKENS.partial }));
    const keys = standIn.server.requests.map(({ headers }) => headers['idempotency-key']);
    expect(keys).toEqual([wireKey('key_aBc_1'), wireKey('key_aBc_1'), wireKey('key_aBc_1')]);
    // So the second is answered with the first, and nothing is charged again.
    expect(standIn.payments).toHaveLength(1);
  });

  it('our keys, which differ by the case of a letter, are two at Adyen, which folds it', async () => {
    const first = callOf({ attemptId: 'att_aBc_1', providerKey: 'att_aBc_1' });
    const second = callOf({ attemptId: 'att_abc_1', providerKey: 'att_abc_1' });
    expect(await provider.authorize(first)).toMatchObject({ kind: 'approved' });
    expect(await provider.authorize(second)).toMatchObject({ kind: 'approved' });
    expect(standIn.payments.map(({ reference }) => reference)).toEqual(['att_aBc_1', 'att_abc_1']);
  });
});
