import { type Attempt, type AttemptOutcome, holdsMoney, providerReferenceOf } from '../core/attempt.ts';
import type { Authorization } from '../core/authorization.ts';
import { isUndone, pendingVoid } from '../core/settlement.ts';
import { budgetFor, inquire } from './attempt.ts';
import { connected } from './connected.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { tellRemarks } from './remarks.ts';

/**
 * An event tells of an approval that is recorded as undone. Mostly it comes late, or again; but a provider may have gone
 * back on a void that it confirmed, and the two look the same. So the provider is asked, once for each event, and a
 * person is told when money stands there. Without an answer, or where it cannot be asked, nothing is told. A decline that
 * may hide an approval is no contradiction: it stays what it was when the hold behind it is gone.
 * @param told what the event says of the attempt
 */
export async function doubtVoid(
  authorization: Authorization,
  attempt: Attempt,
  told: AttemptOutcome,
  deps: GatewayDeps,
): Promise<void> {
  if (!holdsMoney(told) || !isUndone(authorization, attempt)) return;
  // It is known to stand, and is being undone once more.
  if (pendingVoid(authorization, attempt.number) !== null) return;
  const to = connected(attempt.provider, deps);
  if (to === null || to.provider.semantics.inquiry === 'none') return;
  const budget = budgetFor(to.contract, deps);
  const answer = await inquire(
    to.provider,
    authorization,
    attempt.id,
    providerReferenceOf(told),
    budget,
    deps,
  );
  if (answer.kind !== 'found' || !holdsMoney(answer.outcome)) return;
  const standing = providerReferenceOf(answer.outcome);
  const conflict = { remark: 'evidence_conflict', attemptNumber: attempt.number } as const;
  tellRemarks([standing === null ? conflict : { ...conflict, standing }], authorization, deps);
}
