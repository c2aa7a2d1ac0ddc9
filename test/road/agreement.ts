import type { LedgerEntry, LedgerReport } from '../../src/sandbox/ledger-view.ts';
import type { AuthorizationView, TestGateway } from '../support/start-gateway.ts';

/** Everything that the journal knows, oldest first, page by page. */
export async function allAuthorizations(gateway: TestGateway): Promise<readonly AuthorizationView[]> {
  const all: AuthorizationView[] = [];
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({ limit: '50', ...(cursor === null ? {} : { cursor }) });
    const answer = await gateway.get(`/v1/authorizations?${query}`);
    const page = answer.json as {
      readonly data: readonly AuthorizationView[];
      readonly next_cursor: string | null;
    };
    all.push(...page.data);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return all.reverse();
}

/** Outcomes after which another provider may be tried. */
const MAY_BE_FOLLOWED = new Set(['not_sent', 'rejected', 'declined', 'partially_approved']);
/** Outcomes with which the attempts of an authorization may have moved money. */
const MAY_BE_LIVE = new Set(['approved', 'unknown', 'pending', null]);

/**
 * Where journal and ledger contradict each other, or a promise about money is broken, in words; empty when all is
 * well. To be asked when nothing is under way any more.
 */
export function contradictions(
  authorizations: readonly AuthorizationView[],
  ledger: LedgerReport,
): readonly string[] {
  const wrong: string[] = [];
  const attempts = new Map(
    authorizations.flatMap((authorization) =>
      authorization.attempts.map((attempt) => [attempt.id, { authorization, attempt }] as const),
    ),
  );
  const livePayments = new Map<string, string>();
  for (const entry of ledger.authorizations) {
    const known = attempts.get(entry.reference);
    if (known === undefined) {
      wrong.push(`${entry.provider} knows ${entry.reference}, the journal does not`);
      continue;
    }
    const { attempt } = known;
    if (attempt.provider !== entry.provider) wrong.push(`${attempt.id} is at ${entry.provider} too`);
    if (attempt.outcome === 'not_sent') wrong.push(`${attempt.id} was sent, not ${attempt.outcome}`);
    // Once, and once more under the same key where the first answer was lost.
    if (entry.asked > 2) wrong.push(`${attempt.id} was sent ${entry.asked} times`);
    if (!entry.live) continue;
    if (!MAY_BE_LIVE.has(attempt.outcome)) wrong.push(`${attempt.id} is live, not ${attempt.outcome}`);
    const payment = `${entry.merchant}/${entry.merchant_reference}`;
    const other = livePayments.get(payment);
    if (other !== undefined) wrong.push(`${payment} is live twice: ${other} and ${entry.id}`);
    livePayments.set(payment, entry.id);
  }
  for (const authorization of authorizations) wrong.push(...contradictionsOf(authorization, livePayments));
  return wrong;
}

function contradictionsOf(
  authorization: AuthorizationView,
  livePayments: ReadonlyMap<string, string>,
): readonly string[] {
  const { id, status, attempts } = authorization;
  const wrong: string[] = [];
  for (const attempt of attempts.slice(0, -1)) {
    if (!MAY_BE_FOLLOWED.has(attempt.outcome ?? '')) {
      wrong.push(`${id} went on after an attempt that was ${attempt.outcome}`);
    }
  }
  const providers = attempts.map(({ provider }) => provider);
  if (new Set(providers).size !== providers.length) wrong.push(`${id} tried a provider twice`);
  const live = livePayments.get(`${authorization.merchant}/${authorization.reference}`);
  if (status === 'approved' && live !== authorization.provider_reference) {
    wrong.push(`${id} is approved as ${authorization.provider_reference}, live is ${live}`);
  }
  const last = attempts.at(-1)?.outcome;
  if (status === 'pending' && last !== 'unknown' && last !== 'pending') {
    wrong.push(`${id} is pending after ${last}`);
  }
  return wrong;
}

/**
 * Providers that were asked for fewer payments than the journal's attempts account for, or for more than one repeat of
 * each, in words; empty when all is well. Attempts that were never sent account for nothing; each void for one more.
 */
