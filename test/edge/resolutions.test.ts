import { beforeEach, describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../../src/core/attempt.ts';
import type { Authorization } from '../../src/core/authorization.ts';
import { problemSchema } from '../../src/edge/answer-schemas.ts';
import { createApp } from '../../src/edge/app.ts';
import { BODY_BYTES_MAX } from '../../src/edge/read-body.ts';
import type { ResolveResult } from '../../src/gateway/resolve-by-person.ts';
import { AUTHORIZATION, edgeFixture, post, withOperations } from './edge-fixture.ts';

const fixture = edgeFixture();
const app = createApp(fixture.deps);
const ATTEMPT = 'att_bcdfghjkmnpqrstvwxyzB_2';
const location = `/v1/authorizations/${AUTHORIZATION.id}`;

beforeEach(() => {
  fixture.resolutions.length = 0;
  fixture.faults.length = 0;
  fixture.told.length = 0;
  fixture.resolved = async () => ({ kind: 'resolved', authorization: AUTHORIZATION });
});

const send = (init: RequestInit, id = ATTEMPT) => app.request(`/v1/attempts/${id}/resolutions`, init);
const evidence = "ticket 4711: not in the provider's report";
const BODY = { resolution: 'not_processed', evidence };

describe('POST /v1/attempts/{id}/resolutions', () => {
  const accepted: [body: object, command: object][] = [
    [BODY, { resolution: 'not_processed', providerReference: null, evidence }],
    [
      { ...BODY, resolution: 'approved', provider_reference: 'psp_1' },
      { resolution: 'approved', providerReference: 'psp_1' },
    ],
    [
      { ...BODY, resolution: 'undone' },
      { resolution: 'undone', providerReference: null },
    ],
    [
      { ...BODY, resolution: 'undone', provider_reference: 'psp_1' },
      { resolution: 'undone', providerReference: 'psp_1' },
    ],
    [{ ...BODY, provider_reference: null }, { providerReference: null }],
    [{ ...BODY, evidence: 'x'.repeat(10) }, { evidence: 'x'.repeat(10) }],
    [{ ...BODY, evidence: 'ü'.repeat(1000) }, { evidence: 'ü'.repeat(1000) }],
  ];
  it.each(accepted)('takes %j', async (body, command) => {
    // No idempotency key: a repetition finds nothing to resolve.
    const response = await send(post(body, { 'idempotency-key': undefined }));
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ id: AUTHORIZATION.id, status: 'approved', operations: [] });
    expect(fixture.resolutions).toMatchObject([{ account: 'acme', attemptId: ATTEMPT, ...command }]);
  });

  it('says which merchants the key covers', async () => {
    await send(post(BODY, { authorization: 'Bearer key-eu' }));
    const [command] = fixture.resolutions;
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
    expect(fixture.resolutions).toHaveLength(0);
  });

  it('asks for the scope ops: one that may authorize is not enough', async () => {
    const authorizes = edgeFixture({
      findCaller: () => ({ account: 'acme', merchants: 'all', scopes: new Set(['authorize', 'read']) }),
    });
    const response = await createApp(authorizes.deps).request(
      `/v1/attempts/${ATTEMPT}/resolutions`,
      post(BODY),
    );
    expect(response.status).toBe(403);
    expect(authorizes.resolutions).toHaveLength(0);
  });

  const fields: [body: object, path: string, told: RegExp][] = [
    [{ resolution: 'approved', evidence }, 'provider_reference', /captured, voided and refunded/],
    [
      { resolution: 'approved', evidence, provider_reference: null },
      'provider_reference',
      /id at the provider/,
    ],
    [{ ...BODY, provider_reference: '' }, 'provider_reference', /1 to 255/],
    [{ ...BODY, provider_reference: 'a b' }, 'provider_reference', /ASCII/],
    [{ ...BODY, resolution: 'declined' }, 'resolution', /approved \| not_processed \| undone/],
    [{ evidence }, 'resolution', /missing/],
    [{ resolution: 'undone' }, 'evidence', /missing/],
    [{ ...BODY, evidence: 'too short' }, 'evidence', /10 to 1000/],
    [{ ...BODY, evidence: 'x'.repeat(1001) }, 'evidence', /10 to 1000/],
    [{ ...BODY, evidence: 'a line\nand another' }, 'evidence', /control characters/],
    [{ ...BODY, evidence: 7 }, 'evidence', /string/],
    [{ ...BODY, evidense: 'x' }, 'evidense', /did you mean evidence\?/],
    [{ ...BODY, author: 'somebody else' }, 'author', /unknown member/],
  ];
  it.each(fields)('refuses %j', async (body, path, told) => {
    const response = await send(post(body));
    const problem = (await response.json()) as { errors: { path: string }[] };
    expect([response.status, problem]).toMatchObject([400, { type: '/problems/invalid-request' }]);
    expect(JSON.stringify(problem.errors.find((error) => error.path === path))).toMatch(told);
    expect(fixture.resolutions).toHaveLength(0);
  });

  it.each(['nobody', 'att_b', 'att_1_1', 'att_b_123', 'att_b_%00', AUTHORIZATION.id])(
    '%s is no id: 404, as for one that is unknown',
    async (id) => {
      fixture.resolved = async () => ({ kind: 'not_found' });
      const malformed = await send(post(BODY), id);
      expect(malformed.status).toBe(404);
      expect(fixture.resolutions).toHaveLength(0);
      const unknown = (await (await send(post(BODY))).json()) as { detail: string };
      expect(await malformed.json()).toMatchObject({ type: '/problems/not-found', detail: unknown.detail });
    },
  );

  it.each([
    ['recorded_elsewhere', /recorded about another attempt.*Nothing was changed/],
    ['provider_denies', /the provider tells of no approval.*Nothing was changed/],
  ] as const)('refuses the reference of another payment: %s', async (because, detail) => {
    fixture.resolved = async () => ({ kind: 'reference_refused', because, authorization: AUTHORIZATION });
    const response = await send(post({ ...BODY, resolution: 'approved', provider_reference: 'psp_1' }));
    expect([response.status, response.headers.get('location')]).toEqual([409, location]);
    expect(await response.json()).toMatchObject({
      type: '/problems/reference-refused',
      detail: expect.stringMatching(detail) as string,
      authorization_id: AUTHORIZATION.id,
      attempt_id: ATTEMPT,
    });
  });

  it('answers 503 when it cannot be recorded', async () => {
    fixture.resolved = async () => ({ kind: 'journal_unavailable' });
    const response = await send(post(BODY));
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await response.json()).toMatchObject({ type: '/problems/journal-unavailable' });
  });
});

