import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../../../src/core/attempt.ts';
import type { Notice, NoticeEvidence } from '../../../src/gateway/ports.ts';
import { amountOf, moneyOf } from '../../../src/providers/paypal/amounts.ts';
import { errorAnswerOf, outcomeOfError, readOrder } from '../../../src/providers/paypal/codes.ts';
import { paypalEvidence } from '../../../src/providers/paypal/evidence.ts';
import { isMovedAsked } from '../../../src/providers/paypal/operations.ts';
import { wireOrder } from '../../../src/providers/paypal/transformers.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import {
  authorizedOrder,
  captureOf,
  declineTables,
  euros,
  json,
  ORDER_ID,
  orderOf,
  PATHS,
  paypalWorld,
  queryOf,
  refundOf,
} from './paypal-fixture.ts';
import { AUTHORIZATION, CAPTURE, DISPUTE, ORDER, REFUND } from './sample-events.ts';

const DEPS = { clock: new FakeClock(), declineTables: () => declineTables };
const ASKED = {
  attemptId: 'att_a_1',
  orderId: ORDER_ID,
  request: sampleRequest(),
  brand: 'visa',
  scaRegion: false,
  merchantId: null,
} as const;
const RUNS = { numRuns: 400 };

/** A value in which some members were changed, dropped or replaced by anything. */
function disturbed(sample: unknown): fc.Arbitrary<unknown> {
  const anything = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom(
      'CREATED',
      'VOIDED',
      'DENIED',
      'COMPLETED',
      'att_a_1',
      'att_b_1',
      '49.99',
      '20.00',
      'USD',
      ORDER_ID,
    ),
  );
  const visit = (value: unknown): fc.Arbitrary<unknown> => {
    if (Array.isArray(value))
      return fc.oneof({ weight: 12, arbitrary: fc.tuple(...value.map(visit)) }, anything);
    if (typeof value !== 'object' || value === null)
      return fc.oneof({ weight: 24, arbitrary: fc.constant(value) }, anything);
    const members = Object.fromEntries(Object.entries(value).map(([name, member]) => [name, visit(member)]));
    return fc.oneof(
      { weight: 12, arbitrary: fc.record(members, { requiredKeys: Object.keys(members).slice(0, -1) }) },
      anything,
    );
  };
  return visit(sample);
}

const SAMPLES = [
  authorizedOrder(),
  authorizedOrder({
    status: 'DENIED',
    processor_response: { response_code: '5120', payment_advice_code: '02' },
  }),
  authorizedOrder({ status: 'VOIDED' }, { captures: [captureOf()], refunds: [refundOf()] }),
  orderOf(null),
];
const anyOrder = fc.oneof(...SAMPLES.map(disturbed));

/** What an approval needs, worked out from the raw answer, not by the adapter's own reading. */
function mayBeApproval(raw: unknown): boolean {
  const text = JSON.stringify(raw) ?? '';
  return (
    text.includes('"49.99"') && text.includes('"EUR"') && text.includes('att_a_1') && text.includes(ORDER_ID)
  );
}

function isBounded(value: unknown): boolean {
  return JSON.stringify(value).length < 4_096;
}

describe('whatever PayPal answers', () => {
  it('an order is read without a throw, and approved only where all that was asked stands in it', () => {
    let approvals = 0;
    fc.assert(
      fc.property(anyOrder, (raw) => {
        const read = wireOrder.safeParse(raw);
        if (!read.success) return;
        const reading = readOrder(read.data, ASKED, DEPS);
        if (reading.kind !== 'outcome') return;
        expect(isBounded(reading)).toBe(true);
        if (reading.outcome.kind !== 'approved') return;
        approvals += 1;
        expect(mayBeApproval(raw)).toBe(true);
        expect(reading.outcome.providerReference).toBe(ORDER_ID);
      }),
      RUNS,
    );
    expect(approvals, 'approvals among them').toBeGreaterThan(5);
  });

  it('an error is never an approval, and tells no text', () => {
    const secret = 'J. Doe 4571736000000007';
    const value = fc.oneof(
      fc.jsonValue(),
      fc.record({
        name: fc.oneof(fc.constant('UNPROCESSABLE_ENTITY'), fc.string()),
        details: fc.jsonValue(),
        message: fc.constant(secret),
      }),
      fc.record({
        name: fc.constant('UNPROCESSABLE_ENTITY'),
        details: fc.array(
          fc.record({
            issue: fc.oneof(fc.constant(secret), fc.string(), fc.constant('INSTRUMENT_DECLINED')),
          }),
        ),
      }),
    );
    fc.assert(
      fc.property(value, fc.integer({ min: 100, max: 599 }), (body, status) => {
        const headers = { 'content-type': 'application/json' };
        const answer = errorAnswerOf({ kind: 'response', status, headers, body: JSON.stringify(body) });
        const outcome: AttemptOutcome = outcomeOfError(answer, { ...ASKED }, DEPS);
        expect(['rejected', 'declined', 'unknown', 'authentication_required']).toContain(outcome.kind);
        expect(answer.code).toMatch(/^[A-Za-z][A-Za-z0-9_]{1,63}$/);
        expect(JSON.stringify(outcome)).not.toContain('Doe');
        expect(isBounded(outcome)).toBe(true);
      }),
      RUNS,
    );
  });

  it('amounts go to PayPal and back unchanged, or not at all', () => {
    const currency = fc.constantFrom('EUR', 'USD', 'JPY', 'HUF', 'TWD', 'KWD', 'KRW', 'CLF');
    fc.assert(
      fc.property(
        fc.maxSafeInteger().filter((value) => value > 0),
        currency,
        (value, code) => {
          const money = moneyOf({ value, currency: code });
          if (money === null) return;
          expect(money.value).toMatch(/^\d{1,15}(\.\d{2})?$/);
          expect(amountOf(money)).toEqual({ value, currency: code });
        },
      ),
      RUNS,
    );
    fc.assert(
      fc.property(fc.string(), currency, (value, code) => {
        const amount = amountOf({ value, currency_code: code });
        if (amount !== null) expect(Number.isSafeInteger(amount.value) && amount.value >= 0).toBe(true);
      }),
      RUNS,
    );
  });
});

