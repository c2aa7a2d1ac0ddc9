import { createHmac } from 'node:crypto';
import type { NoticeMessage } from '../../../src/gateway/ports.ts';
import {
  jsonAnswer,
  PspStandIn,
  type StandInAnswer,
  type StandInRequest,
} from '../../support/psp-stand-in.ts';

export const API_KEY = 'AQEyhmfxK4vNaBBFw0m_stand-in';
export const MERCHANT_ACCOUNT = 'AcmeEcom';
/** The key of Adyen's own test vectors. */
export const HMAC_KEY = 'DFB1EB5485895CFA84146406857104ABB4CBCABDC8AAF103A624C8F6A3EAAB00';

/** What becomes of a payment by its stored card; any other is authorized. */
export const TOKENS = {
  approve: 'M5N7TQ4TG5PFWR50',
  refuse05: 'REFUSED05',
  blocked: 'BLOCKED14',
  unmapped: 'REFUSED99',
  fraudCancelled: 'FRAUDCANCELLED22',
  challenge: 'CHALLENGE',
  partial: 'PARTIAL40',
  pending: 'PENDING',
} as const;

interface Amount {
  readonly value: number;
  readonly currency: string;
}

interface Payment {
  readonly pspReference: string;
  readonly reference: string;
  /** As it came: Adyen does not tell letters of both cases apart. */
  readonly key: string;
  readonly amount: Amount;
  authorised: number;
  cancelled: boolean;
  captured: number;
  refunded: number;
}

/** What requests are read for. */
interface AskedBody {
  readonly merchantAccount: string;
  readonly reference: string;
  readonly paymentReference: string;
  readonly amount?: Amount;
  readonly paymentMethod: { readonly storedPaymentMethodId: string };
}

const NOTHING: Amount = { value: 0, currency: 'EUR' };

interface Refusal {
  readonly resultCode: 'Refused' | 'Cancelled';
  readonly refusalReason: string;
  readonly refusalReasonCode: string;
  readonly raw: string;
}

const REFUSALS: Readonly<Record<string, Refusal>> = {
  [TOKENS.refuse05]: {
    resultCode: 'Refused',
    refusalReason: 'Refused',
    refusalReasonCode: '2',
    raw: '05 : Do not honor',
  },
  [TOKENS.blocked]: {
    resultCode: 'Refused',
    refusalReason: 'Invalid Card Number',
    refusalReasonCode: '8',
    raw: '14 : Invalid card number',
  },
  [TOKENS.unmapped]: {
    resultCode: 'Refused',
    refusalReason: 'Something new',
    refusalReasonCode: '99',
    raw: 'New',
  },
  [TOKENS.fraudCancelled]: {
    resultCode: 'Cancelled',
    refusalReason: 'FRAUD-CANCELLED',
    refusalReasonCode: '22',
    raw: 'AUTHORISED',
  },
};

/** The fields of an event that are signed. */
export interface EventItem {
  readonly eventCode: string;
  readonly success: 'true' | 'false';
  readonly pspReference: string;
  readonly originalReference?: string;
  readonly merchantAccountCode?: string;
  readonly merchantReference: string;
  /** Null: Adyen leaves it out. */
  readonly amount: Amount | null;
  readonly reason?: string;
  readonly eventDate?: string;
  readonly paymentMethod?: string;
  readonly additionalData?: Readonly<Record<string, string>>;
}

/** The signature of an event as Adyen makes it. */
export function signatureOf(item: EventItem, key: string): string {
  const text = [
    item.pspReference,
    item.originalReference ?? '',
    item.merchantAccountCode ?? MERCHANT_ACCOUNT,
    item.merchantReference,
    item.amount?.value ?? '',
    item.amount?.currency ?? '',
    item.eventCode,
    item.success,
  ].join(':');
  return createHmac('sha256', Buffer.from(key, 'hex')).update(text, 'utf8').digest('base64');
}

