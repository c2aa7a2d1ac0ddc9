import { describe, expect, it, onTestFinished } from 'vitest';
import type { TraitsBody } from '../../src/sandbox/traits.ts';
import { startSandbox, type TestSandbox } from '../support/start-sandbox.ts';
import { authorize, bodyOf, eventually, glance, inquire, send } from './sandbox-client.ts';

/** A sandbox whose clock moves on demand; timers follow the machine's. */
async function world(traits: Omit<TraitsBody, 'provider'>) {
  let nowMs = 1_790_000_000_000;
  const sandbox = await startSandbox(['sandbox-a', 'sandbox-b'], { now: () => nowMs });
  onTestFinished(() => sandbox.close());
  await sandbox.setTraits({ provider: 'sandbox-a', ...traits });
  const operate = (id: unknown, action: string, key: string, body: unknown = {}) =>
    send(sandbox.url('sandbox-a'), { path: `/v1/authorizations/${id}/${action}`, key, body });
  const cancel = (reference: string, key = `void-${reference}`) =>
    send(sandbox.url('sandbox-a'), { path: '/v1/voids', key, body: { reference } });
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { sandbox, operate, cancel, pass };
}

const asked = (sandbox: TestSandbox) => sandbox.ledger().authorizations.map((row) => row.asked);

describe('replay: success_only', () => {
  it.each([500, 404])('a processed %i is not kept: the same key is a second payment', async (status) => {
    const { sandbox } = await world({ replay: 'success_only' });
    await sandbox.addFault({ provider: 'sandbox-a', kind: 'error', status, processed: true });
    expect(glance(await authorize(sandbox, 'att'))).toMatch(String(status));
    expect(glance(await inquire(sandbox, 'att'))).toBe('200 authorized');
    expect(glance(await authorize(sandbox, 'att'))).toBe('200 authorized');
    expect(sandbox.liveAuthorizations('att').map((row) => row.key)).toEqual(['key-att', 'key-att']);
    expect(sandbox.ledger().totals['sandbox-a']).toMatchObject({ replayed: 0, live: 2 });
    // The second was a success, and is kept.
    expect(glance(await authorize(sandbox, 'att'))).toBe('200 authorized');
    expect(asked(sandbox)).toEqual([1, 2]);
  });

  it('does not say that nothing was processed once something was', async () => {
    const { sandbox, operate } = await world({ replay: 'success_only' });
    const id = bodyOf(await authorize(sandbox, 'att'))['id'];
    const add = (processed: boolean) =>
      sandbox.addFault({ provider: 'sandbox-a', kind: 'error', operation: 'capture', processed });
    await add(true);
    expect(glance(await operate(id, 'captures', 'c'))).toBe('500 provider_error');
    await add(false);
    const again = await operate(id, 'captures', 'c');
    expect(again.kind === 'answered' && again.headers['x-not-processed']).toBeUndefined();
  });

  it('keeps no failure that was not processed either', async () => {
    const { sandbox } = await world({ replay: 'success_only' });
    await sandbox.addFault({ provider: 'sandbox-a', kind: 'error', ambiguous: true });
    expect(glance(await authorize(sandbox, 'att'))).toBe('500 provider_error');
    expect(glance(await authorize(sandbox, 'att'))).toBe('200 authorized');
  });

  it.each(['reset_after', 'garbage'] as const)('keeps a success that %s spoilt on the way', async (kind) => {
    const { sandbox } = await world({ replay: 'success_only' });
    await sandbox.addFault({ provider: 'sandbox-a', kind });
    await authorize(sandbox, 'att');
    expect(glance(await authorize(sandbox, 'att'))).toBe('200 authorized');
    expect(asked(sandbox)).toEqual([2]);
  });

  it('carries an operation out again', async () => {
    const { sandbox, operate } = await world({ replay: 'success_only' });
    const id = bodyOf(await authorize(sandbox, 'att'))['id'];
    await sandbox.addFault({ provider: 'sandbox-a', kind: 'error', operation: 'capture', processed: true });
    const amount = { amount: { value: 1000, currency: 'EUR' } };
    expect(glance(await operate(id, 'captures', 'c', amount))).toBe('500 provider_error');
    expect(glance(await operate(id, 'captures', 'c', amount))).toBe('200 confirmed');
    expect(bodyOf(await inquire(sandbox, 'att'))['captured_amount']).toBe(2000);
    expect(glance(await operate(id, 'captures', 'c', amount))).toBe('200 confirmed');
    expect(bodyOf(await inquire(sandbox, 'att'))['captured_amount']).toBe(2000);
  });

  it('forgets a dropped row without the key of its successor', async () => {
    const sandbox = await startSandbox(['sandbox-a'], { ledgerRowsMax: 2 });
    onTestFinished(() => sandbox.close());
    await sandbox.setTraits({ provider: '*', replay: 'success_only' });
    await sandbox.addFault({ provider: '*', kind: 'error', processed: true });
    await authorize(sandbox, 'att');
    await authorize(sandbox, 'att');
    // The first row of two has to go.
    await authorize(sandbox, 'other');
    expect(glance(await authorize(sandbox, 'att'))).toBe('200 authorized');
    expect(sandbox.ledger().authorizations.map((row) => [row.reference, row.asked])).toEqual([
      ['att', 2],
      ['other', 1],
    ]);
  });
});

