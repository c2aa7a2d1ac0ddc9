import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FaultBody } from '../../src/sandbox/faults.ts';
import { eventually, pause } from '../support/eventually.ts';
import { paymentBody, priorityRules, providersYaml } from '../support/gateway-files.ts';
import { authorizationIn, GATEWAY_KEY, startGateway, type TestGateway } from '../support/start-gateway.ts';

/**
 * Every fault of a provider against the whole gateway through real sockets: what it makes of the fault is compared
 * with what the sandbox's ledger says is true. Each case has a provider and a merchant of its own, so that health and
 * breakers of one case are nothing to the next; the provider `other` would take whatever is failed over.
 */

const TIMEOUT_MS = 1500;
/** Well past the timeout. */
const TOO_LATE_MS = 2500;

interface Case {
  readonly name: string;
  /** Strikes the first provider; null: its token says what happens. */
  readonly fault: Omit<FaultBody, 'provider'> | null;
  /** The token for the first provider; at `other` it is always `tok_visa`. */
  readonly token?: string;
  readonly outcome: string;
  readonly code: string | null;
  /** Status of the authorization; the HTTP status follows from it. */
  readonly status: string;
  /** Live authorizations at the first provider once all is quiet. */
  readonly live: 0 | 1;
  /** Requests that reached the first provider, voids included; 1 when left out. */
  readonly requests?: number;
}

const TRANSPORT: readonly Case[] = [
  {
    name: 'connection refused',
    fault: { kind: 'refuse' },
    outcome: 'not_sent',
    code: 'ECONNREFUSED',
    status: 'approved',
    live: 0,
    requests: 0,
  },
  {
    name: 'reset before processing',
    fault: { kind: 'reset_before' },
    outcome: 'approved',
    code: null,
    status: 'approved',
    live: 1,
    requests: 2,
  },
  {
    name: 'reset after processing',
    fault: { kind: 'reset_after' },
    outcome: 'approved',
    code: null,
    status: 'approved',
    live: 1,
    requests: 2,
  },
  {
    name: 'hang, not processed',
    fault: { kind: 'hang' },
    outcome: 'unknown',
    code: 'timeout',
    status: 'pending',
    live: 0,
  },
  {
    name: 'hang, processed',
    fault: { kind: 'hang', processed: true },
    outcome: 'approved',
    code: null,
    status: 'approved',
    live: 1,
  },
  {
    name: 'answer after the deadline',
    fault: { kind: 'late', delay_ms: TOO_LATE_MS },
    outcome: 'approved',
    code: null,
    status: 'approved',
    live: 1,
  },
  {
    name: 'processed after the deadline',
    fault: { kind: 'slow', delay_ms: TOO_LATE_MS },
    outcome: 'pending',
    code: null,
    status: 'pending',
    live: 1,
  },
  {
    name: 'slow drip past the deadline',
    fault: { kind: 'slow_drip', delay_ms: TOO_LATE_MS },
    outcome: 'approved',
    code: null,
    status: 'approved',
    live: 1,
  },
  {
    name: 'late, but in time',
    fault: { kind: 'late', delay_ms: 200 },
    outcome: 'approved',
    code: null,
    status: 'approved',
    live: 1,
  },
  {
    name: 'slow drip in time',
    fault: { kind: 'slow_drip', delay_ms: 200 },
    outcome: 'approved',
    code: null,
    status: 'approved',
    live: 1,
  },
  {
    name: 'arrives twice',
    fault: { kind: 'duplicate' },
    outcome: 'approved',
    code: null,
    status: 'approved',
    live: 1,
  },
];

