import { hash } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AuthorizeResult } from '../../src/gateway/road-results.ts';
import { problemIn } from '../road/problem-in.ts';
import { eventually } from '../support/eventually.ts';
import { GatewayWorld, idIn } from '../support/gateway-world.ts';
import type { ScriptStep } from '../support/scripted-provider.ts';
import { authorizationIn, GATEWAY_KEY } from '../support/start-gateway.ts';
import { type FaultStage, type Paid, startStage, told } from './fault-stage.ts';

/**
 * Keys of callers: the same from many at once (T16), with another body (T17), from two accounts (T18), and spelt oddly
 * (T19). A hundred callers through sockets are `test/road/one-key-many-callers.full.test.ts`.
 */

const CALLERS = 100;

describe('T16: a hundred callers with one key at two processes on one journal', () => {
  const STEPS: readonly { readonly step: ScriptStep; readonly status: string; readonly sent: number }[] = [
    { step: 'approve', status: 'approved', sent: 1 },
    { step: 'decline_hard', status: 'declined', sent: 1 },
    { step: 'rejected', status: 'approved', sent: 2 },
    { step: 'partial', status: 'approved', sent: 2 },
    { step: 'hang_processed', status: 'approved', sent: 1 },
    { step: 'hang_unprocessed', status: 'failed', sent: 1 },
  ];
  test.each(STEPS)(
    'T16: $step: one is sent, and all are told the same in the end',
    async ({ step, status, sent }) => {
      const world = new GatewayWorld({ script: { 'sandbox-a': [step] }, latencyMs: 300 });
      const processes = [world.process(), world.process()];
      const processOf = (index: number) => processes[index % 2] ?? world.process();
      const begun: Promise<AuthorizeResult>[] = [];
      for (let index = 0; index < CALLERS; index += 1) {
        begun.push(world.begin(processOf(index)));
        // Some at the same moment, some while it is under way, some thereafter.
        if (index % 10 === 9) await world.clock.advance(100);
      }
      const results = await world.finish(Promise.all(begun));
      const first = results.filter((result) => result.kind === 'answered' && !result.replayed);
      expect(first, 'callers whose request opened it').toHaveLength(1);
      const kinds = new Set(results.map(({ kind }) => kind));
      expect([...kinds].sort()).toEqual(['answered', 'in_flight']);
      expect(new Set(results.map(idIn)).size).toBe(1);

      await world.pass(60_000, ...processes);
      const again = await world.finish(
        Promise.all(Array.from({ length: CALLERS }, (_, index) => world.begin(processOf(index)))),
      );
      expect(new Set(again.map((result) => JSON.stringify(result))).size).toBe(1);
      expect(again[0]).toMatchObject({ kind: 'answered', httpStatus: 201, replayed: true });
      const end = await world.get(idIn(again[0] as AuthorizeResult));
      expect(end.status).toBe(status);
      const seen = [...world.providers.values()].flatMap((provider) => provider.seen);
      expect(seen.length).toBe(sent);
      expect(world.live()).toHaveLength(status === 'approved' ? 1 : 0);
    },
  );
});

const ACCOUNTS = { one: 'key-of-the-one-account-abc', two: 'key-of-the-two-account-abc' } as const;

function apiKeys(): string {
  const scopes = ['authorize', 'read', 'ops', 'rules'];
  const keys = Object.entries({ ...ACCOUNTS, test: GATEWAY_KEY });
  return JSON.stringify(
    keys.map(([id, key]) => ({
      id,
      sha256: hash('sha256', key, 'hex'),
      account: id,
      merchants: 'all',
      scopes,
    })),
  );
}

let stage: FaultStage;

beforeAll(async () => {
  stage = await startStage(
    ['t17', 't18-one', 't18-two', 't18-shared', 't19'].map((name) => ({ name })),
    { apiKeys: apiKeys() },
  );
}, 60_000);

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

