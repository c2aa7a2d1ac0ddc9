import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { historyPageSchema } from '../../src/edge/answer-schemas.ts';
import type { Journal } from '../../src/gateway/ports.ts';
import { openInProcessJournal } from '../../src/stores/sqlite/in-process-journal.ts';
import {
  concluded,
  DECLINE,
  OUTCOMES,
  opened,
  sampleBegin,
  sampleConclusion,
  sampleEnd,
  sampleFailOver,
  sampleFinding,
  T0,
  written,
} from '../contracts/journal-fixtures.ts';
import { edgeFixture, startEdge } from './edge-fixture.ts';

interface EventView {
  readonly sequence: number;
  readonly kind: string;
  readonly status: unknown;
  readonly attempts: readonly { readonly code: string | null }[];
  readonly evidence: Readonly<Record<string, unknown>>;
}

let journal: Journal;
let edge: Awaited<ReturnType<typeof startEdge>>;
beforeEach(async () => {
  journal = openInProcessJournal(':memory:');
  edge = await startEdge(edgeFixture({ journal }));
});
afterEach(async () => {
  await edge.drain(0);
  await journal.close();
});

function get(path: string, key = 'key-read'): Promise<Response> {
  return fetch(`${edge.origin}/v1/authorizations/${path}`, { headers: { authorization: `Bearer ${key}` } });
}

async function eventsOf(id: string, query = ''): Promise<readonly EventView[]> {
  const response = await get(`${id}/events${query}`);
  expect(response.status).toBe(200);
  const page = historyPageSchema.parse(await response.json());
  return page.data;
}

/** Six events: failed over, unknown, found out by a person, captured. */
async function lived(id: string): Promise<void> {
  const second = await written(journal, sampleFailOver(await opened(journal, id)));
  const unknown = await written(journal, sampleConclusion(second, OUTCOMES.unknown));
  const data = {
    attempt: `att_${id.slice('auth_'.length)}_2`,
    resolution: 'approved',
    evidence: 'ticket 4711: in the report of 2026-11-24',
    outcome: OUTCOMES.approved,
  };
  const event = { kind: 'resolved_by_person', actor: 'acme', data };
  const approved = await written(journal, sampleFinding(unknown, 2, OUTCOMES.approved, { event }));
  const begun = await written(journal, sampleBegin(approved));
  await written(journal, sampleEnd(begun, 1));
}

