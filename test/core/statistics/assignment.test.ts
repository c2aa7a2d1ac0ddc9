import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  armOf,
  assignmentFraction,
  bucketRanges,
  inNamespace,
} from '../../../src/core/statistics/assignment.ts';
import { launchDarklyFraction, unleashBucket } from '../../support/other-assignments.ts';
import { expectClose } from './close-to.ts';

const SEEDED = { seed: 20_261_128, numRuns: 300 };

describe('the assignment hash', () => {
  // Check values 6.1, number 9.
  it.each([
    ['', 'a', 1, 0.22],
    ['', 'b', 1, 0.077],
    ['b', 'a', 1, 0.946],
    ['ef', 'd', 1, 0.652],
    ['asdf', '8952klfjas09ujk', 1, 0.549],
    ['', '123', 1, 0.011],
    ['seed', 'a', 2, 0.0505],
    ['seed', 'b', 2, 0.2696],
    ['foo', 'ab', 2, 0.2575],
    ['foo', 'def', 2, 0.2019],
    ['89123klj', '8952klfjas09ujkasdf', 2, 0.124],
    ['90850943850283058242805', '123', 2, 0.7516],
    ['abc', 'def', 99, null],
    // Number 12: the units of the sticky cases.
    ['feature-exp', 'd123', 2, 0.6468],
    ['feature-exp', 'i123', 2, 0.9943],
  ])('of seed %s, unit %s, version %d is %s', (seed, unit, version, expected) => {
    expect(assignmentFraction(seed, unit, version)).toBe(expected);
  });

  it('is below 1 and moves with the seed', () => {
    fc.assert(
      fc.property(fc.string(), (unit) => {
        for (const version of [1, 2]) {
          const fraction = assignmentFraction('x', unit, version) ?? -1;
          expect(fraction).toBeGreaterThanOrEqual(0);
          expect(fraction).toBeLessThan(1);
        }
      }),
      SEEDED,
    );
    const units = Array.from({ length: 200 }, (_, index) => `order-${index}`);
    const fractions = (seed: string) => units.map((unit) => assignmentFraction(seed, unit, 2));
    expect(fractions('one')).not.toEqual(fractions('other'));
  });
});

describe('bucket ranges', () => {
  // Check values 6.1, number 10.
  it.each([
    [
      2,
      0.5,
      null,
      [
        [0, 0.25],
        [0.5, 0.75],
      ],
    ],
    [
      3,
      0.2,
      [0.2, 0.3, 0.5],
      [
        [0, 0.04],
        [0.2, 0.26],
        [0.5, 0.6],
      ],
    ],
    [
      2,
      1,
      [0.4, 0.1],
      [
        [0, 0.5],
        [0.5, 1],
      ],
    ],
    [
      2,
      1,
      [0.5, 0.3, 0.2],
      [
        [0, 0.5],
        [0.5, 1],
      ],
    ],
    [
      2,
      -0.2,
      null,
      [
        [0, 0],
        [0.5, 0.5],
      ],
    ],
    [
      2,
      1.5,
      null,
      [
        [0, 0.5],
        [0.5, 1],
      ],
    ],
  ] as const)('of %d arms, coverage %d, weights %j are %j', (arms, coverage, weights, expected) => {
    const ranges = bucketRanges(arms, coverage, weights);
    expect(ranges).toHaveLength(expected.length);
    expected.forEach(([from, to], index) => {
      expectClose(1 + (ranges[index]?.[0] ?? -9), 1 + from, 1e-15);
      expectClose(1 + (ranges[index]?.[1] ?? -9), 1 + to, 1e-15);
    });
  });

  // Check values 6.1, number 10.
  it.each([
    [
      0.25,
      [
        [0, 0.25],
        [0.5, 0.75],
      ],
      null,
    ],
    [
      0.5,
      [
        [0, 0.5],
        [0.5, 1],
      ],
      1,
    ],
    [
      0.2,
      [
        [0, 0.25],
        [0.5, 0.75],
      ],
      0,
    ],
    [
      0.75,
      [
        [0, 0.25],
        [0.5, 0.75],
      ],
      null,
    ],
  ] as const)('at %d of %j: arm %s', (fraction, ranges, expected) => {
    expect(armOf(fraction, ranges)).toBe(expected);
  });

  it('move no unit when the coverage grows', () => {
    const coverage = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.string(), coverage, coverage, (unit, one, other) => {
        const fraction = assignmentFraction('seed', unit, 2) ?? -1;
        const before = armOf(fraction, bucketRanges(3, Math.min(one, other)));
        const after = armOf(fraction, bucketRanges(3, Math.max(one, other)));
        if (before !== null) expect(after).toBe(before);
      }),
      SEEDED,
    );
  });
});

describe('a namespace', () => {
  it('is divided without overlap', () => {
    for (let order = 0; order < 500; order += 1) {
      const unit = `order-${order}`;
      const parts = (
        [
          [0, 0.4],
          [0.4, 0.9],
          [0.9, 1],
        ] as const
      ).map((range) => inNamespace(unit, { name: 'checkout', range }));
      expect(parts.filter(Boolean)).toHaveLength(1);
    }
  });

  it('is version 1 of the hash with its name after two underscores', () => {
    const fraction = assignmentFraction('__checkout', 'order-1', 1) ?? -1;
    expect(inNamespace('order-1', { name: 'checkout', range: [fraction, fraction + 1e-9] })).toBe(true);
    expect(inNamespace('order-1', { name: 'other', range: [fraction, fraction + 1e-9] })).toBe(false);
  });
});

describe('beside other tools on the same units', () => {
  it('their published cases come out', () => {
    expect(unleashBucket('123', 'gr1')).toBe(73);
    expect(unleashBucket('999', 'groupX')).toBe(25);
    const byKey = { key: 'hashKey', salt: 'saltyA' };
    const cases = [
      ['userKeyA', 61, 0.098_012],
      ['userKeyB', 61, 0.144_837_7],
      ['userKeyC', 61, 0.924_264_1],
      ['userKeyA', byKey, 0.421_575_9],
      ['userKeyB', byKey, 0.670_848_5],
      ['userKeyC', byKey, 0.103_431],
    ] as const;
    // Published with seven digits, some of them cut off.
    for (const [unit, by, fraction] of cases)
      expect(Math.abs(launchDarklyFraction(unit, by) - fraction)).toBeLessThan(1.5e-7);
  });

  it.each([
    ['Unleash', (unit: string) => unleashBucket(unit, 'checkout', 10_000) / 10_000],
    [
      'LaunchDarkly',
      (unit: string) => launchDarklyFraction(unit, { key: 'checkout', salt: 'latam-local-1' }),
    ],
  ])('arms are independent of those that %s gives the same customers', (_, other) => {
    const units = 20_000;
    let product = 0;
    for (let number = 0; number < units; number += 1) {
      const unit = `cust-${number}`;
      product += (assignmentFraction('latam-local-1', unit, 2) ?? 0) * other(unit) - 0.25;
    }
    // The mean of products of two independent uniform draws: its deviation is sqrt(7 / 144 / units) = 0.0016.
    expect(Math.abs(product / units)).toBeLessThan(0.0064);
  });
});
