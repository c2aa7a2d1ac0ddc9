import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readSecretFile } from '../config/credentials.ts';
import { loadDeclineTables } from '../config/decline-tables.ts';
import { feesNotCounted } from '../config/fees-not-counted.ts';
import { missingCredentials, missingText, PLACEHOLDER } from '../config/missing-credentials.ts';
import { providerPlaces, type WhereIs } from '../config/provider-places.ts';
import { formatRulesetError, type RulesetError } from '../config/ruleset-error.ts';
import { readRulesetFolder } from '../config/ruleset-folder.ts';
import { loadSchemeRules } from '../config/scheme-limits.ts';
import { setupErrors } from '../config/setup-errors.ts';
import { validateRulesetFiles } from '../config/validate-ruleset-files.ts';
import type { DeclineTables } from '../core/declines/decline-tables.ts';
import { eventsRefused } from '../core/rules/account-names.ts';
import type { Ruleset } from '../core/rules/ruleset.ts';
import { systemClock } from '../guards/system-clock.ts';
import { type SetupProblem, setupProblems } from '../providers/setup-problems.ts';
import { printable } from './printable.ts';

const USAGE = `Checks a folder of rules as the gateway would read it, outcomes/ and scheme-limits.yaml included.

usage: npm run check-rules [-- <folder>]        (default ./routing-rules)

A secret that is not there is a warning, not an error, so that this runs where no secrets are, as in CI; the gateway
itself refuses to start without it. A last line names all that are missing, by provider.

exit code  0  the gateway would take the folder
           1  it would refuse it: every problem is told with file:line:column, but those of the folder itself (a file that
              is misnamed, unreadable or too large) alone, before what is in the files
           2  wrong arguments`;

/** What a check found. */
interface Findings {
  readonly errors: readonly RulesetError[];
  /** Secrets that are not there. */
  readonly warnings: readonly RulesetError[];
  /** What is missing, by provider, in a line; empty when nothing is. */
  readonly missing: string;
  /** What is good and may still not be meant. */
  readonly notes: readonly RulesetError[];
  /** What is to be known of experiments. */
  readonly remarks: readonly string[];
  /** How many rules and providers there are; empty when the folder is refused. */
  readonly summary: string;
}

async function findingsIn(folder: string): Promise<Findings> {
  const outcomes = await loadDeclineTables(folder);
  const limits = await loadSchemeRules(folder);
  const atStart = [outcomes, limits].flatMap((read) => (read.kind === 'refused' ? read.errors : []));
  const reading = await readRulesetFolder(folder);
  if (reading.kind === 'refused') {
    return {
      errors: [...reading.errors, ...atStart],
      warnings: [],
      missing: '',
      notes: [],
      remarks: [],
      summary: '',
    };
  }
  const sources = { environment: process.env, readFile: readSecretFile };
  const strict = validateRulesetFiles(reading.files, sources);
  const lenient = validateRulesetFiles(reading.files, { ...sources, placeholder: PLACEHOLDER });
  const providers = lenient.kind === 'refused' ? lenient.providers : lenient.ruleset.providers;
  const whereIs = providerPlaces(reading.files['providers.yaml'] ?? '');
  // Accounts are looked at whatever the outcomes are worth: the shipped ones are sound.
  const tables = outcomes.kind === 'read' ? outcomes : await loadDeclineTables(null);
  const absent = missingCredentials({ providers });
  const errors = [
    ...(lenient.kind === 'refused' ? lenient.errors : []),
    ...(tables.kind === 'read' ? setupErrors(problemsWith(providers, tables.tables), absent, whereIs) : []),
  ];
  // What only the strict reading has against the files is that secrets are missing.
  const known = new Set(errors.map(formatRulesetError));
  const all = strict.kind === 'refused' ? strict.errors : [];
  const warnings = all.filter((error) => !known.has(formatRulesetError(error)));
  const missing = missingText(absent);
  return {
    errors: [...errors, ...atStart],
    warnings,
    missing,
    notes: [
      ...eventNotes(providers, whereIs),
      ...(lenient.kind === 'refused' ? [] : feeNotes(lenient.ruleset, whereIs)),
    ],
    remarks: lenient.kind === 'refused' ? [] : lenient.ruleset.experiments.notes,
    summary: lenient.kind === 'refused' ? '' : summaryOf(lenient.ruleset),
  };
}

