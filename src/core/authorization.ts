import type { Attempt } from './attempt.ts';
import type { CardBrand } from './card.ts';
import type { RoutingDecision } from './decision.ts';
import type { Decline } from './declines/decline.ts';
import type { Amount } from './money.ts';
import type { Operation } from './operation.ts';

/** States of an authorization. Which may follow which: `transitions.ts`. */
export const AUTHORIZATION_STATUSES = [
  'pending',
  'approved',
  'partially_approved',
  'declined',
  'authentication_required',
  'failed',
  'reversing',
  'voided',
  'captured',
  'partially_captured',
  'refunded',
  'partially_refunded',
  'expired',
] as const;
export type AuthorizationStatus = (typeof AUTHORIZATION_STATUSES)[number];

/**
 * Whether an authorization in this state holds its payment: while it does, a second authorization of the same
 * (merchant, reference) is refused, because money is, may be, or has been taken.
 */
export const HOLDS_PAYMENT: Readonly<Record<AuthorizationStatus, boolean>> = {
  pending: true,
  approved: true,
  partially_approved: true,
  declined: false,
  authentication_required: false,
  failed: false,
  reversing: true,
  voided: false,
  captured: true,
  partially_captured: true,
  refunded: true,
  partially_refunded: true,
  expired: false,
};

/** Whether an answer about an authorization in this state is final: nothing is being found out or undone. */
export function isAnswerable(status: AuthorizationStatus): boolean {
  return status !== 'pending' && status !== 'reversing';
}

export interface CardDetails {
  /** 6 or 8 digits as given by the caller, already truncated to 6 for 15-digit cards. */
  readonly bin: string | null;
  readonly last4: string | null;
  readonly expiryMonth: number | null;
  readonly expiryYear: number | null;
  /** A token valid at every provider. */
  readonly token: string | null;
  /** Provider id to token; wins over `token`. */
  readonly tokens: Readonly<Record<string, string>>;
  readonly id: string | null;
  readonly accountReference: string | null;
  /** The caller's word, used when the BIN says nothing. */
  readonly brand: string | null;
  readonly networkToken: boolean;
}

export interface ThreeDs {
  readonly eci: string | null;
  /** Sent, never stored. */
  readonly cavv: string | null;
  readonly dsTransactionId: string | null;
  readonly version: string | null;
  readonly exemption: string | null;
}

export interface StoredCredential {
  readonly usage: 'first' | 'subsequent';
  readonly reason: 'recurring' | 'installment' | 'unscheduled';
}

/** Identifier by which a card network links later payments to a first one; bound to network and card. */
export interface NetworkTransaction {
  readonly id: string;
  readonly network: string;
  /** Day of the first payment, YYYY-MM-DD. */
  readonly date: string;
}

/** One request to authorize a payment, validated. */
export interface AuthorizationRequest {
  readonly reference: string;
  readonly merchant: string;
  readonly amount: Amount;
  readonly card: CardDetails;
  readonly initiator: 'customer' | 'merchant';
  readonly shopper: { readonly country: string | null; readonly id: string | null };
  /** `automatic`: captured by us, once the authorization is durable. */
  readonly capture: 'manual' | 'automatic';
  readonly threeDs: ThreeDs | null;
  readonly storedCredential: StoredCredential | null;
  readonly networkTransaction: NetworkTransaction | null;
  readonly acceptPartial: boolean;
  /** The caller's own deadline in milliseconds; the rule's deadline bounds it. */
  readonly deadlineMs: number | null;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The request as the journal keeps it: without the CAVV, which may not be stored. */
export function storableRequest(request: AuthorizationRequest): AuthorizationRequest {
  if (request.threeDs === null) return request;
  return { ...request, threeDs: { ...request.threeDs, cavv: null } };
}

/** What the rule wanted done with an outcome that comes late; kept with the authorization. */
export interface LatePolicy {
  /** An approval found later than this after the request is reversed; milliseconds. Null: it is kept. */
  readonly reverseAfterMs: number | null;
}

/** Everything the journal knows about one authorization. Answers are rendered from this and nothing else. */
export interface Authorization {
  readonly id: string;
  readonly account: string;
  readonly status: AuthorizationStatus;
  /** Raised by one with every committed change. */
  readonly version: number;
  /** Whether a road is still under way on it, as far as the journal knows. */
  readonly open: boolean;
  readonly live: boolean;
  readonly request: AuthorizationRequest;
  /** The brand that providers were told, and whether the issuer's region asks for SCA: a replay must repeat them. */
  readonly brand: CardBrand;
  readonly scaRegion: boolean;
  readonly latePolicy: LatePolicy;
  readonly authorizedAmount: number;
  readonly capturedAmount: number;
  readonly refundedAmount: number;
  /** Provider of the attempt that the status rests on. */
  readonly provider: string | null;
  readonly providerReference: string | null;
  readonly networkTransaction: NetworkTransaction | null;
  readonly decline: Decline | null;
  readonly attempts: readonly Attempt[];
  /** Captures, voids and refunds, in the order in which they were begun. */
  readonly operations: readonly Operation[];
  /** Nothing more will be captured: the validity is over. A final capture says so itself. */
  readonly captureClosed: boolean;
  /** Wall clock at which what is not captured is given back; null while or once there is nothing to give back. */
  readonly expiresAtMs: number | null;
  /** Whether the answer to the caller is frozen. */
  readonly answered: boolean;
  readonly routing: RoutingDecision;
  readonly traceId: string;
  /** Wall clock, milliseconds since 1970. */
  readonly createdAtMs: number;
}

/** What is known of an authorization before anything is tried. */
type Asked = Pick<
  Authorization,
  | 'id'
  | 'account'
  | 'live'
  | 'request'
  | 'brand'
  | 'scaRegion'
  | 'latePolicy'
  | 'routing'
  | 'traceId'
  | 'createdAtMs'
>;

/** An authorization at version 0: nothing of it is durable, and nothing is tried. */
export function newAuthorization(asked: Asked): Authorization {
  return {
    ...asked,
    status: 'pending',
    version: 0,
    open: true,
    authorizedAmount: 0,
    capturedAmount: 0,
    refundedAmount: 0,
    provider: null,
    providerReference: null,
    networkTransaction: null,
    decline: null,
    attempts: [],
    operations: [],
    captureClosed: false,
    expiresAtMs: null,
    answered: false,
  };
}
