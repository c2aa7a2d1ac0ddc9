import type { AttemptOutcome } from '../core/attempt.ts';
import type { Authorization } from '../core/authorization.ts';
import type { CallerDecision } from '../core/caller-decision.ts';
import type { CardFacts } from '../core/card.ts';
import { type TestingSign, testingSign, testingSignOf } from '../core/card-testing.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import type { WatchedCard } from './ports.ts';
import type { AuthorizeCommand } from './road-results.ts';

/** How long payments like this one are still refused, milliseconds; 0 when they are not, or the BIN is not known. */
export function refusedAsCardTestingForMs(
  { account, request: { merchant } }: Pick<AuthorizeCommand, 'account' | 'request'>,
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
  const { account, request, id } = authorization;
  const { merchant } = request;
  if (bin !== null) watch({ account, merchant, bin }, testingSign(authorization), id, deps);
}

/**
 * The same for a payment that its caller has sent itself, and that ended with this outcome by its report. It counts for
 * the account and merchant that report it: nobody can have the payments of another account refused by it.
 */
export function watchReported(
  { account, request, id }: Pick<CallerDecision, 'account' | 'request' | 'id'>,
  outcome: AttemptOutcome,
  bin: string | null,
  deps: Pick<GatewayDeps, 'cardTesting' | 'observer'>,
): void {
  const { merchant } = request;
  if (bin !== null) watch({ account, merchant, bin }, testingSignOf(outcome), id, deps);
}

function watch(
  card: WatchedCard,
  sign: TestingSign | null,
  paymentId: string,
  deps: Pick<GatewayDeps, 'cardTesting' | 'observer'>,
): void {
  if (sign === null || deps.cardTesting.ended(card, sign) === 'counted') return;
  deps.observer.alert({
    kind: 'card_testing',
    detail: `nearly all of many payments of ${card.merchant} with BIN ${card.bin} were declined within a minute; the next are refused for a minute`,
    authorizationId: paymentId,
  });
}
