import type { LiveArms } from './live-arms.ts';
import type {
  AccountScopes,
  CardTable,
  CardTestingWatch,
  Clock,
  EventEndpoint,
  EventSender,
  Guards,
  Journal,
  Learner,
  Observer,
  Pacer,
  Provider,
  Randomness,
  RenderAnswer,
  RenderDecision,
  RenderEvent,
  RenderOperation,
  RetryBudget,
  Rulesets,
  SchemeGuard,
  Tracer,
} from './ports.ts';
import type { Sightings } from './sightings.ts';
import type { Unrecorded } from './unrecorded.ts';
import type { SendLimit } from './work-lease.ts';

/** Where events are told, and how. */
export interface OutgoingDeps {
  /** Those in force now; asked anew at every look. */
  readonly endpoints: () => readonly EventEndpoint[];
  readonly sender: EventSender;
  /** Paces sending, by the endpoint's id. */
  readonly pacer: Pacer;
  readonly render: RenderEvent;
}

/** Everything the road and the work beside it need from outside. */
export interface GatewayDeps {
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly journal: Journal;
  readonly guards: Guards;
  readonly retryBudget: RetryBudget;
  /** Budget of replays and inquiries within the request: a provider in trouble must not be asked twice as often. */
  readonly quickBudget: RetryBudget;
  readonly learner: Learner;
  /** What accounts see that send themselves, by what they reported. */
  readonly accounts: AccountScopes;
  readonly rulesets: Rulesets;
  /** Arms that were stopped, and shares of bandits. */
  readonly arms: LiveArms;
  readonly cards: CardTable;
  readonly schemeGuard: SchemeGuard;
  readonly cardTesting: CardTestingWatch;
  readonly pacer: Pacer;
  /** The provider account of that id, if the active ruleset has it. */
  readonly provider: (id: string) => Provider | undefined;
  readonly observer: Observer;
  /** Where the work beside the road is traced; null or left out: nowhere. */
  readonly tracer?: Tracer | null;
  /** What this process knows and the journal could not write yet. */
  readonly unrecorded: Unrecorded;
  /** Since when this process has seen things unsettled, by its own monotonic clock. */
  readonly sightings: Sightings;
  readonly renderAnswer: RenderAnswer;
  readonly renderOperation: RenderOperation;
  readonly renderDecision: RenderDecision;
  readonly outgoing: OutgoingDeps;
  /** This process, as attempts name it. */
  readonly owner: string;
  /** Whether nobody else can write the journal while this process lives: other owners are dead. */
  readonly soleOwner: boolean;
  /** Least time that an attempt belongs to its owner, milliseconds. */
  readonly leaseMs: number;
  /** Delays before the first, second … inquiry about what is unsettled, milliseconds; afterwards daily. */
  readonly resolverSchedule: readonly number[];
  /** Since its last change, milliseconds, until a settled authorization is let go of; null: it is kept for ever. */
  readonly retentionMs: number | null;
  /** The same where money was captured that may still be refunded; at least as long, milliseconds. */
  readonly refundableRetentionMs: number;
  /** Set for what is done under a lease on work: when the last request is sent. Left out: whenever its own deadline allows. */
  readonly sendLimit?: SendLimit;
  /** Aborted when a drain runs out of time: attempts under way end as `unknown` or `not_sent` and are recorded. */
  readonly stopSignal: AbortSignal;
}
