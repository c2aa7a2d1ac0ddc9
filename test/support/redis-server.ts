import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { RedisTarget } from '../../src/stores/redis/redis-client.ts';
import { type RedisIdentity, redisIdentity } from '../../src/stores/redis/redis-identity.ts';
import { installPackages } from './debian-programs.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';

/** Debian's server is the same file as its checker of dumps, which comes without a service. */
const NAMES = ['redis-server', 'valkey-server', 'redis-check-rdb'];

/** Where a Redis or Valkey server is, in `PATH`; null: none is installed. */
export function findRedisServer(): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  for (const name of NAMES) {
    const path = folders.map((folder) => join(folder, name)).find((candidate) => existsSync(candidate));
    if (path !== undefined) return path;
  }
  return null;
}

const ONLY_ROOT = 'no redis-server on the PATH, and only root can install it';

/** Why tests that need a server cannot run; null: they can. It is looked for only, since others may do so at once. */
export const whyNoRedis = (): string | null => (findRedisServer() === null ? ONLY_ROOT : null);

/**
 * Installs Debian's server where there is none and this is root: without a service of its own.
 * @returns why there is none; null: there is one
 */
export function installRedisServer(): string | null {
  if (findRedisServer() !== null) return null;
  if (process.getuid?.() !== 0) return ONLY_ROOT;
  const refusal = installPackages('redis-tools');
  if (refusal !== null) return refusal;
  return findRedisServer() === null ? "Debian's package holds no server" : null;
}

/** Ports that are tried, of a server that does not start. */
const STARTS_MAX = 5;

/** A server of a test's own on loopback, without persistence: what it holds is gone with its process. */
export class RedisServer {
  readonly port: number;
  #args: readonly string[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), 'redis-'));
  #child: ChildProcess | null = null;

  private constructor(port: number) {
    this.port = port;
  }

  /**
   * @param args further ones, of its port and folder
   * @throws when it does not answer within ten seconds
   */
  static async start(
    args: (port: number, folder: string) => readonly string[] = () => [],
    port?: number,
  ): Promise<RedisServer> {
    for (let start = 1; ; start += 1) {
      const server = new RedisServer(port ?? (await freePort()));
      server.#args = args(server.port, server.#folder);
      try {
        await server.restart();
        return server;
      } catch (error) {
        await server.stop();
        // Further ports that it was given, such as that of TLS, may be somebody else's.
        if (port !== undefined || start === STARTS_MAX) throw error;
      }
    }
  }

  get target(): RedisTarget {
    return targetOf('single', [this.port]);
  }

  /** Starts it, empty, at the same port. */
  async restart(): Promise<void> {
    const path = findRedisServer();
    if (path === null) throw new Error('there is no redis-server on the PATH');
    const child = spawn(
      path,
      [
        ...this.#args.filter((argument) => argument.endsWith('.conf') || argument === '--sentinel'),
        ...['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#folder],
        ...(this.#args.includes('--sentinel') ? [] : ['--save', '', '--appendonly', 'no']),
        ...this.#args.filter((argument) => !argument.endsWith('.conf') && argument !== '--sentinel'),
      ],
      { argv0: 'redis-server', stdio: 'ignore' },
    );
    this.#child = child;
    await eventually('the Redis server answers, or ends', async () =>
      child.exitCode !== null || (await ask(this.port, ['PING'])) !== null ? true : null,
    );
    if (child.exitCode !== null) throw new Error(`the Redis server ended with ${child.exitCode}`);
  }

  /** As `kill -9`. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGCONT');
    child.kill('SIGKILL');
    await ended;
  }

  /** It keeps its connections, and answers nobody. */
  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Sends a command, and gives what comes back within a second as it stands on the wire; null: nothing. */
  ask(...command: readonly string[]): Promise<string | null> {
    return ask(this.port, command);
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export function targetOf(
  kind: RedisTarget['kind'],
  ports: readonly number[],
  masterName: string | null = null,
): RedisTarget {
  return {
    kind,
    tls: false,
    certificateAuthority: null,
    hosts: ports.map((port) => ({ host: '127.0.0.1', port })),
    username: null,
    password: null,
    database: 0,
    masterName,
    sentinelLogin: null,
  };
}

/** As processes of one journal have it; of another name: of another journal. */
export function testIdentity(journal = 'a journal', given: string | null = null): RedisIdentity {
  return redisIdentity(createHash('sha256').update(journal).digest(), given);
}

/** A cluster of three masters that has shared out its slots among them. */
export async function startCluster(): Promise<readonly RedisServer[]> {
  const servers: RedisServer[] = [];
  // The port of the nodes among each other is 10000 above.
  for (let index = 0; index < 3; index += 1) {
    servers.push(
      await RedisServer.start(
        () => ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000'],
        await freePort(50_000),
      ),
    );
  }
  const [first] = servers;
  if (first === undefined) throw new Error('no server was started');
  for (const [index, server] of servers.entries()) {
    const from = index * 5461;
    await server.ask('CLUSTER', 'ADDSLOTSRANGE', String(from), String(index === 2 ? 16_383 : from + 5460));
    if (server !== first) await server.ask('CLUSTER', 'MEET', '127.0.0.1', String(first.port));
  }
  for (const server of servers) {
    await eventually('the cluster is whole', async () => {
      const [info, nodes] = [await server.ask('CLUSTER', 'INFO'), await server.ask('CLUSTER', 'NODES')];
      const isWhole =
        info?.includes('cluster_state:ok') && (nodes?.match(/connected \d/g) ?? []).length === 3;
      return isWhole ? true : null;
    });
  }
  return servers;
}

function ask(port: number, command: readonly string[]): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = new Socket();
    let text = '';
    const end = (result: string | null) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => end(text === '' ? null : text), 1_000);
    socket.once('error', () => end(null));
    socket.on('data', (data) => {
      text += data.toString();
      if (isWhole(text)) end(text);
    });
    socket.connect(port, '127.0.0.1', () => {
      const parts = command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`);
      socket.write(`*${command.length}\r\n${parts.join('')}`);
    });
  });
}

/** Whether a reply of one line, or of one text, has come to its end; others end with the time-out. */
function isWhole(text: string): boolean {
  if (/^[+\-:]/.test(text)) return text.endsWith('\r\n');
  const [, length] = /^\$(-?\d+)\r\n/.exec(text) ?? [];
  return length !== undefined && Buffer.byteLength(text) >= `$${length}\r\n`.length + Number(length) + 2;
}
