import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { paymentBody, priorityRules, providersYaml } from '../support/gateway-files.ts';
import { authorizationIn, launchGateway, startGateway, type TestGateway } from '../support/start-gateway.ts';

/** What a start does with rules that were edited, or broken, while no gateway was there to look. */

const providers = (...ids: readonly string[]) => providersYaml(ids.map((id) => ({ id })));

interface RulesetDetail {
  readonly version: number;
  readonly rejected: { readonly errors: readonly string[] } | null;
}

async function ruleset(gateway: TestGateway): Promise<RulesetDetail> {
  const answer = await gateway.get('/readyz', { key: null });
  expect(answer.status, 'the rules that were last in force are good enough').toBe(200);
  return (answer.json as { readonly ruleset: RulesetDetail }).ruleset;
}

async function routed(gateway: TestGateway, name: string): Promise<string | null> {
  const answer = await gateway.authorize(paymentBody(`order-${name}`), `key-${name}`);
  return authorizationIn(answer).provider;
}

const cleared = (gateway: TestGateway) =>
  eventually('the refusal is over', async () => ((await ruleset(gateway)).rejected === null ? true : null), {
    describe: () => gateway.output.text(),
  });

test('a provider with money that was removed while nothing ran is there after the start', async () => {
  const before = {
    providers: providers('sandbox-a', 'sandbox-b'),
    rules: priorityRules(['sandbox-a', 'sandbox-b']),
  };
  await using gateway = await startGateway(before);
  expect(await routed(gateway, 'before')).toBe('sandbox-a');
  const { version } = await ruleset(gateway);
  await gateway.stop();
  gateway.writeRules('providers.yaml', providers('sandbox-b'));
  gateway.writeRules('rules.yaml', priorityRules(['sandbox-b']));
  await gateway.restart();

  const refused = await ruleset(gateway);
  expect(refused.version).toBe(version);
  expect(refused.rejected?.errors.join('\n')).toMatch(
    /^providers\.yaml:\d+:\d+ {2}provider "sandbox-a" is gone, but has open or refundable money/,
  );
  expect(await gateway.metric('pointsman_ruleset_rejected')).toBe(1);
  const shown = (await gateway.get('/v1/providers')).json as {
    readonly data: readonly { readonly id: string }[];
  };
  expect(shown.data.map(({ id }) => id)).toContain('sandbox-a');
  expect(await routed(gateway, 'after')).toBe('sandbox-a');

  gateway.writeRules('providers.yaml', before.providers);
  gateway.writeRules('rules.yaml', before.rules);
  await cleared(gateway);
  expect((await ruleset(gateway)).version).toBe(version);
  expect(await gateway.metric('pointsman_ruleset_rejected')).toBe(0);
}, 60_000);

test('a file that is empty or broken at the start leaves the rules that were last in force', async () => {
  const good = priorityRules(['sandbox-b', 'sandbox-a']);
  await using gateway = await startGateway({ providers: providers('sandbox-a', 'sandbox-b'), rules: good });
  await gateway.stop();
  gateway.writeRules('rules.yaml', '');
  await gateway.restart();
  const { version, rejected } = await ruleset(gateway);
  expect(version).toBe(1);
  expect(rejected?.errors).toEqual([expect.stringMatching(/^rules\.yaml:1:1 {2}the file is empty/)]);
  expect(await routed(gateway, 'empty')).toBe('sandbox-b');

  // As after a machine failed in the midst of an edit.
  await gateway.kill9();
  gateway.writeRules('rules.yaml', good.slice(0, -5));
  await gateway.restart();
  expect((await ruleset(gateway)).rejected?.errors.join('\n')).toMatch(/^rules\.yaml:3:\d+ .*not closed/);
  expect(await routed(gateway, 'broken')).toBe('sandbox-b');
  gateway.writeRules('rules.yaml', good);
  await cleared(gateway);
}, 90_000);

test('the very first start refuses a broken folder, with places', async () => {
  await using gateway = launchGateway({ rules: 'rules:\n  - name: x\n    then: { only: [sandbox-z] }\n' });
  const ending = await gateway.ended();
  expect(ending.code).not.toBe(0);
  expect(ending.signal).toBeNull();
  expect(gateway.output.text()).toMatch(/rules\.yaml:3:\d+ {2}unknown provider "sandbox-z"/);
  // And nothing of it stays: once mended, it starts.
  gateway.writeRules('rules.yaml', priorityRules(['sandbox-a']));
  await gateway.restart();
  expect((await ruleset(gateway)).rejected).toBeNull();
}, 60_000);
