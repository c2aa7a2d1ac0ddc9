import { describe, expect, it } from 'vitest';
import {
  authorizedOrder,
  budget,
  callOf,
  error,
  json,
  networkError,
  ORDER_ID,
  operationOf,
  orderOf,
  PATHS,
  paypalWorld,
  queryOf,
  tokenAnswer,
} from './paypal-fixture.ts';

const world = paypalWorld();

const MADE = json(orderOf(null), 201);
const APPROVED = json(authorizedOrder(), 201);
const GOOD = { [PATHS.create]: MADE, [PATHS.authorize]: APPROVED };
const APPROVAL = { kind: 'approved', providerReference: ORDER_ID, networkTransaction: null };

describe('the access token', () => {
  it('is asked for once, with the credentials, and kept', async () => {
    const provider = world.start({ [PATHS.show]: json(authorizedOrder()) });
    await Promise.all(Array.from({ length: 20 }, () => provider.inquire(queryOf())));
    await provider.inquire(queryOf());
    expect(world.tokens()).toMatchObject([
      {
        method: 'POST',
        body: 'grant_type=client_credentials',
        headers: {
          authorization: `Basic ${Buffer.from('client-1:secret-1').toString('base64')}`,
          'content-type': 'application/x-www-form-urlencoded',
        },
      },
    ]);
  });

  it('is asked for anew shortly before it expires', async () => {
    const provider = world.start({ [PATHS.show]: json(authorizedOrder()) });
    await provider.inquire(queryOf());
    await world.clock().advance(32_400_000 - 60_001);
    const later = () => queryOf({ budget: budget({ deadlineMs: world.clock().monotonicMs() + 1_000 }) });
    await provider.inquire(later());
    expect(world.tokens()).toHaveLength(1);
    await world.clock().advance(1);
    await provider.inquire(later());
    expect(world.tokens()).toHaveLength(2);
  });

  it('that is refused is renewed once, and the call made again under the same key', async () => {
    const provider = world.start({
      [PATHS.token]: [tokenAnswer('old'), tokenAnswer('new')],
      [PATHS.create]: MADE,
      [PATHS.authorize]: [json({ error: 'invalid_token' }, 401), APPROVED],
    });
    expect(await provider.authorize(callOf())).toEqual(APPROVAL);
    const tries = world.seen().filter(({ path }) => path.endsWith('/authorize'));
    expect(tries.map(({ headers }) => [headers['authorization'], headers['paypal-request-id']])).toEqual([
      ['Bearer old', 'key_a_1'],
      ['Bearer new', 'key_a_1'],
    ]);
    expect(tries[0]?.body).toBe(tries[1]?.body);
  });

  it('that is refused again is not renewed for ever', async () => {
    const refusal = error(401, 'AUTHENTICATION_FAILURE');
    const provider = world.start({ [PATHS.create]: MADE, [PATHS.authorize]: refusal });
    expect(await provider.authorize(callOf())).toMatchObject({ kind: 'rejected', reason: 'configuration' });
    expect(world.seen()).toHaveLength(3);
    expect(world.tokens()).toHaveLength(2);
  });

  it('is not renewed for a 401 that is not said to be PayPal’s own: what came of the call is not known', async () => {
    const provider = world.start({
      [PATHS.create]: MADE,
      [PATHS.authorize]: new Response('nope', { status: 401 }),
    });
    expect(await provider.authorize(callOf())).toEqual({
      kind: 'unknown',
      code: 'http_401',
      providerReference: ORDER_ID,
    });
    expect(world.tokens()).toHaveLength(1);
  });

  it.each<[string, Response | (() => Response), object]>([
    [
      'refused credentials',
      json({ error: 'invalid_client' }, 401),
      { kind: 'rejected', reason: 'configuration', code: 'invalid_client' },
    ],
    [
      'too many',
      json({ error: 'too_many_requests' }, 429, { 'retry-after': '2' }),
      { kind: 'rejected', reason: 'rate_limited', retryAfterMs: 2_000 },
    ],
    [
      'a failure',
      new Response('', { status: 503 }),
      { kind: 'rejected', reason: 'transient', code: 'token_http_503' },
    ],
    [
      'no token',
      json({ access_token: 'a b' }),
      { kind: 'rejected', reason: 'transient', code: 'token_malformed' },
    ],
    ['no connection', networkError, { kind: 'not_sent' }],
  ])('%s: nothing could move', async (_, answer, told) => {
    const provider = world.start({ ...GOOD, [PATHS.token]: answer });
    expect(await provider.authorize(callOf())).toMatchObject(told);
    expect(world.seen()).toEqual([]);
    expect(await provider.inquire(queryOf())).toMatchObject({ kind: 'no_answer' });
    expect(['rejected', 'not_sent']).toContain((await provider.void(operationOf())).kind);
    expect(world.seen()).toEqual([]);
  });

  it('takes of the time that the call has, and no longer', async () => {
    let give = (_: Response) => {};
    const slow = new Promise<Response>((resolve) => {
      give = resolve;
    });
    const provider = world.start({ ...GOOD, [PATHS.token]: () => slow });
    const short = provider.authorize(callOf({ budget: budget({ deadlineMs: 500 }) }));
    const long = provider.authorize(callOf({ budget: budget({ deadlineMs: 4_000 }) }));
    await until(() => world.tokens().length === 1);
    await world.clock().advance(500);
    expect(await short).toEqual({ kind: 'not_sent', code: 'token_timeout' });
    give(tokenAnswer());
    expect(await long).toEqual(APPROVAL);
    expect(world.tokens()).toHaveLength(1);
  });

  it('is not waited for when the process ends', async () => {
    const stopper = new AbortController();
    const provider = world.start({ ...GOOD, [PATHS.token]: () => new Promise<Response>(() => {}) });
    const answer = provider.authorize(callOf({ budget: budget({ signal: stopper.signal }) }));
    await until(() => world.tokens().length === 1);
    stopper.abort();
    expect(await answer).toEqual({ kind: 'not_sent', code: 'draining' });
  });
});

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise(setImmediate);
}
