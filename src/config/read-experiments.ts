import {
  type Arm,
  type ArmChange,
  armScope,
  type Experiment,
  type Guardrail,
  HOLDOUT_ID,
  type Holdout,
  isShare,
  learningApart,
  type Plan,
} from '../core/experiments/experiment.ts';
import { ruleReaches } from '../core/rules/eligibility.ts';
import { type FilePath, type RuleProblem, shown } from '../core/rules/rule-problem.ts';
import type { ProviderContract } from '../core/rules/ruleset.ts';
import { nearestName } from '../core/text/nearest-name.ts';
import { isCalendarDay } from './calendar-day.ts';
import { checkProviders, readStrategy, readWhen } from './read-rules.ts';
import type { ExperimentDraft, ExperimentsDraft, RuleDraft } from './ruleset-draft.ts';
import type { RawArmAction, RawExperiment, RawExperimentsFile } from './ruleset-schemas.ts';

const MINUTE_MS = 60_000;
const BASELINE = 'control';

/** What experiments are checked against. Null where their file is wrong: then nothing that hangs on it is checked. */
export interface ExperimentContext {
  readonly providers: ReadonlyMap<string, ProviderContract> | null;
  readonly rules: readonly RuleDraft[] | null;
}

/**
 * Reads experiments that have the file's shape, and adds what is wrong to `problems`.
 * @param raw null in the place of an experiment that has not
 */
export function readExperiments(
  raw: {
    readonly holdout?: RawExperimentsFile['holdout'];
    readonly experiments: readonly (RawExperiment | null)[];
  },
  context: ExperimentContext,
  problems: RuleProblem[],
): ExperimentsDraft {
  const notes: string[] = [];
  const list: ExperimentDraft[] = [];
  const ids = new Set<string>();
  for (const [index, experiment] of raw.experiments.entries()) {
    if (experiment === null) continue;
    const path = ['experiments', index];
    checkId(experiment.id, ids, path, problems);
    list.push(readExperiment(experiment, path, context, notes, problems));
  }
  problems.push(...overlaps(raw.experiments), ...sharedSeeds(raw));
  notes.push(...starved(raw.experiments, list));
  return { holdout: readHoldout(raw.holdout, context, notes, problems), list, notes };
}

function checkId(id: string, ids: Set<string>, path: FilePath, problems: RuleProblem[]): void {
  if (ids.has(id)) {
    problems.push({
      path: [...path, 'id'],
      what: `a second experiment "${id}"`,
      expected: 'each id once',
      remedy: 'rename or remove one of the two',
    });
  }
  if (id === HOLDOUT_ID) {
    problems.push({
      path: [...path, 'id'],
      what: `the id "${id}"`,
      expected: 'another word: the permanent holdout is read under this one',
      remedy: 'rename it',
    });
  }
  ids.add(id);
}

function readHoldout(
  raw: RawExperimentsFile['holdout'],
  context: ExperimentContext,
  notes: string[],
  problems: RuleProblem[],
): Holdout | null {
  if (raw === undefined) return null;
  const change = readChange(raw.then, ['holdout', 'then'], context, problems);
  const rules = rulesOf([change], context);
  notes.push(...uncovered('the holdout', rules, context));
  const { share, seed, maturity_minutes: minutes } = raw;
  return share === 0 ? null : { share, seed, change, rules, maturityMs: minutes * MINUTE_MS };
}

