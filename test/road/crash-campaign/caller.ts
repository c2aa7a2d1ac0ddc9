import { request as httpRequest } from 'node:http';
import { pause } from '../../support/eventually.ts';
import { GATEWAY_KEY } from '../../support/start-gateway.ts';
import type { Kind } from './moments.ts';
import type { Passing, Trap } from './trap.ts';

/** Time within which a kill after a request has been sent strikes, milliseconds: reading it, and deciding. */
const REQUEST_IS_READ_MS = 4;
const RETRY_MS = 60;
/** A call without any answer is given up and made again. */
const CALL_MS = 10_000;

/** A request with its key, to be repeated until the answer is final. */
export interface Ask {
  readonly kind: Kind;
  readonly path: string;
  readonly key: string;
  /** JSON. */
  readonly body: string;
  /** Of its payment. */
  readonly reference: string;
}

export interface Reply {
  readonly status: number;
  readonly text: string;
}

/** What a caller ended with under its key. */
export type Final =
  | { readonly kind: 'answered'; readonly text: string }
  /** Another authorization holds the payment: the key is not used up. */
  | { readonly kind: 'held' };

/** Refusals that are an end for a caller whose payment several keys ask for. */
const HELD = '/problems/payment-live';
/** Another call, or the resolver, has something of the authorization in hand: the same request goes through later. */
const CARRIED_OUT = '"reason":"being_carried_out"';
/** Answers after which the same request is made again. */
const AGAIN: ReadonlySet<number> = new Set([202, 409, 503]);

/** Everything that callers were told, and whether anything told was taken back. */
export class Callers {
  readonly #url: () => Promise<string>;
  readonly #trap: Trap;
  readonly #finals = new Map<string, { readonly ask: Ask; readonly text: string }>();
  /** Keys that were accepted: whoever said 201 or 202 knows them for ever. */
  readonly #accepted = new Map<string, string>();
  readonly #waiting = new Map<Ask, Reply | null>();
  /** Promises that were broken, in words. */
  readonly wrong: string[] = [];
  readonly counts = { calls: 0, cutOff: 0, pending: 0, inFlight: 0, unavailable: 0, held: 0, longestMs: 0 };

  /** @param url resolves when the gateway listens */
  constructor(url: () => Promise<string>, trap: Trap) {
    this.#url = url;
    this.#trap = trap;
  }

  get finals(): readonly { readonly ask: Ask; readonly text: string }[] {
    return [...this.#finals.values()];
  }

  /** What those were told last who have no final answer yet, in words. */
  waiting(): readonly string[] {
    return [...this.#waiting].map(
      ([{ kind, key, path }, reply]) => `${kind} ${key} ${path}: ${reply?.status} ${reply?.text}`,
    );
  }

  /** Repeats a request under its key until there is a final answer, over as many lives of the gateway as it takes. */
  async untilFinal(ask: Ask): Promise<Final> {
    try {
      return await this.#untilFinal(ask);
    } finally {
      this.#waiting.delete(ask);
    }
  }

  async #untilFinal(ask: Ask): Promise<Final> {
    for (;;) {
      const reply = await this.#once(ask);
      this.#waiting.set(ask, reply);
      if (reply === null) this.counts.cutOff += 1;
      else if (reply.status === 201) return this.#keep(ask, reply.text);
      else if (!AGAIN.has(reply.status)) {
        this.wrong.push(`${ask.kind} ${ask.key} was answered ${reply.status} ${reply.text}`);
        return { kind: 'held' };
      } else if (reply.status === 202) this.#accept(ask, reply.text);
      else if (reply.text.includes(HELD)) {
        this.counts.held += 1;
        if (this.#accepted.has(ask.key))
          this.wrong.push(`${ask.key} was accepted, then refused: ${reply.text}`);
        return { kind: 'held' };
      } else if (reply.status === 503) this.counts.unavailable += 1;
      else if (reply.text.includes('/problems/in-flight') || reply.text.includes(CARRIED_OUT)) {
        this.counts.inFlight += 1;
      } else {
        this.wrong.push(`${ask.kind} ${ask.key} was refused: ${reply.text}`);
        return { kind: 'held' };
      }
      await pause(RETRY_MS);
    }
  }

  /** Asks again for what was told as final; it must be the same, byte for byte. */
  async askAgain(ask: Ask, told: string): Promise<void> {
    let reply = await this.#once(ask);
    // Killed meanwhile: the next life is asked.
    while (reply === null) {
      await pause(RETRY_MS);
      reply = await this.#once(ask);
    }
    if (reply.status !== 201 || reply.text !== told) {
      this.wrong.push(`${ask.key} was told ${told}, and now ${reply.status} ${reply.text}`);
    }
  }

  /** An accepted key never belongs to another authorization later. */
  #accept(ask: Ask, text: string): void {
    this.counts.pending += 1;
    const { id } = JSON.parse(text) as { readonly id: string };
    const before = this.#accepted.get(ask.key);
    if (before !== undefined && before !== id) this.wrong.push(`${ask.key} was ${before}, and now ${id}`);
    this.#accepted.set(ask.key, id);
  }

  #keep(ask: Ask, text: string): Final {
    const before = this.#finals.get(ask.key);
    if (before !== undefined && before.text !== text) {
      this.wrong.push(`${ask.key} was told ${before.text}, and now ${text}`);
    }
    this.#accept(ask, text);
    this.#finals.set(ask.key, { ask, text });
    return { kind: 'answered', text };
  }

  /** One call; null when the connection was lost, or never was. */
  async #once(ask: Ask): Promise<Reply | null> {
    const url = await this.#url();
    this.counts.calls += 1;
    const sentAtMs = performance.now();
    try {
      const reply = await send(url, ask, this.#trap);
      this.counts.longestMs = Math.max(this.counts.longestMs, performance.now() - sentAtMs);
      return reply;
    } catch {
      return null;
    }
  }
}

/** Sends one request on a connection of its own, and tells the trap how far it is. */
function send(url: string, ask: Ask, trap: Trap): Promise<Reply> {
  const passing: Passing = { kind: ask.kind, reference: ask.reference, isOld: false };
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${url}${ask.path}`, {
      method: 'POST',
      agent: false,
      timeout: CALL_MS,
      headers: {
        authorization: `Bearer ${GATEWAY_KEY}`,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(ask.body),
        'idempotency-key': ask.key,
      },
    });
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', reject);
    request.on('response', (response) => {
      trap.at('caller_answered', passing);
      response.setEncoding('utf8');
      let text = '';
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', reject);
      response.on('end', () => {
        if (response.complete) resolve({ status: response.statusCode ?? 0, text });
        else reject(new Error('cut off'));
      });
    });
    if (trap.wants('caller_half_sent', passing)) {
      request.write(ask.body.slice(0, ask.body.length / 2), () => {
        trap.at('caller_half_sent', passing);
      });
      return;
    }
    request.end(ask.body, () => {
      trap.soonAfter('caller_sent', passing, REQUEST_IS_READ_MS);
      trap.onJournalWrite('claim_written', passing);
    });
  });
}
