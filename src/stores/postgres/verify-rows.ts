import { hash } from 'node:crypto';
import { RESTORE, type Report } from '../verify/finding.ts';
import type { Queries } from './queries.ts';

const FOREIGN_KEYS = `
  SELECT c.conrelid::regclass::text AS "table", c.confrelid::regclass::text AS parent,
    (SELECT string_agg(format('child.%I = parent.%I', own.attname, other.attname), ' AND ')
      FROM unnest(c.conkey, c.confkey) AS pair (own, other)
        JOIN pg_attribute AS own ON own.attrelid = c.conrelid AND own.attnum = pair.own
        JOIN pg_attribute AS other ON other.attrelid = c.confrelid AND other.attnum = pair.other) AS same,
    (SELECT string_agg(format('child.%I IS NOT NULL', attname), ' AND ')
      FROM pg_attribute WHERE attrelid = c.conrelid AND attnum = ANY (c.conkey)) AS given
  FROM pg_constraint AS c
  WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace
  ORDER BY 1, c.conname`;

const CHECKS = `
  SELECT c.conrelid::regclass::text AS "table", pg_get_expr(c.conbin, c.conrelid) AS expression
  FROM pg_constraint AS c
  WHERE c.contype = 'c' AND c.connamespace = current_schema()::regnamespace AND c.conrelid <> 0
    -- What a role may not read, such as the secrets, another must look at.
    AND NOT EXISTS (SELECT 1 FROM unnest(c.conkey) AS key (attnum)
      WHERE NOT has_column_privilege(c.conrelid, key.attnum, 'SELECT'))
  ORDER BY 1, c.conname`;

interface ForeignKey {
  readonly table: string;
  readonly parent: string;
  readonly same: string;
  readonly given: string;
}

interface Check {
  readonly table: string;
  readonly expression: string;
}

/**
 * Looks whether rows refer to rows that are there, and keep the rules of their tables: whoever may switch triggers off, or
 * put data back from elsewhere, may have written past both.
 */
export async function verifyRows(queries: Queries, report: Report): Promise<void> {
  for (const { table, parent, same, given } of await queries.all<ForeignKey>(
    'foreign_keys',
    FOREIGN_KEYS,
    [],
  )) {
    const where = `${given} AND NOT EXISTS (SELECT 1 FROM ${parent} AS parent WHERE ${same})`;
    const count = await countOf(queries, `SELECT count(*) AS count FROM ${table} AS child WHERE ${where}`);
    if (count === 0) continue;
    const what = `refer to something in ${parent} that is not there`;
    report({ where: rows(table, count), what, remedy: RESTORE });
  }
  for (const { table, expression } of await queries.all<Check>('checks', CHECKS, [])) {
    const count = await countOf(queries, `SELECT count(*) AS count FROM ${table} WHERE NOT (${expression})`);
    if (count === 0) continue;
    const rule = expression.replaceAll(/\s+/g, ' ');
    report({ where: rows(table, count), what: `break its rule ${rule}`, remedy: RESTORE });
  }
}

async function countOf(queries: Queries, sql: string): Promise<number> {
  const name = `count_${hash('sha1', sql, 'hex')}`;
  return (await queries.one<{ readonly count: number }>(name, sql, []))?.count ?? 0;
}

function rows(table: string, count: number): string {
  return `${table}, ${count} row${count === 1 ? '' : 's'}`;
}