function readExperiment(
  raw: RawExperiment,
  path: FilePath,
  context: ExperimentContext,
  notes: string[],
  problems: RuleProblem[],
): ExperimentDraft {
  const before = problems.length;
  const condition = raw.when === undefined ? null : readWhen(raw.when, [...path, 'when'], problems);
  const names = checkArms(raw, path, problems);
  // What is not running must be in nobody's way: providers and rules may come and go.
  const checked = raw.status === 'running' ? context : { providers: null, rules: null };
  const arms = raw.arms.map(({ arm, then }, index): Arm => {
    const change = readChange(then, [...path, 'arms', index, 'then'], checked, problems);
    return { name: arm, change, learning: learningApart(armScope({ id: raw.id, arm })) };
  });
  if (raw.status !== 'running') notes.push(...strangers(raw, context));
  const changes = arms.map(({ change }) => change);
  const rules = rulesOf(changes, context);
  const isSound = problems.length === before && checked.providers !== null && checked.rules !== null;
  // Not for providers that somebody has disabled: that must always be possible.
  if (isSound && rulesOf(changes, context, true).size === 0) {
    problems.push({
      path: [...path, 'arms'],
      what: 'under no rule can every arm reach a provider: nobody could ever be in it',
      expected: 'arms whose providers are not left out by the rules',
      remedy: 'name other providers, or add fallback: true',
    });
  }
  if (raw.status === 'running') notes.push(...uncovered(`experiment ${raw.id}`, rules, context));
  const plan = { coverage: raw.coverage, shares: sharesOf(raw.arms.map(({ weight }) => weight)) };
  return {
    id: raw.id,
    status: raw.status,
    unit: raw.unit,
    mode: raw.mode,
    seed: raw.seed,
    when: condition,
    rules,
    arms,
    baseline: readBaseline(raw, names, path, problems),
    metric: raw.metric,
    maturityMs: raw.maturity_minutes * MINUTE_MS,
    expectedSample: raw.expected_sample,
    expectedRate: raw.expected_rate,
    plannedLooks: readLooks(raw, path, problems),
    guardrails: readGuardrails(raw, path, problems),
    namespace: readNamespace(raw, path, problems),
    plan,
    ramp: readRamp(raw, plan, path, problems),
    explorationShare: raw.exploration_share,
  };
}

/** What a draft or a stopped experiment names and is not there. */
function strangers(raw: RawExperiment, context: ExperimentContext): readonly string[] {
  const found: RuleProblem[] = [];
  const known: RuleProblem[] = [];
  for (const { then } of raw.arms) {
    readChange(then, [], context, found);
    readChange(then, [], { providers: null, rules: null }, known);
  }
  const sound = new Set(known.map(({ what }) => what));
  const names = new Set(found.map(({ what }) => what).filter((what) => !sound.has(what)));
  if (names.size === 0) return [];
  return [`experiment ${raw.id}, which is ${raw.status}, could not run as it is: ${[...names].join(', ')}`];
}

/** @returns names of the arms */
function checkArms({ arms }: RawExperiment, path: FilePath, problems: RuleProblem[]): readonly string[] {
  const names = arms.map(({ arm }) => arm);
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) === index) continue;
    problems.push({
      path: [...path, 'arms', index, 'arm'],
      what: `a second arm "${name}"`,
      expected: 'each name once',
      remedy: 'rename or remove one of the two',
    });
  }
  if (arms.filter(({ weight }) => weight > 0).length < 2) {
    problems.push({
      path: [...path, 'arms'],
      what: 'fewer than two arms with a weight above 0: nothing would be compared',
      expected: 'at least two',
      remedy: 'give them weights; to end the experiment write status: stopped',
    });
  }
  return names;
}

function readBaseline(
  { baseline }: RawExperiment,
  names: readonly string[],
  path: FilePath,
  problems: RuleProblem[],
): string {
  const name = baseline ?? BASELINE;
  if (names.includes(name)) return name;
  const near = nearestName(name, names);
  problems.push({
    path: baseline === undefined ? [...path, 'arms'] : [...path, 'baseline'],
    what: baseline === undefined ? `no arm named ${BASELINE}, and no baseline:` : `no arm ${shown(name)}`,
    expected: `one of the arms: ${names.join(', ')}`,
    remedy:
      baseline === undefined
        ? 'say with baseline: which arm the others are compared with'
        : near === null
          ? 'name an arm of this experiment'
          : `did you mean ${near}?`,
  });
  return name;
}

function readChange(
  raw: RawArmAction,
  path: FilePath,
  context: ExperimentContext,
  problems: RuleProblem[],
): ArmChange {
  if (raw.rule !== undefined) return readRuleChange(raw, raw.rule, path, context, problems);
  const strategy = readStrategy(raw, path, problems);
  const { priority, split } = raw;
  if (priority !== undefined) {
    checkProviders(priority, [...path, 'priority'], idsOf(context), null, problems);
  }
  if (split !== undefined) {
    checkProviders(Object.keys(split), [...path, 'split'], idsOf(context), null, problems);
  }
  const tuning = {
    ...(raw.attempts_max !== undefined && { attemptsMax: raw.attempts_max }),
    ...(raw.queue_ms !== undefined && { queueMs: raw.queue_ms }),
    ...(raw.margin_basis_points !== undefined && { marginBasisPoints: raw.margin_basis_points }),
    ...(raw.cost_tolerance_pp !== undefined && { costTolerancePp: raw.cost_tolerance_pp }),
    ...(raw.exploration_share !== undefined && { explorationShare: raw.exploration_share }),
    ...(raw.unknown_cost_basis_points !== undefined && {
      unknownCostBasisPoints: raw.unknown_cost_basis_points,
    }),
  };
  return { kind: 'own', strategy, fallback: raw.fallback, tuning };
}

