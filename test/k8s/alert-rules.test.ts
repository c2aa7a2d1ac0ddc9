import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findProgram } from '../support/debian-programs.ts';
import { ALERT_CASES } from './alert-cases.ts';
import { judgeCases, printedRules, ROOT, shippedRules } from './alert-rules.ts';
import { busyScrape } from './busy-scrape.ts';
import { problemsOf, readQuery } from './read-query.ts';

const rules = shippedRules();
const recorded = new Set(rules.flatMap(({ record }) => record ?? []));
const alerts = rules.flatMap((rule) => (rule.alert === undefined ? [] : [{ ...rule, alert: rule.alert }]));
const promtool = findProgram('promtool');

describe('the rules of Prometheus', () => {
  it('are all there, each alert once', () => {
    expect(alerts.length).toBeGreaterThan(20);
    expect(recorded.size).toBeGreaterThan(5);
    expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
  });

  it.each(rules)('$record$alert reads only metrics, labels and values that there are', async ({ expr }) => {
    expect(await problemsOf(expr, recorded)).toEqual([]);
  });

  it('are told what they misspell', async () => {
    expect(await problemsOf('rate(pointsman_nothing_total[5m])', recorded)).toEqual([
      'pointsman_nothing_total is no metric of the gateway',
    ]);
    expect(await problemsOf('pointsman_alerts_total{kind="late_aproval"}', recorded)).toEqual([
      'pointsman_alerts_total: kind is never late_aproval',
    ]);
    expect(await problemsOf('pointsman_unsettled_work{status="parked"}', recorded)).toEqual([
      'pointsman_unsettled_work has no label status',
    ]);
    expect(await problemsOf('sum by (le (pointsman_build_info)', recorded)).not.toEqual([]);
  });

  it('have nothing recorded that nobody reads', () => {
    const dashboards = readdirSync(join(ROOT, 'k8s', 'dashboards')).map((file) =>
      readFileSync(join(ROOT, 'k8s', 'dashboards', file), 'utf8'),
    );
    const readers = [...rules.map(({ expr }) => expr), ...dashboards].join('\n');
    expect([...recorded].filter((name) => !readers.includes(name))).toEqual([]);
  });

  it('are printed for promtool as they are shipped', () => {
    expect(printedRules().groups.flatMap((group) => group.rules)).toEqual(rules);
  });

  it('are printed with links to where the runbooks are read', () => {
    const { text } = printedRules('wiki.acme.test/pay/');
    expect(text.match(/runbook_url: https:\/\/wiki\.acme\.test\/pay\/\w+\.md$/gm)).toHaveLength(
      alerts.length,
    );
    expect(text).not.toContain('example.com');
    for (const wrong of ['https://wiki.acme.test', 'a b', '--help']) {
      expect(() => printedRules(wrong), wrong).toThrow(/expected host and path without https:/);
    }
  });

  it.each(alerts)(
    '$alert says how bad it is, what it means, and has its page',
    ({ alert, labels, annotations }) => {
      expect(labels?.['severity']).toMatch(/^(critical|warning)$/);
      expect(annotations?.['summary']).toMatch(/^\S.{10,}$/);
      expect(annotations?.['description']).toMatch(/^\S.{10,}\.$/s);
      expect(annotations?.['runbook_url']).toBe(`https://runbooks.example.com/${alert}.md`);
      expect(existsSync(join(ROOT, 'k8s', 'runbooks', `${alert}.md`))).toBe(true);
    },
  );

  it.each(alerts)('$alert is shown by labels that its query keeps', ({ expr, annotations }) => {
    const kept = new Set(
      [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, names = '']) => names.split(/, */)),
    );
    const query = readQuery(expr);
    for (const { metric } of query.selectors)
      if (metric.startsWith('namespace_provider:')) kept.add('provider');
    const used = [...JSON.stringify(annotations).matchAll(/\$labels\.(\w+)/g)].map(([, label = '']) => label);
    expect(used.filter((label) => !kept.has(label))).toEqual([]);
  });

  it('each have cases where they fire and where they are silent, of metrics that there are', async () => {
    for (const { alert } of alerts) {
      const cases = ALERT_CASES.filter((one) => one.alert === alert);
      expect([
        alert,
        cases.some(({ fires }) => fires !== null),
        cases.some(({ fires }) => fires === null),
      ]).toEqual([alert, true, true]);
    }
    for (const { alert, title, series } of ALERT_CASES) {
      expect(alerts.map((one) => one.alert)).toContain(alert);
      for (const name of Object.keys(series))
        expect([title, await problemsOf(name, recorded)]).toEqual([title, []]);
    }
  });
});

const isRequired = process.env['SERVERS_REQUIRED'] === '1';
if (promtool === null && !isRequired) {
  console.warn(
    'SKIPPED without promtool: test/k8s/alert-rules.test.ts, when alerts fire. `apt-get install prometheus` brings it; npm run test:full fetches it as root.',
  );
}

describe.skipIf(promtool === null && !isRequired)(
  'alerts by promtool (skipped where it is not installed)',
  () => {
    it('fire when they must, and are silent close to it', () => {
      expect(promtool, 'promtool is not installed, and SERVERS_REQUIRED is set').not.toBeNull();
      // The day-long ones are judged by the full tests.
      const quick = ALERT_CASES.filter(({ atMinute }) => atMinute <= 90);
      expect(quick.length).toBeGreaterThan(60);
      expect(judgeCases(promtool ?? '', quick)).toBeNull();
    });

    it('and it finds nothing wrong with a scrape that has met everything', async () => {
      const input = await busyScrape(3);
      expect(input.length).toBeGreaterThan(50_000);
      const { status, stdout, stderr } = spawnSync(promtool ?? '', ['check', 'metrics'], {
        input,
        encoding: 'utf8',
      });
      expect([status, stdout, stderr]).toEqual([0, '', '']);
    });
  },
);
