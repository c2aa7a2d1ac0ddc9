import * as crypto from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { NoticeMessage } from '../../../src/gateway/ports.ts';
import { createAdyenProvider } from '../../../src/providers/adyen/adapter.ts';
import { readAdyenNotices } from '../../../src/providers/adyen/notices.ts';
import { readAdyenSetup } from '../../../src/providers/adyen/setup.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { shippedDeclineTables } from '../shipped-decline-tables.ts';
import { adyenContract } from './adyen-contract.ts';
import {
  API_KEY,
  type EventItem,
  HMAC_KEY,
  MERCHANT_ACCOUNT,
  signatureOf,
  webhookOf,
} from './adyen-stand-in.ts';

vi.mock('node:crypto', async (original) => {
  const real = await original<typeof import('node:crypto')>();
  return { ...real, timingSafeEqual: vi.fn(real.timingSafeEqual) };
});

const SETUP = readAdyenSetup(adyenContract());
const OTHER_KEY = '11223344D785FBAE710E7F943F307971BB61B21281C98C9129B3D4018A57B2EB';

const euros = { value: 4999, currency: 'EUR' };

const authorised = (over: Partial<EventItem> = {}): EventItem => ({
  eventCode: 'AUTHORISATION',
  success: 'true',
  pspReference: 'NC6HT9CRT65ZGN82',
  merchantReference: 'att_aBc_1',
  amount: euros,
  ...over,
});

const read = (message: NoticeMessage, setup = SETUP) => readAdyenNotices(message, setup);

interface SentItem {
  [name: string]: unknown;
  amount: { value: number; currency: string };
  additionalData: { hmacSignature?: unknown } | undefined;
}

interface SentMessage {
  live: string | boolean;
  notificationItems: { NotificationRequestItem: SentItem }[];
}

/** A message whose JSON is changed after it was signed. */
function changed(
  message: NoticeMessage,
  change: (item: SentItem, whole: SentMessage) => void,
): NoticeMessage {
  const whole: SentMessage = JSON.parse(message.body);
  const [first] = whole.notificationItems;
  if (first === undefined) throw new Error('no event');
  change(first.NotificationRequestItem, whole);
  return { ...message, body: JSON.stringify(whole) };
}

function sign(item: SentItem, hmacSignature: unknown): void {
  item.additionalData = { hmacSignature };
}

const REFUSED = { kind: 'refused', reason: 'signature' };
const MALFORMED = { kind: 'refused', reason: 'malformed' };

afterEach(() => vi.clearAllMocks());

describe("Adyen's own test vectors", () => {
  const vector = {
    pspReference: 'pspReference',
    originalReference: 'originalReference',
    merchantAccountCode: 'merchantAccount',
    merchantReference: 'reference',
    amount: { currency: 'EUR', value: 1000 },
    success: 'true',
  } as const;

  it.each([
    ['REPORT_AVAILABLE', 'ZNBPtI+oDyyRrLyD1XirkKnQgIAlFc07Vj27TeHsDRE='],
    ['EVENT', 'ipnxGCaUZ4l8TUW75a71/ghd2Fe5ffvX0pV4TLTntIc='],
  ])('%s', (eventCode, hmacSignature) => {
    const item = { ...vector, eventCode, additionalData: { hmacSignature } };
    const message = (over: Record<string, unknown>) => ({
      headers: {},
      body: JSON.stringify({
        live: 'false',
        notificationItems: [{ NotificationRequestItem: { ...item, ...over } }],
      }),
    });
    expect(read(message({}))).toMatchObject({ kind: 'read' });
    expect(read(message({ additionalData: { hmacSignature: 'notValidSign' } }))).toEqual(REFUSED);
    expect(read(message({ success: 'false' }))).toEqual(REFUSED);
  });
});

