import type { ProviderContract } from '../../../src/core/rules/ruleset.ts';
import { Lanes } from '../../../src/guards/lanes.ts';
import { OutcomeLearner } from '../../../src/guards/outcome-learner.ts';
import { ReportingAccounts } from '../../../src/guards/reporting-accounts.ts';
import { Sharing, type SharingObserver } from '../../../src/guards/sharing.ts';
import { systemClock } from '../../../src/guards/system-clock.ts';
import type { RedisSharedState } from '../../../src/stores/redis/redis-shared-state.ts';

/** One process: its lanes and its learning over a store, as the gateway puts them together. */
export async function startSharingProcess(
  state: RedisSharedState,
  contracts: ReadonlyMap<string, ProviderContract>,
  told: Partial<SharingObserver>,
) {
  const up = new Map<string, boolean>();
  const sharing = new Sharing(state, systemClock, {
    function: (what, isUp) => up.set(what, isUp),
    changed: () => {},
    leased: () => {},
    lag: () => {},
    dropped: () => {},
    pods: () => {},
    refused: () => {},
    ...told,
  });
  await sharing.begin();
  const lanes = new Lanes(contracts, { clock: systemClock, onTransition: () => {}, shared: sharing });
  const learner = new OutcomeLearner(systemClock);
  const accounts = new ReportingAccounts(systemClock, lanes, learner);
  const learning = sharing.learning(learner, learner, accounts, () => true);
  await learning.restore();
  learning.begin();
  return {
    ...{ lanes, learner, learning, up },
    /** Whether a call was admitted; it ends at once. The road's own question: nothing is awaited. */
    call(provider: string): boolean {
      const admission = lanes.admit({ provider, brand: 'visa', merchant: 'acme' }, 0);
      if (admission instanceof Promise) throw new Error('the road had to wait');
      if (admission.kind === 'admitted') admission.permit.report('success');
      return admission.kind === 'admitted';
    },
    async close() {
      await learning.close();
      lanes.close();
      await sharing.close();
    },
  };
}
