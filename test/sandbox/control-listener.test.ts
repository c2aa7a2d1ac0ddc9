import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { LedgerReport } from '../../src/sandbox/ledger-view.ts';
import { startSandbox, type TestSandbox } from '../support/start-sandbox.ts';
import { authorize, bodyOf, eventually, glance, send } from './sandbox-client.ts';

let sandbox: TestSandbox;
beforeAll(async () => {
  sandbox = await startSandbox();
});
beforeEach(() => sandbox.control('POST', '/reset'));
afterAll(() => sandbox.close());

const control = (method: string, path: string, raw = '') => send(sandbox.controlUrl, { method, path, raw });

describe('the control port', () => {
  it('teaches', async () => {
    const seen = await control('GET', '/');
    if (seen.kind !== 'answered') throw new Error('no answer');
    expect(seen.headers['content-type']).toContain('text/plain');
    for (const words of [
      'tok_decline_51',
      'reset_after',
      'PUT  /world',
      'Sandbox-Signature',
      'TRAITS',
      '409',
    ]) {
      expect(seen.text).toContain(words);
    }
    expect(seen.text).toContain(sandbox.url('sandbox-b'));
    expect(seen.text).toContain(`${sandbox.controlUrl}/faults`);
    // Nothing left to be filled in but what the reader fills in.
    expect(new Set(seen.text.match(/\{[a-z]+\}/g))).toEqual(new Set(['{id}', '{provider}']));
  });

  it('shows examples that work', async () => {
    const seen = await control('GET', '/');
    if (seen.kind !== 'answered') throw new Error('no answer');
    const examples = [...seen.text.matchAll(/curl -X (\w+) (\S+)[^']*?(?:-H '[^']*'[^']*?)*-d '([^']*)'/g)];
    expect(examples).toHaveLength(7);
    for (const [, method = '', url = '', raw = ''] of examples) {
      const { origin, pathname } = new URL(url);
      const answer = await send(origin, { method, path: pathname, raw, key: pathname });
      // The id of an event is for the reader to fill in.
      const others: Record<string, number> = { '/faults': 201, '/webhooks/resend': 404 };
      const expected = [url, others[pathname] ?? 200];
      expect([url, answer.kind === 'answered' && answer.status]).toEqual(expected);
    }
    await sandbox.control('DELETE', '/webhooks');
  });

  it('filters the ledger', async () => {
    await authorize(sandbox, 'pay-1', { merchant_reference: 'order-1' });
    await authorize(sandbox, 'pay-2', { merchant: 'other' });
    await authorize(sandbox, 'no-1', { token: 'tok_decline_05', merchant_reference: 'order-1' });
    const references = async (query: string) => {
      const report = (await sandbox.control('GET', `/ledger${query}`)) as LedgerReport;
      return report.authorizations.map((row) => row.reference);
    };
    expect(await references('')).toEqual(['pay-1', 'pay-2', 'no-1']);
    expect(await references('?provider=sandbox-b')).toEqual([]);
    expect(await references('?reference=pay-2')).toEqual(['pay-2']);
    expect(await references('?reference_prefix=pay-')).toEqual(['pay-1', 'pay-2']);
    expect(await references('?merchant=other')).toEqual(['pay-2']);
    expect(await references('?merchant_reference=order-1')).toEqual(['pay-1', 'no-1']);
    expect(await references('?merchant_reference=order-1&live=true')).toEqual(['pay-1']);
    expect(await references('?live=false')).toEqual(['no-1']);
    expect(await sandbox.control('GET', '/ledger?limit=1')).toMatchObject({
      truncated: true,
      requests: 3,
      totals: {
        'sandbox-a': { requests: 3, authorized: 2, declined: 1, live: 2 },
        'sandbox-b': { requests: 0 },
      },
    });
    expect(glance(await control('GET', '/ledger?referense=pay-1'))).toBe('400 invalid_request');
    expect(await sandbox.control('GET', '/ledger')).toEqual(sandbox.ledger());
  });

  it('forgets everything on a reset: rows, keys, faults, world', async () => {
    await authorize(sandbox, 'att');
    await sandbox.addFault({ provider: '*', kind: 'error', times: null });
    await sandbox.setWorld({ approval: 0 });
    await sandbox.addFault({ provider: 'sandbox-a', kind: 'slow', match: { reference_prefix: 'slow' } });
    await sandbox.control('POST', '/reset');
    expect(sandbox.ledger()).toMatchObject({ authorizations: [], requests: 0 });
    // The same key may now have another body.
    const seen = await authorize(sandbox, 'att', { merchant: 'other' });
    expect(glance(seen)).toBe('200 authorized');
  });

  it('does not count what a reset left behind', async () => {
    await sandbox.addFault({ provider: 'sandbox-a', kind: 'slow', delay_ms: 500 });
    const slow = authorize(sandbox, 'att');
    await eventually(() => sandbox.ledger().authorizations.length).toBe(1);
    await sandbox.control('POST', '/reset');
    expect(glance(await slow)).toBe('200 authorized');
    expect(sandbox.ledger().totals['sandbox-a']).toMatchObject({ live: 0, pending: 0, authorized: 0 });
  });

  const wrong: readonly [method: string, path: string, raw: string, expected: string, words: string][] = [
    ['GET', '/nowhere', '', '404 not_found', 'GET / explains'],
    ['PATCH', '/faults', '', '404 not_found', 'GET / explains'],
    ['DELETE', '/faults/fault_none', '', '404 not_found', 'fault_none'],
    ['POST', '/faults', 'nonsense', '400 invalid_request', 'not JSON'],
    ['POST', '/faults', '{"provider":"sandbox-a"}', '400 invalid_request', 'kind'],
    ['POST', '/faults', '{"provider":"sandbox-a","kind":"explode"}', '400 invalid_request', 'reset_after'],
    [
      'POST',
      '/faults',
      '{"provider":"sandbox-z","kind":"hang"}',
      '400 invalid_request',
      'sandbox-a, sandbox-b',
    ],
    ['POST', '/faults', '{"provider":"*","kind":"hang","delay":1}', '400 invalid_request', 'delay'],
    ['POST', '/faults', '{"provider":"*","kind":"refuse","times":1}', '400 invalid_request', 'duration_ms'],
    [
      'POST',
      '/faults',
      '{"provider":"*","kind":"webhook_twice","operation":"inquire"}',
      '400 invalid_request',
      'no event',
    ],
    [
      'POST',
      '/faults',
      '{"provider":"*","kind":"refused"}',
      '400 invalid_request',
      'void, capture and refund',
    ],
    [
      'PUT',
      '/world',
      '{"outages":[{"provider":"*","from_ms":0,"for_ms":1,"kind":"refused","operations":["inquire"]}]}',
      '400 invalid_request',
      'void, capture and refund',
    ],
    ['POST', '/webhooks/resend', '{"id":"evt_none"}', '404 not_found', 'GET /webhooks/events'],
    ['POST', '/webhooks/resend', '{"id":"x","age_s":-1}', '400 invalid_request', 'age_s'],
    ['GET', '/webhooks/nothing', '', '404 not_found', 'GET / explains'],
    ['GET', '/webhooks/events?limit=10001', '', '400 invalid_request', 'limit'],
    ['PUT', '/world', '{"providers":{"sandbox-z":{}}}', '400 invalid_request', 'sandbox-z'],
    ['PUT', '/world', `{"seed":"${'x'.repeat(300_000)}"}`, '413 too_large', '262144'],
    ['POST', '/settlements', '{"status":"authorized"}', '400 invalid_request', 'by id or by reference'],
    ['POST', '/settlements', '{"id":"sbx_no","status":"authorized"}', '404 not_found', 'no authorization'],
  ];
  it.each(wrong)('%s %s %s: %s', async (method, path, raw, expected, words) => {
    const seen = await control(method, path, raw);
    expect(glance(seen)).toBe(expected);
    expect(JSON.stringify(bodyOf(seen))).toContain(words);
  });

  it('lists faults with what is left of them', async () => {
    const id = await sandbox.addFault({ provider: 'sandbox-a', kind: 'unauthorized', times: 3 });
    await authorize(sandbox, 'att');
    expect(await sandbox.control('GET', '/faults')).toEqual({
      faults: [expect.objectContaining({ id, kind: 'unauthorized', left: 2, applied: 1 })],
    });
    await sandbox.removeFault(id);
    expect(glance(await authorize(sandbox, 'att'))).toBe('200 authorized');
  });
});