describe('the signature', () => {
  it.each<[string, (item: SentItem) => void]>([
    ['the reference of Adyen', (item) => (item['pspReference'] = 'X')],
    ['the original reference', (item) => (item['originalReference'] = 'X')],
    ['the merchant account', (item) => (item['merchantAccountCode'] = 'X')],
    ['our reference', (item) => (item['merchantReference'] = 'att_aBc_2')],
    ['the amount', (item) => (item.amount.value = 1)],
    ['the currency', (item) => (item.amount.currency = 'USD')],
    ['the event', (item) => (item['eventCode'] = 'CAPTURE')],
    ['the success', (item) => (item['success'] = 'false')],
    ['the signature', (item) => sign(item, signatureOf(authorised(), OTHER_KEY))],
    ['no signature', (item) => (item.additionalData = {})],
    ['no additional data', (item) => (item.additionalData = undefined)],
    ['an empty signature', (item) => sign(item, '')],
    ['a signature that is no text', (item) => sign(item, 7)],
    ['one that is cut', (item) => sign(item, signatureOf(authorised(), HMAC_KEY).slice(0, 40))],
    [
      'two in one',
      (item) => sign(item, `${item.additionalData?.hmacSignature}${item.additionalData?.hmacSignature}`),
    ],
    [
      'in hexadecimal digits',
      (item) => sign(item, Buffer.from(signatureOf(authorised(), HMAC_KEY), 'base64').toString('hex')),
    ],
  ])('does not fit after a change of %s', (_what, change) => {
    expect(read(changed(webhookOf([authorised()]), change))).toEqual(REFUSED);
  });

  it('is compared in constant time', () => {
    expect(read(webhookOf([authorised()]))).toMatchObject({ kind: 'read' });
    expect(crypto.timingSafeEqual).toHaveBeenCalledOnce();
  });

  it('of every one of several keys that are valid is taken, of no other', () => {
    const secrets = `${HMAC_KEY},\n${OTHER_KEY.toLowerCase()}`;
    const setup = readAdyenSetup(
      adyenContract({ credentials: { api_key: API_KEY, webhook_secret: secrets } }),
    );
    expect(setup.webhookKeys).toHaveLength(2);
    for (const key of [HMAC_KEY, OTHER_KEY]) {
      expect(read(webhookOf([authorised()], { key }), setup)).toMatchObject({ kind: 'read' });
    }
    expect(read(webhookOf([authorised()], { key: '00'.repeat(32) }), setup)).toEqual(REFUSED);
    expect(read(webhookOf([authorised()], { key: OTHER_KEY }))).toEqual(REFUSED);
  });

  it('of none of several events may be missing: the whole message is refused', () => {
    const second = authorised({ pspReference: 'B', merchantReference: 'att_aBc_2' });
    const good = webhookOf([authorised(), second]);
    expect(read(good)).toMatchObject({ kind: 'read', notices: [{}, {}] });
    const forged = changed(good, (_item, whole) => {
      const second = whole.notificationItems[1];
      if (second !== undefined) second.NotificationRequestItem.amount.value = 1;
    });
    expect(read(forged)).toEqual(REFUSED);
  });

  it('cannot be moved to other fields by a colon', () => {
    // The same signed text, with a field's end elsewhere.
    const shifted = authorised({ pspReference: 'A:B', originalReference: 'C' });
    const same = authorised({ pspReference: 'A', originalReference: 'B:C' });
    expect(signatureOf(shifted, HMAC_KEY)).toBe(signatureOf(same, HMAC_KEY));
    expect(read(webhookOf([shifted]))).toEqual(REFUSED);
    expect(read(webhookOf([same]))).toEqual(REFUSED);
    expect(read(webhookOf([authorised({ merchantAccountCode: 'A:B' })]))).toEqual(REFUSED);
    expect(read(webhookOf([authorised({ amount: { value: 1, currency: 'E:R' } })]))).toEqual(REFUSED);
    // In our own reference it does no harm: what stands before and after it has none.
    expect(read(webhookOf([authorised({ merchantReference: 'order:7' })]))).toMatchObject({ kind: 'read' });
  });

  it('is checked before anything else is believed, and without keys nothing is', () => {
    expect(read(webhookOf([authorised()], { key: OTHER_KEY, live: 'true' }))).toEqual(REFUSED);
    expect(read(webhookOf([authorised()]), { ...SETUP, webhookKeys: [] })).toEqual({
      kind: 'refused',
      reason: 'not_configured',
    });
  });
});

