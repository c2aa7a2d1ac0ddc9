import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FaultBody } from '../../src/sandbox/faults.ts';
import type { LedgerEntry, LedgerReport } from '../../src/sandbox/ledger-view.ts';
import type { WorldBody } from '../../src/sandbox/world.ts';
import { bareEnvironment } from './bare-environment.ts';
import { eventually } from './eventually.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const SHIPPED_RULES = fileURLToPath(new URL('../../routing-rules', import.meta.url));

/** The key of every test's gateway; carries every scope and merchant. */
export const GATEWAY_KEY = 'test-key-abcdefghijklmnop';

/** A start or an end on a busy machine may take this long. */
const PROCESS_MS = 20_000;

/** Children and folders that are still there, so that they end with us whatever a test does. */
const running = new Set<ChildProcess>();
const roots = new Set<string>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  for (const root of roots) rmSync(root, { recursive: true, force: true });
});

/** What a test may set; everything left out is as shipped, on free ports and in folders of its own. */
export interface GatewayOptions {
  /** Text of `providers.yaml`. */
  readonly providers?: string;
  /** Text of `rules.yaml`. */
  readonly rules?: string;
  /** Text of the file for `API_KEYS_FILE`. */
  readonly apiKeys?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** An HTTP answer, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed body; null when it is not JSON. */
  readonly json: unknown;
}

/** How a process ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** From the signal, or from the start, to the last sign of it and its sandbox. */
  readonly tookMs: number;
}

/** An answer about an authorization, as far as tests look into it. */
export interface AuthorizationView {
  readonly id: string;
  readonly status: string;
  readonly provider: string | null;
  readonly provider_reference: string | null;
  readonly reference: string;
  readonly merchant: string;
  readonly decline: { readonly category: string; readonly code: string } | null;
  readonly attempts: readonly {
    readonly id: string;
    readonly number: number;
    readonly provider: string;
    readonly outcome: string | null;
    readonly code: string | null;
    readonly duration_ms: number | null;
  }[];
  readonly operations: readonly { readonly id: string; readonly kind: string; readonly status: string }[];
  readonly routing: {
    readonly rule: string;
    readonly candidates: readonly { readonly provider: string; readonly reason: string | null }[];
  };
}

/** An authorization by its answer; the test fails when it is none. */
export function authorizationIn(answer: Pick<Answer, 'status' | 'text' | 'json'>): AuthorizationView {
  const found = answer.json as Partial<AuthorizationView> | null;
  if (typeof found?.id !== 'string' || !Array.isArray(found.attempts)) {
    throw new Error(`no authorization in the answer: ${answer.status} ${answer.text}`);
  }
  return found as AuthorizationView;
}

/** Kinds of the alerts about an authorization that the gateway has logged, in their order. */
export function alertsOn(
  { output }: Pick<TestGateway, 'output'>,
  authorizationId: string,
): readonly unknown[] {
  return output
    .events('alert')
    .filter((event) => event['authorization_id'] === authorizationId)
    .map((event) => event['kind']);
}

/** What the gateway's process wrote, line by line. */
class Output {
  readonly lines: string[] = [];
  errors = '';
  #rest = '';

  add(chunk: string): void {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    this.lines.push(...lines);
  }

  /** The JSON lines of one event, oldest first. */
  events(name: string): readonly Readonly<Record<string, unknown>>[] {
    return this.lines.flatMap((line) => {
      if (!line.startsWith('{')) return [];
      const parsed = JSON.parse(line) as Record<string, unknown>;
      return parsed['event'] === name ? [parsed] : [];
    });
  }

  text(): string {
    return `${this.lines.join('\n')}\n${this.errors}`;
  }
}

/** One process of the gateway, with the sandbox that it starts. */
class GatewayProcess {
  readonly output = new Output();
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #closed: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  #sinceMs = performance.now();

