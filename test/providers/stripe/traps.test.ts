import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DAY_MS, isKeyUsable, KEY_MARGIN_MS, quickResolution } from '../../../src/core/resolution.ts';
import type { AuthorizeCall, OperationCall, Provider } from '../../../src/gateway/ports.ts';
import { createStripeProvider } from '../../../src/providers/stripe/adapter.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { jsonAnswer, type StandInRequest } from '../../support/psp-stand-in.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { sampleContract } from '../../support/sample-ruleset.ts';
import { callOf, declineTables, operationOf } from './stripe-fixture.ts';
import { STAND_IN_KEY, StripeStandIn } from './stripe-stand-in.ts';

/**
 * The traps of the payments reference, section 2.2, that are Stripe's, over real sockets. Those of the others (1 Checkout.com,
 * 4 Adyen, 5 Square, 6 Braintree) do not concern it.
 */

const ends = (end: string) => (request: StandInRequest) =>
  request.method === 'POST' && request.path.endsWith(end);

let clock: FakeClock;
let standIn: StripeStandIn;
let provider: Provider;
let prepared: string[];

beforeEach(async () => {
  clock = new FakeClock();
  prepared = [];
  standIn = await StripeStandIn.start(clock);
  connect();
});

afterEach(async () => {
  provider.close();
  await standIn.close();
  expect(clock.pendingTimers).toBe(0);
});

function connect(settings: Record<string, string> = {}): void {
  const contract = sampleContract('stripe-eu', {
    adapter: 'stripe',
    baseUrl: standIn.server.url,
    credentials: { api_key: STAND_IN_KEY },
    settings,
  });
  provider = createStripeProvider(contract, { clock, declineTables: () => declineTables });
}

/** With time to spare, however late it is. */
const within = () => ({ ...callOf().budget, deadlineMs: clock.monotonicMs() + 4_000 });
const call = (over: Partial<AuthorizeCall> = {}): AuthorizeCall =>
  callOf({
    token: 'pm_fine',
    budget: within(),
    prepared: async (reference) => {
      prepared.push(reference);
      return true;
    },
    ...over,
  });
const operation = (over: Partial<OperationCall> = {}): OperationCall =>
  operationOf({ providerReference: prepared[0] ?? '', budget: within(), ...over });
const inquire = () =>
  provider.inquire({
    attemptId: 'att_a_1',
    providerReference: prepared[0] ?? '',
    request: sampleRequest(),
    brand: 'visa',
    scaRegion: false,
    budget: within(),
  });
const APPROVED = { kind: 'approved', providerReference: 'pi_standIn1' };

describe('trap 2: a failure is kept under the key, whatever was carried out', () => {
  it('a repeat of the confirmation fails for ever, and only the intent tells the truth', async () => {
    standIn.failUnderKey(ends('/confirm'));
    const first = await provider.authorize(call());
    expect(first).toEqual({ kind: 'unknown', code: 'api_error', providerReference: 'pi_standIn1' });
    const again = await provider.authorize(call({ preparedReference: 'pi_standIn1' }));
    expect(again).toEqual(first);
    expect(await inquire()).toMatchObject({ kind: 'found', outcome: APPROVED });
    expect(standIn.books()).toMatchObject([{ live: true }]);
    // Which is what the gateway does: it asks, and does not repeat.
    if (first.kind === 'unknown') expect(quickResolution(first, provider.semantics, 0)).toBe('inquire');
  });

  it('so does that of a capture, and the intent names it', async () => {
    await provider.authorize(call());
    standIn.failUnderKey(ends('/capture'));
    const capture = operation();
    const failed = { kind: 'unknown', code: 'api_error', answered: 'failure' };
    expect(await provider.capture(capture)).toEqual(failed);
    expect(await provider.capture(capture)).toEqual(failed);
    expect(await provider.inquireOperation({ ...capture, operation: 'capture' })).toMatchObject({
      kind: 'confirmed',
    });
    expect(standIn.books()).toMatchObject([{ capturedAmount: 4999 }]);
  });
});

