import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../../../src/core/attempt.ts';
import type { InquiryAnswer, NoticeEvidence, OperationInquiry } from '../../../src/gateway/ports.ts';
import { checkoutEvidence } from '../../../src/providers/checkout/evidence.ts';
import { type Get, inquireAction, inquirePayment } from '../../../src/providers/checkout/inquiries.ts';
import { readCheckoutNotices } from '../../../src/providers/checkout/notices.ts';
import { outcomeOfPayment } from '../../../src/providers/checkout/payment-outcome.ts';
import { PAYMENT_STATUSES, wirePayment } from '../../../src/providers/checkout/wire.ts';
import {
  action,
  approval,
  callOf,
  declined,
  details,
  EVENT_ID,
  operationOf,
  PAYMENT_ID,
} from './checkout-fixture.ts';
import { CHANNEL, WEBHOOK_KEY, webhookOf } from './checkout-stand-in.ts';
import { ASKED, deps } from './evidence-fixture.ts';

const RUNS = { numRuns: 1_000 };
const asked = { ...callOf(), providerReference: null };

const isApproval = (outcome: AttemptOutcome | null): boolean =>
  outcome?.kind === 'approved' || (outcome?.kind === 'partially_approved' && outcome.reversal === 'none');

const OTHER = 'pay_zzzzizu24mvu3mela5njyhpit4';

/** Values as they come, and near misses of those that count. */
const value = fc.oneof(
  fc.constantFrom(
    ...[
      ...PAYMENT_STATUSES,
      'Settled',
      'att_aBc_1',
      'att_aBc_2',
      'cap_aBc_2',
      'EUR',
      'USD',
      '',
      CHANNEL,
      'pc_other',
    ],
    ...['10000', '10010', '10100', '20005', '20068', '20154', PAYMENT_ID, OTHER, 'pay_4571736000000000'],
    ...[4999, 4998, 2000, 0, -1, 49.99, 2 ** 53, null, true, false],
  ),
  fc.jsonValue({ maxDepth: 2 }),
);

/** More often nothing than something else, so that much of what is made still counts. */
const seldom = <T>(nothing: T, something: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(nothing) }, { weight: 2, arbitrary: something });

const fields = [
  ...Object.keys(approval()),
  'amount_requested',
  'retry',
  'processing_channel_id',
  'requested_on',
];
const balance = fc.dictionary(fc.constantFrom('total_authorized', 'total_voided', 'total_captured'), value);

/** Data about a payment in which some members are others. */
const payment = fc
  .tuple(
    fc.constantFrom(
      approval(),
      declined(),
      details(),
      approval({ amount: 2000, amount_requested: 4999, response_code: '10010', balances: undefined }),
    ),
    seldom({}, fc.dictionary(fc.constantFrom(...fields), value, { maxKeys: 3 })),
    seldom(null, balance),
    seldom(
      null,
      fc.dictionary(
        fc.constantFrom('partner_response_code', 'recommendation_code', 'fallback_source_used'),
        value,
      ),
    ),
  )
  .map(
    ([base, over, balances, processing]): Record<string, unknown> => ({
      ...base,
      ...over,
      ...(balances === null ? {} : { balances: { total_authorized: 4999, ...balances } }),
      ...(processing === null ? {} : { processing }),
    }),
  );

/** What must hold of data that were taken for an approval. */
function checkApproval(outcome: AttemptOutcome, body: Record<string, unknown>): void {
  expect(body['approved']).not.toBe(false);
  expect(body['currency']).toBe('EUR');
  expect(body['amount_requested'] ?? body['amount']).toBe(4999);
  expect(body['processing_channel_id'] ?? CHANNEL).toBe(CHANNEL);
  expect(String(body['response_code'] ?? '10')).toMatch(/^10/);
  const balances = body['balances'] as { total_authorized?: unknown } | null | undefined;
  if (outcome.kind === 'approved') expect(body['amount']).toBe(4999);
  if (outcome.kind === 'partially_approved') {
    expect(outcome.authorizedAmount).toBe(body['amount']);
    expect(outcome.authorizedAmount).toBeGreaterThan(0);
    expect(outcome.authorizedAmount).toBeLessThan(4999);
  }
  if (balances != null) expect(balances.total_authorized).toBe(body['amount']);
}

