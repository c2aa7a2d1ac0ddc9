import { styleText } from 'node:util';
import { currencyExponent } from '../../core/money.ts';
import { type Audit, type Finding, passes } from './audit.ts';
import { count, milliseconds, percent } from './figures.ts';
import type { AuthorizationAnswer } from './gateway-client.ts';
import { percentile } from './percentile.ts';
import { PHASES } from './phases.ts';
import type { SecondLooks, SentPayment, Traffic } from './send-payments.ts';
import { columnsOf, textTable } from './text-table.ts';

type Attempt = AuthorizationAnswer['attempts'][number];

/** Rows of a list that the audit prints. */
const LISTED_MAX = 12;

/** What the run showed, in plain text of at most 100 columns. Colours as the standard output takes them. */
export function reportLines(traffic: Traffic): string[] {
  const { sent, looks, tookMs } = traffic;
  const rate = Math.round(sent.length / (tookMs / 1000));
  return [
    ...section('WHAT THE SHOP SAW', [
      'One answer for each payment, whatever the providers did. Rescued: approved, but not at the first',
      'provider tried. Pending: the outcome is not known, and the gateway does not pretend it is.',
      'Failed: certain to have been processed by nobody. Times in milliseconds.',
    ]),
    ...phaseTable(sent),
    '',
    `  ${count(sent.length)} payments in ${(tookMs / 1000).toFixed(1)} s, ${rate} a second`,
    `  by rule: ${listed(sent.flatMap(({ answer }) => answer?.routing.rule ?? []))}`,
    ...otherLines(sent),
    ...section('PROVIDERS', [
      'Requests, one for each attempt. Rate: approved of those that got a yes or a no. Rejected (not',
      'processed) and not_sent have certainly moved no money; unknown may have. Times in milliseconds.',
    ]),
    ...providerTable(sent),
    ...section('FAILOVERS', [
      'Another provider is tried only if this one cannot have taken the money: never reached, refused the',
      'request unprocessed, or declined it with a code that is worth a second try. Never after an unknown.',
      '(The sandbox draws every try afresh: real issuers say yes to a second one less often.)',
    ]),
    ...failoverTable(sent),
    ...passedOverLines(sent),
    ...notFailedOverLines(sent),
    ...section('ASKED TWICE', [
      'A shop that repeats a request gets the first answer back, byte for byte. With another key for a',
      'payment that is approved or pending it is refused (409 payment-live): nothing is sent a second time.',
    ]),
    ...lookTable(looks),
  ];
}

function section(title: string, explanation: readonly string[]): string[] {
  return ['', styleText('bold', title), ...explanation, ''];
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line, index) => (index === 0 ? styleText('dim', `  ${line}`) : `  ${line}`));
}

const NAMED_STATUSES = ['approved', 'declined', 'pending', 'failed'] as const;

function phaseTable(sent: readonly SentPayment[]): string[] {
  const rows = PHASES.map(({ name }) =>
    phaseRow(
      name,
      sent.filter(({ phase }) => phase === name),
    ),
  );
  const titles = ['phase', 'sent', ...NAMED_STATUSES, 'other', 'approval', 'rescued', ...PERCENTILE_TITLES];
  return indented(textTable(columnsOf(titles), [...rows, phaseRow('all', sent)]));
}

function phaseRow(name: string, sent: readonly SentPayment[]): string[] {
  const named = NAMED_STATUSES.map((status) => sent.filter(({ answer }) => answer?.status === status).length);
  const other = sent.length - sum(named);
  const rescued = sent.filter(
    ({ answer }) => answer?.status === 'approved' && answer.attempts.length > 1,
  ).length;
  return [
    name,
    ...[sent.length, ...named, other].map(count),
    percent(named[0] ?? 0, sent.length),
    count(rescued),
    ...percentiles(sent.map(({ latencyMs }) => latencyMs)),
  ];
}

const PERCENTILE_TITLES = ['p50', 'p95', 'p99'];

function percentiles(values: readonly number[]): string[] {
  const sorted = values.toSorted((left, right) => left - right);
  return [0.5, 0.95, 0.99].map((share) => milliseconds(percentile(sorted, share)));
}

/** What stands in the column `other`, by name. */
function otherLines(sent: readonly SentPayment[]): string[] {
  const others = sent.flatMap(({ answer, refusal }) => {
    const name = answer?.status ?? refusal ?? '-';
    return NAMED_STATUSES.some((status) => status === name) ? [] : name;
  });
  return others.length === 0 ? [] : [`  other: ${listed(others)}`];
}

