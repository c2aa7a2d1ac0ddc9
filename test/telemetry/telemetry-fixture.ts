import type { Observer } from '../../src/gateway/ports.ts';

/** What the road tells when an authorization ends. */
export const ENDED: Parameters<Observer['authorizationEnded']>[0] = {
  authorizationId: 'auth_b',
  account: 'acme',
  merchant: 'acme-eu',
  reference: 'order-7781',
  status: 'approved',
  provider: 'sandbox-b',
  rule: 'eu-debit',
  ruleset: 12,
  stopped: 'approved',
  attempts: [
    {
      id: 'att_b',
      number: 1,
      provider: 'sandbox-a',
      providerKey: 'key',
      preparedReference: null,
      outcome: { kind: 'not_sent', code: 'ECONNREFUSED' },
      propensity: 0.94,
      durationMs: 2.4,
      startedAtMs: 0,
      deadlineAtMs: 0,
    },
    {
      id: 'att_c',
      number: 2,
      provider: 'sandbox-b',
      providerKey: 'key',
      preparedReference: null,
      outcome: { kind: 'approved', providerReference: 'psp_b', networkTransaction: null },
      propensity: 0.7,
      durationMs: 84.3,
      startedAtMs: 0,
      deadlineAtMs: 0,
    },
  ],
  amount: { value: 73_104_692, currency: 'EUR' },
  brand: 'visa',
  durationMs: 91.26,
  traceId: '0af7651916cd43dd8448eb211c80319c',
};

/** A decision for a caller that sends itself, in an arm. */
export const DECIDED: Parameters<Observer['callerDecided']>[0] = {
  decisionId: 'dec_b',
  account: 'acme',
  merchant: 'acme-eu',
  reference: 'order-7781',
  result: 'offered',
  provider: 'a',
  rule: 'eu-debit',
  ruleset: 12,
  experiment: { id: 'checkout', arm: 'treatment' },
  amount: { value: 73_104_692, currency: 'EUR' },
  durationMs: 1.26,
  traceId: '0af7651916cd43dd8448eb211c80319c',
};

/** A report on {@link DECIDED} that offers another provider. */
export const REPORTED: Parameters<Observer['outcomeReported']>[0] = {
  decisionId: 'dec_b',
  account: 'acme',
  merchant: 'acme-eu',
  reference: 'order-7781',
  attempt: 1,
  provider: 'a',
  outcome: 'rejected',
  code: '503',
  next: 'provider',
  nextProvider: 'b',
  reason: 'rejected',
  ageMs: 211.4,
  traceId: '0af7651916cd43dd8448eb211c80319c',
};
