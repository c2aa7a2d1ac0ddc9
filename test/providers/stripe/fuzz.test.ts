import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { HttpResponse } from 'msw';
import { describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../../../src/core/attempt.ts';
import { readStripeNotices } from '../../../src/providers/stripe/notices.ts';
import { fromWireAmount, toWireAmount } from '../../../src/providers/stripe/wire-amount.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { callOf, operationOf, stripeByScript } from './stripe-fixture.ts';
import { chargeBody, failedCharge, heldIntent, intentBody, refundBody } from './stripe-objects.ts';

/** A failure prints its seed and the smallest case: `{ seed, path }` as options of `fc.assert` repeats it. */

const stripe = stripeByScript();
const RUNS = 300;
/** Of what goes through sockets of a kind. */
const CALLS = 120;
const NOW_S = 1_800_000_000;

type Json = Record<string, unknown>;

const NAMES = [
  ...['id', 'object', 'status', 'amount', 'amount_capturable', 'amount_received', 'currency', 'metadata'],
  ...['latest_charge', 'last_payment_error', 'payment_intent', 'data', 'error', 'type', 'code', 'outcome'],
];
const STATES = [
  ...['requires_capture', 'succeeded', 'canceled', 'processing', 'requires_action', 'requires_confirmation'],
  ...['requires_payment_method', 'failed', 'pending', 'reversed_after_approval'],
];
const value = fc.oneof(
  fc.constantFrom(
    ...STATES,
    0,
    1,
    4998,
    4999,
    5000,
    -1,
    2 ** 53,
    'eur',
    'usd',
    'pi_1',
    'pi_2',
    null,
    '',
    [],
    {},
  ),
  fc.constantFrom<Json>(
    chargeBody(),
    failedCharge(),
    { pointsman_attempt: 'att_a_1' },
    { pointsman_attempt: 'att_b_1' },
  ),
  fc.jsonValue({ maxDepth: 2 }),
);
const original = fc.constantFrom<Json>(
  heldIntent(),
  intentBody(),
  intentBody({ status: 'canceled', latest_charge: chargeBody() }),
  intentBody({
    status: 'requires_payment_method',
    latest_charge: failedCharge(),
    last_payment_error: { code: 'card_declined' },
  }),
  heldIntent({ status: 'succeeded', amount_received: 4999, amount_capturable: 0 }),
  refundBody(),
  chargeBody(),
);
/** What Stripe might say, with a few members changed, taken away or made up. */
const told = fc
  .tuple(original, fc.array(fc.tuple(fc.constantFrom(...NAMES), value), { maxLength: 2 }))
  .map(([object, changes]) => ({ ...object, ...Object.fromEntries(changes) }));

const answer = fc.record({
  status: fc.constantFrom(200, 200, 200, 200, 400, 402, 404, 409, 429, 500, 503),
  body: fc.oneof(
    told,
    told.map(
      (object): Json => ({ error: { type: 'card_error', code: 'card_declined', payment_intent: object } }),
    ),
    fc.jsonValue({ maxDepth: 3 }),
  ),
  cut: fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.nat(200) }),
});

/** An answer that is as it should be, so that each property sees one at least. */
const goodAnswer = (body: Json) => ({ status: 200 as const, body, cut: undefined });

const respond = ({ status, body, cut }: { status: number; body: unknown; cut: number | undefined }) => {
  const text = JSON.stringify(body);
  const headers = { 'content-type': 'application/json' };
  return () => new HttpResponse(cut === undefined ? text : text.slice(0, cut), { status, headers });
};

/**
 * Whether an intent as it was written stands for the approval of 4999 EUR that was asked for.
 * @param mayBeUnnamed an event about the very intent counts where our name was taken away there
 */
