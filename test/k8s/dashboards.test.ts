import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ROOT, shippedRules } from './alert-rules.ts';
import { knownNames, problemsOf, readQuery } from './read-query.ts';

const FOLDER = join(ROOT, 'k8s', 'dashboards');
const recorded = new Set(shippedRules().flatMap(({ record }) => record ?? []));

const dashboardSchema = z.object({
  uid: z.string().regex(/^pointsman-[a-z-]+$/),
  title: z.string().startsWith('Pointsman: '),
  schemaVersion: z.int(),
  templating: z.object({
    list: z.array(z.object({ name: z.string(), type: z.string(), query: z.string() })),
  }),
  annotations: z.object({ list: z.array(z.object({ expr: z.string() })) }),
  panels: z.array(
    z.object({
      id: z.int(),
      type: z.enum(['timeseries', 'stat', 'table', 'state-timeline']),
      title: z.string().min(3),
      datasource: z.object({ type: z.literal('prometheus'), uid: z.literal(`\${datasource}`) }),
      gridPos: z.object({ x: z.int(), y: z.int(), w: z.int().max(24), h: z.int() }),
      targets: z
        .array(z.object({ refId: z.string(), expr: z.string(), legendFormat: z.string().min(1) }))
        .min(1),
    }),
  ),
});

const dashboards = readdirSync(FOLDER).map((file) => ({
  file,
  ...dashboardSchema.parse(JSON.parse(readFileSync(join(FOLDER, file), 'utf8'))),
}));

/** The variables of Grafana, as it would fill them in. */
function filledIn(query: string): string {
  return query.replaceAll('$__rate_interval', '5m').replaceAll('=~"$namespace"', '=~".+"');
}

const queries = dashboards.flatMap(({ file, panels, annotations }) => [
  ...panels.flatMap(({ title, targets }) =>
    targets.map(({ expr, legendFormat }) => ({ file, title, expr, legendFormat })),
  ),
  ...annotations.list.map(({ expr }) => ({ file, title: 'annotation', expr, legendFormat: 'none' })),
]);

describe('dashboards', () => {
  it('are five, with panels of their own', () => {
    expect(dashboards.map(({ file }) => file).sort()).toEqual([
      'experiments.json',
      'payment-funnel.json',
      'providers.json',
      'service.json',
      'unresolved-money.json',
    ]);
    expect(new Set(dashboards.map(({ uid }) => uid)).size).toBe(5);
    expect(queries.length).toBeGreaterThan(60);
  });

  it.each(queries)('$file, $title: its query reads what there is', async ({ expr }) => {
    expect(filledIn(expr)).not.toContain('$');
    expect(await problemsOf(filledIn(expr), recorded)).toEqual([]);
  });

  it.each(queries)('$file, $title: keeps to the namespace chosen', ({ expr }) => {
    for (const { metric, matchers } of readQuery(filledIn(expr)).selectors) {
      // Joined only to tell our processes from others: it has the namespace of what it is joined to.
      if (metric === 'pointsman_build_info' && expr.includes('on (namespace, pod)')) continue;
      expect([metric, matchers.some(({ label }) => label === 'namespace')]).toEqual([metric, true]);
    }
  });

  it.each(queries)('$file, $title: names series by labels that its query keeps', ({ expr, legendFormat }) => {
    const kept = [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, names = '']) => names.split(/, */));
    const used = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label);
    expect(used.filter((label) => !kept.includes(label))).toEqual([]);
  });

  it.each(dashboards)('$file has no panel over another', ({ panels }) => {
    const taken = new Set<string>();
    for (const { title, gridPos } of panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect([title, taken.has(`${x},${y}`)]).toEqual([title, false]);
          taken.add(`${x},${y}`);
        }
      }
    }
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  });

  it('together with the rules read every metric of ours', async () => {
    const shown = [...queries, ...shippedRules()].map(({ expr }) => expr).join('\n');
    const ours = [...(await knownNames())].filter((name) => name.startsWith('pointsman_'));
    const unseen = ours.filter((name) => !shown.includes(name.replace(/_(count|sum)$/, '_bucket')));
    expect(ours.length).toBeGreaterThan(35);
    expect(unseen).toEqual([]);
  });
});
