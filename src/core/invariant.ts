/** A broken invariant: a bug of ours, never a decline, a fault of a provider or bad input. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/**
 * Throws {@link InvariantError} unless `condition` holds. For what can only be false by a bug of ours.
 * @param message what should have held; never with card data
 */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** Marks a place that an exhaustive switch cannot reach. The compiler refuses the call while a case is missing. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable case: ${JSON.stringify(value)}`);
}
