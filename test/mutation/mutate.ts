import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { refusedByCompiler } from './refused-by-compiler.ts';
import { compare, type Explanation, type Span, type Survivor, survivorOf } from './survivors.ts';
import { TARGETS } from './targets.ts';
import { TESTS_VARIABLE } from './vitest.config.ts';

const USAGE = `Changes the files that decide about money, one small change at a time, and tells which no test noticed.

usage: npm run mutate [-- <file> …]        (default: every file of test/mutation/targets.ts)

exit code  0  every survivor is explained in test/mutation/explained-survivors.json
           1  there are others
           2  wrong arguments, or the tests fail without any change`;

const ROOT = resolve(import.meta.dirname, '../..');
const EXPLANATIONS = 'test/mutation/explained-survivors.json';

const STRYKER = join(ROOT, '.stryker/node_modules/.bin/stryker');

/** What does not depend on the file. */
const OPTIONS = {
  testRunner: 'vitest',
  plugins: ['@stryker-mutator/vitest-runner'],
  vitest: { configFile: 'test/mutation/vitest.config.ts', related: false },
  coverageAnalysis: 'perTest',
  concurrency: 1,
  // Names nothing: Stryker would rewrite its paths with an interface that TypeScript 7 lacks. Ours has none to rewrite.
  tsconfigFile: 'none.json',
  allowEmpty: false,
  cleanTempDir: 'always',
  reporters: ['json'],
  logLevel: 'error',
};

/** A mutant in Stryker's report (mutation-testing-report-schema 2). */
interface Result {
  readonly location: Span;
  readonly replacement: string;
  readonly status: string;
  readonly statusReason?: string;
}

/** What became of the mutants of a file. */
interface Figures {
  readonly file: string;
  readonly mutants: number;
  readonly killed: number;
  readonly refusedByCompiler: number;
  readonly survivors: readonly Survivor[];
}

/** Every single change of a file, each against the tests of that file. */
function mutate(file: string, tests: readonly string[]): Figures {
  const missing = [file, ...tests].filter((path) => !existsSync(join(ROOT, path)));
  if (missing.length > 0) throw new Error(`targets.ts names what is not there: ${missing.join(', ')}`);
  const folder = mkdtempSync(join(tmpdir(), 'mutation-'));
  try {
    const report = join(folder, 'report.json');
    const options = { ...OPTIONS, mutate: [file], tempDirName: folder, jsonReporter: { fileName: report } };
    writeFileSync(join(folder, 'stryker.json'), JSON.stringify(options));
    const run = spawnSync(STRYKER, ['run', join(folder, 'stryker.json')], {
      cwd: ROOT,
      env: { ...process.env, [TESTS_VARIABLE]: tests.join(',') },
      encoding: 'utf8',
    });
    if (run.status !== 0) throw new Error(`${file}: ${run.error ?? ''}${run.stdout}${run.stderr}`);
    const { files } = JSON.parse(readFileSync(report, 'utf8')) as {
      readonly files: Readonly<Record<string, { readonly mutants: readonly Result[] }>>;
    };
    return figuresOf(file, files[file]?.mutants ?? []);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function figuresOf(file: string, results: readonly Result[]): Figures {
  const source = readFileSync(join(ROOT, file), 'utf8');
  const killed = results.filter(isKilled);
  const survived = results.filter(({ status }) => status === 'Survived' || status === 'NoCoverage');
  const strange = results.filter((result) => !killed.includes(result) && !survived.includes(result));
  if (results.length === 0 || strange.length > 0) {
    const reasons = strange.map(({ status, statusReason }) => `${status}: ${statusReason}`).join('\n');
    throw new Error(`${file}: ${results.length} mutants, ${strange.length} without a verdict\n${reasons}`);
  }
  const asSurvivor = ({ location, replacement }: Result) => survivorOf(file, source, location, replacement);
  const excusable = survived.filter(mayBeRefused).map(asSurvivor);
  const refused = refusedByCompiler(ROOT, excusable);
  return {
    file,
    mutants: results.length,
    killed: killed.length,
    refusedByCompiler: refused.size,
    survivors: [
      ...survived.filter((result) => !mayBeRefused(result)).map(asSurvivor),
      ...excusable.filter((survivor) => !refused.has(survivor)),
    ],
  };
}

/** Noticed by a test, those included with which it does not end, or with which the file cannot even be loaded. */
function isKilled({ status, statusReason }: Result): boolean {
  if (status !== 'RuntimeError') return status === 'Killed' || status === 'Timeout';
  return statusReason?.startsWith('An error occurred outside of a test run') === true;
}

/**
 * Whether it would settle the matter that a mutant does not compile. Not where no test comes by at all; nor for a
 * condition that became a constant and a function that became empty: they stand for every way to get that wrong, and
 * many of those compile.
 */
function mayBeRefused({ status, replacement }: Result): boolean {
  return status === 'Survived' && !['true', 'false', '() => undefined'].includes(replacement);
}

function row(name: string, ...columns: readonly (string | number)[]): string {
  return name.padEnd(40) + columns.map((column) => String(column).padStart(12)).join('');
}

function tell(title: string, changes: readonly string[]): void {
  if (changes.length > 0) console.log(`\n${title}\n\n${changes.join('\n\n')}`);
}

function main(names: readonly string[]): number {
  const files = names.length === 0 ? Object.keys(TARGETS) : names;
  const foreign = files.filter((file) => TARGETS[file] === undefined);
  if (foreign.length > 0) {
    console.error(`${foreign.join(', ')}: not in test/mutation/targets.ts\n\n${USAGE}`);
    return 2;
  }
  const entries = JSON.parse(readFileSync(join(ROOT, EXPLANATIONS), 'utf8')) as readonly Explanation[];
  const survivors: Survivor[] = [];
  console.log(row('', 'mutants', 'killed', 'refused', 'survived', 'explained', 'seconds'));
  for (const file of files) {
    const begun = performance.now();
    const figures = mutate(file, TARGETS[file] ?? []);
    const { explained } = compare(figures.survivors, entries);
    const seconds = Math.round((performance.now() - begun) / 1_000);
    const { mutants, killed, refusedByCompiler: refused } = figures;
    console.log(row(file, mutants, killed, refused, figures.survivors.length, explained.length, seconds));
    survivors.push(...figures.survivors);
  }
  const { unexplained, stale } = compare(
    survivors,
    entries.filter(({ file }) => files.includes(file)),
  );
  tell(
    'SURVIVED: no test notices these changes. Write the assertion, or explain in explained-survivors.json.',
    unexplained.map(({ file, line, column, was, becomes }) => {
      return `${file}:${line}:${column}\n  - ${was}\n  + ${becomes}`;
    }),
  );
  tell(
    'STALE: explained, but no longer among the survivors. Remove them from explained-survivors.json.',
    stale.map(({ file, was, becomes }) => `${file}\n  - ${was}\n  + ${becomes}`),
  );
  return unexplained.length === 0 ? 0 : 1;
}

if (process.argv.includes('--help')) console.log(USAGE);
else {
  try {
    process.exitCode = main(process.argv.slice(2));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 2;
  }
}
