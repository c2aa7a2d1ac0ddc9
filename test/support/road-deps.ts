import type { Authorization } from '../../src/core/authorization.ts';
import type { CardFacts } from '../../src/core/card.ts';
import type { ApprovalEstimate } from '../../src/core/decision.ts';
import type { RuleAction, Ruleset } from '../../src/core/rules/ruleset.ts';
import type { GatewayDeps } from '../../src/gateway/gateway-deps.ts';
import type { Admission, Guards, Journal, Learner, Observer, Provider } from '../../src/gateway/ports.ts';
import { Unrecorded } from '../../src/gateway/unrecorded.ts';
import type { FakeClock } from './fake-clock.ts';
import { sampleAction, sampleContract, sampleRuleset } from './sample-ruleset.ts';
import type { SeededRandom } from './seeded-random.ts';

const LETTERS = 'abcdefghjkmnpqrstvwxyz';

export const VISA_FACTS: CardFacts = {
  bin: '45717360',
  brand: 'visa',
  brandSource: 'bin_table',
  funding: 'debit',
  product: null,
  prepaid: null,
  issuer: null,
  issuerCountry: 'DK',
  issuerRegion: 'eea',
  matchLength: 8,
};

const NO_ESTIMATE: ApprovalEstimate = { mean: 0.85, low: 0.7, high: 0.95, level: 'prior', n: 0 };

/** An observer that nobody listens to. */
export const SILENT: Observer = {
  attemptEnded: () => {},
  failedOver: () => {},
  passedOver: () => {},
  decided: () => {},
  authorizationEnded: () => {},
  journalTook: () => {},
  alert: () => {},
};

/** What the road needs, with simple parts where a test is not about them. */
export function roadDeps(options: {
  readonly clock: FakeClock;
  readonly random: SeededRandom;
  readonly journal: Journal;
  readonly provider: (id: string) => Provider | undefined;
  readonly owner?: string;
  readonly leaseMs?: number;
  readonly refuse?: () => boolean;
  readonly ruleset?: Ruleset;
  readonly action?: Partial<RuleAction>;
  readonly observer?: Partial<Observer>;
  readonly guards?: Guards;
}): GatewayDeps {
  const { clock, random } = options;
  const ruleset =
    options.ruleset ??
    sampleRuleset(
      ['sandbox-a', 'sandbox-b', 'sandbox-c'].map((id) => sampleContract(id)),
      [
        {
          name: 'fallback',
          matches: () => true,
          action: sampleAction({ attemptsMax: 3, ...options.action }),
        },
      ],
    );
  const learner: Learner = {
    approval: () => NO_ESTIMATE,
    health: () => ({ processed: 1, unknown: 0, samples: 0 }),
    latencyP99Ms: () => null,
    observe: () => {},
  };
  return {
    clock,
    randomness: {
      unit: () => random.unit(),
      id: (prefix) =>
        `${prefix}_${Array.from({ length: 21 }, () => LETTERS.charAt(random.integer(0, LETTERS.length - 1))).join('')}`,
    },
    journal: options.journal,
    guards: options.guards ?? openGuards(options.refuse ?? (() => false)),
    retryBudget: { deposit: () => {}, withdraw: () => true },
    learner,
    rulesets: { current: () => ruleset },
    cards: { factsOf: () => VISA_FACTS },
    provider: options.provider,
    observer: { ...SILENT, ...options.observer },
    unrecorded: new Unrecorded(),
    renderAnswer: (authorization: Authorization) => ({
      httpStatus: authorization.status === 'pending' || authorization.status === 'reversing' ? 202 : 201,
      body: JSON.stringify(authorization),
    }),
    owner: options.owner ?? 'process-1',
    leaseMs: options.leaseMs ?? 15_000,
    stopSignal: new AbortController().signal,
  };
}

/** Guards that refuse when told to, and check that every permit is ended exactly once. */
function openGuards(refuse: () => boolean): Guards {
  return {
    view: () => ({ breaker: 'closed', closedBecause: null, limitHeadroom: 1 }),
    admit: (): Admission => {
      if (refuse()) return { kind: 'refused', reason: 'limit_per_second', retryAfterMs: 100 };
      let ended = false;
      const end = () => {
        if (ended) throw new Error('a permit was ended twice');
        ended = true;
      };
      return { kind: 'admitted', permit: { report: end, release: end }, waitedMs: 0 };
    },
  };
}
