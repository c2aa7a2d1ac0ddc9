import { type AuthorizationAnswer, type GatewayClient, type Reply, readAnswer } from './gateway-client.ts';
import { GatewayUnavailableError } from './gateway-process.ts';
import { DEMO_MERCHANT, type DemoPayment } from './payment-maker.ts';
import { PHASES, type Phase } from './phases.ts';

/** {@link SentPayment.refusal} of a call that nothing came back from. */
export const NO_ANSWER = 'no answer';

/** A payment and what the shop was told about it. */
export interface SentPayment {
  readonly payment: DemoPayment;
  readonly phase: Phase['name'];
  /** As the shop saw it: from its request to the last byte of the answer. */
  readonly latencyMs: number;
  /** Null when the gateway took no authorization on, or did not answer. */
  readonly answer: AuthorizationAnswer | null;
  /** Then: the problem's type, or {@link NO_ANSWER}. */
  readonly refusal: string | null;
}

/** What came of asking more than once. */
export interface SecondLooks {
  /** The same request with the same key, after the answer. */
  repeats: number;
  /** References whose repeated answer differs from the first in a byte, or is not marked as a replay. */
  readonly repeatsDiffering: string[];
  /** Another key for a payment that is approved or pending. */
  secondKeys: number;
  /** References whose second key was not refused as `payment-live`. */
  readonly secondKeysTaken: string[];
}

/** What a run did. */
export interface Traffic {
  readonly sent: readonly SentPayment[];
  readonly looks: SecondLooks;
  /** From the first request to the last answer. */
  readonly tookMs: number;
}

/** So many calls without an answer in succession mean that nobody is there any more. */
const UNANSWERED_MAX = 20;
/** Every pending payment is asked for again with another key, up to this number. */
const PENDING_ASKED_AGAIN_MAX = 40;

/** What the run needs. */
export interface SendOptions {
  readonly payments: readonly DemoPayment[];
  readonly concurrency: number;
  readonly client: Pick<GatewayClient, 'authorize'>;
  /** Brings the phase about; nothing is sent until it has. */
  readonly enterPhase: (phase: Phase) => Promise<void>;
  readonly onSent: (sent: SentPayment) => void;
  /** Once aborted, nothing more is sent. */
  readonly signal: AbortSignal;
}

/**
 * Sends the payments, so many at a time, through all phases.
 * @throws GatewayUnavailableError when the gateway no longer answers, or turns the key away
 */
export async function sendPayments(options: SendOptions): Promise<Traffic> {
  const sender = new Sender(options);
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: options.concurrency }, () => sender.work()));
  return { sent: sender.sent, looks: sender.looks, tookMs: performance.now() - startedMs };
}

class Sender {
  readonly sent: SentPayment[] = [];
  readonly looks: SecondLooks = { repeats: 0, repeatsDiffering: [], secondKeys: 0, secondKeysTaken: [] };
  readonly #options: SendOptions;
  #begun = 0;
  #phases = 0;
  #entering: Promise<void> = Promise.resolve();
  #pendingAskedAgain = 0;
  #unanswered = 0;

  constructor(options: SendOptions) {
    this.#options = options;
  }

  /** One of the shop's workers: payment after payment. */
  async work(): Promise<void> {
    const { payments, signal } = this.#options;
    while (!signal.aborted) {
      const payment = payments[this.#begun];
      if (payment === undefined) return;
      this.#beginPhases();
      this.#begun += 1;
      await this.#entering;
      await this.#send(payment);
      if (this.#unanswered >= UNANSWERED_MAX && !signal.aborted) {
        throw new GatewayUnavailableError(`the gateway has left ${UNANSWERED_MAX} calls in a row unanswered`);
      }
    }
  }

  #beginPhases(): void {
    const { payments, enterPhase } = this.#options;
    for (;;) {
      const phase = PHASES[this.#phases];
      if (phase === undefined || this.#begun < Math.floor(phase.from * payments.length)) return;
      this.#phases += 1;
      this.#entering = this.#entering.then(() => enterPhase(phase));
    }
  }

  async #send(payment: DemoPayment): Promise<void> {
    const phase = PHASES[this.#phases - 1]?.name ?? 'healthy';
    const reply = await this.#options.client.authorize(`${payment.reference}-1`, payment.body);
    this.#unanswered = reply.kind === 'no_answer' ? this.#unanswered + 1 : 0;
    refuseTurnedAway(reply);
    const { answer, refusal } = readReply(reply);
    const sent = { payment, phase, latencyMs: reply.latencyMs, answer, refusal };
    this.sent.push(sent);
    this.#options.onSent(sent);
    if (answer === null || reply.kind === 'no_answer') return;
    if (payment.repeated && reply.status === 201) await this.#repeat(payment, reply.text);
    if (this.#asksAgain(payment, answer)) await this.#askWithSecondKey(payment);
  }

  async #repeat(payment: DemoPayment, first: string): Promise<void> {
    const again = await this.#options.client.authorize(`${payment.reference}-1`, payment.body);
    if (again.kind === 'no_answer') return;
    this.looks.repeats += 1;
    if (again.text !== first || !again.replayed) this.looks.repeatsDiffering.push(payment.reference);
  }

  #asksAgain(payment: DemoPayment, answer: AuthorizationAnswer): boolean {
    if (answer.status === 'approved') return payment.askedAgain;
    if (answer.status !== 'pending') return false;
    this.#pendingAskedAgain += 1;
    return this.#pendingAskedAgain <= PENDING_ASKED_AGAIN_MAX;
  }

  async #askWithSecondKey(payment: DemoPayment): Promise<void> {
    const reply = await this.#options.client.authorize(`${payment.reference}-2`, payment.body);
    if (reply.kind === 'no_answer') return;
    this.looks.secondKeys += 1;
    const refused = reply.status === 409 && problemType(reply.text) === '/problems/payment-live';
    if (!refused) this.looks.secondKeysTaken.push(payment.reference);
  }
}

/** A run of which every payment is turned away would pass: nothing was charged twice. @throws GatewayUnavailableError */
function refuseTurnedAway(reply: Reply): void {
  if (reply.kind === 'no_answer' || ![401, 403].includes(reply.status)) return;
  throw new GatewayUnavailableError(
    `the gateway answered ${reply.status}; give --key with the scopes authorize and read, for the merchant ${DEMO_MERCHANT}`,
  );
}

function readReply(reply: Reply): Pick<SentPayment, 'answer' | 'refusal'> {
  if (reply.kind === 'no_answer') return { answer: null, refusal: NO_ANSWER };
  if (reply.status !== 201 && reply.status !== 202) return { answer: null, refusal: problemType(reply.text) };
  return { answer: readAnswer(reply.text), refusal: null };
}

/** The `type` of a problem document (RFC 9457). */
function problemType(text: string): string {
  try {
    const { type } = JSON.parse(text) as { readonly type?: unknown };
    return typeof type === 'string' ? type : 'no problem document';
  } catch {
    return 'no problem document';
  }
}
