import { HttpResponse, http } from 'msw';
import { setupServer } from 'msw/node';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { ThreeDs } from '../../../src/core/authorization.ts';
import type { ProviderContract } from '../../../src/core/rules/ruleset.ts';
import type { AuthorizeCall, CallBudget, OperationCall, Provider } from '../../../src/gateway/ports.ts';
import { createStripeProvider } from '../../../src/providers/stripe/adapter.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { sampleContract } from '../../support/sample-ruleset.ts';
import { shippedDeclineTables } from '../shipped-decline-tables.ts';
import { errorBody, intentBody } from './stripe-objects.ts';

export const declineTables = await shippedDeclineTables();
/** The result of an authentication, whole. */
export const THREE_DS: ThreeDs = {
  eci: '05',
  cavv: 'AJkBBkhgQQAAAAE4hUlUAAAAAAA=',
  dsTransactionId: 'f879ea1c-aa2c-4441-806d-e30406466d79',
  version: '2.2.0',
  exemption: null,
};

/** What an intent that holds its whole amount stands for. */
export const APPROVED = {
  kind: 'approved',
  providerReference: 'pi_1',
  networkTransaction: { id: 'nti1', network: 'visa', date: '2026-11-23' },
  expiresAtMs: Date.UTC(2026, 10, 30, 10),
};

/** The same without its charge: neither the network's transaction nor its end is told. */
export const UNTOLD = { kind: 'approved', providerReference: 'pi_1', networkTransaction: null };

export const API_KEY = 'sk_test_4eC39';

/** A request as Stripe would have read it. */
export interface Seen {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

type Respond = (request: Seen) => Response;

/** Answers by the end of the path; what is not named is answered as an intent that was just created. */
export interface Script {
  create?: Respond;
  confirm?: Respond;
  look?: Respond;
  capture?: Respond;
  cancel?: Respond;
  refund?: Respond;
  refunds?: Respond;
}

/** Stripe's address with answers from a script. */
export interface StripeByScript {
  readonly seen: Seen[];
  script: Script;
  clock: FakeClock;
  create(over?: Partial<ProviderContract>): Provider;
}

const stepOf = ({ method, target }: Seen): keyof Script => {
  const path = target.replace(/\?.*$/, '');
  if (method === 'GET') return path === '/v1/refunds' ? 'refunds' : 'look';
  if (path === '/v1/payment_intents') return 'create';
  if (path === '/v1/refunds') return 'refund';
  return path.split('/').at(-1) as keyof Script;
};

/** Takes over Stripe's address for the tests of a file. */
export function stripeByScript(): StripeByScript {
  const open: Provider[] = [];
  const it: StripeByScript = {
    seen: [],
    script: {},
    clock: new FakeClock(),
    create(over = {}) {
      it.clock = new FakeClock();
      const contract = sampleContract('stripe-eu', {
        adapter: 'stripe',
        credentials: { api_key: API_KEY, webhook_secret: 'whsec_1' },
        live: true,
        ...over,
      });
      const provider = createStripeProvider(contract, {
        clock: it.clock,
        declineTables: () => declineTables,
      });
      open.push(provider);
      return provider;
    },
  };
  const server = setupServer(
    http.all('https://api.stripe.com/*', async ({ request }) => {
      const { pathname, search } = new URL(request.url);
      const seen = {
        method: request.method,
        target: `${pathname}${search}`,
        headers: Object.fromEntries(request.headers),
        body: await request.text(),
      };
      it.seen.push(seen);
      const step = stepOf(seen);
      const respond = it.script[step] ?? (step === 'create' ? json(intentBody()) : undefined);
      if (respond === undefined) throw new Error(`nothing is said about ${step}`);
      return respond(seen);
    }),
  );
  beforeAll(() => server.listen());
  afterEach(() => {
    for (const provider of open.splice(0)) provider.close();
    it.seen.length = 0;
    it.script = {};
    expect(it.clock.pendingTimers).toBe(0);
  });
  afterAll(() => server.close());
  return it;
}

/** An answer in JSON. */
export const json =
  (body: unknown, status = 200, headers: Record<string, string> = {}): Respond =>
  () =>
    HttpResponse.json(body as Record<string, unknown>, { status, headers });

/** An error of Stripe's own. */
export const fails = (status: number, error: Readonly<Record<string, unknown>>, headers = {}): Respond =>
  json(errorBody(error), status, headers);

/** The connection is lost. */
export const lost: Respond = () => HttpResponse.error();

export const budget = (over: Partial<CallBudget> = {}): CallBudget => ({
  deadlineMs: 4_000,
  connectTimeoutMs: 1_000,
  signal: new AbortController().signal,
  traceparent: null,
  ...over,
});

export const callOf = (over: Partial<AuthorizeCall> = {}): AuthorizeCall => ({
  attemptId: 'att_a_1',
  providerKey: 'key_a_1',
  request: sampleRequest(),
  token: 'cus_1/pm_1',
  brand: 'visa',
  scaRegion: false,
  budget: budget(),
  isRepeat: false,
  preparedReference: null,
  prepared: async () => true,
  ...over,
});

export const operationOf = (over: Partial<OperationCall> = {}): OperationCall => ({
  operationId: 'cap_a_2',
  attemptId: 'att_a_1',
  providerReference: 'pi_1',
  providerKey: 'key_a_1_c2',
  amount: { value: 4999, currency: 'EUR' },
  final: true,
  budget: budget(),
  ...over,
});
