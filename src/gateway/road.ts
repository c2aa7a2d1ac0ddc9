import type { Attempt } from '../core/attempt.ts';
import type { Authorization } from '../core/authorization.ts';
import { storableRequest } from '../core/authorization.ts';
import type { CardFacts } from '../core/card.ts';
import type { RoutingDecision } from '../core/decision.ts';
import type { RoutingFacts } from '../core/facts.ts';
import type { Rule, Ruleset } from '../core/rules/ruleset.ts';
import { settled } from '../core/settlement.ts';
import { type Decision, NOTHING_DECIDED } from './candidates.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import type { AuthorizeCommand } from './road-results.ts';

/** State of one authorization on its road. Only the functions of the road change it, one after the other. */
export interface Road {
  readonly command: AuthorizeCommand;
  readonly facts: RoutingFacts;
  readonly card: CardFacts;
  readonly ruleset: Ruleset;
  readonly rule: Rule;
  readonly authorizationId: string;
  /** Wall clock. */
  readonly createdAtMs: number;
  /** Monotonic clock by which everything must be over. */
  readonly deadlineMs: number;
  /** The order of candidates for the attempt that comes next. */
  decision: Decision;
  /** What the first decision was, as the journal holds it; null before it is opened. */
  routing: RoutingDecision | null;
  /** Version that the journal last confirmed. */
  version: number;
  attempts: readonly Attempt[];
}

/** Sets out on the road: nothing is durable yet. */
export function beginRoad(
  command: AuthorizeCommand,
  card: CardFacts,
  facts: RoutingFacts,
  ruleset: Ruleset,
  rule: Rule,
  deps: Pick<GatewayDeps, 'clock' | 'randomness'>,
): Road {
  const asked = command.request.deadlineMs ?? rule.action.deadlineMs;
  return {
    command,
    card,
    facts,
    ruleset,
    rule,
    authorizationId: deps.randomness.id('auth'),
    createdAtMs: deps.clock.wallMs(),
    deadlineMs: command.receivedAtMs + Math.min(asked, rule.action.deadlineMs),
    decision: NOTHING_DECIDED,
    routing: null,
    version: 0,
    attempts: [],
  };
}

/** The explanation of a decision as it is stored and answered. */
export function routingOf(road: Road, propensity: number): RoutingDecision {
  const notes = [...road.decision.notes];
  if (road.card.bin !== null && road.card.matchLength === 0) {
    notes.push(`BIN is not in the card table; brand ${road.card.brand} is from the ${sourceOf(road.card)}`);
  }
  return {
    ruleset: road.ruleset.version,
    rule: road.rule.name,
    strategy: road.rule.action.strategy.kind,
    experiment: null,
    propensity,
    candidates: road.decision.explain(),
    notes,
  };
}

function sourceOf(card: CardFacts): string {
  switch (card.brandSource) {
    case 'bin_table':
      return 'scheme ranges';
    case 'caller':
      return 'caller';
    case 'none':
      return 'default, nobody says';
  }
}

/** The authorization as its attempts so far add up to, for answers and for the journal. */
export function authorizationOf(road: Road, routing: RoutingDecision): Authorization {
  const { request, account, traceId } = road.command;
  return settled({
    id: road.authorizationId,
    account,
    status: 'pending',
    version: road.version,
    open: true,
    live: road.ruleset.live,
    request: storableRequest(request),
    authorizedAmount: 0,
    capturedAmount: 0,
    refundedAmount: 0,
    provider: null,
    providerReference: null,
    networkTransaction: null,
    decline: null,
    attempts: road.attempts,
    routing,
    traceId,
    createdAtMs: road.createdAtMs,
  });
}
