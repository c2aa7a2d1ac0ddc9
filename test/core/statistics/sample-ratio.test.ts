import { describe, expect, it } from 'vitest';
import { multipleExposures, sampleRatioMismatch } from '../../../src/core/statistics/sample-ratio.ts';
import { expectClose, expectDecimals } from './close-to.ts';

describe('sample ratio mismatch', () => {
  // Check values 6.3.
  it.each([
    [[1000, 1200], [50, 50], 18.1818, 4, 2.00787e-5, true],
    [[310, 98], [80, 20], 4.1201, 4, 0.0423766, false],
    [[600, 396], [60, 40], 0.0240964, 7, 0.87664, false],
  ])('of %j at %j: chi-square %d', (counts, weights, chiSquare, decimals, pValue, mismatch) => {
    const ratio = sampleRatioMismatch([{ counts, weights }]);
    expectDecimals(ratio.chiSquare, chiSquare, decimals);
    expectClose(ratio.pValue, pValue, 3e-6);
    expect(ratio).toMatchObject({ degreesOfFreedom: 1, mismatch });
  });

  it('tests each phase against its own weights', () => {
    const first = { counts: [900, 100], weights: [0.9, 0.1] };
    const second = { counts: [520, 480], weights: [0.5, 0.5] };
    const both = sampleRatioMismatch([first, second]);
    expect(both).toMatchObject({ degreesOfFreedom: 2, mismatch: false });
    expectClose(both.chiSquare, 1.6);
    // As one, neither set of weights fits the sums.
    expect(sampleRatioMismatch([{ counts: [1420, 580], weights: [0.9, 0.1] }]).mismatch).toBe(true);
  });

  it('says nothing of nothing, and warns of nothing for a few units', () => {
    expect(sampleRatioMismatch([])).toMatchObject({ pValue: 1, mismatch: false });
    expect(sampleRatioMismatch([{ counts: [0, 0], weights: [1, 1] }])).toMatchObject({ pValue: 1 });
    expect(sampleRatioMismatch([{ counts: [14, 0], weights: [1, 1] }])).toMatchObject({ mismatch: false });
    expect(sampleRatioMismatch([{ counts: [16, 0], weights: [1, 1] }])).toMatchObject({ mismatch: true });
  });

  it('counts no arm of weight 0, unless there are units in it', () => {
    expect(sampleRatioMismatch([{ counts: [50, 50, 0], weights: [1, 1, 0] }])).toMatchObject({
      degreesOfFreedom: 1,
      pValue: 1,
    });
    expect(sampleRatioMismatch([{ counts: [50, 50, 1], weights: [1, 1, 0] }])).toMatchObject({
      pValue: 0,
      mismatch: true,
    });
  });
});

describe('multiple exposures', () => {
  it.each([
    [11, 1000, true],
    [10, 100, false],
    [11, 1100, false],
    [0, 0, false],
  ])('%d of %d units: %s', (multiple, units, tooMany) => {
    expect(multipleExposures(multiple, units).tooMany).toBe(tooMany);
  });
});
