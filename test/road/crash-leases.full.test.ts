import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { paymentBody, priorityRules, providersYaml } from '../support/gateway-files.ts';
import { authorizationIn, launchGateway, startGateway, type TestGateway } from '../support/start-gateway.ts';
import { problemIn } from './problem-in.ts';

/** How a process ends, and what the next one makes of what it left. */

const PROVIDERS = ['sandbox-a', 'sandbox-b'];
/** A second more than an attempt may take; a shorter one would be stretched to that. */
const LEASE_MS = 4000;

const files = (timeoutMs: number) => ({
  providers: providersYaml(PROVIDERS.map((id) => ({ id, timeoutMs }))),
  rules: priorityRules(PROVIDERS),
});

/** Resolves when this many requests have reached a provider since the sandbox started. */
function atProvider(gateway: TestGateway, provider: string, count: number): Promise<unknown> {
  return eventually(`${count} requests at ${provider}`, async () =>
    ((await gateway.sandbox.requests())[provider] ?? 0) >= count ? true : null,
  );
}

/** A payment with a token of its own, by which a fault finds it. */
function bodyOf(reference: string) {
  const { card, ...rest } = paymentBody(reference);
  return { ...rest, card: { ...card, token: `token-${reference}` } };
}

/** Sends a request whose answer nobody may ever get. */
function send(gateway: TestGateway, reference: string): Promise<string> {
  return gateway.authorize(bodyOf(reference), `key-${reference}`).then(
    ({ status }) => `answered ${status}`,
    () => 'connection lost',
  );
}

/** What comes of a new connection. */
function connecting(url: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => {
      socket.destroy();
      resolve('connected');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'failed'));
  });
}

test('kill -9 with attempts under way: unknown once their lease is over, never sent again', async () => {
  await using gateway = await startGateway({ ...files(3000), env: { LEASE_MS: String(LEASE_MS) } });
  const settled = await gateway.authorize(paymentBody('order-settled'), 'key-order-settled');
  expect(settled.status).toBe(201);
  // Processed or not, and one that has already failed over to the second provider.
  const faults = [
    { provider: 'sandbox-a', kind: 'hang', of: 'order-hang' },
    { provider: 'sandbox-a', kind: 'hang', processed: true, of: 'order-processed' },
    { provider: 'sandbox-a', kind: 'late', delay_ms: 60_000, of: 'order-late' },
    { provider: 'sandbox-a', kind: 'error', of: 'order-second' },
    { provider: 'sandbox-b', kind: 'hang', processed: true, of: 'order-second' },
  ] as const;
  for (const { of, ...fault } of faults) {
    await gateway.sandbox.addFault({ ...fault, match: { token: `token-${of}` } });
  }
  const references = ['order-hang', 'order-processed', 'order-late', 'order-second'];
  const startedAtMs = performance.now();
  const lost = references.map((reference) => send(gateway, reference));
  await Promise.all([atProvider(gateway, 'sandbox-a', 5), atProvider(gateway, 'sandbox-b', 1)]);
  await gateway.kill9();
  expect(await Promise.all(lost)).toEqual(references.map(() => 'connection lost'));

  await gateway.restart();
  // Frozen answers are as they were, byte for byte.
  const again = await gateway.authorize(paymentBody('order-settled'), 'key-order-settled');
  expect([again.status, again.headers.get('idempotent-replayed'), again.text]).toEqual([
    201,
    'true',
    settled.text,
  ]);

  for (const reference of references) {
    const answer = await eventually(`the lease of ${reference} is over`, async () => {
      const seen = await gateway.authorize(bodyOf(reference), `key-${reference}`);
      if (seen.status !== 409) return seen;
      // Another process might still be sending it: nobody may say what became of it.
      problemIn(seen, 409, 'in-flight');
      return null;
    });
    expect(answer.status, answer.text).toBe(202);
    expect(performance.now() - startedAtMs, 'not before the lease is over').toBeGreaterThan(LEASE_MS);
    const authorization = authorizationIn(answer);
    expect(authorization.status).toBe('pending');
    expect(authorization.attempts.at(-1)).toMatchObject({ outcome: 'unknown' });
    // The payment stays shut for every other key.
    const other = await gateway.authorize(bodyOf(reference), `other-key-${reference}`);
    expect(problemIn(other, 409, 'payment-live').authorization_id).toBe(authorization.id);
  }
  const second = await gateway.find('acme-eu', 'order-second');
  expect(second?.attempts.map(({ provider, outcome }) => [provider, outcome])).toEqual([
    ['sandbox-a', 'rejected'],
    ['sandbox-b', 'unknown'],
  ]);
  // The sandbox is a new one as well: whatever were sent again would be all that it knows.
  expect(await gateway.sandbox.requests()).toEqual({ 'sandbox-a': 0, 'sandbox-b': 0 });
  expect(await gateway.metric('pointsman_alerts_total', '{kind="lease_expired"}')).toBe(4);
  // And it goes on as if nothing had been.
  expect(await send(gateway, 'order-after')).toBe('answered 201');
}, 60_000);

