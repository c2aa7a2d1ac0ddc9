import { isCountry } from '../cards/regions.ts';
import { currencyExponent, isCurrency, parseMajorUnits } from '../money.ts';
import { nearestName } from '../text/nearest-name.ts';
import type { Condition } from './condition.ts';
import {
  BIN_DIGITS,
  type ConditionField,
  conditionField,
  FIELD_NAMES,
  isTimeField,
} from './condition-fields.ts';
import { type FilePath, type RuleProblem, shown } from './rule-problem.ts';
import { closed, complement, isEmpty, type Range, rangeSet, type ValueSet, wordSet } from './value-set.ts';
import { isTimeZone } from './zoned-time.ts';

type RawValue = string | number | boolean;

/** A condition as the file spells it: `all`, `any`, `not`, or a `field` with its operators. */
export interface RawCondition {
  readonly all?: readonly RawCondition[] | undefined;
  readonly any?: readonly RawCondition[] | undefined;
  readonly not?: RawCondition | undefined;
  readonly field?: string | undefined;
  readonly currency?: string | undefined;
  readonly time_zone?: string | undefined;
  readonly is?: RawValue | undefined;
  readonly one_of?: readonly RawValue[] | undefined;
  readonly not_one_of?: readonly RawValue[] | undefined;
  /** The same as `not_one_of`. */
  readonly none_of?: readonly RawValue[] | undefined;
  readonly prefix?: string | readonly string[] | undefined;
  readonly between?: readonly RawValue[] | undefined;
  readonly below?: RawValue | undefined;
  readonly above?: RawValue | undefined;
  readonly at_least?: RawValue | undefined;
  readonly at_most?: RawValue | undefined;
  readonly exists?: boolean | undefined;
}

const CHOICES = ['is', 'one_of', 'not_one_of', 'none_of'] as const;
const BOUNDS = ['between', 'below', 'above', 'at_least', 'at_most'] as const;
const OPERATORS = [...CHOICES, 'prefix', ...BOUNDS, 'exists'] as const;
type Operator = (typeof OPERATORS)[number];

const WORD_OPERATORS: readonly Operator[] = [...CHOICES, 'exists'];
const OPERATORS_OF: Readonly<Record<ConditionField['kind'], readonly Operator[]>> = {
  word: WORD_OPERATORS,
  country: WORD_OPERATORS,
  currency: WORD_OPERATORS,
  boolean: ['is', 'exists'],
  amount: ['is', ...BOUNDS],
  bin: ['prefix', 'exists'],
  hour: [...CHOICES, ...BOUNDS],
};

/**
 * Reads a condition that has the file's shape. What is wrong is added to `problems`; the result is null then,
 * and every other part is still read, so that one run shows all mistakes.
 */
export function readCondition(raw: RawCondition, path: FilePath, problems: RuleProblem[]): Condition | null {
  const forms = (['all', 'any', 'not', 'field'] as const).filter((form) => raw[form] !== undefined);
  if (forms.length !== 1) {
    problems.push({
      path,
      what: forms.length === 0 ? 'a condition that asks nothing' : `a condition with ${forms.join(' and ')}`,
      expected: 'one of: field with an operator, all, any, not',
      remedy: forms.length === 0 ? 'write { field: …, is: … }' : 'put them apart, under all: or any:',
    });
    return null;
  }
  if (raw.field !== undefined) return readTest(raw, raw.field, path, problems);
  const stray = [...OPERATORS, 'currency' as const, 'time_zone' as const].find(
    (key) => raw[key] !== undefined,
  );
  if (stray !== undefined) {
    problems.push({
      path: [...path, stray],
      atKey: true,
      what: `${stray} beside ${forms[0]}`,
      expected: `${stray} only beside field`,
      remedy: 'move it into the condition that has the field',
    });
    return null;
  }
  if (raw.not !== undefined) {
    const part = readCondition(raw.not, [...path, 'not'], problems);
    return part === null ? null : { kind: 'not', part, path };
  }
  const kind = raw.all !== undefined ? 'all' : 'any';
  const parts = (raw[kind] ?? []).map((part, index) => readCondition(part, [...path, kind, index], problems));
  const good = parts.filter((part) => part !== null);
  return good.length === parts.length ? { kind, parts: good, path } : null;
}

