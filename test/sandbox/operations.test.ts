import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { FaultBody } from '../../src/sandbox/faults.ts';
import { startSandbox, type TestSandbox } from '../support/start-sandbox.ts';
import {
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

const actions = { capture: 'captures', void: 'voids', refund: 'refunds' } as const;
type Kind = keyof typeof actions;

const operate = (id: unknown, kind: Kind, key: string, body: unknown = {}, call: Partial<Call> = {}) =>
  send(sandbox.url('sandbox-a'), { path: `/v1/authorizations/${id}/${actions[kind]}`, key, body, ...call });

/** An authorization on which this operation is possible. */
async function ready(kind: Kind): Promise<unknown> {
  const id = bodyOf(await authorize(sandbox, 'att'))['id'];
  if (kind === 'refund') await operate(id, 'capture', 'before');
  return id;
}

/** How often the operation was carried out. */
const done = (kind: Kind) =>
  sandbox.ledger().authorizations[0]?.operations.filter((one) => one.operation === kind).length;

const header = (seen: Seen, name: string) => (seen.kind === 'answered' ? seen.headers[name] : undefined);

describe('the reference of an operation', () => {
  it('comes back in answers, inquiry and ledger', async () => {
    const id = bodyOf(await authorize(sandbox, 'att'))['id'];
    const amount = { value: 1000, currency: 'EUR' };
    const captured = bodyOf(await operate(id, 'capture', 'c', { amount, reference: 'capture-1' }));
    expect(captured).toEqual({
      id: expect.any(String),
      authorization_id: id,
      authorization_reference: 'att',
      status: 'confirmed',
      reference: 'capture-1',
      amount,
    });
    const refunded = bodyOf(await operate(id, 'refund', 'r', { reference: '~!' }));
    expect(refunded['reference']).toBe('~!');
    expect(bodyOf(await inquire(sandbox, 'att'))['operations']).toEqual([
      { id: captured['id'], operation: 'capture', reference: 'capture-1', status: 'confirmed', amount },
      { id: refunded['id'], operation: 'refund', reference: '~!', status: 'confirmed', amount },
    ]);
    expect(sandbox.ledger().authorizations[0]?.operations.map((one) => one.reference)).toEqual([
      'capture-1',
      '~!',
    ]);
  });

  it('is given to voids by id and by reference', async () => {
    const id = bodyOf(await authorize(sandbox, 'one'))['id'];
    expect(bodyOf(await operate(id, 'void', 'v1', { reference: 'void-1' }))['reference']).toBe('void-1');
    await authorize(sandbox, 'two');
    const body = { reference: 'two', operation_reference: 'void-2' };
    const seen = await send(sandbox.url('sandbox-a'), { path: '/v1/voids', key: 'v2', body });
    expect(bodyOf(seen)).toMatchObject({ status: 'confirmed', reference: 'void-2' });
    expect(bodyOf(await inquire(sandbox, 'two'))).toMatchObject({
      status: 'voided',
      operations: [{ operation: 'void', reference: 'void-2', amount: { value: 4999, currency: 'EUR' } }],
    });
  });

  it('is left out of the first answer and its replays', async () => {
    const first = await authorize(sandbox, 'att');
    expect(bodyOf(first)['operations']).toEqual([]);
    await operate(bodyOf(first)['id'], 'capture', 'c', { reference: 'capture-1' });
    const replay = await authorize(sandbox, 'att');
    expect(replay.kind === 'answered' && replay.text).toBe(first.kind === 'answered' && first.text);
  });

  it('belongs to the body that a key stands for', async () => {
    const id = bodyOf(await authorize(sandbox, 'att'))['id'];
    await operate(id, 'capture', 'c', { reference: 'one' });
    expect(glance(await operate(id, 'capture', 'c', { reference: 'two' }))).toBe('422 idempotency_mismatch');
    expect(glance(await operate(id, 'capture', 'c', { reference: 'one' }))).toBe('200 confirmed');
  });

  it.each(['', 'with blank', 'ü', 'x'.repeat(65), 7])(
    'is visible ASCII: %j is refused',
    async (reference) => {
      const id = bodyOf(await authorize(sandbox, 'att'))['id'];
      for (const kind of ['capture', 'void', 'refund'] as const) {
        expect(glance(await operate(id, kind, 'k', { reference }))).toBe('400 invalid_request');
      }
      const body = { reference: 'att', operation_reference: reference };
      const seen = await send(sandbox.url('sandbox-a'), { path: '/v1/voids', key: 'v', body });
      expect(glance(seen)).toBe('400 invalid_request');
      expect(sandbox.liveAuthorizations()).toHaveLength(1);
    },
  );
});

describe('tok_capture_fails', () => {
  it('refuses captures, keeps their key free, and can be voided', async () => {
    const id = bodyOf(await authorize(sandbox, 'att', { token: 'tok_capture_fails' }))['id'];
    expect(glance(await inquire(sandbox, 'att'))).toBe('200 authorized');
    expect(glance(await operate(id, 'capture', 'k'))).toBe('409 capture_refused');
    const tooMuch = { amount: { value: 5000, currency: 'EUR' } };
    expect(glance(await operate(id, 'capture', 'k', tooMuch))).toBe('409 invalid_state');
    expect(glance(await operate(id, 'void', 'k'))).toBe('200 confirmed');
    expect(sandbox.ledger().totals['sandbox-a']).toMatchObject({ captures: 0, voided: 1 });
  });

  it('is refused when misspelt', async () => {
    expect(glance(await authorize(sandbox, 'att', { token: 'tok_capture_fail' }))).toBe(
      '400 invalid_request',
    );
  });
});

type Fault = Omit<FaultBody, 'provider' | 'operation'>;

/** What the caller sees, whether it was carried out, and what a repeat under the same key says. */
const table: readonly [fault: Fault, seen: string, isDone: boolean, repeat: string][] = [
  [{ kind: 'reset_before' }, 'ECONNRESET', false, '200 confirmed'],
  [{ kind: 'reset_after' }, 'ECONNRESET', true, '200 confirmed'],
  [{ kind: 'hang' }, 'gave_up', false, '200 confirmed'],
  [{ kind: 'hang', processed: true }, 'gave_up', true, '200 confirmed'],
  [{ kind: 'late', delay_ms: 40 }, '200 confirmed', true, '200 confirmed'],
  [{ kind: 'slow', delay_ms: 40 }, '200 confirmed', true, '200 confirmed'],
  [{ kind: 'slow_drip', delay_ms: 40 }, '200 confirmed', true, '200 confirmed'],
  [{ kind: 'rate_limited' }, '429 rate_limited', false, '200 confirmed'],
  [{ kind: 'unauthorized' }, '401 unauthorized', false, '200 confirmed'],
  [{ kind: 'refused' }, '409 invalid_state', false, '200 confirmed'],
  [{ kind: 'error', status: 503 }, '503 provider_error', false, '200 confirmed'],
  [{ kind: 'error', ambiguous: true }, '500 provider_error', false, '500 provider_error'],
  [{ kind: 'error', status: 502, processed: true }, '502 provider_error', true, '502 provider_error'],
  [{ kind: 'truncated' }, 'ECONNRESET', true, '200 confirmed'],
  [{ kind: 'wrong_length' }, 'ECONNRESET', true, '200 confirmed'],
  [{ kind: 'garbage' }, '200 not JSON', true, '200 confirmed'],
  [{ kind: 'gzip_bomb' }, '200 not JSON', true, '200 confirmed'],
  [{ kind: 'wrong_amount' }, '200 confirmed', true, '200 confirmed'],
  [{ kind: 'wrong_currency' }, '200 confirmed', true, '200 confirmed'],
  [{ kind: 'wrong_reference' }, '200 confirmed', true, '200 confirmed'],
  [{ kind: 'duplicate' }, '200 confirmed', true, '200 confirmed'],
];

describe.each(['capture', 'void', 'refund'] as const)('faults of a %s', (kind) => {
  it.each(table)('%j: %s', async (fault, seen, isDone, repeat) => {
    const id = await ready(kind);
    await sandbox.addFault({ provider: 'sandbox-a', operation: kind, ...fault });
    const caller = new AbortController();
    const requests = sandbox.ledger().requests;
    const first = operate(id, kind, 'k', {}, { signal: caller.signal });
    if (seen === 'gave_up') {
      await eventually(() => sandbox.ledger().requests).toBe(requests + 1);
      setTimeout(() => caller.abort(), 60);
    }
    expect(glance(await first)).toBe(seen);
    expect(done(kind)).toBe(Number(isDone));
    expect(glance(await operate(id, kind, 'k'))).toBe(repeat);
    expect(done(kind)).toBe(Number(isDone || repeat.startsWith('200')));
  });

  it('a repeat hears that the first one is still running, and is not lost', async () => {
    const id = await ready(kind);
    await sandbox.addFault({ provider: 'sandbox-a', kind: 'slow', delay_ms: 900, operation: kind });
    const requests = sandbox.ledger().requests;
    const slow = operate(id, kind, 'k');
    await eventually(() => sandbox.ledger().requests).toBe(requests + 1);
    for (let number = 0; number < 5; number += 1) {
      expect(glance(await operate(id, kind, 'k'))).toBe('409 in_progress');
    }
    expect(done(kind)).toBe(0);
    expect(glance(await slow)).toBe('200 confirmed');
    expect(glance(await operate(id, kind, 'k'))).toBe('200 confirmed');
    expect(sandbox.ledger().authorizations[0]?.operations.at(-1)).toMatchObject({ key: 'k', asked: 7 });
  });

  it('wrong answers stay wrong in the repeat and are right in the inquiry', async () => {
    const id = await ready(kind);
    await sandbox.addFault({ provider: 'sandbox-a', kind: 'wrong_currency', operation: kind });
    const amount = { value: 4999, currency: 'USD' };
    expect(bodyOf(await operate(id, kind, 'k'))['amount']).toEqual(amount);
    expect(bodyOf(await operate(id, kind, 'k'))['amount']).toEqual(amount);
    const { operations } = bodyOf(await inquire(sandbox, 'att'));
    expect((operations as unknown[]).at(-1)).toMatchObject({ amount: { value: 4999, currency: 'EUR' } });
  });

  it('a duplicate is asked twice and carried out once', async () => {
    const id = await ready(kind);
    await sandbox.addFault({ provider: 'sandbox-a', kind: 'duplicate', operation: kind });
    await operate(id, kind, 'k');
    expect(sandbox.ledger().authorizations[0]?.operations.at(-1)).toMatchObject({ key: 'k', asked: 2 });
  });

  it('nothing that was carried out is refused afterwards, or said not to be processed', async () => {
    const id = await ready(kind);
    const body = kind === 'void' ? {} : { amount: { value: 1, currency: 'EUR' }, reference: 'op-1' };
    await operate(id, kind, 'k', body);
    await sandbox.addFault({ provider: 'sandbox-a', kind: 'refused', operation: kind });
    expect(glance(await operate(id, kind, 'k', body))).toBe('200 confirmed');
    await sandbox.addFault({ provider: 'sandbox-a', kind: 'error', operation: kind });
    expect(header(await operate(id, kind, 'k', body), 'x-not-processed')).toBeUndefined();
  });

  it('faults strike the answers of received operations too', async () => {
    await sandbox.setTraits({ provider: '*', operations: 'received', operation_delay_ms: 20 });
    const id = await ready(kind);
    await eventually(() => sandbox.ledger().authorizations[0]?.captured_amount).toBe(
      kind === 'refund' ? 4999 : 0,
    );
    await sandbox.addFault({ provider: '*', kind: 'wrong_amount', operation: kind });
    const seen = await operate(id, kind, 'k');
    expect(glance(seen)).toBe('202 received');
    expect(bodyOf(seen)['amount']).toEqual({ value: 5000, currency: 'EUR' });
    await eventually(() => sandbox.ledger().authorizations[0]?.operations.at(-1)).toMatchObject({
      key: 'k',
      amount: 4999,
      status: 'confirmed',
    });
  });
});
