import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FaultBody } from '../../src/sandbox/faults.ts';
import { setTraits } from '../support/call-sandbox.ts';
import { eventually } from '../support/eventually.ts';
import { alertsOn, type TestGateway } from '../support/start-gateway.ts';
import { type Paid, Story, type StoryPlan, startStories, triedIn } from '../support/story-gateway.ts';

/**
 * Faults T29 to T31: what the first provider holds is undone, and confirmed to be, before another one is asked; and
 * when it is the second one that does not answer, a third is not asked either.
 */

const TIMEOUT_MS = 1_200;

/** What becomes of the void that must come first. None of these is a confirmation. */
const VOIDS: readonly {
  readonly name: string;
  readonly fault?: Omit<FaultBody, 'provider'>;
  /** It is acknowledged, and takes effect so much later. */
  readonly receivedForMs?: number;
}[] = [
  { name: 'lost on the way', fault: { kind: 'hang' } },
  { name: 'carried out, its answer lost', fault: { kind: 'hang', processed: true } },
  { name: 'carried out, the connection reset', fault: { kind: 'reset_after' } },
  { name: 'refused twice', fault: { kind: 'refused', times: 2 } },
  { name: 'turned away by a limit', fault: { kind: 'rate_limited', retry_after: 1 } },
  { name: 'not processed, for an error', fault: { kind: 'error' } },
  { name: 'merely received', receivedForMs: 2_000 },
];

const CASES = VOIDS.flatMap((how, index) => [
  { ...how, number: 'T29', story: `t29-${index}`, token: 'tok_decline_hidden', ends: 'declined' },
  { ...how, number: 'T30', story: `t30-${index}`, token: 'tok_partial_40', ends: 'voided' },
]);

const OTHERS = [
  't29-confirmed',
  't29-failed',
  't30-confirmed',
  't30-failed',
  't30-kept',
  't30-spent-key',
  't31-approved',
  't31-not-there',
  't31-declined',
] as const;

let gateway: TestGateway;
const story = (name: string) => new Story(name, () => gateway);