describe('key_lifetime_ms', () => {
  it('forgets a key after it: the same key is a second payment', async () => {
    const { sandbox, pass } = await world({ key_lifetime_ms: 86_400_000 });
    await authorize(sandbox, 'att');
    pass(86_399_999);
    await authorize(sandbox, 'att');
    expect(asked(sandbox)).toEqual([2]);
    pass(1);
    expect(glance(await authorize(sandbox, 'att', { merchant: 'other' }))).toBe('200 authorized');
    expect(asked(sandbox)).toEqual([2, 1]);
    expect(sandbox.liveAuthorizations('att')).toHaveLength(2);
  });

  it('forgets the keys of operations and of failures', async () => {
    const { sandbox, operate, pass } = await world({ key_lifetime_ms: 1000 });
    const id = bodyOf(await authorize(sandbox, 'att'))['id'];
    const amount = { amount: { value: 1, currency: 'EUR' } };
    await operate(id, 'captures', 'c', amount);
    await sandbox.addFault({ provider: 'sandbox-a', kind: 'error', ambiguous: true });
    await authorize(sandbox, 'failed');
    expect(glance(await authorize(sandbox, 'failed'))).toBe('500 provider_error');
    pass(1000);
    await operate(id, 'captures', 'c', amount);
    expect(bodyOf(await inquire(sandbox, 'att'))['captured_amount']).toBe(2);
    expect(glance(await authorize(sandbox, 'failed'))).toBe('200 authorized');
  });

  it('lets a request that still runs keep its key', async () => {
    const { sandbox, pass } = await world({ key_lifetime_ms: 1000 });
    await sandbox.addFault({ provider: 'sandbox-a', kind: 'slow', delay_ms: 600 });
    const slow = authorize(sandbox, 'att');
    await eventually(() => sandbox.ledger().authorizations.length).toBe(1);
    pass(5000);
    expect(glance(await authorize(sandbox, 'att'))).toBe('409 in_progress');
    expect(glance(await slow)).toBe('200 authorized');
    expect(sandbox.ledger().authorizations).toHaveLength(1);
  });
});

