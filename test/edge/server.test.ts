import { afterEach, describe, expect, it } from 'vitest';
import { BODY_BYTES_MAX } from '../../src/edge/read-body.ts';
import { ANSWERED, AUTHORIZATION, BODY, edgeFixture, post, raw, startEdge } from './edge-fixture.ts';

const HEAD =
  'POST /v1/authorizations HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer key-all\r\n' +
  'Content-Type: application/json\r\nIdempotency-Key: k\r\n';

const open: { drain(graceMs: number): Promise<number> }[] = [];
afterEach(async () => {
  for (const edge of open.splice(0)) await edge.drain(0);
});
async function started(settings: Parameters<typeof startEdge>[1] = {}) {
  const fixture = edgeFixture();
  const edge = await startEdge(fixture, settings);
  open.push(edge);
  return { fixture, edge };
}

/** A body of exactly so many bytes that is as it should be, but for a padding that JSON ignores. */
function bodyOf(bytes: number): string {
  const text = JSON.stringify(BODY);
  return text + ' '.repeat(bytes - text.length);
}

function chunked(body: string, size: number): string {
  let text = '';
  for (let at = 0; at < body.length; at += size) {
    const part = body.slice(at, at + size);
    text += `${part.length.toString(16)}\r\n${part}\r\n`;
  }
  return `${text}0\r\n\r\n`;
}

