import type {
  CardTable,
  Clock,
  Guards,
  Journal,
  Learner,
  Observer,
  Provider,
  Randomness,
  RenderAnswer,
  RetryBudget,
  Rulesets,
} from './ports.ts';
import type { Unrecorded } from './unrecorded.ts';

/** Everything the road needs from outside. */
export interface GatewayDeps {
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly journal: Journal;
  readonly guards: Guards;
  readonly retryBudget: RetryBudget;
  readonly learner: Learner;
  readonly rulesets: Rulesets;
  readonly cards: CardTable;
  /** The provider account of that id, if the active ruleset has it. */
  readonly provider: (id: string) => Provider | undefined;
  readonly observer: Observer;
  /** What this process knows and the journal could not write yet. */
  readonly unrecorded: Unrecorded;
  readonly renderAnswer: RenderAnswer;
  /** This process, as attempts name it. */
  readonly owner: string;
  /** Least time that an attempt belongs to its owner, milliseconds. */
  readonly leaseMs: number;
  /** Aborted when a drain runs out of time: attempts under way end as `unknown` or `not_sent` and are recorded. */
  readonly stopSignal: AbortSignal;
}
