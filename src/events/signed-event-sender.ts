import type { CallBudget, Clock, EventEndpoint, EventSender, EventSending } from '../gateway/ports.ts';
import { signEvent } from './sign-event.ts';

/** Time from the first byte to the last of the answer, milliseconds. */
const TIMEOUT_MS = 10_000;
/** Of it, for TCP and TLS. */
const CONNECT_TIMEOUT_MS = 5_000;
/** Connections to one endpoint, at most. */
const SOCKETS_MAX = 8;

/** One HTTP request over a connection that never follows a redirect and reads a bounded answer. */
interface Connection {
  send(request: {
    readonly method: 'POST';
    readonly path: string;
    readonly headers: readonly string[];
    readonly body: string;
    readonly budget: CallBudget;
  }): Promise<
    | {
        readonly kind: 'response';
        readonly status: number;
        readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
      }
    | { readonly kind: 'not_sent' | 'unknown'; readonly code: string }
  >;
  /** Lets what is under way end. */
  close(): void;
}

/** What the sender needs from outside. */
export interface SenderDeps {
  readonly clock: Clock;
  /** @param baseUrl scheme, host and port */
  readonly connect: (options: {
    readonly baseUrl: string;
    readonly maxSockets: number;
    readonly clock: Clock;
  }) => Connection;
  /** Of this program. */
  readonly version: string;
}

/**
 * Sends events as Standard Webhooks says. Endpoints come from a file of the operator's and may lie in private networks:
 * no address is refused.
 */
export class SignedEventSender implements EventSender {
  readonly #deps: SenderDeps;
  /** By origin: endpoints at one host share its connections. */
  readonly #connections = new Map<string, Connection>();

  constructor(deps: SenderDeps) {
    this.#deps = deps;
  }

  async send(
    endpoint: EventEndpoint,
    message: { readonly id: string; readonly body: string; readonly signal: AbortSignal },
  ): Promise<EventSending> {
    const { clock, version } = this.#deps;
    const { url, secrets } = endpoint;
    const { id, body, signal } = message;
    const timestampS = Math.floor(clock.wallMs() / 1000);
    const answer = await this.#connectionTo(url.origin).send({
      method: 'POST',
      path: `${url.pathname}${url.search}`,
      headers: [
        ...['content-type', 'application/json', 'user-agent', `pointsman/${version}`],
        ...['webhook-id', id, 'webhook-timestamp', String(timestampS)],
        ...['webhook-signature', signEvent(secrets, { id, timestampS, body })],
      ],
      body,
      budget: {
        deadlineMs: clock.monotonicMs() + TIMEOUT_MS,
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        signal,
        traceparent: null,
      },
    });
    if (answer.kind === 'response') {
      const { status, headers } = answer;
      return { kind: 'answered', status, retryAfterMs: retryAfterMs(headers['retry-after']) };
    }
    return signal.aborted ? { kind: 'interrupted' } : { kind: 'failed', code: answer.code };
  }

  #connectionTo(origin: string): Connection {
    let connection = this.#connections.get(origin);
    if (connection === undefined) {
      connection = this.#deps.connect({
        baseUrl: origin,
        maxSockets: SOCKETS_MAX,
        clock: this.#deps.clock,
      });
      this.#connections.set(origin, connection);
    }
    return connection;
  }

  /** Frees connections. */
  close(): void {
    for (const connection of this.#connections.values()) connection.close();
    this.#connections.clear();
  }
}

/** Whole seconds only: of a date, the receiver's clock would have to be right. */
function retryAfterMs(header: string | readonly string[] | undefined): number | null {
  const text = typeof header === 'string' ? header.trim() : '';
  return /^\d{1,7}$/.test(text) ? Number(text) * 1000 : null;
}
