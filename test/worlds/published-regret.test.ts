import { expect, it } from 'vitest';
import { STRESS } from './all-worlds.ts';
import { meanRegret } from './mean-regret.ts';
import { klUcb, thompson } from './plain-policies.ts';
import { PROBLEM_1 } from './published-worlds.ts';

// The bands and the number of runs of what was published are in the longer file of this name.
it('of SW-klUCB with a window of 206 is 170 to 190 on a published problem', async () => {
  const mean = await meanRegret(25, PROBLEM_1, klUcb(206));
  expect(mean).toBeGreaterThan(170);
  expect(mean).toBeLessThan(190);
});

it('of Thompson sampling discounted at .95 is 415 to 437 there', async () => {
  const mean = await meanRegret(25, PROBLEM_1, thompson(0.95));
  expect(mean).toBeGreaterThan(415);
  expect(mean).toBeLessThan(437);
});

it('of sampling discounted at .9995 beats the best fixed choice, 1200, on payments by 500 and more', async () => {
  const mean = await meanRegret(6, STRESS, thompson(0.9995));
  expect(mean).toBeLessThan(700);
  expect(mean).toBeGreaterThan(400);
});
