import type { ListQuery, ListReply } from './journal-rows.ts';
import type { SqlValue } from './sql-values.ts';
import type { FoundAuthorization } from './stored-authorization.ts';

/** Rows that a page looks at, at most, so that a filter that hardly matches neither holds payments up nor times out. */
export const LIST_SCAN_MAX = 20_000;

/** By which index a listing finds its rows. */
export type ListSource = 'account' | 'unsettled' | 'reference';

/** The index that leaves the fewest rows to look at. */
export function listSource(query: ListQuery): ListSource {
  if (query.reference !== null) return 'reference';
  return query.status === 'pending' || query.status === 'reversing' ? 'unsettled' : 'account';
}

/** Whether the rows that the listing looks at must be bounded by {@link LIST_SCAN_MAX}: the others are few. */
export function needsBound(query: ListQuery): boolean {
  return listSource(query) === 'account';
}

/** @param after sequence number at which to stop looking, 0 for none */
export function listValues(query: ListQuery, after: number): readonly SqlValue[] {
  const { account, merchants, reference, merchant, status, olderThanMs, before, limit } = query;
  return [account, merchants, reference, merchant, status, olderThanMs, before, after, limit + 1];
}

/**
 * A page of rows of which one more was asked for. Where the look was bounded, the listing goes on below the bound.
 * @param after as in {@link listValues}
 * @param wholeFrom the authorization of a row, asked for rows of the page alone
 */
export function listPage<Row extends { readonly sequence: number }>(
  rows: readonly Row[],
  limit: number,
  after: number,
  wholeFrom: (row: Row) => FoundAuthorization,
): ListReply {
  const page = rows.slice(0, limit);
  const found = page.map((row) => wholeFrom(row));
  const last = page.at(-1);
  if (rows.length > limit && last !== undefined) return { found, next: last.sequence };
  return { found, next: after === 0 ? null : after + 1 };
}
