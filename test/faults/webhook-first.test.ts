import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { alertsOn, type TestGateway } from '../support/start-gateway.ts';
import {
  type Paid,
  type PaymentOptions,
  Story,
  type StoryPlan,
  startStories,
  triedIn,
} from '../support/story-gateway.ts';
import { signedAs, WebhookTrap } from '../support/webhook-trap.ts';

/**
 * Fault T36: the event comes before the answer that it is about. What it says is kept; an answer that contradicts it
 * afterwards overwrites nothing, and is told. Where the sandbox would not contradict itself, the event is forged on the
 * way, with the right signature.
 */

const TIMEOUT_MS = 1_500;
/** Time between processing and answer, for an event that is made by hand. */
const ANSWER_MS = 800;

const TRUE_EVENTS = [
  {
    name: 'approved, and the answer says the same',
    token: 'tok_visa',
    tried: ['a approved'],
    status: 'approved',
    live: ['a'],
  },
  {
    name: 'approved, and the answer never comes',
    token: 'tok_visa',
    hangs: true,
    tried: ['a approved'],
    status: 'approved',
    live: ['a'],
  },
  {
    name: 'declined, and the answer says the same: another provider is tried as ever',
    token: 'tok_decline_05',
    tried: ['a declined', 'b approved'],
    status: 'approved',
    live: ['b'],
  },
  {
    name: 'declined for good, and the answer says the same',
    token: 'tok_decline_51',
    tried: ['a declined'],
    status: 'declined',
    live: [],
  },
  {
    name: 'declined, and the answer never comes',
    token: 'tok_decline_51',
    hangs: true,
    tried: ['a declined'],
    status: 'declined',
    live: [],
  },
] as const;

const FORGED_EVENTS = [
  {
    name: 'approved; then the answer says declined',
    token: 'tok_decline_51',
    says: 'authorized',
    tried: ['a approved'],
    status: 'approved',
    alert: 'evidence_conflict',
  },
  {
    name: 'approved; then the answer is a decline that another provider might approve',
    token: 'tok_decline_05',
    says: 'authorized',
    tried: ['a approved'],
    status: 'approved',
    alert: 'evidence_conflict',
  },
  {
    name: 'declined; then the answer says approved, which is undone',
    token: 'tok_visa',
    says: '51',
    tried: ['a declined'],
    status: 'declined',
    alert: 'late_approval',
  },
  {
    name: 'a decline never to be repeated; then the answer is one that another provider might approve',
    token: 'tok_decline_05',
    says: '14',
    tried: ['a declined'],
    status: 'declined',
    alert: null,
  },
] as const;

const TRUE_CASES = TRUE_EVENTS.map((each, index) => ({ ...each, story: `true-${index}` }));
const FORGED_CASES = FORGED_EVENTS.map((each, index) => ({ ...each, story: `forged-${index}` }));

let gateway: TestGateway;
let trap: WebhookTrap;
const story = (name: string) => new Story(name, () => gateway);

beforeAll(async () => {
  const names = [...TRUE_CASES, ...FORGED_CASES].map((each) => each.story);
  gateway = await startStories(
    [...names, 'voided'].map((name): StoryPlan => ({ name, timeoutMs: TIMEOUT_MS })),
  );
  trap = await WebhookTrap.between(gateway);
}, 60_000);

afterAll(async () => {
  await trap?.[Symbol.asyncDispose]();
  await gateway?.[Symbol.asyncDispose]();
});

/** The attempt that A is working on, once it has come there. */
function atWork(
  told: Story,
  reference: string,
): Promise<{ readonly attemptId: string; readonly id: string }> {
  return eventually('it is at A', async () => {
    const [entry] = await told.at('a', reference);
    return entry === undefined ? null : { attemptId: entry.reference, id: entry.id };
  });
}

/** Has a payment answered late, and does something before the answer comes. */
async function payMeanwhile(
  told: Story,
  options: PaymentOptions & { readonly reference: string },
  meanwhile: (attempt: { readonly attemptId: string; readonly id: string }) => Promise<void>,
): Promise<Paid> {
  await told.fault('a', { kind: 'late', delay_ms: ANSWER_MS });
  const paying = told.pay(options);
  await meanwhile(await atWork(told, options.reference));
  return paying;
}

