import http, { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { OpenList, type OpenPlace } from '../core/open-list.ts';
import type { CallBudget, Clock } from '../gateway/ports.ts';
import { ProviderSetupError } from './provider-setup-error.ts';

/** One HTTP call to a provider. */
interface TransportRequest {
  readonly method: 'GET' | 'POST';
  /** Path and query below the base URL, with its leading slash. */
  readonly path: string;
  /**
   * Names and values in turn, names in lower case. Not `host`, `connection`, `content-length` or `accept-encoding`:
   * the transport sets them.
   */
  readonly headers: readonly string[];
  readonly body: string | null;
  readonly budget: CallBudget;
}

/**
 * What came of a call. The phase decides between `not_sent` and `unknown`; the code only labels, and is either a
 * name of Node's (`ECONNREFUSED`, `HPE_INVALID_CONSTANT`) or one of the labels below.
 */
export type TransportResult =
  /** A complete answer, whatever its status. */
  | {
      readonly kind: 'response';
      readonly status: number;
      readonly headers: IncomingHttpHeaders;
      readonly body: string;
    }
  /** Certain: no byte of the request was handed to a connection. */
  | { readonly kind: 'not_sent'; readonly code: string }
  /** Bytes were handed over and no complete answer came. */
  | { readonly kind: 'unknown'; readonly code: string };

/** Our own labels. */
type TransportCode =
  /** `not_sent`: the deadline came before the first byte, and no connection was being set up: we were late. */
  | 'deadline_passed'
  /** `not_sent`: the signal came before the first byte. */
  | 'draining'
  /** `not_sent`: TCP or TLS set-up took longer than `connectTimeoutMs`, or than until the deadline. */
  | 'connect_timeout'
  /** `unknown`: the deadline came after the first byte. */
  | 'timeout'
  /** `unknown`: the signal came after the first byte. */
  | 'aborted'
  /** `unknown`: the connection ended before the answer did. */
  | 'truncated_answer'
  /** `unknown`: the answer is longer than {@link ANSWER_BYTES_MAX}. */
  | 'answer_too_large'
  /** `unknown`: the answer is compressed although we asked for it plain. */
  | 'content_encoding'
  /** A failure that carries no code. */
  | 'connection_failed';

/** Longest answer that is read, bytes. */
export const ANSWER_BYTES_MAX = 256 * 1024;

/** Longest status line and headers of an answer, bytes. */
const HEADER_BYTES_MAX = 16 * 1024;

/**
 * Idle connections are closed after this time, milliseconds: before a server is likely to (5 s is the shortest
 * common keep-alive), so that a request is seldom written to a connection that is just being closed.
 */
const IDLE_SOCKET_MS = 4_000;

/** Connections to one provider account. */
export interface Transport {
  /** One request, sent at most once, never repeated, redirects not followed. Never rejects. */
  send(request: TransportRequest): Promise<TransportResult>;
  /**
   * Closes idle connections now and the others after their answer. A call made later still goes out, on a
   * connection of its own: who holds on to a dropped provider must be able to undo what it did there.
   */
  close(): void;
}

/**
 * Connections to one provider account.
 * @param options.baseUrl `https:`, or `http:` to loopback; may have a path, no query, no user
 * @param options.maxSockets connections at most; further calls wait for one until their deadline
 * @throws ProviderSetupError when the base URL is none of that
 */
export function createTransport(options: {
  readonly baseUrl: string;
  readonly maxSockets: number;
  readonly clock: Clock;
}): Transport {
  const url = checkedUrl(options.baseUrl);
  const secure = url.protocol === 'https:';
  const agentOptions = {
    keepAlive: true,
    scheduling: 'lifo',
    maxSockets: options.maxSockets,
    maxFreeSockets: options.maxSockets,
    timeout: IDLE_SOCKET_MS,
  } as const;
  const line: Line = {
    agent: secure ? new https.Agent(agentOptions) : new http.Agent(agentOptions),
    clock: options.clock,
    open: secure ? https.request : http.request,
    secure,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    hostHeader: url.host,
    basePath: url.pathname.replace(/\/+$/, ''),
  };
  return {
    send: (request) => new Promise((resolve) => new Exchange(line, request, resolve).start()),
    close() {
      line.agent.keepAlive = false;
      for (const idle of Object.values(line.agent.freeSockets)) {
        // A copy: each socket leaves the list as it closes.
        for (const socket of [...(idle ?? [])]) socket.destroy();
      }
    },
  };
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

function checkedUrl(baseUrl: string): URL {
  const url = URL.parse(baseUrl);
  const problem =
    url === null
      ? 'is no URL'
      : url.protocol !== 'https:' && !(url.protocol === 'http:' && LOOPBACK.test(url.hostname))
        ? 'would send card tokens in clear'
        : url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== ''
          ? 'carries a user, a query or a fragment'
          : null;
  if (url === null || problem !== null) {
    // Only what comes before the query: the rest may hold a secret.
    const shown = url === null ? baseUrl.slice(0, 40) : `${url.protocol}//${url.host}${url.pathname}`;
    throw new ProviderSetupError(
      `base URL ${shown} ${problem}; expected https://host[/path], or http:// to localhost, 127.0.0.1 or [::1]`,
    );
  }
  return url;
}

/** What all exchanges with a provider share. */
interface Line {
  /** `keepAlive` is what the agent looks at when a connection becomes free; the types leave it out. */
  readonly agent: http.Agent & { keepAlive?: boolean };
  readonly clock: Clock;
  readonly open: typeof http.request;
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  readonly hostHeader: string;
  readonly basePath: string;
}

/**
 * One request and its answer. Phases: a connection is had (new or idle); handed over, from which on every failure
 * is `unknown`; settled, from which on nothing counts.
 */
class Exchange {
  readonly #line: Line;
  readonly #request: TransportRequest;
  readonly #resolve: (result: TransportResult) => void;
  #message: ClientRequest | null = null;
  #response: IncomingMessage | null = null;
  #chunks: Buffer[] = [];
  #received = 0;
  #handedOver = false;
  #settled = false;
  #cancelDeadline: (() => void) | null = null;
  #cancelConnectTimeout: (() => void) | null = null;
  #watched: OpenPlace<Exchange> | null = null;

  constructor(line: Line, request: TransportRequest, resolve: (result: TransportResult) => void) {
    this.#line = line;
    this.#request = request;
    this.#resolve = resolve;
  }

  start(): void {
    if (this.#tooLate()) return;
    const { deadlineMs, signal } = this.#request.budget;
    const remainingMs = deadlineMs - this.#line.clock.monotonicMs();
    this.#cancelDeadline = this.#line.clock.after(Math.ceil(remainingMs), () =>
      this.#fail(this.#whatWasLate()),
    );
    this.#watched = watch(signal, this);
    this.#openMessage();
  }

  /** The signal came. */
  stop(): void {
    this.#fail(this.#handedOver ? 'aborted' : 'draining');
  }

  /**
   * Whose the time was that ran out: a connection that hangs is as much the provider's, or the way's, as an answer that does
   * not come. Breakers would else never hear of it where time-outs are shorter than `connectTimeoutMs`.
   */
  #whatWasLate(): TransportCode {
    if (this.#handedOver) return 'timeout';
    return this.#cancelConnectTimeout === null ? 'deadline_passed' : 'connect_timeout';
  }

  /** Asks the agent for a connection. Nothing is written before `end`, which hands over. */
  #openMessage(): void {
    const { agent, host, port, open } = this.#line;
    let message: ClientRequest;
    try {
      message = open({
        agent,
        host,
        port,
        method: this.#request.method,
        path: this.#line.basePath + this.#request.path,
        headers: this.#headers(),
        maxHeaderSize: HEADER_BYTES_MAX,
      });
    } catch (error) {
      // A path or header that cannot be written: nothing was.
      this.#giveUp(codeOf(error));
      return;
    }
    this.#message = message;
    // Listeners stay for the life of the message: an error after the end must find one.
    message.on('socket', (socket) => this.#onSocket(message, socket));
    message.on('response', (response) => {
      if (message === this.#message) this.#onResponse(response);
    });
    message.on('error', (error) => {
      if (message === this.#message) this.#onError(error);
    });
    message.on('close', () => {
      if (message === this.#message && this.#response?.complete !== true) this.#onError(null);
    });
  }

  #headers(): string[] {
    const { body, headers } = this.#request;
    const all = ['host', this.#line.hostHeader, 'accept-encoding', 'identity', ...headers];
    if (body !== null) all.push('content-length', String(Buffer.byteLength(body)));
    return all;
  }

  #onSocket(message: ClientRequest, socket: Socket): void {
    if (this.#settled) return;
    if (isConnecting(socket)) {
      const { clock, secure } = this.#line;
      this.#cancelConnectTimeout = clock.after(this.#request.budget.connectTimeoutMs, () =>
        this.#fail('connect_timeout'),
      );
      socket.once(secure ? 'secureConnect' : 'connect', () => this.#handOver(message));
      return;
    }
    if (isStale(socket)) {
      // An idle connection that the server has ended, found out before a byte was handed over: take another.
      this.#message = null;
      message.destroy();
      this.#openMessage();
      return;
    }
    this.#handOver(message);
  }

  /** Writes headers and body in one go. The last look at the clock and the signal is directly before. */
  #handOver(message: ClientRequest): void {
    this.#cancelConnectTimeout?.();
    if (this.#settled || this.#tooLate()) return;
    this.#handedOver = true;
    const { body } = this.#request;
    if (body === null) message.end();
    else message.end(body);
  }

  #tooLate(): boolean {
    const { deadlineMs, sendByMs = Number.POSITIVE_INFINITY, signal } = this.#request.budget;
    const { clock } = this.#line;
    if (signal.aborted) this.#fail('draining');
    else if (clock.monotonicMs() >= deadlineMs || clock.wallMs() >= sendByMs) this.#fail('deadline_passed');
    return this.#settled;
  }

  #onResponse(response: IncomingMessage): void {
    if (this.#settled) return;
    this.#response = response;
    const encoding = response.headers['content-encoding'];
    if (encoding !== undefined && encoding.toLowerCase() !== 'identity') this.#fail('content_encoding');
    else {
      const { socket } = response;
      response.on('data', (chunk: Buffer) => this.#onData(chunk));
      response.on('end', () => {
        this.#onEnd(response);
        // HTTP/1.1 does not say which request an answer belongs to. A provider in trouble may answer twice, and a
        // second "not processed" would be taken for the word on the next request here: so there is no next.
        if (!isSuccess(response.statusCode)) socket.destroy();
      });
    }
  }

  #onData(chunk: Buffer): void {
    this.#received += chunk.length;
    if (this.#received > ANSWER_BYTES_MAX) this.#fail('answer_too_large');
    else this.#chunks.push(chunk);
  }

  #onEnd(response: IncomingMessage): void {
    if (!response.complete) {
      this.#fail('truncated_answer');
      return;
    }
    const [first] = this.#chunks;
    const bytes = this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks);
    this.#settle({
      kind: 'response',
      status: response.statusCode ?? 0,
      headers: response.headers,
      body: bytes.toString('utf8'),
    });
  }

  #onError(error: Error | null): void {
    this.#giveUp(this.#response === null ? codeOf(error) : 'truncated_answer');
  }

  #fail(code: TransportCode): void {
    this.#giveUp(code);
  }

  /** Ends without an answer: what that means is a matter of the phase alone. */
  #giveUp(code: string): void {
    if (this.#settled) return;
    this.#settle({ kind: this.#handedOver ? 'unknown' : 'not_sent', code });
    // The connection may be half used: it must not be taken up again.
    this.#message?.destroy();
  }

  #settle(result: TransportResult): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#cancelDeadline?.();
    this.#cancelConnectTimeout?.();
    if (this.#watched !== null) unwatch(this.#request.budget.signal, this.#watched);
    this.#chunks = [];
    this.#resolve(result);
  }
}

