import { Agent } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { startSandbox as startServer } from '../../src/sandbox/sandbox-server.ts';
import { SANDBOX_KEY, startSandbox, type TestSandbox } from '../support/start-sandbox.ts';
import { authorization, authorize, bodyOf, eventually, glance, inquire, send } from './sandbox-client.ts';

let sandbox: TestSandbox;
beforeAll(async () => {
  sandbox = await startSandbox();
});
beforeEach(() => sandbox.control('POST', '/reset'));
afterAll(() => sandbox.close());

const operate = (path: string, key: string, body: unknown = {}) =>
  send(sandbox.url('sandbox-a'), { path: `/v1/authorizations/${path}`, key, body });

describe('authorizations', () => {
  it('approves, and tells the truth afterwards by id, by reference and in the ledger', async () => {
    const seen = await authorize(sandbox, 'att-1', { merchant_reference: 'order-1' });
    expect(glance(seen)).toBe('200 authorized');
    const body = bodyOf(seen);
    expect(body).toMatchObject({
      reference: 'att-1',
      amount: { value: 4999, currency: 'EUR' },
      authorized_amount: 4999,
      captured_amount: 0,
      refunded_amount: 0,
      decline: null,
      network_transaction: { network: 'visa' },
    });
    expect(bodyOf(await inquire(sandbox, 'att-1'))).toEqual(body);
    const byId = { method: 'GET', path: `/v1/authorizations/${body['id']}` };
    expect(bodyOf(await send(sandbox.url('sandbox-a'), byId))).toEqual(body);
    // Another provider does not know it.
    expect(glance(await send(sandbox.url('sandbox-b'), byId))).toBe('404 not_found');
    expect(sandbox.ledger().authorizations).toEqual([
      expect.objectContaining({
        provider: 'sandbox-a',
        id: body['id'],
        reference: 'att-1',
        merchant: 'acme-eu',
        merchant_reference: 'order-1',
        key: 'key-att-1',
        live: true,
        asked: 1,
      }),
    ]);
    expect(sandbox.ledger().totals['sandbox-a']).toMatchObject({ requests: 1, authorized: 1, live: 1 });
    expect(sandbox.ledger().requests).toBe(1);
  });

  const tokens: readonly [token: string, glance: string, decline: unknown, authorized: number][] = [
    ['tok_visa', '200 authorized', null, 4999],
    ['pm_anything', '200 authorized', null, 4999],
    ...['05', '51', '54', '57', '14', '41', '59', '62', '91', '96', '65', '1A', 'ZZ', '130'].map(
      (code): [string, string, unknown, number] => [
        `tok_decline_${code}`,
        '200 declined',
        { code: `issuer_${code}`, network_code: code, advice: null, after_approval: false },
        0,
      ],
    ),
    [
      'tok_decline_05_mac_03',
      '200 declined',
      { code: 'issuer_05', network_code: '05', advice: '03', after_approval: false },
      0,
    ],
    [
      'tok_decline_hidden',
      '200 declined',
      { code: 'declined_after_approval', network_code: null, advice: null, after_approval: true },
      0,
    ],
    [
      'tok_risk',
      '200 declined',
      { code: 'risk_blocked', network_code: null, advice: null, after_approval: false },
      0,
    ],
    ['tok_partial_40', '200 partially_authorized', null, 1999],
    ['tok_partial_29', '200 partially_authorized', null, 1449],
    ['tok_3ds', '200 authentication_required', null, 0],
    ['tok_pending', '200 pending', null, 0],
  ];
  it.each(tokens)('%s: %s', async (token, expected, decline, authorized) => {
    const seen = await authorize(sandbox, 'att', { token });
    expect(glance(seen)).toBe(expected);
    expect(bodyOf(seen)).toMatchObject({ decline, authorized_amount: authorized });
    const status = expected.slice('200 '.length);
    const live = status === 'authorized' || status === 'partially_authorized';
    expect(sandbox.ledger().authorizations).toEqual([expect.objectContaining({ status, live })]);
    expect(sandbox.ledger().totals['sandbox-a']).toMatchObject({ [status]: 1, live: Number(live) });
  });

  const refused: readonly [what: string, changes: Record<string, unknown>, expected: string][] = [
    ['tok_not_supported', { token: 'tok_not_supported' }, '422 not_supported'],
    ['tok_invalid', { token: 'tok_invalid' }, '400 invalid_request'],
    ['a misspelt magic token', { token: 'tok_decline_insufficient' }, '400 invalid_request'],
    ['a part of everything', { token: 'tok_partial_100' }, '400 invalid_request'],
    ['a card number', { token: '4111 1111 1111 1111' }, '400 invalid_request'],
    ['amount 0', { amount: { value: 0, currency: 'EUR' } }, '400 invalid_request'],
    ['a fraction', { amount: { value: 10.5, currency: 'EUR' } }, '400 invalid_request'],
    ['an unsafe integer', { amount: { value: 2 ** 53, currency: 'EUR' } }, '400 invalid_request'],
    ['a currency in small letters', { amount: { value: 1, currency: 'eur' } }, '400 invalid_request'],
    ['automatic capture', { capture: 'automatic' }, '400 invalid_request'],
    ['no reference', { reference: '' }, '400 invalid_request'],
  ];
  it.each(refused)('refuses %s without processing and leaves the key free', async (_, changes, expected) => {
    expect(glance(await authorize(sandbox, 'att', changes))).toBe(expected);
    expect(sandbox.ledger().authorizations).toEqual([]);
    expect(sandbox.ledger().requests).toBe(1);
    expect(glance(await authorize(sandbox, 'att'))).toBe('200 authorized');
  });

  it('splits the largest amount and the smallest exactly', async () => {
    const value = Number.MAX_SAFE_INTEGER;
    const large = await authorize(sandbox, 'large', {
      token: 'tok_partial_29',
      amount: { value, currency: 'EUR' },
    });
    expect(bodyOf(large)['authorized_amount']).toBe(Number((BigInt(value) * 29n) / 100n));
    const small = await authorize(sandbox, 'small', {
      token: 'tok_partial_29',
      amount: { value: 1, currency: 'JPY' },
    });
    expect(bodyOf(small)).toMatchObject({ status: 'authorized', authorized_amount: 1 });
  });

  it('settles a pending one later, as asked or after its time', async () => {
    await authorize(sandbox, 'asked', { token: 'tok_pending' });
    await sandbox.control('POST', '/settlements', {
      reference: 'asked',
      status: 'declined',
      network_code: '51',
    });
    expect(bodyOf(await inquire(sandbox, 'asked'))).toMatchObject({
      status: 'declined',
      decline: { network_code: '51' },
    });
    // The replay repeats what was answered.
    expect(glance(await authorize(sandbox, 'asked', { token: 'tok_pending' }))).toBe('200 pending');
    await expect(
      sandbox.control('POST', '/settlements', { reference: 'asked', status: 'authorized' }),
    ).rejects.toThrow('409');

    await authorize(sandbox, 'timed', { token: 'tok_pending_20' });
    await eventually(async () => glance(await inquire(sandbox, 'timed'))).toBe('200 authorized');
    expect(sandbox.ledger().totals['sandbox-a']).toMatchObject({ pending: 0, live: 1, declined: 1 });
  });
});

