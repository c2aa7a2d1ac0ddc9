import type { Clock } from '../gateway/ports.ts';
import type { OnRefused } from '../gateway/shared-state.ts';
import type { Log } from './log.ts';

/** The same is told again after so long, with how often it came meanwhile. */
const AGAIN_MS = 60_000;
/** Kinds that are kept apart; what comes beyond them is told once they are forgotten. */
const KINDS_MAX = 1_000;

const EFFECT = 'none of it was gone by: payments are not affected';
const REMEDY =
  'many `unsigned`: somebody else writes to these keys of this Redis, see who may (ACL LIST); others: see the runbook';

/** Tells what in the shared state was refused, each kind of it once a minute at most. */
export function refusedLog(log: Pick<Log, 'warn'>, clock: Clock): OnRefused {
  const timesOf = onceAMinute(clock);
  return (key, reason) => {
    const times = timesOf(`${key} ${reason}`);
    if (times === null) return;
    log.warn('shared_state_refused', { key, reason, times, effect: EFFECT, remedy: REMEDY });
  };
}

/** A call that was turned away for its key, or for what its key may not do. */
interface RefusedAccess {
  /** Whose key it was; null: nobody's. */
  readonly account: string | null;
  readonly route: string;
  readonly method: string;
  readonly status: 401 | 403;
  readonly traceId: string;
}

/** Tells who was turned away and from what, each kind of it once a minute at most, so that nobody can flood the log. */
export function accessLog(log: Pick<Log, 'warn'>, clock: Clock): (refused: RefusedAccess) => void {
  const timesOf = onceAMinute(clock);
  return ({ account, route, method, status, traceId }) => {
    const times = timesOf(`${account} ${method} ${route} ${status}`);
    if (times !== null)
      log.warn('access_refused', { account, method, route, status, times, trace_id: traceId });
  };
}

/** @returns how often something came since it was told last; null: it was told within the minute */
function onceAMinute(clock: Clock): (name: string) => number | null {
  const told = new Map<string, { atMs: number; more: number }>();
  return (name) => {
    const known = told.get(name);
    const nowMs = clock.monotonicMs();
    if (known !== undefined && nowMs - known.atMs < AGAIN_MS) {
      known.more += 1;
      return null;
    }
    if (known === undefined && told.size >= KINDS_MAX) forgetOld(told, nowMs);
    if (known === undefined && told.size >= KINDS_MAX) return null;
    told.set(name, { atMs: nowMs, more: 0 });
    return 1 + (known?.more ?? 0);
  };
}

function forgetOld(told: Map<string, { readonly atMs: number }>, nowMs: number): void {
  for (const [name, { atMs }] of told) if (nowMs - atMs >= AGAIN_MS) told.delete(name);
}
