import { describe, expect, it } from 'vitest';
import { sampleRequest } from '../../support/sample-request.ts';
import { APPROVED, callOf, fails, json, lost, stripeByScript, THREE_DS, UNTOLD } from './stripe-fixture.ts';
import { chargeBody, failedCharge, heldIntent, intentBody } from './stripe-objects.ts';

/** Every answer to each of the two steps of an authorization. */

const stripe = stripeByScript();

describe('the first step', () => {
  type Case = readonly [string, () => Response, object];
  const NEVER = { kind: 'rejected', retryAfterMs: null, providerReference: null };
  const answer = (respond: ReturnType<typeof json>) => respond as () => Response;

  it.each<Case>([
    ['lost', answer(lost), { ...NEVER, reason: 'transient' }],
    ['500', answer(fails(500, { type: 'api_error' })), { ...NEVER, reason: 'transient', code: 'api_error' }],
    ['502 of a proxy', answer(json({}, 502)), { ...NEVER, reason: 'transient', code: 'http_502' }],
    ['no JSON', () => new Response('<html>'), { ...NEVER, reason: 'transient', code: 'answer_malformed' }],
    [
      'another object',
      answer(json(chargeBody())),
      { ...NEVER, reason: 'transient', code: 'answer_malformed' },
    ],
    [
      'another amount',
      answer(json(intentBody({ amount: 1 }))),
      { ...NEVER, reason: 'transient', code: 'answer_mismatch' },
    ],
    [
      "another's attempt",
      answer(json(intentBody({ metadata: { pointsman_attempt: 'att_b_1' } }))),
      { ...NEVER, reason: 'transient', code: 'answer_mismatch' },
    ],
    ['no reference', answer(json(intentBody({ metadata: {} }))), { ...NEVER, code: 'answer_mismatch' }],
    [
      'an id that repeats the card',
      answer(json(intentBody({ id: 'pi_4571736000000000' }))),
      { ...NEVER, reason: 'transient' },
    ],
    [
      'held at once',
      answer(json(heldIntent())),
      { kind: 'unknown', code: 'answer_mismatch', providerReference: 'pi_1' },
    ],
    [
      "held at once, another's",
      answer(json(heldIntent({ metadata: { pointsman_attempt: 'att_b_1' } }))),
      { kind: 'unknown', code: 'answer_mismatch', providerReference: null },
    ],
    [
      'a key that was used for something else',
      answer(fails(400, { type: 'idempotency_error' })),
      { kind: 'unknown', code: 'idempotency_error', providerReference: null },
    ],
    [
      'a key that is in use',
      answer(fails(409, { type: 'invalid_request_error', code: 'idempotency_key_in_use' })),
      { kind: 'unknown', code: 'idempotency_key_in_use', providerReference: null },
    ],
    [
      'a key that is refused',
      answer(fails(401, { type: 'invalid_request_error' })),
      { ...NEVER, reason: 'configuration', code: 'invalid_request_error' },
    ],
    [
      'a key without the right',
      answer(fails(403, {})),
      { ...NEVER, reason: 'configuration', code: 'invalid_request_error' },
    ],
    ['no such address', answer(json({}, 404)), { ...NEVER, reason: 'configuration', code: 'http_404' }],
    [
      'too many requests',
      answer(fails(429, { code: 'rate_limit' }, { 'retry-after': '120' })),
      { ...NEVER, reason: 'rate_limited', code: 'rate_limit', retryAfterMs: 120_000 },
    ],
    ['a bare 400', answer(json({}, 400)), { ...NEVER, reason: 'transient', code: 'http_400' }],
    [
      'a payment method that is not there',
      answer(fails(400, { type: 'invalid_request_error', code: 'resource_missing' })),
      {
        kind: 'declined',
        decline: { category: 'config', otherProvider: 'yes_once', code: 'resource_missing' },
      },
    ],
    [
      'an error without a code',
      answer(fails(400, { type: 'invalid_request_error' })),
      { kind: 'declined', decline: { category: 'config', code: 'invalid_request_error' } },
    ],
    [
      'an error that no table knows',
      answer(fails(400, { type: 'invalid_request_error', code: 'from_the_moon' })),
      { kind: 'declined', decline: { category: 'unmapped', otherProvider: 'no' } },
    ],
  ])('answered with: %s', async (_name, create, expected) => {
    stripe.script = { create };
    const prepared: string[] = [];
    const outcome = await stripe.create().authorize(
      callOf({
        prepared: async (reference) => {
          prepared.push(reference);
          return true;
        },
      }),
    );
    expect(outcome).toMatchObject(expected);
    expect(prepared).toEqual([]);
    expect(stripe.seen).toHaveLength(1);
  });

  it('is the last one, where the id is not durable', async () => {
    const outcome = await stripe.create().authorize(callOf({ prepared: async () => false }));
    expect(outcome).toEqual({
      kind: 'rejected',
      reason: 'transient',
      code: 'not_prepared',
      retryAfterMs: null,
      providerReference: 'pi_1',
    });
    expect(stripe.seen).toHaveLength(1);
  });

  it('is not taken again, where it was', async () => {
    stripe.script = { confirm: json(heldIntent()) };
    const prepared = () => Promise.reject(new Error('it is durable already'));
    expect(await stripe.create().authorize(callOf({ preparedReference: 'pi_1', prepared }))).toEqual(
      APPROVED,
    );
    expect(stripe.seen.map(({ target }) => target)).toEqual(['/v1/payment_intents/pi_1/confirm']);
  });
});

