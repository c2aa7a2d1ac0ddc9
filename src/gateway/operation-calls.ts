import {
  type Attempt,
  type AttemptOutcome,
  isUnsettled,
  mayHoldMoney,
  referenceOf,
} from '../core/attempt.ts';
import type { Authorization } from '../core/authorization.ts';
import type { OperationEnd } from '../core/lifecycle.ts';
import type { Operation } from '../core/operation.ts';
import { ADAPTER_FAILED, askProvider } from './ask-provider.ts';
import { inquire } from './attempt.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import type {
  AskedOperation,
  CallBudget,
  OperationCall,
  OperationInquiry,
  OperationOutcome,
  Provider,
} from './ports.ts';

/** What an operation acts on, as far as it is known. */
export interface OperationTarget {
  readonly authorization: Authorization;
  readonly attempt: Attempt;
  readonly operation: Operation;
}

/** The authorization's id at the provider; null while it is not known. */
export function targetOf({ attempt, operation }: Omit<OperationTarget, 'authorization'>): string | null {
  return operation.target ?? referenceOf(attempt);
}

/** The operation as its provider is asked for it. */
export function askedOf(target: OperationTarget): AskedOperation {
  const { authorization, attempt, operation } = target;
  return {
    operation: operation.kind,
    operationId: operation.id,
    attemptId: attempt.id,
    providerReference: targetOf(target),
    final: operation.final,
    amount: {
      value: operation.kind === 'void' && !isAmountKnown(attempt.outcome) ? 0 : operation.amount,
      currency: authorization.request.amount.currency,
    },
  };
}

/** Whether it is known how much an attempt has obtained: a void is told and read against that, else against 0. */
function isAmountKnown(outcome: AttemptOutcome | null): boolean {
  return outcome?.kind === 'approved' || outcome?.kind === 'partially_approved';
}

function callOf(target: OperationTarget, budget: CallBudget): OperationCall & AskedOperation {
  return { ...askedOf(target), providerKey: target.operation.providerKey, budget };
}

/**
 * Asks the provider to carry an operation out, whose intent is durable. Never throws.
 * @param isRepeat whether an earlier call for it may have been carried out
 */
export async function sendOperation(
  provider: Provider,
  target: OperationTarget,
  budget: CallBudget,
  deps: Pick<GatewayDeps, 'observer'>,
  isRepeat = false,
): Promise<OperationOutcome> {
  const { operation, authorization } = target;
  const call = callOf(target, budget);
  const send = () => provider[operation.kind](isRepeat ? { ...call, isRepeat } : call);
  const unknown: OperationOutcome = { kind: 'unknown', code: ADAPTER_FAILED };
  return askProvider(send, unknown, authorization.id, deps);
}

/** Asks the provider what became of an operation. Never throws. */
export async function inquireOperation(
  provider: Provider,
  target: OperationTarget,
  budget: CallBudget,
  deps: Pick<GatewayDeps, 'observer'>,
): Promise<OperationInquiry> {
  const inquireIt = () => provider.inquireOperation(callOf(target, budget));
  const noAnswer: OperationInquiry = { kind: 'no_answer', code: ADAPTER_FAILED };
  return askProvider(inquireIt, noAnswer, target.authorization.id, deps);
}

/** How an operation ended by an answer; null while it has not: it may be repeated, or is to be found out. */
export function endOfOutcome(outcome: OperationOutcome): OperationEnd | null {
  switch (outcome.kind) {
    case 'confirmed':
      return { status: 'succeeded', code: null, providerReference: outcome.providerReference };
    case 'refused':
      return { status: 'failed', code: outcome.code, providerReference: null };
    case 'accepted':
    case 'rejected':
    case 'not_sent':
    case 'unknown':
    case 'not_found':
      return null;
  }
}

/**
 * How a void ended that the provider refuses: what it was to undo may be undone already, and then it has succeeded. Null
 * while it is not known what stands there.
 */
export async function endOfRefusedVoid(
  provider: Provider,
  target: OperationTarget,
  refusal: OperationEnd,
  budget: CallBudget,
  deps: Pick<GatewayDeps, 'observer'>,
): Promise<OperationEnd | null> {
  const outcome = await whatStands(provider, target, budget, deps);
  if (isUnsettled(outcome)) return null;
  return isUndoneOutcome(outcome) ? UNDONE : refusal;
}

/** How a void ended that the provider has only acknowledged, by what stands there; null while it stands. */
export async function endOfAcceptedVoid(
  provider: Provider,
  target: OperationTarget,
  budget: CallBudget,
  deps: Pick<GatewayDeps, 'observer'>,
): Promise<OperationEnd | null> {
  const outcome = await whatStands(provider, target, budget, deps);
  return isUndoneOutcome(outcome) ? UNDONE : null;
}

/** What the provider has of the authorization that a void is about; null when it cannot tell ("not found" is no word). */
async function whatStands(
  provider: Provider,
  target: OperationTarget,
  budget: CallBudget,
  deps: Pick<GatewayDeps, 'observer'>,
): Promise<AttemptOutcome | null> {
  const { authorization, attempt } = target;
  const answer = await inquire(provider, authorization, attempt.id, targetOf(target), budget, deps);
  return answer.kind === 'found' ? answer.outcome : null;
}

const UNDONE: OperationEnd = { status: 'succeeded', code: null, providerReference: null };

/** Whether it is known that nothing stands there (any more), however that came about. */
function isUndoneOutcome(outcome: AttemptOutcome | null): boolean {
  return !isUnsettled(outcome) && !mayHoldMoney(outcome);
}

/** How an operation ended by what an inquiry or a notice tells; null while it has not. */
export function endOfInquiry(inquiry: OperationInquiry): OperationEnd | null {
  switch (inquiry.kind) {
    case 'confirmed':
      return { status: 'succeeded', code: null, providerReference: inquiry.providerReference };
    case 'failed':
      return { status: 'failed', code: inquiry.code, providerReference: null };
    case 'pending':
    case 'not_found':
    case 'no_answer':
      return null;
  }
}

/** The code by which logs and metrics name what an operation's answer was. */
export function labelOf(outcome: OperationOutcome | OperationInquiry): string {
  return 'code' in outcome ? `${outcome.kind} ${outcome.code}` : outcome.kind;
}
