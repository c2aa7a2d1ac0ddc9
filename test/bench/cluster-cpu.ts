import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PostgresServer, startPostgres } from '../stores/postgres/postgres-server.ts';
import { cpuMicroseconds } from '../support/child-cpu.ts';
import { pause } from '../support/eventually.ts';
import { findRedisServer, RedisServer } from '../support/redis-server.ts';
import {
  BODIES,
  type Measured,
  ROUNDS,
  round,
  startBenchGateway,
  startProxy,
  stopAll,
  type Target,
  WARM_UP_ROUNDS,
} from './bench-gateway.ts';
import { median, printTable } from './ratio-table.ts';

/**
 * CPU of a gateway per authorization with its journal on a Postgres (fsync on) and its limits, breakers and learning
 * in a Redis, over a minimal proxy; and of two such gateways which share the same load. Everything takes its turns in
 * one run. Only the gateways' own CPU counts: the databases run in processes of their own.
 */
const IDLE_MS = 10_000;
/** Two gateways, the sender, the sandboxes, Postgres and Redis each need one, or what they do is no measure. */
const CORES_FOR_TWO = 6;

/** Of several that share a load: CPU per request, weighted by what each did, and requests a second of all. */
function together(measured: readonly Measured[]): Measured {
  return {
    us: measured.reduce((sum, { us }) => sum + us, 0) / measured.length,
    perSecond: measured.reduce((sum, { perSecond }) => sum + perSecond, 0),
  };
}

async function idleMsPerSecond(target: Target): Promise<number> {
  const before = cpuMicroseconds(target.pid);
  const sinceMs = performance.now();
  await pause(IDLE_MS);
  return (cpuMicroseconds(target.pid) - before) / (performance.now() - sinceMs);
}

/**
 * The table, and what two cost over one.
 * @param names of the turns: the proxy, a gateway alone, one of the cluster, one with half the load, two with half each
 * @param rounds what each turn came to, in the order of the names
 */
function print(names: readonly string[], rounds: readonly (readonly Measured[])[]): void {
  const proxyUs = rounds.map(([theirs]) => theirs?.us ?? Number.NaN);
  printTable(
    `CPU per authorization, medians of ${ROUNDS} rounds in turns (load average ${loadavg()[0]?.toFixed(1)})`,
    ['what', 'us', 'a second', 'x proxy', 'lowest', 'highest'],
    names.map((name, index) => {
      const own = rounds.map((measured) => measured[index] as Measured);
      const ratios = own.map(({ us }, at) => us / (proxyUs[at] ?? Number.NaN));
      return [
        name,
        median(own.map(({ us }) => us)).toFixed(0),
        median(own.map(({ perSecond }) => perSecond)).toFixed(0),
        median(ratios).toFixed(2),
        Math.min(...ratios).toFixed(2),
        Math.max(...ratios).toFixed(2),
      ];
    }),
  );
  const twoOver = (other: 2 | 3, of: (measured: Measured) => number) =>
    median(rounds.map((own) => of(own[4] as Measured) / of(own[other] as Measured))).toFixed(2);
  const cores = availableParallelism();
  // One with half the load takes more CPU for each authorization as well: that is not what sharing costs.
  console.log(
    `two gateways over one: CPU per authorization ${twoOver(2, ({ us }) => us)} x at the same load in all, ` +
      `${twoOver(3, ({ us }) => us)} x at the same load each; authorizations a second ` +
      `${twoOver(2, ({ perSecond }) => perSecond)} x` +
      (cores >= CORES_FOR_TWO ? '' : ` (no measure with ${cores} cores for all: expected ${CORES_FOR_TWO})`),
  );
}

async function measure(redis: RedisServer, postgres: PostgresServer): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'pointsman-cluster-bench-'));
  const targets: Target[] = [];
  try {
    const shared = {
      DATABASE_URL: await postgres.database(),
      REDIS_URL: `redis://127.0.0.1:${redis.port}/0`,
    };
    const start = async (name: string, environment: Readonly<Record<string, string>>) => {
      const target = await startBenchGateway(join(folder, name), name, environment);
      targets.push(target);
      return target;
    };
    const alone = await start('alone', {});
    const first = await start('first', shared);
    const second = await start('second', shared);
    const proxy = await startProxy(first.sandboxUrl);
    targets.push(proxy);
    const turns = [
      { name: 'minimal proxy', of: [proxy], makeBody: BODIES.proxy, parts: 1 },
      { name: 'gateway alone, SQLite', of: [alone], makeBody: BODIES.gateway, parts: 1 },
      { name: 'one of the cluster', of: [first], makeBody: BODIES.gateway, parts: 1 },
      { name: 'one, half the load', of: [first], makeBody: BODIES.gateway, parts: 2 },
      { name: 'two, half the load each', of: [first, second], makeBody: BODIES.gateway, parts: 2 },
    ] as const;
    // Whoever comes first would pay for what the others find warm.
    for (let count = 1; count <= WARM_UP_ROUNDS; count += 1) {
      for (const target of [alone, first, second]) await round([target], BODIES.gateway);
      await round([proxy], BODIES.proxy);
    }
    const rounds: Measured[][] = [];
    for (let count = 1; count <= ROUNDS; count += 1) {
      const measured: Measured[] = [];
      for (const { of, makeBody, parts } of turns) {
        measured.push(together(await round(of, makeBody, parts)));
      }
      rounds.push(measured);
    }
    print(
      turns.map(({ name }) => name),
      rounds,
    );
    console.log(
      `idle: ${(await idleMsPerSecond(second)).toFixed(1)} ms of CPU a second (goals: 2.5 x, 1.0 x, 1.8 x)`,
    );
  } finally {
    await stopAll(targets);
    rmSync(folder, { recursive: true, force: true });
  }
}

const SKIPPED = 'skipped: CPU of the cluster:';
if (findRedisServer() === null) {
  console.log(`${SKIPPED} there is no redis-server on the PATH`);
} else {
  const postgres = await startPostgres('on').catch((error: unknown) => {
    console.log(`${SKIPPED} no Postgres of its own could be started: ${String(error)}`);
    return null;
  });
  const redis = await RedisServer.start();
  try {
    if (postgres !== null) await measure(redis, postgres);
  } finally {
    await redis.stop();
    await postgres?.stop();
  }
}
