import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isCalendarDay } from '../config/calendar-day.ts';
import { checkShape } from '../config/check-shape.ts';
import { loadBinTable } from '../config/default-bin-table.ts';
import { EnvironmentError, readEnvironment } from '../config/environment.ts';
import { formatRulesetError, type RulesetError } from '../config/ruleset-error.ts';
import { readRulesetFolder } from '../config/ruleset-folder.ts';
import { readYamlFile } from '../config/yaml-file.ts';
import { TableCardFacts } from '../core/cards/card-facts.ts';
import { LEARNER_DEFAULTS, type LearnerSettings, type ReplayResult } from '../core/replay/ruleset-replay.ts';
import type { ProviderMove, SegmentResult } from '../core/replay/segment-tally.ts';
import { points, refusalOf } from '../core/replay/verdict.ts';
import { shown } from '../core/rules/rule-problem.ts';
import type { Ruleset } from '../core/rules/ruleset.ts';
import { learnerSettings, learnerSettingsSchema } from '../edge/learner-settings.ts';
import { shownReplayEnd } from '../edge/shown-replay.ts';
import { JournalError, type RecordedPage, type RecordedRange } from '../gateway/ports.ts';
import type { ReplayEnd } from '../gateway/replays.ts';
import { systemClock } from '../guards/system-clock.ts';
import { ReplayRun, readReplayedRules } from '../replay/replay-run.ts';
import { lookAtPostgres } from '../stores/postgres/look-at-postgres.ts';
import { recordedPages } from '../stores/recorded-text.ts';
import { isInUse, messageOf, openingError, openReadOnly } from '../stores/sqlite/database-files.ts';
import { recordedReader } from '../stores/sqlite/recorded-authorizations.ts';
import { printable, printableLines } from './printable.ts';

const USAGE = `Tells what other rules would have come to on the payments of a journal. Nothing is sent, nothing is changed.

usage: npm run replay -- --rules <folder> [--from <time>] [--to <time>] [--data <folder>]
         [--learner <file>] [--seed <number>] [--json]

--rules  the folder with the rules to try, such as a copy of routing-rules/ with an edit
--from   first time, such as 2026-11-01 or 2026-11-01T12:00:00Z (default: the beginning)
--to     end, not included (default: now)
--data   the journal's folder (default: DATA_DIR, else ./data), of a stopped gateway or a snapshot; a gateway that runs
         replays by POST /v1/rulesets/replay. Without it, and with DATABASE_URL: that database, beside those that run
--learner  a YAML file with other settings of the learner, such as exploration_share: 0.05
--seed   what intervals are drawn with (default 1): the same seed, the same figures
--json   the result as JSON instead of tables, as the interface answers it

Payments count by how much likelier these rules are to choose as was chosen, attempt by attempt (self-normalised inverse
propensities); the rules learn as they would have, from the outcomes before each payment.

exit code  0  told, also when the answer is that it cannot be said
           2  it could not be replayed: wrong arguments, bad rules, no journal, a gateway that runs`;

/** Why nothing could be replayed, in words. */
class CannotReplay extends Error {
  override readonly name = 'CannotReplay';
}

interface Asked {
  readonly rules: string;
  /** The journal's folder; null: the database of DATABASE_URL. */
  readonly data: string | null;
  readonly range: RecordedRange;
  readonly seed: number;
  readonly learner: LearnerSettings;
  readonly json: boolean;
}

