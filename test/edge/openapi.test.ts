import { describe, expect, it } from 'vitest';
import { problemSchema } from '../../src/edge/answer-schemas.ts';
import { createApp } from '../../src/edge/app.ts';
import type { EdgeDeps, Scope } from '../../src/edge/edge-deps.ts';
import { OPERATIONS } from '../../src/edge/interface.ts';
import { renderOperation } from '../../src/edge/operation-answer.ts';
import { PROBLEMS, type ProblemName } from '../../src/edge/problems.ts';
import { BODY_BYTES_MAX } from '../../src/edge/read-body.ts';
import type { DecideResult } from '../../src/gateway/decide-for-caller.ts';
import type { OperateResult } from '../../src/gateway/operate.ts';
import { JournalError } from '../../src/gateway/ports.ts';
import type { ReplayStart } from '../../src/gateway/replays.ts';
import type { AuthorizeResult } from '../../src/gateway/road-results.ts';
import type { ReleaseResult, RulesetCheckResult } from '../../src/gateway/ruleset-release.ts';
import { readSandboxNotices } from '../../src/providers/sandbox/notices.ts';
import { sampleOffer, TAKEN_APPROVAL } from '../support/sample-decision.ts';
import { sampleDoneReplay, sampleReplay } from '../support/sample-replay.ts';
import { signedAs } from '../support/webhook-trap.ts';
import {
  AUTHORIZATION,
  BODY,
  CAPTURE,
  DELIVERY,
  edgeFixture,
  post,
  replaysWith,
  withOperations,
} from './edge-fixture.ts';

interface Media {
  example?: unknown;
  examples?: Record<string, { summary?: string; description?: string; value: unknown }>;
}

interface DocumentedOperation {
  operationId: string;
  tags: string[];
  security: unknown[];
  parameters?: {
    name: string;
    in: string;
    required?: boolean;
    description?: string;
    schema?: { example?: unknown; description?: string };
  }[];
  requestBody?: { required: boolean; content: Record<string, Media> };
  responses: Record<string, { content: Record<string, Media> }>;
}

interface Document {
  openapi: string;
  tags: { name: string }[];
  paths: Record<string, Record<string, DocumentedOperation>>;
  components: { schemas: Record<string, unknown>; securitySchemes: Record<string, unknown> };
}

const app = createApp(edgeFixture().deps);
const document = (await (await app.request('/openapi.json')).json()) as Document;
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

