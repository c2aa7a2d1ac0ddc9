import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/** Where promtool is, in `PATH`; null: it is not installed. */
export function findPromtool(): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.map((folder) => join(folder, 'promtool')).find((path) => existsSync(path)) ?? null;
}

/**
 * Takes promtool out of Debian's package, into a folder of its own: nothing is installed, and no service starts.
 * @returns where it is, in a folder to be removed afterwards, or why it is not to be had
 */
export function unpackPromtool():
  | { readonly path: string; readonly folder: string }
  | { readonly why: string } {
  const folder = mkdtempSync(join(tmpdir(), 'promtool-'));
  const run = (command: string, ...args: string[]) =>
    execFileSync(command, args, { cwd: folder, encoding: 'utf8', stdio: 'pipe', timeout: 120_000 });
  try {
    run('apt-get', 'update', '-qq');
    run('apt-get', 'download', '-q', 'prometheus');
    const [archive = ''] = readdirSync(folder).filter((name) => name.endsWith('.deb'));
    run('dpkg-deb', '-x', archive, 'unpacked');
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    return { why: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error) };
  }
  return { path: join(folder, 'unpacked', 'usr', 'bin', 'promtool'), folder };
}
