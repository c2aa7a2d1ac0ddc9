import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AuthorizationStatus } from '../../../src/core/authorization.ts';
import {
  isKeyUsable,
  isNotFoundEvidence,
  KEY_MARGIN_MS,
  quickResolution,
} from '../../../src/core/resolution.ts';
import { PAYPAL_SEMANTICS } from '../../../src/providers/paypal/adapter.ts';
import { distorted, jsonAnswer, type Mishap, type StandInRequest } from '../../support/psp-stand-in.ts';
import { callOf, error, json, ORDER_ID, orderOf, PATHS, paypalWorld } from './paypal-fixture.ts';
import { PaypalGateway } from './paypal-gateway.ts';
import { type BookedOrder, failures, misstated, VAULT } from './paypal-stand-in.ts';

const HOUR_MS = 3_600_000;
const isAuthorize = ({ path }: StandInRequest) => path.endsWith('/authorize');
const isLook = ({ method }: StandInRequest) => method === 'GET';

let gateway: PaypalGateway;
beforeEach(async () => {
  gateway = await PaypalGateway.start();
});
afterEach(() => gateway.stop());

/** The second step is carried out or not, and nobody hears of it: neither at once nor by the inquiry that follows. */
const lose = (carriedOut: boolean) => {
  gateway.standIn.server.meet({ kind: 'hang', carriedOut }, isAuthorize);
  gateway.standIn.server.meet({ kind: 'instead', carriedOut: false, answer: failures.unavailable }, isLook);
};

const onlyOrder = (): BookedOrder => {
  const [order] = gateway.standIn.orders;
  if (order === undefined) throw new Error('no order');
  return order;
};

