import { z } from 'zod';
import { findCardNumber } from '../../core/cards/card-number.ts';
import { authorizationIdIn } from '../../core/operation.ts';
import type { Notice, NoticeMessage, NoticeReading } from '../../gateway/ports.ts';
import { malformedNotice } from '../malformed-notice.ts';
import { readJson } from '../read-json.ts';
import { isSignedByOne } from '../webhook-secrets.ts';
import { refusalIn } from './codes.ts';
import { disputeStage, isUnderstood } from './event-codes.ts';
import { codeOfReason } from './refusal-reasons.ts';
import type { AdyenSetup } from './setup.ts';
import { keepable, type ToldEvent, toldEvent } from './told-event.ts';

/** Events in one message. Adyen says that it sends one. */
const ITEMS_MAX = 100;

const text = z.string().max(1_000);
const optional = text.optional().catch(undefined);

/**
 * What every event has. The fields that are signed are read exactly as they stand; what tells our own events apart is
 * checked afterwards, since an account also sends events that are none of ours (its reports).
 */
const wireItem = z.object({
  eventCode: text.regex(/^[A-Z0-9_]{1,64}$/),
  success: z.enum(['true', 'false']),
  pspReference: text,
  originalReference: text.nullish(),
  merchantAccountCode: text,
  merchantReference: text.nullish(),
  amount: z.object({ value: z.int(), currency: text }).nullish(),
  eventDate: optional,
  reason: optional,
  paymentMethod: optional,
  additionalData: z.record(z.string(), z.unknown()).nullish(),
});

type WireItem = z.infer<typeof wireItem>;

const wireMessage = z.object({
  live: z.union([z.enum(['true', 'false']), z.boolean()]).transform(String),
  notificationItems: z
    .array(z.object({ NotificationRequestItem: wireItem }))
    .min(1)
    .max(ITEMS_MAX),
});

/**
 * Verifies the signature that every event of a standard webhook carries: `additionalData.hmacSignature`, in base64, the
 * HMAC-SHA256 with a hexadecimal key of eight fields joined by colons. One event without a valid one, and the whole message
 * is refused: whoever changed it may have changed it anywhere. There is no time in it, so none is checked.
 *
 * What is not signed is believed only in what can do no harm: `live` must be ours; additional data tell why something was
 * refused, and name what is disputed. They never make an approval, say of how much it is, or whose event it is.
 */
export function readAdyenNotices(message: NoticeMessage, setup: AdyenSetup): NoticeReading {
  const { webhookKeys, isLiveSystem } = setup;
  if (webhookKeys.length === 0) return { kind: 'refused', reason: 'not_configured' };
  const read = readJson(message.body, wireMessage);
  // Nothing can be told of its signature, which stands in the event.
  if (read === null) return malformedNotice(message.body, wireMessage);
  const items = read.notificationItems.map(({ NotificationRequestItem }) => NotificationRequestItem);
  if (!items.every((item) => isSigned(item, webhookKeys))) return { kind: 'refused', reason: 'signature' };
  if (read.live !== String(isLiveSystem)) return { kind: 'refused', reason: 'malformed', member: 'live' };
  const notices: Notice[] = [];
  for (const item of items) {
    const notice = noticeOf(item);
    // An event of ours is not lost because it has another form than is known: it is sent again, and the refusal counted.
    if (notice === 'unreadable') return { kind: 'refused', reason: 'malformed' };
    if (notice !== null) notices.push(notice);
  }
  return { kind: 'read', notices };
}

/** 32 bytes in base64. */
const SIGNATURE = /^[0-9A-Za-z+/]{43}=$/;

function isSigned(item: WireItem, keys: readonly Uint8Array[]): boolean {
  const signature = item.additionalData?.['hmacSignature'];
  if (typeof signature !== 'string' || !SIGNATURE.test(signature)) return false;
  const { pspReference, originalReference, merchantAccountCode, merchantReference, amount } = item;
  const signed = [
    pspReference,
    originalReference ?? '',
    merchantAccountCode,
    merchantReference ?? '',
    amount?.value ?? '',
    amount?.currency ?? '',
    item.eventCode,
    item.success,
  ];
  // Adyen does not escape colons. One before the reference could shift the fields, so that a signature fits another event.
  if (
    [pspReference, originalReference, merchantAccountCode, amount?.currency].some((part) =>
      part?.includes(':'),
    )
  ) {
    return false;
  }
  return isSignedByOne(keys, signed.join(':'), Buffer.from(signature, 'base64'));
}

const ATTEMPT_ID = /^att_[A-Za-z]{1,64}_\d{1,2}$/;

