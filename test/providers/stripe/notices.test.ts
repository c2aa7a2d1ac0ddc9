import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readStripeNotices } from '../../../src/providers/stripe/notices.ts';
import { API_KEY, stripeByScript } from './stripe-fixture.ts';
import { chargeBody, heldIntent, intentBody, refundBody } from './stripe-objects.ts';

const NOW_S = 1_800_000_000;
const NOW_MS = NOW_S * 1000;
const SECRET = 'whsec_test_secret';

const event = (type: string, object: unknown, over: Record<string, unknown> = {}) =>
  JSON.stringify({
    id: 'evt_1',
    object: 'event',
    api_version: '2025-01-27.acacia',
    created: NOW_S,
    livemode: false,
    pending_webhooks: 1,
    request: { id: 'req_1', idempotency_key: 'key_a_1' },
    type,
    data: { object },
    ...over,
  });

const mac = (secret: string, seconds: number, body: string) =>
  createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex');

const read = (body: string, signature: string | undefined, secrets: readonly string[] = [SECRET]) =>
  readStripeNotices(
    { headers: signature === undefined ? {} : { 'stripe-signature': signature }, body },
    secrets,
    NOW_MS,
  );
const signed = (body: string) => read(body, `t=${NOW_S},v1=${mac(SECRET, NOW_S, body)}`);

describe('signatures', () => {
  const body = event('payment_intent.succeeded', intentBody({ status: 'succeeded', amount_received: 4999 }));
  const good = mac(SECRET, NOW_S, body);
  const wrong = mac('whsec_other', NOW_S, body);
  const READ = { kind: 'read' };
  const REFUSED = { kind: 'refused', reason: 'signature' };

  it("takes Stripe's own example for signed, and for no event of use", () => {
    const example = JSON.stringify({ id: 'evt_test_webhook', object: 'event' }, null, 2);
    const vector = '8920d0e64a38d2b0d84217cf4360f9157d30634c5e29d55d27910dc797612567';
    expect(read(example, `t=${NOW_S},v1=${vector}`)).toEqual({
      kind: 'refused',
      reason: 'malformed',
      member: 'livemode',
    });
    expect(
      read(example, `t=${NOW_S},v1=${vector.replace(/.$/, (last) => (last === '0' ? '1' : '0'))}`),
    ).toEqual(REFUSED);
    expect(read(example, `t=${NOW_S},v1=${vector}`, ['whsec_test_secreT'])).toEqual(REFUSED);
  });

  it.each<[string, string | undefined, object]>([
    ['one that is right', `t=${NOW_S},v1=${good}`, READ],
    ['with blanks', ` t=${NOW_S} , v1=${good} `, READ],
    ['in capitals', `t=${NOW_S},v1=${good.toUpperCase()}`, READ],
    ['one of several', `t=${NOW_S},v1=${wrong},v1=${good}`, READ],
    ['before the time', `v1=${good},t=${NOW_S}`, READ],
    ['beside another scheme', `t=${NOW_S},v0=${wrong},v1=${good}`, READ],
    ['none', undefined, REFUSED],
    ['empty', '', REFUSED],
    ['of another secret', `t=${NOW_S},v1=${wrong}`, REFUSED],
    ['of another scheme', `t=${NOW_S},v0=${good}`, REFUSED],
    ['without a time', `v1=${good}`, REFUSED],
    ['with a time that is none', `t=now,v1=${good}`, REFUSED],
    ['of another time', `t=${NOW_S + 1},v1=${good}`, REFUSED],
    ['with two times', `t=${NOW_S},t=${NOW_S},v1=${good}`, REFUSED],
    ['cut short', `t=${NOW_S},v1=${good.slice(0, 62)}`, REFUSED],
    ['with more behind it', `t=${NOW_S},v1=${good}00`, REFUSED],
    ['no hexadecimal', `t=${NOW_S},v1=${'z'.repeat(64)}`, REFUSED],
    ['without a value', `t=${NOW_S},v1=`, REFUSED],
    ['the ninth', `t=${NOW_S},${`v1=${wrong},`.repeat(8)}v1=${good}`, REFUSED],
    ['twice, as a header that came twice', `t=${NOW_S},v1=${good}, t=${NOW_S},v1=${good}`, REFUSED],
  ])('%s', (_name, signature, expected) => {
    expect(read(body, signature)).toMatchObject(expected);
  });

  it('any of the secrets that are valid now', () => {
    expect(read(body, `t=${NOW_S},v1=${good}`, ['whsec_new', SECRET])).toMatchObject(READ);
    expect(read(body, `t=${NOW_S},v1=${good}`, ['whsec_new'])).toEqual(REFUSED);
    expect(read(body, `t=${NOW_S},v1=${good}`, [])).toEqual({ kind: 'refused', reason: 'not_configured' });
  });

  it.each([
    [-300, READ],
    [-301, { kind: 'refused', reason: 'stale' }],
    [300, READ],
    [301, { kind: 'refused', reason: 'stale' }],
  ])('%i seconds from now', (seconds, expected) => {
    const at = NOW_S + seconds;
    expect(read(body, `t=${at},v1=${mac(SECRET, at, body)}`)).toMatchObject(expected);
  });

  it('is over the bytes: a blank more is another message', () => {
    expect(read(`${body} `, `t=${NOW_S},v1=${good}`)).toEqual(REFUSED);
  });

  it('by the secrets of the account', async () => {
    const stripe = stripeWith('whsec_1,\nwhsec_2');
    const at = Math.floor(stripe.clockMs / 1000);
    const message = (secret: string) => ({
      headers: { 'stripe-signature': `t=${at},v1=${mac(secret, at, body)}` },
      body,
    });
    expect(await stripe.provider.readNotices(message('whsec_2'))).toMatchObject(READ);
    expect(await stripe.provider.readNotices(message('whsec_3'))).toEqual(REFUSED);
  });
});

