import type { Authorization } from '../core/authorization.ts';
import { applyOperationEnd, type OperationEnd } from '../core/lifecycle.ts';
import { memberOf } from '../core/member-of.ts';
import { hasWork, settled } from '../core/settlement.ts';
import { besideTheOthers } from './beside-the-others.ts';
import { changeAuthorization, eventAlone } from './change.ts';
import { applyFindings } from './findings.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal, type JournalCall } from './journal-calls.ts';
import type { ClaimScope } from './ports.ts';
import type { Finding } from './road.ts';
import { WORK_LEASE_MS } from './work-lease.ts';

const FAILURES_IN_A_ROW = 10;
/** Time after which a run ends at the next failure: a journal that hangs takes seconds for each, milliseconds. */
const FAILING_RUN_MS = 5_000;
/** How long an intent is looked for of which nothing is found, at least: milliseconds. */
const LOOKED_FOR_MS = 6 * 3_600_000;
/** Time between the first looks for it, milliseconds. */
const LOOK_FIRST_MS = 1_000;
/** Later looks come after this share of the time for which it has been missing. */
const LOOK_GROWTH = 0.1;
/** Missing intents that are looked for in one run, at most. */
const LOOKS_AT_ONCE_MAX = 1_000;

/** What a road knew when the journal failed. */
interface UnrecordedRoad {
  readonly authorizationId: string;
  readonly findings: readonly Finding[];
  /** An operation whose intent may or may not have been written, and which was never sent. */
  readonly neverSent?: NeverSent;
  /** The caller was told `pending`, though the end of the road may have been written. */
  readonly toldPending?: true;
  /** The journal was not even asked: what is not there will not land. */
  readonly isUnsent?: boolean;
  /** Number of an operation of which the caller was told `pending`, though its end may have been written. */
  readonly toldPendingOf?: number;
  /** Whose lease on what is left of it is to be freed. */
  readonly heldBy?: string;
  /** That lease was not confirmed, and may still land: nothing was begun under it. */
  readonly mayBeHeld?: true;
}

interface NeverSent {
  /** Its key. */
  readonly scope: ClaimScope;
  /** Who leased it with its intent: nobody else, also not another call under the same key. */
  readonly holder: string;
}

type RetryDeps = Parameters<typeof changeAuthorization>[3] & Pick<GatewayDeps, 'leaseMs' | 'soleOwner'>;

/** For how long an operation is held while it is ended: longer than the clocks of two machines may differ by. */
const ENDING_MS = 30 * 60_000;

/** What waits to be written, or may still land by itself. */
interface Kept {
  readonly road: UnrecordedRoad;
  /** Since when nothing of it was found, monotonic clock; null: it has not been looked for, or is there. */
  readonly missingSinceMs: number | null;
  /** When it is looked for again, monotonic clock. */
  readonly dueAtMs: number;
}

/**
 * What this process knows and the journal could not write. While the process lives it tries again: an outcome that
 * came back is worth more than a later inquiry, and an intent that was never sent is known to be so only here.
 * A commit that waits for a copy of the database is seen by nobody, and lands long after its call was given up: an intent of
 * which nothing is found is looked for again and again, so that it is ended as never sent before anybody sends it.
 * Losing the list (a crash) loses nothing that is safe to assume: the attempts become unknown when their lease ends.
 */
export class Unrecorded {
  readonly #capacity: number;
  #kept: Kept[] = [];
  /** What runs that are under way have taken out to try. */
  readonly #inHand = new Set<Kept>();
  /** Calls of the journal that nobody waits for any longer. */
  readonly #underWay = new Set<Promise<void>>();
  #leftOut = 0;

  /**
   * @param capacity entries kept. Beyond it the one goes that was looked for longest in vain, or else the newest: they are
   * left to their lease, and {@link retry} tells how many
   */
  constructor(capacity = 10_000) {
    this.#capacity = capacity;
  }

  /** What waits to be written. */
  get size(): number {
    return this.#kept.length - this.missing;
  }

  /** Intents of which nothing was found so far, and which may still land. */
  get missing(): number {
    return this.#kept.filter(({ missingSinceMs }) => missingSinceMs !== null).length;
  }

