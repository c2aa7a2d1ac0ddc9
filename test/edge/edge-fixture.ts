import { connect } from 'node:net';
import type { Authorization } from '../../src/core/authorization.ts';
import type { Operation } from '../../src/core/operation.ts';
import { settled } from '../../src/core/settlement.ts';
import { createApp } from '../../src/edge/app.ts';
import { renderDecision } from '../../src/edge/decision-answer.ts';
import type { Caller, EdgeDeps, ProviderSnapshot } from '../../src/edge/edge-deps.ts';
import { renderOperation } from '../../src/edge/operation-answer.ts';
import { type EdgeServer, type ServerSettings, startServer } from '../../src/edge/server.ts';
import type { DecideCommand, DecideResult } from '../../src/gateway/decide-for-caller.ts';
import type { OperateCommand, OperateResult } from '../../src/gateway/operate.ts';
import type {
  ActiveRuleset,
  Clock,
  Delivery,
  KeptDecision,
  ListedRuleset,
  PastEvent,
  ProviderOverride,
} from '../../src/gateway/ports.ts';
import type { Replay } from '../../src/gateway/replays.ts';
import type { ReportCommand, ReportResult } from '../../src/gateway/report-outcome.ts';
import type { ResolveCommand, ResolveResult } from '../../src/gateway/resolve-by-person.ts';
import type {
  ResolveOperationCommand,
  ResolveOperationResult,
} from '../../src/gateway/resolve-operation-by-person.ts';
import type { AuthorizeCommand, AuthorizeResult } from '../../src/gateway/road-results.ts';
import type { ReleaseCommand, ReleaseResult } from '../../src/gateway/ruleset-release.ts';
import { systemClock } from '../../src/guards/system-clock.ts';
import { systemRandomness } from '../../src/guards/system-randomness.ts';
import { sampleDecision, sampleOffer, TAKEN_APPROVAL } from '../support/sample-decision.ts';
import { emptyResults, SAMPLE_NOW, sampleExperiment } from '../support/sample-experiment.ts';
import { sampleDoneReplay } from '../support/sample-replay.ts';
import { sampleRequest } from '../support/sample-request.ts';

const KEYS: Readonly<Record<string, Caller>> = {
  'key-all': { account: 'acme', merchants: 'all', scopes: new Set(['authorize', 'read', 'ops', 'rules']) },
  'key-eu': {
    account: 'acme',
    merchants: new Set(['acme-eu']),
    scopes: new Set(['authorize', 'read', 'ops']),
  },
  'key-read': { account: 'acme', merchants: 'all', scopes: new Set(['read']) },
  'key-other': { account: 'other', merchants: 'all', scopes: new Set(['authorize', 'read', 'ops']) },
};

export const BODY = {
  reference: 'order-7781',
  merchant: 'acme-eu',
  amount: { value: 4999, currency: 'EUR' },
  card: {
    bin: '45717360',
    last4: '0007',
    expiry_month: 9,
    expiry_year: 2029,
    tokens: { 'sandbox-a': 'tok_visa', stripe: 'pm_1' },
    id: 'card-77',
    account_reference: 'V0010013022298169667504231315',
    brand: 'visa',
    network_token: false,
  },
  initiator: 'customer',
  shopper: { country: 'DE', id: 'cust-9' },
  capture: 'manual',
  three_ds: {
    eci: '05',
    cavv: 'AAABBEg0VhI0VniQEjRWAAAAAAA=',
    ds_transaction_id: 'f25084f0-5b16-4c0a-ae5d-b24808a95e4b',
    version: '2.2.0',
    exemption: null,
  },
  stored_credential: { usage: 'first', reason: 'unscheduled' },
  network_transaction: null,
  accept_partial: false,
  deadline_ms: 8000,
  metadata: { channel: 'web' },
};