/** Whatever an inquiry tells, an attempt whose outcome was lost ends definite, and nobody else was asked. */
describe('every answer to an inquiry ends an unknown attempt', () => {
  interface Row {
    readonly vault?: string;
    readonly carriedOut?: boolean;
    readonly meanwhile?: (order: BookedOrder) => void;
    readonly ends: AuthorizationStatus;
    readonly live: 0 | 1;
    /** When, at the latest; an hour unless told. */
    readonly afterMs?: number;
  }
  const patched = (status: string) => (order: BookedOrder) => {
    if (order.authorization !== null) order.authorization.status = status;
  };
  it.each<[string, Row]>([
    ['authorization CREATED', { ends: 'approved', live: 1 }],
    ['CAPTURED by somebody', { meanwhile: patched('CAPTURED'), ends: 'approved', live: 1 }],
    ['for less, which nobody wants', { vault: VAULT.partial, ends: 'voided', live: 0 }],
    ['VOIDED by somebody', { meanwhile: patched('VOIDED'), ends: 'voided', live: 0 }],
    ['DENIED', { vault: VAULT.softDecline, ends: 'declined', live: 0 }],
    ['DENIED for good', { vault: VAULT.hardDecline, ends: 'declined', live: 0 }],
    ["DENIED after the issuer's approval", { vault: VAULT.hidden, ends: 'declined', live: 0 }],
    ['PENDING, then CREATED', { vault: VAULT.pending, ends: 'approved', live: 1, afterMs: 3 * 24 * HOUR_MS }],
    ['PAYER_ACTION_REQUIRED', { vault: VAULT.authentication, ends: 'authentication_required', live: 0 }],
    [
      'an order that somebody voided unpaid',
      {
        carriedOut: false,
        meanwhile: (order) => {
          order.status = 'VOIDED';
        },
        ends: 'failed',
        live: 0,
      },
    ],
    ['an order that nobody paid', { carriedOut: false, ends: 'failed', live: 0, afterMs: 2 * HOUR_MS }],
    [
      'no such order',
      {
        carriedOut: false,
        meanwhile: () => {
          gateway.standIn.orders.length = 0;
        },
        ends: 'failed',
        live: 0,
        afterMs: 2 * HOUR_MS,
      },
    ],
  ])(
    '%s',
    async (name, { vault = VAULT.approved, carriedOut = true, meanwhile, ends, live, afterMs = HOUR_MS }) => {
      lose(carriedOut);
      const first = await gateway.authorize(vault);
      expect(first).toMatchObject({ status: 'pending', attempts: [{ outcome: { kind: 'unknown' } }] });
      expect(first.providerReference).toBe(onlyOrder().id);
      meanwhile?.(onlyOrder());
      await gateway.pass(HOUR_MS / 6);
      if (name.startsWith('PENDING')) {
        expect(await gateway.get(first.id)).toMatchObject({ status: 'pending' });
        patched('CREATED')(onlyOrder());
      }
      await gateway.pass(afterMs);
      const last = await gateway.get(first.id);
      expect(last.status).toBe(ends);
      expect(last.operations.every(({ status }) => status !== 'pending')).toBe(true);
      expect(gateway.live()).toBe(live);
      expect(gateway.other.books).toEqual([]);
      expect(gateway.authorizeIds()).toHaveLength(1);
    },
  );

  it('an order that nobody paid is no evidence within the hour', async () => {
    lose(false);
    const { id } = await gateway.authorize(VAULT.approved);
    await gateway.pass(HOUR_MS - 1_000);
    expect(await gateway.get(id)).toMatchObject({ status: 'pending' });
    await gateway.pass(HOUR_MS / 2);
    expect(await gateway.get(id)).toMatchObject({
      status: 'failed',
      attempts: [{ outcome: { kind: 'rejected', reason: 'not_found' } }],
    });
  });

  it('a late authorization within the hour is found, and was never released', async () => {
    lose(false);
    const { id } = await gateway.authorize(VAULT.approved);
    await gateway.pass(HOUR_MS / 2);
    const order = onlyOrder();
    const { amount, customId } = order;
    order.status = 'COMPLETED';
    order.authorization = {
      id: 'LATE1',
      status: 'CREATED',
      amount,
      custom_id: customId,
      create_time: '2026-11-23T10:30:00Z',
    };
    await gateway.pass(HOUR_MS);
    expect(await gateway.get(id)).toMatchObject({ status: 'approved', providerReference: order.id });
    expect(gateway.live()).toBe(1);
  });

  it.each<[string, Mishap]>([
    ['another amount', misstated('wrong_amount')],
    ['another currency', misstated('wrong_currency')],
    ['another name', misstated('wrong_reference')],
    ['two authorizations', distorted(twice)],
    ['a failure', { kind: 'instead', carriedOut: false, answer: failures.internal }],
    ["somebody's 404", { kind: 'instead', carriedOut: false, answer: { status: 404, body: '<html>' } }],
  ])('that tells of %s releases nothing, however often', async (_, mishap) => {
    lose(true);
    const { id } = await gateway.authorize(VAULT.approved);
    for (let time = 0; time < 200; time += 1) gateway.standIn.server.meet(mishap, isLook);
    await gateway.pass(12 * HOUR_MS);
    expect((await gateway.get(id)).status).toBe('pending');
    expect(gateway.live()).toBe(1);
    expect(gateway.other.books).toEqual([]);
  });

  function twice(body: Record<string, unknown>): unknown {
    const [unit] = body['purchase_units'] as [{ payments: { authorizations: unknown[] } }];
    unit.payments.authorizations.push(...unit.payments.authorizations);
    return body;
  }
});

