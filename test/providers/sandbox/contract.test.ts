import { createSandboxProvider } from '../../../src/providers/sandbox/adapter.ts';
import type { FaultBody } from '../../../src/sandbox/faults.ts';
import {
  type Arranged,
  type ProviderUnderTest,
  providerContract,
  type Situation,
} from '../../contracts/provider-contract.ts';
import { sampleContract } from '../../support/sample-ruleset.ts';
import { SANDBOX_KEY, startSandbox } from '../../support/start-sandbox.ts';

import { shippedDeclineTables } from '../shipped-decline-tables.ts';

const declineTables = await shippedDeclineTables();

type Means = Arranged | { readonly fault: Omit<FaultBody, 'provider'> };

/** Its statuses without its own error are in the tests of its codes. */
const NOBODY_BETWEEN = { skip: 'nobody stands between the gateway and the sandbox' };

const MEANS: Readonly<Record<Situation, Means>> = {
  approve: { token: 'tok_visa' },
  decline_soft: { token: 'tok_decline_05' },
  decline_hard: { token: 'tok_decline_14' },
  decline_unmapped: { token: 'tok_decline_ZZ' },
  decline_hiding_approval: { token: 'tok_decline_hidden' },
  authentication_required: { token: 'tok_3ds' },
  approve_partially: { token: 'tok_partial_40' },
  stay_pending: { token: 'tok_pending' },
  refuse_connections: { fault: { kind: 'refuse' } },
  reset_unprocessed: { fault: { kind: 'reset_before' } },
  reset_processed: { fault: { kind: 'reset_after' } },
  hang_unprocessed: { fault: { kind: 'hang', processed: false } },
  answer_late: { fault: { kind: 'late', delay_ms: 600_000 } },
  truncate_answer: { fault: { kind: 'truncated' } },
  answer_garbage: { fault: { kind: 'garbage' } },
  answer_wrong_amount: { fault: { kind: 'wrong_amount' } },
  answer_wrong_currency: { fault: { kind: 'wrong_currency' } },
  answer_wrong_reference: { fault: { kind: 'wrong_reference' } },
  rate_limit: { fault: { kind: 'rate_limited', retry_after: 7 } },
  refuse_credentials: { fault: { kind: 'unauthorized' } },
  fail_not_processed: { fault: { kind: 'error', status: 503, processed: false } },
  fail_processed: { fault: { kind: 'error', status: 500, processed: true } },
  fail_unprocessed_unsaid: { fault: { kind: 'error', status: 502, processed: false, ambiguous: true } },
  bare_401: NOBODY_BETWEEN,
  bare_403: NOBODY_BETWEEN,
  bare_404: NOBODY_BETWEEN,
  bare_429: NOBODY_BETWEEN,
};

const FAULT_OF = {
  lost: 'reset_after',
  unprocessed: 'unauthorized',
  wrong_amount: 'wrong_amount',
  wrong_currency: 'wrong_currency',
  wrong_reference: 'wrong_reference',
} as const;

providerContract('sandbox', {
  async start(clock): Promise<ProviderUnderTest> {
    const sandbox = await startSandbox(['sandbox-a']);
    const contract = sampleContract('sandbox-a', { baseUrl: sandbox.url('sandbox-a') });
    return {
      provider: createSandboxProvider(contract, { clock, declineTables: () => declineTables }),
      async arrange(situation): Promise<Arranged> {
        const means = MEANS[situation];
        if ('token' in means || 'skip' in means) return means;
        await sandbox.addFault({ provider: 'sandbox-a', ...means.fault });
        return { token: 'tok_visa' };
      },
      findWanting: () => ({ skip: 'nothing makes the sandbox refuse a repeat of what it took before' }),
      async fail(operation, how) {
        if (how === 'bare_403') return NOBODY_BETWEEN;
        const kind = FAULT_OF[how];
        await sandbox.addFault({ provider: 'sandbox-a', operation, kind });
        return undefined;
      },
      books: () =>
        sandbox.ledger().authorizations.map((entry) => ({
          reference: entry.reference,
          key: entry.key,
          live: entry.live,
          capturedAmount: entry.captured_amount,
          refundedAmount: entry.refunded_amount,
        })),
      requests: () => sandbox.ledger().requests,
      secrets: [SANDBOX_KEY],
      stop: () => sandbox.close(),
    };
  },
});
