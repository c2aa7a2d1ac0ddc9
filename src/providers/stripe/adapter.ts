import { type AttemptOutcome, NOT_SUPPORTED } from '../../core/attempt.ts';
import type { Decline } from '../../core/declines/decline.ts';
import type { OperationKind } from '../../core/operation.ts';
import type { ProviderSemantics } from '../../core/resolution.ts';
import { DAY_MS } from '../../core/resolution.ts';
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
import { rejected, unknown, unlessRepeat } from '../outcomes.ts';
import {
  outcomeOfConfirmError,
  outcomeOfCreateError,
  outcomeOfIntent,
  outcomeOfRefusal,
  readStripeDecline,
} from './codes.ts';
import { stripeEvidence } from './evidence.ts';
import { readStripeNotices } from './notices.ts';
import {
  captureIn,
  captureInquiry,
  isRefundAsked,
  MISMATCH,
  operationOutcomeOfError,
  outcomeOfCancellation,
  outcomeOfCapture,
  outcomeOfRefund,
  refundInquiry,
  voidInquiry,
} from './operations.ts';
import { authorizationBodies, cancelBody, captureBody, missingOf, refundBody } from './requests.ts';
import { readStripeSettings, type StripeSettings } from './setup.ts';
import { createStripeClient, type Reading, type StripeClient } from './stripe-client.ts';
import {
  OPERATION_KEY,
  shownCharge,
  type WireError,
  type WireIntent,
  wireIntent,
  wireRefund,
  wireRefundList,
} from './transformers.ts';
import { toWireAmount } from './wire-amount.ts';

type InquireQuery = Parameters<Provider['inquire']>[0];
type AskedCall = OperationCall & { readonly operation: OperationKind };

/**
 * What Stripe promises. Keys of v1 live "at least 24 hours", and keep failures too (docs.stripe.com/api/idempotent_requests);
 * an intent is read by its id, at once, while search may lag by an hour (docs.stripe.com/search), so that "not found" is
 * never evidence; what is not captured within 7 days is cancelled (docs.stripe.com/payments/place-a-hold-on-a-payment-method;
 * sooner for a merchant's own Visa payments: see the contract's semantics).
 *
 * Captures and refunds are read by ids and lists that do not lag; but what failed with a 500 Stripe may carry out afterwards,
 * and does not say how long afterwards (docs.stripe.com/error-low-level): that one is not there is no evidence either.
 */
const STRIPE_SEMANTICS: ProviderSemantics = {
  inquiry: 'provider_reference',
  notFoundAfterMs: null,
  operationNotFoundAfterMs: null,
  replay: 'same_answer',
  keyLifetimeMs: DAY_MS,
  twoSteps: true,
  cancelByReference: false,
  operationInquiry: true,
  validityMs: 7 * DAY_MS,
};

const DEFAULT_BASE_URL = 'https://api.stripe.com';

/** Pages of an intent's refunds that are read to find one of ours; a hundred refunds each. */
const REFUND_PAGES_MAX = 5;

const CANNOT_SAY = { kind: 'not_sent', code: NOT_SUPPORTED } as const;

/**
 * An account at Stripe: a PaymentIntent for each attempt. It is created, its id made durable, and only then confirmed,
 * each step under a key of its own. Refusals are read again with their charge, since only that tells whether the network
 * had approved.
 * @throws ProviderSetupError when the contract lacks what Stripe needs; says all of it, and how to mend it
 */
export function createStripeProvider(contract: ProviderContract, deps: AdapterDeps): Provider {
  const settings = readStripeSettings(contract);
  const client = createStripeClient(
    {
      baseUrl: contract.baseUrl ?? DEFAULT_BASE_URL,
      apiKey: settings.apiKey,
      account: settings.account,
      maxSockets: contract.limits.concurrent,
    },
    deps,
  );
  return new StripeProvider(contract, settings, client, deps);
}

class StripeProvider implements Provider {
  readonly id: string;
  readonly live: boolean;
  readonly semantics: ProviderSemantics;
  readonly #settings: StripeSettings;
  readonly #client: StripeClient;
  readonly #deps: AdapterDeps;

