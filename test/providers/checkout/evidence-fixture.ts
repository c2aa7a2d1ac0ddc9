import type { OperationKind } from '../../../src/core/operation.ts';
import type { AskedOperation, NoticeEvidence, NoticeSubject } from '../../../src/gateway/ports.ts';
import { checkoutEvidence } from '../../../src/providers/checkout/evidence.ts';
import { readCheckoutNotices } from '../../../src/providers/checkout/notices.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { shippedDeclineTables } from '../shipped-decline-tables.ts';
import { EVENT_ID, PAYMENT_ID } from './checkout-fixture.ts';
import { CHANNEL, WEBHOOK_KEY, webhookOf } from './checkout-stand-in.ts';

const declineTables = await shippedDeclineTables();
export const deps = { clock: new FakeClock(), declineTables: () => declineTables };

export const eur = (value: number) => ({ value, currency: 'EUR' });
export const operationAsked = (
  operation: OperationKind,
  operationId: string,
  value: number,
): AskedOperation => ({
  operation,
  operationId,
  attemptId: 'att_aBc_1',
  providerReference: PAYMENT_ID,
  amount: eur(value),
  final: false,
});
export const VOID = operationAsked('void', 'void_aBc_1', 4999);
export const ASKED: NoticeSubject = {
  attemptId: 'att_aBc_1',
  request: sampleRequest(),
  brand: 'visa',
  scaRegion: false,
  providerReference: PAYMENT_ID,
  operations: [
    VOID,
    operationAsked('capture', 'cap_aBc_2', 1000),
    operationAsked('refund', 'ref_aBc_3', 400),
  ],
  operationReferences: [],
};
export const OTHER = 'pay_zzzzizu24mvu3mela5njyhpit4';

/** What an event of this type and data says, as it would after it was signed, read and kept. */
export function evidence(type: string, data: unknown, over: Partial<NoticeSubject> = {}): NoticeEvidence {
  const reading = readCheckoutNotices(webhookOf({ id: EVENT_ID, type, data }), [WEBHOOK_KEY]);
  const [notice] = reading.kind === 'read' ? reading.notices : [];
  if (notice === undefined) throw new Error(`it was to be read: ${JSON.stringify(reading)}`);
  const kept = JSON.parse(JSON.stringify(notice));
  return checkoutEvidence(kept, { ...ASKED, ...over }, CHANNEL, deps);
}
