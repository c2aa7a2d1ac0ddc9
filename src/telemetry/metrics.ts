import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { type AttemptOutcome, isHeldBack, type OutcomeKind } from '../core/attempt.ts';
import { scrub } from '../core/cards/card-number.ts';
import type { BreakerState } from '../core/decision.ts';
import type { ActivationCause, DeliveryCounts, Observer, WorkCounts } from '../gateway/ports.ts';
import { type DatabaseMetrics, databaseMetrics } from './database-metrics.ts';
import { LabelCache } from './label-cache.ts';
import { type SharedMetrics, sharedMetrics } from './shared-metrics.ts';
import type { SpanFate } from './span-queue.ts';

/** Series of one metric at most; labels come from configuration, so that this is a safety net. */
const SERIES_MAX = 400;

/** Codes that no table knows are a provider's own words: fewer series, since nothing of ours bounds them. */
const UNMAPPED_SERIES_MAX = 100;
/** The longest code that is a label as it is, characters. */
const CODE_LENGTH_MAX = 64;

/** Label sets of one histogram at most: each has a series for every bucket. */
const HISTOGRAMS_MAX = 80;

/**
 * Every kind of alert there is. Their counts begin at zero: of a series that appears with its first event no rate is
 * known, so that nobody would be woken by it.
 */
export const ALERT_KINDS = [
  'adapter_threw',
  'approval_dropped',
  'card_testing',
  'credential_rotation_failed',
  'done_after_failure',
  'event_dead',
  'event_delivery_failed',
  'event_endpoint_gone',
  'event_endpoints_refused',
  'evidence_conflict',
  'experiment_arm_stopped',
  'experiment_guardrail_overruled',
  'failed_after_success',
  'housekeeping_failed',
  'issuers_approve_less',
  'journal_failed',
  'journal_went_back',
  'late_approval',
  'late_fault',
  'lease_expired',
  'notice_mismatch',
  'notice_unanswered',
  'outcome_not_recorded',
  'provider_refuses_us',
  'quarantined',
  'resolver_failed',
  'reversal_refused',
  'sent_after_closed',
  'unrecorded_left',
  'unresolved',
] as const;

/** Names of the default metrics that `promtool check metrics` refuses: gauges that end in `_total`. */
const MISNAMED_DEFAULTS = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

/** Up to the longest deadline. Providers answer within 50 ms to some seconds. */
const PROVIDER_SECONDS = [0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3, 6, 12, 30, 60];
/** A durable write takes well under a millisecond on a good disk. */
const JOURNAL_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2];
/** From within the request to the last look of the schedule. */
const RESOLUTION_SECONDS = [0.1, 1, 5, 10, 30, 60, 300, 3600, 86_400, 604_800];
const REQUEST_SECONDS = [0.001, 0.005, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];

/** Numbers of breaker states, in the order of how much they let through. */
const BREAKER_STATE_VALUES: Readonly<Record<BreakerState, number>> = {
  closed: 0,
  half_open: 1,
  open: 2,
  forced_open: 3,
  forced_closed: 4,
  draining: 5,
  metrics_only: 6,
};

