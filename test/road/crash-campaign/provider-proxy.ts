import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Kind } from './moments.ts';
import type { Passing, Trap } from './trap.ts';

/** Time within which a kill "soon after" strikes, milliseconds: a provider's latency, and a commit. */
const PROVIDER_WORKS_MS = 12;
const ANSWER_IS_TAKEN_MS = 3;

/** What passes to the providers, over all of them and all lives of the gateway. */
export class ProviderTraffic {
  readonly trap: Trap;
  /** Idempotency keys that reached a proxy, with the life of the gateway in which they first did. */
  readonly #keys = new Map<string, number>();
  /** Payment by attempt id. */
  readonly #payments = new Map<string, string>();
  /** Attempt ids and keys of operations that left the gateway since this was last emptied. */
  readonly sent = new Set<string>();
  /** Which process of the gateway runs now, counted from 1. */
  life = 1;
  readonly counts = { requests: 0, repeats: 0, inquiries: 0 };

  constructor(trap: Trap) {
    this.trap = trap;
  }

  /** What a request is, told from its bytes alone. */
  describe(head: string, body: string): Passing {
    const [method = '', path = ''] = head.split(' ', 2);
    this.counts.requests += 1;
    if (method === 'GET') {
      this.counts.inquiries += 1;
      const attempt = new URLSearchParams(path.split('?')[1] ?? '').get('reference') ?? '';
      return this.#passing('inquiry', attempt);
    }
    const key = /^idempotency-key:\s*(\S+)/im.exec(head)?.[1] ?? '';
    const isRepeat = this.#keys.has(key);
    if (!isRepeat) this.#keys.set(key, this.life);
    this.sent.add(key);
    const asked = JSON.parse(body) as { readonly reference?: string; readonly merchant_reference?: string };
    if (path === '/v1/authorizations') {
      this.#payments.set(asked.reference ?? '', asked.merchant_reference ?? '');
    }
    // Keys of operations begin with the attempt's.
    const attempt = /^att_[A-Za-z]+_\d+/.exec(key)?.[0] ?? '';
    if (!isRepeat) return this.#passing(kindOf(path, this.#payments.get(attempt) ?? ''), attempt);
    this.counts.repeats += 1;
    return this.#passing('repeat', attempt);
  }

  #passing(kind: Kind, attempt: string): Passing {
    const isOld = (this.#keys.get(attempt) ?? this.life) < this.life;
    return { kind, reference: this.#payments.get(attempt) ?? null, isOld };
  }
}

/** The script that a payment follows is the first part of its reference. */
function kindOf(path: string, reference: string): Kind {
  const script = reference.split('-')[0];
  const action = path.slice(path.lastIndexOf('/') + 1);
  switch (action) {
    case 'captures':
      return script === 'automatic' ? 'automatic' : 'capture';
    case 'refunds':
      return 'refund';
    case 'voids':
      return script === 'void' ? 'void' : 'reversal';
    default:
      return script === 'automatic' ? 'automatic' : 'authorize';
  }
}

/** Stands before the port of one provider, and sees every byte on its way. */
export class ProviderProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly url: string;

  private constructor(server: Server, sockets: Set<Socket>, url: string) {
    this.#server = server;
    this.#sockets = sockets;
    this.url = url;
  }

  static async start(target: string, traffic: ProviderTraffic): Promise<ProviderProxy> {
    const sockets = new Set<Socket>();
    const port = Number(new URL(target).port);
    const server = createServer({ noDelay: true }, (down) => {
      const up = connect({ port, host: '127.0.0.1', noDelay: true });
      for (const socket of [down, up]) {
        sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => sockets.delete(socket));
      }
      passOn(down, up, traffic);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP port was expected');
    return new ProviderProxy(server, sockets, `http://127.0.0.1:${address.port}`);
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** One connection: requests follow each other on it, none before the answer to the one before. */
function passOn(down: Socket, up: Socket, traffic: ProviderTraffic): void {
  const { trap } = traffic;
  let asked: Buffer = Buffer.alloc(0);
  let answered: Buffer = Buffer.alloc(0);
  let passing: Passing | null = null;
  /** Nothing more of the victim's reaches the provider. */
  const cutOff = (): void => {
    up.destroy();
    down.destroy();
  };
  down.on('data', (chunk: Buffer) => {
    asked = Buffer.concat([asked, chunk]);
    const whole = wholeMessage(asked);
    if (whole === null) return;
    const bytes = asked;
    asked = Buffer.alloc(0);
    answered = Buffer.alloc(0);
    const now = traffic.describe(whole.head, whole.body);
    passing = now;
    if (trap.at('request_kept', now)) return cutOff();
    if (trap.wants('request_half', now)) {
      up.write(bytes.subarray(0, bytes.length / 2), () => {
        trap.at('request_half', now);
        cutOff();
      });
      return;
    }
    up.write(bytes);
    trap.soonAfter('request_forwarded', now, PROVIDER_WORKS_MS);
  });
  up.on('data', (chunk: Buffer) => {
    const now = passing;
    if (now === null) return;
    if (trap.at('answer_kept', now)) return cutOff();
    if (trap.wants('answer_half', now)) {
      down.write(chunk.subarray(0, chunk.length / 2), () => {
        trap.at('answer_half', now);
        cutOff();
      });
      return;
    }
    down.write(chunk);
    answered = Buffer.concat([answered, chunk]);
    if (wholeMessage(answered) === null) return;
    passing = null;
    trap.soonAfter('answer_forwarded', now, ANSWER_IS_TAKEN_MS);
    trap.onJournalWrite('outcome_written', now);
  });
  // What a process sent before it died reaches the provider; what was under way there is done.
  down.on('end', () => up.end());
  down.on('close', () => up.end());
  up.on('close', () => down.destroy());
}

/** Head and body of an HTTP message once all of it is here. */
function wholeMessage(bytes: Buffer): { readonly head: string; readonly body: string } | null {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return null;
  const head = bytes.toString('latin1', 0, end);
  const length = Number(/^content-length:\s*(\d+)/im.exec(head)?.[1] ?? 0);
  const body = bytes.subarray(end + 4);
  return body.length < length ? null : { head, body: body.toString('utf8') };
}
