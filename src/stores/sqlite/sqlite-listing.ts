import type { ListQuery } from '../journal-rows.ts';
import { LIST_SCAN_MAX, type ListSource, listSource } from '../listing.ts';

/** The sequence number at which a page stops looking. */
export const LIST_BOUND = `
  SELECT sequence FROM authorizations INDEXED BY authorizations_by_account
  WHERE account = ? AND sequence < ? ORDER BY sequence DESC LIMIT 1 OFFSET ${LIST_SCAN_MAX}`;

// Which rows are looked at. The unary plus keeps the account's index out of it.
const SOURCES: Readonly<Record<ListSource, string>> = {
  account: 'authorizations AS a INDEXED BY authorizations_by_account WHERE a.account = ?1',
  unsettled: `authorizations AS a INDEXED BY authorizations_unsettled
    WHERE a.unsettled = 1 AND a.open IN (0, 1) AND a.account = ?1`,
  reference: `authorizations AS a WHERE +a.account = ?1
    AND ((a.reference = ?3 AND a.holds_payment = 1) OR (a.reference = ?3 AND a.holds_payment = 0))`,
};

/** The listing's SQL: one of three texts, so that prepared statements are found again. */
export function listSql(query: ListQuery): string {
  // The page is found first, on small rows; the large data of the first events is joined to it alone.
  return `
    SELECT page.*, e.data AS opened FROM (
      SELECT a.* FROM ${SOURCES[listSource(query)]}
        AND a.purged_before_ms IS NULL
        AND (?2 IS NULL OR a.merchant IN (SELECT value FROM json_each(?2)))
        AND (?3 IS NULL OR a.reference = ?3) AND (?4 IS NULL OR a.merchant = ?4)
        AND (?5 IS NULL OR a.status = ?5) AND (?6 IS NULL OR a.created_at_ms < ?6)
        AND a.sequence < ?7 AND a.sequence > ?8
      ORDER BY a.sequence DESC LIMIT ?9) AS page
    JOIN events AS e ON e.authorization = page.sequence AND e.number = 1
    ORDER BY page.sequence DESC`;
}
