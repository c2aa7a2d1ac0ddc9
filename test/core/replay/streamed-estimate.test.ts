import { describe, expect, it } from 'vitest';
import {
  PoissonResamples,
  type SeenReward,
  StreamedPolicyEstimate,
} from '../../../src/core/replay/streamed-estimate.ts';
import { evaluatePolicy, type WeightedReward } from '../../../src/core/statistics/off-policy.ts';
import { SeededRandom } from '../../support/seeded-random.ts';

const SEED = 20_261_128;
const NONE: ReadonlyMap<string, number> = new Map();

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

function streamed(
  list: readonly (WeightedReward & Partial<Omit<SeenReward, 'reward'>>)[],
  random = new SeededRandom(SEED),
  resamples?: number,
) {
  const drawn = new PoissonResamples(() => random.unit(), resamples);
  const stream = new StreamedPolicyEstimate(drawn);
  for (const payment of list) {
    drawn.next();
    const reward = payment.reward === 1 ? 1 : 0;
    stream.add({ recorded: reward, unsupported: NONE, open: 0, ...payment, reward });
  }
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

  it('compares with all that was approved as recorded, also where the other policy would have stopped before', () => {
    const list = Array.from({ length: 1000 }, (_, index) => {
      const isFirst = index % 10 < 8;
      const isSecond = index % 10 === 8;
      return { weight: 1, reward: isFirst ? 1 : 0, recorded: isFirst || isSecond ? 1 : 0 } as const;
    });
    const found = streamed(list);
    expect(found).toMatchObject({ selfNormalised: 0.8, recorded: 0.9 });
    expect(found.difference).toBeCloseTo(-0.1, 12);
    expect(found.differenceInterval?.high).toBeLessThan(-0.07);
    expect(found.differenceInterval?.low).toBeGreaterThan(-0.13);
  });

  it('is less certain by what is not known: all of it may have been approved, or none', () => {
    const { list } = recorded(new SeededRandom(SEED), 2000);
    const known = streamed(list);
    const some = streamed(list.map((payment) => ({ ...payment, unsupported: new Map([['x', 0.03]]) })));
    const value = known.selfNormalised ?? 0;
    expect(some).toMatchObject({ selfNormalised: value, supported: true });
    expect(some.unsupportedShare).toBeCloseTo(0.03, 12);
    expect(some.interval?.low).toBeCloseTo((known.interval?.low ?? 0) - 0.03 * value, 9);
    expect(some.interval?.high).toBeCloseTo((known.interval?.high ?? 0) + 0.03 * (1 - value), 9);
    const open = streamed(list.map((payment) => ({ ...payment, open: 0.02 })));
    expect(open.differenceInterval?.low).toBeCloseTo(known.differenceInterval?.low ?? 0, 9);
    expect(open.differenceInterval?.high).toBeCloseTo((known.differenceInterval?.high ?? 0) + 0.02, 9);
    expect(
      streamed(list.map((payment) => ({ ...payment, unsupported: new Map([['x', 0.06]]) }))).supported,
    ).toBe(false);
  });

  it('does not believe propensities whose weights do not add up', () => {
    const { list } = recorded(new SeededRandom(SEED), 4000);
    expect(streamed(list).meanWeight).toBeCloseTo(1, 1);
    const short = streamed(list.map(({ weight, reward }) => ({ weight: weight * 0.8, reward })));
    expect(short).toMatchObject({ supported: false, enough: true });
  });

  it('knows how far chance reaches when all were approved, without pretending more', () => {
    const found = streamed(
      Array.from({ length: 300 }, (_, index) => ({ weight: index % 2 === 0 ? 1.5 : 0.5, reward: 1 })),
    );
    expect(found.interval?.high).toBe(1);
    // 0.025^(1/240): the exact lower bound for as many payments as it rests on.
    expect(found.effectiveSampleSize).toBeCloseTo(240, 9);
    expect(found.interval?.low).toBeCloseTo(0.025 ** (1 / 240), 9);
    expect(found.differenceInterval?.low).toBeCloseTo(0.025 ** (1 / 240) - 1, 9);
  });

  it('lets payments of telling arms stand for their like in those that tell nothing', () => {
    const drawn = new PoissonResamples(() => 0.5);
    const stream = new StreamedPolicyEstimate(drawn);
    const one = { unsupported: NONE, open: 0, recorded: 1 } as const;
    for (let index = 0; index < 400; index += 1) {
      drawn.next();
      // A fixed arm never chooses so; the other one does, by a draw; the rest are in no experiment.
      stream.add(
        { ...one, weight: 0, reward: 0, unsupported: new Map([['x', 1]]) },
        { group: 'x', arm: 'fixed', spare: false },
      );
      const isApproved = index % 4 !== 0;
      const told = { ...one, weight: 1, reward: isApproved ? 1 : 0 } as const;
      stream.add(told, { group: 'x', arm: 'drawn', spare: false });
      stream.add({ ...one, weight: 1, reward: 1 });
    }
    const found = stream.estimate();
    // Two thirds of all payments are of the experiment, three quarters of which are approved.
    expect(found).toMatchObject({ payments: 1200, leftOut: 400, unsupportedShare: 0, supported: true });
    expect(found.unsupportedBy).toEqual(new Map());
    expect(found.selfNormalised).toBeCloseTo((2 / 3) * 0.75 + 1 / 3, 12);
    expect(found.meanWeight).toBeCloseTo(1, 12);
  });

  it('tells by provider what is not supported: parts that add up to the whole, also where it would be above all', () => {
    const of = (unsupported: ReadonlyMap<string, number>) =>
      streamed(Array.from({ length: 200 }, (_, index) => ({ weight: 1, reward: index % 2, unsupported })));
    const some = of(
      new Map([
        ['x', 0.02],
        ['y', 0.01],
        ['z', 0],
      ]),
    );
    expect([...some.unsupportedBy.keys()]).toEqual(['x', 'y']);
    expect(some.unsupportedBy.get('x')).toBeCloseTo(0.02, 12);
    expect(some.unsupportedBy.get('y')).toBeCloseTo(0.01, 12);
    expect(some.unsupportedShare).toBeCloseTo(0.03, 12);
    const heavy = of(
      new Map([
        ['x', 3],
        ['y', 1],
      ]),
    );
    expect(heavy.unsupportedShare).toBe(1);
    expect(heavy.unsupportedBy.get('x')).toBeCloseTo(0.75, 12);
    expect(heavy.unsupportedBy.get('y')).toBeCloseTo(0.25, 12);
  });

  it('leaves a held-out part out only while there are others to stand for it', () => {
    const held = { group: 'holdout', arm: 'holdout', spare: true };
    const of = (others: number) => {
      const drawn = new PoissonResamples(() => 0.5);
      const stream = new StreamedPolicyEstimate(drawn);
      for (let index = 0; index < 200; index += 1) {
        drawn.next();
        stream.add({ weight: 0, reward: 0, recorded: 1, unsupported: new Map([['x', 1]]), open: 0 }, held);
        for (let other = 0; other < others; other += 1) {
          stream.add({ weight: 1, reward: 1, recorded: 1, unsupported: NONE, open: 0 });
        }
      }
      return stream.estimate();
    };
    expect(of(2)).toMatchObject({ leftOut: 200, unsupportedShare: 0, selfNormalised: 1, supported: true });
    expect(of(0)).toMatchObject({ leftOut: 0, unsupportedShare: 1, supported: false });
  });
});
