import { parse } from 'qs';
import { describe, expect, it } from 'vitest';
import { NOT_SUPPORTED } from '../../../src/core/attempt.ts';
import type { OperationCall } from '../../../src/gateway/ports.ts';
import { fails, json, lost, operationOf, type Script, stripeByScript } from './stripe-fixture.ts';
import { chargeBody, heldIntent, intentBody, refundBody } from './stripe-objects.ts';

const stripe = stripeByScript();

const OURS = { pointsman_attempt: 'att_a_1' };
const captured = (over: Record<string, unknown> = {}) =>
  intentBody({
    status: 'succeeded',
    amount_received: 4999,
    latest_charge: chargeBody({ amount_captured: 4999 }),
    metadata: { ...OURS, pointsman_cap_a_2: 'cap_a_2:4999' },
    ...over,
  });
const cancelled = (over: Record<string, unknown> = {}) => intentBody({ status: 'canceled', ...over });
const CONFIRMED = { kind: 'confirmed', providerReference: null };
const MISMATCH = { kind: 'unknown', code: 'answer_mismatch' };
const STATE = { type: 'invalid_request_error', code: 'payment_intent_unexpected_state' };

const voidOf = (over: Partial<OperationCall> = {}) =>
  operationOf({ operationId: 'void_a_1', providerKey: 'key_a_1_v1', final: false, ...over });
const refundOf = (over: Partial<OperationCall> = {}) =>
  operationOf({
    operationId: 'ref_a_3',
    providerKey: 'key_a_1_r3',
    amount: { value: 400, currency: 'EUR' },
    ...over,
  });

/** The only request that could move money. */
const posted = () => {
  const posts = stripe.seen.filter(({ method }) => method === 'POST');
  expect(posts).toHaveLength(1);
  const { target = '', headers = {}, body = '' } = posts[0] ?? {};
  return { target, key: headers['idempotency-key'], form: parse(body) };
};

type Case = readonly [name: string, script: Script, expected: object];

