import { expect, it } from 'vitest';
import { isLiveAccount } from '../../../src/core/rules/live-account.ts';
import type { AdapterName } from '../../../src/core/rules/ruleset.ts';

it.each<[AdapterName, string | null, string, boolean]>([
  ['sandbox', null, '', false],
  ['stripe', null, 'sk_live_1', true],
  ['stripe', null, 'rk_live_1', true],
  ['stripe', null, 'sk_test_1', false],
  ['stripe', null, 'rk_test_1', false],
  ['stripe', 'https://api.stripe.com', 'not-sk_test_1', true],
  ['adyen', 'https://checkout-test.adyen.com/v72', '', false],
  ['adyen', 'https://1797a841fbb37ca7-AdyenDemo-checkout-live.adyenpayments.com/checkout/v72', '', true],
  ['checkout', null, '', true],
  ['checkout', 'https://api.checkout.com', '', true],
  ['checkout', 'https://api.sandbox.checkout.com', '', false],
  ['checkout', 'HTTPS://abc.API.SANDBOX.CHECKOUT.COM:443/x', '', false],
  ['checkout', 'https://sandbox.checkout.com.example.org', '', true],
  ['paypal', null, '', true],
  ['paypal', 'https://api-m.sandbox.paypal.com', '', false],
  ['paypal', 'https://api-m.paypal.com', '', true],
  ['paypal', 'http://127.0.0.1:8080/x', '', false],
  ['stripe', 'http://[::1]:8080', 'sk_live_1', false],
  ['checkout', 'http://localhost', '', false],
  ['checkout', 'https://localhost.example.org', '', true],
])('%s at %s with the key %s moves real money: %s', (adapter, baseUrl, apiKey, isLive) => {
  expect(isLiveAccount({ adapter, baseUrl, credentials: { api_key: apiKey } })).toBe(isLive);
});
