import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import type { SandboxProcessMessage, SandboxSettings } from '../../src/sandbox/sandbox-process.ts';
import { startSandbox } from '../../src/sandbox/sandbox-server.ts';
import { authorize, eventually, glance, send } from './sandbox-client.ts';

const ENTRY = fileURLToPath(new URL('../../src/sandbox/sandbox-process.ts', import.meta.url));
const SETTINGS: SandboxSettings = {
  providers: [{ id: 'sandbox-a', port: 0 }],
  controlPort: 0,
  apiKey: 'sandbox-key',
};

const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

function track<Child extends ChildProcess>(child: Child): Child {
  started.push(child);
  return child;
}

/** Starts the process as a gateway would, and gives its first message. */
async function forked(settings: unknown): Promise<{ child: ChildProcess; message: SandboxProcessMessage }> {
  const child = track(fork(ENTRY, [], { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }));
  child.send(settings as object);
  const [message] = (await once(child, 'message')) as [SandboxProcessMessage];
  return { child, message };
}

async function ended(child: ChildProcess): Promise<number | string | null> {
  if (child.exitCode !== null) return child.exitCode;
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  return code ?? signal;
}

const knock = async (url: string) => glance(await send(url, { method: 'GET', path: '/healthz' }));

function ready(message: SandboxProcessMessage): SandboxProcessMessage & { readonly type: 'ready' } {
  if (message.type !== 'ready') throw new Error(message.message);
  return message;
}

/** A port that somebody holds. */
async function takenPort(): Promise<{ port: number; free(): void }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, free: () => server.close() };
}

describe('the sandbox process', () => {
  it('says where it listens, works, and ends when the channel closes, leaving its ports free', async () => {
    const { child, message } = await forked(SETTINGS);
    const { controlUrl, providers } = ready(message);
    const url = providers['sandbox-a'] ?? '';
    expect(glance(await authorize({ url: () => url }, 'att'))).toBe('200 authorized');
    expect(await knock(controlUrl)).toBe('200 ok');
    child.disconnect();
    expect(await ended(child)).toBe(0);
    expect(await knock(url)).toBe('ECONNREFUSED');
    // The same ports again, as after a restart of the gateway.
    const port = (text: string): number => Number(new URL(text).port);
    const again = await forked({
      ...SETTINGS,
      providers: [{ id: 'sandbox-a', port: port(url) }],
      controlPort: port(controlUrl),
    });
    expect(again.message).toEqual(message);
  });

  it('ends when its parent is killed with kill -9', async () => {
    // A parent of its own, which forks the sandbox and tells us where it is.
    const script = `
      const { fork } = require('node:child_process');
      const child = fork(${JSON.stringify(ENTRY)}, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
      child.on('message', (message) => process.send({ pid: child.pid, message }));
      child.send(${JSON.stringify(SETTINGS)});`;
    const stdio = ['ignore', 'ignore', 'inherit', 'ipc'] as const;
    const parent = track(spawn(process.execPath, ['-e', script], { stdio: [...stdio] }));
    const [told] = (await once(parent, 'message')) as [{ pid: number; message: SandboxProcessMessage }];
    const { controlUrl } = ready(told.message);
    expect(await knock(controlUrl)).toBe('200 ok');
    parent.kill('SIGKILL');
    await eventually(() => knock(controlUrl)).toBe('ECONNREFUSED');
    await eventually(() => isAlive(told.pid)).toBe(false);
  });

  it('does not end on signals that reach the whole group: its parent drains', async () => {
    const { child, message } = await forked(SETTINGS);
    child.kill('SIGINT');
    child.kill('SIGTERM');
    expect(await knock(ready(message).controlUrl)).toBe('200 ok');
    child.disconnect();
    expect(await ended(child)).toBe(0);
  });

  it.each(['provider', 'control'] as const)('says which port is taken: %s', async (which) => {
    const taken = await takenPort();
    const port = taken.port;
    const { child, message } = await forked({
      ...SETTINGS,
      ...(which === 'provider' ? { providers: [{ id: 'sandbox-a', port }] } : { controlPort: port }),
    });
    const name = which === 'provider' ? 'the sandbox provider sandbox-a' : 'the control port of the sandbox';
    expect(message).toEqual({
      type: 'failed',
      message:
        `port ${port} on 127.0.0.1, wanted for ${name}, is taken by another process: ` +
        'end that process or choose another port (SANDBOX_PORT when the gateway starts the sandbox)',
    });
    expect(await ended(child)).toBe(1);
    taken.free();
  });

  it('says what is wrong with its settings', async () => {
    const { child, message } = await forked({ ...SETTINGS, controlPort: 99_999, providers: [] });
    expect(message.type === 'failed' && message.message).toMatch(
      /controlPort[\s\S]*providers|providers[\s\S]*controlPort/,
    );
    expect(await ended(child)).toBe(1);
  });

  it('runs from a terminal with JSON as its argument', async () => {
    const child = track(spawn(process.execPath, [ENTRY, JSON.stringify(SETTINGS)]));
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const { controlUrl } = ready(JSON.parse(String(line)) as SandboxProcessMessage);
    expect(await knock(controlUrl)).toBe('200 ok');
    child.kill('SIGINT');
    expect(await ended(child)).toBe('SIGINT');
  });

  it.each([[[]], [['nonsense']]])('explains itself in a terminal: %j', async (args) => {
    const child = track(spawn(process.execPath, [ENTRY, ...args]));
    const [text] = (await once(child.stderr, 'data')) as [Buffer];
    expect(String(text)).toContain('{"providers":[{"id":"sandbox-a","port":8091}]');
    expect(await ended(child)).toBe(1);
  });
});

describe('startSandbox', () => {
  it('leaves nothing open when one port is taken', async () => {
    const taken = await takenPort();
    const free = await takenPort();
    free.free();
    const providers = [
      { id: 'sandbox-a', port: free.port },
      { id: 'sandbox-b', port: taken.port },
    ];
    const options = { providers, controlPort: 0, apiKey: 'k' };
    await expect(startSandbox(options)).rejects.toThrow(`port ${taken.port}`);
    expect(await knock(`http://127.0.0.1:${free.port}`)).toBe('ECONNREFUSED');
    taken.free();
  });

  it.each([
    [{ host: '0.0.0.0' }, 'loopback'],
    [{ providers: [] }, 'provider ids'],
    [
      {
        providers: [
          { id: 'a', port: 0 },
          { id: 'a', port: 0 },
        ],
      },
      'different',
    ],
  ])('refuses %j', async (change, words) => {
    await expect(startSandbox({ ...SETTINGS_OPTIONS, ...change })).rejects.toThrow(words);
  });
});

const SETTINGS_OPTIONS = { providers: [{ id: 'a', port: 0 }], controlPort: 0, apiKey: 'k' };

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
