import { describe, expect, it } from 'vitest';
import {
  ATTEMPT_ID,
  authorizedOrder,
  BASE,
  captureOf,
  error,
  euros,
  inquiryOf,
  json,
  networkError,
  ORDER_ID,
  operationOf,
  orderOf,
  PATHS,
  paypalWorld,
  refundOf,
} from './paypal-fixture.ts';

const world = paypalWorld();

const LOOK = { [PATHS.show]: json(authorizedOrder()) };

describe('captures', () => {
  it('act on the authorization in the order, under our name and the operation’s key', async () => {
    const provider = world.start({ ...LOOK, [PATHS.capture]: json(captureOf(), 201) });
    expect(await provider.capture(operationOf())).toEqual({
      kind: 'confirmed',
      providerReference: '3C679366HH908993F',
    });
    const [look, capture] = world.seen();
    expect(look).toMatchObject({ method: 'GET', path: `/v2/checkout/orders/${ORDER_ID}` });
    expect(capture?.body).toBe(
      '{"amount":{"currency_code":"EUR","value":"49.99"},"invoice_id":"cap_a_2","final_capture":true}',
    );
    expect(capture?.headers).toMatchObject({
      'paypal-request-id': 'key_a_1_c2',
      prefer: 'return=representation',
    });
  });

  it.each<[string, Response | (() => Response), object]>([
    ['pending', json(captureOf({ status: 'PENDING' }), 201), { kind: 'accepted' }],
    ['declined', json(captureOf({ status: 'DECLINED' }), 201), { kind: 'refused', code: 'DECLINED' }],
    ['failed', json(captureOf({ status: 'FAILED' }), 201), { kind: 'refused', code: 'FAILED' }],
    [
      'a status that nobody knows',
      json(captureOf({ status: 'NEW' }), 201),
      { kind: 'unknown', code: 'answer_malformed' },
    ],
    [
      'another amount',
      json(captureOf({ amount: euros('49.98') }), 201),
      { kind: 'unknown', code: 'answer_mismatch' },
    ],
    [
      'another name',
      json(captureOf({ invoice_id: 'cap_a_9' }), 201),
      { kind: 'unknown', code: 'answer_mismatch' },
    ],
    [
      'another attempt',
      json(captureOf({ custom_id: 'att_b_1' }), 201),
      { kind: 'unknown', code: 'answer_mismatch' },
    ],
    ['no JSON', new Response('', { status: 201 }), { kind: 'unknown', code: 'answer_malformed' }],
    [
      'too much',
      error(422, 'UNPROCESSABLE_ENTITY', 'MAX_CAPTURE_AMOUNT_EXCEEDED'),
      { kind: 'refused', code: 'MAX_CAPTURE_AMOUNT_EXCEEDED' },
    ],
    [
      'of a void',
      error(422, 'UNPROCESSABLE_ENTITY', 'AUTHORIZATION_VOIDED'),
      { kind: 'refused', code: 'AUTHORIZATION_VOIDED' },
    ],
    [
      'done before under that name',
      error(422, 'UNPROCESSABLE_ENTITY', 'DUPLICATE_INVOICE_ID'),
      { kind: 'unknown', code: 'DUPLICATE_INVOICE_ID' },
    ],
    [
      'in progress',
      error(409, 'RESOURCE_CONFLICT', 'PREVIOUS_REQUEST_IN_PROGRESS'),
      { kind: 'unknown', code: 'PREVIOUS_REQUEST_IN_PROGRESS' },
    ],
    [
      'gone',
      error(404, 'RESOURCE_NOT_FOUND', 'INVALID_RESOURCE_ID'),
      { kind: 'refused', code: 'INVALID_RESOURCE_ID' },
    ],
    [
      '403',
      error(403, 'NOT_AUTHORIZED', 'PERMISSION_DENIED'),
      { kind: 'rejected', code: 'PERMISSION_DENIED', retryAfterMs: null },
    ],
    [
      '429',
      error(429, 'RATE_LIMIT_REACHED', undefined, { 'retry-after': '9' }),
      { kind: 'rejected', code: 'RATE_LIMIT_REACHED', retryAfterMs: 9_000 },
    ],
    ['500', error(500, 'INTERNAL_SERVER_ERROR'), { kind: 'unknown', code: 'INTERNAL_SERVER_ERROR' }],
    ["somebody's 422", new Response('no', { status: 422 }), { kind: 'unknown', code: 'http_422' }],
  ])('%s', async (_, answer, told) => {
    const provider = world.start({ ...LOOK, [PATHS.capture]: answer });
    expect(await provider.capture(operationOf())).toEqual(told);
  });

  it('that stand in the order under our name are not sent again', async () => {
    const order = authorizedOrder({ status: 'CAPTURED' }, { captures: [captureOf()] });
    const provider = world.start({ [PATHS.show]: json(order) });
    expect(await provider.capture(operationOf())).toMatchObject({ kind: 'confirmed' });
    const other = operationOf({ amount: { value: 1_000, currency: 'EUR' } });
    expect(await provider.capture(other)).toEqual({ kind: 'unknown', code: 'answer_mismatch' });
    expect(world.seen().every(({ method }) => method === 'GET')).toBe(true);
  });

  it.each<[string, Response | (() => Response), object]>([
    ['nothing authorized', json(orderOf(null)), { kind: 'refused', code: 'nothing_authorized' }],
    ['no such order', error(404, 'RESOURCE_NOT_FOUND'), { kind: 'refused', code: 'RESOURCE_NOT_FOUND' }],
    [
      "somebody else's order",
      json(orderOf(null, {}, { custom_id: 'att_b_1' })),
      { kind: 'not_sent', code: 'answer_mismatch' },
    ],
    [
      'another currency',
      json(authorizedOrder({ amount: euros('49.99', 'USD') })),
      { kind: 'not_sent', code: 'answer_mismatch' },
    ],
    ['no JSON', new Response('x'), { kind: 'not_sent', code: 'answer_malformed' }],
    [
      '500',
      error(500, 'INTERNAL_SERVER_ERROR'),
      { kind: 'rejected', code: 'INTERNAL_SERVER_ERROR', retryAfterMs: null },
    ],
    [
      '429',
      error(429, 'RATE_LIMIT_REACHED', undefined, { 'retry-after': '9' }),
      { kind: 'rejected', code: 'RATE_LIMIT_REACHED', retryAfterMs: 9_000 },
    ],
    ['a lost connection', networkError, { kind: 'not_sent', code: expect.any(String) }],
  ])('where the order cannot be read, nothing is sent: %s', async (_, answer, told) => {
    const provider = world.start({ [PATHS.show]: answer });
    expect(await provider.capture(operationOf())).toEqual(told);
    expect(world.seen()).toHaveLength(1);
  });

  it('of an amount that PayPal cannot be told is refused', async () => {
    const amount = { value: 1_000, currency: 'KWD' };
    const provider = world.start({});
    for (const operation of ['capture', 'refund'] as const) {
      const refusal = { kind: 'refused', code: 'not_supported' };
      expect(await provider[operation](operationOf({ amount }))).toEqual(refusal);
    }
    expect(world.seen()).toEqual([]);
  });
});

