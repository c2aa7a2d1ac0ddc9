import type { Clock } from '../gateway/ports.ts';
import type { OnRefused } from '../gateway/shared-state.ts';
import type { Log } from './log.ts';

/** The same is told again after so long, with how often it came meanwhile. */
const AGAIN_MS = 60_000;

const EFFECT = 'none of it was gone by: payments are not affected';
const REMEDY =
  'many `unsigned`: somebody else writes to these keys of this Redis, see who may (ACL LIST); others: see the runbook';

/** Tells what in the shared state was refused, each kind of it once a minute at most. */
export function refusedLog(log: Pick<Log, 'warn'>, clock: Clock): OnRefused {
  const told = new Map<string, { atMs: number; more: number }>();
  return (key, reason) => {
    const name = `${key} ${reason}`;
    const known = told.get(name);
    const nowMs = clock.monotonicMs();
    if (known !== undefined && nowMs - known.atMs < AGAIN_MS) {
      known.more += 1;
      return;
    }
    log.warn('shared_state_refused', {
      key,
      reason,
      times: 1 + (known?.more ?? 0),
      effect: EFFECT,
      remedy: REMEDY,
    });
    told.set(name, { atMs: nowMs, more: 0 });
  };
}
