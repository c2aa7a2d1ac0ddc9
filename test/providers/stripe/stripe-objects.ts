/** Objects as Stripe writes them, with more than is read of them. Overridden where a test cares. */

type Over = Readonly<Record<string, unknown>>;

const CREATED = 1_795_428_000;

export function chargeBody(over: Over = {}): Record<string, unknown> {
  return {
    id: 'ch_1',
    object: 'charge',
    amount: 4999,
    amount_captured: 0,
    amount_refunded: 0,
    captured: false,
    created: CREATED,
    currency: 'eur',
    failure_code: null,
    failure_message: null,
    livemode: false,
    metadata: { pointsman_attempt: 'att_a_1' },
    outcome: {
      advice_code: null,
      network_advice_code: null,
      network_decline_code: null,
      network_status: 'approved_by_network',
      reason: null,
      risk_level: 'normal',
      seller_message: 'Payment complete.',
      type: 'authorized',
    },
    paid: true,
    payment_intent: 'pi_1',
    payment_method: 'pm_1',
    payment_method_details: {
      type: 'card',
      card: {
        brand: 'visa',
        last4: '4242',
        network: 'visa',
        network_transaction_id: 'nti1',
        capture_before: CREATED + 604_800,
      },
    },
    refunded: false,
    status: 'succeeded',
    ...over,
  };
}

export function intentBody(over: Over = {}): Record<string, unknown> {
  return {
    id: 'pi_1',
    object: 'payment_intent',
    amount: 4999,
    amount_capturable: 0,
    amount_received: 0,
    canceled_at: null,
    capture_method: 'manual',
    client_secret: 'pi_1_secret_never',
    confirmation_method: 'automatic',
    created: CREATED,
    currency: 'eur',
    customer: null,
    description: null,
    last_payment_error: null,
    latest_charge: null,
    livemode: false,
    metadata: { pointsman_attempt: 'att_a_1', order_note: 'not ours' },
    next_action: null,
    payment_method: 'pm_1',
    payment_method_types: ['card'],
    processing: null,
    status: 'requires_confirmation',
    ...over,
  };
}

/** An intent that holds its whole amount. */
export function heldIntent(over: Over = {}): Record<string, unknown> {
  return intentBody({
    status: 'requires_capture',
    amount_capturable: 4999,
    latest_charge: chargeBody(),
    ...over,
  });
}

/** A charge that was refused. */
export function failedCharge(outcome: Over = {}, over: Over = {}): Record<string, unknown> {
  return chargeBody({
    status: 'failed',
    paid: false,
    failure_code: 'card_declined',
    outcome: {
      advice_code: null,
      network_advice_code: null,
      network_decline_code: null,
      network_status: 'declined_by_network',
      reason: 'generic_decline',
      type: 'issuer_declined',
      ...outcome,
    },
    ...over,
  });
}

export function refundBody(over: Over = {}): Record<string, unknown> {
  return {
    id: 're_1',
    object: 'refund',
    amount: 400,
    charge: 'ch_1',
    created: CREATED,
    currency: 'eur',
    metadata: { pointsman_attempt: 'att_a_1', pointsman_operation: 'ref_a_3' },
    payment_intent: 'pi_1',
    reason: null,
    status: 'succeeded',
    ...over,
  };
}

/** An error as Stripe answers it. */
export function errorBody(error: Over): Record<string, unknown> {
  return {
    error: {
      type: 'invalid_request_error',
      message: 'pm_1 4571736000000000',
      request_log_url: 'https://dashboard.stripe.com/x',
      ...error,
    },
  };
}
