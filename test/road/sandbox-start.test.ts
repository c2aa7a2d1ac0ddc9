import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { launchGateway } from '../support/start-gateway.ts';

test('a start whose sandbox cannot be started says so and ends', async () => {
  const preload = join(tmpdir(), `no-sandbox-${process.pid}.mjs`);
  // The sandbox is started by the program that runs the gateway.
  writeFileSync(preload, "process.execPath = '/nowhere';\n");
  await using gateway = launchGateway({ env: { NODE_OPTIONS: `--import=${preload}` } });
  const { code } = await gateway.ended();
  rmSync(preload);
  expect(gateway.output.errors).toMatch(/^Pointsman cannot start: the sandbox did not start: .*ENOENT/m);
  expect(gateway.output.errors).not.toMatch(/EPIPE|at .*node:/);
  expect(gateway.output.events('uncaught')).toEqual([]);
  expect(code).toBe(1);
});
