import { describe, expect, it } from 'vitest';
import {
  errorAnswerOf,
  isHiddenApproval,
  outcomeOfError,
  outcomeOfNoOrder,
} from '../../../src/providers/paypal/codes.ts';
import { wireAuthorization } from '../../../src/providers/paypal/transformers.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { authorizationOf, declineTables, ORDER_ID } from './paypal-fixture.ts';

/**
 * What answers that are no success mean. The first step names no payment source, so that whatever is said of it nothing was
 * authorized; of the second only PayPal's own word counts, and of that only what is said of this request.
 */

const DEPS = { clock: new FakeClock(), declineTables: () => declineTables };
const CARD = { brand: 'visa', scaRegion: false } as const;

const JSON_TYPE = { 'content-type': 'application/json' };
const response = (status: number, body: string, headers: Record<string, string> = JSON_TYPE) =>
  ({ kind: 'response', status, headers, body }) as const;
const own = (status: number, name: string, issue?: string, headers: Record<string, string> = {}) =>
  response(status, JSON.stringify({ name, ...(issue === undefined ? {} : { details: [{ issue }] }) }), {
    ...JSON_TYPE,
    ...headers,
  });
const IN_A_MINUTE = { 'retry-after': '60' };

const unknown = (code: string) => ({ kind: 'unknown', code, providerReference: ORDER_ID });
const rejected = (
  providerReference: string | null,
  reason: string,
  code: string,
  retryAfterMs: number | null = null,
) => ({ kind: 'rejected', reason, code, retryAfterMs, providerReference });
const declined = (
  providerReference: string | null,
  code: string,
  category: string,
  otherProvider: string,
) => ({
  kind: 'declined',
  decline: {
    code,
    category,
    otherProvider,
    networkCode: null,
    advice: null,
    retryNotBefore: null,
    mayHideApproval: false,
  },
  providerReference,
});

describe('an answer that is no success', () => {
  it.each<[string, ReturnType<typeof response>, object]>([
    [
      'an error of PayPal',
      own(422, 'UNPROCESSABLE_ENTITY', 'CARD_EXPIRED'),
      { name: 'UNPROCESSABLE_ENTITY', issue: 'CARD_EXPIRED', code: 'CARD_EXPIRED' },
    ],
    [
      'one without an issue',
      own(500, 'INTERNAL_SERVER_ERROR'),
      { name: 'INTERNAL_SERVER_ERROR', issue: null, code: 'INTERNAL_SERVER_ERROR' },
    ],
    [
      'one whose first detail has no issue',
      response(
        400,
        JSON.stringify({
          name: 'INVALID_REQUEST',
          details: [{ field: 'x' }, { issue: 'DECIMAL_PRECISION' }],
        }),
      ),
      { name: 'INVALID_REQUEST', issue: 'DECIMAL_PRECISION', code: 'DECIMAL_PRECISION' },
    ],
    [
      'one that others word alike',
      response(403, '{"error":"invalid_token"}'),
      { name: null, issue: null, code: 'invalid_token' },
    ],
    ['what is no error', response(502, '{}'), { name: null, issue: null, code: 'http_502' }],
    [
      'what does not say that it is JSON',
      response(422, '{"name":"UNPROCESSABLE_ENTITY"}', { 'content-type': 'text/html' }),
      { name: null, issue: null, code: 'http_422' },
    ],
  ])('%s', (_, answer, told) => {
    const { status, headers } = answer;
    expect(errorAnswerOf(answer)).toEqual({ status, headers, ...told });
  });
});

describe('the first step', () => {
  type NoOrder = Parameters<typeof outcomeOfNoOrder>[0];
  const transient = (code: string) => rejected(null, 'transient', code);
  const FORBIDDEN = '{"error":"forbidden"}';

  it.each<[string, NoOrder, object]>([
    [
      'no token, for want of credentials',
      { kind: 'no_token', reason: 'configuration', code: 'invalid_client', retryAfterMs: null },
      rejected(null, 'configuration', 'invalid_client'),
    ],
    [
      'no token, for a limit',
      { kind: 'no_token', reason: 'rate_limited', code: 'http_429', retryAfterMs: 7_000 },
      rejected(null, 'rate_limited', 'http_429', 7_000),
    ],
    ['no answer', { kind: 'unknown', code: 'timeout' }, transient('timeout')],
    ['401', own(401, 'NOT_AUTHORIZED'), rejected(null, 'configuration', 'NOT_AUTHORIZED')],
    ['403 of whoever it is', response(403, FORBIDDEN), rejected(null, 'configuration', 'forbidden')],
    [
      '429 of whoever it is',
      response(429, '', IN_A_MINUTE),
      rejected(null, 'rate_limited', 'http_429', 60_000),
    ],
    ['404', own(404, 'RESOURCE_NOT_FOUND'), transient('RESOURCE_NOT_FOUND')],
    ['409', own(409, 'RESOURCE_CONFLICT'), transient('RESOURCE_CONFLICT')],
    ['500', own(500, 'INTERNAL_SERVER_ERROR'), transient('INTERNAL_SERVER_ERROR')],
    ['502 of somebody on the way', response(502, '<html>'), transient('http_502')],
    ['a success that cannot be read', response(201, '{}'), transient('http_201')],
    [
      'a request that was validated out',
      own(400, 'INVALID_REQUEST', 'DECIMAL_PRECISION'),
      declined(null, 'DECIMAL_PRECISION', 'invalid_data', 'no'),
    ],
    [
      'what this account does not take',
      own(422, 'UNPROCESSABLE_ENTITY', 'INVALID_CURRENCY_CODE'),
      declined(null, 'INVALID_CURRENCY_CODE', 'config', 'yes_once'),
    ],
    [
      'an account that is locked',
      own(422, 'UNPROCESSABLE_ENTITY', 'PAYEE_ACCOUNT_LOCKED_OR_CLOSED'),
      rejected(null, 'configuration', 'PAYEE_ACCOUNT_LOCKED_OR_CLOSED'),
    ],
    // Nothing was authorized, whatever that may mean.
    [
      'an issue that nobody knows',
      own(422, 'UNPROCESSABLE_ENTITY', 'FROM_THE_MOON'),
      transient('FROM_THE_MOON'),
    ],
    [
      'a name that was used before',
      own(422, 'UNPROCESSABLE_ENTITY', 'DUPLICATE_INVOICE_ID'),
      transient('DUPLICATE_INVOICE_ID'),
    ],
    [
      'an action of the payer, who has not been asked yet',
      own(422, 'UNPROCESSABLE_ENTITY', 'PAYER_ACTION_REQUIRED'),
      transient('PAYER_ACTION_REQUIRED'),
    ],
  ])('%s', (_, answer, told) => {
    expect(outcomeOfNoOrder(answer, CARD, DEPS)).toEqual(told);
  });
});

