import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { newApiKey } from '../../config/api-keys.ts';

/** A gateway and the sandbox beside it. */
export interface GatewayAddress {
  readonly url: string;
  readonly key: string;
  /** Control port of the sandbox. */
  readonly sandbox: string;
}

/** A gateway that the demo started for itself. */
export interface OwnGateway extends GatewayAddress {
  readonly pid: number;
  /** Ends it and removes its data. Once; further calls wait for the first. */
  stop(): Promise<void>;
}

/** No gateway to talk to, in words that say how to mend it. */
export class GatewayUnavailableError extends Error {
  override readonly name = 'GatewayUnavailableError';
}

const START_MS = 30_000;
/** Its drain takes less; after this it is killed. */
const STOP_MS = 8_000;
/** What a child needs of our environment. The rest is left out: a database or a port of ours is not the demo's. */
const PASSED_ON = ['PATH', 'HOME', 'TMPDIR', 'TEMP', 'TMP', 'SystemRoot'];
const STDERR_CHARACTERS_MAX = 4_000;

/**
 * Starts `src/main.ts` on free ports with the shipped rules, a key of its own and an empty temporary folder, and waits
 * until it listens. In a process group of its own: Ctrl-C in a terminal is the demo's to handle. Whatever way the demo
 * ends, short of being killed outright, it takes the gateway with it.
 * @throws GatewayUnavailableError with what the gateway said, when it does not start
 */
export async function startOwnGateway(): Promise<OwnGateway> {
  const folder = await mkdtemp(join(tmpdir(), 'pointsman-demo-'));
  const key = newApiKey();
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  const child = spawn(process.execPath, [join(root, 'src', 'main.ts')], {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...Object.fromEntries(PASSED_ON.map((name) => [name, process.env[name]])),
      PORT: '0',
      SANDBOX_PORT: '0',
      DATA_DIR: folder,
      RULES_DIR: join(root, 'routing-rules'),
      DEV_API_KEY: key,
      DRAIN_TIMEOUT_MS: '3000',
    },
  });
  const atExit = (): void => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.on('exit', atExit);
  let stopping: Promise<void> | null = null;
  const stop = (): Promise<void> => {
    stopping ??= ended(child).then(async () => {
      await rm(folder, { recursive: true, force: true });
      process.off('exit', atExit);
    });
    return stopping;
  };
  try {
    const { url, sandbox } = await listening(child);
    return { url, sandbox, key, pid: child.pid ?? 0, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Asks the child to end, and waits until it has. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await gone;
  clearTimeout(timer);
}

/** Waits for the log line that says where it listens. Everything after it is read and dropped. */
function listening(child: ChildProcess): Promise<{ readonly url: string; readonly sandbox: string }> {
  return new Promise((resolve, reject) => {
    let said = '';
    const fail = (what: string): void => {
      clearTimeout(timer);
      reject(
        new GatewayUnavailableError(`the demo's gateway ${what}${said === '' ? '' : `:\n${said.trim()}`}`),
      );
    };
    const timer = setTimeout(() => fail(`did not listen within ${START_MS / 1000} s`), START_MS);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-STDERR_CHARACTERS_MAX);
    });
    child.once('error', (error) => fail(`could not be started: ${error.message}`));
    child.once('exit', (code, signal) => fail(`ended with ${code ?? signal} while it started`));
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = line.includes('"event":"listening"') ? readListening(line) : null;
      if (found === null) return;
      clearTimeout(timer);
      resolve(found);
    });
  });
}

function readListening(line: string): { readonly url: string; readonly sandbox: string } | null {
  const { url, sandbox } = JSON.parse(line) as Record<string, unknown>;
  return typeof url === 'string' && typeof sandbox === 'string' ? { url, sandbox } : null;
}
