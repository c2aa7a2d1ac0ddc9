import { type ClientRequest, request as httpRequest, type OutgoingHttpHeaders } from 'node:http';
import { pause } from '../../support/eventually.ts';
import { GATEWAY_KEY } from '../../support/start-gateway.ts';
import type { Kind } from './moments.ts';
import type { Passing, Trap } from './trap.ts';

/** Time within which a kill after a request has been sent strikes, milliseconds: reading it, and deciding. */
const REQUEST_IS_READ_MS = 4;
const RETRY_MS = 60;
/** After each so many tries a caller asks less often: a work lease that nobody ends is watched for minutes. */
const OFTEN = 10;
/** A call that is not answered within this time never is: longer than any answer may take, on a busy machine too. */
const CALL_MS = 20_000;

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

type CallKind = Kind | 'read';

/** A call whose connection was refused, or ended before the whole answer had come. */
export interface CutOff {
  readonly kind: CallKind;
  /** Of the gateway that was called. */
  readonly url: string;
  /** From its begin to its end, monotonic clock. */
  readonly fromMs: number;
  readonly untilMs: number;
}

/** What calls of one kind came to. */
interface Answered {
  readonly answers: number;
  /** The longest that one of them took, milliseconds. */
  readonly longestMs: number;
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
  /** Calls that may begin now, and those that wait for it. */
  #free: number;
  readonly #queue: (() => void)[] = [];
  readonly #finals = new Map<string, { readonly ask: Ask; readonly text: string }>();
  /** Keys that were accepted: whoever said 201 or 202 knows them for ever. */
  readonly #accepted = new Map<string, string>();
  readonly #waiting = new Map<Ask, Reply | null>();
  /** Promises that were broken, in words. */
  readonly wrong: string[] = [];
  /** Every call comes to an answer, or is cut off; `unanswered` are those whose connection stood, and nothing came. */
  readonly counts = {
    calls: 0,
    cutOff: 0,
    unanswered: 0,
    pending: 0,
    inFlight: 0,
    unavailable: 0,
    held: 0,
  };
  readonly answered = new Map<CallKind, Answered>();
  readonly cutOff: CutOff[] = [];

  /**
   * @param url resolves when the gateway listens
   * @param atOnce calls under way at the most: on a machine that cannot keep up the others wait here, and not in the gateway
   */
  constructor(url: () => Promise<string>, trap: Trap, atOnce = Number.POSITIVE_INFINITY) {
    this.#url = url;
    this.#trap = trap;
    this.#free = atOnce;
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
    for (let tried = 1; ; tried += 1) {
      const reply = await this.#once(ask);
      this.#waiting.set(ask, reply);
      const final = reply === null ? null : this.#take(ask, reply);
      if (final !== null) return final;
      await pause(RETRY_MS * Math.ceil(tried / OFTEN));
    }
  }

  /** @returns null: the same request is to be made again */
  #take(ask: Ask, { status, text }: Reply): Final | null {
    if (status === 201) return this.#keep(ask, text);
    if (!AGAIN.has(status)) {
      this.wrong.push(`${ask.kind} ${ask.key} was answered ${status} ${text}`);
      return { kind: 'held' };
    }
    if (status === 202) this.#accept(ask, text);
    else if (text.includes(HELD)) {
      this.counts.held += 1;
      if (this.#accepted.has(ask.key)) this.wrong.push(`${ask.key} was accepted, then refused: ${text}`);
      return { kind: 'held' };
    } else if (status === 503) this.counts.unavailable += 1;
    else if (text.includes('/problems/in-flight') || text.includes(CARRIED_OUT)) this.counts.inFlight += 1;
    else {
      this.wrong.push(`${ask.kind} ${ask.key} was refused: ${text}`);
      return { kind: 'held' };
    }
    return null;
  }

  /** Reads an authorization once that a final answer told of; where the journal is away it need not be there. */
  async read(id: string): Promise<void> {
    const reply = await this.#call('read', (url) => readOnce(url, `/v1/authorizations/${id}`));
    if (reply === null || reply.status === 503) return;
    if (reply.status !== 200 || !reply.text.includes(`"id":"${id}"`)) {
      this.wrong.push(`${id} was told, and reads ${reply.status} ${reply.text}`);
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

  #once(ask: Ask): Promise<Reply | null> {
    return this.#call(ask.kind, (url) => send(url, ask, this.#trap));
  }

  /** One call, in its turn; null when it was cut off, or not answered. */
  async #call(kind: CallKind, call: (url: string) => Promise<Reply>): Promise<Reply | null> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#queue.push(resolve));
    try {
      return await this.#callNow(kind, call);
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }

  async #callNow(kind: CallKind, call: (url: string) => Promise<Reply>): Promise<Reply | null> {
    const url = await this.#url();
    this.counts.calls += 1;
    const fromMs = performance.now();
    try {
      const reply = await call(url);
      this.#tookMs(kind, performance.now() - fromMs);
      return reply;
    } catch (error) {
      if (error instanceof Unanswered) this.counts.unanswered += 1;
      else {
        this.counts.cutOff += 1;
        this.cutOff.push({ kind, url, fromMs, untilMs: performance.now() });
      }
      return null;
    }
  }

  #tookMs(kind: CallKind, ms: number): void {
    const { answers, longestMs } = this.answered.get(kind) ?? { answers: 0, longestMs: 0 };
    this.answered.set(kind, { answers: answers + 1, longestMs: Math.max(longestMs, ms) });
  }
}

/** The connection stood, and the whole answer did not come in time. */
class Unanswered extends Error {}

/** Sends one request, and tells the trap how far it is. */
function send(url: string, ask: Ask, trap: Trap): Promise<Reply> {
  const passing: Passing = { kind: ask.kind, reference: ask.reference, isOld: false };
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(ask.body),
    'idempotency-key': ask.key,
  };
  const { request, reply } = begin('POST', `${url}${ask.path}`, headers, () =>
    trap.at('caller_answered', passing),
  );
  if (trap.wants('caller_half_sent', passing)) {
    request.write(ask.body.slice(0, ask.body.length / 2), () => {
      trap.at('caller_half_sent', passing);
    });
  } else {
    request.end(ask.body, () => {
      trap.soonAfter('caller_sent', passing, REQUEST_IS_READ_MS);
      trap.onJournalWrite('claim_written', passing);
    });
  }
  return reply;
}

function readOnce(url: string, path: string): Promise<Reply> {
  const { request, reply } = begin('GET', `${url}${path}`, {}, () => {});
  request.end();
  return reply;
}

/** A request on a connection of its own, and what comes of it once it is sent; it rejects where that is no whole answer. */
function begin(
  method: string,
  url: string,
  more: OutgoingHttpHeaders,
  onResponse: () => void,
): { readonly request: ClientRequest; readonly reply: Promise<Reply> } {
  const headers = { authorization: `Bearer ${GATEWAY_KEY}`, ...more };
  const request = httpRequest(url, { method, agent: false, headers });
  const reply = new Promise<Reply>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Unanswered());
      request.destroy();
    }, CALL_MS);
    request.on('close', () => clearTimeout(timer));
    request.on('error', reject);
    request.on('response', (response) => {
      onResponse();
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
  });
  return { request, reply };
}
