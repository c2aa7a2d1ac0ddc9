import type { AuthorizationRequest } from '../../src/core/authorization.ts';
import type { NextStep, OutcomeReport, StepNow } from '../../src/core/caller-decision.ts';
import type { CardBrand } from '../../src/core/card.ts';
import { type Experiments, NO_EXPERIMENTS } from '../../src/core/experiments/experiment.ts';
import type { RuleAction } from '../../src/core/rules/ruleset.ts';
import type { SchemeRules } from '../../src/core/scheme/scheme-rules.ts';
import { renderDecision } from '../../src/edge/decision-answer.ts';
import { CallerDecisions } from '../../src/gateway/caller-decisions.ts';
import type { DecideCommand, DecideResult } from '../../src/gateway/decide-for-caller.ts';
import type { GatewayDeps } from '../../src/gateway/gateway-deps.ts';
import type {
  CardTestingWatch,
  Journal,
  Observer,
  Provider,
  ProviderCode,
  ProviderOverride,
} from '../../src/gateway/ports.ts';
import type { ReportResult } from '../../src/gateway/report-outcome.ts';
import { Lanes } from '../../src/guards/lanes.ts';
import { OutcomeLearner } from '../../src/guards/outcome-learner.ts';
import { ReportingAccounts } from '../../src/guards/reporting-accounts.ts';
import { declineOfReading } from '../../src/providers/decline-outcome.ts';
import { readSandboxDecline } from '../../src/providers/sandbox/codes.ts';
import { openInProcessJournal } from '../../src/stores/sqlite/in-process-journal.ts';
import { shippedDeclineTables } from './decline-tables.ts';
import { FakeClock } from './fake-clock.ts';
import { stubProvider } from './gateway-stubs.ts';
import { roadDeps, VISA_FACTS } from './road-deps.ts';
import { sampleCommand, sampleRequest } from './sample-request.ts';
import { sampleAction, sampleContract, sampleRuleset } from './sample-ruleset.ts';
import { SeededRandom } from './seeded-random.ts';

const TABLES = await shippedDeclineTables();
const IDS = ['sandbox-a', 'sandbox-b', 'sandbox-c'] as const;

export interface DecisionWorldOptions {
  readonly action?: Partial<RuleAction>;
  readonly schemeRules?: SchemeRules;
  /** Wraps the journal, for faults. */
  readonly journal?: (journal: Journal) => Journal;
  readonly seed?: number;
  /** Those that run, over the only rule. */
  readonly experiments?: Partial<Experiments>;
  readonly cardTesting?: CardTestingWatch;
  /** Brand of a card; Visa when left out. */
  readonly brandOf?: (card: AuthorizationRequest['card']) => CardBrand;
}

/** What a caller is told: the parsed body. */
export interface DecisionView {
  readonly id: string;
  readonly provider: string | null;
  readonly ranking: readonly string[];
  readonly decline: {
    readonly category: string;
    readonly code: string;
    readonly retry_not_before: string;
  } | null;
  readonly routing: {
    readonly rule: string;
    readonly propensity: number;
    readonly experiment: { readonly id: string; readonly arm: string; readonly holdout: boolean } | null;
    readonly candidates: readonly { readonly provider: string; readonly reason: string | null }[];
  };
  readonly expires_at: string;
}

/**
 * Decisions over the gateway's real parts: journal in memory, lanes, learner, accounts, ranking, code tables. The clock is
 * fake; a test that lets breakers recover has to move the timers of the process with it.
 */
export class DecisionWorld {
  readonly clock = new FakeClock();
  readonly journal: Journal;
  readonly lanes: Lanes;
  readonly learner: OutcomeLearner;
  readonly deps: GatewayDeps;
  readonly decisions: CallerDecisions;
  readonly counted: Record<string, number> = {};
  readonly alerts: string[] = [];
  readonly unmapped: string[] = [];
  /** What the log is told of decisions and reports. */
  readonly lines: object[] = [];
  #commands = 0;

