/** Something wrong in one of the payments team's files, with its place. */
export interface RulesetError {
  /** Name within the folder, such as `rules.yaml`. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  readonly what: string;
  readonly expected: string;
  readonly remedy: string;
}

/**
 * One line for a terminal: `file:line:column  what; expected …; remedy`.
 */
export function formatRulesetError(error: RulesetError): string {
  const { file, line, column, what, expected, remedy } = error;
  return `${file}:${line}:${column}  ${what}; expected ${expected}; ${remedy}`;
}
