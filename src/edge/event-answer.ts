import type { Authorization } from '../core/authorization.ts';
import { scrub } from '../core/cards/card-number.ts';
import type { Delivery, Dispute, RenderEvent, ToldEvent } from '../gateway/ports.ts';
import { authorizationAnswer } from './answer.ts';
import { shownOperation } from './shown-operation.ts';

/**
 * The body of an event: what reading the authorization would have shown when the change was made, and what the event is
 * about. From the delivery and the history alone, so that it is the same whenever it is sent.
 */
export const renderEvent: RenderEvent = ({ id, type, number, atMs }, told) =>
  JSON.stringify({
    id,
    type,
    created_at: new Date(atMs).toISOString(),
    data: {
      version: number,
      authorization: authorizationAnswer(told.authorization),
      operation:
        told.event.operation === null ? null : shownOperation(told.authorization, told.event.operation),
      dispute: disputeAnswer(told),
    },
  });

/** What a provider tells of a dispute, and of which attempt; null for every other event. */
function disputeAnswer({ entry, authorization }: ToldEvent) {
  const data = entry.data as {
    readonly dispute?: Dispute;
    readonly attempt?: string;
    readonly notice?: string;
  };
  if (entry.kind !== 'disputed' || data.dispute === undefined) return null;
  const { disputeId, stage, reason, amount, respondByMs, unproven = false } = data.dispute;
  return {
    id: scrub(disputeId),
    stage,
    reason: reason === null ? null : scrub(reason),
    amount,
    respond_by: respondByMs === null ? null : new Date(respondByMs).toISOString(),
    proven: !unproven,
    attempt: data.attempt ?? null,
    provider: providerOf(authorization, data.attempt),
    // The same when a provider's event had to be worked out twice.
    provider_event: scrub(data.notice ?? ''),
  };
}

function providerOf({ attempts }: Authorization, attemptId: string | undefined): string | null {
  return attempts.find(({ id }) => id === attemptId)?.provider ?? null;
}

/** A delivery as operators see it. */
export function shownDelivery(delivery: Delivery) {
  const { dueAtMs, lastSentAtMs } = delivery;
  return {
    id: delivery.id,
    endpoint: delivery.endpoint,
    type: delivery.type,
    authorization_id: delivery.authorizationId,
    version: delivery.number,
    state: delivery.state,
    failures: delivery.failures,
    last_result: delivery.lastResult,
    created_at: new Date(delivery.atMs).toISOString(),
    last_sent_at: lastSentAtMs === null ? null : new Date(lastSentAtMs).toISOString(),
    next_at: dueAtMs === null ? null : new Date(dueAtMs).toISOString(),
  };
}
