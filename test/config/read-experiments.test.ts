import { describe, expect, it } from 'vitest';
import { formatRulesetError } from '../../src/config/ruleset-error.ts';
import { contentHashOf, validateRulesetFiles } from '../../src/config/validate-ruleset-files.ts';
import { changesOfRunning } from '../../src/core/experiments/changes.ts';
import type { Experiments } from '../../src/core/experiments/experiment.ts';
import { LiveArms } from '../../src/gateway/live-arms.ts';
import { SOME_CREDENTIALS, shippedFiles } from './ruleset-files.ts';

const FILES = {
  'providers.yaml': `providers:
  - { id: a, adapter: sandbox, merchants: all, timeout_ms: 2000 }
  - { id: b, adapter: sandbox, merchants: all, timeout_ms: 2000 }
  - { id: c, adapter: sandbox, merchants: all, timeout_ms: 2000, enabled: false }
`,
  'rules.yaml': `rules:
  - { name: narrow, when: { field: merchant, is: m }, then: { only: [a], strategy: score } }
  - { name: fallback, then: { strategy: score, attempts_max: 3 } }
`,
};

const CONTROL = '{ arm: control, weight: 50, then: { priority: [a, b] } }';
const TREATMENT = '{ arm: treatment, weight: 50, then: { strategy: score } }';
const NOBODY = '{ arm: nobody, weight: 0, then: { strategy: score } }';
const ARMS = `arms: [${CONTROL}, ${TREATMENT}]`;

function experiment(more: string, arms = ARMS): string {
  return `experiments:\n  - { id: x, status: running, seed: x-1, ${arms}${more === '' ? '' : `, ${more}`} }\n`;
}

function read(text: string) {
  return validateRulesetFiles({ ...FILES, 'experiments.yaml': text }, SOME_CREDENTIALS);
}

function errorsOf(text: string): readonly string[] {
  const reading = read(text);
  return reading.kind === 'good' ? [] : reading.errors.map(formatRulesetError);
}

function experimentsOf(text: string): Experiments {
  const reading = read(text);
  if (reading.kind === 'refused') throw new Error(reading.errors.map(formatRulesetError).join('\n'));
  return reading.ruleset.experiments;
}

const two = (first: string, second: string) =>
  `experiments:
  - { id: x, status: running, seed: x-1, ${ARMS}, ${first} }
  - { id: y, status: running, seed: y-1, ${ARMS}, ${second} }
`;

