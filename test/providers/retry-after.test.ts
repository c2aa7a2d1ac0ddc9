import { describe, expect, it } from 'vitest';
import { readRetryAfter } from '../../src/providers/retry-after.ts';

const NOW_MS = Date.UTC(2026, 10, 23, 10);

describe('Retry-After', () => {
  it.each<[string, string | undefined, number]>([
    ['seconds', '120', 120_000],
    ['no seconds', '0', 0],
    ['spaces around', ' 5 ', 5_000],
    ['an hour', '3600', 3_600_000],
    ['more than an hour', '3601', 3_600_000],
    ['absurdly many seconds', '999999999', 3_600_000],
    ['a date', 'Mon, 23 Nov 2026 10:00:30 GMT', 30_000],
    ['a date that is past', 'Sun, 06 Nov 1994 08:49:37 GMT', 0],
    ['a date far off', 'Mon, 23 Nov 2037 10:00:30 GMT', 3_600_000],
    ['a date that is none', 'Mon, 99 Xxx 2026 10:00:30 GMT', 1_000],
    ['nothing', undefined, 1_000],
    ['an empty header', '', 1_000],
    ['a negative number', '-1', 1_000],
    ['a fraction', '1.5', 1_000],
    ['garbage that Date.parse would take', 'soon 1', 1_000],
    ['more digits than a number has', '9'.repeat(30), 1_000],
  ])('%s', (_name, header, expected) => {
    expect(readRetryAfter(header, NOW_MS)).toBe(expected);
  });
});
