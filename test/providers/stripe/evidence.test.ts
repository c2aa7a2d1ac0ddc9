import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { OperationKind } from '../../../src/core/operation.ts';
import type { AskedOperation, NoticeEvidence, NoticeSubject, Provider } from '../../../src/gateway/ports.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { API_KEY, stripeByScript } from './stripe-fixture.ts';
import { chargeBody, failedCharge, heldIntent, intentBody, refundBody } from './stripe-objects.ts';

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

const subject = (over: Partial<NoticeSubject> = {}): NoticeSubject => ({
  attemptId: 'att_a_1',
  request: sampleRequest(),
  brand: 'visa',
  scaRegion: false,
  providerReference: 'pi_1',
  operations: [],
  ...over,
});

/** What an event says, on the whole way: signed, read, kept as JSON, and read again. */
async function evidence(
  type: string,
  object: unknown,
  asked: NoticeSubject = subject(),
  over: { event?: object; settings?: Record<string, string>; apiKey?: string } = {},
): Promise<NoticeEvidence> {
  const { settings = {}, apiKey = API_KEY } = over;
  const credentials = { api_key: apiKey, webhook_secret: 'whsec_1' };
  const provider: Provider = stripe.create({ credentials, settings });
  const body = JSON.stringify({
    id: 'evt_1',
    object: 'event',
    livemode: false,
    type,
    data: { object },
    ...over.event,
  });
  const seconds = Math.floor(stripe.clock.wallMs() / 1000);
  const signature = createHmac('sha256', 'whsec_1').update(`${seconds}.${body}`).digest('hex');
  const headers = { 'stripe-signature': `t=${seconds},v1=${signature}` };
  const reading = await provider.readNotices({ headers, body });
  if (reading.kind !== 'read') throw new Error(JSON.stringify(reading));
  const [notice] = reading.notices;
  if (notice === undefined) throw new Error('no notice');
  const kept = { type: notice.type, data: JSON.parse(JSON.stringify(notice.data)) };
  return provider.evidenceIn(kept, asked);
}

const MISMATCH = { kind: 'mismatch' };
const NOTHING = { kind: 'nothing' };
const attempt = (outcome: object) => ({ kind: 'attempt', outcome });
const confirmed = (operationId: string, providerReference: string | null = null) => ({
  kind: 'operation',
  operationId,
  inquiry: { kind: 'confirmed', providerReference },
});
const APPROVED = { kind: 'approved', providerReference: 'pi_1', networkTransaction: null };
const HELD = heldIntent({ latest_charge: 'ch_1' });
const OURS = { pointsman_attempt: 'att_a_1' };
const CAPTURED = intentBody({
  status: 'succeeded',
  amount_received: 4999,
  latest_charge: 'ch_1',
  metadata: { ...OURS, pointsman_cap_a_2: 'cap_a_2:4999' },
});
const ERROR = { type: 'card_error', code: 'card_declined', decline_code: 'lost_card' };

type Row = readonly [
  name: string,
  type: string,
  object: Record<string, unknown>,
  asked: NoticeSubject,
  expected: object,
];

