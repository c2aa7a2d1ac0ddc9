import { isLiveAccount } from '../../core/rules/live-account.ts';
import type { ProviderContract } from '../../core/rules/ruleset.ts';
import { ProviderSetupError } from '../provider-setup-error.ts';
import { webhookSecretsOf } from '../webhook-secrets.ts';
import type { AdyenAccount } from './transformers.ts';

/** What an account at Adyen is called and called with. */
export interface AdyenSetup extends AdyenAccount {
  readonly baseUrl: string;
  readonly apiKey: string;
  /** Keys of webhooks that are valid now, as bytes. */
  readonly webhookKeys: readonly Uint8Array[];
  /** Whether the base URL is Adyen's live system, as opposed to its test system: its events say which they are of. */
  readonly isLiveSystem: boolean;
}

const TEST_URL = 'https://checkout-test.adyen.com/v72';
const LIVE_URL = 'https://<prefix>-checkout-live.adyenpayments.com/checkout/v72';

/**
 * Reads what the adapter needs out of a contract. There is no default base URL: the live one has a prefix of the
 * account's own, and a forgotten line must not send real payments to the test system, which approves them.
 * @throws ProviderSetupError with everything that is missing or wrong, each with how to mend it, and no value of it
 */
export function readAdyenSetup(contract: ProviderContract): AdyenSetup {
  const { baseUrl, credentials, settings } = contract;
  const problems: string[] = [];
  if (baseUrl === null) {
    problems.push(
      `base_url is missing; expected ${TEST_URL} for the test system, or ${LIVE_URL} with the prefix that the ` +
        'Customer Area shows under Developers, API URLs',
    );
  }
  const apiKey = credentials['api_key'] ?? '';
  if (apiKey === '') {
    problems.push(
      'credentials.api_key is missing; expected api_key: "env:NAME" with the key of an API credential',
    );
  } else if (!/^[\x21-\x7e]+$/.test(apiKey)) {
    problems.push(
      'credentials.api_key cannot be sent in a header; expected visible ASCII characters only (a line end from a file?)',
    );
  }
  const secrets = webhookSecretsOf(contract);
  if (secrets.length === 0) {
    problems.push(
      'credentials.webhook_secret is missing: what comes of captures, voids and refunds is only told by webhooks; ' +
        'expected webhook_secret: "env:NAME" with the HMAC key of the standard webhook',
    );
  } else if (!secrets.every((secret) => /^(?:[0-9A-Fa-f]{2}){16,64}$/.test(secret))) {
    problems.push(
      'credentials.webhook_secret is no HMAC key; expected hexadecimal digits as the Customer Area shows them, several ' +
        'keys separated by commas',
    );
  }
  const merchantAccount = settings['merchant_account'] ?? '';
  if (merchantAccount === '') {
    problems.push('settings.merchant_account is missing; expected the name of the merchant account at Adyen');
  } else if (merchantAccount.includes(':')) {
    // The signature of an event joins its fields with colons.
    problems.push(
      'settings.merchant_account has a colon in it; expected the name of the merchant account at Adyen',
    );
  }
  const returnUrl = settings['return_url'] ?? '';
  if (!/^https?:$/.test(URL.parse(returnUrl)?.protocol ?? '')) {
    problems.push(
      'settings.return_url is missing or no URL; expected an https:// URL of the shop: Adyen requires one with every ' +
        'payment, although nobody is sent there',
    );
  }
  if (baseUrl === null || problems.length > 0) throw new ProviderSetupError(problems);
  return {
    baseUrl,
    apiKey,
    merchantAccount,
    returnUrl,
    webhookKeys: secrets.map((secret) => Buffer.from(secret, 'hex')),
    isLiveSystem: isLiveAccount({ adapter: 'adyen', baseUrl, credentials: {} }),
  };
}
