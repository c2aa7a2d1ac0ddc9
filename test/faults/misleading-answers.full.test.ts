import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { alertsOn, authorizationIn } from '../support/start-gateway.ts';
import type { Cut } from './cutting-proxy.ts';
import { type FaultStage, type Story, startStage, told } from './fault-stage.ts';

/**
 * Answers that say something else than what is true (T7 to T11): what the caller is told, and what stands once it is
 * found out.
 */

const PENDING = [202, 'pending', 'first unknown'] as const;
const FOUND = [201, 'approved', 'first approved'] as const;

/** What the marks of an error answer are worth; `after`: what stands in the end. */
const ERRORS: readonly {
  readonly name: string;
  readonly title: string;
  readonly answer: readonly string[];
  readonly definite: boolean;
}[] = [
  {
    name: 't9-marked',
    title: '503 with the mark of not processed',
    answer: ['503 Service Unavailable', 'X-Not-Processed: true'],
    definite: true,
  },
  {
    name: 't9-bare',
    title: 'the same 503 without the mark',
    answer: ['503 Service Unavailable'],
    definite: false,
  },
  {
    name: 't9-false',
    title: '503 whose mark says false',
    answer: ['503 Service Unavailable', 'X-Not-Processed: false'],
    definite: false,
  },
  {
    name: 't9-empty',
    title: '503 whose mark is empty',
    answer: ['503 Service Unavailable', 'X-Not-Processed:'],
    definite: false,
  },
  {
    name: 't9-twice',
    title: '503 whose mark says both',
    answer: ['503 Service Unavailable', 'X-Not-Processed: true', 'X-Not-Processed: false'],
    definite: false,
  },
  {
    name: 't9-408',
    title: '408 with the mark',
    answer: ['408 Request Timeout', 'X-Not-Processed: true'],
    definite: false,
  },
  {
    name: 't9-409',
    title: '409 with the mark',
    answer: ['409 Conflict', 'X-Not-Processed: true'],
    definite: false,
  },
  {
    name: 't9-302',
    title: 'a redirect with the mark',
    answer: ['302 Found', 'X-Not-Processed: true', 'Location: /elsewhere'],
    definite: false,
  },
];

const HTTP_OK = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n';
const MEBIBYTE = 2 ** 20;

/** Bodies without end, and lengths that are not true; the provider never saw the request, or did. */
const ENDLESS: readonly { readonly name: string; readonly cut: Cut }[] = [
  {
    name: 't10-no-length',
    cut: { kind: 'flood', head: `${HTTP_OK}Connection: close\r\n\r\n`, chunk: ' '.repeat(65_536) },
  },
  {
    name: 't10-chunked',
    cut: {
      kind: 'flood',
      head: `${HTTP_OK}Transfer-Encoding: chunked\r\n\r\n`,
      chunk: `4000\r\n${' '.repeat(0x4000)}\r\n`,
    },
  },
  {
    name: 't10-headers',
    cut: { kind: 'flood', head: 'HTTP/1.1 200 OK\r\n', chunk: `X-More: ${'x'.repeat(1_000)}\r\n` },
  },
  {
    name: 't10-informational',
    cut: { kind: 'flood', head: '', chunk: 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(500) },
  },
];

const SPOILT = ['truncated', 'wrong_length', 'garbage', 'gzip_bomb'] as const;
const BOMBS = 12;

const MISMATCHES = ['wrong_amount', 'wrong_currency', 'wrong_reference'] as const;

/** The fault's name in that of its story. */
const storyOf = (number: string, kind: string) => `${number}-${kind.replace('_', '-')}`;

const CACHING = { replay: 'same_answer' } as const;
const FORGETTING = { replay: 'success_only' } as const;

const STORIES: readonly Story[] = [
  { name: 't7-asked' },
  { name: 't7-event', semantics: { inquiry: 'none', ...CACHING }, traits: CACHING },
  { name: 't7-cut', semantics: { inquiry: 'none', ...CACHING }, traits: CACHING, proxied: true },
  { name: 't7-void' },
  { name: 't8-asked', semantics: FORGETTING, traits: FORGETTING },
  { name: 't8-lost', semantics: FORGETTING, traits: FORGETTING },
  { name: 't8-person-yes', semantics: { inquiry: 'none', ...FORGETTING }, traits: FORGETTING },
  { name: 't8-person-no', semantics: { inquiry: 'none', ...FORGETTING }, traits: FORGETTING },
  ...ERRORS.map(({ name }) => ({ name, proxied: true })),
  { name: 't9-processed' },
  ...SPOILT.map((kind) => ({ name: storyOf('t10', kind) })),
  { name: 't10-bombs' },
  ...ENDLESS.map(({ name }) => ({ name, proxied: true })),
  ...MISMATCHES.map((kind) => ({ name: storyOf('t11', kind) })),
];

