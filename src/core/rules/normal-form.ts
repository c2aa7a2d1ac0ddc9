import type { Condition } from './condition.ts';
import type { ConditionField } from './condition-fields.ts';
import type { FilePath } from './rule-problem.ts';
import {
  commonOf,
  complement,
  contains,
  everything,
  intersection,
  isEmpty,
  type ValueSet,
} from './value-set.ts';

/** When a test is true: for these values, and perhaps when the field is missing. */
export interface Domain {
  readonly values: ValueSet;
  readonly missing: boolean;
}

/**
 * A condition without `not`, for reasoning about when it is TRUE. De Morgan's rules hold for Kleene's logic,
 * and the negation of a test is the test for the other values: a missing field makes neither of them true.
 */
export type NormalForm =
  | {
      readonly kind: 'all' | 'any';
      readonly parts: readonly NormalForm[];
      readonly path: FilePath;
      /** Whether the file says `any` itself; false when a negated `all` became one. */
      readonly written: boolean;
    }
  | {
      readonly kind: 'test';
      readonly field: ConditionField;
      readonly domain: Domain;
      readonly path: FilePath;
    };

/** The normal form of a condition, or of its negation. */
export function normalForm(condition: Condition, negated = false): NormalForm {
  switch (condition.kind) {
    case 'not':
      return normalForm(condition.part, !negated);
    case 'all':
    case 'any': {
      const kind = (condition.kind === 'all') === negated ? 'any' : 'all';
      const parts = condition.parts.map((part) => normalForm(part, negated));
      return { kind, parts, path: condition.path, written: !negated };
    }
    case 'exists': {
      const { field, path } = condition;
      const present = condition.present !== negated;
      const values = present
        ? everything(field.universe)
        : complement(everything(field.universe), field.universe);
      return { kind: 'test', field, domain: { values, missing: !present }, path };
    }
    case 'test': {
      const { field, set, path } = condition;
      const values = negated ? complement(set, field.universe) : set;
      return { kind: 'test', field, domain: { values, missing: false }, path };
    }
  }
}

export function meet(a: Domain, b: Domain): Domain {
  return { values: intersection(a.values, b.values), missing: a.missing && b.missing };
}

/** What all of these let through. @param domains of one field; at least one */
export function meetAll(domains: readonly Domain[]): Domain {
  return {
    values: commonOf(domains.map(({ values }) => values)),
    missing: domains.every(({ missing }) => missing),
  };
}

export function isImpossible(domain: Domain): boolean {
  return isEmpty(domain.values) && !domain.missing;
}

/** Whether whatever `inner` lets through, `outer` lets through as well. */
export function covers(outer: Domain, inner: Domain): boolean {
  return (outer.missing || !inner.missing) && contains(outer.values, inner.values);
}

/** Whether a test is true for every request there can be. */
export function isIdle(field: ConditionField, domain: Domain): boolean {
  return (domain.missing || !field.mayBeMissing) && contains(domain.values, everything(field.universe));
}
