import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { commandIn, debianProgram, type Program, skipForWant } from '../support/debian-programs.ts';
import { eventually, pause } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { paymentBody, priorityRules, providersYaml } from '../support/gateway-files.ts';
import { PlainProvider } from '../support/plain-provider.ts';
import { ALERTMANAGER, PROMETHEUS } from '../support/programs.ts';
import { startGateway, type TestGateway } from '../support/start-gateway.ts';
import { printedRules } from './alert-rules.ts';

// A real Prometheus reads a real gateway, the shipped rules fire, and Debian's Alertmanager tells a webhook.

/** A minute of the rules is a second here. */
const FASTER = 60;
const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;
const WITHIN_MS = 25_000;

const prometheus = debianProgram(PROMETHEUS);
const alertmanager = debianProgram(ALERTMANAGER);
const folder = mkdtempSync(join(tmpdir(), 'real-prometheus-'));
const children: ChildProcess[] = [];

interface Told {
  readonly status: 'firing' | 'resolved';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}
const told: Told[] = [];
let webhook: PlainProvider;

beforeAll(async () => {
  webhook = await PlainProvider.start((request, response) => {
    told.push(...(JSON.parse(request.body) as { alerts: Told[] }).alerts);
    response.end();
  });
});

afterAll(async () => {
  await Promise.all(children.map(ended));
  await webhook[Symbol.asyncDispose]();
  for (const program of [prometheus, alertmanager]) {
    if (program.path !== null && program.folder !== null) rmSync(program.folder, { recursive: true });
  }
  rmSync(folder, { recursive: true, force: true });
});

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

/** The shipped rules, with every duration in them divided. */
function fasterRules(): { readonly text: string; readonly divided: number } {
  let divided = 0;
  const faster = (count: string, unit: string) => {
    divided += 1;
    return `${(Number(count) * SECONDS[unit as keyof typeof SECONDS] * 1_000) / FASTER}ms`;
  };
  const text = printedRules()
    .text.replaceAll(/\[(\d+)([smhd])\]/g, (_all, count: string, unit: string) => `[${faster(count, unit)}]`)
    .replaceAll(
      /^(\s*(?:for|interval): )(\d+)([smhd])$/gm,
      (_all, name: string, count: string, unit: string) => `${name}${faster(count, unit)}`,
    );
  return { text, divided };
}

