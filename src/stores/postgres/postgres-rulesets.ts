import type {
  ActivateCommand,
  ActivateReply,
  ActivationRow,
  ActiveReply,
  LeftRow,
  ListedRulesetRow,
  RulesetListReply,
  RulesetRow,
} from '../journal-rows.ts';
import { nextPlace, type Place, pageOf } from '../ruleset-places.ts';
import { rulesetQueries } from '../ruleset-queries.ts';
import { LOCKS, takeTurns } from './advisory-locks.ts';
import type { Queries, TransactionalQueries } from './queries.ts';

const SQL = rulesetQueries((number) => `$${number}`);

/** Contents of the rules folder, and which of them was in force when. */
export class PostgresRulesets {
  readonly #queries: TransactionalQueries;

  constructor(queries: TransactionalQueries) {
    this.#queries = queries;
  }

  /** Two that register the same content at once get the same number. */
  register(contentHash: string, files: string, atMs: number): Promise<number> {
    return this.#queries.transaction(async (queries) => {
      await takeTurns(queries, LOCKS.rulesets);
      const newest = await queries.one<Pick<RulesetRow, 'number' | 'content_hash'>>(
        'newest_ruleset',
        SQL.newest,
        [],
      );
      if (newest?.content_hash === contentHash) return newest.number;
      const values = [contentHash, files, atMs];
      const made = await queries.one<{ readonly number: number }>('insert_ruleset', SQL.insert, values);
      return (made as { readonly number: number }).number;
    });
  }

  find(version: number): Promise<RulesetRow | null> {
    return this.#queries.one<RulesetRow>('find_ruleset', SQL.find, [version]);
  }

  active(): Promise<ActiveReply | null> {
    return this.#queries.snapshot(activeIn);
  }

  /** Of two that activate at once, the second is told that another came first. */
  activate(command: ActivateCommand): Promise<ActivateReply> {
    return this.#queries.transaction(async (queries) => {
      await takeTurns(queries, LOCKS.rulesets);
      const done = await move(queries, command);
      return { done, active: await activeIn(queries) };
    });
  }

  /** @param before only versions below this number */
  async list(before: number, limit: number): Promise<RulesetListReply<ListedRulesetRow>> {
    const rows = await this.#queries.all<ListedRulesetRow>('list_rulesets', SQL.list, [before, limit + 1]);
    return pageOf(rows, limit, ({ number }) => number);
  }

  /** @param before only activations below this sequence number */
  async activations(before: number, limit: number): Promise<RulesetListReply<ActivationRow>> {
    const values = [before, limit + 1];
    const rows = await this.#queries.all<ActivationRow>('list_activations', SQL.activations, values);
    return pageOf(rows, limit, ({ sequence }) => sequence);
  }
}

async function activeIn(queries: Queries): Promise<ActiveReply | null> {
  const row = await queries.one<ActivationRow>('active_ruleset', SQL.active, []);
  if (row === null) return null;
  const left = await queries.all<LeftRow>('left_rulesets', SQL.left, [row.content_hash]);
  const place = await placeAt(queries, row.sequence);
  const beneath = await beneathOf(queries, place);
  const before = await placeAt(queries, row.sequence - 1);
  return { row, previous: beneath?.version ?? null, replaced: before?.version ?? null, left };
}

async function move(queries: Queries, command: ActivateCommand): Promise<boolean> {
  const newest = await queries.one<Place>('newest_place', SQL.newestPlace, []);
  const beneath = await beneathOf(queries, newest);
  const before = newest === null ? null : await placeAt(queries, newest.sequence - 1);
  const place = nextPlace(command, { newest, beneath, before });
  if (place === null) return false;
  const { version, cause, author, reason, atMs } = command;
  const values = [place.sequence, version, cause, author, reason, atMs, place.beneath];
  await queries.run('activate_ruleset', SQL.activate, values);
  return true;
}

function placeAt(queries: Queries, sequence: number): Promise<Place | null> {
  return queries.one<Place>('place', SQL.place, [sequence]);
}

function beneathOf(queries: Queries, place: Place | null): Promise<Place | null> {
  return place?.beneath == null ? Promise.resolve(null) : placeAt(queries, place.beneath);
}
