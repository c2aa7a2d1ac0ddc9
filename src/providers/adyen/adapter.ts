import { type AttemptOutcome, NOT_SUPPORTED } from '../../core/attempt.ts';
import type { Decline } from '../../core/declines/decline.ts';
import type { OperationKind } from '../../core/operation.ts';
import type { ProviderSemantics } from '../../core/resolution.ts';
import type { ProviderContract } from '../../core/rules/ruleset.ts';
import type {
  AuthorizeCall,
  CallBudget,
  InquiryAnswer,
  Notice,
  NoticeEvidence,
  NoticeMessage,
  NoticeReading,
  NoticeSubject,
  OperationCall,
  OperationInquiry,
  OperationOutcome,
  Provider,
  ProviderCode,
} from '../../gateway/ports.ts';
import type { AdapterDeps } from '../adapter-deps.ts';
import { declineOfReading } from '../decline-outcome.ts';
import { unlessRepeat } from '../outcomes.ts';
import { readJsonAnswer } from '../read-json.ts';
import { createTransport, type Transport, type TransportResult } from '../transport.ts';
import { amountFromAdyen } from './amounts.ts';
import {
  type ErrorAnswer,
  operationOutcomeOfError,
  outcomeOfError,
  outcomeOfPayment,
  readAdyenDecline,
} from './codes.ts';
import { adyenEvidence } from './evidence.ts';
import { readAdyenNotices } from './notices.ts';
import { type AdyenSetup, readAdyenSetup } from './setup.ts';
import {
  amountBody,
  cancelBody,
  missingOf,
  paymentBody,
  type WireModification,
  wireError,
  wireKey,
  wireModification,
  wirePayment,
} from './transformers.ts';

type HttpAnswer = Extract<TransportResult, { kind: 'response' }>;

const HOUR_MS = 60 * 60_000;

/**
 * What Adyen promises. The Checkout API has no inquiry: what became of a payment is told by a repeat under its key, or by
 * an event; "not found" is never said of one. Keys are kept for at least seven days, in the company account and region
 * (docs.adyen.com/development-resources/api-idempotency; an older edition says 31). Adyen itself lets a card's
 * authorization expire after 28 days, of Cartes Bancaires after 12 (adyen.help, article 115001179684), and points to the
 * schemes' own, shorter times, after which captures may fail and cost more: seven days for Mastercard's final
 * authorizations and American Express, which is what counts here (Visa: ten, five for what a merchant initiates).
 * Cancelling by our reference works for 24 hours (docs.adyen.com/online-payments/cancel).
 *
 * What is evidence about an attempt whose outcome is not known:
 *
 * | what is told | evidence |
 * |---|---|
 * | a repeat under the same key, within the key's life: `Authorised` | for: approved |
 * | the same: `Refused`, `Error`, `Cancelled` | against, by the code tables |
 * | the same: any error (the 5xx that is kept under the key, 704, a 4xx, `transient-error: true`) | none: it may be about the repeat; wait for the event, or cancel |
 * | event AUTHORISATION, success true | for: approved |
 * | event AUTHORISATION, success false | against, by the reason that it names |
 * | `POST /cancels`: `received` | none: Adyen says so of everything |
 * | event TECHNICAL_CANCEL, success true | against: cancelled |
 * | event TECHNICAL_CANCEL, success false | none: the cancellation failed, the payment may still be on its way |
 * | event CANCELLATION of the payment, success true | against: undone |
 * | event EXPIRE of the payment | against: what was never captured is given back |
 *
 * A capture, cancellation or refund can be asked about by nothing either: only its event tells of it.
 */
export const ADYEN_SEMANTICS: ProviderSemantics = {
  inquiry: 'none',
  notFoundAfterMs: null,
  operationNotFoundAfterMs: null,
  replay: 'same_answer',
  keyLifetimeMs: 7 * 24 * HOUR_MS,
  twoSteps: false,
  cancelByReference: true,
  operationInquiry: false,
  validityMs: 7 * 24 * HOUR_MS,
};

/** There is nothing to ask Adyen by. */
const NO_INQUIRY = { kind: 'no_answer', code: 'no_inquiry' } as const;

/**
 * A merchant account at Adyen, by the Checkout API v72. One request per authorization, its status told by the answer;
 * captures, cancellations and refunds are only acknowledged, and their end is told by events.
 * @throws ProviderSetupError when the contract lacks what Adyen needs; says what and how to mend it
 */
export function createAdyenProvider(contract: ProviderContract, deps: AdapterDeps): Provider {
  const setup = readAdyenSetup(contract);
  const maxSockets = contract.limits.concurrent;
  const transport = createTransport({ baseUrl: setup.baseUrl, maxSockets, clock: deps.clock });
  return new AdyenProvider(contract, setup, transport, deps);
}

class AdyenProvider implements Provider {
  readonly id: string;
  readonly live: boolean;
  readonly semantics: ProviderSemantics;
  readonly #setup: AdyenSetup;
  readonly #transport: Transport;
  readonly #deps: AdapterDeps;

