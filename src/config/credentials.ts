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
 * Resolves `env:NAME` or `file:/path`. What it says about a failure names the reference and never any value,
 * since a value that is no reference is most likely the secret itself.
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
    // A name in small letters may be the secret itself, written after `env:` by mistake: it is not repeated.
    const shown = /^[A-Z][A-Z0-9_]*$/.test(variable) ? variable : 'named there';
    if (secret.length > 0 && secret.length <= SECRET_LENGTH_MAX) return { kind: 'resolved', secret };
    if (sources.placeholder !== undefined) return { kind: 'resolved', secret: sources.placeholder };
    return {
      kind: 'refused',
      what: `the environment variable ${shown} of ${name} is ${state}`,
      expected: `${shown === variable ? variable : 'the variable'} with the secret in the gateway's environment`,
      remedy: `set ${shown === variable ? variable : 'it'} and start again, or refer to a file with file:/path`,
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
      what: `the file ${path} of ${name} is ${state}`,
      expected: 'a file with the secret, readable by the gateway',
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