describe('about an attempt', () => {
  it.each<Row>([
    ['held', 'payment_intent.amount_capturable_updated', HELD, subject(), attempt(APPROVED)],
    [
      'held, before the answer came',
      'payment_intent.amount_capturable_updated',
      HELD,
      subject({ providerReference: null }),
      attempt(APPROVED),
    ],
    [
      'held, our name taken away there',
      'payment_intent.amount_capturable_updated',
      heldIntent({ latest_charge: 'ch_1', metadata: {} }),
      subject(),
      attempt(APPROVED),
    ],
    [
      'held in part',
      'payment_intent.amount_capturable_updated',
      heldIntent({ latest_charge: 'ch_1', amount_capturable: 1 }),
      subject(),
      attempt({
        kind: 'partially_approved',
        providerReference: 'pi_1',
        authorizedAmount: 1,
        networkTransaction: null,
        reversal: 'none',
      }),
    ],
    [
      'authorized, with the transaction of the network',
      'charge.succeeded',
      chargeBody(),
      subject(),
      attempt({ ...APPROVED, networkTransaction: { id: 'nti1', network: 'visa', date: '2026-11-23' } }),
    ],
    [
      'captured by somebody else',
      'payment_intent.succeeded',
      { ...CAPTURED, metadata: OURS },
      subject(),
      attempt(APPROVED),
    ],
    [
      'cancelled by somebody else',
      'payment_intent.canceled',
      intentBody({ status: 'canceled', latest_charge: 'ch_1' }),
      subject(),
      attempt({
        kind: 'partially_approved',
        providerReference: 'pi_1',
        authorizedAmount: 4999,
        networkTransaction: null,
        reversal: 'confirmed',
      }),
    ],
    [
      'cancelled, never charged',
      'payment_intent.canceled',
      intentBody({ status: 'canceled' }),
      subject(),
      attempt({
        kind: 'rejected',
        reason: 'cancelled',
        code: 'cancelled',
        retryAfterMs: null,
        providerReference: 'pi_1',
      }),
    ],
    [
      'an authentication that is needed',
      'payment_intent.requires_action',
      intentBody({ status: 'requires_action' }),
      subject(),
      attempt({
        kind: 'authentication_required',
        code: 'authentication_required',
        providerReference: 'pi_1',
      }),
    ],
    [
      'at work',
      'payment_intent.processing',
      intentBody({ status: 'processing' }),
      subject(),
      attempt({ kind: 'pending', code: null, providerReference: 'pi_1' }),
    ],
  ])('%s', async (_name, type, object, asked, expected) => {
    expect(await evidence(type, object, asked)).toEqual(expected);
  });

  it.each<[string, string, Record<string, unknown>, object]>([
    [
      'by its charge',
      'charge.failed',
      failedCharge({ reason: 'insufficient_funds' }),
      { code: 'insufficient_funds', mayHideApproval: false },
    ],
    [
      'by its charge, reversed',
      'charge.failed',
      failedCharge({ network_status: 'reversed_after_approval' }),
      { mayHideApproval: true },
    ],
    [
      'before there was a charge',
      'payment_intent.payment_failed',
      intentBody({ status: 'requires_payment_method', last_payment_error: ERROR }),
      { code: 'lost_card', otherProvider: 'never', mayHideApproval: false },
    ],
  ])('declined, %s', async (_name, type, object, decline) => {
    expect(await evidence(type, object)).toMatchObject({
      kind: 'attempt',
      outcome: { kind: 'declined', decline },
    });
  });

  it.each<[string, string, Record<string, unknown>]>([
    // Whether an approval is hidden says only the charge.
    [
      'a refusal whose charge is not shown',
      'payment_intent.payment_failed',
      intentBody({ status: 'requires_payment_method', last_payment_error: ERROR, latest_charge: 'ch_1' }),
    ],
    [
      'a cancelled refusal whose charge is not shown',
      'payment_intent.canceled',
      intentBody({ status: 'canceled', last_payment_error: ERROR, latest_charge: 'ch_1' }),
    ],
    [
      'a refusal that tells of none',
      'payment_intent.payment_failed',
      intentBody({ status: 'requires_payment_method' }),
    ],
    ['an intent that was made', 'payment_intent.created', intentBody()],
    ['a charge that is open', 'charge.pending', chargeBody({ status: 'pending' })],
    ['a charge that was changed', 'charge.updated', chargeBody()],
    ['a charge that ended', 'charge.expired', chargeBody()],
    ['a charge that was refunded', 'charge.refunded', chargeBody()],
  ])('of no consequence: %s', async (_name, type, object) => {
    expect(await evidence(type, object)).toEqual(NOTHING);
  });

  it.each<Row>([
    [
      'another amount',
      'payment_intent.amount_capturable_updated',
      { ...HELD, amount: 1 },
      subject(),
      MISMATCH,
    ],
    [
      'more held than asked',
      'payment_intent.amount_capturable_updated',
      { ...HELD, amount_capturable: 5000 },
      subject(),
      MISMATCH,
    ],
    [
      'another currency',
      'payment_intent.amount_capturable_updated',
      { ...HELD, currency: 'usd' },
      subject(),
      MISMATCH,
    ],
    [
      'another intent',
      'payment_intent.amount_capturable_updated',
      { ...HELD, id: 'pi_2' },
      subject(),
      MISMATCH,
    ],
    [
      "another's attempt",
      'payment_intent.amount_capturable_updated',
      { ...HELD, metadata: { pointsman_attempt: 'att_b_1' } },
      subject(),
      MISMATCH,
    ],
    [
      'nobody named, and no id known',
      'payment_intent.amount_capturable_updated',
      { ...HELD, metadata: {} },
      subject({ providerReference: null }),
      MISMATCH,
    ],
    ['a type that its state contradicts', 'payment_intent.succeeded', HELD, subject(), MISMATCH],
    ['a charge of another amount', 'charge.succeeded', chargeBody({ amount: 1 }), subject(), MISMATCH],
    [
      'a charge of another currency',
      'charge.succeeded',
      chargeBody({ currency: 'usd' }),
      subject(),
      MISMATCH,
    ],
    [
      'a charge of another intent',
      'charge.succeeded',
      chargeBody({ payment_intent: 'pi_2' }),
      subject(),
      MISMATCH,
    ],
    [
      'a charge of no intent',
      'charge.succeeded',
      chargeBody({ payment_intent: null }),
      subject({ providerReference: null }),
      MISMATCH,
    ],
    [
      "another's charge",
      'charge.succeeded',
      chargeBody({ metadata: { pointsman_attempt: 'att_b_1' } }),
      subject(),
      MISMATCH,
    ],
    ['a charge that did not succeed', 'charge.succeeded', failedCharge(), subject(), MISMATCH],
    [
      'a charge that was reversed',
      'charge.succeeded',
      chargeBody({ outcome: { network_status: 'reversed_after_approval' } }),
      subject(),
      MISMATCH,
    ],
    ['a charge that did not fail', 'charge.failed', chargeBody(), subject(), MISMATCH],
  ])('not about what was asked: %s', async (_name, type, object, asked, expected) => {
    expect(await evidence(type, object, asked)).toEqual(expected);
  });
});

