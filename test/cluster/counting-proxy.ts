import { connect, createServer, type Server, type Socket } from 'node:net';

const AUTHORIZE = 'POST /v1/authorizations HTTP/1.1';

/** Stands before the port of one provider, and writes down when it is asked for an authorization for the first time. */
export class CountingProxy {
  readonly url: string;
  /** Monotonic, milliseconds, in their order: what a contract's calls per second are counted by, replays left out. */
  readonly askedAtMs: number[] = [];
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: Server, sockets: Set<Socket>, url: string, askedAtMs: number[]) {
    this.#server = server;
    this.#sockets = sockets;
    this.url = url;
    this.askedAtMs = askedAtMs;
  }

  static async start(target: string): Promise<CountingProxy> {
    const askedAtMs: number[] = [];
    const keys = new Set<string>();
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
      down.on('data', (chunk: Buffer) => {
        // A request begins a segment: nobody pipelines.
        const key = keyIn(chunk);
        if (key !== null && !keys.has(key)) {
          keys.add(key);
          askedAtMs.push(performance.now());
        }
        up.write(chunk);
      });
      up.pipe(down);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP port was expected');
    return new CountingProxy(server, sockets, `http://127.0.0.1:${address.port}`, askedAtMs);
  }

  /** The most that were asked in any stretch of this length, seconds. */
  mostWithin(seconds: number): number {
    let most = 0;
    let from = 0;
    for (const [index, atMs] of this.askedAtMs.entries()) {
      while ((this.askedAtMs[from] ?? atMs) <= atMs - seconds * 1_000) from += 1;
      most = Math.max(most, index - from + 1);
    }
    return most;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Under which key an authorization is asked for; null: it is something else. */
function keyIn(chunk: Buffer): string | null {
  const text = chunk.toString('latin1');
  if (!text.startsWith(AUTHORIZE)) return null;
  return /^idempotency-key:\s*(\S+)/im.exec(text)?.[1] ?? null;
}