describe('a settlement that overturns', () => {
  const overturn = (reference: string) =>
    sandbox.control('POST', '/settlements', { reference, status: 'authorized', overturn: true });

  it('authorizes what was declined; the replay repeats the decline, and the money can be voided', async () => {
    const first = bodyOf(await authorize(sandbox, 'att', { token: 'tok_decline_05' }));
    await overturn('att');
    const now = bodyOf(await inquire(sandbox, 'att'));
    expect(now).toMatchObject({ status: 'authorized', authorized_amount: 4999, decline: null });
    expect(bodyOf(await authorize(sandbox, 'att', { token: 'tok_decline_05' }))).toEqual(first);
    expect(sandbox.liveAuthorizations()).toHaveLength(1);
    expect(glance(await operate(`${first['id']}/voids`, 'void', {}))).toBe('200 confirmed');
    expect(sandbox.liveAuthorizations()).toEqual([]);
  });

  it('authorizes what was voided, and it can be voided once more', async () => {
    const { id } = bodyOf(await authorize(sandbox, 'att'));
    await operate(`${id}/voids`, 'void', {});
    await overturn('att');
    expect(sandbox.liveAuthorizations()).toHaveLength(1);
    expect(glance(await operate(`${id}/voids`, 'void-2', {}))).toBe('200 confirmed');
    expect(sandbox.liveAuthorizations()).toEqual([]);
    expect(sandbox.ledger().totals['sandbox-a']).toMatchObject({ authorized: 2, voided: 2, live: 0 });
  });

  it('is refused of anything else, and as a decline', async () => {
    await authorize(sandbox, 'live');
    await authorize(sandbox, 'open', { token: 'tok_pending' });
    for (const reference of ['live', 'open']) await expect(overturn(reference)).rejects.toThrow('409');
    const declined = { reference: 'live', status: 'declined', overturn: true };
    await expect(sandbox.control('POST', '/settlements', declined)).rejects.toThrow('400');
  });
});

