import { hash } from 'node:crypto';
import { type Answer, errorAnswer, jsonAnswer } from './answer.ts';
import { KeyBook } from './key-book.ts';
import type { Ledger, LedgerOperation, LedgerRow } from './ledger.ts';
import { authorizationView, firstAuthorizationView } from './ledger-view.ts';
import { applyOperation, type OperationCall, operationAmount, type StrayCall } from './operations.ts';
import type { AuthorizationBody } from './request-bodies.ts';
import type { SandboxClock } from './sandbox-clock.ts';
import type { Traits } from './traits.ts';
import { magicVerdict, type Verdict } from './verdict.ts';
import type { World } from './world.ts';

interface AuthorizeCall {
  readonly operation: 'authorize';
  readonly key: string;
  readonly body: AuthorizationBody;
}

/** What is asked of the account, under an idempotency key. */
export type AccountCall = AuthorizeCall | OperationCall | StrayCall;

/** An event of the account, as webhooks tell it. */
export interface AccountEvent {
  readonly provider: string;
  readonly type: string;
  readonly data: unknown;
}

interface Finished {
  readonly answer: Answer;
  /** Null when nothing happened, or has not yet. */
  readonly event: AccountEvent | null;
}

/** Told of an event that comes by itself, after the answer. */
type EventListener = (event: AccountEvent) => void;

/**
 * Changes the answer before it is kept under the key: a provider that answers wrongly does so in its replays
 * too.
 */
export type AnswerChange = (answer: Answer) => Answer;

/**
 * A call that was taken on. `answered`: without any work (a replay, a refusal). `working`: entered and in
 * progress; `finish` does the work, exactly once.
 */
export type Begun =
  | { readonly kind: 'answered'; readonly answer: Answer }
  | {
      readonly kind: 'working';
      /** @param onLater told how an operation went that was answered before it took effect */
      finish(change?: AnswerChange, onLater?: EventListener): Finished;
    };

/** One account at one provider: the authorization state machine and its idempotency keys. */
export class PspAccount {
  readonly #provider: string;
  readonly #ledger: Ledger;
  readonly #clock: SandboxClock;
  readonly #world: () => World;
  readonly #traits: () => Traits;
  readonly #onSettled: EventListener;
  readonly #keys: KeyBook;

  /**
   * @param world says what becomes of authorizations without a magic token
   * @param traits how the provider behaves by contract
   * @param onSettled told when a pending authorization is settled later
   */
  constructor(options: {
    readonly provider: string;
    readonly ledger: Ledger;
    readonly clock: SandboxClock;
    readonly world: () => World;
    readonly traits: () => Traits;
    readonly onSettled: EventListener;
  }) {
    this.#provider = options.provider;
    this.#ledger = options.ledger;
    this.#clock = options.clock;
    this.#world = options.world;
    this.#traits = options.traits;
    this.#onSettled = options.onSettled;
    this.#keys = new KeyBook(options.clock, options.traits);
  }

  /** Forgets all keys. The ledger is cleared apart. */
  clear(): void {
    this.#keys.clear();
  }

  /** Forgets the keys of a row that the ledger dropped. */
  forget(row: LedgerRow): void {
    this.#keys.forget(row);
  }

