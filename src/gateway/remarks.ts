import { type Attempt, referenceOf } from '../core/attempt.ts';
import type { Authorization } from '../core/authorization.ts';
import type { Remark, RemarkOn } from '../core/lifecycle.ts';
import type { GatewayDeps } from './gateway-deps.ts';

/** What each remark means, in words for whoever is on call. */
const DETAILS: Readonly<Record<Remark, string>> = {
  late_approval: 'an approval was found after the authorization had moved on; it is being reversed',
  sent_after_closed:
    'a request is out of an attempt that was closed as not known there, as when its sender stood still with its clocks; ' +
    'the provider is asked once more, and whatever is found is reversed',
  evidence_conflict: 'a provider contradicts what is recorded; the record stands, look at the history',
  quarantined:
    'a provider answered about something else than was asked; whatever stands there is being reversed',
  reversal_refused:
    'a provider does not undo what may not stand; it is asked anew, ever less often, until a person closes it',
  failed_after_success: 'has failed after all, though the provider had confirmed it',
  done_after_failure: 'was carried out after all, though the provider had refused it',
};

/** Alerts and counts what a change brought to light. */
export function tellRemarks(
  remarks: readonly RemarkOn[],
  authorization: Authorization,
  deps: Pick<GatewayDeps, 'observer'>,
): void {
  for (const { remark, attemptNumber, standing, operation } of remarks) {
    // Not where the authorization stands by now: it may have moved on to another provider.
    const attempt = authorization.attempts[attemptNumber - 1];
    const provider = attempt?.provider ?? 'none';
    deps.observer.remarked({ remark, provider, authorizationId: authorization.id });
    deps.observer.alert({
      kind: remark,
      detail: `${provider}: ${detailOf(remark, standing, operation, attempt)}`,
      authorizationId: authorization.id,
    });
  }
}

function detailOf(
  remark: Remark,
  standing: string | undefined,
  operation: RemarkOn['operation'],
  attempt: Attempt | undefined,
): string {
  if (standing !== undefined) return standingDetail(standing, attempt);
  if (operation === undefined) return DETAILS[remark];
  const { kind, id } = operation;
  return (
    `${kind} ${id} ${DETAILS[remark]}; the record still says otherwise, and nothing is sent: look it up at the ` +
    'provider, tell whoever relies on it, and put it right there'
  );
}

/** Nobody else undoes it: what to do, for whoever is woken by it. */
function standingDetail(standing: string, attempt: Attempt | undefined): string {
  const recorded = attempt === undefined ? null : referenceOf(attempt);
  const beside =
    recorded === standing
      ? `says that ${standing} holds money, which is recorded as undone`
      : `says that ${standing} holds money beside what is recorded (${recorded ?? 'no authorization'})`;
  return `${beside}; look ${standing} up at the provider, and void or refund it there: the gateway does not`;
}
