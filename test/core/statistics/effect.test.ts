import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bayesianReadout } from '../../../src/core/statistics/bayesian-readout.ts';
import {
  confidenceSequence,
  confidenceSequenceBounds,
} from '../../../src/core/statistics/confidence-sequence.ts';
import { difference, type Effect, relativeDifference } from '../../../src/core/statistics/effect.ts';
import { pooledProportionTest, welchTest } from '../../../src/core/statistics/fixed-sample-tests.ts';
import { mixtureSequentialTest } from '../../../src/core/statistics/mixture-test.ts';
import { proportionSample } from '../../../src/core/statistics/sample.ts';
import { SeededRandom } from '../../support/seeded-random.ts';
import { expectClose, expectDecimals } from './close-to.ts';

const SEEDED = { seed: 20_261_128, numRuns: 300 };
const SEQUENCE = { alpha: 0.05, expectedSample: 5000 };

function some(effect: Effect | null): Effect {
  if (effect === null) throw new Error('an effect was expected');
  return effect;
}

const CONTROL = proportionSample(1000, 900);
const TREATMENT = proportionSample(1000, 930);

const samples = fc
  .tuple(fc.integer({ min: 2, max: 100_000 }), fc.double({ min: 0.05, max: 0.95, noNaN: true }))
  .map(([count, share]) =>
    proportionSample(count, Math.min(count - 1, Math.max(1, Math.round(count * share)))),
  );

describe('an effect', () => {
  // Check values 6.1, number 8.
  it('has the variance of GrowthBook’s frequentistVariance', () => {
    const baseline = { count: 4, mean: 7, variance: 2 };
    const arm = { count: 15, mean: 5, variance: 0.5 };
    expectDecimals(some(difference(baseline, arm)).standardError ** 2, 0.53333, 5);
    expectDecimals(some(relativeDifference(baseline, arm)).standardError ** 2, 0.00589, 5);
  });

  it('changes its sign with the arms swapped', () => {
    fc.assert(
      fc.property(samples, samples, (one, other) => {
        const there = some(difference(one, other));
        const back = some(difference(other, one));
        expectClose(back.estimate, -there.estimate);
        expectClose(back.standardError, there.standardError);
        expectClose(back.degreesOfFreedom, there.degreesOfFreedom);
      }),
      SEEDED,
    );
  });

  it('is relative to the size of a negative mean', () => {
    const baseline = { count: 10, mean: -2, variance: 1 };
    const effect = some(relativeDifference(baseline, { count: 10, mean: -1, variance: 1 }));
    expect(effect.estimate).toBe(0.5);
    expectClose(effect.standardError ** 2, 0.1 / 4 + 0.1 / 16);
  });

  it('is not told while nothing can be said', () => {
    const empty = proportionSample(0, 0);
    expect(difference(empty, TREATMENT)).toBeNull();
    expect(difference(CONTROL, proportionSample(1, 1))).toBeNull();
    expect(difference(proportionSample(50, 50), proportionSample(50, 50))).toBeNull();
    expect(relativeDifference(proportionSample(50, 0), TREATMENT)).toBeNull();
    // One arm without variance is enough to go on.
    expect(difference(proportionSample(50, 50), TREATMENT)).not.toBeNull();
  });
});

