import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EVENT_TYPES, isWanted } from '../../src/core/outgoing-event.ts';
import { renderAuthorization } from '../../src/edge/answer.ts';
import { eventSchema } from '../../src/edge/answer-schemas.ts';
import { renderEvent } from '../../src/edge/event-answer.ts';
import { SignedEventSender } from '../../src/events/signed-event-sender.ts';
import { DELIVERY_LEASE_MS, EventDeliverer } from '../../src/gateway/deliver-events.ts';
import type { GatewayDeps } from '../../src/gateway/gateway-deps.ts';
import type { DeliveryState, EventEndpoint, Journal } from '../../src/gateway/ports.ts';
import { createTransport } from '../../src/providers/transport.ts';
import { openInProcessJournal } from '../../src/stores/sqlite/in-process-journal.ts';
import {
  concluded,
  OUTCOMES,
  sampleBegin,
  sampleEnd,
  sampleFinding,
  T0,
  written,
} from '../contracts/journal-fixtures.ts';
import { CrashJournal } from '../support/crash-journal.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { GatewayWorld, idIn } from '../support/gateway-world.ts';
import { roadDeps } from '../support/road-deps.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { answering, EventReceiver, type Reaction } from './event-receiver.ts';

const OLD_KEY = Buffer.alloc(24, 1);
const NEW_KEY = Buffer.alloc(32, 2);

let clock: FakeClock;
let journal: Journal;
let receiver: EventReceiver;
let sender: SignedEventSender;
let endpoints: EventEndpoint[];
let alerts: string[];
let told: string[];
let stop: AbortController;

beforeEach(async () => {
  clock = new FakeClock(T0 + 1_000);
  journal = openInProcessJournal(':memory:');
  receiver = await EventReceiver.start();
  sender = new SignedEventSender({ clock, connect: createTransport, version: '0.1.0' });
  endpoints = [endpointOf('orders')];
  alerts = [];
  told = [];
  stop = new AbortController();
});
afterEach(async () => {
  sender.close();
  await receiver[Symbol.asyncDispose]();
  await journal.close();
});

function endpointOf(id: string, over: Partial<EventEndpoint> = {}): EventEndpoint {
  const { url } = receiver;
  const choice = { types: 'all', includesAnswered: false, enabled: true } as const;
  return { id, account: 'acme', url, secrets: [OLD_KEY], ...choice, ...over };
}

function process(owner = 'pod-1', over: Partial<GatewayDeps> = {}): EventDeliverer {
  const deps = roadDeps({
    clock,
    random: new SeededRandom(20_261_128),
    journal,
    provider: () => undefined,
    owner,
    observer: {
      alert: ({ kind }) => alerts.push(kind),
      eventSent: ({ result, detail }) => told.push(`${result} ${detail}`),
    },
    outgoing: {
      endpoints: () => endpoints,
      sender,
      pacer: { run: (_endpoint, task) => task() },
      render: renderEvent,
    },
  });
  return new EventDeliverer({ ...deps, stopSignal: stop.signal, ...over });
}

/** One look, with everything sent and recorded. */
async function look(deliverer: EventDeliverer): Promise<void> {
  await deliverer.takeUp();
  await deliverer.idle();
}

/** A process whose endpoints stand at the end of the history. */
async function begun(owner?: string): Promise<EventDeliverer> {
  const deliverer = process(owner);
  await look(deliverer);
  return deliverer;
}

/** Pending, and then known: one event. */
async function resolved(id: string) {
  const pending = await concluded(journal, id, OUTCOMES.unknown);
  return written(journal, sampleFinding(pending, 1, OUTCOMES.approved));
}

async function inState(state: DeliveryState) {
  return (await journal.listDeliveries({ account: 'acme', merchants: 'all', state, limit: 200 })).data;
}

const SECOND = 1_000;