it('tells a merchant advice code beside an approval', async () => {
  const answer = bodyOf(await authorize(sandbox, 'att', { token: 'tok_approved_mac_41' }));
  expect(answer).toMatchObject({ status: 'authorized', advice: '41', decline: null });
  expect(glance(await authorize(sandbox, 'no', { token: 'tok_approved_mac_99' }))).toBe(
    '400 invalid_request',
  );
});

describe('idempotency keys', () => {
  it('repeats the first answer, whatever happened since', async () => {
    const first = bodyOf(await authorize(sandbox, 'att'));
    await operate(`${first['id']}/captures`, 'capture', {});
    expect(bodyOf(await authorize(sandbox, 'att'))).toEqual(first);
    expect(bodyOf(await inquire(sandbox, 'att'))['captured_amount']).toBe(4999);
    expect(sandbox.ledger().authorizations).toEqual([expect.objectContaining({ asked: 2 })]);
    expect(sandbox.ledger().totals['sandbox-a']).toMatchObject({ requests: 3, authorized: 1, replayed: 1 });
  });

  it('refuses another body under the same key', async () => {
    await authorize(sandbox, 'att');
    const other = await authorize(sandbox, 'att', { amount: { value: 5000, currency: 'EUR' } });
    expect(glance(other)).toBe('422 idempotency_mismatch');
    expect(sandbox.liveAuthorizations()).toHaveLength(1);
  });

  it('takes the order of fields and fields it does not know for the same body', async () => {
    await authorize(sandbox, 'att');
    const body = authorization('att') as Record<string, unknown>;
    const turned = Object.fromEntries(Object.entries(body).reverse());
    expect(glance(await authorize(sandbox, 'att', {}, { body: { ...turned, colour: 'red' } }))).toBe(
      '200 authorized',
    );
    expect(sandbox.ledger().authorizations).toHaveLength(1);
  });

  it('processes one of many at the same time; the others hear that it is running', async () => {
    await sandbox.addFault({ provider: 'sandbox-a', kind: 'slow', delay_ms: 600 });
    const seen = await Promise.all(Array.from({ length: 20 }, () => authorize(sandbox, 'att')));
    const glances = seen.map(glance);
    expect(glances.filter((one) => one === '200 authorized')).toHaveLength(1);
    expect(glances.filter((one) => one === '409 in_progress')).toHaveLength(19);
    expect(sandbox.ledger().authorizations).toEqual([expect.objectContaining({ asked: 20, live: true })]);
    expect(glance(await authorize(sandbox, 'att'))).toBe('200 authorized');
  });

  it('shows double processing: the same reference under two keys makes two rows', async () => {
    await authorize(sandbox, 'att', {}, { key: 'one' });
    await authorize(sandbox, 'att', {}, { key: 'two' });
    expect(sandbox.liveAuthorizations('att').map((row) => row.key)).toEqual(['one', 'two']);
    expect(sandbox.ledger().totals['sandbox-a']?.live).toBe(2);
  });

  it('answers an inquiry by a reference that two rows have with the live one', async () => {
    await authorize(sandbox, 'att', {}, { key: 'one' });
    await authorize(sandbox, 'att', { token: 'tok_decline_05' }, { key: 'two' });
    expect(glance(await inquire(sandbox, 'att'))).toBe('200 authorized');
  });

  const keys: readonly [what: string, key: string | undefined][] = [
    ['none', undefined],
    ['an empty one', ''],
    ['65 characters', 'k'.repeat(65)],
    ['a blank inside', 'a b'],
  ];
  it.each(keys)('asks for a proper key: %s', async (_, key) => {
    const call = {
      path: '/v1/authorizations',
      body: authorization('att'),
      ...(key === undefined ? {} : { key }),
    };
    expect(glance(await send(sandbox.url('sandbox-a'), call))).toBe('400 invalid_request');
    expect(sandbox.ledger().authorizations).toEqual([]);
  });

  it('keeps keys of different providers apart', async () => {
    await authorize(sandbox, 'att');
    const call = { path: '/v1/authorizations', key: 'key-att', body: authorization('other') };
    expect(glance(await send(sandbox.url('sandbox-b'), call))).toBe('200 authorized');
  });
});

