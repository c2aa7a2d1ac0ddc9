import net, { type AddressInfo, type Socket } from 'node:net';

/** What a server does with the bytes of one request: `request` counts from 1 over all connections. */
export type RawAnswer = (socket: Socket, request: number, text: string) => void;

/** A TCP server that can misbehave in every way that HTTP knows. Each packet that it reads counts as one request. */
export class RawServer {
  readonly port: number;
  /** Every packet that was read. */
  readonly requests: string[] = [];
  /** Connections accepted so far. */
  connections = 0;
  readonly #server: net.Server;
  readonly #sockets = new Set<Socket>();
  #arrivals: (() => void)[] = [];

  private constructor(server: net.Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  static async start(answer: RawAnswer): Promise<RawServer> {
    const server = net.createServer();
    server.listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const raw = new RawServer(server);
    server.on('connection', (socket) => {
      raw.connections += 1;
      raw.#sockets.add(socket);
      // A reset is what half of the tests are about.
      socket.on('error', () => {});
      socket.on('close', () => raw.#sockets.delete(socket));
      socket.setNoDelay(true);
      socket.on('data', (bytes) => {
        raw.requests.push(bytes.toString('latin1'));
        answer(socket, raw.requests.length, bytes.toString('latin1'));
        raw.#notify();
      });
      raw.#notify();
    });
    return raw;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get openSockets(): number {
    return this.#sockets.size;
  }

  /** Resolves when that many packets have been read in all. */
  requestsReached(count: number): Promise<void> {
    return this.#until(() => this.requests.length >= count);
  }

  connectionsReached(count: number): Promise<void> {
    return this.#until(() => this.connections >= count);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #until(reached: () => boolean): Promise<void> {
    while (!reached()) await new Promise<void>((resolve) => this.#arrivals.push(resolve));
  }

  #notify(): void {
    const waiting = this.#arrivals;
    this.#arrivals = [];
    for (const wake of waiting) wake();
  }
}

/** A plain answer with its length. */
export function httpAnswer(body: string, status = '200 OK', headers: readonly string[] = []): string {
  const lines = [`HTTP/1.1 ${status}`, `Content-Length: ${Buffer.byteLength(body)}`, ...headers];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** Waits until something that a socket does has shown; for what has no event on our side. */
export async function eventually(holds: () => boolean, what: string): Promise<void> {
  for (let turn = 0; turn < 2_000; turn += 1) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Error(`did not happen within two seconds: ${what}`);
}
