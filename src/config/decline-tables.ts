import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type AdviceRow,
  type CodeMeaning,
  type DeclineTables,
  type NetworkRow,
  networkMeaning,
  type ProviderTable,
  VISA_CATEGORIES,
  type VisaCategory,
} from '../core/declines/decline-tables.ts';
import { invariant } from '../core/invariant.ts';
import { type RuleProblem, shown } from '../core/rules/rule-problem.ts';
import { ADAPTERS } from '../core/rules/ruleset.ts';
import { nearestName } from '../core/text/nearest-name.ts';
import { checkShape } from './check-shape.ts';
import { danglingLink } from './misnamed-files.ts';
import { conditionsOf, lintOutcomeFile } from './outcome-lint.ts';
import {
  type AdviceFile,
  type NetworkFile,
  OUTCOME_SCHEMAS,
  type OutcomeFile,
  type OutcomeKindOfFile,
  type OutcomeRow,
  type ProviderFile,
  type VisaFile,
} from './outcome-schemas.ts';
import type { RulesetError } from './ruleset-error.ts';
import { readYamlFile, type YamlFile } from './yaml-file.ts';

/** Name of a file, such as `outcomes/stripe.yaml`, to its text. */
export type OutcomeTexts = Readonly<Record<string, string>>;

export type DeclineTablesReading =
  | { readonly kind: 'read'; readonly tables: DeclineTables }
  | { readonly kind: 'refused'; readonly errors: readonly RulesetError[] };

/**
 * Reads the code tables. The shipped ones come with the product and always apply, so that a rules folder without any
 * works; a file in the rules folder's `outcomes/` adds to the table that it names: all shipped rows of a code that it
 * has are replaced by its own. What comes out is checked as a whole, by the same rules.
 * @param rulesFolder null: the shipped tables alone
 */
export async function loadDeclineTables(rulesFolder: string | null): Promise<DeclineTablesReading> {
  const shipped = await readFolder(fileURLToPath(new URL('./default-outcomes', import.meta.url)));
  invariant(Object.keys(shipped).length > 0, 'the shipped code tables are part of the product');
  const dangling = rulesFolder === null ? [] : await danglingOutcomes(rulesFolder);
  if (dangling.length > 0) return { kind: 'refused', errors: dangling };
  const own = rulesFolder === null ? {} : await readFolder(join(rulesFolder, 'outcomes'));
  const reading = compileDeclineTables(shipped, own);
  if (reading.kind === 'refused') return reading;
  const errors = missingTables(reading.tables);
  return errors.length > 0 ? { kind: 'refused', errors } : reading;
}

/** Adapters without a table of their codes: each decline of theirs would be unmapped. */
function missingTables({ providers }: DeclineTables): readonly RulesetError[] {
  return ADAPTERS.filter((adapter) => !providers.has(adapter)).map((adapter) => ({
    file: `outcomes/${adapter}.yaml`,
    line: 1,
    column: 1,
    what: `there is no table of the codes of the adapter ${adapter}`,
    expected: `src/config/default-outcomes/${adapter}.yaml with kind: provider and table: ${adapter}`,
    remedy: 'add it, or correct its table:',
  }));
}

/** A table that no adapter reads, by its misspelt name, would be laid over nothing. */
function strayTables(own: readonly Source[]): readonly RulesetError[] {
  return own.flatMap(({ yaml, data: { kind, table } }) => {
    if (kind !== 'provider' || ADAPTERS.some((adapter) => adapter === table)) return [];
    const near = nearestName(table, ADAPTERS);
    return [
      yaml.locate({
        path: ['table'],
        what: `no adapter reads the table ${shown(table)}`,
        expected: `one of ${ADAPTERS.join(', ')}`,
        remedy: near === null ? 'correct it' : `did you mean ${near}?`,
      }),
    ];
  });
}

async function danglingOutcomes(rulesFolder: string): Promise<readonly RulesetError[]> {
  const folder = join(rulesFolder, 'outcomes');
  const names = ['outcomes', ...(await yamlNames(folder)).map((name) => `outcomes/${name}`)];
  const links = await Promise.all(names.map((name) => danglingLink(rulesFolder, name)));
  return links.filter((link) => link !== null);
}