function isApproval(written: unknown, amount: number, mayBeUnnamed: boolean): boolean {
  const intent = written as { [name: string]: unknown; metadata?: Json };
  const named = intent.metadata?.['pointsman_attempt'];
  const isOurs = intent['id'] === 'pi_1' && (named === 'att_a_1' || (mayBeUnnamed && named === undefined));
  const isAsked = intent['amount'] === 4999 && intent['currency'] === 'eur';
  const held = Number(intent['amount_capturable']) + Number(intent['amount_received']);
  const isGood =
    intent['status'] === 'requires_capture'
      ? held === amount
      : intent['status'] === 'succeeded' && amount === 4999 && Number(intent['amount_received']) >= 1;
  return isOurs && isAsked && isGood;
}

function checkOutcome(outcome: AttemptOutcome, shown: readonly unknown[], isEvent = false): void {
  const wasHeld = outcome.kind === 'partially_approved' && outcome.reversal === 'none';
  const amount = wasHeld ? outcome.authorizedAmount : 4999;
  if (outcome.kind === 'approved' || wasHeld) {
    expect(shown.some((written) => isApproval(written, amount, isEvent))).toBe(true);
  }
  expect(JSON.stringify(outcome).length).toBeLessThan(1_500);
}

const intentsIn = (body: unknown): readonly unknown[] => {
  const error = (body as { error?: { payment_intent?: unknown } } | null)?.error;
  return [body, error?.payment_intent].filter((each) => typeof each === 'object' && each !== null);
};

describe('whatever Stripe answers', () => {
  it('no authorization throws, or approves what was not approved', async () => {
    const provider = stripe.create();
    let approvals = 0;
    await fc.assert(
      fc.asyncProperty(answer, answer, async (confirm, look) => {
        stripe.script = { confirm: respond(confirm), look: respond(look) };
        const outcome = await provider.authorize(callOf());
        checkOutcome(
          outcome,
          [confirm, look].flatMap(({ body }) => intentsIn(body)),
        );
        if (outcome.kind === 'approved') approvals += 1;
        if (confirm.status >= 500) expect(outcome.kind).toBe('unknown');
      }),
      { numRuns: CALLS, examples: [[goodAnswer(heldIntent()), goodAnswer(heldIntent())]] },
    );
    expect(approvals, 'some are approved').toBeGreaterThan(0);
  });

  it('a first step never approves, and declines only by an error', async () => {
    const provider = stripe.create();
    await fc.assert(
      fc.asyncProperty(answer, async (create) => {
        stripe.script = {
          create: respond(create),
          confirm: respond({ status: 500, body: {}, cut: undefined }),
        };
        const outcome = await provider.authorize(callOf());
        expect(['rejected', 'unknown', 'declined', 'authentication_required']).toContain(outcome.kind);
        if (create.status === 200) expect(['rejected', 'unknown']).toContain(outcome.kind);
      }),
      { numRuns: CALLS },
    );
  });

  it('no operation throws, or is confirmed without having been done', async () => {
    const provider = stripe.create();
    let confirmed = 0;
    await fc.assert(
      fc.asyncProperty(answer, fc.constantFrom('capture', 'void', 'refund'), async (write, operation) => {
        const list = { object: 'list', has_more: false, data: [write.body] };
        const step = operation === 'void' ? 'cancel' : operation;
        stripe.script = {
          [step]: respond(write),
          look: respond({ ...write, status: 200 }),
          refunds: respond({ ...write, status: 200, body: list }),
        };
        const call = operationOf({
          operationId: operation === 'refund' ? 'ref_a_3' : 'cap_a_2',
          amount: { value: operation === 'refund' ? 400 : 4999, currency: 'EUR' },
        });
        const outcome = await provider[operation](call);
        const inquiry = await provider.inquireOperation({ ...call, operation });
        for (const { kind } of [outcome, inquiry]) {
          if (kind !== 'confirmed') continue;
          confirmed += 1;
          const { status, id, payment_intent } = write.body as Json;
          expect(operation === 'refund' ? status : 'succeeded').toBe('succeeded');
          expect(operation === 'void' ? status : 'canceled').toBe('canceled');
          expect(operation === 'refund' ? payment_intent : id).toBe('pi_1');
          // Nothing in these names a capture.
          expect(operation).not.toBe('capture');
        }
      }),
      { numRuns: CALLS, examples: [[goodAnswer(refundBody()), 'refund']] },
    );
    expect(confirmed, 'some are confirmed').toBeGreaterThan(0);
  });
});

