import { storableRequest } from '../core/authorization.ts';
import type { CallerDecision, OfferedAttempt } from '../core/caller-decision.ts';
import type { CandidateExplanation } from '../core/decision.ts';
import type { Decline } from '../core/declines/decline.ts';
import { matchRule } from '../core/rules/ruleset.ts';
import { lookedUpBy, openedBy } from './answer-time.ts';
import { assignRoad } from './assign-road.ts';
import type { Candidate } from './candidates.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal } from './journal-calls.ts';
import { offerOf, rankForCaller } from './offer-next.ts';
import type {
  AccountScope,
  CallerDecided,
  ClaimScope,
  DecisionClaim,
  DecisionOpening,
  DecisionOpeningResult,
  FrozenAnswer,
} from './ports.ts';
import { schemeCheck, schemeDecline } from './record.ts';
import { beginRoad, type Road, routingOf, withoutArm } from './road.ts';
import type { AuthorizeCommand, Unanswered } from './road-results.ts';
import { routingFacts } from './routing-facts.ts';
import { refusedAsCardTestingForMs } from './watch-card-testing.ts';

/** When to try again after the journal failed, or when no breaker or limit says more. */
const UNAVAILABLE_RETRY_MS = 1_000;

/** What the edge hands over: the request of an authorization, whose key may be missing. */
export interface DecideCommand extends Omit<AuthorizeCommand, 'idempotencyKey'> {
  readonly idempotencyKey: string | null;
}

export type DecideResult =
  | (FrozenAnswer & { readonly kind: 'answered'; readonly replayed: boolean })
  /** The key's first request is still under way. */
  | { readonly kind: 'in_flight'; readonly retryAfterMs: number }
  /** The key was used with another body. */
  | { readonly kind: 'other_body' }
  | Unanswered;

/**
 * Decides for a caller that sends the payment itself, by the same rule, arm, eligibility, ranking and ceilings as the
 * road. Nothing is sent and no place is taken at a provider; what is offered is durable before it is told. Never throws
 * for a failing journal.
 */
export async function decideForCaller(command: DecideCommand, deps: GatewayDeps): Promise<DecideResult> {
  const ruleset = deps.rulesets.current();
  const card = deps.cards.factsOf(command.request.card);
  const facts = routingFacts(command.request, card, deps.clock.wallMs());
  const asRoad = { ...command, idempotencyKey: command.idempotencyKey ?? '' };
  const refusedForMs = refusedAsCardTestingForMs(asRoad, card, deps);
  if (refusedForMs > 0) {
    return unanswered(command, null, { kind: 'card_testing', retryAfterMs: refusedForMs }, deps);
  }
  const rule = matchRule(ruleset, facts);
  if (rule === null) return unanswered(command, null, noRoute(null, [], UNAVAILABLE_RETRY_MS), deps);

  const scope = deps.accounts.of(command.account);
  const assigning = assignRoad(command, facts, ruleset, rule, deps);
  const assignment = assigning instanceof Promise ? await assigning : assigning;
  let road = beginRoad(asRoad, card, facts, ruleset, assignment, deps);
  let candidates = rankForCaller(road, scope, deps);
  const plain = candidates.length === 0 ? withoutArm(road, rule) : null;
  if (plain !== null) {
    road = plain;
    candidates = rankForCaller(road, scope, deps);
  }
  const [first] = candidates;
  if (first === undefined) {
    const retryAfterMs = road.decision.retryAfterMs() ?? UNAVAILABLE_RETRY_MS;
    return unanswered(command, road, noRoute(rule.name, road.decision.explain(), retryAfterMs), deps);
  }
  return openDecision(command, road, candidates, first, scope, deps);
}

async function openDecision(
  command: DecideCommand,
  road: Road,
  candidates: readonly Candidate[],
  first: Candidate,
  scope: AccountScope,
  deps: GatewayDeps,
): Promise<DecideResult> {
  const decision = newDecision(road, first, deps);
  const ranking = candidates.map(({ contract }) => contract.id);
  let opening = openingOf(command, road, decision, ranking, null, deps);
  let opened = await open(opening, road, deps);
  if (opened?.kind === 'scheme_stop') {
    // Final, as for an authorization: the card may not be tried anywhere.
    const stopped = { ...decision, attempts: [] };
    opening = openingOf(command, road, stopped, [], schemeDecline(opened.stop), deps);
    opened = await open(opening, road, deps);
  }
  if (opened === null || opened.kind === 'scheme_stop') {
    // It may have been written: then the key shows it when it is repeated. Nobody was told, so that nothing is promised.
    return unanswered(command, road, unavailable(), deps);
  }
  if (opened.kind === 'claimed') return answerClaim(opened.claim, command);
  scope.retryBudget.deposit();
  const offered = opening.decision.attempts[0];
  if (offered !== undefined) scope.offered(offerOf(decision, offered));
  deps.observer.decided({
    rule: road.rule.name,
    strategy: road.rule.action.strategy.kind,
    provider: offered?.provider ?? null,
  });
  deps.observer.callerDecisions({ what: 'made', count: 1 });
  tellDecided(
    command,
    road,
    { decision: opening.decision, result: offered === undefined ? 'declined' : 'offered' },
    deps,
  );
  return { kind: 'answered', ...opening.answer, replayed: false };
}