/** A gateway with an experiment that nobody has met. */
const ONE_EXPERIMENT: EdgeDeps['experiments'] = {
  current: () => ({ holdout: null, list: [sampleExperiment()], notes: [] }),
  stateOf: () => null,
  inForce: () => null,
  isRecorded: async () => false,
  results: async (id) => (id === 'checkout' ? emptyResults(sampleExperiment()) : null),
  setArm: async (command) =>
    command.experiment === 'checkout'
      ? { kind: 'set', state: { ...command, createdAtMs: SAMPLE_NOW } }
      : { kind: 'not_found' },
};

/** Ruleset 11 is in force again, after 12 was. */
export const ACTIVE_RULESET: ActiveRuleset = {
  sequence: 14,
  version: 11,
  contentHash: 'ab'.repeat(32),
  cause: 'rollback',
  author: 'acme',
  reason: 'ticket 4714',
  atMs: Date.UTC(2026, 10, 23, 15),
  untilMs: null,
  previous: 10,
  replaced: 12,
  leftByPersons: [{ version: 11, contentHash: 'cd'.repeat(32), sequence: 3 }],
};

export const LISTED_RULESET: ListedRuleset = {
  version: 12,
  contentHash: 'cd'.repeat(32),
  registeredAtMs: Date.UTC(2026, 10, 23, 14),
  active: false,
  last: {
    sequence: 13,
    version: 12,
    contentHash: 'cd'.repeat(32),
    cause: 'folder',
    author: 'folder',
    reason: 'the folder holds it',
    atMs: Date.UTC(2026, 10, 23, 14, 0, 1),
    untilMs: ACTIVE_RULESET.atMs,
  },
};

/** A gateway with one replay, which is what becomes of every other. */
export function replaysWith(replay: Replay): EdgeDeps['replays'] {
  const found = (id: string, account: string) =>
    id === replay.id && account === replay.account ? replay : null;
  return {
    start: async () => ({ kind: 'started', replay }),
    find: found,
    settled: async (id, account) => found(id, account),
  };
}

const SOME_RULESETS: EdgeDeps['rulesets'] = {
  list: async () => ({ data: [LISTED_RULESET], nextCursor: null }),
  activations: async () => ({ data: [ACTIVE_RULESET], nextCursor: null }),
  find: async (version) =>
    version === LISTED_RULESET.version
      ? {
          ...LISTED_RULESET,
          files: { 'rules.yaml': 'rules: []' },
          against: {
            active: 11,
            changes: {
              files: ['rules.yaml'],
              rules: [{ name: 'all', change: 'removed' }],
              providers: [],
              experiments: [],
            },
          },
        }
      : null,
  check: async () => ({ kind: 'checked', valid: true, errors: [], notes: [] }),
  release: async () => ({ kind: 'active', active: ACTIVE_RULESET, changed: true }),
};

/** An event that its endpoint did not take. */
export const DELIVERY: Delivery = {
  id: 'evt_orders_bcdfghjkmnpqrstvwxyzB_3_1',
  endpoint: 'orders',
  type: 'authorization.resolved',
  authorizationId: 'auth_bcdfghjkmnpqrstvwxyzB',
  number: 3,
  atMs: Date.UTC(2026, 10, 24, 9),
  state: 'dead',
  dueAtMs: null,
  failures: 10,
  lastResult: '503',
  lastSentAtMs: Date.UTC(2026, 10, 27, 12, 35, 5),
};

export const PROVIDER: ProviderSnapshot = {
  id: 'sandbox-a',
  adapter: 'sandbox',
  live: false,
  enabled: true,
  merchants: ['acme-eu', 'acme-us'],
  health: { processed: 0.99, unknown: 0.001, samples: 412 },
  limits: { per_second: 100, concurrent: 50, in_flight: 3, headroom: 0.94 },
  lanes: [{ brand: 'visa', breaker: 'closed', since: null }],
  overrides: [],
};

