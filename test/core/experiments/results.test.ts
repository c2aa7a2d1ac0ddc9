import { describe, expect, it } from 'vitest';
import type { PhasePlan } from '../../../src/core/experiments/assign.ts';
import type { Experiment } from '../../../src/core/experiments/experiment.ts';
import type { ExposedRequest } from '../../../src/core/experiments/exposed.ts';
import { ExposureTally } from '../../../src/core/experiments/exposure-tally.ts';
import { experimentReport, lookedAt, type PastLook } from '../../../src/core/experiments/results.ts';
import {
  EXPOSED_AT,
  exposed,
  SAMPLE_NOW,
  sampleArm,
  sampleExperiment,
} from '../../support/sample-experiment.ts';

const EVEN: PhasePlan = {
  seed: 'checkout-1',
  unit: 'payment',
  coverage: 1,
  namespace: null,
  shares: { control: 0.5, treatment: 0.5 },
};

function tallyOf(experiment: Experiment, rows: Iterable<ExposedRequest>, nowMs = SAMPLE_NOW) {
  const tally = new ExposureTally(experiment, nowMs);
  for (const row of rows) tally.add(row);
  return tally.end();
}

function reportOf(
  rows: Iterable<ExposedRequest>,
  over: Partial<Experiment> = {},
  more: {
    readonly nowMs?: number;
    readonly plans?: readonly PhasePlan[];
    readonly looks?: readonly PastLook[];
    readonly stopped?: ReadonlyMap<string, string>;
  } = {},
) {
  const experiment = sampleExperiment(over);
  return experimentReport({
    experiment,
    tally: tallyOf(experiment, rows, more.nowMs),
    phases: (more.plans ?? [EVEN]).map((plan, index) => ({ number: index + 1, plan, firstAtMs: EXPOSED_AT })),
    looks: more.looks ?? [],
    stopped: more.stopped ?? new Map(),
  });
}

/** So many payments of an arm, of which so many were approved. */
function* payments(arm: string, count: number, approved: number, over: Partial<ExposedRequest> = {}) {
  for (let index = 0; index < count; index += 1) {
    yield exposed(
      `${over.phase ?? ''}${arm}-${index}`,
      arm,
      [index < approved ? 'approved' : 'declined'],
      over,
    );
  }
}

describe('results against figures that were calculated elsewhere', () => {
  const report = reportOf([...payments('control', 1000, 900), ...payments('treatment', 1000, 930)]);
  const of = (method: string) =>
    report.comparisons.find((each) => each.method === method && each.metric === 'approval_rate');

  it('Welch', () => {
    const { difference, low, high, pValue } = of('welch') ?? {};
    expect(difference).toBeCloseTo(0.03, 12);
    expect(low).toBeCloseTo(0.0055756, 7);
    expect(high).toBeCloseTo(0.0544244, 7);
    expect(pValue).toBeCloseTo(0.0160938, 7);
  });

  it('the confidence sequence', () => {
    const { low = 0, high = 0, pValue } = of('confidence_sequence') ?? {};
    expect((high - low) / 2).toBeCloseTo(0.0389033, 7);
    expect(pValue).toBeCloseTo(0.224959, 6);
  });

  it('Bayes with a flat prior: the posterior is that of the estimate', () => {
    // 1 - Phi(-0.03 / 0.0124539), by scipy.
    expect(of('bayesian')?.chanceToWin).toBeCloseTo(0.991997, 5);
  });

  it('the sample that it takes', () => {
    expect(report.plan).toMatchObject({ baselineRate: 0.9, assumed: false, sample: 2000 });
    // 13,935.5 an arm for 90 % to 91 %.
    expect(report.plan.sampleForOnePoint).toBe(27_871);
  });

  it('and a sentence', () => {
    expect(report.srm).toMatchObject({ pValue: 1, mismatch: false });
    expect(report.verdict).toBe(
      'No difference of treatment from control is shown yet: its approval rate differs by between -0.89 pp and +6.89 pp, after 2000 of 5000 expected units.',
    );
  });
});