function readTest(
  raw: RawCondition,
  name: string,
  path: FilePath,
  problems: RuleProblem[],
): Condition | null {
  const timeZone = raw.time_zone ?? 'UTC';
  if (raw.time_zone !== undefined && !(isTimeField(name) && isTimeZone(timeZone))) {
    problems.push({
      path: [...path, 'time_zone'],
      what: isTimeField(name) ? `unknown time zone ${shown(timeZone)}` : `time_zone on ${shown(name)}`,
      expected: isTimeField(name)
        ? 'an IANA name such as Europe/Berlin'
        : 'time_zone only on time.weekday, time.hour',
      remedy: isTimeField(name) ? 'correct the name; leave it out for UTC' : 'remove it',
    });
    return null;
  }
  const field = conditionField(name, timeZone);
  if (field === null) {
    const near = nearestName(name, FIELD_NAMES);
    problems.push({
      path: [...path, 'field'],
      what: `unknown field ${shown(name)}`,
      expected: `one of ${FIELD_NAMES.join(', ')}, metadata.<name>`,
      remedy: near === null ? 'use one of these' : `did you mean ${near}?`,
    });
    return null;
  }
  const operators = OPERATORS.filter((operator) => raw[operator] !== undefined);
  const allowed = allowedOperators(field);
  const foreign = operators.find((operator) => !allowed.includes(operator));
  if (foreign !== undefined) {
    problems.push({
      path: [...path, foreign],
      atKey: true,
      what: foreign === 'exists' ? `exists on ${name}, which every request has` : `${foreign} on ${name}`,
      expected: `one of ${allowed.join(', ')}`,
      remedy: `ask about ${name} with one of these`,
    });
    return null;
  }
  if (!isOneQuestion(operators)) {
    problems.push({
      path,
      what:
        operators.length === 0
          ? `nothing asked about ${name}`
          : `${operators.join(' and ')} in one condition`,
      expected: `one of ${allowed.join(', ')}; or one lower and one upper bound`,
      remedy:
        operators.length === 0
          ? `add one, such as ${allowed[0]}:`
          : 'write one condition each, under all: or any:',
    });
    return null;
  }
  if (raw.exists !== undefined) {
    // Whether 3DS data came is itself the value of three_ds.
    return field.mayBeMissing
      ? { kind: 'exists', field, present: raw.exists, path }
      : { kind: 'test', field, set: wordSet([String(raw.exists)]), path };
  }
  return field.kind === 'amount'
    ? readAmountTest(raw, field, path, problems)
    : readPlainTest(raw, field, path, problems);
}

function allowedOperators(field: ConditionField): readonly Operator[] {
  const allowed = OPERATORS_OF[field.kind];
  if (field.mayBeMissing || field.key === 'three_ds') return allowed;
  return allowed.filter((operator) => operator !== 'exists');
}

/** One operator, or a lower and an upper bound together. */
function isOneQuestion(operators: readonly Operator[]): boolean {
  if (operators.length === 1) return true;
  if (operators.length !== 2) return false;
  const lower = operators.some((operator) => operator === 'above' || operator === 'at_least');
  const upper = operators.some((operator) => operator === 'below' || operator === 'at_most');
  return lower && upper;
}

/** An amount is asked about in one currency: an amount in another is no match, which `not` turns into one. */
function readAmountTest(
  raw: RawCondition,
  field: ConditionField,
  path: FilePath,
  problems: RuleProblem[],
): Condition | null {
  const { currency } = raw;
  if (currency === undefined || !isCurrency(currency)) {
    problems.push({
      path: currency === undefined ? path : [...path, 'currency'],
      what: currency === undefined ? 'an amount without currency' : `unknown currency ${shown(currency)}`,
      expected: 'currency: an ISO 4217 code in capitals, such as EUR',
      remedy:
        currency !== undefined && isCurrency(currency.toUpperCase())
          ? `write currency: ${currency.toUpperCase()}`
          : 'write { field: amount, currency: EUR, below: "250.00" }',
    });
    return null;
  }
  const set = readBounds(raw, field, path, problems, (value) => {
    if (typeof value !== 'string') return null;
    return parseMajorUnits(value, currency);
  });
  const currencyField = conditionField('currency', 'UTC');
  if (set === null || currencyField === null) return null;
  return {
    kind: 'all',
    path,
    parts: [
      { kind: 'test', field: currencyField, set: wordSet([currency]), path },
      { kind: 'test', field, set, path },
    ],
  };
}

