import { type Attempt, type AttemptOutcome, isUnsettled, referenceOf } from '../core/attempt.ts';
import type { Authorization } from '../core/authorization.ts';
import { applyOutcome, withVoid } from '../core/lifecycle.ts';
import {
  canAskAbout,
  isKeyUsable,
  isNotFoundEvidence,
  KEY_MARGIN_MS,
  NEVER_CONFIRMED,
  notFoundEvidenceAt,
  notFoundOutcome,
  wasNeverConfirmed,
} from '../core/resolution.ts';
import { sharedTokenFor, tokenFor } from '../core/rules/eligibility.ts';
import { pendingVoid, settled } from '../core/settlement.ts';
import { ADAPTER_FAILED, askProvider } from './ask-provider.ts';
import { budgetFor, inquire, isAboutRepeat, requestFor, sentSighting } from './attempt.ts';
import { begunBy, changeAuthorization } from './change.ts';
import { type Connected, connected } from './connected.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { learnLate } from './learn-late.ts';
import { type Look, NO_WAY_TO_ASK, tellLook } from './look.ts';
import type { WorkItem } from './ports.ts';
import { tellUnmapped } from './unmapped.ts';

/** Finds out what became of an attempt, if it can be, and writes it. */
export async function lookAtAttempt(
  authorization: Authorization,
  attempt: Attempt,
  item: WorkItem,
  deps: GatewayDeps,
): Promise<Look> {
  const about = { provider: attempt.provider, subject: 'attempt' } as const;
  const to = connected(attempt.provider, deps);
  if (to === null) {
    tellLook(item, { ...about, by: 'inquiry', result: 'provider_not_connected' }, deps);
    return { authorization, answered: false };
  }
  const found = await findOut(authorization, attempt, to, deps);
  if (found.kind === 'nothing') {
    tellLook(item, { ...about, by: 'inquiry', result: found.result }, deps);
    return { authorization, answered: found.answered, evidenceAtMs: found.evidenceAtMs ?? null };
  }
  if (found.kind === 'unconfirmed') return cancelUnconfirmed(authorization, attempt, item, deps);
  const { outcome, by } = found;
  const { validityMs } = to.provider.semantics;
  const result = await changeAuthorization(
    authorization,
    (current) =>
      applyOutcome(current, attempt.number, outcome, {
        nowMs: deps.clock.wallMs(),
        validityMs,
        durationMs: null,
      }),
    { event: { kind: 'resolved', actor: 'resolver', data: { attempt: attempt.id, by, outcome } } },
    deps,
  );
  if (result.kind === 'failed') return { authorization, answered: false };
  tellLook(item, { ...about, by, result: outcome.kind }, deps);
  if (result.kind === 'written' && learnLate(result, attempt.number, deps)) {
    deps.sightings.forget(attempt.id);
    deps.sightings.forget(sentSighting(attempt.id));
    tellUnmapped(outcome, { provider: attempt.provider, authorizationId: authorization.id }, deps);
  }
  return { authorization: result.authorization, answered: true, begun: begunBy(result) };
}

/**
 * The second step was never seen at the provider, and may still be on its way: what was prepared is cancelled, so that it
 * comes to nothing. The confirmed cancellation is the evidence.
 */
async function cancelUnconfirmed(
  authorization: Authorization,
  attempt: Attempt,
  item: WorkItem,
  deps: GatewayDeps,
): Promise<Look> {
  const { provider } = attempt;
  tellLook(item, { provider, subject: 'attempt', by: 'inquiry', result: 'unconfirmed' }, deps);
  const result = await changeAuthorization(
    authorization,
    (current) => {
      const open = current.attempts.find(
        ({ number, outcome }) => number === attempt.number && isUnsettled(outcome),
      );
      if (open === undefined || pendingVoid(current, attempt.number) !== null) {
        return { authorization: current, remarks: [], changed: false };
      }
      const cancelling = withVoid(current, open, 'unknown_outcome', deps.clock.wallMs());
      return { authorization: settled(cancelling), remarks: [], changed: true };
    },
    {
      event: {
        kind: 'cancellation_begun',
        actor: 'resolver',
        data: { attempt: attempt.id, by: 'unconfirmed' },
      },
    },
    deps,
  );
  if (result.kind === 'failed') return { authorization, answered: false };
  return { authorization: result.authorization, answered: true, begun: begunBy(result) };
}

