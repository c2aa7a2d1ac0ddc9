import { execFile } from 'node:child_process';
import { getEventListeners } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ANSWER_BYTES_MAX, createTransport, type Transport } from '../../src/providers/transport.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { eventually, httpAnswer, type RawAnswer, RawServer } from './raw-server.ts';
import { selfSignedCertificate } from './self-signed-certificate.ts';

const DEADLINE_MS = 4_000;
const CONNECT_TIMEOUT_MS = 1_000;
const BODY = '{"reference":"att_a_1"}';

let clock: FakeClock;
let stopper: AbortController;
let transport: Transport | null = null;
const cleanUps: (() => unknown)[] = [];

beforeEach(() => {
  clock = new FakeClock();
  stopper = new AbortController();
});

afterEach(async () => {
  transport?.close();
  transport = null;
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  expect(clock.pendingTimers, 'timers left behind').toBe(0);
  expect(getEventListeners(stopper.signal, 'abort').length, 'listeners on the signal').toBeLessThanOrEqual(1);
});

async function serve(answer: RawAnswer): Promise<RawServer> {
  const server = await RawServer.start(answer);
  cleanUps.push(() => server.stop());
  return server;
}

function send(
  baseUrl: string,
  deadlineMs = clock.monotonicMs() + DEADLINE_MS,
  maxSockets = 4,
  more: { readonly sendByMs?: number } = {},
) {
  transport ??= createTransport({ baseUrl, maxSockets, clock });
  return transport.send({
    method: 'POST',
    path: '/v1/authorizations',
    headers: ['content-type', 'application/json', 'idempotency-key', 'att_a_1'],
    body: BODY,
    budget: {
      deadlineMs,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      signal: stopper.signal,
      traceparent: null,
      ...more,
    },
  });
}

describe('an answer', () => {
  it('comes with status, headers and body, from one request in one packet', async () => {
    const server = await serve((socket) => socket.write(httpAnswer('{"a":"ü"}', '201 Created', ['X-A: b'])));
    const result = await send(`${server.url}/base/`);
    expect(result).toEqual({
      kind: 'response',
      status: 201,
      headers: { 'content-length': '10', 'x-a': 'b' },
      body: '{"a":"ü"}',
    });
    expect(server.requests).toHaveLength(1);
    const [head = '', body] = (server.requests[0] ?? '').split('\r\n\r\n');
    expect(head.split('\r\n')[0]).toBe('POST /base/v1/authorizations HTTP/1.1');
    expect(head.toLowerCase().split('\r\n').slice(1).sort()).toEqual([
      'accept-encoding: identity',
      'connection: keep-alive',
      `content-length: ${BODY.length}`,
      'content-type: application/json',
      `host: 127.0.0.1:${server.port}`,
      'idempotency-key: att_a_1',
    ]);
    expect(body).toBe(BODY);
  });

  it.each<[string, RawAnswer, number, string]>([
    ['after 1xx', (s) => s.write(`HTTP/1.1 103 Early\r\nLink: x\r\n\r\n${httpAnswer('ok')}`), 200, 'ok'],
    [
      'in chunks',
      (s) => s.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'),
      200,
      'ok',
    ],
    ['that ends with the connection', (s) => s.end('HTTP/1.1 200 OK\r\n\r\nok'), 200, 'ok'],
    [
      'redirecting, which is not followed',
      (s) => s.write(httpAnswer('', '307 Temporary Redirect', ['Location: /b'])),
      307,
      '',
    ],
    [
      'said to be plain',
      (s) => s.write(httpAnswer('ok', '200 OK', ['Content-Encoding: Identity'])),
      200,
      'ok',
    ],
    [
      'as long as may be',
      (s) => s.write(httpAnswer('x'.repeat(ANSWER_BYTES_MAX))),
      200,
      'x'.repeat(ANSWER_BYTES_MAX),
    ],
  ])('is read %s', async (_name, answer, status, body) => {
    const server = await serve(answer);
    const result = await send(server.url);
    expect(result).toMatchObject({ kind: 'response', status });
    expect(result.kind === 'response' && result.body === body).toBe(true);
    expect(server.requests).toHaveLength(1);
  });
});

