import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { replayAnswerSchema } from '../../src/edge/replay-schemas.ts';
import { tamperWith, writeSampleJournal } from '../stores/sqlite/sample-journal.ts';
import { type TemporaryFolder, temporaryFolder } from '../stores/sqlite/temporary-folder.ts';
import { eventually } from '../support/eventually.ts';
import { paymentBody } from '../support/gateway-files.ts';
import { startGateway, type TestGateway } from '../support/start-gateway.ts';
import { runScript } from './run-script.ts';

const SHIPPED = fileURLToPath(new URL('../../routing-rules', import.meta.url));
const SPLIT =
  'rules:\n  - name: all\n    then: { split: { sandbox-a: 55, sandbox-b: 45 }, attempts_max: 1 }\n';

let folder: TemporaryFolder;
beforeAll(() => {
  folder = temporaryFolder();
});
afterAll(() => folder.remove());

/** A copy of the shipped rules with other rules in it. */
function rulesFolder(name: string, rules: string): string {
  const path = join(folder.path, name);
  cpSync(SHIPPED, path, { recursive: true });
  writeFileSync(join(path, 'rules.yaml'), rules);
  return path;
}

const replay = (...args: readonly string[]) => runScript('replay.ts', args);

/** Sends that many payments, twenty at a time. */
async function pay(gateway: TestGateway, payments: number): Promise<void> {
  for (let at = 0; at < payments; at += 20) {
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const reference = `order-${at + index}`;
        const { status } = await gateway.authorize(paymentBody(reference), reference);
        expect(status).toBe(201);
      }),
    );
  }
}

/** What a gateway that runs says of the rules in a folder. */
async function replayedOnline(gateway: TestGateway, rules: string) {
  const files = Object.fromEntries(
    ['providers.yaml', 'rules.yaml'].map((name) => [name, readFileSync(join(rules, name), 'utf8')]),
  );
  const asked = await gateway.call('POST', '/v1/rulesets/replay', { body: { files } });
  expect([200, 202]).toContain(asked.status);
  const { id } = replayAnswerSchema.parse(asked.json);
  return eventually('the replay is done', async () => {
    const { json } = await gateway.get(`/v1/rulesets/replays/${id}`);
    const shown = replayAnswerSchema.parse(json);
    return shown.status === 'running' ? null : shown;
  });
}

