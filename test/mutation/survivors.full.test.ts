import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { refusedByCompiler } from './refused-by-compiler.ts';
import { compare, type Explanation, joinWhiteSpace, type Survivor, survivorOf } from './survivors.ts';
import { TARGETS } from './targets.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const entries = JSON.parse(
  readFileSync(join(import.meta.dirname, 'explained-survivors.json'), 'utf8'),
) as readonly Explanation[];

const SOURCE = 'if (a > 0) {\n  act();\n}\nif (a > 0) stop();\n';
const survivor = (line: number): Survivor =>
  survivorOf('a.ts', SOURCE, { start: { line, column: 5 }, end: { line, column: 10 } }, 'true');
const stop = { file: 'a.ts', was: 'if (a > 0) stop();', becomes: 'if (true) stop();', why: 'x' };

describe('a survivor', () => {
  it('is told by the lines that it changes', () => {
    expect(survivor(4)).toEqual({
      file: 'a.ts',
      line: 4,
      column: 5,
      was: stop.was,
      becomes: stop.becomes,
      source: 'if (a > 0) {\n  act();\n}\nif (true) stop();\n',
    });
    const block = { start: { line: 1, column: 12 }, end: { line: 3, column: 2 } };
    expect(survivorOf('a.ts', SOURCE, block, '{}')).toMatchObject({
      was: 'if (a > 0) { act(); }',
      becomes: 'if (a > 0) {}',
      source: 'if (a > 0) {}\nif (a > 0) stop();\n',
    });
  });

  it('is explained by content, wherever it stands, and one entry explains one', () => {
    expect(compare([survivor(4)], [stop])).toMatchObject({
      explained: [{ line: 4 }],
      unexplained: [],
      stale: [],
    });
    expect(compare([survivor(4), survivor(4)], [stop])).toMatchObject({
      explained: [{}],
      unexplained: [{}],
      stale: [],
    });
    const twice = { ...stop, times: 2 };
    expect(compare([survivor(4), survivor(4)], [twice])).toMatchObject({ unexplained: [], stale: [] });
    expect(compare([survivor(4)], [twice]).stale).toEqual([twice]);
  });

  it.each([{ file: 'b.ts' }, { was: 'if (a > 1) stop();' }, { becomes: 'if (false) stop();' }])(
    'is not explained by an entry for something else: %o',
    (over) => {
      const other = { ...stop, ...over };
      expect(compare([survivor(4)], [other])).toMatchObject({ unexplained: [{ line: 4 }], stale: [other] });
    },
  );

  it('does not count where the compiler refuses it', () => {
    const file = 'src/core/failover.ts';
    const source = readFileSync(join(ROOT, file), 'utf8');
    const changed = (what: string, becomes: string): Survivor => {
      expect(source).toContain(what);
      const place = { line: 1, column: 1 };
      return {
        ...survivorOf(file, source, { start: place, end: place }, ''),
        source: source.replace(what, becomes),
      };
    };
    const compiles = changed('technical: false', 'technical: true');
    const refused = changed("reason: 'approved'", 'reason: ""');
    expect(refusedByCompiler(ROOT, [compiles, refused])).toEqual(new Set([refused]));
    // It compiles all sources twice: the compiler's own time on a busy machine.
  }, 60_000);
});

describe('the lists', () => {
  it('name files that there are', () => {
    const paths = Object.entries(TARGETS).flatMap(([file, tests]) => [file, ...tests]);
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it.each(entries.map((entry) => [entry.file, entry.was, entry] as const))(
    'explain what stands in %s: %s',
    (file, was, { becomes, why }) => {
      expect(TARGETS).toHaveProperty([file]);
      expect(joinWhiteSpace(readFileSync(join(ROOT, file), 'utf8'))).toContain(was);
      expect(becomes).not.toBe(was);
      expect(why.length).toBeGreaterThan(20);
    },
  );
});
