import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { JournalError } from '../gateway/ports.ts';
import { systemClock } from '../guards/system-clock.ts';
import { exportEvents } from '../stores/export-events.ts';
import { lookAtPostgres } from '../stores/postgres/look-at-postgres.ts';
import {
  isInUse,
  messageOf,
  openingError,
  openReadOnly,
  type ReadOnlyDatabase,
} from '../stores/sqlite/database-files.ts';
import { SqliteView } from '../stores/sqlite/sqlite-view.ts';
import type { Finding, Report } from '../stores/verify/finding.ts';
import type { JournalView } from '../stores/verify/journal-view.ts';
import { type JournalCounts, verifyJournal } from '../stores/verify/verify-journal.ts';
import { type LogCounts, type MissedLine, verifyLog } from '../stores/verify/verify-log.ts';
import { printable } from './printable.ts';
import { readGatewayLogs, type UnreadLine } from './read-gateway-logs.ts';

const USAGE = `Looks through the journal of a stopped gateway, or the one on Postgres that DATABASE_URL names, beside those that run.
Nothing is changed.

usage: npm run journal -- verify [<data folder>] [--seals <logs>] [--seals <logs>] ...
       npm run journal -- export [<data folder>]
       (without a folder: the database of DATABASE_URL, else the folder of DATA_DIR, else ./data)

verify  checks file, schema and triggers, the chain of hashes, the seals, sums and transitions, and that every
        authorization is what its events add up to. One line for each finding: where, what, what to do.
        --seals compares it with what the gateways told in their logs: only that shows a journal that was written anew
        as a whole, or that lost what it had acknowledged. Seals ("event":"seal") must be the same; authorizations of the
        last 30 days ("event":"authorization") must be there, and those that are not are told with their attempts.
        Lines that name one of these and cannot be read are told: what they tell was not compared.
        <logs> is a file, a folder of them (.gz too), or - for what is piped in; several pods' logs in any order:
        kubectl -n payments logs -l app.kubernetes.io/name=pointsman --ignore-errors --tail=-1 --prefix --max-log-requests=20 |
          npm run -s journal -- verify --seals -
export  writes every event as a line of JSON to stdout, without tokens, keys and card numbers.

exit code  0  everything is as it should be
           1  something was found
           2  it could not be checked: wrong arguments, a gateway that runs on the folder, a database that cannot be
              reached, no journal, another version; or not wholly: lines of the logs cannot be read`;

/** Why nothing more can be written to stdout. */
let unwritten: Error | null = null;

/** Why it could not be checked, or not wholly, in words. */
class CannotCheck extends Error {
  override readonly name = 'CannotCheck';
}

/** Where a journal is. */
type Place = { readonly folder: string } | { readonly databaseUrl: string };

/** Never with the address of a database, which has its password. */
function nameOf(place: Place): string {
  return 'folder' in place ? place.folder : 'the database of DATABASE_URL';
}

/** Hands the work one view of the journal. */
async function looking<T>(place: Place, work: (view: JournalView) => Promise<T>): Promise<T> {
  if ('databaseUrl' in place) return lookAtPostgres(place.databaseUrl, systemClock, ({ view }) => work(view));
  const { database, close } = open(place.folder);
  try {
    return await work(new SqliteView(database));
  } finally {
    close();
  }
}

function open(folder: string): ReadOnlyDatabase {
  const path = join(folder, 'journal.sqlite');
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    throw new CannotCheck(`${path} is not there; expected the folder of DATA_DIR`);
  }
  if (found.size === 0) {
    throw new CannotCheck(`${path} is empty, which a journal never is: put DATA_DIR back from a backup`);
  }
  try {
    return openReadOnly(path);
  } catch (error) {
    throw new CannotCheck(inWords(error, { folder }));
  }
}

function inWords(error: unknown, place: Place): string {
  if ('databaseUrl' in place) return messageOf(error);
  const { folder } = place;
  if (!isInUse(error)) return openingError(error, join(folder, 'journal.sqlite')).message;
  return (
    `${folder} is in use by a gateway: stop it first, or make a snapshot of the folder, all files at one moment, ` +
    'and name that'
  );
}

