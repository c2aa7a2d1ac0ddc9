import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ApprovalPosterior, POSTERIOR_DEFAULTS } from '../../../src/core/scoring/posterior.ts';
import { routingFacts } from '../../support/routing-facts.ts';
import { SeededRandom } from '../../support/seeded-random.ts';

const FACTS = routingFacts();
/** Nothing but the brand is known. */
const BARE = routingFacts({ cardBin: null, cardIssuer: null, cardCountry: null });
const STILL = { ...POSTERIOR_DEFAULTS, gamma: 1 };

function learn(
  posterior: ApprovalPosterior,
  provider: string,
  facts = FACTS,
  approved = 0,
  declined = 0,
): void {
  for (let time = 0; time < approved; time += 1) posterior.observe(provider, facts, 1, true);
  for (let time = 0; time < declined; time += 1) posterior.observe(provider, facts, 1, false);
}

describe('without outcomes', () => {
  it('is the prior, and as uncertain', () => {
    const estimate = new ApprovalPosterior().estimate('a', FACTS, 1);
    expect(estimate).toMatchObject({ mean: 0.85, level: 'prior', n: 0 });
    // Beta(42.5, 7.5) of the provider alone, the finest known level adds to it.
    expect(estimate.low).toBeLessThan(0.85 - 1.96 * Math.sqrt((0.85 * 0.15) / 51));
    expect(estimate.high).toBeLessThanOrEqual(1);
  });
});

describe('the back-off', () => {
  /** The formula of the chain, by hand: m' = (m M + s) / (n + M). */
  function chain(approved: number, total: number, weights: readonly number[]): number {
    return weights.reduce((mean, weight) => (mean * weight + approved) / (total + weight), 0.85);
  }

  it('draws each level towards the one above', () => {
    const posterior = new ApprovalPosterior(STILL);
    learn(posterior, 'a', FACTS, 380, 20);
    const estimate = posterior.estimate('a', FACTS, 1);
    expect(estimate.mean).toBeCloseTo(chain(380, 400, [50, 1000, 1000, 500, 200]), 12);
    expect(estimate).toMatchObject({ level: 'bin', n: 400 });
  });

  it('at one level is (s + mM) / (n + M), w = n / (n + M)', () => {
    const posterior = new ApprovalPosterior({
      ...STILL,
      priorWeight: { provider: 50, brand: 1e15, country_brand: 1e15, issuer: 1e15, bin: 200 },
    });
    learn(posterior, 'a', FACTS, 90, 10);
    const parent = (0.85 * 50 + 90) / 150;
    const weight = 100 / 300;
    expect(posterior.estimate('a', FACTS, 1).mean).toBeCloseTo(weight * 0.9 + (1 - weight) * parent, 9);
  });

  it('has the interval of the Beta posterior at the coarsest level', () => {
    const posterior = new ApprovalPosterior({
      ...STILL,
      priorWeight: { ...STILL.priorWeight, brand: 1e15 },
    });
    learn(posterior, 'a', BARE, 360, 40);
    const alpha = 0.85 * 50 + 360;
    const beta = 0.15 * 50 + 40;
    const mean = alpha / (alpha + beta);
    const deviation = Math.sqrt((alpha * beta) / ((alpha + beta) ** 2 * (alpha + beta + 1)));
    const estimate = posterior.estimate('a', BARE, 1);
    expect(estimate.mean).toBeCloseTo(mean, 9);
    expect(estimate.low).toBeCloseTo(mean - 1.959964 * deviation, 6);
    expect(estimate.high).toBeCloseTo(mean + 1.959964 * deviation, 6);
  });

  it('says at which level it knows something', () => {
    const posterior = new ApprovalPosterior();
    learn(posterior, 'a', FACTS, 5);
    const asked = [
      [FACTS, 'bin'],
      [routingFacts({ cardBin: '45717361' }), 'issuer'],
      [routingFacts({ cardBin: '45717361', cardIssuer: 'Andere Bank' }), 'country_brand'],
      [routingFacts({ cardBin: '1', cardIssuer: 'Andere Bank', cardCountry: 'DE' }), 'brand'],
      [routingFacts({ cardBin: '1', cardIssuer: 'x', cardCountry: 'DE', cardBrand: 'jcb' }), 'provider'],
      [BARE, 'brand'],
    ] as const;
    for (const [facts, level] of asked) expect(posterior.estimate('a', facts, 1).level).toBe(level);
    expect(posterior.estimate('b', FACTS, 1).level).toBe('prior');
  });

  it('keeps first and later attempts apart', () => {
    const posterior = new ApprovalPosterior();
    for (let time = 0; time < 100; time += 1) posterior.observe('a', FACTS, 2, false);
    expect(posterior.estimate('a', FACTS, 1)).toMatchObject({ mean: 0.85, level: 'prior' });
    expect(posterior.estimate('a', FACTS, 3).mean).toBeLessThan(0.5);
  });

  it('stays within 0 and 1, and its interval around it', () => {
    const outcomes = fc.array(
      fc.tuple(fc.constantFrom('a', 'b'), fc.boolean(), fc.integer({ min: 1, max: 3 })),
      {
        maxLength: 300,
      },
    );
    fc.assert(
      fc.property(outcomes, (list) => {
        const posterior = new ApprovalPosterior({ ...POSTERIOR_DEFAULTS, gamma: 0.9 });
        for (const [provider, approved, attempt] of list)
          posterior.observe(provider, FACTS, attempt, approved);
        for (const provider of ['a', 'b', 'c']) {
          const { mean, low, high, n } = posterior.estimate(provider, FACTS, 1);
          expect(low).toBeGreaterThanOrEqual(0);
          expect(high).toBeLessThanOrEqual(1);
          expect(low).toBeLessThanOrEqual(mean);
          expect(mean).toBeLessThanOrEqual(high);
          expect(n).toBeLessThanOrEqual(10 + 1e-9);
        }
      }),
      { seed: 20_261_123, numRuns: 100 },
    );
  });
});