describe('the message', () => {
  it.each<[string, string]>([
    ['nothing', ''],
    ['no JSON', '{'],
    ['a list', '[]'],
    ['no events', JSON.stringify({ live: 'false', notificationItems: [] })],
    ['101 events', webhookOf(Array.from({ length: 101 }, () => authorised())).body],
    ['an event that is none', JSON.stringify({ live: 'false', notificationItems: [{}] })],
  ])('%s is refused', (_what, body) => {
    expect(read({ headers: {}, body })).toMatchObject(MALFORMED);
  });

  it.each<[string, string]>([
    ['{', 'the body, which is no JSON'],
    ['[]', 'the body, which is no object'],
    ['{}', 'live'],
    [JSON.stringify({ live: 'x', notificationItems: [] }), 'live'],
    [
      JSON.stringify({
        live: 'false',
        notificationItems: [{ NotificationRequestItem: { eventCode: 1 } }],
      }),
      'notificationItems.0.NotificationRequestItem.eventCode',
    ],
  ])('of %s, the member that is wrong is named', (body, member) => {
    expect(read({ headers: {}, body })).toEqual({ ...MALFORMED, member });
  });

  it('100 events are read', () => {
    expect(read(webhookOf(Array.from({ length: 100 }, () => authorised())))).toMatchObject({ kind: 'read' });
  });

  it.each([
    ['https://checkout-test.adyen.com/v72', 'false'],
    ['http://127.0.0.1:8080', 'false'],
    ['http://[::1]:8080', 'false'],
    ['https://1797a841fbb37ca7-AcmeEcom-checkout-live.adyenpayments.com/checkout/v72', 'true'],
    ['https://egress.acme.example/adyen', 'true'],
  ])('of the system at %s says live: %s', (baseUrl, live) => {
    const setup = readAdyenSetup(adyenContract({ baseUrl }));
    expect(read(webhookOf([authorised()], { live }), setup)).toMatchObject({ kind: 'read' });
    const other = live === 'true' ? 'false' : 'true';
    expect(read(webhookOf([authorised()], { live: other }), setup)).toMatchObject(MALFORMED);
  });

  it('may say live as true or false itself', () => {
    const message = changed(webhookOf([authorised()]), (_item, whole) => (whole.live = false));
    expect(read(message)).toMatchObject({ kind: 'read' });
  });

  it('is read by the adapter', async () => {
    const declineTables = await shippedDeclineTables();
    const deps = { clock: new FakeClock(), declineTables: () => declineTables };
    const provider = createAdyenProvider(adyenContract(), deps);
    expect(await provider.readNotices(webhookOf([authorised()]))).toMatchObject({ kind: 'read' });
    provider.close();
  });
});

/** The one notice in a message with an event. */
function noticeOf(item: EventItem) {
  const reading = read(webhookOf([item]));
  if (reading.kind !== 'read') throw new Error(reading.kind);
  return reading.notices[0];
}