/** Null for what tells nothing of a payment of ours, such as a report that is ready. */
function noticeOf(item: WireItem): Notice | 'unreadable' | null {
  if (!isUnderstood(item.eventCode)) return null;
  const reference = referenceOf(item);
  const read = toldEvent.safeParse({
    merchantAccount: item.merchantAccountCode,
    success: item.success === 'true',
    pspReference: item.pspReference,
    originalReference: item.originalReference || null,
    reference,
    amount: item.amount ?? null,
    ...detailsOf(item),
  });
  if (!read.success) return reference === null ? null : 'unreadable';
  const data = read.data;
  const isAttempt = reference !== null && ATTEMPT_ID.test(reference);
  return {
    // Adyen gives an event no id: it is the same when code, reference and success are.
    eventId: `${item.eventCode}.${keepable(data.pspReference)}.${item.success}`,
    type: item.eventCode,
    attemptId: isAttempt ? reference : null,
    operationId: isAttempt ? null : reference,
    // Events about a payment itself have no original: they are named by its own id.
    providerReference: data.originalReference ?? data.pspReference,
    data,
  };
}

/**
 * Our own name in an event, by its signed reference. A modification's event bears the reference of its request, one about a
 * payment or a cancellation by reference that of the payment, a dispute's either; a dispute, which moves nothing here, may
 * name modifications beside it.
 */
function referenceOf({ eventCode, merchantReference, additionalData }: WireItem): string | null {
  const isDispute = disputeStage(eventCode, null) !== null;
  const beside = isDispute ? additionalData?.['modificationMerchantReferences'] : undefined;
  const candidates = [
    merchantReference,
    ...(typeof beside === 'string' ? beside.split(',').slice(0, 20) : []),
  ];
  for (const candidate of candidates) {
    const name = candidate?.trim() ?? '';
    if (ATTEMPT_ID.test(name) || authorizationIdIn(name) !== null) return name;
  }
  return null;
}

type Details = Pick<ToldEvent, 'authorised' | 'refusal' | 'link' | 'dispute'>;

const NO_DETAILS: Details = { authorised: null, refusal: null, link: null, dispute: null };

/** What kinds of events say beside what all say. Free text stays behind. */
function detailsOf(item: WireItem): Details {
  const { eventCode, additionalData } = item;
  const told: Told = (name) => {
    const value = additionalData?.[name];
    return typeof value === 'string' ? value.trim().slice(0, 200) : undefined;
  };
  switch (eventCode) {
    case 'AUTHORISATION':
      return { ...NO_DETAILS, ...authorizationDetails(item, told) };
    default:
      return disputeStage(eventCode, null) === null
        ? NO_DETAILS
        : { ...NO_DETAILS, dispute: disputeIn(told) };
  }
}

type Told = (name: string) => string | undefined;

function isCode(text: string): boolean {
  return /^[0-9A-Za-z][0-9A-Za-z._-]{0,23}$/.test(text) && findCardNumber(text) === null;
}

function disputeIn(told: Told): ToldEvent['dispute'] {
  const reason = told('chargebackReasonCode') ?? told('nofReasonCode') ?? '';
  const status = told('disputeStatus')?.toLowerCase();
  return {
    // Nobody signs it.
    reason: isCode(reason) ? reason : null,
    respondByMs: momentOf(told('defensePeriodEndsAt') ?? ''),
    status: status === 'won' || status === 'lost' ? status : null,
  };
}

function authorizationDetails(
  { success, reason = '', eventDate = '', paymentMethod }: WireItem,
  told: Told,
): Partial<Details> {
  if (success === 'false') {
    return {
      refusal: refusalIn(codeOfReason(reason), {
        refusalReasonRaw: told('refusalReasonRaw'),
        merchantAdviceCode: told('merchantAdviceCode'),
      }),
    };
  }
  const value = told('authorisedAmountValue');
  const currency = told('authorisedAmountCurrency') ?? '';
  const id = told('networkTxReference');
  const date = eventDate.slice(0, 10);
  const isLink = id !== undefined && findCardNumber(id) === null && z.iso.date().safeParse(date).success;
  return {
    authorised: value === undefined || !/^\d{1,15}$/.test(value) ? null : { value: Number(value), currency },
    link: isLink ? { id, brand: paymentMethod ?? null, date } : null,
  };
}

/** `2021-07-31T03:03:07+02:00` as milliseconds since 1970; null for anything else. */
function momentOf(moment: string): number | null {
  const isMoment = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,3})?(?:Z|[+-]\d{2}:\d{2})$/.test(moment);
  const ms = isMoment ? Date.parse(moment) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}
