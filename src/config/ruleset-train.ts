import type { Experiments } from '../core/experiments/experiment.ts';
import { eventsRefused } from '../core/rules/account-names.ts';
import type { Ruleset } from '../core/rules/ruleset.ts';
import type { Journal, ListedRuleset, Page, RulesetActivation, RulesetPageQuery } from '../gateway/ports.ts';
import type {
  ReleaseCommand,
  ReleaseResult,
  RulesetChanges,
  RulesetCheckResult,
  RulesetReleases,
  ShownRuleset,
} from '../gateway/ruleset-release.ts';
import { referencesIn } from './credential-watch.ts';
import { type CredentialSources, resolveCredential } from './credentials.ts';
import { missingCredentials, missingText, PLACEHOLDER } from './missing-credentials.ts';
import { type CheckedSet, openMoneyErrors } from './open-money.ts';
import { areLong } from './read-beside.ts';
import { type ReadingPlace, type SecretsInReach, tooCostlyError } from './reading-task.ts';
import { rulesetChanges } from './ruleset-changes.ts';
import type { RulesetError } from './ruleset-error.ts';
import { readRulesetFolder } from './ruleset-folder.ts';
import type { RulesetStore } from './ruleset-store.ts';
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
  readonly check: (set: CheckedSet) => readonly RulesetError[];
  /** Where files are checked that anybody may hand over. */
  readonly checks: ReadingPlace;
}

/** When it is worth to ask again while as many checks wait as may. */
const RETRY_MS = 2_000;
/** Comparisons of versions that are remembered. */
const COMPARED_MAX = 50;

/** What people do with rulesets: look, check, activate, go back. */
export class RulesetTrain implements RulesetReleases {
  readonly #options: RulesetTrainOptions;
  /** What versions have other than those in force: neither ever changes. */
  readonly #compared = new Map<string, RulesetChanges>();
  /** References to secrets in the files in force, which are looked into for each check. */
  #inForce: { readonly text: string; readonly references: ReturnType<typeof referencesIn> } | null = null;

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
    const { journal, credentials } = this.#options;
    const found = await journal.findRuleset(version);
    if (found === null) return null;
    const active = await journal.activeRuleset();
    const inForce = active === null ? null : await journal.findRuleset(active.version);
    const changes = await this.#changes(inForce ?? found, found);
    const references = [referencesIn(found.files['providers.yaml'] ?? ''), this.#referencesInForce()];
    const secrets = references.flatMap((each) => secretsOf(each, credentials));
    const shown = (files: Readonly<Record<string, string>>) =>
      Object.fromEntries(Object.entries(files).map(([name, text]) => [name, withoutSecrets(text, secrets)]));
    return {
      ...found,
      files: shown(found.files),
      against: {
        active: active?.version ?? version,
        changes,
      },
    };
  }

  async #changes(before: FoundRuleset, after: FoundRuleset): Promise<RulesetChanges> {
    const key = `${before.contentHash} ${after.contentHash}`;
    const known = this.#compared.get(key);
    if (known !== undefined) return known;
    const task = { kind: 'compare', before: before.files, after: after.files } as const;
    const outcome = areLong(before.files, after.files) ? await this.#options.checks.run(task) : null;
    const changes = outcome?.kind === 'done' ? outcome.reply : rulesetChanges(before.files, after.files);
    const [oldest] = this.#compared.keys();
    if (oldest !== undefined && this.#compared.size >= COMPARED_MAX) this.#compared.delete(oldest);
    this.#compared.set(key, changes);
    return changes;
  }

  async check(offered: Readonly<Record<string, string>> | null): Promise<RulesetCheckResult> {
    const { folder, credentials } = this.#options;
    if (offered !== null) return this.#checked(offered, this.#knownSecrets());
    const read = await readRulesetFolder(folder);
    if (read.kind === 'refused') return { kind: 'checked', valid: false, errors: read.errors, notes: [] };
    return this.#checked(read.files, { environment: { ...credentials.environment }, paths: 'all' });
  }

  async #checked(
    files: Readonly<Record<string, string>>,
    secrets: SecretsInReach,
  ): Promise<RulesetCheckResult> {
    const { store, journal, check, checks } = this.#options;
    const outcome = await checks.run({ kind: 'read', files, secrets });
    if (outcome.kind === 'stopped') return { kind: 'stopping' };
    if (outcome.kind === 'busy') return { ...outcome, retryAfterMs: RETRY_MS };
    if (outcome.kind === 'too_costly') {
      return { kind: 'too_costly', errors: [tooCostlyError(outcome, checks.limits)] };
    }
    if (outcome.kind === 'failed') return outcome;
    const { reply } = outcome;
    if (reply.kind === 'refused') return { kind: 'checked', valid: false, errors: reply.errors, notes: [] };
    const set = { ruleset: reply.draft, places: reply.places };
    const hasOpenMoney = (provider: string) => journal.hasOpenMoney(provider);
    const errors = [
      ...check(set),
      ...(await openMoneyErrors({ ruleset: store.current() }, set, hasOpenMoney)),
    ];
    return { kind: 'checked', valid: errors.length === 0, errors, notes: notesOf(reply.draft) };
  }

  /**
   * Of what somebody hands over, only references that the ruleset in force has are looked up: else whoever may check rules
   * could find out which variables and files the gateway has, and what their content looks like.
   */
  #knownSecrets(): SecretsInReach {
    const { credentials } = this.#options;
    const known = new Set<string>();
    for (const references of this.#referencesInForce().values()) {
      for (const reference of Object.values(references)) known.add(reference);
    }
    const environment: Record<string, string | undefined> = {};
    for (const reference of known) {
      const name = reference.slice('env:'.length);
      if (reference.startsWith('env:') && Object.hasOwn(credentials.environment, name)) {
        environment[name] = credentials.environment[name];
      }
    }
    const paths = [...known].flatMap((reference) =>
      reference.startsWith('file:') ? [reference.slice('file:'.length)] : [],
    );
    return { environment, paths, placeholder: PLACEHOLDER };
  }

  #referencesInForce(): ReturnType<typeof referencesIn> {
    const text = this.#options.store.files()['providers.yaml'] ?? '';
    if (this.#inForce?.text !== text) this.#inForce = { text, references: referencesIn(text) };
    return this.#inForce.references;
  }
}

type FoundRuleset = NonNullable<Awaited<ReturnType<Journal['findRuleset']>>>;

/** What references stand for, as far as it is there. */
function secretsOf(
  byProvider: ReturnType<typeof referencesIn>,
  credentials: CredentialSources,
): readonly string[] {
  return [...byProvider.values()].flatMap((references) =>
    Object.entries(references).flatMap(([name, reference]) => {
      const reading = resolveCredential(name, reference, credentials);
      return reading.kind === 'resolved' ? [reading.secret] : [];
    }),
  );
}

function notesOf(
  ruleset: Pick<Ruleset, 'providers'> & { readonly experiments: Pick<Experiments, 'notes'> },
): readonly string[] {
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
