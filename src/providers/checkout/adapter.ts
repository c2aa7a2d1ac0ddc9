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
import { type ErrorAnswer, operationOutcomeOfError, outcomeOfError, readCheckoutDecline } from './codes.ts';
import { checkoutEvidence } from './evidence.ts';
import { type Get, inquireAction, inquirePayment } from './inquiries.ts';
import { readCheckoutNotices } from './notices.ts';
import { outcomeOfPayment } from './payment-outcome.ts';
import { type CheckoutSetup, readCheckoutSetup } from './setup.ts';
import { captureBody, missingOf, paymentBody, refundBody, voidBody } from './transformers.ts';
import { wireAccepted, wireError, wirePayment } from './wire.ts';

type HttpAnswer = Extract<TransportResult, { kind: 'response' }>;
type InquireQuery = Parameters<Provider['inquire']>[0];

const HOUR_MS = 60 * 60_000;

/**
 * What Checkout.com promises. A key (`Cko-Idempotency-Key`) gives the first answer again for 24 hours, but only if that was
 * a success: "if the original request could not be processed, an idempotent result will not be saved and the payment will be
 * reattempted" (checkout.com/docs, "Idempotency", 13 Nov 2024; an account may have another time). So an authorization is
 * never repeated, and asked about by our reference instead. How long that list may lag behind is not published: "not
 * found" is never evidence, unless a contract says when. Authorizations are good for seven days, the shortest common time
 * of the schemes; an answer says until when in `expires_on`. Nothing is cancelled by our reference. Captures, voids and
 * refunds are looked for among the actions of their payment, by its id, and so not in that list; but they are carried out
 * after they were accepted, and how soon the actions show them is not published either.
 *
 * What an inquiry tells about an attempt (`GET /payments?reference=`, the payment by its id, its actions):
 *
 * | what is told | evidence |
 * |---|---|
 * | `Authorized`, or captured or refunded since, in full and approved | for: approved |
 * | the same with `amount` below `amount_requested` | for: partially approved |
 * | `Declined`, and its code by the actions | against, by the code tables |
 * | `Declined` with a code that says nothing for certain (20068, 200A6, 20020) | none: a person closes it |
 * | `Voided`, `Expired`, `Canceled` | against: undone, or never authorized |
 * | `Pending` and its like, a retry of Checkout.com's own, a redirect | none yet: it is pending; a redirect that nobody is told of is declined (20152) after 15 minutes |
 * | no payment of our reference | none: the list may lag; asked again, and closed by a person |
 * | several payments of our reference | none: a person looks at all of them |
 * | another reference, channel, amount or currency, `Captured` as the first answer | none: quarantined, and undone |
 * | an operation among the actions: approved, declined | for, against |
 * | the same without a word, `10200`, a void that was approved while the payment is not `Voided` | none yet: pending |
 * | the same approved twice | none: a person looks at both |
 */
export const CHECKOUT_SEMANTICS: ProviderSemantics = {
  inquiry: 'our_reference',
  notFoundAfterMs: null,
  operationNotFoundAfterMs: null,
  replay: 'success_only',
  keyLifetimeMs: 24 * HOUR_MS,
  twoSteps: false,
  cancelByReference: false,
  operationInquiry: true,
  validityMs: 7 * 24 * HOUR_MS,
};

/**
 * An account at Checkout.com, by its Unified Payments API. One request per authorization, its status told by the answer;
 * captures, voids and refunds are only acknowledged, and their end is told by the payment's actions or by events.
 * @throws ProviderSetupError when the contract lacks what Checkout.com needs; says what and how to mend it
 */
export function createCheckoutProvider(contract: ProviderContract, deps: AdapterDeps): Provider {
  const setup = readCheckoutSetup(contract);
  const maxSockets = contract.limits.concurrent;
  const transport = createTransport({ baseUrl: setup.baseUrl, maxSockets, clock: deps.clock });
  return new CheckoutProvider(contract, setup, transport, deps);
}

class CheckoutProvider implements Provider {
  readonly id: string;
  readonly live: boolean;
  readonly semantics: ProviderSemantics;
  readonly #setup: CheckoutSetup;
  readonly #transport: Transport;
  readonly #deps: AdapterDeps;

  constructor(contract: ProviderContract, setup: CheckoutSetup, transport: Transport, deps: AdapterDeps) {
    this.id = contract.id;
    this.live = contract.live;
    this.semantics = { ...CHECKOUT_SEMANTICS, ...contract.semantics };
    this.#setup = setup;
    this.#transport = transport;
    this.#deps = deps;
  }