/** What a look at an attempt found: an outcome with the way it was found, or none. */
type Found =
  | {
      readonly kind: 'outcome';
      readonly outcome: AttemptOutcome;
      readonly by: 'inquiry' | 'replay' | 'record';
    }
  | { readonly kind: 'unconfirmed' }
  | {
      readonly kind: 'nothing';
      readonly answered: boolean;
      readonly result: string;
      readonly evidenceAtMs?: number | null;
    };

/** Asks by inquiry where the provider has one, else by a replay under the same key while that is safe. */
async function findOut(
  authorization: Authorization,
  attempt: Attempt,
  to: Connected,
  deps: GatewayDeps,
): Promise<Found> {
  const seenForMs = deps.sightings.seenForMs(attempt.id);
  const { provider, contract } = to;
  const { semantics } = provider;
  const reference = referenceOf(attempt);
  // Its road is over: nobody takes the second step any more.
  if (wasNeverConfirmed(semantics, attempt)) {
    return { kind: 'outcome', outcome: NEVER_CONFIRMED, by: 'record' };
  }
  if (!canAskAbout(semantics, attempt)) return replay(authorization, attempt, to, seenForMs, deps);
  const budget = budgetFor(contract, deps);
  const answer = await inquire(provider, authorization, attempt.id, reference, budget, deps);
  switch (answer.kind) {
    case 'found':
      return { kind: 'outcome', outcome: answer.outcome, by: 'inquiry' };
    case 'not_found': {
      const nowMs = deps.clock.wallMs();
      // Clocks that are ahead see an attempt before its deadline: its whole time counts, whatever is over of it.
      const lengthMs = attempt.deadlineAtMs - attempt.startedAtMs;
      const waited = { pastDeadlineMs: nowMs - attempt.deadlineAtMs, seenForMs: seenForMs - lengthMs };
      if (isNotFoundEvidence(semantics.notFoundAfterMs, waited)) {
        return { kind: 'outcome', outcome: notFoundOutcome(attempt), by: 'inquiry' };
      }
      const evidenceAtMs = notFoundEvidenceAt(semantics.notFoundAfterMs, waited, nowMs);
      return { kind: 'nothing', answered: true, result: 'not_found', evidenceAtMs };
    }
    case 'unconfirmed':
      return answer;
    case 'no_answer':
      return { kind: 'nothing', answered: false, result: `no_answer ${answer.code}` };
  }
}

/**
 * The same request under the same key, from stored fields: only where no inquiry can tell, the key is certain to be
 * known still, nothing of the request was left out of the store (authentication data is), and nobody wants it undone.
 */
async function replay(
  authorization: Authorization,
  attempt: Attempt,
  { provider, contract }: Connected,
  seenForMs: number,
  deps: GatewayDeps,
): Promise<Found> {
  const sentForMs = deps.sightings.seenForMs(sentSighting(attempt.id));
  const ageMs = Math.max(deps.clock.wallMs() - attempt.startedAtMs, seenForMs, sentForMs);
  const isWhole = authorization.request.threeDs === null;
  const isWanted = pendingVoid(authorization, attempt.number) === null;
  const { card } = authorization.request;
  const token = tokenFor(contract, card) ?? sharedTokenFor(contract, card);
  const isSafe =
    provider.semantics.replay === 'same_answer' &&
    isKeyUsable(provider.semantics, deps.clock.wallMs() < attempt.startedAtMs ? -1 : ageMs, KEY_MARGIN_MS);
  if (!isSafe || !isWhole || !isWanted || token === null) {
    return { kind: 'nothing', answered: true, result: NO_WAY_TO_ASK };
  }
  const { request, brand, scaRegion } = authorization;
  const again = () =>
    provider.authorize({
      attemptId: attempt.id,
      providerKey: attempt.providerKey,
      request: requestFor(request, attempt.number),
      token,
      brand,
      scaRegion,
      budget: budgetFor(contract, deps),
      isRepeat: true,
      preparedReference: attempt.preparedReference,
      // A second step is taken on the road or never.
      prepared: () => Promise.resolve(false),
    });
  const noAnswer = { kind: 'unknown', code: ADAPTER_FAILED, providerReference: null } as const;
  const outcome = await askProvider<AttemptOutcome>(again, noAnswer, authorization.id, deps);
  if (isAboutRepeat(outcome))
    return { kind: 'nothing', answered: false, result: `no_answer ${outcome.kind}` };
  return { kind: 'outcome', outcome, by: 'replay' };
}
