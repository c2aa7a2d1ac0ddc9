import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { debianProgram, skipForWant } from '../support/debian-programs.ts';
import { PROMTOOL } from '../support/programs.ts';
import { ALERT_CASES } from './alert-cases.ts';
import { judgeCases } from './alert-rules.ts';

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
  ['twice as slow an answer', (text) => text.replaceAll('le="2.5"', 'le="5"')],
  [
    'slow answers without a short window',
    (text) => text.replaceAll(/\n\s+and namespace:pointsman_slow_answers:ratio_rate(5m|30m) .*/g, ''),
  ],
  [
    'slow answers of a few',
    (text) => text.replaceAll(/\n\s+and sum by \(namespace\) \(increase\(.*\) > 100/g, ''),
  ],
  [
    'unknown is no technical failure',
    (text) => text.replace('rejected|not_sent|unknown', 'rejected|not_sent'),
  ],
  [
    'what was held back blames the provider',
    (text) => text.replace('rejected|not_sent|unknown', 'rejected|not_sent|unknown|held_back'),
  ],
  ['what was held back hides a provider that fails', (text) => text.replace('{outcome!="held_back"}', '')],
  [
    'a ratio of next to nothing',
    (text) => text.replaceAll(/ and namespace_provider:pointsman_attempts:rate5m > 0.05/g, ''),
  ],
  ['drops of issuers blame providers', (text) => text.replace('provider|unclear', 'provider|issuers')],
  ['forced open is not open', (text) => text.replace(' or pointsman_breaker_state == 3', '')],
  [
    'a probe ends an open breaker',
    (text) => text.replace(/\n.*max_over_time\(pointsman_breaker_state.*/, ''),
  ],
  [
    'half open is open',
    (text) => text.replace(/ and max_over_time\(pointsman_breaker_state\[5m\]\) == 2/, ''),
  ],
  ['what a provider cannot tell is told to nobody', (text) => text.replace(/\n.*kind="unresolved".*/, '')],
  ['one forged webhook is enough', (text) => text.replace('[30m])) > 5', '[30m])) > 0')],
  ['overdue at once', (text) => text.replace('{state="overdue"}) > 10', '{state="overdue"}) > 1')],
  [
    'one process that still hears is enough',
    (text) => text.replace('min by (namespace, function)', 'max by (namespace, function)'),
  ],
  ['one failed call is an outage', (text) => text.replace(/ and .* offset 2m\)\) > 0/, '')],
  ['held back by one look', (text) => text.replace('held_back_seconds) > 120', 'held_back_seconds) > 1')],
  [
    'a minute without a seal',
    (text) => text.replace('unsealed_oldest_seconds) > 600', 'unsealed_oldest_seconds) > 30'),
  ],
  ['waiting is parked', (text) => text.replace('{state="parked"}', '')],
  ['the age of a day', (text) => text.replace('> 7200', '> 86400')],
  [
    'no alert of a paused endpoint',
    (text) => text.replace(/ or max by \(namespace, endpoint\) \(pointsman_event_endpoint_paused\) == 1/, ''),
  ],
];

let promtool: ReturnType<typeof debianProgram> = { path: null, why: 'it was not looked for' };

beforeAll(() => {
  promtool = debianProgram(PROMTOOL);
});

afterAll(() => {
  if (promtool.path !== null && promtool.folder !== null) rmSync(promtool.folder, { recursive: true });
});

function need(context: { readonly skip: (note: string) => never }): string {
  return promtool.path ?? skipForWant(context, 'when alerts fire, by promtool', promtool.why);
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