describe('a capture', () => {
  it('has this request', async () => {
    stripe.script = { capture: json(captured()) };
    expect(await stripe.create().capture(operationOf())).toEqual(CONFIRMED);
    expect(posted()).toEqual({
      target: '/v1/payment_intents/pi_1/capture',
      key: 'key_a_1_c2',
      form: { amount_to_capture: '4999', metadata: { pointsman_cap_a_2: 'cap_a_2:4999' } },
    });
    expect(stripe.seen).toHaveLength(1);
  });

  it('names an operation of any length, so that it is found again', async () => {
    const operationId = `cap_${'x'.repeat(60)}_12`;
    const key = `pointsman_${operationId.slice(-30)}`;
    expect(key).toHaveLength(40);
    const metadata = { ...OURS, [key]: `${operationId}:4999` };
    stripe.script = { capture: json(captured({ metadata })) };
    expect(await stripe.create().capture(operationOf({ operationId }))).toEqual(CONFIRMED);
    expect(posted().form).toMatchObject({ metadata: { [key]: `${operationId}:4999` } });
  });

  it.each<Case>([
    ['at work', { capture: json(captured({ status: 'processing' })) }, { kind: 'accepted' }],
    ['less', { capture: json(captured({ amount_received: 4998 })) }, MISMATCH],
    ['another intent', { capture: json(captured({ id: 'pi_2' })) }, MISMATCH],
    ['another currency', { capture: json(captured({ currency: 'usd' })) }, MISMATCH],
    [
      'another capture',
      { capture: json(captured({ metadata: { ...OURS, pointsman_cap_a_2: 'cap_b_2:4999' } })) },
      MISMATCH,
    ],
    [
      'another amount',
      { capture: json(captured({ metadata: { ...OURS, pointsman_cap_a_2: 'cap_a_2:1' } })) },
      MISMATCH,
    ],
    ['our capture unnamed', { capture: json(captured({ metadata: OURS })) }, MISMATCH],
    [
      "another's attempt",
      { capture: json(captured({ metadata: { pointsman_cap_a_2: 'cap_a_2:4999' } })) },
      MISMATCH,
    ],
    ['cancelled', { capture: json(captured({ status: 'canceled' })) }, MISMATCH],
    ['no JSON', { capture: () => new Response('ok') }, { kind: 'unknown', code: 'answer_malformed' }],
    [
      '500 of Stripe',
      { capture: fails(500, { type: 'api_error' }) },
      { kind: 'unknown', code: 'api_error', answered: 'failure' },
    ],
    ['500 of a proxy', { capture: json({}, 500) }, { kind: 'unknown', code: 'http_500' }],
    ['504', { capture: fails(504, { type: 'api_error' }) }, { kind: 'unknown', code: 'api_error' }],
    [
      '409',
      { capture: fails(409, { code: 'idempotency_key_in_use' }) },
      { kind: 'unknown', code: 'idempotency_key_in_use' },
    ],
    [
      'another key',
      { capture: fails(400, { type: 'idempotency_error' }) },
      { kind: 'unknown', code: 'idempotency_error' },
    ],
    ['a bare 400', { capture: json({}, 400) }, { kind: 'unknown', code: 'http_400' }],
    [
      '401',
      { capture: fails(401, { code: 'api_key_expired' }) },
      { kind: 'rejected', code: 'api_key_expired', retryAfterMs: null },
    ],
    [
      "401 in another gateway's words",
      { capture: json({ error: { code: 401, message: 'no', status: 'UNAUTHENTICATED' } }, 401) },
      { kind: 'unknown', code: 'http_401' },
    ],
    ['a bare 401', { capture: json({}, 401) }, { kind: 'unknown', code: 'http_401' }],
    ['a bare 403', { capture: json({}, 403) }, { kind: 'unknown', code: 'http_403' }],
    ['a bare 429', { capture: json({}, 429) }, { kind: 'unknown', code: 'http_429' }],
    [
      '403',
      { capture: fails(403, { code: 'secret_key_required' }) },
      { kind: 'rejected', code: 'secret_key_required', retryAfterMs: null },
    ],
    [
      '429',
      { capture: fails(429, { code: 'lock_timeout' }, { 'retry-after': '2' }) },
      { kind: 'rejected', code: 'lock_timeout', retryAfterMs: 2_000 },
    ],
    [
      'refused, and it is not there',
      { capture: fails(400, STATE), look: json(cancelled()) },
      { kind: 'refused', code: STATE.code },
    ],
    ['refused, as it was done before', { capture: fails(400, STATE), look: json(captured()) }, CONFIRMED],
    [
      'refused, as it is under way',
      { capture: fails(400, STATE), look: json(captured({ status: 'processing' })) },
      { kind: 'accepted' },
    ],
    [
      'refused, and nothing can be seen',
      { capture: fails(400, STATE), look: lost },
      { kind: 'unknown', code: STATE.code },
    ],
    [
      'no such intent',
      {
        capture: fails(404, { code: 'resource_missing' }),
        look: fails(404, { code: 'resource_missing' }),
      },
      { kind: 'refused', code: 'resource_missing' },
    ],
  ])('answered with: %s', async (_name, script, expected) => {
    stripe.script = script;
    expect(await stripe.create().capture(operationOf())).toEqual(expected);
  });

  it('of several is believed as far as all that are named were received', async () => {
    const metadata = { ...OURS, pointsman_cap_a_2: 'cap_a_2:4999', pointsman_cap_a_1: 'cap_a_1:1000' };
    stripe.script = { capture: json(captured({ metadata, amount: 9000, amount_received: 5999 })) };
    expect(await stripe.create().capture(operationOf())).toEqual(CONFIRMED);
    stripe.script = { capture: json(captured({ metadata, amount: 9000, amount_received: 5998 })) };
    expect(await stripe.create().capture(operationOf())).toEqual(MISMATCH);
  });

  it.each([
    ['an amount that Stripe cannot express', operationOf({ amount: { value: 1234, currency: 'KWD' } })],
    ['an intent that is not known', operationOf({ providerReference: null })],
  ])('is refused for %s, before anything is sent', async (_name, call) => {
    expect(await stripe.create().capture(call)).toEqual({ kind: 'refused', code: NOT_SUPPORTED });
    expect(stripe.seen).toEqual([]);
  });

  describe('that is not the last', () => {
    const first = operationOf({ final: false, amount: { value: 1000, currency: 'EUR' } });

    it('leaves the rest, where the account may capture several times', async () => {
      const metadata = { ...OURS, pointsman_cap_a_2: 'cap_a_2:1000' };
      const over = { status: 'requires_capture', amount_capturable: 3999, amount_received: 1000, metadata };
      stripe.script = { capture: json(captured(over)) };
      expect(await stripe.create({ settings: { multicapture: 'on' } }).capture(first)).toEqual(CONFIRMED);
      expect(posted().form).toMatchObject({ amount_to_capture: '1000', final_capture: 'false' });
    });

    it('says nothing of the rest, where it is the last', async () => {
      stripe.script = { capture: json(captured()) };
      await stripe.create({ settings: { multicapture: 'on' } }).capture(operationOf());
      expect(posted().form).not.toHaveProperty('final_capture');
    });

    it('is refused elsewhere, since the rest would be given back', async () => {
      stripe.script = { look: json(heldIntent()) };
      expect(await stripe.create().capture(first)).toEqual({ kind: 'refused', code: NOT_SUPPORTED });
      expect(stripe.seen.map(({ method }) => method)).toEqual(['GET']);
    });

    it('is made elsewhere, where it takes everything', async () => {
      stripe.script = { look: json(heldIntent()), capture: json(captured()) };
      expect(await stripe.create().capture(operationOf({ final: false }))).toEqual(CONFIRMED);
      expect(posted().form).not.toHaveProperty('final_capture');
    });

    it('is repeated, where it was done', async () => {
      const metadata = { ...OURS, pointsman_cap_a_2: 'cap_a_2:1000' };
      const done = json(captured({ amount_received: 1000, metadata }));
      stripe.script = { look: done, capture: done };
      expect(await stripe.create().capture(first)).toEqual(CONFIRMED);
    });

    it('is not made, where nothing can be seen', async () => {
      stripe.script = { look: lost };
      expect(await stripe.create().capture(first)).toMatchObject({ kind: 'not_sent' });
      expect(stripe.seen.map(({ method }) => method)).toEqual(['GET']);
    });
  });
});

