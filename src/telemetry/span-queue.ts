import type { ReadableSpan, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace';
import type { Clock } from '../gateway/ports.ts';

/** What became of spans. `dropped`: there was no room for them, or no time when the process ended. */
export type SpanFate = 'exported' | 'failed' | 'dropped';

export interface SpanQueueDeps {
  readonly exporter: SpanExporter;
  readonly clock: Clock;
  /** Told of all spans; must not throw. */
  readonly onFate: (fate: SpanFate, count: number) => void;
  /** Told when batches begin to fail, with why, and when they are taken again (null); must not throw. */
  readonly onTrouble: (problem: string | null) => void;
}

/** Spans that wait at most: some megabytes, whatever the collector does. */
export const SPANS_MAX = 4_096;
const BATCH_MAX = 512;
/** The longest that a span waits for others, milliseconds. */
const BATCH_WAIT_MS = 1_000;

/**
 * Spans that ended, on their way to the collector: one batch at a time, never more than {@link SPANS_MAX} in all. A
 * batch that fails is given up, since the exporter has tried it again by then. Never throws, and nobody waits for it.
 */
export class SpanQueue implements SpanProcessor {
  readonly #deps: SpanQueueDeps;
  #waiting: ReadableSpan[] = [];
  #sending: Promise<void> | null = null;
  #cancelTimer: (() => void) | null = null;
  #isFailing = false;
  #isClosed = false;

  constructor(deps: SpanQueueDeps) {
    this.#deps = deps;
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if (this.#isClosed || this.#waiting.length >= SPANS_MAX) {
      this.#deps.onFate('dropped', 1);
      return;
    }
    this.#waiting.push(span);
    if (this.#waiting.length >= BATCH_MAX) void this.#send();
    else this.#cancelTimer ??= this.#deps.clock.after(BATCH_WAIT_MS, () => void this.#send());
  }

  async forceFlush(): Promise<void> {
    while (this.#waiting.length > 0 || this.#sending !== null) await this.#send();
  }

  async shutdown(): Promise<void> {
    await this.close(0);
  }

  /** Sends what waits, for at most `timeoutMs`, and takes nothing more. */
  async close(timeoutMs: number): Promise<void> {
    this.#isClosed = true;
    let cancel = () => {};
    const late = new Promise<void>((resolve) => {
      cancel = this.#deps.clock.after(timeoutMs, resolve);
    });
    await Promise.race([this.forceFlush(), late]);
    cancel();
    this.#cancelTimer?.();
    if (this.#waiting.length > 0) this.#deps.onFate('dropped', this.#waiting.length);
    this.#waiting = [];
  }

  #send(): Promise<void> {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    if (this.#sending !== null) return this.#sending;
    if (this.#waiting.length === 0) return Promise.resolve();
    const batch = this.#waiting.splice(0, BATCH_MAX);
    this.#sending = this.#export(batch).then((problem) => {
      this.#sending = null;
      this.#deps.onFate(problem === null ? 'exported' : 'failed', batch.length);
      const isFailing = problem !== null;
      if (isFailing !== this.#isFailing) this.#deps.onTrouble(problem);
      this.#isFailing = isFailing;
      if (this.#waiting.length >= BATCH_MAX) void this.#send();
      else if (this.#waiting.length > 0) {
        this.#cancelTimer ??= this.#deps.clock.after(BATCH_WAIT_MS, () => void this.#send());
      }
    });
    return this.#sending;
  }

  /** @returns null, or why it failed */
  #export(batch: ReadableSpan[]): Promise<string | null> {
    return new Promise((resolve) => {
      try {
        this.#deps.exporter.export(batch, ({ code, error }) =>
          resolve(code === 0 ? null : (error?.message ?? 'refused by the collector')),
        );
      } catch (error) {
        resolve(error instanceof Error ? error.message : String(error));
      }
    });
  }
}
