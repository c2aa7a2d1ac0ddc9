import { describe, expect, it } from 'vitest';
import type { ProviderContract } from '../../../src/core/rules/ruleset.ts';
import { ADYEN_SEMANTICS, createAdyenProvider } from '../../../src/providers/adyen/adapter.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { shippedDeclineTables } from '../shipped-decline-tables.ts';
import { adyenContract } from './adyen-contract.ts';
import { API_KEY, HMAC_KEY } from './adyen-stand-in.ts';

const declineTables = await shippedDeclineTables();

const create = (over: Partial<ProviderContract>) =>
  createAdyenProvider(adyenContract(over), { clock: new FakeClock(), declineTables: () => declineTables });

describe('the set-up', () => {
  const problemOf = (over: Partial<ProviderContract>): string => {
    try {
      create(over);
    } catch (error) {
      return error instanceof Error ? `${error.name}: ${error.message}` : '';
    }
    return '';
  };

  it('names everything that is missing at once, and how to mend it', () => {
    const problem = problemOf({ baseUrl: null, credentials: {}, settings: {} });
    expect(problem).toMatch(/^ProviderSetupError: /);
    for (const name of [
      'base_url is missing',
      'https://checkout-test.adyen.com/v72',
      '<prefix>-checkout-live.adyenpayments.com/checkout/v72',
      'credentials.api_key is missing',
      'credentials.webhook_secret is missing',
      'settings.merchant_account is missing',
      'settings.return_url is missing',
    ]) {
      expect(problem).toContain(name);
    }
  });

  const { credentials, settings } = adyenContract();

  it.each<[string, Partial<ProviderContract>, RegExp]>([
    [
      'a key with a line end',
      { credentials: { ...credentials, api_key: 'abc\n' } },
      /api_key cannot be sent/,
    ],
    ['a secret that is no key', { credentials: { ...credentials, webhook_secret: 'geheim' } }, /hexadecimal/],
    [
      'one of two secrets that is no key',
      { credentials: { ...credentials, webhook_secret: `${HMAC_KEY},geheim` } },
      /hexadecimal/,
    ],
    ['a merchant account with a colon', { settings: { ...settings, merchant_account: 'A:B' } }, /colon/],
    ['a return URL that is none', { settings: { ...settings, return_url: 'shop' } }, /return_url/],
    ['a return URL of a program', { settings: { ...settings, return_url: 'javascript:1' } }, /return_url/],
    ['a base URL in clear', { baseUrl: 'http://checkout-test.adyen.com/v72' }, /in clear/],
  ])('%s is refused, and no secret told', (_what, over, message) => {
    const problem = problemOf(over);
    expect(problem).toMatch(message);
    for (const secret of ['abc\n', 'geheim', API_KEY, HMAC_KEY]) expect(problem).not.toContain(secret);
  });

  it('takes what the contract says of the account', () => {
    const adapter = create({ semantics: { keyLifetimeMs: 31 * 86_400_000 } });
    expect(adapter.semantics).toEqual({ ...ADYEN_SEMANTICS, keyLifetimeMs: 31 * 86_400_000 });
    expect(adapter).toMatchObject({ id: 'adyen-eu', live: true });
    adapter.close();
  });
});
