import { formatRulesetError } from '../config/ruleset-error.ts';
import type { RulesetStatus, RulesetStore } from '../config/ruleset-store.ts';
import type { JournalWatch } from '../guards/journal-watch.ts';
import { type StoreSettings, storePlaces } from './open-journal.ts';
import { whyWaiting } from './why-waiting.ts';

/** What readiness is judged by. */
interface Watched {
  readonly journalWatch: Pick<JournalWatch, 'failing' | 'tolerated'>;
  readonly rules: Pick<RulesetStore, 'status'>;
  readonly settings: StoreSettings & { readonly rulesDir: string };
}

/** Ready: the journal can be written, and we are not on our way out. A refused edit is told, but harms nobody. */
export function readiness({ journalWatch, rules, settings }: Watched, draining: boolean) {
  const status = rules.status();
  const failing = journalWatch.failing();
  return {
    ready: failing === null && !draining,
    detail: {
      journal: failing ?? journalWatch.tolerated() ?? 'writable',
      stores: storePlaces(settings),
      draining,
      ruleset: shownStatus(status, settings.rulesDir),
    },
  };
}

/** Which ruleset this process goes by, and what stands beside it. Needs no key: names nobody. */
function shownStatus({ version, contentHash, loadedAtMs, ...status }: RulesetStatus, folder: string) {
  const { activation, active, rejected, waiting, behind } = status;
  return {
    version,
    content_hash: contentHash,
    loaded_at: new Date(loadedAtMs).toISOString(),
    activation,
    folder,
    cause: active.cause,
    active_since: new Date(active.atMs).toISOString(),
    rejected:
      rejected === null
        ? null
        : {
            at: new Date(rejected.atMs).toISOString(),
            errors: rejected.errors.map(formatRulesetError),
          },
    waiting:
      waiting === null
        ? null
        : {
            kind: waiting.kind,
            content_hash: waiting.contentHash,
            version: waiting.version,
            why: whyWaiting(waiting.kind, activation),
          },
    behind:
      behind === null ? null : { version: behind.version, errors: behind.errors.map(formatRulesetError) },
  };
}
