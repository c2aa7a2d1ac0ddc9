import { isDeepStrictEqual } from 'node:util';
import type { NamedChange, RulesetChanges } from '../gateway/ruleset-release.ts';
import { isRecord, itemsOf } from './check-shape.ts';
import { EXPERIMENTS_MAX, PROVIDERS_MAX, RULES_MAX } from './ruleset-schemas.ts';
import { RULESET_FILES } from './validate-ruleset-files.ts';
import { readYamlFile } from './yaml-file.ts';

type Files = Readonly<Record<string, string>>;

/**
 * What files of a ruleset have other than those of another, by what they say: comments and layout change only the file.
 * Either may be such as this version of the program would refuse.
 */
export function rulesetChanges(before: Files, after: Files): RulesetChanges {
  const files = RULESET_FILES.filter((name) => before[name] !== after[name]);
  const changes = (file: (typeof RULESET_FILES)[number], list: string, name: string, most: number) =>
    files.includes(file)
      ? namedChanges(named(before[file], list, name, most), named(after[file], list, name, most))
      : [];
  return {
    files,
    rules: changes('rules.yaml', 'rules', 'name', RULES_MAX),
    providers: changes('providers.yaml', 'providers', 'id', PROVIDERS_MAX),
    experiments: changes('experiments.yaml', 'experiments', 'id', EXPERIMENTS_MAX),
  };
}

/** Items of a list in a file by their names, in the order of the file; none where there is no such list. */
function named(
  text: string | undefined,
  list: string,
  name: string,
  most: number,
): ReadonlyMap<string, unknown> {
  const reading = text === undefined ? null : readYamlFile('', text);
  if (reading?.kind !== 'read') return new Map();
  return new Map(
    itemsOf(reading.file.value, list, most).flatMap((item) =>
      isRecord(item) && typeof item[name] === 'string' ? [[item[name], item] as const] : [],
    ),
  );
}

function namedChanges(
  before: ReadonlyMap<string, unknown>,
  after: ReadonlyMap<string, unknown>,
): readonly NamedChange[] {
  const inOrder = longestInOrder(
    [...after.keys()].filter((name) => before.has(name)),
    [...before.keys()],
  );
  const changes: NamedChange[] = [];
  for (const [name, item] of after) {
    if (!before.has(name)) changes.push({ name, change: 'added' });
    else if (!isDeepStrictEqual(before.get(name), item)) changes.push({ name, change: 'changed' });
    else if (!inOrder.has(name)) changes.push({ name, change: 'moved' });
  }
  for (const name of before.keys()) if (!after.has(name)) changes.push({ name, change: 'removed' });
  return changes;
}

/** The most names that stand in one order in both lists: the others are those that were moved. */
function longestInOrder(names: readonly string[], order: readonly string[]): ReadonlySet<string> {
  const places = new Map(order.map((name, place) => [name, place]));
  /** The longest run that ends with each name. */
  const runs: { readonly place: number; readonly length: number; readonly before: number }[] = [];
  for (const name of names) {
    const place = places.get(name) ?? 0;
    let before = -1;
    for (let index = 0; index < runs.length; index += 1) {
      const run = runs[index];
      if (run !== undefined && run.place < place && run.length > (runs[before]?.length ?? 0)) before = index;
    }
    runs.push({ place, length: (runs[before]?.length ?? 0) + 1, before });
  }
  const longest = Math.max(0, ...runs.map(({ length }) => length));
  const found = new Set<string>();
  for (let at = runs.findIndex(({ length }) => length === longest); at >= 0; at = runs[at]?.before ?? -1) {
    found.add(names[at] ?? '');
  }
  return found;
}
