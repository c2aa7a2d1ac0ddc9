import { describe, expect, it } from 'vitest';
import type { ProviderOverride } from '../../src/gateway/ports.ts';
import { effectiveOverride } from '../../src/guards/effective-override.ts';

const LANE = { provider: 'a', brand: 'visa', merchant: 'acme' } as const;

function override(over: Partial<ProviderOverride>): ProviderOverride {
  return {
    provider: 'a',
    brand: null,
    merchant: null,
    mode: 'force_open',
    reason: 'test',
    author: 'ops',
    createdAtMs: 1000,
    expiresAtMs: null,
    ...over,
  };
}

const CASES: readonly {
  readonly name: string;
  readonly overrides: readonly ProviderOverride[];
  readonly mode: string | null;
}[] = [
  { name: 'none', overrides: [], mode: null },
  { name: 'the whole provider', overrides: [override({})], mode: 'force_open' },
  { name: 'another provider', overrides: [override({ provider: 'b' })], mode: null },
  { name: 'another brand', overrides: [override({ brand: 'amex' })], mode: null },
  { name: 'another merchant', overrides: [override({ merchant: 'other' })], mode: null },
  {
    name: 'the brand before the provider, whichever is newer',
    overrides: [override({ createdAtMs: 9000 }), override({ brand: 'visa', mode: 'force_closed' })],
    mode: 'force_closed',
  },
  {
    name: 'the merchant before the brand',
    overrides: [override({ brand: 'visa' }), override({ merchant: 'acme', mode: 'drain' })],
    mode: 'drain',
  },
  {
    name: 'brand and merchant before the merchant',
    overrides: [
      override({ merchant: 'acme', mode: 'drain' }),
      override({ merchant: 'acme', brand: 'visa', mode: 'force_closed' }),
    ],
    mode: 'force_closed',
  },
  { name: 'one that has expired', overrides: [override({ expiresAtMs: 5000 })], mode: null },
  {
    name: 'one that expires a moment later',
    overrides: [override({ expiresAtMs: 5001 })],
    mode: 'force_open',
  },
  {
    name: 'the wider one once the specific one has expired',
    overrides: [override({ mode: 'drain' }), override({ brand: 'visa', expiresAtMs: 4000 })],
    mode: 'drain',
  },
  { name: 'auto', overrides: [override({ mode: 'auto' })], mode: null },
  {
    name: 'auto for the brand takes back what was said before for the provider',
    overrides: [override({}), override({ brand: 'visa', mode: 'auto', createdAtMs: 2000 })],
    mode: null,
  },
  {
    name: 'auto for the brand does not take back what is said later for the provider',
    overrides: [
      override({ mode: 'drain', createdAtMs: 3000 }),
      override({ brand: 'visa', mode: 'auto', createdAtMs: 2000 }),
    ],
    mode: 'drain',
  },
  {
    name: 'auto for the provider takes nothing back that is more specific',
    overrides: [override({ brand: 'visa' }), override({ mode: 'auto', createdAtMs: 2000 })],
    mode: 'force_open',
  },
];

describe('the override in force', () => {
  it.each(CASES)('$name: $mode', ({ overrides, mode }) => {
    for (const list of [overrides, [...overrides].reverse()]) {
      expect(effectiveOverride(list, LANE, 5000)?.mode ?? null).toBe(mode);
    }
  });

  it('for no merchant in particular leaves those of merchants out', () => {
    const list = [override({ merchant: 'acme' })];
    expect(effectiveOverride(list, { ...LANE, merchant: null }, 5000)).toBe(null);
  });
});
