import type { AdapterName, ProviderContract } from './ruleset.ts';

/** What an adapter may be told about its account in `providers.yaml`, by name. */
interface AccountNames {
  readonly credentials: readonly string[];
  readonly settings: readonly string[];
  /** Without which no event of the provider can be verified; null: it is never needed, or the adapter demands it. */
  readonly events: { readonly member: 'credentials' | 'settings'; readonly name: string } | null;
}

const WEBHOOK_SECRET = { member: 'credentials', name: 'webhook_secret' } as const;

/** Of every adapter. A name that is not here is refused where the file is read: it would be passed over silently. */
export const ACCOUNT_NAMES: Readonly<Record<AdapterName, AccountNames>> = {
  sandbox: { credentials: ['api_key', 'webhook_secret'], settings: [], events: null },
  stripe: {
    credentials: ['api_key', 'webhook_secret'],
    settings: ['account', 'multicapture', 'network_transaction_id'],
    events: WEBHOOK_SECRET,
  },
  adyen: {
    credentials: ['api_key', 'webhook_secret'],
    settings: ['merchant_account', 'return_url'],
    events: null,
  },
  checkout: {
    credentials: ['secret_key', 'webhook_secret'],
    settings: ['processing_channel_id'],
    events: WEBHOOK_SECRET,
  },
  paypal: {
    credentials: ['client_id', 'client_secret'],
    settings: ['webhook_id', 'merchant_id'],
    events: { member: 'settings', name: 'webhook_id' },
  },
};

/** That and why the events of an account are refused, and how to mend it; null when they are taken. */
export function eventsRefused(
  contract: Pick<ProviderContract, 'adapter' | 'credentials' | 'settings'>,
): { readonly what: string; readonly remedy: string } | null {
  const { events } = ACCOUNT_NAMES[contract.adapter];
  if (events === null || /[^\s,]/.test(contract[events.member][events.name] ?? '')) return null;
  const noun = events.member === 'credentials' ? 'webhook secret' : 'webhook id';
  const value = events.member === 'credentials' ? '"env:NAME"' : '…';
  return {
    what: `no ${noun}: its events are refused`,
    remedy: `add ${events.member}: { ${events.name}: ${value} }; without it what becomes of payments is only asked for`,
  };
}
