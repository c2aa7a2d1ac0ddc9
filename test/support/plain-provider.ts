import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** A request as it came over the wire. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** As received, byte for byte. */
  readonly body: string;
}

type AnswerWith = (request: SeenRequest, response: ServerResponse) => void;

/** An HTTP server in the place of a provider: it answers what a test says, and keeps what it was asked. */
export class PlainProvider implements AsyncDisposable {
  readonly url: string;
  /** Oldest first. */
  readonly requests: readonly SeenRequest[];
  readonly #server: Server;

  private constructor(server: Server, requests: readonly SeenRequest[]) {
    this.#server = server;
    this.requests = requests;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(answerWith: AnswerWith): Promise<PlainProvider> {
    const requests: SeenRequest[] = [];
    const server = createServer((request, response) => {
      const { method = '', url: path = '', headers } = request;
      text(request).then(
        (body) => {
          const seen = { method, path, headers, body };
          requests.push(seen);
          answerWith(seen, response);
        },
        () => response.destroy(),
      );
    });
    server.keepAliveTimeout = 0;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new PlainProvider(server, requests);
  }

  /** Requests that may move money. */
  get posts(): readonly SeenRequest[] {
    return this.requests.filter(({ method }) => method === 'POST');
  }

  /** Bodies of the authorizations asked for, oldest first. */
  get asked(): readonly AskedBody[] {
    return this.posts
      .filter(({ path }) => path === '/v1/authorizations')
      .map(({ body }) => JSON.parse(body) as AskedBody);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** What an authorization asks of the provider, as far as tests look into it. */
export interface AskedBody {
  readonly reference: string;
  readonly merchant_reference: string;
  readonly amount: { readonly value: number; readonly currency: string };
  readonly bin: string | null;
  readonly brand: string;
  readonly three_ds: { readonly cavv: string | null } | null;
  readonly network_transaction: { readonly id: string; readonly network: string } | null;
}

/** The answer with which an authorization is approved in full; members may be replaced. */
export function approvalOf(
  request: SeenRequest,
  over: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  const asked = JSON.parse(request.body) as AskedBody;
  return {
    id: `sbx_${asked.reference.slice('att_'.length)}`,
    reference: asked.reference,
    status: 'authorized',
    amount: asked.amount,
    authorized_amount: asked.amount.value,
    decline: null,
    network_transaction: null,
    operations: [],
    ...over,
  };
}

/** The answer of an issuer that says no. */
export function declineOf(request: SeenRequest, code: string): Record<string, unknown> {
  return approvalOf(request, {
    status: 'declined',
    authorized_amount: 0,
    decline: { code: `issuer_${code}`, network_code: code, advice: null, after_approval: false },
  });
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}