describe('/openapi.json', () => {
  it('is OpenAPI 3.1 with resolvable references and unique operation ids', () => {
    expect(document.openapi).toBe('3.1.0');
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]);
    expect(references.length).toBeGreaterThan(10);
    for (const reference of references) {
      expect(document.components.schemas).toHaveProperty([
        reference?.replace('#/components/schemas/', '') ?? '',
      ]);
    }
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const pattern of JSON.stringify(document).matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)) {
      expect(() => new RegExp(JSON.parse(pattern[1] ?? ''), 'u')).not.toThrow();
    }
  });

  it('documents every route but the files of the page and of the problems, and no other', () => {
    const served = app.routes
      .filter(({ method, path }) => method !== 'ALL' && !/^\/(docs\/|problems\/)/.test(path))
      .map(({ method, path }) => `${method.toLowerCase()} ${path.replace(/:(\w+)/g, '{$1}')}`);
    const documented = operations.map(({ method, path }) => `${method} ${path}`);
    expect(documented.sort()).toEqual(served.sort());
  });

  it('declares every tag and no other', () => {
    const used = new Set(operations.flatMap(({ operation }) => operation.tags));
    expect(new Set(document.tags.map(({ name }) => name))).toEqual(used);
  });

  it('declares every parameter of a path, and the Idempotency-Key where it is required', async () => {
    for (const { path, method, operation } of operations) {
      const parameters = operation.parameters ?? [];
      const inPath = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
      expect([path, inPath]).toEqual([path, [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1])]);
      const { idempotencyKey = false } =
        OPERATIONS.find(({ operationId }) => operationId === operation.operationId) ?? {};
      const declared = parameters.some(({ name, required }) => name === 'Idempotency-Key' && required);
      expect([method, path, declared]).toEqual([method, path, idempotencyKey]);
    }
  });

  it('gives examples of bodies that its schemas take, and says which bodies may be left out', () => {
    const bodied = OPERATIONS.filter((operation) => operation.body !== undefined);
    expect(bodied.length).toBeGreaterThan(5);
    for (const { operationId, body: taken, path, method } of bodied) {
      expect([operationId, taken?.schema.safeParse(taken.example).error]).toEqual([operationId, undefined]);
      const documented = document.paths[path]?.[method]?.requestBody;
      expect([operationId, documented?.required]).toEqual([operationId, taken?.optional !== true]);
      expect(documented?.content['application/json']?.example).toEqual(taken?.example);
    }
  });

  it('gives an example of every parameter of a path, which the path takes, and of every body', async () => {
    const examples = new Map<string, string>();
    for (const { path, operation } of operations) {
      for (const { name, in: where, schema, description } of operation.parameters ?? []) {
        if (where !== 'path') continue;
        expect([path, schema?.example, schema?.description ?? description]).toEqual([
          path,
          expect.stringMatching(/^([a-z]+([-_]\w+)?|\d+)$/),
          expect.stringMatching(/^Id of .+\.$/),
        ]);
        examples.set(path, (examples.get(path) ?? path).replace(`{${name}}`, String(schema?.example)));
      }
      for (const { example } of Object.values(operation.requestBody?.content ?? {})) {
        expect([path, example]).toEqual([path, expect.any(Object)]);
      }
      const takesBody = operation.responses['413'] !== undefined;
      expect([path, operation.requestBody !== undefined]).toEqual([path, takesBody]);
    }
    expect(examples.size).toBeGreaterThan(7);
    for (const path of ['/v1/authorizations/{id}', '/v1/authorizations/{id}/events', '/v1/providers/{id}']) {
      const headers = { authorization: 'Bearer key-all' };
      expect([path, (await app.request(String(examples.get(path)), { headers })).status]).toEqual([
        path,
        200,
      ]);
    }
  });

  it('gives an event as example of a webhook that the sandbox could have sent', () => {
    const taken = OPERATIONS.find(({ operationId }) => operationId === 'takeWebhook')?.body?.example;
    const body = JSON.stringify(taken);
    const headers = { 'sandbox-signature': signedAs(body, 0, 'secret') };
    expect(readSandboxNotices({ headers, body }, ['secret'], Date.now())).toMatchObject({
      kind: 'read',
      notices: [{ type: 'capture.confirmed', attemptId: 'att_bcdfghjkmnpqrstvwxyzB_1' }],
    });
  });

  it('gives examples of answers that its schemas take', () => {
    const examples = OPERATIONS.flatMap(({ operationId, answers }) =>
      Object.values(answers).flatMap(({ example, schema }) =>
        example === undefined ? [] : [{ operationId, error: schema?.safeParse(example).error }],
      ),
    );
    expect(examples.length).toBeGreaterThan(5);
    for (const { operationId, error } of examples)
      expect([operationId, error]).toEqual([operationId, undefined]);
  });

  it('gives examples of problems that its schema takes', () => {
    for (const { operation } of operations) {
      for (const response of Object.values(operation.responses)) {
        const { examples = {} } = response.content['application/problem+json'] ?? {};
        for (const [name, { value }] of Object.entries(examples)) {
          expect([name, problemSchema.safeParse(value).error]).toEqual([name, undefined]);
          expect(value).toMatchObject({ type: `/problems/${name}` });
        }
      }
    }
  });

  it('asks for a key exactly where one is needed', async () => {
    for (const { path, method, operation } of operations) {
      const response = await app.request(path.replace('{id}', 'x'), { method: method.toUpperCase() });
      expect([path, response.status === 401]).toEqual([path, operation.security.length > 0]);
    }
  });

  it('says of each kind of problem when it is answered and what it means for money, at its address and here', async () => {
    const told = new Map(
      operations
        .flatMap(({ operation }) => Object.values(operation.responses))
        .flatMap(({ content }) => Object.entries(content['application/problem+json']?.examples ?? {})),
    );
    expect(told.size).toBeGreaterThan(30);
    for (const [name, { summary, description }] of told) {
      const kind = PROBLEMS[name as ProblemName];
      expect([name, summary, description]).toEqual([name, kind.title, kind.meaning]);
    }
    const meanings: string[] = [];
    for (const [name, { title }] of Object.entries(PROBLEMS)) {
      const { meaning } = (await (await app.request(`/problems/${name}`)).json()) as { meaning?: string };
      expect([name, meaning]).toEqual([name, expect.stringMatching(/^[A-Z].{40,}\.$/)]);
      expect(meaning).not.toContain(title);
      meanings.push(meaning ?? '');
    }
    expect(new Set(meanings).size).toBe(Object.keys(PROBLEMS).length);
  });

  it('says what to do where a repeat after journal-unavailable answers failed', () => {
    expect(PROBLEMS['journal-unavailable'].remedy).toMatch(
      /repeat answers failed.*nothing was charged.*new key/,
    );
  });

  it('is found from the bare address, with what else needs no key', async () => {
    const { service, ...places } = (await (await app.request('/')).json()) as Record<string, string>;
    expect(service).toBe('pointsman');
    expect(Object.values(places)).toEqual(expect.arrayContaining(['/docs', '/openapi.json', '/healthz']));
    for (const place of Object.values(places))
      expect([place, (await app.request(place)).status]).toEqual([place, 200]);
  });

  it('leads from the type of a problem to its remedy', async () => {
    for (const [name, kind] of Object.entries(PROBLEMS)) {
      expect(await (await app.request(`/problems/${name}`)).json()).toEqual({
        type: `/problems/${name}`,
        ...kind,
      });
    }
  });
});