describe('after the hand-over every failure is unknown', () => {
  const half = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"id":';
  it.each<[string, RawAnswer, string]>([
    ['reset without an answer', (s) => s.resetAndDestroy(), 'ECONNRESET'],
    ['closed without an answer', (s) => s.end(), 'ECONNRESET'],
    ['closed in the body', (s) => s.end(half), 'truncated_answer'],
    [
      'reset in the body',
      (s) => s.write(half, () => setImmediate(() => s.resetAndDestroy())),
      'truncated_answer',
    ],
    [
      'closed in the chunks',
      (s) => s.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel'),
      'truncated_answer',
    ],
    ['longer than its content-length', (s) => s.write(`${httpAnswer('{}')}more`), 'truncated_answer'],
    ['no HTTP at all', (s) => s.write('SSH-2.0-OpenSSH\r\n\r\n'), 'HPE_INVALID_CONSTANT'],
    [
      'two content-lengths',
      (s) => s.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok'),
      'HPE_UNEXPECTED_CONTENT_LENGTH',
    ],
    [
      'endless headers',
      (s) => s.write(`HTTP/1.1 200 OK\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`),
      'HPE_HEADER_OVERFLOW',
    ],
    [
      'another protocol',
      (s) => s.write('HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'),
      'connection_failed',
    ],
    [
      'compressed',
      (s) => s.write(httpAnswer('ok', '200 OK', ['Content-Encoding: gzip'])),
      'content_encoding',
    ],
    ['too large', (s) => s.write(httpAnswer('x'.repeat(ANSWER_BYTES_MAX + 1))), 'answer_too_large'],
    [
      'endless',
      (s) => s.write(`HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(2 * ANSWER_BYTES_MAX)}`),
      'answer_too_large',
    ],
  ])('%s', async (_name, answer, code) => {
    const server = await serve(answer);
    expect(await send(server.url)).toEqual({ kind: 'unknown', code });
    expect(server.requests, 'one POST per send').toHaveLength(1);
    await eventually(() => server.openSockets === 0, 'the connection is given up');
  });

  it('a server that hangs', async () => {
    const server = await serve(() => {});
    const result = send(server.url);
    await server.requestsReached(1);
    await clock.advance(DEADLINE_MS - 1);
    expect(server.openSockets).toBe(1);
    await clock.advance(1);
    expect(await result).toEqual({ kind: 'unknown', code: 'timeout' });
    await eventually(() => server.openSockets === 0, 'the connection is given up');
  });

  it('a body that drips past the deadline', async () => {
    let drip = () => {};
    const server = await serve((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n');
      drip = () => socket.write('x');
    });
    const result = send(server.url);
    await server.requestsReached(1);
    for (let second = 0; second < 4; second += 1) {
      drip();
      await clock.advance(1_000);
    }
    expect(await result).toEqual({ kind: 'unknown', code: 'timeout' });
  });

  it('the signal', async () => {
    const server = await serve(() => {});
    const result = send(server.url);
    await server.requestsReached(1);
    stopper.abort();
    expect(await result).toEqual({ kind: 'unknown', code: 'aborted' });
    await eventually(() => server.openSockets === 0, 'the connection is given up');
  });
});

