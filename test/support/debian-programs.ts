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

/**
 * A program as it is installed; else, as root, taken out of Debian's package into a folder of its own: nothing is
 * installed, and no service starts.
 * @param name of the program, in the package's `/usr/bin`
 * @returns why it is not to be had, where it is not
 */
export function debianProgram(
  packageName: string,
  name: string,
): Program | { readonly path: null; readonly why: string } {
  const installed = findProgram(name);
  if (installed !== null) return { path: installed, folder: null };
  if (process.getuid?.() !== 0) {
    return { path: null, why: `${name} is not installed, and only root can fetch it` };
  }
  const folder = mkdtempSync(join(tmpdir(), `${packageName}-`));
  // As root, apt would fetch as another user, who may not write here.
  const run = (command: string, ...args: string[]) =>
    execFileSync(command, args, { cwd: folder, encoding: 'utf8', stdio: 'pipe', timeout: 120_000 });
  try {
    run('apt-get', 'update', '-qq');
    run('apt-get', 'download', '-q', '-o', 'APT::Sandbox::User=root', packageName);
    const [archive = ''] = readdirSync(folder).filter((file) => file.endsWith('.deb'));
    run('dpkg-deb', '-x', archive, 'unpacked');
    return { path: join(folder, 'unpacked', 'usr', 'bin', name), folder };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    return { path: null, why: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error) };
  }
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
 * Skips by name what needs a program or a server that is not there, so that nobody takes it for a pass;
 * `SERVERS_REQUIRED=1` makes its want a failure.
 * @param what is skipped
 * @param why the program is not there
 */
export function skipForWant(
  context: { readonly skip: (note: string) => never },
  what: string,
  why: string,
): never {
  if (process.env['SERVERS_REQUIRED'] === '1') throw new Error(`SERVERS_REQUIRED is set: ${what}: ${why}`);
  console.warn(`SKIPPED: ${what} (${why})`);
  return context.skip(why);
}
