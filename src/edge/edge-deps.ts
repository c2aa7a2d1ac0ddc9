import type { BreakerState } from '../core/decision.ts';
import type { Experiment, Experiments, Plan } from '../core/experiments/experiment.ts';
import type { DecideCommand, DecideResult } from '../gateway/decide-for-caller.ts';
import type { EndpointState } from '../gateway/deliver-events.ts';
import type { ArmCommand, ArmResult, ExperimentResults } from '../gateway/experiment-watch.ts';
import type { KeepResult } from '../gateway/notices.ts';
import type { OperateCommand, OperateResult } from '../gateway/operate.ts';
import type {
  ArmState,
  Clock,
  Delivery,
  EventEndpoint,
  Journal,
  ProviderOverride,
  Randomness,
  Tracer,
} from '../gateway/ports.ts';
import type { Replays } from '../gateway/replays.ts';
import type { ReportCommand, ReportResult } from '../gateway/report-outcome.ts';
import type { ResolveCommand, ResolveResult } from '../gateway/resolve-by-person.ts';
import type {
  ResolveOperationCommand,
  ResolveOperationResult,
} from '../gateway/resolve-operation-by-person.ts';
import type { AuthorizeCommand, AuthorizeResult } from '../gateway/road-results.ts';
import type { ReleaseCommand, ReleaseResult, RulesetReleases } from '../gateway/ruleset-release.ts';

/** Experiments as the edge needs them. */
export interface EdgeExperiments {
  /** Of the ruleset in force. */
  readonly current: () => Experiments;
  readonly stateOf: (experiment: string, arm: string) => ArmState | null;
  /** How new units are divided now; null: nobody new is let in. */
  readonly inForce: (experiment: Experiment) => Plan | null;
  readonly results: (id: string) => Promise<ExperimentResults | null>;
  /** Whether payments were ever recorded in it, also when it is gone from the ruleset in force. */
  readonly isRecorded: (id: string) => Promise<boolean>;
  readonly setArm: (command: ArmCommand) => Promise<ArmResult>;
}

/** What an API key may do. */
export type Scope = 'authorize' | 'read' | 'ops' | 'rules';

/** Whoever presented an API key that we know. */
export interface Caller {
  readonly account: string;
  readonly merchants: 'all' | ReadonlySet<string>;
  readonly scopes: ReadonlySet<Scope>;
}

/** A provider as operators see it. Plain data: rendered as it is. */
export interface ProviderSnapshot {
  readonly id: string;
  readonly adapter: string;
  readonly live: boolean;
  readonly enabled: boolean;
  readonly merchants: 'all' | readonly string[];
  readonly health: {
    /** Share of recent requests that the provider processed, 0 to 1. */
    readonly processed: number;
    /** Share of recent requests that ended unknown, 0 to 1. */
    readonly unknown: number;
    readonly samples: number;
  };
  readonly limits: {
    readonly per_second: number;
    readonly concurrent: number;
    readonly in_flight: number;
    /** Share of the limit that is free, 0 to 1. */
    readonly headroom: number;
  };
  readonly lanes: readonly {
    readonly brand: string;
    readonly breaker: BreakerState;
    /** When the breaker entered this state, ISO 8601; null when it never changed. */
    readonly since: string | null;
  }[];
  readonly overrides: readonly {
    readonly mode: ProviderOverride['mode'];
    readonly brand: string | null;
    readonly merchant: string | null;
    readonly reason: string;
    readonly author: string;
    readonly created_at: string;
    readonly expires_at: string | null;
  }[];
}

/** One answered request, for metrics. `route` is the pattern, never the path. */
interface RequestEnded {
  readonly route: string;
  readonly method: string;
  readonly status: number;
  readonly durationMs: number;
}

/** What the edge needs from the rest; handed over by whoever wires the process. */
export interface EdgeDeps {
  readonly authorize: (command: AuthorizeCommand) => Promise<AuthorizeResult>;
  /** Ranks for a caller that sends the payment itself. */
  readonly decide: (command: DecideCommand) => Promise<DecideResult>;
  /** Takes what such a caller reports, and says what to do next. */
  readonly report: (command: ReportCommand) => Promise<ReportResult>;
  /** Captures, voids and refunds. */
  readonly operate: (command: OperateCommand) => Promise<OperateResult>;
  /** A person closes an attempt that could not be found out. */
  readonly resolve: (command: ResolveCommand) => Promise<ResolveResult>;
  /** The same for a capture, void or refund. */
  readonly resolveOperation: (command: ResolveOperationCommand) => Promise<ResolveOperationResult>;
  readonly journal: Pick<
    Journal,
    'findAuthorization' | 'historyPage' | 'listAuthorizations' | 'readDecision' | 'listDecisions'
  >;
  readonly deliveries: Pick<Journal, 'listDeliveries' | 'replayDelivery'>;
  /** Where events are told, of all accounts. */
  readonly eventEndpoints: () => readonly (Pick<EventEndpoint, 'id' | 'account' | 'types'> & {
    readonly state: EndpointState;
  })[];
  /** Told of every event that a person has sent anew, for the audit; must not throw. */
  readonly deliveryReplayed: (replay: {
    readonly delivery: Delivery;
    readonly account: string;
    readonly traceId: string;
  }) => void;
  /** Told of everything that people wanted to close by their word, and what came of it, for the audit; must not throw. */
  readonly resolutionGiven: (given: {
    /** Id of the attempt, or of the capture, void or refund. */
    readonly subject: string;
    readonly resolution: string;
    readonly evidence: string;
    readonly account: string;
    readonly result: (ResolveResult | ResolveOperationResult)['kind'];
    readonly traceId: string;
  }) => void;
  /** Takes what a provider sent by itself. */
  readonly takeNotices: (
    provider: string,
    message: { readonly headers: Readonly<Record<string, string>>; readonly body: string },
  ) => Promise<KeepResult>;
  readonly findCaller: (presentedKey: string) => Caller | null;
  readonly providers: () => readonly ProviderSnapshot[];
  readonly experiments: EdgeExperiments;
  readonly rulesets: RulesetReleases;
  /** Told of everything that people wanted in force, and what came of it, for the audit; must not throw. */
  readonly rulesetReleased: (release: {
    readonly command: ReleaseCommand;
    readonly result: ReleaseResult;
    readonly traceId: string;
  }) => void;
  readonly replays: Pick<Replays, 'start' | 'find' | 'settled'>;
  readonly setOverride: (override: ProviderOverride) => Promise<void>;
  readonly readiness: () => Promise<{ readonly ready: boolean; readonly detail: Record<string, unknown> }>;
  readonly metrics: () => Promise<{ readonly contentType: string; readonly body: string }>;
  readonly clock: Clock;
  readonly randomness: Randomness;
  /** Whether the process is on its way out. */
  readonly draining: () => boolean;
  /** Told about exceptions, which are bugs; must not throw. */
  readonly reportFault: (fault: {
    readonly traceId: string;
    readonly route: string;
    readonly error: unknown;
  }) => void;
  /** Where requests are traced; null or left out: nowhere. */
  readonly tracer?: Tracer | null;
  /** Told about every answer; must not throw. */
  readonly requestEnded?: (event: RequestEnded) => void;
  /** Told of calls that were turned away for their key, or for what it may not do, for the audit; must not throw. */
  readonly accessRefused?: (refused: {
    /** Whose key it was; null: nobody's. */
    readonly account: string | null;
    readonly route: string;
    readonly method: string;
    readonly status: 401 | 403;
    readonly traceId: string;
  }) => void;
  /** Version of this program, for the interface description. */
  readonly version: string;
}