/** A standard webhook with these events, each signed with a key. */
export function webhookOf(
  items: readonly EventItem[],
  { key = HMAC_KEY, live = 'false' }: { readonly key?: string; readonly live?: string } = {},
): NoticeMessage {
  const notificationItems = items.map((item) => ({
    NotificationRequestItem: {
      merchantAccountCode: MERCHANT_ACCOUNT,
      eventDate: '2026-11-23T11:00:00+01:00',
      paymentMethod: 'visa',
      reason: '',
      ...item,
      additionalData: { ...item.additionalData, hmacSignature: signatureOf(item, key) },
    },
  }));
  return { headers: {}, body: JSON.stringify({ live, notificationItems }) };
}

/**
 * A local server that speaks Adyen's Checkout API v72. It keeps answers under their keys, whatever their case, without the
 * transient ones; captures, cancellations and refunds are only acknowledged, and what came of them is sent as events.
 */
export class AdyenStandIn {
  readonly payments: Payment[] = [];
  /** Webhooks in the order in which they were sent. */
  readonly sent: NoticeMessage[] = [];
  readonly #kept = new Map<string, StandInAnswer>();
  #count = 0;
  #server: PspStandIn | null = null;

  static async start(): Promise<AdyenStandIn> {
    const standIn = new AdyenStandIn();
    standIn.#server = await PspStandIn.start((request) => standIn.#handle(request));
    return standIn;
  }

  get server(): PspStandIn {
    if (this.#server === null) throw new Error('not started');
    return this.#server;
  }

  #handle(request: StandInRequest): StandInAnswer {
    const key = request.headers['idempotency-key'] ?? '';
    if (request.headers['x-api-key'] !== API_KEY) return errorAnswer(401, '000', 'security');
    if (request.method !== 'POST') return errorAnswer(404, '000', 'validation');
    const kept = this.#kept.get(key.toLowerCase());
    if (kept !== undefined) return kept;
    const { status, headers = {}, body } = this.#carryOut(request, key);
    const answer = { status, body, headers: { ...headers, 'idempotency-key': key } };
    this.#kept.set(key.toLowerCase(), answer);
    return answer;
  }

