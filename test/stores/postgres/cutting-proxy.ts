import { createServer, type Server, Socket } from 'node:net';

/** Stands between a gateway and its database, and can cut the line at the worst moment. */
export class CuttingProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** How many answers of writes have been thrown away. */
  cuts = 0;
  #cutAnswers = 0;
  #isDown = false;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @param target port of the server on this machine */
  static async open(target: number): Promise<CuttingProxy> {
    const server = createServer();
    const proxy = new CuttingProxy(server);
    server.on('connection', (near) => proxy.#join(near, target));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy is closed');
    return address.port;
  }

  /** The next answers to writes are thrown away when they come, with their lines: what they confirm is committed. */
  cutAnswers(count: number): void {
    this.#cutAnswers = count;
  }

  /** Nobody gets through, and who is through is cut off. */
  setDown(isDown: boolean): void {
    this.#isDown = isDown;
    if (isDown) for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(near: Socket, target: number): void {
    if (this.#isDown) {
      near.destroy();
      return;
    }
    const far = new Socket();
    let isWriting = false;
    const end = () => {
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on('error', end);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        end();
      });
    }
    near.on('data', (data) => {
      if (data.includes('journal_write_v2')) isWriting = true;
      far.write(data);
    });
    far.on('data', (data) => {
      if (isWriting && this.#cutAnswers > 0) {
        this.#cutAnswers -= 1;
        this.cuts += 1;
        end();
        return;
      }
      isWriting = false;
      near.write(data);
    });
    far.connect(target, '127.0.0.1');
  }
}
