import { HttpResponse, http } from 'msw';
import { setupServer } from 'msw/node';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { AuthorizationRequest } from '../../../src/core/authorization.ts';
import type { OperationKind } from '../../../src/core/operation.ts';
import type { ProviderContract } from '../../../src/core/rules/ruleset.ts';
import type { AuthorizeCall, CallBudget, OperationCall, Provider } from '../../../src/gateway/ports.ts';
import { createPaypalProvider } from '../../../src/providers/paypal/adapter.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { sampleContract } from '../../support/sample-ruleset.ts';
import { shippedDeclineTables } from '../shipped-decline-tables.ts';

export const declineTables = await shippedDeclineTables();
export const BASE = 'https://api-m.paypal.com';
export const ORDER_ID = '5O190127TN364715T';
export const AUTHORIZATION_ID = '0AW2184448108334S';
export const ATTEMPT_ID = 'att_a_1';

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

type Answer = Response | (() => Response | Promise<Response>);

/** Answers by `METHOD path`; a list is used up one by one, its last answer for ever. */
export type Answers = Record<string, Answer | readonly Answer[]>;

export const json = (body: unknown, status = 200, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } });
export const error = (status: number, name: string, issue?: string, headers: Record<string, string> = {}) =>
  json(
    { name, message: 'not to be told', ...(issue === undefined ? {} : { details: [{ issue }] }) },
    status,
    headers,
  );
export const networkError = () => HttpResponse.error();

export const euros = (value: string, currency = 'EUR') => ({ currency_code: currency, value });

export const authorizationOf = (over: Record<string, unknown> = {}) => ({
  id: AUTHORIZATION_ID,
  status: 'CREATED',
  amount: euros('49.99'),
  custom_id: ATTEMPT_ID,
  invoice_id: ATTEMPT_ID,
  processor_response: { avs_code: 'Y', cvv_code: 'M', response_code: '0000' },
  create_time: '2026-11-23T10:00:00Z',
  ...over,
});

export const captureOf = (over: Record<string, unknown> = {}) => ({
  id: '3C679366HH908993F',
  status: 'COMPLETED',
  amount: euros('49.99'),
  custom_id: ATTEMPT_ID,
  invoice_id: 'cap_a_2',
  final_capture: true,
  ...over,
});

export const refundOf = (over: Record<string, unknown> = {}) => ({
  id: '1JU08902781691411',
  status: 'COMPLETED',
  amount: euros('4.00'),
  custom_id: ATTEMPT_ID,
  invoice_id: 'ref_a_3',
  links: [{ rel: 'up', href: `${BASE}/v2/payments/captures/3C679366HH908993F` }],
  ...over,
});

/** An order with what was paid; its unit's members may be overridden. */
export const orderOf = (
  payments: Record<string, unknown> | null,
  over: Record<string, unknown> = {},
  unit: Record<string, unknown> = {},
) => ({
  id: ORDER_ID,
  intent: 'AUTHORIZE',
  status: payments === null ? 'CREATED' : 'COMPLETED',
  purchase_units: [
    {
      reference_id: ATTEMPT_ID,
      custom_id: ATTEMPT_ID,
      invoice_id: ATTEMPT_ID,
      amount: euros('49.99'),
      ...(payments === null ? {} : { payments }),
      ...unit,
    },
  ],
  ...over,
});

/** An order whose authorization is as told. */
export const authorizedOrder = (over: Record<string, unknown> = {}, more: Record<string, unknown> = {}) =>
  orderOf({ authorizations: [authorizationOf(over)], ...more });

export const tokenAnswer = (token = 'A21AAtoken') =>
  json({ access_token: token, token_type: 'Bearer', expires_in: 32_400, scope: 'https://uri.paypal.com/x' });

