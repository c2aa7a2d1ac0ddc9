import { beforeEach, describe, expect, it } from 'vitest';
import type { Attempt } from '../../src/core/attempt.ts';
import type { Authorization } from '../../src/core/authorization.ts';
import type { OperationKind } from '../../src/core/operation.ts';
import { settled } from '../../src/core/settlement.ts';
import { problemSchema } from '../../src/edge/answer-schemas.ts';
import { createApp } from '../../src/edge/app.ts';
import { BODY_BYTES_MAX } from '../../src/edge/read-body.ts';
import { OPERATE_REFUSALS, type OperateRefusal, type OperateResult } from '../../src/gateway/operate.ts';
import { AUTHORIZATION, CAPTURE, edgeFixture, OPERATED, post, withOperations } from './edge-fixture.ts';

const fixture = edgeFixture();
const app = createApp(fixture.deps);
const { id } = AUTHORIZATION;
const location = `/v1/authorizations/${id}`;

beforeEach(() => {
  fixture.operations.length = 0;
  fixture.faults.length = 0;
  fixture.told.length = 0;
  fixture.operated = async () => OPERATED;
});

const KINDS = ['capture', 'void', 'refund'] as const satisfies readonly OperationKind[];
const PATHS = { capture: 'captures', void: 'voids', refund: 'refunds' } as const;
const send = (kind: OperationKind, init: RequestInit, of = id) =>
  app.request(`/v1/authorizations/${of}/${PATHS[kind]}`, init);
const EUR = (value: number) => ({ amount: { value, currency: 'EUR' } });

