import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startOwnGateway } from '../../src/cli/demo/gateway-process.ts';

const SCRIPT = fileURLToPath(new URL('../../src/cli/demo.ts', import.meta.url));

/** The demo as a child process, with a temporary folder of its own. */
interface Run {
  readonly child: ChildProcess;
  /** What it has printed so far. */
  readonly output: () => string;
  readonly errors: () => string;
  readonly code: Promise<number | null>;
}

let folder: string;
let runs: Run[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pointsman-demo-test-'));
  runs = [];
});

afterEach(async () => {
  for (const { child, code } of runs) {
    child.kill('SIGTERM');
    await code;
  }
  await rm(folder, { recursive: true, force: true });
});

function runDemo(argv: readonly string[], environment: Readonly<Record<string, string>> = {}): Run {
  const child = spawn(process.execPath, [SCRIPT, ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], TMPDIR: folder, ...environment },
  });
  let output = '';
  let errors = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const code = new Promise<number | null>((resolve) => child.once('close', resolve));
  const run = { child, output: () => output, errors: () => errors, code };
  runs.push(run);
  return run;
}

/** The figures of a table's row, commas taken out; a dash is null. */
function figures(output: string, section: string, row: string): (number | null)[] {
  const lines = output.slice(output.indexOf(`\n${section}\n`)).split('\n');
  const line = lines.find((one) => one.trimStart().startsWith(`${row} `)) ?? '';
  const cells = line.trim().slice(row.length).trim().replaceAll(' %', '').split(/ +/);
  return cells.map((cell) => (cell === '-' ? null : Number(cell.replaceAll(',', ''))));
}

/** Figure at the end of a line of the audit, without its verdict. */
function audited(output: string, row: string): number {
  const found = new RegExp(`^ +${row} +([\\d,]+)`, 'm').exec(output.slice(output.indexOf('\nAUDIT\n')));
  return Number(found?.[1]?.replaceAll(',', '') ?? Number.NaN);
}

/** Own gateway and its sandbox are gone, and so are their files. */
async function expectNothingLeft(output: string): Promise<void> {
  const pid = Number(/started for the demo, pid (\d+)/.exec(output)?.[1]);
  expect(pid).toBeGreaterThan(0);
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  const ports = [...output.matchAll(/http:\/\/127\.0\.0\.1:\d+/g)].map(([url]) => url);
  expect(ports.length).toBe(2);
  for (const url of ports) await expect(fetch(url)).rejects.toThrow('fetch failed');
  expect(await readdir(folder)).toEqual([]);
}

interface Ledger {
  readonly authorizations: readonly { readonly merchant_reference: string }[];
}

/** Reference of the first payment of the demo with money held; empty while there is none. */
async function firstReference(sandbox: string): Promise<string> {
  const response = await fetch(`${sandbox}/ledger?merchant=demo-shop&live=true&limit=1`);
  return ((await response.json()) as Ledger).authorizations[0]?.merchant_reference ?? '';
}

/** What a second gateway would do that does not know of the first: asks the last provider for the same payment. */
async function authorizeDirectly(sandbox: string, reference: string): Promise<void> {
  const { providers } = (await (await fetch(`${sandbox}/providers`)).json()) as {
    readonly providers: readonly { readonly url: string }[];
  };
  const response = await fetch(`${providers.at(-1)?.url}/v1/authorizations`, {
    method: 'POST',
    headers: { authorization: 'Bearer sandbox-key', 'idempotency-key': 'behind-the-back' },
    body: JSON.stringify({
      reference: 'behind-the-back',
      merchant: 'demo-shop',
      merchant_reference: reference,
      amount: { value: 100, currency: 'EUR' },
      token: 'tok_visa',
      brand: 'visa',
      initiator: 'customer',
      capture: 'manual',
    }),
  });
  expect(response.status).toBe(200);
}

