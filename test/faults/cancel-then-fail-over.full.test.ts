import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FaultBody } from '../../src/sandbox/faults.ts';
import type { TraitsBody } from '../../src/sandbox/traits.ts';
import { setTraits, settleAt } from '../support/call-sandbox.ts';
import { eventually, pause } from '../support/eventually.ts';
import { alertsOn, type TestGateway } from '../support/start-gateway.ts';
import {
  entryNumber,
  type Paid,
  Story,
  type StoryPlan,
  startStories,
  triedIn,
} from '../support/story-gateway.ts';
import { WebhookTrap } from '../support/webhook-trap.ts';

/**
 * Faults T32 and T33: the rule says to cancel what is unknown and then to try another provider. B is asked only after A
 * has confirmed the cancellation; an acknowledgement, "nothing found", "not known" and silence are none. The events of
 * these providers are caught on the way, so that only answers and inquiries tell, except where an event is the fault.
 */

const TIMEOUT_MS = 900;
const DEADLINE_MS = 3_500;

const PROCESSED = { kind: 'hang', processed: true } as const;
const UNPROCESSED = { kind: 'hang' } as const;
/** In progress when the cancellation comes, and done with it before the deadline. */
const IN_FLIGHT = { kind: 'slow', delay_ms: 2_000 } as const;

interface Case {
  readonly number: 'T32' | 'T33';
  readonly name: string;
  /** Strikes the authorization at A. */
  readonly authorize: Omit<FaultBody, 'provider'>;
  /** Strikes the cancellation. */
  readonly void?: Omit<FaultBody, 'provider' | 'operation'>;
  readonly traits?: Omit<TraitsBody, 'provider'>;
  /** What the authorization comes to, once all is quiet. */
  readonly ends: readonly string[];
  /** Whether money was held at A meanwhile, and had to be undone. */
  readonly held: boolean;
}

/** No confirmation: B must never be asked, and A must hold nothing in the end. */
const UNCONFIRMED: readonly Case[] = [
  {
    number: 'T32',
    name: 'received, and confirmed too late',
    authorize: PROCESSED,
    traits: { operations: 'received', operation_delay_ms: DEADLINE_MS },
    ends: ['voided'],
    held: true,
  },
  {
    number: 'T32',
    name: 'not answered, and carried out',
    authorize: PROCESSED,
    void: { kind: 'hang', processed: true },
    ends: ['voided'],
    held: true,
  },
  {
    number: 'T32',
    name: 'not answered, and never carried out',
    authorize: PROCESSED,
    void: { kind: 'hang' },
    ends: ['voided'],
    held: true,
  },
  {
    number: 'T32',
    name: 'refused',
    authorize: PROCESSED,
    void: { kind: 'refused' },
    ends: ['voided'],
    held: true,
  },
  {
    number: 'T33',
    name: '200 "nothing found", and then the request in flight lands',
    authorize: IN_FLIGHT,
    // Inquiries are behind: they show it only when it has landed.
    traits: { void_unknown: 'ok', inquiry_delay_ms: IN_FLIGHT.delay_ms + 300 },
    // Undone by the cancellation, repeated before anybody saw what had landed, or afterwards.
    ends: ['failed', 'voided'],
    held: true,
  },
  {
    number: 'T33',
    name: '200 "nothing found", and nothing ever lands',
    authorize: UNPROCESSED,
    traits: { void_unknown: 'ok' },
    ends: ['failed'],
    held: false,
  },
  {
    number: 'T33',
    name: '404, and nothing ever lands',
    authorize: UNPROCESSED,
    ends: ['failed'],
    held: false,
  },
];
const CASES = UNCONFIRMED.map((each, index) => ({ ...each, story: `case-${index}` }));

const OTHERS = ['confirmed', 'in-flight', 'received-in-time', 'failed', 'never', 'contradicted'] as const;

let gateway: TestGateway;
let trap: WebhookTrap;
const story = (name: string) => new Story(name, () => gateway);