describe('before the hand-over every failure is not_sent', () => {
  it('nobody listens', async () => {
    const server = await RawServer.start(() => {});
    await server.stop();
    expect(await send(server.url)).toEqual({ kind: 'not_sent', code: 'ECONNREFUSED' });
  });

  it('nobody listens on any address of a name', async () => {
    const server = await RawServer.start(() => {});
    await server.stop();
    const result = await send(`http://localhost:${server.port}`);
    expect(result).toEqual({ kind: 'not_sent', code: 'ECONNREFUSED' });
  });

  it('a name that does not exist', async () => {
    const result = await send('https://psp.invalid');
    expect(result.kind).toBe('not_sent');
    expect(['ENOTFOUND', 'EAI_AGAIN']).toContain(result.kind === 'response' ? '' : result.code);
  });

  it('TLS set-up that is never answered', async () => {
    const server = await serve(() => {});
    const result = send(`https://127.0.0.1:${server.port}`);
    await server.requestsReached(1);
    await clock.advance(CONNECT_TIMEOUT_MS);
    expect(await result).toEqual({ kind: 'not_sent', code: 'connect_timeout' });
    expect(server.requests[0]?.charCodeAt(0), 'only a TLS handshake record').toBe(0x16);
    expect(server.requests).toHaveLength(1);
    await eventually(() => server.openSockets === 0, 'the connection is given up');
  });

  it('a deadline that comes during TLS set-up', async () => {
    const server = await serve(() => {});
    const result = send(`https://127.0.0.1:${server.port}`, CONNECT_TIMEOUT_MS / 2);
    await server.requestsReached(1);
    await clock.advance(CONNECT_TIMEOUT_MS / 2);
    expect(await result).toEqual({ kind: 'not_sent', code: 'connect_timeout' });
  });

  it('the signal during TLS set-up', async () => {
    const server = await serve(() => {});
    const result = send(`https://127.0.0.1:${server.port}`);
    await server.requestsReached(1);
    stopper.abort();
    expect(await result).toEqual({ kind: 'not_sent', code: 'draining' });
    await eventually(() => server.openSockets === 0, 'the connection is given up');
  });

  it('TLS set-up that is answered in clear', async () => {
    const server = await serve((socket) => socket.end(httpAnswer('plain')));
    const result = await send(`https://127.0.0.1:${server.port}`);
    expect(result.kind).toBe('not_sent');
    expect(result.kind === 'not_sent' && result.code).toMatch(/^(EPROTO|ERR_SSL_\w+)$/);
  });

  it('TLS set-up that is reset', async () => {
    const server = await serve((socket) => socket.resetAndDestroy());
    expect(await send(`https://127.0.0.1:${server.port}`)).toEqual({ kind: 'not_sent', code: 'ECONNRESET' });
  });

  it.each([
    ['passed', 0],
    ['long passed', -1_000],
  ])('a deadline that is %s already: no connection at all', async (_name, deadlineMs) => {
    const server = await serve(() => {});
    expect(await send(server.url, deadlineMs)).toEqual({ kind: 'not_sent', code: 'deadline_passed' });
    expect(server.connections).toBe(0);
  });

  it('a signal that came already: no connection at all', async () => {
    const server = await serve(() => {});
    stopper.abort();
    expect(await send(server.url)).toEqual({ kind: 'not_sent', code: 'draining' });
    expect(server.connections).toBe(0);
  });

  it('a deadline that passes while the connection is made, seen directly before writing', async () => {
    const server = await serve(() => {});
    const jumping = new FakeClock();
    const times = [0, 0, DEADLINE_MS];
    jumping.monotonicMs = () => times.shift() ?? DEADLINE_MS;
    transport = createTransport({ baseUrl: server.url, maxSockets: 1, clock: jumping });
    expect(await send(server.url, DEADLINE_MS)).toEqual({ kind: 'not_sent', code: 'deadline_passed' });
    await server.connectionsReached(1);
    await eventually(() => server.openSockets === 0, 'the connection is given up');
    expect(server.requests).toEqual([]);
    expect(jumping.pendingTimers).toBe(0);
  });

  it('a machine that stood still while the connection was made, with its monotonic clock', async () => {
    const server = await serve(() => {});
    const woken = new FakeClock();
    const sendByMs = woken.wallMs() + DEADLINE_MS;
    const times = [woken.wallMs(), sendByMs];
    woken.wallMs = () => times.shift() ?? sendByMs;
    transport = createTransport({ baseUrl: server.url, maxSockets: 1, clock: woken });
    const result = await send(server.url, woken.monotonicMs() + DEADLINE_MS, 1, { sendByMs });
    expect(result).toEqual({ kind: 'not_sent', code: 'deadline_passed' });
    await server.connectionsReached(1);
    expect(server.requests).toEqual([]);
  });

  it('the deadline while waiting for a free connection', async () => {
    const server = await serve(() => {});
    const first = send(server.url, DEADLINE_MS, 1);
    await server.requestsReached(1);
    const second = send(server.url, DEADLINE_MS - 1, 1);
    await clock.advance(DEADLINE_MS - 1);
    expect(await second).toEqual({ kind: 'not_sent', code: 'deadline_passed' });
    await clock.advance(1);
    expect(await first).toEqual({ kind: 'unknown', code: 'timeout' });
    expect(server.requests).toHaveLength(1);
  });

  it('a header that cannot be written', async () => {
    const server = await serve(() => {});
    transport = createTransport({ baseUrl: server.url, maxSockets: 1, clock });
    const result = await transport.send({
      method: 'GET',
      path: '/',
      headers: ['idempotency-key', 'a\r\nx: y'],
      body: null,
      budget: { deadlineMs: 1, connectTimeoutMs: 1, signal: stopper.signal, traceparent: null },
    });
    expect(result).toEqual({ kind: 'not_sent', code: 'ERR_INVALID_CHAR' });
    expect(server.connections).toBe(0);
  });
});

