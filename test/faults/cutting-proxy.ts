import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { pause } from '../support/eventually.ts';

/** What becomes of one request on its way to a provider. Everything else passes. */
export type Cut =
  /** The connection is reset with the request's first bytes; the provider never sees them. */
  | { readonly kind: 'before_provider' }
  /** Half of the request reaches the provider, then both connections are reset. */
  | { readonly kind: 'mid_request' }
  /** The provider has the whole request; the connection is reset without waiting for its answer. */
  | { readonly kind: 'once_forwarded' }
  /** The provider has answered, nothing of it is passed on; the reset comes `holdMs` later. */
  | { readonly kind: 'after_provider'; readonly holdMs?: number }
  /** Half of the answer is passed on, then the connection is reset. */
  | { readonly kind: 'mid_answer' }
  /** Neither forwarded nor answered. */
  | { readonly kind: 'swallow' }
  /** Answered by the proxy itself, with these bytes; the provider never sees the request. */
  | { readonly kind: 'answer'; readonly bytes: string }
  /** Answered by the proxy itself, with these bytes and then more and more until the connection ends. */
  | { readonly kind: 'flood'; readonly head: string; readonly chunk: string };

/** Which requests a cut concerns. */
type Method = 'POST' | 'GET';

interface Planned {
  readonly cut: Cut;
  readonly method: Method;
  /** Only requests whose bytes contain this. */
  readonly containing: string;
  left: number;
}

/** A request that was cut. */
export interface CutRequest {
  readonly kind: Cut['kind'];
  /** Requests that its connection had carried before. */
  readonly carriedBefore: number;
}

/** A TCP proxy in front of a provider that cuts connections where it is told, by what it sees of HTTP/1.1. */
export class CuttingProxy implements AsyncDisposable {
  readonly url: string;
  /** Connections accepted so far. */
  connections = 0;
  readonly cuts: CutRequest[] = [];
  /** Bytes that floods handed over. */
  flooded = 0;
  readonly #server: net.Server;
  readonly #target: URL;
  readonly #pairs = new Set<Socket>();
  #plan: Planned[] = [];

  private constructor(server: net.Server, target: string) {
    this.#server = server;
    this.#target = new URL(target);
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** @param target base URL of the provider behind it */
  static async start(target: string): Promise<CuttingProxy> {
    const server = net.createServer();
    server.listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const proxy = new CuttingProxy(server, target);
    server.on('connection', (caller) => proxy.#carry(caller));
    return proxy;
  }

  /** Cuts the next request that fits; `times` of them. Those that were planned first come first. */
  cut(
    cut: Cut,
    options: { readonly times?: number; readonly method?: Method; readonly containing?: string } = {},
  ): void {
    const { times = 1, method = 'POST', containing = '' } = options;
    this.#plan.push({ cut, method, containing, left: times });
  }

  /** Connections that are there now, both sides of each. */
  get open(): number {
    return this.#pairs.size;
  }

  /** Everything passes again. */
  heal(): void {
    this.#plan = [];
  }

  /** Ends every connection in order, as a server does that closes idle ones. */
  endConnections(): void {
    for (const socket of this.#pairs) socket.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#pairs) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #carry(caller: Socket): void {
    this.connections += 1;
    const provider = net.connect(Number(this.#target.port), this.#target.hostname);
    const connection = new Connection(caller, provider, this);
    for (const socket of [caller, provider]) {
      this.#pairs.add(socket);
      socket.setNoDelay(true);
      // Resets are what this is for.
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#pairs.delete(socket);
        connection.end();
      });
    }
    caller.on('data', (bytes) => connection.fromCaller(bytes));
    provider.on('data', (bytes) => connection.fromProvider(bytes));
  }

  /** What becomes of a request with these first bytes; used by its connections. */
  take(bytes: Buffer): Cut | null {
    const text = bytes.toString('latin1');
    const planned = this.#plan.find(
      ({ method, containing }) => text.startsWith(`${method} `) && text.includes(containing),
    );
    if (planned === undefined) return null;
    planned.left -= 1;
    if (planned.left === 0) this.#plan = this.#plan.filter((other) => other !== planned);
    return planned.cut;
  }
}

/** One connection of a caller with its own to the provider. One request at a time, as without pipelining. */
class Connection {
  readonly #caller: Socket;
  readonly #provider: Socket;
  readonly #proxy: CuttingProxy;
  #cut: Cut | null = null;
  #asked = false;
  #carried = 0;

  constructor(caller: Socket, provider: Socket, proxy: CuttingProxy) {
    this.#caller = caller;
    this.#provider = provider;
    this.#proxy = proxy;
  }

  end(): void {
    this.#caller.destroy();
    this.#provider.destroy();
  }

  fromCaller(bytes: Buffer): void {
    if (!this.#asked) {
      this.#asked = true;
      this.#cut = this.#proxy.take(bytes);
      if (this.#cut !== null) this.#proxy.cuts.push({ kind: this.#cut.kind, carriedBefore: this.#carried });
      this.#carried += 1;
    }
    const cut = this.#cut;
    switch (cut?.kind) {
      case 'before_provider':
        this.#reset();
        break;
      case 'mid_request':
        this.#provider.write(bytes.subarray(0, bytes.length >> 1), () => this.#reset());
        break;
      case 'once_forwarded':
        // In order towards the provider, so that it reads all of it.
        this.#provider.write(bytes, () => this.#caller.resetAndDestroy());
        break;
      case 'swallow':
        break;
      case 'answer':
        this.#asked = false;
        this.#caller.write(cut.bytes);
        break;
      case 'flood':
        this.#caller.write(cut.head);
        void this.#flood(cut.chunk);
        break;
      default:
        this.#provider.write(bytes);
    }
  }

  fromProvider(bytes: Buffer): void {
    this.#asked = false;
    const cut = this.#cut;
    if (cut?.kind === 'after_provider') {
      void pause(cut.holdMs ?? 0).then(() => this.#reset());
      return;
    }
    if (cut?.kind === 'mid_answer') {
      this.#caller.write(bytes.subarray(0, bytes.length >> 1), () => this.#reset());
      return;
    }
    if (!this.#caller.destroyed) this.#caller.write(bytes);
  }

  #reset(): void {
    this.#caller.resetAndDestroy();
    this.#provider.resetAndDestroy();
  }

  /** As fast as the other side reads, with an end in any case. */
  async #flood(chunk: string): Promise<void> {
    const most = 64 * 2 ** 20;
    for (let sent = 0; sent < most && !this.#caller.destroyed; sent += chunk.length) {
      this.#proxy.flooded += chunk.length;
      if (this.#caller.write(chunk)) continue;
      const either = new AbortController();
      const { signal } = either;
      await Promise.race([
        once(this.#caller, 'drain', { signal }),
        once(this.#caller, 'close', { signal }),
      ]).catch(() => {});
      either.abort();
    }
  }
}