function isSuccess(status: number | undefined): boolean {
  return status !== undefined && status >= 200 && status < 300;
}

/** TCP or TLS set-up is still under way. */
function isConnecting(socket: Socket): boolean {
  return (
    socket.connecting || (socket as TLSSocket & { secureConnecting?: boolean }).secureConnecting === true
  );
}

/** Ended, or with bytes that nobody asked for. */
function isStale(socket: Socket): boolean {
  return !socket.writable || !socket.readable || socket.readableLength > 0;
}

const NAMELESS: TransportCode = 'connection_failed';

/** The name that Node gave to a failure. Never its text, which may repeat what was sent. */
function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,63}$/.test(code) ? code : NAMELESS;
}

/**
 * Exchanges to stop with each signal. One signal serves all calls of a process: a listener for each of them would
 * cost more than the rest of the exchange's bookkeeping.
 */
const watched = new WeakMap<AbortSignal, OpenList<Exchange>>();

function watch(signal: AbortSignal, exchange: Exchange): OpenPlace<Exchange> {
  let exchanges = watched.get(signal);
  if (exchanges === undefined) {
    const fresh = new OpenList<Exchange>();
    signal.addEventListener(
      'abort',
      () => {
        for (const each of fresh.items()) each.stop();
      },
      { once: true },
    );
    watched.set(signal, fresh);
    exchanges = fresh;
  }
  return exchanges.add(exchange);
}

function unwatch(signal: AbortSignal, place: OpenPlace<Exchange>): void {
  watched.get(signal)?.remove(place);
}