const PATHS = {
  token: 'POST /v1/oauth2/token',
  create: 'POST /v2/checkout/orders',
  authorize: `POST /v2/checkout/orders/${ORDER_ID}/authorize`,
  show: `GET /v2/checkout/orders/${ORDER_ID}`,
  capture: `POST /v2/payments/authorizations/${AUTHORIZATION_ID}/capture`,
  void: `POST /v2/payments/authorizations/${AUTHORIZATION_ID}/void`,
  refund: 'POST /v2/payments/captures/3C679366HH908993F/refund',
} as const;

export { PATHS };

/** A world in which PayPal's addresses are answered as told, and everything that is sent is seen. */
export function paypalWorld() {
  const seen: Seen[] = [];
  let answers = new Map<string, Answer[]>();
  let clock = new FakeClock();
  let provider: Provider | null = null;
  const server = setupServer(
    http.all(/^https:\/\/(api|api-m)(\.sandbox)?\.paypal\.com\//, async ({ request }) => {
      const { host, pathname } = new URL(request.url);
      const at = `${request.method} ${pathname}`;
      const headers = Object.fromEntries(request.headers);
      seen.push({
        method: request.method,
        path: pathname,
        headers: { ...headers, host },
        body: await request.text(),
      });
      const list = answers.get(at);
      const answer =
        list === undefined || list.length === 0 ? null : list.length > 1 ? list.shift() : list[0];
      if (answer == null) return new Response('unexpected', { status: 599 });
      return typeof answer === 'function' ? answer() : answer.clone();
    }),
  );
  beforeAll(() => server.listen());
  afterEach(() => {
    provider?.close();
    provider = null;
    seen.length = 0;
    expect(clock.pendingTimers, 'timers left behind').toBe(0);
  });
  afterAll(() => server.close());
  return {
    /** What was sent, the requests for tokens left out. */
    seen: () => seen.filter(({ path }) => path !== '/v1/oauth2/token'),
    tokens: () => seen.filter(({ path }) => path === '/v1/oauth2/token'),
    clock: () => clock,
    start(given: Answers, over: Partial<ProviderContract> = {}): Provider {
      answers = new Map(
        Object.entries({ [PATHS.token]: tokenAnswer(), ...given }).map(([at, answer]) => [
          at,
          Array.isArray(answer) ? [...answer] : [answer as Answer],
        ]),
      );
      clock = new FakeClock();
      const contract = sampleContract('paypal-eu', {
        adapter: 'paypal',
        live: true,
        credentials: { client_id: 'client-1', client_secret: 'secret-1' },
        ...over,
      });
      provider = createPaypalProvider(contract, { clock, declineTables: () => declineTables });
      return provider;
    },
  };
}

export const budget = (over: Partial<CallBudget> = {}): CallBudget => ({
  deadlineMs: 4_000,
  connectTimeoutMs: 1_000,
  signal: new AbortController().signal,
  traceparent: null,
  ...over,
});

export const callOf = (
  over: Partial<Omit<AuthorizeCall, 'request'>> & { readonly request?: Partial<AuthorizationRequest> } = {},
): AuthorizeCall => ({
  attemptId: ATTEMPT_ID,
  providerKey: 'key_a_1',
  token: '8kk845',
  brand: 'visa',
  scaRegion: false,
  budget: budget(),
  isRepeat: false,
  preparedReference: null,
  prepared: async () => true,
  ...over,
  request: sampleRequest(over.request),
});

export const operationOf = (over: Partial<OperationCall> = {}): OperationCall => ({
  operationId: 'cap_a_2',
  attemptId: ATTEMPT_ID,
  providerReference: ORDER_ID,
  providerKey: 'key_a_1_c2',
  amount: { value: 4999, currency: 'EUR' },
  final: true,
  budget: budget(),
  ...over,
});

export const queryOf = (over: Partial<Parameters<Provider['inquire']>[0]> = {}) => ({
  attemptId: ATTEMPT_ID,
  providerReference: ORDER_ID,
  request: sampleRequest(),
  brand: 'visa' as const,
  scaRegion: false,
  budget: budget(),
  ...over,
});

export const inquiryOf = (operation: OperationKind, over: Partial<OperationCall> = {}) => ({
  ...operationOf(over),
  operation,
});