/** How each documented answer is brought about: a change of the world, or of the request. */
interface Case {
  readonly deps?: Partial<EdgeDeps>;
  readonly init?: (init: RequestInit) => RequestInit;
  readonly path?: string;
  readonly socketOnly?: string;
}
const broken = async () => {
  throw new JournalError('gone');
};
const bug = () => {
  throw new Error('bug');
};
const journalThat = (fails: () => never | Promise<never>): EdgeDeps['journal'] => ({
  findAuthorization: fails,
  listAuthorizations: fails,
  historyPage: fails,
  readDecision: fails,
  listDecisions: fails,
});
const road = (result: AuthorizeResult): Case => ({ deps: { authorize: async () => result } });
const deciding = (result: DecideResult): Case => ({ deps: { decide: async () => result } });
const both = (result: AuthorizeResult & DecideResult): Case => ({
  deps: { authorize: async () => result, decide: async () => result },
});
const releasing = (result: ReleaseResult): Case => ({
  deps: { rulesets: { ...edgeFixture().deps.rulesets, release: async () => result } },
});
const checking = (result: RulesetCheckResult): Case => ({
  deps: { rulesets: { ...edgeFixture().deps.rulesets, check: async () => result } },
});
const operating = (result: OperateResult): Case => ({ deps: { operate: async () => result } });
const replaying = (started: ReplayStart): Case => ({
  deps: { replays: { ...edgeFixture().deps.replays, start: async () => started } },
});
const FINDING = { file: 'rules.yaml', line: 1, column: 1, what: 'a', expected: 'b', remedy: 'c' } as const;
const header = (name: string, value: string | null): Case => ({
  init: (init) => {
    const headers = new Headers(init.headers);
    if (value === null) headers.delete(name);
    else headers.set(name, value);
    return { ...init, headers };
  },
});
const body = (text: string): Case => ({ init: (init) => ({ ...init, body: text }) });
const authorizationId = AUTHORIZATION.id;

