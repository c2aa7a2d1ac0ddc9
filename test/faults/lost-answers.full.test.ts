import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { GATEWAY_KEY } from '../support/start-gateway.ts';
import { type FaultStage, type Story, startStage, TIMEOUT_MS, told, WINDOW_MS } from './fault-stage.ts';

/**
 * Answers that are lost or come too late (T1 to T4): what the caller is told, and what stands once it is found out. The
 * second provider never gets a request: money may have moved at the first.
 */

const NO_KEYS = { replay: 'none' };
const REPEAT_ONLY = { inquiry: 'none', replay: 'same_answer' };

const FIVE_OF = { kind: 'error', status: 503 } as const;

/** T1: the answer is lost after the provider has authorized. */
const LOST = [
  {
    name: 't1-repeated',
    title: 'repeated under the same key',
    faults: [{ kind: 'reset_after' }],
    told: [201, 'approved', 'first approved'],
    asked: 2,
  },
  {
    name: 't1-asked',
    title: 'asked about, where there are no keys',
    semantics: NO_KEYS,
    faults: [{ kind: 'reset_after' }],
    told: [201, 'approved', 'first approved'],
    asked: 1,
  },
  {
    name: 't1-repeat-429',
    title: 'the repeat is told to wait',
    faults: [{ kind: 'reset_after' }, { kind: 'rate_limited' }],
    told: [202, 'pending', 'first unknown'],
    asked: 1,
  },
  {
    name: 't1-repeat-401',
    title: 'the repeat is told that our credentials are wrong',
    faults: [{ kind: 'reset_after' }, { kind: 'unauthorized' }],
    told: [202, 'pending', 'first unknown'],
    asked: 1,
  },
  {
    name: 't1-repeat-503',
    title: 'the repeat fails',
    faults: [{ kind: 'reset_after' }, FIVE_OF],
    told: [202, 'pending', 'first unknown'],
    asked: 1,
  },
  {
    name: 't1-repeat-reset',
    title: 'the answer to the repeat is lost too',
    faults: [{ kind: 'reset_after' }, { kind: 'reset_after' }],
    told: [202, 'pending', 'first unknown'],
    asked: 2,
  },
  {
    name: 't1-later-repeats',
    title: 'no inquiry, and the repeats beside the road are turned away at first',
    semantics: REPEAT_ONLY,
    faults: [
      { kind: 'hang', processed: true },
      { kind: 'rate_limited' },
      { kind: 'unauthorized' },
      FIVE_OF,
      { kind: 'reset_before' },
    ],
    told: [202, 'pending', 'first unknown'],
    asked: 2,
  },
] as const;

/** T2: inquiries that lie, fail, or are answered by somebody else, before one that tells. */
const INQUIRY_FAULTS = [
  { kind: 'error', status: 500 },
  { kind: 'error', status: 503 },
  { kind: 'rate_limited' },
  { kind: 'unauthorized' },
  { kind: 'reset_after' },
  { kind: 'hang' },
  { kind: 'garbage' },
  { kind: 'truncated' },
  { kind: 'wrong_length' },
  { kind: 'wrong_amount' },
  { kind: 'wrong_currency' },
  { kind: 'wrong_reference' },
  { kind: 'gzip_bomb' },
] as const;

/** T3: how much too late the answer comes, milliseconds. */
const TOO_LATE_MS = [1, 2, 5, 10, 20, 50, 100, 300] as const;

const STORIES: readonly Story[] = [
  ...LOST.map((each) => ({ name: each.name, ...('semantics' in each ? { semantics: each.semantics } : {}) })),
  {
    name: 't2-behind',
    traits: { inquiry_delay_ms: 3_000 },
    semantics: { not_found_after_ms: 5_000 },
  },
  { name: 't2-never-arrived' },
  ...INQUIRY_FAULTS.map((_, index) => ({ name: `t2-inquiry-${index}` })),
  { name: 't2-foreign-404', proxied: true },
  { name: 't3-late' },
  { name: 't3-slow' },
  { name: 't3-unasked', semantics: { inquiry: 'none', replay: 'none' } },
  { name: 't4-half-sent' },
  { name: 't4-gone-at-once' },
  { name: 't4-declined' },
  { name: 't4-unknown' },
];

let stage: FaultStage;

beforeAll(async () => {
  stage = await startStage(STORIES);
}, 60_000);

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

describe.concurrent('T1: the answer is lost after the provider has authorized', () => {
  test.each(LOST)('T1: $title', async ({ name, faults, told: expected, asked }) => {
    await stage.strike(name, ...faults);
    const paid = await stage.pay(name);
    expect(told(paid)).toEqual(expected);
    if (paid.answer.status === 202) {
      const other = await stage.gateway.authorize(paid.body, `other-${paid.key}`);
      expect([other.status, other.json]).toMatchObject([409, { type: '/problems/payment-live' }]);
    }
    expect(await stage.end(paid)).toEqual({
      status: 'approved',
      attempts: ['first approved'],
      books: [`first live x${asked}`],
    });
    expect(stage.requests(name).second).toBe(0);
    const again = await stage.repeat(paid);
    expect([again.status, stage.books(paid.reference)]).toMatchObject([201, [{ live: true, asked }]]);
  });
});

