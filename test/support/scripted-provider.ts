import type { AttemptOutcome } from '../../src/core/attempt.ts';
import type { Decline } from '../../src/core/declines/decline.ts';
import type { OperationKind } from '../../src/core/operation.ts';
import type { ProviderSemantics } from '../../src/core/resolution.ts';
import type {
  AuthorizeCall,
  Clock,
  InquiryAnswer,
  NoticeEvidence,
  NoticeReading,
  OperationCall,
  OperationInquiry,
  OperationOutcome,
  Provider,
  ProviderCode,
} from '../../src/gateway/ports.ts';
import { sampleDecline } from './sample-outcomes.ts';

/** What a scripted provider does with one authorization. */
export const SCRIPT_STEPS = [
  'approve',
  'decline_soft',
  'decline_hard',
  'decline_hidden_approval',
  'authentication_required',
  'pending_processed',
  'pending_declined',
  'partial',
  'not_sent',
  'rejected',
  'rate_limited',
  'unknown_processed',
  'unknown_unprocessed',
  'hang_processed',
  'hang_unprocessed',
  'land_late',
  'mismatch_processed',
  'throw_processed',
] as const;
export type ScriptStep = (typeof SCRIPT_STEPS)[number];

/** What it does with one void, capture or refund, or with one inquiry. */
export const OPERATION_STEPS = [
  'ok',
  'accept',
  'lose_processed',
  'lose_unprocessed',
  'not_sent',
  'reject',
] as const;
export type OperationStep = (typeof OPERATION_STEPS)[number];
export type InquiryStep = 'ok' | 'fail' | 'mismatch';

/** One authorization as the provider's own books have it: the truth that checks compare with. */
export interface BookEntry {
  readonly attemptId: string;
  /** Merchant and reference. */
  readonly payment: string;
  /** Money is held or was taken. */
  live: boolean;
  /** What was authorized. */
  readonly amount: number;
  captured: number;
  refunded: number;
}

/** What the provider remembers of a request under its key. */
interface KnownRequest {
  readonly attemptId: string;
  /** Null while it is still being worked on. */
  outcome: AttemptOutcome | null;
  readonly entry: BookEntry | null;
}

interface KnownOperation {
  readonly operationId: string;
  readonly attemptId: string;
  done: boolean;
}

export interface ScriptedOptions {
  readonly semantics?: Partial<ProviderSemantics>;
  readonly operationStep?: (operation: OperationKind) => OperationStep;
  readonly inquiryStep?: () => InquiryStep;
  /** Told of every authorize call that reached the provider. */
  readonly onCall?: (provider: string, call: AuthorizeCall) => void;
  /** How long after its deadline a request of `land_late` is processed, milliseconds; below the window. */
  readonly landsAfterMs?: number;
  /** How long `accept` takes to be done, milliseconds. */
  readonly acceptedForMs?: number;
}

const DECLINE: Decline = sampleDecline();

/** A provider that can do all that makes things easy. */
export const SAMPLE_SEMANTICS: ProviderSemantics = {
  inquiry: 'our_reference',
  notFoundAfterMs: 10_000,
  operationNotFoundAfterMs: 10_000,
  replay: 'same_answer',
  keyLifetimeMs: 24 * 3_600_000,
  twoSteps: false,
  cancelByReference: true,
  operationInquiry: true,
  validityMs: 7 * 24 * 3_600_000,
};

/**
 * A provider that follows a script, keeps books, and lives outside of the gateway's process: a crash of the gateway
 * does not stop what was handed over. Each key is executed once, where it knows keys. What it would never do itself
 * (capture more than it authorized) it refuses, and remembers as a fault of the gateway.
 */
export class ScriptedProvider implements Provider {
  readonly id: string;
  readonly live = false;
  readonly semantics: ProviderSemantics;
  readonly books: BookEntry[] = [];
  /** Every authorize call that reached the provider, in order. */
  readonly seen: AuthorizeCall[] = [];
  /** Operations that were carried out, by kind. */
  readonly carriedOut: Record<OperationKind, number> = { capture: 0, void: 0, refund: 0 };
  readonly #clock: Clock;
  readonly #step: () => ScriptStep;
  readonly #latencyMs: () => number;
  readonly #options: ScriptedOptions;
  readonly #requests = new Map<string, KnownRequest>();
  readonly #operations = new Map<string, KnownOperation>();

  constructor(
    id: string,
    clock: Clock,
    step: () => ScriptStep,
    latencyMs: () => number,
    options: ScriptedOptions = {},
  ) {
    this.id = id;
    this.#clock = clock;
    this.#step = step;
    this.#latencyMs = latencyMs;
    this.#options = options;
    this.semantics = { ...SAMPLE_SEMANTICS, ...options.semantics };
  }

