/** A contract that no provider can be built from. The message says what, where, and what was expected. */
export class ProviderSetupError extends Error {
  override readonly name = 'ProviderSetupError';
  /** What is wrong, one by one. */
  readonly problems: readonly string[];

  constructor(problems: string | readonly string[], message = [problems].flat().join('; ')) {
    super(message);
    this.problems = [problems].flat();
  }
}
