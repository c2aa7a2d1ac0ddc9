import { inLetters } from './seeded-draw.ts';
import type { WireDecline } from './verdict.ts';

export type WireStatus =
  | 'authorized'
  | 'partially_authorized'
  | 'declined'
  | 'authentication_required'
  | 'pending'
  | 'voided'
  | 'expired';

export interface WireAmount {
  readonly value: number;
  readonly currency: string;
}

/** A void, capture or refund that was taken on. */
export interface LedgerOperation {
  readonly id: string;
  readonly operation: 'void' | 'capture' | 'refund';
  readonly key: string;
  /** The caller's own name for it. */
  readonly reference: string | null;
  readonly createdAtMs: number;
  /** Pending: answered, and without effect until it is settled. */
  status: 'pending' | 'confirmed' | 'failed';
  /** When it was confirmed or failed; null until then. */
  settledAtMs: number | null;
  /** Minor units. */
  amount: number;
  /** How often it was asked for under its key; more than 1 after replays. */
  asked: number;
}

/** One authorization at one provider. Amounts are minor units. */
export interface LedgerRow {
  readonly provider: string;
  readonly id: string;
  readonly reference: string;
  readonly merchant: string;
  readonly merchantReference: string | null;
  readonly amount: WireAmount;
  readonly token: string;
  readonly brand: string;
  readonly key: string;
  readonly createdAtMs: number;
  /** Counters of the provider at the time; a row that outlives a reset counts in the old ones. */
  readonly totals: ProviderTotals;
  status: WireStatus;
  /** The status of the first answer, which replays repeat; null while it is being processed. */
  firstStatus: WireStatus | null;
  authorizedAmount: number;
  capturedAmount: number;
  refundedAmount: number;
  decline: WireDecline | null;
  /** Merchant advice code that came with an approval; null: none did. */
  advice: string | null;
  /** How often it was asked for under its key; more than 1 after replays. */
  asked: number;
  operations: LedgerOperation[];
  dropped: boolean;
}

export type NewRow = Pick<
  LedgerRow,
  'provider' | 'reference' | 'merchant' | 'merchantReference' | 'amount' | 'token' | 'brand' | 'key'
> & { readonly createdAtMs: number };

/** Counters of one provider since the start or the last reset; they keep counting when rows are dropped. */
export interface ProviderTotals {
  /** Every POST that reached the port, processed or not. */
  requests: number;
  inquiries: number;
  /** Repeats under a known key that were answered from memory. */
  replayed: number;
  /** Ever authorized in full; a later void does not take it back. */
  authorized: number;
  partially_authorized: number;
  declined: number;
  authentication_required: number;
  /** Now pending, those in processing included. */
  pending: number;
  voided: number;
  expired: number;
  /** Number of captures and refunds. */
  captures: number;
  refunds: number;
  /** Authorized, in full or in part, and neither voided nor expired, now. */
  live: number;
}

/** Totals with zeros everywhere. */
function emptyTotals(): ProviderTotals {
  return {
    requests: 0,
    inquiries: 0,
    replayed: 0,
    authorized: 0,
    partially_authorized: 0,
    declined: 0,
    authentication_required: 0,
    pending: 0,
    voided: 0,
    expired: 0,
    captures: 0,
    refunds: 0,
    live: 0,
  };
}

/** Money is held or was taken: authorized, in full or in part, and neither voided nor expired. */
export function isLive(row: LedgerRow): boolean {
  return row.status === 'authorized' || row.status === 'partially_authorized';
}

/** Which rows to show. */
export interface LedgerFilter {
  readonly provider?: string | undefined;
  readonly reference?: string | undefined;
  readonly referencePrefix?: string | undefined;
  readonly merchant?: string | undefined;
  readonly merchantReference?: string | undefined;
  readonly live?: boolean | undefined;
}

/**
 * What the providers really did: the truth that tests compare with. Bounded: over `rowsMax` rows the one that
 * was declined, voided or expired longest ago goes first, live and pending rows last; what went is counted.
 */
