/**
 * What an answer "no" means, in our own closed list. After the canonical categories C2 to C13 of the decline
 * taxonomy; `scheme_blocked` is our own refusal under scheme rules, `unmapped` a code that no table knows.
 */
export const DECLINE_CATEGORIES = [
  'soft_decline_issuer',
  'hard_decline_issuer',
  'fraud_issuer',
  'fraud_psp',
  'invalid_data',
  'config',
  'provider_technical',
  'issuer_unavailable',
  'duplicate_suspected',
  'cancelled_by_customer',
  'scheme_blocked',
  'unmapped',
] as const;
export type DeclineCategory = (typeof DECLINE_CATEGORIES)[number];

/** Whether the same authorization may be sent once to another provider in the same request. */
export type OtherProvider = 'yes_once' | 'no' | 'never';

/** A definite "no" of an issuer or provider, read by our tables. */
export interface Decline {
  readonly category: DeclineCategory;
  /** The provider's most specific code. */
  readonly code: string;
  /** Raw ISO 8583 DE39 of the network, when the provider passes it on. */
  readonly networkCode: string | null;
  /** Raw Mastercard merchant advice code or the provider's own advice. */
  readonly advice: string | null;
  /** Not before this moment, ISO 8601, when a scheme rule says so. */
  readonly retryNotBefore: string | null;
  readonly otherProvider: OtherProvider;
  /**
   * The issuer may already have approved what the provider then declined ("declined after approval"): a hold may
   * exist, so it never fails over.
   */
  readonly mayHideApproval: boolean;
}