/** The metrics of a process: an observer of the road, and what others report. Methods never throw. */
export interface Metrics {
  readonly observer: Observer;
  breakerChanged(event: {
    readonly provider: string;
    readonly brand: string;
    readonly state: BreakerState;
  }): void;
  /** The state of a lane as it is now, overrides included; told before a scrape. */
  breakerShown(lane: {
    readonly provider: string;
    readonly brand: string;
    readonly state: BreakerState;
  }): void;
  /** Authorizations pending or reversing, with nobody working on them; told before a scrape. */
  unsettledShown(count: number): void;
  /** What is worked on beside the road, and the wall clock; told before a scrape. */
  workShown(counts: WorkCounts, nowMs: number): void;
  /** Where events are told; told before a scrape. */
  endpointsShown(endpoints: readonly { readonly id: string; readonly state: string }[]): void;
  /** What is not delivered to endpoints, and the wall clock; told before a scrape. */
  deliveriesShown(counts: readonly DeliveryCounts[], nowMs: number): void;
  /** For how long events have been held back from deliveries and seals, milliseconds; told before a scrape. */
  heldBackShown(forMs: number): void;
  /** When the oldest event that no seal covers was written, and the wall clock; null: there is none; told before a scrape. */
  unsealedShown(oldestAtMs: number | null, nowMs: number): void;
  /** An account goes on with other credentials. */
  credentialsRotated(provider: string): void;
  /** Spans of traces came to that. */
  spansEnded(fate: SpanFate, count: number): void;
  /** The process goes by this version from now on; null: as before its start. */
  rulesetActivated(version: number, cause: ActivationCause | null): void;
  rulesetRejected(): void;
  /** The folder is not refused any more. */
  rulesetTakenBack(): void;
  /** The folder holds something good that is not in force, registered as this version. Null: it does not. */
  rulesetWaiting(waiting: { readonly kind: string; readonly version: number } | null): void;
  /** Whether another version is in force than this process can go by. */
  rulesetBehind(isBehind: boolean): void;
  readonly sharing: SharedMetrics;
  readonly database: DatabaseMetrics;
  requestEnded(event: {
    readonly route: string;
    readonly method: string;
    readonly status: number;
    readonly durationMs: number;
  }): void;
  /** The text for Prometheus. */
  render(): Promise<{ readonly contentType: string; readonly body: string }>;
}

/**
 * Makes the registry and everything in it. Never labelled by BIN, merchant, issuer or anything a caller chooses.
 * @param version of this program
 */
export function createMetrics(version: string): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED_DEFAULTS) registry.removeSingleMetric(name);
  new Gauge({
    name: 'pointsman_build_info',
    help: 'Always 1; the version of the program is the label.',
    labelNames: ['version', 'node'],
    registers: [registry],
  }).set({ version, node: process.version }, 1);
  return {
    observer: roadMetrics(registry),
    unsettledShown: unsettledMetric(registry),
    workShown: workMetric(registry),
    deliveriesShown: backlogMetrics(registry),
    endpointsShown: endpointMetric(registry),
    heldBackShown: heldBackMetric(registry),
    unsealedShown: unsealedMetric(registry),
    credentialsRotated: rotationMetric(registry),
    spansEnded: spanMetric(registry),
    ...rulesetMetrics(registry),
    ...breakerMetrics(registry),
    ...requestMetrics(registry),
    sharing: sharedMetrics(registry),
    database: databaseMetrics(registry),
    render: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}

function counter(
  registry: Registry,
  name: string,
  help: string,
  labelNames: string[],
  seriesMax = SERIES_MAX,
) {
  const metric = new Counter({ name: `pointsman_${name}`, help, labelNames, registers: [registry] });
  return new LabelCache(metric, labelNames.length, seriesMax);
}

function histogram(registry: Registry, name: string, help: string, labelNames: string[], buckets: number[]) {
  const metric = new Histogram({
    name: `pointsman_${name}`,
    help,
    labelNames,
    buckets,
    registers: [registry],
  });
  return new LabelCache(metric, labelNames.length, HISTOGRAMS_MAX);
}