describe('telling endpoints', () => {
  it('what reading shows, signed, with id and time', async () => {
    const deliverer = await begun();
    const authorization = await resolved('auth_one');
    await look(deliverer);
    const [event, ...more] = receiver.received;
    expect(more).toEqual([]);
    if (event === undefined) throw new Error('nothing was received');
    expect(eventSchema.parse(event.body)).toEqual({
      id: 'evt_orders_one_3_1',
      type: 'authorization.resolved',
      created_at: new Date(T0 + 200).toISOString(),
      data: {
        version: 3,
        authorization: JSON.parse(renderAuthorization(authorization).body),
        operation: null,
        dispute: null,
      },
    });
    const { headers, text } = event;
    const timestamp = String(Math.floor(clock.wallMs() / 1000));
    expect(headers).toMatchObject({
      'webhook-id': 'evt_orders_one_3_1',
      'webhook-timestamp': timestamp,
      'content-type': 'application/json',
      'user-agent': 'pointsman/0.1.0',
    });
    const mac = createHmac('sha256', OLD_KEY).update(`evt_orders_one_3_1.${timestamp}.${text}`);
    expect(headers['webhook-signature']).toBe(`v1,${mac.digest('base64')}`);
    expect(event.path).toBe('/events?tenant=1');
    expect(text).not.toMatch(/tok_|45717360|"0007"|cavv/);
    expect(await inState('delivered')).toMatchObject([{ id: 'evt_orders_one_3_1', lastResult: '204' }]);
    expect(told).toEqual(['delivered 204']);
    await look(deliverer);
    expect(receiver.received).toHaveLength(1);
  });

  it.each<readonly [what: string, reaction: Reaction, result: string | RegExp]>([
    ['fails', answering(500), '500'],
    ['does not know it', answering(404), '404'],
    ['redirects', answering(307, { location: 'http://127.0.0.1:1/elsewhere' }), '307'],
    ['resets the connection', (response) => response.socket?.resetAndDestroy(), 'ECONNRESET'],
    ['ends the connection', (response) => response.socket?.end(), 'ECONNRESET'],
    [
      'says more than is read',
      (response) => response.writeHead(200).end(Buffer.alloc(600_000)),
      'answer_too_large',
    ],
    [
      'answers in part',
      (response) => response.writeHead(200, { 'content-length': '9' }).end('x', () => response.socket?.end()),
      'truncated_answer',
    ],
  ])('again, under the same id, where the receiver %s', async (_what, reaction, result) => {
    const deliverer = await begun();
    await resolved('auth_one');
    receiver.reactions.push(reaction);
    await look(deliverer);
    const [waiting] = await inState('waiting');
    expect(waiting).toMatchObject({ failures: 1, lastResult: result });
    const delayMs = (waiting?.dueAtMs ?? 0) - clock.wallMs();
    expect(delayMs).toBeGreaterThanOrEqual(4_500);
    expect(delayMs).toBeLessThanOrEqual(5_500);
    await look(deliverer);
    expect(receiver.received, 'not before it is due').toHaveLength(1);
    await clock.advance(delayMs);
    await look(deliverer);
    const [first, second] = receiver.received;
    expect(second?.text).toBe(first?.text);
    expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
    expect(second?.headers['webhook-timestamp']).not.toBe(first?.headers['webhook-timestamp']);
    expect(await inState('delivered')).toHaveLength(1);
  });

  it('for ten seconds at most, whether the receiver hangs or answers late', async () => {
    const deliverer = await begun();
    await resolved('auth_one');
    const late: (() => void)[] = [];
    receiver.reactions.push((response) => late.push(() => response.writeHead(204).end()));
    await deliverer.takeUp();
    await receiver.has(1);
    await clock.advance(9_999);
    expect(told).toEqual([]);
    await clock.advance(1);
    await deliverer.idle();
    for (const answer of late) answer();
    expect(await inState('waiting')).toMatchObject([{ failures: 1, lastResult: 'timeout' }]);
    await clock.advance(6 * SECOND);
    await look(deliverer);
    expect(receiver.ids).toEqual(['evt_orders_one_3_1', 'evt_orders_one_3_1']);
    expect(told).toEqual(['failed timeout', 'delivered 204']);
  });

  it('no sooner than the receiver asks for, within a day', async () => {
    const deliverer = await begun();
    await resolved('auth_one');
    receiver.reactions.push(
      answering(429, { 'retry-after': '600' }),
      answering(503, { 'retry-after': '9999999' }),
    );
    await look(deliverer);
    expect((await inState('waiting'))[0]?.dueAtMs).toBe(clock.wallMs() + 600 * SECOND);
    await clock.advance(600 * SECOND);
    await look(deliverer);
    expect((await inState('waiting'))[0]?.dueAtMs).toBe(clock.wallMs() + 86_400 * SECOND);
  });

  it('ten times within three days and a half, and then not any more until a person says so', async () => {
    const deliverer = await begun();
    await resolved('auth_one');
    receiver.reactions.push(...Array.from({ length: 10 }, () => answering(503)));
    const startMs = clock.wallMs();
    for (;;) {
      await look(deliverer);
      const [waiting] = await inState('waiting');
      if (waiting === undefined) break;
      await clock.advance((waiting.dueAtMs ?? 0) - clock.wallMs());
    }
    expect(receiver.received).toHaveLength(10);
    const hours = (clock.wallMs() - startMs) / 3_600_000;
    expect(hours).toBeGreaterThan(75.6 * 0.9);
    expect(hours).toBeLessThan(75.6 * 1.1);
    expect(told.at(-1)).toBe('dead 503');
    expect(alerts).toEqual(['event_dead']);
    expect(await inState('dead')).toMatchObject([{ failures: 10, lastResult: '503' }]);
    await clock.advance(30 * 86_400 * SECOND);
    await look(deliverer);
    expect(receiver.received).toHaveLength(10);
    await journal.replayDelivery('evt_orders_one_3_1', { account: 'acme', merchants: 'all' }, clock.wallMs());
    await look(deliverer);
    expect(new Set(receiver.ids).size).toBe(1);
    expect(await inState('delivered')).toHaveLength(1);
  });

  it('nothing more after 410, until its entry is another one; nothing is lost', async () => {
    const deliverer = await begun();
    await resolved('auth_one');
    receiver.reactions.push(answering(410));
    await look(deliverer);
    await resolved('auth_two');
    await clock.advance(86_400 * SECOND);
    await look(deliverer);
    expect(receiver.received).toHaveLength(1);
    expect(alerts).toEqual(['event_endpoint_gone']);
    expect(endpoints.map((endpoint) => deliverer.stateOf(endpoint))).toEqual(['paused']);
    endpoints = [endpointOf('orders')];
    expect(endpoints.map((endpoint) => deliverer.stateOf(endpoint))).toEqual(['told']);
    await look(deliverer);
    expect(new Set(receiver.ids)).toEqual(new Set(['evt_orders_one_3_1', 'evt_orders_two_3_1']));
    expect(await inState('delivered')).toHaveLength(2);
  });
});

