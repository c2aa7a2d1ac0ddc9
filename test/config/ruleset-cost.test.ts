import { describe, expect, it } from 'vitest';
import { validateRulesetFiles } from '../../src/config/validate-ruleset-files.ts';
import { HOSTILE_RULESETS } from './hostile-rulesets.ts';
import { SOME_CREDENTIALS } from './ruleset-files.ts';

const SMALL = 110;
/** Processor time of the best of some runs, milliseconds: what else the machine does is not in it. */
function costMs(files: Readonly<Record<string, string>>): number {
  const costs = [1, 2, 3].map(() => {
    const before = process.cpuUsage();
    validateRulesetFiles(files, SOME_CREDENTIALS);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  return Math.min(...costs);
}

describe('what a check costs grows with the size of the files, and not with its square:', () => {
  it.each(HOSTILE_RULESETS)('$name', ({ files }) => {
    // The first runs compile.
    costMs(files(SMALL));
    const small = costMs(files(SMALL));
    const large = costMs(files(4 * SMALL));
    // Four times is what it should be, sixteen times would be the square; below a few milliseconds nothing can be told.
    expect(large / Math.max(small, 3)).toBeLessThan(10);
  });
});
