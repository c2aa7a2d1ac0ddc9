import type { AuthorizeCall, CallBudget, OperationCall } from '../../../src/gateway/ports.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { CHANNEL, TOKENS } from './checkout-stand-in.ts';

export const CAVV = 'AJkBBkhgQQAAAAE4hUlUAAAAAAA=';
export const PAYMENT_ID = 'pay_mbabizu24mvu3mela5njyhpit4';
export const ACTION_ID = 'act_mbabizu24mvu3mela5njyhpit4';
export const EVENT_ID = 'evt_az5sblvku4ge3dwpztvyizgcau';

export const budgetOf = (over: Partial<CallBudget> = {}): CallBudget => ({
  deadlineMs: 4_000,
  connectTimeoutMs: 1_000,
  signal: new AbortController().signal,
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  ...over,
});

export const callOf = (over: Partial<AuthorizeCall> = {}): AuthorizeCall => ({
  attemptId: 'att_aBc_1',
  providerKey: 'key_aBc_1',
  request: sampleRequest(),
  token: TOKENS.approve,
  brand: 'visa',
  scaRegion: false,
  budget: budgetOf(),
  isRepeat: false,
  preparedReference: null,
  prepared: () => Promise.reject(new Error('Checkout.com takes one step')),
  ...over,
});

export const operationOf = (over: Partial<OperationCall> = {}): OperationCall => ({
  operationId: 'cap_aBc_1',
  attemptId: 'att_aBc_1',
  providerReference: PAYMENT_ID,
  providerKey: 'key_aBc_1_c1',
  amount: { value: 1_000, currency: 'EUR' },
  final: true,
  budget: budgetOf(),
  ...over,
});

const balances = {
  total_authorized: 4999,
  total_voided: 0,
  available_to_void: 4999,
  total_captured: 0,
  available_to_capture: 4999,
  total_refunded: 0,
  available_to_refund: 0,
};

/** An answer that authorizes what {@link callOf} asks for, in the shape of the interface's own example. */
export const approval = (over: Record<string, unknown> = {}): Record<string, unknown> => ({
  id: PAYMENT_ID,
  action_id: ACTION_ID,
  amount: 4999,
  currency: 'EUR',
  approved: true,
  status: 'Authorized',
  auth_code: '770687',
  response_code: '10000',
  response_summary: 'Approved',
  expires_on: '2026-11-30T10:11:12Z',
  balances,
  risk: { flagged: false },
  source: { type: 'card', id: TOKENS.approve, scheme: 'Visa', last4: '0007', bin: '457173' },
  processed_on: '2026-11-23T10:11:12Z',
  reference: 'att_aBc_1',
  processing: { retrieval_reference_number: '909913440644', partner_response_code: '00' },
  scheme_id: '489341065491658',
  _links: { self: { href: 'https://api.checkout.com' }, actions: { href: 'https://api.checkout.com' } },
  ...over,
});

export const declined = (over: Record<string, unknown> = {}): Record<string, unknown> =>
  approval({
    approved: false,
    status: 'Declined',
    response_code: '20005',
    response_summary: 'Declined - Do Not Honour',
    balances: { ...balances, total_authorized: 0 },
    processing: { partner_response_code: '05' },
    ...over,
  });

/** The same payment as an inquiry tells it: it says no code. */
export const details = (over: Record<string, unknown> = {}): Record<string, unknown> => {
  const { action_id: _, response_code: __, response_summary: ___, processed_on: ____, ...told } = approval();
  return {
    ...told,
    requested_on: '2026-11-23T10:11:12Z',
    processing_channel_id: CHANNEL,
    ...over,
  };
};

export const action = (over: Record<string, unknown> = {}): Record<string, unknown> => ({
  id: ACTION_ID,
  type: 'Capture',
  processed_on: '2026-11-23T10:30:48Z',
  amount: 1_000,
  approved: true,
  response_code: '10000',
  response_summary: 'Approved',
  reference: 'cap_aBc_1',
  metadata: { attempt_id: 'att_aBc_1', operation_id: 'cap_aBc_1' },
  ...over,
});
