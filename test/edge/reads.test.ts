import { describe, expect, it } from 'vitest';
import { AUTHORIZATION_STATUSES } from '../../src/core/authorization.ts';
import { createApp } from '../../src/edge/app.ts';
import type { EdgeDeps } from '../../src/edge/edge-deps.ts';
import { type AuthorizationFilter, JournalError } from '../../src/gateway/ports.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { AUTHORIZATION, edgeFixture, PROVIDER } from './edge-fixture.ts';

const as = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });

function withJournal(found = AUTHORIZATION, nextCursor: string | null = null) {
  const filters: AuthorizationFilter[] = [];
  const clock = new FakeClock();
  const fixture = edgeFixture(
    {
      journal: {
        findAuthorization: async (id) => (id === found.id ? found : null),
        listAuthorizations: async (filter) => {
          filters.push(filter);
          return { data: [found], nextCursor };
        },
        historyPage: async () => ({ data: [], nextAfter: null }),
        readDecision: async () => null,
        listDecisions: async () => ({ data: [], nextCursor: null }),
      },
    },
    clock,
  );
  return { app: createApp(fixture.deps), filters, clock, fixture };
}

describe('GET /v1/authorizations/{id}', () => {
  const path = `/v1/authorizations/${AUTHORIZATION.id}`;
  const americas = { ...AUTHORIZATION, request: { ...AUTHORIZATION.request, merchant: 'acme-us' } };

  it('answers the current state', async () => {
    const response = await withJournal().app.request(path, as('key-read'));
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ id: AUTHORIZATION.id, status: 'approved' });
  });

  it('answers 200 while pending too', async () => {
    const pending = { ...AUTHORIZATION, status: 'pending' as const };
    expect((await withJournal(pending).app.request(path, as('key-all'))).status).toBe(200);
  });

  const foreign: [name: string, key: string, path: string, found: typeof AUTHORIZATION][] = [
    ['another account', 'key-other', path, AUTHORIZATION],
    ['another merchant', 'key-eu', path, americas],
    ['an unknown id', 'key-all', '/v1/authorizations/auth_bcdf', AUTHORIZATION],
    ['a malformed id', 'key-all', '/v1/authorizations/auth_1', AUTHORIZATION],
    ['an id with an escape', 'key-all', '/v1/authorizations/auth_%00', AUTHORIZATION],
  ];
  it.each(foreign)('answers 404, the same for %s', async (_, key, target, found) => {
    const response = await withJournal(found).app.request(target, as(key));
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({
      type: '/problems/not-found',
      detail: 'There is no such authorization for this key.',
    });
  });
});

