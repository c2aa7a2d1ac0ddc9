import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Authorization } from '../../../src/core/authorization.ts';
import type { CallerDecision } from '../../../src/core/caller-decision.ts';
import type {
  DecisionOpening,
  DecisionStep,
  Opening,
  SchemeCheck,
  Step,
} from '../../../src/gateway/ports.ts';
import { systemClock } from '../../../src/guards/system-clock.ts';
import { advanceDecisionCommand, openDecisionCommand } from '../../../src/stores/decision-commands.ts';
import { eventHash } from '../../../src/stores/event-hash.ts';
import { openPostgresJournal } from '../../../src/stores/postgres/postgres-journal.ts';
import { writeText } from '../../../src/stores/postgres/postgres-writes.ts';
import { WRITE_LOCKS, type WriteCommands, type WriteName } from '../../../src/stores/postgres/write-locks.ts';
import { inWaves, repliesOf } from '../../../src/stores/postgres/write-waves.ts';
import { advanceCommand, openCommand } from '../../../src/stores/write-commands.ts';
import {
  concluded,
  OUTCOMES,
  opened,
  sampleBegin,
  sampleConclusion,
  sampleEnd,
  sampleFailOver,
  sampleFinding,
  sampleOpening,
  samplePrepared,
  sampleScope,
  sampleStep,
  T0,
  written,
} from '../../contracts/journal-fixtures.ts';
import { sampleDecisionOpening, sampleDecisionStep, sampleOffer } from '../../support/sample-decision.ts';
import { type PostgresServer, startPostgres } from './postgres-server.ts';

// A batch is written as sets. The version before wrote it command by command, and runs beside this one while it is replaced:
// both answer and write the same, and each goes on with what the other has written.

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

interface Sent {
  readonly name: WriteName;
  readonly text: string;
  readonly locks: readonly bigint[];
}

const sent = <K extends WriteName>(name: K, command: WriteCommands[K]): Sent => ({
  name,
  text: writeText(name, command),
  locks: WRITE_LOCKS[name](command),
});
const open = (opening: Opening) => sent('open', openCommand(opening));
const advance = (step: Step) => sent('advance', advanceCommand(step));
const openDecision = (opening: DecisionOpening) => sent('openDecision', openDecisionCommand(opening));
const advanceDecision = (step: DecisionStep) => sent('advanceDecision', advanceDecisionCommand(step));

async function replies(url: string, sql: string, values: readonly unknown[]): Promise<unknown> {
  const [row] = await server.query(url, sql, values);
  return row?.['replies'];
}

/** As the version before sends it. */
async function byCommand(url: string, batch: readonly Sent[]): Promise<unknown> {
  const commands = `[${batch.map(({ name, text }) => `{"name":"${name}","command":${text}}`).join()}]`;
  return replies(url, 'SELECT journal_write_v1($1::bigint[], $2::jsonb) AS replies', [[], commands]);
}

async function bySets(url: string, batch: readonly Sent[]): Promise<unknown> {
  const { waves, places } = inWaves(batch);
  const sql = 'SELECT journal_write_v2($1::bigint[], $2::jsonb) AS replies';
  return repliesOf(places, await replies(url, sql, [[], waves]));
}

/** All that is written, in the order of the commands' own names: numbers are drawn in any order. */
const CONTENT = {
  authorizations: `SELECT to_jsonb(t) - 'sequence' AS row FROM authorizations AS t ORDER BY id`,
  ...Object.fromEntries(
    ['attempts', 'operations', 'work', 'claims', 'events', 'exposures'].map((table) => [
      table,
      `SELECT a.id, to_jsonb(t) - 'sequence' - 'authorization' AS row FROM ${table} AS t
       JOIN authorizations AS a ON a.sequence = t."authorization" ORDER BY 1, 2`,
    ]),
  ),
  decisions: `SELECT to_jsonb(t) - 'sequence' AS row FROM decisions AS t ORDER BY id`,
  ...Object.fromEntries(
    ['decision_attempts', 'decision_exposures'].map((table) => [
      table,
      `SELECT d.id, to_jsonb(t) - 'decision' AS row FROM ${table} AS t
       JOIN decisions AS d ON d.sequence = t.decision ORDER BY 1, 2`,
    ]),
  ),
};