describe('connections', () => {
  it('are used again', async () => {
    const server = await serve((socket) => socket.write(httpAnswer('ok')));
    for (let turn = 0; turn < 5; turn += 1) expect((await send(server.url)).kind).toBe('response');
    expect(server.connections).toBe(1);
    expect(server.requests).toHaveLength(5);
  });

  it.each([
    '429 Too Many Requests',
    '503 Service Unavailable',
    '401 Unauthorized',
    '402 Payment Required',
    '302 Found',
  ])("are not used again after %s: a second answer would be taken for the next request's", async (status) => {
    const server = await serve((socket, request) =>
      socket.write(httpAnswer('ok', request === 1 ? status : '200 OK')),
    );
    expect((await send(server.url)).kind).toBe('response');
    expect(await send(server.url)).toMatchObject({ status: 200 });
    expect(server.connections).toBe(2);
  });

  it('that the server ended while idle are not written to', async () => {
    const server = await serve((socket, request) => {
      socket.write(httpAnswer('ok'));
      if (request === 1) setImmediate(() => socket.end());
    });
    expect((await send(server.url)).kind).toBe('response');
    await eventually(() => server.openSockets === 0, 'the end is seen');
    expect((await send(server.url)).kind).toBe('response');
    expect(server.connections).toBe(2);
    expect(server.requests).toHaveLength(2);
  });

  it.each<[string, (socket: Socket) => unknown]>([
    ['destroyed', (socket) => socket.destroy()],
    ['ended', (socket) => socket.end()],
  ])('%s between being picked and being written to are left for another', async (_name, lose) => {
    const server = await serve((socket) => socket.write(httpAnswer('ok')));
    expect((await send(server.url)).kind).toBe('response');
    const { reuseSocket } = http.Agent.prototype;
    const reuse = vi.spyOn(http.Agent.prototype, 'reuseSocket').mockImplementationOnce(function (
      this: http.Agent,
      socket,
      request,
    ) {
      reuseSocket.call(this, socket, request);
      lose(socket as Socket);
    });
    expect((await send(server.url)).kind).toBe('response');
    expect(reuse).toHaveBeenCalledOnce();
    reuse.mockRestore();
    expect(server.connections).toBe(2);
    expect(server.requests).toHaveLength(2);
  });

  it('that the server resets as the next request comes leave it unknown, sent once', async () => {
    const server = await serve((socket, request) => {
      if (request === 1) socket.write(httpAnswer('ok'));
      else socket.resetAndDestroy();
    });
    expect((await send(server.url)).kind).toBe('response');
    expect(await send(server.url)).toEqual({ kind: 'unknown', code: 'ECONNRESET' });
    expect(server.connections).toBe(1);
    expect(server.requests).toHaveLength(2);
  });

  it('that found their end between the calls in the same turn give a definite result, never two sends', async () => {
    // The server ends at once after its answer, so that its FIN races with the next request.
    const server = await serve((socket) => socket.end(httpAnswer('ok')));
    let answered = 0;
    for (let turn = 0; turn < 30; turn += 1) {
      const result = await send(server.url);
      if (result.kind === 'response') answered += 1;
      else expect(['unknown', 'not_sent']).toContain(result.kind);
      expect(server.requests.length).toBeLessThanOrEqual(turn + 1);
    }
    expect(answered).toBeGreaterThan(0);
  });

  it('that said something unasked while idle are not trusted', async () => {
    const server = await serve((socket, request) => {
      socket.write(httpAnswer(`answer ${request}`));
      if (request === 1) setTimeout(() => socket.write(httpAnswer('unasked')), 5);
    });
    expect(await send(server.url)).toMatchObject({ body: 'answer 1' });
    await eventually(() => server.openSockets === 0, 'the poisoned connection is given up');
    expect(await send(server.url)).toMatchObject({ body: 'answer 2' });
  });

  it('carry a hundred requests at once, each once, and all go with the transport', async () => {
    const server = http.createServer((request, response) => {
      request.resume().on('end', () => response.end(request.headers['idempotency-key']));
    });
    let connections = 0;
    server.on('connection', () => {
      connections += 1;
    });
    let posts = 0;
    server.on('request', () => {
      posts += 1;
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanUps.push(() => server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const results = await Promise.all(Array.from({ length: 100 }, () => send(url, DEADLINE_MS, 10)));
    expect(results.every((result) => result.kind === 'response' && result.body === 'att_a_1')).toBe(true);
    expect(posts).toBe(100);
    expect(connections).toBeLessThanOrEqual(10);
    transport?.close();
    const open = () =>
      new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)));
    for (let turn = 0; turn < 200 && (await open()) > 0; turn += 1) await new Promise(setImmediate);
    expect(await open()).toBe(0);
  });

  it('hold on to nothing of a call that has ended', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const server = await serve((socket) => socket.write(httpAnswer('ok')));
    const ended: WeakRef<object>[] = [];
    for (let turn = 0; turn < 10; turn += 1) {
      const budget = {
        deadlineMs: DEADLINE_MS,
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        signal: stopper.signal,
        traceparent: null,
      };
      ended.push(new WeakRef(budget));
      transport ??= createTransport({ baseUrl: server.url, maxSockets: 1, clock });
      await transport.send({ method: 'GET', path: '/', headers: [], body: null, budget });
    }
    await new Promise(setImmediate);
    collectGarbage();
    // The last one may still be referred to by the connection that it used.
    expect(ended.filter((budget) => budget.deref() !== undefined).length).toBeLessThanOrEqual(1);
    expect(server.connections).toBe(1);
  });

  it('of a closed transport: calls under way end, later ones still go out', async () => {
    let answer = () => {};
    const server = await serve((socket, request) => {
      answer = () => socket.write(httpAnswer('ok'));
      if (request > 1) answer();
    });
    const underWay = send(server.url);
    await server.requestsReached(1);
    transport?.close();
    answer();
    expect((await underWay).kind).toBe('response');
    await eventually(() => server.openSockets === 0, 'the connection closes after its answer');
    expect((await send(server.url)).kind).toBe('response');
    await eventually(() => server.openSockets === 0, 'so does the later one');
  });
});

