import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Trap } from './trap.ts';

/** Time within which a kill soon after a notice strikes, milliseconds. */
const NOTICE_IS_KEPT_MS = 4;

/** Where the sandbox sends its events: passes them on to wherever the gateway listens now. */
export class NoticeProxy {
  readonly #server: Server;
  readonly url: string;
  readonly counts: { forwarded: number; acknowledged: number };

  private constructor(server: Server, url: string, counts: NoticeProxy['counts']) {
    this.#server = server;
    this.url = url;
    this.counts = counts;
  }

  static async start(gatewayUrl: () => string, trap: Trap): Promise<NoticeProxy> {
    const counts = { forwarded: 0, acknowledged: 0 };
    const server = createServer((request, response) => {
      passNotice(request, response, gatewayUrl(), trap, counts).catch(() => {
        // The gateway is down: the provider sends it again.
        if (!response.headersSent) response.writeHead(503).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP port was expected');
    return new NoticeProxy(server, `http://127.0.0.1:${address.port}/{provider}`, counts);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

async function passNotice(
  request: IncomingMessage,
  response: ServerResponse,
  gatewayUrl: string,
  trap: Trap,
  counts: NoticeProxy['counts'],
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const passing = { kind: 'notice', reference: null, isOld: false } as const;
  if (trap.at('notice_kept', passing)) {
    response.writeHead(503).end();
    return;
  }
  const sending = fetch(`${gatewayUrl}/v1/webhooks${request.url ?? ''}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'sandbox-signature': String(request.headers['sandbox-signature']),
    },
    body: Buffer.concat(chunks),
  });
  counts.forwarded += 1;
  trap.soonAfter('notice_forwarded', passing, NOTICE_IS_KEPT_MS);
  const { status } = await sending;
  if (status < 300) counts.acknowledged += 1;
  trap.at('notice_acknowledged', passing);
  response.writeHead(status).end();
}
