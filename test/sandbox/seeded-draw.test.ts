import { describe, expect, it } from 'vitest';
import { inLetters, seededDraw } from '../../src/sandbox/seeded-draw.ts';

describe('seededDraw', () => {
  it('is frozen: a change would change every recorded world', () => {
    const draws = [
      seededDraw('1'),
      seededDraw('1', 'sandbox-a', 'att-1'),
      seededDraw('2', 'sandbox-a', 'att-1'),
    ];
    expect(draws).toMatchInlineSnapshot(`
      [
        0.07456275085729658,
        0.28338701887866957,
        0.686348054141614,
      ]
    `);
  });

  it('tells names apart by where they end', () => {
    expect(seededDraw('1', 'ab', 'c')).not.toBe(seededDraw('1', 'a', 'bc'));
  });

  it('is uniform over names that differ little', () => {
    const bins = new Array<number>(20).fill(0);
    const n = 20_000;
    for (let number = 0; number < n; number += 1) {
      const bin = Math.floor(seededDraw('1', 'sandbox-a', `att-${number}`, 'approval') * 20);
      bins[bin] = (bins[bin] ?? 0) + 1;
    }
    const chiSquare = bins.reduce((sum, count) => sum + (count - n / 20) ** 2 / (n / 20), 0);
    // Chi-square with 19 degrees of freedom exceeds 43.8 once in a thousand.
    expect(chiSquare).toBeLessThan(43.8);
  });

  it('draws independently for two purposes of the same name', () => {
    const n = 5000;
    let sum = 0;
    for (let number = 0; number < n; number += 1) {
      const left = seededDraw('1', `att-${number}`, 'approval') - 0.5;
      const right = seededDraw('1', `att-${number}`, 'decline') - 0.5;
      sum += left * right * 12;
    }
    // Correlation of independent draws: standard deviation 1 / sqrt(5000) = 0.014.
    expect(Math.abs(sum / n)).toBeLessThan(0.06);
  });
});

describe('inLetters', () => {
  it('writes numbers in letters, the same order and no digits', () => {
    expect([0, 1, 31, 32, 1023].map((value) => inLetters(value, 2))).toEqual(['aa', 'ab', 'aM', 'ba', 'MM']);
    expect(inLetters(Number.MAX_SAFE_INTEGER, 1)).toMatch(/^[a-zA-Z]{11}$/);
  });
});
