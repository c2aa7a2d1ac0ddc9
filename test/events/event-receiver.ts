import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An event as a receiver got it. */
export interface ReceivedEvent {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** Byte for byte. */
  readonly text: string;
  readonly body: {
    readonly id: string;
    readonly type: string;
    readonly data: {
      readonly version: number;
      readonly authorization: { readonly id: string; readonly status: string };
    };
  };
}

/** What is done with one request; it was read to its end. */
export type Reaction = (response: ServerResponse, event: ReceivedEvent) => void;

export const answering =
  (status: number, headers: Readonly<Record<string, string>> = {}): Reaction =>
  (response) => {
    response.writeHead(status, headers).end('{"this":"is read and forgotten"}');
  };

/** A receiver of events on a real socket, which does what it is told with each request; then it takes all. */
export class EventReceiver implements AsyncDisposable {
  readonly received: ReceivedEvent[] = [];
  readonly url: URL;
  /** One for each request; when there are none left, 204. */
  readonly reactions: Reaction[] = [];
  readonly #server: Server;
  #waiting: (() => void)[] = [];

  private constructor(server: Server) {
    this.#server = server;
    this.url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/events?tenant=1`);
    server.on('request', (incoming, response) => {
      let text = '';
      incoming.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      incoming.on('end', () => this.#take(incoming, text, response));
    });
  }

  static async start(): Promise<EventReceiver> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new EventReceiver(server);
  }

  /** Ids of what was received, in its order. */
  get ids(): readonly string[] {
    return this.received.map(({ body }) => body.id);
  }

  /** Resolves once so many requests have come. */
  async has(count: number): Promise<void> {
    while (this.received.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #take(incoming: IncomingMessage, text: string, response: ServerResponse): void {
    const { headers, url = '' } = incoming;
    const event = { path: url, headers, text, body: JSON.parse(text) as ReceivedEvent['body'] };
    this.received.push(event);
    (this.reactions.shift() ?? answering(204))(response, event);
    for (const tell of this.#waiting.splice(0)) tell();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