const NOTHING: ArmChange = { kind: 'own', strategy: { kind: 'score' }, fallback: false, tuning: {} };

function readRuleChange(
  raw: RawArmAction,
  name: string,
  path: FilePath,
  { rules }: ExperimentContext,
  problems: RuleProblem[],
): ArmChange {
  const beside = Object.entries(raw).find(
    ([key, value]) => key !== 'rule' && value !== undefined && value !== false,
  );
  if (beside !== undefined) {
    problems.push({
      path: [...path, beside[0]],
      atKey: true,
      what: `${beside[0]} beside rule`,
      expected: 'rule alone, or a strategy of its own',
      remedy: 'remove one of the two',
    });
  }
  if (rules === null) return NOTHING;
  const rule = rules.find((candidate) => candidate.name === name);
  if (rule !== undefined) return { kind: 'rule', action: rule.action };
  const names = rules.map((candidate) => candidate.name);
  const near = nearestName(name, names);
  problems.push({
    path: [...path, 'rule'],
    what: `unknown rule ${shown(name)}`,
    expected: `a name of rules.yaml: ${names.slice(0, 20).join(', ')}`,
    remedy: near === null ? 'name a rule of rules.yaml' : `did you mean ${near}?`,
  });
  return NOTHING;
}

/** Rules under which each of these reaches an enabled provider: an arm must never leave a payment without one. */
function rulesOf(
  changes: readonly ArmChange[],
  { rules, providers }: ExperimentContext,
  alsoDisabled = false,
): ReadonlySet<string> {
  const enabled = [...(providers?.values() ?? [])].filter((provider) => provider.enabled || alsoDisabled);
  // Of the rule itself only `only` bounds an arm: what arms reach without it is worked out once, and not for each rule.
  const reached = changes.map((change) => {
    const action = change.kind === 'rule' ? change.action : { ...change, only: null };
    return new Set(enabled.filter(({ id }) => ruleReaches(action, id)).map(({ id }) => id));
  });
  const covered = (rules ?? []).filter(({ action: { only } }) =>
    reached.every((ids) => (only === null ? ids.size > 0 : [...only].some((id) => ids.has(id)))),
  );
  return new Set(covered.map(({ name }) => name));
}

function uncovered(
  what: string,
  covered: ReadonlySet<string>,
  { rules }: ExperimentContext,
): readonly string[] {
  const left = (rules ?? []).filter(({ name }) => !covered.has(name)).map(({ name }) => name);
  if (left.length === 0) return [];
  return [
    `${what}: payments of ${left.join(', ')} are not in it, since an arm reaches no enabled provider of that rule`,
  ];
}

function readLooks(raw: RawExperiment, path: FilePath, problems: RuleProblem[]): number | null {
  if (raw.planned_looks === undefined) return null;
  if (raw.mode === 'bandit') {
    problems.push({
      path: [...path, 'planned_looks'],
      what: 'planned looks at a bandit, whose shares change as it goes',
      expected: 'mode: split',
      remedy: 'remove planned_looks: the confidence sequence may be read at any time',
    });
  }
  return raw.planned_looks;
}

function readGuardrails(raw: RawExperiment, path: FilePath, problems: RuleProblem[]): readonly Guardrail[] {
  const seen = new Set<string>();
  return raw.guardrails.flatMap(({ metric, worse_by_pp: points, worse_by: amount }, index) => {
    const place = [...path, 'guardrails', index];
    if (seen.has(metric)) {
      problems.push({
        path: [...place, 'metric'],
        what: `a second guardrail on ${metric}`,
        expected: 'each metric once',
        remedy: 'keep the stricter one',
      });
    }
    seen.add(metric);
    const [needed, other] = isShare(metric) ? ['worse_by_pp', 'worse_by'] : ['worse_by', 'worse_by_pp'];
    const margin = isShare(metric) ? points : amount;
    if (margin === undefined || (isShare(metric) ? amount : points) !== undefined) {
      problems.push({
        path: place,
        what: margin === undefined ? `no ${needed} for ${metric}` : `${other} for ${metric}`,
        expected: isShare(metric)
          ? 'worse_by_pp: percentage points, such as 0.5'
          : 'worse_by: in the unit of the metric',
        remedy: `write { metric: ${metric}, ${needed}: ${isShare(metric) ? '0.5' : '1'} }`,
      });
      return [];
    }
    return [{ metric, margin: isShare(metric) ? margin / 100 : margin }];
  });
}

