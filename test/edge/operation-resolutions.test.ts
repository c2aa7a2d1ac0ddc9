import { beforeEach, describe, expect, it } from 'vitest';
import type { Authorization } from '../../src/core/authorization.ts';
import { problemSchema } from '../../src/edge/answer-schemas.ts';
import { createApp } from '../../src/edge/app.ts';
import { BODY_BYTES_MAX } from '../../src/edge/read-body.ts';
import type { ResolveOperationResult } from '../../src/gateway/resolve-operation-by-person.ts';
import { AUTHORIZATION, CAPTURE, edgeFixture, post, withOperations } from './edge-fixture.ts';

const fixture = edgeFixture();
const app = createApp(fixture.deps);
const REST = AUTHORIZATION.id.slice('auth_'.length);

beforeEach(() => {
  fixture.operationResolutions.length = 0;
  fixture.told.length = 0;
  fixture.operationResolved = async () => ({ kind: 'resolved', authorization: withOperations(CAPTURE) });
});

const send = (init: RequestInit, id = CAPTURE.id) => app.request(`/v1/operations/${id}/resolutions`, init);
const evidence = "ticket 4712: in the provider's report";
const BODY = { resolution: 'succeeded', evidence };

describe('POST /v1/operations/{id}/resolutions', () => {
  const accepted: [body: object, command: object][] = [
    [BODY, { resolution: 'succeeded', providerReference: null, evidence }],
    [
      { ...BODY, provider_reference: 'psp_1' },
      { resolution: 'succeeded', providerReference: 'psp_1' },
    ],
    [
      { ...BODY, resolution: 'failed' },
      { resolution: 'failed', providerReference: null },
    ],
    [
      { ...BODY, resolution: 'failed', provider_reference: 'psp_1' },
      { resolution: 'failed', providerReference: 'psp_1' },
    ],
    [{ ...BODY, provider_reference: null }, { providerReference: null }],
    [{ ...BODY, provider_reference: 'x'.repeat(255) }, { providerReference: 'x'.repeat(255) }],
    [{ ...BODY, evidence: 'x'.repeat(10) }, { evidence: 'x'.repeat(10) }],
    [{ ...BODY, evidence: 'ü'.repeat(1000) }, { evidence: 'ü'.repeat(1000) }],
  ];
  it.each(accepted)('takes %j', async (body, command) => {
    // No idempotency key: a repetition finds nothing to resolve.
    const response = await send(post(body, { 'idempotency-key': undefined }));
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      id: AUTHORIZATION.id,
      status: 'captured',
      amounts: { captured: 4999 },
      operations: [{ id: CAPTURE.id, status: 'succeeded' }],
    });
    expect(fixture.operationResolutions).toMatchObject([
      { account: 'acme', operationId: CAPTURE.id, ...command },
    ]);
  });

  it.each([`cap_${REST}_1`, `void_${REST}_12`, `ref_${REST}_100`])('takes the id %s', async (id) => {
    expect((await send(post(BODY), id)).status).toBe(200);
    expect(fixture.operationResolutions).toMatchObject([{ operationId: id }]);
  });

  it('says which merchants the key covers', async () => {
    await send(post(BODY, { authorization: 'Bearer key-eu' }));
    const [command] = fixture.operationResolutions;
    expect([command?.covers('acme-eu'), command?.covers('acme-us')]).toEqual([true, false]);
  });

  const PAN = '4111 1111 1111 1111';
  const refused: [name: string, init: RequestInit, status: number, problem: string][] = [
    ['no key', post(BODY, { authorization: undefined }), 401, 'unauthenticated'],
    ['a key that only reads', post(BODY, { authorization: 'Bearer key-read' }), 403, 'out-of-scope'],
    ['a card number in the evidence', post({ ...BODY, evidence: `the card ${PAN}` }), 400, 'card-number'],
    [
      'a card number as reference',
      post({ ...BODY, provider_reference: PAN.replaceAll(' ', '') }),
      400,
      'card-number',
    ],
    ['no body', post('', { 'content-type': undefined }), 415, 'unsupported-media-type'],
    ['an empty body', post(''), 400, 'malformed-json'],
    ['another content type', post(BODY, { 'content-type': 'text/plain' }), 415, 'unsupported-media-type'],
    ['too large a body', post(' '.repeat(BODY_BYTES_MAX + 1)), 413, 'body-too-large'],
  ];
  it.each(refused)('refuses %s', async (_, init, status, name) => {
    const response = await send(init);
    const text = await response.text();
    expect([response.status, JSON.parse(text)]).toMatchObject([status, { type: `/problems/${name}` }]);
    expect(text + JSON.stringify(fixture.told)).not.toContain('11111111');
    expect(fixture.operationResolutions).toHaveLength(0);
  });

  it('asks for the scope ops: one that may capture is not enough', async () => {
    const authorizes = edgeFixture({
      findCaller: () => ({ account: 'acme', merchants: 'all', scopes: new Set(['authorize', 'read']) }),
    });
    const path = `/v1/operations/${CAPTURE.id}/resolutions`;
    expect((await createApp(authorizes.deps).request(path, post(BODY))).status).toBe(403);
    expect(authorizes.operationResolutions).toHaveLength(0);
  });

  const fields: [body: object, path: string, told: RegExp][] = [
    [{ ...BODY, provider_reference: '' }, 'provider_reference', /1 to 255/],
    [{ ...BODY, provider_reference: 'x'.repeat(256) }, 'provider_reference', /1 to 255/],
    [{ ...BODY, provider_reference: 'a b' }, 'provider_reference', /ASCII/],
    [{ ...BODY, resolution: 'undone' }, 'resolution', /succeeded \| failed/],
    [{ evidence }, 'resolution', /missing/],
    [{ resolution: 'failed' }, 'evidence', /missing/],
    [{ ...BODY, evidence: 'too short' }, 'evidence', /10 to 1000/],
    [{ ...BODY, evidence: 'x'.repeat(1001) }, 'evidence', /10 to 1000/],
    [{ ...BODY, evidence: 'a line\nand another' }, 'evidence', /control characters/],
    [{ ...BODY, evidence: 7 }, 'evidence', /string/],
    [{ ...BODY, evidense: 'x' }, 'evidense', /did you mean evidence\?/],
    [{ ...BODY, amount: 7 }, 'amount', /unknown member/],
  ];
  it.each(fields)('refuses %j', async (body, path, told) => {
    const response = await send(post(body));
    const problem = (await response.json()) as { errors: { path: string }[] };
    expect([response.status, problem]).toMatchObject([400, { type: '/problems/invalid-request' }]);
    expect(JSON.stringify(problem.errors.find((error) => error.path === path))).toMatch(told);
    expect(fixture.operationResolutions).toHaveLength(0);
  });

  it.each([
    'nobody',
    `cap_${REST}`,
    `att_${REST}_1`,
    `CAP_${REST}_1`,
    `cap_${REST}_x`,
    `cap_${REST}_1234567`,
    'cap_b_%00',
    AUTHORIZATION.id,
  ])('%s is no id: 404, as for one that is unknown', async (id) => {
    fixture.operationResolved = async () => ({ kind: 'not_found' });
    const malformed = await send(post(BODY), id);
    expect(malformed.status).toBe(404);
    expect(fixture.operationResolutions).toHaveLength(0);
    const unknown = (await (await send(post(BODY))).json()) as { detail: string };
    expect(await malformed.json()).toMatchObject({ type: '/problems/not-found', detail: unknown.detail });
  });

  it('answers 503 when it cannot be recorded', async () => {
    fixture.operationResolved = async () => ({ kind: 'journal_unavailable' });
    const response = await send(post(BODY));
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await response.json()).toMatchObject({ type: '/problems/journal-unavailable' });
  });
});

