import { describe, expect, it } from 'vitest';
import type { ProviderContract } from '../../../src/core/rules/ruleset.ts';
import { CHECKOUT_SEMANTICS, createCheckoutProvider } from '../../../src/providers/checkout/adapter.ts';
import { readCheckoutSetup } from '../../../src/providers/checkout/setup.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { shippedDeclineTables } from '../shipped-decline-tables.ts';
import { checkoutContract } from './checkout-contract.ts';
import { CHANNEL, SECRET_KEY, WEBHOOK_KEY } from './checkout-stand-in.ts';

const declineTables = await shippedDeclineTables();

const create = (over: Partial<ProviderContract>) =>
  createCheckoutProvider(checkoutContract(over), {
    clock: new FakeClock(),
    declineTables: () => declineTables,
  });

describe('the set-up', () => {
  const problemOf = (over: Partial<ProviderContract>): string => {
    try {
      create(over).close();
    } catch (error) {
      return error instanceof Error ? `${error.name}: ${error.message}` : '';
    }
    return '';
  };

  it('names everything that is missing at once, and how to mend it', () => {
    const problem = problemOf({ credentials: {}, settings: {} });
    expect(problem).toMatch(/^ProviderSetupError: /);
    for (const name of [
      'credentials.secret_key is missing',
      'sk_',
      'settings.processing_channel_id',
      'pc_',
    ]) {
      expect(problem).toContain(name);
    }
  });

  const { credentials, settings } = checkoutContract();
  it.each<[string, Partial<ProviderContract>, RegExp]>([
    [
      'a key with a line end',
      { credentials: { ...credentials, secret_key: 'abc\n' } },
      /secret_key cannot be sent/,
    ],
    ['a public key', { credentials: { ...credentials, secret_key: 'pk_geheim' } }, /public key/],
    [
      'a channel that is none',
      { settings: { ...settings, processing_channel_id: 'geheim' } },
      /processing_channel_id/,
    ],
    [
      'a guessable webhook key',
      { credentials: { ...credentials, webhook_secret: `${WEBHOOK_KEY},geheim` } },
      /webhook_secret is too short .* expected 16 or more/,
    ],
    ['a base URL in clear', { baseUrl: 'http://api.checkout.com' }, /in clear/],
  ])('%s is refused, and no secret told', (_what, over, message) => {
    const problem = problemOf(over);
    expect(problem).toMatch(message);
    for (const secret of ['abc\n', 'geheim', SECRET_KEY, WEBHOOK_KEY]) expect(problem).not.toContain(secret);
  });

  it('has a base URL of its own, and takes several secrets, or none', () => {
    expect(readCheckoutSetup(checkoutContract())).toEqual({
      baseUrl: 'https://api.checkout.com',
      authorization: `Bearer ${SECRET_KEY}`,
      channel: CHANNEL,
      webhookSecrets: [WEBHOOK_KEY],
    });
    const of = (webhook_secret: string) => ({ credentials: { secret_key: SECRET_KEY, webhook_secret } });
    expect(
      readCheckoutSetup(checkoutContract(of('newer-key-of-hooks,older-key-of-hooks'))).webhookSecrets,
    ).toEqual(['newer-key-of-hooks', 'older-key-of-hooks']);
    expect(
      readCheckoutSetup(checkoutContract({ credentials: { secret_key: SECRET_KEY } })).webhookSecrets,
    ).toEqual([]);
  });

  it('without a webhook secret takes no events, and works by inquiries', async () => {
    const adapter = create({ credentials: { secret_key: SECRET_KEY } });
    const reading = await adapter.readNotices({ headers: { 'cko-signature': 'x' }, body: '{}' });
    expect(reading).toEqual({ kind: 'refused', reason: 'not_configured' });
    adapter.close();
  });

  it('takes what the contract says of the account', () => {
    const adapter = create({ semantics: { notFoundAfterMs: 60_000 } });
    expect(adapter.semantics).toEqual({ ...CHECKOUT_SEMANTICS, notFoundAfterMs: 60_000 });
    expect(adapter).toMatchObject({ id: 'checkout-eu', live: true });
    adapter.close();
  });
});