describe('a void', () => {
  it('has this request', async () => {
    stripe.script = { cancel: json(cancelled()) };
    expect(await stripe.create().void(voidOf())).toEqual(CONFIRMED);
    expect(posted()).toEqual({
      target: '/v1/payment_intents/pi_1/cancel',
      key: 'key_a_1_v1',
      form: { cancellation_reason: 'abandoned' },
    });
  });

  it.each<Case>([
    ['still held', { cancel: json(heldIntent()) }, MISMATCH],
    ['another intent', { cancel: json(cancelled({ id: 'pi_2' })) }, MISMATCH],
    [
      "another's attempt",
      { cancel: json(cancelled({ metadata: { pointsman_attempt: 'att_b_1' } })) },
      MISMATCH,
    ],
    ['another currency', { cancel: json(cancelled({ currency: 'usd' })) }, MISMATCH],
    ['less than was to be undone', { cancel: json(cancelled({ amount: 4998 })) }, MISMATCH],
    ['not there', { cancel: fails(404, { code: 'resource_missing' }) }, { kind: 'not_found' }],
    ["somebody else's 404", { cancel: json({}, 404) }, { kind: 'unknown', code: 'http_404' }],
    ['cancelled or captured before', { cancel: fails(400, STATE) }, { kind: 'refused', code: STATE.code }],
    ['lost', { cancel: lost }, { kind: 'unknown' }],
    ['500', { cancel: fails(500, { type: 'api_error' }) }, { kind: 'unknown', answered: 'failure' }],
    ['429', { cancel: fails(429, {}) }, { kind: 'rejected' }],
  ])('answered with: %s', async (_name, script, expected) => {
    stripe.script = script;
    expect(await stripe.create().void(voidOf())).toMatchObject(expected);
  });

  it.each([
    ['a part that was authorized', 2000],
    ['what nobody knows', 0],
  ])('undoes %s', async (_name, value) => {
    stripe.script = { cancel: json(cancelled()) };
    expect(await stripe.create().void(voidOf({ amount: { value, currency: 'EUR' } }))).toEqual(CONFIRMED);
  });

  it('of what nobody knows is still one in the currency', async () => {
    stripe.script = { cancel: json(cancelled({ currency: 'usd' })) };
    expect(await stripe.create().void(voidOf({ amount: { value: 0, currency: 'EUR' } }))).toEqual(MISMATCH);
  });

  it('by our own reference does not exist', async () => {
    expect(await stripe.create().void(voidOf({ providerReference: null }))).toEqual({
      kind: 'not_sent',
      code: NOT_SUPPORTED,
    });
    expect(stripe.seen).toEqual([]);
  });
});

