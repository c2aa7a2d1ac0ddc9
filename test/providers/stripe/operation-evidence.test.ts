import { describe, expect, it } from 'vitest';
import type { OperationKind } from '../../../src/core/operation.ts';
import type { AskedOperation, NoticeSubject } from '../../../src/gateway/ports.ts';
import { evidence, MISMATCH, NOTHING, subject } from './stripe-events.ts';
import { stripeByScript } from './stripe-fixture.ts';
import { chargeBody, heldIntent, intentBody, refundBody } from './stripe-objects.ts';

/** What events say about captures, voids and refunds. */

const stripe = stripeByScript();

const operation = (kind: OperationKind, operationId: string, value: number): AskedOperation => ({
  operation: kind,
  operationId,
  attemptId: 'att_a_1',
  providerReference: 'pi_1',
  amount: { value, currency: 'EUR' },
  final: true,
});
const CAPTURE = operation('capture', 'cap_a_2', 4999);
const REFUND = operation('refund', 'ref_a_3', 400);
const VOID = operation('void', 'void_a_1', 4999);

const confirmed = (operationId: string, providerReference: string | null = null) => ({
  kind: 'operation',
  operationId,
  inquiry: { kind: 'confirmed', providerReference },
});
const APPROVED = {
  kind: 'attempt',
  outcome: { kind: 'approved', providerReference: 'pi_1', networkTransaction: null },
};
const OURS = { pointsman_attempt: 'att_a_1' };
const CAPTURED = intentBody({
  status: 'succeeded',
  amount_received: 4999,
  latest_charge: 'ch_1',
  metadata: { ...OURS, pointsman_cap_a_2: 'cap_a_2:4999' },
});

type Row = readonly [
  name: string,
  type: string,
  object: Record<string, unknown>,
  asked: NoticeSubject,
  expected: object,
];

