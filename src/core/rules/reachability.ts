import type { Condition } from './condition.ts';
import { covers, type Domain, isIdle, meetAll, type NormalForm, normalForm } from './normal-form.ts';

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
  const asked: AskedOf = new Map();
  const budget: Budget = { left: STEPS_PER_FILE, asked };
  for (const [rule, later] of forms.entries()) {
    for (let earlier = 0; earlier < rule; earlier += 1) {
      const outer = forms[earlier];
      if (outer === undefined || budget.left <= 0) break;
      const pair: Budget = { left: Math.min(STEPS_PER_PAIR, budget.left), asked };
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
  /** Steps. */
  left: number;
  readonly asked: AskedOf;
}

/**
 * What parts ask about each field, once it was worked out: a rule is compared with all before it, and with each of
 * their parts.
 */
type AskedOf = Map<NormalForm, ReadonlyMap<string, Domain>>;

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
    const asked = askedBy(inner, budget.asked).get(outer.field.key);
    if (asked !== undefined && covers(outer.domain, asked)) return true;
  }
  return (
    inner.kind === 'all' && inner.parts.some((part) => part.kind !== 'test' && implies(part, outer, budget))
  );
}

/** What a part asks about each field where it is true, as far as it stands outside of any `any`. */
function askedBy(part: NormalForm, known: AskedOf): ReadonlyMap<string, Domain> {
  const before = known.get(part);
  if (before !== undefined) return before;
  const domains = new Map<string, Domain[]>();
  collect(part, domains);
  const asked = new Map([...domains].map(([key, each]) => [key, meetAll(each)]));
  known.set(part, asked);
  return asked;
}

function collect(part: NormalForm, into: Map<string, Domain[]>): void {
  if (part.kind === 'all') for (const one of part.parts) collect(one, into);
  if (part.kind !== 'test') return;
  const together = into.get(part.field.key);
  if (together === undefined) into.set(part.field.key, [part.domain]);
  else together.push(part.domain);
}
