/** A decline as the wire shows it. */
export interface WireDecline {
  readonly code: string;
  readonly network_code: string | null;
  readonly advice: string | null;
  /** The issuer had approved before the provider said no: the cardholder may see a hold. */
  readonly after_approval: boolean;
}

/** What becomes of an authorization. */
export type Verdict =
  /** `advice`: a merchant advice code that comes with the approval, as information. */
  | { readonly kind: 'authorized'; readonly advice?: string }
  | { readonly kind: 'partially_authorized'; readonly percent: number }
  | { readonly kind: 'declined'; readonly decline: WireDecline }
  | { readonly kind: 'authentication_required' }
  /** `settlesAfterMs` null: until it is settled through the control port. */
  | { readonly kind: 'pending'; readonly settlesAfterMs: number | null }
  /** Refused before processing. */
  | { readonly kind: 'not_supported'; readonly message: string }
  | { readonly kind: 'invalid'; readonly message: string };

/** A decline by the issuer. @param networkCode DE39 of the card network @param advice merchant advice code */
export function issuerDecline(networkCode: string, advice: string | null = null): Verdict {
  const code = `issuer_${networkCode}`;
  return {
    kind: 'declined',
    decline: { code, network_code: networkCode, advice, after_approval: false },
  };
}

function providerDecline(code: string, afterApproval: boolean): Verdict {
  return {
    kind: 'declined',
    decline: { code, network_code: null, advice: null, after_approval: afterApproval },
  };
}

/** Authorized, yet whoever captures is refused. */
const CAPTURE_FAILS = 'tok_capture_fails';

/** Whether captures of an authorization with this token are refused. */
export function failsCaptures(token: string): boolean {
  return token === CAPTURE_FAILS;
}

const FIXED: ReadonlyMap<string, Verdict> = new Map<string, Verdict>([
  ['tok_decline_hidden', providerDecline('declined_after_approval', true)],
  ['tok_approved_mac_41', { kind: 'authorized', advice: '41' }],
  ['tok_risk', providerDecline('risk_blocked', false)],
  [CAPTURE_FAILS, { kind: 'authorized' }],
  ['tok_3ds', { kind: 'authentication_required' }],
  ['tok_pending', { kind: 'pending', settlesAfterMs: null }],
  ['tok_not_supported', { kind: 'not_supported', message: 'this account does not support this payment' }],
  ['tok_invalid', { kind: 'invalid', message: 'token: tok_invalid is never valid' }],
]);

const DECLINE = /^tok_decline_([0-9A-Za-z]{2,3})(?:_mac_(\d{2}))?$/;
const PARTIAL = /^tok_partial_([1-9]\d?)$/;
const PENDING = /^tok_pending_(\d{1,6})$/;
const MAGIC_PREFIX = /^tok_(approved|decline|partial|pending|capture)_/;

/**
 * The verdict that a magic token asks for; null for every other token. A token that begins like a magic one
 * but names nothing is invalid: a misspelt decline must not be approved.
 */
export function magicVerdict(token: string): Verdict | null {
  if (!token.startsWith('tok_')) return null;
  const fixed = FIXED.get(token);
  if (fixed !== undefined) return fixed;
  const decline = DECLINE.exec(token);
  if (decline?.[1] !== undefined) return issuerDecline(decline[1].toUpperCase(), decline[2] ?? null);
  const partial = PARTIAL.exec(token);
  if (partial !== null) return { kind: 'partially_authorized', percent: Number(partial[1]) };
  const pending = PENDING.exec(token);
  if (pending !== null) return { kind: 'pending', settlesAfterMs: Number(pending[1]) };
  if (!MAGIC_PREFIX.test(token)) return null;
  const known =
    'tok_decline_<code>[_mac_<nn>], tok_partial_<1-99>, tok_pending_<ms>, tok_approved_mac_41 or tok_capture_fails';
  return { kind: 'invalid', message: `token: ${token} is no magic token; expected ${known}` };
}
