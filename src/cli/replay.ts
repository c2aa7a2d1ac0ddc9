import { statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isCalendarDay } from '../config/calendar-day.ts';
import { readSecretFile } from '../config/credentials.ts';
import { loadBinTable } from '../config/default-bin-table.ts';
import { EnvironmentError, readEnvironment } from '../config/environment.ts';
import { PLACEHOLDER } from '../config/missing-credentials.ts';
import { formatRulesetError } from '../config/ruleset-error.ts';
import { readRulesetFolder } from '../config/ruleset-folder.ts';
import { validateRulesetFiles } from '../config/validate-ruleset-files.ts';
import { TableCardFacts } from '../core/cards/card-facts.ts';
import { type ReplayResult, RulesetReplay, type SegmentResult } from '../core/replay/ruleset-replay.ts';
import { verdictOf } from '../core/replay/verdict.ts';
import { shown } from '../core/rules/rule-problem.ts';
import type { Ruleset } from '../core/rules/ruleset.ts';
import { routingFacts } from '../gateway/routing-facts.ts';
import { isInUse, messageOf, openingError, openReadOnly } from '../stores/sqlite/database-files.ts';
import {
  countRecorded,
  recordedAuthorizations,
  type TimeRange,
} from '../stores/sqlite/recorded-authorizations.ts';
import { seededUnit } from './seeded-unit.ts';

const USAGE = `Tells what other rules would have come to on the payments of a journal. Nothing is sent, nothing is changed.

usage: npm run replay -- --rules <folder> [--from <time>] [--to <time>] [--data <folder>] [--seed <number>] [--json]

--rules  the folder with the rules to try, such as a copy of routing-rules/ with an edit
--from   first time, such as 2026-11-01 or 2026-11-01T12:00:00Z (default: the beginning)
--to     end, not included (default: now)
--data   the journal's folder (default: DATA_DIR, else ./data), of a stopped gateway or a snapshot
--seed   what intervals are drawn with (default 1): the same seed, the same figures
--json   the result as JSON instead of tables

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
  readonly data: string;
  readonly range: TimeRange;
  readonly seed: number;
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
    data: text('data') ?? (process.env['DATA_DIR'] || './data'),
    range,
    seed,
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

async function rulesetIn(folder: string): Promise<Ruleset> {
  const reading = await readRulesetFolder(folder);
  const sources = { environment: process.env, readFile: readSecretFile, placeholder: PLACEHOLDER };
  const valid = reading.kind === 'refused' ? reading : validateRulesetFiles(reading.files, sources);
  if (valid.kind === 'good') return valid.ruleset;
  throw new CannotReplay(
    `the rules in ${folder} are refused:\n${valid.errors.map(formatRulesetError).join('\n')}`,
  );
}

/** What the journal's payments come to under the rules. */
function replay({ data, range, seed }: Asked, ruleset: Ruleset, cards: TableCardFacts): ReplayResult {
  const path = join(data, 'journal.sqlite');
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0) {
    throw new CannotReplay(`${path} is not there, or empty; expected the folder of DATA_DIR`);
  }
  const replayed = new RulesetReplay({ ruleset, random: seededUnit(seed) });
  try {
    const { database, close } = openReadOnly(path);
    try {
      const count = countRecorded(database, range);
      const bar = progressBar(count);
      for (const authorization of recordedAuthorizations(database, range)) {
        const { request, createdAtMs } = authorization;
        const facts = routingFacts(request, cards.factsOf(request.card), createdAtMs);
        replayed.add({ authorization, facts });
        bar.step();
      }
      bar.end();
    } finally {
      close();
    }
  } catch (error) {
    if (!isInUse(error)) throw new CannotReplay(openingError(error, path).message);
    throw new CannotReplay(
      `${data} is in use by a gateway: stop it first, or name a snapshot of the folder with --data`,
    );
  }
  return replayed.result();
}

/** Told on a terminal only: what is piped on stays clean. */
function progressBar(count: number) {
  const width = 40;
  let done = 0;
  let shown = -1;
  const isShown = process.stderr.isTTY === true && count > 0;
  return {
    step() {
      done += 1;
      const filled = Math.floor((done / Math.max(1, count)) * width);
      if (!isShown || filled === shown) return;
      shown = filled;
      process.stderr.write(
        `\r[${'#'.repeat(filled)}${'.'.repeat(width - filled)}] ${done} of ${count} payments`,
      );
    },
    end() {
      if (isShown) process.stderr.write('\r\u001b[K');
    },
  };
}

function tell(result: ReplayResult): void {
  const { all, segments, unresolved, unrouted, withoutPropensity, cutShort } = result;
  const { payments, effectiveSampleSize, largestShare, inversePropensity } = all.approval;
  console.log(verdictOf(result).sentence);
  console.log(
    `\n${payments} payments; the estimate rests on ${Math.floor(effectiveSampleSize)}, one carries at most ` +
      `${(largestShare * 100).toFixed(1)} % of the weight. Without normalisation (IPS): ${rate(inversePropensity)}.`,
  );
  console.log(
    `Not known yet: ${unresolved} (count as not approved). Sent nowhere by these rules: ${unrouted} (the same). ` +
      `Ended where these rules would try on: ${cutShort}. Without a probability of choice, left out: ${withoutPropensity}.\n`,
  );
  table(
    ['payments of', 'count', 'recorded', 'these rules', 'from', 'to', 'support', 'cost bps', 'then'],
    [all, ...segments].map(rowOf),
  );
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

function rowOf({ segment, approval, costBasisPoints: cost }: SegmentResult): readonly string[] {
  const { payments, recorded, selfNormalised, interval, supported } = approval;
  const known = supported && selfNormalised !== null;
  return [
    segment,
    String(payments),
    rate(recorded),
    known ? rate(selfNormalised) : 'cannot say',
    known ? rate(interval?.low ?? null) : '',
    known ? rate(interval?.high ?? null) : '',
    String(Math.floor(approval.effectiveSampleSize)),
    cost.recorded === null ? '' : cost.recorded.toFixed(1),
    known && cost.replayed !== null ? cost.replayed.toFixed(1) : '',
  ];
}

function rate(share: number | null): string {
  return share === null ? '' : `${(share * 100).toFixed(2)} %`;
}

/** The first column to the left, the others to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const all = [head, ...rows];
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
    const result = replay(asked, ruleset, cards);
    if (asked.json) console.log(JSON.stringify({ verdict: verdictOf(result), ...result }, null, 2));
    else tell(result);
    return 0;
  } catch (error) {
    if (!(error instanceof CannotReplay) && !(error instanceof EnvironmentError)) throw error;
    console.error(`replay: ${error.message}`);
    return 2;
  }
}

process.exitCode = await run();
