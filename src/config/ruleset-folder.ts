import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { danglingLink, misnamedFiles } from './misnamed-files.ts';
import type { RulesetError } from './ruleset-error.ts';
import { contentHashOf, RULESET_FILES } from './validate-ruleset-files.ts';

/** Bytes of one file; a larger one is not even read. */
const FILE_SIZE_MAX = 2 * 1024 * 1024;
/** Readings until two in a row are equal. */
const READINGS_MAX = 5;

export type FolderReading =
  | {
      readonly kind: 'read';
      readonly files: Readonly<Record<string, string>>;
      readonly contentHash: string;
    }
  | { readonly kind: 'refused'; readonly errors: readonly RulesetError[] };

/**
 * Reads the files of a ruleset. A file that is not there is left out; validation says so. One that was probably meant to be
 * read and has another name is refused.
 *
 * The folder may be changed while it is read, by an editor or by a ConfigMap whose `..data` link is swapped,
 * and a mixture of two sets must not become active: so it is read until two readings are equal.
 */
export async function readRulesetFolder(folder: string): Promise<FolderReading> {
  let previous: FolderReading | null = null;
  for (let count = 1; count <= READINGS_MAX; count += 1) {
    const reading = await readOnce(folder);
    if (reading.kind === 'refused') return reading;
    if (previous?.kind === 'read' && previous.contentHash === reading.contentHash) return reading;
    previous = reading;
  }
  const what = 'the folder kept changing while it was read';
  return {
    kind: 'refused',
    errors: [problem('.', what, 'files at rest', 'wait; it is read again by itself')],
  };
}

async function readOnce(folder: string): Promise<FolderReading> {
  const absent = await absentFolder(folder);
  if (absent !== null) return { kind: 'refused', errors: [absent] };
  const files: Record<string, string> = {};
  const errors: RulesetError[] = [...(await misnamedFiles(folder))];
  for (const name of RULESET_FILES) {
    const path = join(folder, name);
    try {
      const { size } = await stat(path);
      if (size > FILE_SIZE_MAX) {
        errors.push(problem(name, `${size} bytes`, `at most ${FILE_SIZE_MAX}`, 'shorten the file'));
      } else {
        files[name] = await readFile(path, 'utf8');
      }
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      if (code === 'ENOENT') {
        const dangling = await danglingLink(folder, name);
        if (dangling !== null) errors.push(dangling);
        continue;
      }
      errors.push(
        problem(name, `not readable (${code})`, 'a readable file', 'check its kind and permissions'),
      );
    }
  }
  if (errors.length > 0) return { kind: 'refused', errors };
  return { kind: 'read', files, contentHash: contentHashOf(files) };
}

/** What is wrong with a folder that is none, such as by a RULES_DIR that is misspelt. */
async function absentFolder(folder: string): Promise<RulesetError | null> {
  const found = await stat(folder).catch((error: NodeJS.ErrnoException) => error.code ?? 'unknown');
  if (typeof found !== 'string' && found.isDirectory()) return null;
  const why = typeof found === 'string' ? `cannot be read (${found})` : 'is a file';
  return problem(
    '.',
    `${folder} ${why}`,
    'the folder of the rules',
    'correct RULES_DIR, or put the folder there',
  );
}

function problem(file: string, what: string, expected: string, remedy: string): RulesetError {
  return { file, line: 1, column: 1, what, expected, remedy };
}
