import type { ProviderContract } from '../../core/rules/ruleset.ts';
import { ProviderSetupError } from '../provider-setup-error.ts';
import { webhookSecretsOf } from '../webhook-secrets.ts';

/** What an account at Checkout.com is called and called with. */
export interface CheckoutSetup {
  readonly baseUrl: string;
  /** The value of the `Authorization` header. */
  readonly authorization: string;
  /** The processing channel that every payment of ours goes through: payments of another are none of ours. */
  readonly channel: string;
  /** Keys of webhooks that are valid now; empty: none is taken. */
  readonly webhookSecrets: readonly string[];
}

/** Characters of a webhook's key at least: it is chosen freely in the Dashboard, and all that keeps forged events out. */
const WEBHOOK_SECRET_MIN = 16;

const DEFAULT_URL = 'https://api.checkout.com';

/**
 * Reads what the adapter needs out of a contract.
 * @throws ProviderSetupError with everything that is missing or wrong, each with how to mend it, and no value of it
 */
export function readCheckoutSetup(contract: ProviderContract): CheckoutSetup {
  const { baseUrl, credentials, settings } = contract;
  const problems: string[] = [];
  const secretKey = credentials['secret_key'] ?? '';
  if (secretKey === '') {
    problems.push(
      'credentials.secret_key is missing; expected secret_key: "env:NAME" with the secret key (sk_…) of the account',
    );
  } else if (!/^[\x21-\x7e]+$/.test(secretKey)) {
    problems.push(
      'credentials.secret_key cannot be sent in a header; expected visible ASCII characters only (a line end from a file?)',
    );
  } else if (secretKey.startsWith('pk_')) {
    problems.push('credentials.secret_key is a public key; expected the secret one, which begins with sk_');
  }
  const channel = settings['processing_channel_id'] ?? '';
  if (!/^pc_\w{1,40}$/.test(channel)) {
    problems.push(
      'settings.processing_channel_id is missing or none; expected the id (pc_…) that the Dashboard shows under ' +
        'Settings, Channels',
    );
  }
  const webhookSecrets = webhookSecretsOf(contract);
  if (webhookSecrets.some((secret) => secret.length < WEBHOOK_SECRET_MIN)) {
    problems.push(
      `credentials.webhook_secret is too short to keep forged events out; expected ${WEBHOOK_SECRET_MIN} or more ` +
        'characters each, without commas or spaces, as the signature key of the workflow in the Dashboard',
    );
  }
  if (problems.length > 0) throw new ProviderSetupError(problems);
  return {
    baseUrl: baseUrl ?? DEFAULT_URL,
    authorization: `Bearer ${secretKey}`,
    channel,
    webhookSecrets,
  };
}
