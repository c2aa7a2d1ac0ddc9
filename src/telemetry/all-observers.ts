import type { Observer } from '../gateway/ports.ts';
import type { LogObserver } from './log.ts';

/** What the log tells of the road, and what the metrics count. */
export function allObservers(metrics: Observer, log: LogObserver): Observer {
  return {
    ...metrics,
    authorizationEnded(event) {
      metrics.authorizationEnded(event);
      log.authorizationEnded(event);
    },
    callerDecided: log.callerDecided,
    outcomeReported(event) {
      metrics.outcomeReported(event);
      log.outcomeReported(event);
    },
    unmappedCode(event) {
      metrics.unmappedCode(event);
      log.unmappedCode(event);
    },
    resolved(event) {
      metrics.resolved(event);
      log.resolved(event);
    },
    sealed: log.sealed,
    noticeTaken(event) {
      metrics.noticeTaken(event);
      log.noticeTaken(event);
    },
    purged(count) {
      metrics.purged(count);
      log.purged(count);
    },
    eventSent(event) {
      metrics.eventSent(event);
      log.eventSent(event);
    },
    armChanged(state) {
      metrics.armChanged(state);
      log.armChanged(state);
    },
    journalTook(event) {
      metrics.journalTook(event);
      log.journalTook(event);
    },
    alert(event) {
      metrics.alert(event);
      log.alert(event);
    },
  };
}
