import { describeError } from './describe-error.ts';
import type { GatewayDeps } from './gateway-deps.ts';

/** Code of what came of a call in which an adapter threw. */
export const ADAPTER_FAILED = 'adapter_failed';

/**
 * Asks a provider's adapter. One that throws is a bug of ours, and pages; what was asked may have been done all the same,
 * so that what it is taken for must never look like a negative.
 * @param whenItThrows what is known then
 */
export async function guardAdapter<T>(
  call: () => Promise<T>,
  whenItThrows: T,
  authorizationId: string | null,
  deps: Pick<GatewayDeps, 'observer'>,
): Promise<T> {
  try {
    return await call();
  } catch (error) {
    tellAdapterThrew(error, authorizationId, deps);
    return whenItThrows;
  }
}

/** Pages whoever keeps the adapters. */
export function tellAdapterThrew(
  error: unknown,
  authorizationId: string | null,
  deps: Pick<GatewayDeps, 'observer'>,
): void {
  deps.observer.alert({ kind: 'adapter_threw', detail: describeError(error), authorizationId });
}
