import type { Settings } from '../config/environment.ts';
import { formatRulesetError } from '../config/ruleset-error.ts';

/** A start that cannot go on, told in words that say how to mend it. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/**
 * The start that ends at a bad folder of rules.
 * @param more what else keeps providers from being used
 */
export function rulesRefused(
  settings: Settings,
  errors: readonly Parameters<typeof formatRulesetError>[0][],
  more: readonly string[] = [],
): StartError {
  const lines = [...errors.map(formatRulesetError), ...more].map((line) => `  ${line}`);
  return new StartError(`the rules in ${settings.rulesDir} are refused:\n${lines.join('\n')}`);
}
