import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  APPROVAL_MODEL_DEFAULTS,
  ApprovalModel,
  estimateOf,
  type LearningScope,
} from '../../../src/core/scoring/approval-model.ts';
import { routingFacts } from '../../support/routing-facts.ts';
import { SeededRandom } from '../../support/seeded-random.ts';

const FACTS = routingFacts();
/** Nothing but the brand is known. */
const BARE = routingFacts({ cardBin: null, cardIssuer: null, cardCountry: null });
const FIRST: LearningScope = { name: '', later: false };
const LATER: LearningScope = { name: '', later: true };
/** Nothing changes, so nothing is forgotten. */
const NO_CHANGE = { steps: [], threshold: Number.POSITIVE_INFINITY };
const STILL = { ...APPROVAL_MODEL_DEFAULTS, gamma: 1, change: NO_CHANGE };

function learn(model: ApprovalModel, provider: string, facts = FACTS, approved = 0, declined = 0): void {
  for (let time = 0; time < approved; time += 1) model.observe(provider, facts, FIRST, true);
  for (let time = 0; time < declined; time += 1) model.observe(provider, facts, FIRST, false);
}

describe('without outcomes', () => {
  it('is the prior, and as uncertain', () => {
    const estimate = estimateOf(new ApprovalModel().approval('a', FACTS, FIRST));
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
    const model = new ApprovalModel(STILL);
    learn(model, 'a', FACTS, 380, 20);
    const estimate = estimateOf(model.approval('a', FACTS, FIRST));
    expect(estimate.mean).toBeCloseTo(chain(380, 400, Object.values(STILL.priorWeight)), 6);
    expect(estimate).toMatchObject({ level: 'bin', n: 400 });
  });

  it('at one level is (s + mM) / (n + M), w = n / (n + M)', () => {
    const model = new ApprovalModel({
      ...STILL,
      priorWeight: { provider: 50, brand: 1e15, country_brand: 1e15, issuer: 1e15, bin: 200 },
    });
    learn(model, 'a', FACTS, 90, 10);
    const parent = (0.85 * 50 + 90) / 150;
    const weight = 100 / 300;
    expect(model.approval('a', FACTS, FIRST).mean).toBeCloseTo(weight * 0.9 + (1 - weight) * parent, 5);
  });

  it('has the interval of the Beta model at the coarsest level', () => {
    const model = new ApprovalModel({
      ...STILL,
      priorWeight: { ...STILL.priorWeight, brand: 1e15 },
    });
    learn(model, 'a', BARE, 360, 40);
    const alpha = 0.85 * 50 + 360;
    const beta = 0.15 * 50 + 40;
    const mean = alpha / (alpha + beta);
    const deviation = Math.sqrt((alpha * beta) / ((alpha + beta) ** 2 * (alpha + beta + 1)));
    const estimate = estimateOf(model.approval('a', BARE, FIRST));
    expect(estimate.mean).toBeCloseTo(mean, 5);
    expect(estimate.low).toBeCloseTo(mean - 1.959964 * deviation, 6);
    expect(estimate.high).toBeCloseTo(mean + 1.959964 * deviation, 6);
  });

  it('says at which level it knows something', () => {
    const model = new ApprovalModel();
    learn(model, 'a', FACTS, 5);
    const asked = [
      [FACTS, 'bin'],
      [routingFacts({ cardBin: '45717361' }), 'issuer'],
      [routingFacts({ cardBin: '45717361', cardIssuer: 'Andere Bank' }), 'country_brand'],
      [routingFacts({ cardBin: '1', cardIssuer: 'Andere Bank', cardCountry: 'DE' }), 'brand'],
      [routingFacts({ cardBin: '1', cardIssuer: 'x', cardCountry: 'DE', cardBrand: 'jcb' }), 'provider'],
      [BARE, 'brand'],
    ] as const;
    for (const [facts, level] of asked) expect(model.approval('a', facts, FIRST).level).toBe(level);
    expect(model.approval('b', FACTS, FIRST).level).toBe('prior');
  });

  it('keeps first and later attempts apart', () => {
    const model = new ApprovalModel();
    for (let time = 0; time < 100; time += 1) model.observe('a', FACTS, LATER, false);
    expect(model.approval('a', FACTS, FIRST)).toMatchObject({ mean: 0.85, level: 'prior' });
    expect(model.approval('a', FACTS, LATER).mean).toBeLessThan(0.5);
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
        const model = new ApprovalModel({ ...APPROVAL_MODEL_DEFAULTS, gamma: 0.9 });
        for (const [provider, approved, attempt] of list)
          model.observe(provider, FACTS, { name: '', later: attempt > 1 }, approved);
        for (const provider of ['a', 'b', 'c']) {
          const { mean, low, high, n } = estimateOf(model.approval(provider, FACTS, FIRST));
          expect(low).toBeGreaterThanOrEqual(0);
          expect(high).toBeLessThanOrEqual(1);
          expect(low).toBeLessThanOrEqual(mean);
          expect(mean).toBeLessThanOrEqual(high);
          expect(n).toBeLessThanOrEqual(10 + 1e-4);
        }
      }),
      { seed: 20_261_123, numRuns: 100 },
    );
  });
});

