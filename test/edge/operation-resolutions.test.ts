import { beforeEach, describe, expect, it } from 'vitest';
import type { Authorization } from '../../src/core/authorization.ts';
import { problemSchema } from '../../src/edge/answer-schemas.ts';
import { createApp } from '../../src/edge/app.ts';
import type { ResolveOperationResult } from '../../src/gateway/resolve-operation-by-person.ts';
import { AUTHORIZATION, CAPTURE, edgeFixture, post, withOperations } from './edge-fixture.ts';
import { resolutionCases } from './resolution-cases.ts';

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
  it('is told for the audit with who and why, also where it is not taken', async () => {
    fixture.resolutionsGiven.length = 0;
    await send(post(BODY));
    fixture.operationResolved = async () => ({ kind: 'not_found' });
    await send(post(BODY));
    const given = { subject: CAPTURE.id, resolution: 'succeeded', evidence, account: 'acme' };
    expect(fixture.resolutionsGiven).toMatchObject([
      { ...given, result: 'resolved' },
      { ...given, result: 'not_found' },
    ]);
    expect(fixture.resolutionsGiven.every(({ traceId }) => /^[0-9a-f]{32}$/.test(traceId))).toBe(true);
  });

  const accepted: [body: object, command: object][] = [
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
  ];
  it.each(accepted)('takes %j', async (body, command) => {
    const response = await send(post(body));
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

  resolutionCases(fixture, {
    path: `/v1/operations/${CAPTURE.id}/resolutions`,
    body: BODY,
    known: /succeeded \| failed/,
    foreign: 'undone',
    words: ({ operationResolutions }) => operationResolutions,
    failJournal: (to) => {
      to.operationResolved = async () => ({ kind: 'journal_unavailable' });
    },
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
