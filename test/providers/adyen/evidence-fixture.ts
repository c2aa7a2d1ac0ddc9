import type { OperationKind } from '../../../src/core/operation.ts';
import type { AskedOperation, NoticeEvidence, NoticeSubject } from '../../../src/gateway/ports.ts';
import { adyenEvidence } from '../../../src/providers/adyen/evidence.ts';
import { readAdyenNotices } from '../../../src/providers/adyen/notices.ts';
import { readAdyenSetup } from '../../../src/providers/adyen/setup.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { shippedDeclineTables } from '../shipped-decline-tables.ts';
import { adyenContract } from './adyen-contract.ts';
import { PSP_REFERENCE } from './adyen-fixture.ts';
import { type EventItem, MERCHANT_ACCOUNT, webhookOf } from './adyen-stand-in.ts';

const declineTables = await shippedDeclineTables();
export const deps = { clock: new FakeClock(), declineTables: () => declineTables };
const SETUP = readAdyenSetup(adyenContract());

export const euros = (value: number, currency = 'EUR') => ({ value, currency });

export const event = (over: Partial<EventItem> = {}): EventItem => ({
  eventCode: 'AUTHORISATION',
  success: 'true',
  pspReference: PSP_REFERENCE,
  merchantReference: 'att_aBc_1',
  amount: euros(4999),
  ...over,
});

export const OWN_REFERENCE = 'JDD6LKT8MBLZNN84';
export const modification = (
  eventCode: string,
  merchantReference: string,
  over: Partial<EventItem> = {},
): EventItem =>
  event({
    eventCode,
    merchantReference,
    pspReference: OWN_REFERENCE,
    originalReference: PSP_REFERENCE,
    ...over,
  });

export const subject = (over: Partial<NoticeSubject> = {}): NoticeSubject => ({
  attemptId: 'att_aBc_1',
  request: sampleRequest(),
  brand: 'visa',
  scaRegion: false,
  providerReference: PSP_REFERENCE,
  operations: [],
  operationReferences: [],
  ...over,
});

export const operation = (
  kind: OperationKind,
  operationId: string,
  over: Partial<AskedOperation> = {},
): AskedOperation => ({
  operation: kind,
  operationId,
  attemptId: 'att_aBc_1',
  providerReference: PSP_REFERENCE,
  amount: euros(4999),
  final: true,
  ...over,
});

/** What an event says, on its way as it comes in: signed, read, kept as JSON, worked out. */
export function evidenceOf(item: EventItem, over: Partial<NoticeSubject> = {}): NoticeEvidence {
  const reading = readAdyenNotices(webhookOf([item]), SETUP);
  const notice = reading.kind === 'read' ? reading.notices[0] : undefined;
  if (notice === undefined) throw new Error(`not read: ${JSON.stringify(reading)}`);
  const kept = { type: notice.type, data: JSON.parse(JSON.stringify(notice.data)) };
  return adyenEvidence(kept, subject(over), MERCHANT_ACCOUNT, deps);
}
