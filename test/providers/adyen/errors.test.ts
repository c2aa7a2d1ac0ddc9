import { describe, expect, it } from 'vitest';
import type { OperationKind } from '../../../src/core/operation.ts';
import type { OperationOutcome } from '../../../src/gateway/ports.ts';
import {
  type ErrorAnswer,
  operationOutcomeOfError,
  outcomeOfError,
} from '../../../src/providers/adyen/codes.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { shippedDeclineTables } from '../shipped-decline-tables.ts';

/**
 * What statuses other than success mean. Only Adyen's own word counts (a bare status may be that of somebody on the way),
 * and of its failures only `transient-error: true` says that no issuer was asked (RequestedTestErrorResponseCode in the
 * description of Checkout v72).
 */

const declineTables = await shippedDeclineTables();
const deps = { clock: new FakeClock(), declineTables: () => declineTables };
const asked = {
  attemptId: 'att_aBc_1',
  request: sampleRequest(),
  brand: 'visa',
  scaRegion: false,
} as const;

const TRANSIENT = { 'transient-error': 'true' };
const NAMED = { pspreference: 'NC6HT9CRT65ZGN82' };
const IN_A_MINUTE = { 'retry-after': '60' };

type Row = readonly [status: number, over: Partial<ErrorAnswer>, expected: unknown];

const answer = (status: number, over: Partial<ErrorAnswer>): ErrorAnswer => ({
  status,
  headers: {},
  errorCode: null,
  isInternal: false,
  ...over,
});

describe('an authorization', () => {
  const unknown = (code: string) => ({ kind: 'unknown', code, providerReference: null });
  const rejected = (reason: string, code: string, retryAfterMs: number | null = null) => ({
    kind: 'rejected',
    reason,
    code,
    retryAfterMs,
    providerReference: null,
  });
  const declined = (code: string, category: string, otherProvider: string) => ({
    kind: 'declined',
    decline: {
      code,
      category,
      otherProvider,
      networkCode: null,
      advice: null,
      retryNotBefore: null,
      mayHideApproval: false,
    },
    providerReference: null,
  });

  it.each<Row>([
    // Its first request may be carried out yet, whatever else is said of this one.
    [409, { errorCode: '704' }, unknown('error_704')],
    [422, { errorCode: '704' }, unknown('error_704')],
    [503, { errorCode: '704', headers: TRANSIENT }, unknown('error_704')],
    [500, { errorCode: '905', headers: TRANSIENT }, rejected('transient', 'error_905')],
    [503, { headers: TRANSIENT }, rejected('transient', 'http_503')],
    [599, { headers: TRANSIENT }, rejected('transient', 'http_599')],
    [600, { headers: TRANSIENT }, unknown('http_600')],
    [499, { headers: TRANSIENT }, unknown('http_499')],
    [422, { errorCode: '703', headers: TRANSIENT }, unknown('error_703')],
    [503, { errorCode: '905', headers: { 'transient-error': 'false' } }, unknown('error_905')],
    [503, { errorCode: '905' }, unknown('error_905')],
    [500, { errorCode: '905', isInternal: true }, unknown('error_905')],
    [500, { headers: NAMED }, unknown('http_500')],
    [401, { errorCode: '000' }, rejected('configuration', 'error_000')],
    [401, { headers: NAMED }, rejected('configuration', 'http_401')],
    [401, {}, unknown('http_401')],
    [403, { errorCode: '901' }, rejected('configuration', 'error_901')],
    [403, { headers: NAMED }, rejected('configuration', 'http_403')],
    [403, {}, unknown('http_403')],
    [404, { errorCode: '702' }, rejected('configuration', 'error_702')],
    [404, { headers: NAMED }, unknown('http_404')],
    [404, {}, unknown('http_404')],
    [429, { errorCode: '010', headers: IN_A_MINUTE }, rejected('rate_limited', 'error_010', 60_000)],
    [429, { headers: { ...NAMED, ...IN_A_MINUTE } }, rejected('rate_limited', 'http_429', 60_000)],
    [429, { headers: IN_A_MINUTE }, unknown('http_429')],
    [400, { errorCode: '101' }, declined('error_101', 'invalid_data', 'no')],
    [422, { errorCode: '101' }, declined('error_101', 'invalid_data', 'no')],
    [422, { errorCode: '905_1' }, declined('error_905_1', 'config', 'yes_once')],
    [422, { errorCode: '901' }, rejected('configuration', 'error_901')],
    [422, { errorCode: '703' }, unknown('error_703')],
    // A number that means another thing as the code of a refusal.
    [422, { errorCode: '2' }, declined('error_2', 'unmapped', 'no')],
    [400, { errorCode: '101', isInternal: true }, unknown('error_101')],
    [422, { errorCode: '101', isInternal: true }, unknown('error_101')],
    [400, { headers: NAMED }, unknown('http_400')],
    [422, { headers: NAMED }, unknown('http_422')],
    [422, {}, unknown('http_422')],
    [409, { errorCode: '101' }, unknown('error_101')],
    [302, { errorCode: '101' }, unknown('error_101')],
  ])('%i %j', (status, over, expected) => {
    expect(outcomeOfError(answer(status, over), asked, deps)).toEqual(expected);
  });
});

