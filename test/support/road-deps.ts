import type { Authorization } from '../../src/core/authorization.ts';
import type { CardFacts } from '../../src/core/card.ts';
import type { Operation } from '../../src/core/operation.ts';
import { DEFAULT_SCHEDULE_MS } from '../../src/core/resolution.ts';
import type { RuleAction, Ruleset } from '../../src/core/rules/ruleset.ts';
import type { SchemeRules } from '../../src/core/scheme/scheme-rules.ts';
import type { Approval } from '../../src/core/scoring/approval-model.ts';
import type { GatewayDeps, OutgoingDeps } from '../../src/gateway/gateway-deps.ts';
import { LiveArms } from '../../src/gateway/live-arms.ts';
import type {
  AccountScope,
  AccountScopes,
  Admission,
  CardTestingWatch,
  Clock,
  Guards,
  Journal,
  Learner,
  Observer,
  Provider,
} from '../../src/gateway/ports.ts';
import { Sightings } from '../../src/gateway/sightings.ts';
import { Unrecorded } from '../../src/gateway/unrecorded.ts';
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

/** For tests that are not about the schemes' ceilings. */
const NO_CEILINGS: SchemeRules = { limits: [], hardDeclineBlockMs: 30 * 24 * 60 * 60_000 };

const NOTHING_KNOWN: Approval = { mean: 0.85, deviation: 0.05, level: 'prior', n: 0 };

/** An observer that nobody listens to. */
export const SILENT: Observer = {
  attemptEnded: () => {},
  unmappedCode: () => {},
  approvalMoved() {},
  noticeTaken: () => {},
  failedOver: () => {},
  passedOver: () => {},
  decided: () => {},
  resolved: () => {},
  remarked: () => {},
  sealed: () => {},
  purged: () => {},
  eventSent: () => {},
  callerDecided: () => {},
  callerDecisions: () => {},
  outcomeReported: () => {},
  authorizationEnded: () => {},
  journalTook: () => {},
  armChanged: () => {},
  alert: () => {},
};

const LEARNS_NOTHING: Learner = {
  approval: () => NOTHING_KNOWN,
  health: () => ({ processed: 1, unknown: 0, pending: 0, samples: 0 }),
  latencyP99Ms: () => null,
  observe: () => {},
};

const TOLD_NOBODY: OutgoingDeps = {
  endpoints: () => [],
  sender: { send: () => Promise.resolve({ kind: 'interrupted' }) },
  pacer: { run: (_endpoint, task) => task() },
  render: () => '',
};

/** Answers as JSON of what they tell. */
const RENDERED: Pick<GatewayDeps, 'renderAnswer' | 'renderOperation' | 'renderDecision'> = {
  renderAnswer: (authorization: Authorization) => ({
    httpStatus: authorization.status === 'pending' || authorization.status === 'reversing' ? 202 : 201,
    body: JSON.stringify(authorization),
  }),
  renderOperation: (authorization: Authorization, operation: Operation) => ({
    httpStatus: operation.status === 'pending' ? 202 : 201,
    body: JSON.stringify({ ...operation, authorization: authorization.status }),
  }),
  renderDecision: ({ id, expiresAtMs }, shown) => ({
    httpStatus: 201,
    body: JSON.stringify({ id, ...shown, expiresAtMs }),
  }),
};

/** What a test is about. */
interface RoadOptions {
  readonly clock: Clock;
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
  readonly resolverSchedule?: readonly number[];
  readonly soleOwner?: boolean;
  readonly schemeRules?: SchemeRules;
  readonly cardTesting?: CardTestingWatch;
  readonly outgoing?: OutgoingDeps;
  readonly accounts?: AccountScopes;
  readonly learner?: Learner;
}

/** What the road needs, with simple parts where a test is not about them. */
export function roadDeps(options: RoadOptions): GatewayDeps {
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
  const learner = options.learner ?? LEARNS_NOTHING;
  const guards = options.guards ?? openGuards(options.refuse ?? (() => false));
  return {
    clock,
    randomness: {
      unit: () => random.unit(),
      id: (prefix) =>
        `${prefix}_${Array.from({ length: 21 }, () => LETTERS.charAt(random.integer(0, LETTERS.length - 1))).join('')}`,
    },
    journal: options.journal,
    guards,
    accounts: options.accounts ?? { of: () => everybodys(guards, learner) },
    retryBudget: { deposit: () => {}, withdraw: () => true },
    quickBudget: { deposit: () => {}, withdraw: () => true },
    learner,
    rulesets: { current: () => ruleset },
    arms: new LiveArms(),
    cards: { factsOf: () => VISA_FACTS },
    provider: options.provider,
    observer: { ...SILENT, ...options.observer },
    schemeGuard: {
      rules: () => options.schemeRules ?? NO_CEILINGS,
      cardKey: (merchant, card) => `${merchant} ${card.accountReference ?? card.id ?? card.token ?? 'none'}`,
    },
    cardTesting: options.cardTesting ?? { refusedForMs: () => 0, ended: () => 'counted' },
    pacer: { run: (_provider, task) => task() },
    outgoing: options.outgoing ?? TOLD_NOBODY,
    unrecorded: new Unrecorded(),
    sightings: new Sightings(clock),
    resolverSchedule: options.resolverSchedule ?? DEFAULT_SCHEDULE_MS,
    soleOwner: options.soleOwner ?? false,
    retentionMs: null,
    refundableRetentionMs: 540 * 86_400_000,
    ...RENDERED,
    owner: options.owner ?? 'process-1',
    leaseMs: options.leaseMs ?? 15_000,
    stopSignal: new AbortController().signal,
  };
}

/** An account that sees what everybody sees, whatever it reports. */
function everybodys(guards: Guards, learner: Learner): AccountScope {
  return {
    learner,
    retryBudget: { deposit: () => {}, withdraw: () => true },
    view: (lane) => guards.view(lane),
    offered: () => {},
    reported: () => {},
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
