import { type Attempt, type AttemptOutcome, isUnsettled, referenceOf } from '../core/attempt.ts';
import type { Authorization } from '../core/authorization.ts';
import { ANSWER_MISMATCH, applyOutcome } from '../core/lifecycle.ts';
import { pendingVoid } from '../core/settlement.ts';
import { intendedBy, operationDeadline, recordedBy } from './answer-time.ts';
import { type Asker, isTheirs } from './asker.ts';
import { budgetFor, inquire } from './attempt.ts';
import { changeAuthorization } from './change.ts';
import { connected } from './connected.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal } from './journal-calls.ts';
import { learnLate } from './learn-late.ts';
import type { AttemptName } from './ports.ts';

/**
 * What a person found out about an attempt, with evidence. `approved`: it stands at the provider under that reference.
 * `not_processed`: the provider has confirmed that it never was. `undone`: whatever it obtained is voided or refunded
 * there.
 */
export const RESOLUTIONS = ['approved', 'not_processed', 'undone'] as const;
export type Resolution = (typeof RESOLUTIONS)[number];

/** What a person found out at the provider, and says so. */
export interface PersonsWord<Found extends string> extends Asker {
  readonly resolution: Found;
  /** The id, at the provider, of what it is about; null when it is not known. */
  readonly providerReference: string | null;
  /** Where it can be checked: a ticket, a statement, a name of a file. Kept in the history. */
  readonly evidence: string;
  /** When all of it was here, monotonic clock. */
  readonly receivedAtMs: number;
}

/** `providerReference` names the authorization there, is recorded about no other attempt, and is required for `approved`. */
export interface ResolveCommand extends PersonsWord<Resolution> {
  readonly attemptId: string;
}

/**
 * It is recorded about another attempt, perhaps of another account; the provider itself says otherwise, or does not answer
 * now.
 */
export type ReferenceRefusal = 'recorded_elsewhere' | 'provider_denies' | 'provider_silent';

export type ResolveResult =
  | { readonly kind: 'resolved'; readonly authorization: Authorization }
  | { readonly kind: 'not_found' }
  /** There is nothing to be resolved: its outcome is known, or its road is still open. */
  | { readonly kind: 'not_open'; readonly authorization: Authorization }
  /** What the provider has under that reference is not what the attempt obtained. */
  | {
      readonly kind: 'reference_refused';
      readonly because: ReferenceRefusal;
      readonly authorization: Authorization;
    }
  | { readonly kind: 'journal_unavailable' };

const ATTEMPT_ID = /^att_([A-Za-z]{1,64})_(\d{1,2})$/;

/** The authorization and the number that an attempt's id names; null for a text that is none. */
export function attemptNamed(attemptId: string): AttemptName | null {
  const match = ATTEMPT_ID.exec(attemptId);
  if (match === null) return null;
  return { authorizationId: `auth_${match[1]}`, number: Number(match[2]) };
}

/**
 * A person closes an attempt that could not be found out, or a reversal that the provider does not confirm. It takes the
 * same way as every other evidence: conditional on the state, in the history with who said so and why. A journal that hangs
 * is waited for as by a capture: what lands after the answer is the person's word all the same, if nobody was first.
 */
export async function resolveAttempt(command: ResolveCommand, deps: GatewayDeps): Promise<ResolveResult> {
  const named = attemptNamed(command.attemptId);
  if (named === null) return { kind: 'not_found' };
  const read = () => deps.journal.findAuthorization(named.authorizationId);
  const found = await callJournal('find', deps, read, null, intendedBy(command));
  if (!found.ok) return { kind: 'journal_unavailable' };
  const authorization = found.value;
  const attempt = authorization?.attempts.find(({ number }) => number === named.number);
  if (authorization === null || attempt === undefined || !isTheirs(authorization, command)) {
    return { kind: 'not_found' };
  }
  if (!mayResolve(authorization, attempt.number, command.resolution)) {
    return { kind: 'not_open', authorization };
  }
  const refusal = await refusalOfReference(command, authorization, attempt, deps);
  if (refusal !== null) return refusal;
  const { providerReference } = command;
  const reference = referenceOf(attempt);
  // What is undone is what is recorded there, by whatever id the person found its undoing.
  const of =
    command.resolution === 'undone' ? (reference ?? providerReference) : (providerReference ?? reference);
  const outcome = outcomeOf({ ...command, providerReference: of }, authorization);
  const result = await changeAuthorization(
    authorization,
    (current) => {
      // What was found out since the person looked decides: an approval of that moment is not given back unread.
      if (!mayResolve(current, attempt.number, command.resolution)) {
        return { authorization: current, remarks: [], changed: false };
      }
      return applyOutcome(current, attempt.number, outcome, {
        nowMs: deps.clock.wallMs(),
        validityMs: deps.provider(attempt.provider)?.semantics.validityMs ?? 0,
        durationMs: null,
        saidByPerson: true,
      });
    },
    {
      event: {
        kind: 'resolved_by_person',
        actor: command.account,
        data: { attempt: attempt.id, resolution: command.resolution, evidence: command.evidence, outcome },
      },
      // Two persons may name one at the same moment.
      exclusive:
        providerReference === null
          ? null
          : { provider: attempt.provider, reference: providerReference, attemptId: attempt.id },
      untilMs: resolvedBy(command, attempt, deps),
    },
    deps,
  );
  if (result.kind === 'failed') return { kind: 'journal_unavailable' };
  if (result.kind === 'unchanged') {
    return result.isReferenceTaken === true
      ? { kind: 'reference_refused', because: 'recorded_elsewhere', authorization: result.authorization }
      : { kind: 'not_open', authorization: result.authorization };
  }
  deps.sightings.forget(attempt.id);
  learnLate(result, attempt.number, deps);
  deps.observer.resolved({
    authorizationId: authorization.id,
    provider: attempt.provider,
    subject: 'attempt',
    by: 'person',
    result: command.resolution,
    ageMs: Math.max(0, deps.clock.wallMs() - attempt.startedAtMs),
  });
  return { kind: 'resolved', authorization: result.authorization };
}