export class Ledger {
  readonly #rowsMax: number;
  readonly #idStart: string;
  #rows = new Map<string, LedgerRow>();
  #references = new Map<string, Map<string, LedgerRow[]>>();
  #totals = new Map<string, ProviderTotals>();
  #arrival: RowQueue;
  #settled: RowQueue;
  #issued = 0;
  #dropped = 0;
  readonly #onDrop: (row: LedgerRow) => void;
  readonly #nowMs: () => number;
  readonly #validityMs: (provider: string) => number | null;

  /**
   * @param startedAtMs wall clock; part of every id, so that ids of an earlier run are never given again
   * @param nowMs wall clock
   * @param validityMs how long authorizations of a provider are valid without a capture; null: for ever
   * @param onDrop told about each row that had to go, so that what refers to it can go too
   */
  constructor(options: {
    readonly providers: readonly string[];
    readonly startedAtMs: number;
    readonly rowsMax: number;
    readonly nowMs: () => number;
    readonly validityMs: (provider: string) => number | null;
    readonly onDrop: (row: LedgerRow) => void;
  }) {
    this.#rowsMax = options.rowsMax;
    this.#idStart = inLetters(options.startedAtMs, 9);
    this.#onDrop = options.onDrop;
    this.#nowMs = options.nowMs;
    this.#validityMs = options.validityMs;
    this.#arrival = new RowQueue(options.rowsMax);
    this.#settled = new RowQueue(options.rowsMax);
    this.clear(options.providers);
  }

