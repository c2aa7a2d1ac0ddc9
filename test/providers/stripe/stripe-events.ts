import { createHmac } from 'node:crypto';
import type { NoticeEvidence, NoticeSubject } from '../../../src/gateway/ports.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { API_KEY, type StripeByScript } from './stripe-fixture.ts';

/** An attempt that an event is read against. */
export const subject = (over: Partial<NoticeSubject> = {}): NoticeSubject => ({
  attemptId: 'att_a_1',
  request: sampleRequest(),
  brand: 'visa',
  scaRegion: false,
  providerReference: 'pi_1',
  operations: [],
  operationReferences: [],
  ...over,
});

/** What an event says, on the whole way: signed, read, kept as JSON, and read again. */
export async function evidence(
  stripe: StripeByScript,
  type: string,
  object: unknown,
  asked: NoticeSubject = subject(),
  over: { event?: object; settings?: Record<string, string>; apiKey?: string } = {},
): Promise<NoticeEvidence> {
  const { settings = {}, apiKey = API_KEY } = over;
  const credentials = { api_key: apiKey, webhook_secret: 'whsec_1' };
  const provider = stripe.create({ credentials, settings });
  const body = JSON.stringify({
    id: 'evt_1',
    object: 'event',
    livemode: false,
    type,
    data: { object },
    ...over.event,
  });
  const seconds = Math.floor(stripe.clock.wallMs() / 1000);
  const signature = createHmac('sha256', 'whsec_1').update(`${seconds}.${body}`).digest('hex');
  const headers = { 'stripe-signature': `t=${seconds},v1=${signature}` };
  const reading = await provider.readNotices({ headers, body });
  if (reading.kind !== 'read') throw new Error(JSON.stringify(reading));
  const [notice] = reading.notices;
  if (notice === undefined) throw new Error('no notice');
  const kept = { type: notice.type, data: JSON.parse(JSON.stringify(notice.data)) };
  return provider.evidenceIn(kept, asked);
}

export const MISMATCH = { kind: 'mismatch' };
export const NOTHING = { kind: 'nothing' };
export const attemptEvidence = (outcome: object) => ({ kind: 'attempt', outcome });
