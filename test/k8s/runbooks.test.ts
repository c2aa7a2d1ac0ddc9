import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { openApiDocument } from '../../src/edge/openapi-document.ts';
import { ROOT, shippedRules } from './alert-rules.ts';
import { problemsOf } from './read-query.ts';

const FOLDER = join(ROOT, 'k8s', 'runbooks');
const rules = shippedRules();
const recorded = new Set(rules.flatMap(({ record }) => record ?? []));
const alerts = rules.flatMap(({ alert }) => alert ?? []);
const pages = readdirSync(FOLDER)
  .filter((name) => name !== 'README.md')
  .map((name) => ({ name, text: readFileSync(join(FOLDER, name), 'utf8') }));

const document = openApiDocument('0') as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly requestBody?: unknown }>>>>;
};

/** The interface's own operations: `GET /v1/providers/{}`. */
const operations = new Set(
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{[^}]*\}/g, '{}')}`),
  ),
);

const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
ajv.addSchema({ $id: 'interface', ...document });

/** What is wrong with the body of a call; null: nothing, or it has none. */
function bodyProblem(line: string, call: string): string | null {
  const body = / -d '([^']*)'/.exec(line)?.[1];
  const [method = '', path = ''] = call.split(' ');
  const known = Object.keys(document.paths).find((one) => one.replaceAll(/\{[^}]*\}/g, '{}') === path) ?? '';
  const takes = document.paths[known]?.[method.toLowerCase()]?.requestBody !== undefined;
  if (body === undefined) return takes && method === 'PUT' ? 'it has no body' : null;
  const place = `interface#/paths/${known.replaceAll('/', '~1').replaceAll('{', '%7B').replaceAll('}', '%7D')}/${method.toLowerCase()}/requestBody/content/application~1json/schema`;
  const validate = ajv.compile({ $ref: place });
  const given: unknown = JSON.parse(body.replace('<version>', '1'));
  return validate(given) ? null : ajv.errorsText(validate.errors);
}

/** Calls of `curl` in a page; lines that a backslash continues are one. */
function callsIn(text: string): readonly { readonly line: string; readonly call: string }[] {
  return text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line.startsWith('curl '))
    .map((line) => {
      const path = /"\$POINTSMAN([^"?]*)/.exec(line)?.[1] ?? '';
      const method = /-X (\w+)/.exec(line)?.[1] ?? (line.includes(" -d '") ? 'POST' : 'GET');
      return { line, call: `${method} ${path.replaceAll(/<[^>]*>/g, '{}')}` };
    });
}

describe('runbooks', () => {
  it('are one for each alert, and listed', () => {
    expect(pages.map(({ name }) => name).sort()).toEqual(alerts.map((alert) => `${alert}.md`).sort());
    const list = readFileSync(join(FOLDER, 'README.md'), 'utf8');
    const listed = rules.flatMap(({ alert, labels }) =>
      alert === undefined ? [] : `| [${alert}](${alert}.md) | ${labels?.['severity']} |`,
    );
    for (const row of listed) expect(list.split('\n')).toContain(row);
  });

  it.each(pages)('$name says what it means, how to see it, what to do, how to undo it', ({ name, text }) => {
    const alert = rules.find((rule) => `${rule.alert}.md` === name);
    const severity = alert?.labels?.['severity'] ?? '';
    expect(text.toLowerCase()).toContain(`**${severity}.**`);
    expect([...text.matchAll(/^#{1,2} .+$/gm)].map(([line]) => line)).toEqual([
      `# ${name.replace('.md', '')}`,
      '## See it',
      '## Do',
      '## Undo',
    ]);
    for (const part of text.split(/^## .+$/m).slice(1)) expect(part.trim().length).toBeGreaterThan(15);
    for (const [, link = ''] of text.matchAll(/\]\((\w+\.md)\)/g)) {
      expect([link, existsSync(join(FOLDER, link))]).toEqual([link, true]);
    }
  });

  it.each(pages)('$name calls only what the interface has', ({ text }) => {
    const calls = callsIn(text);
    const mentioned = [...text.matchAll(/`((?:GET|POST|PUT) \/v1[^`?]*)`/g)].map(([, call = '']) =>
      call.replaceAll(/[{<][^}>]*[}>]/g, '{}'),
    );
    const unkeyed = ['GET /readyz', 'GET /healthz'];
    const unknown = [...calls.map((one) => one.call), ...mentioned].filter(
      (call) => !operations.has(call) && !unkeyed.includes(call),
    );
    expect(unknown).toEqual([]);
    for (const { line, call } of calls) expect([line, bodyProblem(line, call)]).toEqual([line, null]);
  });

  it.each(pages)('$name queries only metrics, labels and values that there are', async ({ text }) => {
    const blocks = [...text.matchAll(/^```promql\n(.*?)^```$/gms)];
    const queries = blocks.flatMap(([, block = '']) => block.trimEnd().split('\n'));
    const inText = [...text.matchAll(/`(pointsman_[^`]+)`/g)].map(([, query = '']) => query);
    for (const query of [...queries, ...inText]) {
      expect([query, await problemsOf(query.replace('<provider>', 'psp-1'), recorded)]).toEqual([query, []]);
    }
  });

  it('call and query at all', () => {
    expect(operations.size).toBeGreaterThan(20);
    expect(pages.flatMap(({ text }) => callsIn(text)).length).toBeGreaterThan(30);
    expect(pages.filter(({ text }) => text.includes('```promql')).length).toBeGreaterThan(5);
    expect(callsIn('curl -s "$POINTSMAN/v1/nothing/<id>" -d \'{}\'')).toMatchObject([
      { call: 'POST /v1/nothing/{}' },
    ]);
    const override = `curl -X PUT -d '{ "mode": "shut", "reason": "r" }'`;
    expect(bodyProblem(override, 'PUT /v1/providers/{}/override')).toContain('mode');
  });
});