let stage: FaultStage;

beforeAll(async () => {
  // Time enough for what answers at once; nothing lands late here.
  stage = await startStage(
    STORIES.map((story) => ({
      timeoutMs: 2_500,
      ...story,
      semantics: { not_found_after_ms: 300, ...story.semantics },
    })),
  );
}, 60_000);

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

/** How often something was found out, by provider, way and result. */
const resolutions = async (story: string, by: string, result: string) =>
  (await stage.gateway.metric(
    'pointsman_resolutions_total',
    `{provider="${story}-a",subject="attempt",by="${by}",result="${result}"}`,
  )) ?? 0;

/** The resolver has come by and could not find anything out. */
const lookedInVain = (story: string, by: string, result: string, times: number) =>
  eventually(`${times} looks at ${story}`, async () =>
    (await resolutions(story, by, result)) >= times ? true : null,
  );

// Not beside the others: in their stories nobody tells by himself.
describe('T7: 500 although it was authorized, and the 500 is kept under the key', () => {
  beforeAll(() => stage.sendWebhooks());
  afterAll(() => stage.stopWebhooks());

  test('T7: an inquiry tells the truth', async () => {
    await stage.strike('t7-asked', { kind: 'error', processed: true });
    const paid = await stage.pay('t7-asked');
    expect(told(paid)).toEqual(FOUND);
    expect(await stage.end(paid)).toMatchObject({ status: 'approved', books: ['first live x1'] });
    expect(stage.requests('t7-asked')).toEqual({ first: 1, second: 0 });
  });

  const KEPT = [
    { name: 't7-event', title: 'there is no inquiry: repeats get the 500 for ever', cut: false },
    { name: 't7-cut', title: 'the 500 itself was lost, and the repeat gets it', cut: true },
  ] as const;
  test.each(KEPT)('T7: $title; the event tells', async ({ name, cut }) => {
    if (cut) stage.proxy(name).cut({ kind: 'after_provider' });
    await stage.strike(name, { kind: 'error', processed: true }, { kind: 'webhook_late', delay_ms: 1_500 });
    const paid = await stage.pay(name);
    expect(told(paid)).toEqual(PENDING);
    await lookedInVain(name, 'inquiry', 'no_answer', 3);
    expect((await stage.now(paid))?.status).toBe('pending');
    const end = await stage.end(paid);
    expect([end.status, end.books.length]).toEqual(['approved', 1]);
    expect(await resolutions(name, 'webhook', 'approved')).toBe(1);
    const [entry] = stage.books(paid.reference);
    expect([entry?.live, entry?.asked]).toEqual([true, stage.requests(name).first]);
    expect(entry?.asked, 'repeats under the same key').toBeGreaterThan(2);
    expect(stage.requests(name).second).toBe(0);
  });
});

describe.concurrent('T7: 500 to a void that was not carried out, and the 500 is kept under its key', () => {
  test('T7: it is undone under another key, once', async () => {
    await stage.strike('t7-void', { kind: 'error', operation: 'void', ambiguous: true });
    const paid = await stage.pay('t7-void', { token: 'tok_decline_hidden' });
    expect(told(paid)).toEqual([202, 'reversing', 'first declined']);
    const end = await stage.end(paid);
    expect([end.status, end.attempts]).toEqual(['declined', ['first declined']]);
    const [entry] = stage.books(paid.reference);
    expect(entry?.live).toBe(false);
    expect(entry?.operations.filter(({ status }) => status === 'confirmed')).toHaveLength(1);
    expect(stage.requests('t7-void').second).toBe(0);
  });
});

