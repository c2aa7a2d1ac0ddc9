import { describe, expect, it } from 'vitest';
import { cardIdentity, hasSeveralTokensOnly } from '../../../src/core/scheme/card-identity.ts';
import { createCardKey } from '../../../src/guards/card-key.ts';
import { sampleRequest } from '../../support/sample-request.ts';

const card = (over: Partial<ReturnType<typeof sampleRequest>['card']> = {}) => ({
  ...sampleRequest().card,
  id: null,
  accountReference: null,
  ...over,
});

describe('a card’s identity', () => {
  it.each([
    [
      'the account reference first',
      { accountReference: 'PAR1', id: 'card-77' },
      { kind: 'account_reference', value: 'PAR1' },
    ],
    ['then the caller’s id', { id: 'card-77' }, { kind: 'card_id', value: 'card-77' }],
    ['then token and BIN', {}, { kind: 'token', value: '["45717360","tok_visa"]' }],
    ['a BIN that is not known', { bin: null }, { kind: 'token', value: '[null,"tok_visa"]' }],
    [
      'all tokens, in any order',
      { tokens: { b: 't2', a: 't1' } },
      { kind: 'token', value: '["45717360","t1","t2","tok_visa"]' },
    ],
    [
      'the same token twice is one',
      { tokens: { a: 'tok_visa' } },
      { kind: 'token', value: '["45717360","tok_visa"]' },
    ],
  ] as const)('%s', (_, over, expected) => {
    expect(cardIdentity(card(over))).toEqual(expected);
  });

  it.each([
    ['one token', {}, false],
    ['the same token for two providers', { token: null, tokens: { a: 't', b: 't' } }, false],
    ['two tokens', { tokens: { a: 't1' } }, true],
    ['two tokens and an id', { tokens: { a: 't1' }, id: 'c' }, false],
    ['two tokens and an account reference', { tokens: { a: 't1' }, accountReference: 'P' }, false],
  ] as const)('%s only: %s', (_, over, expected) => {
    expect(hasSeveralTokensOnly(card(over))).toBe(expected);
  });
});

describe('its key', () => {
  const secret = new Uint8Array(32).fill(7);
  const key = createCardKey(secret);
  const identity = { kind: 'card_id', value: 'card-77' } as const;

  it('is the same for the same card at the same merchant, and only then', () => {
    const one = key('acme-eu', identity);
    expect(key('acme-eu', identity)).toBe(one);
    const others = [
      key('acme-us', identity),
      key('acme-eu', { ...identity, value: 'card-78' }),
      key('acme-eu', { ...identity, kind: 'account_reference' }),
      key('acme-eu","card_id","x', { kind: 'card_id', value: '' }),
      createCardKey(new Uint8Array(32).fill(8))('acme-eu', identity),
    ];
    expect(new Set([one, ...others]).size).toBe(6);
  });

  it('is the one that journals hold', () => {
    // By another implementation: a key that changed would let a blocked card begin anew.
    expect(key('acme-eu', identity)).toBe('cIhqfchhXPAxqQxKZKAQowgwtMqQOrYN');
  });

  it('is letters only, and tells nothing of the card', () => {
    expect(key('acme-eu', { kind: 'token', value: '["45717360","tok_visa"]' })).toMatch(/^[A-Za-z]{32}$/);
  });
});
