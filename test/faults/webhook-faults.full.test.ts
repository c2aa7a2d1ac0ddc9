import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callSandbox, setTraits, settleAt } from '../support/call-sandbox.ts';
import { eventually, pause } from '../support/eventually.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import type { TestGateway } from '../support/start-gateway.ts';
import { type Paid, Story, type StoryPlan, startStories } from '../support/story-gateway.ts';
import { signedAs, type TrappedEvent, WebhookTrap } from '../support/webhook-trap.ts';

/**
 * Faults T37 to T39: what may happen to an event between provider and gateway: an event counts once, nothing regresses, the
 * signature is over the bytes and no field can pass for another. By the sandbox's own scheme, which has a time;
 * `joined-signatures.full.test.ts` has one without, over joined fields.
 */

/** Names that would be confused if parts were joined by a colon, a dot, a comma … and signed so. */
const MERCHANTS = ['a', 'a:b', 'a.b', 'a,b', 'a=b', 'a|b', 'a\\:b'];
const REFERENCES = ['b:c', 'c', ':c', '.c', ',v1=c', 't=1', '{c}', '"c', '\\c', '%3Ac', 'b:b:c'];

const SEED = Number(process.env['SEED'] ?? 20_261_128);
const FLIPS = 60;

let gateway: TestGateway;
let trap: WebhookTrap;
const story = (name: string) => new Story(name, () => gateway);

beforeAll(async () => {
  const names = ['duplicates', 'aged', 'flipped', 'signatures', 'headers', 'replayed'];
  gateway = await startStories([
    ...names.map((name): StoryPlan => ({ name })),
    // Only events tell how captures and refunds went.
    { name: 'by-events', semantics: { operation_inquiry: false } },
    { name: 'odd', merchants: MERCHANTS },
  ]);
  trap = await WebhookTrap.between(gateway);
  for (const name of [...names, 'by-events', 'odd']) trap.hold(`${name}-a`);
}, 60_000);

afterAll(async () => {
  await trap?.[Symbol.asyncDispose]();
  await gateway?.[Symbol.asyncDispose]();
});

/** A payment that is pending, whose provider has decided by now and told of it: the event is in the trap. */
async function pendingWithEvent(name: string, more: Readonly<Record<string, unknown>> = {}) {
  const told = story(name);
  // Inquiries do not know yet, so that only the event can tell.
  const blind = await told.fault('a', { kind: 'error', operation: 'inquire', times: null });
  const paid = await told.pay({ tokens: { a: 'tok_pending' }, more });
  expect(paid.answer.status).toBe(202);
  const attemptId = paid.authorization.attempts[0]?.id ?? '';
  await settleAt(gateway.sandbox, attemptId, 'authorized');
  return { told, paid, blind, event: await trap.event(attemptId, 'authorization.authorized') };
}

/** Nothing that was delivered has any effect: the authorization is as open as it was. */
async function expectStillPending({ authorization: { id } }: Paid, told: Story): Promise<void> {
  await pause(300);
  expect((await told.read(id)).status).toBe('pending');
}

/** The same event under another id, signed anew. */
function underId(event: TrappedEvent, id: string): { readonly body: string; readonly signatures: [string] } {
  const body = JSON.stringify({ ...JSON.parse(event.body), id });
  return { body, signatures: [signedAs(body)] };
}

