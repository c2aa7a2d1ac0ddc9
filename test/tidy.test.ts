import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { longFunctions } from './support/long-functions.ts';

/** House rules as a test: every rule names what it found, where, and what to do instead. */

const ROOT = resolve(import.meta.dirname, '..');
const SOURCE = join(ROOT, 'src');

interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
}

function filesUnder(folder: string, extension: string): SourceFile[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(extension))
    .map((entry) => {
      const full = join(entry.parentPath, entry.name);
      const text = readFileSync(full, 'utf8');
      return { path: relative(ROOT, full), text, lines: text.split('\n') };
    });
}

const sources = filesUnder(SOURCE, '.ts');
const tests = filesUnder(join(ROOT, 'test'), '.ts');

/** Ring of a folder directly under `src/`. A file may import its own folder or a lower ring. */
const RINGS: Readonly<Record<string, number>> = {
  core: 0,
  gateway: 1,
  guards: 2,
  providers: 2,
  stores: 2,
  config: 2,
  telemetry: 2,
  edge: 2,
  events: 2,
  replay: 3,
  cli: 4,
  // What puts the layers together. Nothing but main.ts starts anything by it.
  start: 4,
  'main.ts': 5,
};

/** What is banned, its replacement, and the files that may. */
const BANNED: readonly { readonly what: RegExp; readonly instead: string; readonly allowed: RegExp }[] = [
  {
    what: /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bsetTimeout\(|\bsetInterval\(/,
    instead: 'the Clock port',
    allowed: /^src\/(cli\/.*|sandbox\/.*|guards\/system-clock|providers\/transport)\.ts$/,
  },
  {
    what: /\bMath\.random\b/,
    instead: 'the Randomness port',
    allowed: /^src\/guards\/system-randomness\.ts$/,
  },
  {
    what: /\bprocess\.env\b/,
    instead: 'settings passed in by main.ts, secrets by start/this-process.ts',
    allowed: /^src\/(main|start\/this-process|cli\/.*|sandbox\/sandbox-process)\.ts$/,
  },
  { what: /(?<![.\w])fetch\(/, instead: 'providers/transport.ts', allowed: /^src\/cli\// },
  { what: /\bTODO\b|\bFIXME\b|\bXXX\b/, instead: 'doing it, or saying it in the README', allowed: /^$/ },
  { what: /@ts-ignore|@ts-expect-error|: any\b|\bas any\b/, instead: 'a type', allowed: /^$/ },
  {
    what: /^export \* from|^export \{[^}]*\} from/m,
    instead: 'importing from the file itself',
    allowed: /^$/,
  },
];

function topFolder(path: string): string {
  return relative('src', path).split('/')[0] ?? '';
}

function importsOf(file: SourceFile): { readonly specifier: string; readonly line: number }[] {
  return file.lines.flatMap((line, index) => {
    const match = /(?:from|import)\s*\(?\s*'([^']+)'/.exec(line);
    return match?.[1] === undefined ? [] : [{ specifier: match[1], line: index + 1 }];
  });
}

describe('house rules', () => {
  it('reads a source tree at all', () => {
    expect(sources.length).toBeGreaterThan(20);
    expect(tests.length).toBeGreaterThan(5);
  });

  it('imports point to the own folder or a lower ring', () => {
    const wrong: string[] = [];
    for (const file of sources) {
      const from = topFolder(file.path);
      for (const { specifier, line } of importsOf(file)) {
        const at = `${file.path}:${line}`;
        if (!specifier.startsWith('.')) {
          if (from === 'core' && !specifier.startsWith('node:assert'))
            wrong.push(`${at} core imports ${specifier}`);
          if (from === 'gateway') wrong.push(`${at} gateway imports ${specifier}; use a port`);
          continue;
        }
        const target = topFolder(relative(ROOT, resolve(ROOT, dirname(file.path), specifier)));
        if (target === from) continue;
        if (from === 'sandbox' || target === 'sandbox') {
          wrong.push(`${at} the sandbox stands apart: ${from} and ${target} may not import each other`);
          continue;
        }
        const [ours, theirs] = [RINGS[from], RINGS[target]];
        if (ours === undefined || theirs === undefined)
          wrong.push(`${at} unknown folder ${from} or ${target}`);
        else if (theirs >= ours)
          wrong.push(`${at} ${from} (ring ${ours}) imports ${target} (ring ${theirs})`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('banned calls stay in their one place', () => {
    const wrong = sources.flatMap((file) =>
      BANNED.filter((ban) => !ban.allowed.test(file.path)).flatMap((ban) =>
        file.lines.flatMap((line, index) =>
          ban.what.test(line) && !/^\s*(\*|\/\/|\/\*)/.test(line)
            ? [`${file.path}:${index + 1} ${line.trim()} (instead: ${ban.instead})`]
            : [],
        ),
      ),
    );
    expect(wrong).toEqual([]);
  });

  it('functions have at most 70 lines', () => {
    expect(longFunctions([...sources, ...tests], 70)).toEqual([]);
  });

  it('what starts a process is told in files of at most 250 lines', () => {
    const starting = sources.filter(({ path }) => /^src\/(main\.ts|start\/)/.test(path));
    expect(starting.length).toBeGreaterThan(10);
    expect(starting.filter(({ lines }) => lines.length > 250).map(({ path }) => path)).toEqual([]);
  });

  it('files are kebab-case, no index.ts, and named for an export', () => {
    const wrong: string[] = [];
    const plain = (text: string) => text.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
    for (const file of sources) {
      const name = basename(file.path, '.ts');
      if (name === 'index') wrong.push(`${file.path}: name it for what it holds`);
      if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) wrong.push(`${file.path}: not kebab-case`);
    }
    expect(wrong).toEqual([]);
    // A file without exports is started, not imported. Every provider's folder has the same file names.
    const perProvider = /^src\/providers\/\w+\/(adapter|transformers|codes)\.ts$/;
    const unnamed = sources.filter((file) => {
      if (perProvider.test(file.path)) return false;
      const names = [
        ...file.text.matchAll(/^export (?:async )?(?:const|function|class|interface|type) (\w+)/gm),
      ];
      return names.length === 1 && !sharesAWord(plain(names[0]?.[1] ?? ''), basename(file.path, '.ts'));
    });
    expect(unnamed.map((file) => file.path)).toEqual([]);
  });

  it('source and tests name no folder of a machine and leave no test focused', () => {
    const wrong = [...sources, ...tests].flatMap((file) =>
      file.lines.flatMap((line, index) =>
        /['"`]\/(home|root|Users|work)\/|\.only\(/.test(line) && !file.path.endsWith('tidy.test.ts')
          ? [`${file.path}:${index + 1} ${line.trim()}`]
          : [],
      ),
    );
    expect(wrong).toEqual([]);
  });
});

function sharesAWord(exported: string, fileName: string): boolean {
  return fileName.split('-').some((word) => exported.includes(word.replace(/s$/, '')));
}
