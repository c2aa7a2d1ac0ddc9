import type { Attempt } from '../core/attempt.ts';
import type { Authorization } from '../core/authorization.ts';
import { beginFollowOn, type FollowOn, type FollowOnRefusal } from '../core/follow-on.ts';
import { applyOperationEnd } from '../core/lifecycle.ts';
import type { Operation } from '../core/operation.ts';
import { hasWork } from '../core/settlement.ts';
import { type Asker, isTheirs } from './asker.ts';
import { budgetFor } from './attempt.ts';
import { changeAuthorization } from './change.ts';
import { type Connected, connected } from './connected.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal } from './journal-calls.ts';
import { planFor, stepOf } from './journal-step.ts';
import { FIRST_SENDING, notProcessed } from './judge-repeat.ts';
import { endOfOutcome, endOfRefusedVoid, labelOf, sendOperation, targetOf } from './operation-calls.ts';
import type { ClaimRecord, ClaimScope, Step } from './ports.ts';
import type { Answered } from './road-results.ts';
import { operationSighting } from './sightings.ts';
import { putBack } from './unrecorded.ts';

/** A caller's capture, void or refund, validated. */
export interface OperateCommand extends FollowOn, Asker {
  readonly authorizationId: string;
  /** Of the amount, when one was given. */
  readonly currency: string | null;
  readonly idempotencyKey: string;
  /** SHA-256 of the canonical body, hex. */
  readonly bodyFingerprint: string;
  readonly traceparent: string | null;
}

export type OperateResult =
  | Answered
  /** No such authorization for this account. */
  | { readonly kind: 'not_found' }
  /** The key was used with another body; nothing was sent. */
  | { readonly kind: 'other_body'; readonly authorizationId: string }
  /** As things stand it cannot be done; nothing was sent and the key is not used up. */
  | {
      readonly kind: 'refused';
      readonly refusal: FollowOnRefusal | 'currency_differs';
      readonly leftAmount: number;
      readonly authorization: Authorization;
    }
  /** The journal could not be written; nothing was sent. */
  | { readonly kind: 'journal_unavailable'; readonly retryAfterMs: number };

/** When to try again after the journal failed. */
const UNAVAILABLE_RETRY_MS = 1_000;
/**
 * How long an operation belongs to the call that began it, beyond the call itself: longer than the clocks of two
 * machines may differ by, and freed when the call ends. So who could not write the intent can still end it as never
 * sent, and nobody whose clock is ahead sends it meanwhile.
 */
const HELD_MS = 30 * 60_000;

/**
 * How long an operation belongs to the call that began it, at most: milliseconds from its beginning. Before, it may be
 * on its way by that call, whatever anybody else's clock says.
 * @param timeoutMs of a call of its provider
 */
export function operationLeaseMs(timeoutMs: number): number {
  return timeoutMs + HELD_MS;
}

/** When it is looked at after the end of the call, once the lease on it is free. */
const DUE_MARGIN_MS = 2_000;
/** Times that an operation is begun anew because the authorization changed meanwhile. */
const TRIES_MAX = 8;

/**
 * The road of a capture, void or refund: the key is looked up, the state asked, the intent written with the key in one
 * transaction, the provider that authorized asked (whatever its breaker says), and the answer recorded. What has no
 * clear answer stays pending and is found out beside the road. Never throws for a provider or a failing journal.
 */
export async function operate(command: OperateCommand, deps: GatewayDeps): Promise<OperateResult> {
  for (let turn = 0; turn < TRIES_MAX; turn += 1) {
    const found = await callJournal('find', deps, () =>
      deps.journal.findAuthorization(command.authorizationId),
    );
    if (!found.ok) return UNAVAILABLE;
    const authorization = found.value;
    if (authorization === null || !isTheirs(authorization, command)) return { kind: 'not_found' };
    const scope = claimScopeOf(authorization, command);
    const claim = await callJournal('find_claim', deps, () => deps.journal.findClaim(scope));
    if (!claim.ok) return UNAVAILABLE;
    if (claim.value !== null) {
      const answer = answerClaim(claim.value, authorization, command, deps);
      // The claim is newer than what was read: both are read anew.
      if (answer === null) continue;
      return answer;
    }

    const begun = begin(authorization, command, deps);
    if (begun.kind === 'refused') return begun;
    // Each call has a lease of its own: another one, of the same process or the same key, is somebody else.
    const holder = `${deps.owner} ${deps.randomness.id('call')}`;
    const step = stepFor(authorization, begun, scope, command, holder, deps);
    const written = await callJournal('advance', deps, () => deps.journal.advance(step));
    if (!written.ok) {
      // It may have been written after all. Only this call knows for certain that nothing was sent. What nobody sends
      // by itself (a void that waits for its attempt) stays as it was asked for.
      const neverSent = { scope, holder };
      if (begun.sender !== null)
        deps.unrecorded.add({ authorizationId: authorization.id, findings: [], neverSent });
      return UNAVAILABLE;
    }
    if (written.value.kind === 'written') {
      const after = { ...step.after, version: written.value.version };
      return carryOut(after, begun.operation, begun.sender, command, holder, deps);
    }
    // Somebody else changed it, or used the key: it is read and judged anew.
  }
  return UNAVAILABLE;
}