describe('inquiry_delay_ms', () => {
  it('hides an authorization from inquiries by reference and by id until then', async () => {
    const { sandbox, pass } = await world({ inquiry_delay_ms: 40_000 });
    const id = bodyOf(await authorize(sandbox, 'att'))['id'];
    const byId = () => send(sandbox.url('sandbox-a'), { method: 'GET', path: `/v1/authorizations/${id}` });
    pass(39_999);
    expect(glance(await inquire(sandbox, 'att'))).toBe('404 not_found');
    expect(glance(await byId())).toBe('404 not_found');
    expect(sandbox.liveAuthorizations()).toHaveLength(1);
    pass(1);
    expect(glance(await inquire(sandbox, 'att'))).toBe('200 authorized');
    expect(glance(await byId())).toBe('200 authorized');
  });

  it('hides operations and what they did', async () => {
    const { sandbox, operate, cancel, pass } = await world({ inquiry_delay_ms: 1000 });
    const id = bodyOf(await authorize(sandbox, 'att'))['id'];
    await authorize(sandbox, 'gone', { token: 'tok_partial_40' });
    pass(1000);
    const amount = { value: 1000, currency: 'EUR' };
    await operate(id, 'captures', 'c1', { amount, reference: 'capture-1' });
    await cancel('gone');
    pass(500);
    await operate(id, 'captures', 'c2', { amount, reference: 'capture-2' });
    await operate(id, 'refunds', 'r', { amount, reference: 'refund' });
    expect(bodyOf(await inquire(sandbox, 'att'))).toMatchObject({ captured_amount: 0, operations: [] });
    expect(bodyOf(await inquire(sandbox, 'gone'))).toMatchObject({
      status: 'partially_authorized',
      operations: [],
    });
    pass(500);
    expect(bodyOf(await inquire(sandbox, 'att'))).toMatchObject({
      captured_amount: 1000,
      refunded_amount: 0,
      operations: [{ reference: 'capture-1', status: 'confirmed', amount }],
    });
    expect(bodyOf(await inquire(sandbox, 'gone'))['status']).toBe('voided');
    pass(500);
    const all = bodyOf(await inquire(sandbox, 'att'));
    expect(all).toMatchObject({ captured_amount: 2000, refunded_amount: 1000 });
    expect(all['operations']).toHaveLength(3);
  });

  it('shows the older of two under one reference first', async () => {
    const { sandbox, pass } = await world({ inquiry_delay_ms: 1000 });
    await authorize(sandbox, 'att', { token: 'tok_decline_05' }, { key: 'one' });
    pass(600);
    await authorize(sandbox, 'att', {}, { key: 'two' });
    pass(600);
    expect(glance(await inquire(sandbox, 'att'))).toBe('200 declined');
    pass(600);
    expect(glance(await inquire(sandbox, 'att'))).toBe('200 authorized');
  });
});