// Real processes: some seconds each alone, more on a busy machine.
describe('npm run demo', { timeout: 60_000 }, () => {
  it('shows failover and unknowns, finds nothing authorized twice, and leaves nothing behind', async () => {
    const run = runDemo(['--payments', '240', '--seed', 'test']);
    expect(await run.code, run.errors()).toBe(0);
    const output = run.output();

    const [sent, approved, declined, pending, failed, other] = figures(output, 'WHAT THE SHOP SAW', 'all');
    expect(sent).toBe(240);
    expect((approved ?? 0) + (declined ?? 0) + (pending ?? 0) + (failed ?? 0) + (other ?? 0)).toBe(240);
    expect(approved).toBeGreaterThan(150);
    const phases = ['healthy', 'brown-out', 'outage', 'recovered'].map(
      (phase) => figures(output, 'WHAT THE SHOP SAW', phase)[0] ?? 0,
    );
    expect(Math.min(...phases)).toBeGreaterThan(0);
    expect(phases.reduce((sum, each) => sum + each)).toBe(240);

    const [attempts, , , rejected, notSent, unknown] = figures(output, 'PROVIDERS', 'all');
    const [failovers] = figures(output, 'FAILOVERS', 'all');
    expect(failovers).toBeGreaterThan(0);
    expect(attempts).toBe(240 + (failovers ?? 0));
    expect((rejected ?? 0) + (notSent ?? 0)).toBeGreaterThan(0);
    expect((notSent ?? 0) + (unknown ?? 0)).toBeGreaterThan(0);
    expect(unknown).toBe(pending);

    expect(output).toMatch(/the same request again +(\d+) +\1 identical +ok/);
    expect(output).toMatch(/another key, same payment +(\d+) +\1 refused +ok/);

    expect(audited(output, 'payments compared')).toBe(240);
    expect(audited(output, 'authorized at more than one place')).toBe(0);
    expect(audited(output, 'approved answers')).toBe(approved);
    expect(audited(output, 'without that authorization, live, in the books')).toBe(0);
    expect(audited(output, 'with money held all the same')).toBe(0);
    expect(audited(output, 'pending, outcome not known')).toBe(pending);
    expect(output).toContain('PASSED: 240 payments, none authorized twice');
    expect(output).not.toContain('WRONG');

    expect(output).not.toContain('\u001b');
    expect(output.split('\n').filter((line) => line.length > 100)).toEqual([]);
    await expectNothingLeft(output);
  });

  it('uses a running gateway, leaves its sandbox as it was, and does not stop it', async () => {
    const gateway = await startOwnGateway();
    const control = async (method: string, path: string, body?: unknown): Promise<unknown> => {
      const init = { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
      return (await fetch(`${gateway.sandbox}${path}`, init)).json();
    };
    try {
      await control('PUT', '/world', { seed: 'mine', approval: 0.5 });
      await control('POST', '/faults', {
        provider: 'sandbox-c',
        kind: 'late',
        operation: 'refund',
        times: null,
      });
      const before = [await control('GET', '/world'), await control('GET', '/faults')];
      const run = runDemo(['--payments', '60', '--sandbox', gateway.sandbox], {
        DEMO_URL: gateway.url,
        DEMO_KEY: gateway.key,
      });
      expect(await run.code, run.errors()).toBe(0);
      expect(run.output()).toContain('PASSED: 60 payments');
      expect(run.output()).not.toContain('started for the demo');
      expect([await control('GET', '/world'), await control('GET', '/faults')]).toEqual(before);
      expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);

      const wrongKey = runDemo(['--url', gateway.url, '--key', 'k', '--sandbox', gateway.sandbox]);
      expect(await wrongKey.code).toBe(2);
      expect(wrongKey.errors()).toMatch(/answered 401; give --key with the scopes/);
      const wrongSandbox = runDemo(['--url', gateway.url, '--key', gateway.key, '--sandbox', gateway.url]);
      expect(await wrongSandbox.code).toBe(2);
      expect(wrongSandbox.errors()).toMatch(/answered 404/);
    } finally {
      await gateway.stop();
    }
  });

  it('finds a payment that somebody authorized a second time behind the back of the gateway', async () => {
    const gateway = await startOwnGateway();
    try {
      const run = runDemo([
        '--payments',
        '240',
        ...['--url', gateway.url, '--key', gateway.key, '--sandbox', gateway.sandbox],
      ]);
      await expect.poll(() => firstReference(gateway.sandbox), { timeout: 40_000 }).toMatch(/^demo-/);
      await authorizeDirectly(gateway.sandbox, await firstReference(gateway.sandbox));
      expect(await run.code, run.errors()).toBe(1);
      expect(run.output()).toMatch(/authorized at more than one place +1 +WRONG/);
      expect(run.output()).toMatch(/AUTHORIZED TWICE\n/);
      expect(run.output()).toContain('FAILED: answers and books disagree');
    } finally {
      await gateway.stop();
    }
  }, 60_000);

  it('takes its gateway with it when it is interrupted', async () => {
    const run = runDemo(['--payments', '3000']);
    await expect.poll(run.output, { timeout: 15_000 }).toContain('all providers answer');
    run.child.kill('SIGINT');
    expect(await run.code).toBe(130);
    expect(run.output()).toMatch(/Interrupted after \d+ payments/);
    await expectNothingLeft(run.output());
  });

  it('says what is wrong with its arguments, and where nobody answers', async () => {
    const help = runDemo(['--help']);
    expect(await help.code).toBe(0);
    expect(help.output()).toContain('usage: npm run demo --');
    expect(
      help
        .output()
        .split('\n')
        .filter((line) => line.length > 100),
    ).toEqual([]);
    const wrong = runDemo(['--payments', 'many']);
    expect(await wrong.code).toBe(2);
    expect(wrong.errors()).toContain('--payments many: expected a whole number');
    // Port 1 is kept for a service that nobody runs.
    const nobody = runDemo(['--url', 'http://127.0.0.1:1', '--key', 'k']);
    expect(await nobody.code).toBe(2);
    expect(nobody.errors()).toContain('no gateway answers at http://127.0.0.1:1');
  });
});
