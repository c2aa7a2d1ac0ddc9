import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { ApiKeysError, apiKeyLookUp, type LoadedApiKeys, loadApiKeys } from './config/api-keys.ts';
import { BinFileError, refusedRowText } from './config/bin-import.ts';
import { CredentialWatch } from './config/credential-watch.ts';
import { readSecretFile } from './config/credentials.ts';
import { loadDeclineTables } from './config/decline-tables.ts';
import { loadBinTable } from './config/default-bin-table.ts';
import { EnvironmentError, readEnvironment, type Settings } from './config/environment.ts';
import { EventEndpoints, EventEndpointsError } from './config/event-endpoints.ts';
import {
  isAboutMissing,
  missingCredentials,
  missingText,
  PLACEHOLDER,
} from './config/missing-credentials.ts';
import type { LoadedSet } from './config/open-money.ts';
import { providerPlaces } from './config/provider-places.ts';
import { retentionProblem } from './config/retention.ts';
import { formatRulesetError, type RulesetError } from './config/ruleset-error.ts';
import { readRulesetFolder } from './config/ruleset-folder.ts';
import {
  type ActivationMode,
  openRulesetStore,
  type RulesetStatus,
  type RulesetStore,
  type RulesetStoreOptions,
  type WaitingFolder,
} from './config/ruleset-store.ts';
import { RulesetTrain } from './config/ruleset-train.ts';
import { loadSchemeRules } from './config/scheme-limits.ts';
import { validateRulesetFiles } from './config/validate-ruleset-files.ts';
import type { BinImportResult } from './core/cards/bin-import.ts';
import { TableCardFacts } from './core/cards/card-facts.ts';
import type { DeclineTables } from './core/declines/decline-tables.ts';
import { planInForce } from './core/experiments/assign.ts';
import { changesOfRunning } from './core/experiments/changes.ts';
import { eventsRefused } from './core/rules/account-names.ts';
import type { Ruleset } from './core/rules/ruleset.ts';
import { cardIdentity } from './core/scheme/card-identity.ts';
import type { SchemeRules } from './core/scheme/scheme-rules.ts';
import { renderAuthorization } from './edge/answer.ts';
import { createApp } from './edge/app.ts';
import { renderDecision } from './edge/decision-answer.ts';
import type { EdgeDeps, ProviderSnapshot } from './edge/edge-deps.ts';
import { renderEvent } from './edge/event-answer.ts';
import { renderOperation } from './edge/operation-answer.ts';
import { type EdgeServer, SERVER_DEFAULTS, startServer } from './edge/server.ts';
import { shownOverride } from './edge/shown-override.ts';
import { SignedEventSender } from './events/signed-event-sender.ts';
import { Gateway } from './gateway/gateway.ts';
import { LiveArms } from './gateway/live-arms.ts';
import {
  type ActivationCause,
  type EventEndpoint,
  type Journal,
  JournalError,
  type Observer,
} from './gateway/ports.ts';
import { Replays } from './gateway/replays.ts';
import { Sightings } from './gateway/sightings.ts';
import { Unrecorded } from './gateway/unrecorded.ts';
import { BackgroundPacer } from './guards/background-pacer.ts';
import { createCardKey } from './guards/card-key.ts';
import { CardTestingGuard } from './guards/card-testing-guard.ts';
import { JournalWatch } from './guards/journal-watch.ts';
import { Lanes } from './guards/lanes.ts';
import { LearnerFile, type Restored } from './guards/learner-file.ts';
import { OutcomeLearner } from './guards/outcome-learner.ts';
import { ReportingAccounts } from './guards/reporting-accounts.ts';
import { SlidingRetryBudget } from './guards/sliding-retry-budget.ts';
import { systemClock } from './guards/system-clock.ts';
import { systemRandomness } from './guards/system-randomness.ts';
import type { AdapterDeps } from './providers/adapter-deps.ts';
import { ProviderSetupError } from './providers/provider-setup-error.ts';
import { ProviderRegistry, type RegistryDeps } from './providers/registry.ts';
import { type SandboxChild, startSandboxChild } from './providers/sandbox/sandbox-child.ts';
import { setupProblems } from './providers/setup-problems.ts';
import { createTransport } from './providers/transport.ts';
import { WorkerReplayRunner } from './replay/worker-replay-runner.ts';
import { openWorkerJournal } from './stores/sqlite/worker-journal.ts';
import { allObservers } from './telemetry/all-observers.ts';
import { createLog, type Log } from './telemetry/log.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';

/** After the drain's time, attempts under way are given up; this is for recording what they came to. */
const RECORD_MS = 2_000;

