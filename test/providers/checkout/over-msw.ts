import { HttpResponse, http } from 'msw';
import { setupServer } from 'msw/node';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { ProviderContract } from '../../../src/core/rules/ruleset.ts';
import type { Provider } from '../../../src/gateway/ports.ts';
import { createCheckoutProvider } from '../../../src/providers/checkout/adapter.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { shippedDeclineTables } from '../shipped-decline-tables.ts';
import { checkoutContract } from './checkout-contract.ts';
import { TOKENS } from './checkout-stand-in.ts';

const declineTables = await shippedDeclineTables();

export const BASE = 'https://api.checkout.com';

export interface Seen {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: unknown;
}

type Respond = (request: Seen) => Response;

/** Everything that an adapter sends to Checkout.com is caught, and answered as a test says. */
export function overMsw() {
  const seen: Seen[] = [];
  let respond: Respond = () => HttpResponse.error();
  let clock = new FakeClock();
  let provider: Provider | null = null;
  const server = setupServer(
    http.all(`${BASE}/*`, async ({ request }) => {
      const text = await request.text();
      const { pathname, search } = new URL(request.url);
      const each = {
        method: request.method,
        path: pathname + search,
        headers: Object.fromEntries(request.headers),
        body: text === '' ? null : JSON.parse(text),
      };
      seen.push(each);
      return respond(each);
    }),
  );
  const close = () => {
    provider?.close();
    provider = null;
  };
  beforeAll(() => server.listen());
  afterEach(() => {
    close();
    seen.length = 0;
    expect(clock.pendingTimers).toBe(0);
  });
  afterAll(() => server.close());
  return {
    /** Requests of the test so far. */
    seen,
    answer(by: Respond): void {
      respond = by;
    },
    create(over: Partial<ProviderContract> = {}): Provider {
      close();
      clock = new FakeClock();
      provider = createCheckoutProvider(checkoutContract(over), {
        clock,
        declineTables: () => declineTables,
      });
      return provider;
    },
  };
}

export const json =
  (body: unknown, status = 200, headers: Record<string, string> = {}) =>
  () =>
    HttpResponse.json(body as Record<string, unknown>, { status, headers });

/** An error in Checkout.com's own words, with what may get out nowhere beside. */
export const own = (
  status: number,
  type: string,
  codes: readonly string[],
  headers: Record<string, string> = {},
) =>
  json(
    { request_id: '0HL80RJLS76I7', error_type: type, error_codes: codes, message: TOKENS.approve },
    status,
    { 'cko-request-id': 'a1b2', ...headers },
  );

/** An error without a body: of Checkout.com itself, or of somebody on the way. */
export const bare = (status: number, by: 'checkout' | 'somebody') => () =>
  new HttpResponse(by === 'checkout' ? null : '<h1>4571736000000000</h1>', {
    status,
    headers: by === 'checkout' ? { 'cko-request-id': 'a1b2' } : { 'content-type': 'text/html' },
  });