export const AUTHORIZATION: Authorization = {
  id: 'auth_bcdfghjkmnpqrstvwxyzB',
  account: 'acme',
  status: 'approved',
  version: 3,
  open: false,
  live: false,
  request: sampleRequest({
    card: { ...sampleRequest().card, token: null, tokens: { 'sandbox-a': 'tok_visa' } },
  }),
  brand: 'visa',
  scaRegion: true,
  latePolicy: { reverseAfterMs: null },
  authorizedAmount: 4999,
  capturedAmount: 0,
  refundedAmount: 0,
  provider: 'sandbox-b',
  providerReference: 'psp_b',
  networkTransaction: { id: 'ntid', network: 'visa', date: '2026-11-23' },
  decline: null,
  attempts: [
    {
      id: 'att_b',
      number: 1,
      provider: 'sandbox-a',
      providerKey: 'att_b',
      preparedReference: null,
      outcome: { kind: 'not_sent', code: 'ECONNREFUSED' },
      propensity: 0.94,
      durationMs: 2.4,
      startedAtMs: Date.UTC(2026, 10, 23, 10),
      deadlineAtMs: Date.UTC(2026, 10, 23, 10, 0, 8),
    },
    {
      id: 'att_c',
      number: 2,
      provider: 'sandbox-b',
      providerKey: 'att_c',
      preparedReference: null,
      outcome: { kind: 'approved', providerReference: 'psp_b', networkTransaction: null },
      propensity: 0.7123456789,
      durationMs: 84.3,
      startedAtMs: Date.UTC(2026, 10, 23, 10),
      deadlineAtMs: Date.UTC(2026, 10, 23, 10, 0, 8),
    },
  ],
  operations: [],
  captureClosed: false,
  expiresAtMs: null,
  answered: true,
  routing: {
    ruleset: 12,
    rule: 'eu-debit',
    strategy: 'score',
    experiment: null,
    propensity: 0.94,
    candidates: [
      {
        provider: 'sandbox-a',
        eligible: true,
        rank: 1,
        score: 0.913,
        approval: { mean: 0.921, low: 0.9, high: 0.94, level: 'bin', n: 412 },
        health: 0.99,
        breaker: 'closed',
        limitHeadroom: 0.8,
        costBasisPoints: 32,
        reason: null,
      },
    ],
    notes: [],
  },
  traceId: '0af7651916cd43dd8448eb211c80319c',
  createdAtMs: Date.UTC(2026, 10, 23, 10),
};

/** The first event of {@link AUTHORIZATION}. */
export const OPENED: PastEvent = {
  sequence: 1,
  atMs: AUTHORIZATION.createdAtMs,
  actor: 'gateway',
  kind: 'opened',
  data: { traceId: AUTHORIZATION.traceId, routing: AUTHORIZATION.routing, request: AUTHORIZATION.request },
  status: { from: null, to: 'pending' },
  attempts: AUTHORIZATION.attempts.slice(0, 1),
  operations: [],
  hash: 'ab'.repeat(32),
};

/** A capture of all of {@link AUTHORIZATION}, done. */
export const CAPTURE: Operation = {
  id: 'cap_bcdfghjkmnpqrstvwxyzB_1',
  number: 1,
  kind: 'capture',
  purpose: 'requested',
  attemptNumber: 2,
  target: null,
  amount: 4999,
  final: false,
  status: 'succeeded',
  code: null,
  providerKey: 'att_c_c1',
  providerReference: 'psp_cap',
  createdAtMs: Date.UTC(2026, 10, 24, 9),
  settledAtMs: Date.UTC(2026, 10, 24, 9, 0, 1),
};

/** {@link AUTHORIZATION} with these operations, and what they add up to. */
export function withOperations(...operations: readonly Partial<Operation>[]): Authorization {
  return settled({
    ...AUTHORIZATION,
    operations: operations.map((operation, index) => ({ ...CAPTURE, number: index + 1, ...operation })),
  });
}

