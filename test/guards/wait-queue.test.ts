import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/guards/system-clock.ts';
import { type Turn, WaitQueue, type WaitResult } from '../../src/guards/wait-queue.ts';

let queue: WaitQueue;
let free = 0;
let taken: string[] = [];

function wait(name: string, timeoutMs: number, retryInMs: number | null = null): Promise<WaitResult<string>> {
  return queue.wait(timeoutMs, (): Turn<string> => {
    if (free <= 0) return { kind: 'not_yet', retryInMs };
    free -= 1;
    taken.push(name);
    return { kind: 'done', value: name };
  });
}

/** Gives a place and lets bottleneck serve. */
async function give(places: number): Promise<void> {
  free += places;
  queue.wake();
  await vi.advanceTimersByTimeAsync(20);
}

beforeEach(() => {
  vi.useFakeTimers();
  queue = new WaitQueue(3, systemClock);
  free = 0;
  taken = [];
});
afterEach(async () => {
  queue.close();
  await vi.advanceTimersByTimeAsync(20);
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe('the queue', () => {
  it('serves in order', async () => {
    const waits = ['a', 'b', 'c'].map((name) => wait(name, 1000));
    await give(2);
    expect(taken).toEqual(['a', 'b']);
    await give(1);
    expect(await Promise.all(waits)).toEqual(['a', 'b', 'c'].map((value) => ({ kind: 'done', value })));
    expect(queue.waiting).toBe(0);
  });

  it('looks again by itself when told when', async () => {
    const one = wait('a', 1000, 200);
    await vi.advanceTimersByTimeAsync(100);
    free = 1;
    await vi.advanceTimersByTimeAsync(150);
    expect(await one).toEqual({ kind: 'done', value: 'a' });
  });

  it('refuses at once when it is full', async () => {
    for (const name of ['a', 'b', 'c']) void wait(name, 1000);
    expect(await wait('d', 1000)).toEqual({ kind: 'queue_full' });
    await give(3);
    expect(taken).toEqual(['a', 'b', 'c']);
  });

  it('refuses when those who gave up still fill bottleneck', async () => {
    void wait('head', 10_000);
    await vi.advanceTimersByTimeAsync(20);
    const results = [];
    for (let round = 0; round < 4; round += 1) {
      const one = wait(`short-${round}`, 50);
      await vi.advanceTimersByTimeAsync(100);
      results.push((await one).kind);
    }
    expect(results).toEqual(['queue_timeout', 'queue_timeout', 'queue_timeout', 'queue_full']);
    await give(5);
    expect(taken).toEqual(['head']);
    expect(free).toBe(4);
  });

  it('never waits longer than told, at the head or behind it, and what gave up takes nothing', async () => {
    const head = wait('head', 300);
    const behind = wait('behind', 100);
    const last = wait('last', 1000);
    await vi.advanceTimersByTimeAsync(100);
    expect(await behind).toEqual({ kind: 'queue_timeout' });
    await vi.advanceTimersByTimeAsync(200);
    expect(await head).toEqual({ kind: 'queue_timeout' });
    await give(2);
    expect(await last).toEqual({ kind: 'done', value: 'last' });
    expect(taken).toEqual(['last']);
    expect(free).toBe(1);
  });

  it('ends all waiting when it is closed', async () => {
    const waits = ['a', 'b', 'c'].map((name) => wait(name, 1000));
    await vi.advanceTimersByTimeAsync(20);
    queue.close();
    expect(await Promise.all(waits)).toEqual(Array(3).fill({ kind: 'closed' }));
    expect(await wait('d', 1000)).toEqual({ kind: 'closed' });
  });

  it('hands a bug in a turn to its own waiter, and goes on', async () => {
    const broken = queue.wait(1000, () => {
      throw new RangeError('bug');
    });
    const refused = expect(broken).rejects.toThrow('bug');
    const next = wait('next', 1000);
    await give(1);
    await refused;
    expect(await next).toEqual({ kind: 'done', value: 'next' });
  });
});
