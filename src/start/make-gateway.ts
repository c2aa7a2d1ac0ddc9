import type { Settings } from '../config/environment.ts';
import { cardIdentity } from '../core/scheme/card-identity.ts';
import { renderAuthorization } from '../edge/answer.ts';
import { renderDecision } from '../edge/decision-answer.ts';
import { renderEvent } from '../edge/event-answer.ts';
import { renderOperation } from '../edge/operation-answer.ts';
import { Gateway } from '../gateway/gateway.ts';
import { Sightings } from '../gateway/sightings.ts';
import { Unrecorded } from '../gateway/unrecorded.ts';
import { BackgroundPacer } from '../guards/background-pacer.ts';
import { CardTestingGuard } from '../guards/card-testing-guard.ts';
import { SlidingRetryBudget } from '../guards/sliding-retry-budget.ts';
import type { Parts } from './parts.ts';
import { announcingArms } from './tell-others.ts';
import { clock, OWNER, randomness } from './this-process.ts';

/** How fast one endpoint is told of events: a tenth of this a second and at once. */
const EVENT_PACE = { perSecond: 500, concurrent: 80 } as const;

/**
 * The gateway on the parts that its ports ask for.
 * @param stopSignal gives up what is still under way when the drain's time is over
 */
export function makeGateway(parts: Parts, stopSignal: AbortSignal): Gateway {
  const { registry, rules, schemeRules, cardKey } = parts;
  const pods = () => parts.shared?.sharing.pods ?? 1;
  return new Gateway({
    clock,
    randomness,
    journal: parts.journal,
    guards: parts.lanes,
    retryBudget: new SlidingRetryBudget(clock, {}, pods),
    // At most a tenth (payments reference, invariant 37); what is over is left to the resolver.
    quickBudget: new SlidingRetryBudget(clock, { ratio: 0.1, floor: 50 }, pods),
    learner: parts.taught,
    accounts: parts.shared?.learning.accounts ?? parts.accounts,
    rulesets: rules,
    arms: parts.arms,
    cards: parts.cards,
    schemeGuard: {
      rules: () => schemeRules,
      cardKey: (merchant, card) => cardKey(merchant, cardIdentity(card)),
    },
    cardTesting: parts.shared?.sharing.cardTesting ?? new CardTestingGuard(clock),
    pacer: new BackgroundPacer((provider) => rules.current().providers.get(provider)?.limits, pods),
    provider: (id) => registry.get(id),
    observer: announcingArms(parts.observer, parts.shared?.state ?? null),
    tracer: parts.tracing?.tracer ?? null,
    outgoing: {
      endpoints: () => parts.endpoints.current(),
      sender: parts.eventSender,
      pacer: new BackgroundPacer(() => EVENT_PACE),
      render: renderEvent,
    },
    unrecorded: new Unrecorded(),
    sightings: new Sightings(clock),
    renderAnswer: renderAuthorization,
    renderOperation,
    renderDecision,
    owner: OWNER,
    // The embedded journal is locked for this process; a database is for all that have its address.
    soleOwner: parts.settings.databaseUrl === null,
    leaseMs: parts.settings.leaseMs,
    resolverSchedule: parts.settings.resolverSchedule,
    retentionMs: retentionOf(parts.settings),
    refundableRetentionMs: parts.settings.refundableRetentionDays * 86_400_000,
    stopSignal,
  });
}

function retentionOf({ retentionDays }: Settings): number | null {
  return retentionDays === null ? null : retentionDays * 86_400_000;
}
