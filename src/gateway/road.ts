import type { AttemptOutcome } from '../core/attempt.ts';
import { type Authorization, newAuthorization, storableRequest } from '../core/authorization.ts';
import type { CardFacts } from '../core/card.ts';
import { isScaRegion } from '../core/cards/regions.ts';
import type { RoutingDecision } from '../core/decision.ts';
import type { Assignment } from '../core/experiments/assign.ts';
import type { RoutingFacts } from '../core/facts.ts';
import type { OperationEnd, RemarkOn } from '../core/lifecycle.ts';
import type { Rule, Ruleset } from '../core/rules/ruleset.ts';
import { type Decision, NOTHING_DECIDED } from './candidates.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import type { FrozenAnswer } from './ports.ts';
import type { AuthorizeCommand } from './road-results.ts';

/** What came to be known and is not in the journal yet. */
export type Finding =
  | {
      readonly about: 'attempt';
      readonly number: number;
      readonly outcome: AttemptOutcome;
      readonly durationMs: number | null;
      /** How long an authorization at that provider is good for; milliseconds. */
      readonly validityMs: number;
    }
  | { readonly about: 'operation'; readonly number: number; readonly end: OperationEnd };

/** State of one authorization on its road. Only the functions of the road change it, one after the other. */
export interface Road {
  readonly command: AuthorizeCommand;
  readonly facts: RoutingFacts;
  readonly card: CardFacts;
  readonly ruleset: Ruleset;
  /** As the arm that the payment is in has changed it. */
  readonly rule: Rule;
  readonly assignment: Assignment;
  readonly authorizationId: string;
  /** Monotonic clock by which everything must be over. */
  readonly deadlineMs: number;
  /** When a provider that was asked by the deadline came back last, monotonic clock; at first, when the request came. */
  cameBackAtMs: number;
  /** The order of candidates for the attempt that comes next. */
  decision: Decision;
  /** As the journal last confirmed it; at version 0 before it is opened. */
  recorded: Authorization;
  /** {@link Road.recorded} with what has been found out since. */
  current: Authorization;
  /** What {@link Road.current} has more than {@link Road.recorded}. */
  findings: readonly Finding[];
  /** The answer as this road froze it; null while it has not. */
  frozen: FrozenAnswer | null;
  /** Somebody else has moved the authorization on: nothing more is sent. */
  overtaken: boolean;
  /**
   * What became of it since: others have closed an attempt as not known to its provider that this road has sent, so that it
   * is to be asked about once more.
   */
  doubts: readonly RemarkOn[];
}

/** Sets out on the road: nothing is durable yet. */
export function beginRoad(
  command: AuthorizeCommand,
  card: CardFacts,
  facts: RoutingFacts,
  ruleset: Ruleset,
  assignment: Assignment,
  deps: Pick<GatewayDeps, 'clock' | 'randomness'>,
): Road {
  const { rule } = assignment;
  const asked = command.request.deadlineMs ?? rule.action.deadlineMs;
  const authorizationId = deps.randomness.id('auth');
  const authorization = newAuthorization({
    id: authorizationId,
    account: command.account,
    live: ruleset.live,
    request: storableRequest(command.request),
    brand: facts.cardBrand,
    scaRegion: isScaRegion(facts.cardCountry),
    latePolicy: { reverseAfterMs: rule.action.lateApprovalReverseAfterMs },
    routing: NO_ROUTING,
    traceId: command.traceId,
    createdAtMs: deps.clock.wallMs(),
  });
  return {
    command,
    card,
    facts,
    ruleset,
    rule,
    assignment,
    authorizationId,
    deadlineMs: command.receivedAtMs + Math.min(asked, rule.action.deadlineMs),
    cameBackAtMs: command.receivedAtMs,
    decision: NOTHING_DECIDED,
    recorded: authorization,
    current: authorization,
    findings: [],
    frozen: null,
    overtaken: false,
    doubts: [],
  };
}

/**
 * A provider has come back: what that is worth is recorded from now on. One that was asked after the deadline was sent nothing,
 * and prolongs nothing.
 */
export function cameBack(road: Road, askedAtMs: number, { clock }: Pick<GatewayDeps, 'clock'>): void {
  if (askedAtMs < road.deadlineMs) road.cameBackAtMs = clock.monotonicMs();
}

/**
 * The same road by the rule itself, where nobody whom the arm would choose can be tried: an experiment must not leave a
 * payment without a provider that would take it. The payment stays in its arm, counts there, and is learned there.
 * @param rule as it was matched
 * @returns null where the arm changes nothing
 */
export function withoutArm(road: Road, rule: Rule): Road | null {
  const { assignment, decision } = road;
  if (assignment.rule === rule) return null;
  const { id, arm } = assignment.shown ?? { id: 'holdout', arm: 'holdout' };
  const why = decision
    .explain()
    .filter(({ reason }) => reason !== null && reason !== 'not_in_rule')
    .map(({ provider, reason }) => `${provider} ${reason}`);
  const note = `experiment ${id}: by the rule itself, since arm ${arm} had nobody to try (${why.join(', ')})`;
  return { ...road, rule, assignment: { ...assignment, rule, notes: [...assignment.notes, note] } };
}

/** Before the decision is known. */
const NO_ROUTING: RoutingDecision = {
  ruleset: 0,
  rule: '',
  strategy: 'score',
  experiment: null,
  propensity: 0,
  candidates: [],
  notes: [],
};

/** The explanation of a decision as it is stored and answered. */
export function routingOf(road: Road, propensity: number): RoutingDecision {
  const notes = [...road.assignment.notes, ...road.decision.notes];
  if (road.card.bin !== null && road.card.matchLength === 0) {
    notes.push(`BIN is not in the card table; brand ${road.card.brand} is from the ${sourceOf(road.card)}`);
  }
  return {
    ruleset: road.ruleset.version,
    rule: road.rule.name,
    strategy: road.rule.action.strategy.kind,
    experiment: road.assignment.shown,
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
