import { NOT_SUPPORTED } from '../../core/attempt.ts';
import type { OperationKind } from '../../core/operation.ts';
import type {
  AskedOperation,
  OperationCall,
  OperationInquiry,
  OperationOutcome,
} from '../../gateway/ports.ts';
import type { AdapterDeps } from '../adapter-deps.ts';
import { readJsonAnswer } from '../read-json.ts';
import { readRetryAfter } from '../retry-after.ts';
import { amountOf, isAmount } from './amounts.ts';
import { type ErrorAnswer, errorAnswerOf, isHiddenApproval, isOurs, unitOf } from './codes.ts';
import type { ApiAnswer, HttpAnswer, PaypalApi } from './paypal-api.ts';
import { refundableCapture } from './refundable-capture.ts';
import {
  captureBody,
  refundBody,
  requestIdOf,
  type WireAuthorization,
  type WireCapture,
  type WireRefund,
  wireAuthorization,
  wireCapture,
  wireOrder,
  wireRefund,
} from './transformers.ts';

/** An order as it was looked up for an operation on it. */
interface Looked {
  readonly authorization: WireAuthorization | null;
  readonly captures: readonly WireCapture[];
  readonly refunds: readonly WireRefund[];
  readonly orderStatus: string;
}

type LookedUp =
  | { readonly kind: 'order'; readonly looked: Looked }
  | { readonly kind: 'not_found'; readonly code: string }
  /** It is not that of our attempt, or it cannot be read. */
  | { readonly kind: 'useless'; readonly code: string }
  | { readonly kind: 'failed'; readonly answer: ApiAnswer };

const MISMATCH: OperationOutcome = { kind: 'unknown', code: 'answer_mismatch' };

/**
 * Captures, voids and refunds. An attempt is known by its order, and PayPal's operations act on the authorization or the
 * capture in it: so the order is read first, within the same budget. That moves no money; a look that fails leaves the
 * operation unsent. What is found there under our name for the operation is its end, and nothing more is sent.
 */
export class PaypalOperations {
  readonly #api: PaypalApi;
  readonly #merchantId: string | null;
  readonly #deps: AdapterDeps;

  constructor(api: PaypalApi, merchantId: string | null, deps: AdapterDeps) {
    this.#api = api;
    this.#merchantId = merchantId;
    this.#deps = deps;
  }

