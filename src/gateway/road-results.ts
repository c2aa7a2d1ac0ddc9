import type { AuthorizationRequest } from '../core/authorization.ts';
import type { CandidateExplanation } from '../core/decision.ts';
import type { FrozenAnswer, Span } from './ports.ts';

/** What the edge hands to the road: a validated request with its caller. */
export interface AuthorizeCommand {
  readonly account: string;
  readonly idempotencyKey: string;
  /** SHA-256 of the canonical body without `deadline_ms`, hex. */
  readonly bodyFingerprint: string;
  readonly request: AuthorizationRequest;
  readonly traceId: string;
  /** W3C trace context to pass on to the provider. */
  readonly traceparent: string | null;
  /** The request as a piece of that trace, where it is traced. */
  readonly span?: Span | null;
  /** Monotonic clock. */
  readonly receivedAtMs: number;
}

/** An answer to the caller, made now or frozen under its key before. */
export interface Answered extends FrozenAnswer {
  readonly kind: 'answered';
  readonly replayed: boolean;
  readonly authorizationId: string;
}

/** What the road says: declines are answers, not errors. */
export type AuthorizeResult =
  | Answered
  /** The key's first request is still under way. */
  | { readonly kind: 'in_flight'; readonly authorizationId: string; readonly retryAfterMs: number }
  /** The key was used with another body; nothing was sent. */
  | { readonly kind: 'other_body'; readonly authorizationId: string }
  /** Another authorization holds the payment (merchant, reference); nothing was sent. */
  | { readonly kind: 'payment_live'; readonly authorizationId: string }
  /** The same, and the other authorization is another account's; nothing was sent. */
  | { readonly kind: 'payment_held' }
  | Unanswered;

/** Why nothing was begun: nothing was sent, nobody is to send, and the key is not used up. */
export type Unanswered =
  /** No provider could be tried. */
  | {
      readonly kind: 'no_route';
      readonly rule: string | null;
      readonly reasons: readonly CandidateExplanation[];
      readonly retryAfterMs: number;
    }
  /** Payments like this one look like card testing. */
  | { readonly kind: 'card_testing'; readonly retryAfterMs: number }
  /** That it is written could not be confirmed; nothing was sent, and of a decision nothing is promised. */
  | { readonly kind: 'journal_unavailable'; readonly retryAfterMs: number };