/** Starts a server and waits until it is ready. */
async function start(
  name: string,
  [program, ...before]: readonly [string, ...string[]],
  args: readonly string[],
  url: string,
): Promise<void> {
  const child = spawn(program, [...before, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
  }
  await eventually(
    `${name} is ready`,
    async () => {
      if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}:\n${output}`);
      const answer = await fetch(`${url}/-/ready`).catch(() => null);
      return answer?.ok === true ? answer : null;
    },
    { describe: () => output },
  );
}

async function startServers(prometheusPath: string, manager: Program, target: string) {
  const { command, folder: managerFolder } = commandIn(manager, folder);
  const inside = manager.folder === null ? folder : '/work';
  const managerPort = await freePort();
  const prometheusPort = await freePort();
  writeFileSync(
    join(managerFolder, 'alertmanager.yml'),
    stringify({
      route: { receiver: 'people', group_by: ['...'], group_wait: '100ms', group_interval: '1s' },
      receivers: [{ name: 'people', webhook_configs: [{ url: webhook.url, send_resolved: true }] }],
    }),
  );
  const rules = fasterRules();
  writeFileSync(join(folder, 'rules.yml'), rules.text);
  writeFileSync(
    join(folder, 'prometheus.yml'),
    stringify({
      global: { scrape_interval: '500ms', scrape_timeout: '500ms', evaluation_interval: '500ms' },
      rule_files: ['rules.yml'],
      alerting: { alertmanagers: [{ static_configs: [{ targets: [`127.0.0.1:${managerPort}`] }] }] },
      scrape_configs: [
        {
          job_name: 'pointsman',
          static_configs: [{ targets: [new URL(target).host], labels: { namespace: 'pay' } }],
        },
      ],
    }),
  );
  await start(
    'alertmanager',
    command,
    [
      `--config.file=${inside}/alertmanager.yml`,
      `--storage.path=${inside}/alerts`,
      '--cluster.listen-address=',
      `--web.listen-address=127.0.0.1:${managerPort}`,
    ],
    `http://127.0.0.1:${managerPort}`,
  );
  const url = `http://127.0.0.1:${prometheusPort}`;
  await start(
    'prometheus',
    [prometheusPath],
    [
      '--config.file=prometheus.yml',
      '--storage.tsdb.path=series',
      `--web.listen-address=127.0.0.1:${prometheusPort}`,
      '--rules.alert.resend-delay=1s',
    ],
    url,
  );
  return { url, divided: rules.divided };
}

const alertTold = (name: string, status: Told['status']) =>
  eventually(
    `${name} is ${status}`,
    () => told.find((one) => one.labels['alertname'] === name && one.status === status) ?? null,
    { withinMs: WITHIN_MS, describe: () => JSON.stringify(told, null, 1) },
  );

/** What Prometheus answers to a query at this moment. */
async function query(url: string, expr: string) {
  const answer = await fetch(`${url}/api/v1/query?${new URLSearchParams({ query: expr })}`);
  return ((await answer.json()) as { data: { result: { value: [number, string] }[] } }).data.result;
}

/** The rules that Prometheus has taken, each with what is wrong with it. */
async function loadedRules(url: string) {
  const health = (await (await fetch(`${url}/api/v1/rules`)).json()) as {
    data: { groups: { rules: { name: string; health: string; lastError?: string }[] }[] };
  };
  return health.data.groups.flatMap((group) => group.rules);
}

/**
 * One payment after the other, whatever becomes of them.
 * @returns ends them, and says how many there were
 */
function beginTraffic(gateway: TestGateway): { readonly end: () => Promise<number> } {
  let payments = 0;
  const stop = new AbortController();
  const traffic = (async () => {
    while (!stop.signal.aborted) {
      await gateway.authorize(paymentBody(`alerted-${payments}`), `alerted-${payments}`).catch(() => null);
      payments += 1;
      await pause(50);
    }
  })();
  return {
    end: async () => {
      stop.abort();
      await traffic;
      return payments;
    },
  };
}

test('a gateway in trouble is seen by Prometheus, and its alerts reach a webhook and end with the trouble', async (context) => {
  const what = 'a real Prometheus and Alertmanager';
  if (prometheus.path === null) return skipForWant(context, what, prometheus.why);
  if (alertmanager.path === null) return skipForWant(context, what, alertmanager.why);
  const nobody = `http://127.0.0.1:${await freePort()}`;
  await using gateway = await startGateway({
    providers: providersYaml([{ id: 'away', baseUrl: nobody }]),
    rules: priorityRules(['away']),
  });
  const { url, divided } = await startServers(prometheus.path, alertmanager, gateway.url);
  expect(divided).toBeGreaterThan(40);

  await eventually('the gateway is scraped', async () => {
    const found = await query(url, 'pointsman_build_info');
    return found.length === 1 ? found : null;
  });
  const rules = await loadedRules(url);
  expect(rules.length).toBeGreaterThan(30);
  expect(rules.filter(({ lastError }) => lastError !== undefined && lastError !== '')).toEqual([]);
  expect(told).toEqual([]);

  // A person forces a lane open, and forgets it. It is told of once it has been asked for.
  const override = (mode: string) =>
    gateway.call('PUT', '/v1/providers/away/override', {
      body: {
        mode,
        brand: 'mastercard',
        reason: 'a drill',
        ...(mode === 'auto' ? {} : { expires_in_s: 600 }),
      },
    });
  const first = paymentBody('alerted-first');
  await gateway.authorize({ ...first, card: { ...first.card, bin: '51546200' } }, 'alerted-first');
  expect((await override('force_open')).status).toBe(200);
  // And its provider is not to be reached: payments fail.
  const traffic = beginTraffic(gateway);
  const breaker = await alertTold('PointsmanBreakerOpen', 'firing');
  expect(breaker.labels).toMatchObject({
    severity: 'warning',
    namespace: 'pay',
    provider: 'away',
    brand: 'mastercard',
  });
  const failing = await alertTold('PointsmanTechnicalFailures', 'firing');
  expect(failing.labels['provider']).toBe('away');
  expect(failing.annotations['summary']).toBe('away does not process what it is sent');
  expect(failing.annotations['runbook_url']).toBe(
    'https://runbooks.example.com/PointsmanTechnicalFailures.md',
  );
  const burning = await alertTold('PointsmanAvailabilityBurnsFast', 'firing');
  expect(burning.labels['severity']).toBe('critical');
  const payments = await traffic.end();
  expect(payments).toBeGreaterThan(20);

  expect((await override('auto')).status).toBe(200);
  await alertTold('PointsmanBreakerOpen', 'resolved');
  await alertTold('PointsmanTechnicalFailures', 'resolved');
  expect(told.some(({ labels }) => labels['alertname'] === 'PointsmanAbsent')).toBe(false);
  await gateway.stop();
  const absent = await alertTold('PointsmanAbsent', 'firing');
  expect(absent.labels['severity']).toBe('critical');
  console.log(`${payments} payments, ${rules.length} rules, ${told.length} alerts told`);
}, 120_000);
