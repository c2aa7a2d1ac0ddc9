import type { Clock } from './ports.ts';

/**
 * How long work taken up belongs to its process; and how long anybody else watches a lease on work, unchanged, before they
 * end it.
 */
export const WORK_LEASE_MS = 180_000;
/** From the beginning of a lease on work, when whoever holds it sends the last request: well before it may be ended. */
const SENDS_FOR_MS = 170_000;

/**
 * When whoever does something under a lease sends the last of it. By both clocks: a machine that stood still may have stopped
 * the monotonic one, and a wall clock may be set back.
 */
export interface SendLimit {
  /** Monotonic clock. */
  readonly monotonicMs: number;
  /** Wall clock. */
  readonly wallMs: number;
}

/** The limit of what is done under a lease. Asked for before the lease is written, so that time spent on that counts. */
export function sendLimit(clock: Clock): SendLimit {
  return { monotonicMs: clock.monotonicMs() + SENDS_FOR_MS, wallMs: clock.wallMs() + SENDS_FOR_MS };
}

/** Who holds the work of an operation while a call of this process carries it out: each call has a lease of its own. */
export function callHolder(owner: string, callId: string): string {
  return `${owner} ${callId}`;
}

const CLOSES = ' closes ';

/** Who holds the work of an operation while a person closes it. */
export function closingHolder(owner: string, operationId: string): string {
  return `${owner}${CLOSES}${operationId}`;
}

/**
 * Whether a lease may be ended once it was watched for {@link WORK_LEASE_MS}. Not that of a person's word: it keeps others
 * from sending what is being recorded as failed, and nothing else stands against that.
 */
export function mayBeEnded(holder: string): boolean {
  return !holder.includes(CLOSES);
}