  async authorize(call: AuthorizeCall): Promise<AttemptOutcome> {
    const { channel } = this.#setup;
    const body = paymentBody(call, channel);
    if (body === null) return { kind: 'not_sent', code: NOT_SUPPORTED, missing: missingOf(call) };
    const answer = await this.#post('/payments', call.providerKey, body, call.budget);
    if (answer.kind === 'not_sent') return answer;
    if (answer.kind === 'unknown') return { ...answer, providerReference: null };
    // 201: decided. 202: to be decided, or the customer has to go somewhere first.
    if (answer.status !== 201 && answer.status !== 202) {
      return unlessRepeat(outcomeOfError(errorAnswerOf(answer), call, this.#deps), call);
    }
    const wire = readJsonAnswer(answer, wirePayment);
    if (wire === null) return { kind: 'unknown', code: 'answer_malformed', providerReference: null };
    const outcome = outcomeOfPayment(wire, 'answer', call, channel, this.#deps);
    if (answer.status === 201 || outcome.kind === 'pending' || outcome.kind === 'unknown') return outcome;
    return { kind: 'unknown', code: 'answer_mismatch', providerReference: wire.id };
  }

  inquire(query: InquireQuery): Promise<InquiryAnswer> {
    return inquirePayment(this.#getter(query.budget), query, this.#setup.channel, this.#deps);
  }

  capture(call: OperationCall): Promise<OperationOutcome> {
    return this.#operate('capture', call, captureBody(call));
  }

  void(call: OperationCall): Promise<OperationOutcome> {
    return this.#operate('void', call, voidBody(call));
  }

  refund(call: OperationCall): Promise<OperationOutcome> {
    return this.#operate('refund', call, refundBody(call));
  }

  inquireOperation(call: OperationCall & { readonly operation: OperationKind }): Promise<OperationInquiry> {
    return inquireAction(this.#getter(call.budget), call, this.#setup.channel);
  }

  async readNotices(message: NoticeMessage): Promise<NoticeReading> {
    return readCheckoutNotices(message, this.#setup.webhookSecrets);
  }

  evidenceIn(notice: Pick<Notice, 'type' | 'data'>, asked: NoticeSubject): NoticeEvidence {
    return checkoutEvidence(notice, asked, this.#setup.channel, this.#deps);
  }

  classify(code: ProviderCode): Decline {
    return declineOfReading(readCheckoutDecline(code, this.#deps), code);
  }

  close(): void {
    this.#transport.close();
  }

  async #operate(
    operation: OperationKind,
    call: OperationCall,
    body: string | null,
  ): Promise<OperationOutcome> {
    // Whoever repeats it, Checkout.com cannot be told this amount, or cannot be asked without the payment's id.
    const { providerReference } = call;
    if (body === null || providerReference === null) return { kind: 'refused', code: NOT_SUPPORTED };
    const path = `/payments/${encodeURIComponent(providerReference)}/${operation}s`;
    const answer = await this.#post(path, call.providerKey, body, call.budget);
    if (answer.kind !== 'response') return answer;
    if (answer.status !== 202) return operationOutcomeOfError(errorAnswerOf(answer), operation, this.#deps);
    const taken = readJsonAnswer(answer, wireAccepted);
    if (taken === null) return { kind: 'unknown', code: 'answer_malformed' };
    return taken.reference === call.operationId
      ? { kind: 'accepted' }
      : { kind: 'unknown', code: 'answer_mismatch' };
  }

  #getter(budget: CallBudget): Get {
    const headers = this.#headers(budget);
    return (path) => this.#transport.send({ method: 'GET', path, headers, body: null, budget });
  }

  #post(path: string, key: string, body: string, budget: CallBudget): Promise<TransportResult> {
    const headers = this.#headers(budget);
    headers.push('content-type', 'application/json', 'cko-idempotency-key', key);
    return this.#transport.send({ method: 'POST', path, headers, body, budget });
  }

  #headers(budget: CallBudget): string[] {
    const headers = ['authorization', this.#setup.authorization, 'accept', 'application/json'];
    if (budget.traceparent !== null) headers.push('traceparent', budget.traceparent);
    return headers;
  }
}

function errorAnswerOf(answer: HttpAnswer): ErrorAnswer {
  const { status, headers } = answer;
  const error = readJsonAnswer(answer, wireError);
  return { status, headers, type: error?.error_type ?? null, codes: error?.error_codes ?? [] };
}
