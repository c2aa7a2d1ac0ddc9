import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AuthorizationRequest } from '../../../src/core/authorization.ts';
import { createAdyenProvider } from '../../../src/providers/adyen/adapter.ts';
import { outcomeOfPayment } from '../../../src/providers/adyen/codes.ts';
import { wireError, wireModification, wirePayment } from '../../../src/providers/adyen/transformers.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { HAS_OFFICIAL_SPECS, officialSpec } from '../../support/official-specs.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { shippedDeclineTables } from '../shipped-decline-tables.ts';
import { adyenContract } from './adyen-contract.ts';
import { CAVV, callOf, operationOf, PSP_REFERENCE } from './adyen-fixture.ts';
import { AdyenStandIn } from './adyen-stand-in.ts';

const declineTables = await shippedDeclineTables();

interface Description {
  readonly paths: Readonly<Record<string, { readonly post?: { readonly requestBody?: unknown } }>>;
  readonly components: {
    readonly examples: Readonly<Record<string, { readonly value: unknown }>>;
    readonly parameters: Readonly<Record<string, { readonly description: string }>>;
    readonly schemas: Readonly<Record<string, { readonly properties?: Readonly<Record<string, unknown>> }>>;
  };
}

const SPEC = 'adyen-checkout-v72.json';

/** Which schema the description gives the body of a path's request. */
const SCHEMAS = {
  '/payments': 'PaymentRequest',
  '/cancels': 'StandalonePaymentCancelRequest',
  '/payments/{paymentPspReference}/cancels': 'PaymentCancelRequest',
  '/payments/{paymentPspReference}/captures': 'PaymentCaptureRequest',
  '/payments/{paymentPspReference}/refunds': 'PaymentRefundRequest',
} as const;

const THREE_DS = {
  eci: '05',
  cavv: CAVV,
  dsTransactionId: 'c4e59ceb-a382-4d6a-bc87-385d591fa09d',
  version: '2.2.0',
};

const REQUESTS: readonly (readonly [string, Partial<AuthorizationRequest>])[] = [
  ['plain', {}],
  ['partial', { acceptPartial: true }],
  ['merchant', { initiator: 'merchant' }],
  ['network token', { card: { ...sampleRequest().card, networkToken: true } }],
  ['linked', { networkTransaction: { id: '060720116005060', network: 'visa', date: '2026-01-02' } }],
  ['krónur', { amount: { value: 100, currency: 'ISK' } }],
  ['yen', { amount: { value: 100, currency: 'JPY' } }],
  ['dinars', { amount: { value: 1000, currency: 'KWD' } }],
  ['the longest reference', { reference: 'r'.repeat(80), shopper: { country: null, id: 'a'.repeat(256) } }],
  ...(['first', 'subsequent'] as const).flatMap((usage) =>
    (['recurring', 'installment', 'unscheduled'] as const).flatMap((reason) =>
      (['customer', 'merchant'] as const).map(
        (initiator) =>
          [`${initiator} ${usage} ${reason}`, { initiator, storedCredential: { usage, reason } }] as const,
      ),
    ),
  ),
  ...['low_value', 'secure_corporate', 'trusted_beneficiary', 'tra', null].map(
    (exemption) =>
      [`authenticated, exemption ${exemption}`, { threeDs: { ...THREE_DS, exemption } }] as const,
  ),
  ...['01', '02', '06', '07'].map(
    (eci) => [`ECI ${eci}`, { threeDs: { ...THREE_DS, eci, exemption: null } }] as const,
  ),
];