const CASES: Record<ProblemName, Case> = {
  'malformed-request': { socketOnly: 'server.test.ts' },
  'headers-too-large': { socketOnly: 'server.test.ts' },
  'request-timeout': { socketOnly: 'server.test.ts' },
  'method-not-allowed': { socketOnly: 'reads.test.ts' },
  'malformed-json': body('{'),
  'invalid-request': body('{"amout":1}'),
  'card-number': header('x-note', '4111111111111111'),
  'idempotency-key-missing': header('idempotency-key', null),
  'idempotency-key-malformed': header('idempotency-key', 'a b'),
  unauthenticated: header('authorization', null),
  'out-of-scope': {
    deps: { findCaller: () => ({ account: 'a', merchants: 'all', scopes: new Set<Scope>() }) },
  },
  'not-found': {
    path: 'nobody',
    deps: {
      takeNotices: async () => ({ kind: 'no_such_provider' }),
      replays: { ...edgeFixture().deps.replays, start: async () => ({ kind: 'no_such_version' }) },
    },
  },
  'in-flight': road({ kind: 'in_flight', authorizationId, retryAfterMs: 1 }),
  'payment-live': road({ kind: 'payment_live', authorizationId }),
  'operation-not-possible': operating({
    kind: 'refused',
    refusal: 'amount_too_large',
    leftAmount: 2999,
    authorization: AUTHORIZATION,
  }),
  'attempt-not-open': { deps: { resolve: async () => ({ kind: 'not_open', authorization: AUTHORIZATION }) } },
  'reference-refused': {
    deps: {
      resolve: async () => ({
        kind: 'reference_refused',
        because: 'recorded_elsewhere',
        authorization: AUTHORIZATION,
      }),
    },
  },
  'operation-not-open': {
    deps: {
      resolveOperation: async () => ({
        kind: 'not_open',
        reason: 'ended',
        authorization: withOperations(CAPTURE),
        retryAfterMs: null,
      }),
    },
  },
  'idempotency-key-reused': {
    deps: {
      authorize: async () => ({ kind: 'other_body', authorizationId }),
      decide: async () => ({ kind: 'other_body' }),
      operate: async () => ({ kind: 'other_body', authorizationId }),
    },
  },
  'decision-in-flight': deciding({ kind: 'in_flight', retryAfterMs: 1 }),
  'outcome-contradicted': {
    deps: { report: async () => ({ kind: 'contradiction', recorded: TAKEN_APPROVAL }) },
  },
  'outcome-not-offered': {
    deps: {
      report: async () => ({ kind: 'not_offered', offered: [sampleOffer(1, { reports: [TAKEN_APPROVAL] })] }),
    },
  },
  'event-endpoint-paused': {
    deps: { eventEndpoints: () => [{ id: 'orders', account: 'acme', types: 'all', state: 'paused' }] },
  },
  'other-ruleset-active': releasing({ kind: 'other_active', active: 13 }),
  'no-earlier-ruleset': releasing({ kind: 'nothing_before', active: 1 }),
  'ruleset-refused': releasing({
    kind: 'refused',
    errors: [{ file: 'rules.yaml', line: 3, column: 5, what: 'w', expected: 'e', remedy: 'r' }],
  }),
  'card-testing': both({ kind: 'card_testing', retryAfterMs: 30_000 }),
  'no-route': both({
    kind: 'no_route',
    reasons: AUTHORIZATION.routing.candidates,
    rule: null,
    retryAfterMs: 1,
  }),
  'body-too-large': body(' '.repeat(BODY_BYTES_MAX + 1)),
  'unsupported-media-type': header('content-type', 'text/plain'),
  internal: {
    deps: {
      authorize: bug,
      decide: bug,
      report: bug,
      operate: bug,
      resolve: bug,
      resolveOperation: bug,
      takeNotices: bug,
      providers: bug,
      experiments: { current: bug, stateOf: bug, inForce: bug, results: bug, isRecorded: bug, setArm: bug },
      rulesets: { list: bug, activations: bug, find: bug, check: bug, release: bug },
      replays: { start: bug, find: bug, settled: bug },
      deliveries: { listDeliveries: bug, replayDelivery: bug },
      eventEndpoints: bug,
      journal: journalThat(bug),
    },
  },
  'journal-unavailable': {
    deps: {
      authorize: async () => ({ kind: 'journal_unavailable', retryAfterMs: 1 }),
      decide: async () => ({ kind: 'journal_unavailable', retryAfterMs: 1 }),
      report: async () => ({ kind: 'journal_unavailable' }),
      operate: async () => ({ kind: 'journal_unavailable', retryAfterMs: 1 }),
      takeNotices: async () => ({ kind: 'journal_unavailable' }),
      resolve: async () => ({ kind: 'journal_unavailable' }),
      resolveOperation: async () => ({ kind: 'journal_unavailable' }),
      setOverride: broken,
      experiments: { ...edgeFixture().deps.experiments, results: broken, setArm: broken },
      rulesets: { list: broken, activations: broken, find: broken, check: broken, release: broken },
      replays: { ...edgeFixture().deps.replays, start: broken },
      deliveries: { listDeliveries: broken, replayDelivery: broken },
      journal: journalThat(broken),
    },
  },
  'webhook-refused': { deps: { takeNotices: async () => ({ kind: 'refused', reason: 'signature' }) } },
  'webhook-unverifiable': {
    deps: { takeNotices: async () => ({ kind: 'unverifiable', code: 'ECONNREFUSED' }) },
  },
  'not-ready': {
    deps: {
      readiness: async () => ({ ready: false, detail: {} }),
      replays: { ...edgeFixture().deps.replays, start: async () => ({ kind: 'stopping' }) },
      rulesets: { ...edgeFixture().deps.rulesets, check: async () => ({ kind: 'stopping' }) },
    },
  },
  'rules-too-costly': {
    deps: {
      ...checking({ kind: 'too_costly', errors: [FINDING] }).deps,
      ...replaying({ kind: 'too_costly', findings: [FINDING] }).deps,
    },
  },
  'rule-checks-busy': checking({ kind: 'busy', waiting: 3, retryAfterMs: 2_000 }),
  'replay-rules-refused': replaying({ kind: 'refused', findings: [FINDING] }),
  'replays-busy': replaying({ kind: 'busy', running: 2, retryAfterMs: 1 }),
};