/** Time between two looks at secrets and endpoints, milliseconds: what is found counts at the second look. */
const LOOK_MS = 10_000;
/** How often what was learned is saved. */
const LEARNER_SAVE_MS = 60_000;
/** How fast one endpoint is told of events: a tenth of this a second and at once. */
const EVENT_PACE = { perSecond: 500, concurrent: 80 } as const;

/** A start that cannot go on, told in words that say how to mend it. */
class StartError extends Error {
  override readonly name = 'StartError';
}

/**
 * V8 moves the birthplace of objects that once outlived a collection to the old generation, where each keeps what it
 * refers to alive long after it is dead. Requests live just long enough to set that off: half of the time of minor
 * collections went into carrying the dead along.
 */
setFlagsFromString('--no-allocation-site-pretenuring');

const clock = systemClock;
const randomness = systemRandomness(clock.wallMs);
const { version: VERSION } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as {
  version: string;
};

/** What a process is made of, opened and checked. */
interface Parts {
  readonly settings: Settings;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly keys: LoadedApiKeys;
  readonly cards: TableCardFacts;
  readonly sandbox: SandboxChild | null;
  readonly journal: Journal;
  readonly journalWatch: JournalWatch;
  readonly registry: ProviderRegistry;
  readonly learner: OutcomeLearner;
  readonly accounts: ReportingAccounts;
  /** What outlives the process of what was learned: by our own attempts, and by what accounts report. */
  readonly learnerFiles: readonly LearnerFile[];
  readonly lanes: Lanes;
  readonly rules: RulesetStore;
  readonly releases: RulesetTrain;
  readonly arms: LiveArms;
  readonly observer: Observer;
  readonly endpoints: EventEndpoints;
  readonly eventSender: SignedEventSender;
  readonly schemeRules: SchemeRules;
  /** Names a card at a merchant for the schemes' ceilings. */
  readonly cardKey: ReturnType<typeof createCardKey>;
}

/** Opens everything, takes up what an earlier process left, listens, and ends in order on a signal. */
async function start(settings: Settings, log: Log): Promise<void> {
  const parts = await openParts(settings, log);
  const stop = new AbortController();
  const gateway = makeGateway(parts, stop.signal);
  await gateway.start();
  const replays = makeReplays(parts);

  let draining = false;
  const app = makeApp(parts, gateway, replays, () => draining);
  const server = await startServer(
    { fetch: app.fetch, clock, randomness, reportFault: faultReporter(log) },
    { ...SERVER_DEFAULTS, host: settings.host, port: settings.port },
  );
  await parts.keys.keep();
  announce(server, parts);
  const endLooking = lookAgain(parts);
  for (const file of parts.learnerFiles) file.keep(LEARNER_SAVE_MS);

  endOnSignal(async (signal) => {
    draining = true;
    replays.stop();
    parts.sandbox?.mayEnd();
    log.info('draining', { signal, under_way: gateway.underWay });
    endLooking();
    await drain(server, gateway, stop, settings.drainTimeoutMs);
    await parts.rules.close();
    // Callers are answered. What is asked beside them is asked again by whoever comes next.
    stop.abort();
    await gateway.close();
    for (const file of parts.learnerFiles) await file.close();
    await parts.journal.close();
    parts.registry.close();
    parts.eventSender.close();
    parts.lanes.close();
    parts.sandbox?.close();
    log.info('stopped', { signal });
  }, log);
}

/** Files first, then the journal, whose last good rules may have to stand in for a bad folder, then the sandbox. */
async function openParts(settings: Settings, log: Log): Promise<Parts> {
  const metrics = createMetrics(VERSION);
  const keys = await loadApiKeys({ ...settings, file: settings.apiKeysFile });
  const table = await loadBinTable(settings.binTables, (path, result) => tellImport(path, result, log));
  const declineTables = await readDeclineTables(settings);
  const schemeRules = await readSchemeRules(settings);
  const journalWatch = new JournalWatch(clock);
  const observer = journalWatch.observing(allObservers(metrics.observer, log.observer));
  const endpoints = openEndpoints(settings, keys, log, observer);
  const journal = await openWorkerJournal({ directory: settings.dataDir });
  const sandbox: { child: SandboxChild | null } = { child: null };
  const adapterDeps = {
    clock,
    declineTables: () => declineTables,
    sandboxUrl: (id: string) => sandbox.child?.providers.get(id) ?? null,
  };
  const registry = new ProviderRegistry(adapterDeps);
  const lanes = new Lanes(new Map(), {
    clock,
    onTransition: ({ provider, brand, from, to }) => {
      metrics.breakerChanged({ provider, brand, state: to });
      log.warn('breaker', { provider, brand, from, to });
    },
  });
  lanes.setOverrides(await journal.listOverrides());
  const steps = rulesetSteps(settings, log, sandbox, { registry, lanes, adapterDeps });
  const arms = await openArms(journal, metrics);
  const { rules, releases } = await openRules(
    settings,
    journal,
    log,
    { ...steps, arms },
    metrics,
    declineTables,
  );
  const cards = new TableCardFacts(table);
  const learner = new OutcomeLearner(clock);
  const accounts = new ReportingAccounts(clock, lanes, learner);
  const learnerFiles = [
    await openLearnerFile(settings, 'learner-state', learner, log),
    await openLearnerFile(settings, 'account-state', accounts, log),
  ];
  return {
    settings,
    log,
    metrics,
    keys,
    cards,
    sandbox: sandbox.child,
    journal,
    journalWatch,
    registry,
    learner,
    accounts,
    learnerFiles,
    lanes,
    rules,
    releases,
    arms,
    observer,
    endpoints,
    eventSender: new SignedEventSender({ clock, connect: createTransport, version: VERSION }),
    schemeRules,
    cardKey: createCardKey(await journal.secret()),
  };
}

