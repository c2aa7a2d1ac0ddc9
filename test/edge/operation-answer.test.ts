import { describe, expect, it } from 'vitest';
import type { Authorization } from '../../src/core/authorization.ts';
import type { Decline } from '../../src/core/declines/decline.ts';
import {
  OPERATION_KINDS,
  OPERATION_PURPOSES,
  OPERATION_STATUSES,
  type Operation,
} from '../../src/core/operation.ts';
import { settled } from '../../src/core/settlement.ts';
import { renderAuthorization } from '../../src/edge/answer.ts';
import { authorizationAnswerSchema, operationAnswerSchema } from '../../src/edge/answer-schemas.ts';
import { renderOperation } from '../../src/edge/operation-answer.ts';
import { AUTHORIZATION, CAPTURE, withOperations } from './edge-fixture.ts';

const VOID: Operation = { ...CAPTURE, id: 'void_b_1', kind: 'void', purpose: 'hidden_approval' };
const FRAUD: Decline = {
  category: 'fraud_psp',
  code: 'merchant_blacklist',
  networkCode: '59',
  advice: null,
  retryNotBefore: null,
  otherProvider: 'never',
  mayHideApproval: true,
};

/** Declined for a suspicion of fraud that may hide an approval, with what was done about it. */
function declinedWith(...operations: readonly Operation[]): Authorization {
  const attempts = AUTHORIZATION.attempts.map((attempt) =>
    attempt.number === 2
      ? { ...attempt, outcome: { kind: 'declined' as const, decline: FRAUD, providerReference: 'psp_b' } }
      : attempt,
  );
  return settled({ ...AUTHORIZATION, attempts, operations });
}

const shownIn = (authorization: Authorization, operation: Operation) =>
  JSON.parse(renderOperation(authorization, operation).body) as Record<string, unknown>;

describe('renderOperation', () => {
  it('has the published shape, field by field and in order', () => {
    expect(renderOperation(withOperations(CAPTURE), CAPTURE)).toEqual({
      httpStatus: 201,
      body: JSON.stringify({
        id: 'cap_bcdfghjkmnpqrstvwxyzB_1',
        type: 'capture',
        purpose: 'requested',
        status: 'succeeded',
        amount: { value: 4999, currency: 'EUR' },
        final: false,
        code: null,
        provider_reference: 'psp_cap',
        created_at: '2026-11-24T09:00:00.000Z',
        settled_at: '2026-11-24T09:00:01.000Z',
        authorization: {
          id: 'auth_bcdfghjkmnpqrstvwxyzB',
          status: 'captured',
          amounts: { requested: 4999, authorized: 4999, captured: 4999, refunded: 0, currency: 'EUR' },
        },
      }),
    });
  });

  const combinations = OPERATION_KINDS.flatMap((kind) =>
    OPERATION_PURPOSES.flatMap((purpose) =>
      OPERATION_STATUSES.map((status): [Operation['kind'], Operation['purpose'], Operation['status']] => [
        kind,
        purpose,
        status,
      ]),
    ),
  );
  it.each(combinations)('%s, %s, %s: as documented, 202 while pending', (kind, purpose, status) => {
    const operation: Operation = {
      ...CAPTURE,
      kind,
      purpose,
      status,
      settledAtMs: status === 'pending' ? null : CAPTURE.settledAtMs,
    };
    const authorization = withOperations(operation);
    const { httpStatus, body } = renderOperation(authorization, operation);
    expect(httpStatus).toBe(status === 'pending' ? 202 : 201);
    expect(operationAnswerSchema.safeParse(JSON.parse(body)).error).toBeUndefined();
    const whole: unknown = JSON.parse(renderAuthorization(authorization).body);
    expect(authorizationAnswerSchema.safeParse(whole).error).toBeUndefined();
    const { authorization: _, ...shown } = JSON.parse(body) as Record<string, unknown>;
    expect(whole).toMatchObject({ operations: [shown] });
  });

  it('says of a void that found nothing to undo that it undid nothing', () => {
    const operation: Operation = { ...VOID, purpose: 'requested', code: 'nothing_to_void' };
    const authorization = declinedWith(operation);
    expect(shownIn(authorization, operation)).toMatchObject({
      type: 'void',
      status: 'succeeded',
      amount: { value: 0, currency: 'EUR' },
      code: 'nothing_to_void',
    });
  });

  it('shows a code of the provider, but no card number in it', () => {
    const operation: Operation = { ...CAPTURE, status: 'failed', code: 'no 4111 1111 1111 1111 here' };
    const authorization = withOperations(operation);
    for (const { body } of [renderOperation(authorization, operation), renderAuthorization(authorization)]) {
      expect(body).toContain('no [card number removed] here');
      expect(body).not.toContain('11111111');
    }
    expect(shownIn(authorization, { ...operation, code: 'charge_expired' })['code']).toBe('charge_expired');
  });

  const behindDecline: [name: string, operation: Operation][] = [
    ['a hidden approval', { ...VOID, status: 'pending', settledAtMs: null, code: 'fraud_review' }],
    ['a late approval', { ...VOID, purpose: 'late_approval', code: 'fraud_review' }],
    ['a void that was asked for', { ...VOID, purpose: 'requested', status: 'failed', code: 'fraud_review' }],
  ];
  it.each(behindDecline)('tells nothing of fraud by the void of %s', (_, operation) => {
    const authorization = declinedWith(operation);
    for (const { body } of [renderOperation(authorization, operation), renderAuthorization(authorization)]) {
      expect(body).not.toMatch(/fraud|blacklist|"59"/);
    }
    expect(shownIn(authorization, operation)['code']).toBeNull();
  });

  it('tells nothing of fraud by the void of a hidden approval of an attempt that stands otherwise', () => {
    const operation: Operation = { ...VOID, code: 'fraud_review' };
    expect(shownIn(withOperations(operation), operation)['code']).toBeNull();
  });
});

describe('renderAuthorization', () => {
  it('shows captures, voids and refunds in the order in which they were begun', () => {
    const refund = { kind: 'refund', id: 'ref_b_2', amount: 1000, providerReference: null } as const;
    const body: unknown = JSON.parse(renderAuthorization(withOperations(CAPTURE, refund)).body);
    expect(body).toMatchObject({
      status: 'partially_refunded',
      amounts: { captured: 4999, refunded: 1000 },
      operations: [
        { id: CAPTURE.id, type: 'capture', provider_reference: 'psp_cap' },
        { id: 'ref_b_2', type: 'refund', amount: { value: 1000, currency: 'EUR' }, provider_reference: null },
      ],
    });
  });

  it('says when what is not captured is given back', () => {
    const expiresAtMs = Date.UTC(2026, 10, 30, 10);
    expect(JSON.parse(renderAuthorization({ ...AUTHORIZATION, expiresAtMs }).body)).toMatchObject({
      expires_at: '2026-11-30T10:00:00.000Z',
    });
  });
});