  /** Whether anything was ever taken on under this key, or for the same authorization or operation. */
  knows(call: AccountCall): boolean {
    if (call.operation !== 'authorize' && call.row === null) return false;
    if (this.#keys.find(call.key) !== null) return true;
    if (call.operation === 'authorize') {
      return this.#ledger.byReference(this.#provider, call.body.reference) !== null;
    }
    return call.row.operations.some(
      ({ key, reference }) => key === call.key || (reference !== null && reference === call.reference),
    );
  }

  /** Takes a call on: replays, refuses, or enters it. */
  begin(call: AccountCall): Begun {
    if (call.operation !== 'authorize' && call.row === null) {
      const { answer } = call;
      return { kind: 'working', finish: (change) => ({ answer: change?.(answer) ?? answer, event: null }) };
    }
    const known = this.#replay(call);
    if (known !== null) return { kind: 'answered', answer: known };
    return call.operation === 'authorize' ? this.#beginAuthorization(call) : this.#beginOperation(call);
  }

  /** Keeps a failure under the key, as a provider does that failed after it took the key. */
  fail(call: AccountCall, answer: Answer): Answer {
    if (call.operation !== 'authorize' && call.row === null) return answer;
    const known = this.#replay(call);
    if (known !== null) return known;
    this.#keys.fail(call.key, fingerprintOf(call), answer);
    return answer;
  }

  /** Settles a pending authorization. False when it is not pending (any more). */
  settle(row: LedgerRow, verdict: Verdict): boolean {
    // Still in processing: its own verdict comes in a moment.
    if (row.status !== 'pending' || row.firstStatus === null) return false;
    this.#decide(row, verdict);
    this.#onSettled(this.#authorizationEvent(row));
    return true;
  }

  /**
   * Authorizes what was declined or voided, as a provider does that contradicts itself. False when it was neither.
   */
  overturn(row: LedgerRow): boolean {
    if (row.status !== 'declined' && row.status !== 'voided') return false;
    row.authorizedAmount = row.amount.value;
    this.#ledger.move(row, 'authorized');
    this.#onSettled(this.#authorizationEvent(row));
    return true;
  }

  #replay(call: AuthorizeCall | OperationCall): Answer | null {
    const known = this.#keys.find(call.key);
    if (known === null) return null;
    if (known.fingerprint !== fingerprintOf(call)) {
      const message = 'this Idempotency-Key was used with another body; a new payment needs a new key';
      return errorAnswer(422, 'idempotency_mismatch', message);
    }
    if (known.made === null) known.repeats += 1;
    else known.made.asked += 1;
    if (known.running) {
      const message = 'the first request with this Idempotency-Key is still running; repeat it later';
      return errorAnswer(409, 'in_progress', message);
    }
    this.#ledger.totalsOf(this.#provider).replayed += 1;
    if (known.answer !== null) return known.answer;
    return jsonAnswer(200, firstAuthorizationView(known.made as LedgerRow));
  }