/** How a process goes over to a ruleset, and what keeps it from that. */
function rulesetSteps(
  settings: Settings,
  log: Log,
  sandbox: { child: SandboxChild | null },
  parts: Pick<Parts, 'registry' | 'lanes'> & { readonly adapterDeps: RegistryDeps },
): RulesetSteps {
  const { registry, lanes, adapterDeps } = parts;
  let isPrepared = false;
  return {
    async prepare(ruleset) {
      sandbox.child = await startSandboxIfNeeded(ruleset, settings, log);
      isPrepared = true;
    },
    apply({ providers }) {
      if (settings.production && [...providers.values()].some(({ adapter }) => adapter === 'sandbox')) {
        throw new StartError('sandbox providers are refused with NODE_ENV=production: configure real ones');
      }
      registry.load({ providers });
      lanes.update(providers);
    },
    // Before that, the sandbox is taken to be there: it is started for the set that is chosen.
    check: (set) => usageErrors(set, settings, isPrepared ? adapterDeps : withoutSandboxUrl(adapterDeps)),
  };
}

function withoutSandboxUrl({ clock: time, declineTables }: RegistryDeps): AdapterDeps {
  return { clock: time, declineTables };
}

type RulesetSteps = Required<Pick<RulesetStoreOptions, 'prepare' | 'apply' | 'check'>>;

/** Takes up what is known of the arms of experiments: who stopped them, and what bandits had learned. */
async function openArms(journal: Journal, metrics: Metrics): Promise<LiveArms> {
  const arms = new LiveArms();
  const states = await journal.listArmStates();
  arms.setStates(states);
  arms.restoreShares(await journal.listBanditShares());
  for (const state of states) metrics.observer.armChanged(state);
  return arms;
}

/** Takes up what was learned before. */
async function openLearnerFile(
  settings: Settings,
  name: 'learner-state' | 'account-state',
  learner: OutcomeLearner | ReportingAccounts,
  log: Log,
): Promise<LearnerFile> {
  const file = new LearnerFile({
    path: join(settings.dataDir, name),
    clock,
    learner,
    onFailed: (error) => log.fault('learner_state_not_saved', error, { file: name }),
  });
  tellRestored(name, await file.restore(), log);
  return file;
}

/** Says with what approval is learned on. */
function tellRestored(file: string, restored: Restored, log: Log): void {
  const age = restored.kind === 'restored' ? { age_s: Math.round(restored.ageMs / 1000) } : {};
  const tallies = restored.kind === 'restored' ? restored.tallies : 0;
  if (restored.kind === 'refused') log.warn('learner_state_refused', { file, problem: restored.problem });
  if (restored.kind === 'restored' && restored.refused > 0) {
    log.warn('learner_state_refused', {
      file,
      problem: `${restored.refused} of ${tallies + restored.refused} tallies say what cannot be, and are left out`,
    });
  }
  log.info('learner_state', { file, restored: tallies, ...age });
}

