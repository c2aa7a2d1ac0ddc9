import { expect, it } from 'vitest';
import { validUntil } from '../../src/providers/valid-until.ts';

it.each([
  [1_796_032_800_000, { expiresAtMs: 1_796_032_800_000 }],
  ['2026-11-30T10:00:00Z', { expiresAtMs: Date.UTC(2026, 10, 30, 10) }],
  ['2026-11-30T12:00:00.250+02:00', { expiresAtMs: Date.UTC(2026, 10, 30, 10) + 250 }],
  ['soon', {}],
  ['', {}],
  [Number.NaN, {}],
  [null, {}],
  [undefined, {}],
])('%j', (moment, told) => {
  expect(validUntil(moment)).toEqual(told);
});
