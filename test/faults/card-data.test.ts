import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { problemIn } from '../road/problem-in.ts';
import { eventually } from '../support/eventually.ts';
import { paymentBody, providersYaml } from '../support/gateway-files.ts';
import { approvalOf, PlainProvider, type SeenRequest, sendJson } from '../support/plain-provider.ts';
import { authorizationIn, startGateway, type TestGateway } from '../support/start-gateway.ts';

/**
 * Card numbers reach us from both sides: from callers, and from providers that repeat them. Whatever happens, none
 * stands in an answer, in a metric, in the log at its finest, or in any byte of the journal's folder.
 */

const BIN = '45717360';

/** A number of sixteen digits on our BIN that is valid by its check digit, another one for each index. */
function cardNumber(index: number): string {
  const digits = `${BIN}${String(4_100_000 + index * 7_919).padStart(7, '0')}`;
  const sum = [...digits].reduce((total, digit, at) => {
    const doubled = Number(digit) * (at % 2 === 0 ? 2 : 1);
    return total + (doubled > 9 ? doubled - 9 : doubled);
  }, 0);
  return digits + String((10 - (sum % 10)) % 10);
}

/** What the provider answers: members over an approval, or something else altogether. */
interface Echo {
  readonly place: string;
  readonly body?: (number: string) => Readonly<Record<string, unknown>>;
  readonly raw?: (number: string) => {
    readonly status: number;
    readonly reason?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly text: string;
  };
}

const JSON_TYPE = { 'content-type': 'application/json' };
const declined = (over: Readonly<Record<string, string>>) => ({
  status: 'declined',
  authorized_amount: 0,
  decline: { code: 'issuer_05', network_code: '05', advice: null, after_approval: false, ...over },
});
const linked = (over: Readonly<Record<string, string>>) => ({
  network_transaction: { id: 'MCC123', network: 'visa', date: '2026-10-01', ...over },
});
const operated = (over: Readonly<Record<string, string>>) => ({
  operations: [
    {
      id: 'op_1',
      operation: 'capture',
      reference: null,
      status: 'confirmed',
      amount: { value: 1, currency: 'EUR' },
      ...over,
    },
  ],
});
const failed = (status: number, error: Readonly<Record<string, string>>) => ({
  status,
  headers: JSON_TYPE,
  text: JSON.stringify({ error: { code: 'provider_error', message: 'no', ...error } }),
});

const ECHOES: readonly Echo[] = [
  { place: 'the id', body: (number) => ({ id: `sbx_${number}` }) },
  { place: 'our reference', body: (number) => ({ reference: number }) },
  { place: 'the status', body: (number) => ({ status: number }) },
  { place: 'the currency', body: (number) => ({ amount: { value: 4999, currency: number } }) },
  { place: 'the code of a decline', body: (number) => declined({ code: `declined_${number}` }) },
  { place: 'the code of the network', body: (number) => declined({ network_code: number }) },
  { place: 'the advice', body: (number) => declined({ advice: number }) },
  { place: 'the id of the network', body: (number) => linked({ id: number }) },
  { place: 'the name of the network', body: (number) => linked({ network: `visa ${number}` }) },
  { place: 'the day of the network', body: (number) => linked({ date: number }) },
  { place: 'the id of an operation', body: (number) => operated({ id: number }) },
  { place: 'the reference of an operation', body: (number) => operated({ reference: number }) },
  { place: 'a member of its own', body: (number) => ({ card_number: number, [number]: true }) },
  { place: 'the code of an error', raw: (number) => failed(400, { code: `invalid_${number}` }) },
  {
    place: 'the message of an error',
    raw: (number) => failed(422, { message: `card ${number} is not valid` }),
  },
  {
    place: 'the head of an error',
    raw: (number) => ({
      status: 500,
      reason: `Failed ${number}`,
      headers: { 'x-request-id': number, 'content-type': `text/plain; card=${number}` },
      text: '',
    }),
  },
  { place: 'a page instead of an answer', raw: (number) => ({ status: 502, text: `<p>${number}</p>` }) },
];

