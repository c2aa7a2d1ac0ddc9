import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { problemIn } from '../road/problem-in.ts';
import { paymentBody, providersYaml } from '../support/gateway-files.ts';
import { approvalOf, PlainProvider, type SeenRequest, sendJson } from '../support/plain-provider.ts';
import { authorizationIn, startGateway, type TestGateway } from '../support/start-gateway.ts';

/** What comes over the wire from a provider, and how often it is asked: plain HTTP servers count every request. */

const TIMEOUT_MS = 1_500;
const LONGEST_S = 600;

const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1_000).toUTCString();

/** Forms of Retry-After, and for how long the provider is left alone; seconds. */
const RETRY_AFTERS: readonly {
  readonly name: string;
  readonly header: (() => string) | null;
  readonly seconds: number;
}[] = [
  { name: 'seconds', header: () => '120', seconds: 120 },
  { name: 'an HTTP date', header: () => inSeconds(300), seconds: 300 },
  { name: 'garbage', header: () => 'a little later', seconds: 1 },
  { name: 'nothing', header: null, seconds: 1 },
  { name: 'a day', header: () => '86400', seconds: LONGEST_S },
  { name: 'a date that is past', header: () => inSeconds(-60), seconds: 0 },
  { name: 'a negative number', header: () => '-120', seconds: 1 },
];

interface OncePosted {
  readonly name: string;
  readonly answer: (request: SeenRequest, response: ServerResponse) => void;
  readonly outcome: string;
  /** Of the payment, once `other` was asked where that is allowed. */
  readonly status: string;
  /** 1 when left out. */
  readonly posts?: number;
}

const NOT_PROCESSED = { 'x-not-processed': 'true' };
const FAILED = { error: { code: 'provider_error', message: 'no' } };

/** Where a redirect would lead. */
let elsewhere: PlainProvider;
const redirect =
  (status: number) =>
  (_: SeenRequest, response: ServerResponse): void => {
    response.writeHead(status, { location: `${elsewhere.url}/v1/authorizations` }).end();
  };