describe('an operation that is not open', () => {
  type NotOpen = Extract<ResolveOperationResult, { readonly kind: 'not_open' }>;
  const pending = withOperations({ status: 'pending' });
  const ATTEMPT_ID = AUTHORIZATION.attempts[1]?.id;
  const cases: [NotOpen['reason'], number | null, Authorization, members: object, RegExp, string | null][] = [
    [
      'ended',
      null,
      withOperations(CAPTURE),
      { operation_status: 'succeeded', authorization_status: 'captured' },
      /known, succeeded, and the authorization is captured: there is nothing to resolve/,
      null,
    ],
    [
      'road_open',
      2_000,
      { ...pending, open: true, status: 'pending' },
      { operation_status: 'pending', authorization_status: 'pending' },
      /still under way.*wait for its end/,
      '2',
    ],
    [
      'waits_for_attempt',
      null,
      withOperations({ kind: 'void', status: 'pending' }),
      { operation_status: 'pending', attempt_id: ATTEMPT_ID },
      new RegExp(`resolve the attempt instead, POST /v1/attempts/${ATTEMPT_ID}/resolutions`),
      null,
    ],
    [
      'may_be_sent',
      1_799_001,
      pending,
      { operation_status: 'pending', authorization_status: 'approved' },
      /on its way.*after Retry-After.*succeeded can be said at any time/,
      '1800',
    ],
  ];
  it.each(cases)('%s', async (reason, retryAfterMs, authorization, members, detail, retryAfter) => {
    fixture.operationResolved = async () => ({ kind: 'not_open', reason, authorization, retryAfterMs });
    const response = await send(post({ ...BODY, resolution: 'failed' }));
    const problem = (await response.json()) as Record<string, unknown>;
    expect([response.status, problem]).toMatchObject([
      409,
      {
        type: '/problems/operation-not-open',
        status: 409,
        operation_id: CAPTURE.id,
        authorization_id: AUTHORIZATION.id,
        reason,
        ...members,
      },
    ]);
    expect(problem['detail']).toMatch(detail);
    expect(response.headers.get('location')).toBe(`/v1/authorizations/${AUTHORIZATION.id}`);
    expect(response.headers.get('retry-after')).toBe(retryAfter);
    expect(problemSchema.safeParse(problem).error).toBeUndefined();
  });
});