async function content(url: string): Promise<Record<string, readonly unknown[]>> {
  const tables = Object.entries(CONTENT).map(async ([table, sql]) => [table, await server.query(url, sql)]);
  return Object.fromEntries(await Promise.all(tables));
}

const PLAN = 'a plan';
const ONE_ATTEMPT: SchemeCheck = {
  cardKey: 'card-one',
  limits: [
    { name: 'none_of_this_amount', windowMs: 60_000, max: 5, sameAmount: true },
    { name: 'one_an_hour', windowMs: 3_600_000, max: 1, sameAmount: false },
  ],
  nowMs: T0 + 50,
};
const STOPPED = { stop: { reason: 'one_an_hour', retryAtMs: T0 + 3_600_000 } };
const KEY = sampleScope('dec_one', { operation: 'decide', key: 'k' });
const CAPTURE = {
  scope: sampleScope('auth_one', { operation: 'capture auth_one' }),
  bodyFingerprint: 'f',
};
const WORK = { step: 1, failures: 0, dueAtMs: T0 + 5_000, lease: { owner: 'pod-1', untilMs: T0 + 9_000 } };

const madeBy = ({ after: then, before }: Step): Authorization => ({ ...then, version: before.version + 1 });
const afterReport = ({ after: then, before }: DecisionStep): CallerDecision => ({
  ...then,
  version: before.version + 1,
});

function openings() {
  const named = (id: string, over: Parameters<typeof sampleOpening>[1] = {}) => sampleOpening(id, over);
  return {
    one: named('auth_one'),
    two: named('auth_two'),
    three: named('auth_three'),
    card: named('auth_card', { scheme: ONE_ATTEMPT }),
    unknown: named('auth_unknown'),
    decision: sampleDecisionOpening({}, { claim: KEY }),
    other: sampleDecisionOpening({ id: 'dec_two' }),
  };
}

type Openings = ReturnType<typeof openings>;

/** Steps that go on from those openings, each on what the one before has made. */
function steps(begin: Openings) {
  const concludeOne = sampleConclusion(begin.one.authorization);
  const failOver = sampleFailOver(begin.two.authorization);
  const notKnown = sampleConclusion(begin.unknown.authorization, OUTCOMES.unknown, { work: WORK });
  const capture = sampleBegin(madeBy(concludeOne), { amount: 100 }, { claim: CAPTURE, work: WORK });
  return {
    concludeOne,
    failOver,
    prepare: samplePrepared(begin.three.authorization, 'prepared_3'),
    notKnown,
    report: sampleDecisionStep(begin.other.decision, OUTCOMES.rejected, sampleOffer(2)),
    capture,
    captured: sampleEnd(madeBy(capture), 1, {}, { work: { ...WORK, step: 2, lease: 'keep' } }),
    two: madeBy(failOver),
    unknown: madeBy(notKnown),
  };
}

type Steps = ReturnType<typeof steps>;

/** A command, and the reply that is expected of it. */
type Expected = readonly [Sent, unknown];

const claimOf = (opening: Opening, answer: object) => ({
  claim: {
    authorization_id: opening.authorization.id,
    operation_number: 0,
    body_fingerprint: 'cd'.repeat(32),
    ...answer,
  },
});
const UNANSWERED = { open: 1, answer_status: null, answer_body: null };

