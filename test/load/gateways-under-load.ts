import { type SandboxChild, startSandboxChild } from '../../src/providers/sandbox/sandbox-child.ts';
import { runScript } from '../cli/run-script.ts';
import { type PostgresServer, startPostgres } from '../stores/postgres/postgres-server.ts';
import { priorityRules, providersYaml } from '../support/gateway-files.ts';
import { installRedisServer, RedisServer } from '../support/redis-server.ts';
import { SandboxControl, startGateway, type TestGateway } from '../support/start-gateway.ts';

const PROVIDERS = ['sandbox-a', 'sandbox-b'] as const;
/** What reading a whole soak may take. */
const VERIFY_MS = 600_000;

/** What is put under load: one gateway that keeps its journal itself, or several over shared servers. */
export interface GatewaysUnderLoad extends AsyncDisposable {
  readonly gateways: readonly TestGateway[];
  readonly sandbox: SandboxControl;
  /** Reads the whole journal and judges it, in words; null: it is left to whoever stops the gateway. */
  verify(): Promise<{ readonly isSound: boolean; readonly text: string } | null>;
}

/** Several gateways cannot be had here: what for, and how to mend it. */
export class NoServerError extends Error {}

/**
 * One gateway with SQLite; two or more share a Postgres with fsync on, a Redis and a sandbox, each a process of its own.
 * @throws NoServerError when there is no server for what they share
 */
export async function startGateways(count: number): Promise<GatewaysUnderLoad> {
  if (count === 1) {
    const gateway = await startGateway({
      providers: providersYaml(PROVIDERS.map((id) => ({ id }))),
      rules: priorityRules(PROVIDERS),
    });
    return {
      gateways: [gateway],
      sandbox: gateway.sandbox,
      verify: async () => null,
      [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose](),
    };
  }
  const missing = installRedisServer();
  if (missing !== null) throw new NoServerError(missing);
  await using stack = new AsyncDisposableStack();
  const redis = stack.adopt(await RedisServer.start(), (server) => server.stop());
  const postgres: PostgresServer = stack.adopt(
    await startPostgres('on').catch((error: unknown) => {
      throw new NoServerError(`no Postgres could be started: ${String(error)}`);
    }),
    (server) => server.stop(),
  );
  const child: SandboxChild = stack.adopt(await startSandboxChild(PROVIDERS, 0, () => {}), (sandbox) =>
    sandbox.close(),
  );
  const databaseUrl = await postgres.database();
  const providers = providersYaml(
    PROVIDERS.map((id) => {
      const baseUrl = child.providers.get(id);
      if (baseUrl === undefined) throw new Error(`the sandbox has no ${id}`);
      return { id, baseUrl };
    }),
  );
  const gateways: TestGateway[] = [];
  for (let started = 0; started < count; started += 1) {
    const gateway = await startGateway({
      providers,
      rules: priorityRules(PROVIDERS),
      env: { DATABASE_URL: databaseUrl, REDIS_URL: `redis://127.0.0.1:${redis.port}/0` },
    });
    gateways.push(stack.use(gateway));
  }
  const kept = stack.move();
  return {
    gateways,
    sandbox: new SandboxControl(child.controlUrl),
    async verify() {
      const { code, stdout, stderr } = await runScript(
        'journal.ts',
        ['verify'],
        { DATABASE_URL: databaseUrl },
        VERIFY_MS,
      );
      return { isSound: code === 0, text: `${stdout}${stderr}`.trim() };
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