describe('two steps', () => {
  const unclear: Mishap[] = [
    { kind: 'reset_before' },
    { kind: 'reset_after' },
    { kind: 'truncate' },
    { kind: 'hang', carriedOut: true },
    { kind: 'instead', carriedOut: true, answer: failures.internal },
    { kind: 'instead', carriedOut: true, answer: failures.badGateway },
  ];
  it.each(unclear)(
    'an unclear order is no unknown: another provider takes the payment (%j)',
    async (mishap) => {
      gateway.standIn.server.meet(
        mishap,
        ({ method, path }) => method === 'POST' && path === '/v2/checkout/orders',
      );
      const authorization = await gateway.authorize(VAULT.approved);
      // A silent order has used the time up.
      const isOver = mishap.kind === 'hang';
      expect(authorization).toMatchObject({
        status: isOver ? 'failed' : 'approved',
        attempts: [{ outcome: { kind: 'rejected', reason: 'transient' } }, {}].slice(0, isOver ? 1 : 2),
      });
      expect(gateway.authorizeIds()).toEqual([]);
      expect(gateway.live()).toBe(isOver ? 0 : 1);
    },
  );
});

describe('trap 3: a key that expires turns a replay into a new payment', () => {
  it.each([
    ['fresh', 0, true],
    ['just inside the margin', 6 * HOUR_MS - KEY_MARGIN_MS - 1, true],
    ['inside the margin', 6 * HOUR_MS - KEY_MARGIN_MS, false],
    ['of seven hours', 7 * HOUR_MS, false],
    ['of a clock that went back', -1, false],
  ])('a key %s is used: %s', (_, ageMs, isUsable) => {
    expect(isKeyUsable(PAYPAL_SEMANTICS, ageMs, KEY_MARGIN_MS)).toBe(isUsable);
  });

  const refused = (issue: string): Mishap => ({
    kind: 'instead',
    carriedOut: false,
    answer: jsonAnswer(422, { name: 'UNPROCESSABLE_ENTITY', details: [{ issue }] }),
  });

  it.each([
    'DUPLICATE_INVOICE_ID',
    'INSTRUMENT_DECLINED',
    'MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED',
    'ORDER_ALREADY_AUTHORIZED',
    'PAYER_ACTION_REQUIRED',
    'TRANSACTION_REFUSED',
  ])(
    'a repeat that would be refused with %s is not needed: the order tells what the first request came to',
    async (issue) => {
      gateway.standIn.server.meet({ kind: 'reset_after' }, isAuthorize);
      gateway.standIn.server.meet(refused(issue), isAuthorize);
      expect(await gateway.authorize(VAULT.approved)).toMatchObject({ status: 'approved' });
      expect(gateway.live()).toBe(1);
    },
  );

  it.each(['DUPLICATE_INVOICE_ID', 'INSTRUMENT_DECLINED', 'PAYER_ACTION_REQUIRED'])(
    'where the order cannot be read, a repeat that is refused with %s is no negative',
    async (issue) => {
      gateway.standIn.server.meet({ kind: 'reset_after' }, isAuthorize);
      gateway.standIn.server.meet(
        { kind: 'instead', carriedOut: false, answer: failures.unavailable },
        isLook,
      );
      gateway.standIn.server.meet(refused(issue), isAuthorize);
      const { id, status } = await gateway.authorize(VAULT.approved);
      expect(status).toBe('pending');
      await gateway.pass(HOUR_MS / 6);
      expect(await gateway.get(id)).toMatchObject({ status: 'approved' });
      expect(gateway.live()).toBe(1);
    },
  );

  it('a capture that is repeated after its key is found by its name, and not made twice', async () => {
    const { id } = await gateway.authorize(VAULT.approved);
    gateway.standIn.server.meet({ kind: 'hang', carriedOut: true }, ({ path }) => path.endsWith('/capture'));
    await gateway.operate(id, { kind: 'capture', amount: 4_999 });
    expect(await gateway.get(id)).toMatchObject({ operations: [{ kind: 'capture', status: 'pending' }] });
    await gateway.clock.advance(50 * 24 * HOUR_MS);
    await gateway.pass(HOUR_MS);
    expect(onlyOrder().captures).toHaveLength(1);
    expect(await gateway.get(id)).toMatchObject({ status: 'captured', capturedAmount: 4_999 });
  });
});

const world = paypalWorld();

