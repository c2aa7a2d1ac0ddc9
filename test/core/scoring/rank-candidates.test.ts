import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RuleAction } from '../../../src/core/rules/ruleset.ts';
import {
  type RankCandidate,
  type RankInput,
  rankCandidates,
} from '../../../src/core/scoring/rank-candidates.ts';
import { routingFacts } from '../../support/routing-facts.ts';
import { sampleAction } from '../../support/sample-ruleset.ts';
import { SeededRandom } from '../../support/seeded-random.ts';

const SEED = 20_261_123;

function action(over: Partial<RuleAction> = {}): RuleAction {
  return sampleAction({ unknownCostBasisPoints: 500, explorationShare: 0, ...over });
}

interface Sketch {
  readonly mean?: number;
  /** Half of the interval. */
  readonly half?: number;
  readonly processed?: number;
  readonly unknown?: number;
  readonly pending?: number;
  readonly samples?: number;
  readonly bps?: number;
  readonly closed?: RankCandidate['lane']['closedBecause'];
  readonly headroom?: number;
}

function candidate(provider: string, sketch: Sketch = {}): RankCandidate {
  const { mean = 0.9, half = 0.02, processed = 1, unknown = 0, samples = 100, bps = 100 } = sketch;
  const { pending = 0 } = sketch;
  return {
    provider,
    borrowsToken: false,
    fees: { fixed: null, basisPoints: bps, crossBorderBasisPoints: 0, brands: new Map() },
    approval: {
      mean,
      deviation: half / 1.96,
      level: 'bin',
      n: 400,
    },
    health: { processed, unknown, pending, samples },
    lane: {
      breaker: sketch.closed === 'breaker_open' ? 'open' : 'closed',
      closedBecause: sketch.closed ?? null,
      limitHeadroom: sketch.headroom ?? 1,
    },
  };
}

function input(candidates: readonly RankCandidate[], over: Partial<RankInput> = {}): RankInput {
  return {
    facts: routingFacts(),
    exchangeRates: [],
    rule: 'rule',
    action: action(),
    attemptsLeft: 2,
    candidates,
    ineligible: [],
    draw: () => 0.5,
    ...over,
  };
}

const order = (ranked: RankInput): string[] =>
  rankCandidates(ranked).candidates.map(({ provider }) => provider);

describe('the value', () => {
  it('is what the formula says, as a share of the margin', () => {
    const a = candidate('a', { mean: 0.9, processed: 0.9, unknown: 0.04, bps: 120 });
    const b = candidate('b', { mean: 0.8, processed: 0.98, unknown: 0.01, bps: 50 });
    const margin = 800;
    const alone = {
      a: 0.9 * 0.9 * margin - 120 - 0.04 * 500,
      b: 0.8 * 0.98 * margin - 50 - 0.01 * 500,
    };
    const ranking = rankCandidates(input([a, b], { action: action({ marginBasisPoints: margin }) }));
    const score = (provider: string) =>
      ranking.candidates.find((one) => one.provider === provider)?.score ?? Number.NaN;
    expect(score('a')).toBeCloseTo((alone.a + 0.06 * alone.b) / margin, 12);
    expect(score('b')).toBeCloseTo((alone.b + 0.01 * alone.a) / margin, 12);
  });

  it('has no next candidate behind the last attempt', () => {
    const ranked = input([candidate('a', { processed: 0.9 }), candidate('b')], { attemptsLeft: 1 });
    expect(rankCandidates(ranked).candidates.find(({ provider }) => provider === 'a')?.score).toBeCloseTo(
      0.9 * 0.9 - 0.01,
      12,
    );
  });

  it.each([
    { name: 'approval', a: { mean: 0.9 }, b: { mean: 0.91 }, first: 'b' },
    { name: 'cost when approval is equal', a: { bps: 100 }, b: { bps: 90 }, first: 'b' },
    { name: 'the file when all is equal', a: {}, b: {}, first: 'a' },
    { name: 'approval before cost', a: { mean: 0.9, bps: 10 }, b: { mean: 0.92, bps: 100 }, first: 'b' },
    { name: 'failures', a: { processed: 0.9 }, b: {}, first: 'b' },
    {
      name: 'approval before failures that the next one mends',
      a: { processed: 0.9 },
      b: { mean: 0.89 },
      first: 'a',
    },
    {
      name: 'unknown, which costs more than failing',
      a: { processed: 0.95, unknown: 0.05 },
      b: { processed: 0.95 },
      first: 'b',
    },
  ])('decides by $name', ({ a, b, first }) => {
    expect(order(input([candidate('a', a), candidate('b', b)]))[0]).toBe(first);
  });

  it('lets a margin decide between cost and approval', () => {
    const both = [candidate('a', { mean: 0.9, bps: 20 }), candidate('b', { mean: 0.92, bps: 100 })];
    expect(order(input(both))[0]).toBe('b');
    expect(order(input(both, { action: action({ marginBasisPoints: 800 }) }))[0]).toBe('a');
  });
});