describe('a refund', () => {
  const none = json({ object: 'list', data: [], has_more: false });

  it('has this request', async () => {
    stripe.script = { refund: json(refundBody()) };
    expect(await stripe.create().refund(refundOf())).toEqual({
      kind: 'confirmed',
      providerReference: 're_1',
    });
    expect(posted()).toEqual({
      target: '/v1/refunds',
      key: 'key_a_1_r3',
      form: {
        payment_intent: 'pi_1',
        amount: '400',
        metadata: { pointsman_attempt: 'att_a_1', pointsman_operation: 'ref_a_3' },
      },
    });
  });

  it.each<Case>([
    ['pending', { refund: json(refundBody({ status: 'pending' })) }, { kind: 'accepted' }],
    ['an action', { refund: json(refundBody({ status: 'requires_action' })) }, { kind: 'accepted' }],
    [
      'failed',
      { refund: json(refundBody({ status: 'failed', failure_reason: 'expired_or_canceled_card' })) },
      { kind: 'refused', code: 'expired_or_canceled_card' },
    ],
    [
      'cancelled',
      { refund: json(refundBody({ status: 'canceled' })) },
      { kind: 'refused', code: 'refund_canceled' },
    ],
    ['another amount', { refund: json(refundBody({ amount: 401 })) }, MISMATCH],
    ['another currency', { refund: json(refundBody({ currency: 'usd' })) }, MISMATCH],
    ['another intent', { refund: json(refundBody({ payment_intent: 'pi_2' })) }, MISMATCH],
    ['no intent', { refund: json(refundBody({ payment_intent: null })) }, MISMATCH],
    [
      'another refund',
      { refund: json(refundBody({ metadata: { ...OURS, pointsman_operation: 'ref_b_3' } })) },
      MISMATCH,
    ],
    [
      'the intent itself',
      { refund: json(refundBody({ payment_intent: { id: 'pi_1' } })) },
      { kind: 'confirmed' },
    ],
    ['a state of a later day', { refund: json(refundBody({ status: 'levitating' })) }, { kind: 'unknown' }],
    [
      'refused',
      { refund: fails(400, { code: 'charge_already_refunded' }), refunds: none },
      { kind: 'refused', code: 'charge_already_refunded' },
    ],
    [
      'refused, as it was done before',
      {
        refund: fails(400, { code: 'charge_already_refunded' }),
        refunds: json({ object: 'list', data: [refundBody()], has_more: false }),
      },
      { kind: 'confirmed', providerReference: 're_1' },
    ],
    [
      'refused, and nothing can be seen',
      { refund: fails(400, { code: 'charge_already_refunded' }), refunds: lost },
      { kind: 'unknown', code: 'charge_already_refunded' },
    ],
    ['500', { refund: fails(500, { type: 'api_error' }) }, { kind: 'unknown', answered: 'failure' }],
  ])('answered with: %s', async (_name, script, expected) => {
    stripe.script = script;
    expect(await stripe.create().refund(refundOf())).toMatchObject(expected);
  });

  it('is refused for an amount that Stripe cannot express', async () => {
    const call = refundOf({ amount: { value: 1, currency: 'IQD' } });
    expect(await stripe.create().refund(call)).toEqual({ kind: 'refused', code: NOT_SUPPORTED });
    expect(stripe.seen).toEqual([]);
  });
});