function roadMetrics(registry: Registry): Observer {
  const failovers = counter(registry, 'failovers_total', 'Attempts opened at another provider.', [
    'from',
    'to',
    'reason',
  ]);
  const passedOver = counter(registry, 'passed_over_total', 'Candidates that were passed over.', [
    'provider',
    'reason',
  ]);
  const refusals = counter(registry, 'limit_refusals_total', "Calls that a provider's limit refused.", [
    'provider',
    'reason',
  ]);
  const decisions = counter(
    registry,
    'decisions_total',
    'Choices of a provider: one for each attempt, and each decision for a caller.',
    ['rule', 'strategy'],
  );
  const authorizations = counter(registry, 'authorizations_total', 'Authorizations that the road ended.', [
    'status',
  ]);
  const stops = counter(registry, 'stops_total', 'Why roads made no further attempt.', ['reason']);
  const journalSeconds = histogram(
    registry,
    'journal_duration_seconds',
    'Time of a journal operation, waiting for its group commit included.',
    ['operation'],
    JOURNAL_SECONDS,
  );
  const journalFailures = counter(registry, 'journal_failures_total', 'Journal operations that failed.', [
    'operation',
  ]);
  return {
    ...attemptMetrics(registry),
    failedOver: ({ from, to, reason }) => failovers.get(from, to, reason).inc(),
    passedOver({ provider, reason }) {
      passedOver.get(provider, reason).inc();
      if (LIMIT_REASONS.has(reason)) refusals.get(provider, reason).inc();
    },
    decided: ({ rule, strategy }) => decisions.get(rule, strategy).inc(),
    authorizationEnded({ status, stopped }) {
      authorizations.get(status).inc();
      if (stopped !== undefined) stops.get(stopped).inc();
    },
    journalTook({ operation, durationMs, failed }) {
      journalSeconds.get(operation).observe(durationMs / 1000);
      if (failed) journalFailures.get(operation).inc();
    },
    ...resolutionMetrics(registry),
    ...unmappedMetric(registry),
    ...noticeMetric(registry),
    ...eventMetric(registry),
    ...callerDecisionMetrics(registry),
    ...armMetric(registry),
    ...approvalMetric(registry),
    ...alertMetric(registry),
  };
}

function attemptMetrics(registry: Registry): Pick<Observer, 'attemptEnded'> {
  const attempts = counter(
    registry,
    'attempts_total',
    'Attempts that ended, by outcome; held_back: not sent, by a decision of ours that says nothing about the provider.',
    ['provider', 'brand', 'outcome'],
  );
  const attemptSeconds = histogram(
    registry,
    'attempt_duration_seconds',
    'Time from intent to outcome of an attempt.',
    ['provider', 'brand'],
    PROVIDER_SECONDS,
  );
  return {
    attemptEnded({ provider, brand, outcome, durationMs }) {
      attempts.get(provider, brand, countedAs(outcome)).inc();
      attemptSeconds.get(provider, brand).observe(durationMs / 1000);
    },
  };
}

/** What an attempt is counted as: `not_sent` says that the provider or the way to it failed, `held_back` that neither did. */
function countedAs(outcome: AttemptOutcome): OutcomeKind | 'held_back' {
  return isHeldBack(outcome) ? 'held_back' : outcome.kind;
}

function alertMetric(registry: Registry): Pick<Observer, 'alert'> {
  const alerts = counter(registry, 'alerts_total', 'Faults that need a person.', ['kind']);
  for (const kind of ALERT_KINDS) alerts.get(kind).inc(0);
  return { alert: ({ kind }) => alerts.get(kind).inc() };
}

function unmappedMetric(registry: Registry): Pick<Observer, 'unmappedCode'> {
  const unmapped = counter(
    registry,
    'unmapped_codes_total',
    'Declines with a code that no table knows, taken as final.',
    ['provider', 'code'],
    UNMAPPED_SERIES_MAX,
  );
  return {
    unmappedCode: ({ provider, code }) => unmapped.get(provider, scrub(code).slice(0, CODE_LENGTH_MAX)).inc(),
  };
}

function noticeMetric(registry: Registry): Pick<Observer, 'noticeTaken'> {
  const notices = counter(
    registry,
    'webhooks_total',
    'Webhooks by what became of them: kept, repeated, or why they were refused.',
    ['provider', 'result'],
  );
  return { noticeTaken: ({ provider, result }) => notices.get(provider, result).inc() };
}

function eventMetric(registry: Registry): Pick<Observer, 'eventSent'> {
  const sent = counter(
    registry,
    'event_deliveries_total',
    'Tries to tell an endpoint of an event: delivered, failed (it is tried again), or dead (given up).',
    ['endpoint', 'result'],
  );
  return { eventSent: ({ endpoint, result }) => sent.get(endpoint, result).inc() };
}