describe('T37: duplicates, order, age', () => {
  test('T37: fifty at once, half of them under other ids, have one effect', async () => {
    const { told, paid, blind, event } = await pendingWithEvent('duplicates', { capture: 'automatic' });
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        trap.deliver(event, index % 2 === 0 ? {} : underId(event, `evt_other_${index}`)),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200));
    // From here on it may be asked what became of the capture.
    await gateway.sandbox.removeFault(blind);
    const { id } = paid.authorization;
    const end = await told.until(id, 'captured', ({ status }) => status === 'captured');
    expect(end.operations).toHaveLength(1);
    await pause(300);
    const [entry] = await told.at('a', paid.reference);
    expect(entry).toMatchObject({ live: true, captured_amount: 4999, asked: 1 });
    expect(entry?.operations).toMatchObject([{ operation: 'capture', status: 'confirmed', asked: 1 }]);
    const applied = () =>
      gateway.output
        .events('resolution')
        .filter((line) => line['authorization_id'] === id && line['by'] === 'webhook');
    // Each id is worked out once: the true one, and the twenty-five others, which say nothing new.
    await eventually('all of them are worked out', () => (applied().length >= 26 ? true : null));
    expect(applied()).toHaveLength(26);
    expect((await told.requests()).b).toBe(0);
  });

  test('T37: in any order, and each twice, events come to the same end', async () => {
    const told = story('by-events');
    const provider = told.provider('a');
    await setTraits(gateway.sandbox, { provider, operations: 'received', operation_delay_ms: 50 });
    const paid = await told.pay();
    const { id, attempts } = paid.authorization;
    const attemptId = attempts[0]?.id ?? '';
    const operate = async (kind: 'captures' | 'refunds') => {
      const headers = { 'idempotency-key': `${kind}-${id}` };
      const answer = await gateway.call('POST', `/v1/authorizations/${id}/${kind}`, { body: {}, headers });
      expect(answer.status).toBe(202);
    };
    const send = async (event: TrappedEvent) => {
      for (const each of [event, event]) expect((await trap.deliver(each)).status).toBe(200);
    };
    await operate('captures');
    const captured = await trap.event(attemptId, 'capture.confirmed');
    const authorized = await trap.event(attemptId, 'authorization.authorized');
    await send(captured);
    await told.until(id, 'captured', ({ status }) => status === 'captured');
    await send(authorized);
    await operate('refunds');
    const refunded = await trap.event(attemptId, 'refund.confirmed');
    await send(refunded);
    await told.until(id, 'refunded', ({ status }) => status === 'refunded');
    const orders = [
      [authorized, captured, refunded],
      [authorized, refunded, captured],
      [captured, authorized, refunded],
      [captured, refunded, authorized],
      [refunded, authorized, captured],
      [refunded, captured, authorized],
    ];
    for (const [turn, order] of orders.entries()) {
      for (const event of order) {
        const again = underId(event, `evt_turn_${turn}_${event.id}`);
        expect((await trap.deliver(event, again)).status).toBe(200);
      }
    }
    await pause(500);
    expect((await told.read(id)).status).toBe('refunded');
    const [entry] = await told.at('a', paid.reference);
    expect(entry?.operations.map(({ operation }) => operation)).toEqual(['capture', 'refund']);
    expect(entry).toMatchObject({ captured_amount: 4999, refunded_amount: 4999 });
  });

  test('T37: what is signed more than five minutes ago, or ahead, is refused', async () => {
    const { told, paid, event } = await pendingWithEvent('aged');
    for (const ageS of [306, 360, 3_600, 86_400, -306, -3_600]) {
      const { status } = await trap.deliver(event, { signatures: [signedAs(event.body, ageS)] });
      expect([ageS, status]).toEqual([ageS, 401]);
    }
    // As the provider itself sends it again.
    const before = trap.caught.length;
    await callSandbox(gateway.sandbox, 'POST', '/webhooks/resend', { id: event.id, age_s: 360 });
    const aged = await eventually('it is caught', () => trap.caught[before] ?? null);
    expect((await trap.deliver(aged)).status).toBe(401);
    await expectStillPending(paid, told);
    expect((await trap.deliver(event, { signatures: [signedAs(event.body, 240)] })).status).toBe(200);
    await told.until(paid.authorization.id, 'approved', ({ status }) => status === 'approved');
  });
});

