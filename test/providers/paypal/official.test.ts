import { Ajv, type ValidateFunction } from 'ajv';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Provider } from '../../../src/gateway/ports.ts';
import { errorAnswerOf, readPaypalDecline } from '../../../src/providers/paypal/codes.ts';
import {
  wireAuthorization,
  wireCapture,
  wireOrder,
  wireRefund,
} from '../../../src/providers/paypal/transformers.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { HAS_OFFICIAL_SPECS, officialSpec } from '../../support/official-specs.ts';
import {
  authorizationOf,
  authorizedOrder,
  callOf,
  captureOf,
  declineTables,
  euros,
  inquiryOf,
  json,
  operationOf,
  orderOf,
  PATHS,
  paypalWorld,
  queryOf,
  refundOf,
} from './paypal-fixture.ts';

type Node = Readonly<Record<string, unknown>>;

/** One official description: validates by schema names, and finds members that it does not know. */
class Description {
  readonly document: Node;
  readonly #ajv = new Ajv({ strict: false, validateFormats: false, unicodeRegExp: false, allErrors: true });
  readonly #name: string;
  readonly #compiled = new Map<string, ValidateFunction>();

  constructor(file: string) {
    this.#name = file.replace('.json', '');
    this.document = officialSpec(file);
    this.#ajv.addSchema({ ...this.document, $id: this.#name });
  }

  at(path: string): Node {
    const found = path
      .split('/')
      .slice(1)
      .reduce<unknown>((node, key) => (node as Node)[key.replaceAll('~1', '/')], this.document);
    return found as Node;
  }