function readNamespace(
  { namespace }: RawExperiment,
  path: FilePath,
  problems: RuleProblem[],
): Experiment['namespace'] {
  if (namespace === undefined) return null;
  const [from = 0, to = 0] = namespace.range;
  if (from >= to) {
    problems.push({
      path: [...path, 'namespace', 'range'],
      what: `a range from ${from} to ${to}, which holds nobody`,
      expected: 'the lower number first: [0, 0.5]',
      remedy: 'write both ends of the part that it takes',
    });
  }
  return { name: namespace.name, range: [from, to] };
}

/** Two experiments that are to exclude each other must not have units in common. */
function overlaps(raw: readonly (RawExperiment | null)[]): readonly RuleProblem[] {
  const problems: RuleProblem[] = [];
  const taken: { readonly id: string; readonly index: number; readonly raw: RawExperiment }[] = [];
  for (const [index, experiment] of raw.entries()) {
    const own = experiment?.namespace;
    if (experiment === null || own === undefined || experiment.status === 'stopped') continue;
    const [from = 0, to = 0] = own.range;
    for (const other of taken) {
      const [otherFrom = 0, otherTo = 0] = other.raw.namespace?.range ?? [];
      if (other.raw.namespace?.name !== own.name || from >= otherTo || otherFrom >= to) continue;
      problems.push({
        path: ['experiments', index, 'namespace', 'range'],
        what: `[${from}, ${to}] of namespace ${own.name} overlaps [${otherFrom}, ${otherTo}] of "${other.id}",`,
        other: ['experiments', other.index, 'namespace', 'range'],
        expected: 'ranges apart from each other',
        remedy: 'divide the namespace: [0, 0.5] and [0.5, 1]',
      });
    }
    taken.push({ id: experiment.id, index, raw: experiment });
  }
  return problems;
}

/**
 * With the holdout's seed an experiment would divide those whom the holdout left by the very number that kept them: its
 * arms would not get their shares.
 */
function sharedSeeds({
  holdout,
  experiments,
}: Parameters<typeof readExperiments>[0]): readonly RuleProblem[] {
  if (holdout === undefined || holdout.share === 0) return [];
  const taken = new Set([holdout.seed, ...experiments.flatMap((each) => each?.seed ?? [])]);
  return experiments.flatMap((experiment, index): readonly RuleProblem[] => {
    if (experiment === null || experiment.status === 'stopped') return [];
    if (experiment.unit !== 'payment' || experiment.seed !== holdout.seed) return [];
    const own = freeSeed(experiment.id, taken);
    const seed = shown(experiment.seed);
    const why = 'who is in which arm would hang on who is held out,';
    // One that runs would assign anew with another seed: then it is the holdout that can have another, unless it is older.
    return [
      experiment.status === 'running'
        ? {
            path: ['holdout', 'seed'],
            what: `the seed ${seed} of the running experiment "${experiment.id}": ${why}`,
            other: ['experiments', index, 'seed'],
            expected: 'a seed of its own',
            remedy: `write another one, such as ${freeSeed('holdout', taken)}; or, where the holdout was there first, ${own} for the experiment`,
          }
        : {
            path: ['experiments', index, 'seed'],
            what: `the seed ${seed} of the holdout: ${why}`,
            other: ['holdout', 'seed'],
            expected: 'a seed of its own',
            remedy: `write another one, such as ${own}`,
          },
    ];
  });
}

/** A seed that is in nobody's use, with the lowest number that gives one. */
function freeSeed(name: string, taken: ReadonlySet<string>): string {
  let number = 1;
  while (taken.has(`${name}-${number}`)) number += 1;
  return `${name}-${number}`;
}

