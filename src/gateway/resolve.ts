import { isUnsettled } from '../core/attempt.ts';
import type { Authorization } from '../core/authorization.ts';
import { DAY_MS, nextWork, type WorkProgress } from '../core/resolution.ts';
import { failedVoids, hasWork } from '../core/settlement.ts';
import { askAgain } from './ask-again.ts';
import { describeError } from './describe-error.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal } from './journal-calls.ts';
import { recordLeaseEnded } from './lease-watch.ts';
import type { Look } from './look.ts';
import { lookAtAttempt } from './look-at-attempt.ts';
import { lookAtOperation, mayCancel } from './look-at-operation.ts';
import type { WorkItem } from './ports.ts';
import { mayBeEnded, sendLimit, WORK_LEASE_MS } from './work-lease.ts';

/** Items in hand at once, at most: those of a provider that hangs wait in its pace, and do not hold up the others'. */
const IN_HAND_MAX = 200;
/** Of the lease, what the calls of one look may take at most; with less left, the item is not begun. */
const LOOK_MAX_MS = 125_000;

/**
 * The worker that finds out what is unknown, does what is intended and undoes what may not stand: one item for each
 * authorization, under a lease, paced per provider. Safe to run in every process, as often as wanted: whatever it finds
 * is written only if nobody else was first, and what it sends carries the keys that were used before.
 */
export class Resolver {
  readonly #deps: GatewayDeps;
  readonly #inHand = new Set<Promise<void>>();

  constructor(deps: GatewayDeps) {
    this.#deps = deps;
  }