describe('a notice', () => {
  const modification = (over: Partial<EventItem>) =>
    authorised({
      eventCode: 'CAPTURE',
      pspReference: 'JDD6LKT8MBLZNN84',
      originalReference: 'NC6HT9CRT65ZGN82',
      ...over,
    });

  it.each<[string, EventItem, string | null, string | null, string]>([
    ['an authorization', authorised(), 'att_aBc_1', null, 'NC6HT9CRT65ZGN82'],
    ['a capture', modification({ merchantReference: 'cap_aBc_2' }), null, 'cap_aBc_2', 'NC6HT9CRT65ZGN82'],
    [
      'a cancellation',
      modification({ eventCode: 'CANCELLATION', merchantReference: 'void_aBc_2' }),
      null,
      'void_aBc_2',
      'NC6HT9CRT65ZGN82',
    ],
    [
      'a cancellation by reference',
      modification({ eventCode: 'TECHNICAL_CANCEL', merchantReference: 'att_aBc_1' }),
      'att_aBc_1',
      null,
      'NC6HT9CRT65ZGN82',
    ],
    [
      'a refund',
      modification({ eventCode: 'REFUND', merchantReference: 'ref_aBc_3' }),
      null,
      'ref_aBc_3',
      'NC6HT9CRT65ZGN82',
    ],
    ['somebody else', modification({ merchantReference: 'order-7781' }), null, null, 'NC6HT9CRT65ZGN82'],
    ['nothing but an id', authorised({ merchantReference: '' }), null, null, 'NC6HT9CRT65ZGN82'],
    [
      'a dispute that names our capture beside',
      modification({
        eventCode: 'CHARGEBACK',
        merchantReference: 'order-7781',
        additionalData: { modificationMerchantReferences: 'x, cap_aBc_2 ,ref_aBc_3' },
      }),
      null,
      'cap_aBc_2',
      'NC6HT9CRT65ZGN82',
    ],
    ...(['AUTHORISATION', 'CAPTURE', 'CANCELLATION', 'EXPIRE'] as const).map(
      (eventCode): [string, EventItem, null, null, string] => [
        `${eventCode} of somebody, with our name in a field that nobody signs`,
        modification({
          eventCode,
          merchantReference: 'order-7781',
          additionalData: { modificationMerchantReferences: 'att_aBc_1,cap_aBc_2' },
        }),
        null,
        null,
        'NC6HT9CRT65ZGN82',
      ],
    ),
  ])('names what it is about: %s', (_what, item, attemptId, operationId, providerReference) => {
    expect(noticeOf(item)).toMatchObject({ attemptId, operationId, providerReference, type: item.eventCode });
  });

  it('has the same id when it is sent again, and another for anything else', () => {
    const again = { ...authorised(), eventDate: '2026-11-24T11:00:00+01:00', reason: 'later' };
    expect(noticeOf(again)?.eventId).toBe(noticeOf(authorised())?.eventId);
    const others = [
      authorised(),
      authorised({ success: 'false' }),
      authorised({ pspReference: 'B' }),
      modification({}),
      modification({ eventCode: 'CAPTURE_FAILED' }),
    ];
    expect(new Set(others.map((item) => noticeOf(item)?.eventId)).size).toBe(others.length);
  });

  it('has no id that is a card number by chance', () => {
    const notice = noticeOf(authorised({ pspReference: '4111111111111111' }));
    expect(notice?.eventId).toMatch(/^AUTHORISATION\.[a-p]{64}\.true$/);
    expect(noticeOf(authorised({ pspReference: '4111111111111111' }))?.eventId).toBe(notice?.eventId);
  });

  it('keeps what evidence needs, and nothing else', () => {
    const notice = noticeOf(
      authorised({
        reason: '044925:0007:09/2029',
        additionalData: {
          networkTxReference: '060720116005060',
          cardSummary: '0007',
          expiryDate: '09/2029',
          cardHolderName: 'M. Muster',
          'recurring.recurringDetailReference': 'M5N7TQ4TG5PFWR50',
        },
      }),
    );
    expect(notice?.data).toEqual({
      merchantAccount: MERCHANT_ACCOUNT,
      success: true,
      pspReference: 'NC6HT9CRT65ZGN82',
      originalReference: null,
      reference: 'att_aBc_1',
      amount: euros,
      authorised: null,
      refusal: null,
      link: { id: '060720116005060', brand: 'visa', date: '2026-11-23' },
      dispute: null,
    });
  });

  it('keeps of a refusal its codes, not its words', () => {
    const item = authorised({
      success: 'false',
      reason: 'Not enough balance on 4571736000000000',
      additionalData: {
        refusalReasonRaw: '51 : Insufficient funds of M. Muster',
        merchantAdviceCode: '02 : later',
      },
    });
    const notice = noticeOf(item);
    expect(notice?.data).toMatchObject({
      refusal: { code: 'refused', networkCode: '51', advice: '02', afterApproval: false },
    });
    expect(JSON.stringify(notice)).not.toMatch(/Muster|4571736/);
  });

  it('keeps no reference that is none of ours', () => {
    expect(JSON.stringify(noticeOf(authorised({ merchantReference: 'M. Muster' })))).not.toContain('Muster');
  });

  it.each<[string, EventItem]>([
    [
      'a report that is ready',
      authorised({ eventCode: 'REPORT_AVAILABLE', pspReference: 'settlement_1.csv' }),
    ],
    [
      'a stored card, whose token is in the place of an id',
      authorised({ eventCode: 'RECURRING_CONTRACT', pspReference: 'M5N7TQ4TG5PFWR50' }),
    ],
    ['what is not known yet', authorised({ eventCode: 'SOMETHING_NEW' })],
    [
      'an id that is none, of somebody else',
      authorised({ pspReference: 'x y', merchantReference: 'order-7' }),
    ],
  ])('there is none of %s', (_what, item) => {
    expect(read(webhookOf([item]))).toEqual({ kind: 'read', notices: [] });
  });

  it.each<[string, Partial<EventItem>]>([
    ['an id that is none', { pspReference: 'x y' }],
    ['a currency that is none', { amount: { value: 1, currency: 'euro' } }],
    ['an amount below nothing', { amount: { value: -1, currency: 'EUR' } }],
  ])('one of ours with %s is not lost: the message is refused', (_what, over) => {
    expect(read(webhookOf([authorised(over)]))).toMatchObject(MALFORMED);
    expect(read(webhookOf([authorised(), authorised(over)]))).toMatchObject(MALFORMED);
  });
});
