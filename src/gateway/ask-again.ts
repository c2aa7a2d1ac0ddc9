import { type Attempt, isUnsettled, mayHoldMoney, referenceOf } from '../core/attempt.ts';
import type { Authorization } from '../core/authorization.ts';
import { applyOutcome, isMismatchThere } from '../core/lifecycle.ts';
import { canAskAbout, DAY_MS, nextWork } from '../core/resolution.ts';
import { budgetFor, inquire } from './attempt.ts';
import { begunBy, changeAuthorization } from './change.ts';
import { connected } from './connected.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal } from './journal-calls.ts';
import { type Look, NO_WAY_TO_ASK, tellLook } from './look.ts';
import { ASKED_AGAIN, attemptToAskAgain } from './plan-to-ask-again.ts';
import type { InquiryAnswer, WorkItem, WorkPlan } from './ports.ts';

/**
 * The look that is the last one: a day after the first. Somebody may stand still for longer than the first waited, send, and die
 * before telling of it.
 */
const LAST_STEP = 1;

/** Validity taken for a provider that is not connected (any more). */
const ASKED_FOR_MS = 7 * DAY_MS;

/**
 * Asks once more about an attempt that was closed as not found, and again a day later. Money that is found there goes back, whoever holds the payment
 * by now; "not found" once more is the end of it, and is kept in the history.
 */
export async function askAgain(
  authorization: Authorization,
  item: WorkItem,
  deps: GatewayDeps,
): Promise<Look> {
  const asked = await attemptToAskAgain(authorization, deps);
  if (!asked.ok) return { authorization, answered: false };
  const attempt = asked.value;
  // Nothing of it is left to be asked about.
  if (attempt === null) return endOf(authorization, null, 'nothing_to_ask', deps);
  const to = connected(attempt.provider, deps);
  const tell = (result: string) =>
    tellLook(item, { provider: attempt.provider, subject: 'attempt', by: 'inquiry', result }, deps);
  if (to !== null && !canAskAbout(to.provider.semantics, attempt)) {
    tell(NO_WAY_TO_ASK);
    return leaveToPerson(authorization, attempt, NO_WAY_TO_ASK, deps);
  }
  const answer: InquiryAnswer =
    to === null
      ? { kind: 'no_answer', code: 'provider_not_connected' }
      : await inquire(
          to.provider,
          authorization,
          attempt.id,
          referenceOf(attempt),
          budgetFor(to.contract, deps),
          deps,
        );
  tell(answer.kind === 'found' ? answer.outcome.kind : answer.kind);
  if (answer.kind === 'not_found') {
    if (item.step >= LAST_STEP) return endOf(authorization, attempt, 'not_found', deps);
    await putOff(item, { step: LAST_STEP, failures: 0, dueAtMs: deps.clock.wallMs() + DAY_MS }, deps);
    return { authorization, answered: true };
  }
  const isMismatch = answer.kind === 'found' && isMismatchThere(answer.outcome);
  if (answer.kind !== 'found' || (isUnsettled(answer.outcome) && !isMismatch)) {
    return postpone(item, attempt, answer.kind === 'found', deps);
  }
  const { outcome } = answer;
  if (!mayHoldMoney(outcome) && !isMismatch) return endOf(authorization, attempt, outcome.kind, deps);
  const result = await changeAuthorization(
    authorization,
    (current) =>
      applyOutcome(current, attempt.number, outcome, {
        nowMs: deps.clock.wallMs(),
        validityMs: to?.provider.semantics.validityMs ?? 0,
        durationMs: null,
      }),
    { event: { kind: 'resolved', actor: 'resolver', data: { attempt: attempt.id, by: 'inquiry', outcome } } },
    deps,
  );
  if (result.kind === 'failed') return { authorization, answered: false };
  // It was found, and undone, since.
  if (result.kind === 'unchanged') return endOf(result.authorization, attempt, outcome.kind, deps);
  return { authorization: result.authorization, answered: true, begun: begunBy(result) };
}

/** It was asked about: what it came to is kept, and nobody asks about it again. Unless somebody has changed something meanwhile. */
async function endOf(
  authorization: Authorization,
  attempt: Attempt | null,
  result: string,
  deps: GatewayDeps,
): Promise<Look> {
  const changed = await changeAuthorization(
    authorization,
    (current) => ({
      authorization: current,
      remarks: [],
      changed: current.version === authorization.version,
    }),
    {
      event: { kind: ASKED_AGAIN, actor: 'resolver', data: { attempt: attempt?.id ?? null, result } },
    },
    deps,
  );
  if (changed.kind === 'failed') return { authorization, answered: false };
  return { authorization: changed.authorization, answered: true };
}

/** Asked again later; in the end a person is told. */
async function postpone(
  item: WorkItem,
  attempt: Attempt,
  answered: boolean,
  deps: GatewayDeps,
): Promise<Look> {
  const { authorization } = item;
  const nowMs = deps.clock.wallMs();
  const validityMs = deps.provider(attempt.provider)?.semantics.validityMs ?? ASKED_FOR_MS;
  const plan = nextWork(deps.resolverSchedule, item, answered, nowMs, item.sinceMs + validityMs);
  if (plan.dueAtMs === null) return leaveToPerson(authorization, attempt, 'no_answer', deps);
  await putOff(item, plan, deps);
  return { authorization, answered };
}

function putOff(
  { authorization, lease }: WorkItem,
  plan: Omit<WorkPlan, 'lease'>,
  deps: Pick<GatewayDeps, 'clock' | 'journal' | 'observer'>,
): Promise<unknown> {
  return callJournal('postpone_work', deps, () =>
    deps.journal.postponeWork(authorization.id, lease.owner, { ...plan, lease: null }),
  );
}

/** Told before it is written: a confirmation that is lost must not end it in silence. */
function leaveToPerson(
  authorization: Authorization,
  attempt: Attempt,
  result: string,
  deps: GatewayDeps,
): Promise<Look> {
  deps.observer.alert({
    kind: 'unresolved',
    detail:
      `${attempt.id} was closed as not processed, and may have been sent afterwards; ${attempt.provider} cannot tell: ` +
      'look it up there, and void what stands there by hand',
    authorizationId: authorization.id,
  });
  return endOf(authorization, attempt, result, deps);
}
