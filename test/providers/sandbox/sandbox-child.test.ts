import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { ProviderSetupError } from '../../../src/providers/provider-setup-error.ts';
import { startSandboxChild } from '../../../src/providers/sandbox/sandbox-child.ts';

// The sandbox is started by the program that runs us: here that program is another one.

const folder = mkdtempSync(join(tmpdir(), 'no-sandbox-'));
const { execPath } = process;
afterEach(() => {
  process.execPath = execPath;
});
afterAll(() => rmSync(folder, { recursive: true }));

function program(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}

test.each([
  ['cannot be started', join(folder, 'nowhere'), /^the sandbox did not start: spawn .*ENOENT$/],
  ['ends at once', program('ends', 'exit 7'), /^the sandbox ended with 7 while it started$/],
  ['is killed', program('killed', 'kill -9 $$'), /^the sandbox was ended by SIGKILL while it started$/],
  [
    'closes its channel and goes on',
    program('mute', 'eval "exec $NODE_CHANNEL_FD<&- $NODE_CHANNEL_FD>&-"; exec sleep 20'),
    /^the sandbox closed its channel while it started$/,
  ],
])('one that %s is told as that, once', async (_how, path, message) => {
  process.execPath = path;
  const exits: (number | null)[] = [];
  const start = startSandboxChild(['sandbox-a'], 0, (code) => exits.push(code));
  await expect(start).rejects.toThrow(message);
  await expect(start).rejects.toBeInstanceOf(ProviderSetupError);
  expect(exits).toEqual([]);
});