  errorsOf(schema: string, value: unknown): readonly string[] {
    let validate = this.#compiled.get(schema);
    if (validate === undefined) {
      validate = this.#ajv.compile({ $ref: `${this.#name}#/components/schemas/${schema}` });
      this.#compiled.set(schema, validate);
    }
    validate(value);
    const broken = (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
    return [...broken, ...this.#unknownMembers(this.at(`/components/schemas/${schema}`), value, '')];
  }

  /** The description leaves additional members open: one that it does not name is a mistake all the same. */
  #unknownMembers(schema: Node, value: unknown, at: string): string[] {
    if (Array.isArray(value)) {
      const items = this.#parts(schema).find((part) => part['items'] !== undefined)?.['items'];
      return value.flatMap((each) => this.#unknownMembers((items ?? {}) as Node, each, `${at}[]`));
    }
    if (typeof value !== 'object' || value === null) return [];
    const known = new Map<string, Node>();
    for (const part of this.#parts(schema)) {
      for (const [name, member] of Object.entries((part['properties'] ?? {}) as Node))
        known.set(name, member as Node);
    }
    return Object.entries(value).flatMap(([name, member]) => {
      const described = known.get(name);
      if (described === undefined) return [`${at}/${name} is not described`];
      return this.#unknownMembers(described, member, `${at}/${name}`);
    });
  }

  #parts(schema: Node): Node[] {
    const reference = schema['$ref'];
    const referred = typeof reference === 'string' ? this.#parts(this.at(reference.slice(1))) : [];
    const all = ((schema['allOf'] ?? []) as readonly Node[]).flatMap((each) => this.#parts(each));
    return [schema, ...referred, ...all];
  }
}

/** Issues that a schema of errors lists. */
function issuesIn(node: unknown): readonly string[] {
  if (Array.isArray(node)) return node.flatMap(issuesIn);
  if (typeof node !== 'object' || node === null) return [];
  const { issue } = node as { readonly issue?: { readonly enum?: readonly string[] } };
  const own = typeof issue === 'object' ? (issue.enum ?? []) : [];
  return [...own, ...Object.values(node).flatMap(issuesIn)];
}

const DEPS = { clock: new FakeClock(), declineTables: () => declineTables };
const categoryOf = (code: string) => {
  const plain = {
    networkCode: null,
    advice: null,
    brand: 'visa',
    scaRegion: false,
    threeDsPresent: false,
  } as const;
  const reading = readPaypalDecline({ ...plain, code }, DEPS);
  return reading.kind === 'declined' ? reading.decline.category : reading.kind;
};

const world = paypalWorld();

const subsequent = (reason: 'recurring' | 'unscheduled') => ({ usage: 'subsequent' as const, reason });
const link = (network: string, id: string) => ({ id, network, date: '2026-03-07' });

const CALLS: readonly (readonly [string, (provider: Provider) => Promise<unknown>])[] = [
  ['a customer', (provider) => provider.authorize(callOf())],
  [
    'a first payment',
    (provider) =>
      provider.authorize(callOf({ request: { storedCredential: { usage: 'first', reason: 'recurring' } } })),
  ],
  [
    "a later one of the customer's",
    (provider) => provider.authorize(callOf({ request: { storedCredential: subsequent('unscheduled') } })),
  ],
  ...(['recurring', 'unscheduled'] as const).map(
    (reason) =>
      [
        `a merchant's ${reason}`,
        (provider: Provider) =>
          provider.authorize(
            callOf({ request: { initiator: 'merchant', storedCredential: subsequent(reason) } }),
          ),
      ] as const,
  ),
  ...(
    [
      ['visa', '016123456789012'],
      ['mastercard', 'MCC123456'],
      ['amex', '123456789012345'],
      ['discover', '123456789012345'],
      ['jcb', '123456789'],
      ['maestro', 'MSI987654'],
      ['unionpay', '123456789'],
    ] as const
  ).map(
    ([brand, id]) =>
      [
        `a link to ${brand}`,
        (provider: Provider) =>
          provider.authorize(
            callOf({
              brand,
              request: {
                initiator: 'merchant',
                storedCredential: subsequent('unscheduled'),
                networkTransaction: link(brand, id),
              },
            }),
          ),
      ] as const,
  ),
  ...(
    [
      [1500, 'JPY'],
      [150_000, 'HUF'],
      [1, 'USD'],
      [9_007_199_254_740_991, 'EUR'],
    ] as const
  ).map(
    ([value, currency]) =>
      [
        `${value} ${currency}`,
        (provider: Provider) => provider.authorize(callOf({ request: { amount: { value, currency } } })),
      ] as const,
  ),
  ['the longest key', (provider) => provider.authorize(callOf({ providerKey: 'k'.repeat(200) }))],
  ['an inquiry', (provider) => provider.inquire(queryOf())],
  ['a capture', (provider) => provider.capture(operationOf())],
  [
    'a part of it',
    (provider) => provider.capture(operationOf({ final: false, amount: { value: 1, currency: 'EUR' } })),
  ],
  ['a void', (provider) => provider.void(operationOf())],
  [
    'a refund',
    (provider) =>
      provider.refund(operationOf({ operationId: 'ref_a_3', amount: { value: 400, currency: 'EUR' } })),
  ],
  ['an inquiry about a refund', (provider) => provider.inquireOperation(inquiryOf('refund'))],
];

const SCHEMAS: readonly (readonly [RegExp, 'orders' | 'payments', string, string | null])[] = [
  [/^POST \/v2\/checkout\/orders$/, 'orders', '/v2/checkout/orders', 'order_request'],
  [
    /^POST \/v2\/checkout\/orders\/[^/]+\/authorize$/,
    'orders',
    '/v2/checkout/orders/{id}/authorize',
    'order_authorize_request',
  ],
  [/^GET \/v2\/checkout\/orders\/[^/]+$/, 'orders', '/v2/checkout/orders/{id}', null],
  [
    /^POST \/v2\/payments\/authorizations\/[^/]+\/capture$/,
    'payments',
    '/v2/payments/authorizations/{authorization_id}/capture',
    'capture_request',
  ],
  [
    /^POST \/v2\/payments\/authorizations\/[^/]+\/void$/,
    'payments',
    '/v2/payments/authorizations/{authorization_id}/void',
    null,
  ],
  [
    /^POST \/v2\/payments\/captures\/[^/]+\/refund$/,
    'payments',
    '/v2/payments/captures/{capture_id}/refund',
    'refund_request',
  ],
];

const SKIPPED = HAS_OFFICIAL_SPECS
  ? ''
  : ' (skipped: requests against them, they are not beside the project)';

describe.skipIf(!HAS_OFFICIAL_SPECS)(`PayPal's official descriptions${SKIPPED}`, () => {
  let described: Record<'orders' | 'payments', Description>;
  beforeAll(() => {
    described = {
      orders: new Description('paypal-orders-v2.json'),
      payments: new Description('paypal-payments-v2.json'),
    };
  });

  it('the check finds what is wrong', () => {
    const { orders } = described;
    expect(orders.errorsOf('order_request', { purchase_units: [] })).not.toEqual([]);
    expect(
      orders.errorsOf('order_request', {
        intent: 'AUTHORISE',
        purchase_units: [{ amount: euros('1.00') }],
      }),
    ).not.toEqual([]);
    const unit = { amount: { ...euros('1.00'), cents: 1 } };
    expect(orders.errorsOf('order_request', { intent: 'AUTHORIZE', purchase_units: [unit] })).toEqual([
      '/purchase_units[]/amount/cents is not described',
    ]);
  });

  it.each(CALLS)('every request is as described: %s', async (_, make) => {
    const order = authorizedOrder(
      { status: 'CAPTURED' },
      { captures: [captureOf({ invoice_id: 'cap_a_9' })] },
    );
    const provider = world.start({
      [PATHS.create]: async () => json(orderOf(null), 201),
      [PATHS.authorize]: json(authorizedOrder(), 201),
      [PATHS.show]: json(order),
      [PATHS.capture]: json(captureOf(), 201),
      [PATHS.void]: new Response(null, { status: 204 }),
      [PATHS.refund]: json(refundOf(), 201),
    });
    await make(provider);
    expect(world.seen().length).toBeGreaterThan(0);
    for (const { method, path, body, headers } of world.seen()) {
      const [, api, template, schema] = SCHEMAS.find(([pattern]) => pattern.test(`${method} ${path}`)) ?? [];
      if (api === undefined || template === undefined) throw new Error(`${method} ${path} is not described`);
      const operation = described[api].at(`/paths/${template.replaceAll('/', '~1')}/${method.toLowerCase()}`);
      if (schema == null) expect(body).toBe('');
      else expect(described[api].errorsOf(schema, JSON.parse(body))).toEqual([]);
      expect(operation['requestBody'] === undefined).toBe(schema == null);
      const parameters = (operation['parameters'] as readonly { readonly $ref: string }[]).map(({ $ref }) =>
        described[api].at($ref.slice(1)),
      );
      const sent = Object.keys(headers).filter((name) => name.startsWith('paypal-') || name === 'prefer');
      for (const name of sent) {
        const parameter = parameters.find((each) => String(each['name']).toLowerCase() === name);
        expect(parameter, name).toBeDefined();
        const limits = parameter?.['schema'] as { readonly maxLength?: number; readonly pattern?: string };
        expect(headers[name]?.length).toBeLessThanOrEqual(limits.maxLength ?? 108);
        expect(headers[name]).toMatch(new RegExp(limits.pattern ?? '.'));
      }
    }
  });

  it.each<
    [
      string,
      'orders' | 'payments',
      string,
      () => unknown,
      { safeParse(value: unknown): { success: boolean } },
    ]
  >([
    ['an order', 'orders', 'order', () => orderOf(null), wireOrder],
    ['an authorized order', 'orders', 'order_authorize_response', () => authorizedOrder(), wireOrder],
    [
      'an order with all that can be done',
      'orders',
      'order',
      () =>
        orderOf({
          authorizations: [
            authorizationOf({
              network_transaction_reference: { id: 'MCC123456', date: '1123', network: 'MASTERCARD' },
            }),
          ],
          captures: [captureOf()],
          refunds: [refundOf()],
        }),
      wireOrder,
    ],
    [
      'an authorization',
      'payments',
      'authorization-2',
      () => ({ ...authorizationOf(), processor_response: undefined }),
      wireAuthorization,
    ],
    ['a capture', 'payments', 'capture-2', () => captureOf(), wireCapture],
    ['a refund', 'payments', 'refund', () => refundOf(), wireRefund],
  ])('answers of the tests are as described, and are read: %s', (_, api, schema, answer, wire) => {
    const value = JSON.parse(JSON.stringify(answer()));
    expect(described[api].errorsOf(schema, value)).toEqual([]);
    expect(wire.safeParse(value).success).toBe(true);
    expect(value.id).toMatch(/^[A-Z0-9]+$/);
  });

  it('every status of the description is read', () => {
    const statusesOf = (api: 'orders' | 'payments', schema: string) => {
      const { properties } = described[api].at(`/components/schemas/${schema}`) as {
        properties: { status: { enum: string[] } };
      };
      return properties.status.enum;
    };
    expect(statusesOf('orders', 'authorization_status').sort()).toEqual([
      'CAPTURED',
      'CREATED',
      'DENIED',
      'PARTIALLY_CAPTURED',
      'PENDING',
      'VOIDED',
    ]);
    expect(statusesOf('payments', 'capture_status').sort()).toEqual([
      'COMPLETED',
      'DECLINED',
      'FAILED',
      'PARTIALLY_REFUNDED',
      'PENDING',
      'REFUNDED',
    ]);
    expect(statusesOf('payments', 'refund_status').sort()).toEqual([
      'CANCELLED',
      'COMPLETED',
      'FAILED',
      'PENDING',
    ]);
    expect(described.orders.at('/components/schemas/order_status')['enum']).toEqual([
      'CREATED',
      'SAVED',
      'APPROVED',
      'VOIDED',
      'COMPLETED',
      'PAYER_ACTION_REQUIRED',
    ]);
  });

  it('every response code that is listed has a row in the code table', () => {
    const { properties } = described.orders.at('/components/schemas/processor_response') as {
      properties: { response_code: { enum: string[] }; payment_advice_code: { enum: string[] } };
    };
    expect(properties.response_code.enum.length).toBeGreaterThan(140);
    expect(properties.response_code.enum.filter((code) => categoryOf(code) === 'unmapped')).toEqual([]);
    for (const advice of properties.payment_advice_code.enum) {
      expect(declineTables.merchantAdvice.get(advice)?.demands).not.toBeNull();
    }
  });

  /** Issues about what is never sent: other payment sources, shipping, several units, vaulting, saved orders. */
  const NEVER =
    /APPLE_PAY|AGREEMENT|PNREF|TRANSACTION_ID|PICKUP|SHIPPING|SAVE|VAULT_INSTRUCTION|RETURN_URL|CANCEL_URL|CRYPTOGRAM|SECURITY_CODE|DONATION|PREFERRED_PAYMENT|PAYEE_FX|RELATED_TXN|MULTIPLE_PURCHASE|AUTHENTICATION_RESULTS|MISSING_PREVIOUS|AMOUNT_CANNOT_BE|CURRENCY_MISMATCH|FOR_INTENT$|COUNTRY_CODE/;

  it('every issue that the second step can meet has a row', () => {
    const issues = ['orders.authorize-400', 'orders.authorize-403', 'orders.authorize-422'].flatMap((name) =>
      issuesIn(described.orders.at(`/components/schemas/${name}`)),
    );
    expect(issues.length).toBeGreaterThan(50);
    const unmapped = issues.filter((issue) => categoryOf(issue) === 'unmapped' && !NEVER.test(issue));
    expect(unmapped).toEqual([]);
  });

  it.each([
    ['400', 'INVALID_REQUEST'],
    ['401', 'AUTHENTICATION_FAILURE'],
    ['403', 'NOT_AUTHORIZED'],
    ['404', 'RESOURCE_NOT_FOUND'],
    ['409', 'RESOURCE_CONFLICT'],
    ['422', 'UNPROCESSABLE_ENTITY'],
    ['500', 'INTERNAL_SERVER_ERROR'],
    ['503', 'SERVICE_UNAVAILABLE'],
  ])('an error %s is named %s, and read so', (status, name) => {
    for (const api of ['orders', 'payments'] as const) {
      const error = described[api].at(`/components/schemas/error_${status}`) as {
        readonly properties: { readonly name: { readonly enum: readonly string[] } };
        readonly example?: object;
      };
      expect(error.properties.name.enum).toEqual([name]);
      const body = JSON.stringify(error.example ?? { name, details: [{ issue: 'SOME_ISSUE' }] });
      const headers = { 'content-type': 'application/json' };
      const answer = { kind: 'response', status: Number(status), headers, body } as const;
      expect(errorAnswerOf(answer)).toMatchObject({ name });
    }
  });

  it('the void has no request id, the others do, and how long ids are kept is still as it was', () => {
    const names = (api: 'orders' | 'payments', path: string) =>
      (
        described[api].at(`/paths/${path.replaceAll('/', '~1')}/post`)['parameters'] as readonly {
          readonly $ref: string;
        }[]
      ).map(({ $ref }) => $ref.split('/').at(-1));
    expect(names('payments', '/v2/payments/authorizations/{authorization_id}/void')).not.toContain(
      'paypal_request_id',
    );
    expect(names('payments', '/v2/payments/captures/{capture_id}/refund')).toContain('paypal_request_id');
    expect(names('orders', '/v2/checkout/orders/{id}/authorize')).toContain('paypal_request_id');
    const told = (api: 'orders' | 'payments') =>
      described[api].at('/components/parameters/paypal_request_id')['description'];
    expect(told('orders')).toContain('6 hours');
    expect(told('payments')).toContain('45 days');
  });
});
