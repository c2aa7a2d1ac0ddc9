const PAUSE_MS = 20;

/** Waits, without holding anything up. */
export function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

/**
 * Looks again and again until there is something to see: for what another process does in its own time.
 * @param look resolves to null while there is nothing yet
 * @param options.describe what to add to the error
 * @throws when there is still nothing after `withinMs`, 10000 when left out
 */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | null> | T | null,
  options: { readonly withinMs?: number; readonly describe?: () => string } = {},
): Promise<T> {
  const { withinMs = 10_000, describe = () => '' } = options;
  const untilMs = performance.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (seen !== null) return seen;
    if (performance.now() > untilMs) throw new Error(`not within ${withinMs} ms: ${what}\n${describe()}`);
    await pause(PAUSE_MS);
  }
}
