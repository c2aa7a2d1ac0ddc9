import type { SchemeRules } from '../core/scheme/scheme-rules.ts';

const DAY_MS = 86_400_000;

/**
 * What is wrong with letting go of authorizations after so many days, in words: with an authorization goes what its card
 * was tried with, so that a ceiling of the schemes would forget attempts that it still counts, or a block that still
 * holds. Null when nothing is wrong.
 */
export function retentionProblem(retentionDays: number | null, rules: SchemeRules): string | null {
  if (retentionDays === null) return null;
  let longest = { ms: rules.hardDeclineBlockMs, what: 'a hard decline blocks its card' };
  for (const { name, windowMs } of rules.limits) {
    if (windowMs > longest.ms) longest = { ms: windowMs, what: `the limit ${name} counts attempts` };
  }
  if (longest.ms <= retentionDays * DAY_MS) return null;
  const days = Math.ceil(longest.ms / DAY_MS);
  return (
    `RETENTION_DAYS=${retentionDays}: ${longest.what} for ${days} days, and what is let go of is not counted: ` +
    `set RETENTION_DAYS to ${days} or more, or shorten it in scheme-limits.yaml`
  );
}