describe('npm run replay', () => {
  it('tells what other rules would have come to on the payments of a gateway', {
    timeout: 60_000,
  }, async () => {
    const rules = rulesFolder(
      'only-b',
      SPLIT.replace(/then: .*/, 'then: { priority: [sandbox-b], attempts_max: 1 }'),
    );
    const gateway = await startGateway({ rules: SPLIT });
    const payments = 400;
    await pay(gateway, payments);
    const running = await replay('--rules', rules, '--data', gateway.folders.data);
    expect(running).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('in use by a gateway: ask it with POST /v1/rulesets/replay'),
    });
    const online = await replayedOnline(gateway, rules);
    expect(online).toMatchObject({ status: 'done', progress: 1, failure: null });
    await gateway.stop();

    const told = await replay('--rules', rules, '--data', gateway.folders.data, '--json');
    expect(told, told.stderr).toMatchObject({ code: 0, stderr: '' });
    const result = JSON.parse(told.stdout);
    expect(result.all.approval).toMatchObject({ payments, cannot_say: null, replayed: 1, recorded: 1 });
    expect(result.all.approval.support.effective_sample_size).toBeGreaterThan(150);
    expect(result.all.providers).toContainEqual({
      provider: 'sandbox-b',
      recorded: expect.any(Number),
      replayed: 1,
    });
    expect(result.verdict.kind).toBe('no_difference');
    // The same as the gateway said while it ran, to the last digit.
    expect(result).toEqual(online.result);
    const [move] = result.all.moves;
    expect(move).toMatchObject({ from: 'sandbox-a', to: 'sandbox-b' });
    expect(move.share).toBeGreaterThan(0.5);

    const settings = join(folder.path, 'learner.yaml');
    writeFileSync(settings, 'exploration_share: 0.1\nprior_weight: { bin: 50 }\n');
    const learned = await replay(
      ...['--rules', SHIPPED, '--data', gateway.folders.data, '--learner', settings, '--json'],
    );
    expect(learned, learned.stderr).toMatchObject({ code: 0, stderr: '' });
    const explored = JSON.parse(learned.stdout).all.providers as { replayed: number }[];
    expect(Math.min(...explored.map((each) => each.replayed))).toBeGreaterThan(0.02);

    const words = await replay('--rules', rules, '--data', gateway.folders.data);
    expect(words.stdout).toMatch(/^No difference can be told: 0\.00 points/);
    expect(words.stdout).toMatch(/\nvisa \S+ +sandbox-a +sandbox-b +\d+ +\d+\.\d\d %/);
    expect(words.stdout).toMatch(/\nrule all +sandbox-a +sandbox-b /);
    expect(words.stdout).toMatch(/\nall +400 +100\.00 % +100\.00 %/);
    expect(await replay('--rules', rules, '--data', gateway.folders.data)).toEqual(words);
    const later = await replay(
      ...['--rules', rules, '--data', gateway.folders.data, '--from', '2099-01-01', '--to', '2099-02-01'],
    );
    expect(later.stdout).toMatch(/^Cannot say: no payment was recorded/);
  });

  it('hands nothing of a journal to the terminal that would steer it', async () => {
    const data = join(folder.path, 'steering');
    mkdirSync(data);
    const path = join(data, 'journal.sqlite');
    await writeSampleJournal(path);
    tamperWith(path, "UPDATE attempts SET provider = 'psp' || char(27) || '[2J' || char(10) || 'Better: x'");
    for (const more of [[], ['--json']]) {
      const { code, stdout, stderr } = await replay('--rules', SHIPPED, '--data', data, ...more);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(/psp\\u001b\[2J(\\u000a|\\n)Better: x/);
      expect(stdout.replaceAll('\n', '')).not.toMatch(/\p{C}/u);
      expect(stdout).not.toMatch(/^Better/m);
    }
  });

  it('refuses what it cannot replay, in words', async () => {
    await writeSampleJournal(join(folder.path, 'journal.sqlite'));
    const wrong = join(folder.path, 'wrong.yaml');
    writeFileSync(wrong, 'forgetting: 1\ndiscount: 2\n');
    const bad = rulesFolder('bad', SPLIT.replace('sandbox-b', 'sandbox-x'));
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [[], /--rules is missing[\s\S]*usage:/],
      [['--what'], /--what[\s\S]*usage:/],
      [['--rules', bad, '--data', folder.path], /rules\.yaml:3:\d+ .*unknown provider "sandbox-x"/],
      [['--rules', SHIPPED, '--data', '/nowhere'], /\/nowhere\/journal\.sqlite is not there/],
      [['--rules', SHIPPED, '--from', 'yesterday'], /--from "yesterday": expected a day/],
      [['--rules', SHIPPED, '--learner', '/nowhere/l.yaml'], /--learner \/nowhere\/l\.yaml: cannot be read/],
      [['--rules', SHIPPED, '--learner', wrong], /wrong\.yaml:2:\d+ .*expected a number from 0\.9 to 1/],
      [['--rules', SHIPPED, '--learner', wrong], /wrong\.yaml:1:\d+ .*forgetting/],
      [['--rules', SHIPPED, '--seed=-1'], /--seed "-1": expected a whole number/],
    ];
    for (const [args, message] of cases) {
      const { code, stdout, stderr } = await replay(...args);
      expect([code, stdout], stderr).toEqual([2, '']);
      expect(stderr).toMatch(message);
    }
    const help = await replay('--help');
    expect([help.code, help.stdout.startsWith('Tells what other rules')]).toEqual([0, true]);
    expect(await replay('--rules', SHIPPED, '--data', folder.path)).toMatchObject({ code: 0 });
  });
});
