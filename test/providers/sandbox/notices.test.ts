import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { OperationKind } from '../../../src/core/operation.ts';
import type { AskedOperation, NoticeEvidence, NoticeSubject } from '../../../src/gateway/ports.ts';
import type { AdapterDeps } from '../../../src/providers/adapter-deps.ts';
import {
  readSandboxNotices,
  sandboxEvidence,
  sandboxSecretsOf,
} from '../../../src/providers/sandbox/notices.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { shippedDeclineTables } from '../shipped-decline-tables.ts';

const NOW_S = 1_800_000_000;
const NOW_MS = NOW_S * 1000;
const declineTables = await shippedDeclineTables();
const DEPS: AdapterDeps = { clock: new FakeClock(NOW_MS), declineTables: () => declineTables };

const eur = (value: number) => ({ value, currency: 'EUR' });
const operationAsked = (operation: OperationKind, operationId: string, value: number): AskedOperation => ({
  operation,
  operationId,
  attemptId: 'att_a_1',
  providerReference: 'sbx_1',
  amount: eur(value),
  final: false,
});
const ASKED: NoticeSubject = {
  attemptId: 'att_a_1',
  request: sampleRequest(),
  brand: 'visa',
  scaRegion: false,
  providerReference: 'sbx_1',
  operations: [
    operationAsked('void', 'void_a_1', 4999),
    operationAsked('capture', 'cap_a_2', 1000),
    operationAsked('refund', 'ref_a_3', 400),
  ],
  operationReferences: [],
};

const AUTHORIZATION = {
  id: 'sbx_1',
  reference: 'att_a_1',
  merchant: 'acme-eu',
  status: 'authorized',
  amount: { value: 4999, currency: 'EUR' },
  authorized_amount: 4999,
  captured_amount: 0,
  refunded_amount: 0,
  decline: null,
  network_transaction: null,
  created_at: '2027-01-15T08:00:00.000Z',
  operations: [],
};
const OPERATION = {
  id: 'op_1',
  authorization_id: 'sbx_1',
  authorization_reference: 'att_a_1',
  reference: 'void_a_1',
  status: 'confirmed',
  amount: { value: 4999, currency: 'EUR' },
};

const bodyOf = (type: string, data: unknown, over: Record<string, unknown> = {}) =>
  JSON.stringify({ id: 'evt_1', type, created: NOW_S, provider: 'sandbox-a', data, ...over });

const mac = (secret: string, seconds: number, body: string) =>
  createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex');

const read = (body: string, signature: string | undefined, secrets: readonly string[] = ['s1']) =>
  readSandboxNotices(
    { headers: signature === undefined ? {} : { 'sandbox-signature': signature }, body },
    secrets,
    NOW_MS,
  );

describe('signatures', () => {
  const body = bodyOf('authorization.authorized', AUTHORIZATION);
  const good = mac('s1', NOW_S, body);
  const other = mac('s2', NOW_S, body);
  it.each([
    ['the right one', `t=${NOW_S},v1=${good}`, ['s1'], 'read'],
    ['in capitals', `t=${NOW_S},v1=${good.toUpperCase()}`, ['s1'], 'read'],
    ['one of several', `t=${NOW_S},v1=${other},v1=${good}`, ['s1'], 'read'],
    ['of an unknown scheme beside it', `t=${NOW_S},v0=abc,v1=${good}`, ['s1'], 'read'],
    ['by the old of two secrets', `t=${NOW_S},v1=${good}`, ['s2', 's1'], 'read'],
    ['by nobody’s secret', `t=${NOW_S},v1=${other}`, ['s1'], 'signature'],
    ['none', undefined, ['s1'], 'signature'],
    ['empty', '', ['s1'], 'signature'],
    ['of a wrong length', `t=${NOW_S},v1=${good.slice(2)}`, ['s1'], 'signature'],
    ['no hex', `t=${NOW_S},v1=${'z'.repeat(64)}`, ['s1'], 'signature'],
    ['without a time', `v1=${good}`, ['s1'], 'signature'],
    ['with another time', `t=${NOW_S + 1},v1=${good}`, ['s1'], 'signature'],
    ['only of an unknown scheme', `t=${NOW_S},v2=${good}`, ['s1'], 'signature'],
    ['as the ninth', `t=${NOW_S},${`v1=${other},`.repeat(8)}v1=${good}`, ['s1'], 'signature'],
    ['without a secret to compare with', `t=${NOW_S},v1=${good}`, [], 'not_configured'],
  ] as const)('%s: %s', (_, signature, secrets, expected) => {
    const reading = read(body, signature, secrets);
    expect(reading.kind === 'refused' ? reading.reason : reading.kind).toBe(expected);
  });

  it.each([
    [NOW_S - 300, 'read'],
    [NOW_S - 301, 'stale'],
    [NOW_S + 300, 'read'],
    [NOW_S + 301, 'stale'],
  ])('made at %s: %s', (seconds, expected) => {
    const reading = read(body, `t=${seconds},v1=${mac('s1', seconds, body)}`);
    expect(reading.kind === 'refused' ? reading.reason : reading.kind).toBe(expected);
  });

  it('is over the raw bytes: one bit more is another message', () => {
    expect(read(`${body} `, `t=${NOW_S},v1=${good}`)).toEqual({ kind: 'refused', reason: 'signature' });
    expect(read(body.replace('4999', '4998'), `t=${NOW_S},v1=${good}`)).toMatchObject({ kind: 'refused' });
  });
});

