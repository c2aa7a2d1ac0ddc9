import type { ProviderContract } from './ruleset.ts';

/** Hosts of the providers' own test systems: their money is none. */
const TEST_HOSTS: Readonly<Record<ProviderContract['adapter'], RegExp | null>> = {
  sandbox: null,
  // Stripe has one host for both: the key tells.
  stripe: null,
  adyen: /(?:^|[.-])test\.adyen\.com$/,
  checkout: /(?:^|\.)sandbox\.checkout\.com$/,
  paypal: /(?:^|\.)sandbox\.paypal\.com$/,
};

/** A stand-in on this machine. */
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** Secret and restricted keys of Stripe's test mode. */
const STRIPE_TEST_KEY = /^(?:sk|rk)_test_/;

/**
 * Whether an account moves real money: not the sandbox, nor a stand-in on this machine, nor a provider's own test system,
 * told by the host of its address or, at Stripe, by its key. Any other address counts as live.
 */
export function isLiveAccount({
  adapter,
  baseUrl,
  credentials,
}: Pick<ProviderContract, 'adapter' | 'baseUrl' | 'credentials'>): boolean {
  if (adapter === 'sandbox') return false;
  const host = /^[a-z]+:\/\/(\[[^\]]*\]|[^/:?#]+)/.exec((baseUrl ?? '').toLowerCase())?.[1] ?? '';
  if (LOOPBACK.test(host)) return false;
  if (adapter === 'stripe') return !STRIPE_TEST_KEY.test(credentials['api_key'] ?? '');
  return TEST_HOSTS[adapter]?.test(host) !== true;
}
