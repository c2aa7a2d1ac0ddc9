import type { GatewayDeps } from './gateway-deps.ts';
import type { Road } from './road.ts';
import type { AuthorizeCommand } from './road-results.ts';

/** What is left of a deadline to answer in, once the journal is not waited for any longer: milliseconds, at most. */
const TO_ANSWER_MS = 100;
/** The same as a share of the deadline, where that is short. */
const TO_ANSWER_SHARE = 0.1;
/** How long recording is waited for beyond the deadline, milliseconds, by all of its steps: what came back is worth it. */
const TO_RECORD_MS = 400;
/** How long it is then looked for what stands, where nothing could be recorded: milliseconds, beyond the deadline at most. */
const TO_LOOK_MS = 100;
/** Where no rule says: as long as a rule says that says nothing, milliseconds. */
const NO_RULE_MS = 8_000;
/** Of it, what the journal has before anything is sent, where the provider is to have its whole time after that. */
const TO_INTEND_MS = NO_RULE_MS / 2;

/**
 * How long the journal is waited for that a request asks, by what it asks for: milliseconds from the request. What is not
 * confirmed by then is answered `503`, and goes on.
 */
export const WAITED_MS = {
  /** What it only reads: as long as a database takes for a statement at most. */
  read: 5_000,
  /** One write, such as an override: the same. What was to be told of it is told whenever it is written. */
  command: 5_000,
  /** The check of a ruleset: behind the two that may wait before it, each of which has its time, and the journal's. */
  check: 20_000,
  /** The release of a ruleset: a handful of statements, one after the other, and behind a look that is under way. */
  release: 10_000,
  /** To keep an event, from when it was verified: providers wait for some seconds, and tell it again where it is not acknowledged. */
  notice: 4_000,
} as const;

/** Until when the journal is waited for before anything is sent, monotonic clock: the answer is to come within the deadline. */
export function openedBy({ command, deadlineMs }: Road): number {
  return deadlineMs - reserveOf(command.receivedAtMs, deadlineMs);
}

function reserveOf(receivedAtMs: number, deadlineMs: number): number {
  return Math.min(TO_ANSWER_MS, (deadlineMs - receivedAtMs) * TO_ANSWER_SHARE);
}

/** Until when an earlier answer of the key is waited for, monotonic clock: a little longer than what failed before it. */
export function lookedUpBy(
  { receivedAtMs, request }: Pick<AuthorizeCommand, 'receivedAtMs' | 'request'>,
  road: Road | null,
): number {
  const deadlineMs = road?.deadlineMs ?? receivedAtMs + (request.deadlineMs ?? NO_RULE_MS);
  return deadlineMs - reserveOf(receivedAtMs, deadlineMs) / 2;
}

/** What was asked for in time has come back. */
export interface CameBack {
  /** Monotonic clock by which it was to. */
  readonly deadlineMs: number;
  /** When it did, monotonic clock: later than the deadline only by what this process stood still. */
  readonly cameBackAtMs: number;
}

/**
 * Until when the journal is waited for once something was sent, monotonic clock. What comes back at the deadline is still
 * recorded before it is answered; when that takes longer, the answer is `pending`. However many steps recording has, they
 * share the one time that it has beyond the deadline.
 */
export function recordedBy(back: CameBack, { clock }: Pick<GatewayDeps, 'clock'>): number {
  return within(TO_RECORD_MS, back, endOf(back), clock.monotonicMs());
}

/** Until when it is looked for what was told meanwhile, monotonic clock, before what could not be recorded is answered `pending`. */
export function lookedAgainBy(back: CameBack, { clock }: Pick<GatewayDeps, 'clock'>): number {
  return within(TO_LOOK_MS, back, endOf(back) + TO_RECORD_MS, clock.monotonicMs());
}

function endOf({ deadlineMs, cameBackAtMs }: CameBack): number {
  return Math.max(deadlineMs, cameBackAtMs);
}

/** The deadline, or so long from now; but from `beginsByMs` where it begins later. */
function within(ms: number, { deadlineMs }: CameBack, beginsByMs: number, nowMs: number): number {
  return Math.max(deadlineMs, Math.min(nowMs, beginsByMs) + ms);
}

/**
 * Until when the journal is waited for that a capture, void or refund is to be intended in, or a report to be written,
 * monotonic clock. Nothing is sent before.
 */
export function intendedBy({ receivedAtMs }: Pick<AuthorizeCommand, 'receivedAtMs'>): number {
  return receivedAtMs + TO_INTEND_MS;
}

/**
 * The deadline of a capture, void or refund, monotonic clock: that of an authorization that no rule gives another, and
 * later only where its provider has more time. What comes back at it is still recorded ({@link recordedBy}).
 * @param timeoutMs of a call of its provider
 */
export function operationDeadline(
  { receivedAtMs }: Pick<AuthorizeCommand, 'receivedAtMs'>,
  timeoutMs: number,
): number {
  return receivedAtMs + Math.max(NO_RULE_MS, TO_INTEND_MS + timeoutMs);
}
