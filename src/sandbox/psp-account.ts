import { hash } from 'node:crypto';
import { type Answer, errorAnswer, jsonAnswer } from './answer.ts';
import { isLive, type Ledger, type LedgerOperation, type LedgerRow, type WireAmount } from './ledger.ts';
import { authorizationView, firstAuthorizationView } from './ledger-view.ts';
import type { AuthorizationBody } from './request-bodies.ts';
import type { SandboxClock } from './sandbox-clock.ts';
import { magicVerdict, type Verdict } from './verdict.ts';
import type { World } from './world.ts';

/** What is asked of the account, under an idempotency key. */
export type AccountCall =
  | { readonly operation: 'authorize'; readonly key: string; readonly body: AuthorizationBody }
  | {
      readonly operation: 'void' | 'capture' | 'refund';
      readonly key: string;
      readonly row: LedgerRow;
      /** Null: all that is left. */
      readonly amount: WireAmount | null;
    };

/** An event of the account, as webhooks tell it. */
export interface AccountEvent {
  readonly provider: string;
  readonly type: string;
  readonly data: unknown;
}

interface Finished {
  readonly answer: Answer;
  /** Null when nothing happened. */
  readonly event: AccountEvent | null;
}

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
  | { readonly kind: 'working'; finish(change?: AnswerChange): Finished };

/** What an idempotency key was used for. */
interface KeyRecord {
  readonly fingerprint: string;
  /** What it made; null for a failure that was answered without processing. */
  readonly made: LedgerRow | LedgerOperation | null;
  running: boolean;
  /** The kept answer; null when it is told from the row, which takes less memory. */
  answer: Answer | null;
}

/** Failures kept under a key without a row, at most; the oldest goes first. */
const ROWLESS_KEYS_MAX = 10_000;

/** One account at one provider: the authorization state machine and its idempotency keys. */
export class PspAccount {
  readonly #provider: string;
  readonly #ledger: Ledger;
  readonly #clock: SandboxClock;
  readonly #world: () => World;
  readonly #onSettled: (event: AccountEvent) => void;
  #keys = new Map<string, KeyRecord>();
  #rowlessKeys: string[] = [];

  /**
   * @param world says what becomes of authorizations without a magic token
   * @param onSettled told when a pending authorization is settled later
   */
  constructor(options: {
    readonly provider: string;
    readonly ledger: Ledger;
    readonly clock: SandboxClock;
    readonly world: () => World;
    readonly onSettled: (event: AccountEvent) => void;
  }) {
    this.#provider = options.provider;
    this.#ledger = options.ledger;
    this.#clock = options.clock;
    this.#world = options.world;
    this.#onSettled = options.onSettled;
  }

  /** Forgets all keys. The ledger is cleared apart. */
  clear(): void {
    this.#keys = new Map();
    this.#rowlessKeys = [];
  }

  /** Forgets the keys of a row that the ledger dropped. */
  forget(row: LedgerRow): void {
    this.#keys.delete(row.key);
    for (const operation of row.operations) this.#keys.delete(operation.key);
  }

