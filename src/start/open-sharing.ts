import { authorityFault } from '../config/authority-fault.ts';
import { readSecretFile } from '../config/credentials.ts';
import type { Settings } from '../config/environment.ts';
import type { OnRefused } from '../gateway/shared-state.ts';
import { Sharing } from '../guards/sharing.ts';
import { redisIdentity } from '../stores/redis/redis-identity.ts';
import { RedisSharedState } from '../stores/redis/redis-shared-state.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { refusedLog } from '../telemetry/refused-log.ts';
import type { OpenedSharing } from './parts.ts';
import { StartError } from './start-error.ts';
import { clock, OWNER } from './this-process.ts';

/** What a process does in the place of what it shares, as it is told with the loss. */
const GOES_ON =
  'limits: by its share of each contract; breakers, card testing and learning: by its own payments; ' +
  'changes: by a look at the database every second';

/**
 * What this process shares with others of its journal, where `REDIS_URL` says so. A store that is away holds no start up.
 * @param secret of the journal
 * @throws StartError when the address can never be right
 */
export async function openSharing(
  { redis }: Settings,
  secret: Uint8Array,
  log: Log,
  metrics: Metrics,
): Promise<OpenedSharing | null> {
  if (redis === null) return null;
  let problem = 'no answer yet';
  let lostMs: number | null = null;
  const tellRefused = refusedLog(log, clock);
  const onRefused: OnRefused = (key, reason) => {
    metrics.sharing.refused(key, reason);
    tellRefused(key, reason);
  };
  const { address, caFile, sentinelLogin, keyPrefix } = redis;
  const identity = redisIdentity(secret, keyPrefix);
  const state = new RedisSharedState({
    target: { ...address, sentinelLogin, certificateAuthority: readAuthority(caFile) },
    identity,
    pod: OWNER,
    clock,
    onFailed(what, error) {
      problem = error.message;
      metrics.sharing.failed(what);
    },
    onReconnecting: () => metrics.sharing.reconnecting(),
    onRefused,
  });
  const sharing = new Sharing(state, clock, {
    ...metrics.sharing,
    refused: onRefused,
    changed(isUp) {
      const nowMs = clock.monotonicMs();
      const lost = lostMs === null ? {} : { lost_s: Math.round((nowMs - lostMs) / 1000) };
      lostMs = isUp ? null : nowMs;
      if (isUp) log.info('shared_state', { state: 'up', keys: `${identity.prefix}:*`, ...lost });
      else log.warn('shared_state', { state: 'lost', problem, goes_on: GOES_ON });
    },
  });
  await sharing.begin();
  const fault = await state.fault();
  if (fault === null) return { state, sharing };
  await sharing.close();
  throw new StartError(`REDIS_URL: ${fault}`);
}

/** @throws StartError when it cannot be read, or holds no certificates */
function readAuthority(path: string | null): string | null {
  if (path === null) return null;
  const file = readSecretFile(path);
  const problem = file.kind === 'read' ? authorityFault(file.text) : `it cannot be read (${file.code})`;
  if (file.kind === 'read' && problem === null) return file.text;
  throw new StartError(
    `REDIS_CA_FILE="${path}": expected a file in PEM of the authorities that signed the certificate of Redis, but ` +
      `${problem}. Correct the path or the file, or leave it out to believe the system's.`,
  );
}
