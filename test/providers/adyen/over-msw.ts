import { HttpResponse, http } from 'msw';
import { setupServer } from 'msw/node';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { ProviderContract } from '../../../src/core/rules/ruleset.ts';
import type { Provider } from '../../../src/gateway/ports.ts';
import { createAdyenProvider } from '../../../src/providers/adyen/adapter.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { shippedDeclineTables } from '../shipped-decline-tables.ts';
import { adyenContract } from './adyen-contract.ts';
import { TOKENS } from './adyen-stand-in.ts';

const declineTables = await shippedDeclineTables();

export const BASE = 'https://checkout-test.adyen.com/v72';

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: Record<string, unknown>;
}

type Respond = (request: Seen) => Response;

/** Everything that an adapter sends to Adyen's test system is caught, and answered as a test says. */
export function overMsw() {
  const seen: Seen[] = [];
  let respond: Respond = () => HttpResponse.error();
  let clock = new FakeClock();
  let provider: Provider | null = null;
  const server = setupServer(
    http.all(`${BASE}/*`, async ({ request }) => {
      const { method, url } = request;
      const headers = Object.fromEntries(request.headers);
      const each = { method, url, headers, body: JSON.parse(await request.text()) };
      seen.push(each);
      return respond(each);
    }),
  );
  beforeAll(() => server.listen());
  afterEach(() => {
    provider?.close();
    provider = null;
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
      clock = new FakeClock();
      provider = createAdyenProvider(adyenContract(over), { clock, declineTables: () => declineTables });
      return provider;
    },
  };
}

export const json =
  (body: unknown, status = 200, headers: Record<string, string> = {}) =>
  () =>
    HttpResponse.json(body as Record<string, unknown>, { status, headers });

/** An error in Adyen's own words. */
export const own = (errorCode: string, errorType = 'validation') => ({
  status: 422,
  errorCode,
  errorType,
  message: `${TOKENS.approve} 4571736000000000`,
});
