import type { AttemptOutcome } from '../../src/core/attempt.ts';
import type { RoutingFacts } from '../../src/core/facts.ts';
import type { Clock, Guards } from '../../src/gateway/ports.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { PaymentWorld } from './payment-world.ts';

/** A payment that waits to be sent to somebody. */
export interface Waiting {
  readonly step: number;
  /** 1 for the first. */
  readonly attempt: number;
  readonly facts: RoutingFacts;
  /** By provider: whether it is there, and was not tried for this payment. */
  readonly eligible: readonly boolean[];
  /** By provider: eligible, and its breaker lets an attempt through. True for one at least. */
  readonly open: readonly boolean[];
}

/** A way to route payments. */
export interface Policy {
  /** @returns the number of a provider that is open */
  choose(waiting: Waiting): number;
  learn(waiting: Waiting, provider: number, outcome: AttemptOutcome): void;
}

/** What a policy may know of the world that it begins in: not its rates. */
export interface Stage {
  readonly providers: readonly string[];
  readonly random: SeededRandom;
  readonly clock: Clock;
  /** Null where nothing fails technically. */
  readonly guards: Guards | null;
}

export interface NamedPolicy {
  readonly name: string;
  /** @param world for the one policy that is told the truth */
  readonly begin: (stage: Stage, world: PaymentWorld) => Policy;
}