  /** Whether anything was ever taken on under this key, or an authorization under this reference. */
  knows(key: string, reference: string | null): boolean {
    if (this.#keys.has(key)) return true;
    return reference !== null && this.#ledger.byReference(this.#provider, reference) !== null;
  }

  /** Takes a call on: replays, refuses, or enters it. */
  begin(call: AccountCall): Begun {
    const known = this.#replay(call);
    if (known !== null) return { kind: 'answered', answer: known };
    return call.operation === 'authorize' ? this.#beginAuthorization(call) : this.#beginOperation(call);
  }

  /** Keeps a failure under the key, as a provider does that failed after it took the key. */
  fail(call: AccountCall, answer: Answer): Answer {
    const known = this.#replay(call);
    if (known !== null) return known;
    this.#keys.set(call.key, { fingerprint: fingerprintOf(call), made: null, running: false, answer });
    this.#rowlessKeys.push(call.key);
    if (this.#rowlessKeys.length > ROWLESS_KEYS_MAX) this.#keys.delete(this.#rowlessKeys.shift() ?? '');
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

  #replay(call: AccountCall): Answer | null {
    const known = this.#keys.get(call.key);
    if (known === undefined) return null;
    if (known.fingerprint !== fingerprintOf(call)) {
      const message = 'this Idempotency-Key was used with another body; a new payment needs a new key';
      return errorAnswer(422, 'idempotency_mismatch', message);
    }
    if (known.made !== null) known.made.asked += 1;
    if (known.running) {
      const message = 'the first request with this Idempotency-Key is still running; repeat it later';
      return errorAnswer(409, 'in_progress', message);
    }
    this.#ledger.totalsOf(this.#provider).replayed += 1;
    if (known.answer !== null) return known.answer;
    return jsonAnswer(200, firstAuthorizationView(known.made as LedgerRow));
  }

  #beginAuthorization(call: AccountCall & { readonly operation: 'authorize' }): Begun {
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
    const record: KeyRecord = { fingerprint: fingerprintOf(call), made: row, running: true, answer: null };
    this.#keys.set(key, record);
    return {
      kind: 'working',
      finish: (change) => {
        // A void that came meanwhile holds: what was cancelled is not authorized afterwards.
        if (row.status === 'pending') this.#decide(row, verdict);
        row.firstStatus = row.status;
        record.running = false;
        const answer = jsonAnswer(200, authorizationView(row));
        const changed = change?.(answer) ?? answer;
        if (changed !== answer) record.answer = changed;
        return { answer: changed, event: this.#authorizationEvent(row) };
      },
    };
  }

  /** Gives a pending authorization the verdict; `pending` leaves it so. */
  #decide(row: LedgerRow, verdict: Verdict): void {
    switch (verdict.kind) {
      case 'authorized':
        row.authorizedAmount = row.amount.value;
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

  #beginOperation(call: Exclude<AccountCall, { readonly operation: 'authorize' }>): Begun {
    const running: KeyRecord = {
      fingerprint: fingerprintOf(call),
      made: null,
      running: true,
      answer: null,
    };
    this.#keys.set(call.key, running);
    return {
      kind: 'working',
      finish: (change) => {
        const done = this.#operate(call);
        if (typeof done === 'string') {
          // Nothing happened, so that the key stays free.
          this.#keys.delete(call.key);
          return { answer: errorAnswer(409, 'invalid_state', done), event: null };
        }
        const data = {
          id: done.id,
          authorization_id: call.row.id,
          status: 'confirmed',
          amount: { value: done.amount, currency: call.row.amount.currency },
        };
        const answer = jsonAnswer(200, data);
        const kept = change?.(answer) ?? answer;
        // Unless a reset came between.
        if (this.#keys.get(call.key) === running) {
          this.#keys.set(call.key, { ...running, made: done, running: false, answer: kept });
        }
        const event = {
          provider: this.#provider,
          type: `${call.operation}.confirmed`,
          data: { ...data, reference: call.row.reference },
        };
        return { answer: kept, event };
      },
    };
  }

  /** Carries an operation out; a text says why it cannot be. */
  #operate(call: Exclude<AccountCall, { readonly operation: 'authorize' }>): LedgerOperation | string {
    const { row, operation } = call;
    const amount = operationAmount(call);
    if (typeof amount === 'string') return amount;
    if (operation === 'void') {
      // A decline stays one: only the hold behind it goes.
      if (row.status !== 'declined') this.#ledger.move(row, 'voided');
    } else if (operation === 'capture') {
      row.capturedAmount += amount;
      row.totals.captures += 1;
    } else {
      row.refundedAmount += amount;
      row.totals.refunds += 1;
    }
    const id = this.#ledger.nextId('op');
    const done: LedgerOperation = { id, operation, key: call.key, amount, asked: 1 };
    row.operations.push(done);
    return done;
  }

  #authorizationEvent(row: LedgerRow): AccountEvent {
    return {
      provider: this.#provider,
      type: `authorization.${row.status}`,
      data: authorizationView(row),
    };
  }
}

/** Minor units that an operation moves; a text says why it cannot be carried out. */
function operationAmount(call: Exclude<AccountCall, { readonly operation: 'authorize' }>): number | string {
  const { row, operation, amount } = call;
  if (operation === 'void') {
    if (row.capturedAmount > 0) return 'captured money cannot be voided: refund it';
    if (isLive(row) || row.status === 'pending' || holdsBehindDecline(row)) return row.authorizedAmount;
    return `an authorization that is ${row.status} cannot be voided`;
  }
  if (!isLive(row)) return `an authorization that is ${row.status} has nothing to ${operation}`;
  if (amount !== null && amount.currency !== row.amount.currency) {
    return `the authorization is in ${row.amount.currency}, not in ${amount.currency}`;
  }
  const captures = operation === 'capture';
  const left = captures ? row.authorizedAmount - row.capturedAmount : row.capturedAmount - row.refundedAmount;
  if (left === 0) return `nothing is left to ${operation}`;
  if (amount !== null && amount.value > left) {
    return `only ${left} minor units are left to ${operation}, not ${amount.value}`;
  }
  return amount?.value ?? left;
}

/** Declined after the issuer had approved, and the issuer's hold was not taken back yet. */
function holdsBehindDecline(row: LedgerRow): boolean {
  return row.decline?.after_approval === true && row.operations.length === 0;
}

/** Whole percent of an amount, rounded down, exact for every safe integer. */
function percentOf(value: number, percent: number): number {
  return Math.floor(value / 100) * percent + Math.floor(((value % 100) * percent) / 100);
}

/** Two calls with the same key must have the same fingerprint. */
function fingerprintOf(call: AccountCall): string {
  const target = call.operation === 'authorize' ? call.body : [call.row.id, call.amount];
  return hash('sha256', `${call.operation} ${JSON.stringify(target)}`, 'base64');
}