const OUTCOMES = ['approved', 'declined', 'rejected', 'not_sent', 'unknown'] as const;

function providerTable(sent: readonly SentPayment[]): string[] {
  const attempts = sent.flatMap(({ answer }) => answer?.attempts ?? []);
  const names = [...new Set(attempts.map(({ provider }) => provider))].sort();
  const rows = names.map((name) =>
    providerRow(
      name,
      attempts.filter(({ provider }) => provider === name),
    ),
  );
  const titles = ['provider', 'sent', ...OUTCOMES, 'other', 'rate', ...PERCENTILE_TITLES];
  return indented(textTable(columnsOf(titles), [...rows, providerRow('all', attempts)]));
}

function providerRow(name: string, attempts: readonly Attempt[]): string[] {
  const having = (kind: string): number => attempts.filter(({ outcome }) => outcome === kind).length;
  const named = OUTCOMES.map(having);
  const other = attempts.length - sum(named);
  const answered = having('approved') + having('declined');
  return [
    name,
    ...[attempts.length, ...named, other].map(count),
    percent(having('approved'), answered),
    ...percentiles(attempts.flatMap(({ duration_ms: duration }) => duration ?? [])),
  ];
}

function failoverTable(sent: readonly SentPayment[]): string[] {
  const failovers = sent.flatMap(({ answer }) => (answer === null ? [] : failoversOf(answer)));
  if (failovers.length === 0) return ['  none'];
  const name = (failover: Failover): string => [failover.from, failover.outcome, failover.code].join('\t');
  const rows = tally(failovers.map(name)).map(([key, total]) => {
    const approved = failovers.filter((failover) => name(failover) === key && failover.approved).length;
    return [...key.split('\t'), count(total), count(approved), percent(approved, total)];
  });
  const approved = failovers.filter((failover) => failover.approved).length;
  const all = ['all', '', '', count(failovers.length), count(approved), percent(approved, failovers.length)];
  const titles = ['away from', 'outcome', 'code', 'failovers', 'next approved', 'share'];
  return indented(textTable(columnsOf(titles, 3), [...rows, all]));
}

interface Failover {
  readonly from: string;
  readonly outcome: string;
  readonly code: string;
  /** Whether the next attempt was approved. */
  readonly approved: boolean;
}

function failoversOf(answer: AuthorizationAnswer): Failover[] {
  return answer.attempts.slice(1).flatMap((next, index) => {
    const failed = answer.attempts[index];
    if (failed === undefined) return [];
    const approved = next.outcome === 'approved';
    return { from: failed.provider, outcome: failed.outcome ?? '-', code: failed.code ?? '-', approved };
  });
}

/** Providers that were not asked although they might have been: the work of breakers, limits and health. */
function passedOverLines(sent: readonly SentPayment[]): string[] {
  const passed = sent.flatMap(({ answer }) =>
    (answer?.routing.candidates ?? []).flatMap(({ provider, eligible, reason }) =>
      eligible && reason !== null ? `${provider} ${reason}` : [],
    ),
  );
  return passed.length === 0 ? [] : ['', `  Passed over without a request: ${listed(passed)}`];
}

/** Payments that ended at their first provider although it had not processed them: the retry budget's work. */
function notFailedOverLines(sent: readonly SentPayment[]): string[] {
  const stopped = sent.filter(({ answer }) => answer?.status === 'failed' && answer.attempts.length === 1);
  if (stopped.length === 0) return [];
  return [
    '',
    `  Failed at their first provider, without another try: ${count(stopped.length)}. Technical failovers are bounded to a`,
    '  share of the traffic, so that an outage does not bury the providers that still stand.',
  ];
}

function lookTable(looks: SecondLooks): string[] {
  const identical = looks.repeats - looks.repeatsDiffering.length;
  const refused = looks.secondKeys - looks.secondKeysTaken.length;
  const rows = [
    [
      'the same request again',
      count(looks.repeats),
      `${count(identical)} identical`,
      verdict(looks.repeatsDiffering),
    ],
    [
      'another key, same payment',
      count(looks.secondKeys),
      `${count(refused)} refused`,
      verdict(looks.secondKeysTaken),
    ],
  ];
  return indented(textTable(columnsOf(['', 'asked', 'answer', '']), rows));
}

function verdict(references: readonly unknown[]): string {
  return references.length === 0 ? 'ok' : 'WRONG';
}