/** Authorizations that were told longer ago may have been let go of: no retention is shorter. Milliseconds. */
const SURELY_KEPT_MS = 30 * 86_400_000;

/**
 * @param logs where the gateways' logs are; empty: they are not compared
 * @returns the exit code
 */
async function verify(place: Place, logs: readonly string[]): Promise<number> {
  let findings = 0;
  const report = ({ where, what, remedy }: Finding) => {
    findings += 1;
    console.log(printable(`${where}: ${what}; ${remedy}`));
  };
  const unread = new UnreadLines();
  try {
    const { counts, log, missed } = await looking(place, async (view) => ({
      counts: await verifyJournal(view, report),
      ...(await compared(view, logs, unread)),
    }));
    const later = missed.length === 0 ? null : await comparedInLaterView(place, missed, report);
    const summary = summaryOf(
      counts,
      log === null || later === null ? log : { ...log, ...newer(log, later) },
    );
    if (findings === 0 && unread.count > 0) {
      throw new CannotCheck(`${unread.inWords()}. Nothing was found in the rest: ${summary}`);
    }
    if (findings === 0) {
      console.log(printable(`ok: ${summary}`));
      return 0;
    }
    complain(`not ok: ${counted(findings, 'finding')} in ${nameOf(place)}; ${summary}`);
    if (unread.count > 0) complain(`and not all: ${unread.inWords()}`);
    return 1;
  } catch (error) {
    if (error instanceof CannotCheck) throw error;
    if (findings === 0) throw new CannotCheck(inWords(error, place));
    complain(
      `not ok: ${counted(findings, 'finding')} in ${nameOf(place)}, and no further: ${messageOf(error)}`,
    );
    return 1;
  }
}

/** Unread lines that are told by their place. */
const UNREAD_TOLD = 5;

/** What the logs tell in lines that cannot be read, counted. */
class UnreadLines {
  count = 0;
  readonly #first: string[] = [];