/** Decisions for callers that send themselves: the share of those that are never reported is `unreported` by `made`. */
function callerDecisionMetrics(
  registry: Registry,
): Pick<Observer, 'callerDecided' | 'callerDecisions' | 'outcomeReported'> {
  const decisions = counter(
    registry,
    'caller_decisions_total',
    'Decisions for callers that send themselves: made, reported for the first time, or expired unreported.',
    ['result'],
  );
  const reports = counter(
    registry,
    'caller_reports_total',
    'Outcomes that such callers reported, by what they were told to do next: provider, stop, wait.',
    ['provider', 'outcome', 'next'],
  );
  return {
    // Its lines are the log's: what is made is counted below, and what is refused as an answer over HTTP.
    callerDecided: () => {},
    callerDecisions: ({ what, count }) => decisions.get(what).inc(count),
    outcomeReported: ({ provider, outcome, next }) => reports.get(provider, outcome, next).inc(),
  };
}

function approvalMetric(registry: Registry): Pick<Observer, 'approvalMoved'> {
  const gauge = new Gauge({
    name: 'pointsman_approval_drop_ratio',
    help:
      'Share of first attempts that a provider approves less than it long did for issuers of a region; 0 once it is over. ' +
      'Blame: provider (the others hold theirs), issuers (all fall, provider is all), unclear (too little elsewhere).',
    labelNames: ['provider', 'region', 'blame'],
    registers: [registry],
  });
  const drops = new LabelCache(gauge, 3, SERIES_MAX);
  return {
    approvalMoved: ({ provider, region, blame, drop }) => drops.get(provider, region, blame).set(drop),
  };
}

function armMetric(registry: Registry): Pick<Observer, 'armChanged'> {
  const stopped = new Gauge({
    name: 'pointsman_experiment_arm_stopped',
    help: '1 for an arm of an experiment that was stopped for everybody: its units go to the baseline. 0 once it runs again.',
    labelNames: ['experiment', 'arm'],
    registers: [registry],
  });
  return {
    armChanged({ experiment, arm, state, account }) {
      if (account === undefined) stopped.set({ experiment, arm }, state === 'stopped' ? 1 : 0);
    },
  };
}

/** What is found out, done and undone beside the road. */
function resolutionMetrics(
  registry: Registry,
): Pick<Observer, 'resolved' | 'remarked' | 'sealed' | 'purged'> {
  const resolutions = counter(
    registry,
    'resolutions_total',
    'Looks at what was unsettled, by what they came to.',
    ['provider', 'subject', 'by', 'result'],
  );
  const resolutionSeconds = histogram(
    registry,
    'resolution_age_seconds',
    'Age of what was unsettled when it was settled.',
    ['subject'],
    RESOLUTION_SECONDS,
  );
  const remarks = counter(registry, 'remarks_total', 'Late approvals, contradictions and quarantines.', [
    'remark',
    'provider',
  ]);
  const purged = new Counter({
    name: 'pointsman_purged_authorizations_total',
    help: 'Authorizations that are no longer kept.',
    registers: [registry],
  });
  return {
    sealed: () => {},
    purged: (count) => purged.inc(count),
    resolved({ provider, subject, by, result, ageMs }) {
      // Of a failure only its kind: its code may be anything.
      const [kind = result] = result.split(' ');
      resolutions.get(provider, subject, by, kind).inc();
      // Of an attempt `rejected` is an end, of an operation it is one more try.
      const isSettled = !UNSETTLED_RESULTS.has(kind) || (subject === 'attempt' && kind === 'rejected');
      if (isSettled) resolutionSeconds.get(subject).observe(ageMs / 1000);
    },
    remarked: ({ remark, provider }) => remarks.get(remark, provider).inc(),
  };
}

/** Looks that settled nothing. */
const UNSETTLED_RESULTS: ReadonlySet<string> = new Set([
  'pending',
  'unknown',
  'not_found',
  'no_answer',
  'not_sent',
  'rejected',
  'accepted',
  'no_way_to_ask',
  'provider_not_connected',
]);

/** The reasons of `Admission` that name the limit and not the breaker. */
const LIMIT_REASONS: ReadonlySet<string> = new Set([
  'limit_per_second',
  'limit_concurrent',
  'queue_full',
  'queue_timeout',
]);