/** @returns null when help was asked for */
function readArguments(): Asked | null {
  let values: Record<string, string | boolean | undefined>;
  try {
    ({ values } = parseArgs({
      options: {
        rules: { type: 'string' },
        from: { type: 'string' },
        to: { type: 'string' },
        data: { type: 'string' },
        seed: { type: 'string' },
        learner: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    }));
  } catch (error) {
    throw new CannotReplay(`${messageOf(error)}\n\n${USAGE}`);
  }
  if (values['help'] === true) return null;
  const text = (name: string): string | undefined => values[name] as string | undefined;
  const rules = text('rules');
  if (rules === undefined || rules === '') throw new CannotReplay(`--rules is missing\n\n${USAGE}`);
  const seedText = text('seed') ?? '1';
  const seed = /^\d{1,10}$/.test(seedText) ? Number(seedText) : Number.NaN;
  if (!(seed < 2 ** 32)) {
    throw new CannotReplay(`--seed ${shown(seedText)}: expected a whole number from 0 to 4294967295`);
  }
  const range = {
    fromMs: timeOf('from', text('from'), 0),
    toMs: timeOf('to', text('to'), Date.now()),
  };
  if (range.toMs <= range.fromMs) {
    const end = text('to') === undefined ? 'the end, which is now,' : `--to ${text('to')}`;
    throw new CannotReplay(
      `${end} is not after --from ${text('from')}: no payment lies between; expected a later end, or an earlier beginning`,
    );
  }
  return {
    rules,
    data: text('data') ?? (process.env['DATABASE_URL'] ? null : process.env['DATA_DIR'] || './data'),
    range,
    seed,
    learner: learnerIn(text('learner')),
    json: values['json'] === true,
  };
}

function timeOf(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const isTime = /^\d{4}-\d{2}-\d{2}(?:T[\d:.]+Z)?$/.test(text) && isCalendarDay(text);
  const ms = isTime ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) {
    throw new CannotReplay(
      `--${name} ${shown(text)}: expected a day or a time in UTC, such as 2026-11-01 or 2026-11-01T12:00:00Z`,
    );
  }
  return ms;
}

const LEARNER_EXPECTED = 'a name, a colon and a value on each line, such as exploration_share: 0.05';

/** Lines that are neither blank nor a comment, by their number from 1. */
function contentLines(text: string): readonly { readonly line: number; readonly words: string }[] {
  return text
    .split('\n')
    .map((words, index) => ({ line: index + 1, words: words.trim() }))
    .filter(({ words }) => words !== '' && !words.startsWith('#'));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @param path undefined: as this version learns */
function learnerIn(path: string | undefined): LearnerSettings {
  if (path === undefined) return LEARNER_DEFAULTS;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new CannotReplay(`--learner ${path}: cannot be read (${messageOf(error)})`);
  }
  const refuse = (errors: readonly RulesetError[]) =>
    new CannotReplay(
      `the settings of the learner are refused:\n${errors.map(formatRulesetError).join('\n')}`,
    );
  if (contentLines(text).length === 0) {
    throw new CannotReplay(`--learner ${path}: nothing stands in it; expected ${LEARNER_EXPECTED}`);
  }
  const reading = readYamlFile(path, text);
  const isMap = reading.kind === 'read' && isRecord(reading.file.value);
  const bare = isMap
    ? undefined
    : contentLines(text).find(({ words }) => /^[\w.-]+(?:[ \t]+[^:]*)?$/.test(words));
  if (bare !== undefined) {
    throw new CannotReplay(
      `--learner ${path}:${bare.line}:1: a line without a colon, ${shown(bare.words)}; expected ${LEARNER_EXPECTED}`,
    );
  }
  if (reading.kind === 'refused') throw refuse(reading.errors);
  if (!isMap) throw new CannotReplay(`--learner ${path}: no settings; expected ${LEARNER_EXPECTED}`);
  const shape = checkShape(learnerSettingsSchema, reading.file.value);
  if (shape.kind !== 'good') throw refuse(shape.problems.map(reading.file.locate));
  return learnerSettings(shape.data);
}

const RULES_EXPECTED = 'a folder with providers.yaml and rules.yaml, such as a copy of routing-rules/';

async function rulesetIn(folder: string): Promise<Ruleset> {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new CannotReplay(`--rules ${folder} is no folder that can be read; expected ${RULES_EXPECTED}`);
  }
  for (const name of ['providers.yaml', 'rules.yaml']) {
    if (statSync(join(folder, name), { throwIfNoEntry: false }) !== undefined) continue;
    throw new CannotReplay(`--rules ${folder} has no ${name}; expected ${RULES_EXPECTED}`);
  }
  const reading = await readRulesetFolder(folder);
  const valid = reading.kind === 'refused' ? reading : readReplayedRules(reading.files);
  if (valid.kind === 'good') return valid.ruleset;
  throw new CannotReplay(
    `the rules in ${folder} are refused:\n${valid.errors.map(formatRulesetError).join('\n')}`,
  );
}

