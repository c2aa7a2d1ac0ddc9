import type { AttemptOutcome } from '../../src/core/attempt.ts';
import {
  type ArmTallies,
  type ArmTally,
  DiscountedTallies,
  WindowTallies,
} from '../../src/core/statistics/arm-tallies.ts';
import { thompsonChoice } from '../../src/core/statistics/beta-sampling.ts';
import {
  discountedUcbIndex,
  klUcbIndex,
  slidingWindowUcbIndex,
} from '../../src/core/statistics/ucb-index.ts';
import { paymentsOf, TrueRates } from './payment-world.ts';
import type { NamedPolicy, Policy } from './policy.ts';

/** Policies that look at the providers only, not at the card. What was not approved is a failure to them. */

function isApproved(outcome: AttemptOutcome): boolean {
  return outcome.kind === 'approved';
}

/** The open provider with the highest index; of equal ones the first. */
export function highestOpen(open: readonly boolean[], indexOf: (provider: number) => number): number {
  let best = -1;
  let highest = Number.NEGATIVE_INFINITY;
  for (let provider = 0; provider < open.length; provider += 1) {
    if (open[provider] !== true) continue;
    const index = indexOf(provider);
    if (best >= 0 && index <= highest) continue;
    best = provider;
    highest = index;
  }
  return best;
}

function inOrder(order: readonly number[]): Policy {
  return {
    choose: ({ open }) => order.find((provider) => open[provider] === true) ?? -1,
    learn: () => {},
  };
}

/** By the list, whatever happens. */
export const PRIORITY: NamedPolicy = {
  name: 'static: the list',
  begin: ({ providers }) => inOrder(providers.map((_, provider) => provider)),
};

/** The best first and second choice that never change, known in hindsight. */
export const STATIC_BEST: NamedPolicy = {
  name: 'static: the best',
  begin: ({ providers }, world) => {
    const rates = new TrueRates(world);
    const kinds = world.cards ?? [undefined];
    const orders = providers.flatMap((_, first) =>
      providers.flatMap((__, second) => (first === second ? [] : [{ first, second, value: 0 }])),
    );
    for (let step = 0; step < paymentsOf(world); step += 100) {
      for (const kind of kinds) {
        rates.moveTo(step, kind);
        for (const order of orders) {
          order.value += (kind?.share ?? 1) * rates.value(order.first, order.second);
        }
      }
    }
    const { first, second } = orders.reduce((best, order) => (order.value > best.value ? order : best));
    const others = [...providers.keys()].filter((provider) => provider !== first && provider !== second);
    return inOrder([first, second, ...others]);
  },
};

export const ROUND_ROBIN: NamedPolicy = {
  name: 'round robin',
  begin: ({ providers }) => {
    let last = -1;
    return {
      choose: ({ open }) => {
        do last = (last + 1) % providers.length;
        while (open[last] !== true);
        return last;
      },
      learn: () => {},
    };
  },
};

/** A bandit that picks the highest index of what it remembers. */
function byIndex(
  name: string,
  remember: (providers: number) => ArmTallies,
  indexOf: (tally: ArmTally, events: number, tallies: ArmTallies, providers: number) => number,
): NamedPolicy {
  return {
    name,
    begin: ({ providers }) => {
      const tallies = remember(providers.length);
      let events = 0;
      return {
        choose: ({ open }) =>
          highestOpen(open, (provider) =>
            indexOf(tallies.tally(provider), events + 1, tallies, providers.length),
          ),
        learn: (_, provider, outcome) => {
          events += 1;
          tallies.observe(provider, isApproved(outcome) ? 1 : 0);
        },
      };
    },
  };
}

export function klUcb(window: number | null): NamedPolicy {
  return window === null
    ? byIndex('kl-UCB', (providers) => new DiscountedTallies(providers, 1), klUcbIndex)
    : byIndex(
        `SW-klUCB ${window}`,
        (providers) => new WindowTallies(providers, window),
        (tally, events) => klUcbIndex(tally, Math.min(events, window)),
      );
}

export function slidingWindowUcb(window: number): NamedPolicy {
  return byIndex(
    `SW-UCB ${window}`,
    (providers) => new WindowTallies(providers, window),
    (tally, events) => slidingWindowUcbIndex(tally, events, window),
  );
}

export function discountedUcb(gamma: number, xi?: number): NamedPolicy {
  const allTrials = (tallies: ArmTallies, providers: number): number => {
    let sum = 0;
    for (let provider = 0; provider < providers; provider += 1) sum += tallies.tally(provider).trials;
    return sum;
  };
  return byIndex(
    `D-UCB ${gamma}`,
    (providers) => new DiscountedTallies(providers, gamma),
    (tally, _, tallies, providers) => discountedUcbIndex(tally, allTrials(tallies, providers), xi),
  );
}

/** Thompson sampling from Beta(1 + successes, 1 + failures) of what is remembered. */
function sampling(name: string, remember: (providers: number) => ArmTallies): NamedPolicy {
  return {
    name,
    begin: ({ providers, random }) => {
      const tallies = remember(providers.length);
      const unit = () => random.unit();
      return {
        choose: ({ open }) => {
          const numbers: number[] = [];
          for (let provider = 0; provider < open.length; provider += 1) {
            if (open[provider] === true) numbers.push(provider);
          }
          const posteriors = numbers.map((provider) => {
            const { successes, trials } = tallies.tally(provider);
            return { alpha: 1 + successes, beta: 1 + trials - successes };
          });
          return numbers[thompsonChoice(posteriors, unit)] ?? -1;
        },
        learn: (_, provider, outcome) => tallies.observe(provider, isApproved(outcome) ? 1 : 0),
      };
    },
  };
}

/** @param gamma discount per outcome; 1 forgets nothing */
export function thompson(gamma: number): NamedPolicy {
  const name = gamma === 1 ? 'Thompson' : `Thompson ${gamma}`;
  return sampling(name, (providers) => new DiscountedTallies(providers, gamma));
}

export function windowThompson(window: number): NamedPolicy {
  return sampling(`SW-Thompson ${window}`, (providers) => new WindowTallies(providers, window));
}
