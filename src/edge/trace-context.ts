import { scrub } from '../core/cards/card-number.ts';
import { hexId } from '../core/text/hex-id.ts';
import type { Randomness, Span, TraceParent, Tracer } from '../gateway/ports.ts';

/** Identity of one request across services (W3C Trace Context). */
export interface TraceContext {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** Header to send to providers: the same trace, with us as the parent. */
  readonly traceparent: string;
  /** The request as a piece of that trace; null: nothing is traced. */
  readonly span: Span | null;
}

/** Version 00 exactly; a later version may carry more after the flags. */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const ALL_ZERO = /^0+$/;

/** Where requests are traced, when they are. */
export interface Traced {
  readonly tracer: Tracer | null;
  readonly method: string;
  /** The path's pattern, never the path. */
  readonly route: string;
}

/**
 * Takes the caller's trace, or begins one. A `traceparent` that is malformed, all zero, or carries what looks like a
 * card number (a random id does so by chance now and then) is left aside: it must neither refuse a payment nor reach
 * a log or a trace.
 * @param traced left out: nothing is traced, and the ids are passed on all the same
 */
export function traceContextOf(header: string | null, randomness: Randomness, traced?: Traced): TraceContext {
  const found = header === null ? null : parentIn(header);
  if (traced !== undefined && traced.tracer !== null) {
    const span = traced.tracer.request({ method: traced.method, route: traced.route }, found);
    return { traceId: span.traceId, traceparent: span.traceparent, span };
  }
  const unit = () => randomness.unit();
  const parent = hexId(2, unit);
  const traceId = found?.traceId ?? hexId(4, unit);
  return { traceId, traceparent: `00-${traceId}-${parent}-${found?.flags ?? '00'}`, span: null };
}

function parentIn(header: string): TraceParent | null {
  const [, version, traceId, spanId, flags, rest] = TRACEPARENT.exec(header) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return null;
  if (version === '00' && rest !== undefined) return null;
  if (ALL_ZERO.test(traceId) || ALL_ZERO.test(spanId)) return null;
  return holdsCardNumber(traceId) || holdsCardNumber(spanId) ? null : { traceId, spanId, flags };
}

/** Looks at each run of digits by itself: within a long hexadecimal id the guard would take it for chance. */
function holdsCardNumber(id: string): boolean {
  return id.split(/[a-f]+/).some((run) => scrub(run) !== run);
}
