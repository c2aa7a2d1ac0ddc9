import { execFileSync } from 'node:child_process';
import { chmodSync, closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../stores/postgres/postgres-server.ts';
import { isMissing } from '../support/debian-programs.ts';
import { eventually } from '../support/eventually.ts';
import { paymentBody, priorityRules, providersYaml } from '../support/gateway-files.ts';
import { authorizationIn, startGateway, type TestGateway } from '../support/start-gateway.ts';
import { findingsIn } from './findings-in.ts';
import { problemIn } from './problem-in.ts';

/** A gateway whose database lies on a disk that is full: a real file system, of a size of our own. */

const DISK_MIB = 64;
/** What fits yet into pages that are there already. */
const STRAGGLERS_MAX = 40;

/** @returns the folder of a small disk, and why there is none */
function mountDisk(): { readonly disk: string; readonly missing: string | null } {
  const disk = mkdtempSync(join(tmpdir(), 'pointsman-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m,mode=0755`, 'tmpfs', disk], {
      stdio: 'pipe',
    });
    return { disk, missing: null };
  } catch (error) {
    rmSync(disk, { recursive: true });
    return { disk, missing: `only root can mount one (${String(error).split('\n')[0]})` };
  }
}

const { disk, missing } = mountDisk();
const NO_DISK = isMissing('a disk that is full', missing);

let server: PostgresServer;
let url: string;
let gateway: TestGateway;

beforeAll(async () => {
  if (NO_DISK) return;
  server = await startPostgres('on');
  const folder = join(disk, 'tables');
  mkdirSync(folder);
  // The server's user is another one when the tests are root.
  chmodSync(folder, 0o777);
  execFileSync('chown', ['postgres', folder]);
  url = await server.emptyDatabase(folder);
  gateway = await startGateway({
    providers: providersYaml([{ id: 'sandbox-a' }]),
    rules: priorityRules(['sandbox-a']),
    env: { DATABASE_URL: url },
  });
  expect((await pay('order-warm')).status).toBe(201);
});
afterAll(async () => {
  if (NO_DISK) return;
  free();
  await gateway.stop();
  expect(await findingsIn(url)).toEqual([]);
  await gateway[Symbol.asyncDispose]();
  await server.stop();
  execFileSync('umount', [disk]);
  rmSync(disk, { recursive: true });
});

const pay = (reference: string) =>
  gateway.authorize({ ...paymentBody(reference), deadline_ms: 3_000 }, `key-${reference}`);
const readiness = async () => gateway.get('/readyz', { key: null });

const ballast = join(disk, 'ballast');

/** Takes all the room that is left. */
function fill(): void {
  const file = openSync(ballast, 'a');
  try {
    for (const bytes of [1 << 20, 1 << 12]) {
      const block = Buffer.alloc(bytes);
      expect(() => {
        for (let count = 0; count <= (DISK_MIB << 20) / bytes; count += 1) writeSync(file, block);
      }).toThrow(/no space left on device/);
    }
  } finally {
    closeSync(file);
  }
}
const free = () => rmSync(ballast, { force: true });

describe.skipIf(NO_DISK)('a disk that is full', () => {
  test('refuses payments before anything is sent, says so, and takes them again when there is room', async () => {
    fill();
    const refused: string[] = [];
    let taken = 0;
    let sent = (await gateway.sandbox.requests())['sandbox-a'] ?? 0;
    for (let index = 0; refused.length < 5; index += 1) {
      const answer = await pay(`order-full-${index}`);
      const now = (await gateway.sandbox.requests())['sandbox-a'] ?? 0;
      if (answer.status === 503) {
        const problem = problemIn(answer, 503, 'journal-unavailable');
        expect(problem.sent).toBe(false);
        expect(now, 'nothing was sent').toBe(sent);
        refused.push(`order-full-${index}`);
      } else taken += 1;
      sent = now;
      expect(taken, 'the disk is not full').toBeLessThan(STRAGGLERS_MAX);
    }
    console.log(`${taken} found a place yet, ${refused.length} were refused`);
    const { text } = await eventually(
      'it is not ready',
      async () => {
        const told = await readiness();
        return told.status === 503 ? told : null;
      },
      { withinMs: 60_000 },
    );
    expect(text).toMatch(/failing for \d+ s: \d+ of \d+ writes/);
    const [alert] = gateway.output.events('alert').filter(({ kind }) => kind === 'journal_failed');
    expect(alert?.['detail']).toMatch(/^could not extend file .*: No space left on device \(met by /);

    free();
    await eventually('it is ready again', async () => ((await readiness()).status === 200 ? true : null), {
      withinMs: 60_000,
    });
    for (const reference of refused) {
      expect(await gateway.sandbox.entriesOf(reference)).toHaveLength(0);
      expect((await pay(reference)).status, 'the same key is taken').toBe(201);
      expect(await gateway.sandbox.entriesOf(reference)).toHaveLength(1);
    }
  }, 180_000);

  test('while payments are at their provider: what was approved is pending, and found out when there is room', async () => {
    await gateway.sandbox.addFault({ provider: 'sandbox-a', kind: 'late', delay_ms: 2_000, times: 12 });
    const before = (await gateway.sandbox.requests())['sandbox-a'] ?? 0;
    const names = Array.from({ length: 12 }, (_, index) => `order-sent-${index}`);
    const paying = names.map(pay);
    await eventually('they are at the provider', async () =>
      (await gateway.sandbox.requests())['sandbox-a'] === before + names.length ? true : null,
    );
    fill();
    const answers = await Promise.all(paying);
    const statuses = answers.map(({ status }) => status);
    console.log(`answered while the disk was full: ${statuses.join(' ')}`);
    expect(statuses).toContain(202);
    for (const status of statuses) expect([201, 202]).toContain(status);
    free();
    for (const name of names) {
      const found = await eventually(
        'it is found out',
        async () => {
          const answer = await pay(name);
          return answer.status === 201 ? authorizationIn(answer) : null;
        },
        { withinMs: 60_000 },
      );
      expect(found.status).toBe('approved');
      expect(await gateway.sandbox.entriesOf(name)).toMatchObject([{ live: true }]);
    }
  }, 180_000);
});