  #carryOut({ path, body }: StandInRequest, key: string): StandInAnswer {
    const asked: AskedBody = JSON.parse(body);
    if (asked.merchantAccount !== MERCHANT_ACCOUNT) return errorAnswer(403, '901', 'security');
    if (path === '/payments') return this.#pay(asked, key);
    if (path === '/cancels') return this.#cancelByReference(asked);
    const [, pspReference, resource] = /^\/payments\/([^/]+)\/(captures|cancels|refunds)$/.exec(path) ?? [];
    const payment = this.payments.find((each) => each.pspReference === pspReference);
    if (payment === undefined) return errorAnswer(422, '167', 'validation');
    return this.#modify(payment, resource ?? '', asked);
  }

  #pay(asked: AskedBody, key: string): StandInAnswer {
    const pspReference = this.#newReference();
    const { amount = NOTHING, reference } = asked;
    const told = { pspReference, merchantReference: reference };
    const token = asked.paymentMethod.storedPaymentMethodId;
    const payment = {
      ...{ pspReference, reference, key, amount },
      ...{ authorised: 0, cancelled: false, captured: 0, refunded: 0 },
    };
    this.payments.push(payment);
    if (token === TOKENS.challenge) return jsonAnswer(200, { ...told, resultCode: 'RedirectShopper' });
    if (token === TOKENS.pending) return jsonAnswer(200, { ...told, resultCode: 'Pending' });
    const refusal = REFUSALS[token];
    const event = { pspReference, merchantReference: reference, amount, eventCode: 'AUTHORISATION' };
    if (refusal !== undefined) {
      const { raw, ...codes } = refusal;
      const additionalData = { refusalReasonRaw: raw };
      this.#send({ ...event, success: 'false', reason: refusal.refusalReason, additionalData });
      return jsonAnswer(200, { ...told, ...codes, additionalData });
    }
    const isPartial = token === TOKENS.partial;
    payment.authorised = isPartial ? Math.floor(amount.value * 0.4) : amount.value;
    const additionalData = {
      networkTxReference: '060720116005060',
      ...(isPartial
        ? {
            authorisedAmountValue: String(payment.authorised),
            authorisedAmountCurrency: amount.currency,
          }
        : {}),
    };
    this.#send({ ...event, success: 'true', reason: '044925:0007:09/2029', additionalData });
    return jsonAnswer(200, {
      ...told,
      resultCode: isPartial ? 'PartiallyAuthorised' : 'Authorised',
      amount: { ...amount, value: payment.authorised },
      paymentMethod: { brand: 'visa', type: 'scheme' },
      additionalData,
    });
  }

  #cancelByReference(asked: AskedBody): StandInAnswer {
    const { paymentReference, reference } = asked;
    const payment = this.payments.find((each) => each.reference === paymentReference);
    const pspReference = this.#newReference();
    this.#send({
      eventCode: 'TECHNICAL_CANCEL',
      success: payment !== undefined && cancel(payment) ? 'true' : 'false',
      pspReference,
      ...(payment === undefined ? {} : { originalReference: payment.pspReference }),
      // The payment's reference, not the request's.
      merchantReference: paymentReference,
      amount: payment?.amount ?? NOTHING,
    });
    return jsonAnswer(201, {
      merchantAccount: MERCHANT_ACCOUNT,
      status: 'received',
      ...{ pspReference, paymentReference, reference },
    });
  }

  #modify(payment: Payment, resource: string, asked: AskedBody): StandInAnswer {
    const pspReference = this.#newReference();
    const { reference, amount } = asked;
    const succeeded = modify(payment, resource, amount?.value ?? 0);
    this.#send({
      eventCode: { captures: 'CAPTURE', cancels: 'CANCELLATION', refunds: 'REFUND' }[resource] ?? '',
      success: succeeded ? 'true' : 'false',
      reason: succeeded ? '' : 'Insufficient balance on payment',
      originalReference: payment.pspReference,
      merchantReference: reference,
      amount: amount ?? { ...payment.amount, value: payment.authorised },
      pspReference,
    });
    return jsonAnswer(201, {
      merchantAccount: MERCHANT_ACCOUNT,
      status: 'received',
      paymentPspReference: payment.pspReference,
      ...{ pspReference, reference },
      ...(amount === undefined ? {} : { amount }),
    });
  }

  #send(item: EventItem): void {
    this.sent.push(webhookOf([item]));
  }

  #newReference(): string {
    this.#count += 1;
    return `PSP${String(this.#count).padStart(12, '0')}X`;
  }
}

function cancel(payment: Payment): boolean {
  if (payment.authorised === 0 || payment.cancelled || payment.captured > 0) return false;
  payment.cancelled = true;
  return true;
}

function modify(payment: Payment, resource: string, value: number): boolean {
  if (resource === 'cancels') return cancel(payment);
  if (resource === 'captures') {
    if (payment.cancelled || payment.captured + value > payment.authorised) return false;
    payment.captured += value;
    return true;
  }
  if (payment.refunded + value > payment.captured) return false;
  payment.refunded += value;
  return true;
}

/** An error as Adyen tells it. Its message repeats what was sent, which may end nowhere. */
export function errorAnswer(
  status: number,
  errorCode: string,
  errorType: string,
  headers: Readonly<Record<string, string>> = {},
): StandInAnswer {
  const message = `Not possible with ${TOKENS.approve} and 4571736000000000`;
  return jsonAnswer(
    status,
    { status, errorCode, message, errorType, pspReference: 'PSPERROR00000000' },
    headers,
  );
}
