import { createCheckoutProvider } from '../../../src/providers/checkout/adapter.ts';
import {
  type Arranged,
  type ProviderUnderTest,
  providerContract,
  type Situation,
} from '../../contracts/provider-contract.ts';
import {
  blockedOnTheWayBack,
  distorted,
  type Mishap,
  type StandInRequest,
} from '../../support/psp-stand-in.ts';
import { shippedDeclineTables } from '../shipped-decline-tables.ts';
import { checkoutContract } from './checkout-contract.ts';
import {
  bareAnswer,
  CheckoutStandIn,
  errorAnswer,
  SECRET_KEY,
  TOKENS,
  WEBHOOK_KEY,
} from './checkout-stand-in.ts';

const declineTables = await shippedDeclineTables();

const html = { status: 502, headers: { 'content-type': 'text/html' }, body: '<h1>Bad gateway</h1>' };
const failed = errorAnswer(500, 'processing_error', []);
const tooMany = errorAnswer(429, 'too_many_requests', [], { 'retry-after': '7' });

type Means = { readonly token: string } | { readonly mishap: Mishap } | { readonly refuse: true } | Arranged;

const instead = (carriedOut: boolean, answer: Extract<Mishap, { kind: 'instead' }>['answer']): Means => ({
  mishap: { kind: 'instead', carriedOut, answer },
});

const MEANS: Readonly<Record<Situation, Means>> = {
  approve: { token: TOKENS.approve },
  decline_soft: { token: TOKENS.decline05 },
  decline_hard: { token: TOKENS.decline14 },
  decline_unmapped: { token: TOKENS.unmapped },
  decline_hiding_approval: { token: TOKENS.overridden },
  authentication_required: { token: TOKENS.authenticate },
  approve_partially: { token: TOKENS.partial },
  stay_pending: { token: TOKENS.pending },
  refuse_connections: { refuse: true },
  reset_unprocessed: { mishap: { kind: 'reset_before' } },
  reset_processed: { mishap: { kind: 'reset_after' } },
  hang_unprocessed: { mishap: { kind: 'hang', carriedOut: false } },
  answer_late: { mishap: { kind: 'hang', carriedOut: true } },
  truncate_answer: { mishap: { kind: 'truncate' } },
  answer_garbage: instead(true, { status: 201, headers: { 'content-type': 'application/json' }, body: '<!' }),
  answer_wrong_amount: { mishap: distorted((body) => ({ ...body, amount: 4998 })) },
  answer_wrong_currency: { mishap: distorted((body) => ({ ...body, currency: 'USD' })) },
  answer_wrong_reference: { mishap: distorted((body) => ({ ...body, reference: 'att_abc_2' })) },
  rate_limit: instead(false, tooMany),
  refuse_credentials: instead(false, bareAnswer(401)),
  fail_not_processed: { skip: 'Checkout.com marks no failure of its own as not processed' },
  fail_processed: instead(true, failed),
  fail_unprocessed_unsaid: instead(false, html),
  bare_401: { mishap: blockedOnTheWayBack(401) },
  bare_403: { mishap: blockedOnTheWayBack(403) },
  bare_404: { mishap: blockedOnTheWayBack(404) },
  bare_429: { mishap: blockedOnTheWayBack(429) },
};

const isPayment = ({ method, path }: StandInRequest) => method === 'POST' && path === '/payments';
const isInquiry = ({ method }: StandInRequest) => method === 'GET';

function mishapOf(
  operation: Parameters<ProviderUnderTest['fail']>[0],
  how: Parameters<ProviderUnderTest['fail']>[1],
): Mishap | { readonly skip: string } {
  switch (how) {
    case 'lost':
      return { kind: 'reset_after' };
    case 'bare_403':
      return blockedOnTheWayBack(403);
    case 'unprocessed':
      return {
        kind: 'instead',
        carriedOut: false,
        answer: operation === 'inquire' ? bareAnswer(401) : tooMany,
      };
    case 'wrong_reference':
      return distorted((body) => ({ ...body, reference: 'void_xyz_1' }));
    default:
      return { skip: 'the answer to an operation names no amount and no currency' };
  }
}

providerContract('checkout', {
  async start(clock): Promise<ProviderUnderTest> {
    const standIn = await CheckoutStandIn.start();
    const { server } = standIn;
    return {
      provider: createCheckoutProvider(checkoutContract({ baseUrl: server.url }), {
        clock,
        declineTables: () => declineTables,
      }),
      async arrange(situation): Promise<Arranged> {
        const means = MEANS[situation];
        if ('token' in means || 'skip' in means) return means;
        if ('refuse' in means) {
          await server.refuse();
          // The connection that is kept for the next call learns of its end a few turns later.
          for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
        }
        if ('mishap' in means) server.meet(means.mishap, isPayment);
        return { token: TOKENS.approve };
      },
      findWanting() {
        const answer = errorAnswer(422, 'request_invalid', ['card_number_invalid']);
        server.meet({ kind: 'instead', carriedOut: false, answer }, isPayment);
        return undefined;
      },
      async fail(operation, how) {
        const met = mishapOf(operation, how);
        if ('skip' in met) return met;
        const isMeant = ({ path }: StandInRequest) => path.endsWith(`/${operation}s`);
        server.meet(met, operation === 'inquire' ? isInquiry : isMeant);
        return undefined;
      },
      books: () =>
        standIn.payments.map(({ reference, key, authorized, voided, captured, refunded }) => ({
          reference,
          key,
          live: authorized > 0 && voided < authorized,
          capturedAmount: captured,
          refundedAmount: refunded,
        })),
      requests: () => server.requests.filter(({ method }) => method === 'POST').length,
      sent: () => standIn.sent,
      secrets: [SECRET_KEY, WEBHOOK_KEY],
      stop: () => server.close(),
    };
  },
});