/** @throws EventEndpointsError when the file is bad */
function openEndpoints(
  settings: Settings,
  keys: LoadedApiKeys,
  log: Log,
  observer: Pick<Observer, 'alert'>,
): EventEndpoints {
  const tell = (endpoints: readonly EventEndpoint[]) => {
    const enabled = endpoints.filter((endpoint) => endpoint.enabled);
    const ids = endpoints.map(({ id }) => id).join(',');
    log.info('event_endpoints', { endpoints: ids, enabled: enabled.length });
    for (const { id, account } of enabled) {
      if (keys.keys.some((key) => key.account === account)) continue;
      const warning = 'no API key belongs to this account: nothing can happen that it is told of';
      log.warn('event_endpoint_account', { endpoint: id, account, warning });
    }
  };
  const endpoints = new EventEndpoints({
    file: settings.eventEndpointsFile,
    credentials: credentialSources(),
    onChanged: tell,
    onRejected(errors) {
      for (const error of errors)
        log.error('event_endpoints_refused', { problem: formatRulesetError(error) });
      const detail = 'EVENT_ENDPOINTS_FILE is refused, as the log says; the endpoints before stay in force';
      observer.alert({ kind: 'event_endpoints_refused', detail, authorizationId: null });
    },
  });
  if (settings.eventEndpointsFile !== null) tell(endpoints.current());
  return endpoints;
}

/**
 * Looks at secrets and endpoints again and again, and at once on SIGHUP: whoever sends that says that they are at rest.
 * @returns ends it
 */
function lookAgain(parts: Parts): () => void {
  const { log, metrics, observer, registry, rules, endpoints } = parts;
  const credentials = new CredentialWatch({
    files: () => rules.files(),
    credentials: credentialSources(),
    rotate: (provider, secrets) => registry.rotate(provider, secrets),
    onRotated(provider, names) {
      metrics.credentialsRotated(provider);
      log.info('credentials_rotated', { provider, credentials: names.join(',') });
    },
    onFailed: (provider, problem) =>
      observer.alert({
        kind: 'credential_rotation_failed',
        detail: `${provider} goes on with the secrets before: ${problem}`,
        authorizationId: null,
      }),
  });
  const look = () => {
    try {
      credentials.look();
      endpoints.look();
    } catch (error) {
      log.fault('look_failed', error);
    }
  };
  let cancel = () => {};
  const again = () => {
    cancel = clock.after(LOOK_MS, () => {
      look();
      again();
    });
  };
  const onHangUp = () => {
    look();
    look();
  };
  process.on('SIGHUP', onHangUp);
  again();
  return () => {
    cancel();
    process.off('SIGHUP', onHangUp);
  };
}

function makeGateway(parts: Parts, stopSignal: AbortSignal): Gateway {
  const { registry, rules, schemeRules, cardKey } = parts;
  return new Gateway({
    clock,
    randomness,
    journal: parts.journal,
    guards: parts.lanes,
    retryBudget: new SlidingRetryBudget(clock),
    // At most a tenth (payments reference, invariant 37); what is over is left to the resolver.
    quickBudget: new SlidingRetryBudget(clock, { ratio: 0.1, floor: 50 }),
    learner: parts.learner,
    accounts: parts.accounts,
    rulesets: rules,
    arms: parts.arms,
    cards: parts.cards,
    schemeGuard: {
      rules: () => schemeRules,
      cardKey: (merchant, card) => cardKey(merchant, cardIdentity(card)),
    },
    cardTesting: new CardTestingGuard(clock),
    pacer: new BackgroundPacer((provider) => rules.current().providers.get(provider)?.limits),
    provider: (id) => registry.get(id),
    observer: parts.observer,
    outgoing: {
      endpoints: () => parts.endpoints.current(),
      sender: parts.eventSender,
      pacer: new BackgroundPacer(() => EVENT_PACE),
      render: renderEvent,
    },
    unrecorded: new Unrecorded(),
    sightings: new Sightings(clock),
    renderAnswer: renderAuthorization,
    renderOperation,
    renderDecision,
    owner: `${hostname()}-${process.pid}-${randomness.id('own')}`,
    // The embedded journal is locked for this process.
    soleOwner: true,
    leaseMs: parts.settings.leaseMs,
    resolverSchedule: parts.settings.resolverSchedule,
    retentionMs: retentionOf(parts.settings),
    refundableRetentionMs: parts.settings.refundableRetentionDays * 86_400_000,
    stopSignal,
  });
}

function makeReplays({ journal, settings, log }: Parts): Replays {
  return new Replays({
    clock,
    randomness,
    journal,
    runner: new WorkerReplayRunner(settings.binTables),
    onChanged: ({ id, account, version, state, end, failure }) =>
      log.info('replay', {
        replay: id,
        account,
        ruleset: version,
        state,
        verdict: end?.verdict.kind,
        failure,
      }),
  });
}

