import { describe, expect, it } from 'vitest';
import { APPROVAL_MODEL_DEFAULTS } from '../../src/core/scoring/approval-model.ts';
import { createApp } from '../../src/edge/app.ts';
import type { Caller, EdgeDeps, Scope } from '../../src/edge/edge-deps.ts';
import { replayAnswerSchema } from '../../src/edge/replay-schemas.ts';
import { type ReplayCommand, ReplayFailed } from '../../src/gateway/replays.ts';
import { sampleDoneReplay, sampleReplay, sampleReplayEnd } from '../support/sample-replay.ts';
import { edgeFixture, post, replaysWith } from './edge-fixture.ts';

const FILES = { 'providers.yaml': 'providers: []', 'rules.yaml': 'rules: []' };

/** An edge that notes what is to be replayed. */
function replayer(replay = sampleReplay(), over: Partial<EdgeDeps> = {}) {
  const commands: ReplayCommand[] = [];
  const replays: EdgeDeps['replays'] = {
    ...replaysWith(replay),
    start: async (command) => {
      commands.push(command);
      return { kind: 'started', replay };
    },
  };
  const fixture = edgeFixture({ replays, ...over });
  const app = createApp(fixture.deps);
  return {
    commands,
    fixture,
    begin: (body: unknown) =>
      app.request('/v1/rulesets/replay', post(body, { 'idempotency-key': undefined })),
    read: (id: string) =>
      app.request(`/v1/rulesets/replays/${id}`, { headers: { authorization: 'Bearer key-all' } }),
  };
}

const errorsOf = async (response: Response) =>
  ((await response.json()) as { errors: { path: string; expected: string }[] }).errors;