const CASES = ECHOES.map((echo, index) => ({ ...echo, index, number: cardNumber(index) }));
/** What callers send. */
const FROM_CALLERS = {
  note: cardNumber(100),
  header: cardNumber(101),
  path: cardNumber(102),
  query: cardNumber(103),
  key: cardNumber(104),
  number: cardNumber(105),
};

let gateway: TestGateway;
let amex: PlainProvider;
const servers: PlainProvider[] = [];
const answers: string[] = [];

/** Says the same to an authorization and to whoever asks about it later. */
async function echoing(echo: (typeof CASES)[number]): Promise<PlainProvider> {
  let first: SeenRequest | null = null;
  return PlainProvider.start((request, response) => {
    if (request.method === 'POST') first ??= request;
    if (echo.raw !== undefined) {
      const { status, reason, headers, text } = echo.raw(echo.number);
      response.writeHead(status, reason, { ...headers });
      response.end(text);
      return;
    }
    const about = first ?? request;
    sendJson(response, 200, approvalOf(about, echo.body?.(echo.number)));
  });
}

beforeAll(async () => {
  for (const echo of CASES) servers.push(await echoing(echo));
  amex = await PlainProvider.start((request, response) => sendJson(response, 200, approvalOf(request)));
  const providers = [
    ...servers.map((server, index) => ({
      id: `echo-${index}`,
      baseUrl: server.url,
      merchants: [`shop-${index}`],
    })),
    { id: 'plain', baseUrl: amex.url, merchants: ['acme-eu'] },
  ];
  gateway = await startGateway({
    providers: providersYaml(providers),
    rules: 'rules:\n  - name: all\n    then: { strategy: score }\n',
    env: { LOG_LEVEL: 'trace', RESOLVER_SCHEDULE_MS: '100,200' },
  });
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  for (const server of [...servers, amex]) await server?.[Symbol.asyncDispose]();
});