  /**
   * Keeps what a road found out. Findings that do not fit the journal's state, whatever it is, are left out later.
   * @param ended resolves when the call has come back that nobody waits for any longer; null: it has come back
   */
  add(road: UnrecordedRoad, ended: Promise<void> | null = null): void {
    if (ended !== null) {
      const arriving = ended.finally(() => this.#underWay.delete(arriving));
      this.#underWay.add(arriving);
    }
    this.#kept.push({ road, missingSinceMs: null, dueAtMs: Number.NEGATIVE_INFINITY });
    this.#keepWithin();
  }

  /** Resolves when every call has come back that was given up so far. */
  async arrived(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  /**
   * Tries once what is due, until the journal has failed {@link FAILURES_IN_A_ROW} times in a row, or once after
   * {@link FAILING_RUN_MS}: then it is down, and asking on would fill the log with thousands of alerts a second, or hold a
   * process that ends for longer than it is given. What failed goes behind the rest, so that nothing stands in the others'
   * way for ever.
   * @param which `all`: also what is not due yet, since there is no later try
   * @returns how many were written
   */
  async retry(deps: RetryDeps, which: 'due' | 'all' = 'due'): Promise<number> {
    const nowMs = deps.clock.monotonicMs();
    const taken =
      which === 'all'
        ? inOrder(this.#kept, this.#capacity)
        : inOrder(
            this.#kept.filter(({ dueAtMs }) => dueAtMs <= nowMs),
            LOOKS_AT_ONCE_MAX,
          );
    const chosen = new Set(taken);
    this.#kept = this.#kept.filter((kept) => !chosen.has(kept));
    for (const kept of taken) this.#inHand.add(kept);
    const again: Kept[] = [];
    let written = 0;
    let tried = 0;
    let failuresInARow = 0;
    for (const kept of taken) {
      if (failuresInARow === FAILURES_IN_A_ROW) break;
      if (failuresInARow > 0 && deps.clock.monotonicMs() - nowMs >= FAILING_RUN_MS) break;
      // Nothing lands late in a journal of our own but what is under way in this process.
      const mayLand = kept.road.isUnsent !== true && (!deps.soleOwner || this.#underWay.size > 0);
      const { road } = kept;
      const became = await besideTheOthers(road.authorizationId, () => writeFindings(road, deps), deps);
      const result = became ?? 'failed';
      tried += 1;
      failuresInARow = result === 'failed' ? failuresInARow + 1 : 0;
      if (result === 'written') written += 1;
      const next = result === 'missing' && mayLand ? lookedForAgain(kept, deps) : null;
      if (result === 'failed') again.push(kept);
      else if (next !== null) again.push(next);
      else this.#inHand.delete(kept);
    }
    for (const kept of taken) this.#inHand.delete(kept);
    // Before what was added meanwhile: beyond the capacity the newest are left to the lease.
    this.#kept = [...taken.slice(tried), ...again, ...this.#kept];
    this.#keepWithin();
    if (this.#leftOut > 0) alertLeft(this.#leftOut, `more than ${this.#capacity} are kept`, deps);
    this.#leftOut = 0;
    return written;
  }

  /**
   * Tells of what nobody follows up any longer: what may still land, and what a journal that is away did not take. What it was
   * never asked for, and so never has, leaves nothing behind. What a run that hangs has in hand is told too.
   */
  tellLeft(deps: Pick<RetryDeps, 'observer'>): void {
    const left = [...this.#kept, ...this.#inHand].filter(({ road }) => road.isUnsent !== true).length;
    if (left > 0) alertLeft(left, 'this process ends', deps);
  }

  #keepWithin(): void {
    for (; this.#kept.length > this.#capacity; this.#leftOut += 1) this.#kept.splice(this.#placeToGo(), 1);
  }

  #placeToGo(): number {
    let place = this.#kept.length - 1;
    let sinceMs = Number.POSITIVE_INFINITY;
    for (const [index, { missingSinceMs }] of this.#kept.entries()) {
      if (missingSinceMs === null || missingSinceMs >= sinceMs) continue;
      place = index;
      sinceMs = missingSinceMs;
    }
    return place;
  }
}

/** What is to be written first; then what is missing, longest overdue first, so many that housekeeping goes on beside it. */
function inOrder(kept: readonly Kept[], missingMax: number): readonly Kept[] {
  const missing = kept.filter(({ missingSinceMs }) => missingSinceMs !== null);
  missing.sort((one, other) => one.dueAtMs - other.dueAtMs);
  return [...kept.filter(({ missingSinceMs }) => missingSinceMs === null), ...missing.slice(0, missingMax)];
}

/**
 * Ever less often, and always several times within what others watch a lease before they end it: that begins when it lands.
 * @returns null: it was looked for long enough
 */
function lookedForAgain({ road, missingSinceMs }: Kept, deps: RetryDeps): Kept | null {
  const nowMs = deps.clock.monotonicMs();
  const sinceMs = missingSinceMs ?? nowMs;
  // A lease that lands later, and under which nothing was begun, is ended by whoever watches it.
  const isForWork = road.neverSent !== undefined || road.mayBeHeld === true;
  if (nowMs - sinceMs >= (road.mayBeHeld ? WORK_LEASE_MS : LOOKED_FOR_MS)) return null;
  const watchedMs = isForWork ? WORK_LEASE_MS : deps.leaseMs;
  const delayMs = Math.min(Math.max(LOOK_FIRST_MS, (nowMs - sinceMs) * LOOK_GROWTH), watchedMs / 3);
  return { road, missingSinceMs: sinceMs, dueAtMs: nowMs + delayMs };
}

function alertLeft(count: number, why: string, { observer }: Pick<RetryDeps, 'observer'>): void {
  observer.alert({
    kind: 'unrecorded_left',
    detail: `${count} that the journal did not confirm are no longer followed up here, since ${why}: what was told as not sent and lands later is found out, and may be carried out once, under its key; what came back from a provider and is not written is asked for there again`,
    authorizationId: null,
  });
}

/** What became of a try; `missing`: nothing of it is in the journal, and it may still land. */
type Tried = 'written' | 'unchanged' | 'missing' | 'failed';

/** The road is over: what is left open by it is closed with what it found out. */
async function writeFindings(
  { authorizationId, findings, neverSent, heldBy, toldPending, toldPendingOf, mayBeHeld }: UnrecordedRoad,
  deps: RetryDeps,
): Promise<Tried> {
  if (neverSent !== undefined) return endNeverSent(authorizationId, neverSent, deps);
  const found = await callJournal('find', deps, () => deps.journal.findAuthorization(authorizationId));
  if (!found.ok) return 'failed';
  // It was not opened so far.
  if (found.value === null) return 'missing';
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
  if (result.kind === 'unchanged' && toldPending) return tellAfterAll(result.authorization, deps);
  if (result.kind === 'unchanged' && toldPendingOf !== undefined) {
    const told = await tellEndAfterAll(result.authorization, toldPendingOf, deps);
    if (told === 'failed') return told;
  }
  if (result.kind === 'written' && toldPending) tellWritten(result.authorization, findings, deps);
  if (heldBy === undefined || result.kind === 'failed') return result.kind;
  const released = await putBack(authorizationId, heldBy, 0, deps);
  if (!released.ok) return 'failed';
  return mayBeHeld && !released.value ? 'missing' : result.kind;
}

/** The end of what was told as `outcome_not_recorded`. Operations have told what came back already. */
function tellWritten(
  { id, attempts }: Authorization,
  findings: readonly Finding[],
  { clock, observer }: Pick<RetryDeps, 'clock' | 'observer'>,
): void {
  for (const finding of findings) {
    const attempt = attempts[finding.number - 1];
    if (finding.about !== 'attempt' || attempt === undefined) continue;
    observer.resolved({
      authorizationId: id,
      provider: attempt.provider,
      subject: 'attempt',
      by: 'answer',
      result: finding.outcome.kind,
      ageMs: Math.max(0, clock.wallMs() - attempt.startedAtMs),
    });
  }
}

/**
 * The end of the road was written, and nobody was told by its answer: those who listen are told by an event of its own,
 * once, unless somebody else has ended it.
 */
async function tellAfterAll(
  authorization: Authorization,
  deps: RetryDeps,
): Promise<'written' | 'unchanged' | 'failed'> {
  if (!authorization.answered) return 'unchanged';
  const history = await callJournal('history', deps, () => deps.journal.history(authorization.id));
  if (!history.ok) return 'failed';
  const ends = history.value.filter(({ kind }) => kind === 'concluded');
  const isTold = ends.some(({ data }) => memberOf(data, 'reason') === 'journal_failed');
  if (ends.length === 0 || isTold) return 'unchanged';
  const data = { reason: 'journal_failed', told: 'pending', status: authorization.status };
  const { kind } = await changeAuthorization(
    authorization,
    eventAlone,
    { event: { kind: 'concluded', actor: 'gateway', data }, work: 'unchanged' },
    deps,
  );
  return kind;
}

/** The same of an operation whose end its own call has written, although it told its caller `pending`. */
async function tellEndAfterAll(
  authorization: Authorization,
  number: number,
  deps: RetryDeps,
): Promise<'written' | 'unchanged' | 'failed'> {
  const operation = authorization.operations[number - 1];
  if (operation === undefined || operation.status === 'pending') return 'unchanged';
  const history = await callJournal('history', deps, () => deps.journal.history(authorization.id));
  if (!history.ok) return 'failed';
  const ends = history.value.filter(
    ({ kind, data }) => kind === 'operation_ended' && memberOf(data, 'operation') === operation.id,
  );
  // Who else ends it tells so by the event that it is ended by.
  const isByCall = ends.some(({ actor, data }) => actor === 'gateway' && memberOf(data, 'by') === 'answer');
  if (!isByCall || ends.some(({ data }) => memberOf(data, 'told') === 'pending')) return 'unchanged';
  const { status } = operation;
  const data = { operation: operation.id, reason: 'journal_failed', told: 'pending', status };
  const { kind } = await changeAuthorization(
    authorization,
    eventAlone,
    { event: { kind: 'operation_ended', actor: 'gateway', data }, work: 'unchanged' },
    deps,
  );
  return kind;
}

/**
 * Ends a lease, if it is still the holder's: what is left is due after `dueInMs`.
 * @param untilMs monotonic clock until which it is waited for; null: as long as it takes
 * @returns whether it still was
 */
export function putBack(
  authorizationId: string,
  holder: string,
  dueInMs: number,
  deps: Pick<GatewayDeps, 'clock' | 'journal' | 'observer'>,
  untilMs: number | null = null,
): Promise<JournalCall<boolean>> {
  const dueAtMs = deps.clock.wallMs() + dueInMs;
  const free = { step: 0, failures: 0, dueAtMs, lease: null };
  const put = () => deps.journal.postponeWork(authorizationId, holder, free);
  return callJournal('postpone_work', deps, put, null, untilMs);
}

/**
 * The caller was told that nothing was sent, and nothing may be sent later: the operation ends as failed. Only while its
 * lease is still that of the call that began it: whoever has taken it up since may be sending it.
 */
async function endNeverSent(
  authorizationId: string,
  { scope, holder }: NeverSent,
  deps: RetryDeps,
): Promise<Tried> {
  const claim = await callJournal('find_claim', deps, () => deps.journal.findClaim(scope));
  if (!claim.ok) return 'failed';
  const number = claim.value?.operationNumber ?? null;
  // The key was not used so far.
  if (number === null) return 'missing';
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
  const { version } = found.value;
  let isOvertaken = false;
  const result = await changeAuthorization(
    found.value,
    (current) => {
      // This process may have stood still since: who has changed it may have ended the lease, and be sending it.
      isOvertaken = current.version !== version;
      if (isOvertaken) return { authorization: current, remarks: [], changed: false };
      return applyOperationEnd(current, number, end, { nowMs: deps.clock.wallMs() });
    },
    { event: { kind: 'operation_ended', actor: 'gateway', data: { number, reason: 'journal_failed' } } },
    deps,
  );
  // The next try sees whose lease it is.
  if (isOvertaken) return 'failed';
  if (result.kind !== 'failed' && hasWork(result.authorization))
    await putBack(authorizationId, holder, 0, deps);
  return result.kind;
}
