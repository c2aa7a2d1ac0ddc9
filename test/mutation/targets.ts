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
  'src/core/declines/classify-decline.ts': ['test/core/declines/classify-decline.test.ts'],
  'src/core/declines/decline-tables.ts': ['test/core/declines/decline-tables.test.ts'],
  'src/providers/decline-outcome.ts': ['test/providers/decline-outcome.test.ts'],
  'src/providers/sandbox/codes.ts': ['test/providers/sandbox/codes.test.ts'],
};
