import { describeError } from './describe-error.ts';
import type { GatewayDeps } from './gateway-deps.ts';

/**
 * Does one of many pieces of work: a bug that it runs into is told, and keeps nobody from the others.
 * @param authorizationId what it is about; null: that is not known yet
 * @returns null when it threw
 */
export async function besideTheOthers<T>(
  authorizationId: string | null,
  work: () => Promise<T>,
  { observer }: Pick<GatewayDeps, 'observer'>,
): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    observer.alert({ kind: 'housekeeping_failed', detail: describeError(error), authorizationId });
    return null;
  }
}
