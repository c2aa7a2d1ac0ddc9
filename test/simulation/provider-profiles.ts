import type { ProviderSemantics } from '../../src/core/resolution.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** What the providers of a simulated world promise: every way to inquire, to repeat and to cancel is there. */
export const PROFILES: Readonly<Record<string, ProviderSemantics>> = {
  /** Everything can be asked and repeated. */
  'psp-easy': {
    inquiry: 'our_reference',
    notFoundAfterMs: 10_000,
    operationNotFoundAfterMs: 10_000,
    replay: 'same_answer',
    keyLifetimeMs: DAY_MS,
    twoSteps: false,
    cancelByReference: true,
    operationInquiry: true,
    validityMs: 7 * DAY_MS,
  },
  /** Keeps successes only, for a few hours. */
  'psp-success': {
    inquiry: 'our_reference',
    notFoundAfterMs: MINUTE_MS,
    operationNotFoundAfterMs: MINUTE_MS,
    replay: 'success_only',
    keyLifetimeMs: 3 * HOUR_MS,
    twoSteps: false,
    cancelByReference: false,
    operationInquiry: true,
    validityMs: 7 * DAY_MS,
  },
  /** Can be asked by its own reference only, and forgets keys soon. */
  'psp-own-reference': {
    inquiry: 'provider_reference',
    notFoundAfterMs: 30_000,
    operationNotFoundAfterMs: 30_000,
    replay: 'same_answer',
    keyLifetimeMs: 3 * HOUR_MS,
    twoSteps: false,
    cancelByReference: false,
    operationInquiry: false,
    validityMs: 30 * DAY_MS,
  },
  /** Takes two steps: what it makes first moves no money, can be asked about at once and be cancelled. */
  'psp-two-steps': {
    inquiry: 'provider_reference',
    notFoundAfterMs: null,
    operationNotFoundAfterMs: null,
    replay: 'same_answer',
    keyLifetimeMs: DAY_MS,
    twoSteps: true,
    cancelByReference: false,
    operationInquiry: true,
    validityMs: 7 * DAY_MS,
  },
  /** Cannot be asked at all; repeats are told the first answer. */
  'psp-silent': {
    inquiry: 'none',
    notFoundAfterMs: null,
    operationNotFoundAfterMs: null,
    replay: 'same_answer',
    keyLifetimeMs: DAY_MS,
    twoSteps: false,
    cancelByReference: true,
    operationInquiry: false,
    validityMs: 7 * DAY_MS,
  },
  /** Has no keys, and a search that lags for minutes. */
  'psp-keyless': {
    inquiry: 'our_reference',
    notFoundAfterMs: 5 * MINUTE_MS,
    operationNotFoundAfterMs: 5 * MINUTE_MS,
    replay: 'none',
    keyLifetimeMs: null,
    twoSteps: false,
    cancelByReference: true,
    operationInquiry: true,
    validityMs: 30 * DAY_MS,
  },
  /** Has no keys, and "not found" never means anything. */
  'psp-search': {
    inquiry: 'our_reference',
    notFoundAfterMs: null,
    operationNotFoundAfterMs: null,
    replay: 'none',
    keyLifetimeMs: null,
    twoSteps: false,
    cancelByReference: false,
    operationInquiry: true,
    validityMs: 7 * DAY_MS,
  },
};