/** Reads pages of the payments of a range. */
type PageReader = (after: number, limit: number) => RecordedPage | Promise<RecordedPage>;

/** What the journal's payments come to under the rules. */
async function replay(asked: Asked, ruleset: Ruleset, cards: TableCardFacts): Promise<ReplayEnd> {
  const { seed, learner } = asked;
  const run = new ReplayRun({ ruleset, cards, seed, learner });
  await reading(asked, async (read) => {
    const bar = progressBar();
    for await (const { authorizations, progress } of recordedPages(read)) {
      for (const authorization of authorizations) run.add(authorization);
      bar.show(progress, authorizations.length);
    }
    bar.end();
  });
  return run.end();
}

async function reading({ data, range }: Asked, work: (read: PageReader) => Promise<void>): Promise<void> {
  if (data === null) return readingPostgres(range, work);
  const path = join(data, 'journal.sqlite');
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0) {
    throw new CannotReplay(`${path} is not there, or empty; expected the folder of DATA_DIR`);
  }
  try {
    const { database, close } = openReadOnly(path);
    try {
      await work(recordedReader(database, range));
    } finally {
      close();
    }
  } catch (error) {
    if (!isInUse(error)) throw new CannotReplay(openingError(error, path).message);
    throw new CannotReplay(
      `${data} is in use by a gateway: ask it with POST /v1/rulesets/replay, or name a snapshot of the folder with --data`,
    );
  }
}

/** In one snapshot, beside the gateways that run. */
async function readingPostgres(
  range: RecordedRange,
  work: (read: PageReader) => Promise<void>,
): Promise<void> {
  try {
    await lookAtPostgres(process.env['DATABASE_URL'] ?? '', systemClock, ({ reads }) =>
      work((after, limit) => reads.recordedPage(range, after, limit)),
    );
  } catch (error) {
    if (!(error instanceof JournalError)) throw error;
    throw new CannotReplay(`the journal cannot be read: ${error.message}`);
  }
}

/** Told on a terminal only: what is piped on stays clean. */
function progressBar() {
  const width = 40;
  let done = 0;
  const isShown = process.stderr.isTTY === true;
  return {
    show(progress: number, payments: number) {
      done += payments;
      if (!isShown) return;
      const filled = Math.floor(progress * width);
      const bar = '#'.repeat(filled) + '.'.repeat(width - filled);
      process.stderr.write(`\r[${bar}] ${Math.floor(progress * 100)} %, ${done} payments`);
    },
    end() {
      if (isShown) process.stderr.write('\r\u001b[K');
    },
  };
}

/** Moves that are listed. */
const MOVES_SHOWN = 20;

function tell({ verdict, result }: ReplayEnd): void {
  const { all, segments, rules } = result;
  console.log(`${printable(verdict.sentence)}\n`);
  tellCounts(result);
  const head = [
    'count',
    'recorded',
    'these rules',
    'from',
    'to',
    'difference',
    'support',
    'cost bps',
    'then',
  ];
  table(['payments of', ...head], [all, ...segments].map(rowOf));
  console.log('');
  table(['payments by rule', ...head], rules.map(rowOf));
  tellMoves([...segments, ...rules]);
  console.log('\nFirst attempts by provider, as recorded and by these rules:\n');
  table(
    ['payments of', 'provider', 'recorded', 'these rules'],
    [all, ...segments].flatMap(({ segment, providers }) =>
      providers.map(({ provider, recorded, replayed }) => [
        segment,
        provider,
        rate(recorded),
        rate(replayed),
      ]),
    ),
  );
}