  #beginAuthorization(call: AuthorizeCall): Begun {
    const { body, key } = call;
    const verdict =
      magicVerdict(body.token) ?? this.#world().verdict(this.#provider, body, this.#clock.nowMs());
    if (verdict.kind === 'invalid') {
      return { kind: 'answered', answer: errorAnswer(400, 'invalid_request', verdict.message) };
    }
    if (verdict.kind === 'not_supported') {
      return { kind: 'answered', answer: errorAnswer(422, 'not_supported', verdict.message) };
    }
    const row = this.#ledger.open({
      provider: this.#provider,
      reference: body.reference,
      merchant: body.merchant,
      merchantReference: body.merchant_reference ?? null,
      amount: body.amount,
      token: body.token,
      brand: body.brand,
      key,
      createdAtMs: this.#clock.nowMs(),
    });
    const record = this.#keys.start(key, fingerprintOf(call), row, row);
    return {
      kind: 'working',
      finish: (change) => {
        // A void that came meanwhile holds: what was cancelled is not authorized afterwards.
        if (row.status === 'pending') this.#decide(row, verdict);
        row.firstStatus = row.status;
        const answer = jsonAnswer(200, firstAuthorizationView(row));
        const changed = change?.(answer) ?? answer;
        this.#keys.finish(key, record, changed.status, changed === answer ? null : changed);
        return { answer: changed, event: this.#authorizationEvent(row) };
      },
    };
  }

  /** Gives a pending authorization the verdict; `pending` leaves it so. */
  #decide(row: LedgerRow, verdict: Verdict): void {
    switch (verdict.kind) {
      case 'authorized':
        row.authorizedAmount = row.amount.value;
        row.advice = verdict.advice ?? null;
        break;
      case 'partially_authorized':
        row.authorizedAmount = Math.max(1, percentOf(row.amount.value, verdict.percent));
        break;
      case 'declined':
        row.decline = verdict.decline;
        break;
      case 'authentication_required':
        break;
      case 'pending':
        if (verdict.settlesAfterMs !== null) {
          this.#clock.after(verdict.settlesAfterMs, () => this.settle(row, { kind: 'authorized' }));
        }
        return;
      case 'not_supported':
      case 'invalid':
        throw new Error(`verdict ${verdict.kind} is answered before a row is opened`);
    }
    // One minor unit has no part: all of it was authorized.
    const inFull = verdict.kind === 'partially_authorized' && row.authorizedAmount === row.amount.value;
    this.#ledger.move(row, inFull ? 'authorized' : verdict.kind);
  }

  #beginOperation(call: OperationCall): Begun {
    const { key, row } = call;
    const record = this.#keys.start(key, fingerprintOf(call), row, null);
    return {
      kind: 'working',
      finish: (change, onLater) => {
        this.#ledger.expireIfDue(row);
        const amount = operationAmount(call);
        if (typeof amount !== 'number') {
          // Nothing happened, so that the key stays free.
          this.#keys.drop(key, record);
          return { answer: amount, event: null };
        }
        const made = this.#enter(call, amount, record.repeats);
        record.made = made;
        const { operations } = this.#traits();
        if (operations === 'confirmed') this.#land(row, made, 'confirmed');
        else this.#landLater(row, made, onLater ?? this.#onSettled);
        const answer =
          operations === 'confirmed'
            ? jsonAnswer(200, operationData(row, made))
            : jsonAnswer(202, { ...operationData(row, made), status: 'received' });
        const kept = change?.(answer) ?? answer;
        this.#keys.finish(key, record, kept.status, kept);
        return { answer: kept, event: operations === 'confirmed' ? this.#operationEvent(row, made) : null };
      },
    };
  }

  /** Takes an operation on; it has no effect yet. */
  #enter(call: OperationCall, amount: number, repeats: number): LedgerOperation {
    const { operation, key, reference, row } = call;
    const made: LedgerOperation = {
      id: this.#ledger.nextId('op'),
      operation,
      key,
      reference,
      createdAtMs: this.#clock.nowMs(),
      status: 'pending',
      settledAtMs: null,
      amount,
      asked: 1 + repeats,
    };
    row.operations.push(made);
    return made;
  }

  /** Gives an operation its effect, unless it is to fail or another one came first. */
  #land(row: LedgerRow, made: LedgerOperation, result: 'confirmed' | 'failed'): void {
    const isDone = result === 'confirmed' && applyOperation(this.#ledger, row, made);
    made.status = isDone ? 'confirmed' : 'failed';
    made.settledAtMs = this.#clock.nowMs();
  }

  /** As the traits say at the time of the answer. */
  #landLater(row: LedgerRow, made: LedgerOperation, onLater: EventListener): void {
    const { operation_delay_ms: delayMs, operation_result: result } = this.#traits();
    this.#clock.after(delayMs, () => {
      // A reset came between, or the row had to go: there is nobody to tell.
      if (!this.#ledger.holds(row)) return;
      this.#land(row, made, result);
      onLater(this.#operationEvent(row, made));
    });
  }

  #operationEvent(row: LedgerRow, made: LedgerOperation): AccountEvent {
    return {
      provider: this.#provider,
      type: `${made.operation}.${made.status}`,
      data: operationData(row, made),
    };
  }

  #authorizationEvent(row: LedgerRow): AccountEvent {
    return {
      provider: this.#provider,
      type: `authorization.${row.status}`,
      data: { ...authorizationView(row), merchant: row.merchant },
    };
  }
}

/** An operation as its answer and its event show it. */
function operationData(row: LedgerRow, made: LedgerOperation): Readonly<Record<string, unknown>> {
  return {
    id: made.id,
    authorization_id: row.id,
    authorization_reference: row.reference,
    status: made.status,
    reference: made.reference,
    amount: { value: made.amount, currency: row.amount.currency },
  };
}

/** Whole percent of an amount, rounded down, exact for every safe integer. */
function percentOf(value: number, percent: number): number {
  return Math.floor(value / 100) * percent + Math.floor(((value % 100) * percent) / 100);
}

/** Two calls with the same key must have the same fingerprint. */
function fingerprintOf(call: AuthorizeCall | OperationCall): string {
  const target = call.operation === 'authorize' ? call.body : [call.row.id, call.amount, call.reference];
  return hash('sha256', `${call.operation} ${JSON.stringify(target)}`, 'base64');
}