describe('a payment', () => {
  const LATE = { outcome: 'approved', atMs: EXPOSED_AT + 3_600_001 } as const;

  it.each([
    [
      'approved by a later attempt',
      [['rejected', 'approved']],
      { approved: 1, technicalErrorRate: 1, firstAttemptApprovalRate: 0, attemptsPerPayment: 2 },
    ],
    [
      'declined, then approved under another key',
      [['declined'], ['approved']],
      { approved: 1, assigned: 1, payments: 1 },
    ],
    [
      'found approved at the end of its time',
      [[{ ...LATE, atMs: EXPOSED_AT + 3_600_000 }]],
      { approved: 1, unresolved: 0, approvalRate: 1 },
    ],
    ['found approved after its time', [[LATE]], { approved: 0, unresolved: 1, approvalRate: 0 }],
    [
      'unknown when its time is over',
      [['unknown']],
      { approved: 0, unresolved: 1, bounds: { low: 0, high: 1 } },
    ],
    ['in part', [['partially_approved']], { approved: 0, unresolved: 0 }],
    [
      'stopped by a scheme, without an attempt',
      [[]],
      { approved: 0, attemptsPerPayment: 0, approvalRate: 0 },
    ],
  ] as const)('%s', (_name, authorizations, expected) => {
    const rows = authorizations.map((outcomes) => exposed('one', 'control', outcomes));
    expect(reportOf(rows).arms[0]).toMatchObject(expected);
  });

  it.each(['pending', 'approved', 'declined'] as const)(
    'that is %s while its time lasts is in no figure yet',
    (outcome) => {
      const rows = [exposed('one', 'control', [{ outcome, costBasisPoints: 50 }])];
      const { arms, maturing, plan } = reportOf(rows, {}, { nowMs: EXPOSED_AT + 3_599_999 });
      expect(arms[0]).toMatchObject({ assigned: 1, counted: 0, maturing: 1, unresolved: 0, approved: 0 });
      expect(arms[0]).toMatchObject({ approvalRate: null, bounds: null, technicalErrorRate: null });
      expect(arms[0]).toMatchObject({ costPerApprovalBasisPoints: null, latencyP95Ms: null });
      expect([maturing, plan.sample]).toEqual([{ payments: 1, share: 1 }, 0]);
      const mature = reportOf(rows, {}, { nowMs: EXPOSED_AT + 3_600_000 });
      expect(mature.arms[0]).toMatchObject({ counted: 1, maturing: 0, approved: +(outcome === 'approved') });
    },
  );

  it('approved in two currencies has a cost in basis points only', () => {
    const approval = { outcome: 'approved', costBasisPoints: 50 } as const;
    const euro = exposed('one', 'control', [approval], { amount: 20_000 });
    const dollar = exposed('two', 'control', [{ ...approval, costBasisPoints: 150 }], { currency: 'USD' });
    expect(reportOf([euro]).arms[0]).toMatchObject({ costPerApproval: 100, costCurrency: 'EUR' });
    expect(reportOf([euro, dollar]).arms[0]).toMatchObject({
      costPerApproval: null,
      costCurrency: null,
      costPerApprovalBasisPoints: 100,
    });
  });

  it('takes as long as its attempts: the 95th percentile within the width of a bucket', () => {
    const rows = Array.from({ length: 1000 }, (_, index) =>
      exposed(`p-${index}`, 'control', [{ outcome: 'approved', durationMs: index + 1 }]),
    );
    const p95 = reportOf(rows).arms[0]?.latencyP95Ms ?? 0;
    expect(Math.abs(p95 - 950) / 950).toBeLessThan(0.03);
  });
});

