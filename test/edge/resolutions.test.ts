import { beforeEach, describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../../src/core/attempt.ts';
import type { Authorization } from '../../src/core/authorization.ts';
import { problemSchema } from '../../src/edge/answer-schemas.ts';
import { createApp } from '../../src/edge/app.ts';
import type { ResolveResult } from '../../src/gateway/resolve-by-person.ts';
import { AUTHORIZATION, edgeFixture, post, withOperations } from './edge-fixture.ts';
import { expectFieldRefused, resolutionCases } from './resolution-cases.ts';

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
  it('is told for the audit with who and why, also where it is not taken', async () => {
    fixture.resolutionsGiven.length = 0;
    await send(post(BODY));
    fixture.resolved = async () => ({ kind: 'not_found' });
    await send(post(BODY));
    const given = { subject: ATTEMPT, resolution: 'not_processed', evidence, account: 'acme' };
    expect(fixture.resolutionsGiven).toMatchObject([
      { ...given, result: 'resolved' },
      { ...given, result: 'not_found' },
    ]);
    expect(fixture.resolutionsGiven.every(({ traceId }) => /^[0-9a-f]{32}$/.test(traceId))).toBe(true);
  });

  const accepted: [body: object, command: object][] = [
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
  ];
  it.each(accepted)('takes %j', async (body, command) => {
    const response = await send(post(body));
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ id: AUTHORIZATION.id, status: 'approved', operations: [] });
    expect(fixture.resolutions).toMatchObject([{ account: 'acme', attemptId: ATTEMPT, ...command }]);
  });

  resolutionCases(fixture, {
    path: `/v1/attempts/${ATTEMPT}/resolutions`,
    body: BODY,
    known: /approved \| not_processed \| undone/,
    foreign: 'declined',
    words: ({ resolutions }) => resolutions,
    failJournal: (to) => {
      to.resolved = async () => ({ kind: 'journal_unavailable' });
    },
  });

  const withoutReference: [body: object, told: RegExp][] = [
    [{ resolution: 'approved', evidence }, /captured, voided and refunded/],
    [{ resolution: 'approved', evidence, provider_reference: null }, /id at the provider/],
  ];
  it.each(withoutReference)('refuses %j', async (body, told) => {
    await expectFieldRefused(await send(post(body)), 'provider_reference', told);
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