describe('POST /v1/authorizations/{id}/captures, /voids, /refunds: what reaches the road', () => {
  const cases: [kind: OperationKind, body: object, command: object][] = [
    ['capture', {}, { amount: null, currency: null, final: false }],
    ['capture', { amount: null, final: null }, { amount: null, currency: null, final: false }],
    ['capture', { ...EUR(2000), final: true }, { amount: 2000, currency: 'EUR', final: true }],
    ['capture', { final: true }, { amount: null, currency: null, final: true }],
    ['capture', EUR(Number.MAX_SAFE_INTEGER), { amount: Number.MAX_SAFE_INTEGER }],
    ['capture', { amount: { value: 1, currency: 'JPY' } }, { amount: 1, currency: 'JPY' }],
    ['void', {}, { amount: null, currency: null, final: false }],
    ['refund', {}, { amount: null, currency: null, final: false }],
    ['refund', EUR(1), { amount: 1, currency: 'EUR', final: false }],
  ];
  it.each(cases)('%s %j', async (kind, body, command) => {
    const response = await send(kind, post(body));
    expect(response.status).toBe(201);
    expect(response.headers.get('location')).toBe(location);
    expect(await response.text()).toBe(OPERATED.body);
    expect(fixture.operations).toHaveLength(1);
    expect(fixture.operations[0]).toMatchObject({
      kind,
      ...command,
      account: 'acme',
      authorizationId: id,
      idempotencyKey: 'order-7781-1',
    });
    expect(fixture.operations[0]?.bodyFingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(fixture.operations[0]?.traceparent).toMatch(/^00-/);
  });

  it.each(KINDS)('%s: no body and no Content-Type are an empty object', async (kind) => {
    const headers = { authorization: 'Bearer key-all', 'idempotency-key': 'k' };
    expect((await send(kind, { method: 'POST', headers })).status).toBe(201);
    expect((await send(kind, post({}))).status).toBe(201);
    const [without, empty] = fixture.operations.map(({ bodyFingerprint }) => bodyFingerprint);
    expect(without).toBe(empty);
  });

  it('fingerprints the value of the body and not its spelling', async () => {
    await send('capture', post({ ...EUR(2000), final: true }));
    await send('capture', post('{ "final":true, "amount": { "currency":"EUR","value":2e3 } }'));
    await send('capture', post({ ...EUR(2001), final: true }));
    await send('capture', post(EUR(2000)));
    const prints = fixture.operations.map(({ bodyFingerprint }) => bodyFingerprint);
    expect(prints[0]).toBe(prints[1]);
    expect(new Set(prints).size).toBe(3);
  });

  it.each(KINDS)('%s: says which merchants the key covers', async (kind) => {
    await send(kind, post({}, { authorization: 'Bearer key-eu' }));
    await send(kind, post({}));
    const [eu, all] = fixture.operations;
    expect([eu?.covers('acme-eu'), eu?.covers('acme-us')]).toEqual([true, false]);
    expect(all?.covers('acme-us')).toBe(true);
  });

  it('passes the trace of the caller on', async () => {
    const trace = '0af7651916cd43dd8448eb211c80319c';
    await send('refund', post({}, { traceparent: `00-${trace}-b7ad6b7169203331-01` }));
    expect(fixture.operations[0]?.traceparent).toContain(trace);
  });
});

describe('POST /v1/authorizations/{id}/captures, /voids, /refunds: refusals before the road', () => {
  const PAN = '4111 1111 1111 1111';
  const cases: [name: string, init: RequestInit, status: number, problem: string][] = [
    ['no key', post({}, { authorization: undefined }), 401, 'unauthenticated'],
    ['an unknown key', post({}, { authorization: 'Bearer nobody' }), 401, 'unauthenticated'],
    ['a key without the scope', post({}, { authorization: 'Bearer key-read' }), 403, 'out-of-scope'],
    ['no idempotency key', post({}, { 'idempotency-key': undefined }), 400, 'idempotency-key-missing'],
    ['an empty idempotency key', post({}, { 'idempotency-key': '' }), 400, 'idempotency-key-missing'],
    ['a space in the key', post({}, { 'idempotency-key': 'a b' }), 400, 'idempotency-key-malformed'],
    ['an unclosed quote', post({}, { 'idempotency-key': '"abc' }), 400, 'idempotency-key-malformed'],
    [
      '256 characters of key',
      post({}, { 'idempotency-key': 'k'.repeat(256) }),
      400,
      'idempotency-key-malformed',
    ],
    ['a declared, but empty body', post(''), 400, 'malformed-json'],
    ['a list', post('[]'), 400, 'malformed-json'],
    ['half a body', post('{"amount":'), 400, 'malformed-json'],
    ['another content type', post({}, { 'content-type': 'text/plain' }), 415, 'unsupported-media-type'],
    ['an encoded body', post({}, { 'content-encoding': 'gzip' }), 415, 'unsupported-media-type'],
    ['too large a body', post(' '.repeat(BODY_BYTES_MAX + 1)), 413, 'body-too-large'],
    ['a card number in the body', post({ note: PAN }), 400, 'card-number'],
    ['a card number in a header', post({}, { 'x-note': PAN }), 400, 'card-number'],
    ['a card number as key', post({}, { 'idempotency-key': PAN.replaceAll(' ', '') }), 400, 'card-number'],
    ['an unknown member', post({ note: 'x' }), 400, 'invalid-request'],
  ];
  const ofEach = cases.flatMap((row) => KINDS.map((kind): [OperationKind, ...typeof row] => [kind, ...row]));
  it.each(ofEach)('%s: %s', async (kind, _, init, status, name) => {
    const response = await send(kind, init);
    const text = await response.text();
    expect([response.status, JSON.parse(text)]).toMatchObject([status, { type: `/problems/${name}` }]);
    expect(fixture.operations).toHaveLength(0);
    expect(fixture.faults).toHaveLength(0);
    expect(text + JSON.stringify(fixture.told)).not.toContain('11111111');
  });

  const fields: [kind: OperationKind, body: object, path: string, told: RegExp][] = [
    ['capture', { amout: 1 }, 'amout', /did you mean amount\?/],
    ['capture', { finale: true }, 'finale', /did you mean final\?/],
    ['capture', { final: 'yes' }, 'final', /boolean/],
    ['capture', { amount: 2000 }, 'amount', /object/],
    ['capture', { amount: { value: 0, currency: 'EUR' } }, 'amount.value', /minor units/],
    ['capture', { amount: { value: '1', currency: 'EUR' } }, 'amount.value', /minor units/],
    ['capture', { amount: { value: 1 } }, 'amount.currency', /missing/],
    ['capture', { amount: { value: 1, curency: 'EUR' } }, 'amount.curency', /did you mean currency\?/],
    ['capture', { amount: { value: 1, currency: 'eur' } }, 'amount.currency', /ISO 4217/],
    ['void', { amount: { value: 1, currency: 'EUR' } }, 'amount', /no such member/],
    ['void', { reason: 'x' }, 'reason', /no such member/],
    ['refund', { final: true }, 'final', /unknown member/],
    ['refund', { ammount: 1 }, 'ammount', /did you mean amount\?/],
    ['refund', { amount: { value: -1, currency: 'EUR' } }, 'amount.value', /minor units/],
    ['refund', { cvc: '123' }, 'cvc', /verification code is never accepted/],
  ];
  it.each(fields)('%s %j', async (kind, body, path, told) => {
    const response = await send(kind, post(body));
    const problem = (await response.json()) as { errors: { path: string }[] };
    expect([response.status, problem]).toMatchObject([400, { type: '/problems/invalid-request' }]);
    expect(JSON.stringify(problem.errors.find((error) => error.path === path))).toMatch(told);
    expect(fixture.operations).toHaveLength(0);
  });

  it.each(['nobody', 'auth_1', 'auth_%00', 'att_b', `auth_${'b'.repeat(65)}`])(
    '%s is no id: 404, as for one that is unknown',
    async (of) => {
      for (const kind of KINDS) {
        fixture.operated = async () => ({ kind: 'not_found' });
        const malformed = await send(kind, post({}), of);
        expect(malformed.status).toBe(404);
        expect(fixture.operations).toHaveLength(0);
        const unknown = (await (await send(kind, post({}))).json()) as { detail: string };
        expect(await malformed.json()).toMatchObject({ detail: unknown.detail });
        fixture.operations.length = 0;
      }
    },
  );
});

describe('POST /v1/authorizations/{id}/captures, /voids, /refunds: what the road says', () => {
  const pending = { ...OPERATED, httpStatus: 202 };
  const authorizationId = id;
  const cases: [OperateResult, number, object, Record<string, string | null>][] = [
    [OPERATED, 201, {}, { location, 'retry-after': null, 'idempotent-replayed': null }],
    [{ ...OPERATED, replayed: true }, 201, {}, { location, 'idempotent-replayed': 'true' }],
    [pending, 202, {}, { location, 'retry-after': '2', 'idempotent-replayed': null }],
    [{ ...pending, replayed: true }, 202, {}, { 'retry-after': '2', 'idempotent-replayed': 'true' }],
    [{ kind: 'not_found' }, 404, { type: '/problems/not-found' }, { location: null }],
    [
      { kind: 'other_body', authorizationId },
      422,
      { type: '/problems/idempotency-key-reused', authorization_id: id },
      { location },
    ],
    [
      { kind: 'journal_unavailable', retryAfterMs: 1500 },
      503,
      { type: '/problems/journal-unavailable', sent: false },
      { 'retry-after': '2' },
    ],
  ];
  it.each(cases)('%j', async (result, status, members, headers) => {
    fixture.operated = async () => result;
    for (const kind of KINDS) {
      const response = await send(kind, post({}));
      expect([response.status, await response.json()]).toMatchObject([status, members]);
      for (const [name, value] of Object.entries(headers)) expect(response.headers.get(name)).toBe(value);
    }
  });

  it('replays byte for byte', async () => {
    const body = '{"id":"cap_b_1",  "odd":"spacing é"}';
    fixture.operated = async () => ({ ...OPERATED, body, replayed: true });
    expect(await (await send('capture', post({}))).text()).toBe(body);
  });

  it('answers an exception with a 500 that claims nothing about the money', async () => {
    fixture.operated = async () => {
      throw new Error('secret detail');
    };
    const response = await send('refund', post({}));
    const text = await response.text();
    expect(response.status).toBe(500);
    expect(text).not.toMatch(/secret|"sent"/);
    expect(fixture.faults).toMatchObject([{ route: '/v1/authorizations/{id}/refunds' }]);
  });
});

/** The sample as if its last attempt had ended so. */
function ended(outcome: Attempt['outcome']): Authorization {
  const attempts = AUTHORIZATION.attempts.map((attempt) =>
    attempt.number === 2 ? { ...attempt, outcome } : attempt,
  );
  return settled({ ...AUTHORIZATION, attempts });
}

const unknown = ended({ kind: 'unknown', code: 'timeout', providerReference: null });
const declined = ended({
  kind: 'declined',
  providerReference: null,
  decline: {
    category: 'soft_decline_issuer',
    code: 'issuer_05',
    networkCode: '05',
    advice: null,
    retryNotBefore: null,
    otherProvider: 'no',
    mayHideApproval: false,
  },
});
const unauthenticated = ended({
  kind: 'authentication_required',
  code: 'issuer_1A',
  providerReference: null,
});
const failed = ended({ kind: 'not_sent', code: 'ECONNREFUSED' });
const captured = withOperations(CAPTURE);
const capturing = withOperations({ status: 'pending' });
const capturingFinal = withOperations({ status: 'pending', final: true, amount: 2000 });
const capturedInPart = withOperations({ amount: 2000 });
const capturedFinally = withOperations({ amount: 2000, final: true });
const refunded = withOperations(CAPTURE, { kind: 'refund' });
const refunding = withOperations(CAPTURE, { kind: 'refund', status: 'pending' });
const voiding = withOperations({ kind: 'void', status: 'pending' });
const voided = withOperations({ kind: 'void' });
const expired = withOperations({ kind: 'void', purpose: 'expiry' });
const closed = settled({ ...capturedInPart, captureClosed: true });

interface RefusalCase {
  readonly kind: OperationKind;
  readonly refusal: OperateRefusal;
  readonly authorization: Authorization;
  readonly left?: number;
  readonly detail: RegExp;
  /** Whether it may be gone by itself. */
  readonly passes?: boolean;
}

const REFUSALS: readonly RefusalCase[] = [
  {
    kind: 'capture',
    refusal: 'outcome_not_known',
    authorization: unknown,
    detail: /void is accepted now .* a capture is not, until it is known/,
    passes: true,
  },
  {
    kind: 'refund',
    refusal: 'outcome_not_known',
    authorization: unknown,
    detail: /a refund is not, until it is known/,
    passes: true,
  },
  {
    kind: 'void',
    refusal: 'outcome_not_known',
    authorization: unknown,
    detail: /repeat the void/,
    passes: true,
  },
  { kind: 'capture', refusal: 'nothing_authorized', authorization: declined, detail: /^It was declined/ },
  {
    kind: 'void',
    refusal: 'nothing_authorized',
    authorization: failed,
    detail: /No provider processed it, so that there is nothing to void: authorize anew/,
  },
  {
    kind: 'capture',
    refusal: 'nothing_authorized',
    authorization: unauthenticated,
    detail: /has to authenticate first/,
  },
  {
    kind: 'capture',
    refusal: 'nothing_authorized',
    authorization: AUTHORIZATION,
    detail: /Nothing of it is authorized/,
  },
  {
    kind: 'capture',
    refusal: 'being_voided',
    authorization: voiding,
    detail: /a capture is possible only if it stands after all/,
    passes: true,
  },
  {
    kind: 'void',
    refusal: 'being_voided',
    authorization: voiding,
    detail: /no further void is needed/,
    passes: true,
  },
  {
    kind: 'capture',
    refusal: 'already_voided',
    authorization: voided,
    detail: /nothing left to capture.*authorize anew/,
  },
  { kind: 'void', refusal: 'already_voided', authorization: voided, detail: /nothing is left to undo/ },
  { kind: 'capture', refusal: 'expired', authorization: expired, detail: /validity is over.*authorize anew/ },
  {
    kind: 'void',
    refusal: 'capture_pending',
    authorization: capturing,
    detail: /Wait until it is settled and read it: if it succeeded, refund it; if it failed, void/,
    passes: true,
  },
  {
    kind: 'void',
    refusal: 'already_captured',
    authorization: captured,
    detail: /cannot be voided: refund it/,
  },
  {
    kind: 'capture',
    refusal: 'already_captured',
    authorization: captured,
    detail: /give money back, refund/,
  },
  {
    kind: 'capture',
    refusal: 'capture_closed',
    authorization: capturedFinally,
    detail: /final capture was made.*authorize anew/,
  },
  {
    kind: 'capture',
    refusal: 'capture_closed',
    authorization: capturingFinal,
    detail: /A final capture is pending/,
  },
  { kind: 'capture', refusal: 'capture_closed', authorization: refunding, detail: /A refund was begun/ },
  { kind: 'capture', refusal: 'capture_closed', authorization: closed, detail: /validity is over/ },
  {
    kind: 'refund',
    refusal: 'not_captured',
    authorization: AUTHORIZATION,
    detail: /void it to release the money/,
  },
  {
    kind: 'refund',
    refusal: 'not_captured',
    authorization: capturing,
    detail: /wait until it is settled, then refund it/,
    passes: true,
  },
  {
    kind: 'capture',
    refusal: 'nothing_left',
    authorization: capturing,
    detail: /captured or being captured.*can be captured again/,
    passes: true,
  },
  {
    kind: 'refund',
    refusal: 'nothing_left',
    authorization: refunding,
    detail: /being refunded.*can be refunded again/,
    passes: true,
  },
  { kind: 'refund', refusal: 'nothing_left', authorization: refunded, detail: /nothing left to refund/ },
  { kind: 'capture', refusal: 'nothing_left', authorization: captured, detail: /nothing left to capture/ },
  {
    kind: 'capture',
    refusal: 'amount_too_large',
    authorization: capturedInPart,
    left: 2999,
    detail: /Only 2999 minor units of EUR are left to capture/,
  },
  {
    kind: 'refund',
    refusal: 'amount_too_large',
    authorization: capturedInPart,
    left: 2000,
    detail: /Only 2000 minor units of EUR are left to refund/,
  },
  {
    kind: 'capture',
    refusal: 'partial_capture_not_supported',
    authorization: AUTHORIZATION,
    left: 4999,
    detail:
      /It would be a part, and providers\.yaml does not list partial_capture .* of sandbox-b: capture all of it, 4999 minor units of EUR, by leaving/,
  },
  {
    kind: 'capture',
    refusal: 'partial_capture_not_supported',
    authorization: capturedInPart,
    left: 2999,
    detail: /providers\.yaml does not list partial_capture .* of sandbox-b: the rest can be captured once/,
  },
  ...(['capture', 'refund'] as const).map((kind) => ({
    kind,
    refusal: 'being_carried_out' as const,
    authorization: kind === 'capture' ? capturing : refunding,
    detail: new RegExp(`repeat the ${kind} after Retry-After, with the same Idempotency-Key`),
    passes: true,
  })),
];

describe('what cannot be done as things stand', () => {
  it.each(REFUSALS)('$kind: $refusal ($authorization.status)', async (refusalCase) => {
    const { kind, refusal, authorization, left = 0, detail, passes = false } = refusalCase;
    fixture.operated = async () => ({ kind: 'refused', refusal, leftAmount: left, authorization });
    const response = await send(kind, post({}));
    const problem = (await response.json()) as Record<string, unknown>;
    expect(response.status).toBe(409);
    expect(problem).toMatchObject({
      type: '/problems/operation-not-possible',
      status: 409,
      reason: refusal,
      authorization_id: id,
      authorization_status: authorization.status,
      amounts: {
        requested: 4999,
        authorized: authorization.authorizedAmount,
        captured: authorization.capturedAmount,
        refunded: authorization.refundedAmount,
        currency: 'EUR',
      },
    });
    expect(problem['left']).toEqual(left === 0 ? undefined : { value: left, currency: 'EUR' });
    expect(problem['detail']).toMatch(detail);
    expect(response.headers.get('location')).toBe(location);
    expect(response.headers.get('retry-after')).toBe(passes ? '2' : null);
    expect(response.headers.has('idempotent-replayed')).toBe(false);
    expect(problemSchema.safeParse(problem).error).toBeUndefined();
  });

  it('has a case for every reason', () => {
    expect(new Set(REFUSALS.map(({ refusal }) => refusal))).toEqual(new Set(OPERATE_REFUSALS));
  });

  it.each(['capture', 'refund'] as const)(
    '%s: another currency is a wrong field, whatever the state',
    async (kind) => {
      fixture.operated = async () => ({
        kind: 'refused',
        refusal: 'currency_differs',
        leftAmount: 0,
        authorization: AUTHORIZATION,
      });
      const response = await send(kind, post({ amount: { value: 1, currency: 'USD' } }));
      expect([response.status, await response.json()]).toMatchObject([
        400,
        {
          type: '/problems/invalid-request',
          errors: [{ path: 'amount.currency', expected: 'EUR, the currency of the authorization' }],
        },
      ]);
    },
  );
});
