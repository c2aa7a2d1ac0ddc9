import { describe, expect, it } from 'vitest';
import { problemSchema } from '../../src/edge/answer-schemas.ts';
import { createApp } from '../../src/edge/app.ts';
import type { Caller, EdgeDeps } from '../../src/edge/edge-deps.ts';
import {
  activationPageSchema,
  releaseAnswerSchema,
  rulesetPageSchema,
  rulesetSchema,
} from '../../src/edge/ruleset-schemas.ts';
import type { RulesetPageQuery } from '../../src/gateway/ports.ts';
import type { ReleaseCommand, ReleaseResult, RulesetCheckResult } from '../../src/gateway/ruleset-release.ts';
import { ACTIVE_RULESET, edgeFixture, LISTED_RULESET, post } from './edge-fixture.ts';

interface Asked {
  readonly queries: RulesetPageQuery[];
  readonly checks: (Readonly<Record<string, string>> | null)[];
  readonly commands: ReleaseCommand[];
}

function edge(
  result: ReleaseResult = { kind: 'active', active: ACTIVE_RULESET, changed: true },
  checked: RulesetCheckResult | null = null,
) {
  const asked: Asked = { queries: [], checks: [], commands: [] };
  const sample = edgeFixture().deps.rulesets;
  const rulesets: EdgeDeps['rulesets'] = {
    list(query) {
      asked.queries.push(query);
      return sample.list(query);
    },
    activations(query) {
      asked.queries.push(query);
      return sample.activations(query);
    },
    find: sample.find,
    check(files) {
      asked.checks.push(files);
      return checked === null ? sample.check(files) : Promise.resolve(checked);
    },
    async release(command) {
      asked.commands.push(command);
      return result;
    },
  };
  const callers: Record<string, Caller> = {
    rules: { account: 'payments-team', merchants: 'all', scopes: new Set(['rules']) },
    ops: { account: 'sre', merchants: 'all', scopes: new Set(['ops']) },
    read: { account: 'acme', merchants: 'all', scopes: new Set(['read', 'authorize']) },
    one: { account: 'acme', merchants: new Set(['acme-eu']), scopes: new Set(['rules', 'ops']) },
  };
  const fixture = edgeFixture({ rulesets, findCaller: (key) => callers[key] ?? null });
  const app = createApp(fixture.deps);
  const get = (path: string, key = 'rules') =>
    app.request(path, { headers: { authorization: `Bearer ${key}` } });
  const send = (path: string, body: unknown, key = 'rules') =>
    app.request(path, post(body, { authorization: `Bearer ${key}`, 'idempotency-key': undefined }));
  return { app, asked, fixture, get, send };
}

const RELEASE = { reason: 'ticket 4714', expected_active: 12 };
const READS = ['/v1/rulesets', '/v1/rulesets/activations', '/v1/rulesets/12'];
const WRITES = ['/v1/rulesets/validate', '/v1/rulesets/rollback', '/v1/rulesets/11/activate'];
const bodyOf = (path: string) => (path.endsWith('validate') ? {} : RELEASE);