  async authorize(call: AuthorizeCall): Promise<AttemptOutcome> {
    if (this.#clock.monotonicMs() >= call.budget.deadlineMs)
      return { kind: 'not_sent', code: 'deadline_passed' };
    if (call.budget.signal.aborted) return { kind: 'not_sent', code: 'draining' };
    const known = this.#requests.get(call.providerKey);
    if (known !== undefined) {
      await this.#sleep(this.#latencyMs());
      return known.outcome ?? { kind: 'unknown', code: 'in_progress', providerReference: null };
    }
    const step = this.#step();
    if (step === 'not_sent') return { kind: 'not_sent', code: 'ECONNREFUSED' };
    this.#options.onCall?.(this.id, call);
    this.seen.push(call);
    await this.#sleep(this.#latencyMs());
    if (step === 'land_late') {
      const untilMs = call.budget.deadlineMs - this.#clock.monotonicMs();
      this.#clock.after(untilMs + (this.#options.landsAfterMs ?? 5_000), () => {
        // A cancellation by our reference that came first holds.
        if (!this.#requests.has(call.providerKey)) this.#process('approve', call);
      });
      await this.#sleep(untilMs);
      return { kind: 'unknown', code: 'timeout', providerReference: null };
    }
    // The same request may have come twice meanwhile: the key is executed once.
    const outcome = this.#requests.has(call.providerKey) ? null : this.#process(step, call);
    if (step === 'throw_processed') throw new TypeError('a bug of the adapter');
    if (outcome !== null && this.#clock.monotonicMs() <= call.budget.deadlineMs) return outcome;
    await this.#sleep(call.budget.deadlineMs - this.#clock.monotonicMs());
    return { kind: 'unknown', code: 'timeout', providerReference: null };
  }

  /** What the caller is told; null: nothing. What is true is kept under the key. */
  #process(step: ScriptStep, call: AuthorizeCall): AttemptOutcome | null {
    const providerReference = `psp_${this.id}_${call.attemptId}`;
    const { amount } = call.request;
    const approved = { kind: 'approved', providerReference, networkTransaction: null } as const;
    const unknown = (code: string) => ({ kind: 'unknown', code, providerReference: null }) as const;
    const keep = (outcome: AttemptOutcome, held: number) => this.#keep(call, outcome, held);
    switch (step) {
      case 'approve':
        return keep(approved, amount.value);
      case 'decline_soft':
        return keep({ kind: 'declined', decline: DECLINE, providerReference }, 0);
      case 'decline_hard': {
        const hard = { category: 'hard_decline_issuer', code: 'issuer_14', otherProvider: 'never' } as const;
        return keep({ kind: 'declined', decline: { ...DECLINE, ...hard }, providerReference }, 0);
      }
      case 'decline_hidden_approval': {
        const hiding = { ...DECLINE, mayHideApproval: true };
        return keep({ kind: 'declined', decline: hiding, providerReference }, amount.value);
      }
      case 'authentication_required':
        return keep({ kind: 'authentication_required', code: 'issuer_1A', providerReference }, 0);
      case 'pending_processed':
        keep(approved, amount.value);
        return { kind: 'pending', code: null, providerReference };
      case 'pending_declined':
        keep({ kind: 'declined', decline: DECLINE, providerReference }, 0);
        return { kind: 'pending', code: null, providerReference };
      case 'partial': {
        const authorizedAmount = Math.max(1, Math.floor(amount.value / 2));
        return keep(
          {
            kind: 'partially_approved',
            providerReference,
            authorizedAmount,
            networkTransaction: null,
            reversal: 'none',
          },
          authorizedAmount,
        );
      }
      case 'rejected':
        return rejected('transient', 'http_503', null);
      case 'rate_limited':
        return rejected('rate_limited', 'http_429', 500);
      case 'unknown_processed':
        keep(approved, amount.value);
        return unknown('ECONNRESET');
      case 'mismatch_processed':
        keep(approved, amount.value);
        return { kind: 'unknown', code: 'answer_mismatch', providerReference };
      case 'unknown_unprocessed':
        return unknown('ECONNRESET');
      case 'hang_processed':
      case 'throw_processed':
        keep(approved, amount.value);
        return null;
      case 'hang_unprocessed':
      case 'land_late':
      case 'not_sent':
        return null;
    }
  }

