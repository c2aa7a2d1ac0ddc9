import { type AttemptOutcome, NOT_SUPPORTED } from '../../core/attempt.ts';
import type { Decline } from '../../core/declines/decline.ts';
import type { OperationKind } from '../../core/operation.ts';
import { DAY_MS, type ProviderSemantics } from '../../core/resolution.ts';
import type { ProviderContract } from '../../core/rules/ruleset.ts';
import type {
  AuthorizeCall,
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
import { rejected, unlessRepeat } from '../outcomes.ts';
import { readJsonAnswer } from '../read-json.ts';
import { repeatsCard } from '../repeats-card.ts';
import { createTransport, type Transport } from '../transport.ts';
import { isAmount } from './amounts.ts';
import {
  errorAnswerOf,
  isOurs,
  outcomeOfError,
  outcomeOfNoOrder,
  readOrder,
  readPaypalDecline,
  unitOf,
} from './codes.ts';
import { paypalEvidence } from './evidence.ts';
import { PaypalNotices } from './notices.ts';
import { PaypalOperations } from './operations.ts';
import { PaypalApi } from './paypal-api.ts';
import { type PaypalSetup, readPaypalSetup } from './setup.ts';
import { SigningCertificates } from './signing-certificates.ts';
import { authorizationBodies, missingOf, requestIdOf, wireOrder } from './transformers.ts';

type InquireQuery = Parameters<Provider['inquire']>[0];

const HOUR_MS = 60 * 60_000;

/**
 * What PayPal promises. An authorization takes two steps: an order without a payment source, which processes no payment
 * (`PAYPAL_REQUEST_ID_REQUIRED` in the description of Orders v2), then the authorization of that order, to which the card
 * is told ("the buyer must first approve the order or a valid payment_source must be provided in the request").
 *
 * - A repeat under the same `PayPal-Request-Id` gives "the latest status of the previous request"
 *   (developer.paypal.com/reference/guidelines/idempotency). Orders v2 keeps ids for 6 hours, Payments v2 for 45 days: the
 *   shorter holds for both, since what a longer one would save is found under our own name for it anyway.
 * - There is no call that cancels an order that was not authorized, so that an authorization that is still on its way
 *   cannot be forestalled. That an order has none is evidence only an hour past the attempt's deadline: PayPal's own
 *   time-outs for a card are minutes at most, and a read by id lags no hour behind; three hours after its making, when an
 *   unpaid order expires (the description's links), would be the longest. A contract may say otherwise. The same holds for
 *   captures, voids and refunds: they are read with the order and by their own ids, never searched for.
 * - An authorization is good for 29 days, of which the issuer honours the first three: what is captured later may be
 *   declined (the description of `reauthorize`).
 *
 * What is evidence about an attempt whose outcome is not known, from `GET /v2/checkout/orders/{id}`:
 *
 * | what is told | evidence |
 * |---|---|
 * | order COMPLETED, authorization CREATED, CAPTURED, PARTIALLY_CAPTURED | for: approved |
 * | the same, for less than the order | for: partially approved |
 * | authorization VOIDED, nothing captured | against: undone |
 * | authorization VOIDED, something captured | for: approved, and the rest let go |
 * | authorization DENIED | against, by the processor's code; one that may hide an approval never fails over |
 * | authorization PENDING | none: asked again |
 * | order PAYER_ACTION_REQUIRED, no authorization | against: the customer must authenticate |
 * | order VOIDED, no authorization | against: cancelled |
 * | order CREATED, SAVED, APPROVED, no authorization | against, an hour past the deadline |
 * | no such order (RESOURCE_NOT_FOUND of PayPal's own) | the same: it expired unpaid |
 * | another amount, currency, name, payee; several authorizations | none: a person is told |
 * | anything else: errors, time-outs, other people's 404 | none: asked again |
 */
export const PAYPAL_SEMANTICS: ProviderSemantics = {
  inquiry: 'provider_reference',
  notFoundAfterMs: HOUR_MS,
  operationNotFoundAfterMs: HOUR_MS,
  replay: 'same_answer',
  keyLifetimeMs: 6 * HOUR_MS,
  twoSteps: true,
  cancelByReference: false,
  operationInquiry: true,
  validityMs: 29 * DAY_MS,
};

/**
 * An account at PayPal, by Orders v2 and Payments v2, for cards that are stored with PayPal (`vault_id`).
 * @throws ProviderSetupError when the contract lacks what PayPal needs; says what and how to mend it
 */
export function createPaypalProvider(contract: ProviderContract, deps: AdapterDeps): Provider {
  const setup = readPaypalSetup(contract);
  const maxSockets = contract.limits.concurrent;
  const transport = createTransport({ baseUrl: setup.baseUrl, maxSockets, clock: deps.clock });
  return new PaypalProvider(contract, setup, transport, deps);
}

class PaypalProvider implements Provider {
  readonly id: string;
  readonly live: boolean;
  readonly semantics: ProviderSemantics;
  readonly #setup: PaypalSetup;
  readonly #transport: Transport;
  readonly #api: PaypalApi;
  readonly #operations: PaypalOperations;
  readonly #certificates: SigningCertificates;
  readonly #notices: PaypalNotices;
  readonly #deps: AdapterDeps;

  constructor(contract: ProviderContract, setup: PaypalSetup, transport: Transport, deps: AdapterDeps) {
    this.id = contract.id;
    this.live = contract.live;
    this.semantics = { ...PAYPAL_SEMANTICS, ...contract.semantics };
    this.#setup = setup;
    this.#transport = transport;
    this.#api = new PaypalApi(transport, deps.clock, setup.basicAuthorization);
    this.#operations = new PaypalOperations(this.#api, setup.merchantId, deps);
    this.#certificates = new SigningCertificates(setup.baseUrl, deps.clock);
    this.#notices = new PaypalNotices(setup.webhookIds, this.#certificates, deps.clock);
    this.#deps = deps;
  }

  async authorize(call: AuthorizeCall): Promise<AttemptOutcome> {
    const bodies = authorizationBodies(call);
    if (bodies === null) return { kind: 'not_sent', code: NOT_SUPPORTED, missing: missingOf(call) };
    if (call.preparedReference !== null) {
      // The order says more than a repeat: that may be refused because of what the first request brought about.
      const told = call.isRepeat ? await this.#outcomeIn(call.preparedReference, call) : null;
      return told ?? this.#authorizeOrder(call.preparedReference, bodies.authorize, call);
    }
    const made = await this.#makeOrder(bodies.order, call);
    if (made.kind !== 'made') return made;
    const { orderId } = made;
    if (!(await call.prepared(orderId))) return rejected('transient', 'not_prepared', null, orderId);
    return this.#authorizeOrder(orderId, bodies.authorize, call);
  }

  /** The first step: an order that names no card. */
  async #makeOrder(
    body: string,
    call: AuthorizeCall,
  ): Promise<AttemptOutcome | { readonly kind: 'made'; readonly orderId: string }> {
    const { attemptId, request, budget } = call;
    const answer = await this.#api.send({
      path: '/v2/checkout/orders',
      body,
      requestId: requestIdOf(call.providerKey, 'order'),
      budget,
    });
    if (answer.kind === 'not_sent') return answer;
    const isMade = answer.kind === 'response' && (answer.status === 201 || answer.status === 200);
    if (!isMade) return outcomeOfNoOrder(answer, call, this.#deps);
    const order = readJsonAnswer(answer, wireOrder);
    if (order === null || repeatsCard(order.id, request.card.bin)) {
      return rejected('transient', 'order_malformed', null, null);
    }
    const { merchantId } = this.#setup;
    const told = unitOf(order)?.unit.amount ?? null;
    const isAsked =
      isOurs(order, { attemptId, orderId: order.id, merchantId }) &&
      told !== null &&
      isAmount(told, request.amount);
    // The id of the request was used for something else before: what that came to is not known here.
    return isAsked
      ? { kind: 'made', orderId: order.id }
      : { kind: 'unknown', code: 'order_mismatch', providerReference: null };
  }

  /** The second step: the card is charged to the order. */
  async #authorizeOrder(orderId: string, body: string, call: AuthorizeCall): Promise<AttemptOutcome> {
    const { merchantId } = this.#setup;
    const answer = await this.#api.send({
      path: `/v2/checkout/orders/${encodeURIComponent(orderId)}/authorize`,
      body,
      requestId: requestIdOf(call.providerKey, 'authorize'),
      budget: call.budget,
    });
    if (answer.kind === 'not_sent') return answer;
    if (answer.kind === 'no_token') return rejected(answer.reason, answer.code, answer.retryAfterMs, orderId);
    const unknown = (code: string): AttemptOutcome => ({ kind: 'unknown', code, providerReference: orderId });
    if (answer.kind === 'unknown') return unknown(answer.code);
    const asked = { ...call, orderId, merchantId };
    if (answer.status !== 201 && answer.status !== 200) {
      return unlessRepeat(outcomeOfError(errorAnswerOf(answer), asked, this.#deps), call);
    }
    const order = readJsonAnswer(answer, wireOrder);
    if (order === null) return unknown('answer_malformed');
    const reading = readOrder(order, asked, this.#deps);
    switch (reading.kind) {
      case 'outcome':
        return reading.outcome;
      case 'unpaid':
        // A success without an authorization: whether there will be one, an inquiry tells.
        return unknown('answer_malformed');
      case 'mismatch':
        return unknown('answer_mismatch');
    }
  }

  /** What became of an attempt by its order; null when nothing was authorized for it so far, or it cannot be read. */
  async #outcomeIn(orderId: string, call: AuthorizeCall): Promise<AttemptOutcome | null> {
    const answer = await this.inquire({ ...call, providerReference: orderId });
    return answer.kind === 'found' ? answer.outcome : null;
  }

  async inquire(query: InquireQuery): Promise<InquiryAnswer> {
    const { providerReference: orderId, budget } = query;
    if (orderId === null) return { kind: 'no_answer', code: 'no_reference' };
    const path = `/v2/checkout/orders/${encodeURIComponent(orderId)}`;
    const answer = await this.#api.send({ path, body: null, requestId: null, budget });
    if (answer.kind !== 'response') return { kind: 'no_answer', code: answer.code };
    if (answer.status !== 200) {
      const { status, name, code } = errorAnswerOf(answer);
      // A 404 of anything but PayPal itself is no evidence.
      const isUnknown = status === 404 && name === 'RESOURCE_NOT_FOUND';
      return isUnknown ? { kind: 'not_found' } : { kind: 'no_answer', code };
    }
    const order = readJsonAnswer(answer, wireOrder);
    if (order === null) return { kind: 'no_answer', code: 'answer_malformed' };
    const { merchantId } = this.#setup;
    const reading = readOrder(order, { ...query, orderId, merchantId }, this.#deps);
    switch (reading.kind) {
      case 'outcome':
        if (reading.outcome.kind === 'unknown') return { kind: 'no_answer', code: reading.outcome.code };
        return { kind: 'found', outcome: reading.outcome };
      case 'unpaid':
        return { kind: 'not_found' };
      case 'mismatch':
        return { kind: 'no_answer', code: 'answer_mismatch' };
    }
  }

  capture(call: OperationCall): Promise<OperationOutcome> {
    return this.#operations.capture(call);
  }

  void(call: OperationCall): Promise<OperationOutcome> {
    return this.#operations.void(call);
  }

  refund(call: OperationCall): Promise<OperationOutcome> {
    return this.#operations.refund(call);
  }

  inquireOperation(call: OperationCall & { readonly operation: OperationKind }): Promise<OperationInquiry> {
    return this.#operations.inquire(call);
  }

  readNotices(message: NoticeMessage): Promise<NoticeReading> {
    return this.#notices.read(message);
  }

  evidenceIn(notice: Pick<Notice, 'type' | 'data'>, asked: NoticeSubject): NoticeEvidence {
    return paypalEvidence(notice, asked, this.#setup.merchantId, this.#deps);
  }

  classify(code: ProviderCode): Decline {
    return declineOfReading(readPaypalDecline(code, this.#deps), code);
  }

  close(): void {
    this.#transport.close();
    this.#certificates.close();
  }
}
