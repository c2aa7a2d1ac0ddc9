import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
const page = readFileSync(join(ROOT, 'docs', 'threat-model.md'), 'utf8');

/** Rows of the tables of abuse: where the control is, and the test that shows it. */
const controls = page.split('\n').flatMap((line) => {
  const [, code, file, title] = /\| `(src\/[^`]+)` \| `(test\/[^`]+)`: "([^"]*)" \|$/.exec(line) ?? [];
  return code === undefined || file === undefined || title === undefined ? [] : [{ line, code, file, title }];
});

describe('the threat model', () => {
  it('has a control for each abuse', () => {
    const rows = page.split('\n').filter((line) => line.includes('| `src/'));
    expect(controls.length).toBeGreaterThan(20);
    expect(controls.map(({ line }) => line)).toEqual(rows);
  });

  it.each(controls)('$file shows "$title"', ({ code, file, title }) => {
    expect(existsSync(join(ROOT, code)), code).toBe(true);
    expect(title).not.toBe('');
    const text = readFileSync(join(ROOT, file), 'utf8').replaceAll("\\'", "'");
    expect(text).toContain(title);
  });

  it('names no file that is not there', () => {
    const named = [...page.matchAll(/`((?:src|test|k8s)\/[^`]+)`/g)].map(([, path = '']) => path);
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});