describe('whatever is sent in the name of Stripe', () => {
  const TYPES = [
    ...['payment_intent.succeeded', 'payment_intent.amount_capturable_updated', 'payment_intent.canceled'],
    ...[
      'payment_intent.payment_failed',
      'charge.succeeded',
      'charge.failed',
      'charge.captured',
      'refund.updated',
    ],
    ...['charge.dispute.created', 'radar.early_fraud_warning.created'],
  ];
  const subject = {
    attemptId: 'att_a_1',
    request: sampleRequest(),
    brand: 'visa',
    scaRegion: false,
    providerReference: 'pi_1',
    operations: [],
    operationReferences: [],
  } as const;

  const read = (body: string, secret: string) => {
    const signature = createHmac('sha256', secret).update(`${NOW_S}.${body}`).digest('hex');
    const headers = { 'stripe-signature': `t=${NOW_S},v1=${signature}` };
    return readStripeNotices({ headers, body }, ['whsec_1'], NOW_S * 1000);
  };

  it('it is taken apart without a throw, and approves only what was approved', () => {
    const provider = stripe.create();
    let evidenced = 0;
    fc.assert(
      fc.property(fc.constantFrom(...TYPES), told, (type, object) => {
        const body = JSON.stringify({
          id: 'evt_1',
          object: 'event',
          livemode: false,
          type,
          data: { object },
        });
        const reading = read(body, 'whsec_1');
        if (reading.kind !== 'read') return;
        for (const notice of reading.notices) {
          expect(JSON.stringify(notice).length).toBeLessThan(4_000);
          const evidence = provider.evidenceIn(notice, subject);
          if (evidence.kind !== 'attempt') continue;
          evidenced += 1;
          const isCharge = type.startsWith('charge.');
          if (isCharge)
            expect(object).toMatchObject({ payment_intent: 'pi_1', amount: 4999, currency: 'eur' });
          else checkOutcome(evidence.outcome, [object], true);
        }
      }),
      { numRuns: RUNS * 3, examples: [['charge.succeeded', chargeBody()]] },
    );
    expect(evidenced, 'some are evidence').toBeGreaterThan(0);
  });

  it('nothing is read without the signature', () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ minLength: 1 }), (body, secret) => {
        expect(read(body, `not_${secret}`)).toEqual({ kind: 'refused', reason: 'signature' });
        const forged = { headers: { 'stripe-signature': secret }, body };
        expect(readStripeNotices(forged, ['whsec_1'], NOW_S * 1000)).toMatchObject({ kind: 'refused' });
      }),
      { numRuns: RUNS },
    );
  });

  it('any text that is signed is read or refused', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (body) => {
        expect(['read', 'refused']).toContain(read(body, 'whsec_1').kind);
      }),
      { numRuns: RUNS },
    );
  });

  it('whatever was kept says something, or nothing', () => {
    const provider = stripe.create();
    const data = fc.oneof(
      fc.jsonValue(),
      told.map((about): Json => ({ livemode: false, about })),
    );
    fc.assert(
      fc.property(fc.constantFrom(...TYPES), data, (type, kept) => {
        const { kind } = provider.evidenceIn({ type, data: kept }, subject);
        expect(['attempt', 'operation', 'dispute', 'mismatch', 'nothing']).toContain(kind);
      }),
      { numRuns: RUNS },
    );
  });
});

describe('amounts', () => {
  const currencies = fc.constantFrom(
    'EUR',
    'USD',
    'JPY',
    'KWD',
    'ISK',
    'UGX',
    'MGA',
    'HUF',
    'TWD',
    'XOF',
    'TND',
    'CLF',
    'IQD',
  );

  it('come back as they went, or do not go', () => {
    fc.assert(
      fc.property(currencies, fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (currency, minor) => {
        const wire = toWireAmount({ value: minor, currency });
        if (wire === null) return;
        expect(fromWireAmount(wire, currency.toLowerCase())).toEqual({ value: minor, currency });
      }),
      { numRuns: RUNS * 3 },
    );
  });
});
