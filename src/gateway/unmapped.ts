import type { AttemptOutcome } from '../core/attempt.ts';
import type { GatewayDeps } from './gateway-deps.ts';

/**
 * Tells of a decline that no table knows, so that whoever keeps the tables learns of it. Only where "unmapped" decided:
 * a code that is unknown beside one that is stricter changed nothing.
 * @param outcome as it was first found out, so that each attempt is told once
 */
export function tellUnmapped(
  outcome: AttemptOutcome,
  about: { readonly provider: string; readonly authorizationId: string },
  deps: Pick<GatewayDeps, 'observer'>,
): void {
  if (outcome.kind !== 'declined' || outcome.decline.category !== 'unmapped') return;
  const { code, networkCode, advice } = outcome.decline;
  deps.observer.unmappedCode({ ...about, code, networkCode, advice });
}