describe.concurrent('T36: the event comes first', () => {
  test.each(TRUE_CASES)('T36: it says $name', async (each) => {
    const told = story(each.story);
    await told.fault('a', { kind: 'webhook_first' });
    if ('hangs' in each) await told.fault('a', { kind: 'hang', processed: true });
    const paid = await told.pay({ tokens: { a: each.token } });
    expect([paid.answer.status, paid.authorization.status]).toEqual([201, each.status]);
    expect(triedIn(paid.authorization)).toEqual(each.tried);
    expect(await told.live(paid.reference)).toEqual(each.live);
    expect(trap.of(told.provider('a')), 'the event was there').toHaveLength(1);
    const { b, c } = await told.requests();
    expect([b, c]).toEqual([each.tried.length - 1, 0]);
    expect(alertsOn(gateway, paid.authorization.id)).toEqual([]);
  });

  test.each(FORGED_CASES)('T36: it says $name', async (each) => {
    const told = story(each.story);
    const provider = told.provider('a');
    // The true event must not come between.
    trap.hold(provider);
    const reference = `${each.story}-order`;
    const tokens = { a: each.token };
    const paid = await payMeanwhile(told, { reference, tokens }, async ({ attemptId }) => {
      const event = await eventually('the true event', () => trap.of(provider)[0] ?? null);
      const body = forged(event.body, each.says);
      const taken = await trap.deliver(event, { body, signatures: [signedAs(body)] });
      expect(taken.status).toBe(200);
      const found = await eventually('it is taken', async () => {
        const seen = await gateway.find(told.name, reference);
        return (seen?.attempts[0]?.outcome ?? null) === null ? null : seen;
      });
      expect(found?.attempts[0]).toMatchObject({ id: attemptId });
    });
    const { id } = paid.authorization;
    const end = await told.until(
      id,
      each.status,
      ({ status, operations }) =>
        status === each.status && operations.every((operation) => operation.status !== 'pending'),
    );
    expect(triedIn(end)).toEqual(each.tried);
    expect((await told.requests()).b, 'nobody else was asked').toBe(0);
    if (each.alert !== null) {
      await eventually('it is told', () => (alertsOn(gateway, id).length > 0 ? true : null));
      expect(alertsOn(gateway, id)).toEqual([each.alert]);
    }
    // In the forged world A's books show what the answer said; approved money that nobody answers for is undone.
    if (each.alert === 'late_approval') expect(await told.live(reference)).toEqual([]);
  });

  test('T36: the caller voids while A works, and the answer is a decline: nobody else is asked', async () => {
    const told = story('voided');
    const reference = 'voided-order';
    const tokens = { a: 'tok_decline_05' };
    const paid = await payMeanwhile(told, { reference, tokens }, async () => {
      const found = await gateway.find(told.name, reference);
      const asked = await gateway.call('POST', `/v1/authorizations/${found?.id}/voids`, {
        body: {},
        headers: { 'idempotency-key': 'void-while-pending' },
      });
      expect([201, 202]).toContain(asked.status);
    });
    const end = await told.until(paid.authorization.id, 'over', ({ status }) => status !== 'pending');
    expect(triedIn(end)).toEqual(['a declined']);
    expect((await told.requests()).b).toBe(0);
    expect(await told.live(reference)).toEqual([]);
  });
});

/** The event with another end, as if the provider had told something else. */
function forged(body: string, says: string): string {
  const event = JSON.parse(body) as {
    readonly data: Readonly<Record<string, unknown>> & { readonly amount: { readonly value: number } };
  };
  const isApproval = says === 'authorized';
  const decline = isApproval
    ? null
    : { code: `issuer_${says}`, network_code: says, advice: null, after_approval: false };
  const status = isApproval ? 'authorized' : 'declined';
  const data = {
    ...event.data,
    status,
    decline,
    authorized_amount: isApproval ? event.data.amount.value : 0,
  };
  return JSON.stringify({ ...event, id: 'evt_forged', type: `authorization.${status}`, data });
}
