import type { z } from 'zod';
import { type FilePath, type RuleProblem, shown } from '../core/rules/rule-problem.ts';
import { nearestName } from '../core/text/nearest-name.ts';

type Issue = z.core.$ZodIssue;

/** Checks the shape of a file's value. */
export function checkShape<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
):
  | { readonly kind: 'good'; readonly data: z.output<Schema> }
  | { readonly kind: 'bad'; readonly problems: readonly RuleProblem[] } {
  const result = schema.safeParse(value, { error: expectation });
  if (result.success) return { kind: 'good', data: result.data };
  return { kind: 'bad', problems: result.error.issues.flatMap((issue) => problemsOf(issue, [], value)) };
}

/**
 * The items of a file's list that have their shape, when the file as a whole has not: so that one reading tells what
 * is wrong with their content too.
 * @returns null for each item that has not; nothing when there is no list, or more than `most` items
 */
export function soundItems<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  key: string,
  most: number,
): readonly (z.output<Schema> | null)[] {
  return itemsOf(value, key, most).map((item) => {
    const result = schema.safeParse(item);
    return result.success ? result.data : null;
  });
}

/** The items of a file's list, whatever they are; none when there is no list, or more than `most`. */
export function itemsOf(value: unknown, key: string, most: number): readonly unknown[] {
  const list = isRecord(value) && Object.hasOwn(value, key) ? value[key] : null;
  return Array.isArray(list) && list.length <= most ? list : [];
}

const KINDS: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a number',
  string: 'a word',
  boolean: 'true or false',
  array: 'a list',
  object: 'keys with values',
  record: 'keys with values',
};

/** What was expected, for checks that do not say it themselves. */
function expectation(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return KINDS[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return `one of ${issue.values.map(String).join(', ')}`;
    case 'unrecognized_keys': {
      const definition: unknown = issue.inst?._zod.def;
      const shape = isRecord(definition) && isRecord(definition['shape']) ? definition['shape'] : {};
      return `one of ${Object.keys(shape).join(', ')}`;
    }
    default:
      return 'another value';
  }
}

function problemsOf(issue: Issue, prefix: FilePath, root: unknown): readonly RuleProblem[] {
  const path = [...prefix, ...issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))];
  const expected = issue.message;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: [...path, key],
      atKey: true,
      what: `unknown key ${shown(key)}`,
      expected,
      remedy: keyRemedy(key, listed(expected), valueAt(root, [...path, key]), path),
    }));
  }
  const value = valueAt(root, path);
  if (issue.code === 'invalid_union') {
    // A list with one bad value is told about that value, not about the whole list.
    const inside = issue.errors.find(
      (branch) => branch.length > 0 && branch.every((one) => one.path.length > 0),
    );
    if (inside !== undefined) return inside.flatMap((one) => problemsOf(one, path, root));
  }
  const key = path.findLast((step) => typeof step === 'string') ?? 'the file';
  const name = path.length === 0 || /^[\w.-]{1,60}$/.test(key) ? key : shown(key);
  if (value === undefined) {
    return [{ path, what: `${name} is missing`, expected, remedy: `add ${name}:` }];
  }
  if (Array.isArray(value) && value.length === 0 && /at least one/.test(expected)) {
    const remedy = path.length === 1 ? 'add one' : 'add one, or remove the key';
    return [{ path, what: `${name} is an empty list`, expected, remedy }];
  }
  // Whatever stands under credentials may be a secret, and a URL may hold one.
  const secret = SECRET_MEMBERS.some((member) => path.includes(member));
  const near = typeof value === 'string' ? nearestName(value, listed(expected)) : null;
  return [
    {
      path,
      what:
        secret || typeof value === 'object'
          ? `${name} is not what it should be`
          : `${shown(value)} for ${name}`,
      expected,
      remedy: near === null ? advice(value, expected) : `did you mean ${near}?`,
    },
  ];
}

