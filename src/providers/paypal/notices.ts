import { verify } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { findCardNumber } from '../../core/cards/card-number.ts';
import type { Clock, Notice, NoticeMessage, NoticeReading } from '../../gateway/ports.ts';
import { malformedNotice } from '../malformed-notice.ts';
import { readJson } from '../read-json.ts';
import type { SigningCertificates } from './signing-certificates.ts';
import { subjectOfEvent, type ToldDispute, type ToldEvent, toldEvent } from './told-event.ts';

/**
 * How old a transmission may be, milliseconds. PayPal sends a message again up to 25 times over three days, and does not
 * say that a repeat has a new time: so three days and an hour, repeats being known by the event's id.
 */
const OLDEST_MS = (3 * 24 + 1) * 60 * 60_000;
/** How far its time may lie ahead of ours, milliseconds. */
const AHEAD_MS = 300_000;

/** What a message is signed with and over. Each must be there once: several of a name are joined by commas. */
const signatureHeaders = z.object({
  'paypal-transmission-id': z.string().regex(/^[\w-]{1,64}$/),
  'paypal-transmission-time': z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/),
  'paypal-transmission-sig': z.string().regex(/^[A-Za-z0-9+/]{64,1024}={0,2}$/),
  'paypal-cert-url': z.string().max(500),
  'paypal-auth-algo': z.literal('SHA256withRSA'),
});

const envelope = z.object({
  id: z
    .string()
    .regex(/^[\w-]{1,64}$/)
    .refine((id) => findCardNumber(id) === null),
  event_type: z.string().regex(/^[A-Z_-]{1,40}(?:\.[A-Z_-]{1,40}){1,3}$/),
  resource: z.record(z.string(), z.unknown()),
});

/**
 * Events that PayPal sends by itself. They are verified here, by the certificate that signed them, and not by PayPal's
 * verify call: that would be a call of ours, with our token, for every message that anybody posts.
 */
export class PaypalNotices {
  readonly #webhookIds: readonly string[];
  readonly #certificates: SigningCertificates;
  readonly #clock: Clock;

  constructor(webhookIds: readonly string[], certificates: SigningCertificates, clock: Clock) {
    this.#webhookIds = webhookIds;
    this.#certificates = certificates;
    this.#clock = clock;
  }

  /**
   * Verifies `SHA256withRSA` over `<transmission id>|<time>|<webhook id>|<CRC-32 of the raw body>`
   * (developer.paypal.com/api/rest/webhooks/rest), and takes the event apart. The webhook's id binds it to our account.
   */
  async read({ headers, body }: NoticeMessage): Promise<NoticeReading> {
    if (this.#webhookIds.length === 0) return { kind: 'refused', reason: 'not_configured' };
    const signed = signatureHeaders.safeParse(headers);
    if (!signed.success) return { kind: 'refused', reason: 'signature' };
    const time = signed.data['paypal-transmission-time'];
    const ageMs = this.#clock.wallMs() - Date.parse(time);
    // Before a certificate is asked for: what nobody will take is not worth a request. No time at all is no number.
    if (!(ageMs <= OLDEST_MS && ageMs >= -AHEAD_MS)) return { kind: 'refused', reason: 'stale' };
    const signer = await this.#certificates.keyAt(signed.data['paypal-cert-url']);
    if (signer.kind === 'unverifiable') return signer;
    if (signer.kind === 'refused') return { kind: 'refused', reason: 'signature' };
    const checksum = crc32(Buffer.from(body, 'utf8'));
    const signature = Buffer.from(signed.data['paypal-transmission-sig'], 'base64');
    const isSigned = this.#webhookIds.some((webhookId) => {
      const text = `${signed.data['paypal-transmission-id']}|${time}|${webhookId}|${checksum}`;
      return verify('RSA-SHA256', Buffer.from(text, 'utf8'), signer.key, signature);
    });
    if (!isSigned) return { kind: 'refused', reason: 'signature' };
    const notices = noticesIn(body);
    return notices === null ? malformedNotice(body, envelope) : { kind: 'read', notices };
  }
}

/** None for an event that is about something else than cards; null for one that cannot be read. */
function noticesIn(body: string): readonly Notice[] | null {
  const event = readJson(body, envelope);
  if (event === null) return null;
  const { id: eventId, event_type: type, resource } = event;
  const about = subjectOfEvent(type);
  if (about === null) return [];
  const told = toldEvent.safeParse({ about, resource });
  return told.success ? [{ eventId, type, ...namesIn(told.data), data: told.data }] : null;
}

const ATTEMPT_ID = /^att_[A-Za-z]{1,64}_\d{1,6}$/;
const OPERATION_ID = /^(?:cap|ref)_[A-Za-z]{1,64}_\d{1,6}$/;

/** The capture that a dispute is about; null where it names several, or none: they may be of several payments. */
function transactionIn({ disputed_transactions: disputed }: ToldDispute): string | null {
  const [first, ...others] = disputed;
  return others.length > 0 ? null : (first?.seller_transaction_id ?? null);
}

/** By what the attempt of an event is found. */
function namesIn(told: ToldEvent): Pick<Notice, 'attemptId' | 'operationId' | 'providerReference'> {
  const attempt = (name: string | null | undefined) => (name != null && ATTEMPT_ID.test(name) ? name : null);
  const operation = (name: string | null | undefined) =>
    name != null && OPERATION_ID.test(name) ? name : null;
  switch (told.about) {
    case 'order': {
      const [unit] = told.resource.purchase_units;
      return { attemptId: attempt(unit?.custom_id), providerReference: told.resource.id };
    }
    case 'dispute': {
      const of = told.resource.disputed_transactions.find(
        ({ custom, invoice_number }) => attempt(custom) !== null || operation(invoice_number) !== null,
      );
      return {
        attemptId: attempt(of?.custom),
        operationId: operation(of?.invoice_number),
        providerReference: transactionIn(told.resource),
      };
    }
    case 'authorization': {
      const { custom_id, supplementary_data } = told.resource;
      return {
        attemptId: attempt(custom_id),
        providerReference: supplementary_data?.related_ids.order_id ?? null,
      };
    }
    case 'capture':
    case 'refund':
    case 'reversal': {
      const { custom_id, invoice_id, supplementary_data } = told.resource;
      const { order_id, capture_id } = supplementary_data?.related_ids ?? {};
      return {
        attemptId: attempt(custom_id),
        operationId: operation(invoice_id),
        providerReference: order_id ?? capture_id ?? null,
      };
    }
  }
}
