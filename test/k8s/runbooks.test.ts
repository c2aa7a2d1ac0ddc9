import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
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

  it('ask every pod for what is its own', async () => {
    const asked = pages.flatMap(({ text }) =>
      [...text.matchAll(/^each_pod (\S+)/gm)].map(([, path]) => path),
    );
    expect(new Set(asked)).toEqual(new Set(['/readyz', '/metrics']));
    const [, script = ''] =
      /^(each_pod\(\) \{.*?^\}$)/ms.exec(readFileSync(join(FOLDER, 'README.md'), 'utf8')) ?? [];
    const paths: unknown[] = [];
    const pod = createServer((request, response) => {
      paths.push(request.url);
      response.writeHead(paths.length === 1 ? 503 : 200).end(`pod ${paths.length}`);
    });
    await once(pod.listen(0, '127.0.0.1'), 'listening');
    const { port } = pod.address() as AddressInfo;
    // As kubectl does: two pods, and in each what follows `--`, here on the port of the test.
    const kubectl = `kubectl() {
      if [ "$3" = get ]; then printf 'pod/one\\npod/two\\n'; return; fi
      while [ "$1" != -- ]; do shift; done
      '${process.execPath}' "$3" "\${4/8080/${port}}" "$5"
    }`;
    const { stdout } = await promisify(execFile)('bash', ['-c', `${kubectl}\n${script}\neach_pod /readyz`]);
    pod.close();
    expect(stdout).toBe('== pod/one\n503 pod 1\n== pod/two\n200 pod 2\n');
    expect(paths).toEqual(['/readyz', '/readyz']);
  });

  it('check the rules that are applied, and activate them', () => {
    const checks = pages.flatMap(({ name, text }) =>
      [...text.matchAll(/^npm run check-rules(.*)$/gm)].map(([, rest]) => [name, rest]),
    );
    expect(checks.length).toBeGreaterThan(1);
    for (const [name, rest] of checks) {
      expect([name, rest]).toEqual([name, ' -- k8s/overlays/prod/routing-rules']);
      const text = pages.find((page) => page.name === name)?.text ?? '';
      expect(callsIn(text).map(({ call }) => call)).toContain('POST /v1/rulesets/{}/activate');
    }
  });

  it('read the logs of all pods, also behind one that has none', () => {
    const docs = readdirSync(join(ROOT, 'docs')).map((name) =>
      readFileSync(join(ROOT, 'docs', name), 'utf8'),
    );
    const lines = [...pages.map(({ text }) => text), ...docs].flatMap((text) =>
      text.split('\n').filter((line) => /^kubectl .*\blogs -l /.test(line)),
    );
    expect(lines.length).toBeGreaterThan(25);
    expect(lines.filter((line) => !line.includes(' --ignore-errors '))).toEqual([]);
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