function makeApp(parts: Parts, gateway: Gateway, replays: Replays, draining: () => boolean) {
  const { journal, lanes } = parts;
  return createApp({
    authorize: (command) => gateway.authorize(command),
    decide: (command) => gateway.decide(command),
    report: (command) => gateway.report(command),
    operate: (command) => gateway.operate(command),
    resolve: (command) => gateway.resolve(command),
    resolveOperation: (command) => gateway.resolveOperation(command),
    takeNotices: (provider, message) => gateway.takeNotices(provider, message),
    journal,
    deliveries: journal,
    eventEndpoints: () => gateway.eventEndpoints(),
    deliveryReplayed: ({ delivery: { id, endpoint, authorizationId }, account, traceId }) =>
      parts.log.warn('event_replayed', {
        delivery: id,
        endpoint,
        authorization_id: authorizationId,
        account,
        trace_id: traceId,
      }),
    findCaller: apiKeyLookUp(parts.keys.keys),
    providers: () => providerSnapshots(parts),
    experiments: {
      current: () => parts.rules.current().experiments,
      stateOf: (experiment, arm) => parts.arms.state(experiment, arm),
      inForce: (experiment) => planInForce(experiment, clock.wallMs(), parts.arms),
      results: (id) => gateway.experimentResults(id),
      isRecorded: (id) => gateway.isExperimentRecorded(id),
      setArm: (command) => gateway.setArm(command),
    },
    rulesets: parts.releases,
    rulesetReleased: releaseReporter(parts.log),
    replays,
    async setOverride(override) {
      await journal.saveOverride(override);
      lanes.setOverrides(await journal.listOverrides());
      const { provider, brand, merchant, mode, reason, author, expiresAtMs } = override;
      const expires = expiresAtMs === null ? null : new Date(expiresAtMs).toISOString();
      parts.log.warn('override', { provider, brand, merchant, mode, reason, author, expires });
    },
    readiness: () => readiness(parts, draining()),
    async metrics() {
      // A scrape must not fail with the journal: then it is the journal's own metrics that tell.
      await journal.countUnsettled().then(parts.metrics.unsettledShown, ignoreJournalError);
      await journal
        .countWork(clock.wallMs())
        .then((counts) => parts.metrics.workShown(counts, clock.wallMs()), ignoreJournalError);
      await journal
        .countDeliveries()
        .then((counts) => parts.metrics.deliveriesShown(counts, clock.wallMs()), ignoreJournalError);
      parts.metrics.endpointsShown(gateway.eventEndpoints());
      for (const { provider, lanes: shown } of lanes.snapshot()) {
        for (const { brand, breaker } of shown) {
          parts.metrics.breakerShown({ provider, brand, state: breaker });
        }
      }
      return parts.metrics.render();
    },
    clock,
    randomness,
    draining,
    reportFault: faultReporter(parts.log),
    requestEnded: parts.metrics.requestEnded,
    version: VERSION,
  });
}

function retentionOf({ retentionDays }: Settings): number | null {
  return retentionDays === null ? null : retentionDays * 86_400_000;
}

function faultReporter(log: Log) {
  return (fault: { readonly traceId: string; readonly route: string; readonly error: unknown }) =>
    log.fault('fault', fault.error, { trace_id: fault.traceId, route: fault.route });
}

function releaseReporter(log: Log): EdgeDeps['rulesetReleased'] {
  return ({ command, result, traceId }) => {
    const { version, expectedActive: expected_active, author, reason } = command;
    const asked = { asked: version, expected_active, author, reason, trace_id: traceId };
    if (result.kind === 'active') {
      log.info('ruleset_release', { ...asked, ruleset: result.active.version, changed: result.changed });
    } else log.warn('ruleset_release_refused', { ...asked, result: result.kind });
  };
}

/** A table of the operator's that is read only in part is used, and the rest is told. */
function tellImport(path: string, result: BinImportResult, log: Log): void {
  const { rows, refused, refusedFirst, notUnderstood } = result;
  log.info('bin_table', { path, rows, refused });
  for (const row of refusedFirst) log.warn('bin_row_refused', { row: refusedRowText(path, row) });
  for (const [value, count] of notUnderstood) log.warn('bin_value_not_understood', { path, value, count });
}

/** Code tables are read at the start: a change of what a decline means takes a restart. */
async function readDeclineTables(settings: Settings): Promise<DeclineTables> {
  const reading = await loadDeclineTables(settings.rulesDir);
  if (reading.kind === 'refused') throw rulesRefused(settings, reading.errors);
  return reading.tables;
}

/** Attempt ceilings of the schemes, read at the start as the code tables are. */
async function readSchemeRules(settings: Settings): Promise<SchemeRules> {
  const reading = await loadSchemeRules(settings.rulesDir);
  if (reading.kind === 'refused') throw rulesRefused(settings, reading.errors);
  const problem = retentionProblem(settings.retentionDays, reading.rules);
  if (problem !== null) throw new StartError(problem);
  return reading.rules;
}

