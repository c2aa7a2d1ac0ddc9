import { parse } from 'qs';
import type { Clock } from '../../../src/gateway/ports.ts';
import {
  jsonAnswer,
  PspStandIn,
  type StandInAnswer,
  type StandInRequest,
} from '../../support/psp-stand-in.ts';
import { chargeBody, intentBody, refundBody } from './stripe-objects.ts';

/** Keys are pruned once they are at least this old. */
const KEY_LIFETIME_MS = 24 * 60 * 60_000;
export const STAND_IN_KEY = 'sk_test_standIn';

/** What the network, or Stripe's own risk engine, answers for a payment method. */
export interface Verdict {
  readonly status: 'approved' | 'partial' | 'pending' | 'declined' | 'authentication' | 'action';
  readonly error?: Readonly<Record<string, unknown>>;
  readonly outcome?: Readonly<Record<string, unknown>>;
}

const declined = (declineCode: string, more: Omit<Verdict, 'status'> = {}): Verdict => ({
  status: 'declined',
  ...more,
  error: { decline_code: declineCode, ...more.error },
});

/** Payment methods by the end of their id; any other is approved. */
export const VERDICTS: Readonly<Record<string, Verdict>> = {
  pm_soft: declined('do_not_honor', {
    error: { network_decline_code: '05', advice_code: null },
    outcome: { network_decline_code: '05', network_status: 'declined_by_network' },
  }),
  pm_hard: declined('lost_card'),
  pm_unmapped: declined('from_the_moon'),
  pm_hidden: declined('fraudulent', { outcome: { network_status: 'reversed_after_approval' } }),
  pm_authentication: { status: 'authentication' },
  pm_action: { status: 'action' },
  pm_partial: { status: 'partial' },
  pm_pending: { status: 'pending' },
};

interface Intent {
  readonly id: string;
  readonly key: string;
  readonly amount: number;
  readonly currency: string;
  readonly method: string;
  readonly metadata: Record<string, string>;
  status: string;
  capturable: number;
  received: number;
  refunded: number;
  multicapture: boolean;
  charge: Record<string, unknown> | null;
  error: Record<string, unknown> | null;
}

/** A form's fields as Stripe reads them. */
type Form = Readonly<Record<string, unknown>>;

interface Kept {
  readonly request: string;
  readonly answer: StandInAnswer;
  readonly atMs: number;
}

/** Thrown before execution begins: such an answer is not kept under the key. */
class Invalid extends Error {
  readonly answer: StandInAnswer;
  constructor(answer: StandInAnswer) {
    super('validated out');
    this.answer = answer;
  }
}

function errorAnswer(status: number, error: Readonly<Record<string, unknown>>): StandInAnswer {
  return jsonAnswer(status, { error });
}

function invalid(status: number, code: string): Invalid {
  return new Invalid(errorAnswer(status, { type: 'invalid_request_error', code }));
}

/** Stripe's own interface, as far as card payments go: intents, charges, refunds, and keys that keep failures too. */
export class StripeStandIn {
  readonly #clock: Pick<Clock, 'wallMs'>;
  readonly #intents = new Map<string, Intent>();
  readonly #refunds: Record<string, unknown>[] = [];
  readonly #keys = new Map<string, Kept>();
  #server: PspStandIn | null = null;
  #created = 0;
  #failNext: ((request: StandInRequest) => boolean) | null = null;
  /** Whether the account may capture several times. */
  multicapture = false;
  /** What a refund comes to. */
  refundStatus = 'succeeded';

  private constructor(clock: Pick<Clock, 'wallMs'>) {
    this.#clock = clock;
  }

  static async start(clock: Pick<Clock, 'wallMs'>): Promise<StripeStandIn> {
    const standIn = new StripeStandIn(clock);
    standIn.#server = await PspStandIn.start((request) => standIn.#answer(request));
    return standIn;
  }