/** Texts of the YAML files of a folder; none when there is no such folder. */
async function readFolder(folder: string): Promise<OutcomeTexts> {
  const texts: Record<string, string> = {};
  for (const name of await yamlNames(folder)) {
    texts[`outcomes/${name}`] = await readFile(join(folder, name), 'utf8');
  }
  return texts;
}

async function yamlNames(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).filter((file) => /\.ya?ml$/.test(file)).sort();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

interface Source {
  readonly yaml: YamlFile;
  readonly data: OutcomeFile;
}

/** Compiles the shipped files and those of the rules folder into tables. */
export function compileDeclineTables(shipped: OutcomeTexts, own: OutcomeTexts): DeclineTablesReading {
  const errors: RulesetError[] = [];
  const sources: Source[] = [];
  for (const [name, text] of [...Object.entries(shipped), ...Object.entries(own)]) {
    const reading = readSource(name, text);
    if (reading.kind === 'refused') errors.push(...reading.errors);
    else sources.push(reading.source);
  }
  if (errors.length > 0) return { kind: 'refused', errors };
  const merged = merge(sources);
  const ownSources = sources.slice(Object.keys(shipped).length);
  const late = [...merged.errors, ...strayTables(ownSources), ...visaErrors(merged.tables, sources)];
  return late.length > 0 ? { kind: 'refused', errors: late } : { kind: 'read', tables: merged.tables };
}

function readSource(
  name: string,
  text: string,
):
  | { readonly kind: 'read'; readonly source: Source }
  | { readonly kind: 'refused'; readonly errors: readonly RulesetError[] } {
  const reading = readYamlFile(name, text);
  if (reading.kind === 'refused') return reading;
  const yaml = reading.file;
  const refuse = (problems: readonly RuleProblem[]) =>
    ({ kind: 'refused', errors: problems.map(yaml.locate) }) as const;
  const kind = kindOf(yaml.value);
  if (kind === null) {
    const expected = `one of ${Object.keys(OUTCOME_SCHEMAS).join(', ')}`;
    return refuse([{ path: ['kind'], what: 'kind is missing or unknown', expected, remedy: 'add kind:' }]);
  }
  const shape = checkShape<(typeof OUTCOME_SCHEMAS)[OutcomeKindOfFile]>(OUTCOME_SCHEMAS[kind], yaml.value);
  if (shape.kind === 'bad') return refuse(shape.problems);
  const problems = lintOutcomeFile(shape.data);
  return problems.length > 0 ? refuse(problems) : { kind: 'read', source: { yaml, data: shape.data } };
}

function kindOf(value: unknown): OutcomeKindOfFile | null {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return null;
  const { kind } = value;
  return typeof kind === 'string' && Object.hasOwn(OUTCOME_SCHEMAS, kind)
    ? (kind as OutcomeKindOfFile)
    : null;
}

/** Lays the files over one another, in their order. */
function merge(sources: readonly Source[]): {
  readonly tables: DeclineTables;
  readonly errors: readonly RulesetError[];
} {
  const network = new Map<string, readonly NetworkRow[]>();
  const visaCategories = new Map<string, VisaCategory>();
  const merchantAdvice = new Map<string, AdviceRow>();
  const providers = new Map<string, ProviderTable>();
  const kinds = new Map<string, OutcomeKindOfFile>();
  const errors: RulesetError[] = [];
  for (const { yaml, data } of sources) {
    const kind = kinds.get(data.table) ?? data.kind;
    kinds.set(data.table, kind);
    if (kind !== data.kind) {
      const what = `table ${data.table} as kind ${data.kind}`;
      errors.push(yaml.locate({ path: ['kind'], what, expected: kind, remedy: 'correct kind or table' }));
    } else if (data.kind === 'network') addNetwork(network, data);
    else if (data.kind === 'visa_categories') addVisa(visaCategories, data);
    else if (data.kind === 'merchant_advice') addAdvice(merchantAdvice, data);
    else providers.set(data.table, providerTable(providers.get(data.table), data));
  }
  return { tables: Object.freeze({ network, visaCategories, merchantAdvice, providers }), errors };
}

