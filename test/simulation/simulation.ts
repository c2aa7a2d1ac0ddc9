import type { Broken } from './checker.ts';
import { SimulatedWorld, type WorldOptions } from './simulated-world.ts';
import { addWork, noWork, type Work } from './work-done.ts';

/** Payments of one world: a run of more is made of several worlds, each with the next seed. */
const WORLD_MAX = 2_000;

export interface SimulationReport {
  readonly seed: number;
  readonly payments: number;
  readonly work: Work;
  /** What did not hold, with the history of its payment and the command that replays it; empty when all did. */
  readonly broken: readonly string[];
}

/**
 * Simulates that many payments from that seed, world after world, until a promise is broken.
 * @param payments cut into worlds of 2,000 with the seeds `seed`, `seed + 1`, …
 */
export async function simulate(
  seed: number,
  payments: number,
  options: WorldOptions = {},
): Promise<SimulationReport> {
  const work = noWork();
  const broken: string[] = [];
  for (
    let done = 0, index = 0;
    done < payments && (broken.length === 0 || options.livesOn === true);
    index += 1
  ) {
    const size = Math.min(WORLD_MAX, payments - done);
    const world = new SimulatedWorld(seed + index, size, options);
    await world.run();
    addWork(work, world.work);
    done += size;
    const replay = `replay: npm run simulate -- ${seed + index} ${size}`;
    for (const one of world.checker.broken) broken.push(tell(one, world, replay));
  }
  return { seed, payments, work, broken };
}

function tell({ words, payment }: Broken, world: SimulatedWorld, replay: string): string {
  const history = payment === null ? [] : world.historyOf(payment);
  return [words, replay, ...history].join('\n');
}