/** Refuses new work, lets what is open finish, and gives up and records what does not in time. */
async function drain(
  server: EdgeServer,
  gateway: Gateway,
  stop: AbortController,
  timeoutMs: number,
): Promise<void> {
  const answered = server.drain(timeoutMs + RECORD_MS);
  const cancel = clock.after(timeoutMs, () => stop.abort());
  await Promise.race([
    Promise.all([gateway.idle(), gateway.endDeliveries()]),
    new Promise<void>((resolve) => {
      clock.after(timeoutMs + RECORD_MS, resolve);
    }),
  ]);
  cancel();
  await answered;
}

/** The sandbox runs beside us when only sandbox providers are configured, and each has no address of its own. */
async function startSandboxIfNeeded(
  ruleset: Ruleset,
  settings: Settings,
  log: Log,
): Promise<SandboxChild | null> {
  if (settings.sandbox === 'off' || settings.production) return null;
  const providers = [...ruleset.providers.values()].filter(
    ({ adapter, baseUrl }) => adapter === 'sandbox' && baseUrl === null,
  );
  if (providers.length === 0) return null;
  // Else it would be the gateway that finds its port in use, and nobody would know by whom.
  if (settings.sandboxPort === settings.port && settings.port !== 0) {
    throw new StartError(
      `PORT and SANDBOX_PORT are both ${settings.port}; expected two ports: the gateway and its sandbox listen each on one of ` +
        'their own. Set SANDBOX_PORT to another one, or to 0 for any that is free.',
    );
  }
  return startSandboxChild(
    providers.map(({ id }) => id),
    settings.sandboxPort,
    (code) =>
      log.error('sandbox_ended', { code, remedy: 'restart the gateway: its sandbox providers are gone' }),
  );
}

async function openRules(
  settings: Settings,
  journal: Journal,
  log: Log,
  steps: RulesetSteps & { readonly arms: LiveArms },
  metrics: Metrics,
  declineTables: DeclineTables,
): Promise<Pick<Parts, 'rules' | 'releases'>> {
  const sources = { folder: settings.rulesDir, credentials: credentialSources() };
  const goBy = (ruleset: Ruleset, previous: Ruleset | null, cause: ActivationCause | null = null) => {
    metrics.rulesetActivated(ruleset.version, previous === null ? null : cause);
    for (const [provider, contract] of ruleset.providers) {
      const refused = eventsRefused(contract);
      if (refused !== null) log.warn('webhooks_not_configured', { provider, ...refused });
    }
    for (const note of notesOf(ruleset, previous, steps.arms)) log.warn('experiment_note', { note });
  };
  const opening = await openRulesetStore({
    ...steps,
    ...sources,
    clock,
    activation: settings.rulesActivation,
    journal,
    onTakenUp(ruleset, { cause, author, reason }) {
      goBy(ruleset, null);
      log.info('ruleset_taken_up', { ruleset: ruleset.version, cause, author, reason });
    },
    onActivated(ruleset, previous, { cause, author, reason, replaced }) {
      goBy(ruleset, previous, cause);
      const versions = { ruleset: ruleset.version, previous: previous?.version ?? replaced };
      log.info('ruleset_activated', { ...versions, cause, author, reason });
    },
    onLeftBehind: (providers) => log.warn('money_left_behind', leftBehind(providers, settings)),
    onRejected(errors) {
      metrics.rulesetRejected();
      const rules_dir = settings.rulesDir;
      for (const error of errors)
        log.error('ruleset_refused', { problem: formatRulesetError(error), rules_dir });
    },
    onTakenBack() {
      metrics.rulesetTakenBack();
      log.info('ruleset_taken_back');
    },
    onWaiting(waiting) {
      metrics.rulesetWaiting(waiting);
      if (waiting === null) return log.info('ruleset_waits_no_longer');
      const { kind, contentHash: content_hash, version } = waiting;
      const why = whyWaiting(kind, settings.rulesActivation);
      log.warn('ruleset_waits', { kind, ruleset: version, content_hash, why });
    },
    onBehind(behind) {
      metrics.rulesetBehind(behind !== null);
      for (const error of behind?.errors ?? []) {
        const problem = formatRulesetError(error);
        log.error('ruleset_not_followed', { ruleset: behind?.version ?? null, problem });
      }
    },
  });
  if (opening.kind === 'opened') {
    const { store } = opening;
    return { rules: store, releases: new RulesetTrain({ ...sources, store, journal, check: steps.check }) };
  }
  if (opening.version === null) {
    throw rulesRefused(settings, opening.errors, await alsoMissing(settings, declineTables));
  }
  const lines = opening.errors.map((error) => `  ${formatRulesetError(error)}`);
  throw new StartError(
    `ruleset ${opening.version} is in force by the journal of ${settings.dataDir}, and is refused by this version or for ` +
      `want of its secrets:\n${lines.join('\n')}\nGive it its secrets back; or start once with RULES_ACTIVATION=auto and ` +
      'other good content in the rules folder, which then comes into force.',
  );
}

