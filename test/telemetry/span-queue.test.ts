import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import { describe, expect, it } from 'vitest';
import { SPANS_MAX, type SpanFate, SpanQueue } from '../../src/telemetry/span-queue.ts';
import { FakeClock } from '../support/fake-clock.ts';

type Done = Parameters<SpanExporter['export']>[1];

/** A collector whose answers the test gives. */
class HeldExporter implements SpanExporter {
  readonly batches: { readonly size: number; readonly done: Done }[] = [];
  export(spans: ReadableSpan[], done: Done): void {
    this.batches.push({ size: spans.length, done });
  }
  async shutdown(): Promise<void> {}
}

function world() {
  const clock = new FakeClock();
  const exporter = new HeldExporter();
  const fates = new Map<SpanFate, number>();
  const troubles: (string | null)[] = [];
  const queue = new SpanQueue({
    exporter,
    clock,
    onFate: (fate, count) => fates.set(fate, (fates.get(fate) ?? 0) + count),
    onTrouble: (problem) => troubles.push(problem),
  });
  const add = (count: number) => {
    for (let index = 0; index < count; index += 1) queue.onEnd({} as ReadableSpan);
  };
  const answer = async (error?: Error) => {
    const batch = exporter.batches.at(-1);
    batch?.done(error === undefined ? { code: 0 } : { code: 1, error });
    await Promise.resolve();
    await Promise.resolve();
  };
  return { clock, exporter, fates, troubles, queue, add, answer };
}

describe('SpanQueue', () => {
  it('keeps a bounded number while a collector hangs, counts the rest, and goes on when it answers', async () => {
    const { exporter, fates, queue, add, answer } = world();
    add(SPANS_MAX + 512 + 1_000);
    // One batch is in hand, the queue is full behind it.
    expect(exporter.batches.map(({ size }) => size)).toEqual([512]);
    expect(fates.get('dropped')).toBe(1_000);
    await answer();
    expect(exporter.batches.map(({ size }) => size)).toEqual([512, 512]);
    add(512);
    expect(fates.get('dropped')).toBe(1_000);
    expect(fates.get('exported')).toBe(512);
    expect(queue).toBeDefined();
  });

  it('sends a few within a second, together', async () => {
    const { clock, exporter, fates, add, answer } = world();
    add(3);
    expect(exporter.batches).toEqual([]);
    await clock.advance(1_000);
    expect(exporter.batches.map(({ size }) => size)).toEqual([3]);
    await answer();
    expect(fates).toEqual(new Map([['exported', 3]]));
  });

  it('tells trouble once when it begins and once when it is over', async () => {
    const { clock, fates, troubles, add, answer } = world();
    for (const error of [new Error('away'), new Error('away'), undefined, undefined]) {
      add(2);
      await clock.advance(1_000);
      await answer(error);
    }
    expect(troubles).toEqual(['away', null]);
    expect(fates).toEqual(
      new Map([
        ['failed', 4],
        ['exported', 4],
      ]),
    );
  });

  it('waits for a hanging collector no longer than it is told, and takes nothing afterwards', async () => {
    const { clock, exporter, fates, queue, add } = world();
    add(700);
    const closed = queue.close(2_000);
    await clock.advance(2_000);
    await closed;
    add(1);
    expect(exporter.batches).toHaveLength(1);
    expect(fates.get('dropped')).toBe(700 - 512 + 1);
  });

  it('counts a batch as failed whose exporter throws', async () => {
    const { clock, fates, troubles } = world();
    const queue = new SpanQueue({
      exporter: {
        export() {
          throw new Error('a bug of the library');
        },
        shutdown: async () => {},
      },
      clock,
      onFate: (fate, count) => fates.set(fate, count),
      onTrouble: (problem) => troubles.push(problem),
    });
    queue.onEnd({} as ReadableSpan);
    await queue.close(10);
    expect(fates).toEqual(new Map([['failed', 1]]));
    expect(troubles).toEqual(['a bug of the library']);
  });
});
