import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { CrashWorld } from './crash-campaign/crash-world.ts';
import { judge } from './crash-campaign/judge.ts';
import { KillPlan, type Moment } from './crash-campaign/moments.ts';

/** A few kills of the campaign, one at each stage between claim and answer. `npm run test:full` makes hundreds. */

const SEED = Number(process.env['SEED'] ?? 5);
const MOMENTS: readonly Moment[] = [
  { point: 'claim_written', kind: 'authorize' },
  { point: 'request_kept', kind: 'automatic' },
  { point: 'answer_kept', kind: 'refund' },
  { point: 'answer_forwarded', kind: 'authorize' },
  { point: 'outcome_written', kind: 'capture' },
];
/** Work that the run shows at least: payments approved, and operations on them. */
const APPROVALS = 20;
const OPERATIONS = 20;

test(`killed between claim and answer: nothing is lost, nothing done twice (SEED=${SEED})`, async () => {
  const nothingElse = new KillPlan(0, () => 0);
  await using world = await CrashWorld.start(SEED);
  world.beginLoad();
  for (const moment of MOMENTS) await world.killAt(moment, nothingElse);
  // Between quick kills few payments get through; the last life goes on until enough have.
  await eventually(
    'payments were approved and operated on',
    () => (world.tally.approvals > APPROVALS && world.tally.operations > OPERATIONS ? true : null),
    { withinMs: 30_000 },
  );
  await world.settle();
  const { authorizations, seen } = await judge(world);
  const { tally, callers } = world;
  expect([...tally.kills.values()].reduce((sum, each) => sum + each, 0)).toBe(MOMENTS.length);
  // One that does not come in time on a busy machine is made at any moment.
  expect(tally.missed).toBeLessThan(MOMENTS.length);
  expect(authorizations).toBeGreaterThan(10);
  expect(tally.approvals).toBeGreaterThan(APPROVALS);
  expect(tally.operations).toBeGreaterThan(OPERATIONS);
  expect(callers.counts.cutOff).toBeGreaterThan(0);
  expect(seen.lapsed).toBeGreaterThan(0);
  expect(seen.resolved + seen.operationsEnded).toBeGreaterThan(0);
}, 120_000);