function requestOf(operationId: string, id: string): [path: string, init: RequestInit] {
  const get = { headers: { authorization: 'Bearer key-all' } };
  const override = post({ mode: 'auto', reason: 'over' });
  const requests: Record<string, [string, RequestInit]> = {
    authorize: ['/v1/authorizations', post(BODY)],
    decide: ['/v1/decisions', post(BODY)],
    reportOutcome: [
      `/v1/decisions/${id || 'dec_bcdfghjkmnpqrstvwxyzB'}/outcomes`,
      post({ provider: 'sandbox-a', attempt: 1, outcome: 'approved' }),
    ],
    listAuthorizations: ['/v1/authorizations', get],
    listDecisions: ['/v1/decisions?merchant=acme-eu&reference=order-7790', get],
    getDecision: [`/v1/decisions/${id || 'dec_bcdfghjkmnpqrstvwxyzB'}`, get],
    getAuthorization: [`/v1/authorizations/${id || AUTHORIZATION.id}`, get],
    listHistory: [`/v1/authorizations/${id || AUTHORIZATION.id}/events`, get],
    captureAuthorization: [`/v1/authorizations/${id || AUTHORIZATION.id}/captures`, post({})],
    voidAuthorization: [`/v1/authorizations/${id || AUTHORIZATION.id}/voids`, post({})],
    refundAuthorization: [`/v1/authorizations/${id || AUTHORIZATION.id}/refunds`, post({})],
    resolveAttempt: [
      `/v1/attempts/${id || 'att_bcdfghjkmnpqrstvwxyzB_2'}/resolutions`,
      post({ resolution: 'undone', evidence: 'ticket 4711, refunded by hand' }),
    ],
    resolveOperation: [
      `/v1/operations/${id || CAPTURE.id}/resolutions`,
      post({ resolution: 'failed', evidence: 'ticket 4712, not in the statement' }),
    ],
    takeWebhook: [`/v1/webhooks/${id || 'sandbox-a'}`, { method: 'POST', body: '{}' }],
    listProviders: ['/v1/providers', get],
    getProvider: [`/v1/providers/${id || 'sandbox-a'}`, get],
    overrideProvider: [`/v1/providers/${id || 'sandbox-a'}/override`, { ...override, method: 'PUT' }],
    listEventEndpoints: ['/v1/events/endpoints', get],
    listExperiments: ['/v1/experiments', get],
    getExperimentResults: [`/v1/experiments/${id || 'checkout'}/results`, get],
    getExperimentChart: [`/v1/experiments/${id || 'checkout'}/results.svg`, get],
    setExperimentArm: [
      `/v1/experiments/${id || 'checkout'}/arms/treatment`,
      { ...post({ state: 'stopped', reason: 'ticket 4713' }), method: 'PUT' },
    ],
    listRulesets: ['/v1/rulesets', get],
    listRulesetActivations: ['/v1/rulesets/activations', get],
    getRuleset: [`/v1/rulesets/${id || '12'}`, get],
    validateRuleset: ['/v1/rulesets/validate', post({ files: {} })],
    activateRuleset: [
      `/v1/rulesets/${id || '11'}/activate`,
      post({ reason: 'ticket 4714', expected_active: 12 }),
    ],
    rollBackRuleset: ['/v1/rulesets/rollback', post({ reason: 'ticket 4714', expected_active: 12 })],
    replayRuleset: ['/v1/rulesets/replay', post(id === '' ? { version: 12 } : { version: 99 })],
    getReplay: [`/v1/rulesets/replays/${id || 'rpl_bcdfghjkmnpqrstvwxyzB'}`, get],
    listEventDeliveries: ['/v1/events/deliveries', get],
    replayEventDelivery: [`/v1/events/deliveries/${id || DELIVERY.id}/replay`, { ...get, method: 'POST' }],
    getMetrics: ['/metrics', {}],
    getPlaces: ['/', {}],
    getHealth: ['/healthz', {}],
    getReadiness: ['/readyz', {}],
    getInterface: ['/openapi.json', {}],
    getReference: ['/docs', {}],
  };
  return requests[operationId] as [string, RequestInit];
}