describe('order', () => {
  it('is that of the history within an authorization, until the first has failed twice', async () => {
    const deliverer = await begun();
    const capturing = await written(journal, sampleBegin(await resolved('auth_one')));
    await written(journal, sampleEnd(capturing, 1, {}, { event: { actor: 'resolver' } }));
    await resolved('auth_two');
    receiver.reactions.push((response, event) =>
      answering(event.body.data.authorization.id === 'auth_one' ? 503 : 204)(response, event),
    );
    const typesOf = () => receiver.received.map(({ body }) => `${body.data.authorization.id} ${body.type}`);
    await look(deliverer);
    expect(typesOf().toSorted()).toEqual([
      'auth_one authorization.resolved',
      'auth_two authorization.resolved',
    ]);
    receiver.reactions.push(answering(503));
    await clock.advance(6 * SECOND);
    await look(deliverer);
    expect(typesOf().slice(2)).toEqual(['auth_one authorization.resolved']);
    await look(deliverer);
    expect(typesOf().slice(3), 'it overtakes').toEqual(['auth_one capture.settled']);
    expect(receiver.received.at(-1)?.body.data.version).toBe(5);
    await clock.advance(400 * SECOND);
    await look(deliverer);
    expect(typesOf().slice(4)).toEqual(['auth_one authorization.resolved']);
    expect(await inState('waiting')).toEqual([]);
  });

  it('of one endpoint that hangs does not hold up another', async () => {
    await using other = await EventReceiver.start();
    endpoints = [endpointOf('orders'), endpointOf('books', { url: other.url })];
    const deliverer = await begun();
    for (let number = 0; number < 40; number += 1) await resolved(`auth_${number}`);
    receiver.reactions.push(...Array.from({ length: 40 }, () => () => {}));
    await deliverer.takeUp();
    await receiver.has(8);
    await other.has(16);
    // The first of those that were in hand are recorded by now, and there is room again.
    while (other.received.length < 40) {
      await deliverer.takeUp();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(new Set(other.ids).size).toBe(40);
    expect(receiver.received).toHaveLength(8);
    stop.abort();
    await deliverer.idle();
  });
});

describe('processes', () => {
  it('one that dies between a delivery and its record: it is sent again, under the same id', async () => {
    await begun();
    await resolved('auth_one');
    // Calls of one look: deliveries are made, none is left to make, they are taken up, and what became of one is recorded.
    const dead = new CrashJournal(journal, { call: 3, when: 'before' });
    await process('pod-1', { journal: dead.journal }).takeUp();
    await receiver.has(1);
    while (!dead.dead) await new Promise((resolve) => setImmediate(resolve));
    expect(dead.calls).toEqual(['makeDeliveries', 'makeDeliveries', 'takeDeliveries', 'settleDelivery']);
    const survivor = process('pod-2');
    await look(survivor);
    expect(receiver.received, 'its lease lives on').toHaveLength(1);
    await clock.advance(DELIVERY_LEASE_MS);
    await look(survivor);
    expect(receiver.ids).toEqual(['evt_orders_one_3_1', 'evt_orders_one_3_1']);
    expect(new Set(receiver.received.map(({ text }) => text)).size).toBe(1);
    expect(await inState('delivered')).toHaveLength(1);
  });

  it('two that look at once send each event once', async () => {
    const first = await begun('pod-1');
    const second = process('pod-2');
    for (let number = 0; number < 50; number += 1) await resolved(`auth_${number}`);
    for (let turn = 0; turn < 5; turn += 1) await Promise.all([look(first), look(second)]);
    expect(receiver.received).toHaveLength(50);
    expect(new Set(receiver.ids).size).toBe(50);
    expect(await inState('delivered')).toHaveLength(50);
  });

  it('one that ends lets what is on its way arrive, and takes nothing up any more', async () => {
    const deliverer = await begun();
    await resolved('auth_one');
    let answer = () => {};
    receiver.reactions.push((response) => {
      answer = () => response.writeHead(204).end();
    });
    await deliverer.takeUp();
    await receiver.has(1);
    const stopped = deliverer.stop();
    await resolved('auth_two');
    expect(await deliverer.takeUp()).toBe(0);
    answer();
    await stopped;
    expect(await inState('delivered')).toHaveLength(1);
  });

  it('one that runs out of time puts back what is on its way, as if it had not been tried', async () => {
    const deliverer = await begun();
    await resolved('auth_one');
    receiver.reactions.push(() => {});
    await deliverer.takeUp();
    await receiver.has(1);
    stop.abort();
    await deliverer.stop();
    expect(await inState('waiting')).toMatchObject([{ failures: 0, lastResult: null }]);
    stop = new AbortController();
    await look(process('pod-2'));
    expect(receiver.ids).toEqual(['evt_orders_one_3_1', 'evt_orders_one_3_1']);
  });

  it('a record that fails is made by a later try', async () => {
    await begun();
    await resolved('auth_one');
    const failing = { ...journal, settleDelivery: () => Promise.reject(new Error('no')) };
    const proxy = new Proxy(journal, {
      get: (target, name) =>
        name === 'settleDelivery' ? failing.settleDelivery : Reflect.get(target, name).bind(target),
    });
    await look(process('pod-1', { journal: proxy }));
    expect(alerts).toEqual(['event_delivery_failed']);
    await clock.advance(DELIVERY_LEASE_MS);
    await look(process('pod-1'));
    expect(receiver.ids).toEqual(['evt_orders_one_3_1', 'evt_orders_one_3_1']);
    expect(await inState('delivered')).toHaveLength(1);
  });
});

describe('endpoints', () => {
  it('one that is disabled is told nothing, and everything once it is enabled', async () => {
    const deliverer = await begun();
    endpoints = [endpointOf('orders', { enabled: false })];
    await resolved('auth_one');
    await look(deliverer);
    expect(receiver.received).toEqual([]);
    expect(await inState('waiting')).toEqual([]);
    endpoints = [endpointOf('orders')];
    await look(deliverer);
    expect(receiver.ids).toEqual(['evt_orders_one_3_1']);
  });

  it('an id that is given to another account is told nothing of the one before', async () => {
    const deliverer = await begun();
    await resolved('auth_one');
    receiver.reactions.push(answering(503));
    await look(deliverer);
    endpoints = [endpointOf('orders', { account: 'other' })];
    await clock.advance(60 * SECOND);
    await look(deliverer);
    expect(receiver.received).toHaveLength(1);
  });

  it('with two secrets are sent a signature of each, so that either side may be first', async () => {
    endpoints = [endpointOf('orders', { secrets: [NEW_KEY, OLD_KEY] })];
    const deliverer = await begun();
    await resolved('auth_one');
    await look(deliverer);
    const [event] = receiver.received;
    const content = `${event?.headers['webhook-id']}.${event?.headers['webhook-timestamp']}.${event?.text}`;
    const macOf = (key: Buffer) => `v1,${createHmac('sha256', key).update(content).digest('base64')}`;
    expect(event?.headers['webhook-signature']).toBe(`${macOf(NEW_KEY)} ${macOf(OLD_KEY)}`);
  });
});

describe('what is told without answers', () => {
  it('is what is told with them but for the answers: nothing is passed over by mistake', async () => {
    const script = ['hang_unprocessed', 'approve', 'hang_unprocessed', 'approve', 'decline_hard'] as const;
    const world = new GatewayWorld({
      script: { 'sandbox-a': script },
      provider: { semantics: { notFoundAfterMs: null, replay: 'none' } },
    });
    const gateway = world.process();
    const subscriptions = [false, true].map((includesAnswered) => ({
      endpoint: includesAnswered ? 'every' : 'orders',
      account: 'acme',
      types: 'all' as const,
      includesAnswered,
    }));
    for (const each of subscriptions) await world.journal.makeDeliveries(each, 0, 1);
    for (const [index, kind] of (['capture', 'void', 'void', 'capture', 'capture'] as const).entries()) {
      const id = idIn(await world.authorize(gateway, { reference: `order-${index}` }, `key-${index}`));
      await world.operate(gateway, id, { kind }, `op-${index}`);
      if (script[index] === 'hang_unprocessed') {
        const attemptId = (await world.get(id)).attempts[0]?.id ?? '';
        await world.resolveByPerson(gateway, {
          attemptId,
          resolution: 'not_processed',
          providerReference: null,
        });
      }
      await world.pass(60_000, gateway);
      if (kind === 'capture')
        await world.operate(gateway, id, { kind: 'refund', amount: 100 }, `refund-${index}`);
    }
    await world.authorize(gateway, { reference: 'order-expires' }, 'key-expires');
    await world.pass(8 * 86_400_000, gateway);
    const storyOf = async (subscription: (typeof subscriptions)[number]) => {
      let moved = 1;
      while (moved > 0) moved = await world.journal.makeDeliveries(subscription, world.clock.wallMs(), 7);
      const events: {
        readonly id: string;
        readonly type: (typeof EVENT_TYPES)[number];
        readonly answered: boolean;
      }[] = [];
      for (;;) {
        const lease = { owner: 'pod', untilMs: world.clock.wallMs() + 1 };
        const taken = await world.journal.takeDeliveries(subscription, world.clock.wallMs(), 200, lease);
        if (taken.length === 0) return events;
        for (const { delivery, told: what } of taken) {
          const { id, type } = delivery;
          events.push({ id: id.replace(/^evt_[a-z]+_/, ''), type, answered: what?.event.answered ?? true });
          const done = { kind: 'delivered', result: '204', atMs: world.clock.wallMs() } as const;
          await world.journal.settleDelivery(id, 'pod', done);
        }
      }
    };
    const [unanswered = [], every = []] = await Promise.all(subscriptions.map(storyOf));
    const choice = { types: 'all', includesAnswered: false } as const;
    const byId = (one: { readonly id: string }, other: { readonly id: string }) =>
      one.id.localeCompare(other.id);
    expect(unanswered.toSorted(byId)).toEqual(
      every.filter((event) => isWanted(event, choice)).toSorted(byId),
    );
    const types = [...new Set(unanswered.map(({ type }) => type))].toSorted();
    expect(types).toEqual(['authorization.resolved', 'void.settled']);
    expect(every.length).toBeGreaterThan(unanswered.length);
    await world.journal.close();
  });
});
