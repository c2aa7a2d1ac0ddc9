import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { runScript } from './run-script.ts';

const SHIPPED = fileURLToPath(new URL('../../routing-rules', import.meta.url));

it.each([
  [['--seed='], /--seed "": expected a whole number from 0 to 4294967295/],
  [['--seed', '0x10'], /--seed "0x10": expected a whole number/],
  [['--from', '2026-02-30'], /--from "2026-02-30": expected a day or a time in UTC/],
  [
    ['--from', '2026-11-02', '--to', '2026-11-01'],
    /--to 2026-11-01 is not after --from 2026-11-02: no payment lies between; expected a later end/,
  ],
  [['--from', '2999-01-01'], /the end, which is now, is not after --from 2999-01-01/],
])('replay refuses %j', async (args, said) => {
  const { code, stderr, stdout } = await runScript('replay.ts', ['--rules', SHIPPED, ...args]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(said);
});