describe('discounting', () => {
  it('fades by the outcomes of the cell, of whichever provider', () => {
    const gamma = 0.99;
    const posterior = new ApprovalPosterior({ ...POSTERIOR_DEFAULTS, gamma });
    learn(posterior, 'a', FACTS, 10);
    const fresh = (1 - gamma ** 10) / (1 - gamma);
    expect(posterior.estimate('a', FACTS, 1).n).toBeCloseTo(fresh, 9);
    learn(posterior, 'b', FACTS, 0, 50);
    expect(posterior.estimate('a', FACTS, 1).n).toBeCloseTo(fresh * gamma ** 50, 9);
    learn(posterior, 'b', routingFacts({ cardBin: '1' }), 0, 50);
    expect(posterior.estimate('a', FACTS, 1).n).toBeCloseTo(fresh * gamma ** 50, 9);
  });

  it('remembers two thousand outcomes by default', () => {
    const posterior = new ApprovalPosterior();
    learn(posterior, 'a', BARE, 20_000);
    expect(posterior.estimate('a', BARE, 1).n).toBeCloseTo(2000 * (1 - 0.9995 ** 20_000), 6);
  });
});

describe('memory', () => {
  it('is bounded: the cells that learned longest ago go first', () => {
    const posterior = new ApprovalPosterior({ ...POSTERIOR_DEFAULTS, maxCells: 100 });
    for (let bin = 0; bin < 1000; bin += 1) {
      posterior.observe('a', routingFacts({ cardBin: String(40_000_000 + bin) }), 1, true);
      expect(posterior.cells).toBeLessThanOrEqual(100);
    }
    expect(posterior.estimate('a', routingFacts({ cardBin: '40000999' }), 1).level).toBe('bin');
    expect(posterior.estimate('a', routingFacts({ cardBin: '40000000' }), 1)).toMatchObject({
      level: 'issuer',
    });
  });
});

describe('learning', () => {
  /** Chooses the likelier provider, but one payment in twenty by chance; returns the share of `b` in the last 2000. */
  function run(random: SeededRandom, posterior: ApprovalPosterior, payments: number, a: number, b: number) {
    let chosen = 0;
    for (let payment = 0; payment < payments; payment += 1) {
      const explore = random.chance(0.05);
      const likelier =
        posterior.estimate('b', FACTS, 1).mean > posterior.estimate('a', FACTS, 1).mean ? 'b' : 'a';
      const provider = explore ? random.pick(['a', 'b']) : likelier;
      posterior.observe(provider, FACTS, 1, random.chance(provider === 'a' ? a : b));
      if (payment >= payments - 2000 && provider === 'b') chosen += 1;
    }
    return chosen / 2000;
  }

  it.each([11, 12, 13])(
    'finds the better provider, and the other one after they change (seed %d)',
    (seed) => {
      const random = new SeededRandom(seed);
      const posterior = new ApprovalPosterior();
      expect(run(random, posterior, 8000, 0.8, 0.92)).toBeGreaterThan(0.9);
      expect(run(random, posterior, 12_000, 0.92, 0.8)).toBeLessThan(0.1);
    },
  );
});
