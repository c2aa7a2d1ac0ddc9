import type { Condition } from './condition.ts';
import { covers, type Domain, isIdle, meet, type NormalForm, normalForm } from './normal-form.ts';

/** Steps that one question may take before it is given up as "not proven". */
const STEPS_PER_PAIR = 5000;
/** Steps over a whole file: some tens of milliseconds. */
const STEPS_PER_FILE = 500_000;

export interface UnreachableRule {
  readonly rule: number;
  /** The earlier rule that takes everything it could match. */
  readonly shadowedBy: number;
}

/**
 * Finds rules that never get a turn, because one earlier rule matches whatever they match. Sound, not
 * complete: what it reports can never be reached; it does not look at several earlier rules together, and
 * gives up on questions that would take too long.
 * @param conditions in the order of the rules; null: always matches
 */
export function findUnreachable(conditions: readonly (Condition | null)[]): readonly UnreachableRule[] {
  const forms = conditions.map((condition): NormalForm => {
    return condition === null ? { kind: 'all', parts: [], path: [], written: true } : normalForm(condition);
  });
  const found: UnreachableRule[] = [];
  const budget: Budget = { left: STEPS_PER_FILE };
  for (const [rule, later] of forms.entries()) {
    for (let earlier = 0; earlier < rule; earlier += 1) {
      const outer = forms[earlier];
      if (outer === undefined || budget.left <= 0) break;
      const pair: Budget = { left: Math.min(STEPS_PER_PAIR, budget.left) };
      const granted = pair.left;
      const shadowed = implies(later, outer, pair);
      budget.left -= granted - pair.left;
      if (!shadowed) continue;
      found.push({ rule, shadowedBy: earlier });
      break;
    }
  }
  return found;
}

interface Budget {
  left: number;
}

/** Whether `outer` is provably true wherever `inner` is. False means "not proven". */
function implies(inner: NormalForm, outer: NormalForm, budget: Budget): boolean {
  budget.left -= 1;
  if (budget.left <= 0) return false;
  if (inner.kind === 'any') return inner.parts.every((part) => implies(part, outer, budget));
  if (outer.kind === 'all') return outer.parts.every((part) => implies(inner, part, budget));
  if (outer.kind !== 'test') {
    if (outer.parts.some((part) => implies(inner, part, budget))) return true;
  } else {
    if (isIdle(outer.field, outer.domain)) return true;
    const asked = askedAbout(inner, outer.field.key);
    if (asked !== null && covers(outer.domain, asked)) return true;
  }
  return (
    inner.kind === 'all' && inner.parts.some((part) => part.kind !== 'test' && implies(part, outer, budget))
  );
}

/** What a part asks about one field where it is true, as far as it stands outside of any `any`. */
function askedAbout(part: NormalForm, key: string): Domain | null {
  if (part.kind === 'test') return part.field.key === key ? part.domain : null;
  if (part.kind === 'any') return null;
  let together: Domain | null = null;
  for (const one of part.parts) {
    const domain = askedAbout(one, key);
    if (domain !== null) together = together === null ? domain : meet(together, domain);
  }
  return together;
}