describe('trap 3: a key that is no longer known executes again', () => {
  it('is not used from a margin before its end', () => {
    const { semantics } = provider;
    expect(isKeyUsable(semantics, DAY_MS - 1, 0)).toBe(true);
    expect(isKeyUsable(semantics, DAY_MS, 0)).toBe(false);
    expect(isKeyUsable(semantics, DAY_MS - KEY_MARGIN_MS, KEY_MARGIN_MS)).toBe(false);
    expect(isKeyUsable(semantics, -1, KEY_MARGIN_MS)).toBe(false);
  });

  it('a confirmation that executes again finds what the first one did', async () => {
    await provider.authorize(call());
    await clock.advance(DAY_MS + 1);
    expect(await provider.authorize(call({ preparedReference: 'pi_standIn1' }))).toMatchObject(APPROVED);
    expect(standIn.books()).toHaveLength(1);
  });

  it('a first step that executes again makes another intent: whoever repeats it must have the key or the id', async () => {
    await provider.authorize(call({ prepared: async () => false }));
    await clock.advance(DAY_MS + 1);
    await provider.authorize(call({ prepared: async () => false }));
    expect(standIn.books()).toMatchObject([{ live: false }, { live: false }]);
  });

  it('a capture that executes again is told as done, once', async () => {
    await provider.authorize(call());
    expect(await provider.capture(operation())).toMatchObject({ kind: 'confirmed' });
    await clock.advance(DAY_MS + 1);
    expect(await provider.capture(operation())).toMatchObject({ kind: 'confirmed' });
    expect(standIn.books()).toMatchObject([{ capturedAmount: 4999 }]);
  });

  it('a refund of everything that executes again is told as done, once', async () => {
    await provider.authorize(call());
    await provider.capture(operation());
    const refund = () => operation({ operationId: 'ref_a_3', providerKey: 'key_a_1_r3' });
    expect(await provider.refund(refund())).toMatchObject({ kind: 'confirmed' });
    await clock.advance(DAY_MS + 1);
    expect(await provider.refund(refund())).toMatchObject({
      kind: 'confirmed',
      providerReference: 're_standIn1',
    });
    expect(standIn.books()).toMatchObject([{ refundedAmount: 4999 }]);
  });
});

describe('trap 7: what a key is made of', () => {
  it('the attempt alone: another token under it is no second authorization, and no negative', async () => {
    await provider.authorize(call());
    const outcome = await provider.authorize(call({ token: 'pm_other' }));
    expect(outcome).toEqual({ kind: 'unknown', code: 'idempotency_error', providerReference: null });
    expect(standIn.books()).toHaveLength(1);
  });

  it('and the step: 3DS data that are gone do not make another intent', async () => {
    const threeDs = {
      eci: '05',
      cavv: 'AJkBBkhgQQAAAAE4hUlUAAAAAAA=',
      dsTransactionId: 'd',
      version: '2.2.0',
      exemption: null,
    };
    const request = sampleRequest({ threeDs });
    expect(await provider.authorize(call({ request }))).toMatchObject(APPROVED);
    // As it would be repeated from the store; the truth is read all the same.
    const outcome = await provider.authorize(call({ request: sampleRequest() }));
    expect(outcome).toMatchObject(APPROVED);
    expect(standIn.books()).toHaveLength(1);
  });
});

describe('what is not kept under the key', () => {
  const instead = (status: number, code: string) => ({
    kind: 'instead' as const,
    carriedOut: false,
    answer: jsonAnswer(status, { error: { type: 'invalid_request_error', code } }),
  });

  it.each([
    ['too many requests', 429, 'rate_limit', 'rejected'],
    ['a request under the same key that is at work', 409, 'idempotency_key_in_use', 'unknown'],
    ['a lock', 429, 'lock_timeout', 'unknown'],
  ])('%s: the same call afterwards is carried out, once', async (_name, status, code, kind) => {
    standIn.server.meet(instead(status, code), ends('/confirm'));
    expect(await provider.authorize(call())).toMatchObject({ kind, providerReference: 'pi_standIn1' });
    expect(await inquire()).toEqual({ kind: 'unconfirmed' });
    expect(await provider.authorize(call({ preparedReference: 'pi_standIn1' }))).toMatchObject(APPROVED);
    expect(standIn.books()).toHaveLength(1);
  });
});

