import { describe, expect, it } from 'vitest';
import { openInProcessJournal } from '../../src/stores/sqlite/in-process-journal.ts';
import { noWork, SimulatedWorld, type Work } from './simulated-world.ts';

/** `SEED=123` replays one run; `RUNS=5000` makes it longer. */
const SEED = process.env['SEED'] === undefined ? undefined : Number(process.env['SEED']);
const RUNS = Number(process.env['RUNS'] ?? 300);
const FIRST_SEED = 1;

describe('the road under random faults, callers and crashes', () => {
  it(`keeps promises 1 to 5 (seeds ${SEED ?? `${FIRST_SEED} to ${FIRST_SEED + RUNS - 1}`})`, async () => {
    const seeds =
      SEED === undefined ? Array.from({ length: RUNS }, (_, index) => FIRST_SEED + index) : [SEED];
    const total = noWork();
    for (const seed of seeds) {
      const journal = await openInProcessJournal(':memory:');
      const world = new SimulatedWorld(seed, journal);
      await world.run();
      await journal.close();
      expect(world.broken, `seed ${seed}: replay with SEED=${seed}`).toEqual([]);
      for (const key of Object.keys(total) as (keyof Work)[]) total[key] += world.work[key];
    }
    if (SEED !== undefined) return;
    console.log(`seeds ${seeds[0]} to ${seeds.at(-1)}: ${JSON.stringify(total)}`);
    // A run in which nothing happened proves nothing.
    for (const [what, count] of Object.entries(total)) expect(count, what).toBeGreaterThan(0);
    expect(total.approved).toBeGreaterThan(RUNS);
    expect(total.failovers).toBeGreaterThan(RUNS / 2);
  }, 600_000);
});
