import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Survivor } from './survivors.ts';

/**
 * Which of the survivors do not compile: nobody can make that change by mistake. All are looked at in one go, each as a
 * file of its own beside the original, so that it sees the same neighbours and nobody sees it.
 */
export function refusedByCompiler(root: string, survivors: readonly Survivor[]): ReadonlySet<Survivor> {
  if (survivors.length === 0) return new Set();
  const copy = mkdtempSync(join(tmpdir(), 'mutants-'));
  try {
    cpSync(join(root, 'src'), join(copy, 'src'), { recursive: true });
    cpSync(join(root, 'package.json'), join(copy, 'package.json'));
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    const paths = survivors.map(({ file }, index) => {
      return join(dirname(file), `${basename(file, '.ts')}.mutant-${index}.ts`);
    });
    survivors.forEach(({ source }, index) => {
      writeFileSync(join(copy, paths[index] ?? ''), source);
    });
    writeFileSync(join(copy, 'tsconfig.json'), lenient(readFileSync(join(root, 'tsconfig.json'), 'utf8')));
    const tsc = join(root, 'node_modules', '.bin', 'tsc');
    const run = spawnSync(tsc, ['--noEmit', '--pretty', 'false'], { cwd: copy, encoding: 'utf8' });
    const told = new Set([...run.stdout.matchAll(/^(\S+?)\(\d+,\d+\): error TS/gm)].map((match) => match[1]));
    const others = [...told].filter((path) => path === undefined || !paths.includes(path));
    if (run.error !== undefined || others.length > 0 || (run.status !== 0 && told.size === 0)) {
      throw new Error(`The compiler has more to say than about mutants:\n${run.stdout}${run.stderr}`);
    }
    return new Set(survivors.filter((_, index) => told.has(paths[index])));
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** What is merely left unused says nothing about whether a change is wrong. */
function lenient(tsconfig: string): string {
  const { compilerOptions } = JSON.parse(tsconfig) as { compilerOptions: Record<string, unknown> };
  const unused = { noUnusedLocals: false, noUnusedParameters: false, allowUnreachableCode: true };
  return JSON.stringify({ compilerOptions: { ...compilerOptions, ...unused }, include: ['src'] });
}