  constructor(contract: ProviderContract, setup: AdyenSetup, transport: Transport, deps: AdapterDeps) {
    this.id = contract.id;
    this.live = contract.live;
    this.semantics = { ...ADYEN_SEMANTICS, ...contract.semantics };
    this.#setup = setup;
    this.#transport = transport;
    this.#deps = deps;
  }

  async authorize(call: AuthorizeCall): Promise<AttemptOutcome> {
    const body = paymentBody(call, this.#setup);
    if (body === null) return { kind: 'not_sent', code: NOT_SUPPORTED, missing: missingOf(call) };
    const key = wireKey(call.providerKey);
    const answer = await this.#post('/payments', key, body, call.budget);
    if (answer.kind === 'not_sent') return answer;
    if (answer.kind === 'unknown') return { ...answer, providerReference: null };
    if (answer.status !== 200) {
      return unlessRepeat(outcomeOfError(errorAnswerOf(answer), call, this.#deps), call);
    }
    const wire = readJsonAnswer(answer, wirePayment);
    if (wire === null) return { kind: 'unknown', code: 'answer_malformed', providerReference: null };
    const told = answer.headers['idempotency-key'];
    const repeatsKey = typeof told === 'string' && told.toLowerCase() === key;
    return outcomeOfPayment({ wire, repeatsKey, isRepeat: call.isRepeat }, call, this.#deps);
  }

  async inquire(): Promise<InquiryAnswer> {
    return NO_INQUIRY;
  }

  capture(call: OperationCall): Promise<OperationOutcome> {
    return this.#operate('capture', 'captures', call, amountBody(call, this.#setup));
  }

  void(call: OperationCall): Promise<OperationOutcome> {
    return this.#operate('void', 'cancels', call, cancelBody(call, this.#setup));
  }

  refund(call: OperationCall): Promise<OperationOutcome> {
    return this.#operate('refund', 'refunds', call, amountBody(call, this.#setup));
  }

  async inquireOperation(): Promise<OperationInquiry> {
    return NO_INQUIRY;
  }

  async readNotices(message: NoticeMessage): Promise<NoticeReading> {
    return readAdyenNotices(message, this.#setup);
  }

  evidenceIn(notice: Pick<Notice, 'type' | 'data'>, asked: NoticeSubject): NoticeEvidence {
    return adyenEvidence(notice, asked, this.#setup.merchantAccount, this.#deps);
  }

  classify(code: ProviderCode): Decline {
    return declineOfReading(readAdyenDecline(code, false, this.#deps), code);
  }

  close(): void {
    this.#transport.close();
  }

  async #operate(
    operation: OperationKind,
    resource: 'captures' | 'cancels' | 'refunds',
    call: OperationCall,
    body: string | null,
  ): Promise<OperationOutcome> {
    // Whoever repeats it, Adyen cannot be told this amount.
    if (body === null) return { kind: 'refused', code: NOT_SUPPORTED };
    const { providerReference } = call;
    const path =
      providerReference === null
        ? `/${resource}`
        : `/payments/${encodeURIComponent(providerReference)}/${resource}`;
    // Another request than the cancellation by id that may follow: it needs a key of its own.
    const key = wireKey(providerReference === null ? `${call.providerKey}r` : call.providerKey);
    const answer = await this.#post(path, key, body, call.budget);
    if (answer.kind !== 'response') return answer;
    if (answer.status !== 201) return operationOutcomeOfError(errorAnswerOf(answer), operation, this.#deps);
    const wire = readJsonAnswer(answer, wireModification);
    if (wire === null) return { kind: 'unknown', code: 'answer_malformed' };
    return isAsked(wire, operation, call, this.#setup.merchantAccount)
      ? { kind: 'accepted' }
      : { kind: 'unknown', code: 'answer_mismatch' };
  }

  #post(path: string, key: string, body: string, budget: CallBudget): Promise<TransportResult> {
    const headers = ['x-api-key', this.#setup.apiKey, 'accept', 'application/json'];
    if (budget.traceparent !== null) headers.push('traceparent', budget.traceparent);
    headers.push('content-type', 'application/json', 'idempotency-key', key);
    return this.#transport.send({ method: 'POST', path, headers, body, budget });
  }
}

/** Whether what Adyen has taken is what it was asked for. */
function isAsked(
  wire: WireModification,
  operation: OperationKind,
  { operationId, attemptId, providerReference, amount }: OperationCall,
  merchantAccount: string,
): boolean {
  if (wire.merchantAccount !== merchantAccount || wire.reference !== operationId) return false;
  const isOfPayment =
    providerReference === null
      ? wire.paymentReference === attemptId
      : wire.paymentPspReference === providerReference;
  if (!isOfPayment || operation === 'void') return isOfPayment;
  const told = wire.amount === undefined ? null : amountFromAdyen(wire.amount);
  return told !== null && told.value === amount.value && told.currency === amount.currency;
}

function errorAnswerOf(answer: HttpAnswer): ErrorAnswer {
  const { status, headers } = answer;
  const wire = readJsonAnswer(answer, wireError);
  return { status, headers, errorCode: wire?.errorCode ?? null, isInternal: wire?.errorType === 'internal' };
}
