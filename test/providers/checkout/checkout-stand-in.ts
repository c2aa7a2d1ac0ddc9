import { createHmac } from 'node:crypto';
import type { NoticeMessage } from '../../../src/gateway/ports.ts';
import {
  jsonAnswer,
  PspStandIn,
  type StandInAnswer,
  type StandInRequest,
} from '../../support/psp-stand-in.ts';

export const SECRET_KEY = 'sk_sbox_standinstandinstandin';
export const WEBHOOK_KEY = 'webhook-key-of-the-stand-in';
export const CHANNEL = 'pc_q4dbxom5jbgudnjzjpz7j2z6uq';

const token = (name: string) => `src_${name.padEnd(26, 'x')}`;

/** What becomes of a payment by its stored card; any other is authorized. */
export const TOKENS = {
  approve: token('approve'),
  decline05: token('declinefive'),
  decline14: token('declinefourteen'),
  unmapped: token('unmapped'),
  overridden: token('overridden'),
  authenticate: token('authenticate'),
  tooLate: token('toolate'),
  partial: token('partial'),
  pending: token('pending'),
  redirect: token('redirect'),
} as const;

/** Why a card is declined, with the network's raw code. */
const DECLINES: Readonly<Record<string, readonly [string, string | null]>> = {
  [TOKENS.decline05]: ['20005', '05'],
  [TOKENS.decline14]: ['20014', '14'],
  [TOKENS.unmapped]: ['20777', null],
  // The issuer approved, and the payment was declined nevertheless.
  [TOKENS.overridden]: ['20005', '00'],
  [TOKENS.authenticate]: ['20154', null],
  [TOKENS.tooLate]: ['20068', '68'],
};

interface Action {
  readonly id: string;
  readonly type: 'Authorization' | 'Capture' | 'Void' | 'Refund';
  readonly processed_on: string;
  readonly amount: number;
  readonly approved: boolean;
  readonly response_code: string;
  readonly reference: string;
  readonly metadata: unknown;
}

interface Payment {
  readonly id: string;
  readonly reference: string;
  readonly key: string;
  readonly currency: string;
  readonly requested: number;
  readonly metadata: unknown;
  readonly networkCode: string | null;
  authorized: number;
  voided: number;
  captured: number;
  refunded: number;
  status: string;
  readonly actions: Action[];
}

/** What requests are read for. */
interface AskedBody {
  readonly amount?: number;
  readonly currency: string;
  readonly reference: string;
  readonly processing_channel_id: string;
  readonly capture_type?: string;
  readonly source: { readonly id: string };
  readonly metadata: unknown;
}

const NOW = '2026-11-23T10:00:00.1234567Z';
const SCHEME_ID = '638284745624527';

/** An event as it is sent, with the signature that a key makes. */
export function webhookOf(
  event: { readonly id: string; readonly type: string; readonly data: unknown },
  key: string = WEBHOOK_KEY,
): NoticeMessage {
  const body = JSON.stringify({ version: '1.0.29', created_on: NOW, ...event, _links: { self: {} } });
  const signature = createHmac('sha256', key).update(body, 'utf8').digest('hex');
  return { headers: { 'cko-signature': signature }, body };
}

/** An error as Checkout.com tells it. */
export function errorAnswer(
  status: number,
  type: string,
  codes: readonly string[],
  headers: Readonly<Record<string, string>> = {},
): StandInAnswer {
  const body = { request_id: '0HL80RJLS76I7', error_type: type, error_codes: codes };
  return jsonAnswer(status, body, { 'cko-request-id': 'a1b2', ...headers });
}

/** An error without a body, as most are. */
export function bareAnswer(status: number): StandInAnswer {
  return { status, headers: { 'cko-request-id': 'a1b2' }, body: '' };
}

/**
 * A local server that speaks Checkout.com's Unified Payments API. It keeps answers under their keys only if they are
 * successes; captures, voids and refunds are taken, carried out at once, and told by actions and events.
 */
export class CheckoutStandIn {
  readonly payments: Payment[] = [];
  /** Webhooks in the order in which they were sent. */
  readonly sent: NoticeMessage[] = [];
  readonly #kept = new Map<string, StandInAnswer>();
  #count = 0;
  #server: PspStandIn | null = null;