describe('discounting', () => {
  it('fades by the outcomes of the cell, of whichever provider', () => {
    const gamma = 0.99;
    const model = new ApprovalModel({ ...STILL, gamma });
    learn(model, 'a', FACTS, 10);
    const fresh = (1 - gamma ** 10) / (1 - gamma);
    expect(model.approval('a', FACTS, FIRST).n).toBeCloseTo(fresh, 5);
    learn(model, 'b', FACTS, 0, 50);
    expect(model.approval('a', FACTS, FIRST).n).toBeCloseTo(fresh * gamma ** 50, 5);
    learn(model, 'b', routingFacts({ cardBin: '1' }), 0, 50);
    expect(model.approval('a', FACTS, FIRST).n).toBeCloseTo(fresh * gamma ** 50, 5);
  });

  it('remembers twenty thousand outcomes by default', () => {
    const model = new ApprovalModel({ ...APPROVAL_MODEL_DEFAULTS, change: NO_CHANGE });
    learn(model, 'a', BARE, 60_000);
    const expected = 20_000 * (1 - 0.99995 ** 60_000);
    expect(model.approval('a', BARE, FIRST).n / expected).toBeCloseTo(1, 3);
  });
});

describe('memory', () => {
  it('is bounded: the cells that learned longest ago go first', () => {
    const model = new ApprovalModel({ ...APPROVAL_MODEL_DEFAULTS, maxTallies: 100 });
    for (let bin = 0; bin < 1000; bin += 1) {
      model.observe('a', routingFacts({ cardBin: String(40_000_000 + bin) }), FIRST, true);
      expect(model.tallies).toBeLessThanOrEqual(100);
    }
    expect(model.approval('a', routingFacts({ cardBin: '40000999' }), FIRST).level).toBe('bin');
    expect(model.approval('a', routingFacts({ cardBin: '40000000' }), FIRST)).toMatchObject({
      level: 'issuer',
    });
  });
});

