import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { priorityRules, providersYaml } from '../support/gateway-files.ts';
import { ReleaseDesk } from '../support/release-desk.ts';
import { launchGateway, startGateway, type TestGateway } from '../support/start-gateway.ts';

/** Rules that people activate and go back from while the gateway runs. The tests go through one story, in order. */

const PROVIDERS = providersYaml([{ id: 'sandbox-a' }, { id: 'sandbox-b' }]);
const FIRST = priorityRules(['sandbox-a', 'sandbox-b']);
const SECOND = priorityRules(['sandbox-b', 'sandbox-a']);
const BROKEN = 'rules:\n  - name: broken\n    then: { priority: [sandbox-z] }\n';
/** To which provider each version sends first. */
const GOES_TO = new Map([
  [1, 'sandbox-a'],
  [2, 'sandbox-b'],
]);

let gateway: TestGateway;
let desk: ReleaseDesk;

beforeAll(async () => {
  gateway = await startGateway({
    providers: PROVIDERS,
    rules: FIRST,
    env: { RULES_ACTIVATION: 'manual' },
  });
  desk = new ReleaseDesk(gateway);
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

test('a good edit waits to be activated', async () => {
  expect(await desk.routed()).toEqual(['sandbox-a', 1]);
  gateway.writeRules('rules.yaml', SECOND);
  expect(await desk.waiting('candidate')).toMatchObject({ version: 1, waiting: { version: 2 } });
  expect(await gateway.metric('pointsman_ruleset_candidate')).toBe(2);
  expect(await desk.routed()).toEqual(['sandbox-a', 1]);
  expect((await gateway.get('/v1/rulesets/2')).json).toMatchObject({
    active: false,
    active_since: null,
    files: { 'rules.yaml': SECOND },
    compared: { active: 1, files: ['rules.yaml'], rules: [{ name: 'in-order', change: 'changed' }] },
  });
});

test('the folder and files at hand are checked, and nothing comes of it', async () => {
  const folder = await gateway.call('POST', '/v1/rulesets/validate');
  expect([folder.status, folder.json]).toMatchObject([200, { valid: true, errors: [] }]);
  const check = async (ids: readonly string[], rules: string) => {
    const files = { 'providers.yaml': providersYaml(ids.map((id) => ({ id }))), 'rules.yaml': rules };
    return (await gateway.call('POST', '/v1/rulesets/validate', { body: { files } })).json;
  };
  expect(await check(['sandbox-a', 'sandbox-b'], BROKEN)).toMatchObject({
    valid: false,
    errors: [{ file: 'rules.yaml', line: 3 }],
  });
  // The sandbox beside the gateway has no such provider.
  expect(await check(['sandbox-a', 'sandbox-b', 'sandbox-new'], FIRST)).toMatchObject({
    valid: false,
    errors: [{ file: 'providers.yaml', what: expect.stringMatching(/listens on a port of its own/) }],
  });
  // A payment was approved there.
  expect(await check(['sandbox-b'], priorityRules(['sandbox-b']))).toMatchObject({
    valid: false,
    errors: [{ file: 'providers.yaml', what: expect.stringMatching(/^provider "sandbox-a" is gone/) }],
  });
  expect((await gateway.get('/v1/rulesets')).json).toMatchObject({ data: [{ version: 2 }, { version: 1 }] });
});

test('it is in force once somebody activates it, who must know what it takes the place of', async () => {
  const unaware = await desk.release('2/activate', 2);
  expect([unaware.status, unaware.json]).toMatchObject([409, { active: 1 }]);
  const answer = await desk.release('2/activate', 1);
  expect([answer.status, answer.json]).toMatchObject([
    200,
    { version: 2, cause: 'activation', by: 'development', previous: 1, changed: true },
  ]);
  expect(await desk.routed()).toEqual(['sandbox-b', 2]);
  expect(await desk.ruleset()).toMatchObject({ version: 2, waiting: null, cause: 'activation' });
  const again = await desk.release('2/activate', 1);
  expect([again.status, again.json]).toMatchObject([200, { version: 2, changed: false }]);
  expect(await desk.logged('ruleset_release_refused')).toMatchObject({ result: 'other_active' });
  // Told after the first, so that what comes before it in the log is there as well.
  expect(await desk.logged('ruleset_release')).toMatchObject({ asked: 2, expected_active: 1, ruleset: 2 });
  expect(await desk.logged('ruleset_activated')).toMatchObject({
    ruleset: 2,
    previous: 1,
    cause: 'activation',
    author: 'development',
    reason: 'ticket 4714',
  });
  expect(await gateway.metric('pointsman_ruleset_activations_total', '{cause="activation"}')).toBe(1);
});

test('a rollback under load: each payment goes by one ruleset, and by the one before once it is answered', async () => {
  const seen = new Map<number, number>();
  let isOver = false;
  const payer = async (): Promise<void> => {
    while (!isOver) {
      const [provider, version] = await desk.routed();
      expect(provider).toBe(GOES_TO.get(version));
      seen.set(version, (seen.get(version) ?? 0) + 1);
    }
  };
  const payers = Array.from({ length: 6 }, payer);
  const reached = (version: number, count: number) =>
    eventually(`${count} payments by ruleset ${version}`, () =>
      (seen.get(version) ?? 0) >= count ? true : null,
    );
  await reached(2, 40);
  const answer = await desk.release('rollback', 2);
  expect(answer.json).toMatchObject({ version: 1, cause: 'rollback', changed: true, previous: null });
  expect(await desk.routed()).toEqual(['sandbox-a', 1]);
  await reached(1, 40);
  isOver = true;
  await Promise.all(payers);
  const { authorizations } = await gateway.sandbox.ledger({ limit: '10000' });
  const references = authorizations.map((entry) => entry.merchant_reference);
  expect(references.length).toBeGreaterThanOrEqual(80);
  expect(new Set(references).size, 'none was authorized twice').toBe(references.length);
  const nothing = await desk.release('rollback', 1);
  expect([nothing.status, nothing.json]).toMatchObject([409, { type: '/problems/no-earlier-ruleset' }]);
});

test('a restart goes by what is in force, whatever the folder holds', async () => {
  await gateway.stop();
  gateway.writeRules('rules.yaml', BROKEN);
  await gateway.restart();
  expect(await desk.routed()).toEqual(['sandbox-a', 1]);
  const { rules } = gateway.folders;
  expect(await desk.ruleset()).toMatchObject({ rejected: expect.anything(), folder: rules });
  expect(await desk.logged('listening')).toMatchObject({ rules_dir: rules });
  expect(await desk.logged('ruleset_refused')).toMatchObject({ rules_dir: rules });
  gateway.writeRules('rules.yaml', SECOND);
  expect(await desk.waiting('rolled_back')).toMatchObject({ version: 1, waiting: { version: 2 } });
  expect(await gateway.metric('pointsman_ruleset_rolled_back')).toBe(1);
  expect(await gateway.metric('pointsman_ruleset_candidate')).toBe(0);
  expect(await desk.logged('ruleset_taken_up')).toMatchObject({ ruleset: 1, cause: 'rollback' });
  expect(await desk.history()).toEqual(['1 folder', '2 activation', '1 rollback']);
});

test('a start with one port for gateway and sandbox says which two are the same', async () => {
  await using second = launchGateway({ env: { PORT: '18090', SANDBOX_PORT: '18090' } });
  expect((await second.ended()).code).toBe(1);
  expect(second.output.errors).toMatch(
    /^Pointsman cannot start: PORT and SANDBOX_PORT are both 18090; expected two ports/,
  );
}, 30_000);
