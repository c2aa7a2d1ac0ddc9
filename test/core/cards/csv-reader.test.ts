import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CsvReader } from '../../../src/core/cards/csv-reader.ts';

function readAll(chunks: readonly string[]) {
  const rows: (readonly string[])[] = [];
  const lines: number[] = [];
  const unclosed: number[] = [];
  const reader = new CsvReader({
    row: (fields, line) => {
      rows.push(fields);
      lines.push(line);
    },
    unclosed: (line) => unclosed.push(line),
  });
  for (const chunk of chunks) reader.push(chunk);
  reader.end();
  return { rows, lines, unclosed };
}

describe('CsvReader', () => {
  it.each([
    [
      'LF',
      'a,b\n1,2\n',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    [
      'CRLF and no last line end',
      'a,b\r\n1,2',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    [
      'a byte order mark',
      '\uFEFFa,b\n1,2\n',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    [
      'semicolons',
      'a;b;c,d\n1;2;3\n',
      [
        ['a', 'b', 'c,d'],
        ['1', '2', '3'],
      ],
    ],
    [
      'tabs',
      'a\tb\n1\t2\n',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    [
      'quotes',
      'a,b\n"1,""x""","2\n3"\n',
      [
        ['a', 'b'],
        ['1,"x"', '2\n3'],
      ],
    ],
    [
      'a quote within a field',
      'a,b\nJoe "J" Doe,2\n',
      [
        ['a', 'b'],
        ['Joe "J" Doe', '2'],
      ],
    ],
    [
      'empty lines and fields',
      'a,b\n\n,\n',
      [
        ['a', 'b'],
        ['', ''],
      ],
    ],
  ])('reads %s', (_, text, rows) => {
    expect(readAll([text]).rows).toEqual(rows);
  });

  it('leaves out a line whose quote never closes, and goes on', () => {
    const text = `a,b\n1,"open\n${'3,4\n'.repeat(40)}`;
    const { rows, lines, unclosed } = readAll([text]);
    expect(unclosed).toEqual([2]);
    expect(rows).toHaveLength(41);
    expect(lines.slice(0, 3)).toEqual([1, 3, 4]);
    expect(readAll(['a,b\n1,"open']).unclosed).toEqual([2]);
  });

  it('reads back what was written, however it is cut', () => {
    const fields = fc.array(fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', ' ', 'ß') }), {
      minLength: 2,
      maxLength: 2,
    });
    const quoted = (row: readonly string[]) => row.map((one) => `"${one.replaceAll('"', '""')}"`).join(',');
    fc.assert(
      fc.property(fc.array(fields, { maxLength: 6 }), fc.nat(7), (rows, cut) => {
        const text = ['h,h', ...rows.map(quoted)].join('\r\n');
        const chunks = text.match(new RegExp(`[^]{1,${cut + 1}}`, 'g')) ?? [];
        expect(readAll(chunks).rows).toEqual([['h', 'h'], ...rows]);
      }),
    );
  });
});
