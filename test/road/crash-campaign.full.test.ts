import { expect, test } from 'vitest';
import { SeededRandom } from '../support/seeded-random.ts';
import { CrashWorld } from './crash-campaign/crash-world.ts';
import { judge } from './crash-campaign/judge.ts';
import {
  CALLER_POINTS,
  KillPlan,
  NOTICE_POINTS,
  PROCESS_POINTS,
  PROVIDER_KINDS,
  PROVIDER_POINTS,
  plannedAt,
} from './crash-campaign/moments.ts';

/**
 * Kill -9 at every point between claim and answer, hundreds of times, under load and faults, with the providers' own
 * books as judge. `KILLS` says how many, `SEED` what is asked for and in which order the kills are planned; what happens
 * at the same time is the machine's.
 */

const SEED = Number(process.env['SEED'] ?? 11);
const KILLS = Number(process.env['KILLS'] ?? 300);
/** On a machine that is too busy for all of them the campaign ends early, with this part of them at least. */
const KILLING_MS = Number(process.env['KILLING_S'] ?? 240) * 1_000;
const LEAST_SHARE = 0.25;
/** So many kills leave every stage of a road behind, whatever the machine does. */
const SHOWS_ALL_STAGES = 70;
/** Gateways that die side by side, each with a journal and providers of its own. */
const WORLDS = 2;
/** After that many kills a gateway is ended by SIGTERM under its load. */
const TERMINATED_EVERY = 20;

async function runWorld(index: number, plan: KillPlan, untilMs: number): Promise<CrashWorld> {
  const world = await CrashWorld.start(SEED + index);
  try {
    world.beginLoad();
    for (let made = 1; performance.now() < untilMs; made += 1) {
      const moment = plan.next();
      if (moment === null) break;
      await world.killAt(moment, plan);
      if (made % TERMINATED_EVERY === 1) await world.terminate();
    }
    await world.settle();
    return world;
  } catch (error) {
    await world[Symbol.asyncDispose]();
    throw error;
  }
}

/** Sums of the same count over worlds. */
function summed(maps: readonly ReadonlyMap<string, number>[]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const map of maps) {
    for (const [name, value] of map) sums[name] = (sums[name] ?? 0) + value;
  }
  return sums;
}

test(
  `killed up to ${KILLS} times, at every point: no payment lost, none twice (SEED=${SEED})`,
  async () => {
    const random = new SeededRandom(SEED);
    const plan = new KillPlan(KILLS, () => random.unit());
    const startedAtMs = performance.now();
    const untilMs = startedAtMs + KILLING_MS;
    const worlds = await Promise.all(
      Array.from({ length: WORLDS }, (_, index) => runWorld(index, plan, untilMs)),
    );
    await using ending = new AsyncDisposableStack();
    for (const world of worlds) ending.use(world);
    const judged = await Promise.all(worlds.map(judge));

    const tallies = worlds.map(({ tally }) => tally);
    const sum = (of: (index: number) => number): number =>
      worlds.reduce((all, _, index) => all + of(index), 0);
    const ofTally = (
      name: 'starts' | 'terminated' | 'payments' | 'approvals' | 'operations' | 'askedAgain',
    ): number => sum((index) => tallies[index]?.[name] ?? 0);
    const atPoint = summed(tallies.map(({ kills }) => kills));
    const ofKind = summed(tallies.map(({ killsByKind }) => killsByKind));
    const leftBehind = summed(tallies.map((tally) => tally.leftBehind));
    const kills = Object.values(atPoint).reduce((all, each) => all + each, 0);
    const work = {
      seconds: Math.round((performance.now() - startedAtMs) / 1000),
      kills,
      starts: ofTally('starts'),
      terminated: ofTally('terminated'),
      payments: ofTally('payments'),
      approvals: ofTally('approvals'),
      operations: ofTally('operations'),
      askedAgain: ofTally('askedAgain'),
      cutOff: sum((index) => worlds[index]?.callers.counts.cutOff ?? 0),
      unanswered: sum((index) => worlds[index]?.callers.counts.unanswered ?? 0),
      killsWhileFindingOut: sum((index) => tallies[index]?.killsOfOld ?? 0),
      lapsed: sum((index) => judged[index]?.seen.lapsed ?? 0),
      resolved: sum((index) => judged[index]?.seen.resolved ?? 0),
      operationsEndedLater: sum((index) => judged[index]?.seen.operationsEnded ?? 0),
      notices: sum((index) => worlds[index]?.notices.counts.acknowledged ?? 0),
    };
    console.log(JSON.stringify({ seed: SEED, ...work, atPoint, ofKind, leftBehind }, null, 1));

    const isInTime = plan.next() === null;
    if (isInTime) expect(kills).toBeGreaterThanOrEqual(KILLS);
    expect(kills).toBeGreaterThanOrEqual(KILLS * LEAST_SHARE);
    for (const point of [...CALLER_POINTS, ...PROVIDER_POINTS, ...NOTICE_POINTS, ...PROCESS_POINTS]) {
      expect.soft(atPoint[point] ?? 0, point).toBeGreaterThanOrEqual(Math.floor(plannedAt(point, kills) / 3));
    }
    for (const kind of PROVIDER_KINDS)
      expect.soft(ofKind[kind] ?? 0, kind).toBeGreaterThanOrEqual(Math.floor(kills / 60));
    // Every stage of a road was the last one that reached the disk; a few kills need not show all of them.
    for (const stage of kills < SHOWS_ALL_STAGES ? [] : ['nothing', 'intent', 'outcome', 'answer']) {
      const times = Object.entries(leftBehind).filter(([name]) => name.endsWith(` ${stage}`));
      expect.soft(times.length, `kills that left ${stage}`).toBeGreaterThan(0);
    }
    expect(work.starts).toBeGreaterThan(kills);
    expect(work.terminated).toBeGreaterThan(0);
    // A start takes most of a busy machine's time: a calm one gives several payments for each kill.
    expect(work.payments).toBeGreaterThan(kills / 2);
    expect(work.approvals).toBeGreaterThan(kills / 4);
    expect(work.operations).toBeGreaterThan(kills / 4);
    expect(work.askedAgain).toBeGreaterThan(kills);
    expect(work.cutOff).toBeGreaterThan(kills);
    expect(work.unanswered).toBe(0);
    expect(work.killsWhileFindingOut).toBeGreaterThan(kills / 50);
    expect(work.lapsed).toBeGreaterThan(kills / 4);
    expect(work.resolved).toBeGreaterThan(kills / 8);
    expect(work.operationsEndedLater).toBeGreaterThan(kills / 8);
    expect(work.notices).toBeGreaterThan(kills / 4);
  },
  KILLING_MS + 150_000,
);
