import type { Observer } from '../gateway/ports.ts';

/** What the log tells of the road, and what the metrics count. */
export function allObservers(
  metrics: Observer,
  log: Pick<Observer, 'authorizationEnded' | 'alert' | 'resolved' | 'sealed' | 'purged'>,
): Observer {
  return {
    ...metrics,
    authorizationEnded(event) {
      metrics.authorizationEnded(event);
      log.authorizationEnded(event);
    },
    resolved(event) {
      metrics.resolved(event);
      log.resolved(event);
    },
    sealed: log.sealed,
    purged(count) {
      metrics.purged(count);
      log.purged(count);
    },
    alert(event) {
      metrics.alert(event);
      log.alert(event);
    },
  };
}
