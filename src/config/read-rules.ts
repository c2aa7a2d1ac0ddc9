import type { Condition } from '../core/rules/condition.ts';
import { findContradictions } from '../core/rules/contradictions.ts';
import { ruleReaches } from '../core/rules/eligibility.ts';
import { findUnreachable } from '../core/rules/reachability.ts';
import { readCondition } from '../core/rules/read-condition.ts';
import { type FilePath, type RuleProblem, shown } from '../core/rules/rule-problem.ts';
import type { ProviderContract, RuleAction, Strategy } from '../core/rules/ruleset.ts';
import { nearestName } from '../core/text/nearest-name.ts';
import type { RuleDraft } from './ruleset-draft.ts';
import type { RawAction, RawRule } from './ruleset-schemas.ts';

/** Parts of one condition; beyond it nobody can read the rule. */
const PARTS_MAX = 500;

/** A rule, or what can be read of one that has not its shape: null in the place of a part that cannot. */
export interface RuleParts {
  readonly name: string | null;
  readonly when?: RawRule['when'] | null;
  readonly then: RawAction | null;
}

/** What rules may name. */
export interface KnownProviders {
  /** Null when they cannot be told: then no name is refused. */
  readonly ids: ReadonlySet<string> | null;
  /** Those that could be read. */
  readonly contracts: ReadonlyMap<string, ProviderContract>;
}

/** Reads rules, and adds what is wrong to `problems`. What comes out is whole only when nothing is. */
export function readRules(
  raw: readonly RuleParts[],
  providers: KnownProviders,
  problems: RuleProblem[],
): readonly RuleDraft[] {
  const names = new Set<string>();
  const rules: RuleDraft[] = [];
  /** Conditions that are sound by themselves; of a rule for everything, null. */
  const sound: { readonly index: number; readonly condition: Condition | null }[] = [];
  for (const [index, rule] of raw.entries()) {
    if (rule.name !== null && names.has(rule.name)) {
      problems.push({
        path: ['rules', index, 'name'],
        what: `a second rule "${rule.name}"`,
        expected: 'each name once',
        remedy: 'rename or remove one of the two',
      });
    }
    if (rule.name !== null) names.add(rule.name);
    const known = problems.length;
    const condition = rule.when == null ? null : readWhen(rule.when, ['rules', index, 'when'], problems);
    if (rule.when !== null && problems.length === known) sound.push({ index, condition });
    if (rule.then === null) continue;
    const action = readAction(rule.then, index, providers.ids, problems);
    problems.push(...deadlineProblems(index, action, providers.contracts));
    rules.push({ name: rule.name ?? '', when: condition, action });
  }
  problems.push(...unreachable(raw, sound));
  return rules;
}

/** Only among conditions that are sound by themselves: one that can never be true is in nobody's way. */
function unreachable(
  raw: readonly RuleParts[],
  sound: readonly { readonly index: number; readonly condition: Condition | null }[],
): readonly RuleProblem[] {
  const indexOf = (place: number) => sound[place]?.index ?? 0;
  const nameOf = (place: number) => raw[indexOf(place)]?.name ?? 'a rule';
  return findUnreachable(sound.map(({ condition }) => condition)).map(({ rule, shadowedBy }) => ({
    path: ['rules', indexOf(rule), 'name'],
    what: `"${nameOf(rule)}" is never reached: "${nameOf(shadowedBy)}" above takes all it matches`,
    expected: 'the narrower rule first',
    remedy: 'move it up, narrow the rule above, or remove it',
  }));
}

/** A condition of a file, compiled later; null when it is wrong, which `problems` tells. */
export function readWhen(
  raw: NonNullable<RawRule['when']>,
  path: FilePath,
  problems: RuleProblem[],
): Condition | null {
  const condition = readCondition(raw, path, problems);
  if (condition === null) return null;
  if (countParts(condition) > PARTS_MAX) {
    problems.push({
      path,
      what: `more than ${PARTS_MAX} parts in one condition`,
      expected: `at most ${PARTS_MAX}`,
      remedy: 'use lists (one_of), or several rules',
    });
    return null;
  }
  problems.push(...findContradictions(condition));
  return condition;
}

function countParts(condition: Condition): number {
  if (condition.kind === 'not') return 1 + countParts(condition.part);
  if (condition.kind === 'test' || condition.kind === 'exists') return 1;
  return condition.parts.reduce((sum, part) => sum + countParts(part), 1);
}