describe.concurrent('T8: 500 although it was authorized, and the key is forgotten: a repeat would pay again', () => {
  test('T8: asked about, never repeated', async () => {
    await stage.strike('t8-asked', { kind: 'error', processed: true });
    const paid = await stage.pay('t8-asked');
    expect(told(paid)).toEqual(FOUND);
    expect(await stage.end(paid)).toMatchObject({ status: 'approved', books: ['first live x1'] });
    expect(stage.requests('t8-asked')).toEqual({ first: 1, second: 0 });
  });

  test('T8: the answer is lost as well: asked about, never repeated', async () => {
    await stage.strike('t8-lost', { kind: 'reset_after' }, { kind: 'error', operation: 'inquire', times: 2 });
    const paid = await stage.pay('t8-lost');
    expect(told(paid)).toEqual(PENDING);
    expect(await stage.end(paid)).toMatchObject({ status: 'approved', books: ['first live x1'] });
    expect(stage.requests('t8-lost')).toEqual({ first: 1, second: 0 });
  });

  const PERSONS = [
    { name: 't8-person-yes', title: 'it stands there', processed: true },
    { name: 't8-person-no', title: 'it never was', processed: false },
  ] as const;
  test.each(PERSONS)('T8: nobody can be asked; a person closes it: $title', async ({ name, processed }) => {
    await stage.strike(name, { kind: 'error', ...(processed ? { processed } : { ambiguous: true }) });
    const paid = await stage.pay(name);
    expect(told(paid)).toEqual(PENDING);
    await lookedInVain(name, 'inquiry', 'no_way_to_ask', 3);
    expect(stage.requests(name), 'never repeated, never failed over').toEqual({ first: 1, second: 0 });
    expect((await stage.repeat(paid)).status).toBe(202);

    const [entry] = stage.books(paid.reference);
    const evidence = "looked up in the provider's list of payments";
    const body = processed
      ? { resolution: 'approved', provider_reference: entry?.id, evidence }
      : { resolution: 'not_processed', evidence };
    const attempt = authorizationIn(paid.answer).attempts[0]?.id;
    const path = `/v1/attempts/${attempt}/resolutions`;
    const closed = await stage.gateway.call('POST', path, { body });
    expect(closed.status, closed.text).toBe(200);
    expect(await stage.end(paid)).toEqual(
      processed
        ? { status: 'approved', attempts: ['first approved'], books: ['first live x1'] }
        : { status: 'failed', attempts: ['first rejected'], books: [] },
    );
    expect((await stage.repeat(paid)).status).toBe(201);
    expect(stage.requests(name)).toEqual({ first: 1, second: 0 });
  });
});

describe.concurrent('T9: errors that say that nothing was processed, and errors that do not', () => {
  test('T9: only 5xx with the mark, said once, lets another provider try', async () => {
    await Promise.all(
      ERRORS.map(async ({ name, title, answer, definite }) => {
        const [status, ...headers] = answer;
        const body = '{"error":{"code":"unavailable","message":"later"}}';
        const lines = [
          `HTTP/1.1 ${status}`,
          'Content-Type: application/json',
          `Content-Length: ${body.length}`,
        ];
        const bytes = `${[...lines, ...headers].join('\r\n')}\r\n\r\n${body}`;
        stage.proxy(name).cut({ kind: 'answer', bytes });
        const paid = await stage.pay(name);
        expect(stage.proxy(name).cuts).toHaveLength(1);
        if (definite) {
          expect(told(paid), title).toEqual([201, 'approved', 'first rejected', 'second approved']);
          expect(await stage.end(paid), title).toMatchObject({ books: ['second live x1'] });
          return;
        }
        expect(told(paid), title).toEqual(PENDING);
        // It never was processed, which an inquiry may say only after its time.
        expect(await stage.end(paid), title).toEqual({
          status: 'failed',
          attempts: ['first rejected'],
          books: [],
        });
        expect(stage.requests(name), title).toEqual({ first: 0, second: 0 });
      }),
    );
  });

  test('T9: 503 without the mark, and it was authorized', async () => {
    await stage.strike('t9-processed', { kind: 'error', status: 503, processed: true });
    const paid = await stage.pay('t9-processed');
    expect(told(paid)).toEqual(FOUND);
    expect(await stage.end(paid)).toMatchObject({ status: 'approved', books: ['first live x1'] });
    expect(stage.requests('t9-processed')).toEqual({ first: 1, second: 0 });
  });
});

