import { scrub } from '../core/cards/card-number.ts';
import type { Randomness } from '../gateway/ports.ts';

/** Identity of one request across services (W3C Trace Context). */
export interface TraceContext {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** Header to send to providers: the same trace, with us as the parent. */
  readonly traceparent: string;
}

/** Version 00 exactly; a later version may carry more after the flags. */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const ALL_ZERO = /^0+$/;

/**
 * Takes the caller's trace, or begins one. A `traceparent` that is malformed, all zero, or carries what looks like a
 * card number (a random id does so by chance now and then) is left aside: it must neither refuse a payment nor reach
 * a log.
 */
export function traceContextOf(header: string | null, randomness: Randomness): TraceContext {
  const parent = hexId(2, randomness);
  const match = header === null ? null : TRACEPARENT.exec(header);
  const [, version, traceId, parentId, flags, rest] = match ?? [];
  const usable =
    traceId !== undefined &&
    parentId !== undefined &&
    !(version === '00' && rest !== undefined) &&
    !ALL_ZERO.test(traceId) &&
    !ALL_ZERO.test(parentId) &&
    !holdsCardNumber(traceId);
  if (!usable) {
    const fresh = hexId(4, randomness);
    return { traceId: fresh, traceparent: `00-${fresh}-${parent}-00` };
  }
  return { traceId, traceparent: `00-${traceId}-${parent}-${flags ?? '00'}` };
}

/** Looks at each run of digits by itself: within a long hexadecimal id the guard would take it for chance. */
function holdsCardNumber(traceId: string): boolean {
  return traceId.split(/[a-f]+/).some((run) => scrub(run) !== run);
}

/**
 * `words` times 8 hex digits. The last digit of each word is a letter, so that no run of 12 decimal digits can occur,
 * and the id is never all zero.
 */
function hexId(words: number, randomness: Randomness): string {
  let id = '';
  for (let word = 0; word < words; word += 1) {
    const digits = Math.floor(randomness.unit() * 0x10000000)
      .toString(16)
      .padStart(7, '0');
    id += digits + 'abcdef'.charAt(Math.floor(randomness.unit() * 6));
  }
  return id;
}