/** What is written, and what is said about it: place and words. None: it is good. */
const ROWS: readonly (readonly [name: string, text: string, ...expected: readonly RegExp[]])[] = [
  ['a whole experiment', experiment('unit: customer, coverage: 0.5, planned_looks: 5')],
  ['no experiments', 'experiments: []\n'],
  ['a holdout alone', 'holdout: { share: 0.02, seed: h, then: { priority: [a] } }\n'],
  [
    'an arm as another rule',
    experiment('', `arms: [${CONTROL}, { arm: t, weight: 1, then: { rule: fallback } }]`),
  ],
  [
    'an unknown key',
    experiment('expected_samples: 5'),
    /^experiments\.yaml:2:\d+ .*did you mean expected_sample/,
  ],
  [
    'an unknown status',
    experiment('').replace('running', 'runing'),
    /"runing" for status.*did you mean running/,
  ],
  ['one arm', experiment('', `arms: [${CONTROL}]`), /arms .*at least two arms/],
  [
    'two arms of a name',
    experiment('', `arms: [${CONTROL}, ${CONTROL}]`),
    /^experiments\.yaml:2:\d+ {2}a second arm "control"; expected each name once/,
  ],
  [
    'no baseline',
    experiment('', `arms: [${CONTROL.replace('control', 'old')}, ${TREATMENT}]`),
    /no arm named control, and no baseline:; expected one of the arms: old, treatment; say with baseline:/,
  ],
  ['a baseline of another name', experiment('baseline: treatment')],
  [
    'a baseline that is no arm',
    experiment('baseline: treatmant'),
    /no arm "treatmant".*did you mean treatment\?/,
  ],
  [
    'weights of nothing',
    experiment('', `arms: [${CONTROL}, ${TREATMENT.replace('50', '0')}]`),
    /fewer than two arms with a weight above 0/,
  ],
  [
    'a negative weight',
    experiment('', `arms: [${CONTROL}, ${TREATMENT.replace('50', '-1')}]`),
    /-1 for weight; expected 0, or a number from/,
  ],
  [
    'an unknown provider',
    experiment('', `arms: [${CONTROL.replace('[a, b]', '[a, sandbox-x]')}, ${TREATMENT}]`),
    /unknown provider "sandbox-x"; expected an id of providers\.yaml: a, b, c/,
  ],
  [
    'an unknown rule',
    experiment('', `arms: [${CONTROL}, { arm: t, weight: 1, then: { rule: fallbak } }]`),
    /unknown rule "fallbak"; expected a name of rules\.yaml: narrow, fallback; did you mean fallback\?/,
  ],
  [
    'a rule and a strategy',
    experiment('', `arms: [${CONTROL}, { arm: t, weight: 1, then: { rule: fallback, strategy: score } }]`),
    /strategy beside rule/,
  ],
  [
    'arms that cannot both be tried anywhere',
    experiment('', `arms: [${CONTROL}, { arm: t, weight: 1, then: { priority: [] } }]`),
    /priority/,
  ],
  [
    'an id twice',
    two('coverage: 1', 'coverage: 1').replace('id: y', 'id: x'),
    /^experiments\.yaml:3:\d+ {2}a second experiment "x"/,
  ],
  ["the holdout's id", experiment('').replace('id: x', 'id: holdout'), /the id "holdout"/],
  [
    'namespaces apart',
    two('namespace: { name: n, range: [0, 0.5] }', 'namespace: { name: n, range: [0.5, 1] }'),
  ],
  [
    'namespaces that overlap',
    two('namespace: { name: n, range: [0, 0.6] }', 'namespace: { name: n, range: [0.5, 1] }'),
    /^experiments\.yaml:3:\d+ {2}\[0\.5, 1\] of namespace n overlaps \[0, 0\.6\] of "x", line 2; expected ranges apart/,
  ],
  ['other namespaces', two('namespace: { name: n, range: [0, 1] }', 'namespace: { name: m, range: [0, 1] }')],
  ['an empty range', experiment('namespace: { name: n, range: [0.5, 0.5] }'), /which holds nobody/],
  ['a guardrail', experiment('guardrails: [{ metric: approval_rate, worse_by_pp: 3 }]')],
  [
    'a guardrail without a margin',
    experiment('guardrails: [{ metric: approval_rate }]'),
    /no worse_by_pp for approval_rate.*write { metric: approval_rate, worse_by_pp: 0\.5 }/,
  ],
  [
    'a guardrail in another unit',
    experiment('guardrails: [{ metric: latency_ms, worse_by_pp: 3 }]'),
    /no worse_by for latency_ms/,
  ],
  [
    'two guardrails on a metric',
    experiment(
      'guardrails: [{ metric: approval_rate, worse_by_pp: 3 }, { metric: approval_rate, worse_by_pp: 1 }]',
    ),
    /a second guardrail on approval_rate/,
  ],
  ['a ramp', experiment('coverage: 0.1, ramp: [{ at: "2026-12-01T00:00:00Z", coverage: 1 }]')],
  [
    'a ramp without a moment',
    experiment('ramp: [{ at: "tomorrow", coverage: 1 }]'),
    /"tomorrow" is no moment/,
  ],
  [
    'a ramp out of order',
    experiment('ramp: [{ at: "2026-12-02T00:00:00Z" }, { at: "2026-12-01T00:00:00Z" }]'),
    /is not after the step before/,
  ],
  [
    'a ramp that forgets an arm',
    experiment('ramp: [{ at: "2026-12-02T00:00:00Z", weights: { control: 1 } }]'),
    /no weight for arm "treatment"/,
  ],
  [
    'a ramp with an unknown arm',
    experiment('ramp: [{ at: "2026-12-02T00:00:00Z", weights: { control: 1, treatment: 1, other: 1 } }]'),
    /no arm "other"/,
  ],
  ['planned looks at a bandit', experiment('mode: bandit, planned_looks: 3'), /planned looks at a bandit/],
  ['a seed with blanks', experiment('').replace('x-1', '"x 1"'), /for seed; expected visible ASCII/],
  [
    'a weight that rounds to nothing',
    experiment('').replace('weight: 50', 'weight: 1e-320'),
    /1e-320 for weight; expected 0, or a number from 0\.001 to 1000000/,
  ],
  ['a weight of 0 beside two others', experiment('', `arms: [${CONTROL}, ${TREATMENT}, ${NOBODY}]`)],
  [
    'a ramp on a day that is none',
    experiment('ramp: [{ at: "2026-02-30T08:00:00Z", coverage: 0.5 }]'),
    /"2026-02-30T08:00:00Z" is no moment; expected a day of the calendar, ISO 8601 with a time zone/,
  ],
  [
    'the seed of the holdout',
    `holdout: { share: 0.02, seed: x-1, then: { priority: [a] } }\n${experiment('')}`,
    /^experiments\.yaml:1:\d+ {2}the seed "x-1" of the running experiment "x": .* line 3; expected a seed of its own; write another one, such as holdout-1; or, .*, x-2 for/,
  ],
  [
    'the seed of the holdout in a draft, whose own can be changed',
    `holdout: { share: 0.02, seed: x-1, then: { priority: [a] } }\n${experiment('').replace('running', 'draft')}`,
    /^experiments\.yaml:3:\d+ {2}the seed "x-1" of the holdout: .* line 1; expected a seed of its own; write another one, such as x-2$/,
  ],
  [
    'the seed of the holdout where customers are assigned',
    `holdout: { share: 0.02, seed: x-1, then: { priority: [a] } }\n${experiment('unit: customer')}`,
  ],
  ['too large a holdout', 'holdout: { share: 0.6, seed: h, then: { priority: [a] } }\n', /0\.6 for share/],
  ['a condition that is wrong', experiment('when: { field: card.brnd, is: visa }'), /card\.brnd/],
];

