import { readdir, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { nearestName } from '../core/text/nearest-name.ts';
import type { RulesetError } from './ruleset-error.ts';

const READ_FILES = ['providers.yaml', 'rules.yaml', 'fx.yaml', 'experiments.yaml', 'scheme-limits.yaml'];
const OUTCOMES = 'outcomes';

/**
 * Files and folders in a rules folder that nobody reads, and whose names are near those that are read: what stands in them
 * would be missing without a word. Names unlike those (a README, a backup, `.git`) are left alone, as is a folder that cannot
 * be listed.
 */
export async function misnamedFiles(folder: string): Promise<readonly RulesetError[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.flatMap((entry) => {
    const meant = meantBy(entry.name, entry.isFile() || entry.isSymbolicLink());
    if (meant === null) return [];
    const what = `${entry.name} is not read: did you mean ${meant}?`;
    return [
      problem(
        entry.name,
        what,
        `of YAML files only ${READ_FILES.join(', ')} and those in ${OUTCOMES}/`,
        'rename it, or move it out of the folder',
      ),
    ];
  });
}

/** The name that is read and was probably meant; null: this one is read, or is meant for somebody else. */
function meantBy(name: string, mayBeFile: boolean): string | null {
  if (READ_FILES.includes(name) || name === OUTCOMES || name.startsWith('.')) return null;
  const [, stem = ''] = /^(.+)\.ya?ml$/i.exec(name) ?? [];
  if (stem === '') return nearestName(name, [OUTCOMES]) === null ? null : `${OUTCOMES}/`;
  if (!mayBeFile) return null;
  const near = nearestName(
    stem,
    READ_FILES.map((file) => file.replace(/\.yaml$/, '')),
  );
  return near === null ? null : `${near}.yaml`;
}

/**
 * What is wrong with a name that leads nowhere: a link to nothing, such as to a volume that was not mounted, is no file left
 * out. Null when something is there, or nothing of that name at all.
 */
export async function danglingLink(folder: string, name: string): Promise<RulesetError | null> {
  const target = await readlink(join(folder, name)).catch(() => null);
  if (target === null) return null;
  const code = await stat(join(folder, name)).then(
    () => null,
    (error: NodeJS.ErrnoException) => error.code,
  );
  if (code !== 'ENOENT') return null;
  const what = `a link to ${target}, where nothing is`;
  return problem(name, what, 'a file, or none of this name', 'mend the link, or remove it');
}

function problem(file: string, what: string, expected: string, remedy: string): RulesetError {
  return { file, line: 1, column: 1, what, expected, remedy };
}
