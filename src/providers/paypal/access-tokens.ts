import { z } from 'zod';
import type { RejectionReason } from '../../core/attempt.ts';
import type { CallBudget, Clock } from '../../gateway/ports.ts';
import { readJsonAnswer } from '../read-json.ts';
import { readRetryAfter } from '../retry-after.ts';
import type { Transport } from '../transport.ts';
import { wireError } from './transformers.ts';

/** A token, or why there is none. Nothing was sent that could move money. */
export type TokenReading =
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'not_sent'; readonly code: string }
  | {
      readonly kind: 'no_token';
      readonly reason: Extract<RejectionReason, 'configuration' | 'rate_limited' | 'transient'>;
      readonly code: string;
      readonly retryAfterMs: number | null;
    };

const wireToken = z.object({
  access_token: z.string().regex(/^[\x21-\x7e]{1,4096}$/),
  /** Seconds. PayPal gives up to nine hours. */
  expires_in: z
    .int()
    .min(1)
    .max(7 * 24 * 3_600),
});

/** A token is not used any more this long before its end, milliseconds; of one that lives short, for its last half. */
const EXPIRY_MARGIN_MS = 60_000;
/** Time that one request for a token may take, milliseconds. Who waits for it gives up at its own deadline. */
const TOKEN_TIMEOUT_MS = 10_000;

/**
 * Access tokens of one REST app (OAuth 2.0 client credentials, RFC 6749 section 4.4), kept in memory until shortly before
 * they expire. One request for a token at a time serves all who wait.
 */
export class AccessTokens {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #basicAuthorization: string;
  #kept: { readonly token: string; readonly untilMs: number } | null = null;
  #asking: Promise<TokenReading> | null = null;

  constructor(transport: Transport, clock: Clock, basicAuthorization: string) {
    this.#transport = transport;
    this.#clock = clock;
    this.#basicAuthorization = basicAuthorization;
  }

  /**
   * A token that is good now. Time that it takes counts in the call's budget.
   * @param refused a token that PayPal has just refused: another one is asked for
   */
  async get(budget: CallBudget, refused: string | null = null): Promise<TokenReading> {
    if (budget.signal.aborted) return { kind: 'not_sent', code: 'draining' };
    if (this.#clock.monotonicMs() >= budget.deadlineMs) return { kind: 'not_sent', code: 'deadline_passed' };
    if (this.#kept !== null && this.#kept.token === refused) this.#kept = null;
    const kept = this.#kept;
    if (kept !== null && this.#clock.monotonicMs() < kept.untilMs)
      return { kind: 'token', token: kept.token };
    this.#asking ??= this.#ask(budget).finally(() => {
      this.#asking = null;
    });
    return this.#within(budget, this.#asking);
  }

  /** What is asked for all, as long as this call may wait for it. That it does not come in time is PayPal's doing, not ours. */
  #within({ deadlineMs, signal }: CallBudget, asking: Promise<TokenReading>): Promise<TokenReading> {
    return new Promise((resolve) => {
      const end = (reading: TokenReading) => {
        cancel();
        signal.removeEventListener('abort', stop);
        resolve(reading);
      };
      const stop = () => end({ kind: 'not_sent', code: 'draining' });
      const cancel = this.#clock.after(Math.max(0, deadlineMs - this.#clock.monotonicMs()), () =>
        end({ kind: 'not_sent', code: 'token_timeout' }),
      );
      signal.addEventListener('abort', stop, { once: true });
      void asking.then(end);
    });
  }

  async #ask({ connectTimeoutMs, signal }: CallBudget): Promise<TokenReading> {
    const askedAtMs = this.#clock.monotonicMs();
    const answer = await this.#transport.send({
      method: 'POST',
      path: '/v1/oauth2/token',
      headers: [
        'authorization',
        this.#basicAuthorization,
        'accept',
        'application/json',
        'content-type',
        'application/x-www-form-urlencoded',
      ],
      body: 'grant_type=client_credentials',
      budget: { deadlineMs: askedAtMs + TOKEN_TIMEOUT_MS, connectTimeoutMs, signal, traceparent: null },
    });
    // However the request for the token ended: that of the call was never sent.
    if (answer.kind !== 'response') return { kind: 'not_sent', code: answer.code };
    const { status, headers } = answer;
    if (status === 200) {
      const told = readJsonAnswer(answer, wireToken);
      if (told === null) return noToken('transient', 'token_malformed', null);
      const lifeMs = told.expires_in * 1_000;
      const goodForMs = Math.max(lifeMs - EXPIRY_MARGIN_MS, lifeMs / 2);
      this.#kept = { token: told.access_token, untilMs: askedAtMs + goodForMs };
      return { kind: 'token', token: told.access_token };
    }
    const error = readJsonAnswer(answer, wireError);
    const code = error === null ? `token_http_${status}` : 'error' in error ? error.error : error.name;
    if (status === 429) {
      return noToken('rate_limited', code, readRetryAfter(headers['retry-after'], this.#clock.wallMs()));
    }
    // RFC 6749, section 5.2: `invalid_client` and its like.
    return noToken(status >= 400 && status < 500 ? 'configuration' : 'transient', code, null);
  }
}

function noToken(
  reason: Extract<TokenReading, { readonly kind: 'no_token' }>['reason'],
  code: string,
  retryAfterMs: number | null,
): TokenReading {
  return { kind: 'no_token', reason, code, retryAfterMs };
}