describe('TLS', () => {
  const certificate = selfSignedCertificate();

  async function serveTls(): Promise<{ url: string; requests: string[]; connections: () => number }> {
    const requests: string[] = [];
    let connections = 0;
    const server = tls.createServer(certificate, (socket) => {
      connections += 1;
      socket.on('error', () => {});
      socket.on('data', (bytes) => {
        requests.push(bytes.toString());
        socket.write(httpAnswer('ok'));
      });
    });
    server.on('tlsClientError', () => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanUps.push(() => server.close());
    const { port } = server.address() as AddressInfo;
    return { url: `https://127.0.0.1:${port}`, requests, connections: () => connections };
  }

  it('with a certificate that nobody vouches for is not sent', async () => {
    const server = await serveTls();
    expect(await send(server.url)).toEqual({ kind: 'not_sent', code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    expect(server.requests).toEqual([]);
  });

  it('with an authority of NODE_EXTRA_CA_CERTS is answered, by a process that was started with it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'authorities-'));
    cleanUps.push(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'egress.pem');
    writeFileSync(file, certificate.cert);
    const server = await serveTls();
    const transportFile = new URL('../../src/providers/transport.ts', import.meta.url).href;
    const clockFile = new URL('../../src/guards/system-clock.ts', import.meta.url).href;
    const script = `
      const { createTransport } = await import('${transportFile}');
      const { systemClock: clock } = await import('${clockFile}');
      const transport = createTransport({ baseUrl: '${server.url}', maxSockets: 1, clock });
      const budget = { deadlineMs: clock.monotonicMs() + 5000, connectTimeoutMs: 5000, signal: new AbortController().signal, traceparent: null };
      const answer = await transport.send({ method: 'POST', path: '/', headers: [], body: '{}', budget });
      console.log(answer.kind);
      transport.close();`;
    const run = async (env: Readonly<Record<string, string>>) =>
      (
        await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
          env: { PATH: process.env['PATH'] ?? '', ...env },
        })
      ).stdout.trim();
    expect(await run({})).toBe('not_sent');
    expect(await run({ NODE_EXTRA_CA_CERTS: file })).toBe('response');
  });

  it('with a trusted certificate is answered, and the connection is used again', async () => {
    const server = await serveTls();
    const trusted = tls.getCACertificates('default');
    tls.setDefaultCACertificates([...trusted, certificate.cert]);
    cleanUps.push(() => tls.setDefaultCACertificates(trusted));
    expect(await send(server.url)).toMatchObject({ kind: 'response', body: 'ok' });
    expect(await send(server.url)).toMatchObject({ kind: 'response', body: 'ok' });
    expect(server.requests).toHaveLength(2);
    expect(server.connections()).toBe(1);
  });
});

describe('the base URL', () => {
  it.each([
    'http://psp.example.com',
    'http://127.0.0.1.example.com',
    'http://10.0.0.1',
    'ftp://127.0.0.1',
    'https://user:pass@psp.example.com',
    'https://psp.example.com/?key=secret',
    'psp.example.com',
  ])('%s is refused', (baseUrl) => {
    const create = () => createTransport({ baseUrl, maxSockets: 1, clock });
    expect(create).toThrow(/expected https:\/\/host/);
    expect(create).not.toThrow(/pass|secret/);
  });

  it.each(['http://localhost:1', 'http://127.9.9.9', 'http://[::1]:8080', 'https://psp.example.com/v1'])(
    '%s is taken',
    (baseUrl) => {
      createTransport({ baseUrl, maxSockets: 1, clock }).close();
    },
  );
});