function newDecision(road: Road, first: Candidate, deps: GatewayDeps): CallerDecision {
  const { command, current, rule } = road;
  const nowMs = deps.clock.wallMs();
  return {
    id: deps.randomness.id('dec'),
    account: command.account,
    version: 1,
    request: storableRequest(command.request),
    carriesCavv: (command.request.threeDs?.cavv ?? null) !== null,
    brand: current.brand,
    scaRegion: current.scaRegion,
    ruleset: road.ruleset.version,
    rule: rule.name,
    experiment: road.assignment.shown,
    attemptsMax: rule.action.attemptsMax,
    threeDsReuse: rule.action.threeDsReuse,
    traceId: command.traceId,
    createdAtMs: nowMs,
    expiresAtMs: nowMs + Math.max(0, Math.ceil(road.deadlineMs - deps.clock.monotonicMs())),
    attempts: [offerFor(first, 1, nowMs, road)],
  };
}

/** A candidate as it is offered, with why; of the first, the answer says that. */
export function offerFor(candidate: Candidate, number: number, nowMs: number, road: Road): OfferedAttempt {
  const { id } = candidate.contract;
  const explained = road.decision.explain().find(({ provider }) => provider === id);
  return {
    number,
    provider: id,
    propensity: candidate.propensity,
    offeredAtMs: nowMs,
    costBasisPoints: explained?.costBasisPoints ?? null,
    routing: number === 1 ? null : routingOf(road, candidate.propensity),
    reports: [],
    outcome: null,
  };
}

function openingOf(
  command: DecideCommand,
  road: Road,
  decision: CallerDecision,
  ranking: readonly string[],
  decline: Decline | null,
  deps: GatewayDeps,
): DecisionOpening {
  const routing = routingOf(road, decision.attempts[0]?.propensity ?? 0);
  return {
    claim: claimOf(command),
    bodyFingerprint: command.bodyFingerprint,
    decision,
    scheme: decision.attempts.length === 0 ? null : schemeCheck(road, deps),
    answer: deps.renderDecision(decision, { live: road.ruleset.live, ranking, routing, decline }),
    exposures: road.assignment.exposures,
  };
}

/** @returns null when it is not known to be written */
async function open(
  opening: DecisionOpening,
  road: Road,
  deps: GatewayDeps,
): Promise<DecisionOpeningResult | null> {
  const write = () => deps.journal.openDecision(opening);
  const opened = await callJournal('open_decision', deps, write, null, openedBy(road));
  return opened.ok ? opened.value : null;
}

/** The scope of a decision's idempotency key; null: it has none. */
function claimOf({ account, request, idempotencyKey }: DecideCommand): ClaimScope | null {
  if (idempotencyKey === null) return null;
  return { account, merchant: request.merchant, operation: 'decide', key: idempotencyKey };
}

/** What a key that was used before gives, or that the journal cannot tell; null: there is none, or it is new. */
async function earlier(
  command: DecideCommand,
  road: Road | null,
  deps: GatewayDeps,
): Promise<DecideResult | null> {
  const scope = claimOf(command);
  if (scope === null) return null;
  const find = () => deps.journal.findDecisionClaim(scope);
  const found = await callJournal('find_decision_claim', deps, find, null, lookedUpBy(command, road));
  if (!found.ok) return unavailable();
  return found.value === null ? null : answerClaim(found.value, command);
}

/** The same key gives the same answer, byte for byte. */
function answerClaim(claim: DecisionClaim, command: DecideCommand): DecideResult {
  if (claim.bodyFingerprint !== command.bodyFingerprint) return { kind: 'other_body' };
  return { kind: 'answered', ...claim.answer, replayed: true };
}

/**
 * Nobody is offered. A key that was used before still gives its earlier answer; otherwise it is not used up.
 * @param road null: nothing was ranked
 */
async function unanswered(
  command: DecideCommand,
  road: Road | null,
  result: Unanswered,
  deps: GatewayDeps,
): Promise<DecideResult> {
  const before = await earlier(command, road, deps);
  if (before !== null) return before;
  tellDecided(command, road, { decision: null, result: result.kind }, deps);
  return result;
}

function noRoute(
  rule: string | null,
  reasons: readonly CandidateExplanation[],
  retryAfterMs: number,
): Unanswered {
  return { kind: 'no_route', rule, reasons, retryAfterMs };
}

function unavailable(): Unanswered {
  return { kind: 'journal_unavailable', retryAfterMs: UNAVAILABLE_RETRY_MS };
}

function tellDecided(
  { account, request, traceId, receivedAtMs }: DecideCommand,
  road: Road | null,
  { decision, result }: Pick<CallerDecided, 'result'> & { readonly decision: CallerDecision | null },
  deps: GatewayDeps,
): void {
  deps.observer.callerDecided({
    decisionId: decision?.id ?? null,
    account,
    merchant: request.merchant,
    reference: request.reference,
    result,
    provider: decision?.attempts[0]?.provider ?? null,
    rule: road?.rule.name ?? null,
    ruleset: deps.rulesets.current().version,
    experiment: decision?.experiment ?? null,
    amount: request.amount,
    durationMs: deps.clock.monotonicMs() - receivedAtMs,
    traceId,
  });
}