  async capture(call: OperationCall): Promise<OperationOutcome> {
    const body = captureBody(call);
    // Whoever repeats it, PayPal cannot be told this amount.
    if (body === null) return { kind: 'refused', code: NOT_SUPPORTED };
    const found = await this.#lookUpToSend(call);
    if (found.kind !== 'order') return this.#unsent(found, 'capture');
    const { authorization, captures } = found.looked;
    const known = captures.find(({ invoice_id }) => invoice_id === call.operationId);
    if (known !== undefined) return outcomeOfMoved(known, call);
    if (authorization === null) return { kind: 'refused', code: 'nothing_authorized' };
    const path = `/v2/payments/authorizations/${authorization.id}/capture`;
    const answer = await this.#post(path, body, call);
    return this.#outcomeOf(answer, 'capture', (told) => {
      const wire = readJsonAnswer(told, wireCapture);
      return wire === null ? null : outcomeOfMoved(wire, call);
    });
  }

  /**
   * Refunds the capture that can give the amount back alone ({@link refundableCapture}). Where several captures would have
   * to, it is refused: it can be asked for in parts.
   */
  async refund(call: OperationCall): Promise<OperationOutcome> {
    const body = refundBody(call);
    if (body === null) return { kind: 'refused', code: NOT_SUPPORTED };
    const found = await this.#lookUpToSend(call);
    if (found.kind !== 'order') return this.#unsent(found, 'refund');
    const { captures, refunds } = found.looked;
    const known = refunds.find(({ invoice_id }) => invoice_id === call.operationId);
    if (known !== undefined) return outcomeOfMoved(known, call);
    const capture = refundableCapture(captures, refunds, call.amount);
    if (capture.kind === 'none') return { kind: 'refused', code: capture.code };
    const answer = await this.#post(`/v2/payments/captures/${capture.captureId}/refund`, body, call);
    return this.#outcomeOf(answer, 'refund', (told) => {
      const wire = readJsonAnswer(told, wireRefund);
      return wire === null ? null : outcomeOfMoved(wire, call);
    });
  }

  /** PayPal's void has no request id: undoing twice undoes once, and it says so (`PREVIOUSLY_VOIDED`). */
  async void(call: OperationCall): Promise<OperationOutcome> {
    const found = await this.#lookUpToSend(call);
    if (found.kind === 'not_found') return { kind: 'not_found' };
    if (found.kind !== 'order') return this.#unsent(found, 'void');
    const { authorization, orderStatus } = found.looked;
    if (authorization === null) {
      // There is no call that cancels an order: one without an authorization may still be getting one.
      return orderStatus === 'VOIDED'
        ? { kind: 'confirmed', providerReference: null }
        : { kind: 'not_found' };
    }
    switch (authorization.status) {
      case 'VOIDED':
        return { kind: 'confirmed', providerReference: authorization.id };
      case 'DENIED':
        // Nothing there can be voided. What that means for the attempt, its inquiry tells.
        return { kind: 'rejected', code: 'AUTHORIZATION_DENIED', retryAfterMs: null };
    }
    const answer = await this.#post(`/v2/payments/authorizations/${authorization.id}/void`, '', call, false);
    if (answer.kind === 'response' && answer.status === 204) {
      return { kind: 'confirmed', providerReference: authorization.id };
    }
    return this.#outcomeOf(answer, 'void', (told) => {
      const wire = readJsonAnswer(told, wireAuthorization);
      return wire === null ? null : outcomeOfVoid(wire, authorization, call);
    });
  }

  async inquire(call: OperationCall & { readonly operation: OperationKind }): Promise<OperationInquiry> {
    const found = await this.#lookUp(call);
    switch (found.kind) {
      case 'not_found':
      case 'useless':
        // A provider that forgot the order says nothing about what was done with it.
        return { kind: 'no_answer', code: found.code };
      case 'failed':
        return { kind: 'no_answer', code: codeOf(found.answer) };
      case 'order':
        return operationIn(found.looked, call, this.#deps);
    }
  }

  /** The order as something that may be acted on: in another currency than what is asked it is not. */
  async #lookUpToSend(call: OperationCall): Promise<LookedUp> {
    const found = await this.#lookUp(call);
    if (found.kind !== 'order' || isInCurrency(found.looked, call)) return found;
    return { kind: 'useless', code: 'answer_mismatch' };
  }

  async #lookUp(call: OperationCall): Promise<LookedUp> {
    const { providerReference: orderId, attemptId, budget } = call;
    if (orderId === null) return { kind: 'useless', code: 'no_reference' };
    const path = `/v2/checkout/orders/${encodeURIComponent(orderId)}`;
    const answer = await this.#api.send({ path, body: null, requestId: null, budget });
    if (answer.kind !== 'response') return { kind: 'failed', answer };
    if (answer.status !== 200) {
      const { status, name, code } = errorAnswerOf(answer);
      // A 404 of anything but PayPal itself is no evidence.
      const isUnknown = status === 404 && name === 'RESOURCE_NOT_FOUND';
      return isUnknown ? { kind: 'not_found', code } : { kind: 'failed', answer };
    }
    const order = readJsonAnswer(answer, wireOrder);
    if (order === null) return { kind: 'useless', code: 'answer_malformed' };
    const read = unitOf(order);
    if (read === null || !isOurs(order, { attemptId, orderId, merchantId: this.#merchantId })) {
      return { kind: 'useless', code: 'answer_mismatch' };
    }
    const { authorization, captures, refunds } = read;
    return { kind: 'order', looked: { authorization, captures, refunds, orderStatus: order.status } };
  }

  #post(path: string, body: string, call: OperationCall, isKeyed = true): Promise<ApiAnswer> {
    const requestId = isKeyed ? requestIdOf(call.providerKey, 'operation') : null;
    return this.#api.send({ path, body, requestId, budget: call.budget });
  }

  /** What it means that the order could not be had: nothing was sent. */
  #unsent(found: Exclude<LookedUp, { readonly kind: 'order' }>, operation: OperationKind): OperationOutcome {
    switch (found.kind) {
      case 'not_found':
        return { kind: 'refused', code: found.code };
      case 'useless':
        return { kind: 'not_sent', code: found.code };
      case 'failed': {
        const { answer } = found;
        if (answer.kind === 'unknown') return { kind: 'not_sent', code: answer.code };
        if (answer.kind !== 'response') return this.#outcomeOf(answer, operation, () => null);
        const { status, headers, code } = errorAnswerOf(answer);
        return { kind: 'rejected', code, retryAfterMs: this.#retryAfterMs(status, headers['retry-after']) };
      }
    }
  }

  /** @param read what a success tells; null: it cannot be read */
  #outcomeOf(
    answer: ApiAnswer,
    operation: OperationKind,
    read: (answer: HttpAnswer) => OperationOutcome | null,
  ): OperationOutcome {
    switch (answer.kind) {
      case 'not_sent':
      case 'unknown':
        return answer;
      case 'no_token':
        return { kind: 'rejected', code: answer.code, retryAfterMs: answer.retryAfterMs };
      case 'response':
        if (answer.status === 200 || answer.status === 201) {
          return read(answer) ?? { kind: 'unknown', code: 'answer_malformed' };
        }
        return this.#outcomeOfError(errorAnswerOf(answer), operation);
    }
  }

  #outcomeOfError(
    { status, headers, name, issue, code }: ErrorAnswer,
    operation: OperationKind,
  ): OperationOutcome {
    if (name === null) return { kind: 'unknown', code };
    switch (status) {
      case 401:
      case 403:
      case 429:
        return { kind: 'rejected', code, retryAfterMs: this.#retryAfterMs(status, headers['retry-after']) };
      case 404:
        if (name !== 'RESOURCE_NOT_FOUND') return { kind: 'unknown', code };
        return operation === 'void' ? { kind: 'not_found' } : { kind: 'refused', code };
      case 400:
      case 422:
        return outcomeOfIssue(issue, code, operation);
      default:
        return { kind: 'unknown', code };
    }
  }

  #retryAfterMs(status: number, header: string | undefined): number | null {
    return status === 429 ? readRetryAfter(header, this.#deps.clock.wallMs()) : null;
  }
}

