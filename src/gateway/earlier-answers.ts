import type { CandidateExplanation } from '../core/decision.ts';
import type { Rule } from '../core/rules/ruleset.ts';
import { lookedUpBy } from './answer-time.ts';
import { claimScope } from './claim-scope.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal, type JournalCall } from './journal-calls.ts';
import type { ClaimRecord, Observer } from './ports.ts';
import type { OpenedRoad } from './record.ts';
import type { Road } from './road.ts';
import type { AuthorizeCommand, AuthorizeResult } from './road-results.ts';

/** When to ask again for an authorization that is under way. */
const IN_FLIGHT_RETRY_MS = 1_000;
/** When to try again after the journal failed, or when no breaker or limit says more. */
const UNAVAILABLE_RETRY_MS = 1_000;

/** What to answer when the road could not be opened. Nothing was sent. */
export async function answerOpening(
  opening: Exclude<OpenedRoad, { readonly kind: 'opened' | 'scheme_stop' }>,
  road: Road,
  deps: GatewayDeps,
): Promise<AuthorizeResult> {
  switch (opening.kind) {
    case 'claimed':
      return answerClaim(opening.claim, road.command, road, deps);
    case 'payment_live':
      return { kind: 'payment_live', authorizationId: opening.authorizationId };
    case 'payment_held':
      // A payment is the merchant's: two accounts of one merchant must not charge it twice, but learn nothing more.
      return { kind: 'payment_held' };
    case 'journal_failed': {
      // Often it can still be read: a key whose earlier request was sent must not be told that nothing was.
      const found = await findClaim(road.command, road, deps);
      const earlier = found.ok && found.value?.authorizationId !== road.authorizationId ? found.value : null;
      if (earlier !== null) return answerClaim(earlier, road.command, road, deps);
      observeUnsent(road.command, road, 'journal_unavailable', deps);
      return { kind: 'journal_unavailable', retryAfterMs: UNAVAILABLE_RETRY_MS };
    }
  }
}

function findClaim(
  command: AuthorizeCommand,
  road: Road | null,
  deps: GatewayDeps,
): Promise<JournalCall<ClaimRecord | null>> {
  const find = () => deps.journal.findClaim(claimScope(command));
  return callJournal('find_claim', deps, find, null, lookedUpBy(command, road));
}

/** The same key gives the same answer: frozen when final, the current state while pending. */
export async function answerClaim(
  claim: ClaimRecord,
  command: AuthorizeCommand,
  road: Road | null,
  deps: GatewayDeps,
): Promise<AuthorizeResult> {
  const { authorizationId } = claim;
  if (claim.bodyFingerprint !== command.bodyFingerprint) return { kind: 'other_body', authorizationId };
  if (claim.frozen !== null) return { kind: 'answered', ...claim.frozen, replayed: true, authorizationId };
  const inFlight: AuthorizeResult = { kind: 'in_flight', authorizationId, retryAfterMs: IN_FLIGHT_RETRY_MS };
  if (claim.open) return inFlight;
  const find = () => deps.journal.findAuthorization(authorizationId);
  const found = await callJournal('find', deps, find, null, lookedUpBy(command, road));
  if (!found.ok || found.value === null) return inFlight;
  if (!found.value.answered) {
    return { kind: 'answered', ...deps.renderAnswer(found.value), replayed: true, authorizationId };
  }
  // It was settled after the key was looked up, and more may have happened since: as it was frozen, or not at all.
  const again = await findClaim(command, road, deps);
  const frozen = again.ok ? (again.value?.frozen ?? null) : null;
  return frozen === null ? inFlight : { kind: 'answered', ...frozen, replayed: true, authorizationId };
}

/**
 * No provider can be tried. A key that was used before still gives its earlier answer; otherwise nothing was sent,
 * nothing is recorded, and the key is not used up.
 */
export async function answerNoRoute(
  command: AuthorizeCommand,
  rule: Rule | null,
  reasons: readonly CandidateExplanation[],
  road: Road | null,
  deps: GatewayDeps,
): Promise<AuthorizeResult> {
  const earlier = await earlierAnswer(command, road, deps);
  if (earlier !== null) return earlier;
  observeUnsent(command, road, 'no_route', deps, { rule: rule?.name ?? null, passedOver: reasons });
  return {
    kind: 'no_route',
    rule: rule?.name ?? null,
    reasons,
    retryAfterMs: road?.decision.retryAfterMs() ?? UNAVAILABLE_RETRY_MS,
  };
}

/**
 * Payments like this one look like card testing. A key that was used before still gives its earlier answer; otherwise
 * nothing is sent or recorded, and the key is not used up.
 */
export async function answerCardTesting(
  command: AuthorizeCommand,
  retryAfterMs: number,
  deps: GatewayDeps,
): Promise<AuthorizeResult> {
  const earlier = await earlierAnswer(command, null, deps);
  if (earlier !== null) return earlier;
  observeUnsent(command, null, 'card_testing', deps);
  return { kind: 'card_testing', retryAfterMs };
}

/** What a key that was used before gives, or that the journal cannot tell; null: the key is new. */
async function earlierAnswer(
  command: AuthorizeCommand,
  road: Road | null,
  deps: GatewayDeps,
): Promise<AuthorizeResult | null> {
  const found = await findClaim(command, road, deps);
  if (!found.ok) {
    observeUnsent(command, road, 'journal_unavailable', deps);
    return { kind: 'journal_unavailable', retryAfterMs: UNAVAILABLE_RETRY_MS };
  }
  return found.value === null ? null : answerClaim(found.value, command, road, deps);
}

function observeUnsent(
  command: AuthorizeCommand,
  road: Road | null,
  status: 'no_route' | 'journal_unavailable' | 'card_testing',
  deps: GatewayDeps,
  told: Pick<Parameters<Observer['authorizationEnded']>[0], 'rule' | 'passedOver'> = {
    rule: road?.rule.name ?? null,
  },
): void {
  deps.observer.authorizationEnded({
    authorizationId: null,
    account: command.account,
    merchant: command.request.merchant,
    reference: command.request.reference,
    status,
    provider: null,
    ...told,
    ruleset: deps.rulesets.current().version,
    attempts: [],
    amount: command.request.amount,
    brand: road?.facts.cardBrand ?? 'unknown',
    durationMs: deps.clock.monotonicMs() - command.receivedAtMs,
    traceId: command.traceId,
  });
}
