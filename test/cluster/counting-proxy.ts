import { connect, createServer, type Server, type Socket } from 'node:net';

const AUTHORIZE = 'POST /v1/authorizations HTTP/1.1';

/** How many calls were open from a moment on. Monotonic clock. */
interface OpenCalls {
  readonly atMs: number;
  readonly open: number;
}

/**
 * Stands before the port of one provider, and counts what a contract counts: authorizations that it is asked for the first
 * time, and how many of those it has not answered yet. What is repeated under a key is not counted again.
 */
export class CountingProxy {
  readonly url: string;
  /** When each was asked for, in their order. Monotonic clock, milliseconds. */
  readonly askedAtMs: number[];
  readonly #calls: Calls;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: Server, sockets: Set<Socket>, url: string, calls: Calls) {
    this.#server = server;
    this.#sockets = sockets;
    this.#calls = calls;
    this.askedAtMs = calls.askedAtMs;
    this.url = url;
  }

  static async start(target: string): Promise<CountingProxy> {
    const calls = new Calls();
    const sockets = new Set<Socket>();
    const port = Number(new URL(target).port);
    const server = createServer({ noDelay: true }, (down) => {
      const up = connect({ port, host: '127.0.0.1', noDelay: true });
      for (const socket of [down, up]) {
        sockets.add(socket);
        // One side's end is the other's: nothing to tell.
        socket.on('error', () => {});
        socket.on('close', () => {
          sockets.delete(socket);
          down.destroy();
          up.destroy();
        });
      }
      passOn(down, up, calls);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP port was expected');
    return new CountingProxy(server, sockets, `http://127.0.0.1:${address.port}`, calls);
  }

  /** The most that were open at once. */
  get mostOpen(): number {
    return this.#calls.changes.reduce((most, { open }) => Math.max(most, open), 0);
  }

  /** How many were open in that stretch, on average over its time. */
  openOnAverage(fromMs: number, untilMs: number): number {
    let sum = 0;
    let last: OpenCalls = { atMs: fromMs, open: 0 };
    for (const change of [...this.#calls.changes, { atMs: untilMs, open: 0 }]) {
      const atMs = Math.min(untilMs, Math.max(fromMs, change.atMs));
      sum += last.open * (atMs - last.atMs);
      last = { atMs, open: change.open };
    }
    return sum / (untilMs - fromMs);
  }

  /** When each of those was asked for that were in that stretch. */
  askedWithin(fromMs: number, untilMs: number): readonly number[] {
    return this.askedAtMs.filter((atMs) => atMs >= fromMs && atMs < untilMs);
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** What passed a proxy. */
class Calls {
  readonly askedAtMs: number[] = [];
  readonly changes: OpenCalls[] = [];
  readonly #keys = new Set<string>();
  #open = 0;

  /** @returns whether it is a call that counts, which is open now */
  isNew(key: string): boolean {
    if (this.#keys.has(key)) return false;
    this.#keys.add(key);
    this.askedAtMs.push(performance.now());
    this.#change(1);
    return true;
  }

  ended(): void {
    this.#change(-1);
  }

  #change(by: number): void {
    this.#open += by;
    // What ended before it may still stand in the queue of what came in together.
    setImmediate(() => this.changes.push({ atMs: performance.now(), open: this.#open }));
  }
}

/** One connection: requests follow each other on it, none before the answer to the one before. */
function passOn(down: Socket, up: Socket, calls: Calls): void {
  let isOpen = false;
  const end = () => {
    if (isOpen) calls.ended();
    isOpen = false;
  };
  down.on('data', (chunk: Buffer) => {
    // A request begins a segment: nobody pipelines.
    const key = keyIn(chunk);
    if (key !== null) isOpen = calls.isNew(key);
    up.write(chunk);
  });
  up.on('data', (chunk: Buffer) => {
    end();
    down.write(chunk);
  });
  // The end comes in together with what follows it, the close only afterwards.
  for (const event of ['end', 'error', 'close']) down.on(event, end);
}

/** Under which key an authorization is asked for; null: it is something else. */
function keyIn(chunk: Buffer): string | null {
  const text = chunk.toString('latin1');
  if (!text.startsWith(AUTHORIZE)) return null;
  return /^idempotency-key:\s*(\S+)/im.exec(text)?.[1] ?? null;
}
