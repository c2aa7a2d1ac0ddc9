import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { getRequestListener, RequestError } from '@hono/node-server';
import { OpenList } from '../core/open-list.ts';
import type { Clock, Randomness } from '../gateway/ports.ts';
import { PROBLEMS, type ProblemName, problem, problemBody, problemResponse } from './problems.ts';
import { traceContextOf } from './trace-context.ts';

export interface ServerSettings {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** From the connection's first byte to the last byte of the headers, milliseconds. */
  readonly headersTimeoutMs: number;
  /** To the last byte of the body, milliseconds; above `headersTimeoutMs`. */
  readonly requestTimeoutMs: number;
  /** Idle connections stay open this long; longer than the load balancer in front keeps them. */
  readonly keepAliveTimeoutMs: number;
  /** How often the two limits above are looked at. */
  readonly checkIntervalMs: number;
}

export const SERVER_DEFAULTS = {
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 20_000,
  keepAliveTimeoutMs: 65_000,
  checkIntervalMs: 1_000,
} as const;

const HEADER_BYTES_MAX = 16_384;

/** A server that listens. */
export interface EdgeServer {
  readonly host: string;
  readonly port: number;
  /** Requests that have not been answered in full. */
  inFlight(): number;
  /**
   * Takes no new connections, closes idle ones, ends each busy one with its answer, and waits for those answers.
   * @param graceMs after this long, what is left is cut
   * @returns how many requests were cut
   */
  drain(graceMs: number): Promise<number>;
}

/** What the server needs of the app and the process. */
export interface ServerDeps {
  readonly fetch: Parameters<typeof getRequestListener>[0];
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly reportFault: (fault: {
    readonly traceId: string;
    readonly route: string;
    readonly error: unknown;
  }) => void;
}

/** Puts the app behind a socket, with time limits on everything that a client sends. Rejects when it cannot listen. */
export async function startServer(deps: ServerDeps, settings: ServerSettings): Promise<EdgeServer> {
  const exchanges = new Exchanges();
  const listener = getRequestListener(deps.fetch, { errorHandler: (error) => unroutable(error, deps) });
  const server = createServer(
    {
      headersTimeout: settings.headersTimeoutMs,
      requestTimeout: settings.requestTimeoutMs,
      keepAliveTimeout: settings.keepAliveTimeoutMs,
      connectionsCheckingInterval: settings.checkIntervalMs,
      maxHeaderSize: HEADER_BYTES_MAX,
      // Without a Host the listener answers a problem of ours instead of Node's bare 400.
      requireHostHeader: false,
    },
    (incoming, outgoing) => {
      exchanges.add(incoming, outgoing);
      void listener(incoming, outgoing);
    },
  );
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    answerBrokenRequest(error, socket, exchanges, deps);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(settings.port, settings.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  return {
    host: settings.host,
    port,
    inFlight: () => exchanges.size,
    async drain(graceMs) {
      server.close();
      exchanges.closeAfterAnswer();
      server.closeIdleConnections();
      await exchanges.emptyOr((giveUp) => deps.clock.after(graceMs, giveUp));
      const cut = exchanges.size;
      server.closeAllConnections();
      return cut;
    },
  };
}

interface OpenExchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

/** Requests under way, so that a drain can wait for them and end their connections. */
class Exchanges {
  readonly #open = new OpenList<OpenExchange>();
  #closing = false;
  #onEmpty: (() => void) | null = null;

  get size(): number {
    return this.#open.size;
  }

  add(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const place = this.#open.add({ incoming, outgoing });
    if (this.#closing) outgoing.setHeader('Connection', 'close');
    outgoing.once('close', () => {
      this.#open.remove(place);
      if (this.#open.size === 0) this.#onEmpty?.();
    });
  }

  closeAfterAnswer(): void {
    this.#closing = true;
    for (const { outgoing } of this.#open.items()) {
      if (!outgoing.headersSent) outgoing.setHeader('Connection', 'close');
    }
  }

  /** Resolves when none is left, or when `arm`'s argument is called. */
  async emptyOr(arm: (giveUp: () => void) => () => void): Promise<void> {
    if (this.#open.size === 0) return;
    await new Promise<void>((resolve) => {
      const cancel = arm(resolve);
      this.#onEmpty = () => {
        cancel();
        resolve();
      };
    });
  }

  /** Whether a whole request of this connection still waits for its answer. */
  owesAnswer(socket: Socket): boolean {
    return this.#open.items().some(({ incoming }) => incoming.socket === socket && incoming.complete);
  }
}

/** Targets and hosts that make no URL. */
function unroutable(error: unknown, deps: ServerDeps): Response {
  const { traceId } = traceContextOf(null, deps.randomness);
  if (error instanceof RequestError) {
    return problemResponse(
      problem('malformed-request', 'The Host header or the request target is malformed.'),
      traceId,
    );
  }
  deps.reportFault({ traceId, route: 'unrouted', error });
  return problemResponse(problem('internal', 'An unexpected fault.'), traceId);
}

/** What Node's parser and time limits refuse, before there is a request to route. */
function answerBrokenRequest(
  error: NodeJS.ErrnoException,
  socket: Socket,
  exchanges: Exchanges,
  deps: ServerDeps,
): void {
  // The bytes would be read as the answer to the request before it: better to let that caller see a broken
  // connection, which says "not known", and repeat with its key.
  if (!socket.writable || exchanges.owesAnswer(socket)) {
    socket.destroy();
    return;
  }
  const name = brokenRequestProblem(error.code);
  const { traceId } = traceContextOf(null, deps.randomness);
  const { status, title } = PROBLEMS[name];
  const body = problemBody(problem(name, `${title}.`), traceId);
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\nContent-Type: application/problem+json\r\nConnection: close\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

function brokenRequestProblem(code: string | undefined): ProblemName {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request-timeout';
  if (code === 'HPE_HEADER_OVERFLOW') return 'headers-too-large';
  return 'malformed-request';
}
