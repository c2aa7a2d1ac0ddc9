import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { GatewayDeps } from '../../src/gateway/gateway-deps.ts';
import { keepNotices, workOutNotices } from '../../src/gateway/notices.ts';
import type { Provider } from '../../src/gateway/ports.ts';
import { Resolver } from '../../src/gateway/resolve.ts';
import type { FaultBody } from '../../src/sandbox/faults.ts';
import { operateAt, setTraits, settleAt } from '../support/call-sandbox.ts';
import { eventually, pause } from '../support/eventually.ts';
import { GatewayWorld, idIn } from '../support/gateway-world.ts';
import { alertsOn, type TestGateway } from '../support/start-gateway.ts';
import {
  type Paid,
  type PaymentOptions,
  Story,
  type StoryPlan,
  startStories,
  triedIn,
} from '../support/story-gateway.ts';
import { WebhookTrap } from '../support/webhook-trap.ts';

/**
 * Faults T34 and T35: A tells of an approval after its authorization has moved on. It is undone once, whatever happens
 * to the void, and what stands at B is kept.
 */

const TIMEOUT_MS = 900;

/** What the caller had been told when the approval came. */
const TOLD: readonly {
  readonly name: string;
  readonly tokens: NonNullable<PaymentOptions['tokens']>;
  readonly capture?: boolean;
  readonly tried: readonly string[];
  readonly ends: string;
  readonly live: readonly string[];
}[] = [
  {
    name: 'B has authorized',
    tokens: { a: 'tok_decline_05' },
    tried: ['a declined', 'b approved'],
    ends: 'approved',
    live: ['b'],
  },
  {
    name: 'B has authorized, and it is captured',
    tokens: { a: 'tok_decline_05' },
    capture: true,
    tried: ['a declined', 'b approved'],
    ends: 'captured',
    live: ['b'],
  },
  {
    name: 'the caller was told declined',
    tokens: { a: 'tok_decline_51' },
    tried: ['a declined'],
    ends: 'declined',
    live: [],
  },
  {
    name: 'the caller was told declined, by both',
    tokens: { a: 'tok_decline_05', b: 'tok_decline_51' },
    tried: ['a declined', 'b declined'],
    ends: 'declined',
    live: [],
  },
];

/** What happens to the void of the late approval. */
const VOIDS: readonly {
  readonly name: string;
  readonly fault?: Omit<FaultBody, 'provider' | 'operation'>;
  readonly received?: { readonly forMs: number; readonly fails?: boolean };
}[] = [
  { name: 'is lost on the way', fault: { kind: 'hang' } },
  { name: 'is carried out, its answer lost', fault: { kind: 'hang', processed: true } },
  { name: 'is lost three times', fault: { kind: 'reset_before', times: 3 } },
  { name: 'is carried out, the connection reset', fault: { kind: 'reset_after' } },
  { name: 'is answered by something that is no JSON', fault: { kind: 'garbage' } },
  { name: 'is turned away by a limit', fault: { kind: 'rate_limited', retry_after: 0 } },
  { name: 'is not processed, for an error', fault: { kind: 'error', times: 2 } },
  { name: 'arrives twice', fault: { kind: 'duplicate' } },
  { name: 'is refused', fault: { kind: 'refused', times: 2 } },
  { name: 'is received, and confirmed later', received: { forMs: 900 } },
  { name: 'is received, and then fails', received: { forMs: 200, fails: true } },
];

const TOLD_CASES = TOLD.map((each, index) => ({ ...each, story: `t34-${index}` }));
const VOID_CASES = VOIDS.map((each, index) => ({ ...each, story: `t35-${index}` }));
const OTHERS = ['too-late', 'by-hand'] as const;

let gateway: TestGateway;
let trap: WebhookTrap;
const story = (name: string) => new Story(name, () => gateway);

beforeAll(async () => {
  const names = [...TOLD_CASES, ...VOID_CASES].map((each) => each.story);
  const plan = (name: string): StoryPlan => ({ name, timeoutMs: TIMEOUT_MS });
  gateway = await startStories([
    ...names.map(plan),
    ...OTHERS.map((name) => ({ ...plan(name), action: { late_approval: { reverse_after_ms: 1_000 } } })),
  ]);
  trap = await WebhookTrap.between(gateway);
}, 60_000);

afterAll(async () => {
  await trap?.[Symbol.asyncDispose]();
  await gateway?.[Symbol.asyncDispose]();
});