/** What is opened beside what stands there, and what that refuses. */
function openingsBeside(begin: Openings, { concludeOne }: Steps): readonly Expected[] {
  const answered = { open: 0, answer_status: 201, answer_body: concludeOne.frozen?.body };
  const pair = sampleOpening('auth_pair');
  return [
    [open(sampleOpening('auth_four')), null],
    [open(sampleOpening('auth_a', { key: 'key-auth_one' })), claimOf(begin.one, answered)],
    [
      open(sampleOpening('auth_b', { key: 'key-auth_two', request: { reference: 'other' } })),
      claimOf(begin.two, UNANSWERED),
    ],
    [
      open(sampleOpening('auth_c', { request: { reference: 'order-auth_one' } })),
      { paymentLive: 'auth_one' },
    ],
    [
      open(sampleOpening('auth_d', { account: 'other', request: { reference: 'order-auth_one' } })),
      { paymentLive: null },
    ],
    [open(sampleOpening('auth_e', { scheme: ONE_ATTEMPT })), STOPPED],
    // Of two about the same in one batch the second sees the first.
    [open(pair), null],
    [
      open(sampleOpening('auth_f', { key: 'key-auth_pair', request: { reference: 'f' } })),
      claimOf(pair, UNANSWERED),
    ],
    [
      open(sampleOpening('auth_g', { request: { reference: 'order-auth_pair' } })),
      { paymentLive: 'auth_pair' },
    ],
  ];
}

/** Steps on what stands there, and what was overtaken or used up. */
function stepsBeside({ concludeOne, capture, captured, two, unknown }: Steps): readonly Expected[] {
  const taken = { provider: 'sandbox-a', reference: 'psp_a', attemptId: 'att_unknown_1' };
  return [
    [advance(concludeOne), null],
    [advance(capture), 3],
    [advance(sampleConclusion(sampleOpening('auth_none').authorization)), null],
    // The one after it, in the same batch: the change that it is made on, and the key that it has used.
    [advance(captured), 4],
    [
      advance(sampleBegin(madeBy(captured), { amount: 200 }, { claim: CAPTURE })),
      {
        claim: {
          authorization_id: 'auth_one',
          operation_number: 1,
          body_fingerprint: 'f',
          open: 0,
          answer_status: null,
          answer_body: null,
        },
      },
    ],
    [advance(sampleFailOver(two, OUTCOMES.notSent, { scheme: ONE_ATTEMPT })), STOPPED],
    [
      advance(sampleFinding(unknown, 1, OUTCOMES.approved, { work: null, exclusive: taken })),
      { taken: true },
    ],
  ];
}

function decisionsBeside(begin: Openings, { report }: Steps): readonly Expected[] {
  return [
    [
      openDecision(sampleDecisionOpening({ id: 'dec_a' }, { claim: KEY })),
      {
        claim: {
          id: 'dec_one',
          body_fingerprint: 'cd'.repeat(32),
          answer_status: 201,
          answer_body: begin.decision.answer.body,
        },
      },
    ],
    [openDecision(sampleDecisionOpening({ id: 'dec_b' }, { scheme: ONE_ATTEMPT })), STOPPED],
    [openDecision(sampleDecisionOpening({ id: 'dec_three' })), null],
    [advanceDecision(report), 'stale'],
    [
      advanceDecision(
        sampleDecisionStep(begin.decision.decision, OUTCOMES.rejected, sampleOffer(2), {
          scheme: ONE_ATTEMPT,
        }),
      ),
      STOPPED,
    ],
  ];
}

