import type { SharedLook } from '../gateway/shared-look.ts';
import { hearChanges } from './follow-others.ts';
import type { Parts } from './parts.ts';
import { watchSecretsAndEndpoints } from './watch-secrets.ts';

/** How often what was learned is saved. */
const LEARNER_SAVE_MS = 60_000;

/**
 * Begins what goes on beside payments: looks at secrets and endpoints, at what other processes changed and at the
 * journal, and the saving of what is learned.
 * @returns ends the looks; what is saved is closed with its part
 */
export function beginLoops(parts: Parts, sharedLook: SharedLook | null): () => void {
  const { journal, journalWatch, learnerFiles, shared } = parts;
  const endWatching = watchSecretsAndEndpoints(parts);
  sharedLook?.begin();
  journalWatch.begin(() => journal.ping());
  for (const file of learnerFiles) file.keep(LEARNER_SAVE_MS);
  shared?.learning.begin();
  const endHearing = hearChanges(shared, sharedLook);
  return () => {
    endWatching();
    endHearing();
    journalWatch.end();
  };
}
