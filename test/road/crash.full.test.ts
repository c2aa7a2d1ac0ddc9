import { expect, test } from 'vitest';
import { eventually, pause } from '../support/eventually.ts';
import { paymentBody, priorityRules, providersYaml } from '../support/gateway-files.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { type Answer, startGateway, type TestGateway } from '../support/start-gateway.ts';
import { startSandbox, type TestSandbox } from '../support/start-sandbox.ts';
import { allAuthorizations, contradictions } from './agreement.ts';

/**
 * Kill -9 at random moments of a load with faults, again and again on one journal, against a sandbox that outlives the
 * gateway: its ledger tells over all crashes together whether anything was sent twice.
 */

const PROVIDERS = ['sandbox-a', 'sandbox-b', 'sandbox-c'];
const SEED = Number(process.env['SEED'] ?? 7);
const ROUNDS = Number(process.env['CRASH_ROUNDS'] ?? 10);
const PAYMENTS_PER_ROUND = 200;

/** What a caller was told last under its key. */
interface Told {
  readonly key: string;
  readonly reference: string;
  readonly answer: Answer | null;
}

async function addFaults(sandbox: TestSandbox): Promise<void> {
  const faults = [
    { kind: 'reset_after', probability: 0.05 },
    { kind: 'error', probability: 0.15 },
    { kind: 'error', processed: true, probability: 0.05 },
    { kind: 'hang', processed: true, probability: 0.04 },
    { kind: 'late', delay_ms: 300, probability: 0.3 },
  ] as const;
  for (const fault of faults) await sandbox.addFault({ provider: '*', times: null, ...fault });
}

/** Sends a round's payments over some time, and kills the gateway in the middle of them. */
async function loadUntilKilled(
  gateway: TestGateway,
  random: SeededRandom,
  round: number,
): Promise<readonly Told[]> {
  const calls: Promise<Told>[] = [];
  const send = (index: number): Promise<Told> => {
    // Some payments are asked for by several callers and under several keys.
    const payment = random.chance(0.2) ? random.integer(0, index) : index;
    const reference = `order-${round}-${payment}`;
    const key = random.chance(0.5) ? reference : `${reference}-${index}`;
    return gateway.authorize(paymentBody(reference), key).then(
      (answer) => ({ key, reference, answer }),
      () => ({ key, reference, answer: null }),
    );
  };
  const killAt = random.integer(PAYMENTS_PER_ROUND / 4, PAYMENTS_PER_ROUND - 1);
  for (let index = 0; index < PAYMENTS_PER_ROUND; index += 1) {
    if (index === killAt) {
      await pause(random.integer(0, 20));
      await gateway.kill9();
    }
    if (index < killAt) calls.push(send(index));
    await pause(random.integer(0, 12));
  }
  return Promise.all(calls);
}

test(`crashes at random moments: nothing is charged twice, nothing told is taken back (SEED=${SEED})`, async () => {
  const random = new SeededRandom(SEED);
  await using sandbox = await startSandbox(PROVIDERS, { latencyMs: 10 });
  await addFaults(sandbox);
  await using gateway = await startGateway({
    providers: providersYaml(PROVIDERS.map((id) => ({ id, timeoutMs: 1000, baseUrl: sandbox.url(id) }))),
    rules: priorityRules(PROVIDERS, { attempts_max: 3 }),
    env: { LEASE_MS: '1000' },
  });
  const told: Told[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    told.push(...(await loadUntilKilled(gateway, random, round)));
    await gateway.restart();
  }
  await sandbox.clearFaults();
  const sentBefore = sandbox.ledger().requests;
  await eventually(
    'every lease is over',
    async () => {
      const all = await allAuthorizations(gateway);
      return all.every(({ attempts }) => attempts.every(({ outcome }) => outcome !== null)) ? true : null;
    },
    { withinMs: 15_000 },
  );
  const authorizations = await allAuthorizations(gateway);
  expect(contradictions(authorizations, sandbox.ledger())).toEqual([]);

  // Whoever was told something final is told the same again, byte for byte; nobody moves money by asking.
  let frozen = 0;
  for (const { key, reference, answer } of told) {
    if (answer === null || answer.status !== 201) continue;
    const again = await gateway.authorize(paymentBody(reference), key);
    expect([again.status, again.text], key).toEqual([201, answer.text]);
    frozen += 1;
  }
  expect(frozen).toBeGreaterThan(ROUNDS * 5);
  expect(told.filter(({ answer }) => answer === null).length, 'callers cut off').toBeGreaterThan(ROUNDS);
  expect(sandbox.ledger().requests).toBe(sentBefore);
});
