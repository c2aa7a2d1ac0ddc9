import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import autocannon from 'autocannon';
import { cpuMicroseconds } from '../support/child-cpu.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const KEY = 'bench-key-0123456789abcdefghij';
const CONNECTIONS = Number(process.env['BENCH_CONNECTIONS'] ?? 32);

/** Rounds that count, and requests of each. */
export const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 5);
const REQUESTS = Number(process.env['BENCH_REQUESTS'] ?? 6_000);
/**
 * Rounds before those that count: V8's compilers take a seventh of a gateway's CPU in its first 15,000 authorizations, and
 * next to nothing afterwards (by `--trace-opt`).
 */
export const WARM_UP_ROUNDS = 3;

/** A process whose CPU is measured. */
export interface Target {
  readonly name: string;
  readonly pid: number;
  readonly url: string;
  readonly child: ChildProcess;
}

/** What one process did in a round. */
export interface Measured {
  /** CPU of the process per request, microseconds. */
  readonly us: number;
  readonly perSecond: number;
}

/** As the gateway says it, and as the provider behind the proxy does. */
const APPROVED = /"status":\s*"(?:approved|authorized)"/;

let sequence = 0;

/** Each payment has a card of its own: the schemes' ceilings would soon refuse one card, without asking any provider. */
function gatewayBody(): string {
  sequence += 1;
  return JSON.stringify({
    reference: `bench-${process.pid}-${sequence}`,
    merchant: 'acme-eu',
    amount: { value: 4999, currency: 'EUR' },
    card: {
      bin: '45717360',
      last4: '0007',
      expiry_month: 9,
      expiry_year: 2029,
      token: 'tok_visa',
      id: `card-${sequence}`,
    },
    initiator: 'customer',
    shopper: { country: 'DE', id: 'cust-9' },
    capture: 'manual',
    metadata: { channel: 'web' },
  });
}

/** The proxy is given what the sandbox takes, so that both do one round trip to the same server. */
function proxyBody(): string {
  sequence += 1;
  return JSON.stringify({
    reference: `proxy-${process.pid}-${sequence}`,
    merchant: 'acme-eu',
    amount: { value: 4999, currency: 'EUR' },
    token: 'tok_visa',
    brand: 'visa',
    initiator: 'customer',
    capture: 'manual',
    three_ds: null,
    stored_credential: null,
    network_transaction: null,
  });
}

/**
 * The gateway as people start it, with the shipped rules and a sandbox of its own.
 * @param more of its environment
 */
export async function startBenchGateway(
  dataDir: string,
  name = 'gateway',
  more: Readonly<Record<string, string>> = {},
): Promise<Target & { readonly sandboxUrl: string }> {
  mkdirSync(dataDir, { recursive: true });
  const child = spawn(process.execPath, [join(ROOT, 'src/main.ts')], {
    cwd: ROOT,
    env: {
      ...process.env,
      PORT: '0',
      SANDBOX_PORT: '0',
      DATA_DIR: join(dataDir, 'data'),
      RULES_DIR: rulesWithoutLimits(dataDir),
      DEV_API_KEY: KEY,
      LOG_LEVEL: 'info',
      ...more,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const line = await firstMatch(child, /("event":"listening".*)$/);
  const [, url = ''] = /"url":"([^"]+)"/.exec(line) ?? [];
  const [, control = ''] = /"sandbox":"([^"]+)"/.exec(line) ?? [];
  const { providers } = (await (await fetch(`${control}/providers`)).json()) as {
    providers: { id: string; url: string }[];
  };
  const sandboxUrl = providers.find((provider) => provider.id === 'sandbox-a')?.url ?? '';
  if (child.pid === undefined) throw new Error('the gateway has no process id');
  return { name, pid: child.pid, url, child, sandboxUrl };
}

/** @param upstream a simulated provider, which gets what the proxy is given */
export async function startProxy(upstream: string): Promise<Target> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'minimal-proxy.ts'), upstream], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const port = await firstMatch(child, /"port":(\d+)/);
  if (child.pid === undefined) throw new Error('the proxy has no process id');
  return { name: 'proxy', pid: child.pid, url: `http://127.0.0.1:${port}`, child };
}

/** The shipped rules, with limits that no load of ours reaches. */
function rulesWithoutLimits(folder: string): string {
  const rules = join(folder, 'rules');
  cpSync(join(ROOT, 'routing-rules'), rules, { recursive: true });
  const providers = readFileSync(join(rules, 'providers.yaml'), 'utf8');
  const unlimited = providers.replaceAll(
    /limits: \{[^}]*\}/g,
    'limits: { per_second: 100000, concurrent: 5000 }',
  );
  writeFileSync(join(rules, 'providers.yaml'), unlimited);
  return rules;
}

/** Waits for a line of the child's output that matches, and goes on draining it. */
function firstMatch(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((found, failed) => {
    if (child.stdout === null) throw new Error('the child has no output');
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (line) => {
      const match = pattern.exec(line);
      if (match !== null) found(match[1] ?? match[2] ?? '');
    });
    child.once('exit', (code) => failed(new Error(`exited with ${code} before it was ready`)));
  });
}

/**
 * One round of the same load, shared out among the targets, which are driven at once.
 * @param parts of the load, of which each target gets one: as many as there are targets, unless some are left out
 * @throws Error when an answer is anything but 2xx, or a payment was not approved
 */
export async function round(
  targets: readonly Target[],
  makeBody: () => string,
  parts = targets.length,
): Promise<readonly Measured[]> {
  return Promise.all(targets.map((target) => drive(target, makeBody, parts)));
}

async function drive(target: Target, makeBody: () => string, parts: number): Promise<Measured> {
  const amount = Math.round(REQUESTS / parts);
  const before = cpuMicroseconds(target.pid);
  const result = await autocannon({
    url: `${target.url}/v1/authorizations`,
    method: 'POST',
    connections: Math.max(1, Math.round(CONNECTIONS / parts)),
    amount,
    verifyBody: (body: unknown) => APPROVED.test(String(body)),
    requests: [
      {
        method: 'POST',
        path: '/v1/authorizations',
        setupRequest: (request) => ({
          ...request,
          body: makeBody(),
          headers: {
            'content-type': 'application/json',
            authorization: `Bearer ${KEY}`,
            'idempotency-key': `key-${sequence}`,
          },
        }),
      },
    ],
  });
  if (result['2xx'] !== amount) {
    throw new Error(`${target.name}: ${result['2xx']} of ${amount} answered 2xx (${result.non2xx} other)`);
  }
  if (result.mismatches > 0) {
    throw new Error(
      `${target.name}: ${result.mismatches} of ${amount} were not approved: too little was done`,
    );
  }
  return { us: (cpuMicroseconds(target.pid) - before) / amount, perSecond: result.requests.average };
}

/** Ends them one after the other, each of its own accord. */
export async function stopAll(targets: readonly Target[]): Promise<void> {
  for (const { child } of targets) {
    const ended = new Promise((done) => child.once('exit', done));
    child.kill('SIGTERM');
    await ended;
  }
}

/** What the proxy and the gateway are asked: the same payment, as each takes it. */
export const BODIES = { proxy: proxyBody, gateway: gatewayBody };
