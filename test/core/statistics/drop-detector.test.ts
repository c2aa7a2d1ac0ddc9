import { describe, expect, it } from 'vitest';
import { DROP_DEFAULTS, DropDetector, type DropEvent } from '../../../src/core/statistics/drop-detector.ts';
import { SeededRandom } from '../../support/seeded-random.ts';

const SEED = Number(process.env['SEED'] ?? 20_261_129);

/** Fed until it has learned so many outcomes of a rate. */
function learned(rate: number, outcomes: number, random: SeededRandom, settings = DROP_DEFAULTS) {
  const detector = new DropDetector(settings);
  for (let count = 0; count < outcomes; count += 1) detector.observe(random.unit() < rate);
  return detector;
}

/** Outcomes until the event; null: it did not come. */
function until(
  kind: DropEvent['kind'],
  detector: DropDetector,
  rate: number,
  most: number,
  random: SeededRandom,
) {
  for (let count = 1; count <= most; count += 1) {
    if (detector.observe(random.unit() < rate)?.kind === kind) return count;
  }
  return null;
}

describe(`DropDetector (SEED=${SEED})`, () => {
  it('is the mixture of likelihood ratios that it says, by hand', () => {
    // 3 of 4 in turn: the baseline is 0.75 exactly, and nothing of chance is left beside.
    const settings = {
      ...DROP_DEFAULTS,
      steps: [0.05, 0.25],
      tolerance: 0.05,
      errors: 0,
      learnedFrom: 1_000,
    };
    const detector = new DropDetector(settings);
    for (let count = 0; detector.baseline === null; count += 1) detector.observe(count % 4 !== 0);
    expect(detector.baseline).toBeCloseTo(0.75, 12);
    expect(detector.lowest).toBeCloseTo(0.7, 12);
    expect(detector.logEvidence).toBe(0);
    detector.observe(false);
    // (0.35 / 0.3 + 0.55 / 0.3) / 2 = 1.5
    expect(Math.exp(detector.logEvidence)).toBeCloseTo(1.5, 12);
    detector.observe(true);
    // 0.35 / 0.3 * 0.65 / 0.7 = 1.08333..., 0.55 / 0.3 * 0.45 / 0.7 = 1.17857...
    expect(Math.exp(detector.logEvidence)).toBeCloseTo((1.0833333333333333 + 1.1785714285714286) / 2, 12);
    detector.observe(true);
    detector.observe(true);
    // Below 1 it begins anew: only what was since counts.
    expect(detector.logEvidence).toBe(0);
  });

  it('alarms falsely at most as often as it says, at the very lowest rate that is no drop', () => {
    const apart = 500;
    const random = new SeededRandom(SEED);
    let outcomes = 0;
    let alarms = 0;
    for (let stream = 0; stream < 1_500; stream += 1) {
      const rate = 0.5 + 0.4 * random.unit();
      const detector = learned(rate, 3_000, random, { ...DROP_DEFAULTS, apart });
      for (let count = 0; count < 500; count += 1) {
        outcomes += 1;
        if (detector.observe(random.unit() < detector.lowest)?.kind !== 'dropped') continue;
        alarms += 1;
        break;
      }
    }
    console.log(
      `${alarms} false alarms in ${outcomes} outcomes, at most ${Math.round(outcomes / apart)} by its word`,
    );
    expect(outcomes).toBeGreaterThan(400_000);
    expect(alarms).toBeGreaterThan(0);
    expect(alarms).toBeLessThanOrEqual(outcomes / apart);
  });

  it('stays quiet over thousands of streams without a change, also while it learns', () => {
    const random = new SeededRandom(SEED + 1);
    let outcomes = 0;
    let alarms = 0;
    for (let stream = 0; stream < 2_000; stream += 1) {
      const detector = new DropDetector();
      const rate = 0.4 + 0.57 * random.unit();
      for (let count = 0; count < 3_000; count += 1) {
        outcomes += 1;
        if (detector.observe(random.unit() < rate)?.kind === 'dropped') alarms += 1;
      }
    }
    console.log(`${alarms} false alarms in ${outcomes} outcomes of 2000 streams`);
    expect(alarms).toBeLessThanOrEqual(outcomes / DROP_DEFAULTS.apart);
  });

  it('notices a fall of three, five and ten points, the sooner the larger it is', () => {
    const random = new SeededRandom(SEED + 2);
    const medians = [0.03, 0.05, 0.1].map((drop) => {
      const delays = Array.from({ length: 15 }, () => {
        const detector = learned(0.85, 25_000, random);
        return until('dropped', detector, 0.85 - drop, 40_000, random) ?? Number.POSITIVE_INFINITY;
      }).sort((a, b) => a - b);
      console.log(`${drop * 100} points: ${delays.join(' ')}`);
      return delays[7] ?? 0;
    });
    expect(medians[0]).toBeLessThan(25_000);
    expect(medians[1]).toBeLessThan(5_000);
    expect(medians[2]).toBeLessThan(1_000);
    expect(medians.toSorted((a, b) => b - a)).toEqual(medians);
  });

  it('says when it is over, and takes what stands for long as how things are', () => {
    const random = new SeededRandom(SEED + 3);
    const detector = learned(0.85, 20_000, random);
    expect(until('dropped', detector, 0.7, 5_000, random)).not.toBeNull();
    const baseline = detector.baseline ?? 0;
    expect(until('recovered', detector, 0.85, 5_000, random)).not.toBeNull();
    expect(detector.isDropped).toBe(false);
    expect(detector.baseline).toBe(baseline);
    expect(until('dropped', detector, 0.7, 5_000, random)).not.toBeNull();
    expect(until('accepted', detector, 0.7, 30_000, random)).toBe(20_000);
    expect(detector.baseline).toBeCloseTo(0.7, 1);
    expect(until('dropped', detector, 0.7, 5_000, random)).toBeNull();
  });

  it('judges nothing before it has learned', () => {
    const detector = new DropDetector();
    for (let count = 0; count < 1_000; count += 1) expect(detector.observe(true)).toBeNull();
    expect(detector.baseline).toBeNull();
    for (let count = 0; count < 900; count += 1) expect(detector.observe(false)).toBeNull();
  });
});
