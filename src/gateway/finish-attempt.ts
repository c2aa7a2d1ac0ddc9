import { type Attempt, isUnsettled } from '../core/attempt.ts';
import { withVoid } from '../core/lifecycle.ts';
import type { Operation, OperationPurpose } from '../core/operation.ts';
import { pendingVoid } from '../core/settlement.ts';
import type { Admitted } from './attempt.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { FIRST_SENDING, notProcessed } from './judge-repeat.ts';
import {
  endOfInquiry,
  endOfOutcome,
  endOfRefusedVoid,
  inquireOperation,
  labelOf,
  sendOperation,
} from './operation-calls.ts';
import type { CallBudget, OperationInquiry, OperationOutcome } from './ports.ts';
import { type EndReason, find, lastAttempt, recordRoad } from './record.ts';
import { cameBack, type Road } from './road.ts';

/** What the road does itself, while the caller waits. The rest is done beside it. */
const DONE_AT_ONCE: ReadonlySet<OperationPurpose> = new Set([
  'automatic_capture',
  'partial_approval',
  'hidden_approval',
  'unknown_outcome',
]);

/** Least time left for which an operation is begun while the caller waits, milliseconds. */
const WORTH_BEGINNING_MS = 50;

/**
 * Does what an outcome asks for before the road may go on or end: undoes an approval for less that the caller does not
 * take, or one that a decline may hide; cancels an unknown attempt where the rule says so; captures what is to be
 * captured at once. Outcome and operation are durable before the operation is sent; only a confirmation counts.
 * @returns why the road must stop, or null when it may go on
 */
export async function finishAttempt(
  road: Road,
  admitted: Admitted,
  deps: GatewayDeps,
): Promise<EndReason | null> {
  const attempt = lastAttempt(road);
  if (attempt === null) return null;
  cancelUnknown(road, attempt, admitted, deps);
  const operation = road.current.operations.find(
    ({ attemptNumber, status, purpose }) =>
      attemptNumber === attempt.number && status === 'pending' && DONE_AT_ONCE.has(purpose),
  );
  if (operation === undefined || remainingMs(road, deps) < WORTH_BEGINNING_MS) return null;
  const recorded = await recordRoad(
    road,
    'operation_begun',
    { operation: operation.id, purpose: operation.purpose },
    deps,
  );
  if (recorded !== 'written') return recorded === 'failed' ? 'journal_failed' : 'overtaken';
  await carryOut(road, attempt, operation, admitted, deps);
  return null;
}

function remainingMs(road: Road, deps: Pick<GatewayDeps, 'clock'>): number {
  return road.deadlineMs - deps.clock.monotonicMs();
}

/** `after_unknown: cancel_then_fail_over`: what may stand there is cancelled, and only a confirmation goes on. */
function cancelUnknown(road: Road, attempt: Attempt, admitted: Admitted, deps: GatewayDeps): void {
  const { outcome } = attempt;
  if (outcome?.kind !== 'unknown' || road.rule.action.afterUnknown !== 'cancel_then_fail_over') return;
  if (pendingVoid(road.current, attempt.number) !== null) return;
  const { semantics } = admitted.provider;
  if (!semantics.cancelByReference && outcome.providerReference === null) return;
  road.current = withVoid(road.current, attempt, 'unknown_outcome', deps.clock.wallMs());
}

async function carryOut(
  road: Road,
  attempt: Attempt,
  operation: Operation,
  admitted: Admitted,
  deps: GatewayDeps,
): Promise<void> {
  const { provider, contract } = admitted;
  const startedMs = deps.clock.monotonicMs();
  const { span: traced = null, traceparent } = road.command;
  const span = traced?.begin('operation', { provider: provider.id, operation: operation.kind });
  const budget: CallBudget = {
    deadlineMs: Math.min(road.deadlineMs, startedMs + contract.timeoutMs),
    // By the wall clock of the intent: when a machine goes on that stood still, others may have taken its road for left.
    sendByMs: attempt.deadlineAtMs + road.deadlineMs - admitted.deadlineMs,
    connectTimeoutMs: contract.connectTimeoutMs,
    signal: deps.stopSignal,
    traceparent: span?.traceparent ?? traceparent,
  };
  const target = { authorization: road.current, attempt, operation };
  const outcome = await sendOperation(provider, target, budget, deps);
  let end = endOfOutcome(outcome);
  let label: OperationOutcome | OperationInquiry = outcome;
  if (outcome.kind === 'accepted' && provider.semantics.operationInquiry) {
    // An acknowledgement is no evidence. It is often done by now.
    const inquiry = await inquireOperation(provider, target, budget, deps);
    label = inquiry;
    end = endOfInquiry(inquiry);
  } else if (operation.kind === 'void' && end?.status === 'failed' && !isUnsettled(attempt.outcome)) {
    end = await endOfRefusedVoid(provider, target, end, budget, deps);
  }
  cameBack(road, startedMs, deps);
  span?.end({ outcome: end?.status ?? label.kind }, end === null);
  deps.observer.resolved({
    authorizationId: road.authorizationId,
    provider: provider.id,
    subject: operation.kind,
    by: 'answer',
    result: end?.status ?? labelOf(label),
    ageMs: deps.clock.monotonicMs() - startedMs,
  });
  const unprocessed = notProcessed(outcome, operation, provider.semantics, FIRST_SENDING);
  // Where it cannot be recorded, or somebody was first, it counts as one that may have been processed; the road ends anyway.
  if (unprocessed !== null) await recordRoad(road, unprocessed.kind, unprocessed.data, deps);
  if (end !== null) find(road, { about: 'operation', number: operation.number, end }, deps);
}
