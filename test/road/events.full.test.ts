import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EventReceiver } from '../events/event-receiver.ts';
import { eventually } from '../support/eventually.ts';
import { paymentBody, priorityRules } from '../support/gateway-files.ts';
import { authorizationIn, launchGateway, startGateway, type TestGateway } from '../support/start-gateway.ts';
import { signedAs } from '../support/webhook-trap.ts';

/** Events and replaced secrets, by the process as people start it. The tests go through one story, in order. */

/** In every secret; nowhere else. */
const SENTINEL = 'hunter2';
const key = (fill: number) => Buffer.concat([Buffer.from(SENTINEL), Buffer.alloc(24, fill)]);
const whsec = (...keys: readonly Buffer[]) =>
  keys.map((each) => `whsec_${each.toString('base64')}`).join('\n');

let folder: string;
let receiver: EventReceiver;
let gateway: TestGateway;
/** What the gateway has said and shown so far. */
const shown: string[] = [];

const file = (name: string) => join(folder, name);
const providers = (secret = file('webhook')) =>
  JSON.stringify({
    providers: [
      {
        id: 'sandbox-a',
        adapter: 'sandbox',
        merchants: 'all',
        timeout_ms: 500,
        limits: { per_second: 10_000, concurrent: 1000 },
        breaker: { volume: 100_000, reset_ms: 500 },
        semantics: { not_found_after_ms: 100 },
        credentials: { api_key: `file:${file('api-key')}`, webhook_secret: `file:${secret}` },
      },
    ],
  });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pointsman-events-'));
  receiver = await EventReceiver.start();
  writeFileSync(file('api-key'), 'sandbox-key\n');
  writeFileSync(file('webhook'), `${SENTINEL}-one`);
  writeFileSync(file('whsec'), whsec(key(1)));
  const endpoint = {
    id: 'orders',
    account: 'development',
    url: receiver.url.href,
    secret: `file:${file('whsec')}`,
  };
  writeFileSync(file('events.yaml'), JSON.stringify({ endpoints: [endpoint] }));
  gateway = await startGateway({
    providers: providers(),
    rules: priorityRules(['sandbox-a'], { attempts_max: 1 }),
    env: {
      EVENT_ENDPOINTS_FILE: file('events.yaml'),
      RESOLVER_SCHEDULE_MS: '200,200,200,200,200',
      LOG_LEVEL: 'trace',
    },
  });
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await receiver?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** A payment that is pending; what becomes of it is told. */
async function pending(reference: string): Promise<string> {
  await gateway.sandbox.addFault({ provider: 'sandbox-a', kind: 'hang' });
  const answer = await gateway.authorize(paymentBody(reference), `key-${reference}`);
  expect(answer.status, answer.text).toBe(202);
  return authorizationIn(answer).id;
}

const deliveries = async (query: string) =>
  (await gateway.get(`/v1/events/deliveries?${query}`)).json as {
    readonly data: readonly { readonly id: string; readonly state: string }[];
  };

function isSignedWith(secret: Buffer, index: number): boolean {
  const event = receiver.received[index];
  const content = `${event?.headers['webhook-id']}.${event?.headers['webhook-timestamp']}.${event?.text}`;
  const mac = `v1,${createHmac('sha256', secret).update(content).digest('base64')}`;
  return String(event?.headers['webhook-signature']).split(' ').includes(mac);
}

test('an approval within its request needs no event; what was pending is told, signed', async () => {
  expect((await gateway.authorize(paymentBody('order-1'), 'key-order-1')).status).toBe(201);
  const id = await pending('order-2');
  await receiver.has(1);
  const [event] = receiver.received;
  expect(event?.body).toMatchObject({
    type: 'authorization.resolved',
    data: { authorization: { id, status: 'failed', reference: 'order-2' } },
  });
  expect(event?.body.data.authorization).toEqual((await gateway.get(`/v1/authorizations/${id}`)).json);
  expect(isSignedWith(key(1), 0)).toBe(true);
  await eventually('it is delivered', async () => (await deliveries('state=delivered')).data[0] ?? null);
  expect(
    await gateway.metric('pointsman_event_deliveries_total', '{endpoint="orders",result="delivered"}'),
  ).toBe(1);
});

test('a process that is killed before it can record a delivery sends it again, under the same id', async () => {
  receiver.reactions.push(() => {});
  await pending('order-3');
  await receiver.has(2);
  await gateway.kill9();
  shown.push(gateway.output.text());
  await gateway.restart();
  await receiver.has(3);
  expect(receiver.ids[2]).toBe(receiver.ids[1]);
  expect(receiver.received[2]?.text).toBe(receiver.received[1]?.text);
});

test('an event is sent anew when a person says so, which is told in the log', async () => {
  const id = receiver.ids[0] ?? '';
  const replay = await gateway.call('POST', `/v1/events/deliveries/${id}/replay`);
  expect([replay.status, replay.json]).toEqual([202, expect.objectContaining({ id, state: 'waiting' })]);
  await receiver.has(4);
  expect(receiver.ids[3]).toBe(id);
  const replayed = await eventually('it is told', () => gateway.output.events('event_replayed')[0] ?? null);
  expect(replayed).toMatchObject({ delivery: id, account: 'development' });
  expect((await gateway.call('POST', '/v1/events/deliveries/evt_orders_x_1_1/replay')).status).toBe(404);
});

