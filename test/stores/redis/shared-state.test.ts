import { sharedStateContract } from '../../contracts/shared-state-contract.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemorySharedStore } from '../../support/memory-shared-state.ts';

// What the other tests share state through keeps the same contract as the servers do, in redis.full.test.ts.
sharedStateContract('in memory', async () => {
  const clock = new FakeClock();
  const store = new MemorySharedStore(clock);
  return { pod: (name) => store.pod(name), pass: (ms) => clock.advance(ms), close: async () => {} };
});
