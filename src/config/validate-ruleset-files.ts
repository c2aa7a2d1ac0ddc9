import { createHash } from 'node:crypto';
import { NO_EXPERIMENTS } from '../core/experiments/experiment.ts';
import type { RuleProblem } from '../core/rules/rule-problem.ts';
import type { ProviderContract, Ruleset } from '../core/rules/ruleset.ts';
import type { ExchangeRates } from '../core/scoring/exchange-rates.ts';
import { checkShape, isRecord, itemsOf, soundItems } from './check-shape.ts';
import type { CredentialSources } from './credentials.ts';
import { NO_PLACES, type ProviderPlaces, placesOf } from './provider-places.ts';
import { readExchangeRates } from './read-exchange-rates.ts';
import { type ExperimentContext, readExperiments } from './read-experiments.ts';
import { readProviders } from './read-providers.ts';
import { type RuleParts, readRules } from './read-rules.ts';
import { compiledRuleset, type ExperimentsDraft, type RulesetDraft } from './ruleset-draft.ts';
import type { RulesetError } from './ruleset-error.ts';
import {
  EXPERIMENTS_MAX,
  experimentSchema,
  experimentsFileSchema,
  PROVIDERS_MAX,
  providerSchema,
  providersFileSchema,
  RATES_MAX,
  RULES_MAX,
  rateEditionSchema,
  ratesFileSchema,
  ruleSchema,
  rulesFileSchema,
} from './ruleset-schemas.ts';
import { readYamlFile, type YamlFile } from './yaml-file.ts';

/** Files of a ruleset, in the order in which they are read. */
export const RULESET_FILES = ['providers.yaml', 'rules.yaml', 'fx.yaml', 'experiments.yaml'] as const;
/** Those that need not be there. */
const OPTIONAL_FILES: ReadonlySet<string> = new Set(['fx.yaml', 'experiments.yaml']);

/** Errors reported at once; after them the list says how many more there are. */
const ERRORS_MAX = 100;
/**
 * Errors of one file whose place is looked up; a look-up walks its map, which may have as many keys as
 * errors.
 */
const LOCATED_MAX = 1000;

export interface RefusedFiles {
  readonly kind: 'refused';
  /** In the order of files and lines; at least one. */
  readonly errors: readonly RulesetError[];
  /** Those that could be read: so that one look tells what else keeps them from being used. */
  readonly providers: ReadonlyMap<string, ProviderContract>;
}

export type RulesetReading =
  | { readonly kind: 'good'; readonly ruleset: Ruleset; readonly places: ProviderPlaces }
  | RefusedFiles;

/** As {@link RulesetReading}, before it is compiled. */
export type DraftReading =
  | { readonly kind: 'good'; readonly draft: RulesetDraft; readonly places: ProviderPlaces }
  | RefusedFiles;

/**
 * Reads, checks and compiles a ruleset. Never throws for anything in the files.
 * @param files content by name; of {@link RULESET_FILES}; others are not read
 * @param onFile told of each file whenever it is looked into
 * @returns the ruleset with version 0, or everything that is wrong
 */
export function validateRulesetFiles(
  files: Readonly<Record<string, string>>,
  credentials: CredentialSources,
  onFile?: (name: string) => void,
): RulesetReading {
  const reading = readRulesetFiles(files, credentials, onFile);
  if (reading.kind === 'refused') return reading;
  const { draft, places } = reading;
  return { kind: 'good', ruleset: compiledRuleset(draft), places };
}

/** Reads and checks a ruleset, as {@link validateRulesetFiles}. */
export function readRulesetFiles(
  files: Readonly<Record<string, string>>,
  credentials: CredentialSources,
  onFile: (name: string) => void = () => {},
): DraftReading {
  const errors: RulesetError[] = [];
  let unlisted = 0;
  const collect = (file: YamlFile, problems: readonly RuleProblem[]) => {
    errors.push(...problems.slice(0, LOCATED_MAX).map(file.locate));
    unlisted += Math.max(0, problems.length - LOCATED_MAX);
  };
  onFile('providers.yaml');
  const providersFile = readFile('providers.yaml', files, errors);
  onFile('rules.yaml');
  const rulesFile = readFile('rules.yaml', files, errors);

  let providers: ReturnType<typeof readProviders> = new Map();
  let ids: ReadonlySet<string> | null = null;
  if (providersFile !== null) {
    onFile('providers.yaml');
    const { value } = providersFile;
    const shape = checkShape(providersFileSchema, value);
    const problems = shape.kind === 'good' ? [] : [...shape.problems];
    const raw =
      shape.kind === 'good'
        ? shape.data.providers
        : soundItems(providerSchema, value, 'providers', PROVIDERS_MAX);
    providers = readProviders(raw, credentials, problems);
    ids = providerIds(value);
    collect(providersFile, problems);
  }
  let rules: ReturnType<typeof readRules> = [];
  let areRulesSound = false;
  if (rulesFile !== null) {
    onFile('rules.yaml');
    const { value } = rulesFile;
    const shape = checkShape(rulesFileSchema, value);
    const problems = shape.kind === 'good' ? [] : [...shape.problems];
    const raw = shape.kind === 'good' ? shape.data.rules : ruleParts(value);
    rules = readRules(raw, { ids, contracts: providers }, problems);
    areRulesSound = problems.length === 0;
    collect(rulesFile, problems);
  }
  const context = { providers, rules: areRulesSound ? rules : null };
  onFile('experiments.yaml');
  const experiments = experimentsIn(files, context, errors, collect);
  onFile('fx.yaml');
  const exchangeRates = exchangeRatesIn(files, errors, collect);
  if (errors.length > 0) return { kind: 'refused', errors: inOrder(errors, unlisted), providers };
  const live = [...providers.values()].every((provider) => provider.live);
  const contentHash = contentHashOf(files);
  return {
    kind: 'good',
    draft: { version: 0, contentHash, rules, providers, exchangeRates, experiments, live },
    places: providersFile === null ? NO_PLACES : placesOf(providersFile),
  };
}

