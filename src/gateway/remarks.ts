import type { Authorization } from '../core/authorization.ts';
import type { Remark } from '../core/lifecycle.ts';
import type { GatewayDeps } from './gateway-deps.ts';

/** What each remark means, in words for whoever is on call. */
const DETAILS: Readonly<Record<Remark, string>> = {
  late_approval: 'an approval was found after the authorization had moved on; it is being reversed',
  evidence_conflict: 'a provider contradicts what is recorded; the record stands, look at the history',
  quarantined:
    'a provider answered about something else than was asked; whatever stands there is being reversed',
};

/** Alerts and counts what a change brought to light. */
export function tellRemarks(
  remarks: readonly Remark[],
  authorization: Authorization,
  deps: Pick<GatewayDeps, 'observer'>,
): void {
  const provider = authorization.provider ?? authorization.attempts.at(-1)?.provider ?? 'none';
  for (const remark of remarks) {
    deps.observer.remarked({ remark, provider, authorizationId: authorization.id });
    deps.observer.alert({ kind: remark, detail: DETAILS[remark], authorizationId: authorization.id });
  }
}
