import { createPaypalProvider } from '../../../src/providers/paypal/adapter.ts';
import {
  type Arranged,
  type ProviderUnderTest,
  providerContract,
  type Situation,
} from '../../contracts/provider-contract.ts';
import { blockedOnTheWayBack, type Mishap, type StandInRequest } from '../../support/psp-stand-in.ts';
import { sampleContract } from '../../support/sample-ruleset.ts';
import { shippedDeclineTables } from '../shipped-decline-tables.ts';
import {
  CLIENT,
  capturedAmount,
  failures,
  isLive,
  misstated,
  PaypalStandIn,
  refundedAmount,
  TOKEN,
  VAULT,
} from './paypal-stand-in.ts';

const declineTables = await shippedDeclineTables();

type Means =
  | { readonly token: string }
  | { readonly mishap: Mishap; readonly on?: 'order' }
  | { readonly refuse: true };

const instead = (answer: (typeof failures)[keyof typeof failures], carriedOut: boolean): Mishap => ({
  kind: 'instead',
  carriedOut,
  answer,
});

const MEANS: Readonly<Record<Situation, Means>> = {
  approve: { token: VAULT.approved },
  decline_soft: { token: VAULT.softDecline },
  decline_hard: { token: VAULT.hardDecline },
  decline_unmapped: { token: VAULT.unmapped },
  decline_hiding_approval: { token: VAULT.hidden },
  authentication_required: { token: VAULT.authentication },
  approve_partially: { token: VAULT.partial },
  stay_pending: { token: VAULT.pending },
  refuse_connections: { refuse: true },
  reset_unprocessed: { mishap: { kind: 'reset_before' } },
  reset_processed: { mishap: { kind: 'reset_after' } },
  hang_unprocessed: { mishap: { kind: 'hang', carriedOut: false } },
  answer_late: { mishap: { kind: 'hang', carriedOut: true } },
  truncate_answer: { mishap: { kind: 'truncate' } },
  answer_garbage: { mishap: instead(failures.garbage, true) },
  answer_wrong_amount: { mishap: misstated('wrong_amount') },
  answer_wrong_currency: { mishap: misstated('wrong_currency') },
  answer_wrong_reference: { mishap: misstated('wrong_reference') },
  rate_limit: { mishap: instead(failures.rateLimited, false) },
  refuse_credentials: { mishap: instead(failures.forbidden, false) },
  // No failure of the second step is marked as not processed; the first cannot move money, whatever it answers.
  fail_not_processed: { mishap: instead(failures.unavailable, false), on: 'order' },
  fail_processed: { mishap: instead(failures.internal, true) },
  fail_unprocessed_unsaid: { mishap: instead(failures.badGateway, false) },
  bare_401: { mishap: blockedOnTheWayBack(401) },
  bare_403: { mishap: blockedOnTheWayBack(403) },
  bare_404: { mishap: blockedOnTheWayBack(404) },
  bare_429: { mishap: blockedOnTheWayBack(429) },
};

const isOrder = ({ method, path }: StandInRequest) => method === 'POST' && path === '/v2/checkout/orders';
const isOf = (action: string) => (request: StandInRequest) => request.path.endsWith(`/${action}`);
const isInquiry = ({ method }: StandInRequest) => method === 'GET';

const IS_MEANT_FOR = {
  inquire: isInquiry,
  void: isOf('void'),
  capture: isOf('capture'),
  refund: isOf('refund'),
} as const;

providerContract('paypal', {
  async start(clock): Promise<ProviderUnderTest> {
    const standIn = await PaypalStandIn.start();
    const contract = sampleContract('paypal', {
      adapter: 'paypal',
      baseUrl: standIn.server.url,
      credentials: CLIENT,
    });
    let failedOrders = 0;
    return {
      provider: createPaypalProvider(contract, { clock, declineTables: () => declineTables }),
      async arrange(situation): Promise<Arranged> {
        const means = MEANS[situation];
        if ('token' in means) return means;
        if ('refuse' in means) {
          await standIn.server.refuse();
          // Idle connections have to be seen to be gone: else the next call is handed over to one of them.
          for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
        } else {
          if (means.on === 'order') failedOrders += 1;
          standIn.server.meet(means.mishap, means.on === 'order' ? isOrder : isOf('authorize'));
        }
        return { token: VAULT.approved };
      },
      findWanting() {
        standIn.server.meet(instead(failures.declined, false), isOf('authorize'));
        return undefined;
      },
      async fail(operation, how) {
        const mishap: Mishap =
          how === 'lost'
            ? { kind: 'reset_after' }
            : how === 'unprocessed'
              ? instead(operation === 'inquire' ? failures.unavailable : failures.rateLimited, false)
              : how === 'bare_403'
                ? blockedOnTheWayBack(403)
                : misstated(how);
        standIn.server.meet(mishap, IS_MEANT_FOR[operation]);
      },
      books: () =>
        standIn.orders
          .filter(({ requestId }) => requestId !== '')
          .map((order) => ({
            reference: order.customId,
            key: order.requestId,
            live: isLive(order),
            capturedAmount: capturedAmount(order),
            refundedAmount: refundedAmount(order),
          })),
      // An order alone is no authorization: it counts where the attempt ends with it.
      requests: () =>
        standIn.server.requests.filter(({ path }) => /\/(authorize|capture|void|refund)$/.test(path)).length +
        failedOrders,
      secrets: [CLIENT.client_secret, TOKEN],
      // The interface has no place for an authentication that was made elsewhere.
      request: { threeDs: null },
      doNotHonor: { code: '0500', networkCode: null },
      stop: () => standIn.server.close(),
    };
  },
});
