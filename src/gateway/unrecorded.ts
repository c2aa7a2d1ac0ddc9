import { applyOperationEnd, type OperationEnd } from '../core/lifecycle.ts';
import { hasWork, settled } from '../core/settlement.ts';
import { changeAuthorization } from './change.ts';
import { applyFindings } from './findings.ts';
import { callJournal, type JournalCall } from './journal-calls.ts';
import type { ClaimScope } from './ports.ts';
import type { Finding } from './road.ts';

const FAILURES_IN_A_ROW = 10;

/** What a road knew when the journal failed. */
interface UnrecordedRoad {
  readonly authorizationId: string;
  readonly findings: readonly Finding[];
  /** An operation whose intent may or may not have been written, and which was never sent. */
  readonly neverSent?: NeverSent;
  /** Whose lease on what is left of it is to be freed. */
  readonly heldBy?: string;
}

interface NeverSent {
  /** Its key. */
  readonly scope: ClaimScope;
  /** Who leased it with its intent: nobody else, also not another call under the same key. */
  readonly holder: string;
}

type RetryDeps = Parameters<typeof changeAuthorization>[3];

/** For how long an operation is held while it is ended: longer than the clocks of two machines may differ by. */
const ENDING_MS = 30 * 60_000;

/**
 * What this process knows and the journal could not write. While the process lives it tries again: an outcome that
 * came back is worth more than a later inquiry, and an intent that was never sent is known to be so only here.
 * Losing the list (a crash) loses nothing that is safe to assume: the attempts become unknown when their lease ends.
 */
export class Unrecorded {
  readonly #capacity: number;
  #waiting: UnrecordedRoad[] = [];

  /** @param capacity entries kept; beyond it the newest are left to the lease */
  constructor(capacity = 10_000) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** Keeps what a road found out. Findings that do not fit the journal's state, whatever it is, are left out later. */
  add(road: UnrecordedRoad): void {
    if (this.#waiting.length < this.#capacity) this.#waiting.push(road);
  }

  /**
   * Tries everything once, until the journal has failed {@link FAILURES_IN_A_ROW} times in a row: then it is down, and
   * asking on would fill the log with thousands of alerts a second. What failed goes behind the rest, so that nothing
   * stands in the others' way for ever.
   * @returns how many were written
   */
  async retry(deps: RetryDeps): Promise<number> {
    const taken = this.#waiting;
    this.#waiting = [];
    const failed: UnrecordedRoad[] = [];
    let written = 0;
    let tried = 0;
    let failuresInARow = 0;
    for (const road of taken) {
      if (failuresInARow === FAILURES_IN_A_ROW) break;
      const result = await writeFindings(road, deps);
      tried += 1;
      failuresInARow = result === 'failed' ? failuresInARow + 1 : 0;
      if (result === 'written') written += 1;
      if (result === 'failed') failed.push(road);
    }
    // Before what was added meanwhile: beyond the capacity the newest are left to the lease.
    this.#waiting = [...taken.slice(tried), ...failed, ...this.#waiting].slice(0, this.#capacity);
    return written;
  }
}

/** The road is over: what is left open by it is closed with what it found out. */
async function writeFindings(
  { authorizationId, findings, neverSent, heldBy }: UnrecordedRoad,
  deps: RetryDeps,
): Promise<'written' | 'unchanged' | 'failed'> {
  if (neverSent !== undefined) return endNeverSent(authorizationId, neverSent, deps);
  const found = await callJournal('find', deps, () => deps.journal.findAuthorization(authorizationId));
  if (!found.ok) return 'failed';
  // It was never opened: nothing was sent, and there is nothing to record.
  if (found.value === null) return 'unchanged';
  const result = await changeAuthorization(
    found.value,
    (current) => {
      const change = applyFindings(current, findings, deps.clock.wallMs());
      if (!current.open) return change;
      return { ...change, authorization: settled({ ...change.authorization, open: false }), changed: true };
    },
    { event: { kind: 'concluded', actor: 'gateway', data: { reason: 'journal_failed' } } },
    deps,
  );
  if (heldBy === undefined || result.kind === 'failed') return result.kind;
  const released = await putBack(authorizationId, heldBy, 0, deps);
  return released.ok ? result.kind : 'failed';
}

/**
 * Ends a lease, if it is still the holder's: what is left is due after `dueInMs`.
 * @returns whether it still was
 */
export function putBack(
  authorizationId: string,
  holder: string,
  dueInMs: number,
  deps: Pick<RetryDeps, 'clock' | 'journal' | 'observer'>,
): Promise<JournalCall<boolean>> {
  const dueAtMs = deps.clock.wallMs() + dueInMs;
  return callJournal('postpone_work', deps, () =>
    deps.journal.postponeWork(authorizationId, holder, { step: 0, failures: 0, dueAtMs, lease: null }),
  );
}

/**
 * The caller was told that nothing was sent, and nothing may be sent later: the operation ends as failed. Only while its
 * lease is still that of the call that began it: whoever has taken it up since may be sending it.
 */
async function endNeverSent(
  authorizationId: string,
  { scope, holder }: NeverSent,
  deps: RetryDeps,
): Promise<'written' | 'unchanged' | 'failed'> {
  const claim = await callJournal('find_claim', deps, () => deps.journal.findClaim(scope));
  if (!claim.ok) return 'failed';
  const number = claim.value?.operationNumber ?? null;
  // The key was not used: the intent was not written.
  if (number === null) return 'unchanged';
  const found = await callJournal('find', deps, () => deps.journal.findAuthorization(authorizationId));
  if (!found.ok || found.value === null) return 'failed';
  const nowMs = deps.clock.wallMs();
  const lease = { owner: holder, untilMs: nowMs + ENDING_MS };
  const held = await callJournal('postpone_work', deps, () =>
    deps.journal.postponeWork(authorizationId, holder, { step: 0, failures: 0, dueAtMs: nowMs, lease }),
  );
  if (!held.ok) return 'failed';
  if (!held.value) return 'unchanged';
  const end: OperationEnd = { status: 'failed', code: 'journal_failed', providerReference: null };
  const result = await changeAuthorization(
    found.value,
    (current) => applyOperationEnd(current, number, end, { nowMs: deps.clock.wallMs() }),
    { event: { kind: 'operation_ended', actor: 'gateway', data: { number, reason: 'journal_failed' } } },
    deps,
  );
  if (result.kind !== 'failed' && hasWork(result.authorization))
    await putBack(authorizationId, holder, 0, deps);
  return result.kind;
}