/** Running experiments behind another one that takes every payment which they could get. */
function starved(
  raw: readonly (RawExperiment | null)[],
  list: readonly ExperimentDraft[],
): readonly string[] {
  const running = raw
    .filter((experiment) => experiment !== null)
    .flatMap((experiment, index) => {
      const read = list[index];
      return experiment.status === 'running' && read !== undefined ? [{ raw: experiment, read }] : [];
    });
  return running.flatMap(({ raw: own, read }, index) => {
    const before = running.slice(0, index).find((other) => takesAllOf(other, { raw: own, read }));
    if (before === undefined || read.rules.size === 0) return [];
    return [
      `experiment ${read.id}: it gets no payment, since ${before.read.id} stands before it and takes all that it could ` +
        'have; divide them by when, namespace or coverage, or stop one of the two',
    ];
  });
}

type ReadExperiment = { readonly raw: RawExperiment; readonly read: ExperimentDraft };

/** Whether the first has each payment that the second could have: as far as the file shows it. */
function takesAllOf(first: ReadExperiment, second: ReadExperiment): boolean {
  const { read, raw } = first;
  const isWhole = [read.plan, ...read.ramp.map(({ plan }) => plan)].every(({ coverage }) => coverage === 1);
  const isSameWhen = raw.when === undefined || JSON.stringify(raw.when) === JSON.stringify(second.raw.when);
  return (
    isWhole &&
    isSameWhen &&
    read.namespace === null &&
    (read.unit === 'payment' || second.read.unit === 'customer') &&
    [...second.read.rules].every((rule) => read.rules.has(rule))
  );
}

const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/;

function readRamp(
  raw: RawExperiment,
  first: Plan,
  path: FilePath,
  problems: RuleProblem[],
): Experiment['ramp'] {
  let plan = first;
  let lastMs = Number.NEGATIVE_INFINITY;
  return raw.ramp.map(({ at, coverage, weights }, index) => {
    const place = [...path, 'ramp', index];
    const fromMs = MOMENT.test(at) && isCalendarDay(at) ? Date.parse(at) : Number.NaN;
    if (!(fromMs > lastMs)) {
      problems.push({
        path: [...place, 'at'],
        what: Number.isNaN(fromMs) ? `${shown(at)} is no moment` : `${at} is not after the step before`,
        expected: Number.isNaN(fromMs)
          ? 'a day of the calendar, ISO 8601 with a time zone: 2026-12-01T08:00:00Z'
          : 'later steps below',
        remedy: Number.isNaN(fromMs) ? 'write date, time and zone' : 'put the steps in order',
      });
    }
    lastMs = fromMs;
    const changed = weights === undefined ? plan.shares : rampShares(raw, weights, place, problems);
    plan = { coverage: coverage ?? plan.coverage, shares: changed };
    return { fromMs, plan };
  });
}

function rampShares(
  raw: RawExperiment,
  weights: Readonly<Record<string, number>>,
  path: FilePath,
  problems: RuleProblem[],
): readonly number[] {
  const names = raw.arms.map(({ arm }) => arm);
  if (raw.mode === 'bandit') {
    problems.push({
      path: [...path, 'weights'],
      what: 'weights for a bandit, which finds its own',
      expected: 'coverage only',
      remedy: 'remove weights, or write mode: split',
    });
  }
  const missing = names.find((name) => !Object.hasOwn(weights, name));
  const foreign = Object.keys(weights).find((name) => !names.includes(name));
  const sum = names.reduce((total, name) => total + (weights[name] ?? 0), 0);
  if (missing !== undefined || foreign !== undefined || sum === 0) {
    problems.push({
      path: foreign === undefined ? [...path, 'weights'] : [...path, 'weights', foreign],
      atKey: foreign !== undefined,
      what:
        foreign !== undefined
          ? `no arm ${shown(foreign)}`
          : missing !== undefined
            ? `no weight for arm "${missing}"`
            : 'weights that are all 0',
      expected: `every arm with its weight: ${names.join(', ')}`,
      remedy: 'write them all; 0 lets nobody new into an arm',
    });
    return sharesOf(names.map(() => 1));
  }
  return sharesOf(names.map((name) => weights[name] ?? 0));
}

function sharesOf(weights: readonly number[]): readonly number[] {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => (sum === 0 ? 1 / weights.length : weight / sum));
}

function idsOf({ providers }: ExperimentContext): ReadonlySet<string> | null {
  return providers === null ? null : new Set(providers.keys());
}