/** Batches of commands, each with the reply that is expected of it: every kind, written and in every conflict. */
function batches(): readonly (readonly Expected[])[] {
  const begin = openings();
  const then = steps(begin);
  const { two, unknown } = then;
  const free = { provider: 'sandbox-a', reference: 'psp_free', attemptId: 'att_unknown_1' };
  const found = sampleFinding(unknown, 1, OUTCOMES.declined, { work: null, exclusive: free });
  return [
    [
      [open(begin.one), null],
      [openDecision(begin.decision), null],
      [open(begin.two), null],
      [open(begin.three), null],
      [openDecision(begin.other), null],
      [open(begin.card), null],
      [open(begin.unknown), null],
    ],
    [
      [advance(then.concludeOne), 2],
      [advance(then.failOver), 2],
      [advanceDecision(then.report), 'written'],
      [advance(then.prepare), 2],
      [advance(then.notKnown), 2],
    ],
    [...openingsBeside(begin, then), ...stepsBeside(then), ...decisionsBeside(begin, then)],
    // What was refused has written nothing: the same goes on.
    [
      [advance(found), 3],
      [advance(sampleConclusion(madeBy(sampleFailOver(two)), null)), null],
      [advance(sampleFailOver(two)), 3],
      [advanceDecision(sampleDecisionStep(afterReport(then.report), OUTCOMES.approved)), 'written'],
    ],
  ];
}

describe('a batch', () => {
  test('with every kind of command, in every conflict, is answered and written as command by command', async () => {
    const [former, own] = [await server.database(), await server.database()];
    let count = 0;
    for (const [index, batch] of batches().entries()) {
      const commands = batch.map(([command]) => command);
      const expected = batch.map(([, reply]) => reply);
      expect(await byCommand(former, commands), `batch ${index}, command by command`).toEqual(expected);
      expect(await bySets(own, commands), `batch ${index}, as sets`).toEqual(expected);
      count += commands.length;
    }
    expect(count).toBeGreaterThan(30);
    const all = await content(own);
    expect(all).toEqual(await content(former));
    const { exposures: _, decision_exposures: __, ...filled } = all;
    for (const [table, rows] of Object.entries(filled)) expect(rows.length, table).toBeGreaterThan(0);
  });

  test('whose commands come in turn from this version and the one before goes on with what the other wrote', async () => {
    const url = await server.database();
    const expected = await server.database();
    const ways = [byCommand, bySets];
    for (const [index, batch] of batches().entries()) {
      const commands = batch.map(([command]) => command);
      const replied = await ways[index % 2]?.(url, commands);
      expect(replied, `batch ${index}`).toEqual(batch.map(([, reply]) => reply));
      await bySets(expected, commands);
    }
    expect(await content(url)).toEqual(await content(expected));
  });

  test('is written whole or not at all: what a guard refuses of one leaves nothing of the others', async () => {
    const url = await server.database();
    const begin = openings();
    await bySets(url, [open(begin.one)]);
    const decline = sampleConclusion(begin.one.authorization, OUTCOMES.declined);
    await bySets(url, [advance(decline)]);
    const before = await content(url);
    const declined = madeBy(decline);
    // Behind the product's back: core would never say so.
    const wrong = sampleStep(declined, { ...declined, status: 'captured', version: declined.version + 1 });
    const batch = [open(begin.two), advance(wrong), openDecision(begin.decision)];
    await expect(bySets(url, batch)).rejects.toThrow(/may not follow/);
    expect(await content(url)).toEqual(before);
  });

  test('has exposures of phases that are there, and of no others', async () => {
    const url = await server.database();
    await server.query(
      url,
      `INSERT INTO experiment_phases (experiment, plan, first_at_ms) VALUES ('x', '${PLAN}', 1), ('y', '${PLAN}', 1)`,
    );
    const exposed = (id: string, ...experiments: readonly string[]): Sent => {
      const command = openCommand(sampleOpening(id));
      const exposures = experiments.map((name) => [name, PLAN, 'a', `unit ${id}`, 0.5, null] as const);
      return sent('open', { ...command, exposures });
    };
    await bySets(url, [exposed('auth_one', 'x', 'y'), exposed('auth_two'), exposed('auth_three', 'y')]);
    const found = await server.query(
      url,
      `SELECT a.id, x.experiment, x.unit, x.phase FROM exposures AS x
       JOIN authorizations AS a ON a.sequence = x."authorization" ORDER BY 1, 2`,
    );
    expect(found).toEqual([
      { id: 'auth_one', experiment: 'x', unit: 'unit auth_one', phase: 1 },
      { id: 'auth_one', experiment: 'y', unit: 'unit auth_one', phase: 2 },
      { id: 'auth_three', experiment: 'y', unit: 'unit auth_three', phase: 2 },
    ]);
    await expect(bySets(url, [exposed('auth_four', 'z')])).rejects.toThrow(/experiment z has no such phase/);
  });
});