/** What the edge told the rest, and what the rest answers. */
export interface EdgeFixture {
  readonly deps: EdgeDeps;
  readonly commands: AuthorizeCommand[];
  readonly decisions: DecideCommand[];
  readonly reports: ReportCommand[];
  readonly operations: OperateCommand[];
  readonly resolutions: ResolveCommand[];
  readonly operationResolutions: ResolveOperationCommand[];
  readonly overrides: ProviderOverride[];
  readonly releases: { readonly command: ReleaseCommand; readonly result: ReleaseResult }[];
  readonly resolutionsGiven: Parameters<EdgeDeps['resolutionGiven']>[0][];
  readonly replays: { readonly delivery: Delivery; readonly account: string; readonly traceId: string }[];
  readonly faults: { readonly traceId: string; readonly route: string; readonly error: unknown }[];
  /** Everything handed to log and metrics sinks. */
  readonly told: unknown[];
  /** Who was turned away for a key. */
  readonly turnedAway: Parameters<NonNullable<EdgeDeps['accessRefused']>>[0][];
  draining: boolean;
  ready: boolean;
  answer: (command: AuthorizeCommand) => Promise<AuthorizeResult>;
  decided: (command: DecideCommand) => Promise<DecideResult>;
  reported: (command: ReportCommand) => Promise<ReportResult>;
  operated: (command: OperateCommand) => Promise<OperateResult>;
  resolved: (command: ResolveCommand) => Promise<ResolveResult>;
  operationResolved: (command: ResolveOperationCommand) => Promise<ResolveOperationResult>;
}

export const ANSWERED: AuthorizeResult = {
  kind: 'answered',
  httpStatus: 201,
  body: '{"id":"auth_b"}',
  replayed: false,
  authorizationId: 'auth_b',
};

export const DECIDED: Extract<DecideResult, { readonly kind: 'answered' }> = {
  kind: 'answered',
  ...renderDecision(sampleDecision({ id: 'dec_bcdfghjkmnpqrstvwxyzB' }), {
    live: false,
    ranking: ['sandbox-a', 'sandbox-b'],
    routing: AUTHORIZATION.routing,
    decline: null,
  }),
  replayed: false,
};

/** {@link DECIDED} with a failover and an approval reported. */
export const KEPT_DECISION: KeptDecision = {
  decision: sampleDecision({
    id: 'dec_bcdfghjkmnpqrstvwxyzB',
    attempts: [
      sampleOffer(1, {
        reports: [
          { ...TAKEN_APPROVAL, outcome: 'rejected', answer: { next: 'sandbox-b', reason: 'rejected' } },
        ],
      }),
      sampleOffer(2, { reports: [TAKEN_APPROVAL], routing: AUTHORIZATION.routing }),
    ],
  }),
  answer: { httpStatus: DECIDED.httpStatus, body: DECIDED.body },
};

export const OPERATED: Extract<OperateResult, { readonly kind: 'answered' }> = {
  kind: 'answered',
  ...renderOperation(withOperations(CAPTURE), CAPTURE),
  replayed: false,
  authorizationId: AUTHORIZATION.id,
};

/** What the road says where a test does not say otherwise. */
const TOLD_BY_THE_ROAD = {
  answer: async () => ANSWERED,
  decided: async () => DECIDED,
  reported: async () => ({ kind: 'taken', step: { next: 'stop', reason: 'approved', attempt: null } }),
  operated: async () => OPERATED,
  resolved: async () => ({ kind: 'resolved', authorization: AUTHORIZATION }),
  operationResolved: async () => ({ kind: 'resolved', authorization: AUTHORIZATION }),
} satisfies Partial<EdgeFixture>;

/** What an edge looks up. */
const LOOKED_UP = {
  journal: {
    findAuthorization: async (id) => (id === AUTHORIZATION.id ? AUTHORIZATION : null),
    listAuthorizations: async () => ({ data: [AUTHORIZATION], nextCursor: null }),
    historyPage: async () => ({ data: [OPENED], nextAfter: null }),
    readDecision: async (id) => (id === KEPT_DECISION.decision.id ? KEPT_DECISION : null),
    listDecisions: async () => ({ data: [KEPT_DECISION], nextCursor: null }),
  },
  deliveries: {
    listDeliveries: async () => ({ data: [DELIVERY], nextCursor: null }),
    replayDelivery: async (id) => (id === DELIVERY.id ? { ...DELIVERY, state: 'waiting' } : null),
  },
  eventEndpoints: () => [{ id: 'orders', account: 'acme', types: 'all', state: 'told' }],
  findCaller: (key) => KEYS[key] ?? null,
  providers: () => [PROVIDER],
  experiments: ONE_EXPERIMENT,
  rulesets: SOME_RULESETS,
  replays: replaysWith(sampleDoneReplay()),
  metrics: async () => ({ contentType: 'text/plain; version=0.0.4', body: 'pointsman_build_info 1\n' }),
  version: '0.1.0',
} satisfies Partial<EdgeDeps>;

