import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ALERT_CASES } from './alert-cases.ts';
import { judgeCases } from './alert-rules.ts';
import { findPromtool, unpackPromtool } from './promtool.ts';

/** Each weakens one rule, and must be noticed. */
const CHANGES: readonly (readonly [string, (text: string) => string])[] = [
  [
    'no minimum of payments',
    (text) => text.replaceAll(/\n\s+and sum by \(namespace\) \(increase\(.*\) > 10/g, ''),
  ],
  ['pending is not counted', (text) => text.replaceAll('|pending', '')],
  ['card testing is counted as well', (text) => text.replaceAll('status!="card_testing"', 'status!=""')],
  [
    'no short window',
    (text) => text.replaceAll(/\n\s+and namespace:pointsman_unavailable:ratio_rate(5m|30m) .*/g, ''),
  ],
  ['twice as slow an answer', (text) => text.replace('p95_5m > 2.5', 'p95_5m > 5')],
  [
    'unknown is no technical failure',
    (text) => text.replace('rejected|not_sent|unknown', 'rejected|not_sent'),
  ],
  [
    'a ratio of next to nothing',
    (text) => text.replaceAll(/ and namespace_provider:pointsman_attempts:rate5m > 0.05/g, ''),
  ],
  ['forced open is not open', (text) => text.replace(' or pointsman_breaker_state == 3', '')],
  ['one forged webhook is enough', (text) => text.replace('[30m])) > 5', '[30m])) > 0')],
  ['overdue at once', (text) => text.replace('{state="overdue"}) > 10', '{state="overdue"}) > 1')],
  ['waiting is parked', (text) => text.replace('{state="parked"}', '')],
  ['the age of a day', (text) => text.replace('> 7200', '> 86400')],
  [
    'no alert of a paused endpoint',
    (text) => text.replace(/ or max by \(namespace, endpoint\) \(pointsman_event_endpoint_paused\) == 1/, ''),
  ],
];

let promtool = findPromtool();
let folder: string | null = null;
let why = 'promtool is not installed, and only root can fetch it';

beforeAll(() => {
  if (promtool !== null || process.getuid?.() !== 0) return;
  const unpacked = unpackPromtool();
  if ('path' in unpacked) {
    promtool = unpacked.path;
    folder = unpacked.folder;
  } else why = unpacked.why;
});

afterAll(() => {
  if (folder !== null) rmSync(folder, { recursive: true, force: true });
});

/** Skips by name, so that nobody takes it for a pass; `PROMTOOL_REQUIRED` makes it a failure. */
function need(context: { readonly skip: (note: string) => never }): string {
  if (promtool !== null) return promtool;
  if (process.env['PROMTOOL_REQUIRED'] === '1') throw new Error(`promtool is required: ${why}`);
  console.warn(`SKIPPED without promtool: when alerts fire (${why})`);
  return context.skip(why);
}

describe('alerts by promtool', () => {
  test('all fire when they must, and are silent close to it', (context) => {
    expect(ALERT_CASES.length).toBeGreaterThan(70);
    expect(judgeCases(need(context), ALERT_CASES)).toBeNull();
  });

  test.for(CHANGES)('the cases notice: %s', ([, change], context) => {
    const path = need(context);
    let changed = false;
    const noticed = judgeCases(path, ALERT_CASES, (text) => {
      const other = change(text);
      changed = other !== text;
      return other;
    });
    expect(changed).toBe(true);
    expect(noticed).not.toBeNull();
  });
});