describe('units', () => {
  it('that met two arms are in none of the figures, and too many of them spoil everything', () => {
    const both = Array.from({ length: 11 }, (_, index) => [
      exposed(`both-${index}`, 'control'),
      exposed(`both-${index}`, 'treatment'),
    ]).flat();
    const report = reportOf([...both, ...payments('control', 50, 40), ...payments('treatment', 50, 40)]);
    expect(report.multiple).toMatchObject({ units: 11, tooMany: true });
    expect(report.arms.map(({ assigned }) => assigned)).toEqual([50, 50]);
    expect(report.verdict).toContain('Do not trust this');
  });

  it('that the baseline took from a stopped arm are in none either', () => {
    const report = reportOf([
      ...payments('control', 50, 40),
      exposed('taken', 'control', ['approved'], { redirected: true }),
    ]);
    expect(report).toMatchObject({ redirected: 1, units: 51 });
    expect(report.arms[0]?.assigned).toBe(50);
  });

  it('of customers are ratios of sums, with customers as their number', () => {
    const visit = (customer: string, arm: string, visits: readonly boolean[]) =>
      visits.map((isApproved, index) =>
        exposed(customer, arm, [isApproved ? 'approved' : 'declined'], { payment: `${customer} ${index}` }),
      );
    const report = reportOf(
      [
        ...visit('c1', 'control', [true, true, false]),
        ...visit('c2', 'control', [true]),
        ...visit('c3', 'control', [false, false]),
        ...visit('t1', 'treatment', [true, true]),
        ...visit('t2', 'treatment', [true, false]),
      ],
      { unit: 'customer' },
    );
    expect(report.arms[0]).toMatchObject({ assigned: 3, payments: 6, approved: 3, approvalRate: 0.5 });
    expect(report.arms[1]).toMatchObject({ assigned: 2, payments: 4, approvalRate: 0.75 });
    // Delta method by hand. Control: R = 0.5, residuals f - R s = 0.5, 0.5, -1, of variance 0.75 over a mean of 2:
    // 0.75 / 4 / 3. Treatment: R = 0.75, residuals 0.5, -0.5, of variance 0.5 over a mean of 2: 0.5 / 4 / 2.
    const { low = 0, high = 0 } = report.comparisons.find(({ method }) => method === 'bayesian') ?? {};
    const error = Math.sqrt(0.75 / 12 + 0.5 / 8);
    expect((high - low) / 2).toBeCloseTo(1.959963984540054 * error, 10);
  });

  it('of a bandit are weighted by the inverse of their propensities', () => {
    const rows = [
      // Half of the early payments, which are easy, and few of the late ones.
      ...payments('control', 100, 90, { phase: 1, propensity: 0.5 }),
      ...payments('control', 20, 10, { phase: 2, propensity: 0.1 }),
      ...payments('treatment', 100, 90, { phase: 1, propensity: 0.5 }),
      ...payments('treatment', 180, 90, { phase: 2, propensity: 0.9 }),
    ];
    const report = reportOf(rows, { mode: 'bandit' }, { plans: [EVEN, EVEN] });
    // Both would have approved (0.9 x 200 + 0.5 x 200) / 400.
    expect(report.arms.map(({ approvalRate }) => approvalRate)).toEqual([
      expect.closeTo(0.7, 10),
      expect.closeTo(0.7, 10),
    ]);
  });
});

describe('phases of other weights', () => {
  const ramped: PhasePlan = { ...EVEN, shares: { control: 0.9, treatment: 0.1 } };

  it('are compared each by itself: what changed with time is no effect', () => {
    const rows = [
      ...payments('control', 900, 810, { phase: 1 }),
      ...payments('treatment', 100, 90, { phase: 1 }),
      ...payments('control', 500, 300, { phase: 2 }),
      ...payments('treatment', 500, 300, { phase: 2 }),
    ];
    const report = reportOf(rows, {}, { plans: [ramped, EVEN] });
    const [comparison] = report.comparisons;
    expect(comparison?.difference).toBeCloseTo(0, 12);
    // Read together, the treatment would seem to lose: 390 of 600 to 1110 of 1400.
    expect(report.arms[1]?.approvalRate).toBeCloseTo(0.65, 12);
    expect(report.phases.map(({ arms }) => arms.map(({ approvalRate }) => approvalRate))).toEqual([
      [0.9, 0.9],
      [0.6, 0.6],
    ]);
  });

  it('are checked each against its own shares', () => {
    const rows = [...payments('control', 900, 810), ...payments('treatment', 100, 90)];
    expect(reportOf(rows, {}, { plans: [ramped] }).srm.mismatch).toBe(false);
    const broken = reportOf(rows, {}, { plans: [EVEN] });
    expect(broken.srm.mismatch).toBe(true);
    expect(broken.verdict).toContain('other shares of the units than planned');
    expect(broken.verdict).toContain('Figures cannot tell why');
    expect(broken.verdict).not.toContain('is broken');
  });
});