/** Memory that the gateway's process has had at most since the mark was last taken back, bytes; Linux only. */
function peakMemory(): number | null {
  try {
    const status = readFileSync(`/proc/${stage.gateway.pid}/status`, 'utf8');
    const found = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
    return found === undefined ? null : Number(found) * 1024;
  } catch {
    return null;
  }
}

describe('T10: answers that cannot be read', () => {
  test('T10: spoilt, and asked about: nothing is failed over', async () => {
    await Promise.all(
      SPOILT.map(async (kind) => {
        const name = storyOf('t10', kind);
        // The repeat of a broken connection and the first inquiry are spoilt too.
        await stage.strike(name, { kind, times: 2 }, { kind, operation: 'inquire' });
        const paid = await stage.pay(name);
        expect(told(paid), kind).toEqual(PENDING);
        const end = await stage.end(paid);
        expect([end.status, end.attempts, end.books.length], kind).toEqual([
          'approved',
          ['first approved'],
          1,
        ]);
        expect(stage.books(paid.reference), kind).toMatchObject([{ live: true }]);
        expect(stage.requests(name).second, kind).toBe(0);
      }),
    );
  });

  test(`T10: ${BOMBS} bodies that become 64 MiB each take up no memory`, async () => {
    const before = peakMemory();
    await stage.strike('t10-bombs', { kind: 'gzip_bomb', times: BOMBS });
    await stage.strike('t10-bombs', { kind: 'gzip_bomb', operation: 'inquire', times: BOMBS });
    const paid = await Promise.all(Array.from({ length: BOMBS }, () => stage.pay('t10-bombs')));
    for (const each of paid) expect(told(each)).toEqual(PENDING);
    for (const each of paid) {
      expect(await stage.end(each)).toMatchObject({ status: 'approved', books: ['first live x1'] });
    }
    expect(stage.requests('t10-bombs')).toEqual({ first: BOMBS, second: 0 });
    const after = peakMemory();
    // One body that was unpacked would be more than that.
    if (before !== null && after !== null) expect(after - before).toBeLessThan(60 * MEBIBYTE);
  });

  test('T10: bodies, chunks, headers and interim answers without end are given up, and found out', async () => {
    const before = peakMemory();
    await Promise.all(
      ENDLESS.map(async ({ name, cut }) => {
        const proxy = stage.proxy(name);
        proxy.cut(cut);
        const paid = await stage.pay(name);
        expect(told(paid), name).toEqual(PENDING);
        expect(proxy.cuts, name).toHaveLength(1);
        expect(proxy.flooded, name).toBeGreaterThan(16_384);
        expect(await stage.end(paid), name).toEqual({
          status: 'failed',
          attempts: ['first rejected'],
          books: [],
        });
        expect(stage.requests(name), name).toEqual({ first: 0, second: 0 });
      }),
    );
    const after = peakMemory();
    if (before !== null && after !== null) expect(after - before).toBeLessThan(60 * MEBIBYTE);
  });
});

describe.concurrent('T11: the answer is about something else than what was asked', () => {
  test.each(MISMATCHES)('T11: %s: quarantined, undone once, told once', async (kind) => {
    const name = storyOf('t11', kind);
    await stage.strike(name, { kind });
    const paid = await stage.pay(name);
    expect(told(paid)).toEqual(PENDING);
    expect(authorizationIn(paid.answer).attempts[0]?.code).toBe('answer_mismatch');
    const end = await stage.end(paid);
    expect([end.status, end.books]).toEqual(['voided', ['first voided x1']]);
    const [entry] = stage.books(paid.reference);
    expect(entry?.operations).toMatchObject([{ operation: 'void', status: 'confirmed', asked: 1 }]);
    expect(alertsOn(stage.gateway, authorizationIn(paid.answer).id)).toEqual(['quarantined']);
    expect(
      await stage.gateway.metric('pointsman_remarks_total', `{remark="quarantined",provider="${name}-a"}`),
    ).toBe(1);
    // The authorization and its void, and nothing anywhere else; then the payment is free again.
    expect(stage.requests(name)).toEqual({ first: 2, second: 0 });
    const again = await stage.pay(name, { reference: paid.reference, key: `again-${name}` });
    expect(told(again)).toEqual(FOUND);
    expect(stage.books(paid.reference).map(({ live }) => live)).toEqual([false, true]);
  });
});
