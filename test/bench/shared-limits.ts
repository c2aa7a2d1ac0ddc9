import { Lanes } from '../../src/guards/lanes.ts';
import { Sharing } from '../../src/guards/sharing.ts';
import { systemClock } from '../../src/guards/system-clock.ts';
import { RedisSharedState } from '../../src/stores/redis/redis-shared-state.ts';
import { pause } from '../support/eventually.ts';
import { findRedisServer, RedisServer, testIdentity } from '../support/redis-server.ts';
import { sampleContract } from '../support/sample-ruleset.ts';
import { nanosecondsOf, printTable } from './ratio-table.ts';

/**
 * A call admitted and reported with a limit of this process's own, and with one that several processes share through a
 * Redis on loopback. The loop never ends its turn: a call that waited for Redis would wait for ever.
 */
const CALLS = 30_000;
const QUIET = {
  function: () => {},
  changed: () => {},
  leased: () => {},
  lag: () => {},
  dropped: () => {},
  pods: () => {},
  refused: () => {},
};
// Enough at hand for the whole run: a tenth of a second's worth.
const contract = sampleContract('psp-a', { limits: { perSecond: 10_000_000, concurrent: 10_000 } });
const contracts = new Map([[contract.id, contract]]);
const lane = { provider: 'psp-a', brand: 'visa', merchant: 'acme' } as const;

function admitNs(lanes: Lanes): number {
  let refused = 0;
  const took = nanosecondsOf(CALLS, () => {
    const admission = lanes.admit(lane, 0);
    if (admission instanceof Promise) throw new Error('the road had to wait');
    if (admission.kind === 'admitted') admission.permit.report('success');
    else refused += 1;
  });
  if (refused > 0) throw new Error(`${refused} calls were refused: the bench measures another way`);
  return took;
}

const onTransition = () => {};
const own = new Lanes(contracts, { clock: systemClock, onTransition });
// Once for nothing: whoever comes first would pay for what the other finds warm.
admitNs(own);
const ownNs = admitNs(own);
own.close();
const rows = [['of its own', `${ownNs.toFixed(0)} ns`, '1.00']];

if (findRedisServer() === null) {
  console.log('skipped: the shared limit: there is no redis-server on the PATH');
} else {
  const server = await RedisServer.start();
  const state = new RedisSharedState({
    target: server.target,
    identity: testIdentity(),
    pod: 'bench',
    clock: systemClock,
  });
  const sharing = new Sharing(state, systemClock, QUIET);
  await sharing.begin();
  const lanes = new Lanes(contracts, { clock: systemClock, onTransition, shared: sharing });
  await pause(2_000);
  const sharedNs = admitNs(lanes);
  rows.push(['shared through Redis', `${sharedNs.toFixed(0)} ns`, (sharedNs / ownNs).toFixed(2)]);
  lanes.close();
  await sharing.close();
  await server.stop();
}
printTable(
  `a call admitted and reported, ${CALLS.toLocaleString('en')} a round`,
  ['limit', 'a call', 'ratio'],
  rows,
);
