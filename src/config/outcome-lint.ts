import { DECLINE_CATEGORIES, type DeclineCategory } from '../core/declines/decline.ts';
import type { FilePath, RuleProblem } from '../core/rules/rule-problem.ts';
import type { NetworkFile, OutcomeFile, OutcomeRow } from './outcome-schemas.ts';

/** Categories of which a second provider may be asked. All others stop: a hole here charges twice or costs fines. */
const MAY_FAIL_OVER: ReadonlySet<DeclineCategory> = new Set([
  'soft_decline_issuer',
  'config',
  'provider_technical',
  'issuer_unavailable',
]);
/** Categories that answers mask. What speaks of theft or suspicion must be one of them. */
const MASKED: ReadonlySet<DeclineCategory> = new Set(['fraud_issuer', 'fraud_psp', 'hard_decline_issuer']);
const SENSITIVE = /fraud|\blost\b|stolen|pick.?up|risk|blacklist/i;
/** DE39 of pick-up, lost and stolen cards and of suspected fraud, whatever a file says that they mean. */
const STOPS_ALWAYS = new Set(
  ['04', '07', '33', '34', '35', '36', '37', '38', '41', '43', '59', '63'].concat(['R0', 'R1', 'R3']),
);

/** What a file says that no table may say, and what it says twice. */
export function lintOutcomeFile(file: OutcomeFile): readonly RuleProblem[] {
  const problems = file.codes.flatMap((row, index) => sourceProblems(file, row.source, ['codes', index]));
  switch (file.kind) {
    case 'network':
      problems.push(...file.codes.flatMap((row, index) => outcomeProblems(row, ['codes', index], true)));
      problems.push(...networkDuplicates(file));
      break;
    case 'provider':
      problems.push(...file.codes.flatMap((row, index) => outcomeProblems(row, ['codes', index], false)));
      problems.push(...file.advice.flatMap((row, index) => outcomeProblems(row, ['advice', index], false)));
      problems.push(
        ...file.advice.flatMap((row, index) => sourceProblems(file, row.source, ['advice', index])),
      );
      problems.push(...duplicates(file.codes, 'codes'), ...duplicates(file.advice, 'advice'));
      break;
    case 'merchant_advice':
      problems.push(...file.codes.flatMap(adviceProblems));
      problems.push(...duplicates(file.codes, 'codes'));
      break;
    case 'visa_categories':
      problems.push(...duplicates(file.codes, 'codes'));
  }
  return problems;
}

function sourceProblems(file: OutcomeFile, source: string | undefined, path: FilePath): RuleProblem[] {
  if (source !== undefined || file.source !== undefined) return [];
  return [
    {
      path,
      what: 'a row without a source',
      expected: 'source: on the row or on the table',
      remedy: 'add where this is from, with its edition or date',
    },
  ];
}

function outcomeProblems(row: OutcomeRow, path: FilePath, network: boolean): RuleProblem[] {
  const problem = (key: string, what: string, expected: string, remedy: string): RuleProblem[] => [
    { path: [...path, key], what, expected, remedy },
  ];
  if ((row.result === 'see_network' && network) || (row.result === 'approved' && !network)) {
    return problem('result', `result ${row.result} in this kind of table`, 'another result', 'correct it');
  }
  if ((row.result === 'not_processed') !== (row.reason !== undefined)) {
    return problem('reason', 'a wrong use of reason', 'reason with result: not_processed only', 'correct it');
  }
  if (row.result !== 'declined') {
    if (row.category === undefined && row.other_provider === undefined && !row.hides_approval) return [];
    const remedy = `remove category, other_provider and hides_approval: ${row.result} decides alone`;
    return problem('result', `a category beside result: ${row.result}`, 'one or the other', remedy);
  }
  if (row.category === undefined || row.other_provider === undefined) {
    const what = 'a decline without category or other_provider';
    return problem('means', what, `category: one of ${DECLINE_CATEGORIES.join(', ')}`, 'add both');
  }
  return [...failOverProblems(row, row.category, path, network), ...maskProblems(row, row.category, path)];
}