const EVENTS: readonly (readonly [string, Notice['data']])[] = [
  ['PAYMENT.AUTHORIZATION.CREATED', { about: 'authorization', resource: AUTHORIZATION }],
  [
    'PAYMENT.AUTHORIZATION.VOIDED',
    { about: 'authorization', resource: { ...AUTHORIZATION, status: 'VOIDED' } },
  ],
  ['PAYMENT.CAPTURE.COMPLETED', { about: 'capture', resource: CAPTURE }],
  ['PAYMENT.CAPTURE.REFUNDED', { about: 'refund', resource: REFUND }],
  ['CHECKOUT.ORDER.COMPLETED', { about: 'order', resource: ORDER }],
  ['CUSTOMER.DISPUTE.CREATED', { about: 'dispute', resource: DISPUTE }],
];

const world = paypalWorld();

describe('whatever comes in as an event', () => {
  const attemptId = 'att_bcdfghjk_1';
  const capture = {
    operation: 'capture',
    operationId: 'cap_bcdfghjk_2',
    attemptId,
    providerReference: ORDER_ID,
    amount: { value: 4999, currency: 'EUR' },
    final: false,
  } as const;
  const names = { attemptId, providerReference: ORDER_ID, operationReferences: [] };
  const subject = { ...ASKED, ...names, operations: [capture] };

  it('evidence is told without a throw, and an approval or a confirmation only about what was asked', () => {
    let told = 0;
    const any = fc.oneof(...EVENTS.map(([type, data]) => fc.tuple(fc.constant(type), disturbed(data))));
    fc.assert(
      fc.property(any, ([type, data]) => {
        const evidence: NoticeEvidence = paypalEvidence({ type, data }, subject, null, DEPS);
        expect(isBounded(evidence)).toBe(true);
        const text = JSON.stringify(data) ?? '';
        if (evidence.kind === 'attempt' && evidence.outcome.kind === 'approved') {
          told += 1;
          expect(text).toContain('"49.99"');
        }
        if (evidence.kind !== 'operation' || evidence.inquiry.kind !== 'confirmed') return;
        told += 1;
        const { resource } = data as { readonly resource: Parameters<typeof isMovedAsked>[0] };
        expect(isMovedAsked(resource, capture)).toBe(true);
        expect(resource.amount).toEqual(euros('49.99'));
      }),
      RUNS,
    );
    expect(told, 'evidence among them').toBeGreaterThan(5);
  });

  it('headers and bodies of any shape are refused without a throw and without a call', async () => {
    const provider = world.start({}, { settings: { webhook_id: '4JH86294D6297924G' } });
    const names = [
      'paypal-transmission-id',
      'paypal-transmission-time',
      'paypal-transmission-sig',
      'paypal-cert-url',
      'paypal-auth-algo',
    ];
    const good = [
      'id-1',
      '2026-11-23T10:00:00Z',
      'A'.repeat(344),
      'https://evil.example.com/v1/notifications/certs/X',
      'SHA256withRSA',
    ];
    const headers = fc.record(
      Object.fromEntries(
        names.map((name, index) => [name, fc.oneof(fc.string(), fc.constant(good[index] ?? ''))]),
      ),
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(headers, fc.string(), async (given, body) => {
        const present = Object.fromEntries(
          Object.entries(given).map(([name, value]) => [name, String(value)]),
        );
        const reading = await provider.readNotices({ headers: present, body });
        expect(reading.kind).toBe('refused');
      }),
      RUNS,
    );
    expect(world.seen()).toEqual([]);
  });

  it('an inquiry answers whatever bytes it is given', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.json(),
          fc.string(),
          anyOrder.map((order) => JSON.stringify(order)),
        ),
        async (body) => {
          const provider = world.start({
            [PATHS.show]: new Response(body, { headers: { 'content-type': 'application/json' } }),
            [PATHS.create]: json(orderOf(null), 201),
          });
          const answer = await provider.inquire(queryOf());
          provider.close();
          expect(['found', 'not_found', 'no_answer']).toContain(answer.kind);
          if (answer.kind === 'found' && answer.outcome.kind === 'approved') expect(body).toContain('49.99');
        },
      ),
      { numRuns: 60 },
    );
  });
});
