import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OutcomeReport } from '../../src/core/caller-decision.ts';
import { decisionPageSchema, keptDecisionSchema } from '../../src/edge/answer-schemas.ts';
import type { DecisionFilter, Journal, KeptDecision } from '../../src/gateway/ports.ts';
import { sampleOffer, TAKEN_APPROVAL } from '../support/sample-decision.ts';
import { BODY, DECIDED, edgeFixture, KEPT_DECISION, post, startEdge } from './edge-fixture.ts';

const ID = 'dec_bcdfghjkmnpqrstvwxyzB';
const REPORT = {
  provider: 'stripe-eu',
  attempt: 1,
  outcome: 'declined',
  code: 'insufficient_funds',
  network_code: '51',
  advice: '24',
  latency_ms: 212,
};

const fixture = edgeFixture();
let edge: Awaited<ReturnType<typeof startEdge>>;
beforeAll(async () => {
  edge = await startEdge(fixture);
});
afterAll(() => edge.drain(0));
beforeEach(() => {
  fixture.decisions.length = 0;
  fixture.reports.length = 0;
  fixture.told.length = 0;
  fixture.decided = async () => DECIDED;
  fixture.reported = async () => ({
    kind: 'taken',
    step: { next: 'adyen-eu', reason: 'rejected', attempt: 2 },
  });
});

const decide = (init: RequestInit) => fetch(`${edge.origin}/v1/decisions`, init);
const report = (init: RequestInit, id = ID) => fetch(`${edge.origin}/v1/decisions/${id}/outcomes`, init);
const keyless = (body: unknown = BODY, headers = {}) =>
  post(body, { 'idempotency-key': undefined, ...headers });

async function problemIn(response: Response, status: number, name: string) {
  const problem = (await response.json()) as Record<string, unknown>;
  expect([response.status, problem['type']]).toEqual([status, `/problems/${name}`]);
  expect(problem).toMatchObject({ detail: expect.any(String), remedy: expect.any(String) });
  return problem;
}

describe('POST /v1/decisions', () => {
  it('takes the body of an authorization, with a key or without', async () => {
    const response = await decide(post());
    expect(response.status).toBe(201);
    expect(response.headers.get('idempotent-replayed')).toBeNull();
    expect(await response.text()).toBe(DECIDED.body);
    await decide(keyless());
    await decide(post(BODY, { 'idempotency-key': '"order-7781-1"' }));
    expect(fixture.decisions.map(({ idempotencyKey }) => idempotencyKey)).toEqual([
      'order-7781-1',
      null,
      'order-7781-1',
    ]);
    const [first, second] = fixture.decisions;
    expect(first).toMatchObject({ account: 'acme', request: { reference: 'order-7781' } });
    expect(second?.bodyFingerprint).toBe(first?.bodyFingerprint);
  });

  it('says when an answer is a replay', async () => {
    fixture.decided = async () => ({ ...DECIDED, replayed: true });
    const response = await decide(post());
    expect(response.headers.get('idempotent-replayed')).toBe('true');
    expect(await response.text()).toBe(DECIDED.body);
  });

  it('answers what keeps a decision from being made', async () => {
    fixture.decided = async () => ({ kind: 'in_flight', retryAfterMs: 1_000 });
    const inFlight = await decide(post());
    expect(inFlight.headers.get('retry-after')).toBe('1');
    await problemIn(inFlight, 409, 'decision-in-flight');
    fixture.decided = async () => ({ kind: 'other_body' });
    await problemIn(await decide(post()), 422, 'idempotency-key-reused');
    fixture.decided = async () => ({ kind: 'no_route', rule: 'r', reasons: [], retryAfterMs: 1_500 });
    const noRoute = await decide(post());
    expect(noRoute.headers.get('retry-after')).toBe('2');
    expect(await problemIn(noRoute, 503, 'no-route')).toMatchObject({ sent: false, rule: 'r' });
    fixture.decided = async () => ({ kind: 'journal_unavailable', retryAfterMs: 1_000 });
    const unavailable = await problemIn(await decide(post()), 503, 'journal-unavailable');
    expect(unavailable).toMatchObject({ sent: false });
  });

  it.each([
    ['no key', post(BODY, { authorization: undefined }), 401, 'unauthenticated'],
    ['an unknown key', post(BODY, { authorization: 'Bearer nobody' }), 401, 'unauthenticated'],
    ['a key that may only read', post(BODY, { authorization: 'Bearer key-read' }), 403, 'out-of-scope'],
    [
      'a merchant that the key does not cover',
      post({ ...BODY, merchant: 'acme-us' }, { authorization: 'Bearer key-eu' }),
      403,
      'out-of-scope',
    ],
    ['a malformed key', post(BODY, { 'idempotency-key': 'a b' }), 400, 'idempotency-key-malformed'],
    ['an empty key', post(BODY, { 'idempotency-key': '' }), 400, 'idempotency-key-missing'],
    ['no JSON', keyless('{'), 400, 'malformed-json'],
    ['an unknown member', keyless({ ...BODY, ranking: [] }), 400, 'invalid-request'],
    ['a card number', keyless({ ...BODY, metadata: { note: '4111 1111 1111 1111' } }), 400, 'card-number'],
    ['another content type', post(BODY, { 'content-type': 'text/plain' }), 415, 'unsupported-media-type'],
  ] as const)('refuses %s', async (_, init, status, name) => {
    await problemIn(await decide(init), status, name);
    expect(fixture.decisions).toEqual([]);
  });
});

