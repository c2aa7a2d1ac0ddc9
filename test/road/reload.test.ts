import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { paymentBody, priorityRules, providersYaml } from '../support/gateway-files.ts';
import { authorizationIn, startGateway, type TestGateway } from '../support/start-gateway.ts';

/** Rules that are edited while the gateway runs. The tests go through one story, in order. */

const ALL = ['sandbox-a', 'sandbox-b', 'sandbox-c'];
const providers = (disabled: readonly string[] = [], ids: readonly string[] = ALL) =>
  providersYaml(ids.map((id) => ({ id, enabled: !disabled.includes(id) })));

let gateway: TestGateway;
let sequence = 0;

beforeAll(async () => {
  gateway = await startGateway({ providers: providers(), rules: priorityRules(['sandbox-a', 'sandbox-b']) });
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

/** Where the next payment goes, and by which ruleset. */
async function routed(): Promise<readonly [string | null, number]> {
  sequence += 1;
  const answer = await gateway.authorize(paymentBody(`order-${sequence}`), `key-${sequence}`);
  const { provider, routing } = authorizationIn(answer) as ReturnType<typeof authorizationIn> & {
    readonly routing: { readonly ruleset: number };
  };
  return [provider, routing.ruleset];
}

interface RulesetDetail {
  readonly version: number;
  readonly rejected: { readonly at: string; readonly errors: readonly string[] } | null;
}

async function ruleset(): Promise<RulesetDetail> {
  const answer = await gateway.get('/readyz', { key: null });
  expect(answer.status, 'a bad edit harms nobody').toBe(200);
  return (answer.json as { readonly ruleset: RulesetDetail }).ruleset;
}

const activated = (version: number) =>
  eventually(
    `ruleset ${version} is active`,
    async () => ((await ruleset()).version === version ? true : null),
    { describe: () => gateway.output.text() },
  );

const rejected = () => eventually('the edit is refused', async () => (await ruleset()).rejected);

test('an edit changes where payments go', async () => {
  expect(await routed()).toEqual(['sandbox-a', 1]);
  gateway.writeRules('rules.yaml', priorityRules(['sandbox-b', 'sandbox-a']));
  await activated(2);
  expect(await routed()).toEqual(['sandbox-b', 2]);
  expect(await gateway.metric('pointsman_ruleset_version')).toBe(2);
});

test('a bad edit is told, and the last good rules stay', async () => {
  gateway.writeRules('rules.yaml', 'rules:\n  - name: broken\n    then: { priority: [sandbox-z] }\n');
  const { errors } = await rejected();
  expect(errors.join('\n')).toMatch(/^rules\.yaml:3:\d+ .*sandbox-z/);
  expect((await ruleset()).version).toBe(2);
  expect(await gateway.metric('pointsman_ruleset_rejected')).toBe(1);
  expect(await routed()).toEqual(['sandbox-b', 2]);
  const [told, ...more] = await eventually('the log tells it', () => {
    const events = gateway.output.events('ruleset_refused');
    return events.length > 0 ? events : null;
  });
  expect(more, 'once').toEqual([]);
  expect(told).toMatchObject({
    level: 'error',
    problem: expect.stringContaining('sandbox-z'),
    effect: 'the rules in force stay',
  });
});

test('putting the old text back is no new ruleset, and ends the refusal everywhere', async () => {
  gateway.writeRules('rules.yaml', priorityRules(['sandbox-b', 'sandbox-a']));
  await eventually('the refusal is over', async () => ((await ruleset()).rejected === null ? true : null));
  expect((await ruleset()).version).toBe(2);
  expect(await gateway.metric('pointsman_ruleset_rejected')).toBe(0);
  expect(await routed()).toEqual(['sandbox-b', 2]);
  await eventually('the log tells its end', () =>
    gateway.output.events('ruleset_refused_no_longer').length === 1 ? true : null,
  );
});

test('mending a bad edit with something new ends the refusal too', async () => {
  gateway.writeRules('rules.yaml', 'rules: []\n');
  await rejected();
  expect(await gateway.metric('pointsman_ruleset_rejected')).toBe(1);
  gateway.writeRules('rules.yaml', priorityRules(['sandbox-a', 'sandbox-b']));
  await activated(3);
  expect((await ruleset()).rejected).toBeNull();
  expect(await gateway.metric('pointsman_ruleset_rejected')).toBe(0);
  expect(await routed()).toEqual(['sandbox-a', 3]);
  expect(await gateway.metric('pointsman_ruleset_rejections_total')).toBe(2);
});

test('a provider with open money may be disabled, and not removed', async () => {
  gateway.writeRules('rules.yaml', priorityRules(['sandbox-b'], { fallback: true }));
  gateway.writeRules('providers.yaml', providers([], ['sandbox-b', 'sandbox-c']));
  const { errors } = await eventually('the removal is refused', async () => {
    const found = (await ruleset()).rejected;
    return found?.errors.some((error) => error.includes('open or refundable')) === true ? found : null;
  });
  expect(errors.join('\n')).toMatch(/sandbox-a.*open or refundable money.*enabled: false/s);

  gateway.writeRules('providers.yaml', providers(['sandbox-a']));
  await eventually('sandbox-a is disabled', async () =>
    (await ruleset()).rejected === null && (await routed())[0] === 'sandbox-b' ? true : null,
  );
  // Money never stood at sandbox-c.
  const { version } = await ruleset();
  gateway.writeRules('providers.yaml', providers(['sandbox-a'], ['sandbox-a', 'sandbox-b']));
  await activated(version + 1);
  expect((await routed())[0]).toBe('sandbox-b');
});

test('an authorization under way ends by the rules that it began with', async () => {
  await gateway.sandbox.addFault({ provider: 'sandbox-b', kind: 'late', delay_ms: 1200 });
  const sent = (await gateway.sandbox.requests())['sandbox-b'] ?? 0;
  const { version } = await ruleset();
  const underWay = routed();
  await eventually('it is at the provider', async () =>
    ((await gateway.sandbox.requests())['sandbox-b'] ?? 0) > sent ? true : null,
  );
  gateway.writeRules('providers.yaml', providers(['sandbox-b'], ['sandbox-a', 'sandbox-b']));
  await activated(version + 1);
  expect(await routed()).toEqual(['sandbox-a', version + 1]);
  expect(await underWay).toEqual(['sandbox-b', version]);
});

test('a restart numbers the same rules as before', async () => {
  const { version } = await ruleset();
  await gateway.stop();
  await gateway.restart();
  expect((await ruleset()).version).toBe(version);
  expect(await routed()).toEqual(['sandbox-a', version]);
});