describe('operations: received', () => {
  const soon = { operations: 'received', operation_delay_ms: 50 } as const;
  const never = { operations: 'received', operation_delay_ms: 600_000 } as const;

  it('answers 202, shows pending, and takes effect later', async () => {
    const { sandbox, operate, cancel } = await world({ operations: 'received', operation_delay_ms: 700 });
    const id = bodyOf(await authorize(sandbox, 'att'))['id'];
    const amount = { value: 1000, currency: 'EUR' };
    const received = await operate(id, 'captures', 'c', { amount, reference: 'capture-1' });
    expect(received).toMatchObject({ status: 202 });
    expect(bodyOf(received)).toEqual({
      id: expect.any(String),
      authorization_id: id,
      authorization_reference: 'att',
      status: 'received',
      reference: 'capture-1',
      amount,
    });
    const operation = { id: bodyOf(received)['id'], operation: 'capture', reference: 'capture-1', amount };
    expect(bodyOf(await inquire(sandbox, 'att'))).toMatchObject({
      captured_amount: 0,
      operations: [{ ...operation, status: 'pending' }],
    });
    await eventually(async () => bodyOf(await inquire(sandbox, 'att'))).toMatchObject({
      captured_amount: 1000,
      operations: [{ ...operation, status: 'confirmed' }],
    });
    // The replay repeats the first answer.
    expect(await operate(id, 'captures', 'c', { amount, reference: 'capture-1' })).toMatchObject({
      status: 202,
      text: received.kind === 'answered' ? received.text : '',
    });
    expect(sandbox.ledger().totals['sandbox-a']?.captures).toBe(1);

    await operate(id, 'refunds', 'r', { amount });
    await authorize(sandbox, 'gone');
    expect(glance(await cancel('gone'))).toBe('202 received');
    expect(sandbox.liveAuthorizations('gone')).toHaveLength(1);
    await eventually(async () => glance(await inquire(sandbox, 'gone'))).toBe('200 voided');
    await eventually(async () => bodyOf(await inquire(sandbox, 'att'))['refunded_amount']).toBe(1000);
  });

  it('fails them when asked, and nothing happened', async () => {
    const { sandbox, operate, cancel } = await world({ ...soon, operation_result: 'failed' });
    const id = bodyOf(await authorize(sandbox, 'att'))['id'];
    expect(glance(await operate(id, 'captures', 'c'))).toBe('202 received');
    expect(glance(await cancel('att'))).toBe('202 received');
    await eventually(() => sandbox.ledger().authorizations[0]?.operations.map((one) => one.status)).toEqual([
      'failed',
      'failed',
    ]);
    expect(bodyOf(await inquire(sandbox, 'att'))).toMatchObject({ status: 'authorized', captured_amount: 0 });
    expect(sandbox.ledger().totals['sandbox-a']).toMatchObject({ captures: 0, voided: 0, live: 1 });
    // A new key may try again.
    await sandbox.setTraits({ provider: '*' });
    expect(glance(await cancel('att', 'again'))).toBe('200 confirmed');
  });

  it('takes the hold behind a decline back after a void that failed', async () => {
    const { sandbox, cancel } = await world({ ...soon, operation_result: 'failed' });
    await authorize(sandbox, 'att', { token: 'tok_decline_hidden' });
    await cancel('att', 'one');
    await eventually(() => sandbox.ledger().authorizations[0]?.operations[0]?.status).toBe('failed');
    await sandbox.setTraits({ provider: '*' });
    expect(glance(await cancel('att', 'two'))).toBe('200 confirmed');
    expect(glance(await cancel('att', 'three'))).toBe('409 invalid_state');
  });

  it('fails what another one overtook', async () => {
    const { sandbox, operate, cancel } = await world(never);
    const id = bodyOf(await authorize(sandbox, 'att'))['id'];
    await sandbox.setTraits({ provider: 'sandbox-a', operations: 'received', operation_delay_ms: 300 });
    await operate(id, 'captures', 'c1');
    await operate(id, 'captures', 'c2');
    await cancel('att');
    await eventually(() => sandbox.ledger().authorizations[0]?.operations.map((one) => one.status)).toEqual([
      'confirmed',
      'failed',
      'failed',
    ]);
    expect(bodyOf(await inquire(sandbox, 'att'))).toMatchObject({
      captured_amount: 4999,
      status: 'authorized',
    });
  });

  it('refuses at once what the state does not allow', async () => {
    const { sandbox, operate } = await world(soon);
    const id = bodyOf(await authorize(sandbox, 'att'))['id'];
    expect(glance(await operate(id, 'refunds', 'r'))).toBe('409 invalid_state');
    const other = { amount: { value: 1, currency: 'USD' } };
    expect(glance(await operate(id, 'captures', 'c', other))).toBe('409 invalid_state');
    expect(sandbox.ledger().authorizations[0]?.operations).toEqual([]);
  });

  it('is forgotten by a reset', async () => {
    const { sandbox, cancel } = await world(soon);
    await authorize(sandbox, 'att');
    await cancel('att');
    await sandbox.control('POST', '/reset');
    await authorize(sandbox, 'att');
    await new Promise((resolve) => setTimeout(resolve, 120));
    expect(glance(await inquire(sandbox, 'att'))).toBe('200 authorized');
    expect(sandbox.ledger().totals['sandbox-a']).toMatchObject({ voided: 0, live: 1 });
  });

  it('stays within 100 operations for one authorization', async () => {
    const { sandbox, operate } = await world(never);
    const id = bodyOf(await authorize(sandbox, 'att'))['id'];
    const seen: string[] = [];
    for (let number = 0; number <= 100; number += 1) {
      seen.push(glance(await operate(id, 'captures', `c${number}`)));
    }
    expect(new Set(seen.slice(0, 100))).toEqual(new Set(['202 received']));
    expect(seen[100]).toBe('409 invalid_state');
  });
});

