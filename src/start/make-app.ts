import { apiKeyLookUp } from '../config/api-keys.ts';
import { planInForce } from '../core/experiments/assign.ts';
import { createApp } from '../edge/app.ts';
import type { EdgeDeps } from '../edge/edge-deps.ts';
import { REPLAYS } from '../edge/replay-routes.ts';
import type { Gateway } from '../gateway/gateway.ts';
import { Replays } from '../gateway/replays.ts';
import type { SharedState } from '../gateway/shared-state.ts';
import { WorkerReplayRunner } from '../replay/worker-replay-runner.ts';
import type { Log } from '../telemetry/log.ts';
import { accessLog } from '../telemetry/refused-log.ts';
import { takeOverride } from './overrides.ts';
import type { Parts } from './parts.ts';
import { providerSnapshots } from './provider-snapshots.ts';
import { readiness } from './readiness.ts';
import { scrape } from './scrape.ts';
import { tellOthers } from './tell-others.ts';
import { clock, randomness, VERSION } from './this-process.ts';

/**
 * What callers and operators reach by HTTP.
 * @param draining whether the process is on its way out
 */
export function makeApp(parts: Parts, gateway: Gateway, replays: Replays, draining: () => boolean) {
  const { journal } = parts;
  return createApp({
    authorize: (command) => gateway.authorize(command),
    decide: (command) => gateway.decide(command),
    report: (command) => gateway.report(command),
    operate: (command) => gateway.operate(command),
    resolve: (command) => gateway.resolve(command),
    resolveOperation: (command) => gateway.resolveOperation(command),
    resolutionGiven: ({ traceId, ...given }) => parts.log.warn('resolution', { ...given, trace_id: traceId }),
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
    rulesetReleased: releaseReporter(parts.log, parts.shared?.state ?? null),
    replays,
    setOverride: (override) => takeOverride(override, parts),
    readiness: async () => readiness(parts, draining()),
    metrics: () => scrape(parts, gateway),
    clock,
    randomness,
    draining,
    reportFault: faultReporter(parts.log),
    tracer: parts.tracing?.tracer ?? null,
    requestEnded: parts.metrics.requestEnded,
    accessRefused: accessLog(parts.log, clock),
    version: VERSION,
  });
}

/** Replays of recorded payments under other rules, each in a thread of its own. */
export function makeReplays({ journal, settings, log }: Parts): Replays {
  return new Replays({
    clock,
    randomness,
    journal,
    runner: new WorkerReplayRunner(settings.binTables, clock),
    onLateFault: (error) => log.fault('fault', error, { route: REPLAYS }),
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

/** Logs what people wanted in force, and tells the other processes of what is. */
export function releaseReporter(log: Log, shared: SharedState | null): EdgeDeps['rulesetReleased'] {
  return ({ command, result, traceId }) => {
    const { version, expectedActive: expected_active, author, reason } = command;
    const asked = { asked: version, expected_active, author, reason, trace_id: traceId };
    if (result.kind === 'active') {
      log.info('ruleset_release', { ...asked, ruleset: result.active.version, changed: result.changed });
      tellOthers(shared, 'rulesets');
    } else log.warn('ruleset_release_refused', { ...asked, result: result.kind });
  };
}

/** Logs a bug that a request ran into, with the route and its trace. */
export function faultReporter(log: Log) {
  return (fault: { readonly traceId: string; readonly route: string; readonly error: unknown }) =>
    log.fault('fault', fault.error, { trace_id: fault.traceId, route: fault.route });
}
