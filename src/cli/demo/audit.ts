import type { AuthorizationStatus } from '../../core/authorization.ts';
import type { LedgerRow } from './sandbox-control.ts';

/** What the gateway says of a payment: the state of its authorization, or null when it took none on. */
export interface Claimed {
  readonly reference: string;
  /** `unanswered`: the shop does not know. Null: refused before anything was sent. */
  readonly status: AuthorizationStatus | 'unanswered' | null;
  readonly provider: string | null;
  readonly providerReference: string | null;
  /** Minor units asked for. */
  readonly value: number;
  /** Minor units authorized, as answered. */
  readonly authorized: number;
  readonly currency: string;
}

/** A payment and the money that the providers' books show for it. */
export interface Finding {
  readonly claimed: Claimed;
  /** Live authorizations of the payment at all providers. */
  readonly live: readonly LedgerRow[];
}

/** What the comparison of answers and books found. */
export interface Audit {
  readonly payments: number;
  /** Payments with money held at more than one place: what must never be. */
  readonly doubles: readonly Finding[];
  /** Approved answers. */
  readonly approved: number;
  /** Approved answers without exactly that authorization, with that amount, in the books of the provider named. */
  readonly approvedNotLive: readonly Finding[];
  /** Answers that deny that money moved: declined, failed, refused. */
  readonly negative: number;
  /** Those for which money is held all the same. */
  readonly negativeButLive: readonly Finding[];
  /** Payments that are not settled, by whether money is held. */
  readonly openHeld: readonly Finding[];
  readonly openNotHeld: readonly Finding[];
  /** Live authorizations for references of this run that the demo never sent. */
  readonly strangers: readonly LedgerRow[];
}

const APPROVED: ReadonlySet<Claimed['status']> = new Set([
  'approved',
  'partially_approved',
  'captured',
  'partially_captured',
  'partially_refunded',
]);
const OPEN: ReadonlySet<Claimed['status']> = new Set(['pending', 'reversing', 'unanswered']);

/**
 * Compares what the gateway says with what the providers' books say, payment by payment, over all providers.
 * @param rows live authorizations of all providers; those of other runs are passed over
 * @param runPrefix begin of this run's references
 */
export function audit(claims: readonly Claimed[], rows: readonly LedgerRow[], runPrefix: string): Audit {
  const liveOf = new Map<string, LedgerRow[]>();
  for (const row of rows) {
    const reference = row.merchant_reference;
    if (!row.live || reference?.startsWith(runPrefix) !== true) continue;
    const live = liveOf.get(reference) ?? [];
    liveOf.set(reference, live);
    live.push(row);
  }
  const findings = claims.map((claimed): Finding => ({ claimed, live: liveOf.get(claimed.reference) ?? [] }));
  const known = new Set(claims.map(({ reference }) => reference));
  const approved = findings.filter(({ claimed }) => APPROVED.has(claimed.status));
  const open = findings.filter(({ claimed }) => OPEN.has(claimed.status));
  const negative = findings.filter(
    ({ claimed }) => !APPROVED.has(claimed.status) && !OPEN.has(claimed.status),
  );
  return {
    payments: claims.length,
    doubles: findings.filter(({ live }) => live.length > 1),
    approved: approved.length,
    approvedNotLive: approved.filter((finding) => !isBooked(finding)),
    negative: negative.length,
    negativeButLive: negative.filter(({ live }) => live.length > 0),
    openHeld: open.filter(({ live }) => live.length > 0),
    openNotHeld: open.filter(({ live }) => live.length === 0),
    strangers: [...liveOf].flatMap(([reference, live]) => (known.has(reference) ? [] : live)),
  };
}

/** Whether an audit lets the run pass: nothing authorized twice, and no answer that the books contradict. */
export function passes(found: Audit): boolean {
  return [found.doubles, found.approvedNotLive, found.negativeButLive, found.strangers].every(
    (findings) => findings.length === 0,
  );
}

function isBooked({ claimed, live }: Finding): boolean {
  return live.some(
    (row) =>
      row.provider === claimed.provider &&
      row.id === claimed.providerReference &&
      row.amount.value === claimed.value &&
      row.authorized_amount === claimed.authorized &&
      row.amount.currency === claimed.currency,
  );
}
