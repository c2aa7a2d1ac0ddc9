import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A port could not be opened. The message says which and how to mend it. */
class PortTakenError extends Error {
  override readonly name = 'PortTakenError';
}

/** Tries to open a port again; in between, another process may have held it for a moment. */
const REOPEN_TRIES = 40;
const REOPEN_PAUSE_MS = 50;

/**
 * A listening port that can be closed, so that connections are refused, and opened again under the same
 * number.
 */
export class PortGate {
  readonly #server: Server;
  #host = '127.0.0.1';
  #port = 0;
  #wanted: 'open' | 'closed' = 'closed';
  /** Openings and closings, one after the other. */
  #queue: Promise<void> = Promise.resolve();

  constructor(server: Server) {
    this.#server = server;
  }

  get url(): string {
    const host = this.#host.includes(':') ? `[${this.#host}]` : this.#host;
    return `http://${host}:${this.#port}`;
  }

  get isOpen(): boolean {
    return this.#server.listening;
  }

  /**
   * Opens the port for the first time.
   * @param port 0: any free one
   * @param purpose for the message when it is taken
   */
  async open(host: string, port: number, purpose: string): Promise<void> {
    this.#host = host;
    this.#wanted = 'open';
    try {
      await this.#listen(port);
    } catch (error) {
      throw new PortTakenError(portMessage(error, host, port, purpose));
    }
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Refuses connections and drops those that exist. */
  shut(): Promise<void> {
    this.#wanted = 'closed';
    // At once, not after what is queued: whoever asked may rely on it.
    const closed = this.#close();
    this.#queue = this.#queue.then(() => closed);
    return this.#queue;
  }

  /** Opens the port again under the same number. */
  reopen(pause: (delayMs: number) => Promise<void>): Promise<void> {
    this.#wanted = 'open';
    const opened = this.#queue.then(() => this.#reopen(pause));
    // A failure is told to whoever asked; it must not stop the next opening.
    this.#queue = opened.catch(() => {});
    return opened;
  }

  async #reopen(pause: (delayMs: number) => Promise<void>): Promise<void> {
    for (let number = 1; this.#wanted === 'open' && !this.#server.listening; number += 1) {
      try {
        await this.#listen(this.#port);
      } catch (error) {
        if (number >= REOPEN_TRIES) {
          throw new PortTakenError(portMessage(error, this.#host, this.#port, 'a provider'));
        }
        await pause(REOPEN_PAUSE_MS);
      }
    }
    if (this.#wanted === 'closed') await this.#close();
  }

  #listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const failed = (error: Error): void => reject(error);
      this.#server.once('error', failed);
      this.#server.listen(port, this.#host, () => {
        this.#server.off('error', failed);
        resolve();
      });
    });
  }

  #close(): Promise<void> {
    if (!this.#server.listening) return Promise.resolve();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}

function portMessage(error: unknown, host: string, port: number, purpose: string): string {
  const code = (error as { readonly code?: string }).code ?? String(error);
  if (code === 'EADDRINUSE') {
    return (
      `port ${port} on ${host}, wanted for ${purpose}, is taken by another process: ` +
      'end that process or choose another port (SANDBOX_PORT when the gateway starts the sandbox)'
    );
  }
  return `port ${port} on ${host}, wanted for ${purpose}, cannot be opened (${code}): choose another port`;
}
