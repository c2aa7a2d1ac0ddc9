import { afterEach, beforeEach, expect, test } from 'vitest';
import { type SandboxChild, startSandboxChild } from '../../src/providers/sandbox/sandbox-child.ts';
import { allAuthorizations, contradictions, unsettledOrWrong } from '../road/agreement.ts';
import { Callers } from '../road/crash-campaign/caller.ts';
import { playPayment } from '../road/crash-campaign/scripts.ts';
import { Trap } from '../road/crash-campaign/trap.ts';
import { findingsIn } from '../road/findings-in.ts';
import { type PostgresServer, startPostgres } from '../stores/postgres/postgres-server.ts';
import {
  atHosts,
  type PostgresStandby,
  startStandby,
  waitForStandby,
} from '../stores/postgres/postgres-standby.ts';
import { eventually, pause } from '../support/eventually.ts';
import { priorityRules, providersYaml } from '../support/gateway-files.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { SandboxControl, startGateway, type TestGateway } from '../support/start-gateway.ts';

/**
 * T15: the primary that the journal is on is killed under load, and its copy is promoted. Two gateways, which name both
 * servers, one the copy first and one the primary first, go on without being started again; the providers' books judge.
 */

const SEED = Number(process.env['SEED'] ?? 15);
const IDS = ['sandbox-a', 'sandbox-b'];
const CALLERS = 10;
/** Between two payments of a caller, at most. */
const CALLER_PAUSE_MS = 60;
/** After which nothing that was begun before is under way at a provider any more. */
const DEADLINE_MS = 2_000;
const PROVIDER_TIMEOUT_MS = 900;

let primary: PostgresServer;
let standby: PostgresStandby;
let sandbox: SandboxChild;
let control: SandboxControl;
let url: string;
const gateways: TestGateway[] = [];

beforeEach(async () => {
  primary = await startPostgres();
  url = await primary.database();
  standby = await startStandby(primary);
  await waitForStandby(primary);
  sandbox = await startSandboxChild(IDS, 0, () => {});
  control = new SandboxControl(sandbox.controlUrl);
  const providers = IDS.map((id) => ({
    id,
    timeoutMs: PROVIDER_TIMEOUT_MS,
    baseUrl: sandbox.providers.get(id) ?? '',
    semantics: { not_found_after_ms: 300 },
  }));
  for (const ports of [
    [standby.port, primary.port],
    [primary.port, standby.port],
  ]) {
    const gateway = await startGateway({
      providers: providersYaml(providers),
      rules: priorityRules(IDS, { deadline_ms: DEADLINE_MS }),
      env: {
        DATABASE_URL: atHosts(url, ports),
        LEASE_MS: '1500',
        RESOLVER_SCHEDULE_MS: [...Array(12).fill(300), ...Array(8).fill(1_000)].join(),
      },
    });
    gateways.push(gateway);
  }
}, 60_000);

afterEach(async () => {
  await Promise.all(gateways.splice(0).map((gateway) => gateway[Symbol.asyncDispose]()));
  sandbox?.close();
  await standby?.[Symbol.asyncDispose]();
  await primary?.stop();
});

/** Payments, one after the other by each of several callers, at either gateway in turns, until it is stopped. */
class Load {
  readonly callers: Callers;
  readonly tally = { payments: 0, approvals: 0, operations: 0 };
  #isOver = false;
  readonly #loops: readonly Promise<void>[];

  constructor() {
    const random = new SeededRandom(SEED);
    const trap = new Trap(
      () => {},
      () => '',
      random,
    );
    // Any call of a caller, also a repeat under its key, goes to either.
    const urlOf = async () => gateways[random.integer(0, gateways.length - 1)]?.url ?? '';
    this.callers = new Callers(urlOf, trap);
    this.#loops = Array.from({ length: CALLERS }, () => this.#one(random));
  }