describe('void_unknown', () => {
  it('ok: answers that nothing was found, and what is on its way lands all the same', async () => {
    const { sandbox, cancel } = await world({ void_unknown: 'ok' });
    const nothing = await cancel('att');
    expect(glance(nothing)).toBe('200 nothing_found');
    expect(bodyOf(nothing)).toEqual({ status: 'nothing_found', reference: 'att' });
    await sandbox.addFault({ provider: 'sandbox-a', kind: 'slow', delay_ms: 500 });
    const slow = authorize(sandbox, 'att');
    await eventually(() => sandbox.ledger().authorizations.length).toBe(1);
    expect(glance(await cancel('att'))).toBe('200 nothing_found');
    expect(glance(await slow)).toBe('200 authorized');
    expect(sandbox.liveAuthorizations('att')).toHaveLength(1);
    // Nothing was done, so that the key is still free.
    expect(glance(await cancel('att'))).toBe('200 confirmed');
    expect(sandbox.liveAuthorizations('att')).toEqual([]);
  });

  it('not_found: 404, and what is still in progress is cancelled', async () => {
    const { sandbox, cancel } = await world({});
    expect(glance(await cancel('att'))).toBe('404 not_found');
    await sandbox.addFault({ provider: 'sandbox-a', kind: 'slow', delay_ms: 500 });
    const slow = authorize(sandbox, 'att');
    await eventually(() => sandbox.ledger().authorizations.length).toBe(1);
    expect(glance(await cancel('att'))).toBe('200 confirmed');
    expect(glance(await slow)).toBe('200 voided');
    // Byte for byte the first answer.
    expect(await authorize(sandbox, 'att')).toMatchObject({ text: textOf(await slow) });
  });

  it('is struck by faults as every other void', async () => {
    const { sandbox, cancel } = await world({ void_unknown: 'ok' });
    const match = { reference_prefix: 'att' };
    await sandbox.addFault({ provider: 'sandbox-a', kind: 'reset_after', operation: 'void', match });
    expect(glance(await cancel('att'))).toBe('ECONNRESET');
    await sandbox.addFault({ provider: 'sandbox-a', kind: 'rate_limited', operation: 'void' });
    expect(glance(await cancel('att'))).toBe('429 rate_limited');
    expect(glance(await cancel('att'))).toBe('200 nothing_found');
  });
});

function textOf(seen: Awaited<ReturnType<typeof authorize>>): string {
  return seen.kind === 'answered' ? seen.text : '';
}

