import type { ProviderContract } from '../../../src/core/rules/ruleset.ts';
import { sampleContract } from '../../support/sample-ruleset.ts';
import { API_KEY, HMAC_KEY, MERCHANT_ACCOUNT } from './adyen-stand-in.ts';

/** An account at Adyen with everything that it needs, at the test system. */
export function adyenContract(over: Partial<ProviderContract> = {}): ProviderContract {
  return sampleContract('adyen-eu', {
    adapter: 'adyen',
    live: true,
    baseUrl: 'https://checkout-test.adyen.com/v72',
    credentials: { api_key: API_KEY, webhook_secret: HMAC_KEY },
    settings: { merchant_account: MERCHANT_ACCOUNT, return_url: 'https://shop.example.com/checkout' },
    ...over,
  });
}
