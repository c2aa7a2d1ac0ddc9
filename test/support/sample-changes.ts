import type { ArmState, ProviderOverride } from '../../src/gateway/ports.ts';

/** A provider that an operator takes out. */
export const sampleOverride = (provider: string): ProviderOverride => ({
  provider,
  brand: null,
  merchant: null,
  mode: 'drain',
  reason: 'maintenance',
  author: 'ops',
  createdAtMs: 1_000,
  expiresAtMs: null,
});

/** An arm that a person stops. */
export const STOPPED_ARM: ArmState = {
  experiment: 'checkout',
  arm: 'treatment',
  state: 'stopped',
  reason: 'worse',
  author: 'ops',
  createdAtMs: 2_000,
};