describe('Welch’s test', () => {
  // Check values 6.1, number 1.
  it('of 14/28 and 16/30, relative', () => {
    const effect = some(relativeDifference(proportionSample(28, 14), proportionSample(30, 16)));
    const { estimate, low, high, pValue } = welchTest(effect);
    expectDecimals(estimate, 0.06667, 5);
    expectDecimals(effect.standardError, 0.2717, 4);
    expectDecimals(low, -0.47767, 5);
    expectDecimals(high, 0.61101, 5);
    expectDecimals(pValue, 0.80707, 5);
  });

  // Check values 6.3.
  it('of 900/1000 and 930/1000, absolute', () => {
    const effect = some(difference(CONTROL, TREATMENT));
    expectDecimals(effect.estimate, 0.03, 12);
    expectDecimals(effect.standardError, 0.0124539, 7);
    expectDecimals(effect.degreesOfFreedom, 1947.798, 3);
    const { low, high, pValue } = welchTest(effect);
    expectDecimals(pValue, 0.0160938, 7);
    expectDecimals(low, 0.0055756, 7);
    expectDecimals(high, 0.0544244, 7);
  });

  // Check values 6.3.
  it('of 900/1000 and 930/1000, relative', () => {
    const effect = some(relativeDifference(CONTROL, TREATMENT));
    expectDecimals(effect.estimate, 0.0333333, 7);
    expectDecimals(effect.standardError, 0.0141072, 7);
    expectDecimals(welchTest(effect).pValue, 0.0182321, 7);
  });

  // Check values 6.3.
  it('differs from the pooled z test', () => {
    const test = pooledProportionTest(CONTROL, TREATMENT);
    expectDecimals(test?.z ?? 0, 2.405394, 6);
    expectDecimals(test?.pValue ?? 0, 0.016155, 7);
    expect(pooledProportionTest(proportionSample(5, 0), proportionSample(5, 0))).toBeNull();
    expect(pooledProportionTest(proportionSample(0, 0), CONTROL)).toBeNull();
  });

  it('rejects at alpha exactly when its interval leaves out 0', () => {
    const alpha = fc.double({ min: 0.001, max: 0.5, noNaN: true });
    fc.assert(
      fc.property(samples, samples, alpha, (one, other, level) => {
        const { low, high, pValue } = welchTest(some(difference(one, other)), level);
        fc.pre(Math.abs(pValue - level) > 1e-9);
        expect(pValue < level).toBe(low > 0 || high < 0);
      }),
      SEEDED,
    );
  });

  it('has a p-value for differences beyond any table', () => {
    const effect = some(difference(proportionSample(10_000, 1000), proportionSample(10_000, 9000)));
    const { pValue } = welchTest(effect);
    expect(pValue).toBeGreaterThanOrEqual(0);
    expect(pValue).toBeLessThan(1e-300);
  });
});

describe('the confidence sequence', () => {
  // Check values 6.1, number 2.
  it('of 1396/3000 and 2422/3461, relative', () => {
    const effect = some(relativeDifference(proportionSample(3000, 1396), proportionSample(3461, 2422)));
    const { estimate, low, high, pValue } = confidenceSequence(effect, SEQUENCE);
    expectDecimals(estimate, 0.50386, 5);
    expectDecimals(effect.standardError, 0.03386, 5);
    expectDecimals(low, 0.40098, 5);
    expectDecimals(high, 0.60675, 5);
    expectDecimals(pValue, 0, 5);
  });

  // Check values 6.3.
  it('of 900/1000 and 930/1000', () => {
    const { estimate, low, high, pValue } = confidenceSequence(
      some(difference(CONTROL, TREATMENT)),
      SEQUENCE,
    );
    expectDecimals(high - estimate, 0.0389033, 7);
    expectDecimals(estimate - low, 0.0389033, 7);
    expectDecimals(pValue, 0.224959, 6);
  });

  it('rejects at alpha exactly when its interval leaves out 0', () => {
    fc.assert(
      fc.property(samples, samples, fc.integer({ min: 100, max: 100_000 }), (one, other, expectedSample) => {
        const settings = { alpha: 0.05, expectedSample };
        const { low, high, pValue } = confidenceSequence(some(difference(one, other)), settings);
        fc.pre(Math.abs(pValue - 0.05) > 1e-9);
        expect(pValue < 0.05).toBe(low > 0 || high < 0);
      }),
      SEEDED,
    );
  });

  it('is wider than Welch’s interval, and its one-sided bounds are nearer', () => {
    fc.assert(
      fc.property(samples, samples, (one, other) => {
        const effect = some(difference(one, other));
        fc.pre(effect.degreesOfFreedom > 30);
        const sequence = confidenceSequence(effect, SEQUENCE);
        expect(sequence.high).toBeGreaterThan(welchTest(effect).high);
        const bounds = confidenceSequenceBounds(effect, SEQUENCE);
        expect(bounds.high).toBeLessThan(sequence.high);
        expect(bounds.low).toBeGreaterThan(sequence.low);
      }),
      SEEDED,
    );
  });

  it('holds at all looks together where Welch’s test does not', () => {
    const random = new SeededRandom(7);
    let sequenceErrors = 0;
    let welchErrors = 0;
    for (let experiment = 0; experiment < 300; experiment += 1) {
      const approved = [0, 0];
      let [sequenceErred, welchErred] = [false, false];
      for (let unit = 1; unit <= 2000; unit += 1) {
        for (const arm of [0, 1]) approved[arm] = (approved[arm] ?? 0) + (random.chance(0.8) ? 1 : 0);
        if (unit < 200 || unit % 50 !== 0) continue;
        const [one, other] = approved.map((count) => proportionSample(unit, count));
        if (one === undefined || other === undefined) continue;
        const effect = some(difference(one, other));
        sequenceErred ||= confidenceSequence(effect, { alpha: 0.05, expectedSample: 4000 }).pValue < 0.05;
        welchErred ||= welchTest(effect).pValue < 0.05;
      }
      sequenceErrors += sequenceErred ? 1 : 0;
      welchErrors += welchErred ? 1 : 0;
    }
    expect(sequenceErrors / 300).toBeLessThan(0.05);
    expect(welchErrors / 300).toBeGreaterThan(0.1);
  });
});

