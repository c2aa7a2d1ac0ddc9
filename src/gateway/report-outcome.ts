import { type Attempt, type AttemptOutcome, breakerSignal } from '../core/attempt.ts';
import {
  type CallerDecision,
  judgeReport,
  type NextStep,
  type OfferedAttempt,
  type OutcomeReport,
  type StepNow,
  stepAfter,
  stepNow,
  type TakenReport,
  withReport,
} from '../core/caller-decision.ts';
import { keepArm } from '../core/experiments/assign.ts';
import { armScope } from '../core/experiments/experiment.ts';
import type { RoutingFacts } from '../core/facts.ts';
import { matchRule } from '../core/rules/ruleset.ts';
import { intendedBy } from './answer-time.ts';
import { type Asker, isTheirs } from './asker.ts';
import { offerFor } from './decide-for-caller.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal } from './journal-calls.ts';
import { schemeMeaning } from './journal-step.ts';
import { offerOf, rankForCaller } from './offer-next.ts';
import type { AccountScope, DecisionStep, SchemeCheck } from './ports.ts';
import { schemeCheck } from './record.ts';
import { outcomeOfReport } from './reported-outcome.ts';
import { beginRoad, type Road } from './road.ts';
import { routingFacts } from './routing-facts.ts';
import { tellUnmapped } from './unmapped.ts';
import { watchReported } from './watch-card-testing.ts';

/** Times that a report is judged anew against what others report meanwhile. */
const TRIES_MAX = 8;
/** After its decision expired, until a report says nothing any more about how the provider does now; milliseconds. */
const STALE_MS = 60_000;

export interface ReportCommand extends Asker {
  readonly decisionId: string;
  readonly report: OutcomeReport;
  /** Monotonic clock. */
  readonly receivedAtMs: number;
}

export type ReportResult =
  /** Taken, now or before; what to do now. */
  | { readonly kind: 'taken'; readonly step: StepNow }
  | { readonly kind: 'not_found' }
  /** Nobody was told to make this attempt; `offered` is who was. */
  | { readonly kind: 'not_offered'; readonly offered: readonly OfferedAttempt[] }
  /** Something else is recorded that it cannot be true beside. */
  | { readonly kind: 'contradiction'; readonly recorded: TakenReport }
  /** It is not known to be written in time: a repeat finds out. */
  | { readonly kind: 'journal_unavailable' };

/** What follows a report: what is answered, and whom it offers. */
interface Following {
  readonly step: NextStep;
  readonly offer: { readonly attempt: OfferedAttempt; readonly scheme: SchemeCheck } | null;
}

/**
 * Takes what a caller reports that sent the payment itself, and says what to do next by the road's own rules of failover.
 * Durable before it is answered or learned from. Of several that report at once each is judged by what the others left:
 * all come to the same end. Never throws for a failing journal, and waits for one that hangs as long as the intent of a
 * capture does: what is written later is what a repeat finds.
 */