describe('voids, captures and refunds', () => {
  it('captures and refunds in parts, up to what there is', async () => {
    const id = bodyOf(await authorize(sandbox, 'att'))['id'];
    const eur = (value: number) => ({ amount: { value, currency: 'EUR' } });
    const first = await operate(`${id}/captures`, 'c1', eur(1000));
    expect(bodyOf(first)).toEqual({
      id: expect.any(String),
      authorization_id: id,
      authorization_reference: 'att',
      status: 'confirmed',
      reference: null,
      amount: { value: 1000, currency: 'EUR' },
    });
    expect(glance(await operate(`${id}/captures`, 'c2', eur(4000)))).toBe('409 invalid_state');
    // Nothing happened, so that the key is still free, for another amount too.
    expect(glance(await operate(`${id}/captures`, 'c2', eur(4000)))).toBe('409 invalid_state');
    expect(glance(await operate(`${id}/captures`, 'c2', eur(4001)))).toBe('409 invalid_state');
    expect(bodyOf(await operate(`${id}/captures`, 'c3', {}))['amount']).toEqual(eur(3999).amount);
    expect(glance(await operate(`${id}/captures`, 'c4', {}))).toBe('409 invalid_state');
    expect(glance(await operate(`${id}/voids`, 'v1', {}))).toBe('409 invalid_state');
    expect(glance(await operate(`${id}/refunds`, 'r1', eur(5000)))).toBe('409 invalid_state');
    expect(glance(await operate(`${id}/refunds`, 'r2', eur(999)))).toBe('200 confirmed');
    expect(glance(await operate(`${id}/refunds`, 'r3', { amount: { value: 1, currency: 'USD' } }))).toBe(
      '409 invalid_state',
    );
    expect(glance(await operate(`${id}/refunds`, 'r4'))).toBe('200 confirmed');
    expect(bodyOf(await inquire(sandbox, 'att'))).toMatchObject({
      status: 'authorized',
      captured_amount: 4999,
      refunded_amount: 4999,
    });
    const [row] = sandbox.ledger().authorizations;
    expect(row?.keys).toEqual(['key-att', 'c1', 'c3', 'r2', 'r4']);
    expect(sandbox.ledger().totals['sandbox-a']).toMatchObject({
      captures: 2,
      refunds: 2,
      voided: 0,
      live: 1,
    });
  });

  it('repeats a capture under its key and carries it out once', async () => {
    const id = bodyOf(await authorize(sandbox, 'att'))['id'];
    const amount = { amount: { value: 1000, currency: 'EUR' } };
    const first = bodyOf(await operate(`${id}/captures`, 'c1', amount));
    expect(bodyOf(await operate(`${id}/captures`, 'c1', amount))).toEqual(first);
    expect(glance(await operate(`${id}/captures`, 'c1', {}))).toBe('422 idempotency_mismatch');
    // The key of the authorization is no key for an operation.
    expect(glance(await operate(`${id}/captures`, 'key-att', {}))).toBe('422 idempotency_mismatch');
    expect(bodyOf(await inquire(sandbox, 'att'))['captured_amount']).toBe(1000);
    expect(sandbox.ledger().authorizations[0]?.operations).toEqual([
      {
        id: first['id'],
        operation: 'capture',
        reference: null,
        status: 'confirmed',
        key: 'c1',
        amount: 1000,
        asked: 2,
      },
    ]);
  });

  it('captures no more than was authorized in part', async () => {
    const id = bodyOf(await authorize(sandbox, 'att', { token: 'tok_partial_40' }))['id'];
    const whole = await operate(`${id}/captures`, 'c1', { amount: { value: 4999, currency: 'EUR' } });
    expect(glance(whole)).toBe('409 invalid_state');
    expect(bodyOf(await operate(`${id}/captures`, 'c2'))['amount']).toEqual({ value: 1999, currency: 'EUR' });
  });

  it('voids by id and by reference, once', async () => {
    const id = bodyOf(await authorize(sandbox, 'att'))['id'];
    expect(glance(await operate(`${id}/voids`, 'v1'))).toBe('200 confirmed');
    expect(glance(await operate(`${id}/voids`, 'v1'))).toBe('200 confirmed');
    expect(glance(await operate(`${id}/voids`, 'v2'))).toBe('409 invalid_state');
    expect(glance(await operate(`${id}/captures`, 'c1'))).toBe('409 invalid_state');
    expect(glance(await inquire(sandbox, 'att'))).toBe('200 voided');
    expect(sandbox.liveAuthorizations()).toEqual([]);

    await authorize(sandbox, 'other');
    const call = { path: '/v1/voids', key: 'v3', body: { reference: 'other' } };
    expect(glance(await send(sandbox.url('sandbox-a'), call))).toBe('200 confirmed');
    expect(glance(await send(sandbox.url('sandbox-a'), { ...call, body: { reference: 'none' } }))).toBe(
      '404 not_found',
    );
    expect(sandbox.ledger().totals['sandbox-a']).toMatchObject({ voided: 2, authorized: 2, live: 0 });
  });

  it('cancels what is still in progress: it is not authorized afterwards', async () => {
    await sandbox.addFault({ provider: 'sandbox-a', kind: 'slow', delay_ms: 600 });
    const slow = authorize(sandbox, 'att');
    await eventually(async () => glance(await inquire(sandbox, 'att'))).toBe('200 pending');
    const call = { path: '/v1/voids', key: 'v', body: { reference: 'att' } };
    expect(glance(await send(sandbox.url('sandbox-a'), call))).toBe('200 confirmed');
    expect(glance(await slow)).toBe('200 voided');
    expect(sandbox.liveAuthorizations()).toEqual([]);
    expect(sandbox.ledger().totals['sandbox-a']).toMatchObject({ authorized: 0, voided: 1, pending: 0 });
  });

  it('takes the hold behind a decline back, once, and the decline stays', async () => {
    const id = bodyOf(await authorize(sandbox, 'att', { token: 'tok_decline_hidden' }))['id'];
    expect(glance(await operate(`${id}/voids`, 'v1'))).toBe('200 confirmed');
    expect(glance(await operate(`${id}/voids`, 'v2'))).toBe('409 invalid_state');
    expect(glance(await inquire(sandbox, 'att'))).toBe('200 declined');
    expect(sandbox.ledger().totals['sandbox-a']).toMatchObject({ declined: 1, voided: 0, live: 0 });
  });

  it.each(['tok_decline_05', 'tok_3ds'])('has nothing to void after %s', async (token) => {
    const id = bodyOf(await authorize(sandbox, 'att', { token }))['id'];
    expect(glance(await operate(`${id}/voids`, 'v'))).toBe('409 invalid_state');
  });

  it('knows no operation on an id of nobody', async () => {
    for (const path of ['sbx_nobody/voids', 'sbx_nobody/captures', 'sbx_nobody/refunds']) {
      expect(glance(await operate(path, 'k'))).toBe('404 not_found');
    }
  });
});