describe('T17: the same key with another body', () => {
  const OTHERS: readonly [what: string, change: (body: Paid['body']) => object][] = [
    ['a minor unit more', (body) => ({ ...body, amount: { value: 5000, currency: 'EUR' } })],
    ['a minor unit less', (body) => ({ ...body, amount: { value: 4998, currency: 'EUR' } })],
    ['another currency', (body) => ({ ...body, amount: { value: 4999, currency: 'USD' } })],
    ['another payment', (body) => ({ ...body, reference: `${body['reference']}-other` })],
    ['another card', (body) => ({ ...body, card: { ...(body['card'] as object), id: 'another' } })],
    ['another token', (body) => ({ ...body, card: { ...(body['card'] as object), token: 'another' } })],
    ['captured at once', (body) => ({ ...body, capture: 'automatic' })],
    ['one word more', (body) => ({ ...body, metadata: { note: 'more' } })],
  ];
  const STAGES = [
    { when: 'while it is under way', faults: [{ kind: 'late', delay_ms: 700 }], status: null },
    {
      when: 'while it is pending',
      faults: [{ kind: 'hang' }, { kind: 'error', operation: 'inquire', times: 50 }],
      status: 'pending',
    },
    { when: 'once it is approved', faults: [], status: 'approved' },
    { when: 'once it is declined', faults: [], token: 'tok_decline_51', status: 'declined' },
    { when: 'once nobody processed it', faults: [{ kind: 'error' }], bothFail: true, status: 'failed' },
  ] as const;

  test.each(STAGES)('T17: $when: refused, and nothing is sent', async ({ faults, status, ...more }) => {
    await stage.strike('t17', ...faults);
    if ('bothFail' in more) await stage.sandbox.addFault({ provider: 't17-b', kind: 'error' });
    const before = stage.requests('t17').first;
    const body = stage.bodyOf('t17', 'token' in more ? { token: more.token } : {});
    const key = `key-${body.reference}`;
    const answering = stage.gateway.authorize(body, key);
    if (status === null) {
      await eventually('it is sent', () => (stage.requests('t17').first > before ? true : null));
    } else expect(authorizationIn(await answering).status).toBe(status);
    const sent = stage.requests('t17');
    for (const [what, change] of OTHERS) {
      const answer = await stage.gateway.authorize(change(body), key);
      problemIn(answer, 422, 'idempotency-key-reused');
      expect(stage.requests('t17'), what).toEqual(sent);
    }
    const { id } = authorizationIn(await answering);
    const same = await stage.gateway.authorize({ ...body, deadline_ms: 1_234 }, key);
    expect(authorizationIn(same).id, 'how long a caller waits is no part of it').toBe(id);
    await stage.sandbox.clearFaults();
    await stage.end({ story: 't17', reference: body.reference });
  });
});