export async function reportOutcome(command: ReportCommand, deps: GatewayDeps): Promise<ReportResult> {
  const { decisionId, report } = command;
  const scope = deps.accounts.of(command.account);
  const untilMs = intendedBy(command);
  // Taken once, however often it is tried.
  let stop: 'scheme_limit' | null = null;
  let withdrawn = false;
  const withdraw = () => {
    withdrawn ||= scope.retryBudget.withdraw();
    return withdrawn;
  };
  for (let turn = 0; turn < TRIES_MAX; turn += 1) {
    const find = () => deps.journal.findDecision(decisionId);
    const found = await callJournal('find_decision', deps, find, null, untilMs);
    if (!found.ok) return { kind: 'journal_unavailable' };
    const decision = found.value;
    if (decision === null || !isTheirs(decision, command)) return { kind: 'not_found' };
    const verdict = judgeReport(decision, report);
    if (verdict.kind === 'repeat') return { kind: 'taken', step: stepNow(decision, deps.clock.wallMs()) };
    if (verdict.kind === 'not_offered') return { kind: 'not_offered', offered: decision.attempts };
    if (verdict.kind === 'contradiction') return verdict;

    const facts = factsOf(decision, deps);
    const provider = deps.provider(report.provider);
    const outcome = outcomeOfReport(report, decision, facts.threeDsPresent, provider);
    const following = follow({ decision, report, outcome, facts, stop, withdraw }, scope, deps);
    const step = stepOf({ decision, report, outcome, facts }, following, deps);
    const write = () => deps.journal.advanceDecision(step);
    const written = await callJournal('report_outcome', deps, write, null, untilMs);
    if (!written.ok) return { kind: 'journal_unavailable' };
    if (written.value.kind === 'scheme_stop') stop = 'scheme_limit';
    if (written.value.kind !== 'written') continue;
    learn({ decision, report, outcome, facts, settles: verdict.settles }, scope, deps);
    if (following.offer !== null) scope.offered(offerOf(decision, following.offer.attempt));
    tell({ decision, report, outcome, facts }, following, deps);
    const attempt = following.offer?.attempt.number ?? null;
    return { kind: 'taken', step: { ...following.step, attempt } };
  }
  return { kind: 'journal_unavailable' };
}

/** The facts that it was decided by. */
function factsOf(decision: CallerDecision, deps: Pick<GatewayDeps, 'cards'>): RoutingFacts {
  const { request, createdAtMs, carriesCavv } = decision;
  const facts = routingFacts(request, deps.cards.factsOf(request.card), createdAtMs);
  return carriesCavv ? { ...facts, threeDsPresent: true } : facts;
}

interface Judged {
  readonly decision: CallerDecision;
  readonly report: OutcomeReport;
  readonly outcome: AttemptOutcome;
  readonly facts: RoutingFacts;
}

/** Who is to be tried next, if anybody. Takes from the retry budget only when somebody is. */
function follow(
  judged: Judged & { readonly stop: 'scheme_limit' | null; readonly withdraw: () => boolean },
  scope: AccountScope,
  deps: GatewayDeps,
): Following {
  const { decision, outcome, stop, withdraw } = judged;
  const nowMs = deps.clock.wallMs();
  const verdict = stepAfter(decision, outcome, nowMs);
  if (verdict.kind === 'over') return { step: verdict.step, offer: null };
  if (stop !== null) return stopped(stop);
  const road = roadAgain(judged, deps);
  const [next] = road === null ? [] : rankForCaller(road, scope, deps);
  if (road === null || next === undefined) return stopped('no_candidate_left');
  if (verdict.technical && !withdraw()) return stopped('retry_budget');
  return {
    step: { next: next.contract.id, reason: verdict.reason },
    offer: {
      attempt: offerFor(next, decision.attempts.length + 1, nowMs, road),
      scheme: schemeCheck(road, deps),
    },
  };
}

function stopped(reason: 'scheme_limit' | 'no_candidate_left' | 'retry_budget'): Following {
  return { step: { next: 'stop', reason }, offer: null };
}

/**
 * The road as it would stand after the attempts that were reported, by the rules that are in force now: a provider that
 * was taken out meanwhile is offered to nobody. The arm, how many attempts and how long is what the decision said.
 */
function roadAgain({ decision, facts }: Judged, deps: GatewayDeps): Road | null {
  const ruleset = deps.rulesets.current();
  const rule = matchRule(ruleset, facts);
  if (rule === null) return null;
  const { account, request, traceId, expiresAtMs } = decision;
  const nowMs = deps.clock.monotonicMs();
  const command = {
    account,
    idempotencyKey: '',
    bodyFingerprint: '',
    request,
    traceId,
    traceparent: null,
    receivedAtMs: nowMs,
  };
  const kept = keepArm(ruleset.experiments, rule, decision.experiment);
  const { action } = kept.rule;
  const bounded = { ...kept.rule, action: { ...action, attemptsMax: decision.attemptsMax } };
  const assignment = { ...kept, rule: bounded };
  const road = beginRoad(command, deps.cards.factsOf(request.card), facts, ruleset, assignment, deps);
  const attempts = decision.attempts.map((attempt) => attemptOf(decision, attempt));
  return {
    ...road,
    deadlineMs: nowMs + expiresAtMs - deps.clock.wallMs(),
    current: { ...road.current, attempts },
  };
}

