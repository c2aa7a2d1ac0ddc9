import { LatencyBook } from './latency-book.ts';

/** How a request ended, in one word: an answer's status, or what went wrong. */
export type Ending = string;

export interface OpenLoadOptions {
  /** Requests to begin each second, above 0. */
  readonly rate: number;
  readonly seconds: number;
  /** Requests that may be under way at once. What is due beyond is left out, and counted. */
  readonly inFlightMax: number;
  /** Sends one request; a rejection counts as an ending of its own. */
  readonly send: (number: number) => Promise<Ending>;
  /** Monotonic clock, milliseconds. */
  readonly nowMs: () => number;
  /** Resolves when that much time has passed. */
  readonly pause: (ms: number) => Promise<void>;
}

export interface OpenLoadReport {
  readonly due: number;
  readonly sent: number;
  /** Due, but not sent, because too many were under way: the load was more than could be borne. */
  readonly leftOut: number;
  /** How far behind its time the latest request was begun, milliseconds: above a few, the sender is the bottleneck. */
  readonly sentLateMs: number;
  readonly endings: ReadonlyMap<Ending, number>;
  /** From when each was *due*: what a caller waits who does not care how busy the one before was kept. */
  readonly waited: LatencyBook;
  /** From when each was sent. */
  readonly took: LatencyBook;
  readonly elapsedMs: number;
}

/**
 * An open load: requests begin when they are due, however many are under way, and each latency counts from when it was due.
 * Whoever waits for answers before sending on measures fewer requests the slower they are (coordinated omission).
 */
export async function openLoad(options: OpenLoadOptions): Promise<OpenLoadReport> {
  const { rate, seconds, inFlightMax, send, nowMs, pause } = options;
  const due = Math.round(rate * seconds);
  const waited = new LatencyBook();
  const took = new LatencyBook();
  const endings = new Map<Ending, number>();
  const underWay = new Set<Promise<void>>();
  let leftOut = 0;
  let sentLateMs = 0;
  const begunMs = nowMs();
  const one = async (number: number, dueMs: number): Promise<void> => {
    const sentMs = nowMs();
    sentLateMs = Math.max(sentLateMs, sentMs - dueMs);
    let ending: Ending;
    try {
      ending = await send(number);
    } catch (error) {
      ending = error instanceof Error ? error.message : String(error);
    }
    const endedMs = nowMs();
    waited.add(endedMs - dueMs);
    took.add(endedMs - sentMs);
    endings.set(ending, (endings.get(ending) ?? 0) + 1);
  };
  for (let number = 0; number < due; ) {
    const dueMs = begunMs + (number * 1_000) / rate;
    const earlyMs = dueMs - nowMs();
    if (earlyMs > 0) {
      await pause(earlyMs);
      continue;
    }
    if (underWay.size >= inFlightMax) leftOut += 1;
    else {
      const request = one(number, dueMs);
      underWay.add(request);
      void request.then(() => underWay.delete(request));
    }
    number += 1;
  }
  await Promise.all(underWay);
  return {
    due,
    sent: due - leftOut,
    leftOut,
    sentLateMs,
    endings,
    waited,
    took,
    elapsedMs: nowMs() - begunMs,
  };
}
