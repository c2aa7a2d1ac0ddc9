import { describe, expect, it } from 'vitest';
import { stickyFraction } from '../../../src/core/scoring/sticky-fraction.ts';

describe('the sticky fraction', () => {
  // Published cases of GrowthBook's SDKs, hash version 2.
  it.each([
    ['seed', 'a', 0.0505],
    ['seed', 'b', 0.2696],
    ['foo', 'ab', 0.2575],
    ['foo', 'def', 0.2019],
    ['89123klj', '8952klfjas09ujkasdf', 0.124],
    ['90850943850283058242805', '123', 0.7516],
  ])('of %s and %s is %d', (salt, unit, fraction) => {
    expect(stickyFraction(salt, unit)).toBe(fraction);
  });

  it('is spread evenly over sequential references', () => {
    const tenths = new Array<number>(10).fill(0);
    for (let order = 0; order < 20_000; order += 1) {
      const tenth = Math.floor(stickyFraction('rule', `acme/order-${order}`) * 10);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    // Chi-square with 9 degrees of freedom: 27.88 at p = 0.001.
    const chiSquare = tenths.reduce((sum, count) => sum + (count - 2000) ** 2 / 2000, 0);
    expect(chiSquare).toBeLessThan(27.88);
  });
});
