import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Authorization } from '../../../src/core/authorization.ts';
import type { EventSubscription, Journal } from '../../../src/gateway/ports.ts';
import { systemClock } from '../../../src/guards/system-clock.ts';
import { openPostgresJournal } from '../../../src/stores/postgres/postgres-journal.ts';
import {
  concluded,
  OUTCOMES,
  opened,
  sampleBegin,
  sampleEnd,
  sampleFailOver,
  sampleFinding,
  T0,
  written,
} from '../../contracts/journal-fixtures.ts';
import { sampleDecisionOpening } from '../../support/sample-decision.ts';
import { type PostgresServer, startPostgres } from './postgres-server.ts';

// What several gateways on one database read and take up at once, beside the payments.

const ORDERS: EventSubscription = {
  endpoint: 'orders',
  account: 'acme',
  types: 'all',
  includesAnswered: false,
};
const NOW = T0 + 10_000;

let server: PostgresServer;
let url: string;
let pods: readonly Journal[];

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

beforeEach(async () => {
  url = await server.database();
  const open = () => openPostgresJournal({ url, migrate: 'off', poolSize: 6, clock: systemClock });
  pods = [await open(), await open(), await open()];
});
afterEach(async () => {
  await Promise.all(pods.map((journal) => journal.close()));
});

const pod = (index: number) => pods[index % pods.length] as Journal;
/** Asks every pod so often, all at once. */
const everywhere = <T>(times: number, ask: (journal: Journal, index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: times * pods.length }, (_, index) => ask(pod(index), index)));
const allDeliveries = async () =>
  (await pod(0).listDeliveries({ account: 'acme', merchants: 'all', limit: 200 })).data;

/** Pending, and then known: one event to tell. */
async function resolved(index: number): Promise<Authorization> {
  const id = `auth_resolved_${index}`;
  const pending = await concluded(pod(index), id, OUTCOMES.unknown);
  return written(pod(index + 1), sampleFinding(pending, 1, OUTCOMES.approved));
}

describe('deliveries', () => {
  test('of all that make them for one endpoint at once, while events are written, each event is made once', async () => {
    expect(await pod(0).makeDeliveries(ORDERS, NOW, 100)).toBe(0);
    const count = 40;
    let isWriting = true;
    const making = everywhere(1, async (journal) => {
      let moved = 0;
      while (isWriting) moved += await journal.makeDeliveries(ORDERS, NOW, 3);
      return moved;
    });
    await Promise.all(Array.from({ length: count }, (_, index) => resolved(index)));
    isWriting = false;
    const moved = (await making).reduce((sum, each) => sum + each, 0);
    let last = 0;
    for (let more = 1; more > 0; last += more) more = await pod(0).makeDeliveries(ORDERS, NOW, 100);
    expect(moved + last, 'opened, concluded, resolved').toBe(3 * count);
    const made = await allDeliveries();
    expect(made.map(({ authorizationId }) => authorizationId).toSorted()).toEqual(
      Array.from({ length: count }, (_, index) => `auth_resolved_${index}`).toSorted(),
    );
    const [row] = await server.query(url, 'SELECT max(sequence) - min(sequence) AS span FROM deliveries');
    expect(Number(row?.['span']), 'none was made and thrown away').toBe(count - 1);
  });

  test('each is taken up by one', async () => {
    await pod(0).makeDeliveries(ORDERS, NOW, 100);
    for (let index = 0; index < 30; index += 1) await resolved(index);
    await pod(0).makeDeliveries(ORDERS, NOW, 100);
    const taken = await everywhere(4, (journal, index) =>
      journal.takeDeliveries(ORDERS, NOW, 5, { owner: `pod-${index}`, untilMs: NOW + 60_000 }),
    );
    const ids = taken.flat().map(({ delivery }) => delivery.id);
    expect(ids).toHaveLength(30);
    expect(new Set(ids).size).toBe(30);
    expect(taken.filter((each) => each.length > 0).length).toBeGreaterThan(5);
    expect(taken.flat().every(({ told }) => told !== null)).toBe(true);
  });

  test('of one authorization only the first is taken up, whoever asks', async () => {
    await pod(0).makeDeliveries(ORDERS, NOW, 100);
    const before = await resolved(0);
    const begun = await written(pod(1), sampleBegin(before));
    await written(pod(2), sampleEnd(begun, 1, {}, { event: { actor: 'resolver' } }));
    await pod(0).makeDeliveries(ORDERS, NOW, 100);
    expect(await allDeliveries()).toHaveLength(2);
    const taken = await everywhere(3, (journal, index) =>
      journal.takeDeliveries(ORDERS, NOW, 5, { owner: `pod-${index}`, untilMs: NOW + 60_000 }),
    );
    expect(taken.flat().map(({ delivery }) => delivery.type)).toEqual(['authorization.resolved']);
  });
});