describe('answers', () => {
  it.each(['answer', 'inquiry'] as const)(
    'an %s, whatever it is: nothing throws, and an approval is of what was asked',
    (told) => {
      let approvals = 0;
      fc.assert(
        fc.property(payment, (body) => {
          const read = wirePayment.safeParse(body);
          if (!read.success) return;
          const outcome = outcomeOfPayment(read.data, told, asked, CHANNEL, deps);
          if (!isApproval(outcome)) return;
          approvals += 1;
          expect(body['reference']).toBe('att_aBc_1');
          expect(body['approved']).toBe(true);
          if (told === 'answer') expect(body['status']).toBe('Authorized');
          checkApproval(outcome, body);
        }),
        RUNS,
      );
      expect(approvals).toBeGreaterThan(20);
    },
  );

  it('codes and ids that get out are codes and ids', () => {
    fc.assert(
      fc.property(payment, (body) => {
        const read = wirePayment.safeParse(body);
        if (!read.success) return;
        const outcome = outcomeOfPayment(read.data, 'answer', asked, CHANNEL, deps);
        const codes =
          outcome.kind === 'declined'
            ? [outcome.decline.code, outcome.decline.networkCode, outcome.decline.advice]
            : ['code' in outcome ? outcome.code : null];
        for (const code of codes) expect(code ?? '').toMatch(/^[0-9A-Za-z_]{0,30}$/);
        if ('providerReference' in outcome)
          expect(outcome.providerReference ?? 'pay_x').toMatch(/^pay_\w{1,60}$/);
      }),
      RUNS,
    );
  });

  it('anything at all is read or not, and is no approval', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (body) => {
        const read = wirePayment.safeParse(body);
        if (read.success)
          expect(isApproval(outcomeOfPayment(read.data, 'answer', asked, CHANNEL, deps))).toBe(false);
      }),
      RUNS,
    );
  });
});

describe('inquiries', () => {
  const anyList = fc.record({
    total_count: fc.constantFrom<unknown>(0, 1, 1, 1, 2, -1, '1'),
    data: fc.array(fc.constantFrom(details(), details({ id: OTHER }), details({ reference: 'att_x_1' })), {
      maxLength: 2,
    }),
  });
  const listed = seldom<{ total_count: unknown; data: unknown[] }>(
    { total_count: 1, data: [details()] },
    anyList,
  );
  const over = fc.dictionary(
    fc.constantFrom('id', 'type', 'amount', 'approved', 'response_code', 'reference', 'metadata'),
    value,
    { maxKeys: 2 },
  );
  const actions = fc.array(
    seldom({}, over).map((told) => action({ reference: 'cap_aBc_1', ...told })),
    { maxLength: 3 },
  );

  const getterOf =
    (list: unknown, told: unknown, acts: unknown, statuses: readonly number[]): Get =>
    async (path) => {
      const [kind, body] = path.startsWith('/payments?')
        ? [0, list]
        : path.endsWith('/actions')
          ? [2, acts]
          : [1, told];
      const headers = { 'content-type': 'application/json' };
      return { kind: 'response', status: statuses[kind] ?? 200, headers, body: JSON.stringify(body) ?? '' };
    };
  const status = fc.constantFrom(200, 200, 200, 200, 200, 200, 401, 404, 500);
  const statuses = seldom([200, 200, 200], fc.tuple(status, status, status));

  it('whatever they are answered, nothing throws, and what is found is one payment of ours', async () => {
    const found: Record<InquiryAnswer['kind'], number> = {
      found: 0,
      not_found: 0,
      no_answer: 0,
      unconfirmed: 0,
    };
    await fc.assert(
      fc.asyncProperty(listed, payment, actions, statuses, async (list, told, acts, codes) => {
        const answer = await inquirePayment(getterOf(list, told, acts, codes), asked, CHANNEL, deps);
        found[answer.kind] += 1;
        if (answer.kind === 'not_found')
          expect([codes[0], list.total_count, list.data]).toEqual([200, 0, []]);
        if (answer.kind !== 'found') return;
        expect(list).toMatchObject({ total_count: 1, data: [{ id: told['id'], reference: 'att_aBc_1' }] });
        expect(codes.slice(0, 2)).toEqual([200, 200]);
        if (isApproval(answer.outcome)) checkApproval(answer.outcome, told);
      }),
      RUNS,
    );
    expect(found.found).toBeGreaterThan(20);
    expect(found.no_answer).toBeGreaterThan(20);
  });

  it('whatever is told of an operation, nothing throws, and what is confirmed was approved once', async () => {
    const ends: Record<OperationInquiry['kind'], number> = {
      confirmed: 0,
      failed: 0,
      pending: 0,
      not_found: 0,
      no_answer: 0,
    };
    const call = { ...operationOf(), operation: 'capture' as const };
    await fc.assert(
      fc.asyncProperty(payment, actions, statuses, async (told, acts, codes) => {
        const inquiry = await inquireAction(getterOf({}, told, acts, codes), call, CHANNEL);
        ends[inquiry.kind] += 1;
        if (inquiry.kind !== 'confirmed') return;
        expect(told).toMatchObject({ id: PAYMENT_ID, reference: 'att_aBc_1', currency: 'EUR' });
        const done = acts.filter(({ approved, id }) => approved === true && id === inquiry.providerReference);
        expect(done).not.toEqual([]);
        for (const { amount, type } of done) expect([amount, type]).toEqual([1_000, 'Capture']);
      }),
      RUNS,
    );
    expect(ends.confirmed).toBeGreaterThan(20);
  });
});

