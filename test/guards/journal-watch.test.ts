import { describe, expect, it } from 'vitest';
import { JournalWatch } from '../../src/guards/journal-watch.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { SILENT } from '../support/road-deps.ts';

function setUp(toleratedMs: number) {
  const clock = new FakeClock();
  const watch = new JournalWatch(clock, toleratedMs);
  const observer = watch.observing(SILENT);
  const write = (failed: boolean, operation = 'open') =>
    observer.journalTook({ operation, durationMs: 1, failed });
  return { clock, watch, write };
}

describe('writes of the road', () => {
  it.each([
    { writes: 0, failures: 0, failing: null },
    { writes: 9, failures: 0, failing: null },
    { writes: 10, failures: 4, failing: null },
    { writes: 10, failures: 5, failing: 'failing for 0 s: 5 of 10 writes of the last ten seconds' },
    { writes: 1, failures: 1, failing: 'failing for 0 s: 1 of 1 writes of the last ten seconds' },
  ])(
    '$failures of $writes failed, beside many others that did not: $failing',
    ({ writes, failures, failing }) => {
      const { watch, write } = setUp(0);
      for (let index = 0; index < writes; index += 1) write(index >= writes - failures);
      // What housekeeping asks for works also where no payment can be written.
      for (const operation of ['find_claim', 'take_work', 'open_notices', 'take_duty', 'postpone_work']) {
        for (let index = 0; index < 50; index += 1) write(false, operation);
      }
      expect(watch.failing()).toBe(failing);
    },
  );

  it('that succeed again end it', () => {
    const { watch, write } = setUp(0);
    for (let index = 0; index < 10; index += 1) write(true);
    expect(watch.failing()).not.toBeNull();
    write(false);
    expect(watch.failing(), 'one may be luck').not.toBeNull();
    write(false);
    expect(watch.failing()).toBeNull();
  });

  it('are held against it for half a minute while none are made, and not for ever', async () => {
    const { clock, watch, write } = setUp(0);
    write(true);
    expect(watch.failing()).not.toBeNull();
    await clock.advance(29_000);
    expect(watch.failing()).toBe('failing for 29 s: the last writes failed');
    await clock.advance(2_000);
    expect(watch.failing()).toBeNull();
  });
});

describe('where several processes share a journal', () => {
  /** For how long it stalls while payments come, and when the process says that it is not ready, seconds. */
  it.each([
    [1, []],
    [4, []],
    [40, [15, 39]],
  ])('a stall of %d s takes them out at these seconds: %j', async (stallS, expected) => {
    const { clock, watch, write } = setUp(15_000);
    const out: number[] = [];
    let isStalled = true;
    watch.begin(async () => {
      if (isStalled) throw new Error('the journal stalls');
    });
    for (let second = 0; second < 60; second += 1) {
      isStalled = second < stallS;
      for (let time = 0; time < 5; time += 1) write(isStalled);
      if (watch.failing() !== null) out.push(second);
      await clock.advance(1_000);
    }
    watch.end();
    expect(out.length === 0 ? [] : [out[0], out.at(-1)]).toEqual([
      ...expected.slice(0, 1),
      // It is ready again with the next write of its own.
      ...expected.slice(1).map((last) => expect.toSatisfy((found: number) => found - last <= 3)),
    ]);
  });
});

describe('a write of our own, in the background', () => {
  it('finds out alone, when nobody pays, also one that hangs, and ends it by itself', async () => {
    const { clock, watch } = setUp(15_000);
    let probes = 0;
    let underWay = 0;
    let letGo = () => {};
    let gone = Promise.resolve();
    watch.begin(async () => {
      probes += 1;
      underWay += 1;
      await gone;
      underWay -= 1;
    });
    await clock.advance(30_000);
    expect([watch.failing(), probes]).toEqual([null, 10]);
    gone = new Promise((resolve) => {
      letGo = resolve;
    });
    await clock.advance(14_000);
    expect(watch.failing()).toBeNull();
    await clock.advance(6_000);
    expect(watch.failing()).toMatch(/^not writable for \d\d s: nothing is sent until it is$/);
    expect(underWay, 'one at a time').toBe(1);
    letGo();
    gone = Promise.resolve();
    await clock.advance(6_000);
    expect([watch.failing(), underWay]).toEqual([null, 0]);
    watch.end();
    expect(clock.pendingTimers).toBe(0);
  });

  it('is not made more often because somebody asks', async () => {
    const { clock, watch } = setUp(0);
    let probes = 0;
    watch.begin(async () => {
      probes += 1;
    });
    for (let time = 0; time < 1_000; time += 1) watch.failing();
    await clock.advance(2_000);
    expect(probes).toBe(1);
    watch.end();
  });
});
