import { type AttemptOutcome, breakerSignal } from '../core/attempt.ts';
import type { AuthorizationRequest } from '../core/authorization.ts';
import { isScaRegion } from '../core/cards/regions.ts';
import type { ProviderContract } from '../core/rules/ruleset.ts';
import { describeError } from './describe-error.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import type { CallBudget, Intent, Permit, Provider } from './ports.ts';
import type { Road } from './road.ts';

/** A provider that holds a place in its limit and breaker, ready to be tried. */
export interface Admitted {
  readonly contract: ProviderContract;
  readonly provider: Provider;
  readonly token: string;
  readonly permit: Permit;
  readonly propensity: number;
  /**
   * Monotonic clock by which the attempt is given up. Fixed before the intent is written: time that the journal
   * takes does not prolong the attempt beyond what the intent says.
   */
  readonly deadlineMs: number;
}

/** What an attempt came to. */
export interface AttemptResult {
  readonly outcome: AttemptOutcome;
  readonly durationMs: number;
}

/**
 * Sends one attempt whose intent is already durable, and reads its outcome. Tells breaker, limiter and learner how
 * it went. Never throws for anything that a provider or the network does.
 */
export async function sendAttempt(
  intent: Intent,
  admitted: Admitted,
  road: Road,
  deps: GatewayDeps,
): Promise<AttemptResult> {
  const { facts, rule } = road;
  deps.observer.decided({ rule: rule.name, strategy: rule.action.strategy.kind, provider: intent.provider });
  const { request, traceparent } = road.command;
  const startedMs = deps.clock.monotonicMs();
  const budget: CallBudget = {
    deadlineMs: admitted.deadlineMs,
    connectTimeoutMs: admitted.contract.connectTimeoutMs,
    signal: deps.stopSignal,
    traceparent,
  };
  let outcome: AttemptOutcome;
  try {
    outcome = await admitted.provider.authorize({
      attemptId: intent.attemptId,
      providerKey: intent.providerKey,
      request,
      token: admitted.token,
      brand: facts.cardBrand,
      scaRegion: isScaRegion(facts.cardCountry),
      budget,
    });
  } catch (error) {
    // An adapter that throws is a bug, but money may have moved: the bug must not look like a negative.
    deps.observer.alert({ kind: 'adapter_threw', detail: describeError(error), authorizationId: null });
    outcome = { kind: 'unknown', code: 'adapter_failed', providerReference: null };
  }
  outcome = await undoWhatMayNotStand(outcome, { intent, admitted, request, budget }, deps);
  const durationMs = deps.clock.monotonicMs() - startedMs;
  const retryAfterMs = outcome.kind === 'rejected' ? outcome.retryAfterMs : null;
  admitted.permit.report(breakerSignal(outcome), retryAfterMs);
  deps.observer.attemptEnded({ provider: intent.provider, brand: facts.cardBrand, outcome, durationMs });
  deps.learner.observe({
    provider: intent.provider,
    facts,
    attemptNumber: intent.number,
    outcome,
    durationMs,
  });
  return { outcome, durationMs };
}

interface AttemptContext {
  readonly intent: Intent;
  readonly admitted: Admitted;
  readonly request: AuthorizationRequest;
  readonly budget: CallBudget;
}

/**
 * Undoes an authorization that may not stand: one for less than was asked, when the caller does not take less, and
 * the approval that a decline may hide. Only a confirmation counts; an acknowledgement does not. A crash before the
 * outcome is recorded leaves the attempt unknown, and an inquiry finds what the void came to.
 */
async function undoWhatMayNotStand(
  outcome: AttemptOutcome,
  context: AttemptContext,
  deps: GatewayDeps,
): Promise<AttemptOutcome> {
  // An answer may already tell of a void, which is as good as one that we asked for.
  if (outcome.kind === 'partially_approved' && outcome.reversal === 'confirmed') return outcome;
  if (outcome.kind === 'partially_approved' && !context.request.acceptPartial) {
    const undone = await voidConfirmed(outcome.providerReference, outcome.authorizedAmount, context, deps);
    return { ...outcome, reversal: undone ? 'confirmed' : 'unconfirmed' };
  }
  if (outcome.kind === 'declined' && outcome.decline.mayHideApproval && outcome.providerReference !== null) {
    const undone = await voidConfirmed(
      outcome.providerReference,
      context.request.amount.value,
      context,
      deps,
    );
    return undone
      ? { ...outcome, decline: { ...outcome.decline, mayHideApproval: false, otherProvider: 'no' } }
      : outcome;
  }
  return outcome;
}

async function voidConfirmed(
  providerReference: string,
  value: number,
  { intent, admitted, request, budget }: AttemptContext,
  deps: GatewayDeps,
): Promise<boolean> {
  try {
    const reversal = await admitted.provider.void({
      attemptId: intent.attemptId,
      providerReference,
      providerKey: `${intent.providerKey}_void`,
      amount: { value, currency: request.amount.currency },
      budget,
    });
    return reversal.kind === 'confirmed';
  } catch (error) {
    deps.observer.alert({ kind: 'adapter_threw', detail: describeError(error), authorizationId: null });
    return false;
  }
}