describe('POST /v1/decisions/{id}/outcomes', () => {
  it('hands the report over in our own words, and answers what to do next', async () => {
    const response = await report(keyless(REPORT));
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ next: 'adyen-eu', reason: 'rejected', attempt: 2 });
    const [command] = fixture.reports;
    expect(command).toMatchObject({ account: 'acme', decisionId: ID });
    expect(command?.report).toEqual({
      provider: 'stripe-eu',
      attempt: 1,
      outcome: 'declined',
      code: 'insufficient_funds',
      networkCode: '51',
      advice: '24',
      latencyMs: 212,
    } satisfies OutcomeReport);
  });

  it('what is not told is null', async () => {
    await report(keyless({ provider: 'stripe-eu', attempt: 2, outcome: 'unknown' }));
    expect(fixture.reports[0]?.report).toEqual({
      provider: 'stripe-eu',
      attempt: 2,
      outcome: 'unknown',
      code: null,
      networkCode: null,
      advice: null,
      latencyMs: null,
    });
  });

  it('covers the merchants of its key and no others', async () => {
    await report(keyless(REPORT, { authorization: 'Bearer key-eu' }));
    const [command] = fixture.reports;
    expect([command?.covers('acme-eu'), command?.covers('acme-us')]).toEqual([true, false]);
  });

  it('a malformed, unknown or foreign id is the same 404', async () => {
    fixture.reported = async () => ({ kind: 'not_found' });
    const bodies = await Promise.all(
      [ID, 'dec_', 'auth_bcdf', 'x', 'dec_%00', '..%2f'].map(async (id) => {
        const { detail, remedy } = await problemIn(await report(keyless(REPORT), id), 404, 'not-found');
        return JSON.stringify([detail, remedy]);
      }),
    );
    expect(new Set(bodies).size).toBe(1);
    expect(fixture.reports).toHaveLength(1);
  });

  it('a contradiction shows what is recorded, a wrong attempt who was offered', async () => {
    const recorded = TAKEN_APPROVAL;
    fixture.reported = async () => ({ kind: 'contradiction', recorded });
    expect(await problemIn(await report(keyless(REPORT)), 409, 'outcome-contradicted')).toMatchObject({
      recorded: { outcome: 'approved', next: 'stop', reason: 'approved' },
    });
    const offered = [sampleOffer(1, { provider: 'adyen-eu', reports: [recorded] })];
    fixture.reported = async () => ({ kind: 'not_offered', offered });
    expect(await problemIn(await report(keyless(REPORT)), 422, 'outcome-not-offered')).toMatchObject({
      offered: [{ attempt: 1, provider: 'adyen-eu', outcome: 'approved' }],
    });
    fixture.reported = async () => ({ kind: 'journal_unavailable' });
    const failed = await report(keyless(REPORT));
    expect(failed.headers.get('retry-after')).toBe('1');
    await problemIn(failed, 503, 'journal-unavailable');
  });

  it.each([
    ['no provider', { provider: undefined }, 'provider'],
    ['attempt 0', { attempt: 0 }, 'attempt'],
    ['half an attempt', { attempt: 1.5 }, 'attempt'],
    ['an attempt as text', { attempt: '1' }, 'attempt'],
    ['an outcome of its own', { outcome: 'failed' }, 'outcome'],
    ['a decline without a code', { code: null }, 'code'],
    ['a code with a line end', { code: 'a\nb' }, 'code'],
    ['a code that is too long', { code: 'x'.repeat(129) }, 'code'],
    ['a network code with blanks', { network_code: '5 1' }, 'network_code'],
    ['a latency below 0', { latency_ms: -1 }, 'latency_ms'],
    ['a latency of days', { latency_ms: 86_400_000 }, 'latency_ms'],
    ['an unknown member', { status: 'ok' }, 'status'],
    ['a member that must not come', { cvv: '123' }, 'cvv'],
  ])('refuses %s', async (_, change, path) => {
    const problem = await problemIn(await report(keyless({ ...REPORT, ...change })), 400, 'invalid-request');
    expect(problem['errors']).toEqual([
      expect.objectContaining({ path, message: expect.any(String), expected: expect.any(String) }),
    ]);
    expect(fixture.reports).toEqual([]);
  });

  it.each([
    ['no key', { authorization: undefined }, 401, 'unauthenticated'],
    ['a key that may only read', { authorization: 'Bearer key-read' }, 403, 'out-of-scope'],
  ])('refuses %s', async (_, headers, status, name) => {
    await problemIn(await report(keyless(REPORT, headers)), status, name);
  });

  it('refuses card numbers, wherever they stand, and says nothing of them', async () => {
    const number = '4111111111111111';
    for (const init of [keyless({ ...REPORT, code: number }), keyless(REPORT, { 'x-note': number })]) {
      await problemIn(await report(init), 400, 'card-number');
    }
    await problemIn(await report(keyless(REPORT), number), 400, 'card-number');
    expect(fixture.reports).toEqual([]);
    expect(JSON.stringify(fixture.told)).not.toContain(number);
  });
});

