import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../../../src/core/attempt.ts';
import type { NoticeEvidence } from '../../../src/gateway/ports.ts';
import { outcomeOfPayment } from '../../../src/providers/adyen/codes.ts';
import { adyenEvidence } from '../../../src/providers/adyen/evidence.ts';
import { readAdyenNotices } from '../../../src/providers/adyen/notices.ts';
import { readAdyenSetup } from '../../../src/providers/adyen/setup.ts';
import { wirePayment } from '../../../src/providers/adyen/transformers.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { shippedDeclineTables } from '../shipped-decline-tables.ts';
import { adyenContract } from './adyen-contract.ts';
import { approval, PSP_REFERENCE, refusal } from './adyen-fixture.ts';
import { type EventItem, MERCHANT_ACCOUNT, webhookOf } from './adyen-stand-in.ts';

const declineTables = await shippedDeclineTables();
const deps = { clock: new FakeClock(), declineTables: () => declineTables };
const SETUP = readAdyenSetup(adyenContract());
const RUNS = { numRuns: 1_000 };

const request = sampleRequest();
const asked = { attemptId: 'att_aBc_1', request, brand: 'visa', scaRegion: false } as const;

const outcomeOf = (body: unknown): AttemptOutcome | null => {
  const read = wirePayment.safeParse(body);
  return read.success
    ? outcomeOfPayment({ wire: read.data, repeatsKey: true, isRepeat: false }, asked, deps)
    : null;
};

const isApproval = (outcome: AttemptOutcome | null): boolean =>
  outcome?.kind === 'approved' || outcome?.kind === 'partially_approved';

/** Values as they come, and near misses of those that count. */
const value = fc.oneof(
  fc.constantFrom(
    ...[
      'Authorised',
      'PartiallyAuthorised',
      'Refused',
      'Cancelled',
      'Pending',
      'att_aBc_1',
      'att_aBc_2',
      'EUR',
      '',
    ],
    ...[4999, 4998, 0, -1, 49.99, 2 ** 53, null, true, PSP_REFERENCE, '4571736000000000', '2', '22', '4999'],
  ),
  fc.jsonValue({ maxDepth: 2 }),
);

/** An answer in which some members are others. */
const answer = fc
  .tuple(
    fc.constantFrom(approval(), refusal(), approval({ resultCode: 'PartiallyAuthorised' })),
    fc.dictionary(fc.constantFrom(...Object.keys({ ...approval(), ...refusal() })), value, { maxKeys: 3 }),
    fc.dictionary(
      fc.constantFrom(
        'authorisedAmountValue',
        'authorisedAmountCurrency',
        'refusalReasonRaw',
        'merchantAdviceCode',
      ),
      value,
      { maxKeys: 3 },
    ),
    fc.dictionary(fc.constantFrom('value', 'currency'), value, { maxKeys: 1 }),
  )
  .map(([base, over, additional, amount]): Record<string, unknown> => {
    const body = { ...base, ...over };
    return {
      ...body,
      additionalData: isObject(body['additionalData'])
        ? { ...body['additionalData'], ...additional }
        : body['additionalData'],
      amount: isObject(body['amount']) ? { ...body['amount'], ...amount } : body['amount'],
    };
  });

function isObject(candidate: unknown): candidate is Record<string, unknown> {
  return typeof candidate === 'object' && candidate !== null && !Array.isArray(candidate);
}