/** An edge whose road is `fixture.answer`. */
export function edgeFixture(overrides: Partial<EdgeDeps> = {}, clock: Clock = systemClock): EdgeFixture {
  const fixture: EdgeFixture = {
    commands: [],
    decisions: [],
    reports: [],
    operations: [],
    resolutions: [],
    operationResolutions: [],
    overrides: [],
    releases: [],
    resolutionsGiven: [],
    replays: [],
    faults: [],
    told: [],
    turnedAway: [],
    draining: false,
    ready: true,
    ...TOLD_BY_THE_ROAD,
    deps: {
      authorize: (command) => {
        fixture.commands.push(command);
        return fixture.answer(command);
      },
      decide: (command) => {
        fixture.decisions.push(command);
        return fixture.decided(command);
      },
      report: (command) => {
        fixture.reports.push(command);
        return fixture.reported(command);
      },
      operate: (command) => {
        fixture.operations.push(command);
        return fixture.operated(command);
      },
      resolve: (command) => {
        fixture.resolutions.push(command);
        return fixture.resolved(command);
      },
      resolveOperation: (command) => {
        fixture.operationResolutions.push(command);
        return fixture.operationResolved(command);
      },
      takeNotices: async () => ({ kind: 'kept', isNew: true }),
      ...LOOKED_UP,
      resolutionGiven: (given) => fixture.resolutionsGiven.push(given),
      deliveryReplayed: (replay) => fixture.replays.push(replay),
      rulesetReleased: ({ command, result }) => fixture.releases.push({ command, result }),
      setOverride: async (override) => {
        fixture.overrides.push(override);
      },
      readiness: async () => ({
        ready: fixture.ready,
        detail: { journal: fixture.ready ? 'ok' : 'failing' },
      }),
      clock,
      randomness: systemRandomness(() => clock.wallMs()),
      draining: () => fixture.draining,
      reportFault: (fault) => {
        fixture.faults.push(fault);
        fixture.told.push(fault);
      },
      requestEnded: (event) => fixture.told.push(event),
      accessRefused: (refused) => fixture.turnedAway.push(refused),
      ...overrides,
    },
  };
  return fixture;
}

const SETTINGS: ServerSettings = {
  host: '127.0.0.1',
  port: 0,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 20_000,
  keepAliveTimeoutMs: 5_000,
  checkIntervalMs: 1_000,
};

/** A server on a free port. */
export async function startEdge(
  fixture: EdgeFixture,
  settings: Partial<ServerSettings> = {},
): Promise<EdgeServer & { readonly origin: string }> {
  const { clock, randomness, reportFault } = fixture.deps;
  const { fetch } = createApp(fixture.deps);
  const server = await startServer({ fetch, clock, randomness, reportFault }, { ...SETTINGS, ...settings });
  return { ...server, origin: `http://127.0.0.1:${server.port}` };
}

/** Headers and body of a request that is as it should be. */
export function post(
  body: unknown = BODY,
  headers: Readonly<Record<string, string | undefined>> = {},
): RequestInit {
  const all = {
    authorization: 'Bearer key-all',
    'content-type': 'application/json',
    'idempotency-key': 'order-7781-1',
    ...headers,
  };
  const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    method: 'POST',
    headers: Object.fromEntries(given),
    body: typeof body === 'string' ? body : JSON.stringify(body),
  };
}

/** Sends bytes as they are and returns everything that comes back until the connection ends. */
export function raw(port: number, bytes: string, options: { readonly end?: boolean } = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      answer += text;
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
    });
    if (options.end) socket.end(bytes);
    else socket.write(bytes);
  });
}
