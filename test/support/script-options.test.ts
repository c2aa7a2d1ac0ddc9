import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);

/** How a script of the tests ends, started as people start it. */
async function ended(script: string, ...args: readonly string[]) {
  const path = fileURLToPath(new URL(`../${script}`, import.meta.url));
  try {
    const { stdout, stderr } = await run(process.execPath, [path, ...args]);
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}

describe('scripts that are started by hand', () => {
  it.each(['load/load.ts', 'worlds/compare.ts', 'simulation/simulate.ts', 'bench/bench.ts'])(
    '%s tells its usage',
    async (script) => {
      const { code, stdout, stderr } = await ended(script, '--help');
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toContain('usage: npm run ');
    },
  );

  it.each([
    ['load/load.ts', ['--second', '5'], "load: Unknown option '--second'\n\n"],
    ['load/load.ts', ['--seconds', '0'], 'load: --seconds 0: expected a number above 0 to 3600\n\n'],
    ['load/load.ts', ['--rates', '50,x'], 'load: --rates 50,x: expected numbers above 0 to 2000 with commas'],
    ['load/load.ts', ['--gateways', '9'], 'load: --gateways 9: expected a whole number from 1 to 8\n\n'],
    ['load/load.ts', ['5'], "load: Unexpected argument '5'"],
    ['worlds/compare.ts', ['--seed', '1'], "worlds: Unknown option '--seed'\n\n"],
    ['worlds/compare.ts', ['--world', 'nope'], 'worlds: --world nope: expected one of '],
    ['worlds/compare.ts', ['--seeds', '0'], 'worlds: --seeds 0: expected a whole number from 1\n\n'],
    ['simulation/simulate.ts', ['one'], 'simulate: SEED one: expected a whole number\n\n'],
    ['simulation/simulate.ts', ['1', '0'], 'simulate: PAYMENTS 0: expected a whole number from 1\n\n'],
  ])('%s %j: says what was wrong, and the usage', async (script, args, said) => {
    const { code, stdout, stderr } = await ended(script, ...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr.startsWith(said), stderr).toBe(true);
    expect(stderr).toContain('usage: npm run ');
    expect(stderr).not.toMatch(/\n {4}at /);
  });
});
