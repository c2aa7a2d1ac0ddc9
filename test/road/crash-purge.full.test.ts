import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { runScript } from '../cli/run-script.ts';
import { paymentBody } from '../support/gateway-files.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { authorizationIn, startGateway, type TestGateway } from '../support/start-gateway.ts';
import { journalWrite } from './crash-campaign/trap.ts';

/** Kill -9 while a journal is sealed and lets go of what is old: what must be kept is kept, whole. */

const SEED = Number(process.env['SEED'] ?? 9);
const KILLS = 6;
/** Payments that are let go of, in batches of a hundred, and payments that hold money. */
const DECLINED = 600;
const HELD = 40;
const CALLS_AT_ONCE = 16;
const WITHIN_MS = 10_000;
const PURGE = fileURLToPath(new URL('crash-campaign/purge-process.ts', import.meta.url));

interface Told {
  readonly key: string;
  readonly body: ReturnType<typeof paymentBody>;
  readonly text: string;
}

function bodyOf(index: number): ReturnType<typeof paymentBody> {
  // A merchant of its own: one with nothing but declines would be taken for card testing.
  const body = paymentBody(`order-${index}`, { merchant: `acme-${index}` });
  // In between, so that batches meet what stays.
  const isHeld = index % Math.floor((DECLINED + HELD) / HELD) === 0;
  return isHeld ? body : { ...body, card: { ...body.card, token: 'tok_decline_51' } };
}

async function pay(gateway: TestGateway): Promise<readonly Told[]> {
  const told: Told[] = [];
  let next = 0;
  const one = async (): Promise<void> => {
    for (let index = next; index < DECLINED + HELD; index = next) {
      next += 1;
      const body = bodyOf(index);
      const answer = await gateway.authorize(body, body.reference);
      expect(answer.status, answer.text).toBe(201);
      told.push({ key: body.reference, body, text: answer.text });
    }
  };
  await Promise.all(Array.from({ length: CALLS_AT_ONCE }, one));
  return told;
}

/** Runs a purge and kills it at one of its writes; `writes` above what it makes lets it end. */
async function purge(
  folder: string,
  writes: number,
): Promise<{ readonly text: string; readonly code: number | null }> {
  const child = spawn(process.execPath, [PURGE, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  let hasEnded = false;
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const closed = once(child, 'close').then(([code]) => {
    hasEnded = true;
    return code as number | null;
  });
  await once(child.stdout, 'data');
  for (let write = 0; write < writes && !hasEnded; write += 1) {
    await journalWrite(join(folder, 'journal.sqlite-wal'), WITHIN_MS);
  }
  child.kill('SIGKILL');
  return { text, code: await closed };
}

async function expectVerified(folder: string): Promise<void> {
  const { code, stdout, stderr } = await runScript('journal.ts', ['verify', folder]);
  expect([code, stderr], stdout).toEqual([0, '']);
}

test(`a purge killed ${KILLS} times loses nothing that is kept (SEED=${SEED})`, async () => {
  const random = new SeededRandom(SEED);
  await using gateway = await startGateway();
  const told = await pay(gateway);
  await gateway.stop();
  const { data } = gateway.folders;
  let cut = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    const { text } = await purge(data, random.integer(1, 3));
    if (!text.includes('purged')) cut += 1;
    await expectVerified(data);
  }
  expect(cut, 'killed before the end').toBeGreaterThan(1);
  const last = await purge(data, Number.POSITIVE_INFINITY);
  expect(last.text).toMatch(/purged \d+/);
  await expectVerified(data);

  await gateway.restart();
  let kept = 0;
  for (const { key, body, text } of told) {
    if (body.card.token !== 'tok_visa') continue;
    const again = await gateway.authorize(body, key);
    expect([again.status, again.text], key).toEqual([201, text]);
    kept += 1;
  }
  expect(kept).toBeGreaterThanOrEqual(HELD);
  const gone = told.find(({ body }) => body.card.token !== 'tok_visa');
  const anew = await gateway.authorize(gone?.body, gone?.key ?? '');
  expect(authorizationIn(anew).id, 'a key that is let go of is free').not.toBe(
    authorizationIn({ status: 201, text: '', json: JSON.parse(gone?.text ?? '{}') }).id,
  );
}, 180_000);