describe('a capture, void or refund', () => {
  const unknown = (code: string): OperationOutcome => ({ kind: 'unknown', code });
  const failure = (code: string) => ({ kind: 'unknown', code, answered: 'failure' });
  const rejected = (code: string, retryAfterMs: number | null = null) => ({
    kind: 'rejected',
    code,
    retryAfterMs,
  });
  const refused = (code: string) => ({ kind: 'refused', code });
  const KINDS: readonly OperationKind[] = ['capture', 'void', 'refund'];

  it.each<Row>([
    [409, { errorCode: '704' }, unknown('error_704')],
    [422, { errorCode: '704' }, unknown('error_704')],
    [503, { errorCode: '704', headers: TRANSIENT }, unknown('error_704')],
    [400, { errorCode: '702' }, refused('error_702')],
    [422, { errorCode: '166' }, refused('error_166')],
    [400, { errorCode: '702', isInternal: true }, unknown('error_702')],
    [422, { errorCode: '167', isInternal: true }, unknown('error_167')],
    [400, {}, unknown('http_400')],
    [422, { headers: NAMED }, unknown('http_422')],
    [401, { errorCode: '000', headers: IN_A_MINUTE }, rejected('error_000')],
    [403, { errorCode: '901', headers: IN_A_MINUTE }, rejected('error_901')],
    [401, { headers: NAMED }, rejected('http_401')],
    [403, { headers: NAMED }, rejected('http_403')],
    [429, { headers: { ...NAMED, ...IN_A_MINUTE } }, rejected('http_429', 60_000)],
    [401, {}, unknown('http_401')],
    [403, {}, unknown('http_403')],
    [429, { headers: IN_A_MINUTE }, unknown('http_429')],
    [404, { errorCode: '702' }, unknown('error_702')],
    [500, { errorCode: '905', headers: { ...TRANSIENT, ...IN_A_MINUTE } }, rejected('error_905')],
    [599, { headers: TRANSIENT }, rejected('http_599')],
    [600, { headers: TRANSIENT }, unknown('http_600')],
    [499, { headers: TRANSIENT }, unknown('http_499')],
    // Adyen has failed, and says so for ever under this key.
    [500, { errorCode: '905' }, failure('error_905')],
    [503, { errorCode: '905' }, failure('error_905')],
    [503, { errorCode: '905', headers: { 'transient-error': 'false' } }, failure('error_905')],
    // Somebody on the way has given up waiting, perhaps.
    [500, {}, unknown('http_500')],
    [503, { headers: NAMED }, unknown('http_503')],
    [502, { errorCode: '905' }, unknown('error_905')],
    [504, { errorCode: '905' }, unknown('error_905')],
  ])('%i %j', (status, over, expected) => {
    for (const kind of KINDS) {
      expect(operationOutcomeOfError(answer(status, over), kind, deps)).toEqual(expected);
    }
  });

  it.each([400, 422])('%i: what is to be voided may be on its way there yet', (status) => {
    const told = answer(status, { errorCode: '167' });
    expect(operationOutcomeOfError(told, 'void', deps)).toEqual({ kind: 'not_found' });
    expect(operationOutcomeOfError(told, 'capture', deps)).toEqual(refused('error_167'));
    expect(operationOutcomeOfError(told, 'refund', deps)).toEqual(refused('error_167'));
  });
});
