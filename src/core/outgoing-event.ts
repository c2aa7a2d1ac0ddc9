import { type Authorization, isAnswerable } from './authorization.ts';
import { memberOf } from './member-of.ts';
import { hasUndone, type Operation } from './operation.ts';

/** Types of the events that are told to endpoints, in the words of Standard Webhooks. */
export const EVENT_TYPES = [
  'authorization.resolved',
  'authorization.voided',
  'authorization.expired',
  'authorization.reversed',
  'capture.settled',
  'capture.failed',
  'void.settled',
  'void.failed',
  'refund.settled',
  'refund.failed',
  'dispute.inquired',
  'dispute.opened',
  'dispute.updated',
  'dispute.closed',
  'fraud.noticed',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** A change as the history keeps it: which kind, by whom, with what evidence. */
export interface HistoryEntry {
  readonly kind: string;
  readonly actor: string;
  readonly data: unknown;
}

/** Something that a change means to those who listen. */
export interface OutgoingEvent {
  readonly type: EventType;
  /** The operation that it is about; null when it is about the authorization as a whole. */
  readonly operation: Operation | null;
  /** Whether whoever asked was told the same by the answer to the request. */
  readonly answered: boolean;
}

/**
 * What a change of an authorization means to those who listen: ends that no answer has told, and those that one has.
 * Pure, over states that follow from the history alone: so the same change means the same whenever it is asked about,
 * and nothing has to be written for it on the way of a payment.
 * @param before null for the change that opened it
 */
export function outgoingEvents(
  before: Authorization | null,
  after: Authorization,
  entry: HistoryEntry,
): readonly OutgoingEvent[] {
  if (entry.kind === 'disputed') return disputeEvents(entry.data);
  if (entry.kind === 'operation_ended' && memberOf(entry.data, 'told') === 'pending') {
    return endEvents(after, memberOf(entry.data, 'operation'));
  }
  const ofAuthorization = authorizationEvent(before, after, entry);
  const ofOperations = after.operations.flatMap((operation) => {
    const known = before?.operations[operation.number - 1];
    const ended = operation.status !== 'pending' && (known === undefined || known.status === 'pending');
    return ended ? operationEvents(operation, isAnswer(before, after, operation, entry)) : [];
  });
  return ofAuthorization === null ? ofOperations : [ofAuthorization, ...ofOperations];
}

/** A caller's capture, void or refund was ended by its own call after all, and its caller had been told `pending`. */
function endEvents({ operations, status }: Authorization, id: unknown): readonly OutgoingEvent[] {
  const operation = operations.find((candidate) => candidate.id === id);
  if (operation === undefined || operation.status === 'pending') return [];
  const ofOperation = operationEvents(operation, false);
  return hasUndone(operation) && status === 'voided'
    ? [{ type: 'authorization.voided', operation: null, answered: false }, ...ofOperation]
    : ofOperation;
}

function authorizationEvent(
  before: Authorization | null,
  after: Authorization,
  entry: HistoryEntry,
): OutgoingEvent | null {
  if (after.open || !isAnswerable(after.status)) return null;
  const event = (type: EventType, answered: boolean) => ({ type, operation: null, answered });
  // It was written as its road's end after all, of which the caller was told `pending`.
  if (entry.kind === 'concluded' && memberOf(entry.data, 'told') === 'pending') {
    return event('authorization.resolved', false);
  }
  // What was pending has come to an end. Later changes come upon an answer that is frozen.
  if (before?.answered !== true) return event('authorization.resolved', isRoadsAnswer(before, entry));
  if (before.status !== after.status && after.status === 'voided') {
    return event('authorization.voided', isCallersAnswer(entry));
  }
  const hasExpired = before.status !== after.status && after.status === 'expired';
  return hasExpired || after.captureClosed !== before.captureClosed
    ? event('authorization.expired', false)
    : null;
}

/**
 * Whether the road that authorized ended with this change, and answered by it. A road that died has answered nothing, and
 * one that could not record what came back has answered `pending`.
 */
function isRoadsAnswer(before: Authorization | null, { kind, data }: HistoryEntry): boolean {
  if (before === null) return true;
  return before.open && kind === 'concluded' && memberOf(data, 'reason') !== 'journal_failed';
}

/** Whether a caller's capture, void or refund ended within its own request. */
function isCallersAnswer({ kind, actor, data }: HistoryEntry): boolean {
  if (kind === 'operation_begun') return true;
  return kind === 'operation_ended' && actor === 'gateway' && memberOf(data, 'by') === 'answer';
}

function isAnswer(
  before: Authorization | null,
  after: Authorization,
  { purpose }: Operation,
  entry: HistoryEntry,
): boolean {
  if (purpose === 'requested') return isCallersAnswer(entry);
  // What the road does by itself is told by its answer.
  return after.open || isRoadsAnswer(before, entry);
}

function operationEvents(operation: Operation, answered: boolean): readonly OutgoingEvent[] {
  const { kind, purpose, status } = operation;
  const isSuccess = status === 'succeeded';
  if (kind !== 'void' || purpose === 'requested') {
    return [{ type: isSuccess ? `${kind}.settled` : `${kind}.failed`, operation, answered }];
  }
  // A reversal of ours that fails is begun anew until nothing stands: operators are told. What somebody else undid, and
  // what expired, is told by the state that it leads to.
  if (!hasUndone(operation) || purpose === 'external' || purpose === 'expiry') return [];
  return [{ type: 'authorization.reversed', operation, answered }];
}

const DISPUTE_TYPES: ReadonlyMap<unknown, EventType> = new Map([
  ['fraud_notice', 'fraud.noticed'],
  ['inquiry', 'dispute.inquired'],
  ['opened', 'dispute.opened'],
  ['updated', 'dispute.updated'],
  ['won', 'dispute.closed'],
  ['lost', 'dispute.closed'],
]);

function disputeEvents(data: unknown): readonly OutgoingEvent[] {
  const type = DISPUTE_TYPES.get(memberOf(memberOf(data, 'dispute'), 'stage'));
  return type === undefined ? [] : [{ type, operation: null, answered: false }];
}

/** What an endpoint wants to be told. */
export interface EventChoice {
  readonly types: 'all' | ReadonlySet<EventType>;
  /** Also what the answer to the caller has told. */
  readonly includesAnswered: boolean;
}

export function isWanted(event: Pick<OutgoingEvent, 'type' | 'answered'>, choice: EventChoice): boolean {
  if (event.answered && !choice.includesAnswered) return false;
  return choice.types === 'all' || choice.types.has(event.type);
}

/**
 * The id of an event for an endpoint: the same however often it is sent, and whoever sends it. No dot may stand in it,
 * since its signature puts one behind it. By the authorization's own id and not by the place in the whole history,
 * which a journal that begins anew would give again.
 * @param number of the change within its authorization, from 1
 * @param part of several that one change means, from 1
 */
export function eventId(endpoint: string, authorizationId: string, number: number, part: number): string {
  return `evt_${endpoint}_${authorizationId.slice('auth_'.length)}_${number}_${part}`;
}

/** Delays before the second, third … try, milliseconds: the schedule that Standard Webhooks gives as an example. */
const RETRY_DELAYS_MS: readonly number[] = [
  5_000,
  5 * 60_000,
  30 * 60_000,
  2 * 3_600_000,
  5 * 3_600_000,
  10 * 3_600_000,
  14 * 3_600_000,
  20 * 3_600_000,
  24 * 3_600_000,
];
/** Share of a delay by which it may be longer or shorter: those that failed together do not come back together. */
const JITTER = 0.1;

/** While an event has failed fewer times than this, later ones of its authorization wait for it. */
export const FAILURES_BEFORE_OVERTAKEN = 2;

/**
 * How long to wait after a try that failed; null: it is given up.
 * @param failures tries that failed, this one included; at least 1
 * @param unit random, 0 to 1
 */
export function retryDelayMs(failures: number, unit: number): number | null {
  const delayMs = RETRY_DELAYS_MS[failures - 1];
  return delayMs === undefined ? null : Math.round(delayMs * (1 - JITTER + 2 * JITTER * unit));
}
