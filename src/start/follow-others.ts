import { SharedLook } from '../gateway/shared-look.ts';
import { overrideFields } from './overrides.ts';
import type { OpenedSharing, Parts } from './parts.ts';
import { clock } from './this-process.ts';

/** What follows other processes; null where nobody else has the journal. */
export function makeSharedLook(parts: Parts): SharedLook | null {
  const { settings, journal, observer, arms, lanes, rules, overrideNews, log } = parts;
  if (settings.databaseUrl === null) return null;
  return new SharedLook({
    clock,
    observer,
    journal,
    arms,
    setOverrides(overrides) {
      lanes.setOverrides(overrides);
      for (const override of overrideNews.newIn(overrides)) {
        log.warn('override_taken_over', overrideFields(override));
      }
    },
    followRuleset: () => rules.follow(),
  });
}

/** Looks at once when another process says that it changed something in the database. @returns ends it */
export function hearChanges(
  shared: Pick<OpenedSharing, 'state'> | null,
  sharedLook: SharedLook | null,
): () => void {
  if (shared === null || sharedLook === null) return () => {};
  return shared.state.onChange(() => void sharedLook.look());
}