  add({ place, why }: UnreadLine): void {
    this.count += 1;
    if (this.#first.length < UNREAD_TOLD) this.#first.push(`${place} (${why})`);
  }

  inWords(): string {
    const more = this.count > this.#first.length ? ` and ${this.count - this.#first.length} more` : '';
    return (
      `${counted(this.count, 'line')} of the logs with "event":"seal" or "event":"authorization" could not be read, and ` +
      `what they tell was not compared: ${this.#first.join(', ')}${more}; hand on the lines of gateways whole, as JSON, and ` +
      'leave the logs of other applications out'
    );
  }
}

/** Says on stderr, in one line. */
function complain(text: string): void {
  console.error(printable(text));
}

/** What the logs tell that the view does not show, each once. */
async function compared(
  view: JournalView,
  logs: readonly string[],
  unread: UnreadLines,
): Promise<{ readonly log: LogCounts | null; readonly missed: readonly MissedLine[] }> {
  if (logs.length === 0) return { log: null, missed: [] };
  const missed = new Map<string, MissedLine>();
  const log = await verifyLog(view, linesOf(logs, unread), (line) =>
    missed.set(`${line.finding.where} ${line.line.kind === 'seal' ? line.line.digest : ''}`, line),
  );
  if (log.seals === 0) {
    const also = unread.count === 0 ? '' : `; ${unread.inWords()}`;
    throw new CannotCheck(
      `${logs.join(', ')}: no seal is told there; expected lines with "event":"seal"${also}`,
    );
  }
  return { log, missed: [...missed.values()] };
}

async function* linesOf(logs: readonly string[], unread: UnreadLines) {
  try {
    yield* readGatewayLogs(logs, systemClock.wallMs() - SURELY_KEPT_MS, (line) => unread.add(line));
  } catch (error) {
    throw new CannotCheck(messageOf(error));
  }
}

/** In a view that was begun after the lines were read: gateways that run may have told what the first view was too old for. */
function comparedInLaterView(
  place: Place,
  missed: readonly MissedLine[],
  report: Report,
): Promise<LogCounts> {
  return looking(place, (view) =>
    verifyLog(
      view,
      missed.map(({ line }) => line),
      ({ finding }) => report(finding),
    ),
  );
}

/** The newest seal that both have, by either look. */
function newer(one: LogCounts, other: LogCounts): Pick<LogCounts, 'newestShared'> {
  const [first, second] = [one.newestShared, other.newestShared];
  return { newestShared: (second?.number ?? 0) > (first?.number ?? 0) ? second : first };
}

function summaryOf(counts: JournalCounts, log: LogCounts | null): string {
  const { authorizations, events, purged, seals, newestSeal, unsealed } = counts;
  const parts = [
    counted(authorizations, 'authorization'),
    `${counted(events, 'event')} and ${purged} purged`,
    counted(seals, 'seal'),
    ...(newestSeal === null
      ? []
      : [
          `the newest ${newestSeal.number} through event ${newestSeal.throughEvent} with ${newestSeal.digest}`,
        ]),
    `${counted(unsealed, 'event')} not sealed yet`,
    ...(log === null ? [] : [logSummaryOf(log)]),
  ];
  return parts.join(', ');
}

function logSummaryOf({ seals, authorizations, newestShared }: LogCounts): string {
  const told = `${counted(seals, 'seal')} and ${counted(authorizations, 'authorization')} of the log compared`;
  if (newestShared === null) return `${told}, no seal is in both`;
  const at = newestShared.at === null ? '' : ` of ${newestShared.at}`;
  return `${told}, the newest seal that is in both ${newestShared.number}${at}`;
}

/** @returns the exit code */
async function exportAll(place: Place): Promise<number> {
  try {
    await looking(place, async (view) => {
      for await (const lines of exportEvents(view)) {
        if (unwritten !== null) break;
        // What goes wrong with the writing is told below.
        if (!process.stdout.write(lines)) await once(process.stdout, 'drain').catch(() => null);
      }
    });
  } catch (error) {
    throw error instanceof CannotCheck ? error : new CannotCheck(inWords(error, place));
  }
  if (unwritten === null) return 0;
  throw new CannotCheck(`what was exported cannot be written: ${unwritten.message}`);
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** What was asked for; null when it is nothing that can be done. */
function readArguments(): { command: string; place: Place; logs: readonly string[] } | null {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { seals: { type: 'string', multiple: true }, help: { type: 'boolean' } },
    });
    if (values.help === true) return { command: 'help', place: { folder: '' }, logs: [] };
    const [command = '', folder, ...rest] = positionals;
    const isKnown = command === 'verify' || (command === 'export' && values.seals === undefined);
    if (!isKnown || rest.length > 0 || folder === '') return null;
    return { command, place: placeOf(folder), logs: values.seals ?? [] };
  } catch {
    return null;
  }
}

/** @param folder undefined: none was named */
function placeOf(folder: string | undefined): Place {
  if (folder !== undefined) return { folder };
  const databaseUrl = process.env['DATABASE_URL'] || null;
  return databaseUrl === null ? { folder: process.env['DATA_DIR'] || './data' } : { databaseUrl };
}

async function run(): Promise<number> {
  const asked = readArguments();
  if (asked === null) {
    const words = process.argv.slice(2).join(' ');
    console.error(words === '' ? USAGE : `journal: not understood: ${printable(words)}\n\n${USAGE}`);
    return 2;
  }
  if (asked.command === 'help') {
    console.log(USAGE);
    return 0;
  }
  try {
    return asked.command === 'verify' ? await verify(asked.place, asked.logs) : await exportAll(asked.place);
  } catch (error) {
    if (!(error instanceof CannotCheck) && !(error instanceof JournalError)) throw error;
    complain(`journal: ${error.message}`);
    return 2;
  }
}

// `export | head` has read enough; and what `verify` found is told by its exit code all the same.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  unwritten = error;
});
process.exitCode = await run();