/** Why a good folder is not in force, and what to do about it. */
const WHY_WAITING: Readonly<Record<WaitingFolder['kind'], string>> = {
  candidate: 'with RULES_ACTIVATION=manual it is in force once somebody activates it',
  rolled_back: 'somebody went back from this content: it is not followed before the folder changes',
  superseded: "another process's folder came into force after it",
};

function whyWaiting(kind: WaitingFolder['kind'], activation: ActivationMode): string {
  return kind === 'rolled_back' && activation === 'manual'
    ? 'somebody went back from this content: it is in force again once somebody activates it'
    : WHY_WAITING[kind];
}

function leftBehind(providers: readonly string[], { dataDir }: Settings) {
  return {
    providers: providers.join(','),
    problem:
      `the journal of ${dataDir} holds authorizations of the sandbox or of test accounts that are gone from ` +
      'providers.yaml: they can no longer be captured, refunded, voided or found out',
    remedy: 'begin real providers with a new DATA_DIR; or put the folder of rules back as it was',
  };
}

/** What keeps this process from going by a good ruleset: an environment that forbids it, accounts that cannot be built. */
function usageErrors(
  { ruleset, files }: LoadedSet,
  { production }: Settings,
  deps: AdapterDeps | RegistryDeps,
): readonly RulesetError[] {
  const whereIs = providerPlaces(files['providers.yaml'] ?? '');
  const forbidden = [...ruleset.providers.values()].filter(
    ({ adapter }) => production && adapter === 'sandbox',
  );
  const missing = missingCredentials(ruleset);
  return [
    ...forbidden.map(({ id }) =>
      whereIs(id, 'adapter', {
        what: `"${id}" is a sandbox provider, with NODE_ENV=production`,
        expected: 'real providers',
        remedy: 'configure real ones',
      }),
    ),
    ...setupProblems(ruleset, deps)
      .filter(({ provider, problem }) => !isAboutMissing(problem, missing.get(provider)))
      .map(({ provider, problem }) =>
        whereIs(provider, 'adapter', {
          what: problem,
          expected: 'a provider that can be built',
          remedy: 'correct or remove it',
        }),
      ),
  ];
}

function notesOf({ experiments }: Ruleset, previous: Ruleset | null, arms: LiveArms): readonly string[] {
  const changes = previous === null ? [] : changesOfRunning(previous.experiments, experiments);
  return [...experiments.notes, ...changes, ...arms.stoppedIn(experiments)];
}

/** What else keeps providers from being used: told together with what is refused, so that one start tells it all. */
async function alsoMissing(settings: Settings, declineTables: DeclineTables): Promise<readonly string[]> {
  const folder = await readRulesetFolder(settings.rulesDir);
  if (folder.kind === 'refused') return [];
  const sources = { ...credentialSources(), placeholder: PLACEHOLDER };
  const reading = validateRulesetFiles(folder.files, sources);
  const known = reading.kind === 'refused' ? reading : reading.ruleset;
  const missing = missingCredentials(known);
  const problems = setupProblems(known, { clock, declineTables: () => declineTables });
  return [
    ...problems
      .filter(({ provider, problem }) => !isAboutMissing(problem, missing.get(provider)))
      .map(({ problem }) => problem),
    ...(missing.size === 0 ? [] : [`missing: ${missingText(missing)}`]),
  ];
}

function rulesRefused(
  settings: Settings,
  errors: readonly Parameters<typeof formatRulesetError>[0][],
  more: readonly string[] = [],
): StartError {
  const lines = [...errors.map(formatRulesetError), ...more].map((line) => `  ${line}`);
  return new StartError(`the rules in ${settings.rulesDir} are refused:\n${lines.join('\n')}`);
}

function credentialSources() {
  return { environment: process.env, readFile: readSecretFile };
}

function ignoreJournalError(error: unknown): void {
  if (!(error instanceof JournalError)) throw error;
}

