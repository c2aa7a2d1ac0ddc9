import type { LoadedApiKeys } from '../config/api-keys.ts';
import type { Settings } from '../config/environment.ts';
import type { EventEndpoints } from '../config/event-endpoints.ts';
import type { ReadingThread } from '../config/reading-thread.ts';
import type { RulesetStore } from '../config/ruleset-store.ts';
import type { RulesetTrain } from '../config/ruleset-train.ts';
import type { TableCardFacts } from '../core/cards/card-facts.ts';
import type { SchemeRules } from '../core/scheme/scheme-rules.ts';
import type { SignedEventSender } from '../events/signed-event-sender.ts';
import type { LiveArms } from '../gateway/live-arms.ts';
import type { OverrideNews } from '../gateway/override-news.ts';
import type { Journal, Learner, Observer } from '../gateway/ports.ts';
import type { SharedState } from '../gateway/shared-state.ts';
import type { createCardKey } from '../guards/card-key.ts';
import type { JournalWatch } from '../guards/journal-watch.ts';
import type { Lanes } from '../guards/lanes.ts';
import type { LearnerFile } from '../guards/learner-file.ts';
import type { OutcomeLearner } from '../guards/outcome-learner.ts';
import type { ReportingAccounts } from '../guards/reporting-accounts.ts';
import type { SharedLearning } from '../guards/shared-learning.ts';
import type { Sharing } from '../guards/sharing.ts';
import type { ProviderRegistry } from '../providers/registry.ts';
import type { SandboxChild } from '../providers/sandbox/sandbox-child.ts';
import type { PoolLoad } from '../stores/postgres/postgres-journal.ts';
import type { HeldBackWatch } from '../telemetry/held-back-watch.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Tracing } from '../telemetry/tracing.ts';

/** What several processes share, reached, and what they agree on by it. */
export interface OpenedSharing {
  readonly state: SharedState;
  readonly sharing: Sharing;
}

/** What a process is made of, opened and checked. */
export interface Parts {
  readonly settings: Settings;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly keys: LoadedApiKeys;
  readonly cards: TableCardFacts;
  readonly sandbox: SandboxChild | null;
  readonly journal: Journal;
  readonly journalWatch: JournalWatch;
  readonly heldBack: HeldBackWatch;
  /** How busy the connections to the database are; none where it is a file. */
  readonly poolLoads: () => readonly PoolLoad[];
  readonly registry: ProviderRegistry;
  readonly learner: OutcomeLearner;
  /** What outcomes are told to: the learner, and whoever watches what it is told. */
  readonly taught: Learner;
  readonly accounts: ReportingAccounts;
  /** What outlives the process of what was learned: by our own attempts, and by what accounts report. */
  readonly learnerFiles: readonly LearnerFile[];
  readonly lanes: Lanes;
  readonly overrideNews: OverrideNews;
  /** What other processes share with this one; null: it is alone. */
  readonly shared: (OpenedSharing & { readonly learning: SharedLearning }) | null;
  readonly rules: RulesetStore;
  readonly releases: RulesetTrain;
  /** Where files of rules are read beside payments: those that anybody hands over, and those that this process is to go by. */
  readonly ruleThreads: { readonly checks: ReadingThread; readonly own: ReadingThread };
  readonly arms: LiveArms;
  readonly observer: Observer;
  /** Null: nothing is traced. */
  readonly tracing: Tracing | null;
  readonly endpoints: EventEndpoints;
  readonly eventSender: SignedEventSender;
  readonly schemeRules: SchemeRules;
  /** Names a card at a merchant for the schemes' ceilings. */
  readonly cardKey: ReturnType<typeof createCardKey>;
}