test('SIGTERM: what is under way is answered, what hangs is given up and recorded, nothing is lost', async () => {
  const drainMs = 1500;
  await using gateway = await startGateway({ ...files(8000), env: { DRAIN_TIMEOUT_MS: String(drainMs) } });
  await gateway.sandbox.addFault({ provider: 'sandbox-a', kind: 'late', delay_ms: 800 });
  await gateway.sandbox.addFault({ provider: 'sandbox-a', kind: 'hang', processed: true });
  const late = gateway.authorize(paymentBody('order-late'), 'key-late');
  await atProvider(gateway, 'sandbox-a', 1);
  const hanging = gateway.authorize(paymentBody('order-hanging'), 'key-hanging');
  await atProvider(gateway, 'sandbox-a', 2);
  gateway.signal('SIGTERM');
  const ended = gateway.ended();

  await eventually('new connections are refused', async () =>
    (await connecting(gateway.url)) === 'ECONNREFUSED' ? true : null,
  );
  const inTime = await late;
  expect([inTime.status, authorizationIn(inTime).status]).toEqual([201, 'approved']);
  const givenUp = await hanging;
  expect(givenUp.status).toBe(202);
  expect(authorizationIn(givenUp)).toMatchObject({
    status: 'pending',
    attempts: [{ provider: 'sandbox-a', outcome: 'unknown', code: 'aborted' }],
  });
  const { code, signal, tookMs } = await ended;
  expect([code, signal]).toEqual([0, null]);
  expect(tookMs).toBeGreaterThan(drainMs - 50);
  expect(tookMs).toBeLessThan(drainMs + 4000);
  expect(gateway.output.events('stopped')).toHaveLength(1);

  await gateway.restart();
  const replayed = await gateway.authorize(paymentBody('order-late'), 'key-late');
  expect(replayed.text).toBe(inTime.text);
  expect(await gateway.find('acme-eu', 'order-hanging')).toEqual(givenUp.json);
  // Nothing under way: it ends at once.
  const idle = await gateway.stop();
  expect([idle.code, idle.signal]).toEqual([0, null]);
  expect(idle.tookMs).toBeLessThan(drainMs);
}, 60_000);

test('a start that cannot be says why, and leaves nothing behind', async () => {
  await using first = await startGateway();
  const port = new URL(first.url).port;
  const sandboxPort = new URL(first.sandbox.url).port;
  const cases = [
    {
      env: { DATA_DIR: first.folders.data },
      says: /in use by another gateway\. One gateway per DATA_DIR/,
    },
    { env: { PORT: port }, says: /EADDRINUSE.*Set PORT to a free one/ },
    { env: { SANDBOX_PORT: sandboxPort }, says: new RegExp(`port ${sandboxPort} .*SANDBOX_PORT`) },
    { env: { LEASE_MS: 'soon' }, says: /LEASE_MS="soon": expected milliseconds/ },
  ] as const;
  await Promise.all(
    cases.map(async ({ env, says }) => {
      await using second = launchGateway({ env });
      // Waits for the end of the pipes that the sandbox would hold open too.
      const { code, signal } = await second.ended();
      expect([code, signal]).toEqual([1, null]);
      expect(second.output.errors).toMatch(/^Pointsman cannot start: /);
      expect(second.output.errors).toMatch(says);
      expect(second.output.errors, 'a person can mend it: no stack').not.toMatch(/\n\s+at /);
    }),
  );
  expect((await first.authorize(paymentBody('order-1'), 'key-1')).status).toBe(201);
}, 60_000);