describe('rulesets', () => {
  test('the same content gets one number, whoever registers it', async () => {
    const numbers = await everywhere(5, (journal) => journal.registerRuleset('hash', { a: 'b' }, T0));
    expect(new Set(numbers)).toEqual(new Set([1]));
    expect((await pod(0).listRulesets({ limit: 10 })).data).toHaveLength(1);
  });

  test('of all that activate at once one does, and the others are told of it', async () => {
    for (let index = 0; index < 6; index += 1) await pod(0).registerRuleset(`hash-${index}`, {}, T0);
    const results = await everywhere(2, (journal, index) =>
      journal.activateRuleset({
        version: index + 1,
        cause: 'activation',
        author: `acme-${index}`,
        reason: 'tests',
        atMs: T0,
        expected: null,
      }),
    );
    const done = results.filter(({ kind }) => kind === 'activated');
    expect(done).toHaveLength(1);
    for (const { active } of results) expect(active).toEqual(done[0]?.active);
    expect((await pod(1).listRulesetActivations({ limit: 10 })).data).toHaveLength(1);
  });
});

test('looks at an experiment have numbers of their own, and a planned one is kept once', async () => {
  await everywhere(3, (journal, index) =>
    journal.saveExperimentLook('checkout', {
      atMs: T0 + index,
      planned: index % 3 === 0 ? 1 : null,
      data: `[${index}]`,
    }),
  );
  const looks = await pod(0).listExperimentLooks('checkout');
  expect(looks.filter(({ planned }) => planned === 1)).toHaveLength(1);
  expect(looks.filter(({ planned }) => planned === null)).toHaveLength(6);
});

describe('decisions', () => {
  const decide = async (count: number) => {
    for (let index = 0; index < count; index += 1) {
      const id = `dec_${index}`;
      const scope = { account: 'acme', merchant: 'acme-eu', operation: 'decide', key: id };
      const claim = { ...scope, bodyFingerprint: id };
      await pod(index).openDecision(sampleDecisionOpening({ id }, { claim }));
    }
  };

  test('that nobody reports are counted once, however many count', async () => {
    await decide(30);
    const counted = await everywhere(3, (journal) => journal.countUnreported(T0 * 2, 7));
    const rest = await pod(0).countUnreported(T0 * 2, 100);
    expect(counted.reduce((sum, count) => sum + count, rest)).toBe(30);
    expect(Math.max(...counted)).toBe(7);
  });

  test('go once, however many let them go', async () => {
    await decide(30);
    const purged = await everywhere(3, (journal) => journal.purgeDecisions(T0 * 2, 7));
    const rest = await pod(0).purgeDecisions(T0 * 2, 100);
    expect(purged.reduce((sum, count) => sum + count, rest)).toBe(30);
    expect(await server.query(url, 'SELECT 1 FROM decision_attempts')).toEqual([]);
  });
});

test('an authorization is read whole, at one moment, while others change it', async () => {
  const id = 'auth_changing';
  let isChanging = true;
  let current = await opened(pod(0), id);
  const seen = new Set<string>();
  const reading = everywhere(2, async (journal) => {
    let reads = 0;
    for (; isChanging; reads += 1) {
      const found = await journal.findAuthorization(id);
      // Version 1: opened. Then a failover each: one more attempt, and the one before it has its outcome.
      const attempts = found?.attempts ?? [];
      const known = attempts.filter(({ outcome }) => outcome !== null).length;
      seen.add(`${(found?.version ?? 0) - attempts.length} ${attempts.length - known}`);
    }
    return reads;
  });
  for (let index = 0; index < 30; index += 1) {
    current = await written(pod(index), sampleFailOver(current));
  }
  isChanging = false;
  const reads = (await reading).reduce((sum, count) => sum + count, 0);
  expect(reads).toBeGreaterThan(60);
  expect([...seen]).toEqual(['0 1']);
  expect(current.attempts).toHaveLength(31);
});

test('statements that were prepared go on when a later version adds a column', async () => {
  await concluded(pod(0), 'auth_one');
  const readAll = (journal: Journal) =>
    Promise.all([
      journal.findAuthorization('auth_one'),
      journal.history('auth_one'),
      journal.listAuthorizations({ account: 'acme', merchants: 'all', limit: 5 }),
      journal.recordedPage({ fromMs: 0, toMs: T0 * 2 }, null, 5),
      journal.listDeliveries({ account: 'acme', merchants: 'all', limit: 5 }),
      journal.exposurePage('checkout', null, 5),
      journal.takeDeliveries(ORDERS, NOW, 5, { owner: 'pod', untilMs: NOW }),
      journal.listArmStates(),
      journal.listOverrides(),
      journal.activeRuleset(),
    ]);
  // More often than a connection has, so that each has prepared each.
  const before = await everywhere(4, readAll);
  for (const table of [
    'authorizations',
    'attempts',
    'events',
    'deliveries',
    'exposures',
    'arm_states',
    'overrides',
    'rulesets',
  ]) {
    await server.query(url, `ALTER TABLE ${table} ADD COLUMN added_later text`);
  }
  const after = await everywhere(4, readAll);
  expect(after).toEqual(before);
  expect(after[0]?.[0]?.id).toBe('auth_one');
});