/** Members whose values are not repeated. */
const SECRET_MEMBERS = ['credentials', 'secret', 'sha256', 'base_url', 'url'] as const;

/** Words that other programs have for ours; taken only where ours is a key. */
const OTHER_WORDS: ReadonlyMap<string, string> = new Map([
  ...['equals', 'equal', 'eq', '==', 'value'].map((word) => [word, 'is'] as const),
  ...['in', 'any_of', 'values'].map((word) => [word, 'one_of'] as const),
  ...['not_in', 'nin', 'not_equals', 'not_equal', 'neq', 'ne', '!=', 'is_not'].map(
    (word) => [word, 'not_one_of'] as const,
  ),
  ...['gt', 'greater_than', '>'].map((word) => [word, 'above'] as const),
  ...['lt', 'less_than', '<'].map((word) => [word, 'below'] as const),
  ...['gte', 'ge', 'min', '>='].map((word) => [word, 'at_least'] as const),
  ...['lte', 'le', 'max', '<='].map((word) => [word, 'at_most'] as const),
  ...['starts_with', 'startswith', 'begins_with'].map((word) => [word, 'prefix'] as const),
  ...['and'].map((word) => [word, 'all'] as const),
  ...['or'].map((word) => [word, 'any'] as const),
  ...['if', 'match', 'condition', 'conditions', 'where'].map((word) => [word, 'when'] as const),
  ...['do', 'action', 'actions', 'route'].map((word) => [word, 'then'] as const),
]);
const LISTS: ReadonlySet<string> = new Set(['one_of', 'not_one_of']);

/** What to write for a key that is not known. */
function keyRemedy(key: string, known: readonly string[], value: unknown, path: FilePath): string {
  const [, word = '', rest = ''] = /^([a-z_]+):(.+)$/.exec(key) ?? [];
  if (known.includes(word))
    return `put a space after the colon: ${word}: ${valueText(rest.replaceAll(/^"|"$/g, ''), false)}`;
  const ours = OTHER_WORDS.get(key.toLowerCase());
  if (ours !== undefined && known.includes(ours))
    return `write ${ours}: ${valueText(value, LISTS.has(ours))}`;
  if (key === 'contains' && known.includes('one_of')) {
    return 'write out the values with one_of: […]; only card.bin is asked about by its start, with prefix:';
  }
  const near = nearestName(key, known);
  if (near !== null) return `did you mean ${near}?`;
  // A rule or condition that loses what somebody meant to ask would match more than was meant.
  return path[0] === 'rules' ? 'write one of these instead: without it the rule may match more' : 'remove it';
}

/** A value as it stands in a file, short; three dots for more than a word or a few. */
function valueText(value: unknown, asList: boolean): string {
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (items.length > 5 || items.some((item) => typeof item === 'object' || item === undefined)) return '…';
  const text = items.map((item) => withoutQuotes(shown(item))).join(', ');
  return asList || Array.isArray(value) ? `[${text}]` : text;
}

function withoutQuotes(text: string): string {
  return text.replace(/^"([A-Za-z][\w.-]*)"$/, '$1');
}

function advice(value: unknown, expected: string): string {
  if (value === null) return 'write a value after the colon, or remove the key';
  if (typeof value === 'number' && /quotes|word|code/.test(expected)) return 'put it in quotes';
  if (typeof value === 'string' && /^[\d.]+$/.test(value) && /number/.test(expected))
    return 'remove the quotes';
  return 'correct it';
}

function listed(expected: string): readonly string[] {
  return expected.startsWith('one of ') ? expected.slice('one of '.length).split(', ') : [];
}

function valueAt(root: unknown, path: FilePath): unknown {
  let value = root;
  for (const step of path) {
    if (Array.isArray(value)) value = value[Number(step)];
    else if (isRecord(value) && Object.hasOwn(value, step)) value = value[step];
    else return undefined;
  }
  return value;
}

export function isRecord(value: unknown): value is Record<string | number, unknown> {
  return typeof value === 'object' && value !== null;
}