const lateApprovalsOf = async (provider: string) =>
  (await gateway.metric('pointsman_remarks_total', `{remark="late_approval",provider="${provider}"}`)) ?? 0;

async function voidsAt(told: Story, reference: string) {
  const [entry] = await told.at('a', reference);
  return entry?.operations.filter(({ operation }) => operation === 'void') ?? [];
}

/** A authorizes after all, tells of it, and the event comes again and again. */
async function approveLate({ authorization }: Paid): Promise<void> {
  const attemptId = authorization.attempts[0]?.id ?? '';
  await settleAt(gateway.sandbox, attemptId, 'overturn');
  const event = await trap.event(attemptId, 'authorization.authorized');
  const answers = await Promise.all(Array.from({ length: 10 }, () => trap.deliver(event)));
  expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
}

function undoneAt(told: Story, reference: string): Promise<boolean> {
  return eventually(
    'A holds nothing any more',
    async () => {
      const voids = await voidsAt(told, reference);
      return voids.some(({ status }) => status === 'confirmed') ? true : null;
    },
    { withinMs: 15_000 },
  );
}

describe.concurrent('a late approval', () => {
  test.each(TOLD_CASES)('T34: $name: A is undone once, the rest is kept, and it is told', async (each) => {
    const told = story(each.story);
    const paid = await told.pay({ tokens: each.tokens });
    const { id } = paid.authorization;
    expect(triedIn(paid.authorization)).toEqual(each.tried);
    if (each.capture === true) {
      const headers = { 'idempotency-key': `capture-${id}` };
      const captured = await gateway.call('POST', `/v1/authorizations/${id}/captures`, { body: {}, headers });
      expect(captured.status).toBe(201);
    }
    await approveLate(paid);
    await undoneAt(told, paid.reference);
    await told.until(
      id,
      each.ends,
      ({ status, operations }) =>
        status === each.ends && operations.every((operation) => operation.status === 'succeeded'),
    );
    // Long enough for another void.
    await pause(600);
    expect(await told.live(paid.reference)).toEqual(each.live);
    expect(await voidsAt(told, paid.reference)).toMatchObject([{ status: 'confirmed', asked: 1 }]);
    expect(triedIn(await told.read(id))).toEqual(each.tried);
    expect(alertsOn(gateway, id)).toEqual(['late_approval']);
    expect(await lateApprovalsOf(told.provider('a'))).toBe(1);
    // The answer that the caller had stays the one under its key.
    const again = await gateway.authorize(paid.body, paid.key);
    expect([again.status, again.text]).toEqual([paid.answer.status, paid.answer.text]);
  });

  test('T34: what was pending for longer than the rule keeps it is undone, with nobody else asked', async () => {
    const told = story('too-late');
    const paid = await told.pay({ tokens: { a: 'tok_pending' } });
    expect(paid.answer.status).toBe(202);
    await pause(1_100);
    await settleAt(gateway.sandbox, paid.authorization.attempts[0]?.id ?? '', 'authorized');
    await told.until(paid.authorization.id, 'voided', ({ status }) => status === 'voided');
    expect(await told.live(paid.reference)).toEqual([]);
    await eventually('the alert', () => (alertsOn(gateway, paid.authorization.id).length > 0 ? true : null));
    expect(alertsOn(gateway, paid.authorization.id)).toEqual(['late_approval']);
    expect((await told.requests()).b).toBe(0);
  });

  test('T34: captured by hand at A before it is undone: it cannot be, which pages; B is kept', async () => {
    const told = story('by-hand');
    const provider = told.provider('a');
    const paid = await told.pay({ tokens: { a: 'tok_decline_05' } });
    trap.hold(provider);
    const attemptId = paid.authorization.attempts[0]?.id ?? '';
    await settleAt(gateway.sandbox, attemptId, 'overturn');
    const [entry] = await told.at('a', paid.reference);
    await operateAt(gateway.sandbox, provider, entry?.id ?? '', 'captures');
    await trap.event(attemptId, 'capture.confirmed');
    await trap.release(provider);
    await eventually('it pages', () =>
      alertsOn(gateway, paid.authorization.id).includes('reversal_refused') ? true : null,
    );
    expect(alertsOn(gateway, paid.authorization.id)).toContain('late_approval');
    expect(await told.read(paid.authorization.id)).toMatchObject({
      status: 'approved',
      provider: told.provider('b'),
    });
    expect(await voidsAt(told, paid.reference)).toEqual([]);
  });

  test.each(VOID_CASES)('T35: its void $name: done once in the end, and B is kept', async (each) => {
    const told = story(each.story);
    const provider = told.provider('a');
    const paid = await told.pay({ tokens: { a: 'tok_decline_05' } });
    const { id } = paid.authorization;
    expect(triedIn(paid.authorization)).toEqual(['a declined', 'b approved']);
    if (each.fault !== undefined) await told.fault('a', { ...each.fault, operation: 'void' });
    const { received } = each;
    if (received !== undefined) {
      await setTraits(gateway.sandbox, {
        provider,
        operations: 'received',
        operation_delay_ms: received.forMs,
        operation_result: received.fails === true ? 'failed' : 'confirmed',
      });
    }
    await approveLate(paid);
    if (received?.fails === true) {
      await eventually('it pages', () => (alertsOn(gateway, id).includes('reversal_refused') ? true : null));
      await setTraits(gateway.sandbox, { provider });
    }
    await undoneAt(told, paid.reference);
    await told.until(id, 'nothing open', ({ operations }) =>
      operations.every((operation) => operation.status !== 'pending'),
    );
    const voids = await voidsAt(told, paid.reference);
    expect(voids.filter(({ status }) => status === 'confirmed')).toHaveLength(1);
    // Repeats carry the same key; only one that has failed for good is followed by another.
    const failed = voids.filter(({ status }) => status === 'failed').length;
    expect(failed > 0).toBe(received?.fails === true);
    expect(new Set(voids.map(({ key }) => key)).size).toBe(failed + 1);
    expect(await told.live(paid.reference)).toEqual(['b']);
    expect(await told.read(id)).toMatchObject({ status: 'approved', provider: told.provider('b') });
    expect(alertsOn(gateway, id).filter((kind) => kind === 'late_approval')).toHaveLength(1);
  });
});