describe('the second step', () => {
  const UNPROCESSABLE = 'UNPROCESSABLE_ENTITY';

  it.each<[ReturnType<typeof response>, object]>([
    // Somebody's on the way.
    ...[400, 401, 403, 404, 422, 429, 500, 503].map((status): [ReturnType<typeof response>, object] => [
      response(status, '', IN_A_MINUTE),
      unknown(`http_${status}`),
    ]),
    ...[401, 403, 404, 429].map((status): [ReturnType<typeof response>, object] => [
      response(status, '{"error":"forbidden"}'),
      unknown('forbidden'),
    ]),
    [own(401, 'AUTHENTICATION_FAILURE'), rejected(ORDER_ID, 'configuration', 'AUTHENTICATION_FAILURE')],
    [
      own(403, 'NOT_AUTHORIZED', 'PERMISSION_DENIED', IN_A_MINUTE),
      rejected(ORDER_ID, 'configuration', 'PERMISSION_DENIED'),
    ],
    [
      own(429, 'RATE_LIMIT_REACHED', undefined, IN_A_MINUTE),
      rejected(ORDER_ID, 'rate_limited', 'RATE_LIMIT_REACHED', 60_000),
    ],
    [
      own(404, 'RESOURCE_NOT_FOUND', 'INVALID_RESOURCE_ID'),
      rejected(ORDER_ID, 'transient', 'INVALID_RESOURCE_ID'),
    ],
    [own(404, 'NOT_AVAILABLE', 'INVALID_RESOURCE_ID'), unknown('INVALID_RESOURCE_ID')],
    [own(422, UNPROCESSABLE), unknown(UNPROCESSABLE)],
    [own(400, 'INVALID_REQUEST'), unknown('INVALID_REQUEST')],
    [
      own(422, UNPROCESSABLE, 'INSTRUMENT_DECLINED'),
      declined(ORDER_ID, 'INSTRUMENT_DECLINED', 'soft_decline_issuer', 'yes_once'),
    ],
    [own(400, 'INVALID_REQUEST', 'CARD_EXPIRED'), declined(ORDER_ID, 'CARD_EXPIRED', 'invalid_data', 'no')],
    [
      own(422, UNPROCESSABLE, 'PAYEE_ACCOUNT_RESTRICTED'),
      rejected(ORDER_ID, 'configuration', 'PAYEE_ACCOUNT_RESTRICTED'),
    ],
    [
      own(422, UNPROCESSABLE, 'PAYER_ACTION_REQUIRED'),
      { kind: 'authentication_required', code: 'PAYER_ACTION_REQUIRED', providerReference: ORDER_ID },
    ],
    // What may be about an earlier request for the same order.
    [own(422, UNPROCESSABLE, 'ORDER_ALREADY_AUTHORIZED'), unknown('ORDER_ALREADY_AUTHORIZED')],
    [own(422, UNPROCESSABLE, 'FROM_THE_MOON'), unknown('FROM_THE_MOON')],
    [own(409, 'RESOURCE_CONFLICT', 'INSTRUMENT_DECLINED'), unknown('INSTRUMENT_DECLINED')],
    [own(500, 'INTERNAL_SERVER_ERROR', 'INSTRUMENT_DECLINED'), unknown('INSTRUMENT_DECLINED')],
    [own(503, 'SERVICE_UNAVAILABLE'), unknown('SERVICE_UNAVAILABLE')],
  ])('%j', (answer, told) => {
    expect(outcomeOfError(errorAnswerOf(answer), { ...CARD, orderId: ORDER_ID }, DEPS)).toEqual(told);
  });
});

describe('an approval of the issuer behind a denial', () => {
  it.each<[string, Record<string, unknown>, boolean]>([
    ['denied after the approval', { status: 'DENIED', processor_response: { response_code: '0000' } }, true],
    ['denied without a code', { status: 'DENIED', processor_response: null }, true],
    ['denied by the issuer', { status: 'DENIED', processor_response: { response_code: '0500' } }, false],
    [
      'denied for want of an authentication',
      { status: 'DENIED', processor_response: { response_code: '5650' } },
      false,
    ],
    ['not denied', { status: 'CREATED', processor_response: { response_code: '0000' } }, false],
  ])('%s', (_, over, hidden) => {
    expect(isHiddenApproval(wireAuthorization.parse(authorizationOf(over)), DEPS)).toBe(hidden);
  });
});
