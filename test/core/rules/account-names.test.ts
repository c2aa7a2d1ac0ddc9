import { describe, expect, it } from 'vitest';
import { eventsRefused } from '../../../src/core/rules/account-names.ts';

describe('eventsRefused', () => {
  it.each([
    ['stripe', {}, {}, 'no webhook secret: its events are refused'],
    ['stripe', { webhook_secret: ' ,' }, {}, 'no webhook secret: its events are refused'],
    ['checkout', { secret_key: 'a' }, {}, 'no webhook secret: its events are refused'],
    ['paypal', { webhook_secret: 'a' }, {}, 'no webhook id: its events are refused'],
    ['paypal', {}, { webhook_id: 'A1' }, undefined],
    ['stripe', { webhook_secret: 'whsec_1' }, {}, undefined],
    // It has a secret of its own; Adyen's adapter demands one.
    ['sandbox', {}, {}, undefined],
    ['adyen', {}, {}, undefined],
  ] as const)('of %s with %o and %o', (adapter, credentials, settings, what) => {
    expect(eventsRefused({ adapter, credentials, settings })?.what).toBe(what);
  });
});