describe('a change', () => {
  /** Approvals at a rate, spread evenly. */
  function atRate(
    model: ApprovalModel,
    provider: string,
    hundredths: number,
    outcomes: number,
    facts = FACTS,
  ) {
    for (let time = 0; time < outcomes; time += 1) {
      const approved = Math.floor(((time + 1) * hundredths) / 100) > Math.floor((time * hundredths) / 100);
      model.observe(provider, facts, FIRST, approved);
    }
  }
  const mean = (model: ApprovalModel, provider: string, facts = FACTS): number =>
    model.approval(provider, facts, FIRST).mean;

  it('of a provider long known is followed within two hundred outcomes, and so is the recovery', () => {
    const model = new ApprovalModel();
    atRate(model, 'a', 92, 20_000);
    expect(mean(model, 'a')).toBeCloseTo(0.92, 2);
    atRate(model, 'a', 70, 200);
    expect(model.changes).toBeGreaterThan(0);
    expect(mean(model, 'a')).toBeLessThan(0.8);
    atRate(model, 'a', 92, 400);
    expect(mean(model, 'a')).toBeGreaterThan(0.87);
  });

  it('without one nothing is forgotten fast', () => {
    const random = new SeededRandom(5);
    const model = new ApprovalModel();
    for (let time = 0; time < 20_000; time += 1) model.observe('a', FACTS, FIRST, random.chance(0.9));
    expect(model.changes).toBe(0);
    expect(model.approval('a', FACTS, FIRST).n).toBeGreaterThan(12_000);
  });

  it('of one provider leaves the others as they are', () => {
    const model = new ApprovalModel();
    atRate(model, 'b', 90, 5000);
    atRate(model, 'a', 90, 5000);
    const before = model.approval('b', FACTS, FIRST).n;
    atRate(model, 'a', 10, 100);
    const after = model.approval('b', FACTS, FIRST);
    expect(after.mean).toBeCloseTo(0.9, 2);
    expect(after.n).toBeGreaterThan(before * 0.99);
  });

  it('that was noticed makes a provider forgotten faster for a while, so that it is tried again', () => {
    const model = new ApprovalModel();
    atRate(model, 'a', 92, 5000);
    atRate(model, 'a', 20, 60);
    const bad = model.approval('a', FACTS, FIRST);
    expect(bad.mean).toBeLessThan(0.6);
    // Nobody asks it any more.
    atRate(model, 'b', 90, 4000);
    const later = model.approval('a', FACTS, FIRST);
    expect(later.deviation).toBeGreaterThan(bad.deviation * 1.05);
    expect(later.mean).toBeGreaterThan(bad.mean + 0.05);
  });

  it('at one issuer, for all providers, blames none of them elsewhere', () => {
    const elsewhere = routingFacts({ cardBin: '40000000', cardIssuer: 'Andere Bank' });
    const nowhere = routingFacts({ cardBin: '41111111', cardIssuer: 'Dritte Bank' });
    const model = new ApprovalModel();
    for (let time = 0; time < 60; time += 1) {
      atRate(model, 'a', 90, 20);
      atRate(model, 'b', 90, 20);
      atRate(model, 'a', 90, 20, elsewhere);
      atRate(model, 'b', 90, 20, elsewhere);
    }
    const before = { a: mean(model, 'a', nowhere), b: mean(model, 'b', nowhere) };
    // The issuer, of a fifth of the payments, declines everything; only provider a is asked.
    for (let time = 0; time < 40; time += 1) {
      atRate(model, 'a', 0, 10);
      atRate(model, 'a', 90, 40, elsewhere);
    }
    expect(mean(model, 'a')).toBeLessThan(0.2);
    expect(mean(model, 'a', nowhere)).toBeGreaterThan(before.a - 0.02);
    expect(mean(model, 'b', nowhere)).toBeCloseTo(before.b, 2);
    // It has recovered: what comes in there counts everywhere again.
    atRate(model, 'a', 90, 600);
    expect(mean(model, 'a')).toBeGreaterThan(0.8);
  });

  it('of a provider everywhere is no matter of an issuer', () => {
    const issuers = ['Erste Bank', 'Andere Bank', 'Dritte Bank'].map((cardIssuer, index) =>
      routingFacts({ cardIssuer, cardBin: String(40_000_000 + index) }),
    );
    const model = new ApprovalModel();
    for (let time = 0; time < 500; time += 1) {
      for (const facts of issuers)
        for (const provider of ['a', 'b']) model.observe(provider, facts, FIRST, time % 10 > 0);
    }
    for (let time = 0; time < 400; time += 1) {
      for (const facts of issuers) model.observe('a', facts, FIRST, time % 10 > 6);
    }
    const unseen = routingFacts({ cardIssuer: 'Vierte Bank', cardBin: '49999999' });
    expect(mean(model, 'a', unseen)).toBeLessThan(0.6);
    expect(mean(model, 'b', unseen)).toBeGreaterThan(0.85);
  });

  it('an issuer that cannot answer is learned at the issuer only', () => {
    const model = new ApprovalModel();
    for (let time = 0; time < 50; time += 1) model.observe('a', FACTS, FIRST, false, true);
    expect(model.approval('a', FACTS, FIRST).level).toBe('bin');
    expect(model.approval('a', BARE, FIRST)).toMatchObject({ level: 'prior', mean: 0.85 });
  });
});

