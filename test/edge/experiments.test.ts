import { describe, expect, it } from 'vitest';
import { ExposureTally } from '../../src/core/experiments/exposure-tally.ts';
import { experimentReport, type PastLook } from '../../src/core/experiments/results.ts';
import { createApp } from '../../src/edge/app.ts';
import type { EdgeDeps } from '../../src/edge/edge-deps.ts';
import {
  armAnswerSchema,
  experimentListSchema,
  experimentResultsSchema,
} from '../../src/edge/experiment-schemas.ts';
import type { ArmCommand, ExperimentResults } from '../../src/gateway/experiment-watch.ts';
import { JournalError } from '../../src/gateway/ports.ts';
import { EXPOSED_AT, exposed, SAMPLE_NOW, sampleExperiment } from '../support/sample-experiment.ts';
import { edgeFixture } from './edge-fixture.ts';

const EXPERIMENT = sampleExperiment({
  plannedLooks: 5,
  guardrails: [
    { metric: 'approval_rate', margin: 0.03 },
    { metric: 'latency_ms', margin: 200 },
  ],
  ramp: [{ fromMs: SAMPLE_NOW, plan: { coverage: 1, shares: [0.2, 0.8] } }],
});

function resultsOf(): ExperimentResults {
  const tally = new ExposureTally(EXPERIMENT, SAMPLE_NOW);
  for (let index = 0; index < 400; index += 1) {
    const arm = index % 2 === 0 ? 'control' : 'treatment';
    const outcome = index % (arm === 'control' ? 5 : 9) === 0 ? 'declined' : 'approved';
    tally.add(exposed(`p-${index}`, arm, [{ outcome, durationMs: 100 + (index % 50), costBasisPoints: 30 }]));
  }
  const looks: PastLook[] = [100, 200, 400, 900, 1000].map((units, index) => ({
    atMs: SAMPLE_NOW + index * 3_600_000,
    planned: units === 1000 ? 1 : null,
    comparisons: [
      {
        arm: 'treatment',
        difference: 0.05,
        standardError: 1 / Math.sqrt(units),
        units,
        low: 0.05 - 3 / Math.sqrt(units),
        high: 0.05 + 3 / Math.sqrt(units),
      },
    ],
  }));
  const plan = {
    seed: 'checkout-1',
    unit: 'payment',
    coverage: 1,
    namespace: null,
    shares: { control: 0.5, treatment: 0.5 },
  } as const;
  const report = experimentReport({
    experiment: EXPERIMENT,
    tally: tally.end(),
    looks,
    phases: [{ number: 1, plan, firstAtMs: SAMPLE_NOW }],
    stopped: new Map([['treatment', 'a <reason> & "more"']]),
  });
  return { experiment: EXPERIMENT, report, looks, stoppedFor: new Map([['treatment', ['other']]]) };
}

function app(over: Partial<EdgeDeps['experiments']> = {}) {
  const commands: ArmCommand[] = [];
  const experiments: EdgeDeps['experiments'] = {
    current: () => ({ holdout: null, list: [EXPERIMENT], notes: [] }),
    stateOf: () => null,
    inForce: () => ({ coverage: 1, shares: [0.063, 0.937] }),
    results: async (id) => (id === 'checkout' ? resultsOf() : null),
    isRecorded: async (id) => id === 'gone',
    async setArm(command) {
      commands.push(command);
      if (command.arm === 'control') return { kind: 'is_baseline' };
      if (command.arm !== 'treatment') return { kind: 'not_found' };
      return { kind: 'set', state: { ...command, createdAtMs: SAMPLE_NOW } };
    },
    ...over,
  };
  return { app: createApp(edgeFixture({ experiments }).deps), commands };
}

const NOT_FOUND = async () => ({ kind: 'not_found' }) as const;
const KEPT = { kind: 'own', strategy: { kind: 'score' }, fallback: false, tuning: {} } as const;

