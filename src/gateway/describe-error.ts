/** What was thrown, in words for an alert. */
export function describeError(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : 'a value that is no error was thrown';
}
