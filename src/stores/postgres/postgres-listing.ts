import type { ListQuery } from '../journal-rows.ts';
import { LIST_SCAN_MAX, type ListSource, listSource } from '../listing.ts';

/** The sequence number at which a page stops looking. */
export const LIST_BOUND = `
  SELECT sequence FROM authorizations
  WHERE account = $1 AND sequence < $2 ORDER BY sequence DESC LIMIT 1 OFFSET ${LIST_SCAN_MAX}`;

// Which rows are looked at, as the indexes have them.
const SOURCES: Readonly<Record<ListSource, string>> = {
  account: 'a.account = $1',
  unsettled: 'a.unsettled = 1 AND a.open IN (0, 1) AND a.account = $1',
  reference: `((a.reference = $3 AND a.holds_payment = 1) OR (a.reference = $3 AND a.holds_payment = 0))
        AND a.account = $1`,
};

/** The listing's name: one of three, as its SQL. */
export function listName(query: ListQuery): string {
  return `list_by_${listSource(query)}`;
}

/** @param columns of authorizations as `a` and their first events as `e` */
export function listSql(query: ListQuery, columns: string): string {
  // The page is found first, on small rows; what is large is joined to it alone.
  return `
    SELECT ${columns} FROM (
      SELECT a.* FROM authorizations AS a WHERE ${SOURCES[listSource(query)]}
        AND a.purged_before_ms IS NULL
        AND ($2::text IS NULL OR a.merchant IN (SELECT json_array_elements_text($2::json)))
        AND ($3::text IS NULL OR a.reference = $3) AND ($4::text IS NULL OR a.merchant = $4)
        AND ($5::text IS NULL OR a.status = $5) AND ($6::bigint IS NULL OR a.created_at_ms < $6)
        AND a.sequence < $7 AND a.sequence > $8
      ORDER BY a.sequence DESC LIMIT $9) AS a
    JOIN events AS e ON e."authorization" = a.sequence AND e.number = 1
    ORDER BY a.sequence DESC`;
}
