/** The only place of the sandbox that reads the clock and starts timers. */
export interface SandboxClock {
  /** Milliseconds since 1970. */
  nowMs(): number;
  /** Calls `action` once after `delayMs`; the returned function cancels it. */
  after(delayMs: number, action: () => void): () => void;
  /** Resolves after `delayMs`; never, when the clock is stopped before. */
  pause(delayMs: number): Promise<void>;
  /** Cancels every timer and starts none from then on, so that nothing of a closed sandbox stays behind. */
  stop(): void;
}

/** @param now wall clock, milliseconds since 1970; timers follow the machine's time in any case */
export function createSandboxClock(now: () => number = Date.now): SandboxClock {
  const timers = new Set<NodeJS.Timeout>();
  let stopped = false;
  const after = (delayMs: number, action: () => void): (() => void) => {
    if (stopped) return () => {};
    const timer = setTimeout(() => {
      timers.delete(timer);
      action();
    }, delayMs);
    timers.add(timer);
    return () => {
      timers.delete(timer);
      clearTimeout(timer);
    };
  };
  return {
    nowMs: now,
    after,
    pause: (delayMs) => new Promise((resolve) => after(delayMs, resolve)),
    stop() {
      stopped = true;
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
    },
  };
}