describe.concurrent('T2: inquiries that do not tell the truth yet', () => {
  test('T2: not found for longer than the attempt, then found: never failed over meanwhile', async () => {
    await stage.strike('t2-behind', { kind: 'hang', processed: true });
    const paid = await stage.pay('t2-behind');
    expect(told(paid)).toEqual([202, 'pending', 'first unknown']);
    const seen = new Set<string>();
    await eventually('it is found', async () => {
      const { status } = (await stage.now(paid)) ?? { status: 'none' };
      seen.add(status);
      expect(stage.requests('t2-behind')).toEqual({ first: 1, second: 0 });
      return status === 'pending' ? null : status;
    });
    expect([...seen]).toEqual(['pending', 'approved']);
    const notFound = await stage.gateway.metric(
      'pointsman_resolutions_total',
      '{provider="t2-behind-a",subject="attempt",by="inquiry",result="not_found"}',
    );
    expect(notFound, 'inquiries that did not find it').toBeGreaterThan(0);
    expect((await stage.end(paid)).books).toEqual(['first live x1']);
  });

  test('T2: never arrived: failed once that is evidence, not before, and the payment is free again', async () => {
    await stage.strike('t2-never-arrived', { kind: 'hang' });
    const sinceMs = performance.now();
    const paid = await stage.pay('t2-never-arrived');
    expect(told(paid)).toEqual([202, 'pending', 'first unknown']);
    expect(await stage.end(paid)).toEqual({ status: 'failed', attempts: ['first rejected'], books: [] });
    expect(performance.now() - sinceMs).toBeGreaterThan(TIMEOUT_MS + WINDOW_MS);
    expect(stage.requests('t2-never-arrived')).toEqual({ first: 1, second: 0 });
    const again = await stage.pay('t2-never-arrived', {
      reference: paid.reference,
      key: 'after-never-arrived',
    });
    expect(told(again)).toEqual([201, 'approved', 'first approved']);
    expect(stage.books(paid.reference)).toMatchObject([{ provider: 't2-never-arrived-a', live: true }]);
  });

  test('T2: inquiries that fail in every way are no evidence, and are repeated until one tells', async () => {
    await Promise.all(
      INQUIRY_FAULTS.map(async (fault, index) => {
        const story = `t2-inquiry-${index}`;
        const of = JSON.stringify(fault);
        const spoilt = { ...fault, operation: 'inquire', times: 2 } as const;
        await stage.strike(story, { kind: 'hang', processed: true }, spoilt);
        const paid = await stage.pay(story);
        expect(told(paid), of).toEqual([202, 'pending', 'first unknown']);
        expect(await stage.end(paid), of).toMatchObject({ status: 'approved', books: ['first live x1'] });
        expect(stage.requests(story), of).toEqual({ first: 1, second: 0 });
      }),
    );
    const { text } = await stage.gateway.get('/metrics', { key: null });
    const failed = text.match(/resolutions_total\{provider="t2-inquiry-\d+-a".*result="no_answer.*/g);
    expect(failed?.length, 'providers whose inquiries failed').toBe(INQUIRY_FAULTS.length);
  });

  test('T2: a 404 of somebody on the way says nothing, however long it is said', async () => {
    const story = 't2-foreign-404';
    const proxy = stage.proxy(story);
    const page = '<html>no such host</html>';
    const bytes = `HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: ${page.length}\r\n\r\n${page}`;
    proxy.cut({ kind: 'answer', bytes }, { method: 'GET', times: 1000 });
    await stage.strike(story, { kind: 'hang', processed: true });
    const paid = await stage.pay(story);
    expect(told(paid)).toEqual([202, 'pending', 'first unknown']);
    const untilMs = performance.now() + WINDOW_MS + 1_500;
    await eventually('the window is over', () => (performance.now() > untilMs ? true : null));
    expect((await stage.now(paid))?.status).toBe('pending');
    expect(proxy.cuts.length, 'inquiries that were answered so').toBeGreaterThan(1);
    proxy.heal();
    expect(await stage.end(paid)).toMatchObject({ status: 'approved', books: ['first live x1'] });
    expect(stage.requests(story)).toEqual({ first: 1, second: 0 });
  });
});

describe.concurrent('T3: the provider answers after we gave up', () => {
  test(`T3: approved at once, told ${TOO_LATE_MS.join(', ')} ms too late`, async () => {
    await Promise.all(
      TOO_LATE_MS.map(async (lateMs) => {
        const token = `late-${lateMs}`;
        await stage.strike('t3-late', { kind: 'late', delay_ms: TIMEOUT_MS + lateMs, match: { token } });
        const paid = await stage.pay('t3-late', { token });
        // Asked about within the request.
        expect(told(paid)).toEqual([201, 'approved', 'first approved']);
        expect(await stage.end(paid)).toMatchObject({ status: 'approved', books: ['first live x1'] });
      }),
    );
    expect(stage.requests('t3-late')).toEqual({ first: TOO_LATE_MS.length, second: 0 });
  });

  test(`T3: approved and told ${TOO_LATE_MS.join(', ')} ms too late`, async () => {
    await Promise.all(
      TOO_LATE_MS.map(async (lateMs) => {
        const token = `slow-${lateMs}`;
        await stage.strike('t3-slow', { kind: 'slow', delay_ms: TIMEOUT_MS + lateMs, match: { token } });
        const paid = await stage.pay('t3-slow', { token });
        // Asked a moment later, the provider may have done it by then, or say that it is still working.
        expect(['201 approved first approved', '202 pending first pending']).toContain(told(paid).join(' '));
        expect(await stage.end(paid)).toMatchObject({ status: 'approved', books: ['first live x1'] });
      }),
    );
    expect(stage.requests('t3-slow')).toEqual({ first: TOO_LATE_MS.length, second: 0 });
  });

  test('T3: there is nobody to ask: pending, and nothing is sent again', async () => {
    await stage.strike('t3-unasked', { kind: 'late', delay_ms: TIMEOUT_MS + 500 });
    const paid = await stage.pay('t3-unasked');
    expect(told(paid)).toEqual([202, 'pending', 'first unknown']);
    await eventually(
      'the resolver has looked at it',
      async () =>
        (await stage.gateway.metric(
          'pointsman_resolutions_total',
          '{provider="t3-unasked-a",subject="attempt",by="inquiry",result="no_way_to_ask"}',
        )) ?? null,
    );
    expect((await stage.repeat(paid)).status).toBe(202);
    expect(stage.requests('t3-unasked')).toEqual({ first: 1, second: 0 });
  });
});

/** Sends what there is of a request, and resets the connection. */
function sendAndReset(bytes: string): Promise<void> {
  const { hostname, port } = new URL(stage.gateway.url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(bytes, () => {
        // What was written is to arrive before the reset does.
        setTimeout(() => socket.resetAndDestroy(), 20);
      });
    });
    socket.once('close', () => resolve());
    socket.once('error', reject);
  });
}

