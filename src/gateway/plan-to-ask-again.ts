import { type Attempt, type AttemptOutcome, LEASE_EXPIRED, wasNotFound } from '../core/attempt.ts';
import type { Authorization } from '../core/authorization.ts';
import type { RemarkOn } from '../core/lifecycle.ts';
import { askAgainAfterMs, canAskAbout } from '../core/resolution.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal, type JournalCall } from './journal-calls.ts';
import type { EventRecord, PastEvent, WorkPlan } from './ports.ts';

/** Kind of the event that records that what was closed as not found was asked about once more. */
export const ASKED_AGAIN = 'asked_again';

/** Events that are read at a time. */
const PAGE = 200;

type HistoryDeps = Pick<GatewayDeps, 'clock' | 'journal' | 'observer'>;

/** What of an event tells whether an attempt is still to be asked about. */
type Told = Pick<PastEvent, 'kind' | 'actor' | 'data' | 'attempts'>;

/**
 * Why an attempt that was closed as not known to its provider is to be asked about once more. `unheard`: an ended lease was all
 * that was known of it. `doubted`: somebody who knows tells that it was sent after all.
 */
type Question = 'unheard' | 'doubted';

/** Open questions, by attempt number. */
type Questions = ReadonlyMap<number, Question>;

/**
 * An event as it is written: it names the attempts that its change doubts, since they are to be asked about whenever nothing else
 * is to be done, however much later that is.
 */
export function withDoubts(
  event: EventRecord,
  remarks: readonly RemarkOn[],
  { attempts }: Pick<Authorization, 'attempts'>,
): EventRecord {
  const doubted = remarks
    .filter(({ remark }) => remark === 'sent_after_closed')
    .map(({ attemptNumber }) => attempts[attemptNumber - 1]?.id);
  return doubted.length === 0 ? event : { ...event, data: { ...event.data, sent_after_closed: doubted } };
}

/**
 * When an attempt is asked about once more that was closed as not known to its provider; null: none is. A process that stands
 * still with both of its clocks sends when it goes on, and nothing can stop that. The question stays open until it was asked: it
 * follows from the history, so that whatever else is done about the authorization meanwhile cannot end it.
 * @param event with which `after` is written
 * @param untilMs monotonic clock until which the history is waited for; null: as long as it takes
 */
export async function planToAskAgain(
  after: Authorization,
  event: EventRecord,
  deps: HistoryDeps & Pick<GatewayDeps, 'provider'>,
  untilMs: number | null = null,
): Promise<WorkPlan | null> {
  const closed = after.attempts.filter(({ outcome }) => wasNotFound(outcome));
  if (closed.length === 0) return null;
  const history = await readHistory(after.id, deps, untilMs);
  // Asked once too often rather than never.
  const [first] = history.ok
    ? toBeAsked(after, questionsIn([...history.value, { ...event, attempts: after.attempts }]), deps)
    : closed;
  if (first === undefined) return null;
  const delayMs = askAgainAfterMs(deps.provider(first.provider)?.semantics ?? { notFoundAfterMs: null });
  return { step: 0, failures: 0, dueAtMs: event.atMs + delayMs, lease: null };
}

/**
 * The attempt that is to be asked about once more. Where the history names none, the last one that was closed so: somebody who could
 * not read it has planned the look.
 * @returns value null: there is none
 */
export async function attemptToAskAgain(
  authorization: Authorization,
  deps: HistoryDeps & Pick<GatewayDeps, 'provider'>,
): Promise<JournalCall<Attempt | null>> {
  const history = await readHistory(authorization.id, deps, null);
  if (!history.ok) return history;
  const [first] = toBeAsked(authorization, questionsIn(history.value), deps);
  const last = authorization.attempts.findLast(({ outcome }) => wasNotFound(outcome));
  return { ok: true, value: first ?? last ?? null };
}

function toBeAsked(
  { attempts }: Authorization,
  questions: Questions,
  deps: Pick<GatewayDeps, 'provider'>,
): readonly Attempt[] {
  return attempts.filter((attempt) => {
    const question = questions.get(attempt.number);
    if (question !== 'unheard') return question === 'doubted';
    const semantics = deps.provider(attempt.provider)?.semantics;
    return semantics === undefined || canAskAbout(semantics, attempt);
  });
}

/** The questions that events leave open, in their order. */
function questionsIn(events: readonly Told[]): Questions {
  const known = new Map<number, Attempt>();
  const open = new Map<number, Question>();
  for (const event of events) {
    for (const [number, attempt] of known) if (asksAgain(event, attempt)) open.delete(number);
    for (const attempt of event.attempts) {
      if (isUnheard(known.get(attempt.number)?.outcome ?? null) && wasNotFound(attempt.outcome)) {
        open.set(attempt.number, 'unheard');
      }
      known.set(attempt.number, attempt);
    }
    const { sent_after_closed: doubted } = event.data;
    if (!Array.isArray(doubted)) continue;
    for (const { id, number } of known.values()) if (doubted.includes(id)) open.set(number, 'doubted');
  }
  return open;
}

/** Whether nobody has heard of the sender since its lease ended. */
function isUnheard(outcome: AttemptOutcome | null): boolean {
  return outcome?.kind === 'unknown' && outcome.code === LEASE_EXPIRED;
}

/** Whether an event tells that a closed attempt was asked about once more: to no avail, or what was found is being undone. */
function asksAgain({ kind, actor, data }: Told, { id, outcome }: Attempt): boolean {
  if (data['attempt'] !== id) return false;
  return kind === ASKED_AGAIN || (kind === 'resolved' && actor === 'resolver' && wasNotFound(outcome));
}

async function readHistory(
  authorizationId: string,
  deps: HistoryDeps,
  untilMs: number | null,
): Promise<JournalCall<readonly Told[]>> {
  const events: Told[] = [];
  for (let after: number | null = 0; after !== null; ) {
    const from: number = after;
    const page = await callJournal(
      'history_page',
      deps,
      () => deps.journal.historyPage(authorizationId, from, PAGE),
      null,
      untilMs,
    );
    if (!page.ok) return page;
    events.push(...page.value.data);
    after = page.value.nextAfter;
  }
  return { ok: true, value: events };
}
