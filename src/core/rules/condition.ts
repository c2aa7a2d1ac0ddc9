import type { RoutingFacts } from '../facts.ts';
import { BIN_DIGITS, type ConditionField } from './condition-fields.ts';
import type { FilePath } from './rule-problem.ts';
import type { ValueSet } from './value-set.ts';

/** What a rule asks of an authorization. */
export type Condition =
  | { readonly kind: 'all' | 'any'; readonly parts: readonly Condition[]; readonly path: FilePath }
  | { readonly kind: 'not'; readonly part: Condition; readonly path: FilePath }
  /** The field's value is in the set. */
  | { readonly kind: 'test'; readonly field: ConditionField; readonly set: ValueSet; readonly path: FilePath }
  /** The field is there, or (`present` false) is not. */
  | {
      readonly kind: 'exists';
      readonly field: ConditionField;
      readonly present: boolean;
      readonly path: FilePath;
    };

/** What a condition says about one authorization. Missing: it hangs on something that is not known. */
export const FALSE = 0;
export const TRUE = 1;
export const MISSING = 2;
export type Truth = typeof FALSE | typeof TRUE | typeof MISSING;

/** Evaluates one condition. Total: never throws. */
export type Evaluation = (facts: RoutingFacts) => Truth;

/**
 * Compiles a condition. A missing field makes a test neither true nor false (Kleene's three values), and only
 * TRUE lets a rule match: so a test of a missing field is as good as false, negated or not. What is true
 * whatever the missing field may be (`any` with another part that is true) is true.
 */
export function compileCondition(condition: Condition): Evaluation {
  switch (condition.kind) {
    case 'all':
      return compileAll(condition.parts.map(compileCondition));
    case 'any':
      return compileAny(condition.parts.map(compileCondition));
    case 'not': {
      const part = compileCondition(condition.part);
      return (facts) => {
        const truth = part(facts);
        return truth === MISSING ? MISSING : truth === TRUE ? FALSE : TRUE;
      };
    }
    case 'exists': {
      const { read } = condition.field;
      return (facts) => ((read(facts) !== null) === condition.present ? TRUE : FALSE);
    }
    case 'test':
      return compileTest(condition.field, condition.set);
  }
}

function compileAll(parts: readonly Evaluation[]): Evaluation {
  return (facts) => {
    let result: Truth = TRUE;
    for (const part of parts) {
      const truth = part(facts);
      if (truth === FALSE) return FALSE;
      if (truth === MISSING) result = MISSING;
    }
    return result;
  };
}

function compileAny(parts: readonly Evaluation[]): Evaluation {
  return (facts) => {
    let result: Truth = FALSE;
    for (const part of parts) {
      const truth = part(facts);
      if (truth === TRUE) return TRUE;
      if (truth === MISSING) result = MISSING;
    }
    return result;
  };
}

function compileTest(field: ConditionField, set: ValueSet): Evaluation {
  const { read } = field;
  if (set.kind === 'words') {
    const { words, within } = set;
    return (facts) => {
      const value = read(facts);
      if (typeof value !== 'string') return MISSING;
      return words.has(value) === within ? TRUE : FALSE;
    };
  }
  const lows = Float64Array.from(set.ranges, ([low]) => low);
  const highs = Float64Array.from(set.ranges, ([, high]) => high);
  if (field.kind === 'bin') return (facts) => binTruth(read(facts), lows, highs);
  return (facts) => {
    const value = read(facts);
    if (typeof value !== 'number') return MISSING;
    const at = lastAtMost(lows, value);
    return at >= 0 && value <= (highs[at] ?? -1) ? TRUE : FALSE;
  };
}

/**
 * A BIN stands for all card numbers that begin with it. It matches when all of them are in the ranges, does
 * not when none is, and leaves it open when it is too short to tell.
 */
function binTruth(bin: string | number | null, lows: Float64Array, highs: Float64Array): Truth {
  const first = typeof bin === 'string' ? firstNumberOf(bin) : -1;
  if (typeof bin !== 'string' || first < 0) return MISSING;
  const last = first + 10 ** (BIN_DIGITS - bin.length) - 1;
  const at = lastAtMost(lows, last);
  if (at < 0 || (highs[at] ?? -1) < first) return FALSE;
  return (lows[at] ?? 0) <= first && last <= (highs[at] ?? -1) ? TRUE : MISSING;
}

/** The lowest number of 8 digits that begins with the BIN, or -1 when it is not 1 to 8 digits. */
function firstNumberOf(bin: string): number {
  if (bin.length === 0 || bin.length > BIN_DIGITS) return -1;
  let number = 0;
  for (let index = 0; index < BIN_DIGITS; index += 1) {
    const digit = index < bin.length ? bin.charCodeAt(index) - 48 : 0;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}

/** Position of the last low end that is not above `value`, -1 when all are. */
function lastAtMost(lows: Float64Array, value: number): number {
  let low = 0;
  let high = lows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((lows[middle] ?? 0) <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