/** The comparison with the providers' books, and the result in a sentence. */
export function auditLines(found: Audit, traffic: Traffic): string[] {
  const rows: string[][] = [
    ['payments compared', count(found.payments), ''],
    ['authorized at more than one place', count(found.doubles.length), verdict(found.doubles)],
    ['approved answers', count(found.approved), ''],
    ['  without that authorization, live, in the books', ...counted(found.approvedNotLive)],
    ['declined, failed or refused', count(found.negative), ''],
    ['  with money held all the same', ...counted(found.negativeButLive)],
    ['pending, outcome not known', count(found.openHeld.length + found.openNotHeld.length), ''],
    ['  money is held', count(found.openHeld.length), ''],
    ['  no money is held', count(found.openNotHeld.length), ''],
    ['in the books, but never sent', ...counted(found.strangers)],
  ];
  const table = textTable(
    [
      { title: '', align: 'left' },
      { title: 'payments', align: 'right' },
      { title: '', align: 'left' },
    ],
    rows,
  );
  const codes = new Map(traffic.sent.map(({ payment, answer }) => [payment.reference, lastCode(answer)]));
  return [
    ...section('AUDIT', [
      "Every answer against the providers' own books (the sandbox ledgers), over all providers.",
    ]),
    ...indented(table),
    ...findings('AUTHORIZED TWICE', found.doubles, codes),
    ...findings('APPROVED, BUT NOT IN THE BOOKS', found.approvedNotLive, codes),
    ...findings('DENIED, BUT MONEY IS HELD', found.negativeButLive, codes),
    ...findings(
      'Pending, and money is held: to fail over would have charged these twice',
      found.openHeld,
      codes,
    ),
    ...findings('Pending, and no money is held: from outside nobody could tell', found.openNotHeld, codes),
    '',
    result(found, traffic.looks),
  ];
}

function counted(list: readonly unknown[]): [string, string] {
  return [count(list.length), verdict(list)];
}

function lastCode(answer: AuthorizationAnswer | null): string {
  const last = answer?.attempts.at(-1);
  return last === undefined
    ? '-'
    : [last.outcome ?? 'open', last.code].filter((part) => part !== null).join(', ');
}

function findings(title: string, list: readonly Finding[], codes: ReadonlyMap<string, string>): string[] {
  if (list.length === 0) return [];
  const rows = list
    .toSorted((left, right) => (left.claimed.reference < right.claimed.reference ? -1 : 1))
    .slice(0, LISTED_MAX)
    .map(({ claimed, live }) => [
      majorUnits(claimed.value, claimed.currency),
      claimed.reference,
      claimed.provider ?? '-',
      claimed.status === 'pending'
        ? (codes.get(claimed.reference) ?? '-')
        : (claimed.status ?? 'refused').replaceAll('_', ' '),
      live.map(({ provider, id }) => `${provider} ${id}`).join(', ') || 'nothing',
    ]);
  const [amount, ...texts] = columnsOf(['amount', 'reference', 'asked', 'outcome', 'in the books'], 5);
  const columns = amount === undefined ? [] : [{ ...amount, align: 'right' as const }, ...texts];
  const more = list.length - rows.length;
  return [
    '',
    `  ${title}`,
    ...indented(textTable(columns, rows)),
    ...(more > 0 ? [`  and ${count(more)} more`] : []),
  ];
}

function majorUnits(value: number, currency: string): string {
  const exponent = currencyExponent(currency);
  const digits = { minimumFractionDigits: exponent, maximumFractionDigits: exponent };
  return `${(value / 10 ** exponent).toLocaleString('en-US', digits)} ${currency}`;
}

/** Whether the run kept every promise that it looks at. */
export function promisesKept(found: Audit, looks: SecondLooks): boolean {
  return passes(found) && looks.repeatsDiffering.length === 0 && looks.secondKeysTaken.length === 0;
}

function result(found: Audit, looks: SecondLooks): string {
  if (promisesKept(found, looks)) {
    const text =
      `PASSED: ${count(found.payments)} payments, none authorized twice; all ${count(found.approved)} approved ` +
      'answers are live exactly once.';
    return styleText(['bold', 'green'], text);
  }
  return styleText(['bold', 'red'], 'FAILED: answers and books disagree; the lines marked WRONG say where.');
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** `fallback 2,374, us-shared 393` */
function listed(values: readonly string[]): string {
  return tally(values)
    .map(([name, times]) => `${name} ${count(times)}`)
    .join(', ');
}

/** Values by how often they occur, the most frequent first. */
function tally(values: readonly string[]): (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort(([, left], [, right]) => right - left);
}
