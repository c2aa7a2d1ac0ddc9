import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { TestGateway } from '../support/start-gateway.ts';
import { type Paid, Story, startStories, triedIn } from '../support/story-gateway.ts';

/** Fault T40: one brand of a provider is down. Only that brand's new payments go elsewhere. */

const TIMEOUT_MS = 800;
const BINS = { visa: '45717360', mastercard: '535584', discover: '601100' } as const;
type Brand = keyof typeof BINS;

let gateway: TestGateway;
const told = new Story('t40', () => gateway);

beforeAll(async () => {
  gateway = await startStories([
    {
      name: 't40',
      timeoutMs: TIMEOUT_MS,
      // No probe while the test lasts.
      breaker: { volume: 5, failure_ratio: 0.5, unknown_ratio: 0.3, window_ms: 60_000, reset_ms: 120_000 },
      semantics: { not_found_after_ms: 60_000 },
    },
  ]);
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

const pay = (brand: Brand) => told.pay({ card: { bin: BINS[brand] } });

async function lanesOfA(): Promise<Readonly<Record<string, string>>> {
  const { json } = await gateway.get(`/v1/providers/${told.provider('a')}`);
  const { lanes } = json as {
    readonly lanes: readonly { readonly brand: string; readonly breaker: string }[];
  };
  return Object.fromEntries(lanes.map(({ brand, breaker }) => [brand, breaker]));
}

test('T40: Discover at A never answers: its new payments go to B, those in flight stay and are asked about, Visa and Mastercard stay at A', async () => {
  const match = { brand: 'discover' };
  const down = await told.fault('a', { kind: 'hang', processed: true, times: null, match });
  const blind = await told.fault('a', { kind: 'error', operation: 'inquire', times: null, match });
  const others = async () => {
    const paid = await Promise.all(
      (['visa', 'mastercard'] as const).flatMap((brand) => [pay(brand), pay(brand)]),
    );
    for (const { authorization } of paid) expect(triedIn(authorization)).toEqual(['a approved']);
    return paid.length;
  };
  let elsewhere = await others();
  const inFlight: Paid[] = await Promise.all(Array.from({ length: 6 }, () => pay('discover')));
  for (const { answer, authorization } of inFlight) {
    expect([answer.status, ...triedIn(authorization)]).toEqual([202, 'a unknown']);
  }
  expect(await lanesOfA()).toMatchObject({ visa: 'closed', mastercard: 'closed', discover: 'open' });

  const atA = (await told.requests()).a;
  const fresh = await Promise.all(Array.from({ length: 8 }, () => pay('discover')));
  for (const { answer, authorization } of fresh) {
    expect([answer.status, ...triedIn(authorization)]).toEqual([201, 'b approved']);
  }
  expect((await told.requests()).a, 'A was left alone').toBe(atA);
  elsewhere += await others();
  expect(await lanesOfA()).toMatchObject({ visa: 'closed', mastercard: 'closed', discover: 'open' });

  // Those in flight are still A's, and A is still asked about them, open lane or not.
  const looksAt = ({ authorization: { id } }: Paid) =>
    gateway.output.events('resolution').filter((line) => line['authorization_id'] === id).length;
  await eventually('each is asked about three times', () =>
    inFlight.every((paid) => looksAt(paid) >= 3) ? true : null,
  );
  for (const { authorization, reference } of inFlight) {
    expect(triedIn(await told.read(authorization.id))).toEqual(['a unknown']);
    expect(await told.live(reference)).toEqual(['a']);
  }
  expect(await told.requests()).toEqual({ a: elsewhere + 6, b: 8, c: 0 });

  await gateway.sandbox.removeFault(blind);
  await gateway.sandbox.removeFault(down);
  for (const { authorization, reference } of inFlight) {
    const end = await told.until(authorization.id, 'approved', ({ status }) => status === 'approved');
    expect(triedIn(end)).toEqual(['a approved']);
    expect(await told.live(reference)).toEqual(['a']);
  }
  expect((await told.requests()).b).toBe(8);
});
