import type { Authorization } from '../core/authorization.ts';
import type { Remark, RemarkOn } from '../core/lifecycle.ts';
import type { GatewayDeps } from './gateway-deps.ts';

/** What each remark means, in words for whoever is on call. */
const DETAILS: Readonly<Record<Remark, string>> = {
  late_approval: 'an approval was found after the authorization had moved on; it is being reversed',
  evidence_conflict: 'a provider contradicts what is recorded; the record stands, look at the history',
  quarantined:
    'a provider answered about something else than was asked; whatever stands there is being reversed',
  reversal_refused:
    'a provider does not undo what may not stand; it is asked anew, ever less often, until a person closes it',
};

/** Alerts and counts what a change brought to light. */
export function tellRemarks(
  remarks: readonly RemarkOn[],
  authorization: Authorization,
  deps: Pick<GatewayDeps, 'observer'>,
): void {
  for (const { remark, attemptNumber } of remarks) {
    // Not where the authorization stands by now: it may have moved on to another provider.
    const provider = authorization.attempts[attemptNumber - 1]?.provider ?? 'none';
    deps.observer.remarked({ remark, provider, authorizationId: authorization.id });
    deps.observer.alert({
      kind: remark,
      detail: `${provider}: ${DETAILS[remark]}`,
      authorizationId: authorization.id,
    });
  }
}
