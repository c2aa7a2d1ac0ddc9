import { createAdyenProvider } from '../../../src/providers/adyen/adapter.ts';
import { wireKey } from '../../../src/providers/adyen/transformers.ts';
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
import { adyenContract } from './adyen-contract.ts';
import { AdyenStandIn, API_KEY, errorAnswer, HMAC_KEY, TOKENS } from './adyen-stand-in.ts';

const declineTables = await shippedDeclineTables();

const transient = errorAnswer(500, '905', 'configuration', { 'transient-error': 'true' });
const failed = errorAnswer(500, '905', 'configuration');
const html = { status: 502, headers: { 'content-type': 'text/html' }, body: '<h1>Bad gateway</h1>' };

type Means = { readonly token: string } | { readonly mishap: Mishap } | { readonly refuse: true };

const instead = (carriedOut: boolean, answer: Extract<Mishap, { kind: 'instead' }>['answer']): Means => ({
  mishap: { kind: 'instead', carriedOut, answer },
});

const MEANS: Readonly<Record<Situation, Means>> = {
  approve: { token: TOKENS.approve },
  decline_soft: { token: TOKENS.refuse05 },
  decline_hard: { token: TOKENS.blocked },
  decline_unmapped: { token: TOKENS.unmapped },
  decline_hiding_approval: { token: TOKENS.fraudCancelled },
  authentication_required: { token: TOKENS.challenge },
  approve_partially: { token: TOKENS.partial },
  stay_pending: { token: TOKENS.pending },
  refuse_connections: { refuse: true },
  reset_unprocessed: { mishap: { kind: 'reset_before' } },
  reset_processed: { mishap: { kind: 'reset_after' } },
  hang_unprocessed: { mishap: { kind: 'hang', carriedOut: false } },
  answer_late: { mishap: { kind: 'hang', carriedOut: true } },
  truncate_answer: { mishap: { kind: 'truncate' } },
  answer_garbage: instead(true, { status: 200, headers: { 'content-type': 'application/json' }, body: '<!' }),
  answer_wrong_amount: {
    mishap: distorted((body) => ({ ...body, amount: { value: 4998, currency: 'EUR' } })),
  },
  answer_wrong_currency: {
    mishap: distorted((body) => ({ ...body, amount: { value: 4999, currency: 'USD' } })),
  },
  answer_wrong_reference: { mishap: distorted((body) => ({ ...body, merchantReference: 'att_abc_2' })) },
  rate_limit: instead(false, errorAnswer(429, '010', 'security', { 'retry-after': '7' })),
  refuse_credentials: instead(false, errorAnswer(401, '000', 'security')),
  fail_not_processed: instead(false, transient),
  fail_processed: instead(true, failed),
  fail_unprocessed_unsaid: instead(false, html),
  bare_401: { mishap: blockedOnTheWayBack(401) },
  bare_403: { mishap: blockedOnTheWayBack(403) },
  bare_404: { mishap: blockedOnTheWayBack(404) },
  bare_429: { mishap: blockedOnTheWayBack(429) },
};

const RESOURCES = { void: 'cancels', capture: 'captures', refund: 'refunds' } as const;

function mishapOf(
  operation: 'void' | 'capture' | 'refund',
  how: Parameters<ProviderUnderTest['fail']>[1],
): Mishap | { readonly skip: string } {
  switch (how) {
    case 'lost':
      return { kind: 'reset_after' };
    case 'bare_403':
      return blockedOnTheWayBack(403);
    case 'unprocessed':
      return { kind: 'instead', carriedOut: false, answer: transient };
    case 'wrong_reference':
      return distorted((body) => ({ ...body, reference: 'void_xyz_1' }));
    default: {
      if (operation === 'void') return { skip: 'the answer to a cancellation names no amount' };
      const amount =
        how === 'wrong_amount' ? { value: 1, currency: 'EUR' } : { value: 4999, currency: 'USD' };
      return distorted((body) => ({ ...body, amount }));
    }
  }
}

providerContract('adyen', {
  async start(clock): Promise<ProviderUnderTest> {
    const standIn = await AdyenStandIn.start();
    const { server } = standIn;
    const isPayment = ({ path }: StandInRequest) => path === '/payments';
    return {
      provider: createAdyenProvider(adyenContract({ baseUrl: server.url }), {
        clock,
        declineTables: () => declineTables,
      }),
      async arrange(situation): Promise<Arranged> {
        const means = MEANS[situation];
        if ('token' in means) return means;
        if ('refuse' in means) {
          await server.refuse();
          // The connection that is kept for the next call learns of its end a few turns later.
          for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
        }
        if ('mishap' in means) server.meet(means.mishap, isPayment);
        return { token: TOKENS.approve };
      },
      findWanting() {
        const answer = errorAnswer(422, '803', 'validation');
        server.meet({ kind: 'instead', carriedOut: false, answer }, isPayment);
        return undefined;
      },
      async fail(operation, how) {
        if (operation === 'inquire') throw new Error('Adyen has no inquiry');
        const isMeant = ({ path }: StandInRequest) => path.endsWith(`/${RESOURCES[operation]}`);
        const met = mishapOf(operation, how);
        if ('skip' in met) return met;
        server.meet(met, isMeant);
        return undefined;
      },
      books: () =>
        standIn.payments.map(({ reference, key, authorised, cancelled, captured, refunded }) => ({
          reference,
          key,
          live: authorised > 0 && !cancelled,
          capturedAmount: captured,
          refundedAmount: refunded,
        })),
      requests: () => server.requests.length,
      sent: () => standIn.sent,
      keyOnWire: wireKey,
      secrets: [API_KEY, HMAC_KEY],
      stop: () => server.close(),
    };
  },
});