function failOverProblems(
  row: OutcomeRow,
  category: DeclineCategory,
  path: FilePath,
  network: boolean,
): RuleProblem[] {
  if (row.other_provider !== 'yes_once') return [];
  const why = !MAY_FAIL_OVER.has(category)
    ? `category ${category}`
    : row.hides_approval
      ? 'a row that may hide an approval'
      : SENSITIVE.test(row.means)
        ? `"${row.means}"`
        : network && row.codes.some((code) => STOPS_ALWAYS.has(code))
          ? `code ${row.codes.find((code) => STOPS_ALWAYS.has(code))}`
          : null;
  if (why === null) return [];
  return [
    {
      path: [...path, 'other_provider'],
      what: `other_provider: yes_once for ${why}`,
      expected: '"no" or never',
      remedy: 'such an answer must not be tried elsewhere',
    },
  ];
}

function maskProblems(row: OutcomeRow, category: DeclineCategory, path: FilePath): RuleProblem[] {
  if (!SENSITIVE.test(row.means) || MASKED.has(category)) return [];
  return [
    {
      path: [...path, 'category'],
      what: `category ${category} for "${row.means}"`,
      expected: `one of ${[...MASKED].join(', ')}, which answers mask`,
      remedy: 'choose the category whose details nobody outside is told',
    },
  ];
}

function adviceProblems(
  row: {
    readonly category?: unknown;
    readonly other_provider?: unknown;
    readonly retry_after_hours?: unknown;
  },
  index: number,
): RuleProblem[] {
  const demands = row.category !== undefined;
  if (demands === (row.other_provider !== undefined) && (demands || row.retry_after_hours === undefined))
    return [];
  return [
    {
      path: ['codes', index],
      what: 'half a demand',
      expected: 'category and other_provider together, or neither for mere information',
      remedy: 'add the missing one',
    },
  ];
}

function duplicate(path: FilePath, code: string): RuleProblem {
  return {
    path,
    what: `code ${code} twice`,
    expected: 'one row for a code',
    remedy: 'remove one of the two',
  };
}

function duplicates(rows: readonly { readonly codes: readonly string[] }[], list: string): RuleProblem[] {
  const seen = new Set<string>();
  return rows.flatMap((row, index) =>
    row.codes.flatMap((code, at) => {
      if (seen.has(code)) return [duplicate([list, index, 'codes', at], code)];
      seen.add(code);
      return [];
    }),
  );
}

type NetworkRowOfFile = NetworkFile['codes'][number];

/** A code may stand in several rows, if no card can meet two with equally many conditions. */
function networkDuplicates(file: NetworkFile): RuleProblem[] {
  const byCode = new Map<string, NetworkRowOfFile[]>();
  return file.codes.flatMap((row, index) =>
    row.codes.flatMap((code, at) => {
      const earlier = byCode.get(code) ?? [];
      byCode.set(code, [...earlier, row]);
      return earlier.some((other) => collide(other, row))
        ? [duplicate(['codes', index, 'codes', at], code)]
        : [];
    }),
  );
}

/** How many conditions a row has: the more decide first. */
export function conditionsOf(row: NetworkRowOfFile): number {
  return [row.brands, row.sca_region, row.three_ds].filter((condition) => condition !== undefined).length;
}

function collide(left: NetworkRowOfFile, right: NetworkRowOfFile): boolean {
  const differ = (one: boolean | undefined, other: boolean | undefined) =>
    one !== undefined && other !== undefined && one !== other;
  const apart =
    left.brands !== undefined &&
    right.brands !== undefined &&
    !left.brands.some((brand) => right.brands?.includes(brand));
  if (apart || differ(left.sca_region, right.sca_region) || differ(left.three_ds, right.three_ds))
    return false;
  return conditionsOf(left) === conditionsOf(right);
}
