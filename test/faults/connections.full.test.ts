import { once } from 'node:events';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { selfSignedCertificate } from '../providers/self-signed-certificate.ts';
import { eventually } from '../support/eventually.ts';
import { authorizationIn } from '../support/start-gateway.ts';
import type { Cut } from './cutting-proxy.ts';
import { type FaultStage, type Story, startStage, TIMEOUT_MS, told } from './fault-stage.ts';

/**
 * Connections that are never had (T5), that break although they were good before (T6), and providers that are at work
 * for longer than we wait (T12): what the caller is told, and what stands once it is found out.
 */

/** Providers that no connection can be had to. */
const UNREACHABLE = [
  { name: 't5-refused', title: 'the port is closed', code: /^ECONNREFUSED$/ },
  { name: 't5-no-name', title: 'the name is not known', code: /^(ENOTFOUND|EAI_AGAIN)$/ },
  { name: 't5-untrusted', title: 'its certificate is not trusted', code: /^DEPTH_ZERO_SELF_SIGNED_CERT$/ },
  { name: 't5-plain', title: 'it speaks no TLS', code: /^(EPROTO|ECONNRESET|ERR_SSL_\w+)$/ },
  { name: 't5-silent', title: 'it never ends the TLS handshake', code: /^connect_timeout$/ },
] as const;

/** Calls after which a breaker may open; over all stories no more than the retry budget always has. */
const VOLUME = 2;
const CONNECT_TIMEOUT_MS = 300;

const REPEATED = { semantics: {}, told: [201, 'approved', 'first approved'], status: 'approved' } as const;
/** Without keys nothing can be repeated: it is asked about, and "not found" takes its time to be evidence. */
const ASKED = { semantics: { replay: 'none' } } as const;

/** T6: a connection that carried requests before breaks with the next one. `asked` 0: it never arrived. */
const CUTS: readonly {
  readonly name: string;
  readonly title: string;
  readonly cut: Cut;
  readonly semantics: Readonly<Record<string, unknown>>;
  readonly told: readonly unknown[];
  readonly status: 'approved' | 'failed';
  readonly asked: number;
}[] = [
  {
    name: 't6-before',
    title: 'before the provider reads it',
    cut: { kind: 'before_provider' },
    ...REPEATED,
    asked: 1,
  },
  {
    name: 't6-within',
    title: 'when half of it is read',
    cut: { kind: 'mid_request' },
    ...REPEATED,
    asked: 1,
  },
  {
    name: 't6-after',
    title: 'after the provider has read it',
    cut: { kind: 'after_provider' },
    ...REPEATED,
    asked: 2,
  },
  { name: 't6-answer', title: 'within the answer', cut: { kind: 'mid_answer' }, ...REPEATED, asked: 2 },
  {
    name: 't6-before-no-keys',
    title: 'before the provider reads it, and there are no keys',
    cut: { kind: 'before_provider' },
    ...ASKED,
    told: [202, 'pending', 'first unknown'],
    status: 'failed',
    asked: 0,
  },
  {
    name: 't6-after-no-keys',
    title: 'after the provider has read it, and there are no keys',
    cut: { kind: 'after_provider' },
    ...ASKED,
    told: [201, 'approved', 'first approved'],
    status: 'approved',
    asked: 1,
  },
];

/** T12: how long the provider works on it, milliseconds. */
const WORKS_MS = 2 * TIMEOUT_MS;

const STORIES: readonly Story[] = [
  ...CUTS.map(({ name, semantics }) => ({ name, semantics, proxied: true })),
  { name: 't6-idle-end', proxied: true },
  { name: 't12-asked' },
  { name: 't12-repeated', semantics: { inquiry: 'none' } },
  { name: 't12-cut', proxied: true },
];

let stage: FaultStage;
/** What took connections and never should have had a request. */
const servers: (https.Server | net.Server)[] = [];
let requestsOverTls = 0;

async function listen(server: https.Server | net.Server): Promise<number> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function unreachable(): Promise<readonly Story[]> {
  const closed = net.createServer();
  const closedPort = await listen(closed);
  closed.close();
  const untrusted = https.createServer(selfSignedCertificate(), (_, response) => {
    requestsOverTls += 1;
    response.end();
  });
  const plain = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  });
  const silent = net.createServer((socket) => socket.on('error', () => {}));
  const urls: Readonly<Record<(typeof UNREACHABLE)[number]['name'], string>> = {
    't5-refused': `http://127.0.0.1:${closedPort}`,
    't5-no-name': 'https://provider.invalid',
    't5-untrusted': `https://127.0.0.1:${await listen(untrusted)}`,
    't5-plain': `https://127.0.0.1:${await listen(plain)}`,
    't5-silent': `https://127.0.0.1:${await listen(silent)}`,
  };
  return UNREACHABLE.map(({ name }) => ({
    name,
    baseUrl: urls[name],
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    timeoutMs: 4_000,
    breaker: { volume: VOLUME, failure_ratio: 0.5, window_ms: 60_000, reset_ms: 60_000 },
  }));
}