const ANSWERS: readonly Case[] = [
  {
    name: '500 with the mark of not processed',
    fault: { kind: 'error' },
    outcome: 'rejected',
    code: 'provider_error',
    status: 'approved',
    live: 0,
  },
  {
    name: '503 with the mark of not processed',
    fault: { kind: 'error', status: 503 },
    outcome: 'rejected',
    code: 'provider_error',
    status: 'approved',
    live: 0,
  },
  {
    name: '500 without the mark, not processed',
    fault: { kind: 'error', ambiguous: true },
    outcome: 'unknown',
    code: 'provider_error',
    status: 'pending',
    live: 0,
  },
  {
    name: '500, processed',
    fault: { kind: 'error', processed: true },
    outcome: 'approved',
    code: null,
    status: 'approved',
    live: 1,
  },
  {
    name: '502, processed',
    fault: { kind: 'error', processed: true, status: 502 },
    outcome: 'approved',
    code: null,
    status: 'approved',
    live: 1,
  },
  {
    name: '418 from nobody knows where',
    fault: { kind: 'error', processed: true, status: 418 },
    outcome: 'approved',
    code: null,
    status: 'approved',
    live: 1,
  },
  {
    // The connection is gone: the repeat under the same key tells.
    name: 'truncated answer',
    fault: { kind: 'truncated' },
    outcome: 'approved',
    code: null,
    status: 'approved',
    live: 1,
    requests: 2,
  },
  {
    name: 'HTML instead of JSON',
    fault: { kind: 'garbage' },
    outcome: 'approved',
    code: null,
    status: 'approved',
    live: 1,
  },
  {
    name: 'answer about another amount',
    fault: { kind: 'wrong_amount' },
    outcome: 'unknown',
    code: 'answer_mismatch',
    status: 'pending',
    live: 1,
  },
  {
    name: 'answer about another reference',
    fault: { kind: 'wrong_reference' },
    outcome: 'unknown',
    code: 'answer_mismatch',
    status: 'pending',
    live: 1,
  },
  {
    name: '429 with Retry-After',
    fault: { kind: 'rate_limited', retry_after: 120 },
    outcome: 'rejected',
    code: 'rate_limited',
    status: 'approved',
    live: 0,
  },
  {
    name: '401',
    fault: { kind: 'unauthorized' },
    outcome: 'rejected',
    code: 'unauthorized',
    status: 'approved',
    live: 0,
  },
];

const declined = (name: string, token: string, code: string, status: string): Case => ({
  name,
  fault: null,
  token,
  outcome: 'declined',
  code,
  status,
  live: 0,
});

// Codes that would tell of fraud or of a lost card are masked as `declined`.
const VERDICTS: readonly Case[] = [
  declined('05, a decline that another provider may approve', 'tok_decline_05', 'issuer_05', 'approved'),
  declined('05 with the advice to stop', 'tok_decline_05_mac_03', 'declined', 'declined'),
  declined('insufficient funds', 'tok_decline_51', 'issuer_51', 'declined'),
  declined('Visa 57', 'tok_decline_57', 'declined', 'declined'),
  declined('a code that no table knows', 'tok_decline_ZZ', 'issuer_ZZ', 'declined'),
  declined('blocked by the provider', 'tok_risk', 'declined', 'declined'),
  declined('validated out', 'tok_invalid', 'invalid_request', 'declined'),
  declined('not supported by this account', 'tok_not_supported', 'not_supported', 'approved'),
  // What the issuer holds is given back within the request.
  {
    ...declined('a decline after an approval', 'tok_decline_hidden', 'declined', 'declined'),
    requests: 2,
  },
  {
    ...declined('the same, and the void is refused', 'tok_decline_hidden', 'declined', 'reversing'),
    fault: { kind: 'error', operation: 'void' },
    requests: 2,
  },
  {
    name: 'approved in part',
    fault: null,
    token: 'tok_partial_40',
    outcome: 'partially_approved',
    code: null,
    status: 'approved',
    live: 0,
    requests: 2,
  },
  {
    name: 'approved in part, and the void is not answered',
    fault: { kind: 'hang', operation: 'void' },
    token: 'tok_partial_40',
    outcome: 'partially_approved',
    code: null,
    status: 'reversing',
    live: 1,
    requests: 2,
  },
  {
    name: 'the cardholder must authenticate',
    fault: null,
    token: 'tok_3ds',
    outcome: 'authentication_required',
    code: 'authentication_required',
    status: 'authentication_required',
    live: 0,
  },
  {
    name: 'the provider is still working',
    fault: null,
    token: 'tok_pending',
    outcome: 'pending',
    code: null,
    status: 'pending',
    live: 0,
  },
];

const CASES = [...TRANSPORT, ...ANSWERS, ...VERDICTS].map((each, index) => ({
  ...each,
  provider: `first-${index + 1}`,
  merchant: `merchant-${index + 1}`,
  reference: `order-${index + 1}`,
}));
type NumberedCase = (typeof CASES)[number];