function readPlainTest(
  raw: RawCondition,
  field: ConditionField,
  path: FilePath,
  problems: RuleProblem[],
): Condition | null {
  if (raw.currency !== undefined) {
    problems.push({
      path: [...path, 'currency'],
      atKey: true,
      what: `currency on ${field.key}`,
      expected: 'currency only on amount',
      remedy: 'remove it, or ask with { field: currency, is: … }',
    });
    return null;
  }
  if (field.kind === 'bin') return readPrefixes(raw, field, path, problems);
  const set =
    field.kind === 'hour'
      ? readBounds(raw, field, path, problems, (value) =>
          typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 23 ? value : null,
        )
      : readWords(raw, field, path, problems);
  return set === null ? null : { kind: 'test', field, set, path };
}

/** The values of `is`, `one_of`, `not_one_of`, each with its place. */
function choices(
  raw: RawCondition,
  path: FilePath,
): { readonly values: readonly (readonly [RawValue, FilePath])[]; readonly within: boolean } | null {
  if (raw.is !== undefined) return { values: [[raw.is, [...path, 'is']]], within: true };
  for (const key of ['one_of', 'not_one_of', 'none_of'] as const) {
    const list = raw[key];
    if (list === undefined) continue;
    return {
      values: list.map((value, index) => [value, [...path, key, index]] as const),
      within: key === 'one_of',
    };
  }
  return null;
}

function readWords(
  raw: RawCondition,
  field: ConditionField,
  path: FilePath,
  problems: RuleProblem[],
): ValueSet | null {
  const choice = choices(raw, path);
  if (choice === null) return null;
  const words: string[] = [];
  for (const [value, place] of choice.values) {
    const word = field.kind === 'boolean' && typeof value === 'boolean' ? String(value) : value;
    const problem = wordProblem(word, field);
    if (problem !== null) problems.push({ path: place, ...problem });
    else words.push(String(word));
  }
  if (words.length !== choice.values.length) return null;
  return closed(wordSet(words, choice.within), field.universe);
}

function wordProblem(value: RawValue, field: ConditionField): Omit<RuleProblem, 'path'> | null {
  if (field.kind === 'boolean') {
    if (value === 'true' || value === 'false') return null;
    return { what: `${shown(value)} for ${field.key}`, expected: 'true or false', remedy: 'write is: true' };
  }
  if (typeof value !== 'string') {
    return {
      what: `${shown(value)} for ${field.key}`,
      expected: 'a word',
      remedy: `put it in quotes: "${String(value)}"`,
    };
  }
  if (field.kind === 'currency') {
    if (isCurrency(value)) return null;
    return {
      what: `unknown currency ${shown(value)}`,
      expected: 'an ISO 4217 code in capitals, such as EUR',
      remedy: isCurrency(value.toUpperCase()) ? `write ${value.toUpperCase()}` : 'correct the code',
    };
  }
  if (field.kind === 'country') {
    if (isCountry(value)) return null;
    return {
      what: `unknown country ${shown(value)}`,
      expected: 'an ISO 3166-1 alpha-2 code in capitals, such as DE',
      remedy: isCountry(value.toUpperCase()) ? `write ${value.toUpperCase()}` : 'correct the code',
    };
  }
  const known = 'words' in field.universe ? field.universe.words : null;
  if (value.length === 0) {
    return { what: `an empty word for ${field.key}`, expected: 'a value', remedy: 'ask with exists: false' };
  }
  if (known === null || known.includes(value)) return null;
  const near = nearestName(value, known);
  return {
    what: `unknown value ${shown(value)} for ${field.key}`,
    expected: `one of ${known.join(', ')}`,
    remedy:
      near !== null
        ? `did you mean ${near}?`
        : value === 'unknown'
          ? `write { field: ${field.key}, exists: false }`
          : 'use one of these',
  };
}