describe('GET /v1/authorizations', () => {
  it('asks the journal for the account and merchants of the key, and no others', async () => {
    const { app, filters } = withJournal(AUTHORIZATION, 'before_1f');
    const response = await app.request(
      '/v1/authorizations?merchant=acme-eu&reference=order-7781',
      as('key-eu'),
    );
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      data: [{ id: AUTHORIZATION.id }],
      next_cursor: 'before_1f',
    });
    expect(filters).toEqual([
      { account: 'acme', merchants: ['acme-eu'], merchant: 'acme-eu', reference: 'order-7781', limit: 50 },
    ]);
  });

  const NOW = Date.UTC(2026, 10, 23, 10);
  const ages: [query: string, filter: Partial<AuthorizationFilter>][] = [
    ['older_than=300', { olderThanMs: NOW - 300_000 }],
    ['older_than=0', { olderThanMs: NOW }],
    ['older_than=2026-11-23T09:00:00Z', { olderThanMs: NOW - 3_600_000 }],
    ['older_than=2026-11-23T11:00:00%2B01:00', { olderThanMs: NOW }],
    ['status=pending&limit=200&cursor=before_1f', { status: 'pending', limit: 200, cursor: 'before_1f' }],
  ];
  it.each(ages)('%s', async (query, filter) => {
    const { app, filters } = withJournal();
    expect((await app.request(`/v1/authorizations?${query}`, as('key-all'))).status).toBe(200);
    expect(filters[0]).toMatchObject(filter);
  });

  it.each(AUTHORIZATION_STATUSES)('lists what is %s', async (status) => {
    const { app, filters } = withJournal();
    expect((await app.request(`/v1/authorizations?status=${status}`, as('key-read'))).status).toBe(200);
    expect(filters[0]?.status).toBe(status);
  });

  const refused: [query: string, path: string][] = [
    ['limit=0', 'limit'],
    ['limit=201', 'limit'],
    ['limit=1e2', 'limit'],
    ['status=open', 'status'],
    ['older_than=yesterday', 'older_than'],
    ['older_than=-1', 'older_than'],
    ['cursor=a%20b', 'cursor'],
    ['reference=', 'reference'],
    ['referense=x', 'referense'],
    ['status=pending&status=approved', 'status'],
    ['__proto__=x', '__proto__'],
  ];
  it.each(refused)('refuses %s', async (query, path) => {
    const { app, filters } = withJournal();
    const response = await app.request(`/v1/authorizations?${query}`, as('key-all'));
    expect(response.status).toBe(400);
    const problem = (await response.json()) as { errors: { path: string }[] };
    expect(problem.errors.map((error) => error.path)).toContain(path);
    expect(filters).toHaveLength(0);
  });

  it('refuses a merchant outside the key', async () => {
    const response = await withJournal().app.request('/v1/authorizations?merchant=acme-us', as('key-eu'));
    expect(response.status).toBe(403);
  });

  it('answers 503 when the journal does not, and 500 for a bug', async () => {
    for (const [error, status] of [
      [new JournalError('disk full'), 503],
      [new TypeError('x is undefined'), 500],
    ] as const) {
      const failing = async () => {
        throw error;
      };
      const journal = {
        findAuthorization: failing,
        listAuthorizations: failing,
        historyPage: failing,
        readDecision: failing,
        listDecisions: failing,
      };
      const app = createApp(edgeFixture({ journal }).deps);
      for (const path of [
        '/v1/authorizations',
        `/v1/authorizations/${AUTHORIZATION.id}`,
        '/v1/decisions?merchant=acme-eu&reference=order-1',
        '/v1/decisions/dec_bcdfghjkmnpqrstvwxyzB',
      ]) {
        const response = await app.request(path, as('key-all'));
        expect(response.status).toBe(status);
        expect(await response.text()).not.toMatch(/disk full|undefined/);
      }
    }
  });
});

