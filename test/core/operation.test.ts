import { describe, expect, it } from 'vitest';
import { authorizationIdIn, newOperation } from '../../src/core/operation.ts';
import { SAMPLE_ID, sampleAttempt } from '../support/sample-authorization.ts';

describe('the id of an operation', () => {
  it.each(['capture', 'void', 'refund'] as const)('of a %s names its authorization', (kind) => {
    const operation = newOperation({ id: SAMPLE_ID, operations: [] }, sampleAttempt(1, null), {
      kind,
      purpose: 'requested',
      target: null,
      amount: 1,
      final: false,
      createdAtMs: 0,
    });
    expect(authorizationIdIn(operation.id)).toBe(SAMPLE_ID);
  });

  it.each([
    ['cap_abc_1', 'auth_abc'],
    ['ref_ABC_123456', 'auth_ABC'],
    ['ref_abc_1234567', null],
    ['ref_abc_', null],
    ['ref_abc_x', null],
    ['ref__1', null],
    ['ref_a1_1', null],
    ['att_abc_1', null],
    ['xcap_abc_1', null],
    ['cap_abc_1x', null],
    [`void_${'a'.repeat(64)}_1`, `auth_${'a'.repeat(64)}`],
    [`void_${'a'.repeat(65)}_1`, null],
  ])('%s: %s', (id, expected) => {
    expect(authorizationIdIn(id)).toBe(expected);
  });
});
