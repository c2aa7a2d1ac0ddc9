import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isDefiniteNegative } from '../../../src/core/attempt.ts';
import { judgeOutcome } from '../../../src/core/failover.ts';
import { isNotFoundEvidence, quickResolution } from '../../../src/core/resolution.ts';
import type { Provider } from '../../../src/gateway/ports.ts';
import { CHECKOUT_SEMANTICS, createCheckoutProvider } from '../../../src/providers/checkout/adapter.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import type { Mishap, StandInRequest } from '../../support/psp-stand-in.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { shippedDeclineTables } from '../shipped-decline-tables.ts';
import { checkoutContract } from './checkout-contract.ts';
import { budgetOf, CAVV, callOf, operationOf } from './checkout-fixture.ts';
import { bareAnswer, CheckoutStandIn, errorAnswer, TOKENS } from './checkout-stand-in.ts';

const declineTables = await shippedDeclineTables();
const DAY_MS = 86_400_000;

let standIn: CheckoutStandIn;
let provider: Provider;

beforeEach(async () => {
  standIn = await CheckoutStandIn.start();
  const deps = { clock: new FakeClock(), declineTables: () => declineTables };
  provider = createCheckoutProvider(checkoutContract({ baseUrl: standIn.server.url }), deps);
});

afterEach(async () => {
  provider.close();
  await standIn.server.close();
});

const isPayment = ({ method, path }: StandInRequest) => method === 'POST' && path === '/payments';
const failure = errorAnswer(500, 'processing_error', []);

const inquire = (providerReference: string | null = null) => {
  const { attemptId, request, brand, scaRegion } = callOf();
  return provider.inquire({ attemptId, providerReference, request, brand, scaRegion, budget: budgetOf() });
};
const live = () => standIn.payments.filter(({ authorized, voided }) => authorized > voided);

describe('trap 1: failures are not kept under the key, so that a repeat is another payment', () => {
  it.each<[string, Mishap]>([
    ['a failure after it was authorized', { kind: 'instead', carriedOut: true, answer: failure }],
    ['a failure of somebody on the way', { kind: 'instead', carriedOut: true, answer: bareAnswer(502) }],
    ['a lost answer', { kind: 'reset_after' }],
    ['half an answer', { kind: 'truncate' }],
  ])('%s: it is asked about first, found, and authorized once', async (_what, mishap) => {
    standIn.server.meet(mishap, isPayment);
    const outcome = await provider.authorize(callOf());
    if (outcome.kind !== 'unknown') throw new Error(outcome.kind);
    expect(judgeOutcome(outcome, { acceptPartial: false, undone: false }).mayFailOver).toBe(false);
    expect(quickResolution(outcome, provider.semantics, 1_000)).toBe('inquire');
    expect(await inquire()).toMatchObject({ kind: 'found', outcome: { kind: 'approved' } });
    expect(live()).toHaveLength(1);
  });

  it('a repeat instead would have authorized twice, and the inquiry then tells that it cannot tell', async () => {
    // What the provider really does: the failure was not kept.
    standIn.server.meet({ kind: 'instead', carriedOut: true, answer: failure }, isPayment);
    await provider.authorize(callOf());
    standIn.forgetKeys();
    await provider.authorize(callOf());
    expect(live()).toHaveLength(2);
    expect(await inquire()).toEqual({ kind: 'no_answer', code: 'several_payments' });
    // By its id each is what it is.
    const [, second] = standIn.payments;
    expect(await inquire(second?.id ?? '')).toMatchObject({ kind: 'found', outcome: { kind: 'approved' } });
  });

  it('no failure is a definite negative, whatever its status', async () => {
    for (const status of [500, 501, 502, 503, 504, 507, 520, 599]) {
      standIn.server.meet({ kind: 'instead', carriedOut: true, answer: { ...failure, status } }, isPayment);
      const outcome = await provider.authorize(
        callOf({ attemptId: `att_s_${status % 100}`, providerKey: `k${status}` }),
      );
      expect(outcome).toMatchObject({ kind: 'unknown', code: 'processing_error' });
      expect(isDefiniteNegative(outcome)).toBe(false);
    }
    expect(live()).toHaveLength(8);
  });

  it('the same key after a success gives the same answer', async () => {
    const first = await provider.authorize(callOf());
    expect(await provider.authorize(callOf())).toEqual(first);
    expect(live()).toHaveLength(1);
  });

  it('a capture that is sent again under its key is carried out once', async () => {
    await provider.authorize(callOf());
    const call = operationOf({ providerReference: standIn.payments[0]?.id ?? null });
    standIn.server.meet({ kind: 'reset_after' }, ({ path }) => path.endsWith('/captures'));
    expect(await provider.capture(call)).toMatchObject({ kind: 'unknown' });
    expect(await provider.inquireOperation({ ...call, operation: 'capture' })).toMatchObject({
      kind: 'confirmed',
    });
    expect(await provider.capture(call)).toEqual({ kind: 'accepted' });
    expect(standIn.payments).toMatchObject([{ captured: 1_000 }]);
  });
});