describe('cost tolerance', () => {
  const cheap = action({ marginBasisPoints: 800, costTolerancePp: 1 });

  it.each([
    { name: 'a loss of 0.5 pp, known well', loss: 0.005, half: 0.001, first: 'cheap' },
    { name: 'a loss of 0.5 pp, known badly', loss: 0.005, half: 0.02, first: 'dear' },
    { name: 'a loss of 2 pp, known well', loss: 0.02, half: 0.001, first: 'dear' },
    { name: 'no loss, known badly', loss: 0, half: 0.02, first: 'cheap' },
    { name: 'no loss but a gain', loss: -0.01, half: 0.02, first: 'cheap' },
  ])('$name: $first', ({ loss, half, first }) => {
    const both = [
      candidate('dear', { mean: 0.9, half, bps: 100 }),
      candidate('cheap', { mean: 0.9 - loss, half, bps: 20 }),
    ];
    const ranking = rankCandidates(input(both, { action: cheap }));
    expect(ranking.candidates[0]?.provider).toBe(first);
    const passed = ranking.candidates.find(({ provider }) => provider === 'cheap');
    expect(passed?.reason).toBe(first === 'cheap' ? null : 'cost_tolerance_exceeded');
  });
});

describe('what cannot be used', () => {
  it.each([
    ['breaker_open', { closed: 'breaker_open' as const }],
    ['forced_open', { closed: 'forced_open' as const }],
    ['draining', { closed: 'draining' as const }],
    ['probe_in_flight', { closed: 'probe_in_flight' as const }],
    ['limit_exhausted', { headroom: 0 }],
  ])('stands behind the others, with its reason: %s', (reason, sketch) => {
    const ranking = rankCandidates(
      input([candidate('a', { mean: 0.99, ...sketch }), candidate('b'), candidate('c')]),
    );
    expect(ranking.candidates.map(({ provider }) => provider)).toEqual(['b', 'c', 'a']);
    expect(ranking.candidates[2]).toMatchObject({ eligible: true, rank: 3, reason });
  });

  it('keeps its place when its limit may be waited for', () => {
    const both = [candidate('a', { mean: 0.99, headroom: 0 }), candidate('b')];
    expect(order(input(both, { action: action({ queueMs: 200 }) }))).toEqual(['a', 'b']);
  });

  it('is listed last when it is not eligible', () => {
    const ineligible = [{ provider: 'z', reason: 'disabled' }];
    const ranking = rankCandidates(input([candidate('a')], { ineligible }));
    expect(ranking.candidates[1]).toEqual({
      provider: 'z',
      eligible: false,
      rank: null,
      score: null,
      approval: null,
      health: null,
      breaker: null,
      limitHeadroom: null,
      costBasisPoints: null,
      reason: 'disabled',
      propensity: 0,
    });
  });

  it('is nothing at all when nobody is eligible', () => {
    expect(rankCandidates(input([]))).toMatchObject({ order: [], candidates: [], panic: false, notes: [] });
  });
});