function unsettledMetric(registry: Registry): Metrics['unsettledShown'] {
  const unsettled = new Gauge({
    name: 'pointsman_unsettled_authorizations',
    help: 'Authorizations whose money is still to be found out (pending) or undone (reversing).',
    registers: [registry],
  });
  return (count) => unsettled.set(count);
}

function workMetric(registry: Registry): Metrics['workShown'] {
  const work = new Gauge({
    name: 'pointsman_unsettled_work',
    help: 'Authorizations with something to find out, do or undo: waiting, overdue, or parked until a person closes it.',
    labelNames: ['state'],
    registers: [registry],
  });
  const oldest = new Gauge({
    name: 'pointsman_unsettled_oldest_seconds',
    help: 'Age of the oldest of what is to be found out, done or undone, parked or not; 0 when there is none.',
    registers: [registry],
  });
  return ({ waiting, overdue, parked, oldestSinceMs }, nowMs) => {
    oldest.set(oldestSinceMs === null ? 0 : Math.max(0, nowMs - oldestSinceMs) / 1000);
    work.set({ state: 'waiting' }, waiting);
    work.set({ state: 'overdue' }, overdue);
    work.set({ state: 'parked' }, parked);
  };
}

function endpointMetric(registry: Registry): Metrics['endpointsShown'] {
  const paused = new Gauge({
    name: 'pointsman_event_endpoint_paused',
    help: '1 while nothing is sent to an endpoint because it answered 410, else 0.',
    labelNames: ['endpoint'],
    registers: [registry],
  });
  return (endpoints) => {
    paused.reset();
    for (const { id, state } of endpoints) paused.set({ endpoint: id }, state === 'paused' ? 1 : 0);
  };
}

function backlogMetrics(registry: Registry): Metrics['deliveriesShown'] {
  const registers = [registry];
  const backlog = new Gauge({
    name: 'pointsman_event_backlog',
    help: 'Events that are not delivered: waiting to be sent (again), or dead until a person has them sent anew.',
    labelNames: ['endpoint', 'state'],
    registers,
  });
  const lag = new Gauge({
    name: 'pointsman_event_lag_seconds',
    help: 'Age of the oldest event that waits to be delivered; 0 when none does.',
    labelNames: ['endpoint'],
    registers,
  });
  return (counts, nowMs) => {
    // What is delivered or purged by now has no row any more.
    backlog.reset();
    lag.reset();
    for (const { endpoint, waiting, dead, oldestWaitingAtMs } of counts.slice(0, SERIES_MAX)) {
      backlog.set({ endpoint, state: 'waiting' }, waiting);
      backlog.set({ endpoint, state: 'dead' }, dead);
      const ageMs = oldestWaitingAtMs === null ? 0 : Math.max(0, nowMs - oldestWaitingAtMs);
      lag.set({ endpoint }, ageMs / 1000);
    }
  };
}

function heldBackMetric(registry: Registry): Metrics['heldBackShown'] {
  const held = new Gauge({
    name: 'pointsman_events_held_back_seconds',
    help:
      'For how long no event was delivered or sealed beyond one, since a transaction that may still write an earlier one ' +
      'stays open in the database; 0: none is held back.',
    registers: [registry],
  });
  return (forMs) => held.set(forMs / 1000);
}

function unsealedMetric(registry: Registry): Metrics['unsealedShown'] {
  const oldest = new Gauge({
    name: 'pointsman_unsealed_oldest_seconds',
    help: 'Age of the oldest event of the history that no seal covers; about a minute at most while seals are made; 0: none.',
    registers: [registry],
  });
  return (oldestAtMs, nowMs) => {
    oldest.set(oldestAtMs === null ? 0 : Math.max(0, nowMs - oldestAtMs) / 1000);
  };
}

function spanMetric(registry: Registry): Metrics['spansEnded'] {
  const spans = counter(
    registry,
    'trace_spans_total',
    'Spans of traces, by what became of them: exported, failed (the collector did not take them), or dropped (no room).',
    ['result'],
  );
  for (const fate of ['exported', 'failed', 'dropped']) spans.get(fate).inc(0);
  return (fate, count) => spans.get(fate).inc(count);
}