describe('every documented answer can be had', () => {
  const answers = OPERATIONS.flatMap((operation) =>
    Object.entries(operation.answers).map(([status, answer]) => ({
      ...operation,
      status: Number(status),
      answer,
    })),
  );
  it.each(answers)('$operationId: $status', async ({ operationId, status, answer }) => {
    const rendered = JSON.stringify(await (await app.request(...requestOf('getAuthorization', ''))).json());
    const result: AuthorizeResult = {
      kind: 'answered',
      httpStatus: status,
      body: rendered,
      replayed: false,
      authorizationId,
    };
    const operation = { ...CAPTURE, status: status === 202 ? ('pending' as const) : ('succeeded' as const) };
    const operated: OperateResult = {
      ...result,
      ...renderOperation(withOperations(operation), operation),
    };
    const replays = replaysWith(status === 202 ? sampleReplay() : sampleDoneReplay());
    const deps = { authorize: async () => result, operate: async () => operated, replays };
    const served = createApp(edgeFixture(deps).deps);
    const response = await served.request(...requestOf(operationId, ''));
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toContain(answer.type ?? 'application/json');
    if (answer.schema !== undefined)
      expect(answer.schema.safeParse(await response.json()).error).toBeUndefined();
  });

  const problems = OPERATIONS.flatMap(({ operationId, problems: names }) =>
    names.filter((name) => CASES[name].socketOnly === undefined).map((name) => ({ operationId, name })),
  );
  it.each(problems)('$operationId: $name', async ({ operationId, name }) => {
    const { deps = {}, init: change = (init) => init, path: id = '' } = CASES[name];
    const [path, init] = requestOf(operationId, id);
    const isQueryError = operationId.startsWith('list') && name === 'invalid-request';
    const response = await createApp(edgeFixture(deps).deps).request(
      isQueryError ? `${path}${path.includes('?') ? '&' : '?'}limit=0` : path,
      isQueryError ? init : change(init),
    );
    const problem: unknown = await response.json();
    expect(problem).toMatchObject({ type: `/problems/${name}`, status: PROBLEMS[name].status });
    expect(problemSchema.safeParse(problem).error).toBeUndefined();
  });

  it('documents every kind of problem somewhere, but those that no route is asked for', () => {
    const documented = new Set(OPERATIONS.flatMap(({ problems: names }) => names));
    const unrouted = new Set(['malformed-request', 'headers-too-large', 'method-not-allowed']);
    for (const name of Object.keys(PROBLEMS) as ProblemName[]) {
      expect([name, documented.has(name)]).toEqual([name, !unrouted.has(name)]);
    }
  });
});

describe('/docs', () => {
  it('works offline: every reference leads to this server, and there is a policy that says so', async () => {
    const response = await app.request('/docs');
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    const page = await response.text();
    expect(page).not.toMatch(/https?:\/\//);
    const references = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
    expect(references.length).toBeGreaterThan(2);
    for (const reference of references.filter((target) => !target.startsWith('data:'))) {
      const asset = await app.request(reference);
      expect([reference, asset.status]).toEqual([reference, 200]);
      expect((await asset.arrayBuffer()).byteLength).toBeGreaterThan(50);
    }
    expect(await (await app.request('/docs/start.js')).text()).toContain("'/openapi.json'");
  });
});
