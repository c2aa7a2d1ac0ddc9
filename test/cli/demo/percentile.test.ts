import { describe, expect, it } from 'vitest';
import { percentile } from '../../../src/cli/demo/percentile.ts';

const HUNDRED = Array.from({ length: 100 }, (_, index) => index + 1);

const CASES: readonly (readonly [string, readonly number[], number, number | null])[] = [
  ['nothing', [], 0.5, null],
  ['one value', [7], 0.99, 7],
  ['median of an odd number', [1, 2, 9], 0.5, 2],
  ['median of an even number: the lower one', [1, 2, 8, 9], 0.5, 2],
  ['95 of 100', HUNDRED, 0.95, 95],
  ['99 of 100', HUNDRED, 0.99, 99],
  ['all', HUNDRED, 1, 100],
  ['a small share of few: the first', [3, 4], 0.01, 3],
  ['95 of 10: the last', HUNDRED.slice(0, 10), 0.95, 10],
];

describe('percentile', () => {
  it.each(CASES)('%s', (_, sorted, share, expected) => {
    expect(percentile(sorted, share)).toBe(expected);
  });
});
