import type { Condition } from './condition.ts';
import { type Domain, isImpossible, meet, type NormalForm, normalForm } from './normal-form.ts';
import type { FilePath, RuleProblem } from './rule-problem.ts';

/** What is already asked about each field, and where. */
type Asked = ReadonlyMap<string, { readonly domain: Domain; readonly path: FilePath }>;

/**
 * Finds parts of a condition that can never be true because they ask contrary things about one field. Sound,
 * not complete: what it reports can never match; it does not try combinations over several `any`.
 */
export function findContradictions(condition: Condition): readonly RuleProblem[] {
  const problems: RuleProblem[] = [];
  narrow(normalForm(condition), new Map(), problems);
  return problems;
}

/**
 * Adds what a part asks to what is asked around it.
 * @returns null when both together can never be true; the reason was added to `problems` then
 */
function narrow(part: NormalForm, asked: Asked, problems: RuleProblem[]): Asked | null {
  if (part.kind === 'test') return narrowTest(part, asked, problems);
  if (part.kind === 'all') {
    // Tests first: what an `any` can be depends on what stands beside it, before or after.
    const tests = part.parts.filter((one) => one.kind !== 'any');
    const choices = part.parts.filter((one) => one.kind === 'any');
    let together: Asked | null = asked;
    for (const one of [...tests, ...choices]) {
      together = narrow(one, together, problems);
      if (together === null) return null;
    }
    return together;
  }
  const reasons: RuleProblem[] = [];
  const possible = part.parts.filter((one) => narrow(one, asked, reasons) !== null);
  // A branch that a person wrote and that can never be true is a mistake even when others can.
  if (possible.length === 0 || part.written) problems.push(...reasons);
  return possible.length === 0 ? null : asked;
}

function narrowTest(
  part: Extract<NormalForm, { kind: 'test' }>,
  asked: Asked,
  problems: RuleProblem[],
): Asked | null {
  const before = asked.get(part.field.key);
  const domain = before === undefined ? part.domain : meet(before.domain, part.domain);
  if (!isImpossible(domain)) return new Map(asked).set(part.field.key, { domain, path: part.path });
  const impossible = before === undefined || isImpossible(part.domain);
  problems.push({
    path: part.path,
    what: impossible
      ? `no ${part.field.key} can make this condition true`
      : `this contradicts what is asked about ${part.field.key} in`,
    ...(impossible ? {} : { other: before.path }),
    expected: 'a condition that can be true',
    remedy: impossible ? 'correct it' : 'remove one of the two, or put them under any:',
  });
  return null;
}
