import { describe, expect, it } from 'vitest';
import { SlidingRetryBudget } from '../../src/guards/sliding-retry-budget.ts';
import { FakeClock } from '../support/fake-clock.ts';

function deposit(budget: SlidingRetryBudget, payments: number): void {
  for (let payment = 0; payment < payments; payment += 1) budget.deposit();
}

function drain(budget: SlidingRetryBudget): number {
  let withdrawn = 0;
  while (withdrawn < 100_000 && budget.withdraw()) withdrawn += 1;
  return withdrawn;
}

describe('the retry budget', () => {
  it.each([
    { payments: 0, failovers: 10 },
    { payments: 49, failovers: 10 },
    { payments: 100, failovers: 20 },
    { payments: 1004, failovers: 200 },
  ])('$payments payments allow $failovers failovers', ({ payments, failovers }) => {
    const budget = new SlidingRetryBudget(new FakeClock());
    deposit(budget, payments);
    expect(drain(budget)).toBe(failovers);
    expect(budget.withdraw()).toBe(false);
  });

  it.each([
    { pods: 1, failovers: 10 },
    { pods: 4, failovers: 3 },
    { pods: 30, failovers: 1 },
  ])('$pods processes share the floor: each allows $failovers', ({ pods, failovers }) => {
    expect(drain(new SlidingRetryBudget(new FakeClock(), {}, () => pods))).toBe(failovers);
  });

  it('forgets payments and failovers by time', async () => {
    const clock = new FakeClock();
    const budget = new SlidingRetryBudget(clock);
    deposit(budget, 1000);
    expect(drain(budget)).toBe(200);
    await clock.advance(10_000);
    expect(drain(budget)).toBe(10);
  });

  it('holds over a long outage: at most a fifth in any ten seconds', async () => {
    const clock = new FakeClock();
    const budget = new SlidingRetryBudget(clock);
    const perSecond: number[] = [];
    for (let second = 0; second < 60; second += 1) {
      let failovers = 0;
      for (let payment = 0; payment < 100; payment += 1) {
        budget.deposit();
        if (budget.withdraw()) failovers += 1;
        await clock.advance(10);
      }
      perSecond.push(failovers);
    }
    for (let from = 0; from + 9 <= 60; from += 1) {
      const sum = perSecond.slice(from, from + 9).reduce((total, one) => total + one, 0);
      expect(sum).toBeLessThanOrEqual(200);
    }
    expect(perSecond.reduce((total, one) => total + one, 0)).toBeGreaterThan(1000);
  });
});