describe('what crosses', () => {
  const cancel = () => provider.void(operation({ operationId: 'void_a_1', providerKey: 'key_a_1_v1' }));

  it('a confirmation that comes after the cancellation moves nothing', async () => {
    await provider.authorize(call({ prepared: async (id) => prepared.push(id) < 1 }));
    expect(await inquire()).toEqual({ kind: 'unconfirmed' });
    expect(await cancel()).toMatchObject({ kind: 'confirmed' });
    const late = await provider.authorize(call({ preparedReference: 'pi_standIn1' }));
    expect(late).toMatchObject({ kind: 'rejected', reason: 'cancelled' });
    expect(standIn.books()).toMatchObject([{ live: false }]);
  });

  it('a cancellation that comes after the confirmation undoes it', async () => {
    standIn.server.meet({ kind: 'reset_after' }, ends('/confirm'));
    expect(await provider.authorize(call())).toMatchObject({ kind: 'unknown' });
    expect(await cancel()).toMatchObject({ kind: 'confirmed' });
    expect(await inquire()).toMatchObject({
      kind: 'found',
      outcome: { kind: 'partially_approved', authorizedAmount: 4999, reversal: 'confirmed' },
    });
    expect(standIn.books()).toMatchObject([{ live: false }]);
  });

  it('a cancellation of what is captured is refused, and the intent says why', async () => {
    await provider.authorize(call());
    await provider.capture(operation());
    expect(await cancel()).toEqual({ kind: 'refused', code: 'payment_intent_unexpected_state' });
    expect(await inquire()).toMatchObject({ kind: 'found', outcome: APPROVED });
  });
});

describe('several captures', () => {
  const part = (number: number, value: number, final: boolean) =>
    operation({
      operationId: `cap_a_${number}`,
      providerKey: `key_a_1_c${number}`,
      amount: { value, currency: 'EUR' },
      final,
    });

  it('are made, each named, where the account may', async () => {
    standIn.multicapture = true;
    connect({ multicapture: 'on' });
    await provider.authorize(call());
    for (const capture of [part(2, 1_000, false), part(3, 2_000, false), part(4, 500, true)]) {
      expect(await provider.capture(capture)).toMatchObject({ kind: 'confirmed' });
      expect(await provider.inquireOperation({ ...capture, operation: 'capture' })).toMatchObject({
        kind: 'confirmed',
      });
    }
    expect(standIn.books()).toMatchObject([{ capturedAmount: 3_500 }]);
  });

  it('are refused, where the card turns out not to allow them: nothing is given back', async () => {
    connect({ multicapture: 'on' });
    await provider.authorize(call());
    expect(await provider.capture(part(2, 1_000, false))).toMatchObject({ kind: 'refused' });
    expect(standIn.books()).toMatchObject([{ live: true, capturedAmount: 0 }]);
  });

  it('are refused before they are sent, where the account may not', async () => {
    await provider.authorize(call());
    const sent = standIn.requests();
    expect(await provider.capture(part(2, 1_000, false))).toMatchObject({
      kind: 'refused',
      code: 'not_supported',
    });
    expect(standIn.requests()).toBe(sent);
    expect(await provider.capture(part(3, 4_999, false))).toMatchObject({ kind: 'confirmed' });
  });
});

describe('refunds that end later', () => {
  it.each([
    ['pending', 'accepted', 'pending'],
    ['failed', 'refused', 'failed'],
  ])('%s', async (status, answered, inquired) => {
    standIn.refundStatus = status;
    await provider.authorize(call());
    await provider.capture(operation());
    const refund = operation({ operationId: 'ref_a_3', providerKey: 'key_a_1_r3' });
    expect(await provider.refund(refund)).toMatchObject({ kind: answered });
    expect(await provider.inquireOperation({ ...refund, operation: 'refund' })).toMatchObject({
      kind: inquired,
    });
  });
});