describe('a journal that hangs', () => {
  const hanging = () => new Promise<never>(() => {});
  const PATHS = [
    '/v1/authorizations',
    `/v1/authorizations/${AUTHORIZATION.id}`,
    `/v1/authorizations/${AUTHORIZATION.id}/events`,
    '/v1/decisions?merchant=acme-eu&reference=order-1',
    '/v1/decisions/dec_bcdfghjkmnpqrstvwxyzB',
    '/v1/events/deliveries',
    '/v1/rulesets',
    '/v1/rulesets/activations',
    '/v1/rulesets/12',
  ];

  async function read(path: string, over: Partial<EdgeDeps>, clock: FakeClock) {
    const answer: { response: Response | null } = { response: null };
    const app = createApp(edgeFixture(over, clock).deps);
    void (async () => {
      answer.response = await app.request(path, as('key-all'));
    })();
    await clock.advance(4_999);
    expect(answer.response).toBeNull();
    await clock.advance(1);
    return answer.response;
  }

  it.each(PATHS)('%s: 503 after five seconds, with Retry-After', async (path) => {
    const { deps } = edgeFixture();
    const journal = {
      findAuthorization: hanging,
      listAuthorizations: hanging,
      historyPage: hanging,
      readDecision: hanging,
      listDecisions: hanging,
    };
    const deliveries = { ...deps.deliveries, listDeliveries: hanging };
    const rulesets = { ...deps.rulesets, list: hanging, activations: hanging, find: hanging };
    const response = await read(path, { journal, deliveries, rulesets }, new FakeClock());
    expect([response?.status, response?.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await response?.json()).toMatchObject({ type: '/problems/journal-unavailable' });
  });

  it('has five seconds for all that one request reads, and leaves no timer behind', async () => {
    const clock = new FakeClock();
    const { deps } = edgeFixture();
    const late = () =>
      new Promise<typeof AUTHORIZATION>((resolve) => {
        clock.after(3_000, () => resolve(AUTHORIZATION));
      });
    const journal = { ...deps.journal, findAuthorization: late, historyPage: hanging };
    const response = await read(`/v1/authorizations/${AUTHORIZATION.id}/events`, { journal }, clock);
    expect(response?.status).toBe(503);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('/v1/providers', () => {
  const put = (key: string, body: unknown): RequestInit => ({
    method: 'PUT',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const force = { mode: 'force_open', reason: 'incident 42', expires_in_s: 60 };

  it('shows the providers of the key, with the merchants of the key', async () => {
    const { app } = withJournal();
    expect(await (await app.request('/v1/providers', as('key-all'))).json()).toEqual({ data: [PROVIDER] });
    expect(await (await app.request('/v1/providers/sandbox-a', as('key-eu'))).json()).toEqual({
      ...PROVIDER,
      merchants: ['acme-eu'],
    });
    expect((await app.request('/v1/providers/nobody', as('key-all'))).status).toBe(404);
  });

  it('hides providers that serve none of the merchants, and overrides of other merchants', async () => {
    const override = {
      mode: 'drain' as const,
      brand: null,
      reason: 'r',
      author: 'a',
      created_at: '',
      expires_at: null,
    };
    const others = { ...PROVIDER, id: 'us-only', merchants: ['acme-us'] };
    const overrides = [
      { ...override, merchant: 'acme-us' },
      { ...override, merchant: null },
    ];
    const fixture = edgeFixture({ providers: () => [others, { ...PROVIDER, merchants: 'all', overrides }] });
    const app = createApp(fixture.deps);
    const { data } = (await (await app.request('/v1/providers', as('key-eu'))).json()) as {
      data: { id: string; overrides: unknown[] }[];
    };
    expect(data.map(({ id }) => id)).toEqual(['sandbox-a']);
    expect(data[0]?.overrides).toEqual([{ ...override, merchant: null }]);
    expect((await app.request('/v1/providers/us-only', as('key-eu'))).status).toBe(404);
    expect(
      (await app.request('/v1/providers/us-only/override', put('key-eu', { ...force, merchant: 'acme-eu' })))
        .status,
    ).toBe(404);
  });

  it('forces a provider, in the name of the account', async () => {
    const { app, fixture, clock } = withJournal();
    const response = await app.request(
      '/v1/providers/sandbox-a/override',
      put('key-all', { ...force, brand: 'visa' }),
    );
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      provider: 'sandbox-a',
      mode: 'force_open',
      brand: 'visa',
      merchant: null,
      reason: 'incident 42',
      author: 'acme',
      created_at: '2026-11-23T10:00:00.000Z',
      expires_at: '2026-11-23T10:01:00.000Z',
    });
    expect(fixture.overrides).toEqual([
      {
        provider: 'sandbox-a',
        mode: 'force_open',
        brand: 'visa',
        merchant: null,
        reason: 'incident 42',
        author: 'acme',
        createdAtMs: clock.wallMs(),
        expiresAtMs: clock.wallMs() + 60_000,
      },
    ]);
  });

  it('keeps an override without an end until it is changed', async () => {
    const { app, fixture } = withJournal();
    await app.request('/v1/providers/sandbox-a/override', put('key-all', { mode: 'auto', reason: 'over' }));
    expect(fixture.overrides[0]).toMatchObject({ mode: 'auto', expiresAtMs: null });
  });

  const refused: [key: string, provider: string, body: unknown, status: number][] = [
    ['key-read', 'sandbox-a', force, 403],
    ['key-eu', 'sandbox-a', force, 403],
    ['key-eu', 'sandbox-a', { ...force, merchant: 'acme-us' }, 403],
    ['key-all', 'nobody', force, 404],
    ['key-all', 'sandbox-a', { ...force, mode: 'open' }, 400],
    ['key-all', 'sandbox-a', { ...force, reason: '' }, 400],
    ['key-all', 'sandbox-a', { ...force, reason: 'a\nb' }, 400],
    ['key-all', 'sandbox-a', { ...force, reason: undefined }, 400],
    ['key-all', 'sandbox-a', { ...force, expires_in_s: 0 }, 400],
    ['key-all', 'sandbox-a', { ...force, expires_in_s: 604_801 }, 400],
    ['key-all', 'sandbox-a', { ...force, brand: 'vissa' }, 400],
    ['key-all', 'sandbox-a', { ...force, merchant: 'stranger' }, 400],
    ['key-all', 'sandbox-a', { ...force, author: 'somebody else' }, 400],
    ['key-all', 'sandbox-a', { ...force, reason: 'card 4111 1111 1111 1111' }, 400],
  ];
  it.each(refused)('%s, %s, %j: %i', async (key, provider, body, status) => {
    const { app, fixture } = withJournal();
    expect((await app.request(`/v1/providers/${provider}/override`, put(key, body))).status).toBe(status);
    expect(fixture.overrides).toHaveLength(0);
  });

  it('lets a key of one merchant force for that merchant', async () => {
    const { app } = withJournal();
    const init = put('key-eu', { ...force, merchant: 'acme-eu' });
    expect((await app.request('/v1/providers/sandbox-a/override', init)).status).toBe(200);
  });

  it('answers 503 when the override cannot be kept', async () => {
    const setOverride = async () => {
      throw new JournalError('read only');
    };
    const app = createApp(edgeFixture({ setOverride }).deps);
    expect((await app.request('/v1/providers/sandbox-a/override', put('key-all', force))).status).toBe(503);
  });
});

describe('operations', () => {
  it('needs no key, and does not redirect', async () => {
    const { app } = withJournal();
    for (const path of ['/metrics', '/healthz', '/readyz', '/openapi.json', '/docs']) {
      expect((await app.request(path)).status).toBe(200);
    }
    expect(await (await app.request('/metrics')).text()).toContain('pointsman_build_info');
  });

  it('is alive but not ready while draining, or when a check fails', async () => {
    const { app, fixture } = withJournal();
    fixture.draining = true;
    expect((await app.request('/readyz')).status).toBe(503);
    expect((await app.request('/healthz')).status).toBe(200);
    fixture.draining = false;
    fixture.ready = false;
    const response = await app.request('/readyz');
    expect([response.status, await response.json()]).toMatchObject([
      503,
      { type: '/problems/not-ready', checks: { journal: 'failing' } },
    ]);
  });

  it('answers 500 as a problem when a check throws', async () => {
    const readiness = async () => {
      throw new Error('secret');
    };
    const fixture = edgeFixture({ readiness });
    const response = await createApp(fixture.deps).request('/readyz');
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('secret');
    expect(fixture.faults).toHaveLength(1);
  });

  it('answers 404 and 405 as problems', async () => {
    const { app } = withJournal();
    for (const path of [
      '//',
      '/v1',
      '/v2/authorizations',
      '/docs/',
      '/docs/../package.json',
      '/v1/authorizations/',
      `/v1/authorizations/${AUTHORIZATION.id}/capture`,
      '/v1/attempts/att_b_1',
      '/v1/operations/cap_b_1',
    ]) {
      expect((await app.request(path)).headers.get('content-type')).toBe('application/problem+json');
      expect((await app.request(path)).status).toBe(404);
    }
    for (const [method, path, allow] of [
      ['DELETE', '/v1/authorizations', 'GET, HEAD, POST'],
      ['POST', `/v1/authorizations/${AUTHORIZATION.id}`, 'GET, HEAD'],
      ['GET', '/v1/providers/sandbox-a/override', 'PUT'],
      ['GET', `/v1/authorizations/${AUTHORIZATION.id}/captures`, 'POST'],
      ['DELETE', `/v1/authorizations/${AUTHORIZATION.id}/voids`, 'POST'],
      ['PUT', `/v1/authorizations/${AUTHORIZATION.id}/refunds`, 'POST'],
      ['GET', '/v1/attempts/att_b_1/resolutions', 'POST'],
      ['GET', '/v1/operations/cap_b_1/resolutions', 'POST'],
      ['OPTIONS', '/healthz', 'GET, HEAD'],
    ] as const) {
      const response = await app.request(path, { method });
      expect([response.status, response.headers.get('allow')]).toEqual([405, allow]);
      expect(await response.json()).toMatchObject({ type: '/problems/method-not-allowed' });
    }
  });
});
