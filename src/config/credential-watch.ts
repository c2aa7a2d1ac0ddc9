import type { ProviderContract } from '../core/rules/ruleset.ts';
import { checkShape } from './check-shape.ts';
import { type CredentialSources, resolveCredential } from './credentials.ts';
import { providersFileSchema } from './ruleset-schemas.ts';
import { SeenTwice } from './seen-twice.ts';
import { readYamlFile } from './yaml-file.ts';

/** What became of new credentials of an account. */
export type CredentialRotation =
  | { readonly kind: 'unchanged' }
  /** Calls go out with the new ones from now on. `names` are those that differ. */
  | { readonly kind: 'rotated'; readonly names: readonly string[] }
  /** The account cannot be built with them; it goes on with those before. */
  | { readonly kind: 'refused'; readonly reason: string };

export interface CredentialWatchOptions {
  /** The files of the ruleset in force. */
  readonly files: () => Readonly<Record<string, string>>;
  readonly credentials: CredentialSources;
  /** Builds an account anew with other credentials, if they are others. */
  readonly rotate: (provider: string, credentials: ProviderContract['credentials']) => CredentialRotation;
  readonly onRotated: (provider: string, names: readonly string[]) => void;
  /** Told once for each different problem, and again when it came back after it was gone. */
  readonly onFailed: (provider: string, problem: string) => void;
}

/**
 * Reads the secrets behind `file:` references again, so that they can be replaced without a restart. All of an account
 * are taken up together, and only when all can be read: a half of a pair would be refused by the provider. While they
 * cannot, those before stay in force. (A process sees its environment as it was at its start.)
 */
export class CredentialWatch {
  readonly #options: CredentialWatchOptions;
  readonly #readings = new Map<string, SeenTwice>();
  /** What was told of each account, while it lasts. */
  readonly #told = new Map<string, string>();
  #parsed: { readonly text: string; readonly references: References } | null = null;

  constructor(options: CredentialWatchOptions) {
    this.#options = options;
  }

  /** Looks at every secret. What it finds counts once it is found twice in a row. */
  look(): void {
    for (const [provider, references] of this.#references()) {
      const { resolved, problems } = this.#resolve(provider, references);
      const readings = this.#readings.get(provider) ?? new SeenTwice();
      this.#readings.set(provider, readings);
      if (!readings.isSame(JSON.stringify([resolved, problems]))) continue;
      const problem = problems.length > 0 ? problems.join('; ') : this.#rotate(provider, resolved);
      if (problem === null) this.#told.delete(provider);
      else if (this.#told.get(provider) !== problem) {
        this.#told.set(provider, problem);
        this.#options.onFailed(provider, problem);
      }
    }
  }

  #resolve(provider: string, references: Readonly<Record<string, string>>) {
    const resolved: Record<string, string> = {};
    const problems: string[] = [];
    for (const [name, reference] of Object.entries(references)) {
      const reading = resolveCredential(`${name} of "${provider}"`, reference, this.#options.credentials);
      if (reading.kind === 'resolved') resolved[name] = reading.secret;
      else problems.push(reading.what);
    }
    return { resolved, problems };
  }

  /** @returns why it was not taken up; null when it was, or is what is in force */
  #rotate(provider: string, credentials: Readonly<Record<string, string>>): string | null {
    const rotation = this.#options.rotate(provider, credentials);
    if (rotation.kind === 'refused') return rotation.reason;
    if (rotation.kind === 'rotated') this.#options.onRotated(provider, rotation.names);
    return null;
  }

  /** References by account, from the files in force: they were good when they were taken up. */
  #references(): References {
    const text = this.#options.files()['providers.yaml'] ?? '';
    if (this.#parsed?.text !== text) this.#parsed = { text, references: referencesIn(text) };
    return this.#parsed.references;
  }
}

type References = ReadonlyMap<string, Readonly<Record<string, string>>>;

/** References to secrets by account and name, in the text of `providers.yaml`; none in one that has not its shape. */
export function referencesIn(text: string): References {
  const reading = readYamlFile('providers.yaml', text);
  const shape = reading.kind === 'read' ? checkShape(providersFileSchema, reading.file.value) : null;
  if (shape?.kind !== 'good') return new Map();
  return new Map(shape.data.providers.map(({ id, credentials }) => [id, credentials]));
}