/** Every byte of the journal's folder: the database, its write-ahead log, and what else lies there. */
function journalBytes(): string {
  return readdirSync(gateway.folders.data, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');
}

interface Sinks {
  readonly answers: string;
  readonly metrics: string;
  readonly log: string;
  readonly journal: string;
}

async function sinks(): Promise<Sinks> {
  return {
    answers: answers.join('\n'),
    metrics: (await gateway.get('/metrics', { key: null })).text,
    log: gateway.output.text(),
    journal: journalBytes(),
  };
}

function expectNowhere(found: Sinks, secrets: readonly string[]): void {
  for (const [sink, text] of Object.entries(found)) {
    const joined = text.replaceAll(/[\s-]/g, '');
    const leaked = secrets.filter((secret) => text.includes(secret) || joined.includes(secret));
    expect([sink, leaked]).toEqual([sink, []]);
  }
}

describe('T49: card numbers from either side', () => {
  test('T49: the numbers of this test are card numbers, each another one', () => {
    const all = [...CASES.map(({ number }) => number), ...Object.values(FROM_CALLERS)];
    expect(CASES).toHaveLength(17);
    expect(new Set(all).size).toBe(all.length);
    for (const number of all) expect(number).toMatch(/^\d{16}$/);
  });

  test.each(CASES)('T49: a provider repeats it in $place', async ({ index, number }) => {
    const merchant = `shop-${index}`;
    const answer = await gateway.authorize(paymentBody(`echoed-${index}`, { merchant }), `key-${index}`);
    const { id } = authorizationIn(answer);
    expect(servers[index]?.posts.length, 'the provider was asked, and answered').toBeGreaterThan(0);
    answers.push(answer.text, (await gateway.get(`/v1/authorizations/${id}`)).text);
    expect(answers.join('\n')).not.toContain(number);
  });

  test('T49: callers send it in a note, a header, the path, the query, the key, or a member', async () => {
    const body = paymentBody('refused-1');
    const headers = { 'idempotency-key': 'key-refused-1' };
    const path = '/v1/authorizations';
    const post = (to: string, options: Parameters<TestGateway['call']>[2]) =>
      gateway.call('POST', to, { headers, body, ...options });
    const { note, header, path: inPath, query, key, number } = FROM_CALLERS;
    const refused = [
      await post(path, { body: { ...body, metadata: { note: `paid with ${note}` } } }),
      await post(path, { headers: { ...headers, 'x-note': header } }),
      await gateway.get(`${path}/${inPath}`),
      await gateway.get(`${path}?reference=${query}`),
      await post(path, { headers: { 'idempotency-key': key } }),
      await post(path, { body: { ...body, card: { ...body.card, number } } }),
    ];
    for (const answer of refused) {
      problemIn(answer, 400, 'card-number');
      answers.push(answer.text);
    }
    // A security code has no shape of its own: a member for it is refused, a query is not looked at, and kept nowhere.
    const withCode = await post(path, { body: { ...body, card: { ...body.card, cvv: '7391' } } });
    problemIn(withCode, 400, 'invalid-request');
    const inQuery = await post(`${path}?cvv=73917391`, {});
    answers.push(withCode.text.replaceAll('card.cvv', ''), inQuery.text);
    expect(amex.posts.filter(({ body: sent }) => /cvv|7391/i.test(sent))).toEqual([]);
  });

  test('T49: none of them is in any answer, metric, log line or byte of the journal', async () => {
    await eventually('the resolver has asked those that it could', () => {
      const asked = servers.filter(({ requests }) => requests.some(({ method }) => method === 'GET'));
      return asked.length >= 8 ? asked : null;
    });
    await eventually('the last one is in the log', () => gateway.output.text().includes('echoed-16') || null);
    const secrets = [...CASES.map(({ number }) => number), ...Object.values(FROM_CALLERS), '73917391'];
    const running = await sinks();
    // What is looked into is what was written: else nothing would be found in it either.
    for (const text of [running.answers, running.log, running.journal]) expect(text).toContain('echoed-16');
    expect(running.metrics).toContain('provider="echo-16"');
    expectNowhere(running, secrets);
    // Ids are random letters, and three of them may be these.
    expect(running.log.replaceAll(/\b(auth|att|void)_\w+/g, '')).not.toMatch(/cvv/i);
  });
});

describe('T50: American Express with eight digits of the BIN', () => {
  test.each([
    ['the brand given', 'amex', '37828224', 'given'],
    ['no brand given', null, '34123456', 'none'],
    ['a wrong brand given', 'visa', '37144963', 'wrong'],
  ] as const)('T50: %s: six are kept', async (_, brand, bin, at) => {
    const { card, ...rest } = paymentBody(`amex-${at}`);
    const body = { ...rest, card: { ...card, bin, brand } };
    const answer = await gateway.authorize(body, `key-amex-${at}`);
    const { id, status } = authorizationIn(answer);
    expect(status).toBe('approved');
    const asked = amex.asked.filter(({ merchant_reference: reference }) => reference === `amex-${at}`);
    expect(asked.map((each) => each.bin)).toEqual([bin.slice(0, 6)]);
    answers.push(answer.text, (await gateway.get(`/v1/authorizations/${id}`)).text);
    const found = await sinks();
    expect(found.journal).toContain(`"${bin.slice(0, 6)}"`);
    expectNowhere(found, [bin]);
  });
});

test('T49, T50: nor once it has ended', async () => {
  const metrics = (await gateway.get('/metrics', { key: null })).text;
  await gateway.stop();
  const found = { answers: answers.join('\n'), metrics, log: gateway.output.text(), journal: journalBytes() };
  expect(found.journal.length).toBeGreaterThan(10_000);
  expectNowhere(found, [...CASES.map(({ number }) => number), ...Object.values(FROM_CALLERS)]);
});
