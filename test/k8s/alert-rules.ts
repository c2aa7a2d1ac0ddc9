import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import type { AlertCase } from './alert-cases.ts';

/** The folder of the repository. */
export const ROOT = resolve(import.meta.dirname, '..', '..');

const ruleSchema = z.strictObject({
  record: z.string().optional(),
  alert: z.string().optional(),
  expr: z.string(),
  for: z.string().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
});
const groupsSchema = z.strictObject({
  groups: z.array(
    z.strictObject({ name: z.string(), interval: z.string().optional(), rules: z.array(ruleSchema) }),
  ),
});

/** What `npm run alert-rules` prints, as Prometheus reads it. */
export function printedRules(...args: readonly string[]) {
  const script = join(ROOT, 'k8s', 'rule-groups.ts');
  const text = execFileSync(process.execPath, [script, ...args], { encoding: 'utf8', stdio: 'pipe' });
  return { text, ...groupsSchema.parse(parse(text)) };
}

/** Every rule of the shipped file. */
export function shippedRules() {
  const file: unknown = parse(readFileSync(join(ROOT, 'k8s', 'base', 'prometheus-rule.yaml'), 'utf8'));
  const { spec } = z.object({ spec: groupsSchema }).parse(file);
  return spec.groups.flatMap(({ rules }) => rules);
}

/**
 * Runs promtool over the rules and cases.
 * @param change makes other rules of the shipped ones, to see that a case notices: only groups that are others then are run
 * @returns what promtool says of cases that do not come to what they expect; null: all do
 * @throws Error when the rules themselves are wrong
 */
export function judgeCases(
  promtool: string,
  cases: readonly AlertCase[],
  change?: (text: string) => string,
): string | null {
  const shipped = printedRules();
  const folder = mkdtempSync(join(tmpdir(), 'alert-cases-'));
  try {
    const rulesFile = join(folder, 'rules.yaml');
    const casesFile = join(folder, 'cases.yaml');
    const text = change?.(shipped.text) ?? shipped.text;
    writeFileSync(rulesFile, text);
    execFileSync(promtool, ['check', 'rules', rulesFile], { stdio: 'pipe' });
    for (const [index, { name, rules }] of groupsSchema.parse(parse(text)).groups.entries()) {
      if (change !== undefined && isDeepStrictEqual(rules, shipped.groups[index]?.rules)) continue;
      const tests = cases
        .filter(({ alert }) => rules.some((rule) => rule.alert === alert))
        .map((entry) => promtoolTest(entry, severityOf(rules, entry.alert)));
      if (tests.length === 0) continue;
      // promtool compares rendered annotations word by word; cases are about when, and leave them out.
      const plain = rules.map(({ annotations, ...rule }) => rule);
      // Nothing changes between the samples, one a minute.
      writeFileSync(
        rulesFile,
        stringify({ groups: [{ name, interval: '1m', rules: plain }] }, { lineWidth: 0 }),
      );
      writeFileSync(casesFile, stringify({ rule_files: ['rules.yaml'], evaluation_interval: '1m', tests }));
      const { status, stdout, stderr } = spawnSync(promtool, ['test', 'rules', casesFile], {
        encoding: 'utf8',
      });
      if (status !== 0) return `${stdout}${stderr}`;
    }
    return null;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function severityOf(rules: z.infer<typeof groupsSchema>['groups'][number]['rules'], alert: string): string {
  return rules.find((rule) => rule.alert === alert)?.labels?.['severity'] ?? '';
}

function promtoolTest({ alert, title, series, atMinute, fires }: AlertCase, severity: string) {
  // Of what is absent no namespace is known.
  const where = alert === 'PointsmanAbsent' ? {} : { namespace: 'pay' };
  return {
    name: `${alert}: ${title}`,
    interval: '1m',
    input_series: Object.entries(series).map(([name, values]) => ({ series: inNamespace(name), values })),
    alert_rule_test: [
      {
        alertname: alert,
        eval_time: `${atMinute}m`,
        exp_alerts: fires === null ? [] : [{ exp_labels: { severity, ...where, ...fires } }],
      },
    ],
  };
}

function inNamespace(series: string): string {
  return series.includes('{') ? series.replace('{', '{namespace="pay",') : `${series}{namespace="pay"}`;
}
