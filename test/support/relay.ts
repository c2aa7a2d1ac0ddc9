import { createServer, type Server, Socket } from 'node:net';
import { freePort } from './free-port.ts';

/** Stands between clients and a server on loopback: hands on what they say, late, or ends their connections. */
export class Relay {
  readonly port: number;
  /** What each piece waits for before it is handed on to the server, milliseconds. */
  delayMs = 0;
  /** Whoever says this loses its connection before the server hears it; null: nobody. */
  cutAt: string | null = null;
  /** Connections that were ended for what was said. */
  cuts = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(port: number, serverPort: number) {
    this.port = port;
    this.#server = createServer((client) => {
      const server = new Socket();
      for (const [one, other] of [
        [client, server],
        [server, client],
      ] as const) {
        this.#sockets.add(one);
        one.on('error', () => {});
        one.on('close', () => {
          this.#sockets.delete(one);
          other.destroy();
        });
      }
      client.on('data', (data) => {
        if (this.cutAt !== null && data.includes(this.cutAt)) {
          this.cuts += 1;
          client.destroy();
        } else setTimeout(() => server.write(data), this.delayMs);
      });
      server.on('data', (data) => client.write(data));
      server.connect(serverPort, '127.0.0.1');
    });
  }

  static async start(serverPort: number): Promise<Relay> {
    const relay = new Relay(await freePort(), serverPort);
    await new Promise<void>((resolve) => {
      relay.#server.listen(relay.port, '127.0.0.1', resolve);
    });
    return relay;
  }

  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cutAll();
    await closed;
  }
}