describe('planned looks', () => {
  const look = (planned: number | null, units: number, difference: number): PastLook => ({
    atMs: EXPOSED_AT,
    planned,
    comparisons: [{ arm: 'treatment', difference, standardError: 0.01, units, low: 0, high: 0 }],
  });

  it('are read at the newest of them, by the boundaries of those before', () => {
    const looks = [look(1, 1000, 0.01), look(null, 1500, 0.5), look(2, 2000, 0.02)];
    const report = reportOf(
      [...payments('control', 1000, 900), ...payments('treatment', 1000, 930)],
      { plannedLooks: 5 },
      { looks },
    );
    const read = report.comparisons.find(({ method }) => method === 'group_sequential');
    expect(read).toMatchObject({ difference: 0.02, look: { number: 2, of: 5, crossed: false } });
    // Lan and DeMets' boundaries at 1/5 and 2/5: 4.8769 and 3.3569.
    expect(((read?.high ?? 0) - 0.02) / 0.01).toBeCloseTo(3.3569, 3);
  });

  it('decide once one has crossed', () => {
    const report = reportOf([], { plannedLooks: 5 }, { looks: [look(1, 1000, 0.06), look(2, 2000, 0.02)] });
    expect(report.comparisons[0]?.look).toEqual({ number: 2, of: 5, crossed: true });
  });

  it('keep what the chart and the next look need', () => {
    const experiment = sampleExperiment();
    const tally = tallyOf(experiment, [...payments('control', 100, 90), ...payments('treatment', 100, 95)]);
    expect(lookedAt(experiment, tally)).toMatchObject([{ arm: 'treatment', units: 200 }]);
  });
});

describe('the sentence', () => {
  it.each([
    [
      'of a draft',
      'draft',
      [],
      {},
      'A draft: nobody is in it. 5000 units in two arms would find a rise of +2.79 pp with a chance of 80 %.',
    ],
    ['of one that nobody has met', 'running', [], {}, 'Nobody has met an arm yet.'],
    ['of too few', 'running', [exposed('one', 'control')], {}, 'Too few units to compare the arms.'],
    [
      'of an arm that is better',
      'running',
      [...payments('control', 4000, 3200), ...payments('treatment', 4000, 3600)],
      {},
      'The treatment is better than control: its approval rate differs by +10 pp (between +7.59 pp and +12.41 pp, at all looks together 95 % sure).',
    ],
    [
      'of an arm that was stopped',
      'running',
      [exposed('one', 'control')],
      { stopped: new Map([['treatment', 'guardrail approval_rate']]) },
      'treatment is stopped: guardrail approval_rate.',
    ],
  ] as const)('%s', (_name, status, rows, more, sentence) => {
    expect(reportOf(rows, { status }, more).verdict).toBe(sentence);
  });

  it('says how many payments are maturing, where that is more than a few percent', () => {
    const nowMs = EXPOSED_AT + 3_600_000;
    const young = { atMs: nowMs - 1_000 };
    const inEither = (row: ExposedRequest, index: number) => ({
      ...row,
      arm: index % 2 === 0 ? 'control' : 'treatment',
    });
    const mature = [...payments('control', 1_000, 900), ...payments('treatment', 1_000, 900)];
    const told = (count: number) =>
      reportOf([...mature, ...[...payments('young', count, 1, young)].map(inEither)], {}, { nowMs }).verdict;
    expect(told(60)).toMatch(/after 2000 of 5000 expected units\.$/);
    expect(told(500)).toMatch(
      /after 2000 of 5000 expected units\. Still maturing: 500 payments \(20 %\), younger than 60 min and in no figure yet\.$/,
    );
  });

  it('names each of several arms', () => {
    const arms = ['control', 'one', 'two'].map((name) => sampleArm(name));
    const rows = arms.flatMap(({ name }) => [...payments(name, 100, 90)]);
    const plan = { ...EVEN, shares: { control: 1 / 3, one: 1 / 3, two: 1 / 3 } };
    const { verdict } = reportOf(rows, { arms }, { plans: [plan] });
    expect(verdict).toMatch(/of one from control.*of two from control/);
  });
});
