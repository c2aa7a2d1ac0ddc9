import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { paymentBody, priorityRules, providersYaml } from '../support/gateway-files.ts';
import { type Answer, authorizationIn, startGateway, type TestGateway } from '../support/start-gateway.ts';

/** Rules that somebody hands over to have the gateway busy, while it has payments under way. */

const PROVIDERS = providersYaml([{ id: 'sandbox-a' }, { id: 'sandbox-b' }]);
const VALIDATE = '/v1/rulesets/validate';

const list = (count: number, item: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => item(index)).join(',');
const rule = (name: string, when: string) => `{name: ${name},then: {},when: ${when}}`;

/** Bodies of nearly 64 KiB, each of which held a process for one to ten seconds when it was checked in line. */
const HOSTILE: readonly string[] = [
  [
    ...['a', 'b'].map((name) =>
      rule(name, `{any: [${list(400, (index) => `{field: merchant,is: b${index}}`)}]}`),
    ),
    ...['c', 'd'].map((name) =>
      rule(name, `{all: [${list(400, (index) => `{field: merchant,none_of: [a${index}]}`)}]}`),
    ),
  ].join(','),
  [
    ...Array.from({ length: 300 }, (_, index) =>
      rule(`a${index}`, `{all: [{field: shopper.country,exists: false},{field: merchant,is: m${index}}]}`),
    ),
    ...Array.from({ length: 300 }, (_, index) =>
      rule(`c${index}`, `{all: [{field: initiator,is: merchant},{field: merchant,is: x${index}}]}`),
    ),
  ].join(','),
  '@,'.repeat(30_000),
].map((rules) =>
  JSON.stringify({ files: { 'providers.yaml': PROVIDERS, 'rules.yaml': `rules: [${rules}]` } }),
);

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({ providers: PROVIDERS, rules: priorityRules(['sandbox-a']) });
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

const validate = (body: string) => gateway.call('POST', VALIDATE, { body });

/** Does something again and again until that is over. @returns the longest that it took, milliseconds */
async function longest(over: Promise<unknown>, once: (count: number) => Promise<void>) {
  let isOver = false;
  over.then(
    () => (isOver = true),
    () => (isOver = true),
  );
  let longestMs = 0;
  let count = 0;
  while (!isOver) {
    const beganMs = performance.now();
    await once(count);
    longestMs = Math.max(longestMs, performance.now() - beganMs);
    count += 1;
    await pause(5);
  }
  return { count, longestMs };
}

test('payments and probes are answered while hostile rules are checked', async () => {
  const answers: Answer[] = [];
  const checks = Promise.all(
    [...HOSTILE, ...HOSTILE].map(async (body) => {
      for (;;) {
        const answer = await validate(body);
        answers.push(answer);
        if (answer.status !== 429) return;
        expect(answer.json).toMatchObject({ type: '/problems/rule-checks-busy', status: 429 });
        await pause(Number(answer.headers.get('retry-after')) * 200);
      }
    }),
  );
  const [probes, payments] = await Promise.all([
    longest(checks, async () => {
      expect((await gateway.get('/healthz', { key: null })).status).toBe(200);
    }),
    longest(checks, async (count) => {
      const reference = `order-${count}`;
      const answer = await gateway.authorize(paymentBody(reference), `key-${reference}`);
      expect(authorizationIn(answer).status).toBe('approved');
    }),
  ]);
  await checks;
  const statuses = answers.map(({ status }) => status);
  console.log(
    `hostile rules: ${answers.length} answers (${statuses.filter((status) => status === 429).length} times 429), ` +
      `longest of ${probes.count} probes ${probes.longestMs.toFixed(0)} ms, of ${payments.count} payments ${payments.longestMs.toFixed(0)} ms`,
  );
  expect(statuses.filter((status) => status === 200)).toHaveLength(2 * HOSTILE.length);
  // Some wait, and more than may are told to come again.
  expect(statuses).toContain(429);
  expect(probes.count).toBeGreaterThan(20);
  expect(payments.count).toBeGreaterThan(5);
  // Bounds for a machine that does much else: held in line, it stood still for seconds.
  expect(probes.longestMs).toBeLessThan(700);
  expect(payments.longestMs).toBeLessThan(1_500);
});

test('a replay by hostile rules holds nobody up either', async () => {
  const replay = gateway.call('POST', '/v1/rulesets/replay', { body: HOSTILE[0] ?? '' });
  const probes = await longest(replay, async () => {
    expect((await gateway.get('/healthz', { key: null })).status).toBe(200);
  });
  expect((await replay).json).toMatchObject({ type: '/problems/replay-rules-refused' });
  expect(probes.longestMs).toBeLessThan(700);
});

test('a long folder comes into force beside payments', async () => {
  const some = Array.from(
    { length: 900 },
    (_, index) => `  - name: debit-${index}
    when:
      all:
        - { field: card.country, one_of: [DE, FR, NL] }
        - { field: merchant, is: somebody-${index} }
        - { field: amount, currency: EUR, below: "250.00" }
    then: { only: [sandbox-a, sandbox-b], strategy: score, attempts_max: 2, deadline_ms: 6000 }
`,
  );
  const rules = `rules:\n${some.join('')}`;
  const followed = (async () => {
    gateway.writeRules('rules.yaml', `${rules}  - { name: others, then: { priority: [sandbox-b] } }\n`);
    for (;;) {
      const { json } = await gateway.get('/readyz', { key: null });
      if ((json as { readonly ruleset: { readonly version: number } }).ruleset.version === 2) return;
      await pause(20);
    }
  })();
  const probes = await longest(followed, async () => {
    expect((await gateway.get('/healthz', { key: null })).status).toBe(200);
  });
  console.log(`long folder: longest of ${probes.count} probes ${probes.longestMs.toFixed(0)} ms`);
  expect(probes.longestMs).toBeLessThan(700);
  const after = authorizationIn(await gateway.authorize(paymentBody('after'), 'key-after'));
  expect([after.status, after.provider]).toEqual(['approved', 'sandbox-b']);
});

test('a check under way does not keep the process from ending', async () => {
  const checks = HOSTILE.map((body) => validate(body).catch(() => null));
  await pause(50);
  const ending = await gateway.stop();
  expect(ending).toMatchObject({ code: 0 });
  // Well before the time that open requests have.
  expect(ending.tookMs).toBeLessThan(9_000);
  for (const answer of await Promise.all(checks)) {
    if (answer !== null && answer.status !== 200) {
      expect(answer.json).toMatchObject({ type: expect.stringMatching(/not-ready|rule-checks-busy/) });
    }
  }
});