describe('GET /v1/authorizations/{id}/events', () => {
  it('tells who did what, when, by what evidence, and what it made of the authorization', async () => {
    await lived('auth_one');
    const events = await eventsOf('auth_one');
    const hash = expect.stringMatching(/^[0-9a-f]{64}$/);
    const first = { id: 'att_one_1', number: 1, provider: 'sandbox-a', propensity: 0.94 };
    const second = { id: 'att_one_2', number: 2, provider: 'sandbox-b', propensity: 0.94 };
    expect(events[0]).toEqual({
      sequence: 1,
      at: new Date(T0).toISOString(),
      kind: 'opened',
      actor: 'gateway',
      status: { from: null, to: 'pending' },
      attempt: 'att_one_1',
      operation: null,
      attempts: [{ ...first, outcome: null, code: null, provider_reference: null, duration_ms: null }],
      operations: [],
      evidence: { ruleset: 12, rule: 'eu-debit', trace_id: '0af7651916cd43dd8448eb211c80319c' },
      hash,
    });
    expect(events[1]).toMatchObject({
      kind: 'failed_over',
      status: null,
      attempt: null,
      attempts: [
        { ...first, outcome: 'not_sent', code: 'ECONNREFUSED' },
        { ...second, outcome: null },
      ],
    });
    expect(events[3]).toMatchObject({
      kind: 'resolved_by_person',
      actor: 'acme',
      status: { from: 'pending', to: 'approved' },
      attempt: 'att_one_2',
      attempts: [{ ...second, outcome: 'approved', provider_reference: 'psp_a' }],
      evidence: {
        resolution: 'approved',
        statement: 'ticket 4711: in the report of 2026-11-24',
        told: { result: 'approved', code: null, provider_reference: 'psp_a' },
      },
    });
    expect(events[5]).toMatchObject({
      kind: 'operation_ended',
      status: { from: 'approved', to: 'captured' },
      attempt: null,
      operation: 'op_auth_one_1',
      operations: [{ type: 'capture', status: 'succeeded', provider_reference: 'psp_o' }],
    });
    expect(events).toHaveLength(6);
  });

  it('goes on from page to page with after, and is bounded when nothing is said', async () => {
    await lived('auth_one');
    const whole = await eventsOf('auth_one');
    const first = (await (await get('auth_one/events?limit=4')).json()) as { next_after: number };
    expect(first).toMatchObject({ data: whole.slice(0, 4), next_after: 4 });
    expect(await (await get(`auth_one/events?after=${first.next_after}&limit=4`)).json()).toEqual({
      data: whole.slice(4),
      next_after: null,
    });
    expect(await eventsOf('auth_one', '?after=6')).toEqual([]);
    let many = await concluded(journal, 'auth_many');
    for (let index = 0; index < 49; index += 1) {
      many = await written(journal, sampleBegin(many, { amount: 1 }));
    }
    expect(many.version).toBe(51);
    expect(await (await get('auth_many/events')).json()).toMatchObject({ next_after: 50 });
    expect(await eventsOf('auth_many', '?limit=200')).toHaveLength(51);
  });

  it.each([
    ['limit=0', 'limit', '1 to 200'],
    ['limit=201', 'limit', '1 to 200'],
    ['after=-1', 'after', '0 to 999999999'],
    ['after=1e3', 'after', '0 to 999999999'],
    ['after=', 'after', '0 to 999999999'],
    ['after=1&after=2', 'after', 'one value'],
    ['cursor=x', 'cursor', 'after | limit'],
  ])('refuses %s, and says what was expected', async (query, path, expected) => {
    await lived('auth_one');
    const response = await get(`auth_one/events?${query}`);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      type: '/problems/invalid-request',
      errors: [{ path, expected: expect.stringContaining(expected) }],
    });
  });

  it('answers 404, the same for a foreign, unknown, malformed and purged one', async () => {
    await lived('auth_one');
    await opened(journal, 'auth_us', { request: { merchant: 'acme-us' } });
    await concluded(journal, 'auth_gone', OUTCOMES.declined);
    await opened(journal, 'auth_newest', { atMs: T0 + 99_000 });
    expect(await eventsOf('auth_gone')).toHaveLength(2);
    expect(await journal.purge(T0 + 90_000, 100)).toBe(1);
    const same = await (await get('auth_one', 'key-other')).json();
    for (const [id, key] of [
      ['auth_one', 'key-other'],
      ['auth_us', 'key-eu'],
      ['auth_nobody', 'key-read'],
      ['auth_1', 'key-read'],
      ['auth_gone', 'key-read'],
    ] as const) {
      const response = await get(`${id}/events`, key);
      expect([id, response.status]).toEqual([id, 404]);
      const { trace_id: _, instance: __, ...problem } = (await response.json()) as Record<string, unknown>;
      expect(same).toMatchObject(problem);
    }
  });

  it('tells nothing that is a card, a token, a key, or the reason of a masked decline', async () => {
    const stolen = {
      ...OUTCOMES.declined,
      decline: {
        ...DECLINE,
        category: 'fraud_issuer',
        code: 'stolen_card',
        networkCode: '43',
        mayHideApproval: true,
      },
    } as const;
    const open = await opened(journal, 'auth_one', {
      request: { metadata: { order: 'meta-secret' }, shopper: { country: 'DE', id: 'cust-secret' } },
    });
    const event = {
      data: {
        attempt: 'att_one_1',
        by: 'inquiry',
        outcome: stolen,
        type: 'note 4111 1111 1111 1111',
        code: 'stolen_card',
        providerKey: 'key-secret',
      },
    };
    await written(journal, sampleConclusion(open, stolen, { event }));
    const events = await eventsOf('auth_one');
    expect(events[1]).toMatchObject({
      attempts: [{ outcome: 'declined', code: 'declined' }],
      evidence: {
        by: 'inquiry',
        told: { result: 'declined', code: 'declined', provider_reference: 'psp_d' },
      },
    });
    expect(events[1]?.evidence['notice_type']).toBe('note [card number removed]');
    const text = JSON.stringify(events);
    expect(text).not.toMatch(/stolen|fraud|secret|tok_|45717360|4111|"43"|providerKey|answer/);
  });

  it('answers 503 while the journal cannot be read', async () => {
    await opened(journal, 'auth_one');
    await journal.close();
    expect((await get('auth_one/events')).status).toBe(503);
  });
});
