import { expect, test } from 'vitest';
import { SeededRandom } from '../support/seeded-random.ts';
import { allAuthorizations, contradictions, unsettledOrWrong } from './agreement.ts';
import { CrashWorld, type Tally } from './crash-campaign/crash-world.ts';
import { KillPlan } from './crash-campaign/moments.ts';

/**
 * Kill -9 at every point between claim and answer, hundreds of times, under load and faults, with the providers' own
 * books as judge. `KILLS` says how many, `SEED` what is asked for and in which order it is killed; what happens at the
 * same time is the machine's.
 */

const SEED = Number(process.env['SEED'] ?? 11);
const KILLS = Number(process.env['KILLS'] ?? 300);
/** Gateways that die side by side, each with journal and providers of its own. */
const WORLDS = Number(process.env['WORLDS'] ?? 2);
const TERMINATIONS = 4;

async function runWorld(index: number, plan: KillPlan): Promise<CrashWorld> {
  const world = await CrashWorld.start(SEED + index);
  world.beginLoad();
  for (let moment = plan.next(), made = 0; moment !== null; moment = plan.next(), made += 1) {
    await world.killAt(moment, plan);
    if (made % 30 === 15 && world.tally.terminated < TERMINATIONS) await world.terminate();
  }
  await world.settle();
  return world;
}

test(`killed ${KILLS} times at every point (SEED=${SEED})`, async () => {
  const random = new SeededRandom(SEED);
  const plan = new KillPlan(KILLS, () => random.unit());
  const startedAtMs = performance.now();
  const worlds = await Promise.all(Array.from({ length: WORLDS }, (_, index) => runWorld(index, plan)));
  for (const world of worlds) {
    const authorizations = await allAuthorizations(world.gateway);
    const ledger = await world.control.ledger();
    console.log(
      JSON.stringify(shown(world.tally)),
      JSON.stringify(world.callers.counts),
      JSON.stringify(world.traffic.counts),
      JSON.stringify(world.notices.counts),
      authorizations.length,
      ledger.authorizations.length,
    );
    expect.soft(world.callers.wrong.slice(0, 10)).toEqual([]);
    expect.soft(world.wrong.slice(0, 10)).toEqual([]);
    expect.soft(contradictions(authorizations, ledger).slice(0, 10)).toEqual([]);
    expect.soft(unsettledOrWrong(authorizations, ledger).slice(0, 10)).toEqual([]);
  }
  console.log(`took ${Math.round(performance.now() - startedAtMs)} ms`);
  for (const world of worlds) await world[Symbol.asyncDispose]();
}, 600_000);

function shown(tally: Tally) {
  return {
    ...tally,
    kills: Object.fromEntries(tally.kills),
    killsByKind: Object.fromEntries(tally.killsByKind),
    leftBehind: Object.fromEntries([...tally.leftBehind].sort()),
  };
}