describe('the second step', () => {
  const UNKNOWN = { kind: 'unknown', providerReference: 'pi_1' };
  const NEVER = { kind: 'rejected', retryAfterMs: null, providerReference: 'pi_1' };
  const cardError = (over: Readonly<Record<string, unknown>> = {}) =>
    fails(402, {
      type: 'card_error',
      code: 'card_declined',
      decline_code: 'generic_decline',
      charge: 'ch_1',
      ...over,
    });
  const refused = (outcome: Readonly<Record<string, unknown>> = {}, over: object = {}) =>
    json(
      intentBody({
        status: 'requires_payment_method',
        latest_charge: failedCharge(outcome),
        last_payment_error: { type: 'card_error', code: 'card_declined', decline_code: 'generic_decline' },
        ...over,
      }),
    );
  const SOFT = { kind: 'declined', decline: { otherProvider: 'yes_once', mayHideApproval: false } };

  type Case = readonly [string, { confirm: Respond; look?: Respond }, object];
  type Respond = ReturnType<typeof json>;

  it.each<Case>([
    ['lost', { confirm: lost }, UNKNOWN],
    ['500', { confirm: fails(500, { type: 'api_error' }) }, { ...UNKNOWN, code: 'api_error' }],
    ['503', { confirm: json({}, 503) }, { ...UNKNOWN, code: 'http_503' }],
    [
      '409',
      { confirm: fails(409, { code: 'idempotency_key_in_use' }) },
      { ...UNKNOWN, code: 'idempotency_key_in_use' },
    ],
    ['a lock', { confirm: fails(429, { code: 'lock_timeout' }) }, { ...UNKNOWN, code: 'lock_timeout' }],
    [
      '429 with a date',
      { confirm: fails(429, { code: 'rate_limit' }, { 'retry-after': 'Mon, 23 Nov 2026 10:00:09 GMT' }) },
      { ...NEVER, reason: 'rate_limited', retryAfterMs: 9_000 },
    ],
    [
      '429 with garbage',
      { confirm: fails(429, {}, { 'retry-after': 'soon' }) },
      { ...NEVER, retryAfterMs: 1_000 },
    ],
    ['401', { confirm: fails(401, {}) }, { ...NEVER, reason: 'configuration' }],
    ['403', { confirm: fails(403, {}) }, { ...NEVER, reason: 'configuration' }],
    ['a bare 402', { confirm: json({}, 402) }, { ...UNKNOWN, code: 'http_402' }],
    ['a bare 400', { confirm: json({}, 400) }, { ...UNKNOWN, code: 'http_400' }],
    ['no JSON', { confirm: () => new Response('<html>') }, { ...UNKNOWN, code: 'answer_malformed' }],
    ['half of it', { confirm: json({ id: 'pi_1' }) }, { ...UNKNOWN, code: 'answer_malformed' }],
    [
      'another intent',
      { confirm: json(heldIntent({ id: 'pi_2' })) },
      { ...UNKNOWN, code: 'answer_mismatch' },
    ],
    [
      'another currency',
      { confirm: json(heldIntent({ currency: 'usd' })) },
      { ...UNKNOWN, code: 'answer_mismatch' },
    ],
    [
      'another amount',
      { confirm: json(heldIntent({ amount: 5000 })) },
      { ...UNKNOWN, code: 'answer_mismatch' },
    ],
    [
      'more than asked',
      { confirm: json(heldIntent({ amount_capturable: 5000 })) },
      { ...UNKNOWN, code: 'answer_mismatch' },
    ],
    [
      'nothing held',
      { confirm: json(heldIntent({ amount_capturable: 0 })) },
      { ...UNKNOWN, code: 'answer_mismatch' },
    ],
    [
      "another's attempt",
      { confirm: json(heldIntent({ metadata: { pointsman_attempt: 'att_b_1' } })) },
      { ...UNKNOWN, code: 'answer_mismatch' },
    ],
    [
      'held, by a charge that failed',
      { confirm: json(heldIntent({ latest_charge: failedCharge() })) },
      { ...UNKNOWN, code: 'answer_mismatch' },
    ],
    [
      'held, and reversed',
      {
        confirm: json(
          heldIntent({
            latest_charge: chargeBody({ outcome: { network_status: 'reversed_after_approval' } }),
          }),
        ),
      },
      { ...UNKNOWN, code: 'answer_mismatch' },
    ],
    [
      'a state from the moon',
      { confirm: json(heldIntent({ status: 'levitating' })) },
      { ...UNKNOWN, code: 'answer_malformed' },
    ],
    ['not confirmed', { confirm: json(intentBody()) }, { ...UNKNOWN, code: 'not_confirmed' }],
    [
      'held in part',
      { confirm: json(heldIntent({ amount_capturable: 2000 })) },
      { kind: 'partially_approved', authorizedAmount: 2000, reversal: 'none' },
    ],
    ['held, the charge not shown', { confirm: json(heldIntent({ latest_charge: 'ch_1' })) }, UNTOLD],
    [
      'at work',
      { confirm: json(intentBody({ status: 'processing' })) },
      { kind: 'pending', providerReference: 'pi_1' },
    ],
    [
      'an action',
      { confirm: json(intentBody({ status: 'requires_action' })) },
      { kind: 'authentication_required', code: 'authentication_required', providerReference: 'pi_1' },
    ],
    ['declined', { confirm: cardError(), look: refused() }, { ...SOFT, providerReference: 'pi_1' }],
    [
      'declined, with the intent but not its charge',
      {
        confirm: cardError({
          payment_intent: intentBody({ status: 'requires_payment_method', latest_charge: 'ch_1' }),
        }),
        look: refused(),
      },
      SOFT,
    ],
    [
      'declined, reversed after the approval',
      { confirm: cardError(), look: refused({ network_status: 'reversed_after_approval' }) },
      { kind: 'declined', decline: { mayHideApproval: true, otherProvider: 'no' } },
    ],
    [
      'declined, and nothing more can be seen',
      { confirm: cardError(), look: lost },
      { kind: 'declined', decline: { mayHideApproval: true, otherProvider: 'no' } },
    ],
    ['declined, and held all the same', { confirm: cardError(), look: json(heldIntent()) }, APPROVED],
    [
      'declined, of another intent',
      { confirm: cardError(), look: json(heldIntent({ id: 'pi_2' })) },
      { ...UNKNOWN, code: 'answer_mismatch' },
    ],
    [
      'cancelled before',
      {
        confirm: fails(400, { type: 'invalid_request_error', code: 'payment_intent_unexpected_state' }),
        look: json(intentBody({ status: 'canceled' })),
      },
      { ...NEVER, reason: 'cancelled' },
    ],
    [
      'confirmed before',
      {
        confirm: fails(400, { type: 'invalid_request_error', code: 'payment_intent_unexpected_state' }),
        look: json(heldIntent()),
      },
      APPROVED,
    ],
    [
      'confirmed before, and nothing can be seen',
      {
        confirm: fails(400, { type: 'invalid_request_error', code: 'payment_intent_unexpected_state' }),
        look: lost,
      },
      { ...UNKNOWN, code: 'payment_intent_unexpected_state' },
    ],
    [
      'validated out',
      {
        confirm: fails(400, { type: 'invalid_request_error', code: 'parameter_invalid_empty' }),
        look: json(intentBody()),
      },
      { kind: 'declined', decline: { category: 'config', code: 'parameter_invalid_empty' } },
    ],
    [
      'a key that was used for something else, not confirmed',
      { confirm: fails(400, { type: 'idempotency_error' }), look: json(intentBody()) },
      { ...UNKNOWN, code: 'idempotency_error' },
    ],
    [
      'a key that was used for something else, confirmed',
      { confirm: fails(400, { type: 'idempotency_error' }), look: json(heldIntent()) },
      APPROVED,
    ],
  ])('answered with: %s', async (_name, script, expected) => {
    stripe.script = script;
    const outcome = await stripe.create().authorize(callOf());
    expect(outcome).toMatchObject(expected);
    const looks = stripe.seen.slice(2);
    expect(looks.map(({ target }) => target)).toEqual(
      script.look === undefined ? [] : ['/v1/payment_intents/pi_1?expand%5B%5D=latest_charge'],
    );
    for (const { headers } of looks) expect(headers).not.toHaveProperty('idempotency-key');
  });

  it('needs no second look where a decline shows that there is no charge', async () => {
    const told = intentBody({
      status: 'requires_payment_method',
      last_payment_error: { type: 'card_error', code: 'authentication_required' },
    });
    const error = { type: 'card_error', code: 'authentication_required', payment_intent: told };
    stripe.script = { confirm: fails(402, error) };
    expect(await stripe.create().authorize(callOf())).toMatchObject({
      kind: 'authentication_required',
      code: 'authentication_required',
    });
    expect(stripe.seen).toHaveLength(2);
  });

  it('keeps nothing of the card, the token or the text of an error', async () => {
    const leak = 'pm_1 4571736000000000 AJkBBkhgQQAAAAE4hUlUAAAAAAA=';
    stripe.script = {
      confirm: cardError({ decline_code: leak, code: leak, network_decline_code: leak, message: leak }),
      look: refused({ reason: leak }, { last_payment_error: { code: leak, decline_code: leak, type: leak } }),
    };
    const request = sampleRequest({ threeDs: THREE_DS });
    const outcome = await stripe.create().authorize(callOf({ request }));
    expect(outcome).toMatchObject({
      kind: 'declined',
      decline: { category: 'unmapped', otherProvider: 'no' },
    });
    expect(JSON.stringify(outcome)).not.toMatch(/pm_1|4571|AJkB/);
  });

  it('keeps no transaction of the network that repeats the card', async () => {
    const details = { card: { network: 'visa', network_transaction_id: '4571736000000000' } };
    const latest = chargeBody({ payment_method_details: details });
    stripe.script = { confirm: json(heldIntent({ latest_charge: latest })) };
    expect(await stripe.create().authorize(callOf())).toEqual(UNTOLD);
  });
});