  constructor(contract: ProviderContract, settings: StripeSettings, client: StripeClient, deps: AdapterDeps) {
    this.id = contract.id;
    this.live = contract.live;
    this.semantics = { ...STRIPE_SEMANTICS, ...contract.semantics };
    this.#settings = settings;
    this.#client = client;
    this.#deps = deps;
  }

  async authorize(call: AuthorizeCall): Promise<AttemptOutcome> {
    const bodies = authorizationBodies(call, this.#settings);
    if (bodies === null) return { ...CANNOT_SAY, missing: missingOf(call) };
    if (call.preparedReference !== null) return this.#confirm(call, call.preparedReference, bodies.confirm);
    const prepared = await this.#create(call, bodies.create);
    if (typeof prepared !== 'string') return prepared;
    if (!(await call.prepared(prepared))) return rejected('transient', 'not_prepared', null, prepared);
    return this.#confirm(call, prepared, bodies.confirm);
  }

  /** The first step: the id of the intent that it made, or what became of the attempt without one. */
  async #create(call: AuthorizeCall, body: string): Promise<string | AttemptOutcome> {
    const answer = await this.#client.post(
      '/v1/payment_intents',
      call.providerKey,
      body,
      wireIntent,
      call.budget,
    );
    switch (answer.kind) {
      case 'not_sent':
        return { kind: 'not_sent', code: answer.code };
      case 'error':
        return outcomeOfCreateError(answer, call, this.#deps);
      case 'unknown':
        // No money can move by it, and nobody takes the second step.
        return rejected('transient', answer.code, null, null);
    }
    const intent = answer.value;
    const outcome = outcomeOfIntent(intent, call, this.#deps);
    if (outcome === 'unconfirmed') return intent.id;
    // The first answer under the key says how the intent began: one that has gone on was not made by this step.
    const hasMoved =
      intent.status === 'requires_capture' || intent.status === 'succeeded' || intent.status === 'processing';
    if (!hasMoved) return rejected('transient', MISMATCH, null, null);
    return outcome.kind === 'unknown' ? outcome : unknown(MISMATCH, intent.id);
  }

  /** The second step, by which money can move. */
  async #confirm(call: AuthorizeCall, id: string, body: string): Promise<AttemptOutcome> {
    const path = `${intentPath(id)}/confirm`;
    const answer = await this.#client.post(
      path,
      `${call.providerKey}_confirm`,
      body,
      wireIntent,
      call.budget,
    );
    switch (answer.kind) {
      case 'not_sent':
        return { kind: 'not_sent', code: answer.code };
      case 'unknown':
        return unknown(answer.code, id);
      case 'error': {
        const { error } = answer;
        const outcome = outcomeOfConfirmError(answer, id, this.#deps);
        if (outcome !== null) return unlessRepeat(outcome, call);
        // Without an error of Stripe's own it is one that says what it is.
        return error === null ? unknown(MISMATCH, id) : this.#afterRefusal(call, id, error);
      }
      case 'read': {
        const outcome = this.#outcomeOf(answer.value, id, call);
        return outcome === 'unconfirmed' ? unknown('not_confirmed', id) : outcome;
      }
    }
  }

  /**
   * What a refused confirmation stands for. The refusal itself does not tell what the network said, or, where the intent
   * was not as expected, what had become of it: the intent does.
   */
  async #afterRefusal(call: AuthorizeCall, id: string, error: WireError): Promise<AttemptOutcome> {
    const isDecline = error.type === 'card_error';
    const told = error.payment_intent ?? null;
    if (isDecline && told !== null && isWhole(told)) {
      const outcome = this.#outcomeOf(told, id, call);
      if (outcome !== 'unconfirmed') return outcome;
    }
    const look = await this.#readIntent(id, call.budget);
    const to = { providerReference: id, deps: this.#deps };
    if (look.kind !== 'read') {
      const refusal = { error, charge: null, isChargeUnseen: true };
      return isDecline
        ? unlessRepeat(outcomeOfRefusal(refusal, call, to), call)
        : unknown(error.code ?? 'confirmation_refused', id);
    }
    const outcome = this.#outcomeOf(look.value, id, call);
    if (outcome !== 'unconfirmed') return outcome;
    // An error about the key is about the request that used it first.
    if (error.type === 'idempotency_error') return unknown('idempotency_error', id);
    // Of a repeat: the first confirmation may still be on its way.
    return unlessRepeat(outcomeOfRefusal({ error, charge: null, isChargeUnseen: false }, call, to), call);
  }

