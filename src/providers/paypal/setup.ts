import type { ProviderContract } from '../../core/rules/ruleset.ts';
import { ProviderSetupError } from '../provider-setup-error.ts';

/** What an account at PayPal needs, checked. */
export interface PaypalSetup {
  readonly baseUrl: string;
  /** `Basic …` for the token's request. */
  readonly basicAuthorization: string;
  /** Ids of our webhooks there: several while an address is being moved. Empty: no webhooks are taken. */
  readonly webhookIds: readonly string[];
  /** The payee's account; what tells of another one is not about us. Null: not compared. */
  readonly merchantId: string | null;
}

/** PayPal's live environment. Its sandbox is at https://api-m.sandbox.paypal.com. */
const LIVE_URL = 'https://api-m.paypal.com';

/** RFC 7617 lets no colon into the name; line ends and blanks come from files. */
const CREDENTIAL = /^[\x21-\x39\x3b-\x7e]+$/;

/** @throws ProviderSetupError with everything that is missing or malformed, by name, and how to mend it */
export function readPaypalSetup(contract: ProviderContract): PaypalSetup {
  const problems: string[] = [];
  const credential = (name: string, what: string): string => {
    const value = contract.credentials[name] ?? '';
    if (value === '') problems.push(`credentials.${name} is missing; expected ${what}`);
    else if (!CREDENTIAL.test(value)) {
      problems.push(
        `credentials.${name} cannot be sent in a header; expected visible ASCII characters only (a line end from a file?)`,
      );
    }
    return value;
  };
  const clientId = credential('client_id', "the REST app's client id");
  const clientSecret = credential('client_secret', "the REST app's secret");
  const webhookIds = (contract.settings['webhook_id'] ?? '').split(/[\s,]+/).filter((id) => id !== '');
  if (!webhookIds.every((id) => /^[a-zA-Z0-9]{1,50}$/.test(id))) {
    problems.push(
      'settings.webhook_id is no webhook id; expected letters and digits, as the developer portal shows it',
    );
  }
  const merchantId = contract.settings['merchant_id'] ?? null;
  if (merchantId !== null && !/^[2-9A-HJ-NP-Z]{13}$/.test(merchantId)) {
    problems.push(
      "settings.merchant_id is no merchant id; expected the account's 13 letters and digits, or nothing",
    );
  }
  if (problems.length > 0) throw new ProviderSetupError(problems);
  return {
    baseUrl: contract.baseUrl ?? LIVE_URL,
    basicAuthorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`,
    webhookIds,
    merchantId,
  };
}