describe('experiments.yaml', () => {
  it.each(ROWS.map(([name, ...row]) => ({ name, row })))('$name', ({ row: [text, ...expected] }) => {
    const errors = errorsOf(text);
    expect(errors.length, errors.join('\n')).toBe(expected.length);
    for (const [index, pattern] of expected.entries()) expect(errors[index]).toMatch(pattern);
  });

  it('need not be there, and counts for the hash only when it is', () => {
    const reading = validateRulesetFiles(FILES, SOME_CREDENTIALS);
    expect(reading).toMatchObject({ kind: 'good', ruleset: { experiments: { list: [], holdout: null } } });
    expect(contentHashOf(FILES)).not.toBe(contentHashOf({ ...FILES, 'experiments.yaml': 'experiments: []' }));
  });

  it('is shipped as a draft', () => {
    const reading = validateRulesetFiles(shippedFiles(), SOME_CREDENTIALS);
    if (reading.kind === 'refused') throw new Error(reading.errors.map(formatRulesetError).join('\n'));
    const { holdout, list } = reading.ruleset.experiments;
    expect(holdout).toBeNull();
    expect(list.map(({ status }) => status)).toEqual(['draft']);
  });

  it('is not in the way of another provider while it does not run, and says what it would lack', () => {
    const text = experiment('', `arms: [${CONTROL.replace('[a, b]', '[gone]')}, ${TREATMENT}]`);
    for (const status of ['draft', 'stopped']) {
      expect(experimentsOf(text.replace('running', status)).notes).toEqual([
        `experiment x, which is ${status}, could not run as it is: unknown provider "gone"`,
      ]);
    }
  });

  it('leaves out the rules under which an arm would leave a payment without a provider, and says so', () => {
    const { list, notes } = experimentsOf(
      experiment('', `arms: [${CONTROL.replace('[a, b]', '[b]')}, ${TREATMENT}]`),
    );
    expect([...(list[0]?.rules ?? [])]).toEqual(['fallback']);
    expect(notes).toEqual([
      'experiment x: payments of narrow are not in it, since an arm reaches no enabled provider of that rule',
    ]);
  });

  it('is not refused because a provider was disabled: nobody is in the experiment meanwhile', () => {
    const { list } = experimentsOf(
      experiment('', `arms: [${CONTROL.replace('[a, b]', '[c]')}, ${TREATMENT}]`),
    );
    expect([...(list[0]?.rules ?? ['none'])]).toEqual([]);
  });

  it.each([
    ['seed: x-2', 'another seed assigns every unit anew; an arm that was stopped stays stopped'],
    ['seed: x-1, unit: customer', 'another unit assigns everybody anew'],
    ['seed: x-1, coverage: 0.5', 'a lower coverage lets go of units that were in it'],
    ['seed: x-1, maturity_minutes: 5', 'another maturity counts the same payments anew'],
  ])('tells of a running experiment that goes on with %s', (change, note) => {
    const before = experimentsOf(experiment(''));
    const after = experimentsOf(experiment('').replace('seed: x-1', change));
    expect(changesOfRunning(before, after)).toEqual([`experiment x, which is running: ${note}`]);
    expect(changesOfRunning(before, before)).toEqual([]);
  });

  it('says that a running experiment behind one that takes all its payments gets none', () => {
    const note =
      'experiment y: it gets no payment, since x stands before it and takes all that it could have; divide them by when, ' +
      'namespace or coverage, or stop one of the two';
    const when = (merchant: string) => `when: { field: merchant, is: ${merchant} }`;
    for (const [first, second] of [
      ['maturity_minutes: 5', 'maturity_minutes: 5'],
      ['maturity_minutes: 5', when('m')],
      [when('m'), when('m')],
      ['maturity_minutes: 5', 'unit: customer'],
      ['unit: customer', 'unit: customer'],
    ] as const) {
      expect(experimentsOf(two(first, second)).notes).toEqual([note]);
    }
    for (const [first, second] of [
      ['coverage: 0.9', 'maturity_minutes: 5'],
      [when('m'), 'maturity_minutes: 5'],
      [when('m'), when('n')],
      ['unit: customer', 'maturity_minutes: 5'],
      ['namespace: { name: n, range: [0, 0.5] }', 'maturity_minutes: 5'],
      ['ramp: [{ at: "2026-12-01T08:00:00Z", coverage: 0.5 }]', 'maturity_minutes: 5'],
    ] as const) {
      expect(experimentsOf(two(first, second)).notes).toEqual([]);
    }
    expect(
      experimentsOf(two('maturity_minutes: 5', 'unit: payment').replace('running', 'draft')).notes,
    ).toEqual([]);
  });

  it('says which arm of a running experiment was stopped under its id before', () => {
    const arms = new LiveArms();
    const stopped = { experiment: 'x', author: 'guardrail', createdAtMs: 0, reason: 'worse by 4 pp' };
    arms.setStates([{ ...stopped, arm: 'treatment', state: 'stopped' }]);
    const reused = experiment('').replace('seed: x-1', 'seed: x-2');
    expect(arms.stoppedIn(experimentsOf(reused))).toEqual([
      'experiment x: its arm treatment was stopped (worse by 4 pp) and gets no payment, whatever its seed is; let it run ' +
        'again by PUT /v1/experiments/x/arms/treatment, or give what is a new experiment an id of its own',
    ]);
    expect(arms.stoppedIn(experimentsOf(reused.replace('running', 'stopped')))).toEqual([]);
    arms.setStates([{ ...stopped, arm: 'treatment', state: 'running' }]);
    expect(arms.stoppedIn(experimentsOf(reused))).toEqual([]);
  });

  it('tells of other weights, and of an experiment that is gone', () => {
    const before = experimentsOf(experiment(''));
    const other = experimentsOf(experiment('').replace('weight: 50', 'weight: 70'));
    expect(changesOfRunning(before, other)[0]).toContain('other weights move units between arms');
    expect(changesOfRunning(before, experimentsOf('experiments: []'))[0]).toContain('gone from the file');
  });
});
