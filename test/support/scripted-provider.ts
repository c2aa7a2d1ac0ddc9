import type { AttemptOutcome } from '../../src/core/attempt.ts';
import type { Decline } from '../../src/core/declines/decline.ts';
import type {
  AuthorizeCall,
  Clock,
  InquiryAnswer,
  OperationCall,
  OperationOutcome,
  Provider,
  ProviderCode,
} from '../../src/gateway/ports.ts';

/** What a scripted provider does with one authorization. */
export const SCRIPT_STEPS = [
  'approve',
  'decline_soft',
  'decline_hard',
  'decline_hidden_approval',
  'authentication_required',
  'pending_processed',
  'partial_reversible',
  'partial_irreversible',
  'not_sent',
  'rejected',
  'rate_limited',
  'unknown_processed',
  'unknown_unprocessed',
  'hang_processed',
  'hang_unprocessed',
  'throw_processed',
] as const;
export type ScriptStep = (typeof SCRIPT_STEPS)[number];

/** One authorization as the provider's own books have it: the truth that checks compare with. */
export interface BookEntry {
  readonly attemptId: string;
  readonly payment: string;
  live: boolean;
  readonly amount: number;
}

const DECLINE: Decline = {
  category: 'soft_decline_issuer',
  code: 'issuer_05',
  networkCode: '05',
  advice: null,
  retryNotBefore: null,
  otherProvider: 'yes_once',
  mayHideApproval: false,
};

/**
 * A provider that follows a script, keeps books, and lives outside of the gateway's process: a crash of the gateway
 * does not stop what was handed over.
 */
export class ScriptedProvider implements Provider {
  readonly id: string;
  readonly live = false;
  readonly books: BookEntry[] = [];
  /** Every authorize call that reached the provider, in order. */
  readonly seen: AuthorizeCall[] = [];
  readonly #clock: Clock;
  readonly #step: () => ScriptStep;
  readonly #latencyMs: () => number;
  readonly #onCall: (provider: string, call: AuthorizeCall) => void;

  constructor(
    id: string,
    clock: Clock,
    step: () => ScriptStep,
    latencyMs: () => number,
    onCall: (provider: string, call: AuthorizeCall) => void = () => {},
  ) {
    this.id = id;
    this.#clock = clock;
    this.#step = step;
    this.#latencyMs = latencyMs;
    this.#onCall = onCall;
  }

  async authorize(call: AuthorizeCall): Promise<AttemptOutcome> {
    if (this.#clock.monotonicMs() >= call.budget.deadlineMs)
      return { kind: 'not_sent', code: 'deadline_passed' };
    if (call.budget.signal.aborted) return { kind: 'not_sent', code: 'draining' };
    const step = this.#step();
    if (step === 'not_sent') return { kind: 'not_sent', code: 'ECONNREFUSED' };
    this.#onCall(this.id, call);
    this.seen.push(call);
    await this.#sleep(this.#latencyMs());
    const outcome = this.#process(step, call);
    if (step === 'throw_processed') throw new TypeError('a bug of the adapter');
    if (outcome !== null && this.#clock.monotonicMs() <= call.budget.deadlineMs) return outcome;
    await this.#sleep(call.budget.deadlineMs - this.#clock.monotonicMs());
    return { kind: 'unknown', code: 'timeout', providerReference: null };
  }

  #process(step: ScriptStep, call: AuthorizeCall): AttemptOutcome | null {
    const providerReference = `psp_${this.id}_${call.attemptId}`;
    const { amount } = call.request;
    const book = (value: number) =>
      this.books.push({
        attemptId: call.attemptId,
        payment: `${call.request.merchant}/${call.request.reference}`,
        live: true,
        amount: value,
      });
    switch (step) {
      case 'approve':
        book(amount.value);
        return { kind: 'approved', providerReference, networkTransaction: null };
      case 'decline_soft':
        return { kind: 'declined', decline: DECLINE, providerReference };
      case 'decline_hard':
        return {
          kind: 'declined',
          decline: { ...DECLINE, category: 'hard_decline_issuer', code: 'issuer_14', otherProvider: 'never' },
          providerReference,
        };
      case 'decline_hidden_approval':
        book(amount.value);
        return { kind: 'declined', decline: { ...DECLINE, mayHideApproval: true }, providerReference };
      case 'authentication_required':
        return { kind: 'authentication_required', code: 'issuer_1A', providerReference };
      case 'pending_processed':
        book(amount.value);
        return { kind: 'pending', code: null, providerReference };
      case 'partial_reversible':
      case 'partial_irreversible': {
        const authorizedAmount = Math.max(1, Math.floor(amount.value / 2));
        book(authorizedAmount);
        return {
          kind: 'partially_approved',
          providerReference: step === 'partial_reversible' ? providerReference : `${providerReference}_stuck`,
          authorizedAmount,
          networkTransaction: null,
          reversal: 'none',
        };
      }
      case 'rejected':
        return {
          kind: 'rejected',
          reason: 'transient',
          code: 'http_503',
          retryAfterMs: null,
          providerReference: null,
        };
      case 'rate_limited':
        return {
          kind: 'rejected',
          reason: 'rate_limited',
          code: 'http_429',
          retryAfterMs: 500,
          providerReference: null,
        };
      case 'unknown_processed':
        book(amount.value);
        return { kind: 'unknown', code: 'ECONNRESET', providerReference: null };
      case 'unknown_unprocessed':
        return { kind: 'unknown', code: 'ECONNRESET', providerReference: null };
      case 'hang_processed':
      case 'throw_processed':
        book(amount.value);
        return null;
      case 'hang_unprocessed':
      case 'not_sent':
        return null;
    }
  }

  async void(call: OperationCall): Promise<OperationOutcome> {
    await this.#sleep(this.#latencyMs());
    if (call.providerReference.endsWith('_stuck')) return { kind: 'unknown', code: 'timeout' };
    for (const entry of this.books) if (entry.attemptId === call.attemptId) entry.live = false;
    return { kind: 'confirmed', providerReference: null };
  }

  async inquire(query: { readonly attemptId: string }): Promise<InquiryAnswer> {
    const entry = this.books.find((candidate) => candidate.attemptId === query.attemptId);
    return entry === undefined
      ? { kind: 'not_found' }
      : {
          kind: 'found',
          outcome: {
            kind: 'approved',
            providerReference: `psp_${this.id}_${entry.attemptId}`,
            networkTransaction: null,
          },
        };
  }

  async capture(): Promise<OperationOutcome> {
    return { kind: 'refused', code: 'not_scripted' };
  }

  async refund(): Promise<OperationOutcome> {
    return { kind: 'refused', code: 'not_scripted' };
  }

  classify(_code: ProviderCode): Decline {
    return DECLINE;
  }

  close(): void {}

  #sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#clock.after(delayMs, resolve));
  }
}
