import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

/** A program that a test runs. */
export interface Program {
  readonly path: string;
  /** To be removed afterwards; null: it is installed. */
  readonly folder: string | null;
}

/** Where a program is, in `PATH`; null: it is not installed. */
export function findProgram(name: string): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null;
}

/** Why a program cannot be run, where it is not installed; null: it is. */
export function whyNot(name: string): string | null {
  return findProgram(name) === null ? `${name} is not installed` : null;
}

/** Where archives of Debian's packages lie that were fetched before the tests began, one for each package. */
const ARCHIVES = 'DEBIAN_ARCHIVES';

/**
 * Fetches packages' archives once, as root, before tests run beside each other: two that asked at the same time would
 * find the lists locked.
 * @returns how to remove them; null: all of it is installed, or this is not root
 */
export function fetchArchives(packages: readonly PackagedProgram[]): (() => void) | null {
  const wanted = packages.filter(({ program }) => findProgram(program) === null);
  if (wanted.length === 0 || process.getuid?.() !== 0) return null;
  const folder = mkdtempSync(join(tmpdir(), 'debian-archives-'));
  const names = [...new Set(wanted.map(({ packageName }) => packageName))];
  updateLists();
  // As root, apt would fetch as another user, who may not write here.
  apt(['download', '-q', '-o', 'APT::Sandbox::User=root', ...names], folder);
  process.env[ARCHIVES] = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}

/**
 * Installs packages that start no service, as root; waits for others who install something.
 * @returns why they could not be installed; null: they are
 */
export function installPackages(...packages: readonly string[]): string | null {
  try {
    updateLists();
    apt(['install', '-y', '-qq', '--no-install-recommends', ...WAITING, ...packages]);
    return null;
  } catch (error) {
    return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
  }
}

/** Two minutes for whoever else is at work. */
const WAITING = ['-o', 'DPkg::Lock::Timeout=120'] as const;

function updateLists(): void {
  apt(['update', '-qq', ...WAITING]);
}

/** @throws Error with what apt says */
function apt(args: readonly string[], cwd = tmpdir()): void {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  execFileSync('apt-get', args, { cwd, env, stdio: 'pipe', timeout: 300_000 });
}

/** A program, and Debian's package whose `/usr/bin` it is in. */
export interface PackagedProgram {
  readonly packageName: string;
  readonly program: string;
}

/**
 * A program as it is installed; else unpacked, from the archive that {@link fetchArchives} has fetched, into a folder of
 * its own: nothing is installed, and no service starts.
 * @returns why it is not to be had, where it is not
 */
export function debianProgram({
  packageName,
  program,
}: PackagedProgram): Program | { readonly path: null; readonly why: string } {
  const installed = findProgram(program);
  if (installed !== null) return { path: installed, folder: null };
  const archives = process.env[ARCHIVES];
  const archive =
    archives === undefined
      ? undefined
      : readdirSync(archives).find((file) => file.startsWith(`${packageName}_`) && file.endsWith('.deb'));
  if (archives === undefined || archive === undefined) {
    return { path: null, why: `${program} is not installed, and only root can fetch it` };
  }
  const folder = mkdtempSync(join(tmpdir(), `${packageName}-`));
  execFileSync('dpkg-deb', ['-x', join(archives, archive), join(folder, 'unpacked')], { stdio: 'pipe' });
  return { path: join(folder, 'unpacked', 'usr', 'bin', program), folder };
}

/**
 * How to start a program that reads files of its package by their absolute paths, with the folder that it works in: one
 * that is unpacked only takes its own folder for the root of all files, and the libraries that it loads are copied there.
 * @returns `folder`: as others see it
 */
export function commandIn(
  { path, folder }: Program,
  workFolder: string,
): { readonly command: readonly [string, ...string[]]; readonly folder: string } {
  if (folder === null) return { command: [path], folder: workFolder };
  const root = join(folder, 'unpacked');
  const loaded = execFileSync('ldd', [path], { encoding: 'utf8' });
  for (const [library] of loaded.matchAll(/\/\S+\.so\S*/g)) {
    mkdirSync(dirname(join(root, library)), { recursive: true });
    copyFileSync(library, join(root, library));
  }
  mkdirSync(join(root, 'work'), { recursive: true });
  return {
    command: ['chroot', root, path.slice(root.length)],
    folder: join(root, 'work'),
  };
}

/**
 * Whether what a test needs is missing. Then it is skipped by name, so that nobody takes it for a pass;
 * `SERVERS_REQUIRED=1` makes its want a failure.
 * @param what is skipped
 * @param why it cannot run here; null: it can
 */
export function isMissing(what: string, why: string | null): boolean {
  if (why === null) return false;
  if (process.env['SERVERS_REQUIRED'] === '1') throw new Error(`SERVERS_REQUIRED is set: ${what}: ${why}`);
  console.warn(`SKIPPED: ${what} (${why})`);
  return true;
}

/** As {@link isMissing}, of a test that already runs. */
export function skipForWant(
  context: { readonly skip: (note: string) => never },
  what: string,
  why: string,
): never {
  isMissing(what, why);
  return context.skip(why);
}
