import type { Observer } from '../gateway/ports.ts';

/** What the log tells of the road, and what the metrics count. */
export function allObservers(
  metrics: Observer,
  log: Pick<Observer, 'authorizationEnded' | 'alert'>,
): Observer {
  return {
    ...metrics,
    authorizationEnded(event) {
      metrics.authorizationEnded(event);
      log.authorizationEnded(event);
    },
    alert(event) {
      metrics.alert(event);
      log.alert(event);
    },
  };
}