const as = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });
const put = (key: string, body: object) => ({
  method: 'PUT',
  headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

describe('experiments at the edge', () => {
  it('lists them as documented', async () => {
    const response = await app().app.request('/v1/experiments', as('key-read'));
    const body = experimentListSchema.parse(await response.json());
    expect(body.data[0]).toMatchObject({
      id: 'checkout',
      arms: [
        { arm: 'control', share: 0.5, share_in_force: 0.063, state: 'running' },
        { arm: 'treatment', share: 0.5, share_in_force: 0.937 },
      ],
      guardrails: [
        { metric: 'approval_rate', worse_by_pp: 3 },
        { metric: 'latency_ms', worse_by: 200 },
      ],
    });
  });

  it('answers results as documented', async () => {
    const response = await app().app.request('/v1/experiments/checkout/results', as('key-read'));
    const body = experimentResultsSchema.parse(await response.json());
    expect(body.arms[0]).toMatchObject({ arm: 'control', assigned: 200, approved: 160, approval_rate: 0.8 });
    expect(body.arms[0]).toMatchObject({ cost_per_approval: 0.3, cost_currency: 'EUR' });
    expect(
      body.comparisons.filter(({ metric }) => metric === 'approval_rate').map(({ method }) => method),
    ).toEqual(['confidence_sequence', 'welch', 'bayesian', 'group_sequential']);
    expect(body.guardrails).toHaveLength(2);
  });

  it('draws them, without a way for words to become markup', async () => {
    const response = await app().app.request('/v1/experiments/checkout/results.svg', as('key-read'));
    expect(response.headers.get('content-type')).toBe('image/svg+xml');
    const svg = await response.text();
    expect(svg).toContain('a &lt;reason&gt; &amp; &quot;more&quot;');
    expect(svg).toContain('prefers-color-scheme: dark');
    expect(svg.match(/class="interval"/g)).toHaveLength(4);
    expect(svg).toContain('<polygon class="band"');
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });

  it('draws all that the verdict says, also how many payments are maturing', async () => {
    const tally = new ExposureTally(EXPERIMENT, EXPOSED_AT + 1_000);
    for (let index = 0; index < 40; index += 1) {
      tally.add(exposed(`p-${index}`, index % 2 === 0 ? 'control' : 'treatment', ['pending']));
    }
    const report = experimentReport({
      experiment: EXPERIMENT,
      tally: tally.end(),
      looks: [],
      phases: [],
      stopped: new Map([['treatment', 'a long reason '.repeat(30)]]),
    });
    const results = async () => ({ experiment: EXPERIMENT, report, looks: [], stoppedFor: new Map() });
    const served = app({ results }).app;
    const svg = await (await served.request('/v1/experiments/checkout/results.svg', as('key-read'))).text();
    const lines = [...svg.matchAll(/<text x="16" y="([\d.]+)" class="small"[^>]*>([^<]*)</g)];
    expect(lines.map(([, , words]) => words).join(' ')).toContain(
      'Still maturing: 40 payments (100 %), younger than 60 min and in no figure yet.',
    );
    expect(lines.length).toBeGreaterThan(3);
    const lowest = Math.max(...lines.map(([, y]) => Number(y)));
    const below = /y="([\d.]+)"[^>]*>Nothing can be compared yet/.exec(svg);
    expect(Number(below?.[1])).toBeGreaterThan(lowest + 10);
    const json = await (await served.request('/v1/experiments/checkout/results', as('key-read'))).json();
    expect(experimentResultsSchema.parse(json).maturing).toEqual({ payments: 40, share: 1 });
  });

  it.each([
    ['no key that covers all merchants', '/v1/experiments/checkout/results', 'key-eu', 403],
    ['an unknown experiment', '/v1/experiments/other/results', 'key-read', 404],
    ['a chart of an unknown experiment', '/v1/experiments/other/results.svg', 'key-read', 404],
  ])('refuses %s', async (_name, path, key, status) => {
    expect((await app().app.request(path, as(key))).status).toBe(status);
  });

  const HOLDOUT = { share: 0.1, seed: 'h-1', rules: new Set<string>(), maturityMs: 60_000, change: KEPT };
  it.each([
    [
      'other/results',
      {},
      'There is no experiment "other" in experiments.yaml of the rules in force: it has checkout.',
    ],
    [
      'gone/results',
      {},
      'The experiment "gone" is gone from experiments.yaml of the rules in force: put it back ',
    ],
    ['holdout/results', {}, 'There is no holdout in experiments.yaml of the rules in force (holdout:).'],
    [
      'holdout/results',
      { isRecorded: async () => true },
      'payments were recorded in an earlier one, put it back',
    ],
    ['other/results', { current: () => ({ holdout: null, list: [], notes: [] }) }, 'it has none.'],
    ['checkout/arms/treatmnt', {}, '"checkout" has no arm "treatmnt": it has control, treatment.'],
    ['gone/arms/treatment', { setArm: NOT_FOUND }, 'The experiment "gone" is gone from experiments.yaml'],
    ['holdout/arms/rest', { setArm: NOT_FOUND }, 'There is no holdout in experiments.yaml'],
    [
      'holdout/arms/rest',
      { setArm: NOT_FOUND, current: () => ({ holdout: HOLDOUT, list: [], notes: [] }) },
      'The holdout has no arm that can be stopped: change or remove holdout: in experiments.yaml.',
    ],
  ] satisfies readonly (readonly [string, Partial<EdgeDeps['experiments']>, string])[])(
    'says what is not there: %s',
    async (path, over, said) => {
      const request = path.endsWith('results')
        ? as('key-all')
        : put('key-all', { state: 'stopped', reason: 'complaints' });
      const response = await app(over).app.request(`/v1/experiments/${path}`, request);
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ detail: expect.stringContaining(said) });
    },
  );

  it('says when the journal cannot be read', async () => {
    const failing = app({ results: () => Promise.reject(new JournalError('no disk')) });
    expect((await failing.app.request('/v1/experiments/checkout/results', as('key-read'))).status).toBe(503);
  });

  it('stops an arm for whoever may change rules, and keeps who it was', async () => {
    const { app: served, commands } = app();
    const body = { state: 'stopped', reason: 'complaints' };
    const path = '/v1/experiments/checkout/arms/treatment';
    const response = await served.request(path, put('key-all', body));
    expect(armAnswerSchema.parse(await response.json())).toMatchObject({ state: 'stopped', author: 'acme' });
    const untilMs: unknown = expect.any(Number);
    expect(commands).toEqual([
      { experiment: 'checkout', arm: 'treatment', author: 'acme', untilMs, ...body },
    ]);
    expect((await served.request(path, put('key-read', body))).status).toBe(403);
    expect((await served.request(path, put('key-all', { state: 'off', reason: 'x' }))).status).toBe(400);
    expect((await served.request(path.replace('treatment', 'control'), put('key-all', body))).status).toBe(
      400,
    );
    expect((await served.request(path.replace('treatment', 'none'), put('key-all', body))).status).toBe(404);
  });
});
