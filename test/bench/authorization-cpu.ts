import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import autocannon from 'autocannon';
import { cpuMicroseconds } from '../support/child-cpu.ts';

/**
 * CPU of the whole gateway per authorization, journal and all, over a minimal Hono proxy, both driven by the same
 * load against the same sandbox in the same run, in turns. Prints the ratio of each round and the median.
 */
const ROOT = resolve(import.meta.dirname, '../..');
const KEY = 'bench-key-0123456789abcdefghij';
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 5);
const REQUESTS = Number(process.env['BENCH_REQUESTS'] ?? 6_000);
const CONNECTIONS = Number(process.env['BENCH_CONNECTIONS'] ?? 32);

interface Target {
  readonly name: string;
  readonly pid: number;
  readonly url: string;
  readonly child: ChildProcess;
}

let sequence = 0;

function body(): string {
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
      id: 'card-77',
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

async function startGateway(dataDir: string): Promise<Target & { readonly sandboxUrl: string }> {
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
  return { name: 'gateway', pid: child.pid, url, child, sandboxUrl };
}

async function startProxy(upstream: string): Promise<Target> {
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

async function round(
  target: Target,
  makeBody: () => string,
): Promise<{ readonly us: number; readonly perSecond: number }> {
  const before = cpuMicroseconds(target.pid);
  const result = await autocannon({
    url: `${target.url}/v1/authorizations`,
    method: 'POST',
    connections: CONNECTIONS,
    amount: REQUESTS,
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
  if (result['2xx'] !== REQUESTS) {
    throw new Error(`${target.name}: ${result['2xx']} of ${REQUESTS} answered 2xx (${result.non2xx} other)`);
  }
  return { us: (cpuMicroseconds(target.pid) - before) / REQUESTS, perSecond: result.requests.average };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const dataDir = mkdtempSync(join(tmpdir(), 'pointsman-bench-'));
const gateway = await startGateway(dataDir);
const proxy = await startProxy(gateway.sandboxUrl);
try {
  // The first rounds warm the compilers of both up and are not counted.
  await round(gateway, body);
  await round(proxy, proxyBody);
  const ratios: number[] = [];
  for (let count = 1; count <= ROUNDS; count += 1) {
    const ours = await round(gateway, body);
    const theirs = await round(proxy, proxyBody);
    ratios.push(ours.us / theirs.us);
    console.log(
      `round ${count}: gateway ${ours.us.toFixed(0)} us/authorization (${ours.perSecond.toFixed(0)}/s), ` +
        `proxy ${theirs.us.toFixed(0)} us/request (${theirs.perSecond.toFixed(0)}/s), ratio ${(ours.us / theirs.us).toFixed(2)}`,
    );
  }
  console.log(
    `CPU per authorization over a minimal proxy: median ratio ${median(ratios).toFixed(2)} (goal at most 1.9)`,
  );
} finally {
  for (const target of [gateway, proxy]) {
    const ended = new Promise((resolve) => target.child.once('exit', resolve));
    target.child.kill('SIGTERM');
    await ended;
  }
  rmSync(dataDir, { recursive: true, force: true });
}