describe('what is read', () => {
  const signed = (body: string) => read(body, `t=${NOW_S},v1=${mac('s1', NOW_S, body)}`);
  it.each([
    ['authorization.authorized', AUTHORIZATION, 'att_a_1'],
    ['void.confirmed', OPERATION, 'att_a_1'],
  ])('%s is about %s', (type, data, attemptId) => {
    expect(signed(bodyOf(type, data))).toMatchObject({
      kind: 'read',
      notices: [{ eventId: 'evt_1', type, attemptId }],
    });
  });

  it.each([
    ['no JSON', 'nonsense'],
    ['no event', '{}'],
    ['an authorization without its fields', bodyOf('authorization.authorized', { id: 'x' })],
    ['an operation without its fields', bodyOf('void.confirmed', { id: 'x' })],
    ['a type with line ends', bodyOf('a.b\r\nx: y', OPERATION)],
    ['an id that is none', bodyOf('void.confirmed', OPERATION, { id: '../x' })],
    ['an id that is a card number', bodyOf('void.confirmed', OPERATION, { id: '4012888888881881' })],
    ['an operation with such an id', bodyOf('void.confirmed', { ...OPERATION, id: '4111111111111111' })],
    [
      'an authorization that is named by one',
      bodyOf('void.confirmed', { ...OPERATION, authorization_id: '4111111111111111' }),
    ],
    ['a reference that is one', bodyOf('void.confirmed', { ...OPERATION, reference: '4111.1111.1111.1111' })],
    ['an account that is one', bodyOf('void.confirmed', OPERATION, { provider: '4111 1111 1111 1111' })],
  ])('%s is malformed', (_, body) => {
    expect(signed(body)).toMatchObject({ kind: 'refused', reason: 'malformed' });
  });

  it('keeps nothing but what evidence needs', () => {
    const reading = signed(
      bodyOf('authorization.authorized', { ...AUTHORIZATION, token: 'tok_secret', card: 'x' }),
    );
    expect(JSON.stringify(reading)).not.toMatch(/tok_secret|"card"/);
  });
});