const script = stripeByScript();
function stripeWith(webhookSecret: string) {
  const provider = script.create({ credentials: { api_key: API_KEY, webhook_secret: webhookSecret } });
  return { provider, clockMs: script.clock.wallMs() };
}

describe('what is kept of an event', () => {
  it('of an intent: what evidence needs', () => {
    const told = heldIntent({ latest_charge: 'ch_1', metadata: { pointsman_attempt: 'att_a_1', note: 'x' } });
    expect(signed(event('payment_intent.amount_capturable_updated', told))).toEqual({
      kind: 'read',
      notices: [
        {
          eventId: 'evt_1',
          type: 'payment_intent.amount_capturable_updated',
          attemptId: 'att_a_1',
          providerReference: 'pi_1',
          data: {
            livemode: false,
            about: {
              object: 'payment_intent',
              id: 'pi_1',
              status: 'requires_capture',
              amount: 4999,
              amount_capturable: 4999,
              amount_received: 0,
              currency: 'eur',
              latest_charge: 'ch_1',
              last_payment_error: null,
              metadata: { pointsman_attempt: 'att_a_1' },
            },
          },
        },
      ],
    });
  });

  it.each<[string, string, unknown, object]>([
    [
      'an intent without our names',
      'payment_intent.canceled',
      intentBody({ metadata: {} }),
      { attemptId: null, providerReference: 'pi_1' },
    ],
    ['an intent with null', 'payment_intent.canceled', intentBody({ metadata: null }), { attemptId: null }],
    ['a charge', 'charge.captured', chargeBody(), { attemptId: 'att_a_1', providerReference: 'pi_1' }],
    [
      'a charge with its intent',
      'charge.failed',
      chargeBody({ payment_intent: { id: 'pi_1' } }),
      { providerReference: 'pi_1' },
    ],
    [
      'a charge without an intent',
      'charge.failed',
      chargeBody({ payment_intent: null }),
      { providerReference: null },
    ],
    [
      'a refund',
      'refund.created',
      refundBody(),
      { attemptId: 'att_a_1', operationId: 'ref_a_3', providerReference: 'pi_1' },
    ],
    ['a refund of the older name', 'charge.refund.updated', refundBody(), { operationId: 'ref_a_3' }],
    [
      "somebody else's refund",
      'refund.updated',
      refundBody({ metadata: {} }),
      { attemptId: null, operationId: null, providerReference: 'pi_1' },
    ],
    [
      'a dispute',
      'charge.dispute.created',
      {
        object: 'dispute',
        id: 'dp_1',
        status: 'needs_response',
        amount: 1,
        currency: 'eur',
        reason: 'fraudulent',
        payment_intent: 'pi_1',
      },
      { attemptId: null, providerReference: 'pi_1' },
    ],
    [
      'a warning of fraud',
      'radar.early_fraud_warning.created',
      {
        object: 'radar.early_fraud_warning',
        id: 'issfr_1',
        fraud_type: 'misc',
        charge: 'ch_1',
        payment_intent: 'pi_1',
      },
      { attemptId: null, providerReference: 'pi_1' },
    ],
    [
      'a warning that names no intent',
      'radar.early_fraud_warning.updated',
      { object: 'radar.early_fraud_warning', id: 'issfr_1', fraud_type: 'misc', charge: 'ch_1' },
      { attemptId: null, providerReference: null },
    ],
  ])('names what it is about: %s', (_name, type, object, expected) => {
    const reading = signed(event(type, object));
    expect(reading).toMatchObject({ kind: 'read', notices: [{ eventId: 'evt_1', type, ...expected }] });
  });

  it('of a connected account: which one', () => {
    const reading = signed(event('payment_intent.canceled', intentBody(), { account: 'acct_9' }));
    expect(reading).toMatchObject({ notices: [{ data: { account: 'acct_9', livemode: false } }] });
  });

  it('nothing of the card, of secrets or of free text', () => {
    const text = 'pm_1 4571736000000000';
    const object = heldIntent({
      client_secret: 'pi_1_secret_never',
      description: text,
      last_payment_error: { message: text, code: text, decline_code: text },
      latest_charge: chargeBody({
        failure_message: text,
        failure_code: text,
        billing_details: { name: text },
        payment_method_details: {
          card: { last4: '4242', fingerprint: text, network: text, network_transaction_id: text },
        },
      }),
      metadata: { pointsman_attempt: text, pointsman_note: '4571736000000000', card: text },
    });
    const kept = JSON.stringify(signed(event('payment_intent.succeeded', object)));
    expect(kept).toContain('"eventId":"evt_1"');
    expect(kept).not.toMatch(/4571|pm_1|secret|4242/);
  });

  it.each(['customer.created', 'invoice.paid', 'payment_method.attached', 'payout.paid', 'review.opened'])(
    'nothing at all: %s',
    (type) => {
      expect(signed(event(type, { id: 'x' }))).toEqual({ kind: 'read', notices: [] });
    },
  );

  it.each<[string, string]>([
    ['no JSON', 'payment_intent.succeeded'],
    ['a list', '[]'],
    ['null', 'null'],
    ['another object', event('payment_intent.succeeded', chargeBody())],
    ['an intent without an id', event('payment_intent.succeeded', intentBody({ id: null }))],
    ['a refund without an amount', event('refund.created', refundBody({ amount: null }))],
    ['a charge of a later state', event('charge.failed', chargeBody({ status: 'levitating' }))],
    [
      'a dispute without a currency',
      event('charge.dispute.created', { object: 'dispute', id: 'dp_1', amount: 1 }),
    ],
    ['a warning without an id', event('radar.early_fraud_warning.created', {})],
    ['no kind of money', event('payment_intent.succeeded', intentBody(), { livemode: null })],
    ['an id of another shape', event('payment_intent.succeeded', intentBody(), { id: '../evt' })],
    [
      'an id that is a card number',
      event('payment_intent.succeeded', intentBody(), { id: 'evt_4571736000000000' }),
    ],
    ['a type of another shape', event('Payment Intent', intentBody())],
    [
      'a thin event of the second interface',
      event('v1.billing.meter.error_report_triggered', {}, { object: 'v2.core.event' }),
    ],
  ])('is refused as malformed: %s', (_name, body) => {
    expect(signed(body)).toMatchObject({ kind: 'refused', reason: 'malformed' });
  });
});