/** An attempt of the caller's as the road knows attempts. */
function attemptOf(decision: CallerDecision, offered: OfferedAttempt): Attempt {
  const id = `${decision.id}_${offered.number}`;
  return {
    id,
    number: offered.number,
    provider: offered.provider,
    providerKey: id,
    preparedReference: null,
    outcome: offered.outcome,
    propensity: offered.propensity,
    durationMs: null,
    startedAtMs: offered.offeredAtMs,
    deadlineAtMs: decision.expiresAtMs,
  };
}

function stepOf(
  { decision, report, outcome }: Judged,
  { step, offer }: Following,
  deps: GatewayDeps,
): DecisionStep {
  const told = withReport(decision, report, outcome, step, deps.clock.wallMs());
  return {
    before: decision,
    after: offer === null ? told : { ...told, attempts: [...told.attempts, offer.attempt] },
    scheme: offer?.scheme ?? null,
    outcomeScheme: schemeMeaning(outcome, deps.clock.wallMs(), deps),
  };
}

/**
 * What was reported teaches this account's decisions. Lanes and health only where it is fresh, and only once: how an open
 * outcome was found out later is no second word about the provider.
 */
function learn(
  { decision, report, outcome, facts, settles }: Judged & { readonly settles: boolean },
  scope: AccountScope,
  deps: GatewayDeps,
): void {
  const nowMs = deps.clock.wallMs();
  const offered = decision.attempts.find(({ number }) => number === report.attempt);
  const elapsedMs = Math.max(0, nowMs - (offered?.offeredAtMs ?? nowMs));
  const isFresh = !settles && isRecent(decision, nowMs);
  scope.learner.observe({
    provider: report.provider,
    facts,
    attemptNumber: report.attempt,
    outcome,
    durationMs: report.latencyMs ?? elapsedMs,
    resolvedLater: !isFresh,
    ...(decision.experiment !== null && { scope: armScope(decision.experiment) }),
  });
  const offer = offerOf(decision, { number: report.attempt, provider: report.provider });
  if (isFresh) scope.reported(offer, breakerSignal(outcome));
}

/** Whether a report still says something about how things are now. @param nowMs wall clock */
function isRecent({ expiresAtMs }: CallerDecision, nowMs: number): boolean {
  return nowMs < expiresAtMs + STALE_MS;
}

function tell(
  { decision, report, outcome, facts }: Judged,
  { step, offer }: Following,
  deps: GatewayDeps,
): void {
  const { id, account, request, traceId } = decision;
  const nowMs = deps.clock.wallMs();
  const offered = decision.attempts.find(({ number }) => number === report.attempt);
  if (decision.version === 1) deps.observer.callerDecisions({ what: 'reported', count: 1 });
  deps.observer.outcomeReported({
    decisionId: id,
    account,
    merchant: request.merchant,
    reference: request.reference,
    attempt: report.attempt,
    provider: report.provider,
    outcome: report.outcome,
    code: report.code,
    next: offer !== null ? 'provider' : step.next === 'wait' ? 'wait' : 'stop',
    nextProvider: offer?.attempt.provider ?? null,
    reason: step.reason,
    ageMs: Math.max(0, nowMs - (offered?.offeredAtMs ?? nowMs)),
    traceId,
  });
  tellUnmapped(outcome, { provider: report.provider, authorizationId: id }, deps);
  // Nobody is tried any more: that is how the payment ended.
  if (step.next === 'stop' && isRecent(decision, nowMs)) {
    watchReported(decision, outcome, facts.cardBin, deps);
  }
}