describe('T18: the same key from two accounts', () => {
  const CASES = [
    { title: 'for merchants of their own', merchants: ['t18-one', 't18-two'], references: ['same', 'same'] },
    { title: 'for one merchant', merchants: ['t18-shared', 't18-shared'], references: ['left', 'right'] },
  ] as const;
  test.each(CASES)('T18: $title: two authorizations that know nothing of each other', async (each) => {
    const { merchants, references } = each;
    const bodies = merchants.map((merchant, index) =>
      stage.bodyOf(merchant, { reference: `t18-${references[index]}` }),
    );
    const keys = Object.values(ACCOUNTS);
    const idempotencyKey = `t18-${merchants[0]}`;
    const authorize = (index: number) =>
      stage.gateway.authorize(bodies[index], idempotencyKey, { key: keys[index] ?? '' });
    const answers = await Promise.all([authorize(0), authorize(1)]);
    const found = answers.map(authorizationIn);
    expect(found.map(({ status }) => status)).toEqual(['approved', 'approved']);
    expect(found[0]?.id).not.toBe(found[1]?.id);
    for (const index of [0, 1]) {
      const again = await authorize(index);
      expect(again.text).toBe(answers[index]?.text);
      const path = `/v1/authorizations/${found[index]?.id}`;
      expect((await stage.gateway.get(path, { key: keys[index] ?? '' })).status).toBe(200);
      problemIn(await stage.gateway.get(path, { key: keys[1 - index] ?? '' }), 404, 'not-found');
    }
    for (const [index, merchant] of merchants.entries()) {
      const books = stage.books(`t18-${references[index]}`).filter((entry) => entry.merchant === merchant);
      expect(books).toMatchObject([{ live: true, asked: 1 }]);
    }
  });

  test('T18: for one payment: it is authorized once', async () => {
    const body = stage.bodyOf('t18-shared', { reference: 't18-one-payment' });
    const answers = await Promise.all(
      Object.values(ACCOUNTS).map((key) => stage.gateway.authorize(body, 't18-one-payment', { key })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
    expect(stage.books(body.reference)).toMatchObject([{ live: true, asked: 1 }]);
  });
});

describe('T19: keys that are spelt oddly', () => {
  const LONGEST = 'k'.repeat(255);
  /** The header line, or lines, as bytes; null: accepted. */
  const SPELLINGS: readonly [name: string, lines: string, refusal: string | null][] = [
    ['one character', 'Idempotency-Key: a', null],
    ['255 characters', `Idempotency-Key: ${LONGEST}`, null],
    ['256 characters', `Idempotency-Key: ${LONGEST}k`, 'idempotency-key-malformed'],
    ['255 in quotes', `Idempotency-Key: "q${LONGEST.slice(1)}"`, null],
    ['256 in quotes', `Idempotency-Key: "${LONGEST}k"`, 'idempotency-key-malformed'],
    ['quotes', 'Idempotency-Key: "quoted"', null],
    ['escapes in quotes', 'Idempotency-Key: "a\\"b\\\\c"', null],
    ['a wrong escape', 'Idempotency-Key: "a\\b"', 'idempotency-key-malformed'],
    ['a quote that does not end', 'Idempotency-Key: "open', 'idempotency-key-malformed'],
    ['something after the quote', 'Idempotency-Key: "a"b', 'idempotency-key-malformed'],
    ['nothing in quotes', 'Idempotency-Key: ""', 'idempotency-key-malformed'],
    ['a blank in quotes', 'Idempotency-Key: "a b"', 'idempotency-key-malformed'],
    ['every mark', "Idempotency-Key: !#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", null],
    ['blanks around it', 'Idempotency-Key:    blanks   ', null],
    ['a blank in it', 'Idempotency-Key: a b', 'idempotency-key-malformed'],
    ['a tab in it', 'Idempotency-Key: a\tb', 'idempotency-key-malformed'],
    ['nothing', 'Idempotency-Key:', 'idempotency-key-missing'],
    ['no header', 'X-Other: 1', 'idempotency-key-missing'],
    ['letters of Latin-1', 'Idempotency-Key: clé', 'idempotency-key-malformed'],
    ['letters in UTF-8', `Idempotency-Key: ${utf8('ключ')}`, 'idempotency-key-malformed'],
    ['a picture', `Idempotency-Key: ${utf8('🔑')}`, 'idempotency-key-malformed'],
    ['a delete', 'Idempotency-Key: a\x7fb', 'malformed-request'],
    ['a null', 'Idempotency-Key: a\0b', 'malformed-request'],
    ['a lone carriage return', 'Idempotency-Key: a\rX-Injected: 1', 'malformed-request'],
    ['a lone line feed', 'Idempotency-Key: a\nX-Injected: 1', 'malformed-request'],
    ['a folded line', 'Idempotency-Key: a\r\n folded', 'malformed-request'],
    ['two headers', 'Idempotency-Key: two\r\nIdempotency-Key: two', 'idempotency-key-malformed'],
    ['another header after it', 'Idempotency-Key: injects\r\nX-Injected: 1', null],
    ['a card number', 'Idempotency-Key: 4111111111111111', 'card-number'],
  ];

  test.each(SPELLINGS)('T19: %s', async (_, lines, refusal) => {
    const body = stage.bodyOf('t19');
    const before = stage.requests('t19').first;
    const { status, text } = await send(lines, body);
    if (refusal !== null) {
      expect([status, (JSON.parse(text) as { type: string }).type]).toEqual([400, `/problems/${refusal}`]);
      expect(stage.requests('t19').first).toBe(before);
      return;
    }
    expect([status, (JSON.parse(text) as { status: string }).status]).toEqual([201, 'approved']);
    const [entry] = stage.books(body.reference);
    // What the provider gets is a key of our own, whatever the caller's is.
    expect(entry?.key).toMatch(/^att_[A-Za-z]{10,40}_1$/);
    expect(entry).toMatchObject({ live: true, asked: 1 });
    expect(stage.requests('t19').first).toBe(before + 1);
    const again = await send(lines, body);
    expect([again.status, again.text]).toEqual([201, text]);
    expect(stage.requests('t19').first).toBe(before + 1);
  });

  test('T19: bare or in quotes, it is the same key', async () => {
    const paid = await stage.pay('t19', { key: 'either-way' });
    expect(told(paid)).toEqual([201, 'approved', 'first approved']);
    const quoted = await stage.gateway.authorize(paid.body, '"either-way"');
    expect([quoted.text, quoted.headers.get('idempotent-replayed')]).toEqual([paid.answer.text, 'true']);
    expect(stage.books(paid.reference)).toMatchObject([{ asked: 1 }]);
  });
});

/** The bytes of a text in UTF-8, each as one character. */
function utf8(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** Sends a request with these header lines, byte by byte as they are, and reads the answer to its end. */
function send(lines: string, body: object): Promise<{ readonly status: number; readonly text: string }> {
  const { hostname, port } = new URL(stage.gateway.url);
  const text = JSON.stringify(body);
  const head = [
    'POST /v1/authorizations HTTP/1.1',
    'Host: gateway',
    'Connection: close',
    `Authorization: Bearer ${GATEWAY_KEY}`,
    lines,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(text)}`,
  ].join('\r\n');
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => {
      socket.write(Buffer.concat([Buffer.from(`${head}\r\n\r\n`, 'latin1'), Buffer.from(text)]));
    });
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.once('error', reject);
    socket.once('close', () => {
      const [first = '', ...rest] = Buffer.concat(chunks).toString('utf8').split('\r\n\r\n');
      resolve({ status: Number(first.split(' ')[1]), text: rest.join('\r\n\r\n') });
    });
  });
}
