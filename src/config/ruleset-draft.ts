import type { Experiment, Experiments } from '../core/experiments/experiment.ts';
import { type Condition, compileCondition, TRUE } from '../core/rules/condition.ts';
import { fieldOfKey } from '../core/rules/condition-fields.ts';
import type { Rule, Ruleset } from '../core/rules/ruleset.ts';
import type { ValueSet } from '../core/rules/value-set.ts';

/** A rule whose condition is read and not compiled. Null: it matches everything. */
export type RuleDraft<Asked = Condition> = Omit<Rule, 'matches'> & { readonly when: Asked | null };

/** An experiment whose condition is read and not compiled. */
export type ExperimentDraft<Asked = Condition> = Omit<Experiment, 'matches'> & {
  readonly when: Asked | null;
};

export interface ExperimentsDraft<Asked = Condition> extends Omit<Experiments, 'list'> {
  readonly list: readonly ExperimentDraft<Asked>[];
}

/** A ruleset that was read and checked, before its conditions are compiled. */
export interface RulesetDraft<Asked = Condition> extends Omit<Ruleset, 'rules' | 'experiments'> {
  readonly rules: readonly RuleDraft<Asked>[];
  readonly experiments: ExperimentsDraft<Asked>;
}

/** Compiles what was read and checked: little beside that. */
export function compiledRuleset({ rules, experiments, ...others }: RulesetDraft): Ruleset {
  return {
    ...others,
    rules: rules.map(({ when, ...rule }) => ({ ...rule, matches: matcher(when) })),
    experiments: {
      ...experiments,
      list: experiments.list.map(({ when, ...experiment }) => ({ ...experiment, matches: matcher(when) })),
    },
  };
}

/** Whether a condition holds; one that is left out always does. */
function matcher(condition: Condition | null): Rule['matches'] {
  if (condition === null) return () => true;
  const evaluate = compileCondition(condition);
  return (facts) => evaluate(facts) === TRUE;
}

/** A condition as it travels between threads: plain values, with fields by their keys, and no places in a file. */
export type SentCondition =
  | { readonly kind: 'all' | 'any'; readonly parts: readonly SentCondition[] }
  | { readonly kind: 'not'; readonly part: SentCondition }
  | { readonly kind: 'test'; readonly field: string; readonly set: ValueSet }
  | { readonly kind: 'exists'; readonly field: string; readonly present: boolean };

/** A draft as it travels between threads. */
export function sentDraft(draft: RulesetDraft): RulesetDraft<SentCondition> {
  return withConditions(draft, sentCondition);
}

/** @throws Error for a field that there is not, which no other thread of this program sends */
export function receivedDraft(draft: RulesetDraft<SentCondition>): RulesetDraft {
  return withConditions(draft, receivedCondition);
}

function withConditions<From, To>(
  draft: RulesetDraft<From>,
  change: (condition: From) => To,
): RulesetDraft<To> {
  const { rules, experiments } = draft;
  const changed = (when: From | null) => (when === null ? null : change(when));
  return {
    ...draft,
    rules: rules.map((rule) => ({ ...rule, when: changed(rule.when) })),
    experiments: {
      ...experiments,
      list: experiments.list.map((experiment) => ({ ...experiment, when: changed(experiment.when) })),
    },
  };
}

function sentCondition(condition: Condition): SentCondition {
  switch (condition.kind) {
    case 'all':
    case 'any':
      return { kind: condition.kind, parts: condition.parts.map(sentCondition) };
    case 'not':
      return { kind: 'not', part: sentCondition(condition.part) };
    case 'test':
      return { kind: 'test', field: condition.field.key, set: condition.set };
    case 'exists':
      return { kind: 'exists', field: condition.field.key, present: condition.present };
  }
}

function receivedCondition(condition: SentCondition): Condition {
  switch (condition.kind) {
    case 'all':
    case 'any':
      return { kind: condition.kind, parts: condition.parts.map(receivedCondition), path: [] };
    case 'not':
      return { kind: 'not', part: receivedCondition(condition.part), path: [] };
    case 'test':
      return { kind: 'test', field: knownField(condition.field), set: condition.set, path: [] };
    case 'exists':
      return { kind: 'exists', field: knownField(condition.field), present: condition.present, path: [] };
  }
}

function knownField(key: string) {
  const field = fieldOfKey(key);
  if (field === null) throw new Error(`no field of a condition has the key ${key}`);
  return field;
}