describe('about an operation', () => {
  const withOperations = (...operations: readonly AskedOperation[]) => subject({ operations });
  const several = { ...OURS, pointsman_cap_a_2: 'cap_a_2:1000', pointsman_cap_a_4: 'cap_a_4:3999' };
  const FIRST = operation('capture', 'cap_a_2', 1000);
  const SECOND = operation('capture', 'cap_a_4', 3999);

  it.each<Row>([
    ['captured', 'payment_intent.succeeded', CAPTURED, withOperations(CAPTURE), confirmed('cap_a_2')],
    [
      'captured in part',
      'payment_intent.amount_capturable_updated',
      heldIntent({
        latest_charge: 'ch_1',
        amount_capturable: 3999,
        amount_received: 1000,
        metadata: { ...OURS, pointsman_cap_a_2: 'cap_a_2:1000' },
      }),
      withOperations(FIRST, SECOND),
      confirmed('cap_a_2'),
    ],
    [
      'captured to the end',
      'payment_intent.succeeded',
      { ...CAPTURED, metadata: several },
      withOperations(FIRST, SECOND),
      confirmed('cap_a_4'),
    ],
    [
      'captured, and not received',
      'payment_intent.succeeded',
      { ...CAPTURED, amount_received: 4998 },
      withOperations(CAPTURE),
      MISMATCH,
    ],
    [
      'captured, another amount',
      'payment_intent.succeeded',
      { ...CAPTURED, metadata: { ...OURS, pointsman_cap_a_2: 'cap_a_2:1' } },
      withOperations(CAPTURE),
      MISMATCH,
    ],
    [
      'captured, and still at work',
      'payment_intent.processing',
      { ...CAPTURED, status: 'processing' },
      withOperations(CAPTURE),
      { kind: 'operation', operationId: 'cap_a_2', inquiry: { kind: 'pending' } },
    ],
    [
      'captured, with the mark of what is no capture',
      'payment_intent.succeeded',
      { ...CAPTURED, metadata: { ...OURS, pointsman_ref_a_3: 'ref_a_3:400' } },
      withOperations(REFUND),
      APPROVED,
    ],
    [
      'captured, by its charge, beside a void that failed and a refund',
      'charge.captured',
      chargeBody({ amount_captured: 4999 }),
      withOperations(VOID, CAPTURE, REFUND),
      confirmed('cap_a_2'),
    ],
    [
      'captured, by its charge',
      'charge.captured',
      chargeBody({ amount_captured: 4999 }),
      withOperations(CAPTURE),
      confirmed('cap_a_2'),
    ],
    [
      'captured, by a charge that names none of several',
      'charge.captured',
      chargeBody({ amount_captured: 4999 }),
      withOperations(FIRST, SECOND),
      NOTHING,
    ],
    [
      'captured by somebody else, by its charge',
      'charge.captured',
      chargeBody({ amount_captured: 4999 }),
      withOperations(),
      NOTHING,
    ],
    [
      'captured, another amount, by its charge',
      'charge.captured',
      chargeBody({ amount_captured: 1 }),
      withOperations(CAPTURE),
      MISMATCH,
    ],
    [
      'voided',
      'payment_intent.canceled',
      intentBody({ status: 'canceled', latest_charge: 'ch_1' }),
      withOperations(VOID),
      confirmed('void_a_1'),
    ],
    [
      'voided, before a capture that failed',
      'payment_intent.canceled',
      intentBody({ status: 'canceled', latest_charge: 'ch_1' }),
      withOperations(VOID, CAPTURE),
      confirmed('void_a_1'),
    ],
    [
      'cancelled by somebody else, whatever was to be captured',
      'payment_intent.canceled',
      intentBody({ status: 'canceled', latest_charge: 'ch_1' }),
      withOperations(CAPTURE),
      expect.objectContaining({
        kind: 'attempt',
        outcome: expect.objectContaining({ kind: 'partially_approved', reversal: 'confirmed' }),
      }),
    ],
    [
      'voided, another amount',
      'payment_intent.canceled',
      intentBody({ status: 'canceled', amount: 1 }),
      withOperations(VOID),
      MISMATCH,
    ],
    [
      'voided, never charged',
      'payment_intent.canceled',
      intentBody({ status: 'canceled' }),
      withOperations(VOID),
      confirmed('void_a_1'),
    ],
    [
      'the newest of the voids',
      'payment_intent.canceled',
      intentBody({ status: 'canceled' }),
      withOperations(VOID, operation('void', 'void_a_5', 4999)),
      confirmed('void_a_5'),
    ],
    ['refunded', 'refund.created', refundBody(), withOperations(REFUND), confirmed('ref_a_3', 're_1')],
    [
      'refunded, told by the older name',
      'charge.refund.updated',
      refundBody(),
      withOperations(REFUND),
      confirmed('ref_a_3', 're_1'),
    ],
    [
      'a refund that is pending',
      'refund.updated',
      refundBody({ status: 'pending' }),
      withOperations(REFUND),
      { kind: 'operation', operationId: 'ref_a_3', inquiry: { kind: 'pending' } },
    ],
    [
      'a refund that failed',
      'refund.failed',
      refundBody({ status: 'failed', failure_reason: 'lost_or_stolen_card' }),
      withOperations(REFUND),
      { kind: 'operation', operationId: 'ref_a_3', inquiry: { kind: 'failed', code: 'lost_or_stolen_card' } },
    ],
    [
      "somebody else's refund",
      'refund.created',
      refundBody({ metadata: {} }),
      withOperations(REFUND),
      NOTHING,
    ],
    [
      "somebody else's refund of another intent",
      'refund.created',
      refundBody({ metadata: {}, payment_intent: 'pi_2' }),
      withOperations(REFUND),
      MISMATCH,
    ],
    [
      'the second of two refunds',
      'refund.created',
      refundBody(),
      withOperations(operation('refund', 'ref_a_2', 400), REFUND),
      confirmed('ref_a_3', 're_1'),
    ],
    ['a refund that was not asked for', 'refund.created', refundBody(), withOperations(), MISMATCH],
    [
      'a refund under the name of a capture',
      'refund.created',
      refundBody(),
      withOperations(operation('capture', 'ref_a_3', 400)),
      MISMATCH,
    ],
    [
      'a refund of another amount',
      'refund.created',
      refundBody({ amount: 401 }),
      withOperations(REFUND),
      MISMATCH,
    ],
    [
      'a refund of another currency',
      'refund.created',
      refundBody({ currency: 'usd' }),
      withOperations(REFUND),
      MISMATCH,
    ],
    [
      'a refund of another intent',
      'refund.created',
      refundBody({ payment_intent: 'pi_2' }),
      withOperations(REFUND),
      MISMATCH,
    ],
  ])('%s', async (_name, type, object, asked, expected) => {
    expect(await evidence(stripe, type, object, asked)).toEqual(expected);
    // A repeat says the same.
    expect(await evidence(stripe, type, object, asked)).toEqual(expected);
  });
});