beforeAll(async () => {
  const names = [...CASES.map((each) => each.story), ...OTHERS];
  gateway = await startStories(
    names.map(
      (name): StoryPlan => ({
        name,
        timeoutMs: TIMEOUT_MS,
        action: { after_unknown: 'cancel_then_fail_over', deadline_ms: DEADLINE_MS },
        semantics: { not_found_after_ms: 2_500 },
      }),
    ),
  );
  trap = await WebhookTrap.between(gateway);
  for (const name of names) trap.hold(`${name}-a`);
}, 60_000);

afterAll(async () => {
  await trap?.[Symbol.asyncDispose]();
  await gateway?.[Symbol.asyncDispose]();
});

/** Lets a payment become unknown at A: its answer is lost, and so is the look within the request. */
async function payIntoTheUnknown(told: Story, authorize: Omit<FaultBody, 'provider'>): Promise<Paid> {
  await told.fault('a', authorize);
  await told.fault('a', { kind: 'error', operation: 'inquire' });
  return told.pay();
}

async function onlyVoid(told: Story, reference: string) {
  const [entry] = await told.at('a', reference);
  return entry?.operations.filter(({ operation }) => operation === 'void') ?? [];
}

describe.concurrent('without a confirmation B is never asked', () => {
  test.each(CASES)('$number: the cancellation is $name', async (each) => {
    const told = story(each.story);
    if (each.void !== undefined) await told.fault('a', { ...each.void, operation: 'void' });
    if (each.traits !== undefined) {
      await setTraits(gateway.sandbox, { ...each.traits, provider: told.provider('a') });
    }
    const paid = await payIntoTheUnknown(told, each.authorize);
    expect([paid.answer.status, ...triedIn(paid.authorization)]).toEqual([202, 'a unknown']);
    const { id } = paid.authorization;
    const isOver = ({ status }: { readonly status: string }) => each.ends.includes(status);
    const end = await told.until(id, each.ends.join(' or '), isOver);
    expect(end.attempts).toHaveLength(1);
    expect(await told.live(paid.reference)).toEqual([]);
    const { b, c } = await told.requests();
    expect({ b, c }).toEqual({ b: 0, c: 0 });
    const confirmed = (await onlyVoid(told, paid.reference)).filter(({ status }) => status === 'confirmed');
    expect(confirmed, 'undone once, where there was something').toHaveLength(each.held ? 1 : 0);
    const [entry] = await told.at('a', paid.reference);
    expect(entry?.authorized_amount ?? 0).toBe(each.held ? 4999 : 0);
    // The caller learns the end under the same key.
    const again = await gateway.authorize(paid.body, paid.key);
    expect([again.status, again.json]).toEqual([201, expect.objectContaining({ id, status: end.status })]);
  });

  test('T32: the cancellation is received, then fails, and the approval is told afterwards', async () => {
    const told = story('failed');
    const provider = told.provider('a');
    await setTraits(gateway.sandbox, {
      provider,
      operations: 'received',
      operation_delay_ms: DEADLINE_MS,
      operation_result: 'failed',
    });
    const paid = await payIntoTheUnknown(told, PROCESSED);
    expect(triedIn(paid.authorization)).toEqual(['a unknown']);
    await eventually('the cancellation has failed', async () =>
      (await onlyVoid(told, paid.reference))[0]?.status === 'failed' ? true : null,
    );
    await setTraits(gateway.sandbox, { provider });
    // Now come the events that were on their way: the authorization first, then the failure.
    await trap.event(paid.authorization.attempts[0]?.id ?? '', 'void.failed');
    await trap.release(provider);
    await told.until(paid.authorization.id, 'voided', ({ status }) => status === 'voided', 15_000);
    expect(await told.live(paid.reference)).toEqual([]);
    expect((await told.requests()).b).toBe(0);
  });

  test('T32: the cancellation is only ever acknowledged: it stays open, and holds the payment', async () => {
    const told = story('never');
    await setTraits(gateway.sandbox, {
      provider: told.provider('a'),
      operations: 'received',
      operation_delay_ms: 600_000,
    });
    const paid = await payIntoTheUnknown(told, PROCESSED);
    expect(paid.answer.status).toBe(202);
    // The resolver has looked several times.
    const looks = () =>
      gateway.output
        .events('resolution')
        .filter((event) => event['authorization_id'] === paid.authorization.id).length;
    await eventually('five looks', () => (looks() >= 5 ? true : null));
    const now = await told.read(paid.authorization.id);
    expect(['pending', 'reversing']).toContain(now.status);
    expect(await told.live(paid.reference)).toEqual(['a']);
    const second = await gateway.authorize(paid.body, 'another-key');
    expect([second.status, second.json]).toEqual([
      409,
      expect.objectContaining({ type: '/problems/payment-live' }),
    ]);
    expect((await told.requests()).b).toBe(0);
  });
});