describe('health', () => {
  const sick = { processed: 0.3, mean: 0.99 };
  const listed = action({ strategy: { kind: 'priority', order: ['a', 'b', 'c'] } });

  it('puts an unhealthy one behind the healthy ones', () => {
    const ranking = rankCandidates(
      input([candidate('a', sick), candidate('b'), candidate('c')], { action: listed }),
    );
    expect(ranking.candidates.map(({ provider }) => provider)).toEqual(['b', 'c', 'a']);
    expect(ranking.candidates[2]?.reason).toBe('unhealthy');
    expect(ranking.panic).toBe(false);
  });

  it('does not judge by few calls', () => {
    const few = candidate('a', { ...sick, samples: 9 });
    expect(order(input([few, candidate('b'), candidate('c')], { action: listed }))[0]).toBe('a');
  });

  it('excludes nobody when more than half look unhealthy', () => {
    const ranking = rankCandidates(
      input([candidate('a', sick), candidate('b', sick), candidate('c')], { action: listed }),
    );
    expect(ranking.panic).toBe(true);
    expect(ranking.candidates.map(({ provider }) => provider)).toEqual(['a', 'b', 'c']);
    expect(ranking.candidates.map(({ reason }) => reason)).toEqual([null, null, null]);
    expect(ranking.notes).toHaveLength(1);
  });

  it('never gets anyone through an open breaker, also in a panic', () => {
    const ranking = rankCandidates(
      input([
        candidate('a', { closed: 'breaker_open' }),
        candidate('b', { closed: 'breaker_open' }),
        candidate('c', sick),
      ]),
    );
    expect(ranking.panic).toBe(true);
    expect(ranking.candidates[0]).toMatchObject({ provider: 'c', reason: null });
    expect(ranking.candidates.slice(1).every(({ reason }) => reason === 'breaker_open')).toBe(true);
  });

  it('does not panic because people closed lanes', () => {
    const closed = { closed: 'draining' as const };
    const ranking = rankCandidates(
      input([candidate('a', closed), candidate('b', closed), candidate('c', closed), candidate('d')]),
    );
    expect(ranking.panic).toBe(false);
  });
});

describe('strategies', () => {
  it('priority: the list, then the others by score', () => {
    const listed = action({ strategy: { kind: 'priority', order: ['c', 'a'] }, fallback: true });
    const all = [
      candidate('a'),
      candidate('b', { mean: 0.91 }),
      candidate('c', { mean: 0.5 }),
      candidate('d', { mean: 0.93 }),
    ];
    const ranking = rankCandidates(input(all, { action: listed }));
    expect(ranking.candidates.map(({ provider }) => provider)).toEqual(['c', 'a', 'd', 'b']);
    expect(ranking.candidates.map(({ propensity }) => propensity)).toEqual([1, 1, 1, 1]);
  });

  it('does not depend on the order in which candidates are named', () => {
    const shape = fc.record({
      mean: fc.integer({ min: 500, max: 999 }).map((thousandths) => thousandths / 1000),
      processed: fc.constantFrom(0.2, 0.8, 0.95, 1),
      bps: fc.integer({ min: 0, max: 300 }),
      headroom: fc.constantFrom(0, 1),
    });
    const tolerance = fc.constantFrom(null, 0.5, 5);
    fc.assert(
      fc.property(
        fc.uniqueArray(shape, { minLength: 1, maxLength: 8, selector: (one) => `${one.mean}/${one.bps}` }),
        tolerance,
        fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
        (shapes, costTolerancePp, noise) => {
          const candidates = shapes.map((sketch, index) =>
            candidate(`p${index}`, { half: 0.005, ...sketch }),
          );
          const shuffled = candidates
            .map((one) => ({ one, key: noise.next().value ?? 0 }))
            .sort((left, right) => left.key - right.key)
            .map(({ one }) => one);
          const over = { action: action({ costTolerancePp }) };
          const ranking = rankCandidates(input(candidates, over));
          const scores = ranking.candidates.map(
            ({ score, costBasisPoints }) => `${score}/${costBasisPoints}`,
          );
          // Full ties go by the file, and so by the order given.
          fc.pre(new Set(scores).size === scores.length);
          expect(order(input(shuffled, over))).toEqual(ranking.candidates.map(({ provider }) => provider));
          expect(ranking.candidates.map(({ rank }) => rank)).toEqual(candidates.map((_, index) => index + 1));
        },
      ),
      { seed: SEED, numRuns: 300 },
    );
  });
});