const UNAVAILABLE: OperateResult = { kind: 'journal_unavailable', retryAfterMs: UNAVAILABLE_RETRY_MS };

function claimScopeOf(authorization: Authorization, command: OperateCommand): ClaimScope {
  return {
    account: command.account,
    merchant: authorization.request.merchant,
    operation: `${command.kind} ${authorization.id}`,
    key: command.idempotencyKey,
  };
}

/** Who carries an operation out, of what, and what it is told of time. */
interface Sender extends Connected {
  readonly attempt: Attempt;
}

type Begun =
  | {
      readonly kind: 'begun';
      readonly authorization: Authorization;
      readonly operation: Operation;
      /** Null when it waits for the outcome of its attempt, or its provider is not connected. */
      readonly sender: Sender | null;
    }
  | Extract<OperateResult, { readonly kind: 'refused' }>;

function begin(authorization: Authorization, command: OperateCommand, deps: GatewayDeps): Begun {
  const refused = (refusal: FollowOnRefusal | 'currency_differs', leftAmount: number): Begun => ({
    kind: 'refused',
    refusal,
    leftAmount,
    authorization,
  });
  if (command.currency !== null && command.currency !== authorization.request.amount.currency) {
    return refused('currency_differs', 0);
  }
  const { provider } = authorization;
  const contract = provider === null ? undefined : deps.rulesets.current().providers.get(provider);
  const supportsPartial = contract?.capabilities.features.has('partial_capture') ?? false;
  const verdict = beginFollowOn(authorization, command, supportsPartial, deps.clock.wallMs());
  if (!verdict.allowed) return refused(verdict.refusal, verdict.leftAmount);
  const { operation } = verdict;
  return {
    kind: 'begun',
    authorization: verdict.authorization,
    operation,
    // One that ends where it begins is not sent.
    sender: operation.status === 'pending' ? senderOf(verdict.authorization, operation, deps) : null,
  };
}

function senderOf(authorization: Authorization, operation: Operation, deps: GatewayDeps): Sender | null {
  const attempt = authorization.attempts[operation.attemptNumber - 1];
  // What became of the attempt is not known: the void waits for it.
  if (attempt === undefined || authorization.status === 'pending') return null;
  const to = connected(attempt.provider, deps);
  if (to === null) return null;
  return targetOf({ attempt, operation }) === null ? null : { attempt, ...to };
}

/** Intent and key in one transaction; while we ask the provider ourselves, nobody else does. */
function stepFor(
  before: Authorization,
  begun: Extract<Begun, { readonly kind: 'begun' }>,
  scope: ClaimScope,
  command: OperateCommand,
  holder: string,
  deps: GatewayDeps,
): Step {
  const nowMs = deps.clock.wallMs();
  const { authorization: after, operation, sender } = begun;
  const timeoutMs = sender?.contract.timeoutMs ?? 0;
  const work =
    sender === null
      ? planFor(after, nowMs, deps.resolverSchedule)
      : {
          step: 0,
          failures: 0,
          dueAtMs: nowMs + timeoutMs + DUE_MARGIN_MS,
          lease: { owner: holder, untilMs: nowMs + operationLeaseMs(timeoutMs) },
        };
  return stepOf(
    before,
    after,
    {
      intent: null,
      scheme: null,
      leaseUntilMs: null,
      claim: { scope, bodyFingerprint: command.bodyFingerprint },
      // A road that is still open plans what is left when it ends.
      work: after.open ? 'unchanged' : work,
      event: {
        kind: 'operation_begun',
        actor: command.account,
        atMs: nowMs,
        data: {
          operation: operation.id,
          kind: operation.kind,
          amount: operation.amount,
          final: operation.final,
        },
      },
    },
    deps,
  );
}

