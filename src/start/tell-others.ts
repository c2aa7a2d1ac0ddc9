import type { Observer } from '../gateway/ports.ts';
import { type ChangeKind, type SharedState, SharedStateError } from '../gateway/shared-state.ts';

/** A message that is lost is made up for by the next look at the database. */
export function tellOthers(state: SharedState | null, kind: ChangeKind): void {
  state?.announce(kind).catch((error: unknown) => {
    if (!(error instanceof SharedStateError)) throw error;
  });
}

/** Other processes hear of arms that were stopped or let run again here. */
export function announcingArms(observer: Observer, state: SharedState | null): Observer {
  if (state === null) return observer;
  return {
    ...observer,
    armChanged(change) {
      observer.armChanged(change);
      tellOthers(state, 'arms');
    },
  };
}
