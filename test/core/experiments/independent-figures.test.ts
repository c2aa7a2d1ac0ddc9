import { describe, expect, it } from 'vitest';
import type { Experiment } from '../../../src/core/experiments/experiment.ts';
import type { ExposedRequest } from '../../../src/core/experiments/exposed.ts';
import { ExposureTally } from '../../../src/core/experiments/exposure-tally.ts';
import { experimentReport } from '../../../src/core/experiments/results.ts';
import { exposed, SAMPLE_NOW, sampleExperiment } from '../../support/sample-experiment.ts';

// The expected figures were calculated from the single payments in exact fractions, by another program than this one:
// residuals of each unit from its arm's ratio, over the mean number of payments; quantiles of Student's t by scipy.

function readOuts(rows: Iterable<ExposedRequest>, over: Partial<Experiment>) {
  const experiment = sampleExperiment(over);
  const tally = new ExposureTally(experiment, SAMPLE_NOW);
  for (const row of rows) tally.add(row);
  const input = { experiment, tally: tally.end(), phases: [], looks: [], stopped: new Map<string, string>() };
  const { comparisons } = experimentReport(input);
  const half = (method: string) => {
    const found = comparisons.find((each) => each.method === method && each.metric === 'approval_rate');
    return found === undefined ? null : { difference: found.difference, half: (found.high - found.low) / 2 };
  };
  return { welch: half('welch'), bayesian: half('bayesian') };
}

/** Customers of an arm with one to four payments each; how many are approved goes with how many there are. */
function* customers(arm: 'control' | 'treatment', phase: number, count: number) {
  for (let index = 0; index < count; index += 1) {
    const payments = 1 + ((index * 7 + phase) % 4);
    const shift = (arm === 'treatment' ? 2 : 0) + phase * 3;
    const approved = Math.min(payments, (index * 5 + shift) % (payments + 1));
    for (let payment = 0; payment < payments; payment += 1) {
      const customer = `${phase} ${arm} ${index}`;
      const outcome = payment < approved ? 'approved' : 'declined';
      yield exposed(customer, arm, [outcome], { phase, payment: `${customer} ${payment}` });
    }
  }
}

function* payments(arm: string, phase: number, count: number, approved: number, propensity = 0.5) {
  for (let index = 0; index < count; index += 1) {
    const outcome = index < approved ? 'approved' : 'declined';
    yield exposed(`${phase} ${arm} ${index}`, arm, [outcome], { phase, propensity });
  }
}

describe('figures over two phases of other weights', () => {
  it('of customers, whose payments go together', () => {
    const rows = [
      ...customers('control', 1, 40),
      ...customers('treatment', 1, 40),
      ...customers('control', 2, 25),
      ...customers('treatment', 2, 75),
    ];
    const { welch, bayesian } = readOuts(rows, { unit: 'customer' });
    expect(bayesian?.difference).toBeCloseTo(-0.2245696080104682, 12);
    expect(bayesian?.half).toBeCloseTo(0.09503027710238121, 9);
    // 108.4 degrees of freedom.
    expect(welch?.half).toBeCloseTo(0.09610286756853477, 7);
  });

  it('of payments', () => {
    const rows = [
      ...payments('control', 1, 900, 810),
      ...payments('treatment', 1, 100, 95),
      ...payments('control', 2, 500, 300),
      ...payments('treatment', 2, 500, 330),
    ];
    const { welch, bayesian } = readOuts(rows, {});
    expect(bayesian?.difference).toBeCloseTo(0.055, 12);
    expect(bayesian?.half).toBeCloseTo(0.038002584696832875, 9);
    // 716.6 degrees of freedom.
    expect(welch?.half).toBeCloseTo(0.03806687476751626, 7);
  });

  it('of a bandit, weighted by the inverse of propensities', () => {
    const rows = [
      ...payments('control', 1, 100, 90, 0.5),
      ...payments('control', 2, 20, 10, 0.1),
      ...payments('treatment', 1, 100, 94, 0.5),
      ...payments('treatment', 2, 180, 99, 0.9),
    ];
    const { bayesian } = readOuts(rows, { mode: 'bandit' });
    expect(bayesian?.difference).toBeCloseTo(0.045, 12);
    expect(bayesian?.half).toBeCloseTo(0.13319229047023748, 9);
  });
});
