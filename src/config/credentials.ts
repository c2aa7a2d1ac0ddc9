import { readFileSync } from 'node:fs';

/** Where references to secrets are looked up. */
export interface CredentialSources {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly readFile: (path: string) => SecretFile;
  /** Stands for a secret that is not there, where files are only checked; left out: it is refused. */
  readonly placeholder?: string;
}

export type SecretFile =
  | { readonly kind: 'read'; readonly text: string }
  /** `code` as the operating system names it, such as `ENOENT`. */
  | { readonly kind: 'unreadable'; readonly code: string };

export type CredentialReading =
  | { readonly kind: 'resolved'; readonly secret: string }
  | {
      readonly kind: 'refused';
      readonly what: string;
      readonly expected: string;
      readonly remedy: string;
    };

/** Longest secret; PEM keys have a few thousand characters. */
const SECRET_LENGTH_MAX = 65_536;

/**
 * Resolves `env:NAME` or `file:/path`. What it says about a failure repeats nothing of the reference, not even a
 * well-formed one: it is shown without authentication and logged, and a secret may stand after `env:` or in the path
 * by mistake. Where the reference stands in the file is for the caller to say.
 * @param name what the secret is for, such as `api_key of "acquirer-a"`
 */
export function resolveCredential(
  name: string,
  reference: string,
  sources: CredentialSources,
): CredentialReading {
  const variable = /^env:([A-Za-z_][A-Za-z0-9_]*)$/.exec(reference)?.[1];
  if (variable !== undefined) {
    const value = Object.hasOwn(sources.environment, variable) ? sources.environment[variable] : undefined;
    const secret = value?.trim() ?? '';
    const state = value === undefined ? 'not set' : 'empty or too long';
    if (secret.length > 0 && secret.length <= SECRET_LENGTH_MAX) return { kind: 'resolved', secret };
    if (sources.placeholder !== undefined) return { kind: 'resolved', secret: sources.placeholder };
    return {
      kind: 'refused',
      what: `the environment variable named there for ${name} is ${state}`,
      expected: "env: and the name of a variable that holds the secret in the gateway's environment",
      remedy: 'set it and start again, correct its name, or refer to a file with file:/path',
    };
  }
  const path = /^file:(\/[^\0]+)$/.exec(reference)?.[1];
  if (path !== undefined) {
    const file = sources.readFile(path);
    const secret = file.kind === 'read' ? file.text.trim() : '';
    if (secret.length > 0 && secret.length <= SECRET_LENGTH_MAX) return { kind: 'resolved', secret };
    if (sources.placeholder !== undefined) return { kind: 'resolved', secret: sources.placeholder };
    const state = file.kind === 'read' ? 'empty or too long' : `not readable (${file.code})`;
    return {
      kind: 'refused',
      what: `the file named there for ${name} is ${state}`,
      expected: 'file: and the path of a file that holds the secret, readable by the gateway',
      remedy: 'create or mount it, or correct the path',
    };
  }
  return {
    kind: 'refused',
    what: `${name} holds something that is no reference, perhaps the secret itself`,
    expected: 'env:NAME or file:/absolute/path',
    remedy: 'put the secret into a variable or file and refer to it; replace it if it was ever shared',
  };
}

/** Reads a secret from the file system. */
export function readSecretFile(path: string): SecretFile {
  try {
    return { kind: 'read', text: readFileSync(path, 'utf8') };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    return { kind: 'unreadable', code };
  }
}