beforeAll(async () => {
  stage = await startStage([...(await unreachable()), ...STORIES]);
}, 60_000);

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
  for (const server of servers) {
    server.close();
    if (server instanceof https.Server) server.closeAllConnections();
  }
});

describe.concurrent('T5: no connection can be had', () => {
  test.each(UNREACHABLE)(
    'T5: $title: not sent, tried elsewhere once, and the breaker opens',
    async (each) => {
      const { name, code } = each;
      for (let count = 1; count <= VOLUME; count += 1) {
        const paid = await stage.pay(name);
        expect(told(paid)).toEqual([201, 'approved', 'first not_sent', 'second approved']);
        expect(authorizationIn(paid.answer).attempts[0]?.code).toMatch(code);
        expect(await stage.end(paid)).toMatchObject({ status: 'approved', books: ['second live x1'] });
      }
      const after = await stage.pay(name);
      expect(told(after)).toEqual([201, 'approved', 'second approved']);
      expect(authorizationIn(after.answer).routing.candidates).toContainEqual(
        expect.objectContaining({ provider: `${name}-a`, breaker: 'open', reason: 'breaker_open' }),
      );
      expect(stage.requests(name)).toEqual({ first: 0, second: VOLUME + 1 });
    },
  );

  test('T5: what no trust was had in was told nothing', () => {
    expect(requestsOverTls).toBe(0);
  });
});

describe.concurrent('T6: a connection breaks that was good before', () => {
  test.each(CUTS)('T6: $title', async ({ name, cut, told: expected, status, asked }) => {
    const proxy = stage.proxy(name);
    for (const _ of [1, 2]) expect(told(await stage.pay(name))[0]).toBe(201);
    expect(proxy.connections, 'the connection is used again').toBe(1);
    proxy.cut(cut);
    const paid = await stage.pay(name);
    expect(proxy.cuts).toEqual([{ kind: cut.kind, carriedBefore: 2 }]);
    expect(told(paid)).toEqual(expected);
    const end = await stage.end(paid);
    expect([end.status, end.books]).toEqual([status, asked === 0 ? [] : [`first live x${asked}`]]);
    expect(stage.requests(name).second, 'no other provider is asked').toBe(0);
    if (asked === 0) {
      // Not found in time is evidence: the payment may be tried again, under a new key.
      const again = await stage.pay(name, { reference: paid.reference, key: `again-${name}` });
      expect([told(again), stage.books(paid.reference).length]).toEqual([
        [201, 'approved', 'first approved'],
        1,
      ]);
    }
  });

  test('T6: a connection that the provider ends while it is idle is not used again', async () => {
    const proxy = stage.proxy('t6-idle-end');
    for (let count = 1; count <= 5; count += 1) {
      const paid = await stage.pay('t6-idle-end');
      expect(told(paid)).toEqual([201, 'approved', 'first approved']);
      expect(stage.books(paid.reference)).toMatchObject([{ live: true, asked: 1 }]);
      proxy.endConnections();
      await eventually('it is ended', () => (proxy.open === 0 ? true : null));
    }
    expect(proxy.connections).toBe(5);
  });
});

describe.concurrent('T12: the provider is at work for longer than we wait', () => {
  test('T12: it says so when it is asked: pending, until it is done', async () => {
    await stage.strike('t12-asked', { kind: 'slow', delay_ms: WORKS_MS });
    const paid = await stage.pay('t12-asked');
    expect(told(paid)).toEqual([202, 'pending', 'first pending']);
    const again = await stage.repeat(paid);
    expect([again.status, authorizationIn(again).status]).toEqual([202, 'pending']);
    expect(await stage.end(paid)).toMatchObject({ status: 'approved', books: ['first live x1'] });
    expect(stage.requests('t12-asked')).toEqual({ first: 1, second: 0 });
  });

  test('T12: it says so to repeats under the same key (409), until it is done', async () => {
    await stage.strike('t12-repeated', { kind: 'slow', delay_ms: 2 * WORKS_MS });
    const paid = await stage.pay('t12-repeated');
    expect(told(paid)).toEqual([202, 'pending', 'first unknown']);
    const end = await stage.end(paid);
    expect([end.status, end.books.length]).toEqual(['approved', 1]);
    const [entry] = stage.books(paid.reference);
    expect(entry).toMatchObject({ live: true, status: 'authorized' });
    expect(entry?.asked, 'repeats that were told to wait, and the one that was answered').toBeGreaterThan(2);
    expect(stage.requests('t12-repeated')).toEqual({ first: entry?.asked, second: 0 });
  });

  test('T12: the connection is cut while it works, and the repeat is told that it still does', async () => {
    stage.proxy('t12-cut').cut({ kind: 'once_forwarded' });
    await stage.strike('t12-cut', { kind: 'slow', delay_ms: WORKS_MS });
    const paid = await stage.pay('t12-cut');
    expect(told(paid)).toEqual([202, 'pending', 'first unknown']);
    expect(await stage.end(paid)).toMatchObject({ status: 'approved', books: ['first live x2'] });
    expect(stage.requests('t12-cut')).toEqual({ first: 2, second: 0 });
  });
});
