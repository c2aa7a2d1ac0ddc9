import type { CallBudget, Clock } from '../../gateway/ports.ts';
import { readJsonAnswer } from '../read-json.ts';
import type { Transport, TransportResult } from '../transport.ts';
import { AccessTokens, type TokenReading } from './access-tokens.ts';
import { wireError } from './transformers.ts';

export type HttpAnswer = Extract<TransportResult, { readonly kind: 'response' }>;

/** What came of a call: as the transport tells it, or that there was no token to make it with. */
export type ApiAnswer = TransportResult | Extract<TokenReading, { readonly kind: 'no_token' }>;

interface ApiRequest {
  readonly path: string;
  /** Null: a GET. */
  readonly body: string | null;
  /** `PayPal-Request-Id`; null where the call has none. */
  readonly requestId: string | null;
  readonly budget: CallBudget;
}

/** PayPal's REST interface as one app: calls with its access token. */
export class PaypalApi {
  readonly #transport: Transport;
  readonly #tokens: AccessTokens;

  constructor(transport: Transport, clock: Clock, basicAuthorization: string) {
    this.#transport = transport;
    this.#tokens = new AccessTokens(transport, clock, basicAuthorization);
  }

  /**
   * One call. A token that PayPal refuses, saying so itself, is renewed once and the call made again: it was refused before
   * anything was processed, and carries the same request id.
   */
  async send(request: ApiRequest): Promise<ApiAnswer> {
    const first = await this.#tokens.get(request.budget);
    if (first.kind !== 'token') return first;
    const answer = await this.#sendWith(first.token, request);
    if (answer.kind !== 'response' || !isTokenRefused(answer)) return answer;
    const renewed = await this.#tokens.get(request.budget, first.token);
    return renewed.kind === 'token' ? this.#sendWith(renewed.token, request) : answer;
  }

  #sendWith(token: string, { path, body, requestId, budget }: ApiRequest): Promise<TransportResult> {
    const headers = ['authorization', `Bearer ${token}`, 'accept', 'application/json'];
    if (budget.traceparent !== null) headers.push('traceparent', budget.traceparent);
    if (body !== null) headers.push('content-type', 'application/json', 'prefer', 'return=representation');
    if (requestId !== null) headers.push('paypal-request-id', requestId);
    return this.#transport.send({ method: body === null ? 'GET' : 'POST', path, headers, body, budget });
  }
}

/** Whether PayPal itself says that it does not take the token. */
function isTokenRefused(answer: HttpAnswer): boolean {
  if (answer.status !== 401) return false;
  const error = readJsonAnswer(answer, wireError);
  if (error === null) return false;
  return 'error' in error ? error.error === 'invalid_token' : error.name === 'AUTHENTICATION_FAILURE';
}