  #outcomeOf(
    intent: WireIntent,
    id: string,
    asked: Pick<AuthorizeCall, 'attemptId' | 'request' | 'brand' | 'scaRegion'>,
  ): AttemptOutcome | 'unconfirmed' {
    const outcome = intent.id === id ? outcomeOfIntent(intent, asked, this.#deps) : unknown(MISMATCH, id);
    // The id is that of our own attempt, whatever the answer was about.
    return outcome !== 'unconfirmed' && outcome.kind === 'unknown' ? unknown(outcome.code, id) : outcome;
  }

  async inquire(query: InquireQuery): Promise<InquiryAnswer> {
    const { providerReference } = query;
    if (providerReference === null) return { kind: 'no_answer', code: 'no_reference' };
    const answer = await this.#readIntent(providerReference, query.budget);
    switch (answer.kind) {
      case 'read': {
        const outcome = this.#outcomeOf(answer.value, providerReference, query);
        if (outcome === 'unconfirmed') return { kind: 'unconfirmed' };
        return outcome.kind === 'unknown'
          ? { kind: 'no_answer', code: outcome.code }
          : { kind: 'found', outcome };
      }
      case 'error':
        return isMissing(answer) ? { kind: 'not_found' } : { kind: 'no_answer', code: answer.code };
      default:
        return { kind: 'no_answer', code: answer.code };
    }
  }

  async void(call: OperationCall): Promise<OperationOutcome> {
    if (call.providerReference === null) return CANNOT_SAY;
    const path = `${intentPath(call.providerReference)}/cancel`;
    const answer = await this.#client.post(path, call.providerKey, cancelBody(), wireIntent, call.budget);
    return answer.kind === 'read'
      ? outcomeOfCancellation(answer.value, { ...call, operation: 'void' })
      : this.#failed(answer, 'void');
  }

  async capture(call: OperationCall): Promise<OperationOutcome> {
    const { providerReference } = call;
    const body = captureBody(call, this.#settings);
    if (providerReference === null || body === null) return { kind: 'refused', code: NOT_SUPPORTED };
    const early = await this.#beforeCapture(call, providerReference);
    if (early !== null) return early;
    const path = `${intentPath(providerReference)}/capture`;
    const answer = await this.#client.post(path, call.providerKey, body, wireIntent, call.budget);
    const asked: AskedCall = { ...call, operation: 'capture' };
    if (answer.kind === 'read') return outcomeOfCapture(answer.value, asked);
    return this.#unlessDone(this.#failed(answer, 'capture'), asked);
  }

  /**
   * Without multicapture the first capture gives back the rest. One that is not the last is made only where it takes
   * everything; null: it may be made.
   */
  async #beforeCapture(call: OperationCall, id: string): Promise<OperationOutcome | null> {
    if (call.final || this.#settings.multicapture) return null;
    const look = await this.#readIntent(id, call.budget);
    // Nothing was sent that could move money.
    if (look.kind === 'not_sent' || look.kind === 'unknown') return { kind: 'not_sent', code: look.code };
    // Whatever is wrong, the capture itself will say.
    if (look.kind === 'error' || look.value.status !== 'requires_capture') return null;
    const isDone = captureIn(look.value, { ...call, operation: 'capture' }) === 'done';
    const isRest = look.value.amount_capturable === toWireAmount(call.amount);
    return isDone || isRest ? null : { kind: 'refused', code: NOT_SUPPORTED };
  }

  async refund(call: OperationCall): Promise<OperationOutcome> {
    const { providerReference } = call;
    const body = providerReference === null ? null : refundBody(call, providerReference);
    if (body === null) return { kind: 'refused', code: NOT_SUPPORTED };
    const answer = await this.#client.post('/v1/refunds', call.providerKey, body, wireRefund, call.budget);
    const asked: AskedCall = { ...call, operation: 'refund' };
    if (answer.kind === 'read') return outcomeOfRefund(answer.value, asked);
    return this.#unlessDone(this.#failed(answer, 'refund'), asked);
  }

  /**
   * A refusal may be that of a repeat whose key is no longer known, of what was done before: it is believed only where
   * the operation is not there.
   */
  async #unlessDone(outcome: OperationOutcome, asked: AskedCall): Promise<OperationOutcome> {
    if (outcome.kind !== 'refused') return outcome;
    const told = await this.inquireOperation(asked);
    switch (told.kind) {
      case 'confirmed':
        return told;
      case 'pending':
        return { kind: 'accepted' };
      case 'no_answer':
        return told.code === 'resource_missing' ? outcome : { kind: 'unknown', code: outcome.code };
      default:
        return outcome;
    }
  }

  async inquireOperation(call: AskedCall): Promise<OperationInquiry> {
    const { providerReference, operation } = call;
    if (providerReference === null) return { kind: 'no_answer', code: 'no_reference' };
    if (operation === 'refund') return this.#inquireRefund(call, providerReference);
    const answer = await this.#readIntent(providerReference, call.budget);
    // Whoever does not know the intent says nothing about what was done with it.
    if (answer.kind !== 'read') return { kind: 'no_answer', code: answer.code };
    return operation === 'void' ? voidInquiry(answer.value, call) : captureInquiry(answer.value, call);
  }

  /** Looks for a refund among those of the intent. */
  async #inquireRefund(call: AskedCall, id: string): Promise<OperationInquiry> {
    let after = '';
    for (let page = 0; page < REFUND_PAGES_MAX; page += 1) {
      const query = new URLSearchParams({
        payment_intent: id,
        limit: '100',
        ...(after === '' ? {} : { starting_after: after }),
      });
      const answer = await this.#client.get(`/v1/refunds?${query}`, wireRefundList, call.budget);
      if (answer.kind !== 'read') return { kind: 'no_answer', code: answer.code };
      const { data, has_more: hasMore } = answer.value;
      // A list of anything else does not tell that ours is not there.
      if (data.some((refund) => refund.payment_intent !== id)) return { kind: 'no_answer', code: MISMATCH };
      const told = data.find(({ metadata }) => metadata[OPERATION_KEY] === call.operationId);
      if (told !== undefined) {
        return isRefundAsked(told, call) ? refundInquiry(told) : { kind: 'no_answer', code: MISMATCH };
      }
      const last = data.at(-1);
      if (!hasMore) return { kind: 'not_found' };
      if (last === undefined) break;
      after = last.id;
    }
    return { kind: 'no_answer', code: 'too_many_refunds' };
  }

  async readNotices(message: NoticeMessage): Promise<NoticeReading> {
    return readStripeNotices(message, this.#settings.webhookSecrets, this.#deps.clock.wallMs());
  }

  evidenceIn(notice: Pick<Notice, 'type' | 'data'>, asked: NoticeSubject): NoticeEvidence {
    return stripeEvidence(notice, asked, this.#settings, this.#deps);
  }

  classify(code: ProviderCode): Decline {
    return declineOfReading(
      readStripeDecline({ ...code, merchantAdviceCode: null }, false, this.#deps),
      code,
    );
  }

  close(): void {
    this.#client.close();
  }

  #readIntent(id: string, budget: CallBudget): Promise<Reading<WireIntent>> {
    return this.#client.get(`${intentPath(id)}?expand%5B%5D=latest_charge`, wireIntent, budget);
  }

  #failed(answer: Exclude<Reading<unknown>, { kind: 'read' }>, operation: OperationKind): OperationOutcome {
    if (answer.kind === 'error') return operationOutcomeOfError(answer, operation, this.#deps);
    return { kind: answer.kind, code: answer.code };
  }
}

function intentPath(id: string): string {
  return `/v1/payment_intents/${encodeURIComponent(id)}`;
}

/** Whether a refusal shows all that there is: no charge, or one with what the network said. */
function isWhole(intent: WireIntent): boolean {
  return (intent.latest_charge ?? null) === null || shownCharge(intent) !== null;
}

/** A 404 of anything but Stripe itself is no evidence. */
function isMissing({
  status,
  error,
}: {
  readonly status: number;
  readonly error: WireError | null;
}): boolean {
  return status === 404 && error?.code === 'resource_missing';
}