describe('from where it is', () => {
  const type = 'payment_intent.amount_capturable_updated';
  const account = (id: string) => ({ event: { account: id }, settings: { account: 'acct_1' } });
  it.each([
    ['our connected account', account('acct_1'), attempt(APPROVED)],
    ['another connected account', account('acct_2'), MISMATCH],
    ['a connected account, where we have none', { event: { account: 'acct_1' } }, MISMATCH],
    ['no connected account, where we have one', { settings: { account: 'acct_1' } }, MISMATCH],
    ['real money, with a key for tests', { event: { livemode: true } }, MISMATCH],
    ['tests, with a key for real money', { apiKey: 'sk_live_1' }, MISMATCH],
    ['real money, with a key for it', { event: { livemode: true }, apiKey: 'rk_live_1' }, attempt(APPROVED)],
    ['a key that does not say', { event: { livemode: true }, apiKey: 'key1' }, attempt(APPROVED)],
  ] as const)('%s', async (_name, over, expected) => {
    expect(await evidence(type, HELD, subject(), over)).toEqual(expected);
  });

  it.each([
    ['charge.succeeded', chargeBody()],
    ['refund.updated', refundBody()],
    [
      'charge.dispute.created',
      { object: 'dispute', id: 'dp_1', status: 'lost', amount: 1, currency: 'eur', payment_intent: 'pi_1' },
    ],
    [
      'radar.early_fraud_warning.created',
      { object: 'radar.early_fraud_warning', id: 'issfr_1', payment_intent: 'pi_1' },
    ],
  ])('counts for every event: %s', async (eventType, object) => {
    const asked = subject({ operations: [REFUND] });
    expect(await evidence(eventType, object, asked)).not.toEqual(MISMATCH);
    expect(await evidence(eventType, object, asked, { event: { account: 'acct_2' } })).toEqual(MISMATCH);
    expect(await evidence(eventType, object, asked, { event: { livemode: true } })).toEqual(MISMATCH);
  });
});

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
    expect(await evidence(type, object, asked)).toEqual(expected);
    // A repeat says the same.
    expect(await evidence(type, object, asked)).toEqual(expected);
  });
});

