import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { bareEnvironment } from '../support/bare-environment.ts';

export interface ScriptEnding {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a command of `src/cli` as a process of its own.
 * @param environment all it has beside {@link bareEnvironment}
 * @param timeoutMs after which it is ended
 * @param input what is piped into it
 */
export function runScript(
  name: string,
  args: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
  timeoutMs = 30_000,
  input = '',
): Promise<ScriptEnding> {
  const script = fileURLToPath(new URL(`../../src/cli/${name}`, import.meta.url));
  const env = { ...bareEnvironment(), ...environment };
  return new Promise((resolve, reject) => {
    const child = execFile(
      process.execPath,
      [script, ...args],
      { env, timeout: timeoutMs, maxBuffer: 16 * 1024 * 1024 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : error.code;
        if (typeof code === 'number') resolve({ code, stdout, stderr });
        else reject(error);
      },
    );
    child.stdin?.end(input);
  });
}