function experimentsIn(
  files: Readonly<Record<string, string>>,
  context: ExperimentContext,
  errors: RulesetError[],
  collect: (file: YamlFile, problems: readonly RuleProblem[]) => void,
): ExperimentsDraft {
  const file = readFile('experiments.yaml', files, errors);
  if (file === null) return { ...NO_EXPERIMENTS, list: [] };
  const shape = checkShape(experimentsFileSchema, file.value);
  const problems = shape.kind === 'good' ? [] : [...shape.problems];
  const raw =
    shape.kind === 'good'
      ? shape.data
      : { experiments: soundItems(experimentSchema, file.value, 'experiments', EXPERIMENTS_MAX) };
  const experiments = readExperiments(raw, context, problems);
  collect(file, problems);
  return experiments;
}

function exchangeRatesIn(
  files: Readonly<Record<string, string>>,
  errors: RulesetError[],
  collect: (file: YamlFile, problems: readonly RuleProblem[]) => void,
): ExchangeRates {
  const file = readFile('fx.yaml', files, errors);
  if (file === null) return [];
  const shape = checkShape(ratesFileSchema, file.value);
  const problems = shape.kind === 'good' ? [] : [...shape.problems];
  const raw =
    shape.kind === 'good' ? shape.data.rates : soundItems(rateEditionSchema, file.value, 'rates', RATES_MAX);
  const rates = readExchangeRates(raw, problems);
  collect(file, problems);
  return rates;
}

/** Ids that a rule may name, also of providers that are wrong otherwise; null when they cannot all be told. */
function providerIds(value: unknown): ReadonlySet<string> | null {
  const ids = itemsOf(value, 'providers', PROVIDERS_MAX).map((item) => (isRecord(item) ? item['id'] : null));
  return ids.length > 0 && ids.every((id) => typeof id === 'string') ? new Set(ids) : null;
}

/** What can be read of rules of which some have not their shape. */
function ruleParts(value: unknown): readonly RuleParts[] {
  const { name, when, then: action } = ruleSchema.shape;
  return itemsOf(value, 'rules', RULES_MAX).map((item): RuleParts => {
    // biome-ignore lint/suspicious/noThenProperty: the word of the file; nobody awaits a rule
    if (!isRecord(item)) return { name: null, when: null, then: null };
    // With a key that is not known, what was meant to be asked may be missing: it is no rule for everything.
    const isWhole = Object.keys(item).every((key) => Object.hasOwn(ruleSchema.shape, key));
    const condition = when.safeParse(item['when']);
    return {
      name: name.safeParse(item['name']).data ?? null,
      when: isWhole && condition.success ? condition.data : null,
      // biome-ignore lint/suspicious/noThenProperty: as above
      then: action.safeParse(item['then']).data ?? null,
    };
  });
}

/** SHA-256 over names and contents of the files that are read, hex. */
export function contentHashOf(files: Readonly<Record<string, string>>): string {
  const hash = createHash('sha256');
  // As JSON, so that no content can pass for the boundary between two files.
  // An optional file that is not there counts for nothing: the hash is as before there were any.
  const names = RULESET_FILES.filter((name) => !OPTIONAL_FILES.has(name) || fileText(files, name) !== null);
  hash.update(JSON.stringify(names.map((name) => [name, fileText(files, name)])));
  return hash.digest('hex');
}

function fileText(files: Readonly<Record<string, string>>, name: string): string | null {
  return Object.hasOwn(files, name) ? (files[name] ?? null) : null;
}

function readFile(
  name: string,
  files: Readonly<Record<string, string>>,
  errors: RulesetError[],
): YamlFile | null {
  const text = fileText(files, name);
  if (text === null) {
    if (OPTIONAL_FILES.has(name)) return null;
    errors.push({
      file: name,
      line: 1,
      column: 1,
      what: 'the file is missing',
      expected: 'a file of this name in the folder of RULES_DIR',
      remedy: 'create it; README.md in the shipped routing-rules/ shows how',
    });
    return null;
  }
  const reading = readYamlFile(name, text);
  if (reading.kind === 'read') return reading.file;
  errors.push(...reading.errors);
  return null;
}

function inOrder(errors: readonly RulesetError[], unlisted: number): readonly RulesetError[] {
  const rank = new Map<string, number>(RULESET_FILES.map((name, index) => [name, index]));
  const rankOf = (error: RulesetError) => rank.get(error.file) ?? RULESET_FILES.length;
  const sorted = errors.toSorted((a, b) => rankOf(a) - rankOf(b) || a.line - b.line || a.column - b.column);
  const last = sorted[ERRORS_MAX - 1];
  if (sorted.length <= ERRORS_MAX || last === undefined) return sorted;
  const more = sorted.length - ERRORS_MAX + 1 + unlisted;
  return [
    ...sorted.slice(0, ERRORS_MAX - 1),
    { ...last, what: `${more} more errors from here on`, expected: 'none', remedy: 'mend those above first' },
  ];
}