export function unaccountedRequests(
  authorizations: readonly AuthorizationView[],
  requests: Readonly<Record<string, number>>,
): readonly string[] {
  return Object.entries(requests).flatMap(([provider, asked]) => {
    const attempts = authorizations.flatMap((authorization) =>
      authorization.attempts.filter((attempt) => attempt.provider === provider),
    );
    const sent = attempts.filter(({ outcome }) => outcome !== 'not_sent').length;
    const voids = authorizations.flatMap(({ operations }) => operations).length;
    return asked >= sent && asked <= 2 * sent + voids
      ? []
      : [`${provider} was asked ${asked} times for ${sent} attempts and ${voids} operations`];
  });
}

/** What answers say of an authorization beyond {@link AuthorizationView}. */
interface SettledView extends AuthorizationView {
  readonly amounts: { readonly authorized: number; readonly captured: number; readonly refunded: number };
  readonly operations: readonly {
    readonly id: string;
    readonly kind: string;
    readonly type: string;
    readonly status: string;
    readonly code: string | null;
    readonly amount: { readonly value: number };
  }[];
}

/** With these statuses exactly one authorization of the payment stands at a provider. */
const STANDS = new Set([
  'approved',
  'partially_approved',
  'partially_captured',
  'captured',
  'partially_refunded',
  'refunded',
]);

/**
 * Where what the journal says of captures, voids and refunds is not what the providers did, or something is still open,
 * in words; empty when all is well. To be asked when everything has been found out.
 */
export function unsettledOrWrong(
  authorizations: readonly AuthorizationView[],
  ledger: LedgerReport,
): readonly string[] {
  const entries = new Map<string, LedgerEntry[]>();
  for (const entry of ledger.authorizations) {
    const id = entry.reference.replace(/^att_/, 'auth_').replace(/_\d+$/, '');
    entries.set(id, [...(entries.get(id) ?? []), entry]);
  }
  return authorizations.flatMap((authorization) =>
    operationsWrong(authorization as SettledView, entries.get(authorization.id) ?? []),
  );
}

function operationsWrong(authorization: SettledView, entries: readonly LedgerEntry[]): readonly string[] {
  const { id, status, amounts, operations } = authorization;
  const wrong: string[] = [];
  const live = entries.filter((entry) => entry.live);
  if (status === 'pending' || status === 'reversing') wrong.push(`${id} is still ${status}`);
  else if (STANDS.has(status)) {
    const [only] = live;
    if (live.length !== 1 || only?.id !== authorization.provider_reference) {
      wrong.push(
        `${id} is ${status} as ${authorization.provider_reference}, live are ${live.map((each) => each.id)}`,
      );
    }
    if (only !== undefined) {
      const there = [only.authorized_amount, only.captured_amount, only.refunded_amount];
      const here = [amounts.authorized, amounts.captured, amounts.refunded];
      if (String(there) !== String(here)) wrong.push(`${id} says ${here}, its provider ${there}`);
    }
  } else if (live.length > 0) wrong.push(`${id} is ${status}, and ${live[0]?.id} is live`);
  const done = entries.flatMap((entry) => entry.operations).filter((each) => each.status !== 'failed');
  for (const { reference, operation } of done) {
    if (!operations.some((each) => each.id === reference))
      wrong.push(`${id}: ${operation} ${reference} is not ours`);
  }
  for (const operation of operations) {
    const times = done.filter(({ reference }) => reference === operation.id).length;
    const { type, status: ended, code } = operation;
    if (times > 1) wrong.push(`${operation.id} was done ${times} times`);
    if (ended === 'pending') wrong.push(`${operation.id} is still pending`);
    // A void finds nothing to undo where somebody else undid it, or nothing ever stood.
    if (ended === 'succeeded' && times === 0 && type !== 'void') wrong.push(`${operation.id} was never done`);
    if (ended === 'failed' && times > 0) wrong.push(`${operation.id} is failed (${code}), and was done`);
  }
  return wrong;
}
