import { z } from 'zod';
import { OUTCOME_KINDS } from '../../core/attempt.ts';
import { AUTHORIZATION_STATUSES } from '../../core/authorization.ts';
import { type GatewayAddress, GatewayUnavailableError } from './gateway-process.ts';

/** Longer than any rule's deadline of the shipped set: an answer comes, or the gateway is gone. */
const CALL_MS = 15_000;

const answerSchema = z.object({
  id: z.string(),
  status: z.enum(AUTHORIZATION_STATUSES),
  live: z.boolean(),
  provider: z.string().nullable(),
  provider_reference: z.string().nullable(),
  amounts: z.object({ authorized: z.number() }),
  attempts: z.array(
    z.object({
      provider: z.string(),
      outcome: z.enum(OUTCOME_KINDS).nullable(),
      code: z.string().nullable(),
      duration_ms: z.number().nullable(),
    }),
  ),
  routing: z.object({
    rule: z.string(),
    candidates: z.array(
      z.object({ provider: z.string(), eligible: z.boolean(), reason: z.string().nullable() }),
    ),
  }),
});

/** What the demo reads of the answer about an authorization. */
export type AuthorizationAnswer = z.infer<typeof answerSchema>;

const providersSchema = z.object({ data: z.array(z.object({ id: z.string(), live: z.boolean() })) });

/** An HTTP answer of the gateway, or none: the connection broke or nothing came in time. */
export type Reply =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly text: string;
      readonly replayed: boolean;
      readonly latencyMs: number;
    }
  | { readonly kind: 'no_answer'; readonly latencyMs: number };

/** The gateway as an orchestration service calls it. */
export class GatewayClient {
  readonly #address: GatewayAddress;

  readonly #signal: AbortSignal;

  /** @param signal gives up every call of `authorize` */
  constructor(address: GatewayAddress, signal: AbortSignal) {
    this.#address = address;
    this.#signal = signal;
  }

  /** `POST /v1/authorizations`. Never rejects. @param key the `Idempotency-Key` */
  async authorize(key: string, body: string): Promise<Reply> {
    const startedMs = performance.now();
    try {
      const response = await fetch(`${this.#address.url}/v1/authorizations`, {
        method: 'POST',
        headers: { ...this.#headers(), 'content-type': 'application/json', 'idempotency-key': key },
        body,
        signal: AbortSignal.any([this.#signal, AbortSignal.timeout(CALL_MS)]),
      });
      const text = await response.text();
      return {
        kind: 'answered',
        status: response.status,
        text,
        replayed: response.headers.get('idempotent-replayed') === 'true',
        latencyMs: performance.now() - startedMs,
      };
    } catch (error) {
      if (!isNetworkFailure(error)) throw error;
      return { kind: 'no_answer', latencyMs: performance.now() - startedMs };
    }
  }

  /** The authorization as it is now. */
  async read(id: string): Promise<AuthorizationAnswer> {
    return answerSchema.parse(await this.#get(`/v1/authorizations/${id}`));
  }

  /** Ids of the providers. @throws GatewayUnavailableError also when one of them is real: no demo goes there */
  async providers(): Promise<readonly string[]> {
    const { data } = providersSchema.parse(await this.#get('/v1/providers'));
    const live = data.find((provider) => provider.live);
    if (live !== undefined) {
      throw new GatewayUnavailableError(
        `provider ${live.id} of ${this.#address.url} is a real one: the demo only runs on sandbox providers`,
      );
    }
    return data.map(({ id }) => id);
  }

  async #get(path: string): Promise<unknown> {
    const { url } = this.#address;
    const response = await call(`${url}${path}`, { headers: this.#headers() }, 'gateway', '--url');
    if (response.ok) return response.json();
    const hint = [401, 403].includes(response.status)
      ? '; give --key with the scopes authorize and read'
      : '';
    throw new GatewayUnavailableError(`${url}${path} answered ${response.status}${hint}`);
  }

  #headers(): Record<string, string> {
    return { authorization: `Bearer ${this.#address.key}` };
  }
}

/** Reads the body of an answer 201 or 202. @throws ZodError for anything else: a bug of the gateway */
export function readAnswer(text: string): AuthorizationAnswer {
  return answerSchema.parse(JSON.parse(text));
}

/** @throws GatewayUnavailableError when nobody answers there */
export async function call(url: string, init: RequestInit, who: string, option: string): Promise<Response> {
  try {
    return await fetch(url, { ...init, signal: AbortSignal.timeout(CALL_MS) });
  } catch (error) {
    if (!isNetworkFailure(error)) throw error;
    throw new GatewayUnavailableError(
      `no ${who} answers at ${new URL(url).origin}: is it running, and is ${option} right?`,
    );
  }
}

/** `fetch` throws a TypeError for a broken connection and a DOMException when it was given up. */
function isNetworkFailure(error: unknown): boolean {
  return (
    (error instanceof TypeError && error.cause instanceof Error) ||
    (error instanceof DOMException && (error.name === 'TimeoutError' || error.name === 'AbortError'))
  );
}
