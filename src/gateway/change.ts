import type { Authorization } from '../core/authorization.ts';
import type { Change } from '../core/lifecycle.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal } from './journal-calls.ts';
import { NO_INTENT, planFor, stepOf } from './journal-step.ts';
import { planToAskAgain, withDoubts } from './plan-to-ask-again.ts';
import type { EventRecord, ExclusiveReference, Step, WorkPlan } from './ports.ts';
import { tellRemarks } from './remarks.ts';

/** Times that a change is tried against what others write meanwhile. */
const TRIES_MAX = 8;

export type ChangeResult =
  /** Durable; `before` is the state that it was made on. */
  | { readonly kind: 'written'; readonly authorization: Authorization; readonly before: Authorization }
  /** Nothing new: others may have written the same before. */
  | {
      readonly kind: 'unchanged';
      readonly authorization: Authorization;
      /** The id that it lays claim to is recorded about another attempt. */
      readonly isReferenceTaken?: true;
    }
  /** The journal failed; whether it was written is not known. `ended` resolves when a write that was given up has come back. */
  | { readonly kind: 'failed'; readonly ended: Promise<void> | null };

/** What a change beside the road says of itself. */
export interface ChangeRecord {
  readonly event: Omit<EventRecord, 'atMs'>;
  /** An id at a provider that may belong to no other attempt. */
  readonly exclusive?: ExclusiveReference | null;
  /** When to look again, by the plan of what is left; left out: as planned. */
  readonly work?: 'unchanged' | ((plan: WorkPlan | null) => WorkPlan | null);
  /** Monotonic clock until which the journal is waited for; left out: as long as it takes. What is given up may still land. */
  readonly untilMs?: number;
}

/** A change of nothing but the history: an event is recorded, and the state stays as it is. */
export const eventAlone = (current: Authorization): Change => ({
  authorization: current,
  remarks: [],
  changed: true,
});

type ChangeDeps = Pick<
  GatewayDeps,
  | 'clock'
  | 'journal'
  | 'observer'
  | 'provider'
  | 'renderAnswer'
  | 'renderOperation'
  | 'schemeGuard'
  | 'resolverSchedule'
>;

/**
 * Changes an authorization by what was found out about it, conditional on the version it was read at: when somebody
 * else was first, it is read anew and judged anew. So a late answer, a webhook, the resolver, a person and a second
 * process that meet on an attempt come to the same end, in any order. What lands after it was given up does so on the
 * version that it was made on, or not at all.
 */
export async function changeAuthorization(
  authorization: Authorization,
  apply: (current: Authorization) => Change,
  record: ChangeRecord,
  deps: ChangeDeps,
): Promise<ChangeResult> {
  const untilMs = record.untilMs ?? null;
  let current = authorization;
  for (let turn = 0; turn < TRIES_MAX; turn += 1) {
    const change = apply(current);
    if (!change.changed) {
      tellRemarks(change.remarks, change.authorization, deps);
      return { kind: 'unchanged', authorization: current };
    }
    const now = { ...record.event, atMs: deps.clock.wallMs() };
    const event = withDoubts(now, change.remarks, change.authorization);
    const work = await workAfter(change.authorization, event, record, deps);
    const step: Step = {
      ...stepOf(current, change.authorization, { ...NO_INTENT, work, event }, deps),
      exclusive: record.exclusive ?? null,
    };
    const write = () => deps.journal.advance(step);
    const written = await callJournal('advance', deps, write, null, untilMs);
    if (!written.ok) {
      // It may have been written, and then nobody finds it out again: better told twice than never.
      tellRemarks(change.remarks, step.after, deps);
      return { kind: 'failed', ended: written.ended };
    }
    if (written.value.kind === 'written') {
      tellRemarks(change.remarks, step.after, deps);
      const after = { ...step.after, version: written.value.version };
      return { kind: 'written', authorization: after, before: current };
    }
    if (written.value.kind === 'reference_taken') {
      return { kind: 'unchanged', authorization: current, isReferenceTaken: true };
    }
    const read = () => deps.journal.findAuthorization(authorization.id);
    const found = await callJournal('find', deps, read, null, untilMs);
    if (!found.ok || found.value === null) return { kind: 'failed', ended: null };
    current = found.value;
  }
  return { kind: 'failed', ended: null };
}

/** Numbers of the operations that a change has begun. What somebody else began meanwhile is not among them: it may be on its way. */
export function begunBy(result: Exclude<ChangeResult, { readonly kind: 'failed' }>): ReadonlySet<number> {
  if (result.kind === 'unchanged') return new Set();
  const known = result.before.operations.length;
  return new Set(result.authorization.operations.slice(known).map(({ number }) => number));
}

/** While a road is open it plans what is left itself, when it ends. */
async function workAfter(
  after: Authorization,
  event: EventRecord,
  { work, untilMs }: ChangeRecord,
  deps: ChangeDeps,
): Promise<Step['work']> {
  if (after.open || work === 'unchanged') return 'unchanged';
  const plan =
    planFor(after, event.atMs, deps.resolverSchedule) ??
    (await planToAskAgain(after, event, deps, untilMs ?? null));
  return work === undefined ? plan : work(plan);
}
