import type { ProviderContract } from '../../core/rules/ruleset.ts';
import { ProviderSetupError } from '../provider-setup-error.ts';
import { webhookSecretsOf } from '../webhook-secrets.ts';

/** What an account at Stripe needs beside its contract, checked. */
export interface StripeSettings {
  readonly apiKey: string;
  /** Secrets of webhook endpoints that are valid now. */
  readonly webhookSecrets: readonly string[];
  /** The connected account on whose behalf is called (Stripe Connect); null: the key's own. */
  readonly account: string | null;
  /** Whether the account may capture several times. */
  readonly multicapture: boolean;
  /** Whether the account may send a network's transaction id that another provider was given. */
  readonly networkTransactionId: boolean;
  /** Whether the key moves real money; null when it does not say so. */
  readonly livemode: boolean | null;
}

const SWITCHES: ReadonlySet<string | undefined> = new Set([undefined, 'on', 'off']);

/**
 * Reads credentials and settings.
 * @throws ProviderSetupError that lists everything which is missing or malformed, by name, and never a value
 */
export function readStripeSettings(
  contract: Pick<ProviderContract, 'credentials' | 'settings'>,
): StripeSettings {
  const { credentials, settings } = contract;
  const apiKey = credentials['api_key'] ?? '';
  const webhookSecrets = webhookSecretsOf(contract);
  const problems: string[] = [];
  if (apiKey === '')
    problems.push('credentials.api_key is missing; expected a secret or restricted key (sk_…, rk_…)');
  else if (!/^[\x21-\x7e]{1,500}$/.test(apiKey)) {
    problems.push(
      'credentials.api_key cannot be sent in a header; expected visible ASCII characters only (a line end?)',
    );
  } else if (/^(?:pk|whsec)_/.test(apiKey)) {
    problems.push(
      'credentials.api_key is another kind of key; expected a secret or restricted one (sk_…, rk_…)',
    );
  }
  if (webhookSecrets.some((secret) => /^[spr]k_/.test(secret))) {
    problems.push(
      'credentials.webhook_secret is an API key; expected the signing secret of a webhook endpoint (whsec_…)',
    );
  }
  const { account } = settings;
  if (account !== undefined && !/^acct_[A-Za-z0-9]{1,64}$/.test(account)) {
    problems.push('settings.account is no id of a connected account; expected acct_…, or leave it out');
  }
  for (const name of ['multicapture', 'network_transaction_id'] as const) {
    if (!SWITCHES.has(settings[name])) problems.push(`settings.${name} is neither on nor off`);
  }
  if (problems.length > 0) throw new ProviderSetupError(problems);
  return {
    apiKey,
    webhookSecrets,
    account: account ?? null,
    multicapture: settings['multicapture'] === 'on',
    networkTransactionId: settings['network_transaction_id'] === 'on',
    livemode: livemodeOf(apiKey),
  };
}

function livemodeOf(apiKey: string): boolean | null {
  const mode = /^(?:sk|rk)_(live|test)_/.exec(apiKey)?.[1];
  return mode === undefined ? null : mode === 'live';
}