describe('answers to an authorization', () => {
  it('whatever they are, nothing throws, and an approval is of what was asked', () => {
    let approvals = 0;
    fc.assert(
      fc.property(answer, (body) => {
        const outcome = outcomeOf(body);
        if (!isApproval(outcome)) return;
        approvals += 1;
        expect(body['resultCode']).toBe(outcome?.kind === 'approved' ? 'Authorised' : body['resultCode']);
        expect(['Authorised', 'PartiallyAuthorised']).toContain(body['resultCode']);
        expect(body['merchantReference']).toBe('att_aBc_1');
        if (outcome?.kind !== 'partially_approved') return;
        expect(outcome.authorizedAmount).toBeGreaterThan(0);
        expect(outcome.authorizedAmount).toBeLessThan(4999);
      }),
      RUNS,
    );
    expect(approvals).toBeGreaterThan(20);
  });

  it('codes that get out are codes', () => {
    fc.assert(
      fc.property(answer, (body) => {
        const outcome = outcomeOf(body);
        if (outcome === null || isApproval(outcome)) return;
        const codes =
          outcome.kind === 'declined'
            ? [outcome.decline.code, outcome.decline.networkCode, outcome.decline.advice]
            : ['code' in outcome ? outcome.code : null];
        for (const code of codes) expect(code ?? '').toMatch(/^[0-9A-Za-z_]{0,30}$/);
        if ('providerReference' in outcome)
          expect(outcome.providerReference ?? '').toMatch(/^[0-9A-Za-z]{0,64}$/);
      }),
      RUNS,
    );
  });

  it('anything at all does not throw', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (body) => {
        expect(isApproval(outcomeOf(body))).toBe(false);
      }),
      RUNS,
    );
  });
});

const OURS = ['att_aBc_1', 'cap_aBc_1', 'void_aBc_2', 'ref_aBc_3'];
const reference = fc.constantFrom(...OURS, ...OURS, 'att_aBc_2', 'cap_aBc_9', 'order-7', '', 'a:b');
const paid = Array.from({ length: 12 }, () => PSP_REFERENCE);
const psp = fc.constantFrom(...paid, 'OTHER1', '8313547924770610', '4571736000000000', 'x y', 'a:b', '');

const item: fc.Arbitrary<EventItem> = fc.record({
  eventCode: fc.constantFrom(
    ...[
      'AUTHORISATION',
      'CAPTURE',
      'CAPTURE_FAILED',
      'CANCELLATION',
      'TECHNICAL_CANCEL',
      'REFUND',
      'REFUND_FAILED',
    ],
    ...['REFUNDED_REVERSED', 'CANCEL_OR_REFUND', 'EXPIRE', 'CHARGEBACK', 'REPORT_AVAILABLE', 'SOMETHING_NEW'],
  ),
  success: fc.constantFrom('true', 'false'),
  pspReference: psp,
  originalReference: psp,
  merchantAccountCode: fc.constantFrom(MERCHANT_ACCOUNT, MERCHANT_ACCOUNT, MERCHANT_ACCOUNT, 'Other'),
  merchantReference: reference,
  amount: fc.record({
    value: fc.constantFrom(4999, 4999, 4998, 0, 5000, 1000),
    currency: fc.constantFrom('EUR', 'EUR', 'USD', 'ISK'),
  }),
  reason: fc.oneof(fc.constantFrom('Refused', 'FRAUD-CANCELLED', ''), fc.string()),
  additionalData: fc.dictionary(
    fc.constantFrom(
      'authorisedAmountValue',
      'authorisedAmountCurrency',
      'modification.action',
      'refusalReasonRaw',
    ),
    fc.constantFrom('4999', '4998', '1', 'EUR', 'cancel', '05 : x', 'AUTHORISED'),
    { maxKeys: 3 },
  ),
});

const operation = (kind: 'capture' | 'void' | 'refund', operationId: string) => ({
  operation: kind,
  operationId,
  attemptId: 'att_aBc_1',
  providerReference: PSP_REFERENCE,
  amount: { value: 4999, currency: 'EUR' },
  final: true,
});

const subject = {
  ...asked,
  providerReference: PSP_REFERENCE,
  operationReferences: [],
  operations: [
    operation('capture', 'cap_aBc_1'),
    operation('void', 'void_aBc_2'),
    operation('refund', 'ref_aBc_3'),
  ],
};