  /**
   * Takes up what is due, and does not wait for it.
   * @returns how many items were taken up
   */
  async takeUp(): Promise<number> {
    const room = IN_HAND_MAX - this.#inHand.size;
    if (room <= 0) return 0;
    const deps = this.#deps;
    const nowMs = deps.clock.wallMs();
    const takenAtMs = deps.clock.monotonicMs();
    const limited = { ...deps, sendLimit: sendLimit(deps.clock) };
    const lease = { owner: deps.owner, untilMs: nowMs + WORK_LEASE_MS };
    const taken = await callJournal('take_work', deps, () => deps.journal.takeWork(nowMs, room, lease));
    if (!taken.ok) return 0;
    for (const item of taken.value) {
      const work = resolvePaced(item, takenAtMs, limited).finally(() => this.#inHand.delete(work));
      this.#inHand.add(work);
    }
    return taken.value.length;
  }

  /** Resolves when nothing is in hand. */
  async idle(): Promise<void> {
    while (this.#inHand.size > 0) await Promise.all(this.#inHand);
  }
}

async function resolvePaced(taken: WorkItem, takenAtMs: number, deps: GatewayDeps): Promise<void> {
  const provider = providerOf(taken.authorization);
  try {
    const item = await tellWhoLeft(taken, deps);
    if (item === null) return;
    await deps.pacer.run(provider, async () => {
      const heldForMs = deps.clock.monotonicMs() - takenAtMs;
      // It waited for its turn so long that the lease might end under it, or this process ends: somebody else does it.
      const isLeft = heldForMs > WORK_LEASE_MS - LOOK_MAX_MS || deps.stopSignal.aborted;
      await (isLeft ? leave(item, deps) : traced(item, provider, deps));
    });
  } catch (error) {
    // A bug of ours. The lease ends, and the item is taken up again.
    deps.observer.alert({
      kind: 'resolver_failed',
      detail: describeError(error),
      authorizationId: taken.authorization.id,
    });
  }
}

/**
 * Whoever had the work before, and did not give it back, may stand still and send later: that is in the history before
 * anything is done or given back, since their lease was the only sign of them.
 * @returns null when it is left to whoever takes it up next: it may not be recorded yet, or is not as it was taken up
 */
async function tellWhoLeft(item: WorkItem, deps: GatewayDeps): Promise<WorkItem | null> {
  const { authorization, leftBy } = item;
  // A person's word sends nothing.
  if (leftBy === null || !mayBeEnded(leftBy)) return item;
  const result = await recordLeaseEnded(authorization, leftBy, 'unchanged', deps);
  // Our own lease runs out, and is as good a sign.
  if (result.kind !== 'written') return null;
  if (result.before.version === authorization.version)
    return { ...item, authorization: result.authorization };
  await leave(item, deps);
  return null;
}

/** Nobody has to wait for the end of the lease. */
async function leave(
  { authorization, step, failures, lease }: WorkItem,
  deps: Pick<GatewayDeps, 'clock' | 'journal' | 'observer'>,
): Promise<void> {
  const plan = { step, failures, dueAtMs: deps.clock.wallMs(), lease: null };
  await callJournal('postpone_work', deps, () =>
    deps.journal.postponeWork(authorization.id, lease.owner, plan),
  );
}

async function traced(item: WorkItem, provider: string, deps: GatewayDeps): Promise<void> {
  const span = deps.tracer?.look({ provider, begunIn: item.authorization.traceId });
  let failed = true;
  try {
    await resolveItem(item, deps);
    failed = false;
  } finally {
    span?.end({}, failed);
  }
}

/** The provider whose share of background work an item takes. */
function providerOf(authorization: Authorization): string {
  const open = authorization.operations.find(({ status }) => status === 'pending');
  const number = open?.attemptNumber ?? authorization.attempts.length;
  return authorization.attempts[number - 1]?.provider ?? 'none';
}

/** Looks once at everything about an authorization that is unsettled, and plans the next look. */
export async function resolveItem(item: WorkItem, deps: GatewayDeps): Promise<void> {
  const before = item.authorization;
  let look: Look = { authorization: before, answered: true };
  const unsettled = before.attempts.find(({ outcome }) => isUnsettled(outcome));
  if (unsettled !== undefined) look = await lookAtAttempt(before, unsettled, item, deps);
  else if (!hasWork(before)) look = await askAgain(before, item, deps);
  const begun = look.begun ?? new Set();
  // An operation waits for the outcome of its attempt, unless the attempt can be cancelled without knowing it.
  for (const { number } of look.authorization.operations) {
    const operation = look.authorization.operations[number - 1];
    if (operation?.status !== 'pending') continue;
    const attempt = look.authorization.attempts[operation.attemptNumber - 1];
    if (attempt === undefined) continue;
    if (isUnsettled(attempt.outcome) && !mayCancel(attempt, operation, deps)) continue;
    const target = { authorization: look.authorization, attempt, operation };
    const next = await lookAtOperation(target, begun.has(operation.number), item, deps);
    look = {
      authorization: next.authorization,
      answered: look.answered && next.answered,
      evidenceAtMs: earliest(look.evidenceAtMs, next.evidenceAtMs),
      bookings: (look.bookings ?? 0) + (next.bookings ?? 0),
    };
  }
  await planNext(item, look, deps);
}

function earliest(one: number | null = null, other: number | null = null): number | null {
  return one === null || other === null ? (one ?? other) : Math.min(one, other);
}

/** Validity taken for a provider that is not connected (any more): the longest that a card scheme grants is 30 days. */
const VALIDITY_MAX_MS = 31 * DAY_MS;

/** The schedule from its beginning; further on for a void that has failed before. */
function afresh(authorization: Authorization): WorkProgress {
  return { step: Math.max(0, failedVoids(authorization) - 1) - 1, failures: 0 };
}

/** Puts the item back for its next look, or gives it up to a person and says so. */
async function planNext(item: WorkItem, look: Look, deps: GatewayDeps): Promise<void> {
  const { authorization } = look;
  if (!hasWork(authorization)) return;
  const nowMs = deps.clock.wallMs();
  const provider = providerOf(authorization);
  const validityMs = deps.provider(provider)?.semantics.validityMs ?? VALIDITY_MAX_MS;
  const giveUpAtMs = Math.max(item.sinceMs + validityMs, authorization.expiresAtMs ?? 0);
  // Something was found out: what is left begins its schedule anew.
  const isNews = authorization.version - (look.bookings ?? 0) > item.authorization.version;
  const progress = isNews ? afresh(authorization) : item;
  const plan = nextWork(deps.resolverSchedule, progress, look.answered, nowMs, giveUpAtMs, look.evidenceAtMs);
  // Told before it is written: a confirmation that is lost, or a death after it, must not give it up in silence.
  if (plan.dueAtMs === null) {
    deps.observer.alert({
      kind: 'unresolved',
      detail: `${provider} could not tell within the validity; close it with evidence: POST ${pathToClose(authorization)}`,
      authorizationId: authorization.id,
    });
  }
  await callJournal('postpone_work', deps, () =>
    deps.journal.postponeWork(authorization.id, item.lease.owner, { ...plan, lease: null }),
  );
}

/** Where a person closes what is left: an operation waits for its attempt, so that the attempt comes first. */
function pathToClose({ attempts, operations }: Authorization): string {
  const attempt = attempts.find(({ outcome }) => isUnsettled(outcome));
  if (attempt !== undefined) return `/v1/attempts/${attempt.id}/resolutions`;
  const operation = operations.find(({ status }) => status === 'pending');
  return `/v1/operations/${operation?.id}/resolutions`;
}