  static async start(): Promise<CheckoutStandIn> {
    const standIn = new CheckoutStandIn();
    standIn.#server = await PspStandIn.start((request) => standIn.#handle(request));
    return standIn;
  }

  get server(): PspStandIn {
    if (this.#server === null) throw new Error('not started');
    return this.#server;
  }

  /** As after 24 hours. */
  forgetKeys(): void {
    this.#kept.clear();
  }

  #handle(request: StandInRequest): StandInAnswer {
    if (request.headers['authorization'] !== `Bearer ${SECRET_KEY}`) return bareAnswer(401);
    if (request.method === 'GET') return this.#read(request);
    const key = request.headers['cko-idempotency-key'] ?? '';
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const answer = this.#carryOut(request, key);
    if (answer.status < 300) this.#kept.set(key, answer);
    return answer;
  }

  #read({ path, query }: StandInRequest): StandInAnswer {
    if (path === '/payments') {
      const ours = this.payments.filter(({ reference }) => reference === query.get('reference'));
      const limit = Number(query.get('limit'));
      const data = ours.toReversed().slice(0, limit).map(detailsOf);
      return jsonAnswer(200, { limit, skip: 0, total_count: ours.length, data });
    }
    const [, id, actions] = /^\/payments\/([^/]+)(\/actions)?$/.exec(path) ?? [];
    const payment = this.payments.find((each) => each.id === id);
    if (payment === undefined) return bareAnswer(404);
    const body = actions === undefined ? detailsOf(payment) : payment.actions.toReversed();
    return jsonAnswer(200, body);
  }

  #carryOut({ path, body }: StandInRequest, key: string): StandInAnswer {
    const asked: AskedBody = JSON.parse(body);
    if (path === '/payments') return this.#pay(asked, key);
    const [, id, resource] = /^\/payments\/([^/]+)\/(captures|voids|refunds)$/.exec(path) ?? [];
    const payment = this.payments.find((each) => each.id === id);
    if (payment === undefined) return bareAnswer(404);
    return this.#operate(payment, resource ?? '', asked);
  }

  #pay(asked: AskedBody, key: string): StandInAnswer {
    if (asked.processing_channel_id !== CHANNEL) {
      return errorAnswer(422, 'request_invalid', ['processing_channel_id_invalid']);
    }
    const { reference, currency, metadata, amount: requested = 0 } = asked;
    const source = asked.source.id;
    const [code, networkCode] = DECLINES[source] ?? ['10000', '00'];
    const isPending = source === TOKENS.pending || source === TOKENS.redirect;
    const payment: Payment = {
      ...{ id: this.#newId('pay'), reference, key, currency, requested, metadata },
      networkCode: isPending ? null : networkCode,
      ...{ authorized: 0, voided: 0, captured: 0, refunded: 0, status: 'Pending', actions: [] },
    };
    this.payments.push(payment);
    if (isPending) {
      const redirect = source === TOKENS.redirect ? { redirect: { href: 'https://3ds.example.com' } } : {};
      const told = { id: payment.id, status: 'Pending', reference, _links: { self: {}, ...redirect } };
      return jsonAnswer(202, told);
    }
    const isApproved = code === '10000';
    const isPartial = source === TOKENS.partial;
    if (isApproved) payment.authorized = isPartial ? Math.floor(requested * 0.4) : requested;
    payment.status = isApproved ? 'Authorized' : 'Declined';
    const responseCode = isPartial ? '10010' : code;
    const action = this.#act(payment, 'Authorization', payment.authorized || requested, responseCode, asked);
    this.#send(isApproved ? 'payment_approved' : 'payment_declined', payment, action);
    return jsonAnswer(201, {
      ...detailsOf(payment),
      action_id: action.id,
      response_code: responseCode,
      processed_on: NOW,
    });
  }

  #operate(payment: Payment, resource: string, asked: AskedBody): StandInAnswer {
    const refusal = refusalOf(payment, resource, asked);
    if (refusal !== null) return refusal;
    const { amount = 0 } = asked;
    let action: Action;
    if (resource === 'voids') {
      const held = payment.authorized - payment.captured - payment.voided;
      payment.voided += held;
      payment.status = 'Voided';
      action = this.#act(payment, 'Void', held, '10000', asked);
      this.#send('payment_voided', payment, action);
    } else if (resource === 'captures') {
      payment.captured += amount;
      if (asked.capture_type === 'Final') payment.voided = payment.authorized - payment.captured;
      payment.status = payment.captured === payment.authorized ? 'Captured' : 'Partially Captured';
      action = this.#act(payment, 'Capture', amount, '10000', asked);
      this.#send('payment_captured', payment, action);
    } else {
      payment.refunded += amount;
      payment.status = payment.refunded === payment.captured ? 'Refunded' : 'Partially Refunded';
      action = this.#act(payment, 'Refund', amount, '10000', asked);
      this.#send('payment_refunded', payment, action);
    }
    return jsonAnswer(202, { action_id: action.id, reference: asked.reference, _links: { payment: {} } });
  }

  #act(
    payment: Payment,
    type: Action['type'],
    amount: number,
    code: string,
    { reference, metadata }: AskedBody,
  ): Action {
    const approved = code.startsWith('10');
    const id = this.#newId('act');
    const action = {
      id,
      type,
      processed_on: NOW,
      amount,
      approved,
      response_code: code,
      reference,
      metadata,
    };
    payment.actions.push(action);
    return action;
  }

  #send(type: string, payment: Payment, action: Action): void {
    const { id, source, balances, processing, currency, amount_requested, scheme_id } = detailsOf(payment);
    const isPayment = action.type === 'Authorization';
    const data = {
      ...{ id, currency, amount: action.amount, reference: action.reference, metadata: action.metadata },
      action_id: action.id,
      response_code: action.response_code,
      processed_on: NOW,
      balances,
      ...(isPayment ? { source, processing, amount_requested, scheme_id } : {}),
    };
    this.sent.push(webhookOf({ id: this.#newId('evt'), type, data }));
  }

  #newId(prefix: string): string {
    this.#count += 1;
    const letters = String(this.#count).replaceAll(/\d/g, (digit) => 'abcdefghij'.charAt(Number(digit)));
    return `${prefix}_${letters.padStart(26, 'z')}`;
  }
}

/** A payment as an inquiry tells it. */
function detailsOf(payment: Payment) {
  const { id, reference, currency, requested, authorized, voided, captured, refunded, status } = payment;
  const isPartial = authorized > 0 && authorized < requested;
  return {
    ...{ id, reference, currency, status },
    requested_on: NOW,
    processing_channel_id: CHANNEL,
    amount: authorized === 0 ? requested : authorized,
    ...(isPartial ? { amount_requested: requested } : {}),
    approved: authorized > 0,
    source: { type: 'card', scheme: 'Visa', last4: '0007', bin: '457173', expiry_month: 9 },
    balances: {
      total_authorized: authorized,
      total_voided: voided,
      available_to_void: authorized - voided - captured,
      total_captured: captured,
      total_refunded: refunded,
    },
    ...(payment.networkCode === null
      ? {}
      : { processing: { partner_response_code: payment.networkCode, pan_type_processed: 'fpan' } }),
    ...(authorized === 0 ? {} : { scheme_id: SCHEME_ID }),
    metadata: payment.metadata,
    risk: { flagged: false },
    _links: { self: { href: 'https://api.checkout.com' }, actions: {} },
  };
}

/** Why an operation is not taken, as things stand; null when it is. */
function refusalOf(payment: Payment, resource: string, { amount = 0 }: AskedBody): StandInAnswer | null {
  const held = payment.authorized - payment.captured - payment.voided;
  switch (resource) {
    case 'voids':
      return held > 0 && payment.captured === 0 ? null : bareAnswer(403);
    case 'captures':
      if (payment.authorized === 0 || held === 0) return bareAnswer(403);
      return amount <= held
        ? null
        : errorAnswer(422, 'request_invalid', ['capture_value_greater_than_authorized']);
    default:
      return payment.captured - payment.refunded >= amount ? null : bareAnswer(403);
  }
}