async function carryOut(
  authorization: Authorization,
  operation: Operation,
  sender: Sender | null,
  command: OperateCommand,
  holder: string,
  deps: GatewayDeps,
): Promise<OperateResult> {
  if (sender === null) return answerOf(authorization, operation, false, deps);
  const { attempt, provider, contract } = sender;
  const startedMs = deps.clock.monotonicMs();
  const budget = { ...budgetFor(contract, deps), traceparent: command.traceparent };
  const target = { authorization, attempt, operation };
  const outcome = await sendOperation(provider, target, budget, deps);
  let end = endOfOutcome(outcome);
  if (operation.kind === 'void' && end?.status === 'failed') {
    end = await endOfRefusedVoid(provider, target, end, budget, deps);
  }
  deps.observer.resolved({
    authorizationId: authorization.id,
    provider: provider.id,
    subject: operation.kind,
    by: 'answer',
    result: end?.status ?? labelOf(outcome),
    ageMs: deps.clock.monotonicMs() - startedMs,
  });
  if (end === null) {
    // By this clock its key grows old, however the wall clock is set afterwards.
    deps.sightings.seenForMs(operationSighting(attempt.id, operation.id));
    const unprocessed = notProcessed(outcome, operation, provider.semantics, FIRST_SENDING);
    // Where it cannot be recorded, it counts as one that may have been processed.
    if (unprocessed !== null) {
      await changeAuthorization(
        authorization,
        (current) => ({ authorization: current, remarks: [], changed: true }),
        { event: { ...unprocessed, actor: 'gateway' }, work: 'unchanged' },
        deps,
      );
    }
    await release(authorization.id, holder, deps.resolverSchedule[0] ?? 0, deps);
    return answerOf(authorization, operation, false, deps);
  }
  const result = await changeAuthorization(
    authorization,
    (current) => applyOperationEnd(current, operation.number, end, { nowMs: deps.clock.wallMs() }),
    {
      event: {
        kind: 'operation_ended',
        actor: 'gateway',
        data: { operation: operation.id, by: 'answer', ...end },
      },
    },
    deps,
  );
  if (result.kind === 'failed') {
    // It stays pending for the caller, and is recorded by a later try or found out when the lease on it ends.
    const finding = { about: 'operation', number: operation.number, end } as const;
    deps.unrecorded.add({ authorizationId: authorization.id, findings: [finding], heldBy: holder });
    return answerOf(authorization, operation, false, deps);
  }
  if (hasWork(result.authorization)) await release(authorization.id, holder, 0, deps);
  const after = result.authorization.operations[operation.number - 1] ?? operation;
  return answerOf(result.authorization, after, false, deps);
}

/** The call is over, and others may look at what is left. */
async function release(
  authorizationId: string,
  holder: string,
  dueInMs: number,
  deps: GatewayDeps,
): Promise<void> {
  const released = await putBack(authorizationId, holder, dueInMs, deps);
  if (!released.ok) deps.unrecorded.add({ authorizationId, findings: [], heldBy: holder });
}

function answerOf(
  authorization: Authorization,
  operation: Operation,
  replayed: boolean,
  deps: GatewayDeps,
): OperateResult {
  return {
    kind: 'answered',
    ...deps.renderOperation(authorization, operation),
    replayed,
    authorizationId: authorization.id,
  };
}

/**
 * The same key gives the same answer: as frozen when the operation has ended, its current state before. Null when what
 * was read of the authorization is older than the claim.
 */
function answerClaim(
  claim: ClaimRecord,
  authorization: Authorization,
  command: OperateCommand,
  deps: GatewayDeps,
): OperateResult | null {
  if (claim.bodyFingerprint !== command.bodyFingerprint) {
    return { kind: 'other_body', authorizationId: authorization.id };
  }
  if (claim.frozen !== null) {
    return { kind: 'answered', ...claim.frozen, replayed: true, authorizationId: authorization.id };
  }
  const operation = authorization.operations.find(({ number }) => number === claim.operationNumber);
  return operation === undefined ? null : answerOf(authorization, operation, true, deps);
}