describe('T37: what is not as it was signed', () => {
  test(`T37: one flipped bit, ${FLIPS} times (seed ${SEED})`, async () => {
    const { told, paid, event } = await pendingWithEvent('flipped');
    const random = new SeededRandom(SEED);
    const bytes = Buffer.from(event.body);
    const flips = Array.from({ length: FLIPS }, () => random.integer(0, bytes.length * 8 - 1));
    for (const bit of flips) {
      const body = Buffer.from(bytes);
      body[bit >> 3] = (body[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const { status } = await trap.deliver(event, { body });
      // 400 where it is no UTF-8 any more.
      expect([400, 401], `bit ${bit}`).toContain(status);
    }
    await expectStillPending(paid, told);
    expect((await trap.deliver(event)).status).toBe(200);
    await told.until(paid.authorization.id, 'approved', ({ status }) => status === 'approved');
  });

  test('T37: signatures of a wrong length, kind, key or form', async () => {
    const { told, paid, event } = await pendingWithEvent('signatures');
    const good = signedAs(event.body);
    const [time = '', hex = ''] = good.split(',v1=');
    const base64 = Buffer.from(hex, 'hex').toString('base64');
    const bad: readonly string[] = [
      '',
      ',',
      'v1=',
      't=',
      time,
      `v1=${hex}`,
      `${time},v1=`,
      `${time},v1=${hex.slice(0, -1)}`,
      `${time},v1=${hex.slice(0, -2)}`,
      `${time},v1=${hex}00`,
      `${time},v1=${base64}`,
      `${time},v1=${base64.slice(0, -3)}`,
      `${time},v1=${'z'.repeat(64)}`,
      `${time},v1=${'0'.repeat(64)}`,
      `${time},v1=${'0'.repeat(10_000)}`,
      `${time},v0=${hex}`,
      `${time},v2=${hex}`,
      `t=,v1=${hex}`,
      `t=now,v1=${hex}`,
      `t=-1,v1=${hex}`,
      `t=1e9,v1=${hex}`,
      `${time}0,v1=${hex}`,
      signedAs(event.body, 0, 'another-secret'),
    ];
    expect(bad).toHaveLength(23);
    for (const signature of bad) {
      const { status } = await trap.deliver(event, { signatures: [signature] });
      expect([signature.slice(0, 80), status]).toEqual([signature.slice(0, 80), 401]);
    }
    expect((await trap.deliver(event, { signatures: [] })).status).toBe(401);
    // A good one of another provider, and of nobody.
    expect((await trap.deliver(event, { provider: 'nobody' })).status).toBe(404);
    await expectStillPending(paid, told);
    // Among several of the same time, as while a secret is being replaced, one is enough.
    const several = `${time},v1=${'0'.repeat(64)},v1=${hex}`;
    expect((await trap.deliver(event, { signatures: [several] })).status).toBe(200);
    await told.until(paid.authorization.id, 'approved', ({ status }) => status === 'approved');
  });

  test('T37: the header twice', async () => {
    const { told, paid, event } = await pendingWithEvent('headers');
    const good = signedAs(event.body);
    const [time = ''] = good.split(',');
    const wrong = `${time},v1=${'0'.repeat(64)}`;
    const old = signedAs(event.body, 3_600);
    for (const signatures of [
      [wrong, wrong],
      [old, old],
      // The first time counts, and it is not that of the second signature.
      [old, good],
      ['', ''],
    ]) {
      expect((await trap.deliver(event, { signatures })).status).toBe(401);
    }
    await expectStillPending(paid, told);
    for (const signatures of [
      [wrong, good],
      [good, wrong],
      [good, good],
    ]) {
      expect((await trap.deliver(event, { signatures })).status).toBe(200);
    }
    await told.until(paid.authorization.id, 'approved', ({ status }) => status === 'approved');
  });
});

test('T38: sent again after everything has moved on, by the same id or another one: no regression', async () => {
  const { told, paid, event } = await pendingWithEvent('replayed');
  const { id } = paid.authorization;
  await trap.deliver(event);
  await told.until(id, 'approved', ({ status }) => status === 'approved');
  await gateway.sandbox.clearFaults();
  for (const [action, status] of [
    ['captures', 'captured'],
    ['refunds', 'refunded'],
  ]) {
    const headers = { 'idempotency-key': `${action}-${id}` };
    const answer = await gateway.call('POST', `/v1/authorizations/${id}/${action}`, { body: {}, headers });
    expect(answer.status).toBe(201);
    for (const change of [{ signatures: [signedAs(event.body)] }, underId(event, `evt_again_${status}`)]) {
      expect((await trap.deliver(event, change)).status).toBe(200);
    }
    await pause(200);
    expect((await told.read(id)).status).toBe(status);
  }
  const [entry] = await told.at('a', paid.reference);
  expect(entry?.operations.map(({ operation }) => operation)).toEqual(['capture', 'refund']);
});

test('T39: 77 odd pairs of merchant and reference: each event is about its own payment', async () => {
  const told = story('odd');
  await told.fault('a', { kind: 'error', operation: 'inquire', times: null });
  const pairs = MERCHANTS.flatMap((merchant) => REFERENCES.map((reference) => ({ merchant, reference })));
  expect(pairs).toHaveLength(77);
  const paid = await Promise.all(
    pairs.map(({ merchant, reference }) =>
      told.pay({
        reference,
        tokens: { a: 'tok_pending' },
        card: { id: `${merchant} ${reference}`.replaceAll(' ', '_') },
        more: { merchant },
      }),
    ),
  );
  expect(new Set(paid.map(({ authorization }) => authorization.id)).size).toBe(77);
  const expected = new Map<string, string>();
  for (const [index, { authorization, answer }] of paid.entries()) {
    expect(answer.status).toBe(202);
    const end = index % 2 === 0 ? 'authorized' : 'declined';
    await settleAt(gateway.sandbox, authorization.attempts[0]?.id ?? '', end);
    expected.set(authorization.id, end === 'authorized' ? 'approved' : 'declined');
  }
  // All are held; they go out backwards.
  await eventually('every event is caught', () =>
    trap.of('odd-a').filter(({ type }) => type !== 'authorization.pending').length === 77 ? true : null,
  );
  for (const event of trap.of('odd-a').toReversed()) expect((await trap.deliver(event)).status).toBe(200);
  for (const [index, { authorization }] of paid.entries()) {
    const status = expected.get(authorization.id) ?? '';
    const end = await told.until(authorization.id, status, (now) => now.status !== 'pending');
    expect([end.merchant, end.reference, end.status]).toEqual([
      pairs[index]?.merchant,
      pairs[index]?.reference,
      status,
    ]);
  }
});

test('T37, T38, T39: nothing of all this was a fault of the gateway', async () => {
  expect(trap.answered.length, 'deliveries').toBeGreaterThan(250);
  expect(trap.answered.filter((status) => status >= 500)).toEqual([]);
  expect(gateway.output.events('fault')).toEqual([]);
  const alerts = gateway.output.events('alert').map((event) => event['kind']);
  for (const kind of [
    'journal_failed',
    'adapter_threw',
    'housekeeping_failed',
    'late_fault',
    'resolver_failed',
  ]) {
    expect(alerts).not.toContain(kind);
  }
});