describe('rulesets at the edge', () => {
  it('lists them, and when each was in force, as documented', async () => {
    const { get, asked } = edge();
    const page = rulesetPageSchema.parse(await (await get('/v1/rulesets?limit=1&cursor=before_c')).json());
    expect(page).toEqual({
      data: [
        {
          version: 12,
          content_hash: LISTED_RULESET.contentHash,
          registered_at: '2026-11-23T14:00:00.000Z',
          active: false,
          active_since: '2026-11-23T14:00:01.000Z',
          active_until: '2026-11-23T15:00:00.000Z',
          cause: 'folder',
          by: 'folder',
          reason: 'the folder holds it',
        },
      ],
      next_cursor: null,
    });
    const history = activationPageSchema.parse(await (await get('/v1/rulesets/activations')).json());
    expect(history.data[0]).toMatchObject({ sequence: 14, version: 11, by: 'acme', until: null });
    expect(asked.queries).toEqual([{ limit: 1, cursor: 'before_c' }, { limit: 50 }]);
  });

  it('shows one with its files, and what it has other than the one in force', async () => {
    const { get } = edge();
    const shown = rulesetSchema.parse(await (await get('/v1/rulesets/12')).json());
    expect(shown).toMatchObject({
      files: { 'rules.yaml': 'rules: []' },
      compared: { active: 11, files: ['rules.yaml'], rules: [{ name: 'all', change: 'removed' }] },
    });
    const replays = await get('/v1/rulesets/replays');
    expect([replays.status, ((await replays.json()) as { detail: string }).detail]).toEqual([
      404,
      expect.stringContaining('replays are not listed: read one by its id, /v1/rulesets/replays/{id}'),
    ]);
    for (const name of ['replay', 'validate', 'rollback']) {
      const response = await get(`/v1/rulesets/${name}`);
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
    }
    for (const version of ['13', '0', '012', '-1', '1e1', 'x', '9999999999999999']) {
      expect([version, (await get(`/v1/rulesets/${version}`)).status]).toEqual([version, 404]);
    }
  });

  it.each(READS)('GET %s is for the scopes rules and ops, over all merchants', async (path) => {
    const { get } = edge();
    const statuses = await Promise.all(
      ['rules', 'ops', 'read', 'one', 'nobody'].map(async (key) => (await get(path, key)).status),
    );
    expect(statuses).toEqual([200, 200, 403, 403, 401]);
  });

  it.each(WRITES)('POST %s is for the scope rules, over all merchants', async (path) => {
    const { send, asked, fixture } = edge();
    const statuses = [];
    for (const key of ['ops', 'read', 'one', 'nobody']) {
      statuses.push((await send(path, bodyOf(path), key)).status);
    }
    expect(statuses).toEqual([403, 403, 403, 401]);
    expect([asked.checks, asked.commands, fixture.releases]).toEqual([[], [], []]);
    expect((await send(path, bodyOf(path))).status).toBe(200);
  });

  it('hands over files to check, or the wish to have the folder checked', async () => {
    const { app, asked, send } = edge();
    await send('/v1/rulesets/validate', { files: { 'rules.yaml': 'rules: []' } });
    await send('/v1/rulesets/validate', {});
    const bare = { method: 'POST', headers: { authorization: 'Bearer rules' } };
    expect((await app.request('/v1/rulesets/validate', bare)).status).toBe(200);
    // A client that always declares JSON wishes the same by sending nothing.
    const declared = { ...bare.headers, 'content-type': 'application/json' };
    const empty = await app.request('/v1/rulesets/validate', { ...bare, headers: declared });
    expect(empty.status).toBe(200);
    expect(asked.checks).toEqual([{ 'rules.yaml': 'rules: []' }, null, null, null]);
    const text = { ...bare.headers, 'content-type': 'text/plain' };
    expect((await app.request('/v1/rulesets/validate', { ...bare, headers: text })).status).toBe(415);
    const other = await send('/v1/rulesets/validate', { files: { 'rule.yaml': '' } });
    expect(await other.json()).toMatchObject({
      type: '/problems/invalid-request',
      errors: [{ path: 'files.rule.yaml', message: 'unknown member: did you mean rules.yaml?' }],
    });
    expect((await send('/v1/rulesets/validate', { files: { 'rules.yaml': 7 } })).status).toBe(400);
    const carrying = await send('/v1/rulesets/validate', {
      files: { 'rules.yaml': '# 4111 1111 1111 1111' },
    });
    expect(await carrying.json()).toMatchObject({ type: '/problems/card-number' });
    expect(asked.checks).toHaveLength(4);
  });

  it.each([
    ['/v1/rulesets/11/activate', 11],
    ['/v1/rulesets/rollback', 'previous'],
  ] as const)('POST %s commands what the body says, in the name of the account', async (path, version) => {
    const { asked, fixture, send } = edge();
    const response = await send(path, RELEASE);
    expect(releaseAnswerSchema.parse(await response.json())).toEqual({
      version: 11,
      content_hash: ACTIVE_RULESET.contentHash,
      active_since: '2026-11-23T15:00:00.000Z',
      cause: 'rollback',
      by: 'acme',
      reason: 'ticket 4714',
      previous: 10,
      changed: true,
    });
    const command = { version, expectedActive: 12, reason: 'ticket 4714', author: 'payments-team' };
    expect(asked.commands).toEqual([{ ...command, untilMs: expect.any(Number) }]);
    expect(fixture.releases).toMatchObject([{ command, result: { kind: 'active' } }]);
  });

  it.each([
    [{}, ['reason', 'expected_active']],
    [{ reason: 'r' }, ['expected_active']],
    [{ reason: '', expected_active: 12 }, ['reason']],
    [{ reason: 'two\nlines', expected_active: 12 }, ['reason']],
    [{ reason: 'r'.repeat(501), expected_active: 12 }, ['reason']],
    [{ ...RELEASE, expected_active: 0 }, ['expected_active']],
    [{ ...RELEASE, expected_active: 1.5 }, ['expected_active']],
    [{ ...RELEASE, expected_active: '12' }, ['expected_active']],
    [{ ...RELEASE, force: true }, ['force']],
  ])('takes no body %#: %j', async (body, paths) => {
    const { asked, send } = edge();
    for (const path of ['/v1/rulesets/11/activate', '/v1/rulesets/rollback']) {
      const response = await send(path, body);
      expect(response.status).toBe(400);
      const { errors } = problemSchema.parse(await response.json());
      expect(errors?.map((error) => ('path' in error ? error.path : null))).toEqual(paths);
    }
    expect(asked.commands).toEqual([]);
  });

  const fault = {
    file: 'providers.yaml',
    line: 5,
    column: 1,
    what: 'provider "sandbox-c" is gone, but has open or refundable money',
    expected: 'the provider as it was',
    remedy: 'put it back with enabled: false',
  };
  it.each<[ReleaseResult, number, object]>([
    [{ kind: 'not_found' }, 404, { type: '/problems/not-found' }],
    [{ kind: 'other_active', active: 13 }, 409, { type: '/problems/other-ruleset-active', active: 13 }],
    [{ kind: 'nothing_before', active: 1 }, 409, { type: '/problems/no-earlier-ruleset', active: 1 }],
    [{ kind: 'refused', errors: [fault] }, 422, { type: '/problems/ruleset-refused', errors: [fault] }],
  ])('says why nothing was changed: %j', async (result, status, problem) => {
    const { fixture, send } = edge(result);
    const response = await send('/v1/rulesets/rollback', RELEASE);
    expect(response.status).toBe(status);
    expect(problemSchema.parse(await response.json())).toMatchObject(problem);
    expect(fixture.releases).toMatchObject([{ result: { kind: result.kind } }]);
  });

  it.each<[RulesetCheckResult, number, object]>([
    [
      { kind: 'too_costly', errors: [fault] },
      422,
      { type: '/problems/rules-too-costly', errors: [fault], remedy: expect.stringMatching(/shorter/) },
    ],
    [
      { kind: 'busy', waiting: 3, retryAfterMs: 2_000 },
      429,
      { type: '/problems/rule-checks-busy', detail: '3 checks are under way or wait.' },
    ],
    [{ kind: 'stopping' }, 503, { type: '/problems/not-ready', detail: expect.stringMatching(/stopping/) }],
    [{ kind: 'failed', reason: 'its thread ended' }, 503, { type: '/problems/not-ready' }],
  ])('says why nothing was checked: %j', async (result, status, problem) => {
    const { fixture, send } = edge(undefined, result);
    const response = await send('/v1/rulesets/validate', {});
    expect(response.status).toBe(status);
    expect(response.headers.get('retry-after')).toBe(status === 429 ? '2' : null);
    expect(problemSchema.parse(await response.json())).toMatchObject(problem);
    // Only what is nobody's doing is told to whoever runs the gateway.
    const told = fixture.faults.map(({ route, error }) => [route, String(error)]);
    expect(told).toEqual(
      result.kind === 'failed' ? [['/v1/rulesets/validate', 'Error: its thread ended']] : [],
    );
  });
});
