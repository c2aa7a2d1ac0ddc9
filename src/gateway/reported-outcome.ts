import type { AttemptOutcome } from '../core/attempt.ts';
import type { CallerDecision, OutcomeReport } from '../core/caller-decision.ts';
import type { Decline } from '../core/declines/decline.ts';
import { unreachable } from '../core/invariant.ts';
import type { Provider } from './ports.ts';

/** Codes by which callers say that a provider's limit refused them: the limit's business, not the breaker's. */
const RATE_LIMITED: ReadonlySet<string> = new Set(['429', 'rate_limited', 'rate_limit', 'too_many_requests']);

/**
 * A reported outcome in our own words. A decline is read by the provider's own tables, as our adapter would read it.
 * @param provider undefined where it is not configured any more: then no table knows the code, and it is final
 * @param threeDsPresent whether the request carried the result of an authentication
 */
export function outcomeOfReport(
  report: OutcomeReport,
  decision: Pick<CallerDecision, 'brand' | 'scaRegion'>,
  threeDsPresent: boolean,
  provider: Pick<Provider, 'classify'> | undefined,
): AttemptOutcome {
  const { outcome, code } = report;
  const providerReference = null;
  switch (outcome) {
    case 'approved':
      return { kind: 'approved', providerReference: '', networkTransaction: null };
    case 'partially_approved':
      // How much it was is not told, and nobody asks: whoever sent it has to undo it.
      return {
        kind: 'partially_approved',
        providerReference: '',
        authorizedAmount: 0,
        networkTransaction: null,
        reversal: 'none',
      };
    case 'declined': {
      const { brand, scaRegion } = decision;
      const codes = { code: code ?? 'declined', networkCode: report.networkCode, advice: report.advice };
      const decline = provider?.classify({ ...codes, brand, scaRegion, threeDsPresent }) ?? unread(codes);
      return { kind: 'declined', decline, providerReference };
    }
    case 'authentication_required':
      return { kind: 'authentication_required', code: code ?? outcome, providerReference };
    case 'pending':
      return { kind: 'pending', code, providerReference };
    case 'rejected': {
      const reason = RATE_LIMITED.has((code ?? '').toLowerCase()) ? 'rate_limited' : 'transient';
      return { kind: 'rejected', reason, code: code ?? outcome, retryAfterMs: null, providerReference };
    }
    case 'not_sent':
      return { kind: 'not_sent', code: code ?? outcome };
    case 'unknown':
      return { kind: 'unknown', code: code ?? outcome, providerReference };
    default:
      return unreachable(outcome);
  }
}

function unread(codes: Pick<Decline, 'code' | 'networkCode' | 'advice'>): Decline {
  return {
    ...codes,
    category: 'unmapped',
    retryNotBefore: null,
    otherProvider: 'no',
    mayHideApproval: false,
  };
}
