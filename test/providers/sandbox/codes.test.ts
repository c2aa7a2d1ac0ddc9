import { describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../../../src/core/attempt.ts';
import type { ThreeDs } from '../../../src/core/authorization.ts';
import {
  type Asked,
  answersWhatWasAsked,
  type ErrorAnswer,
  isOperationAsked,
  operationOutcomeOfError,
  outcomeOfAuthorization,
  outcomeOfError,
  readSandboxDecline,
} from '../../../src/providers/sandbox/codes.ts';
import type { WireAuthorization, WireDecline } from '../../../src/providers/sandbox/transformers.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { shippedDeclineTables } from '../shipped-decline-tables.ts';

const declineTables = await shippedDeclineTables();
const deps = { clock: new FakeClock(), declineTables: () => declineTables };

const asked = (over: Partial<Asked> = {}): Asked => ({
  attemptId: 'att_a_1',
  request: sampleRequest(),
  brand: 'visa',
  scaRegion: false,
  ...over,
});

const LINK = { id: 'ntid1', network: 'visa', date: '2026-11-23' };
const answer = (over: Partial<WireAuthorization> = {}): WireAuthorization => ({
  id: 'sbx_1',
  reference: 'att_a_1',
  status: 'authorized',
  amount: { value: 4999, currency: 'EUR' },
  authorized_amount: 4999,
  operations: [],
  decline: null,
  network_transaction: LINK,
  ...over,
});
type WireOperation = WireAuthorization['operations'][number];
const operationOf = (over: Partial<WireOperation>): WireOperation => ({
  id: 'op_1',
  operation: 'void',
  reference: null,
  status: 'confirmed',
  amount: { value: 4999, currency: 'EUR' },
  ...over,
});
const NO: WireDecline = { code: 'issuer_05', network_code: '05', advice: null, after_approval: false };

/** The BIN of the request with digits that make a card number of it. */
const CARD_NUMBER = '4571736000000000';

const unknown = (code: string, providerReference: string | null): AttemptOutcome => ({
  kind: 'unknown',
  code,
  providerReference,
});
const MISMATCH = unknown('answer_mismatch', 'sbx_1');
const APPROVED: AttemptOutcome = { kind: 'approved', providerReference: 'sbx_1', networkTransaction: LINK };
const soft = (mayHideApproval: boolean) => ({
  kind: 'declined',
  providerReference: 'sbx_1',
  decline: {
    category: 'soft_decline_issuer',
    code: 'issuer_05',
    networkCode: '05',
    advice: null,
    retryNotBefore: null,
    otherProvider: mayHideApproval ? 'no' : 'yes_once',
    mayHideApproval,
  },
});
const partly = (authorizedAmount: number, reversal: 'none' | 'confirmed') => ({
  kind: 'partially_approved',
  providerReference: 'sbx_1',
  authorizedAmount,
  networkTransaction: LINK,
  reversal,
});
const AUTHENTICATE = {
  kind: 'authentication_required',
  code: 'authentication_required',
  providerReference: 'sbx_1',
};

describe('an authorization of the sandbox', () => {
  const partial = (amount: number) =>
    ({ status: 'partially_authorized', authorized_amount: amount }) as const;
  const declined = (amount: number, after: boolean) =>
    ({
      status: 'declined',
      authorized_amount: amount,
      decline: { ...NO, after_approval: after },
    }) as const;

  it.each<[string, Partial<WireAuthorization>, unknown]>([
    ['in full', {}, APPROVED],
    ['without a link', { network_transaction: null }, { ...APPROVED, networkTransaction: null }],
    ['for one less', { authorized_amount: 4998 }, MISMATCH],
    ['for one more', { authorized_amount: 5000 }, MISMATCH],
    ['in full, with a decline', { decline: NO }, MISMATCH],
    ['in part, the least', partial(1), partly(1, 'none')],
    ['in part, the most', partial(4998), partly(4998, 'none')],
    ['in part, nothing', partial(0), MISMATCH],
    ['in part, everything', partial(4999), MISMATCH],
    ['in part, more', partial(5000), MISMATCH],
    ['declined', declined(0, false), soft(false)],
    ['declined after approval', declined(0, true), soft(true)],
    ['declined with one unit held', declined(1, false), soft(true)],
    ['declined after approval, money held', declined(4999, true), soft(true)],
    ['declined without a decline', { status: 'declined' }, unknown('answer_malformed', 'sbx_1')],
    ['to be authenticated', { status: 'authentication_required', authorized_amount: 0 }, AUTHENTICATE],
    [
      'to be authenticated, one unit held',
      { status: 'authentication_required', authorized_amount: 1 },
      MISMATCH,
    ],
    ['pending', { status: 'pending' }, { kind: 'pending', code: null, providerReference: 'sbx_1' }],
    [
      'voided before the issuer was asked',
      { status: 'voided', authorized_amount: 0 },
      {
        kind: 'rejected',
        reason: 'cancelled',
        code: 'cancelled',
        retryAfterMs: null,
        providerReference: 'sbx_1',
      },
    ],
    ['expired', { status: 'expired' }, partly(4999, 'confirmed')],
    ['voided, one unit', { status: 'voided', authorized_amount: 1 }, partly(1, 'confirmed')],
    ['voided in full', { status: 'voided' }, partly(4999, 'confirmed')],
    ['of another amount', { amount: { value: 4998, currency: 'EUR' } }, MISMATCH],
    ['in another currency', { amount: { value: 4999, currency: 'USD' } }, MISMATCH],
    ['of another attempt', { reference: 'att_b_1' }, unknown('answer_mismatch', null)],
    ['with an id that repeats the card', { id: CARD_NUMBER }, unknown('answer_malformed', null)],
  ])('%s', (_, over, expected) => {
    expect(outcomeOfAuthorization(answer(over), asked(), deps)).toEqual(expected);
  });

  it.each<[string, readonly Partial<WireOperation>[], boolean]>([
    ['nothing was done', [], true],
    ['a void has set it free', [{ operation: 'void', status: 'confirmed' }], false],
    ['a void is only on its way', [{ operation: 'void', status: 'pending' }], true],
    ['it was captured', [{ operation: 'capture', status: 'confirmed' }], true],
    [
      'it was captured, and a void is on its way',
      [
        { operation: 'capture', status: 'confirmed' },
        { operation: 'void', status: 'pending' },
      ],
      true,
    ],
    [
      'a void has set free what a capture had not taken',
      [
        { operation: 'capture', status: 'failed' },
        { operation: 'void', status: 'confirmed' },
      ],
      false,
    ],
  ])('declined after approval, %s: an approval may hide there %s', (_, operations, mayHide) => {
    const told = answer({ ...declined(4999, true), operations: operations.map((over) => operationOf(over)) });
    expect(outcomeOfAuthorization(told, asked(), deps)).toEqual(soft(mayHide));
  });

  it('of a status that there is not is a bug of ours: the reading of the wire lets none through', () => {
    const strange = answer({ status: 'settled' as never });
    expect(() => outcomeOfAuthorization(strange, asked(), deps)).toThrow('unreachable case');
  });

  it.each<[Partial<WireAuthorization>, boolean]>([
    [{}, true],
    [{ reference: 'att_a_2' }, false],
    [{ amount: { value: 4998, currency: 'EUR' } }, false],
    [{ amount: { value: 4999, currency: 'SEK' } }, false],
    // What became of it is another question.
    [{ authorized_amount: 0, status: 'voided' }, true],
  ])('%o answers what was asked: %s', (over, expected) => {
    expect(answersWhatWasAsked(answer(over), asked())).toBe(expected);
  });
});

describe("the network's identifier", () => {
  const linkOf = (over: Partial<typeof LINK>, bin: string | null = '45717360') => {
    const request = sampleRequest();
    const withBin = { ...request, card: { ...request.card, bin } };
    const link = { ...LINK, ...over };
    const outcome = outcomeOfAuthorization(
      answer({ network_transaction: link }),
      asked({ request: withBin }),
      deps,
    );
    return 'networkTransaction' in outcome && outcome.networkTransaction === link;
  };

  it.each<[Partial<typeof LINK>, boolean]>([
    [{ id: '!' }, true],
    [{ id: '~'.repeat(64) }, true],
    [{ id: 'x'.repeat(65) }, false],
    [{ id: '' }, false],
    [{ id: 'a b' }, false],
    [{ id: 'ab\n' }, false],
    [{ id: ' ab' }, false],
    [{ id: 'ä' }, false],
    [{ id: CARD_NUMBER }, false],
    [{ network: 'V' }, true],
    [{ network: 'Cartes_Bancaires-FR x' }, true],
    [{ network: 'a'.repeat(32) }, true],
    [{ network: 'a'.repeat(33) }, false],
    [{ network: '' }, false],
    [{ network: 'visa1' }, false],
    [{ network: '1visa' }, false],
    [{ network: 'vi1sa' }, false],
    [{ network: ' visa' }, false],
    [{ network: 'visa ' }, false],
    [{ network: 'visa\n' }, false],
    [{ network: CARD_NUMBER }, false],
  ])('%o is kept: %s', (over, kept) => {
    expect(linkOf(over)).toBe(kept);
  });

  it('is kept where nobody knows the BIN that it could repeat', () => {
    expect(linkOf({ id: CARD_NUMBER }, null)).toBe(true);
  });
});

describe('a decline of the sandbox', () => {
  const code = {
    code: 'issuer_05',
    networkCode: '05',
    advice: null,
    brand: 'visa',
    scaRegion: false,
    threeDsPresent: false,
  } as const;

  it('is read by the tables in force, with the wall clock', () => {
    const decline = { ...soft(false).decline, advice: '24', otherProvider: 'no' };
    expect(readSandboxDecline({ ...code, advice: '24' }, false, deps)).toEqual({
      kind: 'declined',
      decline: { ...decline, retryNotBefore: '2026-11-23T11:00:00.000Z' },
    });
    expect(readSandboxDecline(code, true, deps)).toEqual({ kind: 'declined', decline: soft(true).decline });
  });

  const threeDs: ThreeDs = { eci: null, cavv: null, dsTransactionId: null, version: null, exemption: null };
  it.each<[string, ThreeDs | null, boolean]>([
    ['nothing', null, false],
    ['nothing in it', threeDs, false],
    ['an exemption', { ...threeDs, exemption: 'low_value', version: '2.2.0' }, false],
    ['a CAVV alone, which an inquiry no longer has', { ...threeDs, cavv: 'AJkB' }, false],
    ['an ECI', { ...threeDs, eci: '05' }, true],
    ['a transaction of the directory server', { ...threeDs, dsTransactionId: 'ds1' }, true],
  ])('with %s asks for no authentication that was given', (_, given, authenticated) => {
    const wire = { ...NO, code: 'issuer_65', network_code: '65' };
    const query = {
      brand: 'mastercard',
      scaRegion: true,
      request: sampleRequest({ threeDs: given }),
    } as const;
    const outcome = outcomeOfAuthorization(
      answer({ status: 'declined', authorized_amount: 0, decline: wire }),
      asked(query),
      deps,
    );
    expect(outcome.kind).toBe(authenticated ? 'declined' : 'authentication_required');
  });
});

const error = (status: number, errorCode: string | null, headers: ErrorAnswer['headers'] = {}) => ({
  status,
  errorCode,
  headers,
});
const BEFORE = { 'x-not-processed': 'true' };

describe('an error of the sandbox', () => {
  const rejected = (reason: string, code: string, retryAfterMs: number | null = null) => ({
    kind: 'rejected',
    reason,
    code,
    retryAfterMs,
    providerReference: null,
  });
  const refused = (code: string, category: string, otherProvider: string) => ({
    kind: 'declined',
    providerReference: null,
    decline: {
      category,
      code,
      networkCode: null,
      advice: null,
      retryNotBefore: null,
      otherProvider,
      mayHideApproval: false,
    },
  });

  it.each<[ErrorAnswer, unknown]>([
    [error(401, 'unauthorized'), rejected('configuration', 'unauthorized')],
    [error(401, null), unknown('http_401', null)],
    [error(403, null), unknown('http_403', null)],
    [error(403, 'forbidden'), rejected('configuration', 'forbidden')],
    [error(429, 'rate_limited', { 'retry-after': '7' }), rejected('rate_limited', 'rate_limited', 7_000)],
    [error(429, null, { 'retry-after': '7' }), unknown('http_429', null)],
    [error(429, 'rate_limited'), rejected('rate_limited', 'rate_limited', 1_000)],
    [
      error(429, 'rate_limited', { 'retry-after': 'Mon, 23 Nov 2026 10:00:05 GMT' }),
      rejected('rate_limited', 'rate_limited', 5_000),
    ],
    [error(400, 'invalid_request'), refused('invalid_request', 'invalid_data', 'no')],
    [error(404, 'invalid_request'), refused('invalid_request', 'invalid_data', 'no')],
    [error(422, 'not_supported'), refused('not_supported', 'config', 'yes_once')],
    [error(404, 'not_found'), rejected('configuration', 'not_found')],
    [error(422, 'idempotency_mismatch'), unknown('idempotency_mismatch', null)],
    [error(400, null), unknown('http_400', null)],
    [error(404, null), unknown('http_404', null)],
    [error(422, null), unknown('http_422', null)],
    [error(400, null, BEFORE), unknown('http_400', null)],
    // The right code under a status that is none of a refusal is no evidence.
    [error(409, 'invalid_request'), unknown('invalid_request', null)],
    [error(500, 'not_found'), unknown('not_found', null)],
    [error(499, null, BEFORE), unknown('http_499', null)],
    [error(500, 'provider_error'), unknown('provider_error', null)],
    [error(500, 'provider_error', BEFORE), rejected('transient', 'provider_error')],
    [error(503, null, BEFORE), rejected('transient', 'http_503')],
    [error(599, null, BEFORE), rejected('transient', 'http_599')],
    [error(600, null, BEFORE), unknown('http_600', null)],
    [error(503, null, { 'x-not-processed': 'TRUE' }), unknown('http_503', null)],
    [error(503, null, { 'x-not-processed': '' }), unknown('http_503', null)],
    [error(201, null), unknown('http_201', null)],
  ])('to an authorization: %o', (told, expected) => {
    expect(outcomeOfError(told, asked(), deps)).toEqual(expected);
  });

  it.each<[ErrorAnswer, 'refused' | 'unknown' | 'rejected', string]>([
    [error(401, null), 'unknown', 'http_401'],
    [error(401, 'unauthorized'), 'rejected', 'unauthorized'],
    [error(403, 'forbidden'), 'rejected', 'forbidden'],
    [error(403, null), 'unknown', 'http_403'],
    [error(429, 'rate_limited'), 'rejected', 'rate_limited'],
    [error(429, null), 'unknown', 'http_429'],
    [error(402, null), 'unknown', 'http_402'],
    [error(500, null, BEFORE), 'rejected', 'http_500'],
    [error(409, 'capture_refused'), 'refused', 'capture_refused'],
    [error(500, null), 'unknown', 'http_500'],
    [error(400, null, BEFORE), 'unknown', 'http_400'],
    [error(400, 'invalid_request'), 'refused', 'invalid_request'],
    [error(409, 'invalid_state'), 'refused', 'invalid_state'],
    [error(404, 'not_found'), 'refused', 'not_found'],
    [error(400, 'not_found'), 'refused', 'not_found'],
    [error(422, 'not_supported'), 'refused', 'not_supported'],
    [error(404, null), 'unknown', 'http_404'],
    [error(409, 'in_progress'), 'unknown', 'in_progress'],
    [error(422, 'idempotency_mismatch'), 'unknown', 'idempotency_mismatch'],
    [error(400, ''), 'unknown', ''],
  ])('to a void, capture or refund: %o is %s', (told, kind, code) => {
    const more = kind === 'rejected' ? { retryAfterMs: told.status === 429 ? 1000 : null } : {};
    for (const operation of ['captures', 'refunds'] as const) {
      expect(operationOutcomeOfError(told, operation, deps)).toEqual({ kind, code, ...more });
    }
    // What is to be voided may still be on its way there.
    const unseen = told.errorCode === 'not_found';
    const ofVoid = unseen ? { kind: 'not_found' } : { kind, code, ...more };
    expect(operationOutcomeOfError(told, 'voids', deps)).toEqual(ofVoid);
  });

  it.each<[ErrorAnswer, boolean]>([
    [error(500, 'provider_error'), true],
    [error(503, 'provider_error'), true],
    // Whoever stands between may have given up waiting for it.
    [error(500, null), false],
    [error(502, 'provider_error'), false],
    [error(504, 'provider_error'), false],
    [error(409, 'in_progress'), false],
    [error(422, 'idempotency_mismatch'), false],
  ])('an operation: whether %o says that the provider has done with it: %s', (told, isFailure) => {
    expect(operationOutcomeOfError(told, 'captures', deps)).toEqual({
      kind: 'unknown',
      code: told.errorCode ?? `http_${told.status}`,
      ...(isFailure ? { answered: 'failure' } : {}),
    });
  });

  it('a limit says how long to wait, nothing else does', () => {
    const wait = { 'retry-after': '3' };
    expect(operationOutcomeOfError(error(429, 'rate_limited', wait), 'voids', deps)).toMatchObject({
      retryAfterMs: 3000,
    });
    expect(operationOutcomeOfError(error(401, 'unauthorized', wait), 'voids', deps)).toMatchObject({
      retryAfterMs: null,
    });
  });
});

describe('an operation that is told of', () => {
  const ASKED = {
    operation: 'capture',
    operationId: 'cap_a_1',
    attemptId: 'att_a_1',
    providerReference: 'sbx_1',
    amount: { value: 1000, currency: 'EUR' },
    final: false,
  } as const;
  const TOLD = {
    kind: 'capture',
    reference: 'cap_a_1',
    authorizationId: 'sbx_1',
    authorizationReference: 'att_a_1',
    amount: { value: 1000, currency: 'EUR' },
  };
  const VOID = { asked: { operation: 'void' }, told: { kind: 'void' } } as const;
  const eur = (value: number) => ({ amount: { value, currency: 'EUR' } });

  it.each<[string, Partial<typeof TOLD>, object, boolean]>([
    ['as it was asked for', {}, {}, true],
    [
      'where its authorization was not known',
      { authorizationId: 'sbx_9' },
      { providerReference: null },
      true,
    ],
    ['another kind', { kind: 'refund' }, {}, false],
    ['another of ours', { reference: 'cap_a_2' }, {}, false],
    ['of another attempt', { authorizationReference: 'att_b_1' }, {}, false],
    ['of another authorization', { authorizationId: 'sbx_9' }, {}, false],
    ['in another currency', { amount: { value: 1000, currency: 'USD' } }, {}, false],
    ['of more', eur(1001), {}, false],
    ['of less', eur(999), {}, false],
    ['a void of all', VOID.told, VOID.asked, true],
    ['a void of less than is held', { ...VOID.told, ...eur(999) }, VOID.asked, false],
    ['a void of more than is held', { ...VOID.told, ...eur(1001) }, VOID.asked, false],
    ['a void of what was not known', { ...VOID.told, ...eur(1001) }, { ...VOID.asked, ...eur(0) }, true],
    ['a capture of what was not known', eur(1001), eur(0), false],
  ])('%s: %o', (_, told, over, expected) => {
    expect(isOperationAsked({ ...TOLD, ...told }, { ...ASKED, ...over })).toBe(expected);
  });
});