describe('disputes', () => {
  const disputed = (status: string | null, over: Record<string, unknown> = {}) => ({
    object: 'dispute',
    id: 'dp_1',
    amount: 4999,
    currency: 'eur',
    charge: 'ch_1',
    payment_intent: 'pi_1',
    reason: 'fraudulent',
    status,
    evidence_details: { due_by: 1_800_000_000, has_evidence: false },
    evidence: { customer_name: 'not kept' },
    ...over,
  });

  it.each([
    ['created', 'needs_response', 'opened'],
    ['created', 'warning_needs_response', 'inquiry'],
    ['created', 'under_review', 'opened'],
    ['updated', 'needs_response', 'updated'],
    ['updated', 'under_review', 'updated'],
    ['updated', 'warning_needs_response', 'updated'],
    ['updated', 'warning_under_review', 'updated'],
    ['closed', 'warning_closed', 'won'],
    ['closed', 'won', 'won'],
    ['closed', 'lost', 'lost'],
    ['closed', 'prevented', 'updated'],
    ['funds_withdrawn', 'needs_response', 'updated'],
    ['funds_reinstated', 'won', 'won'],
    ['updated', 'of a later day', 'updated'],
  ])('%s, %s: %s', async (what, status, stage) => {
    expect(await evidence(`charge.dispute.${what}`, disputed(status))).toEqual({
      kind: 'dispute',
      dispute: {
        disputeId: 'dp_1',
        stage,
        reason: 'fraudulent',
        amount: { value: 4999, currency: 'EUR' },
        respondByMs: 1_800_000_000_000,
      },
    });
  });

  it.each<[string, Record<string, unknown>, object]>([
    ['without a date', { evidence_details: { due_by: null } }, { respondByMs: null }],
    ['without details', { evidence_details: null }, { respondByMs: null }],
    ['without a reason', { reason: null }, { reason: null }],
    [
      'in a currency of two kinds of units',
      { amount: 500, currency: 'isk' },
      { amount: { value: 5, currency: 'ISK' } },
    ],
    ['in a currency without a documented unit', { currency: 'iqd' }, { amount: null }],
  ])('%s', async (_name, over, expected) => {
    expect(await evidence('charge.dispute.created', disputed('lost', over))).toMatchObject({
      dispute: expected,
    });
  });

  it('of another intent, or of none, is none of ours', async () => {
    for (const payment_intent of ['pi_2', null]) {
      expect(await evidence('charge.dispute.created', disputed('lost', { payment_intent }))).toEqual(
        MISMATCH,
      );
    }
  });

  it('an early warning of fraud', async () => {
    const warning = {
      object: 'radar.early_fraud_warning',
      id: 'issfr_1',
      fraud_type: 'made_with_stolen_card',
      charge: 'ch_1',
    };
    expect(
      await evidence('radar.early_fraud_warning.created', { ...warning, payment_intent: 'pi_1' }),
    ).toEqual({
      kind: 'dispute',
      dispute: {
        disputeId: 'issfr_1',
        stage: 'fraud_notice',
        reason: 'made_with_stolen_card',
        amount: null,
        respondByMs: null,
      },
    });
    expect(
      await evidence('radar.early_fraud_warning.created', { ...warning, payment_intent: 'pi_2' }),
    ).toEqual(MISMATCH);
  });
});

describe('what was kept and cannot be read', () => {
  it.each([
    'payment_intent.succeeded',
    'charge.failed',
    'refund.created',
    'charge.dispute.created',
    'radar.early_fraud_warning.created',
    'customer.created',
  ])('is of no consequence: %s', (type) => {
    for (const data of [null, {}, { about: {} }, 'x', []]) {
      expect(stripe.create().evidenceIn({ type, data }, subject())).toEqual(NOTHING);
    }
  });
});
