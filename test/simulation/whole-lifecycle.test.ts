import { describe, expect, it } from 'vitest';
import { simulate } from './simulation.ts';
import { missingWork, noWork } from './work-done.ts';

/** A broken promise prints the command that replays it. */
const SEEDS = [1, 2, 3] as const;
const PAYMENTS = 700;

describe('the whole lifecycle under faults, crashes and wrong clocks', () => {
  it.each(SEEDS)(
    `every promise holds (seed %i, ${PAYMENTS} payments)`,
    async (seed) => {
      const { work, broken } = await simulate(seed, PAYMENTS);
      expect(broken.join('\n\n')).toBe('');
      // A run in which nothing happened proves nothing.
      expect(missingWork(work, PAYMENTS)).toEqual([]);
    },
    120_000,
  );

  it('is the same for the same seed, and another for another', async () => {
    const [first, again, other] = [await simulate(7, 60), await simulate(7, 60), await simulate(8, 60)];
    expect(again).toEqual(first);
    expect(other.work).not.toEqual(first.work);
  }, 60_000);

  it('tells what a run without work lacks', () => {
    expect(missingWork(noWork(), PAYMENTS)).toContain('crashes: 0 of at least 1');
  });
});
