import type { AuthorizeCall, CallBudget, OperationCall } from '../../../src/gateway/ports.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { TOKENS } from './adyen-stand-in.ts';

export const CAVV = 'AJkBBkhgQQAAAAE4hUlUAAAAAAA=';
export const PSP_REFERENCE = 'NC6HT9CRT65ZGN82';

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
  prepared: () => Promise.reject(new Error('Adyen takes one step')),
  ...over,
});

export const operationOf = (over: Partial<OperationCall> = {}): OperationCall => ({
  operationId: 'cap_aBc_1',
  attemptId: 'att_aBc_1',
  providerReference: PSP_REFERENCE,
  providerKey: 'key_aBc_1_c1',
  amount: { value: 1_000, currency: 'EUR' },
  final: true,
  budget: budgetOf(),
  ...over,
});

/** An answer that authorizes what {@link callOf} asks for. */
export const approval = (over: Record<string, unknown> = {}): Record<string, unknown> => ({
  pspReference: PSP_REFERENCE,
  resultCode: 'Authorised',
  merchantReference: 'att_aBc_1',
  amount: { value: 4999, currency: 'EUR' },
  paymentMethod: { brand: 'visa', type: 'scheme' },
  additionalData: { networkTxReference: '060720116005060', refusalReasonRaw: 'AUTHORISED' },
  ...over,
});

export const refusal = (over: Record<string, unknown> = {}): Record<string, unknown> => ({
  pspReference: PSP_REFERENCE,
  resultCode: 'Refused',
  merchantReference: 'att_aBc_1',
  refusalReason: 'Refused',
  refusalReasonCode: '2',
  additionalData: { refusalReasonRaw: '05 : Do not honor' },
  ...over,
});