describe('trap 7: what a key is made of', () => {
  const idsOf = async (over: Parameters<typeof callOf>[0]) => {
    const provider = world.start({
      [PATHS.create]: json(orderOf(null), 201),
      [PATHS.authorize]: error(503, 'SERVICE_UNAVAILABLE'),
    });
    await provider.authorize(callOf(over));
    return world
      .seen()
      .slice(-2)
      .map(({ headers }) => headers['paypal-request-id']);
  };

  it('neither token nor anything else of the request is in it: only what the gateway gave, and the step', async () => {
    const plain = await idsOf({});
    expect(plain).toEqual(['key_a_1_o', 'key_a_1']);
    expect(await idsOf({ token: 'another', brand: 'amex' })).toEqual(plain);
    expect(await idsOf({ providerKey: 'key_a_2' })).not.toEqual(plain);
  });

  it('a replay repeats the same bytes', async () => {
    const provider = world.start({
      [PATHS.create]: json(orderOf(null), 201),
      [PATHS.authorize]: error(503, 'SERVICE_UNAVAILABLE'),
    });
    await provider.authorize(callOf());
    await provider.authorize(callOf({ preparedReference: ORDER_ID }));
    const [, first, second] = world.seen();
    expect(second?.body).toBe(first?.body);
    expect(second?.headers['paypal-request-id']).toBe(first?.headers['paypal-request-id']);
  });
});

describe('what a repeat gives', () => {
  it('after a lost connection nothing, where the order tells: the caller waits for one authorization', async () => {
    gateway.standIn.server.meet({ kind: 'reset_after' }, isAuthorize);
    expect(await gateway.authorize(VAULT.approved)).toMatchObject({ status: 'approved' });
    // The order told it.
    expect(gateway.authorizeIds()).toHaveLength(1);
    expect(gateway.live()).toBe(1);
  });

  it('after a request that never arrived it is made under the same key', async () => {
    gateway.standIn.server.meet({ kind: 'reset_before' }, isAuthorize);
    expect(await gateway.authorize(VAULT.approved)).toMatchObject({ status: 'approved' });
    const ids = gateway.standIn.server.requests
      .filter(isAuthorize)
      .map(({ headers }) => headers['paypal-request-id']);
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
    expect(gateway.live()).toBe(1);
  });

  it('"might fail the second" of two at once: that is no negative', async () => {
    const provider = world.start({
      [PATHS.create]: json(orderOf(null), 201),
      [PATHS.authorize]: error(409, 'RESOURCE_CONFLICT', 'PREVIOUS_REQUEST_IN_PROGRESS'),
    });
    expect(await provider.authorize(callOf())).toMatchObject({
      kind: 'unknown',
      providerReference: ORDER_ID,
    });
  });

  it('an unknown is asked about at once by the order, and "not found" says nothing yet', () => {
    const unknown = { kind: 'unknown', code: 'timeout', providerReference: ORDER_ID } as const;
    expect(quickResolution(unknown, PAYPAL_SEMANTICS, 4_000)).toBe('inquire');
    expect(quickResolution({ ...unknown, code: 'ECONNRESET' }, PAYPAL_SEMANTICS, 4_000)).toBe('replay');
    const waited = (ms: number) => ({ pastDeadlineMs: ms, seenForMs: ms });
    expect(isNotFoundEvidence(PAYPAL_SEMANTICS.notFoundAfterMs, waited(HOUR_MS))).toBe(false);
    expect(isNotFoundEvidence(PAYPAL_SEMANTICS.notFoundAfterMs, waited(HOUR_MS + 1))).toBe(true);
  });

  it('a void that is repeated without a key undoes once', async () => {
    const { id } = await gateway.authorize(VAULT.approved);
    gateway.standIn.server.meet({ kind: 'reset_after' }, ({ path }) => path.endsWith('/void'));
    await gateway.operate(id, { kind: 'void', amount: null });
    await gateway.pass(HOUR_MS);
    expect(await gateway.get(id)).toMatchObject({ status: 'voided' });
    expect(gateway.live()).toBe(0);
  });
});
