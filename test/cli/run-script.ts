import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface ScriptEnding {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a command of `src/cli` as a process of its own.
 * @param environment all it has, `PATH` apart
 */
export function runScript(
  name: string,
  args: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Promise<ScriptEnding> {
  const script = fileURLToPath(new URL(`../../src/cli/${name}`, import.meta.url));
  const env = { PATH: process.env['PATH'] ?? '', ...environment };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [script, ...args], { env, timeout: 30_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === 'number') resolve({ code, stdout, stderr });
      else reject(error);
    });
  });
}