describe('events', () => {
  it('whatever they are, nothing throws, and what they prove is about what was asked', () => {
    let proofs = 0;
    fc.assert(
      fc.property(item, (told) => {
        const reading = readAdyenNotices(webhookOf([told]), SETUP);
        for (const notice of reading.kind === 'read' ? reading.notices : []) {
          const evidence = adyenEvidence(notice, subject, MERCHANT_ACCOUNT, deps);
          if (evidence.kind === 'attempt' || evidence.kind === 'operation') proofs += 1;
          checkProof(evidence, told);
        }
      }),
      { numRuns: 2_000 },
    );
    expect(proofs).toBeGreaterThan(8);
  });

  function checkProof(evidence: NoticeEvidence, told: EventItem): void {
    if (evidence.kind === 'nothing' || evidence.kind === 'mismatch' || evidence.kind === 'dispute') return;
    expect(told.merchantAccountCode).toBe(MERCHANT_ACCOUNT);
    if (evidence.kind === 'operation') {
      const isOurs = [evidence.operationId, 'att_aBc_1'].includes(told.merchantReference);
      expect(isOurs).toBe(true);
      if (evidence.inquiry.kind !== 'confirmed') return;
      expect(told.success).toBe('true');
      expect(told.amount?.currency).toBe('EUR');
      expect(told.originalReference === PSP_REFERENCE || told.originalReference === '').toBe(true);
      return;
    }
    if (evidence.kind !== 'attempt') throw new Error('what is signed is no hint');
    const { outcome } = evidence;
    if (
      outcome.kind === 'approved' ||
      (outcome.kind === 'partially_approved' && outcome.reversal === 'none')
    ) {
      expect(told).toMatchObject({
        eventCode: 'AUTHORISATION',
        success: 'true',
        merchantReference: 'att_aBc_1',
        amount: { currency: 'EUR' },
      });
    }
    if (outcome.kind === 'approved') expect(told.amount?.value).toBe(4999);
  }

  it('a byte that is changed anywhere in what is signed is refused, or changes nothing', () => {
    const message = webhookOf([
      {
        eventCode: 'AUTHORISATION',
        success: 'true',
        pspReference: 'P1',
        merchantReference: 'att_aBc_1',
        amount: { value: 4999, currency: 'EUR' },
      },
    ]);
    const whole = readAdyenNotices(message, SETUP);
    expect(whole.kind).toBe('read');
    const signed = (reading: typeof whole) =>
      reading.kind !== 'read'
        ? reading
        : reading.notices.map(({ eventId, attemptId, providerReference, data }) => {
            const { amount, success, merchantAccount, reference: name } = data as Record<string, unknown>;
            return { eventId, attemptId, providerReference, amount, success, merchantAccount, name };
          });
    let refused = 0;
    fc.assert(
      fc.property(
        fc.nat(message.body.length - 1),
        fc.constantFrom('0', '1', 'a', '"', ' ', '}'),
        (at, letter) => {
          const body = message.body.slice(0, at) + letter + message.body.slice(at + 1);
          const reading = readAdyenNotices({ headers: {}, body }, SETUP);
          if (reading.kind === 'refused') refused += 1;
          else expect(signed(reading)).toEqual(signed(whole));
        },
      ),
      RUNS,
    );
    expect(refused).toBeGreaterThan(300);
  });

  it('any text at all does not throw, and nothing unsigned is read', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.json().map((text) => `{"live":"false","notificationItems":${text}}`),
        ),
        (body) => {
          expect(readAdyenNotices({ headers: {}, body }, SETUP).kind).toBe('refused');
        },
      ),
      RUNS,
    );
  });

  it('any kept data at all do not throw', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string(), (data, type) => {
        expect(['nothing', 'mismatch']).toContain(
          adyenEvidence({ type, data }, subject, MERCHANT_ACCOUNT, deps).kind,
        );
      }),
      RUNS,
    );
  });
});