describe.skipIf(!HAS_OFFICIAL_SPECS)(
  "requests and answers by Adyen's own description of Checkout v72",
  () => {
    const description = HAS_OFFICIAL_SPECS ? (officialSpec(SPEC) as unknown as Description) : null;
    const ajv = new Ajv2020({ strict: false, allErrors: true });
    addFormats.default(ajv);
    // Formats of OpenAPI that say how wide a number is.
    for (const format of ['int32', 'int64', 'float', 'double', 'byte']) ajv.addFormat(format, true);
    if (description !== null) ajv.addSchema(description, SPEC);

    const problemsOf = (schema: string, body: unknown): unknown => {
      const validate = ajv.getSchema(`${SPEC}#/components/schemas/${schema}`);
      if (validate === undefined) throw new Error(`no schema ${schema}`);
      return validate(body) ? [] : validate.errors;
    };

    let standIn: AdyenStandIn;
    let provider: ReturnType<typeof createAdyenProvider>;

    beforeEach(async () => {
      standIn = await AdyenStandIn.start();
      const deps = { clock: new FakeClock(), declineTables: () => declineTables };
      provider = createAdyenProvider(adyenContract({ baseUrl: standIn.server.url }), deps);
    });

    afterEach(async () => {
      provider.close();
      await standIn.server.close();
    });

    /** The body that was sent, and that its header's key is as long as it may be. */
    const sent = (path: string): unknown => {
      const request = standIn.server.requests.at(-1);
      expect(request).toMatchObject({ method: 'POST', path });
      expect(request?.headers['idempotency-key']?.length).toBeLessThanOrEqual(64);
      return JSON.parse(request?.body ?? '');
    };

    it('the description has these requests, and keys of 64 characters', () => {
      for (const [path, schema] of Object.entries(SCHEMAS)) {
        expect(JSON.stringify(description?.paths[path]?.post?.requestBody)).toContain(`/schemas/${schema}"`);
      }
      expect(description?.components.parameters['Idempotency-Key']?.description).toContain('64 characters');
    });

    it('it refuses what is wrong', () => {
      const good = { merchantAccount: 'A', amount: { value: 1, currency: 'EUR' } };
      expect(problemsOf('PaymentCaptureRequest', good)).toEqual([]);
      expect(
        problemsOf('PaymentCaptureRequest', { ...good, amount: { value: '1', currency: 'EUR' } }),
      ).not.toEqual([]);
      expect(problemsOf('PaymentRequest', good)).not.toEqual([]);
    });

    /** Names in a part of a body that none of these schemas describes: the schemas themselves let any name pass. */
    const unknownNames = (part: unknown, schemas: readonly string[]): readonly string[] => {
      const known = schemas.flatMap((name) =>
        Object.keys(description?.components.schemas[name]?.properties ?? {}),
      );
      return Object.keys(part ?? {}).filter((name) => !known.includes(name));
    };

    it.each(REQUESTS)('an authorization has no name that is none: %s', async (_what, over) => {
      await provider.authorize(callOf({ request: sampleRequest(over) }));
      const body = sent('/payments') as Record<string, Record<string, unknown>>;
      expect(unknownNames(body, ['PaymentRequest'])).toEqual([]);
      expect(unknownNames(body['paymentMethod'], ['CardDetails'])).toEqual([]);
      expect(unknownNames(body['mpiData'], ['ThreeDSecureData'])).toEqual([]);
      expect(unknownNames(body['authenticationData'], ['AuthenticationData'])).toEqual([]);
      expect(
        unknownNames(body['authenticationData']?.['threeDSRequestData'], ['ThreeDSRequestData']),
      ).toEqual([]);
      expect(
        unknownNames(body['additionalData'], ['AdditionalDataCommon', 'AdditionalData3DSecure']),
      ).toEqual([]);
    });

    it.each(REQUESTS)('an authorization: %s', async (_what, over) => {
      const outcome = await provider.authorize(callOf({ request: sampleRequest(over) }));
      expect(outcome.kind).toBe('approved');
      expect(problemsOf('PaymentRequest', sent('/payments'))).toEqual([]);
    });

    it.each([
      ['capture', '/captures', 'PaymentCaptureRequest'],
      ['refund', '/refunds', 'PaymentRefundRequest'],
      ['void', '/cancels', 'PaymentCancelRequest'],
    ] as const)('a %s', async (name, resource, schema) => {
      await provider[name](operationOf());
      expect(problemsOf(schema, sent(`/payments/${PSP_REFERENCE}${resource}`))).toEqual([]);
    });

    it('a void by our reference', async () => {
      await provider.void(operationOf({ providerReference: null }));
      expect(problemsOf('StandalonePaymentCancelRequest', sent('/cancels'))).toEqual([]);
    });

    const example = (name: string): unknown => {
      const found = description?.components.examples[name];
      if (found === undefined) throw new Error(`no example ${name}`);
      return found.value;
    };

    it.each([
      // The examples of approvals name no amount: the event about it settles what they leave open.
      ['post-payments-card-direct-200', { kind: 'unknown', code: 'amount_not_told' }],
      ['post-payments-subscription-first-transaction-200', { kind: 'unknown', code: 'amount_not_told' }],
      [
        'post-payments-card-3d-secure-redirect-200',
        { kind: 'authentication_required', code: 'redirect_shopper' },
      ],
      ['post-payments-card-3d-secure-2-web-200', { kind: 'authentication_required' }],
    ])('the answer %s', (name, expected) => {
      const wire = wirePayment.parse(example(name));
      const attemptId = wire.merchantReference ?? 'att_aBc_1';
      const deps = { clock: new FakeClock(), declineTables: () => declineTables };
      const asked = { attemptId, request: sampleRequest(), brand: 'visa', scaRegion: false } as const;
      expect(outcomeOfPayment({ wire, repeatsKey: true, isRepeat: false }, asked, deps)).toMatchObject(
        expected,
      );
    });

    it.each([
      'post-payments-paymentPspReference-captures-capture-201',
      'post-payments-paymentPspReference-refunds-refund-201',
      'post-payments-paymentPspReference-cancels-cancel-with-psp-reference-201',
      'post-cancels-cancel-with-own-reference-201',
    ])('the answer %s', (name) => {
      expect(wireModification.parse(example(name))).toMatchObject({ status: 'received' });
    });

    it.each([
      ['generic-400', '702'],
      ['generic-401', '000'],
      ['generic-403', '901'],
      ['generic-422', '14_030'],
      ['generic-500', '905'],
    ])('the error %s', (name, errorCode) => {
      expect(wireError.parse(example(name))).toMatchObject({ errorCode });
    });

    it("the stand-in's answers are as described", async () => {
      await provider.authorize(callOf());
      const [payment] = standIn.payments;
      const pspReference = payment?.pspReference ?? '';
      const answerTo = async (path: string, body: unknown): Promise<unknown> => {
        const answer = await fetch(`${standIn.server.url}${path}`, {
          method: 'POST',
          headers: { 'x-api-key': adyenContract().credentials['api_key'] ?? '', 'idempotency-key': path },
          body: JSON.stringify(body),
        });
        return answer.json();
      };
      const { merchantAccount } = { merchantAccount: 'AcmeEcom' };
      const amount = { value: 1, currency: 'EUR' };
      const reference = 'cap_aBc_1';
      const paid = await answerTo('/payments', JSON.parse(standIn.server.requests[0]?.body ?? ''));
      expect(problemsOf('PaymentResponse', paid)).toEqual([]);
      for (const [resource, schema, body] of [
        ['captures', 'PaymentCaptureResponse', { merchantAccount, amount, reference }],
        ['refunds', 'PaymentRefundResponse', { merchantAccount, amount, reference }],
        ['cancels', 'PaymentCancelResponse', { merchantAccount, reference }],
      ] as const) {
        expect(problemsOf(schema, await answerTo(`/payments/${pspReference}/${resource}`, body))).toEqual([]);
      }
      const byReference = await answerTo('/cancels', {
        merchantAccount,
        reference,
        paymentReference: 'att_aBc_1',
      });
      expect(problemsOf('StandalonePaymentCancelResponse', byReference)).toEqual([]);
    });
  },
);
