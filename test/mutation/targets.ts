/**
 * The files that decide about money, each with the tests that have to notice every change of it. To add a file, add a
 * line. Only these tests run for it: what is caught by luck in a test of the whole road does not count.
 */
export const TARGETS: Readonly<Record<string, readonly string[]>> = {
  'src/core/failover.ts': ['test/core/failover.test.ts'],
  'src/core/attempt.ts': ['test/core/attempt.test.ts', 'test/core/failover.test.ts'],
  'src/core/settlement.ts': ['test/core/settlement.test.ts'],
  'src/core/lifecycle.ts': ['test/core/lifecycle.test.ts'],
  'src/core/follow-on.ts': ['test/core/follow-on.test.ts'],
  'src/core/operation.ts': [
    'test/core/operation.test.ts',
    'test/core/settlement.test.ts',
    'test/core/lifecycle.test.ts',
    'test/core/follow-on.test.ts',
  ],
  'src/core/resolution.ts': ['test/core/resolution.test.ts'],
  'src/core/transitions.ts': ['test/core/transitions.test.ts'],
  'src/core/scheme/scheme-rules.ts': ['test/core/scheme/scheme-rules.test.ts'],
  'src/core/scheme/card-identity.ts': ['test/core/scheme/card-identity.test.ts'],
  'src/gateway/resolve.ts': ['test/gateway/resolve-item.test.ts'],
  'src/gateway/look-at-attempt.ts': ['test/gateway/resolve-item.test.ts'],
  'src/gateway/look-at-operation.ts': ['test/gateway/resolve-item.test.ts'],
  'src/gateway/judge-repeat.ts': ['test/gateway/resolve-item.test.ts'],
  'src/gateway/connected.ts': ['test/gateway/resolve-item.test.ts', 'test/gateway/operate-steps.test.ts'],
  'src/gateway/asker.ts': ['test/gateway/operate-steps.test.ts'],
  'src/gateway/ask-provider.ts': ['test/gateway/operation-calls.test.ts'],
  'src/gateway/change.ts': ['test/gateway/change.test.ts'],
  'src/gateway/finish-attempt.ts': ['test/gateway/finish-attempt.test.ts'],
  'src/gateway/journal-step.ts': ['test/gateway/journal-step.test.ts'],
  'src/gateway/operation-calls.ts': ['test/gateway/operation-calls.test.ts'],
  'src/gateway/operate.ts': ['test/gateway/operate-steps.test.ts'],
  'src/gateway/recover.ts': ['test/gateway/recover.test.ts'],
  'src/gateway/notices.ts': [
    'test/gateway/notices.test.ts',
    'test/gateway/notice-hints.test.ts',
    'test/gateway/kept-here.test.ts',
  ],
  'src/gateway/resolve-by-person.ts': ['test/gateway/resolve-by-person.test.ts'],
  'src/gateway/resolve-operation-by-person.ts': ['test/gateway/resolve-operation-by-person.test.ts'],
  'src/events/sign-event.ts': ['test/events/sign-event.test.ts'],
  'src/core/declines/classify-decline.ts': ['test/core/declines/classify-decline.test.ts'],
  'src/core/declines/decline-tables.ts': ['test/core/declines/decline-tables.test.ts'],
  'src/providers/decline-outcome.ts': ['test/providers/decline-outcome.test.ts'],
  'src/providers/sandbox/codes.ts': ['test/providers/sandbox/codes.test.ts'],
  'src/providers/adyen/codes.ts': [
    'test/providers/adyen/codes.test.ts',
    'test/providers/adyen/errors.test.ts',
    'test/providers/adyen/operations.test.ts',
  ],
  'src/providers/adyen/evidence.ts': [
    'test/providers/adyen/evidence.test.ts',
    'test/providers/adyen/disputes.test.ts',
  ],
  'src/providers/checkout/codes.ts': [
    'test/providers/checkout/codes.test.ts',
    'test/providers/checkout/adapter.test.ts',
    'test/providers/checkout/operations.test.ts',
  ],
  'src/providers/checkout/payment-outcome.ts': [
    'test/providers/checkout/codes.test.ts',
    'test/providers/checkout/inquiries.test.ts',
  ],
  'src/providers/checkout/evidence.ts': [
    'test/providers/checkout/evidence.test.ts',
    'test/providers/checkout/disputes.test.ts',
  ],
  'src/providers/paypal/codes.ts': [
    'test/providers/paypal/codes.test.ts',
    'test/providers/paypal/errors.test.ts',
  ],
  'src/providers/paypal/evidence.ts': ['test/providers/paypal/evidence.test.ts'],
  'src/providers/stripe/codes.ts': [
    'test/providers/stripe/codes.test.ts',
    'test/providers/stripe/inquiry.test.ts',
    'test/providers/stripe/steps.test.ts',
  ],
  'src/providers/stripe/evidence.ts': [
    'test/providers/stripe/evidence.test.ts',
    'test/providers/stripe/operation-evidence.test.ts',
    'test/providers/stripe/disputes.test.ts',
  ],
};