  /** Forgets everything; counters start at zero. Ids are not given again. */
  clear(providers: readonly string[] = [...this.#totals.keys()]): void {
    this.#rows = new Map();
    this.#references = new Map(providers.map((provider) => [provider, new Map()]));
    this.#totals = new Map(providers.map((provider) => [provider, emptyTotals()]));
    this.#arrival = new RowQueue(this.#rowsMax);
    this.#settled = new RowQueue(this.#rowsMax);
    this.#dropped = 0;
  }

  /** Rows dropped to stay within the bound. */
  get dropped(): number {
    return this.#dropped;
  }

  /** The counters of a provider, to be counted on. */
  totalsOf(provider: string): ProviderTotals {
    const totals = this.#totals.get(provider);
    if (totals === undefined) throw new Error(`provider ${provider} is not in the ledger`);
    return totals;
  }

  /** Counters by provider, as a copy. */
  totals(): Record<string, ProviderTotals> {
    // Nobody looked at them since: they are expired all the same.
    if ([...this.#totals.keys()].some((provider) => this.#validityMs(provider) !== null)) {
      for (const row of this.#rows.values()) this.expireIfDue(row);
    }
    return Object.fromEntries([...this.#totals].map(([provider, totals]) => [provider, { ...totals }]));
  }

  /** A new identifier, unique over all runs. */
  nextId(prefix: string): string {
    this.#issued += 1;
    return `${prefix}_${this.#idStart}${inLetters(this.#issued, 6)}`;
  }

  /** Enters an authorization as pending. */
  open(entry: NewRow): LedgerRow {
    const totals = this.totalsOf(entry.provider);
    const row: LedgerRow = {
      provider: entry.provider,
      id: this.nextId('sbx'),
      reference: entry.reference,
      merchant: entry.merchant,
      merchantReference: entry.merchantReference,
      amount: entry.amount,
      token: entry.token,
      brand: entry.brand,
      key: entry.key,
      createdAtMs: entry.createdAtMs,
      totals,
      status: 'pending',
      firstStatus: null,
      authorizedAmount: 0,
      capturedAmount: 0,
      refundedAmount: 0,
      decline: null,
      advice: null,
      asked: 1,
      operations: [],
      dropped: false,
    };
    totals.pending += 1;
    this.#rows.set(row.id, row);
    const references = this.#references.get(entry.provider);
    const same = references?.get(row.reference);
    if (same === undefined) references?.set(row.reference, [row]);
    else same.push(row);
    this.#arrival.push(row);
    this.#makeRoom();
    return row;
  }

  /** Moves a row to another status and counts. */
  move(row: LedgerRow, status: WireStatus): void {
    const wasLive = isLive(row);
    if (row.status === 'pending') row.totals.pending -= 1;
    row.status = status;
    row.totals[status] += 1;
    row.totals.live += Number(isLive(row)) - Number(wasLive);
    const isOver = status === 'declined' || status === 'voided' || status === 'expired';
    if (isOver && this.holds(row)) this.#settled.push(row);
  }

  /**
   * Expires a row whose time is over. Told when somebody looks, so that it follows the clock and the validity of
   * now. An operation that was taken on in time is still carried out.
   */
  expireIfDue(row: LedgerRow): void {
    if (!isLive(row) || row.capturedAmount > 0) return;
    const validityMs = this.#validityMs(row.provider);
    if (validityMs === null || this.#nowMs() - row.createdAtMs < validityMs) return;
    if (row.operations.some((operation) => operation.status === 'pending')) return;
    this.move(row, 'expired');
  }

  /** False once the row was dropped or a reset came. */
  holds(row: LedgerRow): boolean {
    return this.#rows.get(row.id) === row;
  }

  /** The authorization with this id at this provider. */
  byId(provider: string, id: string): LedgerRow | null {
    const row = this.#rows.get(id);
    if (row === undefined || row.provider !== provider) return null;
    this.expireIfDue(row);
    return row;
  }

  /**
   * The authorization with this reference: the live one when several have it, else the newest.
   * @param isSeen others are passed over
   */
  byReference(
    provider: string,
    reference: string,
    isSeen: (row: LedgerRow) => boolean = () => true,
  ): LedgerRow | null {
    const rows = (this.#references.get(provider)?.get(reference) ?? []).filter(isSeen);
    for (const row of rows) this.expireIfDue(row);
    return rows.find(isLive) ?? rows.at(-1) ?? null;
  }

  /** Matching rows, oldest first. */
  *rows(filter: LedgerFilter = {}): Generator<LedgerRow> {
    for (const row of this.#rows.values()) {
      if (filter.provider !== undefined && row.provider !== filter.provider) continue;
      if (filter.reference !== undefined && row.reference !== filter.reference) continue;
      if (filter.referencePrefix !== undefined && !row.reference.startsWith(filter.referencePrefix)) continue;
      if (filter.merchant !== undefined && row.merchant !== filter.merchant) continue;
      if (filter.merchantReference !== undefined && row.merchantReference !== filter.merchantReference) {
        continue;
      }
      this.expireIfDue(row);
      if (filter.live !== undefined && isLive(row) !== filter.live) continue;
      yield row;
    }
  }

  #makeRoom(): void {
    while (this.#rows.size > this.#rowsMax) {
      const row = this.#settled.shift() ?? this.#arrival.shift();
      if (row === undefined) return;
      row.dropped = true;
      this.#rows.delete(row.id);
      const references = this.#references.get(row.provider);
      const left = references?.get(row.reference)?.filter((other) => other !== row) ?? [];
      if (left.length === 0) references?.delete(row.reference);
      else references?.set(row.reference, left);
      this.#dropped += 1;
      this.#onDrop(row);
    }
  }
}

/** First in, first out in constant time; rows dropped meanwhile are passed over. */
class RowQueue {
  #rows: LedgerRow[] = [];
  #head = 0;
  readonly #compactAt: number;

  constructor(rowsMax: number) {
    this.#compactAt = 2 * rowsMax + 1024;
  }

  push(row: LedgerRow): void {
    this.#rows.push(row);
    if (this.#rows.length < this.#compactAt) return;
    // Rows that left by the other queue must not be held here for ever.
    this.#rows = this.#rows.slice(this.#head).filter((held) => !held.dropped);
    this.#head = 0;
  }

  shift(): LedgerRow | undefined {
    while (this.#head < this.#rows.length) {
      const row = this.#rows[this.#head];
      this.#head += 1;
      if (this.#head > 1024 && this.#head * 2 > this.#rows.length) {
        this.#rows = this.#rows.slice(this.#head);
        this.#head = 0;
      }
      if (row !== undefined && !row.dropped) return row;
    }
    return undefined;
  }
}
