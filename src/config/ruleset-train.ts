import { eventsRefused } from '../core/rules/account-names.ts';
import type { Ruleset } from '../core/rules/ruleset.ts';
import type { Journal, ListedRuleset, Page, RulesetActivation, RulesetPageQuery } from '../gateway/ports.ts';
import type {
  ReleaseCommand,
  ReleaseResult,
  RulesetCheck,
  RulesetReleases,
  ShownRuleset,
} from '../gateway/ruleset-release.ts';
import { referencesIn } from './credential-watch.ts';
import { type CredentialSources, resolveCredential } from './credentials.ts';
import { missingCredentials, missingText, PLACEHOLDER } from './missing-credentials.ts';
import { type LoadedSet, openMoneyErrors } from './open-money.ts';
import { rulesetChanges } from './ruleset-changes.ts';
import type { RulesetError } from './ruleset-error.ts';
import { readRulesetFolder } from './ruleset-folder.ts';
import type { RulesetStore } from './ruleset-store.ts';
import { validateRulesetFiles } from './validate-ruleset-files.ts';
import { withoutSecrets } from './without-secrets.ts';

export interface RulesetTrainOptions {
  readonly store: RulesetStore;
  readonly journal: Pick<
    Journal,
    'listRulesets' | 'listRulesetActivations' | 'findRuleset' | 'activeRuleset' | 'hasOpenMoney'
  >;
  /** Of the rules. */
  readonly folder: string;
  readonly credentials: CredentialSources;
  /** What else keeps this process from going over to a set. */
  readonly check: (set: LoadedSet) => readonly RulesetError[];
}

/** What people do with rulesets: look, check, activate, go back. */
export class RulesetTrain implements RulesetReleases {
  readonly #options: RulesetTrainOptions;

  constructor(options: RulesetTrainOptions) {
    this.#options = options;
  }

  list(query: RulesetPageQuery): Promise<Page<ListedRuleset>> {
    return this.#options.journal.listRulesets(query);
  }

  activations(query: RulesetPageQuery): Promise<Page<RulesetActivation>> {
    return this.#options.journal.listRulesetActivations(query);
  }

  release(command: ReleaseCommand): Promise<ReleaseResult> {
    return this.#options.store.release(command);
  }

  async find(version: number): Promise<ShownRuleset | null> {
    const { journal, credentials, store } = this.#options;
    const found = await journal.findRuleset(version);
    if (found === null) return null;
    const active = await journal.activeRuleset();
    const inForce = active === null ? null : await journal.findRuleset(active.version);
    const secrets = [...secretsOf(found.files, credentials), ...secretsOf(store.files(), credentials)];
    const shown = (files: Readonly<Record<string, string>>) =>
      Object.fromEntries(Object.entries(files).map(([name, text]) => [name, withoutSecrets(text, secrets)]));
    return {
      ...found,
      files: shown(found.files),
      against: {
        active: active?.version ?? version,
        changes: rulesetChanges(inForce?.files ?? found.files, found.files),
      },
    };
  }

  async check(offered: Readonly<Record<string, string>> | null): Promise<RulesetCheck> {
    const { folder, credentials } = this.#options;
    if (offered !== null) return this.#checked(offered, this.#knownCredentials());
    const read = await readRulesetFolder(folder);
    if (read.kind === 'refused') return { valid: false, errors: read.errors, notes: [] };
    return this.#checked(read.files, credentials);
  }

  async #checked(files: Readonly<Record<string, string>>, sources: CredentialSources): Promise<RulesetCheck> {
    const { store, journal, check } = this.#options;
    const reading = validateRulesetFiles(files, sources);
    if (reading.kind === 'refused') return { valid: false, errors: reading.errors, notes: [] };
    const set = { ruleset: reading.ruleset, files };
    const current = { ruleset: store.current(), files: store.files() };
    const hasOpenMoney = (provider: string) => journal.hasOpenMoney(provider);
    const errors = [...check(set), ...(await openMoneyErrors(current, set, hasOpenMoney))];
    return { valid: errors.length === 0, errors, notes: notesOf(reading.ruleset) };
  }

  /**
   * Of what somebody hands over, only references that the ruleset in force has are looked up: else whoever may check rules
   * could find out which variables and files the gateway has, and what their content looks like.
   */
  #knownCredentials(): CredentialSources {
    const { store, credentials } = this.#options;
    const known = new Set<string>();
    for (const references of referencesIn(store.files()['providers.yaml'] ?? '').values()) {
      for (const reference of Object.values(references)) known.add(reference);
    }
    const environment: Record<string, string | undefined> = {};
    for (const reference of known) {
      const name = reference.slice('env:'.length);
      if (reference.startsWith('env:') && Object.hasOwn(credentials.environment, name)) {
        environment[name] = credentials.environment[name];
      }
    }
    return {
      environment,
      readFile: (path) =>
        known.has(`file:${path}`)
          ? credentials.readFile(path)
          : { kind: 'unreadable', code: 'not looked up' },
      placeholder: PLACEHOLDER,
    };
  }
}

/** What the references of files stand for, as far as it is there. */
function secretsOf(
  files: Readonly<Record<string, string>>,
  credentials: CredentialSources,
): readonly string[] {
  return [...referencesIn(files['providers.yaml'] ?? '').values()].flatMap((references) =>
    Object.entries(references).flatMap(([name, reference]) => {
      const reading = resolveCredential(name, reference, credentials);
      return reading.kind === 'resolved' ? [reading.secret] : [];
    }),
  );
}

function notesOf(ruleset: Ruleset): readonly string[] {
  const missing = missingCredentials(ruleset);
  const untold = [...ruleset.providers].flatMap(([id, contract]) => {
    const refused = eventsRefused(contract);
    return refused === null ? [] : [`"${id}" has ${refused.what}: ${refused.remedy}`];
  });
  const secrets =
    missing.size === 0
      ? []
      : [
          `secrets that were not looked up, because the ruleset in force has none of them: ${missingText(missing)}`,
        ];
  return [...ruleset.experiments.notes, ...untold, ...secrets];
}