describe('probability matching', () => {
  const DRAWS = 20_000;
  const matching = (explorationShare: number) => action({ strategy: { kind: 'score' }, explorationShare });
  const close = [
    candidate('a', { mean: 0.92, half: 0.03 }),
    candidate('b', { mean: 0.91, half: 0.03 }),
    candidate('c', { mean: 0.7, half: 0.02 }),
  ];

  /** Shares by place, with what each was said to be chosen with. */
  it('fails, and says at whom, where an estimate is no number', () => {
    const [a, b] = [candidate('a'), candidate('b')];
    for (const approval of [
      { ...b.approval, mean: Number.NaN },
      { ...b.approval, deviation: Number.NaN },
      { ...b.approval, deviation: Number.POSITIVE_INFINITY },
    ]) {
      expect(() => rankCandidates(input([a, { ...b, approval }]))).toThrow('the estimates of b are numbers');
    }
  });

  function drawnShares(candidates: readonly RankCandidate[], explorationShare: number, place = 0) {
    const random = new SeededRandom(SEED);
    const counts = new Map<string, { share: number; told: number }>();
    for (let draw = 0; draw < DRAWS; draw += 1) {
      const over = { action: matching(explorationShare), draw: () => random.unit() };
      const chosen = rankCandidates(input(candidates, over)).candidates[place];
      const entry = counts.get(chosen?.provider ?? '') ?? { share: 0, told: 0 };
      entry.share += 1 / DRAWS;
      entry.told = chosen?.propensity ?? 0;
      counts.set(chosen?.provider ?? '', entry);
    }
    return counts;
  }

  it('chooses each as often as it says, and as it is the best', () => {
    const shares = drawnShares(close, 0);
    // (0.92 - 0.91) / (0.03 / 1.96 x sqrt 2) = 0.462; Phi = 0.678.
    expect(shares.get('a')?.told).toBeCloseTo(0.678, 2);
    expect(shares.get('b')?.told).toBeCloseTo(0.322, 2);
    for (const { share, told } of shares.values()) expect(Math.abs(share - told)).toBeLessThan(0.012);
    expect(shares.get('c')).toBe(undefined);
  });

  it('explores evenly by the floor', () => {
    const shares = drawnShares(close, 0.15);
    expect(shares.get('c')?.told).toBeCloseTo(0.05, 3);
    expect(Math.abs((shares.get('c')?.share ?? 0) - 0.05)).toBeLessThan(0.006);
    expect(shares.get('a')?.told).toBeCloseTo(0.05 + 0.85 * 0.678, 2);
  });

  it('renormalises over those that are left: passed over, or drawn before', () => {
    const closed = drawnShares([candidate('z', { mean: 0.99, closed: 'breaker_open' }), ...close], 0);
    expect(closed.get('a')?.told).toBeCloseTo(0.678, 2);
    const ranking = rankCandidates(input(close, { action: matching(0.15), draw: () => 0 }));
    expect(ranking.candidates.map(({ provider }) => provider)).toEqual(['a', 'b', 'c']);
    const [first, second, third] = ranking.candidates.map(({ propensity }) => propensity);
    expect(first).toBeCloseTo(0.05 + 0.85 * 0.678, 2);
    expect(second).toBeCloseTo((0.05 + 0.85 * 0.322) / (1 - (first ?? 0)), 2);
    expect(third).toBe(1);
  });

  it.each([0, 0.02, 0.15])('says before the draw how often each is chosen first (floor %s)', (floor) => {
    const all = [...close, candidate('z', { mean: 0.99, closed: 'breaker_open' })];
    const { chances } = rankCandidates(input(all, { action: matching(floor) }));
    expect(chances.reduce((sum, chance) => sum + chance, 0)).toBeCloseTo(1, 12);
    expect(chances[3]).toBe(0);
    const shares = drawnShares(all, floor);
    for (const [place, { provider }] of all.entries()) {
      const { share = 0, told = 0 } = shares.get(provider) ?? {};
      expect(Math.abs((chances[place] ?? 0) - share)).toBeLessThan(0.012);
      if (share > 0) expect(told).toBeCloseTo(chances[place] ?? 0, 12);
    }
  });

  it('says it of a split and of a list too', () => {
    const all = [candidate('a'), candidate('b', { closed: 'draining' }), candidate('c'), candidate('d')];
    const weights = new Map([
      ['a', 10],
      ['b', 60],
      ['c', 30],
    ]);
    const split = action({ strategy: { kind: 'split', weights } });
    expect(rankCandidates(input(all, { action: split })).chances).toEqual([0.25, 0, 0.75, 0]);
    const listed = action({ strategy: { kind: 'priority', order: ['b', 'c', 'a'] } });
    expect(rankCandidates(input(all, { action: listed })).chances).toEqual([0, 0, 1, 0]);
    expect(rankCandidates(input([])).chances).toEqual([]);
  });

  it('without a floor, what has no chance stands behind, and its turn has a probability all the same', () => {
    const far = [0.1, 0.95, 0.12, 0.11].map((mean, at) => candidate(`p${at}`, { mean, half: 1e-9 }));
    const random = new SeededRandom(SEED);
    for (let draw = 0; draw < 500; draw += 1) {
      const over = { action: matching(0), draw: () => random.unit() };
      const { candidates } = rankCandidates(input(far, over));
      expect(candidates.map(({ provider }) => provider).toSorted()).toEqual(['p0', 'p1', 'p2', 'p3']);
      expect(candidates[0]?.provider).toBe('p1');
      for (const { propensity } of candidates) {
        expect(propensity).toBeGreaterThan(0);
        expect(propensity).toBeLessThanOrEqual(1);
      }
    }
  });

  it('weighs what is still worked on in the chance, and puts nobody behind the others for it', () => {
    const both = [candidate('a', { processed: 0.2, pending: 0.8 }), candidate('b', { mean: 0.7 })];
    const listed = action({ strategy: { kind: 'priority', order: ['a', 'b'] } });
    expect(
      rankCandidates(input(both, { action: listed })).candidates.map(({ provider }) => provider),
    ).toEqual(['a', 'b']);
    const { candidates } = rankCandidates(input(both, { action: matching(0) }));
    expect(candidates.map(({ provider, reason }) => [provider, reason])).toEqual([
      ['b', null],
      ['a', null],
    ]);
  });

  it('never puts an unhealthy one, or one that borrows its token, before one that can be used', () => {
    const mixed = [
      candidate('sick', { mean: 0.99, half: 0.2, processed: 0.3 }),
      { ...candidate('borrower', { mean: 0.99, half: 0.2 }), borrowsToken: true },
      ...close,
    ];
    const random = new SeededRandom(SEED);
    for (let draw = 0; draw < 200; draw += 1) {
      const over = { action: matching(0.2), draw: () => random.unit() };
      const { candidates } = rankCandidates(input(mixed, over));
      expect(candidates.slice(3).map(({ provider }) => provider)).toEqual(['sick', 'borrower']);
      expect(candidates.slice(3).map(({ propensity }) => propensity)).toEqual([1, 1]);
    }
  });

  it('goes by the file while nothing is known of anybody', () => {
    const unknown = ['a', 'b', 'c'].map((provider): RankCandidate => {
      const { approval, ...rest } = candidate(provider, { half: 0.1 });
      return { ...rest, approval: { ...approval, level: 'prior', n: 0 } };
    });
    const over = { action: matching(0.2), draw: () => 0.999 };
    const { candidates } = rankCandidates(input(unknown, over));
    expect(candidates.map(({ provider, propensity }) => [provider, propensity])).toEqual([
      ['a', 1],
      ['b', 1],
      ['c', 1],
    ]);
    const known = [candidate('d', { half: 0.1 }), ...unknown];
    expect(rankCandidates(input(known, over)).candidates[0]?.propensity).toBeLessThan(1);
  });

  it('weighs a cheaper one that gives up too much approval as if it cost as much', () => {
    const both = [
      candidate('dear', { mean: 0.9, half: 0.02, bps: 100 }),
      candidate('cheap', { mean: 0.88, half: 0.02, bps: 20 }),
    ];
    const cheap = { ...matching(0), marginBasisPoints: 800 };
    const ranked = (costTolerancePp: number | null) =>
      rankCandidates(input(both, { action: { ...cheap, costTolerancePp }, draw: () => 0 })).candidates;
    const propensityOf = (list: ReturnType<typeof ranked>, provider: string) =>
      provider === list[0]?.provider ? list[0].propensity : 1 - (list[0]?.propensity ?? 0);
    // 80 basis points of 800 are 10 points of approval.
    expect(propensityOf(ranked(null), 'cheap')).toBeGreaterThan(0.99);
    const strict = ranked(0.5);
    // (0.9 - 0.88) / (0.02 / 1.96 x sqrt 2) = 1.386; Phi = 0.917.
    expect(propensityOf(strict, 'dear')).toBeCloseTo(0.917, 2);
    expect(strict.find(({ provider }) => provider === 'cheap')?.reason).toBe('cost_tolerance_exceeded');
    expect(ranked(10).every(({ reason }) => reason === null)).toBe(true);
  });

  it('takes what many have to choose from', () => {
    const many = Array.from({ length: 300 }, (_, index) => candidate(`p${index}`, { half: 0.1 }));
    const random = new SeededRandom(SEED);
    const { candidates } = rankCandidates(input(many, { action: matching(0.02), draw: () => random.unit() }));
    expect(new Set(candidates.map(({ provider }) => provider)).size).toBe(300);
    expect(candidates[0]?.propensity).toBeCloseTo(1 / 256, 3);
  });

  it('the same draws give the same order', () => {
    const run = () => {
      const random = new SeededRandom(SEED);
      return Array.from({ length: 50 }, () =>
        order(input(close, { action: matching(0.1), draw: () => random.unit() })),
      );
    };
    expect(run()).toEqual(run());
    expect(new Set(run().map((one) => one.join())).size).toBeGreaterThan(2);
  });
});