/** Answers on which a client that helps too much would send again. Inquiries find nothing. */
const ONCE_POSTED: readonly OncePosted[] = [
  {
    name: 'approved',
    answer: (request, response) => sendJson(response, 200, approvalOf(request)),
    outcome: 'approved',
    status: 'approved',
  },
  { name: 'a redirect 301', answer: redirect(301), outcome: 'unknown', status: 'pending' },
  { name: 'a redirect 307', answer: redirect(307), outcome: 'unknown', status: 'pending' },
  { name: 'a redirect 308', answer: redirect(308), outcome: 'unknown', status: 'pending' },
  {
    name: '408',
    answer: (_, response) => sendJson(response, 408, FAILED),
    outcome: 'unknown',
    status: 'pending',
  },
  {
    name: '425 with Retry-After',
    answer: (_, response) => sendJson(response, 425, FAILED, { 'retry-after': '0' }),
    outcome: 'unknown',
    status: 'pending',
  },
  {
    name: '429 with Retry-After 0',
    answer: (_, response) => sendJson(response, 429, FAILED, { 'retry-after': '0' }),
    outcome: 'rejected',
    status: 'approved',
  },
  {
    name: '500',
    answer: (_, response) => sendJson(response, 500, FAILED),
    outcome: 'unknown',
    status: 'pending',
  },
  {
    name: '503 with Retry-After, not processed',
    answer: (_, response) => sendJson(response, 503, FAILED, { ...NOT_PROCESSED, 'retry-after': '0' }),
    outcome: 'rejected',
    status: 'approved',
  },
  {
    name: '401 with a challenge',
    answer: (_, response) => sendJson(response, 401, FAILED, { 'www-authenticate': 'Bearer' }),
    outcome: 'rejected',
    status: 'approved',
  },
  {
    name: 'an answer that is no JSON',
    answer: (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
    outcome: 'unknown',
    status: 'pending',
  },
  {
    // The one repeat that is meant: under the same key, with the same bytes.
    name: 'a connection that is lost after the request',
    answer: (_, response) => response.socket?.resetAndDestroy(),
    outcome: 'unknown',
    status: 'pending',
    posts: 2,
  },
];

/** What asks for a step-up: never a decline. */
const STEP_UPS = [
  {
    name: '200 with the status',
    status: 200,
    outcome: 'authentication_required',
    payment: 'authentication_required',
  },
  // Not what the interface promises: not known, then; never a "no".
  { name: '202 with a redirect', status: 202, outcome: 'unknown', payment: 'pending' },
] as const;

let gateway: TestGateway;
const servers: PlainProvider[] = [];
const limited: PlainProvider[] = [];
const once: PlainProvider[] = [];
const stepUps: PlainProvider[] = [];

/** Inquiries find nothing; everything else is up to the case. */
async function provider(answer: OncePosted['answer']): Promise<PlainProvider> {
  const server = await PlainProvider.start((request, response) => {
    if (request.method === 'GET') {
      sendJson(response, 404, { error: { code: 'not_found', message: 'no' } });
    } else answer(request, response);
  });
  servers.push(server);
  return server;
}

beforeAll(async () => {
  elsewhere = await provider((request, response) => sendJson(response, 200, approvalOf(request)));
  const other = await provider((request, response) => sendJson(response, 200, approvalOf(request)));
  for (const { header } of RETRY_AFTERS) {
    limited.push(
      await provider((_, response) =>
        sendJson(
          response,
          429,
          { error: { code: 'rate_limited', message: 'slow down' } },
          header === null ? {} : { 'retry-after': header() },
        ),
      ),
    );
  }
  for (const { answer } of ONCE_POSTED) once.push(await provider(answer));
  for (const { status } of STEP_UPS) {
    stepUps.push(
      await provider((request, response) =>
        sendJson(
          response,
          status,
          approvalOf(request, { status: 'authentication_required', authorized_amount: 0 }),
          { location: elsewhere.url },
        ),
      ),
    );
  }
  const cases = [
    ...limited.map((server, index) => ({ server, id: `limited-${index}`, more: [`alone-${index}`] })),
    ...once.map((server, index) => ({ server, id: `once-${index}`, more: [] })),
    ...stepUps.map((server, index) => ({ server, id: `step-up-${index}`, more: [] })),
  ];
  const providers = [
    ...cases.map(({ server, id, more }) => ({
      id,
      baseUrl: server.url,
      merchants: [id, ...more],
      timeoutMs: TIMEOUT_MS,
    })),
    { id: 'other', baseUrl: other.url, merchants: cases.map(({ id }) => id), timeoutMs: TIMEOUT_MS },
  ];
  const rules = {
    name: 'in-order',
    // biome-ignore lint/suspicious/noThenProperty: the word of the file
    then: { priority: [...cases.map(({ id }) => id), 'other'], attempts_max: 3 },
  };
  gateway = await startGateway({
    providers: providersYaml(providers),
    rules: JSON.stringify({ rules: [rules] }),
    // Nothing beside the road asks while the test counts.
    env: { RESOLVER_SCHEDULE_MS: '600000' },
  });
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  for (const server of servers) await server[Symbol.asyncDispose]();
});

async function pay(merchant: string, reference = `order-${merchant}`) {
  return gateway.authorize(paymentBody(reference, { merchant }), `key-${reference}`);
}

describe('T45: a provider answers 429 and says when to come again', () => {
  test.each(RETRY_AFTERS.map((each, index) => ({ ...each, index })))(
    '$name: for $seconds s',
    async ({ seconds, index }) => {
      const first = authorizationIn(await pay(`limited-${index}`));
      expect(first.attempts.map(({ provider: id, outcome }) => [id, outcome])).toEqual([
        [`limited-${index}`, 'rejected'],
        ['other', 'approved'],
      ]);
      // Nobody else may take the next one: how long it is to wait is how long the provider is left alone.
      const answer = await pay(`alone-${index}`);
      if (seconds === 0) {
        expect(authorizationIn(answer).attempts).toMatchObject([{ outcome: 'rejected' }]);
        expect(limited[index]?.posts).toHaveLength(2);
        return;
      }
      problemIn(answer, 503, 'no-route');
      const wait = Number(answer.headers.get('retry-after'));
      expect(wait).toBeLessThanOrEqual(seconds);
      expect(wait).toBeGreaterThanOrEqual(Math.max(1, seconds - 5));
      expect(limited[index]?.posts).toHaveLength(1);
      expect(await gateway.metric('pointsman_breaker_transitions_total', '')).toBe(null);
    },
  );
});

describe('T59: nothing repeats a request by itself', () => {
  test.each(ONCE_POSTED.map((each, index) => ({ ...each, index })))(
    '$name',
    async ({ index, outcome, status, posts = 1 }) => {
      const authorization = authorizationIn(await pay(`once-${index}`));
      expect(authorization.status).toBe(status);
      expect(authorization.attempts[0]).toMatchObject({ provider: `once-${index}`, outcome });
      const sent = once[index]?.posts ?? [];
      expect(sent).toHaveLength(posts);
      const [first] = sent;
      for (const repeat of sent) {
        expect(repeat.body).toBe(first?.body);
        expect(repeat.headers['idempotency-key']).toBe(authorization.attempts[0]?.id);
      }
      expect(elsewhere.requests, 'nobody followed a redirect').toEqual([]);
    },
  );
});

describe('T58, in part: redirects and step-ups (what a provider repeats inside is not visible to us)', () => {
  test.each(STEP_UPS.map((each, index) => ({ ...each, index })))(
    '$name: no decline, nobody else is asked, one request',
    async ({ index, outcome, payment }) => {
      const answer = await pay(`step-up-${index}`);
      const authorization = authorizationIn(answer);
      expect(authorization.status).toBe(payment);
      expect(authorization.decline).toBe(null);
      expect(authorization.attempts).toMatchObject([{ provider: `step-up-${index}`, outcome }]);
      expect(stepUps[index]?.posts).toHaveLength(1);
      expect(elsewhere.requests).toEqual([]);
      const labels = `{provider="step-up-${index}",brand="visa",outcome="declined"}`;
      expect(await gateway.metric('pointsman_attempts_total', labels)).toBe(null);
    },
  );
});
