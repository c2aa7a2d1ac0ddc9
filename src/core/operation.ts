/** What is done with an authorization afterwards. */
export const OPERATION_KINDS = ['capture', 'void', 'refund'] as const;
export type OperationKind = (typeof OPERATION_KINDS)[number];

/**
 * `pending`: intended; whether the provider did it is not known, or it has only acknowledged it. `succeeded`: the
 * provider confirmed it. `failed`: it definitely did not take place.
 */
export const OPERATION_STATUSES = ['pending', 'succeeded', 'failed'] as const;
export type OperationStatus = (typeof OPERATION_STATUSES)[number];

/** Why an operation was begun. All after the first two are reversals. */
export const OPERATION_PURPOSES = [
  /** A caller asked for it. */
  'requested',
  /** `capture: automatic`. */
  'automatic_capture',
  /** Undoes an approval for less than was asked, which the caller does not take. */
  'partial_approval',
  /** Undoes the approval that a decline may hide. */
  'hidden_approval',
  /** Undoes an approval that was found after the authorization had moved on, or too late to be of use. */
  'late_approval',
  /** Undoes whatever stands behind an answer that was not about what was asked. */
  'quarantine',
  /** Cancels an attempt whose outcome is not known, so that another may be made. */
  'unknown_outcome',
  /** Gives back what was never captured within the validity. */
  'expiry',
  /** Not ours: the provider told that somebody else undid it there. */
  'external',
] as const;
export type OperationPurpose = (typeof OPERATION_PURPOSES)[number];

/** A capture, void or refund. A void of ours is a reversal. */
export interface Operation {
  readonly id: string;
  /** 1, 2, … within its authorization. */
  readonly number: number;
  readonly kind: OperationKind;
  readonly purpose: OperationPurpose;
  /** The attempt whose money it is about. */
  readonly attemptNumber: number;
  /** The authorization's id at the provider, where the attempt's own outcome does not name it; else null. */
  readonly target: string | null;
  /** Minor units. Of a void: what it is expected to undo; 0 when that is not known. */
  readonly amount: number;
  /** Of a capture: nothing more will be captured. */
  readonly final: boolean;
  readonly status: OperationStatus;
  /** Why it failed, why nothing had to be done, or what makes it pending; null when there is nothing to say. */
  readonly code: string | null;
  /** Idempotency key at the provider: a pure function of the attempt's and the operation's number. */
  readonly providerKey: string;
  /** The operation's own id at the provider. */
  readonly providerReference: string | null;
  /** Wall clock. */
  readonly createdAtMs: number;
  /** Wall clock; null while pending. */
  readonly settledAtMs: number | null;
}

/** Code of a void that found nothing to undo: the attempt turned out to hold no money. */
export const NOTHING_TO_VOID = 'nothing_to_void';

const ID_PREFIX: Readonly<Record<OperationKind, string>> = { capture: 'cap', void: 'void', refund: 'ref' };
const KEY_LETTER: Readonly<Record<OperationKind, string>> = { capture: 'c', void: 'v', refund: 'r' };

const OPERATION_ID = /^(?:cap|void|ref)_([A-Za-z]{1,64})_\d{1,6}$/;

/** The id of the authorization that an operation's id names; null for a text that is none. */
export function authorizationIdIn(operationId: string): string | null {
  const match = OPERATION_ID.exec(operationId);
  return match === null ? null : `auth_${match[1]}`;
}

/** A new operation, pending. Ids and keys follow from authorization, attempt and number alone. */
export function newOperation(
  authorization: { readonly id: string; readonly operations: readonly Operation[] },
  attempt: { readonly number: number; readonly providerKey: string },
  what: Pick<Operation, 'kind' | 'purpose' | 'target' | 'amount' | 'final' | 'createdAtMs'>,
): Operation {
  const number = authorization.operations.length + 1;
  return {
    ...what,
    id: `${ID_PREFIX[what.kind]}_${authorization.id.slice('auth_'.length)}_${number}`,
    number,
    attemptNumber: attempt.number,
    status: 'pending',
    code: null,
    providerKey: `${attempt.providerKey}_${KEY_LETTER[what.kind]}${number}`,
    providerReference: null,
    settledAtMs: null,
  };
}

/** Whether a void has undone something: one that found nothing to undo has not. */
export function hasUndone(operation: Operation): boolean {
  return operation.kind === 'void' && operation.status === 'succeeded' && operation.code !== NOTHING_TO_VOID;
}

/** Minor units of the operations of a kind in these states. */
export function sumOf(
  operations: readonly Operation[],
  kind: OperationKind,
  statuses: readonly OperationStatus[],
): number {
  let sum = 0;
  for (const operation of operations) {
    if (operation.kind === kind && statuses.includes(operation.status)) sum += operation.amount;
  }
  return sum;
}
