import { storableRequest } from '../core/authorization.ts';
import type { CallerDecision, OfferedAttempt } from '../core/caller-decision.ts';
import type { CandidateExplanation } from '../core/decision.ts';
import type { Decline } from '../core/declines/decline.ts';
import { matchRule } from '../core/rules/ruleset.ts';
import { outsideOfExperiments } from './assign-road.ts';
import type { Candidate } from './candidates.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal } from './journal-calls.ts';
import { offerOf, rankForCaller } from './offer-next.ts';
import type {
  AccountScope,
  ClaimScope,
  DecisionClaim,
  DecisionOpening,
  DecisionOpeningResult,
  FrozenAnswer,
} from './ports.ts';
import { schemeCheck, schemeDecline } from './record.ts';
import { beginRoad, type Road, routingOf } from './road.ts';
import type { AuthorizeCommand } from './road-results.ts';
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
  /** No provider could be tried; the key is not used up. */
  | {
      readonly kind: 'no_route';
      readonly rule: string | null;
      readonly reasons: readonly CandidateExplanation[];
      readonly retryAfterMs: number;
    }
  /** Payments like this one look like card testing; the key is not used up. */
  | { readonly kind: 'card_testing'; readonly retryAfterMs: number }
  /** The journal could not be written: nothing is promised. */
  | { readonly kind: 'journal_unavailable'; readonly retryAfterMs: number };

/**
 * Decides for a caller that sends the payment itself, by the same rule, eligibility, ranking and ceilings as the road.
 * Nothing is sent and no place is taken at a provider; what is offered is durable before it is told. Never throws for a
 * failing journal.
 */
export async function decideForCaller(command: DecideCommand, deps: GatewayDeps): Promise<DecideResult> {
  const ruleset = deps.rulesets.current();
  const card = deps.cards.factsOf(command.request.card);
  const facts = routingFacts(command.request, card, deps.clock.wallMs());
  const asRoad = { ...command, idempotencyKey: command.idempotencyKey ?? '' };
  const refusedForMs = refusedAsCardTestingForMs(asRoad, card, deps);
  if (refusedForMs > 0) {
    return (await earlier(command, deps)) ?? { kind: 'card_testing', retryAfterMs: refusedForMs };
  }
  const rule = matchRule(ruleset, facts);
  if (rule === null) return noRoute(command, null, [], UNAVAILABLE_RETRY_MS, deps);

  const scope = deps.accounts.of(command.account);
  const road = beginRoad(asRoad, card, facts, ruleset, outsideOfExperiments(asRoad, facts, rule, deps), deps);
  const candidates = rankForCaller(road, scope, deps);
  const [first] = candidates;
  if (first === undefined) {
    const retryAfterMs = road.decision.retryAfterMs() ?? UNAVAILABLE_RETRY_MS;
    return noRoute(command, rule.name, road.decision.explain(), retryAfterMs, deps);
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
  let opened = await open(opening, deps);
  if (opened?.kind === 'scheme_stop') {
    // Final, as for an authorization: the card may not be tried anywhere.
    const stopped = { ...decision, attempts: [] };
    opening = openingOf(command, road, stopped, [], schemeDecline(opened.stop), deps);
    opened = await open(opening, deps);
  }
  if (opened === null || opened.kind === 'scheme_stop') {
    // It may have been written: then the key shows it when it is repeated. Nobody was told, so that nothing is promised.
    return (await earlier(command, deps)) ?? unavailable();
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
    attemptsMax: rule.action.attemptsMax,
    threeDsReuse: rule.action.threeDsReuse,
    traceId: command.traceId,
    createdAtMs: nowMs,
    expiresAtMs: nowMs + Math.max(0, Math.ceil(road.deadlineMs - deps.clock.monotonicMs())),
    attempts: [offerFor(first, 1, nowMs)],
  };
}

/** A candidate as it is offered. */
export function offerFor(candidate: Candidate, number: number, nowMs: number): OfferedAttempt {
  return {
    number,
    provider: candidate.contract.id,
    propensity: candidate.propensity,
    offeredAtMs: nowMs,
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
  };
}

/** @returns null when it is not known to be written */
async function open(opening: DecisionOpening, deps: GatewayDeps): Promise<DecisionOpeningResult | null> {
  const opened = await callJournal('open_decision', deps, () => deps.journal.openDecision(opening));
  return opened.ok ? opened.value : null;
}

/** The scope of a decision's idempotency key; null: it has none. */
function claimOf({ account, request, idempotencyKey }: DecideCommand): ClaimScope | null {
  if (idempotencyKey === null) return null;
  return { account, merchant: request.merchant, operation: 'decide', key: idempotencyKey };
}

/** What a key that was used before gives, or that the journal cannot tell; null: there is none, or it is new. */
async function earlier(command: DecideCommand, deps: GatewayDeps): Promise<DecideResult | null> {
  const scope = claimOf(command);
  if (scope === null) return null;
  const found = await callJournal('find_decision_claim', deps, () => deps.journal.findDecisionClaim(scope));
  if (!found.ok) return unavailable();
  return found.value === null ? null : answerClaim(found.value, command);
}

/** The same key gives the same answer, byte for byte. */
function answerClaim(claim: DecisionClaim, command: DecideCommand): DecideResult {
  if (claim.bodyFingerprint !== command.bodyFingerprint) return { kind: 'other_body' };
  return { kind: 'answered', ...claim.answer, replayed: true };
}

/** Nobody can be tried. A key that was used before still gives its earlier answer; otherwise it is not used up. */
async function noRoute(
  command: DecideCommand,
  rule: string | null,
  reasons: readonly CandidateExplanation[],
  retryAfterMs: number,
  deps: GatewayDeps,
): Promise<DecideResult> {
  return (await earlier(command, deps)) ?? { kind: 'no_route', rule, reasons, retryAfterMs };
}

function unavailable(): DecideResult {
  return { kind: 'journal_unavailable', retryAfterMs: UNAVAILABLE_RETRY_MS };
}
