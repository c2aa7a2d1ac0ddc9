import { Agent } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { FaultBody } from '../../src/sandbox/faults.ts';
import { SANDBOX_KEY, startSandbox, type TestSandbox } from '../support/start-sandbox.ts';
import {
  authorization,
  authorize,
  bodyOf,
  type Call,
  eventually,
  glance,
  inquire,
  type Seen,
  send,
} from './sandbox-client.ts';

let sandbox: TestSandbox;
beforeAll(async () => {
  sandbox = await startSandbox();
});
beforeEach(() => sandbox.control('POST', '/reset'));
afterAll(() => sandbox.close());

type Fault = Omit<FaultBody, 'provider'>;

/** Gives up a little after the request arrived, for faults that never answer. */
function impatience(arrived: () => boolean): Partial<Call> {
  const caller = new AbortController();
  const look = setInterval(() => {
    if (!arrived()) return;
    clearInterval(look);
    setTimeout(() => caller.abort(), 60);
  }, 5);
  return { signal: caller.signal };
}

/**
 * One row per fault: what the caller sees, what is true, what a replay under the same key says afterwards.
 */
const table: readonly {
  readonly name: string;
  readonly fault: Fault;
  readonly seen: string;
  /** Status in the ledger; null when nothing was processed. */
  readonly truth: string | null;
  readonly replay: string;
}[] = [
  {
    name: 'reset_before',
    fault: { kind: 'reset_before' },
    seen: 'ECONNRESET',
    truth: null,
    replay: '200 authorized',
  },
  {
    name: 'reset_after',
    fault: { kind: 'reset_after' },
    seen: 'ECONNRESET',
    truth: 'authorized',
    replay: '200 authorized',
  },
  { name: 'hang', fault: { kind: 'hang' }, seen: 'gave_up', truth: null, replay: '200 authorized' },
  {
    name: 'hang, processed',
    fault: { kind: 'hang', processed: true },
    seen: 'gave_up',
    truth: 'authorized',
    replay: '200 authorized',
  },
  {
    name: 'late',
    fault: { kind: 'late', delay_ms: 60 },
    seen: '200 authorized',
    truth: 'authorized',
    replay: '200 authorized',
  },
  {
    name: 'slow',
    fault: { kind: 'slow', delay_ms: 60 },
    seen: '200 authorized',
    truth: 'authorized',
    replay: '200 authorized',
  },
  {
    name: 'slow_drip',
    fault: { kind: 'slow_drip', delay_ms: 60 },
    seen: '200 authorized',
    truth: 'authorized',
    replay: '200 authorized',
  },
  {
    name: 'rate_limited',
    fault: { kind: 'rate_limited', retry_after: 7 },
    seen: '429 rate_limited',
    truth: null,
    replay: '200 authorized',
  },
  {
    name: 'unauthorized',
    fault: { kind: 'unauthorized' },
    seen: '401 unauthorized',
    truth: null,
    replay: '200 authorized',
  },
  {
    name: 'error, not processed',
    fault: { kind: 'error', status: 503, processed: false },
    seen: '503 provider_error',
    truth: null,
    replay: '200 authorized',
  },
  {
    name: 'error, not processed and not said',
    fault: { kind: 'error', processed: false, ambiguous: true },
    seen: '500 provider_error',
    truth: null,
    replay: '500 provider_error',
  },
  {
    name: 'error, processed',
    fault: { kind: 'error', status: 502, processed: true },
    seen: '502 provider_error',
    truth: 'authorized',
    replay: '502 provider_error',
  },
  {
    name: 'error 403',
    fault: { kind: 'error', status: 403 },
    seen: '403 forbidden',
    truth: null,
    replay: '200 authorized',
  },
  {
    name: 'truncated',
    fault: { kind: 'truncated' },
    seen: 'ECONNRESET',
    truth: 'authorized',
    replay: '200 authorized',
  },
  {
    name: 'wrong_length',
    fault: { kind: 'wrong_length' },
    seen: 'ECONNRESET',
    truth: 'authorized',
    replay: '200 authorized',
  },
  {
    name: 'gzip_bomb',
    fault: { kind: 'gzip_bomb' },
    seen: '200 not JSON',
    truth: 'authorized',
    replay: '200 authorized',
  },
  {
    name: 'wrong_currency',
    fault: { kind: 'wrong_currency' },
    seen: '200 authorized',
    truth: 'authorized',
    replay: '200 authorized',
  },
  {
    name: 'garbage',
    fault: { kind: 'garbage' },
    seen: '200 not JSON',
    truth: 'authorized',
    replay: '200 authorized',
  },
  {
    name: 'wrong_amount',
    fault: { kind: 'wrong_amount' },
    seen: '200 authorized',
    truth: 'authorized',
    replay: '200 authorized',
  },
  {
    name: 'wrong_reference',
    fault: { kind: 'wrong_reference' },
    seen: '200 authorized',
    truth: 'authorized',
    replay: '200 authorized',
  },
  {
    name: 'duplicate',
    fault: { kind: 'duplicate' },
    seen: '200 authorized',
    truth: 'authorized',
    replay: '200 authorized',
  },
];