beforeAll(async () => {
  const plan = (name: string): StoryPlan => ({
    name,
    timeoutMs: TIMEOUT_MS,
    action: { deadline_ms: 5_000 },
    semantics: { not_found_after_ms: 400 },
  });
  gateway = await startStories([...CASES.map((each) => plan(each.story)), ...OTHERS.map(plan)]);
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

/** Nobody but A was asked, now or later, and nothing is held anywhere. */
async function expectOnlyA(told: Story, { reference }: Pick<Paid, 'reference'>): Promise<void> {
  const { b, c } = await told.requests();
  expect({ b, c }).toEqual({ b: 0, c: 0 });
  expect(await told.live(reference)).toEqual([]);
}

describe.concurrent('what A holds is undone first', () => {
  test.each(CASES)('$number: the void is $name: B is never asked', async (each) => {
    const told = story(each.story);
    if (each.fault !== undefined) await told.fault('a', { ...each.fault, operation: 'void' });
    if (each.receivedForMs !== undefined) {
      await setTraits(gateway.sandbox, {
        provider: told.provider('a'),
        operations: 'received',
        operation_delay_ms: each.receivedForMs,
      });
    }
    const paid = await told.pay({
      tokens: { a: each.token },
      more: { amount: { value: 100, currency: 'EUR' } },
    });
    expect([paid.answer.status, paid.authorization.status]).toEqual([202, 'reversing']);
    expect(triedIn(paid.authorization)).toHaveLength(1);
    const { authorization } = paid;
    const end = await told.until(authorization.id, each.ends, ({ status }) => status === each.ends);
    expect(end.operations.at(-1)).toMatchObject({ type: 'void', status: 'succeeded' });
    const [entry] = await told.at('a', paid.reference);
    const done = entry?.operations.filter(({ status }) => status === 'confirmed');
    expect(done, 'undone once').toMatchObject([{ operation: 'void' }]);
    if (each.fault?.kind === 'refused') {
      await eventually('the alert', () =>
        alertsOn(gateway, authorization.id).includes('reversal_refused') ? true : null,
      );
    }
    await expectOnlyA(told, paid);
  });

  test.each([
    { number: 'T29', name: 't29-failed', token: 'tok_decline_hidden', ends: 'declined' },
    { number: 'T30', name: 't30-failed', token: 'tok_partial_40', ends: 'voided' },
  ])(
    '$number: the void is received, then fails: told, and done anew under another key; B is never asked',
    async ({ name, token, ends }) => {
      const told = story(name);
      const provider = told.provider('a');
      await setTraits(gateway.sandbox, {
        provider,
        operations: 'received',
        operation_delay_ms: 300,
        operation_result: 'failed',
      });
      const paid = await told.pay({
        tokens: { a: token },
        more: { amount: { value: 100, currency: 'EUR' } },
      });
      expect([paid.answer.status, paid.authorization.status]).toEqual([202, 'reversing']);
      const { id } = paid.authorization;
      await eventually('the alert that it failed', () => (alertsOn(gateway, id).length > 0 ? true : null));
      await setTraits(gateway.sandbox, { provider });
      const end = await told.until(id, ends, ({ status }) => status === ends, 15_000);
      expect(end.operations.at(-1)).toMatchObject({ type: 'void', status: 'succeeded' });
      const [entry] = await told.at('a', paid.reference);
      const statuses = entry?.operations.map(({ status }) => status) ?? [];
      expect(statuses.length, 'tried again').toBeGreaterThan(1);
      expect(statuses.filter((status) => status === 'confirmed')).toHaveLength(1);
      expect(new Set(entry?.operations.map(({ key }) => key)).size, 'a key of its own').toBe(statuses.length);
      await expectOnlyA(told, paid);
    },
  );

  test('T29: a void that is confirmed at once: declined, undone once, and B is not asked either', async () => {
    const told = story('t29-confirmed');
    const paid = await told.pay({ tokens: { a: 'tok_decline_hidden' } });
    expect([paid.answer.status, paid.authorization.status]).toEqual([201, 'declined']);
    const [entry] = await told.at('a', paid.reference);
    expect(entry?.operations).toMatchObject([{ operation: 'void', status: 'confirmed', asked: 1 }]);
    await expectOnlyA(told, paid);
  });

  test('T30: 40 of 100: void, and only after its confirmation B', async () => {
    const told = story('t30-confirmed');
    // It is carried out at once, and told after this time.
    const confirmedAfterMs = 500;
    await told.fault('a', { kind: 'late', operation: 'void', delay_ms: confirmedAfterMs });
    const amount = { value: 100, currency: 'EUR' };
    const paid = await told.pay({ tokens: { a: 'tok_partial_40' }, more: { amount } });
    expect([paid.answer.status, paid.authorization.status]).toEqual([201, 'approved']);
    expect(triedIn(paid.authorization)).toEqual(['a partially_approved', 'b approved']);
    const [atA] = await told.at('a', paid.reference);
    const [atB] = await told.at('b', paid.reference);
    expect(atA).toMatchObject({ status: 'voided', authorized_amount: 40, live: false });
    expect(atB).toMatchObject({ status: 'authorized', authorized_amount: 100, live: true });
    const apartMs = Date.parse(atB?.created_at ?? '') - Date.parse(atA?.created_at ?? '');
    expect(apartMs).toBeGreaterThanOrEqual(confirmedAfterMs);
  });

  test('T30: an error that says nothing is kept under the key of the void: done in the end, and B is never asked', async () => {
    const told = story('t30-spent-key');
    await told.fault('a', { kind: 'error', ambiguous: true, operation: 'void' });
    const paid = await told.pay({ tokens: { a: 'tok_partial_40' } });
    expect([paid.answer.status, paid.authorization.status]).toEqual([202, 'reversing']);
    await told.until(paid.authorization.id, 'voided', ({ status }) => status === 'voided', 6_000);
    await expectOnlyA(told, paid);
  });

  test('T30: where less is taken, it is no full approval, and 41 of 40 cannot be captured', async () => {
    const told = story('t30-kept');
    const amount = { value: 100, currency: 'EUR' };
    const paid = await told.pay({
      tokens: { a: 'tok_partial_40' },
      more: { amount, accept_partial: true },
    });
    expect(paid.authorization).toMatchObject({ status: 'partially_approved', amounts: { authorized: 40 } });
    const capture = (value: number) =>
      gateway.call('POST', `/v1/authorizations/${paid.authorization.id}/captures`, {
        body: { amount: { value, currency: 'EUR' } },
        headers: { 'idempotency-key': `capture-${value}` },
      });
    const tooMuch = await capture(41);
    expect([tooMuch.status, tooMuch.json]).toEqual([
      409,
      expect.objectContaining({ type: '/problems/operation-not-possible' }),
    ]);
    expect((await told.at('a', paid.reference))[0]).toMatchObject({ captured_amount: 0, operations: [] });
    expect((await capture(40)).status).toBe(201);
    expect((await told.at('a', paid.reference))[0]).toMatchObject({ captured_amount: 40, live: true });
    expect(await told.requests()).toEqual({ a: 2, b: 0, c: 0 });
  });
});

describe.concurrent('T31: A declines, and B does not answer', () => {
  test.each([
    {
      what: 'had approved',
      name: 't31-approved',
      fault: { kind: 'hang', processed: true },
      b: 'tok_visa',
      ends: 'approved',
      live: ['b'],
    },
    {
      what: 'had declined',
      name: 't31-declined',
      fault: { kind: 'hang', processed: true },
      b: 'tok_decline_05',
      ends: 'declined',
      live: [],
    },
    {
      what: 'never got it',
      name: 't31-not-there',
      fault: { kind: 'hang' },
      b: 'tok_visa',
      ends: 'declined',
      live: [],
    },
  ] as const)('T31: B $what: $ends, A untouched, C never asked', async ({ name, fault, b, ends, live }) => {
    const told = story(name);
    await told.fault('b', fault);
    // The look within the request fails too.
    await told.fault('b', { kind: 'error', operation: 'inquire' });
    const paid = await told.pay({ tokens: { a: 'tok_decline_05', b } });
    expect([paid.answer.status, paid.authorization.status]).toEqual([202, 'pending']);
    expect(triedIn(paid.authorization)).toEqual(['a declined', 'b unknown']);
    const end = await told.until(paid.authorization.id, ends, ({ status }) => status === ends);
    expect(triedIn(end)).toHaveLength(2);
    expect(await told.live(paid.reference)).toEqual(live);
    expect(await told.requests()).toEqual({ a: 1, b: 1, c: 0 });
    expect((await told.at('a', paid.reference))[0]).toMatchObject({ status: 'declined', operations: [] });
  });
});