describe('an inquiry about an operation', () => {
  const ask = (operation: 'capture' | 'void' | 'refund', call: OperationCall) =>
    stripe.create().inquireOperation({ ...call, operation });
  const noAnswer = (code: string) => ({ kind: 'no_answer', code });

  it.each<Case>([
    ['done', { look: json(captured()) }, CONFIRMED],
    [
      'done, one of several',
      { look: json(captured({ status: 'requires_capture', amount_capturable: 1 })) },
      CONFIRMED,
    ],
    ['at work', { look: json(captured({ status: 'processing' })) }, { kind: 'pending' }],
    ['not there', { look: json(heldIntent()) }, { kind: 'not_found' }],
    ['somebody else captured', { look: json(captured({ metadata: OURS })) }, { kind: 'not_found' }],
    [
      'named, and not received',
      { look: json(captured({ amount_received: 0 })) },
      noAnswer('answer_mismatch'),
    ],
    [
      'another amount',
      { look: json(captured({ metadata: { ...OURS, pointsman_cap_a_2: 'cap_a_2:1' } })) },
      noAnswer('answer_mismatch'),
    ],
    ['forgotten', { look: fails(404, { code: 'resource_missing' }) }, noAnswer('resource_missing')],
    ['lost', { look: json({}, 502) }, noAnswer('http_502')],
  ])('capture: %s', async (_name, script, expected) => {
    stripe.script = script;
    expect(await ask('capture', operationOf())).toEqual(expected);
  });

  it.each<Case>([
    ['done', { look: json(cancelled()) }, CONFIRMED],
    ['done, whatever it was about', { look: json(cancelled({ amount: 1, currency: 'usd' })) }, CONFIRMED],
    ['still held', { look: json(heldIntent()) }, { kind: 'not_found' }],
    ['captured', { look: json(captured()) }, { kind: 'not_found' }],
    [
      "another's",
      { look: json(cancelled({ metadata: { pointsman_attempt: 'att_b_1' } })) },
      noAnswer('answer_mismatch'),
    ],
  ])('void: %s', async (_name, script, expected) => {
    stripe.script = script;
    expect(await ask('void', voidOf())).toEqual(expected);
  });

  const list = (data: readonly object[], hasMore = false) =>
    json({ object: 'list', data, has_more: hasMore });
  const another = refundBody({ id: 're_2', metadata: { ...OURS, pointsman_operation: 'ref_a_9' } });

  it.each<Case>([
    ['done', { refunds: list([another, refundBody()]) }, { kind: 'confirmed', providerReference: 're_1' }],
    ['pending', { refunds: list([refundBody({ status: 'pending' })]) }, { kind: 'pending' }],
    [
      'failed',
      { refunds: list([refundBody({ status: 'failed' })]) },
      { kind: 'failed', code: 'refund_failed' },
    ],
    ['not there', { refunds: list([another]) }, { kind: 'not_found' }],
    ['another amount', { refunds: list([refundBody({ amount: 401 })]) }, noAnswer('answer_mismatch')],
    [
      'of another intent',
      { refunds: list([refundBody({ payment_intent: 'pi_2' })]) },
      noAnswer('answer_mismatch'),
    ],
    ['more, of which none is told', { refunds: list([], true) }, noAnswer('too_many_refunds')],
    ['not readable', { refunds: list([{ id: 're_3' }]) }, noAnswer('answer_malformed')],
    ['forgotten', { refunds: fails(404, { code: 'resource_missing' }) }, noAnswer('resource_missing')],
  ])('refund: %s', async (_name, script, expected) => {
    stripe.script = script;
    expect(await ask('refund', refundOf())).toEqual(expected);
    expect(stripe.seen[0]?.target).toBe('/v1/refunds?payment_intent=pi_1&limit=100');
  });

  it('refund: looks through the pages, and not for ever', async () => {
    let pages = 0;
    stripe.script = {
      refunds: (request) => {
        pages += 1;
        return (pages === 3 ? list([refundBody()]) : list([{ ...another, id: `re_page${pages}` }], true))(
          request,
        );
      },
    };
    expect(await ask('refund', refundOf())).toMatchObject({ kind: 'confirmed' });
    expect(
      stripe.seen.map(({ target }) => new URLSearchParams(target.split('?')[1]).get('starting_after')),
    ).toEqual([null, 're_page1', 're_page2']);
    stripe.seen.length = 0;
    stripe.script = { refunds: list([another], true) };
    expect(await ask('refund', refundOf())).toEqual(noAnswer('too_many_refunds'));
    expect(stripe.seen).toHaveLength(5);
  });

  it.each(['capture', 'void', 'refund'] as const)('%s: needs the id', async (operation) => {
    expect(await ask(operation, operationOf({ providerReference: null }))).toEqual(noAnswer('no_reference'));
    expect(stripe.seen).toEqual([]);
  });
});