/** Until when it is waited for that a person's word is recorded, monotonic clock: its provider has been asked by then. */
export function resolvedBy(
  command: Pick<PersonsWord<string>, 'receivedAtMs'>,
  { provider }: Pick<Attempt, 'provider'>,
  deps: Pick<GatewayDeps, 'clock' | 'rulesets'>,
): number {
  const timeoutMs = deps.rulesets.current().providers.get(provider)?.timeoutMs ?? 0;
  const cameBackAtMs = deps.clock.monotonicMs();
  return recordedBy({ deadlineMs: operationDeadline(command, timeoutMs), cameBackAtMs }, deps);
}

/** Why the reference that a person names is not taken; null when it is, or none is named. */
async function refusalOfReference(
  command: ResolveCommand,
  authorization: Authorization,
  attempt: Attempt,
  deps: GatewayDeps,
): Promise<ResolveResult | null> {
  const { providerReference, resolution } = command;
  if (providerReference === null) return null;
  const ask = () => deps.journal.isReferenceElsewhere(attempt.provider, providerReference, attempt.id);
  const isElsewhere = await callJournal('find_reference', deps, ask, null, intendedBy(command));
  if (!isElsewhere.ok) return { kind: 'journal_unavailable' };
  if (isElsewhere.value) return { kind: 'reference_refused', because: 'recorded_elsewhere', authorization };
  if (resolution !== 'approved') return null;
  const because = await whatProviderSays(authorization, attempt, providerReference, deps);
  return because === null ? null : { kind: 'reference_refused', because, authorization };
}

/** Whether there is something to be resolved: it is not known, or its undoing is not confirmed. */
function mayResolve(authorization: Authorization, attemptNumber: number, resolution: Resolution): boolean {
  if (authorization.open) return false;
  const attempt = authorization.attempts.find(({ number }) => number === attemptNumber);
  if (isUnsettled(attempt?.outcome ?? null)) return true;
  return resolution === 'undone' && pendingVoid(authorization, attemptNumber) !== null;
}

/**
 * What the provider says against an approval of this attempt under a reference: captures, voids and refunds would go to
 * it. Where it cannot be asked, or is not certain itself, the person's word stands; while it does not answer, it is waited
 * for: the reference might be that of another payment whose outcome is not known either.
 */
async function whatProviderSays(
  authorization: Authorization,
  attempt: Attempt,
  reference: string,
  deps: GatewayDeps,
): Promise<ReferenceRefusal | null> {
  const to = connected(attempt.provider, deps);
  if (to === null || to.provider.semantics.inquiry === 'none') return null;
  const { provider, contract } = to;
  const budget = budgetFor(contract, deps);
  const answer = await inquire(provider, authorization, attempt.id, reference, budget, deps);
  switch (answer.kind) {
    case 'unconfirmed':
      return 'provider_denies';
    case 'no_answer':
      return answer.code === ANSWER_MISMATCH ? 'provider_denies' : 'provider_silent';
    case 'not_found': {
      const windowMs = provider.semantics.notFoundAfterMs;
      const isOver = windowMs !== null && deps.clock.wallMs() - attempt.deadlineAtMs > windowMs;
      return isOver ? 'provider_denies' : null;
    }
    case 'found': {
      const { outcome } = answer;
      if (isUnsettled(outcome)) return null;
      const isIt = outcome.kind === 'approved' && outcome.providerReference === reference;
      return isIt ? null : 'provider_denies';
    }
  }
}

function outcomeOf(command: ResolveCommand, authorization: Authorization): AttemptOutcome {
  const { providerReference, resolution } = command;
  switch (resolution) {
    case 'approved':
      return { kind: 'approved', providerReference: providerReference ?? '', networkTransaction: null };
    case 'not_processed':
      return {
        kind: 'rejected',
        reason: 'not_found',
        code: 'closed_by_person',
        retryAfterMs: null,
        providerReference,
      };
    case 'undone':
      return {
        kind: 'partially_approved',
        providerReference: providerReference ?? '',
        authorizedAmount: authorization.request.amount.value,
        networkTransaction: null,
        reversal: 'confirmed',
      };
  }
}
