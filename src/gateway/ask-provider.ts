import { describeError } from './describe-error.ts';
import type { GatewayDeps } from './gateway-deps.ts';

/**
 * Asks a provider something through its adapter. An adapter that throws is a bug of ours, and money may have moved: it is
 * told, and counts as no answer, never as a negative.
 * @param noAnswer what stands for no answer
 */
export async function askProvider<Answer>(
  question: () => Promise<Answer>,
  noAnswer: Answer,
  authorizationId: string | null,
  deps: Pick<GatewayDeps, 'observer'>,
): Promise<Answer> {
  try {
    return await question();
  } catch (error) {
    deps.observer.alert({ kind: 'adapter_threw', detail: describeError(error), authorizationId });
    return noAnswer;
  }
}

/** Code of what came to nothing because an adapter threw. */
export const ADAPTER_FAILED = 'adapter_failed';
