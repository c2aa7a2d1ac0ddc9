import {
  type Attributes,
  type Context,
  type Tracer as Library,
  type Span as LibrarySpan,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { ParentBasedSampler, TraceIdRatioBasedSampler, TracerProvider } from '@opentelemetry/sdk-trace';
import { scrub } from '../core/cards/card-number.ts';
import { hexId } from '../core/text/hex-id.ts';
import type { Clock, Randomness, Span, SpanFacts, TraceParent, Tracer } from '../gateway/ports.ts';
import { type SpanFate, SpanQueue } from './span-queue.ts';

export interface TracingSettings {
  /** Base URL of the collector: spans go to `/v1/traces` under it. */
  readonly endpoint: string;
  readonly serviceName: string;
  /** Share of the traces that begin here that are recorded, 0 to 1; of a caller's trace its flag decides. */
  readonly ratio: number;
  readonly version: string;
}

export interface TracingDeps {
  readonly clock: Clock;
  readonly randomness: Randomness;
  /** Told what becomes of spans; must not throw. */
  readonly onSpans: (fate: SpanFate, count: number) => void;
  /** Told when spans begin to be refused, with why, and when they are taken again (null); must not throw. */
  readonly onTrouble: (problem: string | null) => void;
}

/** Traces of a process. */
export interface Tracing {
  readonly tracer: Tracer;
  /** Sends what waits, for at most `timeoutMs`. Nothing is recorded afterwards. */
  close(timeoutMs: number): Promise<void>;
}

/** A collector that hangs holds one batch for so long, and never a payment. */
const EXPORT_TIMEOUT_MS = 5_000;

/**
 * Traces by OTLP (HTTP, JSON). This file alone knows the libraries, and is loaded only where traces are wanted. Nothing
 * is registered globally: what is not handed a span is not traced.
 */
export function startTracing(settings: TracingSettings, deps: TracingDeps): Tracing {
  const exporter = new OTLPTraceExporter({
    url: `${settings.endpoint.replace(/\/+$/, '')}/v1/traces`,
    timeoutMillis: EXPORT_TIMEOUT_MS,
  });
  const { clock, onSpans, onTrouble } = deps;
  const queue = new SpanQueue({ exporter, clock, onFate: onSpans, onTrouble });
  const unit = () => deps.randomness.unit();
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      'service.name': scrub(settings.serviceName),
      'service.version': settings.version,
    }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(settings.ratio) }),
    // In ids of the library a card number could occur.
    idGenerator: { generateTraceId: () => hexId(4, unit), generateSpanId: () => hexId(2, unit) },
    spanProcessors: [queue],
  });
  return {
    tracer: tracerOn(provider.getTracer('pointsman', settings.version)),
    async close(timeoutMs) {
      await queue.close(timeoutMs);
      // Its wait for what it has in hand is bounded by its own time-out, which is none of ours any more.
      void exporter.shutdown().catch(() => {});
    },
  };
}

function tracerOn(library: Library): Tracer {
  return {
    request({ method, route }, parent) {
      const options = {
        kind: SpanKind.SERVER,
        attributes: { 'http.request.method': method, 'http.route': route },
      };
      return spanOn(library, library.startSpan(`${method} ${route}`, options, contextOf(parent)));
    },
    look(facts) {
      const options = { kind: SpanKind.INTERNAL, attributes: attributesOf(facts) };
      return spanOn(library, library.startSpan('resolve', options, ROOT_CONTEXT));
    },
  };
}

function contextOf(parent: TraceParent | null): Context {
  if (parent === null) return ROOT_CONTEXT;
  const { traceId, spanId, flags } = parent;
  const traceFlags = Number.parseInt(flags, 16) & TraceFlags.SAMPLED;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}

/** To whom a piece is asked: a provider is somebody else, the journal is a part of us. */
const KINDS = {
  attempt: SpanKind.CLIENT,
  operation: SpanKind.CLIENT,
  journal: SpanKind.INTERNAL,
} as const satisfies Record<Parameters<Span['begin']>[0], SpanKind>;

function spanOn(library: Library, span: LibrarySpan): Span {
  const { traceId, spanId, traceFlags } = span.spanContext();
  const isRecorded = span.isRecording();
  const own: Span = {
    traceId,
    traceparent: `00-${traceId}-${spanId}-${isRecorded ? '01' : `0${traceFlags & TraceFlags.SAMPLED}`}`,
    begin(name, facts) {
      // Of what is not recorded, pieces are not told apart: that is nearly all of the road.
      if (!isRecorded) return own;
      const options = { kind: KINDS[name], attributes: attributesOf(facts) };
      return spanOn(library, library.startSpan(name, options, trace.setSpan(ROOT_CONTEXT, span)));
    },
    end(facts, failed = false) {
      if (!isRecorded) return;
      if (facts !== undefined) span.setAttributes(attributesOf(facts));
      if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
  };
  return own;
}

/** Names of attributes; those that OpenTelemetry has a name for have that. */
const NAMES = {
  provider: 'pointsman.provider',
  brand: 'pointsman.card.brand',
  attempt: 'pointsman.attempt.number',
  outcome: 'pointsman.outcome',
  operation: 'pointsman.operation',
  command: 'db.operation.name',
  status: 'http.response.status_code',
  begunIn: 'pointsman.begun_in_trace',
} as const satisfies Record<keyof SpanFacts, string>;

function attributesOf(facts: SpanFacts): Attributes {
  const attributes: Attributes = {};
  for (const [name, value] of Object.entries(facts) as [keyof SpanFacts, string | number][]) {
    attributes[NAMES[name]] = typeof value === 'string' ? scrub(value) : value;
  }
  return attributes;
}
