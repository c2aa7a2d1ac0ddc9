import { describe, expect, it } from 'vitest';
import { type ArmBook, assignArm, planInForce } from '../../../src/core/experiments/assign.ts';
import type { Experiment, Experiments, Holdout } from '../../../src/core/experiments/experiment.ts';
import { routingFacts } from '../../support/routing-facts.ts';
import { SAMPLE_NOW as NOW, sampleArm, sampleExperiment } from '../../support/sample-experiment.ts';
import { sampleAction } from '../../support/sample-ruleset.ts';

const NO_BOOK: ArmBook = { isStopped: () => false, shares: () => null };
const RULE = {
  name: 'fallback',
  matches: () => true,
  action: sampleAction({ only: new Set(['a', 'b']), deadlineMs: 6_000 }),
};
const RULES = new Set(['fallback']);

const HOLDOUT: Holdout = {
  share: 0.02,
  seed: 'holdout-1',
  rules: RULES,
  change: sampleArm('holdout', ['b']).change,
  maturityMs: 3_600_000,
};

function assigned(
  reference: string,
  over: Partial<Experiment> = {},
  options: { readonly holdout?: Holdout; readonly book?: ArmBook; readonly customer?: string | null } = {},
) {
  const experiments: Experiments = {
    holdout: options.holdout ?? null,
    list: [sampleExperiment(over)],
    notes: [],
  };
  const payment = {
    facts: routingFacts({ merchant: 'acme-eu', reference }),
    customer: options.customer ?? null,
    rule: RULE,
    nowMs: NOW,
  };
  return assignArm(experiments, payment, options.book ?? NO_BOOK);
}

const armOf = (...values: Parameters<typeof assigned>) => assigned(...values).shown?.arm ?? null;

/**
 * Frozen: whoever changes one of these moves the units of every running experiment into other arms. The fractions behind
 * them are GrowthBook's hash, version 2, of seed + "acme-eu order-…".
 */
const VECTORS: readonly (readonly [reference: string, even: string, thirds: string, tenth: string | null])[] =
  [
    ['order-1', 'treatment', 'two', null],
    ['order-2', 'treatment', 'one', null],
    ['order-3', 'treatment', 'two', null],
    ['order-4', 'control', 'control', null],
    ['order-5', 'treatment', 'two', null],
    ['order-7781', 'control', 'control', null],
    ['Ä-ü', 'control', 'control', null],
    ['a', 'control', 'control', 'control'],
    ['order-21', 'treatment', 'one', 'treatment'],
    ['order-27', 'treatment', 'one', 'treatment'],
    ['order-30', 'treatment', 'one', 'treatment'],
    ['order-33', 'treatment', 'one', 'treatment'],
    ['order-50', 'treatment', 'one', 'treatment'],
    ['order-61', 'treatment', 'one', 'treatment'],
  ];

