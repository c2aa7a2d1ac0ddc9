import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal } from './journal-calls.ts';
import type { Conclusion } from './ports.ts';

const FAILURES_IN_A_ROW = 10;

/**
 * What this process knows and the journal could not write. While the process lives it tries again: an outcome that
 * came back is worth more than a later inquiry, and an intent that was never sent is known to be so only here.
 * Losing the list (a crash) loses nothing that is safe to assume: the attempts become unknown when their lease ends.
 */
export class Unrecorded {
  readonly #capacity: number;
  #waiting: (readonly Conclusion[])[] = [];

  /** @param capacity entries kept; beyond it the newest are left to the lease */
  constructor(capacity = 10_000) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /**
   * Keeps conclusions of one authorization, of which the first that fits the journal's state is written: after a
   * failed write it is not known which state the journal is in.
   */
  add(alternatives: readonly Conclusion[]): void {
    if (this.#waiting.length < this.#capacity) this.#waiting.push(alternatives);
  }

  /**
   * Tries everything once, until the journal has failed {@link FAILURES_IN_A_ROW} times in a row: then it is down, and
   * asking on would fill the log with thousands of alerts a second. What failed goes behind the rest, so that nothing
   * stands in the others' way for ever. What the journal refuses as stale is settled by somebody else and is dropped.
   * @returns how many were written
   */
  async retry(deps: Pick<GatewayDeps, 'clock' | 'journal' | 'observer'>): Promise<number> {
    const taken = this.#waiting;
    this.#waiting = [];
    const failed: (readonly Conclusion[])[] = [];
    let written = 0;
    let tried = 0;
    let failuresInARow = 0;
    for (const alternatives of taken) {
      if (failuresInARow === FAILURES_IN_A_ROW) break;
      const result = await writeFirstThatFits(alternatives, deps);
      tried += 1;
      failuresInARow = result === 'failed' ? failuresInARow + 1 : 0;
      if (result === 'written') written += 1;
      if (result === 'failed') failed.push(alternatives);
    }
    // Before what was added meanwhile: beyond the capacity the newest are left to the lease.
    this.#waiting = [...taken.slice(tried), ...failed, ...this.#waiting].slice(0, this.#capacity);
    return written;
  }
}

async function writeFirstThatFits(
  alternatives: readonly Conclusion[],
  deps: Pick<GatewayDeps, 'clock' | 'journal' | 'observer'>,
): Promise<'written' | 'stale' | 'failed'> {
  for (const conclusion of alternatives) {
    const step = await callJournal('conclude', deps, () => deps.journal.conclude(conclusion));
    if (!step.ok) return 'failed';
    if (step.value.kind === 'written') return 'written';
  }
  return 'stale';
}
