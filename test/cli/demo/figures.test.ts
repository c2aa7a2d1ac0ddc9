import { describe, expect, it } from 'vitest';
import { count, milliseconds, percent } from '../../../src/cli/demo/figures.ts';

describe('figures', () => {
  it('writes numbers as people read them', () => {
    expect([count(0), count(12_345)]).toEqual(['0', '12,345']);
    expect([percent(1, 3), percent(0, 5), percent(5, 5), percent(0, 0)]).toEqual([
      '33.3 %',
      '0.0 %',
      '100.0 %',
      '-',
    ]);
    expect([milliseconds(1234.5), milliseconds(null)]).toEqual(['1,235', '-']);
  });
});