describe('GET /v1/decisions', () => {
  const read = (path: string, key = 'key-all') =>
    fetch(`${edge.origin}${path}`, { headers: { authorization: `Bearer ${key}` } });
  const found = (account: string, merchant = 'acme-eu'): KeptDecision => {
    const { decision, answer } = KEPT_DECISION;
    return { decision: { ...decision, account, request: { ...decision.request, merchant } }, answer };
  };
  const journal = fixture.deps.journal as { -readonly [Name in keyof Journal]: Journal[Name] };
  beforeEach(() => {
    journal.readDecision = async (id) => (id === ID ? KEPT_DECISION : null);
    filters.length = 0;
    journal.listDecisions = async (filter) => {
      filters.push(filter);
      return { data: [KEPT_DECISION], nextCursor: 'before_1' };
    };
  });
  const filters: DecisionFilter[] = [];

  it('shows what was answered, who was offered since, and each report with its answer', async () => {
    const response = await read(`/v1/decisions/${ID}`);
    const shown = (await response.json()) as Record<string, unknown>;
    expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(keptDecisionSchema.safeParse(shown).error).toBeUndefined();
    expect(shown).toMatchObject(JSON.parse(DECIDED.body) as object);
    expect(shown).toMatchObject({
      reference: 'order-7781',
      merchant: 'acme-eu',
      amount: { value: 4999, currency: 'EUR' },
      attempts: [
        { attempt: 1, outcome: 'rejected', reports: [{ next: 'sandbox-b', latency_ms: 212 }], routing: null },
        {
          attempt: 2,
          provider: 'sandbox-b',
          outcome: 'approved',
          cost_bps: 32,
          reports: [{ reason: 'approved', reported_at: '2026-11-23T10:00:00.300Z' }],
          routing: { rule: 'eu-debit' },
        },
      ],
    });
    expect(JSON.stringify(shown)).not.toMatch(/token|45717360|last4/);
  });

  it('a malformed, unknown or foreign one is the same 404', async () => {
    const problems: string[] = [];
    for (const [path, kept, key] of [
      [ID, null, 'key-all'],
      ['dec_1', null, 'key-all'],
      [ID, found('other'), 'key-all'],
      [ID, found('acme', 'acme-us'), 'key-eu'],
    ] as const) {
      journal.readDecision = async () => kept;
      const problem = await problemIn(await read(`/v1/decisions/${path}`, key), 404, 'not-found');
      problems.push(JSON.stringify([problem['detail'], problem['remedy']]));
    }
    expect(new Set(problems).size).toBe(1);
  });

  it('lists those about a payment of the account’s own', async () => {
    const response = await read(
      '/v1/decisions?merchant=acme-eu&reference=order-7781&limit=7&cursor=before_9',
      'key-read',
    );
    expect(response.status).toBe(200);
    const page = await response.json();
    expect(decisionPageSchema.safeParse(page).error).toBeUndefined();
    expect(page).toMatchObject({ data: [{ id: ID }], next_cursor: 'before_1' });
    expect(filters).toEqual([
      { account: 'acme', merchant: 'acme-eu', reference: 'order-7781', limit: 7, cursor: 'before_9' },
    ]);
  });

  it.each([
    ['no payment', '', 400, 'invalid-request'],
    ['no reference', '?merchant=acme-eu', 400, 'invalid-request'],
    ['a merchant twice', '?merchant=a&merchant=b&reference=r', 400, 'invalid-request'],
    ['an unknown parameter', '?merchant=a&reference=r&status=x', 400, 'invalid-request'],
    ['a page of nothing', '?merchant=a&reference=r&limit=0', 400, 'invalid-request'],
    ['a card number', '?merchant=a&reference=4111111111111111', 400, 'card-number'],
    ['a merchant that the key does not cover', '?merchant=acme-us&reference=r', 403, 'out-of-scope'],
  ] as const)('refuses %s', async (_, query, status, name) => {
    await problemIn(await read(`/v1/decisions${query}`, 'key-eu'), status, name);
    expect(filters).toEqual([]);
  });
});
