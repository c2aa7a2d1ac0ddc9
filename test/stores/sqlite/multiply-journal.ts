import { DatabaseSync } from 'node:sqlite';
import { tamperWith } from './sample-journal.ts';

/** What a copy has of its own, as SQL over the original's row and `n`, the number of the copy. */
const OWN: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  authorizations: { sequence: 'n', id: "id || '_' || n", reference: "reference || '-' || n" },
  attempts: { authorization: 'n', id: "id || '_' || n", provider_key: "provider_key || '_' || n" },
  events: { sequence: 'NULL', authorization: 'n' },
};

/**
 * Makes a closed journal large: copies of its authorizations, with their attempts and first events, each of a payment of
 * its own. Only for reading: nothing of it is sealed.
 * @param originals sequence numbers 1 to this many, which are copied in turn
 * @param until number of authorizations afterwards
 */
export function multiplyJournal(path: string, originals: number, until: number): void {
  const database = new DatabaseSync(path, { readOnly: true });
  const columns = (table: string) =>
    database
      .prepare('SELECT name FROM pragma_table_info(?)')
      .all(table)
      .map(({ name }) => String(name));
  const numbers = `
    WITH RECURSIVE numbers (n) AS (SELECT ${originals + 1} UNION ALL SELECT n + 1 FROM numbers WHERE n < ${until})`;
  const statements = Object.entries(OWN).map(([table, own]) => {
    const names = columns(table);
    const key = table === 'authorizations' ? 'sequence' : 'authorization';
    const values = names.map((name) => own[name] ?? name).join(', ');
    return `INSERT INTO ${table} (${names.join(', ')}) ${numbers}
      SELECT ${values} FROM numbers JOIN ${table} ON ${key} = 1 + (n - 1) % ${originals}`;
  });
  database.close();
  tamperWith(path, ...statements);
}
