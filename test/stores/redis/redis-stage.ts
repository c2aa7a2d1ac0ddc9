import type { SharedState } from '../../../src/gateway/shared-state.ts';
import { systemClock } from '../../../src/guards/system-clock.ts';
import type { RedisTarget } from '../../../src/stores/redis/redis-client.ts';
import { RedisSharedState } from '../../../src/stores/redis/redis-shared-state.ts';
import { pause } from '../../support/eventually.ts';
import { testIdentity } from '../../support/redis-server.ts';

/** What the contract of shared state runs on: processes of one journal at a real server, emptied before. */
export async function stageOn(target: RedisTarget, clear: () => Promise<unknown>) {
  await clear();
  const opened: SharedState[] = [];
  return {
    pod(name: string) {
      const state = new RedisSharedState({
        target,
        identity: testIdentity(),
        pod: name,
        clock: systemClock,
        timeoutMs: 1_000,
      });
      opened.push(state);
      return state;
    },
    pass: pause,
    async close() {
      for (const state of opened) await state.close();
    },
  };
}