describe('the Bayesian read-out', () => {
  // Check values 6.1, number 3.
  it('of 49/100 and 51/100, relative, flat prior', () => {
    const effect = some(relativeDifference(proportionSample(100, 49), proportionSample(100, 51)));
    const readout = bayesianReadout(effect);
    expectDecimals(readout.estimate, 0.04082, 5);
    expectDecimals(readout.standardDeviation, 0.14725, 5);
    expectDecimals(readout.low, -0.24779, 5);
    expectDecimals(readout.high, 0.32943, 5);
    expectDecimals(readout.chanceToWin, 0.60918, 5);
    expectDecimals(readout.riskOfBaseline, 0.0814, 5);
    expectDecimals(readout.riskOfArm, 0.04058, 5);
  });

  // Check values 6.1, number 6.
  it.each([
    [0.1, 0.05, 0.1004245351, 0.0004245351],
    [0.01, 4.5e-9, 0.01, 0],
  ])('of %d +- %d risks %d and %d', (estimate, standardError, ofBaseline, ofArm) => {
    const readout = bayesianReadout({ estimate, standardError, degreesOfFreedom: 10, count: 12 });
    expectDecimals(readout.riskOfBaseline, ofBaseline, 10);
    expectDecimals(readout.riskOfArm, ofArm, 10);
  });

  it('risks differ by the effect, and mirror', () => {
    const estimate = fc.double({ min: -1, max: 1, noNaN: true });
    fc.assert(
      fc.property(estimate, fc.double({ min: 1e-3, max: 1, noNaN: true }), (mean, standardError) => {
        const effect = { estimate: mean, standardError, degreesOfFreedom: 10, count: 12 };
        const readout = bayesianReadout(effect);
        expectClose(readout.riskOfBaseline - readout.riskOfArm + 3, mean + 3);
        const mirrored = bayesianReadout({ ...effect, estimate: -mean });
        expect(mirrored.riskOfArm).toBe(readout.riskOfBaseline);
        expectClose(mirrored.chanceToWin, 1 - readout.chanceToWin, 1e-9);
      }),
      SEEDED,
    );
  });

  it('is drawn to its prior by precision', () => {
    const effect = { estimate: 0.1, standardError: 0.1, degreesOfFreedom: 10, count: 12 };
    const readout = bayesianReadout(effect, 0.05, { mean: 0, standardDeviation: 0.1 });
    expectClose(readout.estimate, 0.05);
    expectClose(readout.standardDeviation, 0.1 / Math.SQRT2);
    const vague = bayesianReadout(effect, 0.05, { mean: 5, standardDeviation: 1e9 });
    expectClose(vague.estimate, 0.1);
  });
});

describe('the mixture sequential probability ratio test', () => {
  // Check values 6.3.
  it.each([
    [0.88, 0.9, 10_000, 1e-4, 2094.317, 4.77483e-4],
    [0.9, 0.93, 1000, 1e-3, 4.516969, 0.221387],
  ])(
    'of %d and %d, %d pairs, tau^2 %d has the ratio %d and p %d',
    (baseline, arm, pairs, mixing, ratio, p) => {
      const test = mixtureSequentialTest({ baseline, arm, pairs }, mixing);
      expectClose(test?.likelihoodRatio ?? 0, ratio, 5e-8 + 1e-7);
      expectClose(test?.pValue ?? 0, p, 2e-6);
    },
  );

  it('never raises its p-value, says nothing without variance, and never overflows', () => {
    const none = { baseline: 0.9, arm: 0.9, pairs: 1000 };
    expect(mixtureSequentialTest(none, 1e-3)?.pValue).toBe(1);
    expect(mixtureSequentialTest(none, 1e-3, 0.2)?.pValue).toBe(0.2);
    expect(mixtureSequentialTest({ ...none, baseline: 1, arm: 1 }, 1e-3)).toBeNull();
    expect(mixtureSequentialTest({ baseline: 0.1, arm: 0.9, pairs: 1e6 }, 1e-3)?.pValue).toBe(0);
  });
});
