import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/guards/system-clock.ts';
import { type PostgresServer, startPostgres } from '../stores/postgres/postgres-server.ts';
import { eventually } from '../support/eventually.ts';
import { paymentBody, priorityRules, providersYaml } from '../support/gateway-files.ts';
import { type Answer, authorizationIn, startGateway, type TestGateway } from '../support/start-gateway.ts';
import { findingsIn } from './findings-in.ts';
import { problemIn } from './problem-in.ts';

/** Captures, voids, refunds, reports, what people ask for and reads over a database that accepts and does not answer. */

/** How long a capture, void or refund waits for the journal before anything is sent, and until its answer at the latest. */
const INTENDED_WITHIN_MS = 4_000;
const ANSWERED_WITHIN_MS = 8_500;
/** How long a read waits. */
const READ_WITHIN_MS = 5_000;
/** How long what a person asks for waits: an override or a replay, the check or release of rules. */
const COMMAND_WITHIN_MS = 5_000;
const RELEASE_WITHIN_MS = 10_000;
/** Of a busy machine. */
const GRACE_MS = 500;

const KINDS = ['capture', 'void', 'refund'] as const;
type Kind = (typeof KINDS)[number];

let server: PostgresServer;
let url: string;
let gateway: TestGateway;

beforeAll(async () => {
  server = await startPostgres();
  url = await server.emptyDatabase();
  gateway = await startGateway({
    providers: providersYaml([{ id: 'sandbox-a' }]),
    rules: priorityRules(['sandbox-a']),
    env: { DATABASE_URL: url },
  });
});
afterAll(async () => {
  await gateway.stop();
  expect(await findingsIn(url)).toEqual([]);
  await gateway[Symbol.asyncDispose]();
  await server.stop();
});

/** Authorizes what is then to be captured, voided or refunded. @returns its id */
async function authorized(kind: Kind, reference: string): Promise<string> {
  const { id } = authorizationIn(await gateway.authorize(paymentBody(reference), `key-${reference}`));
  if (kind === 'refund') expect((await operate('capture', id, 'before')).answer.status).toBe(201);
  return id;
}

interface Timed {
  readonly answer: Answer;
  readonly tookMs: number;
}

async function timed(call: Promise<Answer>): Promise<Timed> {
  const startedMs = performance.now();
  const answer = await call;
  return { answer, tookMs: performance.now() - startedMs };
}

function operate(kind: Kind, id: string, key: string): Promise<Timed> {
  const headers = { 'idempotency-key': key };
  const body = kind === 'void' ? {} : { amount: { value: 1_000, currency: 'EUR' } };
  return timed(gateway.call('POST', `/v1/authorizations/${id}/${kind}s`, { body, headers }));
}

/** What the provider carried out of a payment after it was authorized. */
async function carriedOut(kind: Kind, reference: string): Promise<number> {
  const [entry] = await gateway.sandbox.entriesOf(reference);
  return entry?.operations.filter(({ operation }) => operation === kind).length ?? 0;
}

const statusIn = ({ json }: Answer) => (json as { readonly status?: string } | null)?.status;

/** What the key gives in the end. */
function endOf(kind: Kind, id: string, key: string): Promise<string | undefined> {
  return eventually(
    `the key of the ${kind} gives an end`,
    async () => {
      const { answer } = await operate(kind, id, key);
      return answer.status === 201 ? statusIn(answer) : null;
    },
    { withinMs: 60_000 },
  );
}

test('what meets a database that stands still is answered in time, and nothing is sent', async () => {
  const ids = Object.fromEntries(
    await Promise.all(KINDS.map(async (kind) => [kind, await authorized(kind, `frozen-${kind}`)] as const)),
  ) as Record<Kind, string>;
  const decided = await gateway.call('POST', '/v1/decisions', { body: paymentBody('decided') });
  const { id: decision, provider } = decided.json as { readonly id: string; readonly provider: string };
  const report = () =>
    gateway.call('POST', `/v1/decisions/${decision}/outcomes`, {
      body: { provider, attempt: 1, outcome: 'approved', latency_ms: 100 },
    });
  const paths = [
    `/v1/authorizations/${ids.void}`,
    `/v1/authorizations/${ids.void}/events`,
    '/v1/authorizations?merchant=acme-eu',
    `/v1/decisions/${decision}`,
    '/v1/decisions?merchant=acme-eu&reference=decided',
    '/v1/events/deliveries',
  ];
  // Connections that are open already are where calls hang; a new one is given up after two seconds.
  await Promise.all([...paths, ...paths].map((path) => gateway.get(path)));
  const sentBefore = await gateway.sandbox.requests();
  server.freeze();
  try {
    const [operations, reported, reads] = await Promise.all([
      Promise.all(KINDS.map((kind) => operate(kind, ids[kind], `key-frozen-${kind}`))),
      timed(report()),
      Promise.all(paths.map((path) => timed(gateway.get(path)))),
    ]);
    for (const { answer, tookMs } of operations) {
      const { detail, sent } = problemIn(answer, 503, 'journal-unavailable');
      expect(detail).toMatch(/could not be confirmed.*Repeat it with the same Idempotency-Key/);
      expect(sent).toBe(false);
      expect(answer.headers.get('retry-after')).toBe('1');
      expect(tookMs).toBeLessThan(INTENDED_WITHIN_MS + GRACE_MS);
    }
    problemIn(reported.answer, 503, 'journal-unavailable');
    expect(reported.tookMs).toBeLessThan(INTENDED_WITHIN_MS + GRACE_MS);
    for (const { answer, tookMs } of reads) {
      problemIn(answer, 503, 'journal-unavailable');
      expect(answer.headers.get('retry-after')).toBe('1');
      expect(tookMs).toBeLessThan(READ_WITHIN_MS + GRACE_MS);
    }
    expect(await gateway.sandbox.requests()).toEqual(sentBefore);
  } finally {
    server.thaw();
  }
  for (const kind of KINDS) {
    const end = await endOf(kind, ids[kind], `key-frozen-${kind}`);
    expect(['succeeded', 'failed']).toContain(end);
    expect(await carriedOut(kind, `frozen-${kind}`)).toBe(end === 'succeeded' ? 1 : 0);
  }
  expect(
    await eventually('the report is taken', async () => ((await report()).status === 200 ? true : null)),
  ).toBe(true);
  for (const path of paths) expect((await gateway.get(path)).status).toBe(200);
}, 120_000);