function requestOf(body: object, key: string): string {
  const text = JSON.stringify(body);
  return [
    'POST /v1/authorizations HTTP/1.1',
    'Host: gateway',
    `Authorization: Bearer ${GATEWAY_KEY}`,
    `Idempotency-Key: ${key}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(text)}`,
    '',
    text,
  ].join('\r\n');
}

describe.concurrent('T4: the caller is gone', () => {
  test('T4: in the middle of the body: nothing is sent, nothing recorded, and the key is free', async () => {
    const story = 't4-half-sent';
    const body = stage.bodyOf(story);
    const bytes = requestOf(body, 'half-sent');
    await sendAndReset(bytes.slice(0, -40));
    await sendAndReset(bytes.slice(0, 60));
    expect(await stage.now({ story, reference: body.reference })).toBeNull();
    expect(stage.requests(story)).toEqual({ first: 0, second: 0 });
    const answer = await stage.gateway.authorize(body, 'half-sent');
    expect([answer.status, answer.headers.get('idempotent-replayed')]).toEqual([201, null]);
    expect(stage.books(body.reference)).toMatchObject([{ live: true, asked: 1 }]);
  });

  const GONE = [
    {
      story: 't4-gone-at-once',
      title: 'approved',
      faults: [{ kind: 'late', delay_ms: 300 }],
      token: 'tok_visa',
      end: { status: 'approved', attempts: ['first approved'], books: ['first live x1'] },
    },
    {
      story: 't4-declined',
      title: 'declined, and tried elsewhere',
      faults: [{ kind: 'late', delay_ms: 300 }],
      token: 'tok_decline_05',
      end: {
        status: 'approved',
        attempts: ['first declined', 'second approved'],
        books: ['first declined x1', 'second live x1'],
      },
    },
    {
      story: 't4-unknown',
      title: 'unknown, and found out',
      faults: [
        { kind: 'hang', processed: true },
        { kind: 'error', operation: 'inquire' },
      ],
      token: 'tok_visa',
      end: { status: 'approved', attempts: ['first approved'], books: ['first live x1'] },
    },
  ] as const;

  test.each(GONE)(
    'T4: as soon as all is sent: $title, and recorded',
    async ({ story, faults, token, end }) => {
      await stage.strike(story, ...faults);
      const body = stage.bodyOf(story, { token });
      await sendAndReset(requestOf(body, `gone-${story}`));
      await eventually('it is begun', () => stage.now({ story, reference: body.reference }));
      expect(await stage.end({ story, reference: body.reference })).toEqual(end);
      const again = await stage.gateway.authorize(body, `gone-${story}`);
      expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([201, 'true']);
      expect(stage.books(body.reference)).toHaveLength(end.books.length);
    },
  );
});
