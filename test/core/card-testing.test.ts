import { describe, expect, it } from 'vitest';
import type { AuthorizationStatus } from '../../src/core/authorization.ts';
import { AUTHORIZATION_STATUSES } from '../../src/core/authorization.ts';
import { looksLikeCardTesting, testingSign } from '../../src/core/card-testing.ts';
import { DECLINE_CATEGORIES } from '../../src/core/declines/decline.ts';
import { sampleDecline } from '../support/sample-outcomes.ts';

describe('card testing', () => {
  it.each([
    [100, 91, true],
    [100, 90, false],
    [99, 99, false],
    [1000, 901, true],
    [1000, 900, false],
    [0, 0, false],
  ])('%i ended, %i of them declined: %s', (ended, declined, expected) => {
    expect(looksLikeCardTesting({ ended, declined })).toBe(expected);
  });

  it('counts declines about the card, and none of outages, of our set-up or of our own', () => {
    const counted = DECLINE_CATEGORIES.filter(
      (category) => testingSign({ status: 'declined', decline: sampleDecline({ category }) }) === 'declined',
    );
    expect(counted).toEqual([
      'soft_decline_issuer',
      'hard_decline_issuer',
      'fraud_issuer',
      'fraud_psp',
      'invalid_data',
      'duplicate_suspected',
      'unmapped',
    ]);
    const others = DECLINE_CATEGORIES.filter((category) => !counted.includes(category));
    for (const category of others) {
      expect(testingSign({ status: 'declined', decline: sampleDecline({ category }) })).toBe(null);
    }
  });

  it('counts what ended well, and nothing that is not known or was never processed', () => {
    const silent: readonly AuthorizationStatus[] = ['pending', 'reversing', 'failed', 'expired', 'declined'];
    for (const status of AUTHORIZATION_STATUSES) {
      const expected = silent.includes(status) ? null : 'other';
      expect([status, testingSign({ status, decline: null })]).toEqual([status, expected]);
    }
  });
});