describe('trap 3: after its life a key is a new payment', () => {
  it('is stated, and an authorization is never repeated anyway', () => {
    expect(CHECKOUT_SEMANTICS).toMatchObject({ replay: 'success_only', keyLifetimeMs: DAY_MS });
    for (const code of [
      'ECONNRESET',
      'EPIPE',
      'truncated_answer',
      'timeout',
      'http_500',
      'answer_malformed',
    ]) {
      for (const ageMs of [0, 1_000, DAY_MS, 2 * DAY_MS]) {
        const unknown = { kind: 'unknown', code, providerReference: null } as const;
        expect(quickResolution(unknown, CHECKOUT_SEMANTICS, ageMs)).toBe('inquire');
      }
    }
  });

  it('a payment whose key is forgotten is found by its reference all the same', async () => {
    standIn.server.meet({ kind: 'reset_after' }, isPayment);
    await provider.authorize(callOf());
    standIn.forgetKeys();
    expect(await inquire()).toMatchObject({ kind: 'found', outcome: { kind: 'approved' } });
  });
});

describe('trap 5: what was asked for may still land', () => {
  it('"not found" is never evidence, unless the contract says when', async () => {
    const forEver = { pastDeadlineMs: 365 * DAY_MS, seenForMs: 365 * DAY_MS };
    expect(isNotFoundEvidence(CHECKOUT_SEMANTICS.notFoundAfterMs, forEver)).toBe(false);
    expect(isNotFoundEvidence(60_000, forEver)).toBe(true);
    expect(await inquire()).toEqual({ kind: 'not_found' });
    await provider.authorize(callOf());
    expect(await inquire()).toMatchObject({ kind: 'found' });
  });

  it('a void that is taken proves nothing: the payment’s state does', async () => {
    await provider.authorize(callOf());
    const id = standIn.payments[0]?.id ?? '';
    const call = operationOf({
      operationId: 'void_aBc_2',
      providerReference: id,
      amount: callOf().request.amount,
    });
    // Taken, and not carried out.
    const taken = { action_id: 'act_x', reference: 'void_aBc_2' };
    const answer = {
      status: 202,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(taken),
    };
    standIn.server.meet({ kind: 'instead', carriedOut: false, answer }, ({ path }) =>
      path.endsWith('/voids'),
    );
    expect(await provider.void(call)).toEqual({ kind: 'accepted' });
    expect(await provider.inquireOperation({ ...call, operation: 'void' })).toEqual({ kind: 'not_found' });
    expect(await inquire(id)).toMatchObject({ kind: 'found', outcome: { kind: 'approved' } });
    expect(await provider.void(call)).toEqual({ kind: 'accepted' });
    expect(await provider.inquireOperation({ ...call, operation: 'void' })).toMatchObject({
      kind: 'confirmed',
    });
    expect(live()).toEqual([]);
  });
});

describe('trap 7: what is in a key', () => {
  it('nothing of the card, the token or the cryptogram', async () => {
    const threeDs = { eci: '05', cavv: CAVV, dsTransactionId: 'ds', version: '2.2.0', exemption: null };
    await provider.authorize(callOf());
    await provider.authorize(callOf({ request: sampleRequest({ threeDs }) }));
    await provider.authorize(callOf({ token: TOKENS.partial }));
    const keys = standIn.server.requests.map(({ headers }) => headers['cko-idempotency-key']);
    expect(keys).toEqual(['key_aBc_1', 'key_aBc_1', 'key_aBc_1']);
    // So the second is answered with the first, and nothing is charged again.
    expect(standIn.payments).toHaveLength(1);
  });
});

describe('what Checkout.com would do by itself', () => {
  it('a redirect is pending: nobody is told of it, and it is declined when its time is over', async () => {
    const outcome = await provider.authorize(callOf({ token: TOKENS.redirect }));
    expect(outcome).toMatchObject({ kind: 'pending', code: 'redirect' });
    expect(judgeOutcome(outcome, { acceptPartial: false, undone: false }).mayFailOver).toBe(false);
  });

  it('no request asks for a second attempt, another source or another authentication', async () => {
    await provider.authorize(callOf());
    await provider.authorize(
      callOf({ request: sampleRequest({ initiator: 'merchant' }), providerKey: 'k2' }),
    );
    for (const { body } of standIn.server.requests) {
      expect(body).toContain('"allow_upgrade":false');
      expect(body).not.toMatch(/fallback_source|"attempt_n3d"|"capture":true|"routing"/);
    }
    expect(standIn.server.requests[1]?.body).toContain(
      '"retry":{"dunning":{"enabled":false},"downtime":{"enabled":false}}',
    );
  });

  it('what it says nothing for certain about stays unknown, however it is asked', async () => {
    const outcome = await provider.authorize(callOf({ token: TOKENS.tooLate }));
    expect(outcome).toMatchObject({ kind: 'unknown', code: '20068' });
    expect(isDefiniteNegative(outcome)).toBe(false);
    expect(await inquire()).toEqual({ kind: 'no_answer', code: '20068' });
  });
});
