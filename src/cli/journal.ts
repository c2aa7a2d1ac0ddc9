import { once } from 'node:events';
import { createReadStream, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { JournalError } from '../gateway/ports.ts';
import {
  isInUse,
  messageOf,
  openingError,
  openReadOnly,
  type ReadOnlyDatabase,
} from '../stores/sqlite/database-files.ts';
import { exportEvents } from '../stores/sqlite/export-events.ts';
import type { LoggedSeal } from '../stores/sqlite/verify/verify-events.ts';
import { type JournalCounts, verifyJournal } from '../stores/sqlite/verify/verify-journal.ts';

const USAGE = `Looks through the journal of a stopped gateway. Nothing is changed.

usage: npm run journal -- verify [<data folder>] [--seals <log file>]
       npm run journal -- export [<data folder>]            (default folder: DATA_DIR, else ./data)

verify  checks file, schema and triggers, the chain of hashes, the seals, sums and transitions, and that every
        authorization is what its events add up to. One line for each finding: where, what, what to do.
        --seals compares the seals with those in the gateway's log ("event":"seal"): only that shows a journal that was
        written anew as a whole.
export  writes every event as a line of JSON to stdout, without tokens, keys and card numbers.

exit code  0  everything is as it should be
           1  something was found
           2  it could not be checked: wrong arguments, a gateway that runs, no journal, another version`;

/** Why nothing more can be written to stdout. */
let unwritten: Error | null = null;

/** Why nothing could be checked, in words. */
class CannotCheck extends Error {
  override readonly name = 'CannotCheck';
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
    throw new CannotCheck(inWords(error, folder));
  }
}

function inWords(error: unknown, folder: string): string {
  if (!isInUse(error)) return openingError(error, join(folder, 'journal.sqlite')).message;
  return (
    `${folder} is in use by a gateway: stop it first, or make a snapshot of the folder, all files at one moment, ` +
    'and name that'
  );
}

/** @returns the exit code */
async function verify(folder: string, log: string | undefined): Promise<number> {
  const { database, close } = open(folder);
  let findings = 0;
  try {
    const counts = await verifyJournal(
      database,
      ({ where, what, remedy }) => {
        findings += 1;
        console.log(`${where}: ${what}; ${remedy}`);
      },
      log === undefined ? [] : sealsIn(log),
    );
    const summary = summaryOf(counts);
    if (findings === 0) console.log(`ok: ${summary}`);
    else console.error(`not ok: ${counted(findings, 'finding')} in ${folder}; ${summary}`);
    return findings === 0 ? 0 : 1;
  } catch (error) {
    if (findings === 0 || error instanceof CannotCheck) throw new CannotCheck(inWords(error, folder));
    console.error(
      `not ok: ${counted(findings, 'finding')} in ${folder}, and no further: ${messageOf(error)}`,
    );
    return 1;
  } finally {
    close();
  }
}

function summaryOf(counts: JournalCounts): string {
  const { authorizations, events, purged, seals, newestSeal, unsealed, loggedSeals } = counts;
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
    ...(loggedSeals > 0 ? [`${counted(loggedSeals, 'seal')} of the log compared`] : []),
  ];
  return parts.join(', ');
}

/** The seals that a log tells, in whatever else it holds. */
async function* sealsIn(path: string): AsyncGenerator<LoggedSeal> {
  const lines = createInterface({ input: createReadStream(path, 'utf8') });
  let count = 0;
  try {
    for await (const line of lines) {
      const seal = sealIn(line);
      if (seal === null) continue;
      count += 1;
      yield seal;
    }
  } catch (error) {
    throw new CannotCheck(`${path} cannot be read: ${messageOf(error)}`);
  }
  if (count === 0) throw new CannotCheck(`${path} tells no seal; expected lines with "event":"seal"`);
}

function sealIn(line: string): LoggedSeal | null {
  if (!line.includes('"seal"')) return null;
  try {
    const {
      event,
      number,
      through_event: throughEvent,
      digest,
    } = JSON.parse(line) as Record<string, unknown>;
    if (event !== 'seal') return null;
    return { number: Number(number), throughEvent: Number(throughEvent), digest: String(digest) };
  } catch {
    return null;
  }
}

/** @returns the exit code */
async function exportAll(folder: string): Promise<number> {
  const { database, close } = open(folder);
  try {
    for (const lines of exportEvents(database)) {
      if (unwritten !== null) break;
      // What goes wrong with the writing is told below.
      if (!process.stdout.write(lines)) await once(process.stdout, 'drain').catch(() => null);
    }
  } catch (error) {
    throw new CannotCheck(inWords(error, folder));
  } finally {
    close();
  }
  if (unwritten === null) return 0;
  throw new CannotCheck(`what was exported cannot be written: ${unwritten.message}`);
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** What was asked for; null when it is nothing that can be done. */
function readArguments(): { command: string; folder: string; seals: string | undefined } | null {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { seals: { type: 'string' }, help: { type: 'boolean' } },
    });
    if (values.help === true) return { command: 'help', folder: '', seals: undefined };
    const [command = '', folder = process.env['DATA_DIR'] || './data', ...rest] = positionals;
    const isKnown = command === 'verify' || (command === 'export' && values.seals === undefined);
    if (!isKnown || rest.length > 0 || folder === '') return null;
    return { command, folder, seals: values.seals };
  } catch {
    return null;
  }
}

async function run(): Promise<number> {
  const asked = readArguments();
  if (asked === null) {
    const words = process.argv.slice(2).join(' ');
    console.error(words === '' ? USAGE : `journal: not understood: ${words}\n\n${USAGE}`);
    return 2;
  }
  if (asked.command === 'help') {
    console.log(USAGE);
    return 0;
  }
  try {
    return asked.command === 'verify'
      ? await verify(asked.folder, asked.seals)
      : await exportAll(asked.folder);
  } catch (error) {
    if (!(error instanceof CannotCheck) && !(error instanceof JournalError)) throw error;
    console.error(`journal: ${error.message}`);
    return 2;
  }
}

// `export | head` has read enough; and what `verify` found is told by its exit code all the same.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  unwritten = error;
});
process.exitCode = await run();
