import type { Finding } from './finding.ts';
import type { JournalView } from './journal-view.ts';

/** A seal as a gateway's log told it. */
export interface LoggedSeal {
  readonly kind: 'seal';
  readonly number: number;
  readonly throughEvent: number;
  readonly digest: string;
  /** As the line has it; null: it has none. */
  readonly at: string | null;
}

/** An authorization that a gateway's log told, which so was in the journal at that time. */
export interface LoggedAuthorization {
  readonly kind: 'authorization';
  readonly id: string;
  readonly at: string;
  /** Its payment, status and attempts, in words. */
  readonly told: string;
}

/** What a log vouches for. */
export type LoggedLine = LoggedSeal | LoggedAuthorization;

/** What is not in a journal as a log tells it. */
export interface MissedLine {
  readonly line: LoggedLine;
  readonly finding: Finding;
}

/** What was looked at in logs. */
export interface LogCounts {
  readonly seals: number;
  readonly authorizations: number;
  /** The newest seal that is in a log and in the journal alike: up to there the journal is the one that the logs tell of. */
  readonly newestShared: LoggedSeal | null;
}

/** Lines of one kind that are asked of the journal at a time. */
const PAGE = 100;
const MISSING = 'docs/lost-commits.md says what to do';

/**
 * Compares what gateways told in their logs with the journal: what was sealed is as it was, and what was told is there.
 * Lines may come in any order, and again.
 * @param missed takes what is not as it was told. A view shows one moment: what was told after it is missed too, so look
 *   again in a later view before it is believed.
 */
export async function verifyLog(
  view: JournalView,
  lines: AsyncIterable<LoggedLine> | Iterable<LoggedLine>,
  missed: (line: MissedLine) => void,
): Promise<LogCounts> {
  let [seals, authorizations] = [0, 0];
  let newestShared: LoggedSeal | null = null;
  const waiting = { seal: [] as LoggedSeal[], authorization: [] as LoggedAuthorization[] };
  const askSeals = async () => {
    for (const { line, finding } of await comparedSeals(view, waiting.seal.splice(0))) {
      if (finding !== null) missed({ line, finding });
      else if (newestShared === null || line.number > newestShared.number) newestShared = line;
    }
  };
  const askAuthorizations = async () => {
    for (const line of await unknownOf(view, waiting.authorization.splice(0))) {
      const what = `the log of ${line.at} tells it (${line.told}), and it is not in the journal`;
      missed({ line, finding: { where: line.id, what, remedy: MISSING } });
    }
  };
  for await (const line of lines) {
    if (line.kind === 'seal') {
      seals += 1;
      if (waiting.seal.push(line) === PAGE) await askSeals();
    } else {
      authorizations += 1;
      if (waiting.authorization.push(line) === PAGE) await askAuthorizations();
    }
  }
  await askSeals();
  await askAuthorizations();
  return { seals, authorizations, newestShared };
}

interface SealRow {
  readonly number: number;
  readonly through_event: number;
  readonly digest: string;
}

async function comparedSeals(
  view: JournalView,
  seals: readonly LoggedSeal[],
): Promise<readonly { readonly line: LoggedSeal; readonly finding: Finding | null }[]> {
  const rows = await view.all<SealRow>(
    `SELECT number, through_event, digest FROM seals WHERE number IN (${PLACES})`,
    ...padded(seals.map(({ number }) => number)),
  );
  const found = new Map(rows.map((row) => [row.number, row]));
  return seals.map((line) => {
    const row = found.get(line.number);
    if (row?.digest === line.digest && row.through_event === line.throughEvent)
      return { line, finding: null };
    const at = line.at === null ? '' : ` of ${line.at}`;
    const what =
      row === undefined ? `is in the log${at}, and not in the journal` : `is another one in the log${at}`;
    const remedy =
      'this is not the journal that wrote the log, it lost what it had acknowledged, or it was written anew: ' +
      `keep it as it is; ${MISSING}`;
    return { line, finding: { where: `seal ${line.number}`, what, remedy } };
  });
}

async function unknownOf(
  view: JournalView,
  lines: readonly LoggedAuthorization[],
): Promise<readonly LoggedAuthorization[]> {
  const rows = await view.all<{ readonly id: string }>(
    `SELECT id FROM authorizations WHERE id IN (${PLACES})`,
    ...padded(lines.map(({ id }) => id)),
  );
  const known = new Set(rows.map(({ id }) => id));
  return lines.filter(({ id }) => !known.has(id));
}

/** One text for all pages, however full, so that the database reads it once. */
const PLACES = Array.from({ length: PAGE }, (_, index) => `?${index + 1}`).join(', ');

function padded<Value>(values: readonly Value[]): readonly (Value | null)[] {
  return Array.from({ length: PAGE }, (_, index) => values[index] ?? null);
}