describe('an attempt that is not open', () => {
  const withOutcome = (outcome: AttemptOutcome | null, over: Partial<Authorization> = {}): Authorization => ({
    ...AUTHORIZATION,
    ...over,
    attempts: AUTHORIZATION.attempts.map((attempt) =>
      attempt.number === 2 ? { ...attempt, outcome } : attempt,
    ),
  });
  const unknown = { kind: 'unknown', code: 'timeout', providerReference: null } as const;
  const cases: [name: string, Authorization, members: object, detail: RegExp, retryAfter: string | null][] = [
    ['known', AUTHORIZATION, { outcome: 'approved' }, /known, approved: there is nothing to resolve/, null],
    [
      'being undone',
      withOperations({ kind: 'void', status: 'pending' }),
      { outcome: 'approved', authorization_status: 'reversing' },
      /the only resolution that it takes is undone/,
      null,
    ],
    [
      'under way',
      withOutcome(null, { open: true, status: 'pending' }),
      { outcome: null, authorization_status: 'pending' },
      /still under way/,
      '2',
    ],
    ['unknown, under way', withOutcome(unknown, { open: true }), { outcome: 'unknown' }, /under way/, '2'],
    ['changed meanwhile', withOutcome(unknown), { outcome: 'unknown' }, /at the same moment/, null],
  ];
  it.each(cases)('%s', async (_, authorization, members, detail, retryAfter) => {
    fixture.resolved = async (): Promise<ResolveResult> => ({ kind: 'not_open', authorization });
    const response = await send(post(BODY));
    const problem = (await response.json()) as Record<string, unknown>;
    expect([response.status, problem]).toMatchObject([
      409,
      {
        type: '/problems/attempt-not-open',
        status: 409,
        attempt_id: ATTEMPT,
        authorization_id: AUTHORIZATION.id,
        ...members,
      },
    ]);
    expect(problem['detail']).toMatch(detail);
    expect(response.headers.get('location')).toBe(location);
    expect(response.headers.get('retry-after')).toBe(retryAfter);
    expect(problemSchema.safeParse(problem).error).toBeUndefined();
  });
});
