import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** A request as a stand-in has read it. */
export interface StandInRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface StandInAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The API of one provider: carries a request out in its books, and answers. */
export type StandInApi = (request: StandInRequest) => StandInAnswer;

/** What goes wrong with the next request that it is meant for. */
export type Mishap =
  /** The connection is reset before anything is carried out, or after it, unanswered. */
  | { readonly kind: 'reset_before' }
  | { readonly kind: 'reset_after' }
  /** No answer ever comes; carried out or not. */
  | { readonly kind: 'hang'; readonly carriedOut: boolean }
  /** Carried out; the body ends amid. */
  | { readonly kind: 'truncate' }
  /** Answered with this instead; carried out or not. */
  | { readonly kind: 'instead'; readonly carriedOut: boolean; readonly answer: StandInAnswer }
  /** Carried out; the answer is changed on its way. */
  | { readonly kind: 'distort'; readonly change: (answer: StandInAnswer) => StandInAnswer };

/** An answer in JSON. */
export function jsonAnswer(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): StandInAnswer {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

/** Carried out, and answered with a status by somebody on the way back. */
export function blockedOnTheWayBack(status: number): Mishap {
  const answer = { status, headers: { 'content-type': 'text/html' }, body: '<h1>Blocked by policy</h1>' };
  return { kind: 'instead', carriedOut: true, answer };
}

/** Changes the JSON of an answer. */
export function distorted(change: (body: Record<string, unknown>) => unknown): Mishap {
  return {
    kind: 'distort',
    change: (answer) => ({ ...answer, body: JSON.stringify(change(JSON.parse(answer.body))) }),
  };
}

/**
 * A local HTTP server that speaks a provider's API, with real sockets and with mishaps on demand. What it carries out and
 * answers is the API's; what happens on the way is done here.
 */
export class PspStandIn {
  /** Everything that was read, in order. */
  readonly requests: StandInRequest[] = [];
  readonly #server: Server;
  readonly #api: StandInApi;
  readonly #sockets = new Set<Socket>();
  #mishaps: { readonly isMeantFor: (request: StandInRequest) => boolean; readonly mishap: Mishap }[] = [];
  #port = 0;

  private constructor(api: StandInApi) {
    this.#api = api;
    this.#server = createServer((incoming, response) => {
      void read(incoming).then((request) => this.#handle(request, incoming, response));
    });
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      // A caller that gives up resets.
      socket.on('error', () => {});
    });
  }

  static async start(api: StandInApi): Promise<PspStandIn> {
    const standIn = new PspStandIn(api);
    await new Promise<void>((resolve) => standIn.#server.listen(0, '127.0.0.1', resolve));
    standIn.#port = (standIn.#server.address() as AddressInfo).port;
    return standIn;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Puts a mishap on the next request that it is meant for; they are taken in order. */
  meet(mishap: Mishap, isMeantFor: (request: StandInRequest) => boolean): void {
    this.#mishaps.push({ isMeantFor, mishap });
  }

  /** From now on connections are refused. */
  async refuse(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  async close(): Promise<void> {
    await this.refuse();
  }

  #handle(request: StandInRequest, incoming: IncomingMessage, response: ServerResponse): void {
    this.requests.push(request);
    const met = this.#mishaps.find(({ isMeantFor }) => isMeantFor(request));
    this.#mishaps = this.#mishaps.filter((each) => each !== met);
    const mishap = met?.mishap;
    switch (mishap?.kind) {
      case undefined:
        send(response, this.#api(request));
        return;
      case 'reset_before':
        incoming.socket.resetAndDestroy();
        return;
      case 'reset_after':
        this.#api(request);
        incoming.socket.resetAndDestroy();
        return;
      case 'hang':
        if (mishap.carriedOut) this.#api(request);
        return;
      case 'truncate': {
        const { status, headers, body } = this.#api(request);
        response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
        response.write(body.slice(0, Math.floor(body.length / 2)), () => incoming.socket.destroy());
        return;
      }
      case 'instead':
        if (mishap.carriedOut) this.#api(request);
        send(response, mishap.answer);
        return;
      case 'distort':
        send(response, mishap.change(this.#api(request)));
    }
  }
}

function send(response: ServerResponse, { status, headers = {}, body }: StandInAnswer): void {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

async function read(incoming: IncomingMessage): Promise<StandInRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const url = new URL(incoming.url ?? '/', 'http://stand-in');
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) headers[name] = String(value);
  return {
    method: incoming.method ?? '',
    path: url.pathname,
    query: url.searchParams,
    headers,
    body: Buffer.concat(chunks).toString('utf8'),
  };
}