  constructor(environment: Readonly<Record<string, string>>) {
    const child = spawn(process.execPath, [MAIN], {
      env: { ...bareEnvironment(), ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => this.output.add(chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.output.errors += chunk;
    });
    // `close` and not `exit`: the sandbox writes to the same pipes, so that this waits for its end too.
    this.#closed = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        running.delete(child);
        resolve({ code, signal });
      });
    });
    this.#child = child;
    this.pid = child.pid ?? 0;
  }

  get ended(): boolean {
    return !running.has(this.#child);
  }

  /** Resolves to the address when it listens; rejects with all it wrote when it ended before. */
  async listening(): Promise<{ readonly url: string; readonly sandbox: string | null }> {
    const found = await eventually(
      'the gateway listens',
      () => {
        const [event] = this.output.events('listening');
        return event ?? (this.ended ? 'ended' : null);
      },
      { withinMs: PROCESS_MS, describe: () => this.output.text() },
    );
    if (found === 'ended') throw new Error(`the gateway ended while it started:\n${this.output.text()}`);
    return { url: String(found['url']), sandbox: found['sandbox'] as string | null };
  }

  signal(signal: NodeJS.Signals): void {
    this.#sinceMs = performance.now();
    this.#child.kill(signal);
  }

  /** Resolves when the process and its sandbox are gone; kills them and rejects when they do not go in time. */
  async end(): Promise<Ending> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), PROCESS_MS);
    });
    const how = await Promise.race([this.#closed, late]);
    clearTimeout(timer);
    if (how === null) {
      this.#child.kill('SIGKILL');
      throw new Error(
        `the gateway or its sandbox did not end within ${PROCESS_MS} ms:\n${this.output.text()}`,
      );
    }
    return { ...how, tookMs: performance.now() - this.#sinceMs };
  }
}

/** The control port of the sandbox beside a gateway. */
export class SandboxControl {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  /** Adds a fault (once, unless `times` says otherwise) and returns its id. */
  async addFault(fault: FaultBody): Promise<string> {
    return ((await this.#call('POST', '/faults', fault)) as { readonly id: string }).id;
  }

  async removeFault(id: string): Promise<void> {
    await this.#call('DELETE', `/faults/${id}`);
  }

  async clearFaults(): Promise<void> {
    await this.#call('DELETE', '/faults');
  }

  async setWorld(world: WorldBody): Promise<void> {
    await this.#call('PUT', '/world', world);
  }

  /** What the providers really did; the filter's names are those of the control port. */
  async ledger(filter: Readonly<Record<string, string>> = {}): Promise<LedgerReport> {
    return (await this.#call('GET', `/ledger?${new URLSearchParams(filter)}`)) as LedgerReport;
  }

  /** What the providers did for one payment. */
  async entriesOf(reference: string): Promise<readonly LedgerEntry[]> {
    return (await this.ledger({ merchant_reference: reference })).authorizations;
  }

  /** Every POST that reached a provider, by provider. */
  async requests(): Promise<Readonly<Record<string, number>>> {
    const { totals } = await this.ledger({ limit: '0' });
    return Object.fromEntries(Object.entries(totals).map(([provider, { requests }]) => [provider, requests]));
  }

  async #call(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  }
}

/** Folders of one gateway, kept over its restarts. */
interface Folders {
  readonly root: string;
  readonly data: string;
  readonly rules: string;
}

/** A gateway as people start it: a process of its own, reached through its sockets and nothing else. */
export class TestGateway implements AsyncDisposable {
  readonly folders: Folders;
  readonly #environment: Readonly<Record<string, string>>;
  #process: GatewayProcess;
  #url = '';
  #sandbox: SandboxControl | null = null;

  constructor(folders: Folders, environment: Readonly<Record<string, string>>) {
    this.folders = folders;
    this.#environment = environment;
    this.#process = new GatewayProcess(environment);
  }

  /** Waits until it listens. Called by `startGateway`. */
  async begin(): Promise<void> {
    const { url, sandbox } = await this.#process.listening();
    this.#url = url;
    this.#sandbox = sandbox === null ? null : new SandboxControl(sandbox);
  }

  get url(): string {
    return this.#url;
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Log and error output of the process that runs now, or ran last. */
  get output(): Output {
    return this.#process.output;
  }

  get sandbox(): SandboxControl {
    if (this.#sandbox === null) throw new Error('this gateway was started without a sandbox of its own');
    return this.#sandbox;
  }

  /** Any request; with the test's key unless the headers say otherwise. */
  async call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const { body, headers, key = GATEWAY_KEY } = options;
    const response = await fetch(`${this.#url}${path}`, {
      method,
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const json = /json/.test(response.headers.get('content-type') ?? '') ? JSON.parse(text) : null;
    return { status: response.status, headers: response.headers, text, json };
  }

  /** `POST /v1/authorizations` under an idempotency key. */
  authorize(body: unknown, idempotencyKey: string, options: CallOptions = {}): Promise<Answer> {
    const headers = { 'idempotency-key': idempotencyKey, ...options.headers };
    return this.call('POST', '/v1/authorizations', { ...options, body, headers });
  }

  get(path: string, options: CallOptions = {}): Promise<Answer> {
    return this.call('GET', path, options);
  }

  /** The authorization of a payment, or null. */
  async find(merchant: string, reference: string): Promise<AuthorizationView | null> {
    const query = new URLSearchParams({ merchant, reference });
    const answer = await this.get(`/v1/authorizations?${query}`);
    return (answer.json as { readonly data: readonly AuthorizationView[] }).data[0] ?? null;
  }

  /** The value of a metric with these labels; null when there is none. */
  async metric(name: string, labels = ''): Promise<number | null> {
    const { text } = await this.get('/metrics', { key: null });
    const line = text.split('\n').find((each) => each.startsWith(`${name}${labels} `));
    return line === undefined ? null : Number(line.slice(line.lastIndexOf(' ')));
  }

  /** Replaces a file of the rules folder, as an editor does. */
  writeRules(file: string, text: string): void {
    writeFileSync(join(this.folders.rules, file), text);
  }

  /** Sends a signal and goes on. */
  signal(signal: NodeJS.Signals): void {
    this.#process.signal(signal);
  }

  /** Resolves when the process and its sandbox are gone. */
  ended(): Promise<Ending> {
    return this.#process.end();
  }

  /** As if the machine had failed; resolves when the sandbox is gone too. */
  async kill9(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended();
  }

  /** Starts again on the same folders, with free ports. */
  async restart(env: Readonly<Record<string, string>> = {}): Promise<void> {
    if (!this.#process.ended) throw new Error('it still runs: stop or kill it first');
    this.#process = new GatewayProcess({ ...this.#environment, ...env });
    await this.begin();
  }

  /** Drains and ends. */
  async stop(): Promise<Ending> {
    this.signal('SIGTERM');
    return this.ended();
  }

  /** Ends it, however it is, and removes its folders. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#process.ended) await this.kill9();
    rmSync(this.folders.root, { recursive: true, force: true });
    roots.delete(this.folders.root);
  }
}

export interface CallOptions {
  /** A text is sent as it is, anything else as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** API key; null: none. */
  readonly key?: string | null;
}

/** `await using gateway = await startGateway({ rules });` The folders go with it. */
export async function startGateway(options: GatewayOptions = {}): Promise<TestGateway> {
  const gateway = launchGateway(options);
  try {
    await gateway.begin();
    return gateway;
  } catch (error) {
    await gateway[Symbol.asyncDispose]();
    throw error;
  }
}

/** The same without waiting: for starts that are to fail. */
export function launchGateway(options: GatewayOptions = {}): TestGateway {
  const root = mkdtempSync(join(tmpdir(), 'pointsman-road-'));
  roots.add(root);
  const folders = { root, data: join(root, 'data'), rules: join(root, 'rules') };
  mkdirSync(folders.rules);
  for (const [file, text] of [
    ['providers.yaml', options.providers],
    ['rules.yaml', options.rules],
  ] as const) {
    if (text === undefined) cpSync(join(SHIPPED_RULES, file), join(folders.rules, file));
    else writeFileSync(join(folders.rules, file), text);
  }
  const keys = join(root, 'api-keys.yaml');
  if (options.apiKeys !== undefined) writeFileSync(keys, options.apiKeys);
  return new TestGateway(folders, {
    PORT: '0',
    SANDBOX_PORT: '0',
    DATA_DIR: folders.data,
    RULES_DIR: folders.rules,
    DEV_API_KEY: GATEWAY_KEY,
    ...(options.apiKeys === undefined ? {} : { API_KEYS_FILE: keys }),
    ...options.env,
  });
}