function readAction(
  raw: RawAction,
  index: number,
  providers: ReadonlySet<string> | null,
  problems: RuleProblem[],
): RuleAction {
  const path = ['rules', index, 'then'];
  const only = raw.only === undefined ? null : new Set(raw.only);
  if (raw.only !== undefined) checkProviders(raw.only, [...path, 'only'], providers, null, problems);
  const strategy = readStrategy(raw, path, problems);
  if (raw.priority !== undefined) {
    checkProviders(raw.priority, [...path, 'priority'], providers, only, problems);
  }
  if (raw.split !== undefined) {
    checkProviders(Object.keys(raw.split), [...path, 'split'], providers, only, problems);
  }
  return {
    only,
    strategy,
    fallback: raw.fallback,
    attemptsMax: raw.attempts_max,
    deadlineMs: raw.deadline_ms,
    queueMs: raw.queue_ms,
    marginBasisPoints: raw.margin_basis_points,
    costTolerancePp: raw.cost_tolerance_pp,
    explorationShare: raw.exploration_share,
    unknownCostBasisPoints: raw.unknown_cost_basis_points,
    afterUnknown: raw.after_unknown,
    lateApprovalReverseAfterMs: raw.late_approval === 'keep' ? null : raw.late_approval.reverse_after_ms,
    threeDsReuse: raw.three_ds_reuse,
  };
}

/** The strategy that is named, or the one whose list is there. */
export function readStrategy(
  raw: Pick<RawAction, 'strategy' | 'priority' | 'split'>,
  path: FilePath,
  problems: RuleProblem[],
): Strategy {
  const implied = raw.priority !== undefined ? 'priority' : raw.split !== undefined ? 'split' : 'score';
  const kind = raw.strategy ?? implied;
  if (raw.priority !== undefined && raw.split !== undefined) {
    problems.push({
      path: [...path, 'split'],
      atKey: true,
      what: 'priority and split in one rule',
      expected: 'one strategy',
      remedy: 'remove one of the two',
    });
  } else if (kind !== implied) {
    const missing = implied === 'score';
    problems.push({
      path: [...path, 'strategy'],
      what: missing ? `strategy ${kind} without ${kind}:` : `strategy ${kind} beside ${implied}:`,
      expected: missing ? `${kind}: with providers` : `strategy: ${implied}, or none`,
      remedy: missing
        ? `add ${kind === 'split' ? 'split: { sandbox-a: 70, sandbox-b: 30 }' : 'priority: [sandbox-a]'}`
        : `remove strategy or ${implied}`,
    });
  }
  if (raw.split !== undefined && Object.keys(raw.split).length === 0) {
    problems.push({
      path: [...path, 'split'],
      what: 'a split between no providers',
      expected: 'at least one provider with its weight',
      remedy: 'write split: { sandbox-a: 70, sandbox-b: 30 }',
    });
  }
  if (raw.priority !== undefined) return { kind: 'priority', order: raw.priority };
  if (raw.split !== undefined) return { kind: 'split', weights: new Map(Object.entries(raw.split)) };
  return { kind: 'score' };
}

/** Unknown providers, the same one twice, and those that `only` leaves out. */
export function checkProviders(
  ids: readonly string[],
  path: FilePath,
  providers: ReadonlySet<string> | null,
  only: ReadonlySet<string> | null,
  problems: RuleProblem[],
): void {
  const isMap = path.at(-1) === 'split';
  for (const [index, id] of ids.entries()) {
    const place = isMap ? { path: [...path, id], atKey: true } : { path: [...path, index] };
    if (ids.indexOf(id) !== index) {
      problems.push({
        ...place,
        what: `${shown(id)} twice`,
        expected: 'each provider once',
        remedy: 'remove one',
      });
    } else if (providers !== null && !providers.has(id)) {
      const near = nearestName(id, [...providers]);
      problems.push({
        ...place,
        what: `unknown provider ${shown(id)}`,
        expected: `an id of providers.yaml: ${[...providers].slice(0, 20).join(', ')}`,
        remedy: near === null ? 'add it to providers.yaml or remove it here' : `did you mean ${near}?`,
      });
    } else if (only !== null && !only.has(id)) {
      problems.push({
        ...place,
        what: `${shown(id)} is left out by only`,
        expected: `one of ${[...only].join(', ')}`,
        remedy: 'add it to only, or remove it here',
      });
    }
  }
}

/** A provider may not take longer than the whole road, or its answer would always come too late. */
function deadlineProblems(
  index: number,
  action: RuleAction,
  providers: ReadonlyMap<string, ProviderContract>,
): readonly RuleProblem[] {
  const slow = [...providers.values()].filter(
    (provider) =>
      provider.enabled && ruleReaches(action, provider.id) && provider.timeoutMs > action.deadlineMs,
  );
  return slow.map((provider) => ({
    path: ['rules', index, 'then', 'deadline_ms'],
    what: `deadline_ms ${action.deadlineMs} is below timeout_ms ${provider.timeoutMs} of "${provider.id}"`,
    expected: `at least ${provider.timeoutMs}, or a shorter timeout_ms in providers.yaml`,
    remedy: `raise deadline_ms, shorten the time-out, or leave "${provider.id}" out with only:`,
  }));
}