describe('what it is evidence of', () => {
  const UNDONE: NoticeEvidence = {
    kind: 'attempt',
    outcome: {
      kind: 'partially_approved',
      providerReference: 'sbx_1',
      authorizedAmount: 4999,
      networkTransaction: null,
      reversal: 'confirmed',
    },
  };
  const evidence = (type: string, data: unknown, over: Partial<NoticeSubject> = {}) =>
    sandboxEvidence({ type, data }, { ...ASKED, ...over }, 'sandbox-a', DEPS);
  it.each([
    ['an approval', 'authorization.authorized', {}, { kind: 'attempt', outcome: { kind: 'approved' } }],
    [
      'still pending',
      'authorization.pending',
      { status: 'pending', authorized_amount: 0 },
      { kind: 'attempt', outcome: { kind: 'pending' } },
    ],
    [
      'another amount',
      'authorization.authorized',
      { amount: { value: 1, currency: 'EUR' } },
      { kind: 'mismatch' },
    ],
    [
      'another currency',
      'authorization.authorized',
      { amount: { value: 4999, currency: 'USD' } },
      { kind: 'mismatch' },
    ],
    ['another merchant', 'authorization.authorized', { merchant: 'other' }, { kind: 'mismatch' }],
    ['another attempt', 'authorization.authorized', { reference: 'att_b_1' }, { kind: 'mismatch' }],
    ['another account', 'authorization.authorized', { account: 'sandbox-b' }, { kind: 'mismatch' }],
    ['a type that says otherwise', 'authorization.declined', {}, { kind: 'mismatch' }],
    ['sums that do not add up', 'authorization.authorized', { authorized_amount: 1 }, { kind: 'mismatch' }],
  ])('%s', (_, type, over, expected) => {
    expect(evidence(type, { ...AUTHORIZATION, ...over })).toMatchObject(expected);
  });

  it.each([
    [
      'done',
      {},
      {
        kind: 'operation',
        operationId: 'void_a_1',
        inquiry: { kind: 'confirmed', providerReference: 'op_1' },
      },
    ],
    ['another currency', { amount: { value: 4999, currency: 'USD' } }, { kind: 'mismatch' }],
    ['less than was expected', { amount: eur(4998) }, { kind: 'mismatch' }],
    ['more than was expected', { amount: eur(5000) }, { kind: 'mismatch' }],
    ['of another account', { account: 'sandbox-b' }, { kind: 'mismatch' }],
    ['of another authorization', { authorization_id: 'sbx_2' }, { kind: 'mismatch' }],
    ['of another attempt', { authorization_reference: 'att_b_1' }, { kind: 'mismatch' }],
    ['that we never asked for', { reference: 'void_a_9' }, { kind: 'mismatch' }],
    ['of another kind', { reference: 'cap_a_2', amount: eur(1000) }, { kind: 'mismatch' }],
    ['that failed, by its data alone', { status: 'failed' }, { kind: 'mismatch' }],
  ])('a void: %s', (_, over, expected) => {
    expect(evidence('void.confirmed', { ...OPERATION, ...over })).toMatchObject(expected);
  });

  it.each([
    ['capture', 'cap_a_2', 1000],
    ['refund', 'ref_a_3', 400],
  ])('a %s is told to the minor unit', (kind, reference, value) => {
    const told = { ...OPERATION, reference, status: 'failed' };
    expect(evidence(`${kind}.failed`, { ...told, amount: eur(value) })).toEqual({
      kind: 'operation',
      operationId: reference,
      inquiry: { kind: 'failed', code: 'operation_failed' },
    });
    for (const other of [0, 1, value - 1, value + 1]) {
      expect(evidence(`${kind}.failed`, { ...told, amount: eur(other) })).toEqual({ kind: 'mismatch' });
    }
  });

  it('an operation that was asked for by our reference names an authorization that we do not know', () => {
    const byReference = { ...operationAsked('void', 'void_a_1', 4999), providerReference: null };
    const subject = { providerReference: null, operations: [byReference] };
    const told = { ...OPERATION, authorization_id: 'sbx_2' };
    expect(evidence('void.confirmed', told, subject)).toMatchObject({ kind: 'operation' });
  });

  it.each<[string, string, Record<string, unknown>, Partial<NoticeSubject>, NoticeEvidence]>([
    ['a void of ours', 'void.confirmed', {}, {}, UNDONE],
    ['a void that failed', 'void.failed', { status: 'failed' }, {}, { kind: 'nothing' }],
    ['a capture', 'capture.confirmed', {}, {}, { kind: 'nothing' }],
    [
      'a void of another authorization',
      'void.confirmed',
      { authorization_id: 'sbx_2' },
      {},
      { kind: 'nothing' },
    ],
    [
      'a void of one that we do not know',
      'void.confirmed',
      {},
      { providerReference: null },
      { kind: 'nothing' },
    ],
    [
      'a void of another attempt',
      'void.confirmed',
      { authorization_reference: 'att_b_1' },
      {},
      { kind: 'nothing' },
    ],
    ['a void of nothing', 'void.confirmed', { amount: eur(0) }, {}, { kind: 'nothing' }],
    ['a void of more than was asked', 'void.confirmed', { amount: eur(5000) }, {}, { kind: 'mismatch' }],
    [
      'another currency',
      'void.confirmed',
      { amount: { value: 4999, currency: 'USD' } },
      {},
      { kind: 'mismatch' },
    ],
    ['another account', 'void.confirmed', { account: 'sandbox-b' }, {}, { kind: 'mismatch' }],
    ['a type that says otherwise', 'void.confirmed', { status: 'failed' }, {}, { kind: 'mismatch' }],
  ])('made at the provider itself: %s', (_, type, over, subject, expected) => {
    expect(evidence(type, { ...OPERATION, reference: null, ...over }, subject)).toEqual(expected);
  });

  it('an event says which account it is of, and is read against that', () => {
    const body = bodyOf('void.confirmed', OPERATION, { provider: 'sandbox-b' });
    const reading = read(body, `t=${NOW_S},v1=${mac('s1', NOW_S, body)}`);
    const [notice] = reading.kind === 'read' ? reading.notices : [];
    if (notice === undefined) throw new Error('it was to be read');
    expect(sandboxEvidence(notice, ASKED, 'sandbox-a', DEPS)).toEqual({ kind: 'mismatch' });
    expect(sandboxEvidence(notice, ASKED, 'sandbox-b', DEPS)).toMatchObject({ kind: 'operation' });
  });

  it('data that lost its shape is evidence of nothing', () => {
    expect(evidence('authorization.authorized', null)).toEqual({ kind: 'nothing' });
    expect(evidence('void.confirmed', {})).toEqual({ kind: 'nothing' });
  });
});

it('several secrets are valid while one is being replaced', () => {
  expect(sandboxSecretsOf({ credentials: { webhook_secret: 'new,old' } })).toEqual(['new', 'old']);
  expect(sandboxSecretsOf({ credentials: {} })).toEqual(['sandbox-webhook-secret']);
});