/** Deps in which A tells of an approval, and undoes it; everything else is as the world has it. */
function tellingLate(deps: GatewayDeps, attemptId: string, voided: string[]): GatewayDeps {
  const changes: Partial<Provider> = {
    readNotices: async () => ({
      kind: 'read',
      notices: [{ eventId: 'evt_late', type: 'authorization.authorized', attemptId, data: {} }],
    }),
    evidenceIn: () => ({
      kind: 'attempt',
      outcome: { kind: 'approved', providerReference: 'psp_late', networkTransaction: null },
    }),
    async void(call) {
      voided.push(`${call.providerReference} ${call.operationId}`);
      return { kind: 'confirmed', providerReference: 'op_late' };
    },
    inquireOperation: async () => ({ kind: 'not_found' }),
  };
  return {
    ...deps,
    provider: (id) => {
      const provider = deps.provider(id);
      if (provider === undefined || id !== 'sandbox-a') return provider;
      return new Proxy(provider, {
        get: (target, property) => {
          const changed: unknown = Reflect.get(changes, property);
          const value: unknown = changed ?? Reflect.get(target, property, target);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    },
  };
}

test.each([
  ['ten minutes', 10 * 60_000],
  ['three days', 3 * 86_400_000],
])(
  'T34: %s after B has authorized, on a clock that is told: A is undone once, and B is kept',
  async (_, ms) => {
    const world = new GatewayWorld({ script: { 'sandbox-a': ['decline_soft'] } });
    const before = world.process();
    const id = idIn(await world.authorize(before));
    const { attempts } = await world.get(id);
    expect(attempts.map(({ outcome }) => outcome?.kind)).toEqual(['declined', 'approved']);
    await world.pass(ms, before);
    const voided: string[] = [];
    const deps = tellingLate(before.deps, attempts[0]?.id ?? '', voided);
    const late = { deps, resolver: new Resolver(deps) };
    for (let repeat = 0; repeat < 5; repeat += 1) {
      await keepNotices('sandbox-a', { headers: {}, body: '' }, deps);
      await workOutNotices(deps);
      await world.pass(60_000, late);
    }
    expect(voided).toHaveLength(1);
    expect(voided[0]).toMatch(/^psp_late /);
    expect(await world.get(id)).toMatchObject({ status: 'approved', provider: 'sandbox-b' });
    expect(world.live()).toMatchObject([{ attemptId: attempts[1]?.id }]);
    expect(world.told.alerts).toEqual(['late_approval']);
  },
);