describe('POST /v1/rulesets/replay', () => {
  it('begins a replay and says where it can be read', async () => {
    const { begin, commands, fixture } = replayer();
    const response = await begin({ files: FILES, from: '2026-11-01', to: '2026-11-08T12:00:00Z', seed: 5 });
    expect([response.status, response.headers.get('location'), response.headers.get('retry-after')]).toEqual([
      202,
      '/v1/rulesets/replays/rpl_bcdfghjkmnpqrstvwxyzB',
      '2',
    ]);
    const shown = replayAnswerSchema.parse(await response.json());
    expect(shown).toMatchObject({ status: 'running', progress: 0.25, result: null });
    expect(commands).toEqual([
      {
        account: 'acme',
        rules: { kind: 'files', files: FILES },
        range: { fromMs: Date.UTC(2026, 10, 1), toMs: Date.UTC(2026, 10, 8, 12) },
        seed: 5,
        learner: { model: APPROVAL_MODEL_DEFAULTS, explorationShare: null },
        askedAtMs: expect.any(Number),
        untilMs: expect.any(Number),
      },
    ]);
    expect(fixture.faults).toEqual([]);
  });

  it('replays up to when it was asked for, when no end is named', async () => {
    const { begin, commands, fixture } = replayer();
    const beforeMs = fixture.deps.clock.wallMs();
    await begin({ files: FILES });
    expect(commands).toHaveLength(1);
    expect(commands[0]?.askedAtMs).toBeGreaterThanOrEqual(beforeMs);
    expect(commands[0]?.range).toEqual({ fromMs: 0, toMs: commands[0]?.askedAtMs });
  });

  it('answers at once with what a small journal comes to', async () => {
    const response = await replayer(sampleDoneReplay()).begin({ version: 3 });
    expect([response.status, response.headers.get('location')]).toEqual([200, null]);
    const { result } = replayAnswerSchema.parse(await response.json());
    expect(result?.verdict.kind).toBe('more');
    expect(result?.all.approval.difference).toBeGreaterThan(0);
    expect(result?.by_rule).toMatchObject([{ segment: 'all-to-one' }]);
    expect(result?.all.moves).toMatchObject([{ from: 'sandbox-a', to: 'sandbox-b' }]);
  });

  it('shows no figure that the record does not support, and names the provider', async () => {
    const replay = sampleDoneReplay({ end: sampleReplayEnd('newcomer') });
    const response = await replayer(replay).begin({ version: 3 });
    const { result } = replayAnswerSchema.parse(await response.json());
    expect(result?.verdict).toMatchObject({ kind: 'cannot_say', reason: 'not_supported' });
    expect(result?.verdict.sentence).toContain('newcomer 100.0 %, new');
    expect(result?.unsupported).toEqual([{ provider: 'newcomer', share: 1, new: true }]);
    expect(result?.all.approval).toMatchObject({ replayed: null, low: null, cannot_say: 'not_supported' });
    expect(result?.providers_gone).toEqual([]);
  });

  it('takes settings of the learner, and leaves the others as they are', async () => {
    const { begin, commands } = replayer();
    await begin({
      version: 3,
      learner: { exploration_share: 0.1, discount: 0.999, prior_weight: { bin: 10 }, change_threshold: 5 },
    });
    expect(commands[0]?.learner).toEqual({
      explorationShare: 0.1,
      model: {
        ...APPROVAL_MODEL_DEFAULTS,
        gamma: 0.999,
        priorWeight: { ...APPROVAL_MODEL_DEFAULTS.priorWeight, bin: 10 },
        change: { ...APPROVAL_MODEL_DEFAULTS.change, threshold: 5 },
      },
    });
  });

  it.each([
    [{}, '', 'files or version, and not both'],
    [{ version: 1, files: FILES }, '', 'files or version, and not both'],
    [{ version: 0 }, 'version', 'the number of a registered ruleset'],
    [{ files: { 'rules.yaml': 'rules: []' } }, 'files.providers.yaml', 'the content of the file'],
    [{ files: { ...FILES, 'rule.yaml': '' } }, 'files.rule.yaml', 'providers.yaml | rules.yaml'],
    [{ version: 1, from: 'yesterday' }, 'from', 'a day or a time in UTC'],
    [{ version: 1, from: '2026-13-01' }, 'from', 'a day of the calendar'],
    [{ version: 1, from: '2026-11-02', to: '2026-11-02' }, 'from', 'a time before to'],
    [{ version: 1, seed: 1.5 }, 'seed', 'a whole number from 0 to 4294967295'],
    [{ version: 1, learner: { discount: 2 } }, 'learner.discount', 'a number from 0.9 to 1'],
    [{ version: 1, learner: { gamma: 1 } }, 'learner.gamma', 'discount'],
    [{ version: 1, learner: { prior_weight: { bins: 1 } } }, 'learner.prior_weight.bins', 'bin'],
  ])('refuses %j', async (body, path, expected) => {
    const { begin, commands } = replayer();
    const response = await begin(body);
    expect(response.status).toBe(400);
    const error = (await errorsOf(response)).find((each) => each.path === path);
    expect(error?.expected).toContain(expected);
    expect(commands).toEqual([]);
  });

  it('needs a key of operators or of the payments team that covers all merchants', async () => {
    const caller = (over: Partial<Caller>): Pick<EdgeDeps, 'findCaller'> => ({
      findCaller: () => ({ account: 'acme', merchants: 'all', scopes: new Set(['rules']), ...over }),
    });
    for (const [over, status] of [
      [{ scopes: new Set<Scope>(['ops']) }, 202],
      [{}, 202],
      [{ scopes: new Set<Scope>(['authorize', 'read']) }, 403],
      [{ merchants: new Set(['acme-eu']) }, 403],
    ] as const) {
      const { begin, commands } = replayer(sampleReplay(), caller(over));
      expect((await begin({ version: 1 })).status).toBe(status);
      expect(commands).toHaveLength(status === 202 ? 1 : 0);
    }
  });

  it('tells everything that is wrong with the rules, and when to come again', async () => {
    const replays = replaysWith(sampleReplay());
    const findings = [1, 2].map((line) => ({
      file: 'rules.yaml',
      line,
      column: 3,
      what: 'unknown provider "x"',
      expected: 'a provider of providers.yaml',
      remedy: 'correct the name',
    }));
    const refused = replayer(sampleReplay(), {
      replays: { ...replays, start: async () => ({ kind: 'refused', findings }) },
    });
    const response = await refused.begin({ files: FILES });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({
      type: '/problems/replay-rules-refused',
      errors: findings,
    });
    const busy = replayer(sampleReplay(), {
      replays: { ...replays, start: async () => ({ kind: 'busy', running: 2, retryAfterMs: 4500 }) },
    });
    const later = await busy.begin({ files: FILES });
    expect([later.status, later.headers.get('retry-after')]).toEqual([429, '5']);
    const failed = replayer(sampleReplay(), {
      replays: {
        ...replays,
        start: async () => {
          throw new ReplayFailed('its thread ended');
        },
      },
    });
    expect((await failed.begin({ files: FILES })).status).toBe(503);
    expect(failed.fixture.faults).toMatchObject([{ route: '/v1/rulesets/replay' }]);
  });
});

describe('GET /v1/rulesets/replays/{id}', () => {
  it('shows a replay to its account alone', async () => {
    const running = replayer();
    const shown = await running.read('rpl_bcdfghjkmnpqrstvwxyzB');
    expect([shown.status, shown.headers.get('retry-after')]).toEqual([200, '2']);
    expect((await running.read('rpl_other')).status).toBe(404);
    const foreign = replayer(sampleReplay({ account: 'somebody' }));
    expect((await foreign.read('rpl_bcdfghjkmnpqrstvwxyzB')).status).toBe(404);
    const failed = replayer(sampleReplay({ state: 'failed', failure: 'its thread ended', endedAtMs: 1000 }));
    const end = await failed.read('rpl_bcdfghjkmnpqrstvwxyzB');
    expect(end.headers.get('retry-after')).toBeNull();
    expect(replayAnswerSchema.parse(await end.json())).toMatchObject({
      status: 'failed',
      failure: 'its thread ended',
      ended_at: '1970-01-01T00:00:01.000Z',
    });
  });
});
