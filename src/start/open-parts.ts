import { loadApiKeys } from '../config/api-keys.ts';
import { loadBinTable } from '../config/default-bin-table.ts';
import type { Settings } from '../config/environment.ts';
import { TableCardFacts } from '../core/cards/card-facts.ts';
import { SignedEventSender } from '../events/signed-event-sender.ts';
import { LiveArms } from '../gateway/live-arms.ts';
import { OverrideNews } from '../gateway/override-news.ts';
import type { Journal } from '../gateway/ports.ts';
import { createCardKey } from '../guards/card-key.ts';
import { JournalWatch } from '../guards/journal-watch.ts';
import { ProviderRegistry } from '../providers/registry.ts';
import type { SandboxChild } from '../providers/sandbox/sandbox-child.ts';
import { createTransport } from '../providers/transport.ts';
import { allObservers } from '../telemetry/all-observers.ts';
import type { Log } from '../telemetry/log.ts';
import { createMetrics, type Metrics } from '../telemetry/metrics.ts';
import type { Tracing } from '../telemetry/tracing.ts';
import { openEndpoints } from './open-endpoints.ts';
import { openJournal } from './open-journal.ts';
import { openLearning } from './open-learning.ts';
import { openRules } from './open-rules.ts';
import { openSharing } from './open-sharing.ts';
import { readDeclineTables, readSchemeRules, tellImport } from './open-tables.ts';
import { openLanes } from './overrides.ts';
import type { Parts } from './parts.ts';
import { rulesetSteps } from './ruleset-steps.ts';
import { clock, randomness, VERSION } from './this-process.ts';

/** How long a journal that several processes share may fail before they are not ready, milliseconds. */
const SHARED_STALL_MS = 15_000;

/** Files first, then the journal, whose last good rules may have to stand in for a bad folder, then the sandbox. */
export async function openParts(settings: Settings, log: Log): Promise<Parts> {
  const metrics = createMetrics(VERSION);
  const keys = await loadApiKeys({ ...settings, file: settings.apiKeysFile });
  const table = await loadBinTable(settings.binTables, (path, result) => tellImport(path, result, log));
  const declineTables = await readDeclineTables(settings);
  const schemeRules = await readSchemeRules(settings);
  // Where it is this process's own, nobody else could take its payments: what is the matter is told at once.
  const journalWatch = new JournalWatch(clock, settings.databaseUrl === null ? 0 : SHARED_STALL_MS);
  const observer = journalWatch.observing(allObservers(metrics.observer, log.observer));
  const endpoints = openEndpoints(settings, keys, log, observer);
  const tracing = await openTracing(settings, log, metrics);
  const opened = await openJournal(settings, log, metrics);
  const { journal } = opened;
  const secret = await journal.secret();
  const shared = await openSharing(settings, secret, log, metrics);
  const sandbox: { child: SandboxChild | null } = { child: null };
  const adapterDeps = {
    clock,
    declineTables: () => declineTables,
    sandboxUrl: (id: string) => sandbox.child?.providers.get(id) ?? null,
  };
  const registry = new ProviderRegistry(adapterDeps);
  const overrideNews = new OverrideNews();
  const lanes = await openLanes({ journal, shared, overrideNews, metrics, log });
  const steps = rulesetSteps(settings, log, sandbox, { registry, lanes, adapterDeps });
  const arms = await openArms(journal, metrics);
  const { rules, releases, ruleThreads } = await openRules(
    { settings, journal, log, metrics, arms },
    steps,
    declineTables,
  );
  const cards = new TableCardFacts(table);
  const learned = await openLearning(settings, log, { lanes, rules, shared, observer });
  return {
    settings,
    log,
    metrics,
    keys,
    cards,
    sandbox: sandbox.child,
    ...opened,
    journalWatch,
    registry,
    ...learned,
    lanes,
    overrideNews,
    rules,
    releases,
    ruleThreads,
    arms,
    observer,
    tracing,
    endpoints,
    eventSender: new SignedEventSender({ clock, connect: createTransport, version: VERSION }),
    schemeRules,
    cardKey: createCardKey(secret),
  };
}

/** Takes up what is known of the arms of experiments: who stopped them, and what bandits had learned. */
async function openArms(journal: Journal, metrics: Metrics): Promise<LiveArms> {
  const arms = new LiveArms();
  const states = await journal.listArmStates();
  arms.setStates(states);
  arms.restoreShares(await journal.listBanditShares());
  for (const state of states) metrics.observer.armChanged(state);
  return arms;
}

/** The libraries of traces are loaded only where traces are wanted: else they cost nothing. */
async function openTracing(settings: Settings, log: Log, metrics: Metrics): Promise<Tracing | null> {
  if (settings.tracing === null) return null;
  const { startTracing } = await import('../telemetry/tracing.ts');
  return startTracing(
    { ...settings.tracing, version: VERSION },
    {
      clock,
      randomness,
      onSpans: metrics.spansEnded,
      onTrouble(problem) {
        if (problem === null) log.info('traces_exported_again');
        else log.warn('traces_not_exported', { problem, effect: 'payments are not affected' });
      },
    },
  );
}