function tellCounts({
  all,
  unresolved,
  unrouted,
  withoutPropensity,
  cutShort,
  ...result
}: ReplayResult): void {
  const { payments, effectiveSampleSize, largestShare, inversePropensity, leftOut } = all.approval;
  console.log(
    `${payments} payments; the estimate rests on ${Math.floor(effectiveSampleSize)}, one carries at most ` +
      `${(largestShare * 100).toFixed(1)} % of the weight. Without normalisation (IPS): ${rate(inversePropensity)}.`,
  );
  console.log(
    `Not known yet: ${unresolved} (count as not approved). Sent nowhere by these rules: ${unrouted} (the same). ` +
      `Ended where these rules would try on: ${cutShort}. Without a probability of choice, left out: ${withoutPropensity}. ` +
      `In arms of experiments that tell nothing: ${leftOut} (their like stand for them).`,
  );
  const parts = result.unsupported.map(
    ({ provider, share, isNew }) => `${printable(provider)} ${rate(share)}${isNew ? ', new' : ''}`,
  );
  if (parts.length > 0) {
    console.log(
      `Not supported: ${rate(all.approval.unsupportedShare)} of these rules' choices the record cannot have made ` +
        `(${parts.join('; ')}).`,
    );
  }
  for (const provider of result.gone) {
    console.log(
      `Gone: ${printable(provider)} was tried in the record, and is not there, or disabled, in these rules.`,
    );
  }
  console.log('');
}

function tellMoves(segments: readonly SegmentResult[]): void {
  const moves = segments
    .flatMap((segment) => segment.moves.map((move) => ({ segment, move })))
    .toSorted((one, other) => other.move.approval.payments - one.move.approval.payments);
  if (moves.length === 0) {
    console.log('\nNo payment has another likeliest first provider.');
    return;
  }
  console.log('\nPayments whose likeliest first provider is another one, the largest first:\n');
  table(
    ['payments of', 'from', 'to', 'count', 'share', 'recorded', 'these rules', 'difference', 'from', 'to'],
    moves.slice(0, MOVES_SHOWN).map(({ segment, move }) => moveRow(segment, move)),
  );
  if (moves.length > MOVES_SHOWN) console.log(`and ${moves.length - MOVES_SHOWN} more: --json lists them`);
}

function moveRow(
  { kind, segment }: SegmentResult,
  { from, to, share, approval }: ProviderMove,
): readonly string[] {
  const isKnown = refusalOf(approval) === null;
  return [
    kind === 'rule' ? `rule ${segment}` : segment,
    from,
    to ?? 'nobody',
    String(approval.payments),
    rate(share),
    rate(approval.recorded),
    isKnown ? rate(approval.selfNormalised) : 'cannot say',
    isKnown ? points(approval.difference ?? 0) : '',
    isKnown ? points(approval.differenceInterval?.low ?? 0) : '',
    isKnown ? points(approval.differenceInterval?.high ?? 0) : '',
  ];
}

function rowOf({ segment, approval, costBasisPoints: cost }: SegmentResult): readonly string[] {
  const { payments, recorded, selfNormalised, interval } = approval;
  const isKnown = refusalOf(approval) === null;
  return [
    segment,
    String(payments),
    rate(recorded),
    isKnown ? rate(selfNormalised) : 'cannot say',
    isKnown ? rate(interval?.low ?? null) : '',
    isKnown ? rate(interval?.high ?? null) : '',
    isKnown ? points(approval.difference ?? 0) : '',
    String(Math.floor(approval.effectiveSampleSize)),
    cost.recorded === null ? '' : cost.recorded.toFixed(1),
    isKnown && cost.replayed !== null ? cost.replayed.toFixed(1) : '',
  ];
}

function rate(share: number | null): string {
  return share === null ? '' : `${(share * 100).toFixed(2)} %`;
}

/** The first column to the left, the others to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const all = [head, ...rows].map((row) => row.map(printable));
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  for (const row of all) {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
    console.log(cells.join('  ').trimEnd());
  }
}

async function run(): Promise<number> {
  try {
    const asked = readArguments();
    if (asked === null) {
      console.log(USAGE);
      return 0;
    }
    const ruleset = await rulesetIn(asked.rules);
    const cards = new TableCardFacts(await loadBinTable(readEnvironment(process.env).settings.binTables));
    const end = await replay(asked, ruleset, cards);
    if (asked.json) console.log(printableLines(JSON.stringify(shownReplayEnd(end), null, 2)));
    else tell(end);
    return 0;
  } catch (error) {
    if (!(error instanceof CannotReplay) && !(error instanceof EnvironmentError)) throw error;
    console.error(printableLines(`replay: ${error.message}`));
    return 2;
  }
}

process.exitCode = await run();
