import { describe, expect, it } from 'vitest';
import { StreamedPolicyEstimate } from '../../../src/core/replay/streamed-estimate.ts';
import { evaluatePolicy, type WeightedReward } from '../../../src/core/statistics/off-policy.ts';
import { SeededRandom } from '../../support/seeded-random.ts';

const SEED = 20_261_128;

/** Payments of a world with three providers: what the recording policy drew, seen through another one. */
function recorded(random: SeededRandom, payments: number) {
  const approval = [0.92, 0.88, 0.8];
  const logging = [0.5, 0.3, 0.2];
  const target = [0.8, 0.15, 0.05];
  const list: WeightedReward[] = [];
  for (let payment = 0; payment < payments; payment += 1) {
    const draw = random.unit();
    const chosen = draw < 0.5 ? 0 : draw < 0.8 ? 1 : 2;
    const weight = (target[chosen] ?? 0) / (logging[chosen] ?? 1);
    list.push({ weight, reward: random.chance(approval[chosen] ?? 0) ? 1 : 0 });
  }
  const truth = target.reduce((sum, share, index) => sum + share * (approval[index] ?? 0), 0);
  const before = logging.reduce((sum, share, index) => sum + share * (approval[index] ?? 0), 0);
  return { list, truth, difference: truth - before };
}

function streamed(list: readonly WeightedReward[], random = new SeededRandom(SEED), resamples?: number) {
  const stream = new StreamedPolicyEstimate(() => random.unit(), resamples);
  for (const payment of list) stream.add(payment);
  return stream.estimate();
}

describe('an estimate over a stream', () => {
  it('is that of all payments at once', () => {
    const { list } = recorded(new SeededRandom(SEED), 2000);
    expect(streamed(list)).toMatchObject(evaluatePolicy(list));
  });

  it('has an interval that covers the truth, and one for the difference, in at least 93 % of 200 worlds', () => {
    let [covered, differences, misses] = [0, 0, 0];
    const worlds = 200;
    // One generator for all: neighbouring seeds of it are not independent enough for this.
    const random = new SeededRandom(SEED);
    for (let world = 0; world < worlds; world += 1) {
      const { list, truth, difference } = recorded(random, 1500);
      const found = streamed(list, random, 200);
      const { interval, differenceInterval } = found;
      if (interval !== null && interval.low <= truth && truth <= interval.high) covered += 1;
      if (
        differenceInterval !== null &&
        differenceInterval.low <= difference &&
        difference <= differenceInterval.high
      ) {
        differences += 1;
      }
      if (interval !== null && interval.high - interval.low > 0.06) misses += 1;
    }
    expect(covered / worlds).toBeGreaterThanOrEqual(0.93);
    expect(differences / worlds).toBeGreaterThanOrEqual(0.93);
    expect(misses, 'intervals are no wider than they have to be').toBe(0);
  });

  it('says nothing of nothing, and is not supported by few', () => {
    expect(streamed([])).toMatchObject({
      payments: 0,
      selfNormalised: null,
      interval: null,
      recorded: null,
      difference: null,
      differenceInterval: null,
      supported: false,
    });
    const none = streamed(Array.from({ length: 500 }, () => ({ weight: 0, reward: 1 })));
    expect(none).toMatchObject({ selfNormalised: null, interval: null, recorded: 1, supported: false });
    const { list } = recorded(new SeededRandom(SEED), 60);
    expect(streamed(list).supported).toBe(false);
    const lonely = [...recorded(new SeededRandom(SEED), 2000).list, { weight: 500, reward: 1 }];
    expect(streamed(lonely).supported).toBe(false);
  });

  it('is the mean reward where both policies are the same', () => {
    const list = Array.from({ length: 1000 }, (_, index) => ({ weight: 1, reward: index % 4 === 0 ? 0 : 1 }));
    const found = streamed(list);
    expect(found).toMatchObject({
      selfNormalised: 0.75,
      inversePropensity: 0.75,
      recorded: 0.75,
      difference: 0,
    });
    expect(found.differenceInterval).toEqual({ low: 0, high: 0 });
    expect(found.interval?.low).toBeLessThan(0.75);
    expect(found.interval?.high).toBeGreaterThan(0.75);
  });

  it('is the same for the same random numbers', () => {
    const { list } = recorded(new SeededRandom(SEED), 500);
    expect(streamed(list)).toEqual(streamed(list));
  });
});