describe('voids', () => {
  const call = operationOf({ operationId: 'void_a_2', providerKey: 'key_a_1_v2' });

  it('have no body and no key, and are confirmed by the authorization', async () => {
    const provider = world.start({ ...LOOK, [PATHS.void]: json(voided()) });
    expect(await provider.void(call)).toEqual({ kind: 'confirmed', providerReference: '0AW2184448108334S' });
    const [, request] = world.seen();
    expect(request).toMatchObject({ method: 'POST', body: '' });
    expect(request?.headers).not.toHaveProperty('paypal-request-id');
  });

  const voided = (over: Record<string, unknown> = {}) => ({
    id: '0AW2184448108334S',
    status: 'VOIDED',
    amount: euros('49.99'),
    custom_id: ATTEMPT_ID,
    ...over,
  });

  it.each<[string, Response | (() => Response), object]>([
    [
      'no content',
      new Response(null, { status: 204 }),
      { kind: 'confirmed', providerReference: '0AW2184448108334S' },
    ],
    [
      'done before',
      error(422, 'UNPROCESSABLE_ENTITY', 'PREVIOUSLY_VOIDED'),
      { kind: 'confirmed', providerReference: null },
    ],
    [
      'void',
      error(422, 'UNPROCESSABLE_ENTITY', 'AUTHORIZATION_VOIDED'),
      { kind: 'confirmed', providerReference: null },
    ],
    [
      'captured',
      error(422, 'UNPROCESSABLE_ENTITY', 'PREVIOUSLY_CAPTURED'),
      { kind: 'refused', code: 'PREVIOUSLY_CAPTURED' },
    ],
    ['gone', error(404, 'RESOURCE_NOT_FOUND'), { kind: 'not_found' }],
    [
      'in progress',
      error(409, 'RESOURCE_CONFLICT', 'PREVIOUS_REQUEST_IN_PROGRESS'),
      { kind: 'unknown', code: 'PREVIOUS_REQUEST_IN_PROGRESS' },
    ],
    [
      'not void after all',
      json(voided({ status: 'CREATED' })),
      { kind: 'unknown', code: 'answer_malformed' },
    ],
    [
      'of another authorization',
      json(voided({ id: 'OTHER1' })),
      { kind: 'unknown', code: 'answer_mismatch' },
    ],
    [
      'of another amount',
      json(voided({ amount: euros('1.00') })),
      { kind: 'unknown', code: 'answer_mismatch' },
    ],
    [
      'of another attempt',
      json(voided({ custom_id: 'att_b_1' })),
      { kind: 'unknown', code: 'answer_mismatch' },
    ],
  ])('%s', async (_, answer, told) => {
    expect(await world.start({ ...LOOK, [PATHS.void]: answer }).void(call)).toEqual(told);
  });

  it.each<[string, object, object]>([
    [
      'void already',
      authorizedOrder({ status: 'VOIDED' }),
      { kind: 'confirmed', providerReference: '0AW2184448108334S' },
    ],
    [
      'denied',
      authorizedOrder({ status: 'DENIED' }),
      { kind: 'rejected', code: 'AUTHORIZATION_DENIED', retryAfterMs: null },
    ],
    ['not authorized so far', orderOf(null), { kind: 'not_found' }],
    [
      'an order that was voided unpaid',
      orderOf(null, { status: 'VOIDED' }),
      { kind: 'confirmed', providerReference: null },
    ],
  ])('send nothing where the order says enough: %s', async (_, order, told) => {
    expect(await world.start({ [PATHS.show]: json(order) }).void(call)).toEqual(told);
    expect(world.seen()).toHaveLength(1);
  });
});

