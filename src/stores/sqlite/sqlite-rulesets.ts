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
import type { Statements } from './statements.ts';

const SQL = rulesetQueries((number) => `?${number}`);

/** Contents of the rules folder, and which of them was in force when. */
export class SqliteRulesets {
  readonly #statements: Statements;

  constructor(statements: Statements) {
    this.#statements = statements;
  }

  register(contentHash: string, files: string, atMs: number): number {
    const newest = this.#statements.one<Pick<RulesetRow, 'number' | 'content_hash'>>(SQL.newest);
    if (newest?.content_hash === contentHash) return newest.number;
    return this.#statements.prepare(SQL.insert).get(contentHash, files, atMs)?.['number'] as number;
  }

  find(version: number): RulesetRow | null {
    return this.#statements.one<RulesetRow>(SQL.find, version);
  }

  active(): ActiveReply | null {
    const row = this.#statements.one<ActivationRow>(SQL.active);
    if (row === null) return null;
    const left = this.#statements.all<LeftRow>(SQL.left, row.content_hash);
    return {
      row: { ...row },
      previous: this.#beneath(this.#place(row.sequence))?.version ?? null,
      replaced: this.#place(row.sequence - 1)?.version ?? null,
      left: left.map((each) => ({ ...each })),
    };
  }

  activate(command: ActivateCommand): ActivateReply {
    const done = this.#move(command);
    return { done, active: this.active() };
  }

  #move(command: ActivateCommand): boolean {
    const newest = this.#statements.one<Place>(SQL.newestPlace);
    const beneath = this.#beneath(newest);
    const before = newest === null ? null : this.#place(newest.sequence - 1);
    const place = nextPlace(command, { newest, beneath, before });
    if (place === null) return false;
    const { version, cause, author, reason, atMs } = command;
    this.#statements.run(SQL.activate, place.sequence, version, cause, author, reason, atMs, place.beneath);
    return true;
  }

  /** @param before only versions below this number */
  list(before: number, limit: number): RulesetListReply<ListedRulesetRow> {
    const rows = this.#statements.all<ListedRulesetRow>(SQL.list, before, limit + 1);
    return pageOf(rows, limit, ({ number }) => number);
  }

  /** @param before only activations below this sequence number */
  activations(before: number, limit: number): RulesetListReply<ActivationRow> {
    const rows = this.#statements.all<ActivationRow>(SQL.activations, before, limit + 1);
    return pageOf(rows, limit, ({ sequence }) => sequence);
  }

  #place(sequence: number): Place | null {
    return this.#statements.one<Place>(SQL.place, sequence);
  }

  #beneath(place: Place | null): Place | null {
    return place?.beneath == null ? null : this.#place(place.beneath);
  }
}
