/** A contract that no provider can be built from. The message says what, where, and what was expected. */
export class ProviderSetupError extends Error {
  override readonly name = 'ProviderSetupError';
}
