import { describe, expect, it } from 'vitest';
import { AUTHORIZATION_STATUSES } from '../../src/core/authorization.ts';
import type { Decline } from '../../src/core/declines/decline.ts';
import { renderAuthorization } from '../../src/edge/answer.ts';
import { authorizationAnswerSchema } from '../../src/edge/answer-schemas.ts';
import { AUTHORIZATION } from './edge-fixture.ts';

const STOLEN: Decline = {
  category: 'fraud_issuer',
  code: 'stolen_card',
  networkCode: '43',
  advice: '03',
  retryNotBefore: null,
  otherProvider: 'never',
  mayHideApproval: false,
};

describe('renderAuthorization', () => {
  it('says what a provider would have needed that was not asked', () => {
    const [attempt] = AUTHORIZATION.attempts;
    if (attempt === undefined) throw new Error('the sample has an attempt');
    const outcome = {
      kind: 'not_sent',
      code: 'not_supported',
      missing: 'shopper.id of 3 characters',
    } as const;
    const { body } = renderAuthorization({ ...AUTHORIZATION, attempts: [{ ...attempt, outcome }] });
    const { routing, attempts } = authorizationAnswerSchema.parse(JSON.parse(body));
    expect(routing.notes.at(-1)).toBe(
      `${attempt.provider} was not asked; it needs shopper.id of 3 characters`,
    );
    expect(attempts[0]?.code).toBe('not_supported');
  });

  it('has the published shape, field by field and in order', () => {
    expect(renderAuthorization(AUTHORIZATION).body).toBe(
      JSON.stringify({
        id: 'auth_bcdfghjkmnpqrstvwxyzB',
        status: 'approved',
        live: false,
        amounts: { requested: 4999, authorized: 4999, captured: 0, refunded: 0, currency: 'EUR' },
        reference: 'order-7781',
        merchant: 'acme-eu',
        amount: { value: 4999, currency: 'EUR' },
        provider: 'sandbox-b',
        provider_reference: 'psp_b',
        network_transaction: { id: 'ntid', network: 'visa', date: '2026-11-23' },
        decline: null,
        attempts: [
          {
            id: 'att_b',
            number: 1,
            provider: 'sandbox-a',
            outcome: 'not_sent',
            code: 'ECONNREFUSED',
            provider_reference: null,
            propensity: 0.94,
            duration_ms: 2,
          },
          {
            id: 'att_c',
            number: 2,
            provider: 'sandbox-b',
            outcome: 'approved',
            code: null,
            provider_reference: 'psp_b',
            propensity: 0.712346,
            duration_ms: 84,
          },
        ],
        operations: [],
        routing: {
          ruleset: 12,
          rule: 'eu-debit',
          strategy: 'score',
          experiment: null,
          propensity: 0.94,
          candidates: [
            {
              provider: 'sandbox-a',
              eligible: true,
              rank: 1,
              score: 0.913,
              approval: { mean: 0.921, low: 0.9, high: 0.94, level: 'bin', n: 412 },
              health: 0.99,
              breaker: 'closed',
              limit_headroom: 0.8,
              cost_bps: 32,
              reason: null,
            },
          ],
          notes: [],
        },
        created_at: '2026-11-23T10:00:00.000Z',
        expires_at: null,
      }),
    );
  });

  it.each(AUTHORIZATION_STATUSES)('%s: 202 while the outcome is open, else 201, as documented', (status) => {
    const { httpStatus, body } = renderAuthorization({ ...AUTHORIZATION, status });
    expect(httpStatus).toBe(status === 'pending' || status === 'reversing' ? 202 : 201);
    expect(authorizationAnswerSchema.safeParse(JSON.parse(body)).error).toBeUndefined();
  });

  it('tells nobody that a card was stolen, neither as decline nor in an attempt', () => {
    const [first] = AUTHORIZATION.attempts;
    const outcome = { kind: 'declined' as const, decline: STOLEN, providerReference: 'psp' };
    const attempts = first === undefined ? [] : [{ ...first, outcome }];
    const { body } = renderAuthorization({ ...AUTHORIZATION, status: 'declined', decline: STOLEN, attempts });
    expect(body).not.toMatch(/stolen|fraud|"43"|"03"/);
    expect(authorizationAnswerSchema.safeParse(JSON.parse(body)).error).toBeUndefined();
  });

  it('shows an attempt without outcome as such, and a candidate that was not eligible with its reason', () => {
    const [first] = AUTHORIZATION.attempts;
    const attempts = first === undefined ? [] : [{ ...first, outcome: null, durationMs: null }];
    const passed = {
      provider: 'x',
      eligible: false,
      rank: null,
      score: null,
      approval: null,
      health: null,
      breaker: null,
      limitHeadroom: null,
      costBasisPoints: null,
      reason: 'no token',
    };
    const routing = { ...AUTHORIZATION.routing, candidates: [passed], notes: ['BIN not known'] };
    const { body } = renderAuthorization({ ...AUTHORIZATION, status: 'pending', attempts, routing });
    expect(JSON.parse(body)).toMatchObject({
      attempts: [{ outcome: null, code: null, duration_ms: null }],
      routing: { candidates: [{ eligible: false, reason: 'no token' }], notes: ['BIN not known'] },
    });
    expect(authorizationAnswerSchema.safeParse(JSON.parse(body)).error).toBeUndefined();
  });

  it('carries nothing of the card, the shopper or the metadata', () => {
    const request = {
      ...AUTHORIZATION.request,
      metadata: { note: 'inner-note' },
      shopper: { country: 'DE', id: 'inner-shopper' },
    };
    expect(renderAuthorization({ ...AUTHORIZATION, request }).body).not.toMatch(
      /tok_|45717360|0007|inner|card-77/,
    );
  });
});