describe('the port', () => {
  it('asks for the key, and counts what it turned away', async () => {
    for (const header of ['', 'Bearer wrong', 'Basic sandbox-key']) {
      const seen = await authorize(sandbox, 'att', {}, { headers: { authorization: header } });
      expect(glance(seen)).toBe('401 unauthorized');
    }
    expect(sandbox.ledger()).toMatchObject({ authorizations: [], requests: 3 });
    const health = { method: 'GET', path: '/healthz', headers: { authorization: '' } };
    expect(bodyOf(await send(sandbox.url('sandbox-b'), health))).toEqual({
      status: 'ok',
      provider: 'sandbox-b',
    });
  });

  const wrong: readonly [what: string, method: string, path: string, raw: string, expected: string][] = [
    ['no JSON', 'POST', '/v1/authorizations', '{"reference":', '400 invalid_request'],
    ['a list', 'POST', '/v1/authorizations', '[]', '400 invalid_request'],
    ['too large', 'POST', '/v1/authorizations', `"${'x'.repeat(300_000)}"`, '413 too_large'],
    ['another path', 'POST', '/v1/payments', '{}', '404 not_found'],
    ['another method', 'PUT', '/v1/authorizations', '{}', '404 not_found'],
    ['an inquiry about nothing', 'GET', '/v1/authorizations', '', '404 not_found'],
    ['an unknown reference', 'GET', '/v1/authorizations?reference=none', '', '404 not_found'],
    ['an unknown id', 'GET', '/v1/authorizations/sbx_none', '', '404 not_found'],
    ['an unknown operation', 'POST', '/v1/authorizations/sbx_none/bribes', '{}', '404 not_found'],
  ];
  it.each(wrong)('says what is wrong: %s', async (_, method, path, raw, expected) => {
    const call = { method, path, raw, key: 'k' };
    expect(glance(await send(sandbox.url('sandbox-a'), call))).toBe(expected);
  });

  it('names every wrong field', async () => {
    const seen = await authorize(sandbox, 'att', { merchant: 7, amount: { value: -1, currency: 'EURO' } });
    expect(seen.kind === 'answered' && seen.text).toMatch(/merchant.*amount\.value.*amount\.currency/);
  });

  it('keeps a connection open that nobody uses, longer than the default of Node', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const seen = await authorize(sandbox, 'att', {}, { agent });
    agent.destroy();
    // No Keep-Alive header with a time: the server does not close idle connections.
    expect(seen.kind === 'answered' && seen.headers['keep-alive']).toBeUndefined();
    expect(seen.kind === 'answered' && seen.headers.connection).toBe('keep-alive');
  });

  it('is definite and quick by default, and as quick again for the same reference', async () => {
    const providers = [{ id: 'sandbox-a', port: 0 }];
    const plain = await startServer({ providers, controlPort: 0, apiKey: SANDBOX_KEY });
    onTestFinished(() => plain.close());
    const url = (id: string): string => plain.providers[id] ?? '';
    for (let number = 0; number < 10; number += 1) {
      const seen = await authorize({ url }, `att-${number}`);
      expect(glance(seen)).toBe('200 authorized');
      expect(seen.kind === 'answered' && seen.tookMs).toBeLessThan(1000);
      expect(seen.kind === 'answered' && seen.tookMs).toBeGreaterThanOrEqual(4);
    }
  });
});