  async #one(random: SeededRandom): Promise<void> {
    while (!this.#isOver) {
      this.tally.payments += 1;
      const { payments } = this.tally;
      const played = await playPayment(payments, this.callers, new SeededRandom(SEED * 1_000_003 + payments));
      if (played.approved) this.tally.approvals += 1;
      this.tally.operations += played.operations;
      await pause(random.integer(0, CALLER_PAUSE_MS));
    }
  }

  /** Resolves when so many more answers are final. */
  async more(answers: number): Promise<void> {
    const before = this.callers.finals.length;
    await eventually(
      `${answers} more final answers`,
      () => (this.callers.finals.length >= before + answers ? true : null),
      { withinMs: 30_000, describe: () => this.callers.waiting().join('\n') },
    );
  }

  /** Begins nothing new; resolves when every caller knows. */
  async end(): Promise<void> {
    this.#isOver = true;
    let areDone = false;
    void Promise.all(this.#loops).then(() => {
      areDone = true;
    });
    await eventually('every caller has a final answer', () => (areDone ? true : null), {
      withinMs: 240_000,
      describe: () => this.callers.waiting().join('\n'),
    });
  }
}

/** What callers, journal and books tell of each other that may not be, by sort. */
async function brokenPromises(callers: Callers) {
  const [gateway] = gateways;
  if (gateway === undefined) throw new Error('there are gateways');
  const [authorizations, ledger] = [await allAuthorizations(gateway), await control.ledger()];
  const known = new Set(authorizations.map(({ reference }) => reference));
  return {
    'told, and taken back or refused': callers.wrong,
    'told, and not in the journal': callers.finals
      .map(({ ask }) => ask.reference)
      .filter((reference) => !known.has(reference)),
    'journal against books': contradictions(authorizations, ledger),
    'open or wrong in the end': unsettledOrWrong(authorizations, ledger),
  };
}

const requests = async () => JSON.stringify(await control.requests());

test(`T15: the primary is killed under load and its copy takes over: nothing confirmed is lost, none is charged twice (SEED=${SEED})`, async () => {
  const load = new Load();
  const { callers } = load;
  await load.more(150);
  const before = callers.finals.length;
  await primary.kill();
  const killedAtMs = performance.now();
  await eventually('callers are told', () => (callers.counts.unavailable >= 20 ? true : null));
  await pause(DEADLINE_MS);
  // A journal that cannot be written to: nothing is sent.
  const asked = await requests();
  await pause(500);
  expect(await requests()).toBe(asked);
  await standby.promote();
  const awayMs = Math.round(performance.now() - killedAtMs);
  await load.more(150);
  const loadedAtMs = performance.now();
  await load.end();
  const open = async () => {
    const { text } = (await gateways[0]?.get('/metrics', { key: null })) ?? { text: '' };
    const found = [...text.matchAll(/^pointsman_unsettled_(?:work\{[^}]*\}|authorizations) (\d+)/gm)];
    return found.reduce((sum, [, value]) => sum + Number(value), 0);
  };
  await eventually('everything is found out', async () => ((await open()) === 0 ? true : null), {
    withinMs: 240_000,
  });
  const settledMs = Math.round(performance.now() - loadedAtMs);
  // Told before, during or after, by either: byte for byte the same, asked of any.
  for (const { ask, text } of callers.finals) await callers.askAgain(ask, text);
  for (const [sort, found] of Object.entries(await brokenPromises(callers))) {
    expect.soft(found.slice(0, 10), sort).toEqual([]);
  }
  console.info(JSON.stringify({ seed: SEED, before, awayMs, settledMs, ...load.tally, ...callers.counts }));
  for (const gateway of gateways) expect((await gateway.stop()).code).toBe(0);
  expect(await findingsIn(standby.at(url))).toEqual([]);
  expect(load.tally.approvals).toBeGreaterThan(50);
  expect(load.tally.operations).toBeGreaterThan(30);
});