describe('the size of a body', () => {
  it('takes 64 KiB exactly, declared and chunked', async () => {
    const { edge, fixture } = await started();
    const body = bodyOf(BODY_BYTES_MAX);
    expect((await fetch(`${edge.origin}/v1/authorizations`, post(body))).status).toBe(201);
    const answer = await raw(
      edge.port,
      `${HEAD}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n${chunked(body, 5000)}`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 201 /);
    expect(fixture.commands).toHaveLength(2);
  });

  it('refuses one byte more, declared (before the key is looked at) and chunked', async () => {
    const { edge, fixture } = await started();
    const body = bodyOf(BODY_BYTES_MAX + 1);
    const declared = await fetch(
      `${edge.origin}/v1/authorizations`,
      post(body, { authorization: 'Bearer nobody' }),
    );
    expect([declared.status, ((await declared.json()) as { type: string }).type]).toEqual([
      413,
      '/problems/body-too-large',
    ]);
    const answer = await raw(edge.port, `${HEAD}Transfer-Encoding: chunked\r\n\r\n${chunked(body, 5000)}`);
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
    expect(answer).toContain('/problems/body-too-large');
    expect(answer.toLowerCase()).toContain('connection: close');
    expect(fixture.commands).toHaveLength(0);
  });

  it('refuses a declared length before a byte of the body came', async () => {
    const { edge } = await started();
    const answer = await raw(edge.port, `${HEAD}Content-Length: 1000000000\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
  });
});

describe('no body', () => {
  const head = (path: string) =>
    `POST ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer key-all\r\nIdempotency-Key: k\r\nConnection: close\r\n`;
  const path = `/v1/authorizations/${AUTHORIZATION.id}/voids`;
  const cases: [name: string, request: string, status: number][] = [
    ['nor a length', `${head(path)}\r\n`, 201],
    ['a length of 0', `${head(path)}Content-Length: 0\r\n\r\n`, 201],
    ['no chunk', `${head(path)}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 201],
    ['declared as JSON', `${head(path)}Content-Type: application/json\r\nContent-Length: 0\r\n\r\n`, 400],
    ['where one is required', `${head('/v1/authorizations')}Content-Length: 0\r\n\r\n`, 415],
    ['but a blank', `${head(path)}Content-Length: 1\r\n\r\n `, 415],
  ];
  it.each(cases)('%s', async (_, request, status) => {
    const { edge, fixture } = await started();
    expect(await raw(edge.port, request)).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(fixture.operations.length + fixture.commands.length).toBe(status === 201 ? 1 : 0);
  });
});

describe('time limits', () => {
  const quick = { headersTimeoutMs: 150, requestTimeoutMs: 300, checkIntervalMs: 25 };

  it('cuts headers that do not end', async () => {
    const { edge } = await started(quick);
    const answer = await raw(edge.port, HEAD);
    expect(answer).toMatch(/^HTTP\/1.1 408 /);
    expect(answer).toContain('/problems/request-timeout');
  });

  it('cuts a body that does not end, once', async () => {
    const { edge, fixture } = await started(quick);
    const answer = await raw(edge.port, `${HEAD}Content-Length: 100\r\n\r\n{"reference":`);
    expect(answer.match(/HTTP\/1.1 /g)).toHaveLength(1);
    expect(answer).toMatch(/^HTTP\/1.1 408 /);
    expect(answer).toContain('/problems/request-timeout');
    expect(fixture.commands).toHaveLength(0);
    expect(fixture.faults).toHaveLength(0);
  });

  it('does not count the time that the road takes', async () => {
    const { edge, fixture } = await started(quick);
    fixture.answer = async () => {
      await new Promise((resolve) => fixture.deps.clock.after(600, () => resolve(null)));
      return ANSWERED;
    };
    expect((await fetch(`${edge.origin}/v1/authorizations`, post())).status).toBe(201);
  });
});

describe('broken requests', () => {
  const cases: [name: string, bytes: string, status: number, problem: string][] = [
    ['no HTTP', 'hello\r\n\r\n', 400, 'malformed-request'],
    ['no Host', 'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'malformed-request'],
    [
      'a Host that is none',
      'GET /healthz HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n',
      400,
      'malformed-request',
    ],
    ['a bare carriage return', `${HEAD}X-A: b\rX-Injected: 1\r\n\r\n`, 400, 'malformed-request'],
    ['two lengths', `${HEAD}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`, 400, 'malformed-request'],
    [
      'a length and chunks',
      `${HEAD}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
      'malformed-request',
    ],
    ['headers without end', `${HEAD}X-A: ${'a'.repeat(20_000)}\r\n\r\n`, 431, 'headers-too-large'],
  ];
  it.each(cases)('%s', async (_, bytes, status, name) => {
    const { edge, fixture } = await started();
    const answer = await raw(edge.port, bytes);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toContain(`"/problems/${name}"`);
    expect(answer).toContain('application/problem+json');
    expect(fixture.commands).toHaveLength(0);
  });

  it('never answers the request before: a broken second one only ends the connection', async () => {
    const { edge, fixture } = await started();
    let finish: (() => void) | undefined;
    fixture.answer = () => new Promise((resolve) => (finish = () => resolve(ANSWERED)));
    const body = JSON.stringify(BODY);
    const answer = await raw(
      edge.port,
      `${HEAD}Content-Length: ${body.length}\r\n\r\n${body}nonsense\r\n\r\n`,
    );
    expect(answer).toBe('');
    expect(fixture.commands).toHaveLength(1);
    finish?.();
  });

  it('lets a caller that hangs up change nothing', async () => {
    const { edge, fixture } = await started();
    const finished = new Promise((resolve) => {
      fixture.answer = async () => {
        await new Promise((resume) => fixture.deps.clock.after(100, () => resume(null)));
        resolve('finished');
        return ANSWERED;
      };
    });
    const aborted = AbortSignal.timeout(50);
    await expect(fetch(`${edge.origin}/v1/authorizations`, { ...post(), signal: aborted })).rejects.toThrow();
    expect(await finished).toBe('finished');
    expect(fixture.faults).toHaveLength(0);
  });
});

describe('drain', () => {
  it('answers what is under way, with Connection: close, and takes nothing new', async () => {
    const { edge, fixture } = await started();
    let finish: (() => void) | undefined;
    const reached = new Promise<void>((resolve) => {
      fixture.answer = () => {
        resolve();
        return new Promise((answer) => (finish = () => answer(ANSWERED)));
      };
    });
    const response = fetch(`${edge.origin}/v1/authorizations`, post());
    await reached;
    expect(edge.inFlight()).toBe(1);
    const drained = edge.drain(5_000);
    await expect(fetch(`${edge.origin}/healthz`)).rejects.toThrow();
    finish?.();
    expect((await response).status).toBe(201);
    expect((await response).headers.get('connection')).toBe('close');
    expect(await drained).toBe(0);
    expect(edge.inFlight()).toBe(0);
  });

  it('cuts what is left when the time is up, and says how many', async () => {
    const { edge, fixture } = await started();
    const reached = new Promise<void>((resolve) => {
      fixture.answer = () => {
        resolve();
        return new Promise(() => {});
      };
    });
    const response = fetch(`${edge.origin}/v1/authorizations`, post());
    const cut = expect(response).rejects.toThrow();
    await reached;
    expect(await edge.drain(50)).toBe(1);
    await cut;
  });

  it('closes idle connections at once', async () => {
    const { edge } = await started();
    await (await fetch(`${edge.origin}/healthz`)).text();
    expect(await edge.drain(60_000)).toBe(0);
  });

  it('refuses to start on a port that is taken', async () => {
    const { edge, fixture } = await started();
    await expect(startEdge(fixture, { port: edge.port })).rejects.toThrow('EADDRINUSE');
  });
});