describe.concurrent('with a confirmation B is asked', () => {
  test.each([
    { what: 'at once', name: 'confirmed', authorize: PROCESSED, traits: {} },
    { what: 'of what was still in flight', name: 'in-flight', authorize: IN_FLIGHT, traits: {} },
    {
      what: 'by an inquiry after an acknowledgement',
      name: 'received-in-time',
      authorize: PROCESSED,
      traits: { operations: 'received', operation_delay_ms: 0 },
    },
  ] as const)('T32: confirmed $what: then B', async ({ name, authorize, traits }) => {
    const told = story(name);
    const provider = told.provider('a');
    await setTraits(gateway.sandbox, { ...traits, provider });
    const paid = await payIntoTheUnknown(told, authorize);
    expect([paid.answer.status, paid.authorization.status]).toEqual([201, 'approved']);
    expect(triedIn(paid.authorization)).toEqual(['a rejected', 'b approved']);
    const [atA] = await told.at('a', paid.reference);
    const [atB] = await told.at('b', paid.reference);
    const [cancellation] = await onlyVoid(told, paid.reference);
    expect(cancellation?.status).toBe('confirmed');
    const order = [atA, cancellation, atB].flatMap((entered) => (entered ? [entryNumber(entered)] : []));
    expect(order).toHaveLength(3);
    expect(order).toEqual(order.toSorted((one, other) => one - other));
    // What was in flight has had its time to land.
    if (authorize.kind === 'slow') await pause(authorize.delay_ms);
    expect(await told.live(paid.reference)).toEqual(['b']);
    expect(await told.requests()).toEqual({ a: 2, b: 1, c: 0 });
  });

  test('T32, T33: an authorization that lands after its confirmed cancellation is undone once, and B is kept', async () => {
    const told = story('contradicted');
    const paid = await payIntoTheUnknown(told, PROCESSED);
    expect(triedIn(paid.authorization)).toEqual(['a rejected', 'b approved']);
    expect(await told.live(paid.reference)).toEqual(['b']);
    const attemptId = paid.authorization.attempts[0]?.id ?? '';
    await settleAt(gateway.sandbox, attemptId, 'overturn');
    expect(await told.live(paid.reference)).toEqual(['a', 'b']);
    await trap.release(told.provider('a'));
    await eventually('only B holds money', async () => {
      const voids = await onlyVoid(told, paid.reference);
      return voids.length === 2 && (await told.live(paid.reference)).join() === 'b' ? true : null;
    });
    const alerts = await eventually('the alert', () => {
      const found = alertsOn(gateway, paid.authorization.id);
      return found.length > 0 ? found : null;
    });
    expect(alerts).toEqual(['late_approval']);
    // The event once more, and long enough for another void.
    const [event] = trap.caught.filter((one) => one.attemptId === attemptId).slice(-1);
    if (event !== undefined) await trap.deliver(event);
    await pause(600);
    const voids = await onlyVoid(told, paid.reference);
    expect(voids.map(({ status }) => status)).toEqual(['confirmed', 'confirmed']);
    expect(await told.read(paid.authorization.id)).toMatchObject({
      status: 'approved',
      provider: told.provider('b'),
    });
  });
});