  /** Keeps what is true under the call's key, and enters what is held in the books. */
  #keep(call: AuthorizeCall, outcome: AttemptOutcome, held: number): AttemptOutcome {
    const entry: BookEntry | null =
      held === 0
        ? null
        : {
            attemptId: call.attemptId,
            payment: `${call.request.merchant}/${call.request.reference}`,
            live: true,
            amount: held,
            captured: 0,
            refunded: 0,
          };
    if (entry !== null) this.books.push(entry);
    this.#requests.set(call.providerKey, { attemptId: call.attemptId, outcome, entry });
    return outcome;
  }

  async inquire(query: { readonly attemptId: string }): Promise<InquiryAnswer> {
    await this.#sleep(this.#latencyMs());
    const step = this.#options.inquiryStep?.();
    if (step === 'fail') return { kind: 'no_answer', code: 'timeout' };
    const known = this.#knownOf(query.attemptId);
    if (known === undefined) return { kind: 'not_found' };
    if (step === 'mismatch') {
      const providerReference = `psp_${this.id}_${known.attemptId}`;
      return { kind: 'found', outcome: { kind: 'unknown', code: 'answer_mismatch', providerReference } };
    }
    return { kind: 'found', outcome: this.#truthOf(known) };
  }

  #knownOf(attemptId: string): KnownRequest | undefined {
    return [...this.#requests.values()].find((known) => known.attemptId === attemptId);
  }

  /** What is true of a request now: a void may have undone it since. */
  #truthOf({ outcome, entry, attemptId }: KnownRequest): AttemptOutcome {
    const reference = `psp_${this.id}_${attemptId}`;
    if (outcome === null) return { kind: 'pending', code: null, providerReference: reference };
    if (entry === null || entry.live || outcome.kind === 'declined') return outcome;
    return {
      kind: 'partially_approved',
      providerReference: reference,
      authorizedAmount: entry.amount,
      networkTransaction: null,
      reversal: 'confirmed',
    };
  }

  void(call: OperationCall): Promise<OperationOutcome> {
    return this.#operate('void', call, (entry) => {
      if (entry.captured > 0) return 'already_captured';
      entry.live = false;
      return null;
    });
  }

  capture(call: OperationCall): Promise<OperationOutcome> {
    return this.#operate('capture', call, (entry) => {
      if (!entry.live || entry.captured + call.amount.value > entry.amount) return 'invalid_state';
      entry.captured += call.amount.value;
      return null;
    });
  }

  refund(call: OperationCall): Promise<OperationOutcome> {
    return this.#operate('refund', call, (entry) => {
      if (entry.refunded + call.amount.value > entry.captured) return 'invalid_state';
      entry.refunded += call.amount.value;
      return null;
    });
  }

  async #operate(
    kind: OperationKind,
    call: OperationCall,
    carryOut: (entry: BookEntry) => string | null,
  ): Promise<OperationOutcome> {
    const step = this.#options.operationStep?.(kind) ?? 'ok';
    if (step === 'not_sent') return { kind: 'not_sent', code: 'ECONNREFUSED' };
    await this.#sleep(this.#latencyMs());
    if (step === 'reject') return { kind: 'rejected', code: 'http_503', retryAfterMs: null };
    if (step === 'lose_unprocessed') return { kind: 'unknown', code: 'timeout' };
    const isKeyed = this.semantics.replay !== 'none';
    const known = this.#operations.get(call.providerKey);
    if (known !== undefined && isKeyed) {
      return known.done ? { kind: 'confirmed', providerReference: null } : { kind: 'accepted' };
    }
    const request = this.#knownOf(call.attemptId);
    if (request === undefined) return { kind: 'not_found' };
    const { entry } = request;
    if (entry === null || (kind === 'void' && !entry.live)) return { kind: 'refused', code: 'invalid_state' };
    const operation = { operationId: call.operationId, attemptId: call.attemptId, done: false };
    const perform = (): string | null => {
      const refusal = carryOut(entry);
      if (refusal === null) {
        operation.done = true;
        this.carriedOut[kind] += 1;
      }
      return refusal;
    };
    // Without keys every request is another one.
    const name = isKeyed ? call.providerKey : `${call.providerKey} ${this.#operations.size}`;
    this.#operations.set(name, operation);
    if (step === 'accept') {
      this.#clock.after(this.#options.acceptedForMs ?? 1_000, perform);
      return { kind: 'accepted' };
    }
    const refusal = perform();
    if (refusal !== null) this.#operations.delete(name);
    if (step === 'lose_processed') return { kind: 'unknown', code: 'ECONNRESET' };
    return refusal === null
      ? { kind: 'confirmed', providerReference: `op_${call.operationId}` }
      : { kind: 'refused', code: refusal };
  }

  async inquireOperation(
    call: OperationCall & { readonly operation: OperationKind },
  ): Promise<OperationInquiry> {
    await this.#sleep(this.#latencyMs());
    if (this.#options.inquiryStep?.() === 'fail') return { kind: 'no_answer', code: 'timeout' };
    const entry = this.#knownOf(call.attemptId)?.entry ?? null;
    const known = [...this.#operations.values()].find(({ operationId }) => operationId === call.operationId);
    if (call.operation === 'void' && entry !== null && !entry.live) {
      return { kind: 'confirmed', providerReference: null };
    }
    if (known === undefined) return { kind: 'not_found' };
    return known.done ? { kind: 'confirmed', providerReference: null } : { kind: 'pending' };
  }

  async readNotices(): Promise<NoticeReading> {
    return { kind: 'refused', reason: 'not_configured' };
  }

  evidenceIn(): NoticeEvidence {
    return { kind: 'nothing' };
  }

  classify(_code: ProviderCode): Decline {
    return DECLINE;
  }

  close(): void {}

  #sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#clock.after(delayMs, resolve));
  }
}

function rejected(
  reason: 'transient' | 'rate_limited',
  code: string,
  retryAfterMs: number | null,
): AttemptOutcome {
  return { kind: 'rejected', reason, code, retryAfterMs, providerReference: null };
}
