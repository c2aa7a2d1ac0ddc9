import { type AttemptOutcome, isDefiniteNegative } from '../../core/attempt.ts';
import type { TakenReport } from '../../core/caller-decision.ts';
import type { DecisionAttemptRow, DecisionRow } from '../stored-decision.ts';
import { RESTORE, type Report } from './finding.ts';
import type { JournalView } from './journal-view.ts';

interface Row extends DecisionRow {
  readonly reference: string | null;
  readonly answer_body: string;
  readonly awaits_report: number;
}

interface AttemptRow extends DecisionAttemptRow {
  readonly decision: number;
  readonly outcome_kind: string | null;
}

/** Decisions that are read at a time. */
const PAGE = 200;
const SQL = {
  decisions: 'SELECT * FROM decisions WHERE sequence > ?1 ORDER BY sequence LIMIT ?2',
  attempts:
    'SELECT * FROM decision_attempts WHERE decision >= ?1 AND decision <= ?2 ORDER BY decision, number',
} as const;

/**
 * Decisions for callers that send themselves, against what was offered and reported. No hash vouches for them: what is
 * proven is that they can be read, and add up.
 */
export async function verifyDecisions(view: JournalView, report: Report): Promise<void> {
  for (let after = Number.MIN_SAFE_INTEGER; ; ) {
    const rows = await view.all<Row>(SQL.decisions, after, PAGE);
    const [first, last] = [rows.at(0), rows.at(-1)];
    if (first === undefined || last === undefined) return;
    const attempts = await view.all<AttemptRow>(SQL.attempts, first.sequence, last.sequence);
    const byDecision = Map.groupBy(attempts, ({ decision }) => decision);
    for (const row of rows) {
      const problems = problemsOf(row, byDecision.get(row.sequence) ?? []);
      for (const what of problems) report({ where: row.id, what, remedy: RESTORE });
    }
    if (rows.length < PAGE) return;
    after = last.sequence;
  }
}

function problemsOf(row: Row, attempts: readonly AttemptRow[]): readonly string[] {
  const answer = parsed(row.answer_body) as { readonly id?: unknown } | null;
  const data = parsed(row.data);
  if (data === null || answer === null) return ['cannot be read'];
  const problems: string[] = [];
  if (answer.id !== row.id) problems.push('its answer is about another decision');
  const { request } = data as { readonly request?: { readonly reference?: unknown } };
  if (request?.reference !== row.reference) problems.push('is found by the name of another payment');
  let reports = 0;
  for (const [index, attempt] of attempts.entries()) {
    const { number, outcome_kind: kind } = attempt;
    const taken = parsed(attempt.reports) as readonly TakenReport[] | null;
    const outcome = attempt.outcome === null ? null : (parsed(attempt.outcome) as AttemptOutcome | null);
    if (!Array.isArray(taken) || (attempt.outcome !== null && outcome === null)) {
      problems.push(`its attempt ${number} cannot be read`);
      continue;
    }
    reports += taken.length;
    if (number !== index + 1) problems.push(`its attempt ${index + 1} is missing`);
    if ((outcome?.kind ?? null) !== kind)
      problems.push(`the outcome of its attempt ${number} is not the one told`);
    if ((taken.at(-1)?.outcome ?? null) !== kind)
      problems.push(`the outcome of its attempt ${number} was never reported`);
    const isLast = index === attempts.length - 1;
    if (!isLast && (outcome === null || !isDefiniteNegative(outcome))) {
      problems.push(`another attempt follows its attempt ${number}, which is not definitely negative`);
    }
  }
  if (row.version !== reports + 1) problems.push(`has version ${row.version} after ${reports} reports`);
  if ((row.awaits_report === 1) !== (attempts.length > 0 && reports === 0)) {
    problems.push('does not say rightly whether a report is awaited');
  }
  return problems;
}

function parsed(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}
