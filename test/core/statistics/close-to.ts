import { expect } from 'vitest';

/** Expects a relative error of at most `tolerance`; where the expected value is 0, an absolute one. */
export function expectClose(actual: number, expected: number, tolerance = 1e-12): void {
  const scale = expected === 0 ? 1 : Math.abs(expected);
  expect(
    Math.abs(actual - expected) / scale,
    `${actual} is not within ${tolerance} of ${expected}`,
  ).toBeLessThanOrEqual(tolerance);
}

/** Expects a figure that is given with so many decimals, its last one correctly rounded or cut. */
export function expectDecimals(actual: number, expected: number, decimals: number): void {
  expect(Math.abs(actual - expected), `${actual} is not ${expected}`).toBeLessThanOrEqual(10 ** -decimals);
}