describe('refunds', () => {
  const call = (value: number, over = {}) =>
    operationOf({
      operationId: 'ref_a_3',
      providerKey: 'key_a_1_r3',
      amount: { value, currency: 'EUR' },
      ...over,
    });
  const captured = (captures: readonly object[], refunds: readonly object[] = []) =>
    json(authorizedOrder({ status: 'CAPTURED' }, { captures, refunds }));
  const part = (id: string, value: string, status = 'COMPLETED') =>
    captureOf({ id, amount: euros(value), invoice_id: `cap_a_${id}`, status });
  const of = (id: string, value: string, over = {}) =>
    refundOf({
      id: `R${id}${value.replace('.', '')}`,
      amount: euros(value),
      invoice_id: `ref_a_${value}`,
      links: [{ rel: 'up', href: `${BASE}/v2/payments/captures/${id}` }],
      ...over,
    });

  it('with a card number in the place of their id are told nowhere', async () => {
    const provider = world.start({
      [PATHS.show]: captured([captureOf()]),
      [PATHS.refund]: json(refundOf({ id: '4571736000000075' }), 201),
    });
    expect(await provider.refund(call(400))).toEqual({ kind: 'unknown', code: 'answer_malformed' });
  });

  describe('that are repeated', () => {
    const one = captured([part('A', '30.00')]);
    const two = captured([part('A', '30.00'), part('B', '19.99')]);
    const refusedTo = { [`POST /v2/payments/captures/A/refund`]: () => error(500, 'INTERNAL_SERVER_ERROR') };
    const sentTo = () =>
      world
        .seen()
        .filter(({ method }) => method === 'POST')
        .map(({ path }) => path);

    it('go to the same capture, however many there are by now', async () => {
      const provider = world.start({ [PATHS.show]: [one, two], ...refusedTo });
      expect(await provider.refund(call(1000))).toMatchObject({ kind: 'unknown' });
      expect(await provider.refund(call(1000, { isRepeat: true }))).toMatchObject({ kind: 'unknown' });
      expect(sentTo()).toEqual(Array.from({ length: 2 }, () => '/v2/payments/captures/A/refund'));
    });

    it('by another process: to the only capture, and nowhere where there are several', async () => {
      const repeat = call(1000, { isRepeat: true });
      expect(await world.start({ [PATHS.show]: one, ...refusedTo }).refund(repeat)).toMatchObject({
        kind: 'unknown',
      });
      expect(sentTo()).toHaveLength(1);
      const provider = world.start({ [PATHS.show]: two, ...refusedTo });
      expect(await provider.refund(repeat)).toEqual({ kind: 'not_sent', code: 'capture_not_known' });
      // Once it is certain that none was carried out, it is as good as the first.
      expect(await provider.refund(call(2500))).toMatchObject({ kind: 'unknown' });
    });
  });

  it('act on the capture, under our names and the operation’s key', async () => {
    const provider = world.start({
      [PATHS.show]: captured([captureOf()]),
      [PATHS.refund]: json(refundOf(), 201),
    });
    expect(await provider.refund(call(400))).toEqual({
      kind: 'confirmed',
      providerReference: '1JU08902781691411',
    });
    const [, refund] = world.seen();
    expect(refund?.body).toBe(
      '{"amount":{"currency_code":"EUR","value":"4.00"},"custom_id":"att_a_1","invoice_id":"ref_a_3"}',
    );
    expect(refund?.headers).toMatchObject({ 'paypal-request-id': 'key_a_1_r3' });
  });

  it.each<[string, readonly object[], readonly object[], number, string]>([
    [
      'the one with least left that can give it alone',
      [part('A', '30.00'), part('B', '10.00')],
      [],
      900,
      'B',
    ],
    ['the larger one where the smaller cannot', [part('A', '30.00'), part('B', '10.00')], [], 1100, 'A'],
    [
      'not one that has given too much',
      [part('A', '10.00', 'PARTIALLY_REFUNDED'), part('B', '30.00')],
      [of('A', '6.00')],
      600,
      'B',
    ],
    [
      'one whose refund failed',
      [part('A', '10.00'), part('B', '30.00')],
      [of('A', '6.00', { status: 'FAILED' })],
      600,
      'A',
    ],
    [
      'a refund of an unnamed capture counts against each',
      [part('A', '10.00'), part('B', '30.00')],
      [of('A', '6.00', { links: [] })],
      600,
      'B',
    ],
    ['not one that is refunded', [part('A', '10.00', 'REFUNDED'), part('B', '30.00')], [], 600, 'B'],
  ])('go to %s', async (_, captures, refunds, value, chosen) => {
    const provider = world.start({
      [PATHS.show]: captured(captures, refunds),
      [`POST /v2/payments/captures/${chosen}/refund`]: () =>
        json(refundOf({ amount: euros((value / 100).toFixed(2)) }), 201),
    });
    expect(await provider.refund(call(value))).toMatchObject({ kind: 'confirmed' });
    expect(world.seen()).toHaveLength(2);
  });

  it.each<[string, readonly object[], readonly object[], number, string]>([
    [
      'more than any one can give',
      [part('A', '30.00'), part('B', '19.99')],
      [],
      4999,
      'refund_spans_captures',
    ],
    ['more than there is', [part('A', '30.00')], [of('A', '6.00')], 2500, 'refund_exceeds_captured'],
    ['nothing captured', [], [], 100, 'nothing_captured'],
    ['a capture that failed', [part('A', '30.00', 'DECLINED')], [], 100, 'nothing_captured'],
  ])('are never split, and sent nowhere: %s', async (_, captures, refunds, value, code) => {
    const provider = world.start({ [PATHS.show]: captured(captures, refunds) });
    expect(await provider.refund(call(value))).toEqual({ kind: 'refused', code });
    expect(world.seen()).toHaveLength(1);
  });

  it('that stand in the order under our name are not sent again', async () => {
    const provider = world.start({
      [PATHS.show]: captured([captureOf()], [refundOf({ status: 'PENDING' })]),
    });
    expect(await provider.refund(call(400))).toEqual({ kind: 'accepted' });
    expect(world.seen()).toHaveLength(1);
  });

  it('of a capture that is pending may be asked for again', async () => {
    const answer = error(422, 'UNPROCESSABLE_ENTITY', 'PENDING_CAPTURE');
    const provider = world.start({
      [PATHS.show]: captured([captureOf({ status: 'PENDING' })]),
      [PATHS.refund]: answer,
    });
    expect(await provider.refund(call(400))).toEqual({
      kind: 'rejected',
      code: 'PENDING_CAPTURE',
      retryAfterMs: null,
    });
  });
});

