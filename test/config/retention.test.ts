import { describe, expect, it } from 'vitest';
import { retentionProblem } from '../../src/config/retention.ts';
import type { SchemeLimit, SchemeRules } from '../../src/core/scheme/scheme-rules.ts';
import { launchGateway } from '../support/start-gateway.ts';

const DAY_MS = 86_400_000;
const limit = (name: string, days: number): SchemeLimit => ({
  name,
  brands: 'all',
  fromMs: 0,
  windowMs: days * DAY_MS,
  max: 10,
  sameAmount: false,
  source: 'tests',
});
const rules = (blockDays: number, ...limits: readonly SchemeLimit[]): SchemeRules => ({
  limits,
  hardDeclineBlockMs: blockDays * DAY_MS,
});

describe('how long authorizations must be kept for the ceilings of the schemes', () => {
  it.each<[what: string, days: number | null, rules: SchemeRules, says: RegExp | null]>([
    ['for ever', null, rules(400), null],
    ['as long as a hard decline blocks', 30, rules(30, limit('day', 1)), null],
    [
      'a day less',
      29,
      rules(30),
      /^RETENTION_DAYS=29: a hard decline blocks its card for 30 days, .* 30 or more/,
    ],
    ['a part of a day less', 30, rules(30.5), /for 31 days/],
    [
      'less than a window',
      60,
      rules(30, limit('day', 1), limit('own', 90)),
      /the limit own counts attempts for 90 days/,
    ],
    ['as long as the longest window', 90, rules(30, limit('own', 90)), null],
  ])('%s', (_what, days, given, says) => {
    const problem = retentionProblem(days, given);
    if (says === null) expect(problem).toBeNull();
    else expect(problem).toMatch(says);
  });

  it('a start with less is refused', async () => {
    await using gateway = launchGateway({ env: { RETENTION_DAYS: '60' } });
    gateway.writeRules(
      'scheme-limits.yaml',
      'limits:\n  - { name: own, brands: all, from: "2026-01-01", window_hours: 2160, max: 50, source: tests }\n',
    );
    await expect(gateway.begin()).rejects.toThrow(
      /RETENTION_DAYS=60: the limit own counts attempts for 90 days/,
    );
    expect((await gateway.ended()).code).toBe(1);
  });
});
