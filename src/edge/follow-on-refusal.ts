import type { Authorization } from '../core/authorization.ts';
import { unreachable } from '../core/invariant.ts';
import type { OperationKind } from '../core/operation.ts';
import type { OperateRefusal, OperateResult } from '../gateway/operate.ts';
import { aboutAuthorization, PENDING_RETRY_AFTER_S } from './about-authorization.ts';
import { invalidFields } from './field-errors.ts';
import type { Problem } from './problems.ts';
import { shownAmounts } from './shown-amounts.ts';

/** A refused operation: what was asked, and the authorization that does not allow it. */
interface Refused {
  readonly kind: OperationKind;
  readonly authorization: Authorization;
  readonly leftAmount: number;
}

/**
 * Why a capture, void or refund cannot be begun: the state as it is, and what can be done instead. A wrong currency is
 * a mistake in the body that no state will ever make right, so it is told like other wrong fields: 400, by its path.
 */
export function followOnRefusal(
  kind: OperationKind,
  result: Extract<OperateResult, { readonly kind: 'refused' }>,
): Problem {
  const { refusal, authorization, leftAmount } = result;
  const { currency } = authorization.request.amount;
  if (refusal === 'currency_differs') {
    const expected = `${currency}, the currency of the authorization`;
    return invalidFields([{ path: 'amount.currency', message: 'not the currency authorized', expected }]);
  }
  return aboutAuthorization(
    'operation-not-possible',
    detailOf(refusal, { kind, authorization, leftAmount }),
    authorization.id,
    {
      members: {
        reason: refusal,
        authorization_status: authorization.status,
        amounts: shownAmounts(authorization),
        ...(leftAmount > 0 ? { left: { value: leftAmount, currency } } : {}),
      },
      headers: mayPass(refusal, authorization) ? { 'Retry-After': String(PENDING_RETRY_AFTER_S) } : {},
    },
  );
}

/** Whether the refusal may be gone by itself a moment later. */
function mayPass(refusal: OperateRefusal, authorization: Authorization): boolean {
  switch (refusal) {
    case 'outcome_not_known':
    case 'being_voided':
    case 'capture_pending':
    case 'being_carried_out':
      return true;
    case 'not_captured':
      return hasPending(authorization, 'capture');
    case 'nothing_left':
      return authorization.operations.some(({ status }) => status === 'pending');
    default:
      return false;
  }
}

function hasPending(authorization: Authorization, kind: OperationKind): boolean {
  return authorization.operations.some(
    (operation) => operation.kind === kind && operation.status === 'pending',
  );
}

function detailOf(refusal: OperateRefusal, refused: Refused): string {
  const { kind, authorization } = refused;
  switch (refusal) {
    case 'outcome_not_known':
      return kind === 'void'
        ? 'Its outcome is not known, and no attempt waits for one at this moment: repeat the void.'
        : `Its outcome is not known yet. A void is accepted now and undoes whatever is found; a ${kind} is not, until it is known.`;
    case 'nothing_authorized':
      return nothingAuthorized(refused);
    case 'being_voided':
      return kind === 'void'
        ? 'It is being undone already: no further void is needed. Read it to see the end.'
        : `It is being undone. Read it to see the end: a ${kind} is possible only if it stands after all.`;
    case 'already_voided':
      return kind === 'void'
        ? 'It is voided already: nothing is left to undo.'
        : `It is voided: there is nothing left to ${kind}. To charge the customer, authorize anew.`;
    case 'expired':
      return 'Its validity is over, and what was not captured goes back to the customer. To charge the customer, authorize anew.';
    case 'capture_pending':
      return 'A capture is pending, so that money may have been taken. Wait until it is settled and read it: if it succeeded, refund it; if it failed, void the authorization.';
    case 'already_captured':
      return kind === 'void'
        ? 'Money of it is captured, and what is captured cannot be voided: refund it.'
        : 'All of it is captured: there is nothing left to capture. To give money back, refund it.';
    case 'capture_closed':
      return captureClosed(authorization);
    case 'not_captured':
      return hasPending(authorization, 'capture')
        ? 'Nothing of it is captured yet, a capture is pending: wait until it is settled, then refund it.'
        : 'Nothing of it is captured, so that there is nothing to refund: void it to release the money.';
    case 'nothing_left':
      return nothingLeft(refused);
    case 'amount_too_large':
      return `Only ${leftOf(refused)} are left to ${kind}: ask for at most that, or leave amount out for all of it.`;
    case 'partial_capture_not_supported':
      return partialNotListed(refused);
    case 'being_carried_out':
      return `Something else of it is being carried out or found out at this moment: repeat the ${kind} after Retry-After, with the same Idempotency-Key. Should the process that has it in hand be gone, that takes three minutes.`;
    default:
      return unreachable(refusal);
  }
}

/** The provider may well capture in parts: what counts is what providers.yaml says that it can. */
function partialNotListed(refused: Refused): string {
  const { leftAmount, authorization } = refused;
  const provider = authorization.provider ?? 'its provider';
  const why = `providers.yaml does not list partial_capture among the capabilities.features of ${provider}`;
  return leftAmount < authorization.authorizedAmount
    ? `A part of it is captured or being captured, and ${why}: the rest can be captured once it is listed.`
    : `It would be a part, and ${why}: capture all of it, ${leftOf(refused)}, by leaving amount out, or have it listed.`;
}

function leftOf({ leftAmount, authorization }: Refused): string {
  return `${leftAmount} minor units of ${authorization.request.amount.currency}`;
}

function nothingAuthorized({ kind, authorization }: Refused): string {
  const nothing = `so that there is nothing to ${kind}`;
  switch (authorization.status) {
    case 'declined':
      return `It was declined, ${nothing}.`;
    case 'authentication_required':
      return `The customer has to authenticate first, ${nothing}: authorize anew with the result.`;
    case 'failed':
      return `No provider processed it, ${nothing}: authorize anew with a new Idempotency-Key.`;
    default:
      return `Nothing of it is authorized, ${nothing}.`;
  }
}

function captureClosed({ operations }: Authorization): string {
  const stands = operations.filter(({ status }) => status !== 'failed');
  const more = 'To charge more, authorize anew.';
  if (stands.some(({ kind }) => kind === 'refund')) {
    return `A refund was begun, after which nothing more is captured. ${more}`;
  }
  const final = stands.findLast((operation) => operation.kind === 'capture' && operation.final);
  if (final?.status === 'pending') {
    return 'A final capture is pending, after which nothing more is captured. Read it to see the end: if it fails, capture again.';
  }
  return final === undefined
    ? `Its validity is over, so that the rest is not captured any more. ${more}`
    : `Its final capture was made, after which nothing more is captured. ${more}`;
}

function nothingLeft({ kind, authorization }: Refused): string {
  const pending = hasPending(authorization, kind);
  if (kind === 'refund') {
    return pending
      ? 'All that is captured is refunded or being refunded. Read it to see the end: what fails can be refunded again.'
      : 'All that was captured is refunded: there is nothing left to refund.';
  }
  return pending
    ? 'All of it is captured or being captured. Read it to see the end: what fails can be captured again.'
    : `There is nothing left to ${kind}.`;
}