/** Merchants of the tests below the table. */
const OTHERS = ['hang-up', 'short-deadline', 'rate-limited'] as const;

let gateway: TestGateway;

beforeAll(async () => {
  const providers = [
    ...CASES.map(({ provider: id, merchant }) => ({ id, merchants: [merchant], timeoutMs: TIMEOUT_MS })),
    ...[...OTHERS, 'soft-decline'].map((merchant) => ({
      id: `first-${merchant}`,
      merchants: [merchant],
      timeoutMs: 4000,
    })),
    // One of its own: how fast it answers is known only once it has answered.
    { id: 'other-soft-decline', merchants: ['soft-decline'], timeoutMs: 6000 },
    { id: 'other', merchants: [...CASES.map(({ merchant }) => merchant), ...OTHERS], timeoutMs: 4000 },
  ];
  gateway = await startGateway({
    providers: providersYaml(providers),
    rules: priorityRules(providers.map(({ id }) => id)),
  });
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

function bodyFor(provider: string, merchant: string, reference: string, token = 'tok_visa') {
  const { card, ...rest } = paymentBody(reference, { merchant });
  return { ...rest, card: { ...card, tokens: { [provider]: token } } };
}

/** Whether another provider is to be tried after the first one's outcome. */
const FAILS_OVER = (each: NumberedCase) => each.status === 'approved' && each.outcome !== 'approved';

async function run(each: NumberedCase): Promise<void> {
  const { provider, merchant, reference } = each;
  if (each.fault !== null) await gateway.sandbox.addFault({ ...each.fault, provider });
  const body = bodyFor(provider, merchant, reference, each.token);
  const answer = await gateway.authorize(body, `key-${reference}`);
  const pending = each.status === 'pending' || each.status === 'reversing';
  const authorization = authorizationIn(answer);

  expect(authorization.attempts[0]).toMatchObject({ provider, outcome: each.outcome, code: each.code });
  expect(authorization.status).toBe(each.status);
  expect(answer.status).toBe(pending ? 202 : 201);
  expect(answer.headers.get('retry-after')).toBe(pending ? '2' : null);
  const tried = authorization.attempts.map((attempt) => attempt.provider);
  expect(tried).toEqual(FAILS_OVER(each) ? [provider, 'other'] : [provider]);

  if (each.outcome === 'unknown') {
    // The payment stays shut: for the same key, and for any other one.
    const again = await gateway.authorize(body, `key-${reference}`);
    expect([again.status, authorizationIn(again).id]).toEqual([202, authorization.id]);
    const second = await gateway.authorize(body, `second-key-${reference}`);
    expect([second.status, second.json]).toEqual([
      409,
      expect.objectContaining({ type: '/problems/payment-live', authorization_id: authorization.id }),
    ]);
  }
  if (each.status === 'pending') await pause(TOO_LATE_MS - TIMEOUT_MS + 300);

  const entries = await gateway.sandbox.entriesOf(reference);
  const live = entries.filter((entry) => entry.live);
  expect(live.length, 'live authorizations of this payment').toBeLessThanOrEqual(1);
  expect(live.filter((entry) => entry.provider === provider)).toHaveLength(each.live);
  expect(entries.filter((entry) => entry.provider === 'other')).toHaveLength(FAILS_OVER(each) ? 1 : 0);
  expect((await gateway.sandbox.requests())[provider]).toBe(each.requests ?? 1);
  if (each.status === 'approved') {
    const [entry] = live;
    expect(entry).toMatchObject({ provider: authorization.provider, id: authorization.provider_reference });
    expect(entry?.reference).toBe(authorization.attempts.at(-1)?.id);
  }
}

describe.concurrent('a provider that fails or lies', () => {
  test.each(CASES)('$name', run);
});

describe.concurrent('time and callers', () => {
  test('a caller that hangs up changes nothing: what was sent is finished and recorded', async () => {
    const provider = 'first-hang-up';
    await gateway.sandbox.addFault({ provider, kind: 'late', delay_ms: 1500 });
    const body = bodyFor(provider, 'hang-up', 'order-hang-up');
    const caller = request(`${gateway.url}/v1/authorizations`, {
      method: 'POST',
      agent: new Agent(),
      headers: {
        authorization: `Bearer ${GATEWAY_KEY}`,
        'content-type': 'application/json',
        'idempotency-key': 'key-hang-up',
      },
    });
    const gone = once(caller, 'error');
    caller.end(JSON.stringify(body));
    await eventually('the request is at the provider', async () =>
      (await gateway.sandbox.requests())[provider] === 1 ? true : null,
    );
    caller.destroy(new Error('hung up'));
    await gone;
    expect(await gateway.find('hang-up', 'order-hang-up')).toMatchObject({ status: 'pending' });
    const finished = await eventually('the authorization is recorded', async () => {
      const found = await gateway.find('hang-up', 'order-hang-up');
      return found?.status === 'approved' ? found : null;
    });
    // The caller comes back with its key and gets the answer that it did not wait for.
    const again = await gateway.authorize(body, 'key-hang-up');
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([201, 'true']);
    expect(authorizationIn(again)).toEqual(finished);
    expect(await gateway.sandbox.entriesOf('order-hang-up')).toMatchObject([
      { provider, live: true, asked: 1 },
    ]);
  });

  test('a deadline shorter than the provider needs ends in time, unknown', async () => {
    const provider = 'first-short-deadline';
    await gateway.sandbox.addFault({ provider, kind: 'late', delay_ms: 2000 });
    const body = { ...bodyFor(provider, 'short-deadline', 'order-short'), deadline_ms: 300 };
    const startedMs = performance.now();
    const answer = await gateway.authorize(body, 'key-short');
    const tookMs = performance.now() - startedMs;
    expect(answer.status).toBe(202);
    const { attempts } = authorizationIn(answer);
    expect(attempts).toMatchObject([{ provider, outcome: 'unknown', code: 'timeout' }]);
    expect(tookMs).toBeGreaterThan(295);
    expect(tookMs, 'long before the provider would have answered').toBeLessThan(1700);
    // Without its deadline it is the same request.
    const { deadline_ms: _, ...same } = body;
    expect((await gateway.authorize(same, 'key-short')).status).toBe(202);
  });

  test('a soft decline just before the deadline is not tried elsewhere', async () => {
    const provider = 'first-soft-decline';
    // The other one may take 6 s for an attempt; what is left of the deadline would hardly do.
    await gateway.sandbox.addFault({ provider, kind: 'late', delay_ms: 2700 });
    const body = { ...bodyFor(provider, 'soft-decline', 'order-soft', 'tok_decline_05'), deadline_ms: 4000 };
    const answer = await gateway.authorize(body, 'key-soft');
    const authorization = authorizationIn(answer);
    expect([answer.status, authorization.status]).toEqual([201, 'declined']);
    expect(authorization.attempts).toMatchObject([{ provider, outcome: 'declined', code: 'issuer_05' }]);
    expect(authorization.routing.candidates.map((candidate) => candidate.provider)).toContain(
      'other-soft-decline',
    );
    expect(await gateway.sandbox.entriesOf('order-soft')).toMatchObject([{ provider, live: false }]);
    expect((await gateway.sandbox.requests())['other-soft-decline']).toBe(0);
  });

  test('a provider that asked for patience is passed over until then', async () => {
    const provider = 'first-rate-limited';
    const authorize = async (reference: string) =>
      authorizationIn(
        await gateway.authorize(bodyFor(provider, 'rate-limited', reference), `key-${reference}`),
      );
    await gateway.sandbox.addFault({ provider, kind: 'rate_limited', retry_after: 2 });
    const limited = await authorize('order-limited');
    const limitedAtMs = performance.now();
    expect(limited.attempts.map(({ outcome }) => outcome)).toEqual(['rejected', 'approved']);
    const meanwhile = await authorize('order-meanwhile');
    expect(meanwhile.attempts).toMatchObject([{ provider: 'other', outcome: 'approved' }]);
    expect(meanwhile.routing.candidates).toContainEqual(
      expect.objectContaining({ provider, reason: expect.stringMatching(/limit/) }),
    );
    expect((await gateway.sandbox.requests())[provider]).toBe(1);
    const back = await eventually('the provider is tried again', async () => {
      await pause(100);
      const seen = await authorize(`order-${Math.round(performance.now())}`);
      return seen.provider === provider ? seen : null;
    });
    expect(back.attempts).toMatchObject([{ outcome: 'approved' }]);
    expect(performance.now() - limitedAtMs).toBeGreaterThan(1900);
  });
});
