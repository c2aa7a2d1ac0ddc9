import { describe, expect, it } from 'vitest';
import { FakeClock } from '../support/fake-clock.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { LatencyBook } from './latency-book.ts';
import { memoryTrend, residentBytes, slopeOf } from './memory-trend.ts';
import { type OpenLoadOptions, openLoad } from './open-load.ts';

const SEED = 20_261_129;

/** Runs a load on a clock of its own, on which nothing but pauses takes time. */
async function onClock(
  options: Pick<OpenLoadOptions, 'rate' | 'seconds'> & Partial<OpenLoadOptions>,
  takesMs: (number: number) => number,
) {
  const clock = new FakeClock();
  let isOver = false;
  const load = openLoad({
    inFlightMax: 1_000,
    send: (number) =>
      new Promise((resolve) => {
        clock.after(takesMs(number), () => resolve('201'));
      }),
    nowMs: () => clock.monotonicMs(),
    pause: (ms) =>
      new Promise((resolve) => {
        clock.after(ms, resolve);
      }),
    ...options,
  }).finally(() => {
    isOver = true;
  });
  while (!isOver) await clock.advance(1);
  return load;
}

describe('an open load', () => {
  it('begins requests when they are due, however long answers take', async () => {
    const report = await onClock({ rate: 100, seconds: 2 }, () => 500);
    expect(report).toMatchObject({ due: 200, sent: 200, leftOut: 0 });
    expect(report.endings).toEqual(new Map([['201', 200]]));
    expect(report.waited.percentile(0.5)).toBeGreaterThanOrEqual(500);
    expect(report.waited.largestMs).toBeLessThan(520);
  });

  it('leaves out, and says so, what is due while too many are under way', async () => {
    const report = await onClock({ rate: 100, seconds: 2, inFlightMax: 10 }, () => 500);
    expect(report.due).toBe(200);
    expect(report.leftOut).toBeGreaterThan(100);
    expect(report.sent).toBe(200 - report.leftOut);
    expect(report.took.count).toBe(report.sent);
  });

  it('counts a wait from when a request was due, also when the sender was held up', async () => {
    let held = 0;
    const clock = new FakeClock();
    const report = await openLoad({
      rate: 100,
      seconds: 1,
      inFlightMax: 1_000,
      send: async (number) => {
        // A pause of the whole machine: nothing goes on for 300 ms.
        if (number === 20) {
          held += 1;
          await clock.advance(300);
        }
        return 'ok';
      },
      nowMs: () => clock.monotonicMs(),
      pause: (ms) => clock.advance(ms),
    });
    expect(held).toBe(1);
    expect(report.sent).toBe(100);
    // About thirty were due within the pause: they waited, though each of them was answered at once.
    expect(report.sentLateMs).toBeGreaterThan(250);
    expect(report.waited.percentile(0.95)).toBeGreaterThan(200);
    expect(report.took.percentile(0.95)).toBeLessThan(20);
  });

  it('counts what goes wrong as an ending of its own', async () => {
    const report = await onClock(
      { rate: 10, seconds: 1, send: () => Promise.reject(new Error('ECONNRESET')) },
      () => 0,
    );
    expect(report.endings).toEqual(new Map([['ECONNRESET', 10]]));
  });
});

describe('a latency book', () => {
  it('tells every percentile at most 1 % too high', () => {
    const random = new SeededRandom(SEED);
    const book = new LatencyBook();
    const all = Array.from({ length: 10_000 }, () => Math.exp(random.unit() * 10) / 10);
    for (const latency of all) book.add(latency);
    all.sort((left, right) => left - right);
    for (const share of [0.01, 0.5, 0.95, 0.99, 0.999, 1]) {
      const exact = all[Math.ceil(share * all.length) - 1] ?? 0;
      expect(book.percentile(share)).toBeGreaterThanOrEqual(exact * (1 - 1e-9));
      expect(book.percentile(share)).toBeLessThanOrEqual(exact * 1.01 + 1e-9);
    }
    expect(new LatencyBook().percentile(0.5)).toBe(null);
  });
});

describe('memory', () => {
  it('grows by the slope that most samples agree on', () => {
    expect(slopeOf([1, 2, 3, 100, 5, 6])).toBe(1);
    expect(slopeOf([5, 5, 5])).toBe(0);
  });

  const MIB = 2 ** 20;
  /** Up by a hundred between collections, from a floor that each tenth has. */
  const sawTooth = (floorOf: (part: number) => number) =>
    Array.from({ length: 200 }, (_, at) => (floorOf(Math.floor(at / 20)) + (at % 20) * 5) * MIB);
  it.each([
    ['flat, however it goes up and down between collections', sawTooth(() => 200), 300, true],
    ['warmed up in the first half', sawTooth((part) => (part < 5 ? 100 + part * 50 : 350)), 300, true],
    ['one tenth that held more', sawTooth((part) => (part === 8 ? 400 : 200)), 300, true],
    ['up by a little', sawTooth((part) => 200 + part * 4), 300, true],
    ['up all the time', sawTooth((part) => 200 + part * 10), 300, false],
    ['up all the time, in too short a run to say', sawTooth((part) => 200 + part * 10), 299, null],
    ['too few samples', [100 * MIB], 300, null],
  ])('%s', (_, samples, seconds, isFlat) => {
    expect(memoryTrend(samples, seconds).isFlat).toBe(isFlat);
  });
  it('is told by the least of each tenth', () => {
    expect(
      memoryTrend(
        sawTooth((part) => 200 + part * 10),
        300,
      ).text,
    ).toBe(
      'least memory of each tenth, MiB: 200 210 220 230 240 250 260 270 280 290; +40.0 MiB in the second half (16 %), NOT FLAT: more than 10 %',
    );
  });

  it.runIf(process.platform === 'linux')('of this process can be read', () => {
    expect(residentBytes(process.pid)).toBeGreaterThan(2 ** 20);
  });
});