describe('scopes', () => {
  it('learn apart', () => {
    const model = new ApprovalModel();
    for (let time = 0; time < 100; time += 1) model.observe('a', FACTS, { name: 'arm', later: false }, false);
    expect(model.approval('a', FACTS, FIRST).level).toBe('prior');
    expect(model.approval('a', FACTS, { name: 'arm', later: false }).mean).toBeLessThan(0.5);
    expect(model.approval('a', FACTS, { name: 'other', later: false }).level).toBe('prior');
  });
});

describe('a later process', () => {
  it('goes on from what was saved', () => {
    const model = new ApprovalModel();
    const random = new SeededRandom(3);
    for (let time = 0; time < 3000; time += 1) {
      const provider = random.pick(['a', 'b', 'c']);
      model.observe(provider, FACTS, random.pick([FIRST, LATER]), random.chance(0.8));
    }
    const later = new ApprovalModel();
    // Another order of providers than before.
    later.approval('c', FACTS, FIRST);
    const { providers, tallies } = model.saved();
    for (const tally of tallies) later.restore(tally, providers, 1);
    for (const provider of ['a', 'b', 'c', 'd']) {
      for (const scope of [FIRST, LATER]) {
        const facts = routingFacts({ reference: 'asked-anew' });
        expect(later.approval(provider, facts, { ...scope })).toEqual(
          model.approval(provider, facts, { ...scope }),
        );
      }
    }
    expect(later.tallies).toBe(model.tallies);
  });
});

describe('payments that the merchant initiates', () => {
  const renewals = (overrides: Parameters<typeof routingFacts>[0] = {}) =>
    routingFacts({ ...overrides, initiator: 'merchant' });

  it('teach nothing about those of customers, nor the other way round, at any level', () => {
    const model = new ApprovalModel();
    for (let round = 0; round < 100; round += 1) {
      learn(model, 'a', FACTS, 9, 1);
      learn(model, 'b', FACTS, 9, 1);
    }
    const before = ['a', 'b'].map((provider) => model.approval(provider, FACTS, FIRST));
    for (let round = 0; round < 500; round += 1) learn(model, 'b', renewals(), 1, 1);
    expect(['a', 'b'].map((provider) => model.approval(provider, FACTS, FIRST))).toEqual(before);
    expect(model.approval('b', FACTS, FIRST).mean).toBeGreaterThan(0.85);
    expect(model.approval('b', renewals(), FIRST).mean).toBeLessThan(0.6);
    expect(model.approval('a', renewals(), FIRST)).toMatchObject({ level: 'prior', n: 0 });
    // Another card of the same brand shares only what is coarse.
    const other = { cardBin: '55555555', cardIssuer: null, cardCountry: null } as const;
    expect(model.approval('b', routingFacts(other), FIRST).mean).toBeGreaterThan(0.85);
    expect(model.approval('b', renewals(other), FIRST).mean).toBeLessThan(0.6);
  });
});

