import type { Authorization } from '../core/authorization.ts';
import type { Change } from '../core/lifecycle.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal } from './journal-calls.ts';
import { NO_INTENT, planFor, stepOf } from './journal-step.ts';
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
  /** The journal failed; whether it was written is not known. */
  | { readonly kind: 'failed' };

/** What a change beside the road says of itself. */
export interface ChangeRecord {
  readonly event: Omit<EventRecord, 'atMs'>;
  /** When to look again; left out: as soon as what is left can be worked on. */
  /** An id at a provider that may belong to no other attempt. */
  readonly exclusive?: ExclusiveReference | null;
  readonly work?: 'unchanged' | ((after: Authorization) => WorkPlan | null);
}

type ChangeDeps = Pick<
  GatewayDeps,
  'clock' | 'journal' | 'observer' | 'renderAnswer' | 'renderOperation' | 'schemeGuard' | 'resolverSchedule'
>;

/**
 * Changes an authorization by what was found out about it, conditional on the version it was read at: when somebody
 * else was first, it is read anew and judged anew. So a late answer, a webhook, the resolver, a person and a second
 * process that meet on an attempt come to the same end, in any order.
 */
export async function changeAuthorization(
  authorization: Authorization,
  apply: (current: Authorization) => Change,
  record: ChangeRecord,
  deps: ChangeDeps,
): Promise<ChangeResult> {
  let current = authorization;
  for (let turn = 0; turn < TRIES_MAX; turn += 1) {
    const change = apply(current);
    if (!change.changed) {
      tellRemarks(change.remarks, change.authorization, deps);
      return { kind: 'unchanged', authorization: current };
    }
    const nowMs = deps.clock.wallMs();
    const work = workAfter(change.authorization, record, nowMs, deps);
    const step: Step = {
      ...stepOf(
        current,
        change.authorization,
        { ...NO_INTENT, work, event: { ...record.event, atMs: nowMs } },
        deps,
      ),
      exclusive: record.exclusive ?? null,
    };
    const written = await callJournal('advance', deps, () => deps.journal.advance(step));
    if (!written.ok) {
      // It may have been written, and then nobody finds it out again: better told twice than never.
      tellRemarks(change.remarks, step.after, deps);
      return { kind: 'failed' };
    }
    if (written.value.kind === 'written') {
      tellRemarks(change.remarks, step.after, deps);
      const after = { ...step.after, version: written.value.version };
      return { kind: 'written', authorization: after, before: current };
    }
    if (written.value.kind === 'reference_taken') {
      return { kind: 'unchanged', authorization: current, isReferenceTaken: true };
    }
    const found = await callJournal('find', deps, () => deps.journal.findAuthorization(current.id));
    if (!found.ok || found.value === null) return { kind: 'failed' };
    current = found.value;
  }
  return { kind: 'failed' };
}

/** While a road is open it plans what is left itself, when it ends. */
function workAfter(
  after: Authorization,
  record: ChangeRecord,
  nowMs: number,
  deps: ChangeDeps,
): Step['work'] {
  if (after.open || record.work === 'unchanged') return 'unchanged';
  return record.work === undefined ? planFor(after, nowMs, deps.resolverSchedule) : record.work(after);
}