describe('authorization_validity_ms', () => {
  it('expires what was not captured', async () => {
    const { sandbox, operate, cancel, pass } = await world({ authorization_validity_ms: 1000 });
    const first = await authorize(sandbox, 'att');
    const id = bodyOf(first)['id'];
    await authorize(sandbox, 'part', { token: 'tok_partial_40' });
    await authorize(sandbox, 'declined', { token: 'tok_decline_05' });
    await authorize(sandbox, 'pending', { token: 'tok_pending' });
    const captured = bodyOf(await authorize(sandbox, 'captured'))['id'];
    await operate(captured, 'captures', 'c', { amount: { value: 1, currency: 'EUR' } });
    pass(999);
    expect(sandbox.liveAuthorizations()).toHaveLength(3);
    pass(1);
    // Nobody looked at a row, and the counters know.
    expect(await sandbox.control('GET', '/ledger?limit=0')).toMatchObject({
      totals: { 'sandbox-a': { expired: 2, live: 1, pending: 1, declined: 1 } },
    });
    expect(sandbox.liveAuthorizations().map((row) => row.reference)).toEqual(['captured']);
    expect(glance(await inquire(sandbox, 'att'))).toBe('200 expired');
    expect(glance(await inquire(sandbox, 'part'))).toBe('200 expired');
    expect(glance(await inquire(sandbox, 'declined'))).toBe('200 declined');
    expect(glance(await inquire(sandbox, 'captured'))).toBe('200 authorized');
    expect(glance(await operate(id, 'captures', 'c2'))).toBe('409 invalid_state');
    expect(glance(await cancel('att'))).toBe('409 invalid_state');
    // The first answer stays the first answer.
    expect(await authorize(sandbox, 'att')).toMatchObject({ text: textOf(first) });
    expect(sandbox.ledger().totals['sandbox-a']).toMatchObject({ expired: 2, voided: 0, live: 1 });
  });

  it('expires under a request that is slow', async () => {
    const { sandbox, operate, pass } = await world({ authorization_validity_ms: 1000 });
    const id = bodyOf(await authorize(sandbox, 'att'))['id'];
    await sandbox.addFault({ provider: '*', kind: 'slow', delay_ms: 300, operation: 'capture' });
    const slow = operate(id, 'captures', 'c');
    await eventually(() => sandbox.ledger().requests).toBe(2);
    pass(1000);
    expect(glance(await slow)).toBe('409 invalid_state');
  });

  it('carries out what was received in time', async () => {
    const { sandbox, operate, pass } = await world({
      authorization_validity_ms: 1000,
      operations: 'received',
      operation_delay_ms: 200,
    });
    const id = bodyOf(await authorize(sandbox, 'att'))['id'];
    await operate(id, 'captures', 'c');
    pass(5000);
    expect(glance(await inquire(sandbox, 'att'))).toBe('200 authorized');
    await eventually(async () => bodyOf(await inquire(sandbox, 'att'))['captured_amount']).toBe(4999);
    expect(glance(await inquire(sandbox, 'att'))).toBe('200 authorized');
  });
});

describe('the traits of a provider', () => {
  const plain = {
    replay: 'same_answer',
    key_lifetime_ms: null,
    inquiry_delay_ms: 0,
    operations: 'confirmed',
    operation_delay_ms: 500,
    operation_result: 'confirmed',
    void_unknown: 'not_found',
    authorization_validity_ms: null,
  };

  it('are told, replaced as a whole, and cleared', async () => {
    const { sandbox } = await world({ void_unknown: 'ok' });
    const traits = () => sandbox.control('GET', '/traits');
    expect(await traits()).toEqual({
      traits: { 'sandbox-a': { ...plain, void_unknown: 'ok' }, 'sandbox-b': plain },
    });
    const body = { provider: '*', replay: 'success_only' };
    const both = { ...plain, replay: 'success_only' };
    const all = { traits: { 'sandbox-a': both, 'sandbox-b': both } };
    expect(await sandbox.control('PUT', '/traits', body)).toEqual(all);
    expect(await traits()).toEqual(all);
    await sandbox.control('DELETE', '/traits');
    expect(await traits()).toEqual({ traits: { 'sandbox-a': plain, 'sandbox-b': plain } });
    await sandbox.control('PUT', '/traits', body);
    await sandbox.control('POST', '/reset');
    expect(await traits()).toEqual({ traits: { 'sandbox-a': plain, 'sandbox-b': plain } });
  });

  const wrong: readonly [body: unknown, words: string][] = [
    [{}, 'provider'],
    [{ provider: 'sandbox-z' }, 'sandbox-a, sandbox-b'],
    [{ provider: '*', replay: 'never' }, 'success_only'],
    [{ provider: '*', key_lifetime_ms: 0 }, 'key_lifetime_ms'],
    [{ provider: '*', inquiry_delay_ms: 1.5 }, 'inquiry_delay_ms'],
    [{ provider: '*', operation_delay_ms: 600_001 }, 'operation_delay_ms'],
    [{ provider: '*', operation_result: 'failed' }, 'received'],
    [{ provider: '*', colour: 'red' }, 'colour'],
  ];
  it.each(wrong)('refuse %j', async (body, words) => {
    const { sandbox } = await world({});
    await expect(sandbox.control('PUT', '/traits', body)).rejects.toThrow(words);
  });
});