  get server(): PspStandIn {
    if (this.#server === null) throw new Error('not started');
    return this.#server;
  }

  /** Carries the next such request out, answers 500, and keeps that under the key. */
  failUnderKey(isMeantFor: (request: StandInRequest) => boolean): void {
    this.#failNext = isMeantFor;
  }

  /** The books, in the order in which intents were made. */
  books() {
    return [...this.#intents.values()].map((intent) => ({
      id: intent.id,
      reference: intent.metadata['pointsman_attempt'] ?? '',
      key: intent.key,
      live: intent.status === 'requires_capture' || intent.status === 'succeeded',
      capturedAmount: intent.received,
      refundedAmount: intent.refunded,
    }));
  }

  /** Requests by which money could move, and first steps that made no intent. */
  requests(): number {
    const posts = this.server.requests.filter(({ method }) => method === 'POST');
    const creations = posts.filter(({ path }) => path === '/v1/payment_intents').length;
    return posts.length - creations + (creations - this.#created);
  }

  close(): Promise<void> {
    return this.server.close();
  }

  #answer(request: StandInRequest): StandInAnswer {
    if (request.headers['authorization'] !== `Bearer ${STAND_IN_KEY}`) {
      return errorAnswer(401, { type: 'invalid_request_error' });
    }
    if (request.method === 'GET') return this.#guarded(() => this.#read(request));
    return this.#guarded(() => this.#underKey(request));
  }

  #guarded(answer: () => StandInAnswer): StandInAnswer {
    try {
      return answer();
    } catch (error) {
      if (error instanceof Invalid) return error.answer;
      throw error;
    }
  }

  #underKey(request: StandInRequest): StandInAnswer {
    const key = request.headers['idempotency-key'] ?? '';
    const asked = `${request.path}\n${request.body}`;
    const kept = this.#keys.get(key);
    const nowMs = this.#clock.wallMs();
    if (kept !== undefined && nowMs - kept.atMs < KEY_LIFETIME_MS) {
      if (kept.request !== asked) return errorAnswer(400, { type: 'idempotency_error' });
      if (request.path === '/v1/payment_intents' && kept.answer.status === 200) this.#created += 1;
      const headers = { ...kept.answer.headers, 'idempotent-replayed': 'true' };
      return { ...kept.answer, headers };
    }
    const carriedOut = this.#write(request, key);
    const fails = this.#failNext?.(request) === true;
    if (fails) this.#failNext = null;
    const answer = fails ? errorAnswer(500, { type: 'api_error' }) : carriedOut;
    this.#keys.set(key, { request: asked, answer, atMs: nowMs });
    return answer;
  }

  #read({ path, query }: StandInRequest): StandInAnswer {
    if (path === '/v1/refunds') return this.#listRefunds(query);
    return jsonAnswer(200, this.#shown(this.#intentAt(path), query.getAll('expand[]')));
  }

  #listRefunds(query: URLSearchParams): StandInAnswer {
    const ofIntent = this.#refunds.filter(
      (refund) => refund['payment_intent'] === query.get('payment_intent'),
    );
    const after = query.get('starting_after');
    const from = after === null ? 0 : ofIntent.findIndex(({ id }) => id === after) + 1;
    const limit = Number(query.get('limit') ?? '10');
    const data = ofIntent.slice(from, from + limit);
    return jsonAnswer(200, {
      object: 'list',
      data,
      has_more: from + limit < ofIntent.length,
      url: '/v1/refunds',
    });
  }

  #write(request: StandInRequest, key: string): StandInAnswer {
    const form = parse(request.body) as Form;
    if (request.path === '/v1/payment_intents') return this.#create(form, key);
    if (request.path === '/v1/refunds') return this.#refund(form);
    const intent = this.#intentAt(request.path.replace(/\/\w+$/, ''));
    switch (request.path.split('/').at(-1)) {
      case 'confirm':
        return this.#confirm(intent, form);
      case 'capture':
        return this.#capture(intent, form);
      case 'cancel':
        return this.#cancel(intent);
      default:
        throw invalid(404, 'url_invalid');
    }
  }

  #intentAt(path: string): Intent {
    const intent = this.#intents.get(decodeURIComponent(path.split('/').at(-1) ?? ''));
    if (intent === undefined) throw invalid(404, 'resource_missing');
    return intent;
  }

  #create(form: Form, key: string): StandInAnswer {
    const id = `pi_standIn${this.#intents.size + 1}`;
    const intent: Intent = {
      id,
      key,
      amount: Number(form['amount']),
      currency: String(form['currency']),
      method: String(form['payment_method']),
      metadata: { ...(form['metadata'] as Record<string, string>) },
      status: 'requires_confirmation',
      capturable: 0,
      received: 0,
      refunded: 0,
      multicapture: false,
      charge: null,
      error: null,
    };
    if (form['capture_method'] !== 'manual' || form['confirm'] !== 'false')
      throw invalid(400, 'parameter_invalid');
    this.#intents.set(id, intent);
    this.#created += 1;
    return jsonAnswer(200, this.#shown(intent, []));
  }

  #confirm(intent: Intent, form: Form): StandInAnswer {
    if (intent.status !== 'requires_confirmation') throw invalid(400, 'payment_intent_unexpected_state');
    const options =
      (form['payment_method_options'] as { card?: Record<string, unknown> } | undefined)?.card ?? {};
    intent.multicapture = this.multicapture && options['request_multicapture'] === 'if_available';
    const verdict = VERDICTS[intent.method] ?? { status: 'approved' };
    const networkStatus = verdict.status === 'declined' ? 'declined_by_network' : 'approved_by_network';
    const isCharged = verdict.status !== 'authentication' && verdict.status !== 'action';
    if (isCharged) {
      intent.charge = chargeBody({
        id: `ch_${intent.id.slice(3)}`,
        payment_intent: intent.id,
        amount: intent.amount,
        currency: intent.currency,
        status:
          verdict.status === 'declined' ? 'failed' : verdict.status === 'pending' ? 'pending' : 'succeeded',
        metadata: { ...intent.metadata },
        failure_code: verdict.status === 'declined' ? 'card_declined' : null,
        outcome: { type: 'authorized', reason: null, network_status: networkStatus, ...verdict.outcome },
      });
    }
    return this.#settle(intent, verdict, form);
  }

  #settle(intent: Intent, verdict: Verdict, form: Form): StandInAnswer {
    switch (verdict.status) {
      case 'approved':
      case 'partial':
        intent.status = 'requires_capture';
        intent.capturable = verdict.status === 'partial' ? Math.floor(intent.amount / 2) : intent.amount;
        break;
      case 'pending':
        intent.status = 'processing';
        break;
      case 'action':
        intent.status = 'requires_action';
        break;
      default: {
        const isDecline = verdict.status === 'declined';
        const code = isDecline ? 'card_declined' : 'authentication_required';
        intent.status = 'requires_payment_method';
        intent.error = {
          type: 'card_error',
          code,
          ...(isDecline ? { charge: `ch_${intent.id.slice(3)}` } : {}),
          ...verdict.error,
        };
        // An error is told with the intent, whose charge is then not expanded.
        return errorAnswer(402, { ...intent.error, payment_intent: this.#shown(intent, []) });
      }
    }
    return jsonAnswer(200, this.#shown(intent, expandIn(form)));
  }

  #capture(intent: Intent, form: Form): StandInAnswer {
    const amount = Number(form['amount_to_capture'] ?? intent.capturable);
    if (intent.status !== 'requires_capture') throw invalid(400, 'payment_intent_unexpected_state');
    if (amount > intent.capturable) throw invalid(400, 'amount_too_large');
    const isFinal = form['final_capture'] !== 'false';
    if (!isFinal && !intent.multicapture) throw invalid(400, 'parameter_invalid');
    intent.received += amount;
    intent.capturable = isFinal ? 0 : intent.capturable - amount;
    if (intent.capturable === 0) intent.status = 'succeeded';
    Object.assign(intent.metadata, form['metadata'] as Record<string, string>);
    if (intent.charge !== null) intent.charge['amount_captured'] = intent.received;
    return jsonAnswer(200, this.#shown(intent, []));
  }

  #cancel(intent: Intent): StandInAnswer {
    const open = ['requires_payment_method', 'requires_confirmation', 'requires_action', 'requires_capture'];
    if (!open.includes(intent.status)) throw invalid(400, 'payment_intent_unexpected_state');
    intent.status = 'canceled';
    intent.capturable = 0;
    if (intent.charge !== null)
      Object.assign(intent.charge, { refunded: true, amount_refunded: intent.amount });
    return jsonAnswer(200, this.#shown(intent, []));
  }

  #refund(form: Form): StandInAnswer {
    const intent = this.#intentAt(String(form['payment_intent']));
    const amount = Number(form['amount']);
    if (intent.received === 0) throw invalid(400, 'payment_intent_unexpected_state');
    if (intent.refunded + amount > intent.received) throw invalid(400, 'charge_already_refunded');
    if (this.refundStatus !== 'failed') intent.refunded += amount;
    const refund = refundBody({
      id: `re_standIn${this.#refunds.length + 1}`,
      amount,
      currency: intent.currency,
      payment_intent: intent.id,
      charge: `ch_${intent.id.slice(3)}`,
      status: this.refundStatus,
      metadata: { ...(form['metadata'] as Record<string, string>) },
    });
    this.#refunds.unshift(refund);
    return jsonAnswer(200, refund);
  }

  #shown(intent: Intent, expand: readonly string[]): Record<string, unknown> {
    const isExpanded = expand.includes('latest_charge');
    return intentBody({
      id: intent.id,
      status: intent.status,
      amount: intent.amount,
      amount_capturable: intent.capturable,
      amount_received: intent.received,
      currency: intent.currency,
      payment_method: intent.method,
      latest_charge: isExpanded ? intent.charge : (intent.charge?.['id'] ?? null),
      last_payment_error: intent.error,
      metadata: { ...intent.metadata },
    });
  }
}

function expandIn(form: Form): readonly string[] {
  const { expand } = form;
  return Array.isArray(expand) ? expand.map(String) : [];
}