describe('secrets that are replaced while it runs', () => {
  const webhook = async (secret: string) => {
    const about = {
      id: 'cap_1',
      reference: null,
      authorization_id: 'sbx_1',
      authorization_reference: 'att_x_1',
    };
    const data = { ...about, status: 'confirmed', amount: { value: 1, currency: 'EUR' } };
    const body = JSON.stringify({ id: 'evt_1', type: 'capture.confirmed', provider: 'sandbox-a', data });
    const headers = { 'sandbox-signature': signedAs(body, 0, secret) };
    return (await gateway.call('POST', '/v1/webhooks/sandbox-a', { body, headers, key: null })).status;
  };

  test('two webhook secrets are valid at a time, and a broken file changes nothing', async () => {
    expect([await webhook(`${SENTINEL}-one`), await webhook(`${SENTINEL}-two`)]).toEqual([200, 401]);
    writeFileSync(file('webhook'), `${SENTINEL}-two, ${SENTINEL}-one`);
    gateway.signal('SIGHUP');
    const [rotated] = await eventually('it is taken up', () => {
      const lines = gateway.output.events('credentials_rotated');
      return lines.length > 0 ? lines : null;
    });
    expect(rotated).toMatchObject({ provider: 'sandbox-a', credentials: 'webhook_secret' });
    expect([await webhook(`${SENTINEL}-one`), await webhook(`${SENTINEL}-two`)]).toEqual([200, 200]);
    rmSync(file('webhook'));
    gateway.signal('SIGHUP');
    const alert = await eventually(
      'it is alerted',
      () => gateway.output.events('alert').find(({ kind }) => kind === 'credential_rotation_failed') ?? null,
    );
    expect(alert['detail']).toMatch(/^sandbox-a goes on .* webhook_secret of "sandbox-a" is not readable/);
    expect(await webhook(`${SENTINEL}-two`)).toBe(200);
    writeFileSync(file('webhook'), `${SENTINEL}-two`);
    gateway.signal('SIGHUP');
    await eventually('the old one is gone', async () =>
      (await webhook(`${SENTINEL}-one`)) === 401 ? true : null,
    );
  });

  test('an endpoint is signed for with both secrets, and then with the new one', async () => {
    writeFileSync(file('whsec'), whsec(key(2), key(1)));
    gateway.signal('SIGHUP');
    await eventually('it is taken up', () => gateway.output.events('event_endpoints').at(1) ?? null);
    const before = receiver.received.length;
    await pending('order-4');
    await receiver.has(before + 1);
    expect([isSignedWith(key(1), before), isSignedWith(key(2), before)]).toEqual([true, true]);
  });

  test('the new key of a provider goes out with the next call', async () => {
    writeFileSync(file('api-key'), `${SENTINEL}-wrong`);
    gateway.signal('SIGHUP');
    const rotated = () =>
      gateway.output.events('credentials_rotated').some(({ credentials }) => credentials === 'api_key');
    await eventually('it is taken up', () => (rotated() ? true : null));
    const refused = authorizationIn(await gateway.authorize(paymentBody('order-5'), 'key-order-5'));
    expect([refused.status, refused.attempts[0]?.outcome]).toEqual(['failed', 'rejected']);
  });

  test('no secret was said or shown anywhere', async () => {
    for (const path of ['/readyz', '/metrics', '/v1/providers', '/v1/events/deliveries', '/v1/nothing']) {
      shown.push((await gateway.get(path)).text);
    }
    gateway.writeRules('providers.yaml', providers(`${folder}/${SENTINEL}-nowhere`));
    shown.push(
      await eventually('the edit is refused', async () => {
        const { text } = await gateway.get('/readyz', { key: null });
        return text.includes('not readable') ? text : null;
      }),
    );
    shown.push(gateway.output.text(), ...receiver.received.map(({ text }) => text));
    const all = shown.join('\n');
    expect(all.length).toBeGreaterThan(5_000);
    for (const secret of [SENTINEL, key(1).toString('base64'), key(2).toString('base64'), 'whsec_']) {
      expect(all).not.toContain(secret);
    }
  });
});

test('a start names everything that is missing at once, by provider, and no value', async () => {
  const broken = JSON.stringify({
    providers: ['a', 'b'].map((id) => ({
      id: `sandbox-${id}`,
      adapter: 'sandbox',
      merchants: 'all',
      credentials: { api_key: `env:${SENTINEL}_${id}`, webhook_secret: `file:/nowhere/${SENTINEL}` },
    })),
  });
  await using failing = launchGateway({ providers: broken, rules: priorityRules(['sandbox-a']) });
  await failing.ended();
  const { errors } = failing.output;
  expect(errors).toMatch(
    /missing: sandbox-a \(api_key, webhook_secret\), sandbox-b \(api_key, webhook_secret\)/,
  );
  expect(errors.match(/is not set|is not readable/g)).toHaveLength(4);
  expect(errors).not.toContain(SENTINEL);
});

test('a start with a bad file of endpoints says where', async () => {
  writeFileSync(
    file('bad.yaml'),
    'endpoints:\n  - { id: orders, account: a, url: "http://x/", secret: "env:NONE" }\n',
  );
  await using failing = launchGateway({ env: { EVENT_ENDPOINTS_FILE: file('bad.yaml') } });
  expect((await failing.ended()).code).toBe(1);
  expect(failing.output.errors).toMatch(/bad\.yaml:2:\d+ {2}http:\/\/ to another machine/);
  expect(failing.output.errors).toMatch(/bad\.yaml:2:\d+ {2}the environment variable named there for secret/);
});
