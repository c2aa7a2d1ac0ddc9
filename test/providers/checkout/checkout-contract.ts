import type { ProviderContract } from '../../../src/core/rules/ruleset.ts';
import { sampleContract } from '../../support/sample-ruleset.ts';
import { CHANNEL, SECRET_KEY, WEBHOOK_KEY } from './checkout-stand-in.ts';

/** An account at Checkout.com with everything that it needs. */
export function checkoutContract(over: Partial<ProviderContract> = {}): ProviderContract {
  return sampleContract('checkout-eu', {
    adapter: 'checkout',
    live: true,
    baseUrl: null,
    credentials: { secret_key: SECRET_KEY, webhook_secret: WEBHOOK_KEY },
    settings: { processing_channel_id: CHANNEL },
    ...over,
  });
}