describe('what a caller sees and what is true', () => {
  it.each(table)('$name', async ({ fault, seen, truth, replay }) => {
    await sandbox.addFault({ provider: 'sandbox-a', ...fault });
    const patience = seen === 'gave_up' ? impatience(() => sandbox.ledger().requests === 1) : {};
    expect(glance(await authorize(sandbox, 'att', {}, patience))).toBe(seen);
    expect(sandbox.ledger().requests).toBe(1);
    expect(sandbox.ledger().authorizations.map((row) => row.status)).toEqual(truth === null ? [] : [truth]);
    // An inquiry is not touched, and knows.
    expect(glance(await inquire(sandbox, 'att'))).toBe(truth === null ? '404 not_found' : `200 ${truth}`);
    // The fault was for once.
    expect(await sandbox.control('GET', '/faults')).toEqual({ faults: [] });
    expect(glance(await authorize(sandbox, 'att'))).toBe(replay);
    expect(sandbox.liveAuthorizations()).toHaveLength(replay.startsWith('200') || truth !== null ? 1 : 0);
  });
});

describe('on the wire', () => {
  /** How the connection ends under one request, byte for byte. */
  const ending = (reference: string): Promise<{ readonly end: string; readonly text: string }> => {
    const body = JSON.stringify(authorization(reference));
    const { hostname, port } = new URL(sandbox.url('sandbox-a'));
    return new Promise((resolve) => {
      let text = '';
      const socket = connect(Number(port), hostname);
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('error', (error: NodeJS.ErrnoException) => resolve({ end: error.code ?? '', text }));
      socket.on('end', () => resolve({ end: 'FIN', text }));
      socket.write(
        `POST /v1/authorizations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${SANDBOX_KEY}\r\n` +
          `Idempotency-Key: ${reference}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      );
    });
  };

  it.each(['reset_before', 'reset_after'] as const)('%s is a TCP reset without a byte', async (kind) => {
    await sandbox.addFault({ provider: 'sandbox-a', kind });
    expect(await ending('att')).toEqual({ end: 'ECONNRESET', text: '' });
  });

  it('truncated ends in the middle of the body', async () => {
    await sandbox.addFault({ provider: 'sandbox-a', kind: 'truncated' });
    const { end, text } = await ending('att');
    const [head = '', body = ''] = text.split('\r\n\r\n');
    const promised = Number(/content-length: (\d+)/.exec(head)?.[1]);
    expect([end, body.length]).toEqual(['FIN', promised >> 1]);
  });

  it('wrong_length sends the whole body, promises more, and ends', async () => {
    await sandbox.addFault({ provider: 'sandbox-a', kind: 'wrong_length' });
    const { end, text } = await ending('att');
    const [head = '', body = ''] = text.split('\r\n\r\n');
    const promised = Number(/content-length: (\d+)/.exec(head)?.[1]);
    expect(JSON.parse(body)).toMatchObject({ reference: 'att', status: 'authorized' });
    expect([end, promised]).toEqual(['FIN', Buffer.byteLength(body) + 16]);
  });

  it('gzip_bomb is small on the way and large when it is read', async () => {
    await sandbox.addFault({ provider: 'sandbox-a', kind: 'gzip_bomb' });
    const response = await fetch(`${sandbox.url('sandbox-a')}/v1/authorizations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${SANDBOX_KEY}`, 'idempotency-key': 'key-att' },
      body: JSON.stringify(authorization('att')),
    });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-encoding')).toBe('gzip');
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(Number(response.headers.get('content-length'))).toBeLessThan(100_000);
    const text = await response.text();
    expect(text.length).toBeGreaterThan(50_000_000);
    // Who is that patient hears the truth.
    expect(JSON.parse(text)).toMatchObject({ reference: 'att', status: 'authorized' });
  });
});

describe('the details of a fault', () => {
  const add = (fault: Fault) => sandbox.addFault({ provider: 'sandbox-a', ...fault });
  const header = (seen: Seen, name: string) => (seen.kind === 'answered' ? seen.headers[name] : undefined);
  const tookMs = (seen: Seen) => (seen.kind === 'answered' ? seen.tookMs : Number.NaN);

  it('says X-Not-Processed where it is proven, and nowhere else', async () => {
    await add({ kind: 'error' });
    expect(header(await authorize(sandbox, 'one'), 'x-not-processed')).toBe('true');
    await add({ kind: 'error', ambiguous: true });
    expect(header(await authorize(sandbox, 'two'), 'x-not-processed')).toBeUndefined();
    await add({ kind: 'error', processed: true });
    expect(header(await authorize(sandbox, 'three'), 'x-not-processed')).toBeUndefined();
    // The request is not processed, but the payment was: the header would lead to a second charge.
    await add({ kind: 'error', times: 2 });
    expect(header(await authorize(sandbox, 'three'), 'x-not-processed')).toBeUndefined();
    const otherKey = await authorize(sandbox, 'three', {}, { key: 'another' });
    expect(header(otherKey, 'x-not-processed')).toBeUndefined();
    expect(sandbox.liveAuthorizations()).toHaveLength(1);
  });

  it('sends Retry-After', async () => {
    await add({ kind: 'rate_limited', retry_after: 7 });
    expect(header(await authorize(sandbox, 'att'), 'retry-after')).toBe('7');
  });

  it.each(['late', 'slow', 'slow_drip'] as const)('%s takes its time', async (kind) => {
    await add({ kind, delay_ms: 120 });
    const took = tookMs(await authorize(sandbox, 'att'));
    expect(took).toBeGreaterThanOrEqual(115);
    expect(took).toBeLessThan(5000);
  });

  it('late is true at once, slow only later, and pending until then', async () => {
    await add({ kind: 'late', delay_ms: 150 });
    const late = authorize(sandbox, 'late');
    await eventually(async () => glance(await inquire(sandbox, 'late'))).toBe('200 authorized');
    expect(glance(await authorize(sandbox, 'late'))).toBe('200 authorized');
    await add({ kind: 'slow', delay_ms: 800 });
    const slow = authorize(sandbox, 'slow');
    await eventually(async () => glance(await inquire(sandbox, 'slow'))).toBe('200 pending');
    expect(sandbox.liveAuthorizations('slow')).toEqual([]);
    expect(glance(await authorize(sandbox, 'slow'))).toBe('409 in_progress');
    expect([glance(await late), glance(await slow)]).toEqual(['200 authorized', '200 authorized']);
    expect(sandbox.liveAuthorizations('slow')).toHaveLength(1);
  });

  it('late and hang are processed at once, however slow the provider is', async () => {
    await using busy = await startSandbox(['sandbox-a'], { latencyMs: 2000 });
    await busy.addFault({ provider: 'sandbox-a', kind: 'late', delay_ms: 0 });
    expect(tookMs(await authorize(busy, 'att'))).toBeLessThan(1900);
  });

  it('slow is processed although the caller gave up', async () => {
    await add({ kind: 'slow', delay_ms: 400 });
    const patience = impatience(() => sandbox.ledger().requests === 1);
    expect(await authorize(sandbox, 'att', {}, patience)).toEqual({ kind: 'gave_up' });
    await eventually(() => sandbox.liveAuthorizations('att').length).toBe(1);
  });

  it('a truncated answer has the length of the whole', async () => {
    await add({ kind: 'truncated' });
    expect(await authorize(sandbox, 'att')).toEqual({ kind: 'failed', code: 'ECONNRESET', status: 200 });
  });

  it('a wrong answer stays wrong in the replay, and is right in the inquiry', async () => {
    await add({ kind: 'wrong_amount' });
    const wrong = bodyOf(await authorize(sandbox, 'amount'));
    expect(wrong).toMatchObject({ amount: { value: 5000, currency: 'EUR' }, authorized_amount: 5000 });
    expect(bodyOf(await authorize(sandbox, 'amount'))).toEqual(wrong);
    expect(bodyOf(await inquire(sandbox, 'amount'))['amount']).toEqual({ value: 4999, currency: 'EUR' });
    await add({ kind: 'wrong_currency' });
    expect(bodyOf(await authorize(sandbox, 'currency'))['amount']).toEqual({ value: 4999, currency: 'USD' });
    await add({ kind: 'wrong_reference' });
    expect(bodyOf(await authorize(sandbox, 'name'))['reference']).toBe('name-of-another');
    expect(bodyOf(await inquire(sandbox, 'name'))['reference']).toBe('name');
  });

  it('a duplicate is asked twice and processed once', async () => {
    await add({ kind: 'duplicate' });
    await authorize(sandbox, 'att');
    expect(sandbox.ledger().authorizations).toEqual([expect.objectContaining({ asked: 2, live: true })]);
  });

  it('faults of other operations', async () => {
    const id = bodyOf(await authorize(sandbox, 'att'))['id'];
    const operate = (action: string, key: string) =>
      send(sandbox.url('sandbox-a'), { path: `/v1/authorizations/${id}/${action}`, key, body: {} });
    await add({ kind: 'reset_after', operation: 'capture' });
    expect(glance(await operate('captures', 'c1'))).toBe('ECONNRESET');
    expect(sandbox.ledger().authorizations[0]?.captured_amount).toBe(4999);
    expect(glance(await operate('captures', 'c1'))).toBe('200 confirmed');
    expect(sandbox.ledger().authorizations[0]?.operations).toHaveLength(1);
    await add({ kind: 'wrong_reference', operation: 'refund' });
    expect(bodyOf(await operate('refunds', 'r1'))).toMatchObject({
      authorization_id: `${id}-of-another`,
      authorization_reference: 'att-of-another',
    });
    await add({ kind: 'error', operation: 'void' });
    const failed = await operate('voids', 'v1');
    expect(glance(failed)).toBe('500 provider_error');
    expect(header(failed, 'x-not-processed')).toBe('true');
  });

  const inquiries: readonly [fault: Fault, seen: string][] = [
    [{ kind: 'reset_before' }, 'ECONNRESET'],
    [{ kind: 'reset_after' }, 'ECONNRESET'],
    [{ kind: 'hang' }, 'gave_up'],
    [{ kind: 'late', delay_ms: 30 }, '200 authorized'],
    [{ kind: 'slow', delay_ms: 30 }, '200 authorized'],
    [{ kind: 'slow_drip', delay_ms: 30 }, '200 authorized'],
    [{ kind: 'rate_limited' }, '429 rate_limited'],
    [{ kind: 'unauthorized' }, '401 unauthorized'],
    [{ kind: 'error', status: 503 }, '503 provider_error'],
    [{ kind: 'error', status: 404 }, '404 not_found'],
    [{ kind: 'truncated' }, 'ECONNRESET'],
    [{ kind: 'wrong_length' }, 'ECONNRESET'],
    [{ kind: 'garbage' }, '200 not JSON'],
    [{ kind: 'gzip_bomb' }, '200 not JSON'],
  ];
  it.each(inquiries)('an inquiry struck by %j', async (fault, seen) => {
    await authorize(sandbox, 'att');
    await add({ ...fault, operation: 'inquire' });
    const inquiries = () => sandbox.ledger().totals['sandbox-a']?.inquiries;
    const patience = seen === 'gave_up' ? impatience(() => inquiries() === 1) : {};
    expect(glance(await inquire(sandbox, 'att', patience))).toBe(seen);
    expect(glance(await inquire(sandbox, 'att'))).toBe('200 authorized');
  });
});

describe('inquiries that answer wrongly', () => {
  const ask = async (kind: 'wrong_amount' | 'wrong_currency' | 'wrong_reference') => {
    const id = bodyOf(await authorize(sandbox, 'att'))['id'];
    const path = `/v1/authorizations/${id}/captures`;
    await send(sandbox.url('sandbox-a'), { path, key: 'c', body: {} });
    await sandbox.addFault({ provider: 'sandbox-a', kind, operation: 'inquire' });
    return bodyOf(await inquire(sandbox, 'att'));
  };

  it('in every amount', async () => {
    const amount = { value: 5000, currency: 'EUR' };
    const wrong = { amount, authorized_amount: 5000, operations: [{ amount }] };
    expect(await ask('wrong_amount')).toMatchObject(wrong);
  });

  it('in every currency', async () => {
    const amount = { value: 4999, currency: 'USD' };
    expect(await ask('wrong_currency')).toMatchObject({ amount, operations: [{ amount }] });
  });

  it('in the reference', async () => {
    expect(await ask('wrong_reference')).toMatchObject({ reference: 'att-of-another' });
  });
});

describe('a closed port', () => {
  it('refuses connections, drops open ones, and opens under the same number', async () => {
    const agent = new Agent({ keepAlive: true });
    expect(glance(await authorize(sandbox, 'before', {}, { agent }))).toBe('200 authorized');
    await sandbox.addFault({ provider: 'sandbox-a', kind: 'hang' });
    const open = authorize(sandbox, 'open', {}, { agent });
    await eventually(() => sandbox.ledger().totals['sandbox-a']?.requests).toBe(2);
    const id = await sandbox.addFault({ provider: 'sandbox-a', kind: 'refuse' });
    expect(glance(await open)).toBe('ECONNRESET');
    expect(glance(await authorize(sandbox, 'refused', {}, { agent }))).toBe('ECONNREFUSED');
    expect(await sandbox.control('GET', '/providers')).toEqual({
      providers: [
        { id: 'sandbox-a', url: sandbox.url('sandbox-a'), state: 'refusing' },
        { id: 'sandbox-b', url: sandbox.url('sandbox-b'), state: 'listening' },
      ],
    });
    const other = { method: 'GET', path: '/healthz' };
    expect(glance(await send(sandbox.url('sandbox-b'), other))).toBe('200 ok');
    expect(sandbox.ledger().requests).toBe(2);
    await sandbox.removeFault(id);
    expect(glance(await authorize(sandbox, 'after', {}, { agent }))).toBe('200 authorized');
    agent.destroy();
  });

  it('opens by itself after its time, and not before the last fault is gone', async () => {
    await sandbox.addFault({ provider: '*', kind: 'refuse', duration_ms: 800 });
    const second = await sandbox.addFault({ provider: 'sandbox-b', kind: 'refuse' });
    const knock = async (id: string) =>
      glance(await send(sandbox.url(id), { method: 'GET', path: '/healthz' }));
    expect([await knock('sandbox-a'), await knock('sandbox-b')]).toEqual(['ECONNREFUSED', 'ECONNREFUSED']);
    await eventually(() => knock('sandbox-a')).toBe('200 ok');
    expect(await knock('sandbox-b')).toBe('ECONNREFUSED');
    await sandbox.removeFault(second);
    expect(await knock('sandbox-b')).toBe('200 ok');
  });

  it('survives opening and closing in quick succession', async () => {
    for (let round = 0; round < 10; round += 1) {
      const faults = Promise.all([
        sandbox.addFault({ provider: 'sandbox-a', kind: 'refuse' }),
        sandbox.control('DELETE', '/faults'),
        sandbox.addFault({ provider: 'sandbox-a', kind: 'refuse', duration_ms: 1 }),
      ]);
      await faults;
    }
    await sandbox.clearFaults();
    expect(glance(await authorize(sandbox, 'att'))).toBe('200 authorized');
  });

  it('a reset opens it', async () => {
    await sandbox.addFault({ provider: '*', kind: 'refuse' });
    await sandbox.control('POST', '/reset');
    expect(glance(await authorize(sandbox, 'att'))).toBe('200 authorized');
  });
});

describe('which requests are struck', () => {
  const strikes = async (fault: Partial<FaultBody>, references: readonly string[]) => {
    await sandbox.addFault({ provider: 'sandbox-a', kind: 'unauthorized', ...fault });
    const seen: string[] = [];
    for (const reference of references) seen.push(glance(await authorize(sandbox, reference)));
    return seen.map((one) => one.startsWith('401'));
  };

  it('a number of times', async () => {
    expect(await strikes({ times: 2 }, ['a', 'b', 'c'])).toEqual([true, true, false]);
  });

  it('until it is removed', async () => {
    expect(await strikes({ times: null }, ['a', 'b', 'c', 'd'])).toEqual([true, true, true, true]);
    await sandbox.clearFaults();
    expect(glance(await authorize(sandbox, 'e'))).toBe('200 authorized');
  });

  it('a share of them', async () => {
    const references = Array.from({ length: 200 }, (_, number) => `r${number}`);
    const struck = (await strikes({ times: null, probability: 0.3 }, references)).filter(Boolean).length;
    // 200 draws at 0.3: 60 expected, 6.5 standard deviation.
    expect(struck).toBeGreaterThan(34);
    expect(struck).toBeLessThan(86);
  });

  it('of another provider or of every one', async () => {
    expect(await strikes({ provider: 'sandbox-b' }, ['a'])).toEqual([false]);
    expect(await strikes({ provider: '*' }, ['b'])).toEqual([true]);
  });

  const matches: readonly [match: NonNullable<FaultBody['match']>, struck: boolean][] = [
    [{ token: 'tok_visa' }, true],
    [{ token: 'tok_vis' }, false],
    [{ brand: 'visa', merchant: 'acme-eu' }, true],
    [{ brand: 'amex', merchant: 'acme-eu' }, false],
    [{ brand: 'visa', merchant: 'other' }, false],
    [{ reference_prefix: 'pay-1' }, true],
    [{ reference_prefix: 'pay-2' }, false],
  ];
  it.each(matches)('by %j: %s', async (match, struck) => {
    expect(await strikes({ match }, ['pay-1-att'])).toEqual([struck]);
  });

  it('matches operations and inquiries by the facts of their authorization', async () => {
    await authorize(sandbox, 'pay-1');
    await authorize(sandbox, 'pay-2');
    const match = { reference_prefix: 'pay-2' };
    await sandbox.addFault({ provider: '*', kind: 'unauthorized', operation: 'inquire', match });
    expect(glance(await inquire(sandbox, 'pay-1'))).toBe('200 authorized');
    expect(glance(await inquire(sandbox, 'pay-2'))).toBe('401 unauthorized');
    await sandbox.addFault({ provider: '*', kind: 'unauthorized', operation: 'void', match });
    const cancel = (reference: string) =>
      send(sandbox.url('sandbox-a'), { path: '/v1/voids', key: `v-${reference}`, body: { reference } });
    expect(glance(await cancel('pay-1'))).toBe('200 confirmed');
    expect(glance(await cancel('pay-2'))).toBe('401 unauthorized');
  });
});