type Providers = Ruleset['providers'];

/** Why accounts cannot be built. */
function problemsWith(providers: Providers, tables: DeclineTables): readonly SetupProblem[] {
  return setupProblems({ providers }, { clock: systemClock, declineTables: () => tables });
}

/** Providers whose events cannot be verified: good, and seldom meant. */
function eventNotes(providers: Providers, whereIs: WhereIs): readonly RulesetError[] {
  return [...providers].flatMap(([id, contract]) => {
    const refused = eventsRefused(contract);
    if (refused === null) return [];
    const { what, remedy } = refused;
    const expected = `one where the provider sends events to /v1/webhooks/${id}`;
    return [whereIs(id, 'adapter', { what: `"${id}" has ${what}`, expected, remedy })];
  });
}

/** Fees that are good, and make a provider look cheaper than it is. */
function feeNotes(ruleset: Ruleset, whereIs: WhereIs): readonly RulesetError[] {
  return feesNotCounted(ruleset, systemClock.wallMs()).map(({ provider, currency, payments, untilMs }) => {
    const what = `the fixed fee in ${currency} of "${provider}" counts as 0 for payments in ${payments?.join(', ') ?? 'any other currency'}`;
    return untilMs === null
      ? whereIs(provider, 'fees', {
          what,
          expected:
            'rates of both currencies in the newest rates of fx.yaml, or the provider looks cheaper than it is',
          remedy: `add a rate of ${currency} to fx.yaml`,
        })
      : whereIs(provider, 'fees', {
          what: `${what} until ${new Date(untilMs).toISOString().slice(0, 10)}, when the first rates of fx.yaml for it begin`,
          expected: 'rates of both currencies for today too, or the provider looks cheaper than it is',
          remedy: `add the rates of today, or of an earlier day, to fx.yaml`,
        });
  });
}

function summaryOf({ rules, providers, experiments }: Ruleset): string {
  const all = [counted(rules.length, 'rule'), counted(providers.size, 'provider')];
  const running = experiments.list.filter(({ status }) => status === 'running').length;
  if (running > 0) all.push(`${counted(running, 'experiment')} running`);
  return all.join(', ');
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** @returns the exit code */
async function checkRules(folder: string): Promise<number> {
  const found = await stat(folder).catch(() => null);
  if (found?.isDirectory() !== true) {
    console.error(
      `check-rules: ${printable(folder)} is no folder that can be read; expected a folder with providers.yaml and rules.yaml`,
    );
    return 1;
  }
  const { errors, warnings, missing, notes, remarks, summary } = await findingsIn(folder);
  const line = (error: RulesetError) =>
    printable(formatRulesetError({ ...error, file: join(folder, error.file) }));
  for (const warning of warnings) console.error(`warning: ${line(warning)}`);
  for (const note of notes) console.error(`note: ${line(note)}`);
  for (const remark of remarks) console.error(`note: ${printable(remark)}`);
  for (const error of errors) console.log(line(error));
  if (missing !== '') console.error(`missing: ${printable(missing)}`);
  if (errors.length > 0) {
    console.error(`refused: ${counted(errors.length, 'problem')} in ${printable(folder)}`);
    return 1;
  }
  console.log(`ok: ${summary}`);
  return 0;
}

const args = process.argv.slice(2);
if (args.includes('--help')) {
  console.log(USAGE);
} else if (args.length > 1 || args.some((arg) => arg.startsWith('-') || arg === '')) {
  const option = args.find((arg) => arg.startsWith('-'));
  const wrong =
    option === undefined
      ? args.includes('')
        ? 'an empty word where a folder is expected'
        : `${args.length} folders (${args.join(', ')}), where one is expected`
      : `there is no option ${option}`;
  console.error(`check-rules: ${printable(wrong)}\n\n${USAGE}`);
  process.exitCode = 2;
} else {
  process.exitCode = await checkRules(args[0] ?? './routing-rules');
}