describe('one merchant beside others', () => {
  const of = (merchant: string, overrides: Parameters<typeof routingFacts>[0] = {}) =>
    routingFacts({ ...overrides, merchant });
  const mean = (model: ApprovalModel, provider: string, merchant: string) =>
    model.approval(provider, of(merchant), FIRST).mean;

  /** Two merchants whose payments do well at both providers, a better. */
  function two(model = new ApprovalModel()): ApprovalModel {
    for (let round = 0; round < 250; round += 1) {
      model.observe('a', of('gamma'), FIRST, round % 33 !== 0);
      model.observe('a', of('delta'), FIRST, round % 33 !== 0);
      model.observe('b', of('gamma'), FIRST, round % 10 !== 0);
    }
    return model;
  }

  it('with 400 bad tokens at a takes nobody else from it, and is known itself', () => {
    const model = two();
    const before = mean(model, 'a', 'gamma');
    for (let payment = 0; payment < 400; payment += 1) {
      model.observe('a', of('tester'), FIRST, payment % 8 === 7);
    }
    expect(mean(model, 'a', 'gamma')).toBeGreaterThan(before - 0.03);
    expect(mean(model, 'a', 'gamma')).toBeGreaterThan(mean(model, 'b', 'gamma'));
    expect(model.changes).toBe(0);
    expect(model.approval('a', of('tester'), FIRST)).toMatchObject({ level: 'merchant' });
    expect(mean(model, 'a', 'tester')).toBeLessThan(0.3);
    // Once its payments do as well as others' again, they teach everybody again.
    for (let payment = 0; payment < 100; payment += 1) model.observe('a', of('tester'), FIRST, true);
    expect(model.approval('a', of('tester'), FIRST).level).toBe('bin');
  });

  it('is heard where another one sees the same: then it is the provider', () => {
    const model = two();
    for (let payment = 0; payment < 60; payment += 1) {
      model.observe('a', of('gamma'), FIRST, false);
      model.observe('a', of('delta'), FIRST, false);
    }
    expect(mean(model, 'a', 'newcomer')).toBeLessThan(0.5);
    expect(model.changes).toBeGreaterThan(0);
  });

  it('that is alone is learned as if there were no merchants', () => {
    const [watched, plain] = [
      new ApprovalModel(),
      new ApprovalModel({ ...APPROVAL_MODEL_DEFAULTS, apart: { step: 0.7, threshold: Infinity } }),
    ];
    for (const model of [watched, plain]) {
      learn(model, 'a', FACTS, 500);
      learn(model, 'a', FACTS, 0, 100);
    }
    expect(watched.approval('a', FACTS, FIRST)).toEqual(plain.approval('a', FACTS, FIRST));
  });

  it('that fell silent after bad payments is tried again after a while', () => {
    const model = two();
    for (let payment = 0; payment < 30; payment += 1) model.observe('a', of('tester'), FIRST, false);
    const then = mean(model, 'a', 'tester');
    for (let payment = 0; payment < 5_000; payment += 1) {
      model.observe('a', of('gamma'), FIRST, payment % 33 !== 0);
    }
    expect(then).toBeLessThan(0.4);
    expect(mean(model, 'a', 'tester')).toBeGreaterThan(0.85);
  });
});

describe('learning', () => {
  /** Chooses the likelier provider, but one payment in twenty by chance; returns the share of `b` in the last 2000. */
  function run(random: SeededRandom, model: ApprovalModel, payments: number, a: number, b: number) {
    let chosen = 0;
    for (let payment = 0; payment < payments; payment += 1) {
      const explore = random.chance(0.05);
      const likelier =
        model.approval('b', FACTS, FIRST).mean > model.approval('a', FACTS, FIRST).mean ? 'b' : 'a';
      const provider = explore ? random.pick(['a', 'b']) : likelier;
      model.observe(provider, FACTS, FIRST, random.chance(provider === 'a' ? a : b));
      if (payment >= payments - 2000 && provider === 'b') chosen += 1;
    }
    return chosen / 2000;
  }

  it.each([11, 12, 13])(
    'finds the better provider, and the other one after they change (seed %d)',
    (seed) => {
      const random = new SeededRandom(seed);
      const model = new ApprovalModel();
      expect(run(random, model, 8000, 0.8, 0.92)).toBeGreaterThan(0.9);
      expect(run(random, model, 12_000, 0.92, 0.8)).toBeLessThan(0.1);
    },
  );
});
