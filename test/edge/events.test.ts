import { describe, expect, it } from 'vitest';
import { createApp } from '../../src/edge/app.ts';
import type { EdgeDeps } from '../../src/edge/edge-deps.ts';
import { renderEvent } from '../../src/edge/event-answer.ts';
import type { DeliveryFilter } from '../../src/gateway/ports.ts';
import { AUTHORIZATION, DELIVERY, edgeFixture } from './edge-fixture.ts';

const REPLAY = `/v1/events/deliveries/${DELIVERY.id}/replay`;
const keyed = (key: string, method = 'GET') => ({ method, headers: { authorization: `Bearer ${key}` } });

/** Deliveries that write down what they are asked for. */
function asking() {
  const asked: unknown[] = [];
  const deliveries: EdgeDeps['deliveries'] = {
    listDeliveries: async (filter: DeliveryFilter) => {
      asked.push(filter);
      return { data: [DELIVERY], nextCursor: 'before_7' };
    },
    replayDelivery: async (...values) => {
      asked.push(values);
      return DELIVERY;
    },
  };
  const fixture = edgeFixture({ deliveries });
  return { asked, fixture, app: createApp(fixture.deps) };
}

describe('GET /v1/events/deliveries', () => {
  it('shows what became of events, with nothing of what they tell', async () => {
    const { app, asked } = asking();
    const path = '/v1/events/deliveries?state=dead&endpoint=orders&cursor=before_9&limit=7';
    const response = await app.request(path, keyed('key-all'));
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.json()).toEqual({
      data: [
        {
          id: DELIVERY.id,
          endpoint: 'orders',
          type: 'authorization.resolved',
          authorization_id: DELIVERY.authorizationId,
          version: 3,
          state: 'dead',
          failures: 10,
          last_result: '503',
          created_at: '2026-11-24T09:00:00.000Z',
          last_sent_at: '2026-11-27T12:35:05.000Z',
          next_at: null,
        },
      ],
      next_cursor: 'before_7',
    });
    expect(asked).toEqual([
      { account: 'acme', merchants: 'all', state: 'dead', endpoint: 'orders', cursor: 'before_9', limit: 7 },
    ]);
  });

  it.each(['state=gone', 'limit=0', 'limit=201', 'endpoint=A', 'state=dead&state=dead', 'what=1'])(
    'refuses %s',
    async (query) => {
      const { app, asked } = asking();
      const response = await app.request(`/v1/events/deliveries?${query}`, keyed('key-all'));
      expect([response.status, asked]).toEqual([400, []]);
    },
  );

  it('and replays need the scope ops', async () => {
    const { app, asked } = asking();
    expect((await app.request('/v1/events/deliveries', keyed('key-read'))).status).toBe(403);
    expect((await app.request(REPLAY, keyed('key-read', 'POST'))).status).toBe(403);
    expect(asked).toEqual([]);
  });
});

describe('POST /v1/events/deliveries/{id}/replay', () => {
  it('is asked for the account and merchants of the key, and told for the audit', async () => {
    const { app, asked, fixture } = asking();
    const response = await app.request(REPLAY, keyed('key-all', 'POST'));
    expect(response.status).toBe(202);
    expect(asked).toEqual([[DELIVERY.id, { account: 'acme', merchants: 'all' }, expect.any(Number)]]);
    expect(fixture.replays).toEqual([
      { delivery: DELIVERY, account: 'acme', traceId: expect.stringMatching(/^[0-9a-f]{32}$/) },
    ]);
  });

  it.each(['evt_x', 'evt_orders_bcd_1', "evt_orders_b'cd_1_1", 'att_bcd_1'])('knows no %s', async (id) => {
    const { app, asked, fixture } = asking();
    const path = `/v1/events/deliveries/${encodeURIComponent(id)}/replay`;
    expect((await app.request(path, keyed('key-all', 'POST'))).status).toBe(404);
    expect([asked, fixture.replays]).toEqual([[], []]);
  });
});

describe('the body of an event', () => {
  it('tells of a dispute what the provider said, without card numbers', () => {
    const dispute = {
      disputeId: 'dp_1 4111111111111111',
      stage: 'opened',
      reason: 'fraud',
      amount: { value: 4999, currency: 'EUR' },
      respondByMs: Date.UTC(2026, 11, 1),
    };
    const [first] = AUTHORIZATION.attempts;
    const data = { dispute, attempt: first?.id, notice: 'evt_psp_1' };
    const text = renderEvent(
      { ...DELIVERY, type: 'dispute.opened' },
      {
        event: { type: 'dispute.opened', operation: null, answered: false },
        authorization: AUTHORIZATION,
        entry: { kind: 'disputed', actor: 'webhook sandbox-a', data },
      },
    );
    expect(text).not.toContain('4111111111111111');
    expect(JSON.parse(text)).toMatchObject({
      id: DELIVERY.id,
      type: 'dispute.opened',
      data: {
        version: 3,
        operation: null,
        dispute: {
          stage: 'opened',
          amount: dispute.amount,
          respond_by: '2026-12-01T00:00:00.000Z',
          attempt: first?.id,
          provider: first?.provider,
          provider_event: 'evt_psp_1',
        },
      },
    });
  });
});

const ENDPOINTS = [
  { id: 'orders', account: 'acme', types: 'all', state: 'told' },
  { id: 'ledger', account: 'acme', types: new Set(['capture.settled'] as const), state: 'paused' },
  { id: 'secret', account: 'other', types: 'all', state: 'paused' },
] as const;

describe('GET /v1/events/endpoints', () => {
  it("shows those of the key's account, and whether they are told", async () => {
    const app = createApp(edgeFixture({ eventEndpoints: () => ENDPOINTS }).deps);
    const response = await app.request('/v1/events/endpoints', keyed('key-all'));
    expect(await response.json()).toEqual({
      data: [
        { id: 'orders', state: 'told', types: 'all' },
        { id: 'ledger', state: 'paused', types: ['capture.settled'] },
      ],
    });
    expect((await app.request('/v1/events/endpoints', keyed('key-read'))).status).toBe(403);
  });
});

describe('a replay to an endpoint that is not told', () => {
  it.each([
    ['paused', 'acme', 409, /answered 410 and is paused until .* or the gateway restarts/],
    ['disabled', 'acme', 409, /is disabled/],
    ['told', 'acme', 202, /./],
    // Another account's endpoint is none of the caller's business.
    ['paused', 'other', 202, /./],
  ] as const)('%s, of %s, is answered with %i', async (state, account, status, detail) => {
    const asked: unknown[] = [];
    const fixture = edgeFixture({
      eventEndpoints: () => [{ id: 'orders', account, types: 'all', state }],
      deliveries: {
        listDeliveries: async () => ({ data: [], nextCursor: null }),
        replayDelivery: async (id) => {
          asked.push(id);
          return DELIVERY;
        },
      },
    });
    const response = await createApp(fixture.deps).request(REPLAY, { ...keyed('key-all'), method: 'POST' });
    expect([response.status, asked.length]).toEqual([status, status === 202 ? 1 : 0]);
    expect(await response.text()).toMatch(detail);
  });
});
