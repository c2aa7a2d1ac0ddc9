import { createHmac } from 'node:crypto';
import { Agent, request } from 'node:http';
import { z } from 'zod';
import type { AccountEvent } from './psp-account.ts';
import type { SandboxClock } from './sandbox-clock.ts';

/** Where events may go: nowhere but to this machine. */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

function isLoopbackUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return url.protocol === 'http:' && LOOPBACK.test(url.hostname);
}

/** Body of `PUT /webhooks`. `{provider}` in the URL stands for the provider's id. */
export const webhookBody = z.strictObject({
  url: z
    .string()
    .refine(
      isLoopbackUrl,
      'an http:// URL of this machine, such as http://127.0.0.1:8080/hook; events go nowhere else',
    ),
  secret: z.string().min(1).max(256),
});

/** Body of `POST /webhooks/resend`. */
export const resendBody = z.strictObject({
  /** Of an event that was sent before. */
  id: z.string().min(1),
  /** How many seconds ago it is said to have been signed. */
  age_s: z.int().min(0).max(315_360_000).default(0),
});

export type Subscription = z.infer<typeof webhookBody>;

/** How the deliveries went. */
export interface WebhookCounts {
  readonly delivered: number;
  /** Given up after the last try. */
  readonly failed: number;
  /** Not tried: too many were waiting. */
  readonly dropped: number;
  readonly waiting: number;
}

/** An event on its way, or one of the past. */
export interface WebhookEvent {
  readonly provider: string;
  readonly id: string;
  readonly body: string;
}

const DELIVERY_TIMEOUT_MS = 2000;
const TRIES_MAX = 5;
const FIRST_RETRY_MS = 200;
const CONNECTIONS_MAX = 16;
/** Events on their way at once; more are dropped and counted. */
const WAITING_MAX = 10_000;
/** Past events that can be sent again; the oldest goes first. */
export const PAST_EVENTS_MAX = 10_000;

const PLACE_OF_PROVIDER = '{provider}';

/**
 * `Sandbox-Signature`: HMAC-SHA256 with the secret over the time, a dot and the body.
 * @param unixSeconds of sending
 */
export function signWebhook(secret: string, unixSeconds: number, body: string): string {
  const signature = createHmac('sha256', secret).update(`${unixSeconds}.${body}`).digest('hex');
  return `t=${unixSeconds},v1=${signature}`;
}

/** Sends signed events, again after failures, a bounded number of times. */
export class WebhookSender {
  readonly #clock: SandboxClock;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS_MAX });
  readonly #nextId: () => string;
  /** By id, oldest first. */
  readonly #past = new Map<string, WebhookEvent>();
  #subscription: Subscription | null = null;
  #counts = { delivered: 0, failed: 0, dropped: 0, waiting: 0 };

  constructor(clock: SandboxClock, nextId: () => string) {
    this.#clock = clock;
    this.#nextId = nextId;
  }

  subscribe(subscription: Subscription | null): void {
    this.#subscription = subscription;
  }

  /** Whom events go to and how it went, without the secret. */
  status(): WebhookCounts & { readonly url: string | null } {
    return { url: this.#subscription?.url ?? null, ...this.#counts };
  }

  /** Past events, oldest first: at most the newest `limit`. */
  pastEvents(limit: number): readonly WebhookEvent[] {
    return limit === 0 ? [] : [...this.#past.values()].slice(-limit);
  }

  forgetEvents(): void {
    this.#past.clear();
  }

  /** Makes an event, which can be sent again from then on. Null when nobody listens. */
  compose(event: AccountEvent): WebhookEvent | null {
    if (this.#subscription === null) return null;
    const id = this.#nextId();
    const created = this.#nowSeconds();
    const { provider, type, data } = event;
    const composed = { provider, id, body: JSON.stringify({ id, type, created, provider, data }) };
    this.#past.set(id, composed);
    const [oldest] = this.#past.keys();
    if (this.#past.size > PAST_EVENTS_MAX && oldest !== undefined) this.#past.delete(oldest);
    return composed;
  }

  /** Sends until it is taken or the tries are used up. Never throws; resolves after the first try. */
  async send(event: WebhookEvent): Promise<void> {
    if (this.#counts.waiting >= WAITING_MAX) {
      this.#counts.dropped += 1;
      return;
    }
    this.#counts.waiting += 1;
    await this.#try(event, 1);
  }

  /**
   * Sends a past event once more, byte for byte, with a signature of its own. Tried once, and not counted.
   * @param ageS how many seconds ago it is said to have been signed
   */
  async resend(
    id: string,
    ageS: number,
  ): Promise<
    /** `status`: what the receiver answered; null when there was no answer. */
    { readonly signedAt: number; readonly status: number | null } | 'not_found' | 'nobody_listens'
  > {
    const event = this.#past.get(id);
    if (event === undefined) return 'not_found';
    if (this.#subscription === null) return 'nobody_listens';
    const signedAt = this.#nowSeconds() - ageS;
    return { signedAt, status: await this.#post(this.#subscription, event, signedAt) };
  }

  close(): void {
    this.#subscription = null;
    this.#agent.destroy();
  }

  async #try(event: WebhookEvent, number: number): Promise<void> {
    const subscription = this.#subscription;
    const status = subscription === null ? null : await this.#post(subscription, event, this.#nowSeconds());
    const taken = status !== null && status >= 200 && status < 300;
    if (!taken && subscription !== null && number < TRIES_MAX) {
      this.#clock.after(FIRST_RETRY_MS * 2 ** (number - 1), () => void this.#try(event, number + 1));
      return;
    }
    this.#counts.waiting -= 1;
    this.#counts[taken ? 'delivered' : 'failed'] += 1;
  }

  #nowSeconds(): number {
    return Math.floor(this.#clock.nowMs() / 1000);
  }

  /** The status that the receiver answered; null when there was no answer. @param signedAt unix seconds */
  #post(subscription: Subscription, event: WebhookEvent, signedAt: number): Promise<number | null> {
    return new Promise((resolve) => {
      const outgoing = request(
        subscription.url.replace(PLACE_OF_PROVIDER, encodeURIComponent(event.provider)),
        {
          method: 'POST',
          agent: this.#agent,
          timeout: DELIVERY_TIMEOUT_MS,
          headers: {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(event.body),
            'sandbox-signature': signWebhook(subscription.secret, signedAt, event.body),
          },
        },
      );
      outgoing.on('response', (response) => {
        response.resume();
        resolve(response.statusCode ?? null);
      });
      outgoing.on('timeout', () => outgoing.destroy());
      // Whatever went wrong: it was not taken, and is tried again.
      outgoing.on('close', () => resolve(null));
      outgoing.on('error', () => resolve(null));
      outgoing.end(event.body);
    });
  }
}
