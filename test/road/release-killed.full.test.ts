import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { priorityRules, providersYaml } from '../support/gateway-files.ts';
import { ReleaseDesk } from '../support/release-desk.ts';
import { startGateway, type TestGateway } from '../support/start-gateway.ts';
import { journalWrite } from './crash-campaign/trap.ts';

/** Rules that are gone back from, over restarts and kills. The tests go through one story, in order. */

const FIRST = priorityRules(['sandbox-a', 'sandbox-b']);
const SECOND = priorityRules(['sandbox-b', 'sandbox-a']);

let gateway: TestGateway;
let desk: ReleaseDesk;

beforeAll(async () => {
  gateway = await startGateway({
    providers: providersYaml([{ id: 'sandbox-a' }, { id: 'sandbox-b' }]),
    rules: FIRST,
  });
  desk = new ReleaseDesk(gateway);
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

test('the folder, which holds what was gone back from, is not followed before it changes', async () => {
  gateway.writeRules('rules.yaml', SECOND);
  await desk.inForce(2);
  expect((await desk.release('rollback', 2)).json).toMatchObject({ version: 1, cause: 'rollback' });
  await desk.waiting('rolled_back');
  expect(await gateway.metric('pointsman_ruleset_rolled_back')).toBe(1);
  expect(await desk.logged('ruleset_waits')).toMatchObject({ kind: 'rolled_back', level: 'warn' });
  await gateway.stop();
  await gateway.restart();
  await desk.waiting('rolled_back');
  expect(await desk.routed()).toEqual(['sandbox-a', 1]);
  await gateway.kill9();
  await gateway.restart();
  await desk.waiting('rolled_back');
  gateway.writeRules('rules.yaml', `# mended\n${SECOND}`);
  await desk.inForce(3);
  expect(await desk.routed()).toEqual(['sandbox-b', 3]);
  expect(await gateway.metric('pointsman_ruleset_rolled_back')).toBe(0);
  expect(await desk.history()).toEqual(['1 folder', '2 folder', '1 rollback', '3 folder']);
}, 60_000);

test('a kill between the move of the pointer and its answer leaves what a repeat finds in force', async () => {
  const journal = join(gateway.folders.data, 'journal.sqlite-wal');
  let between = 0;
  for (let round = 0; round < 12 && between < 3; round += 1) {
    const { version } = await desk.ruleset();
    const target = version === 3 ? 1 : 3;
    const written = journalWrite(journal, 2_000).then((isWritten) => {
      if (isWritten) gateway.signal('SIGKILL');
      return isWritten;
    });
    const answer = await desk.release(`${target}/activate`, version).catch(() => null);
    expect(await written).toBe(true);
    await gateway.ended();
    await gateway.restart();
    const now = (await desk.ruleset()).version;
    expect([version, target]).toContain(now);
    if (answer !== null) expect(now, 'answered, and lost').toBe(target);
    else if (now === target) between += 1;
    const repeat = await desk.release(`${target}/activate`, version);
    expect([repeat.status, repeat.json]).toMatchObject([200, { version: target, changed: now !== target }]);
    expect((await desk.routed())[1]).toBe(target);
  }
  console.log(`killed between the move of the pointer and its answer: ${between} times`);
  expect(between).toBeGreaterThan(0);
}, 180_000);