describe('inquiries about operations', () => {
  const ask = (operation: 'capture' | 'void' | 'refund', order: object, over = {}) =>
    world.start({ [PATHS.show]: json(order) }).inquireOperation(inquiryOf(operation, over));
  const done = authorizedOrder({ status: 'CAPTURED' }, { captures: [captureOf()], refunds: [refundOf()] });
  const refund = { operationId: 'ref_a_3', amount: { value: 400, currency: 'EUR' } };

  it.each<[string, 'capture' | 'void' | 'refund', object, object, object]>([
    ['a capture', 'capture', done, {}, { kind: 'confirmed', providerReference: '3C679366HH908993F' }],
    ['a refund', 'refund', done, refund, { kind: 'confirmed', providerReference: '1JU08902781691411' }],
    [
      'a pending one',
      'capture',
      authorizedOrder({}, { captures: [captureOf({ status: 'PENDING' })] }),
      {},
      { kind: 'pending' },
    ],
    [
      'a failed one',
      'capture',
      authorizedOrder({}, { captures: [captureOf({ status: 'FAILED' })] }),
      {},
      { kind: 'failed', code: 'FAILED' },
    ],
    [
      'a cancelled refund',
      'refund',
      authorizedOrder({}, { refunds: [refundOf({ status: 'CANCELLED' })] }),
      refund,
      { kind: 'failed', code: 'CANCELLED' },
    ],
    ['none of that name', 'capture', done, { operationId: 'cap_a_9' }, { kind: 'not_found' }],
    [
      'one of another amount',
      'refund',
      done,
      { ...refund, amount: { value: 401, currency: 'EUR' } },
      { kind: 'no_answer', code: 'answer_mismatch' },
    ],
    [
      'another currency',
      'capture',
      done,
      { amount: { value: 4999, currency: 'USD' } },
      { kind: 'no_answer', code: 'answer_mismatch' },
    ],
    [
      'a void',
      'void',
      authorizedOrder({ status: 'VOIDED' }),
      {},
      { kind: 'confirmed', providerReference: '0AW2184448108334S' },
    ],
    ['a void of what stands', 'void', authorizedOrder(), {}, { kind: 'not_found' }],
    [
      'a void of what was denied after the approval',
      'void',
      authorizedOrder({ status: 'DENIED' }),
      {},
      { kind: 'confirmed', providerReference: '0AW2184448108334S' },
    ],
    [
      'a void of what the issuer declined',
      'void',
      authorizedOrder({ status: 'DENIED', processor_response: { response_code: '5120' } }),
      {},
      { kind: 'not_found' },
    ],
    ['a void of what was not authorized', 'void', orderOf(null), {}, { kind: 'not_found' }],
    [
      'a void of an order that is void',
      'void',
      orderOf(null, { status: 'VOIDED' }),
      {},
      { kind: 'confirmed', providerReference: null },
    ],
    [
      "somebody else's order",
      'capture',
      { ...done, id: 'OTHER1' },
      {},
      { kind: 'no_answer', code: 'answer_mismatch' },
    ],
  ])('%s', async (_, operation, order, over, told) => {
    expect(await ask(operation, order, over)).toEqual(told);
  });

  it('an order that PayPal forgot says nothing of its operations', async () => {
    const provider = world.start({ [PATHS.show]: error(404, 'RESOURCE_NOT_FOUND') });
    expect(await provider.inquireOperation(inquiryOf('capture'))).toEqual({
      kind: 'no_answer',
      code: 'RESOURCE_NOT_FOUND',
    });
    expect(await provider.inquireOperation(inquiryOf('capture', { providerReference: null }))).toEqual({
      kind: 'no_answer',
      code: 'no_reference',
    });
  });
});
