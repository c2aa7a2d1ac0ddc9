import { createStripeProvider } from '../../../src/providers/stripe/adapter.ts';
import {
  type Arranged,
  type ProviderUnderTest,
  providerContract,
  type Situation,
} from '../../contracts/provider-contract.ts';
import {
  blockedOnTheWayBack,
  distorted,
  jsonAnswer,
  type Mishap,
  type StandInRequest,
} from '../../support/psp-stand-in.ts';
import { sampleContract } from '../../support/sample-ruleset.ts';
import { shippedDeclineTables } from '../shipped-decline-tables.ts';
import { STAND_IN_KEY, StripeStandIn } from './stripe-stand-in.ts';

const declineTables = await shippedDeclineTables();

const isCreate = ({ method, path }: StandInRequest) => method === 'POST' && path === '/v1/payment_intents';
const isPost = (end: string) => (request: StandInRequest) =>
  request.method === 'POST' && request.path.endsWith(end);

const failure = (status: number, error: object = { type: 'api_error' }, headers = {}) =>
  jsonAnswer(status, { error }, headers);
const instead = (carriedOut: boolean, answer: ReturnType<typeof failure>): Mishap => ({
  kind: 'instead',
  carriedOut,
  answer,
});

const HTML = { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>approved</html>' };

type Means = { readonly method: string } | { readonly on: 'create' | 'confirm'; readonly mishap: Mishap };

const MEANS: Readonly<Record<Exclude<Situation, 'refuse_connections'>, Means>> = {
  approve: { method: 'pm_fine' },
  decline_soft: { method: 'pm_soft' },
  decline_hard: { method: 'pm_hard' },
  decline_unmapped: { method: 'pm_unmapped' },
  decline_hiding_approval: { method: 'pm_hidden' },
  authentication_required: { method: 'pm_authentication' },
  approve_partially: { method: 'pm_partial' },
  stay_pending: { method: 'pm_pending' },
  reset_unprocessed: { on: 'confirm', mishap: { kind: 'reset_before' } },
  reset_processed: { on: 'confirm', mishap: { kind: 'reset_after' } },
  hang_unprocessed: { on: 'confirm', mishap: { kind: 'hang', carriedOut: false } },
  answer_late: { on: 'confirm', mishap: { kind: 'hang', carriedOut: true } },
  truncate_answer: { on: 'confirm', mishap: { kind: 'truncate' } },
  answer_garbage: { on: 'confirm', mishap: instead(true, HTML) },
  answer_wrong_amount: {
    on: 'confirm',
    mishap: distorted((intent) => ({ ...intent, amount: 1, amount_capturable: 1 })),
  },
  answer_wrong_currency: {
    on: 'confirm',
    mishap: distorted((intent) => ({ ...intent, currency: 'usd' })),
  },
  answer_wrong_reference: {
    on: 'confirm',
    mishap: distorted((intent) => ({ ...intent, metadata: { pointsman_attempt: 'att_other_1' } })),
  },
  rate_limit: {
    on: 'confirm',
    mishap: instead(
      false,
      failure(429, { type: 'invalid_request_error', code: 'rate_limit' }, { 'retry-after': '7' }),
    ),
  },
  refuse_credentials: {
    on: 'create',
    mishap: instead(false, failure(401, { type: 'invalid_request_error' })),
  },
  // Of the confirmation Stripe cannot say so; of the step before it is always true.
  fail_not_processed: { on: 'create', mishap: instead(false, failure(500)) },
  fail_processed: { on: 'confirm', mishap: instead(true, failure(500)) },
  fail_unprocessed_unsaid: { on: 'confirm', mishap: instead(false, failure(502)) },
  bare_401: { on: 'confirm', mishap: blockedOnTheWayBack(401) },
  bare_403: { on: 'confirm', mishap: blockedOnTheWayBack(403) },
  bare_404: { on: 'confirm', mishap: blockedOnTheWayBack(404) },
  bare_429: { on: 'confirm', mishap: blockedOnTheWayBack(429) },
};

/** Which requests an operation makes. */
const REQUESTS = {
  inquire: ({ method }: StandInRequest) => method === 'GET',
  void: isPost('/cancel'),
  capture: isPost('/capture'),
  refund: isPost('/v1/refunds'),
} as const;

type Body = Record<string, unknown>;

const WRONG = {
  wrong_amount: (body: Body) => ({ ...body, amount: 1, amount_received: 1 }),
  wrong_currency: (body: Body) => ({ ...body, currency: 'usd' }),
  wrong_reference: (body: Body) => ({
    ...body,
    payment_intent: 'pi_other',
    metadata: { ...(body['metadata'] as Body), pointsman_attempt: 'att_other_1' },
  }),
} satisfies Record<string, (body: Body) => Body>;

/** An intent, a refund or a list of refunds that tells what is not true. */
function misstated(how: keyof typeof WRONG): Mishap {
  const wrong: (body: Body) => Body = WRONG[how];
  return distorted((body) => {
    const { data } = body;
    return Array.isArray(data) ? { ...body, data: data.map(wrong) } : wrong(body);
  });
}

providerContract('stripe', {
  async start(clock): Promise<ProviderUnderTest> {
    const standIn = await StripeStandIn.start(clock);
    const contract = sampleContract('stripe-eu', {
      adapter: 'stripe',
      baseUrl: standIn.server.url,
      credentials: { api_key: STAND_IN_KEY },
      live: true,
    });
    return {
      provider: createStripeProvider(contract, { clock, declineTables: () => declineTables }),
      async arrange(situation): Promise<Arranged> {
        if (situation === 'refuse_connections') {
          await standIn.server.refuse();
          // Connections that lay idle are told of their end.
          for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
          return { token: 'cus_1/pm_fine' };
        }
        const means = MEANS[situation];
        if ('method' in means) return { token: `cus_1/${means.method}` };
        standIn.server.meet(means.mishap, means.on === 'create' ? isCreate : isPost('/confirm'));
        return { token: 'cus_1/pm_fine' };
      },
      findWanting() {
        const answer = failure(400, { type: 'invalid_request_error', code: 'parameter_missing' });
        standIn.server.meet(instead(false, answer), isPost('/confirm'));
        return undefined;
      },
      async fail(operation, how) {
        const mishap: Mishap =
          how === 'lost'
            ? { kind: 'reset_after' }
            : how === 'unprocessed'
              ? instead(false, failure(401, { type: 'invalid_request_error' }))
              : how === 'bare_403'
                ? blockedOnTheWayBack(403)
                : misstated(how);
        standIn.server.meet(mishap, REQUESTS[operation]);
      },
      books: () => standIn.books(),
      requests: () => standIn.requests(),
      secrets: [STAND_IN_KEY],
      stop: () => standIn.close(),
    };
  },
});
