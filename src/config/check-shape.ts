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
    return issue.keys.map((key) => {
      const near = nearestName(key, listed(expected));
      return {
        path: [...path, key],
        atKey: true,
        what: `unknown key ${shown(key)}`,
        expected,
        remedy: near === null ? 'remove it' : `did you mean ${near}?`,
      };
    });
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
  const name = /^[\w.-]{1,60}$/.test(key) ? key : shown(key);
  if (value === undefined) {
    return [{ path, what: `${name} is missing`, expected, remedy: `add ${name}:` }];
  }
  // Whatever stands under credentials may be a secret, and a URL may hold one.
  const secret = path.includes('credentials') || path.includes('base_url');
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

function isRecord(value: unknown): value is Record<string | number, unknown> {
  return typeof value === 'object' && value !== null;
}