describe('the version before, beside this one', () => {
  test('opens and advances what this one does, and the history of each holds', async () => {
    const url = await server.database();
    const journal = await openPostgresJournal({ url, migrate: 'off', poolSize: 4, clock: systemClock });
    const begin = openings();
    expect(await byCommand(url, [open(begin.one)])).toEqual([null]);
    const one = await written(journal, sampleConclusion(begin.one.authorization));
    expect(await byCommand(url, [advance(sampleBegin(one))])).toEqual([3]);
    const two = await opened(journal, 'auth_two');
    expect(await byCommand(url, [advance(sampleFailOver(two))])).toEqual([2]);
    await concluded(journal, 'auth_three');
    const events = await server.query(
      url,
      `SELECT a.id, e.*, a.last_hash FROM events AS e JOIN authorizations AS a ON a.sequence = e."authorization"
       ORDER BY e."authorization", e.number`,
    );
    expect(events.map(({ id, number }) => `${id} ${number}`)).toEqual([
      'auth_one 1',
      'auth_one 2',
      'auth_one 3',
      'auth_two 1',
      'auth_two 2',
      'auth_three 1',
      'auth_three 2',
    ]);
    let previous: string | null = null;
    for (const row of events) {
      previous = eventHash(row['number'] === 1 ? null : previous, String(row['id']), {
        number: Number(row['number']),
        atMs: Number(row['at_ms']),
        actor: String(row['actor']),
        kind: String(row['kind']),
        data: String(row['data']),
        answerStatus: row['answer_status'] as number | null,
        answerBody: row['answer_body'] as string | null,
      });
      expect(row['hash']).toBe(previous);
    }
    expect(events.at(-1)?.['hash']).toBe(events.at(-1)?.['last_hash']);
    await journal.close();
  });

  test('and this one take the same locks: of many openings of one payment one is opened', async () => {
    const url = await server.database();
    const journal = await openPostgresJournal({ url, migrate: 'off', poolSize: 6, clock: systemClock });
    const opening = (index: number) =>
      sampleOpening(`auth_n${index}`, { request: { reference: 'order-one' } });
    const former = async (index: number) => {
      const command = open(opening(index));
      const locks = [...command.locks].sort((left, right) => (left < right ? -1 : 1)).map(String);
      const commands = `[{"name":"open","command":${command.text}}]`;
      const sql = 'SELECT journal_write_v1($1::bigint[], $2::jsonb) AS replies';
      return ((await replies(url, sql, [locks, commands])) as unknown[])[0] === null;
    };
    const results = await Promise.all(
      Array.from({ length: 24 }, (_, index) =>
        index % 2 === 0 ? former(index) : journal.open(opening(index)).then(({ kind }) => kind === 'opened'),
      ),
    );
    expect(results.filter(Boolean)).toHaveLength(1);
    expect(await server.query(url, 'SELECT count(*)::integer AS n FROM authorizations')).toEqual([{ n: 1 }]);
    await journal.close();
  });
});

test('what the queue has no room for is refused as never sent: it cannot land later', async () => {
  const url = await server.database();
  const settings = { url, migrate: 'off', poolSize: 4, clock: systemClock } as const;
  const journal = await openPostgresJournal({ ...settings, queueMax: 1 });
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, (_, index) => journal.open(sampleOpening(`auth_q${index}`))),
  );
  const refused = results.filter((result) => result.status === 'rejected');
  expect(refused.length).toBeGreaterThan(10);
  for (const { reason } of refused) expect(reason).toMatchObject({ name: 'JournalError', isUnsent: true });
  await journal.close();
});
