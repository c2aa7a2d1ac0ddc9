import type { Amount } from '../../core/money.ts';
import type { OperationKind } from '../../core/operation.ts';
import type { AskedOperation, Notice, NoticeEvidence, NoticeSubject } from '../../gateway/ports.ts';
import type { AdapterDeps } from '../adapter-deps.ts';
import { repeatsCard } from '../repeats-card.ts';
import { amountFromAdyen } from './amounts.ts';
import { approvalOf, isAuthorizedOf, linkIn, outcomeOfRefusal } from './codes.ts';
import { disputeStage, MODIFICATIONS } from './event-codes.ts';
import { keepable, type ToldEvent, toldEvent } from './told-event.ts';

const MISMATCH: NoticeEvidence = { kind: 'mismatch' };
const NOTHING: NoticeEvidence = { kind: 'nothing' };

/**
 * What an event says about one of our attempts.
 * @param merchantAccount ours: another one's events prove nothing, whoever signed them
 */
export function adyenEvidence(
  notice: Pick<Notice, 'type' | 'data'>,
  asked: NoticeSubject,
  merchantAccount: string,
  deps: AdapterDeps,
): NoticeEvidence {
  const read = toldEvent.safeParse(notice.data);
  if (!read.success) return NOTHING;
  const told = read.data;
  if (told.merchantAccount !== merchantAccount) return MISMATCH;
  if (notice.type === 'AUTHORISATION') return evidenceOfAuthorization(told, asked, deps);
  const modification = MODIFICATIONS.get(notice.type);
  if (modification !== undefined) {
    const succeeded = told.success && !modification.failed;
    return evidenceOfModification(notice.type, modification.kind, succeeded, told, asked);
  }
  if (notice.type === 'EXPIRE') return told.success ? evidenceOfUndoing(told, asked) : NOTHING;
  // Of a CANCEL_OR_REFUND, which of the two it was only an unsigned field says: nothing, as of any event of no dispute.
  return evidenceOfDispute(notice.type, told, asked);
}

function evidenceOfAuthorization(told: ToldEvent, asked: NoticeSubject, deps: AdapterDeps): NoticeEvidence {
  const { reference, pspReference, refusal } = told;
  const amount = told.amount === null ? null : amountFromAdyen(told.amount);
  if (reference !== asked.attemptId || amount === null || repeatsCard(pspReference, asked.request.card.bin)) {
    return MISMATCH;
  }
  const { request, providerReference } = asked;
  const isAmountAsked = amount.value === request.amount.value && amount.currency === request.amount.currency;
  if (!told.success) {
    // What is said of another payment is not what became of this one.
    const isOfAnother = providerReference !== null && pspReference !== providerReference;
    if (!isAmountAsked || isOfAnother || refusal === null) return MISMATCH;
    return { kind: 'attempt', outcome: outcomeOfRefusal(refusal, pspReference, asked, deps) };
  }
  const link = told.link === null ? null : linkIn(told.link, asked);
  // For how much is said beside the signed amount once more, unsigned. Where the two differ, neither is evidence: of a part,
  // the signed amount may be that of the whole. A repeat under the key tells.
  const beside = told.authorised === null ? null : amountFromAdyen(told.authorised);
  const isSaidTwice = beside?.value === amount.value && beside.currency === amount.currency;
  if (isAmountAsked && told.authorised !== null && !isSaidTwice) return NOTHING;
  if (!isAmountAsked && !(isSaidTwice && isAuthorizedOf(amount, asked, true))) return MISMATCH;
  return { kind: 'attempt', outcome: approvalOf(amount.value, pspReference, link, asked) };
}

