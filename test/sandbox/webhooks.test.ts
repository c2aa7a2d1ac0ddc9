import { createHmac } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createSandboxClock } from '../../src/sandbox/sandbox-clock.ts';
import { signWebhook, WebhookSender } from '../../src/sandbox/webhooks.ts';
import { startSandbox, type TestSandbox } from '../support/start-sandbox.ts';
import { authorize, bodyOf, eventually, glance, inquire, send } from './sandbox-client.ts';

const SECRET = 'whsec-test';

interface Received {
  readonly path: string;
  readonly signature: string;
  readonly body: string;
  readonly atMs: number;
}

let sandbox: TestSandbox;
let server: Server;
let received: Received[];
/** Statuses to answer with, in turn; 204 when used up. */
let statuses: number[];

beforeEach(async () => {
  received = [];
  statuses = [];
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      const signature = String(request.headers['sandbox-signature']);
      received.push({ path: request.url ?? '', signature, body, atMs: performance.now() });
      response.writeHead(statuses.shift() ?? 204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  sandbox = await startSandbox();
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/v1/webhooks/{provider}`;
  await sandbox.control('PUT', '/webhooks', { url, secret: SECRET });
});

afterEach(async () => {
  await sandbox.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const events = () => received.map((one) => JSON.parse(one.body) as Record<string, unknown>);
const add = (kind: 'webhook_first' | 'webhook_late' | 'webhook_twice' | 'duplicate', delayMs = 0) =>
  sandbox.addFault({ provider: 'sandbox-a', kind, delay_ms: delayMs });

describe('webhooks', () => {
  it('tell of every step, signed, to the path of the provider', async () => {
    const authorized = bodyOf(await authorize(sandbox, 'att'));
    const operate = (action: string, body: unknown) =>
      send(sandbox.url('sandbox-a'), {
        path: `/v1/authorizations/${authorized['id']}/${action}`,
        key: action,
        body,
      });
    const captured = bodyOf(await operate('captures', {}));
    await operate('refunds', { amount: { value: 1, currency: 'EUR' } });
    await authorize(sandbox, 'no', { token: 'tok_decline_05' });
    await authorize(sandbox, 'void');
    const cancel = { path: '/v1/voids', key: 'v', body: { reference: 'void' } };
    await send(sandbox.url('sandbox-a'), cancel);
    await eventually(() => received.length).toBe(6);
    const types = events().map((event) => event['type']);
    expect(types.toSorted()).toEqual([
      'authorization.authorized',
      'authorization.authorized',
      'authorization.declined',
      'capture.confirmed',
      'refund.confirmed',
      'void.confirmed',
    ]);
    expect(new Set(events().map((event) => event['id'])).size).toBe(6);
    const first = events().find((event) => event['type'] === 'authorization.authorized');
    expect(first).toEqual({
      id: expect.any(String),
      type: 'authorization.authorized',
      created: expect.any(Number),
      provider: 'sandbox-a',
      data: { ...authorized, merchant: 'acme-eu' },
    });
    const capture = events().find((event) => event['type'] === 'capture.confirmed');
    expect(capture?.['data']).toEqual({ ...captured, authorization_reference: 'att' });
    for (const { path, signature, body } of received) {
      expect(path).toBe('/v1/webhooks/sandbox-a');
      const seconds = /^t=(\d+),v1=[0-9a-f]{64}$/.exec(signature)?.[1] ?? '';
      const expected = createHmac('sha256', SECRET).update(`${seconds}.${body}`).digest('hex');
      expect(signature).toBe(`t=${seconds},v1=${expected}`);
    }
  });

  it('have a signature that anybody can compute', () => {
    // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac whsec-test
    expect(signWebhook(SECRET, 1_700_000_000, '{"a":1}')).toBe(
      't=1700000000,v1=fed7a1a6c799a6367d73724d76bc70c16678908a32a879cd1ded6565ac05cece',
    );
  });

  it('say nothing about a replay and about what was refused', async () => {
    await authorize(sandbox, 'att');
    await authorize(sandbox, 'att');
    await authorize(sandbox, 'bad', { token: 'tok_invalid' });
    await authorize(sandbox, 'last');
    await eventually(() => received.length).toBe(2);
  });

  it('come although the answer was lost', async () => {
    await sandbox.addFault({ provider: 'sandbox-a', kind: 'reset_after' });
    expect(glance(await authorize(sandbox, 'att'))).toBe('ECONNRESET');
    await eventually(() => events().map((event) => event['type'])).toEqual(['authorization.authorized']);
  });

  it('come first when asked', async () => {
    await add('webhook_first');
    await authorize(sandbox, 'att');
    expect(received).toHaveLength(1);
  });

  it('come late when asked', async () => {
    await add('webhook_late', 120);
    await authorize(sandbox, 'att');
    const answeredMs = performance.now();
    await eventually(() => received.length).toBe(1);
    expect((received[0]?.atMs ?? 0) - answeredMs).toBeGreaterThanOrEqual(100);
  });

  it.each(['webhook_twice', 'duplicate'] as const)('come twice as the same event: %s', async (kind) => {
    await add(kind);
    await authorize(sandbox, 'att');
    await eventually(() => received.length).toBe(2);
    expect(received[0]?.body).toBe(received[1]?.body);
    expect(sandbox.liveAuthorizations()).toHaveLength(1);
  });

  it('are sent five times at most, each time after a longer pause', async () => {
    const pauses: number[] = [];
    const clock = {
      ...createSandboxClock(),
      after: (delayMs: number, action: () => void) => {
        pauses.push(delayMs);
        action();
        return () => {};
      },
    };
    const sender = new WebhookSender(clock, () => 'evt_a');
    onTestFinished(() => sender.close());
    const { port } = server.address() as AddressInfo;
    sender.subscribe({ url: `http://127.0.0.1:${port}/`, secret: SECRET });
    statuses = [500, 500, 500, 500, 500, 500];
    const event = sender.compose({ provider: 'sandbox-a', type: 'void.confirmed', data: {} });
    if (event === null) throw new Error('nobody listens');
    await sender.send(event);
    await eventually(() => sender.status()).toMatchObject({ delivered: 0, failed: 1, waiting: 0 });
    expect(received).toHaveLength(5);
    expect(pauses).toEqual([200, 400, 800, 1600]);
  });

  it('are sent again after a failure', async () => {
    statuses = [500, 302];
    await authorize(sandbox, 'att');
    await eventually(() => received.length).toBe(3);
    expect(new Set(events().map((event) => event['id'])).size).toBe(1);
    await eventually(() => sandbox.control('GET', '/webhooks')).toMatchObject({
      delivered: 1,
      failed: 0,
      waiting: 0,
    });
  });

  it('tell that a pending authorization was settled', async () => {
    await authorize(sandbox, 'att', { token: 'tok_pending' });
    await sandbox.control('POST', '/settlements', { reference: 'att', status: 'authorized' });
    await eventually(() => received.length).toBe(2);
    expect(events().map((event) => event['type'])).toEqual([
      'authorization.pending',
      'authorization.authorized',
    ]);
  });

  it('tell how a received operation went, as the fault of its request wants it', async () => {
    const id = bodyOf(await authorize(sandbox, 'att'))['id'];
    const path = `/v1/authorizations/${id}/captures`;
    const traits = { provider: '*', operations: 'received', operation_delay_ms: 30 } as const;
    await sandbox.setTraits({ ...traits, operation_result: 'failed' });
    const capture = (key: string) =>
      send(sandbox.url('sandbox-a'), { path, key, body: { reference: `ref-${key}` } });
    const failed = bodyOf(await capture('one'));
    await eventually(() => received.length).toBe(2);
    expect(events()[1]).toMatchObject({
      type: 'capture.failed',
      data: { ...failed, status: 'failed', authorization_reference: 'att' },
    });
    await sandbox.setTraits(traits);
    await sandbox.addFault({ provider: 'sandbox-a', kind: 'webhook_twice', operation: 'capture' });
    await capture('two');
    await eventually(() => received.length).toBe(4);
    expect(events()[2]).toMatchObject({ type: 'capture.confirmed', data: { reference: 'ref-two' } });
    expect(events()[3]).toEqual(events()[2]);
    await authorize(sandbox, 'gone');
    await sandbox.addFault({
      provider: 'sandbox-a',
      kind: 'webhook_late',
      delay_ms: 600,
      operation: 'void',
    });
    await send(sandbox.url('sandbox-a'), { path: '/v1/voids', key: 'v', body: { reference: 'gone' } });
    await eventually(async () => glance(await inquire(sandbox, 'gone'))).toBe('200 voided');
    expect(events().map((event) => event['type'])).not.toContain('void.confirmed');
    await eventually(() => events().at(-1)?.['type']).toBe('void.confirmed');
  });

  it('show the operations of an authorization that is settled', async () => {
    const id = bodyOf(await authorize(sandbox, 'att', { token: 'tok_pending' }))['id'];
    await sandbox.setTraits({ provider: '*', operations: 'received', operation_delay_ms: 600_000 });
    const path = `/v1/authorizations/${id}/voids`;
    await send(sandbox.url('sandbox-a'), { path, key: 'v', body: { reference: 'void-1' } });
    await sandbox.control('POST', '/settlements', { reference: 'att', status: 'authorized' });
    await eventually(() => received.length).toBe(2);
    expect(events()[1]).toMatchObject({
      data: { merchant: 'acme-eu', operations: [{ reference: 'void-1', status: 'pending' }] },
    });
  });

  it('are sent again on demand, byte for byte, with a signature of any age', async () => {
    await authorize(sandbox, 'att');
    await eventually(() => received.length).toBe(1);
    const list = (await sandbox.control('GET', '/webhooks/events')) as { readonly events: unknown[] };
    expect(list.events).toEqual(events());
    const id = events()[0]?.['id'];
    const again = await sandbox.control('POST', '/webhooks/resend', { id });
    expect(again).toEqual({ id, signed_at: expect.any(Number), status: 204 });
    statuses = [400];
    const old = await sandbox.control('POST', '/webhooks/resend', { id, age_s: 400 });
    expect(old).toMatchObject({ id, status: 400 });
    // Refused, and not tried again.
    expect(received).toHaveLength(3);
    expect(new Set(received.map((one) => one.body)).size).toBe(1);
    const [signed, aged] = [again, old].map((one) => (one as { readonly signed_at: number }).signed_at);
    expect(signed).toBeGreaterThanOrEqual((aged ?? 0) + 400);
    expect(received[2]?.signature).toBe(signWebhook(SECRET, aged ?? 0, received[0]?.body ?? ''));
    expect(await sandbox.control('GET', '/webhooks')).toMatchObject({ delivered: 1, failed: 0, waiting: 0 });
  });

  it('are not sent again to nobody, and are forgotten by a reset', async () => {
    await authorize(sandbox, 'att');
    await eventually(() => received.length).toBe(1);
    const id = events()[0]?.['id'];
    server.close();
    server.closeAllConnections();
    expect(await sandbox.control('POST', '/webhooks/resend', { id })).toMatchObject({ status: null });
    await sandbox.control('DELETE', '/webhooks');
    await expect(sandbox.control('POST', '/webhooks/resend', { id })).rejects.toThrow('PUT /webhooks');
    await sandbox.control('POST', '/reset');
    await expect(sandbox.control('POST', '/webhooks/resend', { id })).rejects.toThrow('404');
  });

  it('are kept up to 10,000, the newest', () => {
    let issued = 0;
    const nextId = () => {
      issued += 1;
      return `evt_${issued}`;
    };
    const sender = new WebhookSender(createSandboxClock(), nextId);
    onTestFinished(() => sender.close());
    sender.subscribe({ url: 'http://127.0.0.1:9/', secret: SECRET });
    for (let number = 0; number < 10_005; number += 1) {
      sender.compose({ provider: 'sandbox-a', type: 'void.confirmed', data: {} });
    }
    const past = sender.pastEvents(20_000);
    expect([past.length, past[0]?.id, past.at(-1)?.id]).toEqual([10_000, 'evt_6', 'evt_10005']);
    expect(sender.pastEvents(2).map((event) => event.id)).toEqual(['evt_10004', 'evt_10005']);
    expect(sender.pastEvents(0)).toEqual([]);
  });

  it('go nowhere once they are switched off, and never tell the secret', async () => {
    expect(JSON.stringify(await sandbox.control('GET', '/webhooks'))).not.toContain(SECRET);
    await sandbox.control('DELETE', '/webhooks');
    await add('webhook_first');
    await authorize(sandbox, 'att');
    expect(received).toEqual([]);
  });

  const elsewhere = [
    'http://198.51.100.7/hook',
    'http://example.test/hook',
    'https://127.0.0.1/hook',
    'http://127.0.0.1.example.test/',
    'http://user@example.test/127.0.0.1',
    'ftp://127.0.0.1/',
    'hook',
  ];
  it.each(elsewhere)('never leave this machine: %s', async (url) => {
    await expect(sandbox.control('PUT', '/webhooks', { url, secret: SECRET })).rejects.toThrow('400');
  });
});