function addNetwork(network: Map<string, readonly NetworkRow[]>, file: NetworkFile): void {
  const rows = file.codes
    .toSorted((left, right) => conditionsOf(right) - conditionsOf(left))
    .flatMap((row) =>
      row.codes.map((code) => ({
        code,
        brands: row.brands === undefined ? null : new Set(row.brands),
        scaRegion: row.sca_region ?? null,
        threeDs: row.three_ds ?? null,
        meaning: meaningOf(row),
      })),
    );
  for (const [code, ofCode] of Map.groupBy(rows, (row) => row.code)) network.set(code, ofCode);
}

function addVisa(categories: Map<string, VisaCategory>, file: VisaFile): void {
  for (const row of file.codes) {
    const category = VISA_CATEGORIES.find((known) => known === row.category);
    invariant(category !== undefined, 'the schema bounds the category');
    for (const code of row.codes) categories.set(code, category);
  }
}

const HOUR_MS = 3_600_000;

function addAdvice(advice: Map<string, AdviceRow>, file: AdviceFile): void {
  for (const row of file.codes) {
    const { category, other_provider: otherProvider, retry_after_hours: hours } = row;
    const retryAfterMs = hours === undefined ? null : hours * HOUR_MS;
    const informational = category === undefined || otherProvider === undefined;
    const demands = informational ? null : { category, otherProvider, retryAfterMs };
    for (const code of row.codes) advice.set(code, { code, demands });
  }
}

function providerTable(shipped: ProviderTable | undefined, file: ProviderFile): ProviderTable {
  const codes = new Map(shipped?.codes);
  const prefixes = new Map(shipped?.prefixes);
  const advice = new Map(shipped?.advice);
  for (const row of file.codes) {
    for (const code of row.codes) {
      if (code.endsWith('*')) prefixes.set(code.slice(0, -1), meaningOf(row));
      else codes.set(code, meaningOf(row));
    }
  }
  for (const row of file.advice) for (const code of row.codes) advice.set(code, meaningOf(row));
  return {
    codes,
    prefixes: [...prefixes].sort(([left], [right]) => right.length - left.length),
    advice,
    adviceIsNetworks: file.advice_is === 'merchant_advice_code',
  };
}

function meaningOf(row: OutcomeRow): CodeMeaning {
  switch (row.result) {
    case 'declined':
      invariant(row.category !== undefined && row.other_provider !== undefined, 'the lint demands both');
      return {
        kind: 'declined',
        category: row.category,
        otherProvider: row.other_provider,
        hidesApproval: row.hides_approval,
      };
    case 'not_processed':
      invariant(row.reason !== undefined, 'the lint demands a reason');
      return { kind: 'not_processed', reason: row.reason };
    default:
      return { kind: row.result };
  }
}

/** Across files: what Visa forbids for ever must stop in the network's table, whoever changed which of the two. */
function visaErrors(tables: DeclineTables, sources: readonly Source[]): readonly RulesetError[] {
  const forbidden = [...tables.visaCategories].filter(([, category]) => category === 1);
  return forbidden.flatMap(([code]) => {
    const loose = [true, false].some((flag) => {
      const meaning = networkMeaning(tables, code, { brand: 'visa', scaRegion: flag, threeDsPresent: flag });
      return meaning !== null && !(meaning.kind === 'declined' && meaning.otherProvider === 'never');
    });
    if (!loose) return [];
    const source = sources.findLast(
      ({ data }) => data.kind === 'network' && data.codes.some((row) => row.codes.includes(code)),
    );
    invariant(source !== undefined, 'a code comes from a file');
    const index = source.data.codes.findIndex((row) => row.codes.includes(code));
    return [
      source.yaml.locate({
        path: ['codes', index, 'codes'],
        what: `code ${code} is not other_provider: never for Visa`,
        expected: 'never: Visa category 1 forbids any further attempt',
        remedy: 'correct the row, or the category in the Visa table',
      }),
    ];
  });
}
