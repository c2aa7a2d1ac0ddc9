import { describe, expect, it } from 'vitest';
import { STRESS } from './all-worlds.ts';
import { meanRegret } from './mean-regret.ts';
import { discountedUcb, klUcb, slidingWindowUcb, thompson, windowThompson } from './plain-policies.ts';
import { PROBLEM_1 } from './published-worlds.ts';
import { successRateWindow } from './success-rate-window.ts';

describe('regret on a published problem', () => {
  it('of SW-klUCB with a window of 206 is 170 to 190', async () => {
    const mean = await meanRegret(200, PROBLEM_1, klUcb(206));
    expect(mean).toBeGreaterThan(170);
    expect(mean).toBeLessThan(190);
  });

  it('of kl-UCB, which forgets nothing, is 255 to 310', async () => {
    const mean = await meanRegret(200, PROBLEM_1, klUcb(null));
    expect(mean).toBeGreaterThan(255);
    expect(mean).toBeLessThan(310);
  });

  it('of Thompson sampling is 420 to 530, discounted at .95 it is 415 to 437, at .995 about 158', async () => {
    const plain = await meanRegret(200, PROBLEM_1, thompson(1));
    expect(plain).toBeGreaterThan(420);
    expect(plain).toBeLessThan(530);
    const forgetful = await meanRegret(200, PROBLEM_1, thompson(0.95));
    expect(forgetful).toBeGreaterThan(415);
    expect(forgetful).toBeLessThan(437);
    expect(Math.abs((await meanRegret(200, PROBLEM_1, thompson(0.995))) - 158)).toBeLessThan(12);
  });

  it('of SW-UCB with a window of 185 is about 246, of sampling over that window 138', async () => {
    expect(Math.abs((await meanRegret(100, PROBLEM_1, slidingWindowUcb(185))) - 246)).toBeLessThan(12);
    expect(Math.abs((await meanRegret(100, PROBLEM_1, windowThompson(185))) - 138)).toBeLessThan(12);
  });
});

// Standard deviations of those figures, over twenty runs: 50, 73, 15 and 2.
describe('regret on payments', () => {
  it.each([
    { policy: thompson(0.9995), regret: 533, within: 45 },
    { policy: successRateWindow(false), regret: 635, within: 60 },
    { policy: discountedUcb(0.6, 0.5), regret: 2648, within: 30 },
  ])('of $policy.name is about $regret', async ({ policy, regret, within }) => {
    expect(Math.abs((await meanRegret(12, STRESS, policy)) - regret)).toBeLessThan(within);
  });
});