/** Issues of Payments v2 that are no refusal (its OpenAPI description). */
function outcomeOfIssue(issue: string | null, code: string, operation: OperationKind): OperationOutcome {
  switch (issue) {
    case null:
    // Something was done under that name before: what, an inquiry tells.
    case 'DUPLICATE_INVOICE_ID':
      return { kind: 'unknown', code };
    case 'PREVIOUSLY_VOIDED':
    case 'AUTHORIZATION_VOIDED':
      return operation === 'void'
        ? { kind: 'confirmed', providerReference: null }
        : { kind: 'refused', code };
    case 'PENDING_CAPTURE':
      return { kind: 'rejected', code, retryAfterMs: null };
    default:
      return { kind: 'refused', code };
  }
}

function codeOf(answer: ApiAnswer): string {
  return answer.kind === 'response' ? errorAnswerOf(answer).code : answer.code;
}

/** Whether a capture or refund that is told is the one that was asked for: one that differs in anything proves nothing. */
export function isMovedAsked(
  told: Pick<WireCapture, 'amount' | 'invoice_id' | 'custom_id'>,
  asked: Pick<AskedOperation, 'operationId' | 'attemptId' | 'amount'>,
): boolean {
  const isOurAttempt = told.custom_id == null || told.custom_id === asked.attemptId;
  return told.invoice_id === asked.operationId && isOurAttempt && isAmount(told.amount, asked.amount);
}

/** What the status of a capture or refund means. Statuses of the two do not overlap in other meanings. */
export function movedIn({ id, status }: Pick<WireCapture, 'id' | 'status'>): OperationInquiry {
  switch (status) {
    case 'COMPLETED':
    case 'PARTIALLY_REFUNDED':
    case 'REFUNDED':
      return { kind: 'confirmed', providerReference: id };
    case 'PENDING':
      return { kind: 'pending' };
    case 'DECLINED':
    case 'FAILED':
    case 'CANCELLED':
      return { kind: 'failed', code: status };
    default:
      return { kind: 'no_answer', code: 'answer_malformed' };
  }
}

/** What an answer about a capture or refund says. */
function outcomeOfMoved(told: WireCapture | WireRefund, call: OperationCall): OperationOutcome {
  if (!isMovedAsked(told, call)) return MISMATCH;
  const moved = movedIn(told);
  switch (moved.kind) {
    case 'confirmed':
      return moved;
    case 'pending':
      return { kind: 'accepted' };
    case 'failed':
      return { kind: 'refused', code: moved.code };
    default:
      return { kind: 'unknown', code: 'answer_malformed' };
  }
}

/** A void's answer shows the authorization, which is to be the one that was looked up. */
function outcomeOfVoid(
  told: WireAuthorization,
  known: WireAuthorization,
  { attemptId }: OperationCall,
): OperationOutcome {
  const amount = amountOf(known.amount);
  const isSame =
    told.id === known.id &&
    amount !== null &&
    isAmount(told.amount, amount) &&
    (told.custom_id == null || told.custom_id === attemptId);
  if (!isSame) return MISMATCH;
  if (told.status === 'VOIDED') return { kind: 'confirmed', providerReference: told.id };
  return { kind: 'unknown', code: 'answer_malformed' };
}

function isInCurrency({ authorization }: Looked, { amount }: Pick<OperationCall, 'amount'>): boolean {
  return authorization === null || authorization.amount.currency_code === amount.currency;
}

/** What an order says about one of its operations. */
function operationIn(
  looked: Looked,
  call: OperationCall & { readonly operation: OperationKind },
  deps: AdapterDeps,
): OperationInquiry {
  const { authorization, captures, refunds, orderStatus } = looked;
  if (call.operation === 'void') {
    if (authorization === null) {
      return orderStatus === 'VOIDED'
        ? { kind: 'confirmed', providerReference: null }
        : { kind: 'not_found' };
    }
    // However it came about, nothing stands there any more. What PayPal denied after the issuer's approval can never be
    // captured, and no call voids it: that is its end.
    const isUndone = authorization.status === 'VOIDED' || isHiddenApproval(authorization, deps);
    if (isUndone) return { kind: 'confirmed', providerReference: authorization.id };
    return isInCurrency(looked, call)
      ? { kind: 'not_found' }
      : { kind: 'no_answer', code: 'answer_mismatch' };
  }
  if (!isInCurrency(looked, call)) return { kind: 'no_answer', code: 'answer_mismatch' };
  const moved: readonly (WireCapture | WireRefund)[] = call.operation === 'capture' ? captures : refunds;
  const told = moved.find(({ invoice_id }) => invoice_id === call.operationId);
  if (told === undefined) return { kind: 'not_found' };
  return isMovedAsked(told, call) ? movedIn(told) : { kind: 'no_answer', code: 'answer_mismatch' };
}
