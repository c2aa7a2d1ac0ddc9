import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

/** The table of faults in test/README.md, against the titles of the tests. */

const FAULTS = 60;

interface Row {
  readonly number: number;
  readonly fault: string;
  readonly files: readonly string[];
  readonly status: string;
}

const ROW = /^\| T(\d+) \| ([^|]+) \| ([^|]*) \| ([^|]+) \|$/;

function readRows(): readonly Row[] {
  const readme = readFileSync(join(import.meta.dirname, '..', 'README.md'), 'utf8');
  return readme.split('\n').flatMap((line) => {
    const match = ROW.exec(line);
    if (match === null) return [];
    const [, number = '', fault = '', files = '', status = ''] = match;
    return [
      {
        number: Number(number),
        fault,
        files: [...files.matchAll(/`([\w-]+(?:\.full)?\.test\.ts)`/g)].map(([, file = '']) => file),
        status,
      },
    ];
  });
}

/** The numbers that begin the titles of a file (one, or several with commas), beside the call or on the next line. */
function numbersInTitles(file: string): ReadonlySet<number> {
  const text = readFileSync(join(import.meta.dirname, file), 'utf8');
  const titles = [...text.matchAll(/\(\s*['"`](T\d+(?:(?:,| and) T\d+)*)[:,]/g)];
  // `$number` of a table of cases.
  if (/\(\s*['"`]\$number[:,]/.test(text)) titles.push(...text.matchAll(/\bnumber: '(T\d+)'/g));
  return new Set(
    titles.flatMap(([, numbers = '']) => [...numbers.matchAll(/\d+/g)].map(([number]) => Number(number))),
  );
}

const rows = readRows();
const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.test.ts'));

describe('the catalogue of faults', () => {
  test('has one row for each fault, in order', () => {
    expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: FAULTS }, (_, index) => index + 1));
  });

  test.each(rows)(
    'T$number, $fault: is in the titles of the files named',
    ({ number, files: named, status }) => {
      expect(status).toMatch(/^(tested|in part: .{10,})$/);
      expect(named.length).toBeGreaterThan(0);
      for (const file of named) {
        expect([file, existsSync(join(import.meta.dirname, file))]).toEqual([file, true]);
        expect([file, numbersInTitles(file).has(number)]).toEqual([file, true]);
      }
    },
  );

  test('names every file in whose titles a fault is', () => {
    const missing = files.flatMap((file) =>
      [...numbersInTitles(file)]
        .filter((number) => rows.find((row) => row.number === number)?.files.includes(file) !== true)
        .map((number) => `${file}: T${number}`),
    );
    expect(missing).toEqual([]);
  });

  test('reads titles at all', () => {
    expect(files.length).toBeGreaterThan(10);
    expect(files.filter((file) => numbersInTitles(file).size > 0).length).toBeGreaterThan(10);
  });
});