describe('events', () => {
  const type = fc.constantFrom(
    ...[
      'payment_approved',
      'payment_approved',
      'payment_declined',
      'payment_pending',
      'payment_canceled',
      'payment_expired',
    ],
    ...[
      'payment_captured',
      'payment_capture_declined',
      'payment_voided',
      'payment_void_declined',
      'payment_refunded',
    ],
    ...[
      'payment_refund_declined',
      'payment_refund_pending',
      'dispute_lost',
      'fraud_reported',
      'card_verified',
      'new_thing',
    ],
  );
  const name = fc.constantFrom(
    'att_aBc_1',
    'att_aBc_2',
    'cap_aBc_2',
    'void_aBc_1',
    'ref_aBc_3',
    'cap_aBc_9',
    'x',
    undefined,
  );
  const amount = fc.constantFrom(4999, 4999, 1000, 400, 1, 5000);
  const data = fc
    .tuple(payment, name, fc.record({ attempt_id: seldom('att_aBc_1', name), operation_id: name }), amount)
    .map(
      ([told, reference, metadata, of]): Record<string, unknown> => ({
        ...told,
        ...(of === 4999 ? {} : { amount: of }),
        reference: told['reference'] === 'att_aBc_1' ? (reference ?? 'att_aBc_1') : told['reference'],
        metadata,
      }),
    );

  it('whatever they are, nothing throws, and what they prove is about what was asked', () => {
    let proofs = 0;
    fc.assert(
      fc.property(type, data, (of, told) => {
        const reading = readCheckoutNotices(webhookOf({ id: EVENT_ID, type: of, data: told }), [WEBHOOK_KEY]);
        for (const notice of reading.kind === 'read' ? reading.notices : []) {
          const evidence = checkoutEvidence(notice, ASKED, CHANNEL, deps);
          if (evidence.kind === 'attempt' || evidence.kind === 'operation') proofs += 1;
          checkProof(evidence, of, told);
        }
      }),
      { numRuns: 3_000 },
    );
    expect(proofs).toBeGreaterThan(50);
  });

  function checkProof(evidence: NoticeEvidence, of: string, told: Record<string, unknown>): void {
    if (evidence.kind === 'attempt' && isApproval(evidence.outcome)) {
      expect(of).toBe('payment_approved');
      checkApproval(evidence.outcome, told);
    }
    if (evidence.kind !== 'operation') return;
    const metadata = told['metadata'] as { readonly operation_id?: unknown };
    expect([metadata.operation_id, told['reference']]).toContain(evidence.operationId);
    expect(told['id']).toBe(PAYMENT_ID);
    if (evidence.inquiry.kind !== 'confirmed') return;
    expect(told['currency']).toBe('EUR');
    const operation = ASKED.operations.find(({ operationId }) => operationId === evidence.operationId);
    if (operation?.operation !== 'void') expect(told['amount']).toBe(operation?.amount.value);
    expect(of).toBe(
      { capture: 'payment_captured', void: 'payment_voided', refund: 'payment_refunded' }[
        operation?.operation ?? 'void'
      ],
    );
  }

  it('a byte that is changed anywhere is refused', () => {
    const message = webhookOf({ id: EVENT_ID, type: 'payment_approved', data: approval() });
    expect(readCheckoutNotices(message, [WEBHOOK_KEY]).kind).toBe('read');
    fc.assert(
      fc.property(fc.nat(message.body.length - 1), fc.constantFrom('0', 'a', '"', ' ', '}'), (at, letter) => {
        const body = message.body.slice(0, at) + letter + message.body.slice(at + 1);
        if (body === message.body) return;
        expect(readCheckoutNotices({ ...message, body }, [WEBHOOK_KEY])).toEqual({
          kind: 'refused',
          reason: 'signature',
        });
      }),
      RUNS,
    );
  });

  it('any text and any signature at all do not throw, and nothing unsigned is read', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.json()),
        fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f]{64}$/)),
        (body, signature) => {
          const message = { headers: { 'cko-signature': signature }, body };
          expect(readCheckoutNotices(message, [WEBHOOK_KEY])).toEqual({
            kind: 'refused',
            reason: 'signature',
          });
        },
      ),
      RUNS,
    );
  });

  it('any kept data at all do not throw', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.oneof(type, fc.string()), (kept, of) => {
        expect(['nothing', 'mismatch']).toContain(
          checkoutEvidence({ type: of, data: kept }, ASKED, CHANNEL, deps).kind,
        );
      }),
      RUNS,
    );
  });
});