/** Ready: the journal can be written, and we are not on our way out. A refused edit is told, but harms nobody. */
async function readiness({ journal, journalWatch, rules, settings }: Parts, draining: boolean) {
  const status = rules.status();
  const failing = journalWatch.failing();
  const writable = await journal.ping().then(
    () => true,
    (error: unknown) => {
      if (error instanceof JournalError) return false;
      throw error;
    },
  );
  return {
    ready: writable && failing === null && !draining,
    detail: {
      journal: writable ? (failing ?? 'writable') : 'not writable: nothing is sent until it is',
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

/** What operators see of each provider. */
function providerSnapshots({ rules, registry, lanes, learner }: Parts): readonly ProviderSnapshot[] {
  const ruleset = rules.current();
  return lanes.snapshot().flatMap((guard) => {
    const contract = ruleset.providers.get(guard.provider);
    if (contract === undefined) return [];
    return {
      id: contract.id,
      adapter: contract.adapter,
      live: registry.get(contract.id)?.live ?? contract.live,
      enabled: contract.enabled,
      merchants: contract.merchants === 'all' ? 'all' : [...contract.merchants],
      health: learner.providerHealth(contract.id),
      limits: {
        per_second: guard.limit.perSecond,
        concurrent: guard.limit.concurrent,
        in_flight: guard.limit.inUse,
        headroom: guard.limit.headroom,
      },
      lanes: guard.lanes.map(({ brand, breaker, sinceMs }) => ({
        brand,
        breaker,
        since: new Date(sinceMs).toISOString(),
      })),
      overrides: guard.overrides.map(shownOverride),
    };
  });
}

/** Tells where everything is, once, in words for a terminal and in a line for a log. */
function announce(server: EdgeServer, { settings, rules, sandbox, keys, log }: Parts): void {
  const ruleset = rules.current();
  const { madeKey } = keys;
  const host = server.host.includes(':') ? `[${server.host}]` : server.host;
  const url = `http://${host}:${server.port}`;
  log.info('listening', {
    url,
    version: VERSION,
    ruleset: ruleset.version,
    rules: ruleset.rules.length,
    providers: [...ruleset.providers.keys()].join(','),
    live: ruleset.live,
    sandbox: sandbox?.controlUrl ?? null,
    data_dir: settings.dataDir,
    rules_dir: settings.rulesDir,
  });
  log.flush();
  const lines = process.stdout.isTTY
    ? [
        '',
        `  Pointsman ${VERSION}   ${url}   reference: ${url}/docs`,
        `  rules     ${settings.rulesDir}, ruleset ${ruleset.version}, ${ruleset.rules.length} rules`,
        ...(sandbox === null ? [] : [`  sandbox   ${sandbox.controlUrl}   (no real money moves)`]),
        '',
      ]
    : [];
  if (madeKey !== null) {
    lines.push(`Development key, printed only this once: ${madeKey}`);
    lines.push(`(lost? delete ${settings.dataDir}/api-keys.json and start again)`, '');
  }
  if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`);
}

/** Ends the process once on SIGTERM or SIGINT; a second signal does not wait. */
function endOnSignal(end: (signal: string) => Promise<void>, log: Log): void {
  let ending = false;
  const onSignal = (signal: string) => {
    if (ending) process.exit(1);
    ending = true;
    end(signal).then(
      () => {
        log.flush();
        process.exit(0);
      },
      (error: unknown) => {
        log.fault('drain_failed', error);
        log.flush();
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

/** What to do when the address cannot be listened on, by the system's code. */
const LISTEN_REMEDIES: Readonly<Record<string, string>> = {
  EADDRINUSE: 'Set PORT to a free one.',
  EACCES: 'Set PORT to one above 1023, or allow this user to listen there.',
  ENOTFOUND: 'Set HOST to an address of this machine, such as 127.0.0.1 or 0.0.0.0.',
  EADDRNOTAVAIL: 'Set HOST to an address of this machine, such as 127.0.0.1 or 0.0.0.0.',
};

/** Errors of a start that a person can mend; everything else is a bug and shows its stack. */
const EXPECTED = [
  StartError,
  EnvironmentError,
  ApiKeysError,
  EventEndpointsError,
  BinFileError,
  JournalError,
  ProviderSetupError,
];

async function main(): Promise<void> {
  const { settings, warnings } = readEnvironment(process.env);
  const log = createLog({ level: settings.logLevel, clock });
  for (const warning of warnings) log.warn('environment', { warning });
  process.on('uncaughtException', (error) => {
    log.fault('uncaught', error);
    log.flush();
    process.exit(1);
  });
  await start(settings, log);
}

main().catch((error: unknown) => {
  const expected = EXPECTED.some((type) => error instanceof type);
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const remedy = LISTEN_REMEDIES[code];
  if (remedy !== undefined) {
    process.stderr.write(`Pointsman cannot start: ${(error as Error).message}. ${remedy}\n`);
  } else if (expected) process.stderr.write(`Pointsman cannot start: ${(error as Error).message}\n`);
  else
    process.stderr.write(`Pointsman cannot start: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});