function rotationMetric(registry: Registry): Metrics['credentialsRotated'] {
  const rotations = counter(
    registry,
    'credential_rotations_total',
    'Accounts that went on with other credentials, without a restart.',
    ['provider'],
  );
  return (provider) => rotations.get(provider).inc();
}

type RulesetMetrics = Pick<
  Metrics,
  'rulesetActivated' | 'rulesetRejected' | 'rulesetTakenBack' | 'rulesetWaiting' | 'rulesetBehind'
>;

function rulesetMetrics(registry: Registry): RulesetMetrics {
  const registers = [registry];
  const gauge = (name: string, help: string) =>
    new Gauge({ name: `pointsman_ruleset_${name}`, help, registers });
  const version = gauge('version', 'Number of the active ruleset.');
  const rejected = gauge(
    'rejected',
    '1 while the rules folder holds a ruleset that was refused; the last good one stays active.',
  );
  const candidate = gauge('candidate', 'Number of the ruleset that waits to be activated; 0: none.');
  const rolledBack = gauge(
    'rolled_back',
    '1 while the rules folder holds a ruleset that somebody went back from; it is not followed before it changes.',
  );
  const superseded = gauge(
    'superseded',
    '1 while the rules folder holds a ruleset that was in force before others; it is not followed before it changes.',
  );
  const behind = gauge('behind', '1 while another ruleset is active than this process can go by.');
  const rejections = new Counter({
    name: 'pointsman_ruleset_rejections_total',
    help: 'Rulesets that were refused.',
    registers,
  });
  const activations = counter(
    registry,
    'ruleset_activations_total',
    'Rulesets that this process went over to while it ran, by what brought it about.',
    ['cause'],
  );
  return {
    rulesetActivated(number, cause) {
      version.set(number);
      if (cause !== null) activations.get(cause).inc();
    },
    rulesetRejected() {
      rejected.set(1);
      rejections.inc();
    },
    rulesetTakenBack: () => rejected.set(0),
    rulesetWaiting(waiting) {
      candidate.set(waiting?.kind === 'candidate' ? waiting.version : 0);
      rolledBack.set(waiting?.kind === 'rolled_back' ? 1 : 0);
      superseded.set(waiting?.kind === 'superseded' ? 1 : 0);
    },
    rulesetBehind: (isBehind) => behind.set(isBehind ? 1 : 0),
  };
}

function breakerMetrics(registry: Registry): Pick<Metrics, 'breakerChanged' | 'breakerShown'> {
  const states = Object.entries(BREAKER_STATE_VALUES).map(([state, value]) => `${value} ${state}`);
  const state = new Gauge({
    name: 'pointsman_breaker_state',
    help: `State of a lane's breaker: ${states.join(', ')}.`,
    labelNames: ['provider', 'brand'],
    registers: [registry],
  });
  const lanes = new LabelCache(state, 2, SERIES_MAX);
  const transitions = counter(registry, 'breaker_transitions_total', "Changes of a lane's breaker.", [
    'provider',
    'brand',
    'to',
  ]);
  return {
    breakerShown: (lane) => lanes.get(lane.provider, lane.brand).set(BREAKER_STATE_VALUES[lane.state]),
    breakerChanged({ provider, brand, state: to }) {
      lanes.get(provider, brand).set(BREAKER_STATE_VALUES[to]);
      transitions.get(provider, brand, to).inc();
    },
  };
}

function requestMetrics(registry: Registry): Pick<Metrics, 'requestEnded'> {
  const labels = ['method', 'route', 'status'];
  const requests = counter(registry, 'http_requests_total', 'Requests answered.', labels);
  const seconds = histogram(
    registry,
    'http_request_duration_seconds',
    'Time from the headers of a request to its answer.',
    ['method', 'route'],
    REQUEST_SECONDS,
  );
  return {
    requestEnded({ route, method, status, durationMs }) {
      requests.get(method, route, String(status)).inc();
      seconds.get(method, route).observe(durationMs / 1000);
    },
  };
}
