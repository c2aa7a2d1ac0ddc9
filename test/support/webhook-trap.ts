import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { signWebhook } from '../../src/sandbox/webhooks.ts';
import { callSandbox } from './call-sandbox.ts';
import { eventually } from './eventually.ts';
import type { TestGateway } from './start-gateway.ts';

/** What the sandbox signs with, and its adapter expects unless it is told otherwise. */
export const WEBHOOK_SECRET = 'sandbox-webhook-secret';

/** An event that a provider sent, as it came. */
export interface TrappedEvent {
  readonly provider: string;
  readonly id: string;
  readonly type: string;
  /** Our attempt that it is about. */
  readonly attemptId: string;
  readonly body: string;
  readonly signature: string;
}

/** What is changed about an event on its way. */
export interface Delivery {
  readonly body?: string | Buffer;
  /** Values of the signature header, one line for each; left out: as it came. */
  readonly signatures?: readonly string[];
  /** Names and values of further headers, in turn. */
  readonly headers?: readonly string[];
  /** To whom it is said to belong; left out: as it came. */
  readonly provider?: string;
}

export interface DeliveryAnswer {
  readonly status: number;
  readonly text: string;
}

/**
 * Stands between the sandbox and the gateway on sockets of its own, acknowledges every event, and hands it on when, as
 * often and in whatever state the test says. Providers that are not held are handed on at once.
 */
export class WebhookTrap implements AsyncDisposable {
  readonly caught: TrappedEvent[] = [];
  /** Statuses that the gateway has answered with, of every delivery. */
  readonly answered: number[] = [];
  readonly #server: Server;
  readonly #gateway: TestGateway;
  readonly #held = new Set<string>();

  private constructor(server: Server, gateway: TestGateway) {
    this.#server = server;
    this.#gateway = gateway;
  }

  /** Every event of the gateway's sandbox goes through it from now on. */
  static async between(gateway: TestGateway): Promise<WebhookTrap> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const trap = new WebhookTrap(server, gateway);
    server.on('request', (incoming, response) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        const provider = decodeURIComponent((incoming.url ?? '').slice(1));
        const signature = String(incoming.headers['sandbox-signature']);
        trap.#take(provider, Buffer.concat(chunks).toString('utf8'), signature);
        response.writeHead(204).end();
      });
    });
    const { port } = server.address() as AddressInfo;
    await callSandbox(gateway.sandbox, 'PUT', '/webhooks', {
      url: `http://127.0.0.1:${port}/{provider}`,
      secret: WEBHOOK_SECRET,
    });
    return trap;
  }

  /** Keeps the events of a provider from now on. */
  hold(provider: string): void {
    this.#held.add(provider);
  }

  /** Hands what it kept of a provider on, oldest first, and what comes from now on at once. */
  async release(provider: string): Promise<void> {
    this.#held.delete(provider);
    for (const event of this.of(provider)) await this.deliver(event);
  }

  of(provider: string): readonly TrappedEvent[] {
    return this.caught.filter((event) => event.provider === provider);
  }

  /** The first event of this type about an attempt, once it was caught. */
  event(attemptId: string, type: string): Promise<TrappedEvent> {
    return eventually(
      `${type} about ${attemptId}`,
      () => this.caught.find((event) => event.attemptId === attemptId && event.type === type) ?? null,
      { describe: () => JSON.stringify(this.caught.filter((event) => event.attemptId === attemptId)) },
    );
  }

  /** Hands an event on. Never through a pool: header lines go out exactly as they are given. */
  deliver(event: TrappedEvent, change: Delivery = {}): Promise<DeliveryAnswer> {
    const body = Buffer.from(change.body ?? event.body);
    const signatures = change.signatures ?? [event.signature];
    const { hostname, port } = new URL(this.#gateway.url);
    return new Promise((resolve, reject) => {
      const outgoing = request({
        host: hostname,
        port,
        agent: false,
        method: 'POST',
        path: `/v1/webhooks/${encodeURIComponent(change.provider ?? event.provider)}`,
        headers: [
          ...['host', `${hostname}:${port}`],
          ...['content-type', 'application/json'],
          ...['content-length', String(body.length)],
          ...signatures.flatMap((signature) => ['sandbox-signature', signature]),
          ...(change.headers ?? []),
        ],
      });
      outgoing.on('error', reject);
      outgoing.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => {
          const status = response.statusCode ?? 0;
          this.answered.push(status);
          resolve({ status, text });
        });
      });
      outgoing.end(body);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #take(provider: string, body: string, signature: string): void {
    const { id, type, data } = JSON.parse(body) as {
      readonly id: string;
      readonly type: string;
      readonly data: { readonly reference: string; readonly authorization_reference?: string };
    };
    const attemptId = data.authorization_reference ?? data.reference;
    const event = { provider, id, type, attemptId, body, signature };
    this.caught.push(event);
    // A gateway that is gone does not take it: the test that needs it to be taken looks at what it did.
    if (!this.#held.has(provider)) void this.deliver(event).catch(() => {});
  }
}

/** The signature of a body, as if made so many seconds ago. */
export function signedAs(body: string | Buffer, ageS = 0, secret = WEBHOOK_SECRET): string {
  return signWebhook(secret, Math.floor(Date.now() / 1000) - ageS, body.toString());
}