/** Reads the operators of a field with an order into ranges. */
function readBounds(
  raw: RawCondition,
  field: ConditionField,
  path: FilePath,
  problems: RuleProblem[],
  read: (value: RawValue) => number | null,
): ValueSet | null {
  const [first, last] = 'range' in field.universe ? field.universe.range : [0, Number.MAX_SAFE_INTEGER];
  let sound = true;
  const number = (value: RawValue, place: FilePath): number => {
    const result = read(value);
    if (result !== null) return result;
    sound = false;
    problems.push({
      path: place,
      what: `${shown(value)} for ${field.key}`,
      ...numberAdvice(field, value, raw.currency ?? ''),
    });
    return first;
  };
  const choice = choices(raw, path);
  const ranges: Range[] = [];
  if (choice !== null) {
    for (const [value, place] of choice.values) {
      const read = number(value, place);
      ranges.push([read, read]);
    }
  } else {
    let low = first;
    let high = last;
    if (raw.between !== undefined) {
      low = number(raw.between[0] ?? '', [...path, 'between', 0]);
      high = number(raw.between[1] ?? '', [...path, 'between', 1]);
    }
    if (raw.at_least !== undefined) low = number(raw.at_least, [...path, 'at_least']);
    if (raw.above !== undefined) low = number(raw.above, [...path, 'above']) + 1;
    if (raw.at_most !== undefined) high = number(raw.at_most, [...path, 'at_most']);
    if (raw.below !== undefined) high = number(raw.below, [...path, 'below']) - 1;
    ranges.push([Math.max(low, first), Math.min(high, last)]);
  }
  if (!sound) return null;
  const chosen = rangeSet(ranges);
  const set = choice?.within === false ? complement(chosen, field.universe) : chosen;
  if (!isEmpty(set)) return set;
  problems.push({
    path,
    what: `no ${field.key} is in these bounds`,
    expected: 'a lower bound that is not above the upper bound',
    remedy:
      field.kind === 'hour' ? 'swap them; over midnight, use two conditions under any:' : 'swap the bounds',
  });
  return null;
}

function numberAdvice(
  field: ConditionField,
  value: RawValue,
  currency: string,
): Pick<RuleProblem, 'expected' | 'remedy'> {
  if (field.kind === 'hour')
    return { expected: 'a whole hour from 0 to 23', remedy: 'write it as 17, not 17:00' };
  const exponent = currencyExponent(currency);
  const example = exponent === 0 ? '"250"' : `"250.${'0'.repeat(exponent)}"`;
  const decimals = exponent === 0 ? 'without decimals' : `with at most ${exponent} decimals`;
  const quoted = typeof value === 'number' && parseMajorUnits(String(value), currency) !== null;
  return {
    expected: `major units of ${currency} in quotes, ${decimals}, such as ${example}`,
    remedy: quoted ? `put it in quotes: "${value}"` : `write it in quotes, ${decimals}`,
  };
}

/** Prefixes ("457173") and ranges of prefixes of equal length ("222100-272099") of a BIN. */
function readPrefixes(
  raw: RawCondition,
  field: ConditionField,
  path: FilePath,
  problems: RuleProblem[],
): Condition | null {
  const list = typeof raw.prefix === 'string' ? [raw.prefix] : (raw.prefix ?? []);
  const ranges: Range[] = [];
  for (const [index, text] of list.entries()) {
    const match = /^(\d{1,8})(?:-(\d{1,8}))?$/.exec(text);
    const low = match?.[1] ?? '';
    const high = match?.[2] ?? low;
    if (match === null || low.length !== high.length || low > high) {
      problems.push({
        path: typeof raw.prefix === 'string' ? [...path, 'prefix'] : [...path, 'prefix', index],
        what: `${shown(text)} is no BIN prefix`,
        expected: `1 to ${BIN_DIGITS} digits, or a range of equal lengths, low first: "222100-272099"`,
        remedy: /^\d{9,}/.test(text)
          ? `cut it to ${BIN_DIGITS} digits: BINs are kept no longer`
          : 'correct it',
      });
      continue;
    }
    ranges.push([Number(low.padEnd(BIN_DIGITS, '0')), Number(high.padEnd(BIN_DIGITS, '9'))]);
  }
  if (ranges.length !== list.length) return null;
  return { kind: 'test', field, set: rangeSet(ranges), path };
}
