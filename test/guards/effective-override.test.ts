import { describe, expect, it } from 'vitest';
import type { ProviderOverride } from '../../src/gateway/ports.ts';
import { effectiveOverride } from '../../src/guards/effective-override.ts';
import { sampleOverride } from '../support/sample-override.ts';

const LANE = { provider: 'a', brand: 'visa', merchant: 'acme' } as const;

const CASES: readonly {
  readonly name: string;
  readonly overrides: readonly ProviderOverride[];
  readonly mode: string | null;
}[] = [
  { name: 'none', overrides: [], mode: null },
  { name: 'the whole provider', overrides: [sampleOverride({})], mode: 'force_open' },
  { name: 'another provider', overrides: [sampleOverride({ provider: 'b' })], mode: null },
  { name: 'another brand', overrides: [sampleOverride({ brand: 'amex' })], mode: null },
  { name: 'another merchant', overrides: [sampleOverride({ merchant: 'other' })], mode: null },
  {
    name: 'the brand before the provider, whichever is newer',
    overrides: [
      sampleOverride({ createdAtMs: 9000 }),
      sampleOverride({ brand: 'visa', mode: 'force_closed' }),
    ],
    mode: 'force_closed',
  },
  {
    name: 'the merchant before the brand',
    overrides: [sampleOverride({ brand: 'visa' }), sampleOverride({ merchant: 'acme', mode: 'drain' })],
    mode: 'drain',
  },
  {
    name: 'brand and merchant before the merchant',
    overrides: [
      sampleOverride({ merchant: 'acme', mode: 'drain' }),
      sampleOverride({ merchant: 'acme', brand: 'visa', mode: 'force_closed' }),
    ],
    mode: 'force_closed',
  },
  { name: 'one that has expired', overrides: [sampleOverride({ expiresAtMs: 5000 })], mode: null },
  {
    name: 'one that expires a moment later',
    overrides: [sampleOverride({ expiresAtMs: 5001 })],
    mode: 'force_open',
  },
  {
    name: 'the wider one once the specific one has expired',
    overrides: [sampleOverride({ mode: 'drain' }), sampleOverride({ brand: 'visa', expiresAtMs: 4000 })],
    mode: 'drain',
  },
  { name: 'auto', overrides: [sampleOverride({ mode: 'auto' })], mode: null },
  {
    name: 'auto for the brand takes back what was said before for the provider',
    overrides: [sampleOverride({}), sampleOverride({ brand: 'visa', mode: 'auto', createdAtMs: 2000 })],
    mode: null,
  },
  {
    name: 'auto for the brand does not take back what is said later for the provider',
    overrides: [
      sampleOverride({ mode: 'drain', createdAtMs: 3000 }),
      sampleOverride({ brand: 'visa', mode: 'auto', createdAtMs: 2000 }),
    ],
    mode: 'drain',
  },
  {
    name: 'auto for the provider takes nothing back that is more specific',
    overrides: [sampleOverride({ brand: 'visa' }), sampleOverride({ mode: 'auto', createdAtMs: 2000 })],
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
    const list = [sampleOverride({ merchant: 'acme' })];
    expect(effectiveOverride(list, { ...LANE, merchant: null }, 5000)).toBe(null);
  });
});
