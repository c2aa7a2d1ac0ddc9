import type { AuthorizationRequest } from '../../src/core/authorization.ts';
import type { AuthorizeCommand } from '../../src/gateway/road-results.ts';

/** A valid request, as the edge hands it to the road; overridden where a test cares. */
export function sampleRequest(over: Partial<AuthorizationRequest> = {}): AuthorizationRequest {
  return {
    reference: 'order-7781',
    merchant: 'acme-eu',
    amount: { value: 4999, currency: 'EUR' },
    card: {
      bin: '45717360',
      last4: '0007',
      expiryMonth: 9,
      expiryYear: 2029,
      token: 'tok_visa',
      tokens: {},
      id: 'card-77',
      accountReference: null,
      brand: 'visa',
      networkToken: false,
    },
    initiator: 'customer',
    shopper: { country: 'DE', id: 'cust-9' },
    capture: 'manual',
    threeDs: null,
    storedCredential: null,
    networkTransaction: null,
    acceptPartial: false,
    deadlineMs: 8000,
    metadata: {},
    ...over,
  };
}

/** The command that hands it over, received as the clock begins. */
export function sampleCommand(over: Partial<AuthorizeCommand> = {}): AuthorizeCommand {
  return {
    account: 'acme',
    idempotencyKey: 'key-1',
    bodyFingerprint: 'ab'.repeat(32),
    request: sampleRequest(),
    traceId: '0af7651916cd43dd8448eb211c80319c',
    traceparent: null,
    receivedAtMs: 0,
    ...over,
  };
}