test('what people ask for while the database stands still is answered in time, and can be repeated as it was', async () => {
  const { attempts } = authorizationIn(await gateway.authorize(paymentBody('asked'), 'key-asked'));
  const resolving = `/v1/attempts/${attempts[0]?.id}/resolutions`;
  const word = { resolution: 'not_processed', evidence: 'support case 4711' };
  const why = { expected_active: 1, reason: 'ticket 1' };
  const asked: readonly (readonly [method: string, path: string, body: object, withinMs: number])[] = [
    ['PUT', '/v1/providers/sandbox-a/override', { mode: 'auto', reason: 'ticket 1' }, COMMAND_WITHIN_MS],
    ['POST', '/v1/rulesets/replay', { version: 1 }, COMMAND_WITHIN_MS],
    ['POST', '/v1/rulesets/1/activate', why, RELEASE_WITHIN_MS],
    ['POST', '/v1/rulesets/rollback', why, RELEASE_WITHIN_MS],
    ['POST', resolving, word, INTENDED_WITHIN_MS],
  ];
  const ask = () =>
    Promise.all(asked.map(([method, path, body]) => timed(gateway.call(method, path, { body }))));
  server.freeze();
  try {
    for (const [index, { answer, tookMs }] of (await ask()).entries()) {
      problemIn(answer, 503, 'journal-unavailable');
      expect(answer.headers.get('retry-after')).toBe('1');
      expect(tookMs).toBeLessThan((asked[index]?.[3] ?? 0) + GRACE_MS);
    }
  } finally {
    server.thaw();
  }
  // Nothing was in force before the first ruleset, and the outcome of the attempt is known.
  const ends = await eventually('the journal answers', async () => {
    const statuses = (await ask()).map(({ answer }) => answer.status);
    return statuses.includes(503) ? null : statuses;
  });
  expect(ends).toEqual([200, expect.any(Number), 200, 409, 409]);
  expect([200, 202]).toContain(ends[1]);
}, 120_000);

/** Whether commits wait for a copy that is not there: they can be read by nobody, and land when it is no longer waited for. */
async function letCopyBeAway(isAway: boolean): Promise<void> {
  await server.query(
    url,
    isAway
      ? "ALTER SYSTEM SET synchronous_standby_names = 'nobody'"
      : 'ALTER SYSTEM RESET synchronous_standby_names',
  );
  await server.query(url, 'SELECT pg_reload_conf()');
  // Until each of its processes has read it.
  await new Promise<void>((resolve) => {
    systemClock.after(300, resolve);
  });
}

test('what is intended in a database that does not confirm it is told as not sent in time, and ended once it lands', async () => {
  const ids = await Promise.all(KINDS.map((kind) => authorized(kind, `late-${kind}`)));
  const sentBefore = await gateway.sandbox.requests();
  await letCopyBeAway(true);
  try {
    const asked = await Promise.all(
      KINDS.map((kind, index) => operate(kind, ids[index] ?? '', `key-late-${kind}`)),
    );
    for (const { answer, tookMs } of asked) {
      expect(problemIn(answer, 503, 'journal-unavailable').sent).toBe(false);
      expect(tookMs).toBeLessThan(INTENDED_WITHIN_MS + GRACE_MS);
    }
  } finally {
    await letCopyBeAway(false);
  }
  for (const [index, kind] of KINDS.entries()) {
    expect(await endOf(kind, ids[index] ?? '', `key-late-${kind}`)).toBe('failed');
    expect(await carriedOut(kind, `late-${kind}`)).toBe(0);
  }
  expect(await gateway.sandbox.requests()).toEqual(sentBefore);
}, 120_000);

test.each(KINDS)(
  'a %s that is at its provider when the database stands still is pending in time, and is done once',
  async (kind) => {
    const reference = `sent-${kind}`;
    const id = await authorized(kind, reference);
    await gateway.sandbox.addFault({
      provider: 'sandbox-a',
      kind: 'late',
      operation: kind,
      delay_ms: 600,
      times: 1,
    });
    const before = (await gateway.sandbox.requests())['sandbox-a'] ?? 0;
    const asking = operate(kind, id, `key-${reference}`);
    await eventually('it is at the provider', async () =>
      (await gateway.sandbox.requests())['sandbox-a'] === before + 1 ? true : null,
    );
    server.freeze();
    try {
      const { answer, tookMs } = await asking;
      expect([answer.status, statusIn(answer)]).toEqual([202, 'pending']);
      expect(tookMs).toBeLessThan(ANSWERED_WITHIN_MS + GRACE_MS);
    } finally {
      server.thaw();
    }
    expect(await endOf(kind, id, `key-${reference}`)).toBe('succeeded');
    expect(await carriedOut(kind, reference)).toBe(1);
  },
  120_000,
);
