import { afterAll, beforeAll, expect, test } from 'vitest';
import { runScript } from '../cli/run-script.ts';
import { allAuthorizations, contradictions, unsettledOrWrong } from '../road/agreement.ts';
import { type PostgresServer, startPostgres } from '../stores/postgres/postgres-server.ts';
import { isMissing } from '../support/debian-programs.ts';
import { pause } from '../support/eventually.ts';
import { RedisServer, whyNoRedis } from '../support/redis-server.ts';
import { ClusterWorld, DEADLINE_MS, PER_SECOND, PODS } from './cluster-world.ts';

/**
 * Three gateways, one Postgres, one Redis, and a sandbox whose providers fail now and then, under load: a pod is killed,
 * Redis is killed and comes back empty, Postgres loses its power and comes back, every pod is replaced in its turn. The
 * providers' own books are the judge. `SEED` says what is asked for; what happens at the same time is the machine's.
 */

const SEED = Number(process.env['SEED'] ?? 7);
/** Between two faults. */
const CALM_MS = 5_000;
const DOWN_MS = 2_500;
/** Broken promises shown of each sort; one bug breaks many. */
const SHOWN = 10;
/** Stretches that are held against the contracts, seconds. In shorter ones what waited for the database comes out at once. */
const WINDOWS_S = [10, 30] as const;
/** What a busy machine adds to an answer. */
const SLACK_MS = 2_500;

let postgres: PostgresServer;
let redis: RedisServer;

const NO_REDIS = isMissing('three gateways at once', whyNoRedis());

beforeAll(async () => {
  if (NO_REDIS) return;
  postgres = await startPostgres('on');
  redis = await RedisServer.start();
}, 60_000);

afterAll(async () => {
  await redis?.kill();
  await postgres?.stop();
});

/** What callers, processes, journal and ledger tell of each other that may not be, by sort; and how much the ledger holds. */
async function brokenPromises(world: ClusterWorld) {
  const [gateway] = world.gateways;
  if (gateway === undefined) throw new Error('there are gateways');
  const authorizations = await allAuthorizations(gateway);
  const ledger = await world.control.ledger();
  const known = new Set(authorizations.map(({ reference }) => reference));
  const wrong = {
    'told, and taken back or refused': world.callers.wrong,
    'of the processes': world.wrong,
    'told, and not in the journal': world.callers.finals
      .map(({ ask }) => ask.reference)
      .filter((reference) => !known.has(reference)),
    'journal against ledger': contradictions(authorizations, ledger),
    'open or wrong in the end': unsettledOrWrong(authorizations, ledger),
  };
  return { wrong, entries: ledger.authorizations.length };
}

/** What each provider was asked, and by how much that is over its contract in any stretch; the smallest contract first. */
function heldAgainstContracts({ proxies }: ClusterWorld) {
  return Object.entries(PER_SECOND).map(([id, perSecond]) => {
    const proxy = proxies.get(id);
    if (proxy === undefined) throw new Error(`no proxy of ${id}`);
    // A burst of one second, and what each pod holds in advance: whole calls, a tenth of a second's worth.
    const held = perSecond + PODS * Math.ceil(perSecond / 10);
    const over = WINDOWS_S.map((seconds) => proxy.mostWithin(seconds) - (1.05 * perSecond * seconds + held));
    return { id, asked: proxy.askedAtMs.length, most: WINDOWS_S.map((s) => proxy.mostWithin(s)), over };
  });
}

test.skipIf(NO_REDIS)(
  `pods, Redis and Postgres are killed under load: no payment lost, none twice, limits kept (SEED=${SEED})`,
  async () => {
    const databaseUrl = await postgres.database();
    const startedAtMs = performance.now();
    await using world = await ClusterWorld.start(SEED, {
      databaseUrl,
      redisUrl: `redis://127.0.0.1:${redis.port}`,
    });
    world.beginLoad();
    await pause(CALM_MS);
    await world.killPod(1, DOWN_MS);
    await pause(CALM_MS);
    await redis.kill();
    await pause(CALM_MS);
    await redis.restart();
    await pause(CALM_MS);
    await postgres.kill();
    await pause(DOWN_MS / 2);
    await postgres.start();
    await world.allReady();
    await pause(CALM_MS);
    await world.rollingRestart();
    await pause(CALM_MS);
    const loadedS = (performance.now() - startedAtMs) / 1_000;
    await world.settle();

    const { callers, tally } = world;
    const { wrong, entries } = await brokenPromises(world);
    for (const [sort, found] of Object.entries(wrong)) expect.soft(found.slice(0, SHOWN), sort).toEqual([]);
    const verified = await runScript('journal.ts', ['verify'], { DATABASE_URL: databaseUrl });
    expect
      .soft([verified.code, verified.stdout, verified.stderr], 'verified')
      .toEqual([0, expect.any(String), '']);

    const limits = heldAgainstContracts(world);
    const seconds = Math.round((performance.now() - startedAtMs) / 1_000);
    const work = {
      seed: SEED,
      seconds,
      ...tally,
      ...callers.counts,
      ledger: entries,
      limits,
    };
    console.log(JSON.stringify(work, null, 1));

    for (const { id, over } of limits)
      expect.soft(Math.max(...over), `${id} over its contract`).toBeLessThanOrEqual(0);
    expect.soft(callers.counts.longestMs).toBeLessThan(DEADLINE_MS + SLACK_MS);
    // The smallest contract was worked to its edge, and what it had no room for went elsewhere.
    const [smallest, next] = limits;
    expect(smallest?.asked ?? 0).toBeGreaterThan((loadedS * PER_SECOND['sandbox-a']) / 4);
    expect(next?.asked ?? 0).toBeGreaterThan(50);
    expect(tally.kills).toBe(1);
    expect(tally.drained).toBe(PODS);
    expect(tally.payments).toBeGreaterThan(300);
    expect(tally.approvals).toBeGreaterThan(150);
    expect(tally.operations).toBeGreaterThan(100);
    expect(callers.counts.cutOff).toBeGreaterThan(0);
    expect(callers.counts.unavailable).toBeGreaterThan(0);
    expect(callers.counts.inFlight).toBeGreaterThan(0);
  },
  900_000,
);