describe('split', () => {
  const REFERENCES = 20_000;
  /** Digits for `toBeCloseTo`: one percentage point; the widest deviation of a share is 0.35. */
  const POINT = 1.7;
  const weights = new Map([
    ['a', 70],
    ['b', 20],
    ['c', 10],
  ]);
  const split = action({ strategy: { kind: 'split', weights }, fallback: true });
  const trio = [candidate('a'), candidate('b'), candidate('c')];

  function ranked(order: number, candidates = trio, rule = 'rule') {
    const facts = routingFacts({ reference: `order-${order}` });
    return rankCandidates(input(candidates, { facts, rule, action: split })).candidates;
  }

  function shares(candidates = trio, place = 0): Record<string, number> {
    const counts: Record<string, number> = {};
    for (let order = 0; order < REFERENCES; order += 1) {
      const provider = ranked(order, candidates)[place]?.provider ?? 'none';
      counts[provider] = (counts[provider] ?? 0) + 1 / REFERENCES;
    }
    return counts;
  }

  it('shares by weight, first and second', () => {
    const first = shares();
    expect(first['a']).toBeCloseTo(0.7, POINT);
    expect(first['b']).toBeCloseTo(0.2, POINT);
    expect(first['c']).toBeCloseTo(0.1, POINT);
    const second = shares(trio, 1);
    // P(b second) = P(a) 20/30 + P(c) 20/90.
    expect(second['b']).toBeCloseTo(0.7 * (2 / 3) + 0.1 * (2 / 9), POINT);
  });

  it('tells the propensity of each choice', () => {
    for (let order = 0; order < 50; order += 1) {
      const [first, second, third] = ranked(order);
      const weight = (provider = '') => weights.get(provider) ?? 0;
      expect(first?.propensity).toBeCloseTo(weight(first?.provider) / 100, 12);
      expect(second?.propensity).toBeCloseTo(weight(second?.provider) / (100 - weight(first?.provider)), 12);
      expect(third?.propensity).toBe(1);
    }
  });

  it('renormalises over those that can be used, and moves nobody else', () => {
    const without = [candidate('a', { closed: 'breaker_open' }), candidate('b'), candidate('c')];
    const first = shares(without);
    expect(first['b']).toBeCloseTo(2 / 3, POINT);
    expect(first['c']).toBeCloseTo(1 / 3, POINT);
    for (let order = 0; order < 500; order += 1) {
      const [before, after] = [ranked(order)[0], ranked(order, without)[0]];
      if (before?.provider !== 'a') expect(after?.provider).toBe(before?.provider);
      expect(after?.propensity).toBeCloseTo((weights.get(after?.provider ?? '') ?? 0) / 30, 12);
    }
  });

  it('gives the second attempt what stood second, without the provider that was tried', () => {
    for (let order = 0; order < 500; order += 1) {
      const [first, second] = ranked(order);
      const rest = trio.filter(({ provider }) => provider !== first?.provider);
      expect(ranked(order, rest)[0]).toMatchObject({
        provider: second?.provider,
        propensity: second?.propensity,
      });
    }
  });

  it('stays with the payment, and is independent of the split of another rule', () => {
    let both = 0;
    let here = 0;
    let there = 0;
    for (let order = 0; order < REFERENCES; order += 1) {
      const one = ranked(order)[0]?.provider === 'a';
      const other = ranked(order, trio, 'other-rule')[0]?.provider === 'a';
      if (one) here += 1;
      if (other) there += 1;
      if (one && other) both += 1;
    }
    expect(ranked(7)).toEqual(ranked(7));
    // Correlation of two independent draws: its deviation is 1 / sqrt(20000) = 0.007.
    const [p, q, pq] = [here / REFERENCES, there / REFERENCES, both / REFERENCES];
    expect(Math.abs((pq - p * q) / Math.sqrt(p * (1 - p) * q * (1 - q)))).toBeLessThan(0.03);
  });

  it('goes on with the others by score, when they may', () => {
    const all = [...trio, candidate('d', { mean: 0.5 }), candidate('e', { mean: 0.99 })];
    const ranking = ranked(1, all);
    expect(ranking.slice(3).map(({ provider }) => provider)).toEqual(['e', 'd']);
    expect(ranking[2]?.propensity).toBe(1);
    expect(ranking[3]?.propensity).toBe(1);
  });
});