describe('assignment', () => {
  it.each(VECTORS)('%s stays in its arms', (reference, even, thirds, tenth) => {
    const arms = [sampleArm('control', ['a']), sampleArm('one', ['a']), sampleArm('two', ['a'])];
    expect(armOf(reference)).toBe(even);
    expect(armOf(reference, { arms, plan: { coverage: 1, shares: [0.5, 0.3, 0.2] } })).toBe(thirds);
    expect(armOf(reference, { plan: { coverage: 0.1, shares: [0.5, 0.5] } })).toBe(tenth);
  });

  it('keeps the words of what is recorded: another text would begin a new phase', () => {
    const { exposures } = assigned('order-1', { namespace: { name: 'n', range: [0, 1] } });
    expect(exposures[0]?.unit).toBe('acme-eu order-1');
    expect(exposures[0]?.phase).toBe(
      '{"seed":"checkout-1","unit":"payment","coverage":1,"namespace":"n 0,1","shares":{"control":0.5,"treatment":0.5}}',
    );
  });

  it('replaces the strategy, and leaves who may take it and for how long to the rule', () => {
    const { rule, learning, salt } = assigned('order-1');
    expect(rule.action).toMatchObject({
      only: RULE.action.only,
      deadlineMs: 6_000,
      strategy: { kind: 'priority' },
    });
    expect(learning.first.name).toMatch(/^checkout\/(control|treatment)$/);
    expect(salt).toBe(learning.first.name);
  });

  it('decides as another rule where an arm names one, within the providers of its own', () => {
    const action = sampleAction({ only: new Set(['b', 'c']), attemptsMax: 5, deadlineMs: 60_000 });
    const arms = ['control', 'treatment'].map((name) => ({
      ...sampleArm(name, []),
      change: { kind: 'rule', action } as const,
    }));
    expect(assigned('order-1', { arms }).rule.action).toEqual({
      ...action,
      only: new Set(['b']),
      deadlineMs: 6_000,
    });
  });

  it('takes shares as planned, within three deviations', () => {
    const counts = { control: 0, treatment: 0 };
    for (let index = 0; index < 20_000; index += 1) {
      const found = armOf(`order-${index}`, { plan: { coverage: 1, shares: [0.8, 0.2] } });
      counts[found as keyof typeof counts] += 1;
    }
    expect(Math.abs(counts.treatment - 4_000)).toBeLessThan(170);
  });

  it('lets more in with a higher coverage, and moves nobody', () => {
    for (let index = 0; index < 2_000; index += 1) {
      const few = armOf(`order-${index}`, { plan: { coverage: 0.2, shares: [0.5, 0.5] } });
      if (few !== null) expect(armOf(`order-${index}`)).toBe(few);
    }
  });

  it('holds out before everything else, and exposes all others to the rest', () => {
    const seen = { holdout: 0, rest: 0 };
    for (let index = 0; index < 5_000; index += 1) {
      const { exposures, shown, rule } = assigned(`order-${index}`, {}, { holdout: HOLDOUT });
      const [first, second] = exposures;
      seen[first?.arm as keyof typeof seen] += 1;
      if (first?.arm === 'holdout') {
        expect(exposures).toHaveLength(1);
        expect(shown).toMatchObject({ id: 'holdout', arm: 'holdout', holdout: true, propensity: 0.02 });
        expect(rule.action.strategy).toEqual({ kind: 'priority', order: ['b'] });
      } else {
        expect(first).toMatchObject({ experiment: 'holdout', arm: 'rest', propensity: 0.98 });
        expect(second?.experiment).toBe('checkout');
      }
    }
    expect(seen.holdout).toBeGreaterThan(70);
    expect(seen.holdout).toBeLessThan(130);
  });

  it('assigns by the customer where the unit is one, and says why a payment without one is not in it', () => {
    const over = { unit: 'customer' } as const;
    const arms = new Set(
      Array.from({ length: 50 }, (_, index) => armOf(`order-${index}`, over, { customer: 'cust-9' })),
    );
    expect(arms.size).toBe(1);
    const without = assigned('order-1', over);
    expect(without.shown).toBeNull();
    expect(without.notes).toEqual(['experiment checkout: no shopper.id, by which it assigns; not in it']);
  });

  it('gives a payment to the first experiment that takes it', () => {
    const first = sampleExperiment({ id: 'first', namespace: { name: 'n', range: [0, 0.5] } });
    const second = sampleExperiment({ id: 'second', namespace: { name: 'n', range: [0.5, 1] } });
    const experiments = { holdout: null, list: [first, second], notes: [] };
    const seen = { first: 0, second: 0 };
    for (let index = 0; index < 2_000; index += 1) {
      const facts = routingFacts({ merchant: 'acme-eu', reference: `order-${index}` });
      const { shown, exposures } = assignArm(
        experiments,
        { facts, customer: null, rule: RULE, nowMs: NOW },
        NO_BOOK,
      );
      expect(exposures).toHaveLength(1);
      seen[shown?.id as keyof typeof seen] += 1;
    }
    expect(Math.abs(seen.first - 1_000)).toBeLessThan(140);
  });

  it.each([
    ['a draft', { status: 'draft' }],
    ['one that was stopped', { status: 'stopped' }],
    ['one whose conditions do not hold', { matches: () => false }],
    ['one that the rule is not in', { rules: new Set(['other']) }],
  ] as const)('does not take a payment into %s', (_name, over) => {
    const { exposures, shown, rule, salt } = assigned('order-1', over);
    expect({ exposures, shown, salt }).toEqual({ exposures: [], shown: null, salt: 'fallback' });
    expect(rule).toBe(RULE);
  });

  it('gives the units of an arm that was stopped to the baseline, and tells them from its own', () => {
    const book: ArmBook = { isStopped: (_id, name) => name === 'treatment', shares: () => null };
    for (let index = 0; index < 200; index += 1) {
      const before = armOf(`order-${index}`);
      const [exposure] = assigned(`order-${index}`, {}, { book }).exposures;
      expect(exposure).toMatchObject({
        arm: 'control',
        propensity: 1,
        redirectedFrom: before === 'treatment' ? 'treatment' : null,
      });
      expect(exposure?.phase).toContain('"shares":{"control":0.5,"treatment":0}');
    }
  });

  it('follows the ramp by the clock', () => {
    const ramp = [
      { fromMs: NOW - 1, plan: { coverage: 1, shares: [1, 0] } },
      { fromMs: NOW + 1, plan: { coverage: 1, shares: [0, 1] } },
    ];
    for (let index = 0; index < 50; index += 1) expect(armOf(`order-${index}`, { ramp })).toBe('control');
  });

  it.each([
    ['the file', {}, NO_BOOK, [0.5, 0.5]],
    ['a bandit', { mode: 'bandit' }, { ...NO_BOOK, shares: () => [0.063, 0.937] }, [0.063, 0.937]],
    ['a split that learns nothing', {}, { ...NO_BOOK, shares: () => [0.063, 0.937] }, [0.5, 0.5]],
    [
      'a stopped arm',
      {},
      { ...NO_BOOK, isStopped: (_id: string, name: string) => name === 'treatment' },
      [1, 0],
    ],
    ['a ramp', { ramp: [{ fromMs: NOW, plan: { coverage: 1, shares: [0.2, 0.8] } }] }, NO_BOOK, [0.2, 0.8]],
  ] as const)('tells the shares in force of %s, which units then meet', (_name, over, book, shares) => {
    expect(planInForce(sampleExperiment(over), NOW, book)).toEqual({ coverage: 1, shares });
    const met = [0, 0];
    for (let index = 0; index < 2_000; index += 1) {
      const { shown } = assigned(`order-${index}`, over, { book });
      const arm = shown?.arm === 'control' ? 0 : 1;
      met[arm] = (met[arm] ?? 0) + 1;
      expect(shown?.propensity).toBe(shares[arm]);
    }
    for (const arm of [0, 1])
      expect(Math.abs((met[arm] ?? 0) / 2_000 - (shares[arm] ?? 0))).toBeLessThan(0.04);
  });

  it.each(['draft', 'stopped'] as const)('has no shares in force as a %s one', (status) => {
    expect(planInForce(sampleExperiment({ status }), NOW, NO_BOOK)).toBeNull();
  });

  describe('of a bandit', () => {
    const book: ArmBook = { isStopped: () => false, shares: () => [0.9, 0.1] };

    it('draws by what was learned, and logs that', () => {
      const propensities = new Set<number | undefined>();
      let control = 0;
      for (let index = 0; index < 2_000; index += 1) {
        const { shown } = assigned(`order-${index}`, { mode: 'bandit' }, { book });
        propensities.add(shown?.propensity);
        if (shown?.arm === 'control') control += 1;
      }
      expect([...propensities].sort()).toEqual([0.1, 0.9]);
      expect(Math.abs(control - 1_800)).toBeLessThan(60);
    });

    it('leaves a unit in the arm that it had', () => {
      const experiments = { holdout: null, list: [sampleExperiment({ mode: 'bandit' })], notes: [] };
      for (const earlier of ['control', 'treatment']) {
        const facts = routingFacts({ merchant: 'acme-eu', reference: 'order-1' });
        const payment = { facts, customer: null, rule: RULE, nowMs: NOW };
        const { shown } = assignArm(experiments, payment, book, { experiment: 'checkout', arm: earlier });
        expect(shown?.arm).toBe(earlier);
      }
    });

    it('divides the share of an arm that was stopped', () => {
      const stopped: ArmBook = { ...book, isStopped: (_id, name) => name === 'treatment' };
      const { shown } = assigned('order-1', { mode: 'bandit' }, { book: stopped });
      expect(shown).toMatchObject({ arm: 'control', propensity: 1, redirectedFrom: null });
    });
  });
});