function evidenceOfModification(
  type: string,
  kind: OperationKind,
  succeeded: boolean,
  told: ToldEvent,
  asked: NoticeSubject,
): NoticeEvidence {
  const { reference, originalReference, pspReference } = told;
  const isOfAnother =
    originalReference !== null &&
    asked.providerReference !== null &&
    originalReference !== asked.providerReference;
  if (isOfAnother) return MISMATCH;
  const operation = operationTold(type, kind, succeeded, reference, asked);
  if (operation === null) {
    // Not ours, but somebody's at Adyen itself: only that nothing stands there any more concerns our attempt.
    return kind === 'void' && succeeded ? evidenceOfUndoing(told, asked) : NOTHING;
  }
  if (operation === 'unknown') return MISMATCH;
  if (operation.operation !== kind || !isAmountAsked(told.amount, operation, succeeded)) return MISMATCH;
  return {
    kind: 'operation',
    operationId: operation.operationId,
    inquiry: succeeded
      ? { kind: 'confirmed', providerReference: keepable(pspReference) }
      : { kind: 'failed', code: type.toLowerCase() },
  };
}

/**
 * The operation of ours that an event ends; `unknown` where it bears a name that we never gave, null where none.
 *
 * The event of a cancellation by reference bears the payment's reference: what was cancelled is whole, so that any void of
 * ours has what it wanted, the latest first; which of several failed, it does not say.
 */
function operationTold(
  type: string,
  kind: OperationKind,
  succeeded: boolean,
  reference: string | null,
  { attemptId, operations }: NoticeSubject,
): AskedOperation | 'unknown' | null {
  if (reference !== null && reference !== attemptId) {
    return operations.find(({ operationId }) => operationId === reference) ?? 'unknown';
  }
  if (type !== 'TECHNICAL_CANCEL' || reference === null) return null;
  const ours = operations.filter(({ operation }) => operation === kind);
  return succeeded || ours.length === 1 ? (ours.at(-1) ?? null) : null;
}

/** A void sets free all that is held: of how much that is, 0 says that nobody knows. */
function isAmountAsked(
  told: Amount | null,
  { operation, amount }: AskedOperation,
  succeeded: boolean,
): boolean {
  if (operation === 'void' && !succeeded) return true;
  const ours = told === null ? null : amountFromAdyen(told);
  if (ours === null || ours.currency !== amount.currency) return false;
  return ours.value === amount.value || (operation === 'void' && amount.value === 0);
}

/**
 * The authorization of our attempt is undone by what is not our doing: somebody cancelled it at Adyen itself, or it has
 * expired. Nothing follows for money that is captured, or was never known to be held.
 */
function evidenceOfUndoing(told: ToldEvent, asked: NoticeSubject): NoticeEvidence {
  const { providerReference, request, operations, attemptId } = asked;
  const paid = told.originalReference ?? told.pspReference;
  const isNamed = told.reference === attemptId || (told.reference === null && providerReference !== null);
  if (!isNamed || (providerReference !== null && paid !== providerReference)) return NOTHING;
  if (operations.some(({ operation }) => operation === 'capture')) return NOTHING;
  const amount = told.amount === null ? null : amountFromAdyen(told.amount);
  if (amount === null || amount.currency !== request.amount.currency || amount.value > request.amount.value) {
    return MISMATCH;
  }
  // Nothing was held yet: what became of the payment, its own event tells.
  if (amount.value === 0 || repeatsCard(paid, request.card.bin)) return NOTHING;
  const outcome = {
    kind: 'partially_approved',
    providerReference: paid,
    authorizedAmount: amount.value,
    networkTransaction: null,
    reversal: 'confirmed',
  } as const;
  return { kind: 'attempt', outcome };
}

function evidenceOfDispute(type: string, told: ToldEvent, asked: NoticeSubject): NoticeEvidence {
  const { dispute, reference, pspReference, originalReference } = told;
  const stage = disputeStage(type, dispute?.status ?? null);
  if (stage === null || dispute === null) return NOTHING;
  const about = originalReference ?? pspReference;
  const isOurs =
    reference === asked.attemptId ||
    asked.operations.some(({ operationId }) => operationId === reference) ||
    about === asked.providerReference ||
    // A dispute may name the capture that it is about.
    (reference === null && asked.operationReferences.includes(about));
  if (!isOurs) return MISMATCH;
  const { reason, respondByMs } = dispute;
  const amount = told.amount === null ? null : amountFromAdyen(told.amount);
  const disputeId = keepable(pspReference);
  return { kind: 'dispute', dispute: { disputeId, stage, reason, amount, respondByMs } };
}