  constructor(options: DecisionWorldOptions = {}) {
    const { clock } = this;
    const journal = openInProcessJournal(':memory:');
    this.journal = options.journal?.(journal) ?? journal;
    const rules = sampleRuleset(
      IDS.map((id) => sampleContract(id, { timeoutMs: 2_000 })),
      [
        {
          name: 'fallback',
          matches: () => true,
          action: sampleAction({
            strategy: { kind: 'priority', order: [...IDS] },
            attemptsMax: 3,
            ...options.action,
          }),
        },
      ],
    );
    const ruleset = { ...rules, experiments: { ...NO_EXPERIMENTS, ...options.experiments } };
    this.lanes = new Lanes(ruleset.providers, { clock, onTransition: () => {} });
    this.learner = new OutcomeLearner(clock);
    const providers = new Map(IDS.map((id) => [id as string, this.#provider(id)]));
    const observer: Partial<Observer> = {
      alert: ({ kind }) => this.alerts.push(kind),
      unmappedCode: ({ code }) => this.unmapped.push(code),
      callerDecided: (told) => this.lines.push(told),
      callerDecisions: ({ what, count }) => this.#count(what, count),
      outcomeReported: (told) => {
        this.lines.push(told);
        this.#count(`told ${told.next}`, 1);
      },
    };
    this.deps = {
      ...roadDeps({
        clock,
        random: new SeededRandom(options.seed ?? 20_261_123),
        journal: this.journal,
        provider: (id) => providers.get(id),
        ruleset,
        observer,
        guards: this.lanes,
        learner: this.learner,
        accounts: new ReportingAccounts(clock, this.lanes, this.learner),
        ...(options.schemeRules === undefined ? {} : { schemeRules: options.schemeRules }),
        ...(options.cardTesting === undefined ? {} : { cardTesting: options.cardTesting }),
      }),
      cards: { factsOf: (card) => ({ ...VISA_FACTS, brand: options.brandOf?.(card) ?? 'visa' }) },
      renderDecision,
    };
    this.decisions = new CallerDecisions(this.deps);
  }

  #provider(id: string): Provider {
    const deps = { clock: this.clock, declineTables: () => TABLES };
    const classify = (code: ProviderCode) => declineOfReading(readSandboxDecline(code, false, deps), code);
    return { ...stubProvider({}, {}, id), classify };
  }

  #count(what: string, count: number): void {
    this.counted[what] = (this.counted[what] ?? 0) + count;
  }

  /** A request of its own for each, unless told otherwise. */
  decide(over: Partial<DecideCommand> = {}): Promise<DecideResult> {
    this.#commands += 1;
    const number = this.#commands;
    const card = { ...sampleRequest().card, id: `card-${number}` };
    const request = sampleRequest({ reference: `order-${number}`, card });
    return this.decisions.decide({
      ...sampleCommand({ request, receivedAtMs: this.clock.monotonicMs() }),
      idempotencyKey: null,
      ...over,
    });
  }

  /** A decision that must be made. */
  async decided(over: Partial<DecideCommand> = {}): Promise<DecisionView> {
    return viewOf(await this.decide(over));
  }

  report(
    decisionId: string,
    report: Pick<OutcomeReport, 'provider' | 'outcome'> & Partial<OutcomeReport>,
    account = 'acme',
  ): Promise<ReportResult> {
    const whole = { attempt: 1, code: null, networkCode: null, advice: null, latencyMs: 100, ...report };
    const receivedAtMs = this.clock.monotonicMs();
    return this.decisions.report({ account, covers: () => true, decisionId, report: whole, receivedAtMs });
  }

  /** A report that must be taken; what is to be done then. */
  async reported(...report: Parameters<DecisionWorld['report']>): Promise<NextStep> {
    const { attempt: _, ...step } = await this.reportedNow(...report);
    return step;
  }

  /** The same, with the attempt as which somebody is to be tried. */
  async reportedNow(...report: Parameters<DecisionWorld['report']>): Promise<StepNow> {
    const result = await this.report(...report);
    if (result.kind !== 'taken') throw new Error(`the report was not taken: ${JSON.stringify(result)}`);
    return result.step;
  }

  /** Decisions of an account, each reported with that outcome; fewer when nobody can be tried any more. */
  async reportMany(account: string, outcome: OutcomeReport['outcome'], times: number): Promise<void> {
    for (let time = 0; time < times; time += 1) {
      const decided = await this.decide({ account });
      if (decided.kind !== 'answered') return;
      const { id, provider } = viewOf(decided);
      if (provider !== null) await this.reported(id, { provider, outcome, code: 'x' }, account);
    }
  }

  override(over: Partial<ProviderOverride> & Pick<ProviderOverride, 'provider' | 'mode'>): void {
    const plain = {
      brand: null,
      merchant: null,
      reason: 'r',
      author: 'a',
      createdAtMs: 0,
      expiresAtMs: null,
    };
    this.lanes.setOverrides([{ ...plain, ...over }]);
  }
}

/** What an answer tells; the test fails when it is none. */
export function viewOf(result: DecideResult): DecisionView {
  if (result.kind !== 'answered') throw new Error(`no decision: ${JSON.stringify(result)}`);
  return JSON.parse(result.body) as DecisionView;
}
