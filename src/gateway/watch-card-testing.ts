import type { Authorization } from '../core/authorization.ts';
import type { CardFacts } from '../core/card.ts';
import { testingSign } from '../core/card-testing.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import type { AuthorizeCommand } from './road-results.ts';

/** How long payments like this one are still refused, milliseconds; 0 when they are not, or the BIN is not known. */
export function refusedAsCardTestingForMs(
  { account, request: { merchant } }: AuthorizeCommand,
  { bin }: CardFacts,
  deps: Pick<GatewayDeps, 'cardTesting'>,
): number {
  return bin === null ? 0 : deps.cardTesting.refusedForMs({ account, merchant, bin });
}

/** Counts a payment whose road is over, and alerts when its merchant and BIN now look like card testing. */
export function watchCardTesting(
  authorization: Authorization,
  { bin }: CardFacts,
  deps: Pick<GatewayDeps, 'cardTesting' | 'observer'>,
): void {
  const sign = testingSign(authorization);
  if (bin === null || sign === null) return;
  const { account, request, id } = authorization;
  const { merchant } = request;
  if (deps.cardTesting.ended({ account, merchant, bin }, sign) === 'counted') return;
  deps.observer.alert({
    kind: 'card_testing',
    detail: `nearly all of many payments of ${merchant} with BIN ${bin} were declined within a minute; the next are refused for a minute`,
    authorizationId: id,
  });
}
