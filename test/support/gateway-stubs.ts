import type { AttemptOutcome } from '../../src/core/attempt.ts';
import type { Authorization } from '../../src/core/authorization.ts';
import type { ProviderSemantics } from '../../src/core/resolution.ts';
import type { GatewayDeps } from '../../src/gateway/gateway-deps.ts';
import {
  type InquiryAnswer,
  type Journal,
  JournalError,
  type Observer,
  type OperationInquiry,
  type OperationOutcome,
  type Provider,
  type Step,
  type StepResult,
} from '../../src/gateway/ports.ts';
import { FakeClock } from './fake-clock.ts';
import { roadDeps } from './road-deps.ts';
import { SAMPLE_SEMANTICS } from './scripted-provider.ts';
import { SeededRandom } from './seeded-random.ts';

/** What a provider answers to everything of a kind; an error is thrown, and of a list each is given once. */
export interface StubAnswers {
  readonly authorize?: AttemptOutcome | Error;
  readonly inquire?: InquiryAnswer | Error;
  readonly inquireOperation?: OperationInquiry | Error | readonly OperationInquiry[];
  /** To captures, voids and refunds. */
  readonly operate?: OperationOutcome | Error;
  /** Done before each answer: time passes, say. */
  readonly meanwhile?: () => Promise<void>;
}

export interface StubProvider extends Provider {
  /** What was asked of it, in order. */
  readonly asked: { readonly what: string; readonly call: Readonly<Record<string, unknown>> }[];
}

/** A provider that answers as told. What a test did not expect to be asked throws. */
export function stubProvider(
  answers: StubAnswers = {},
  semantics: Partial<ProviderSemantics> = {},
  id = 'sandbox-a',
): StubProvider {
  const asked: StubProvider['asked'] = [];
  const reply =
    <T extends object>(what: string, told: T | Error | readonly T[] | undefined) =>
    async (call: object): Promise<T> => {
      const before = asked.filter((other) => other.what === what).length;
      asked.push({ what, call: { ...call } });
      await answers.meanwhile?.();
      const answer = Array.isArray(told) ? (told as readonly T[])[before] : (told as T | Error | undefined);
      if (answer === undefined) throw new Error(`${what} was not expected`);
      if (answer instanceof Error) throw answer;
      return answer;
    };
  return {
    id,
    live: false,
    semantics: { ...SAMPLE_SEMANTICS, ...semantics },
    asked,
    authorize: reply('authorize', answers.authorize),
    inquire: reply('inquire', answers.inquire),
    inquireOperation: reply('inquireOperation', answers.inquireOperation),
    capture: reply('capture', answers.operate),
    void: reply('void', answers.operate),
    refund: reply('refund', answers.operate),
    readNotices: async () => ({ kind: 'refused', reason: 'not_configured' }),
    evidenceIn: () => ({ kind: 'nothing' }),
    classify: () => {
      throw new Error('classify was not expected');
    },
    close: () => {},
  };
}

/** A journal of which every method fails but those given. */
export function stubJournal(methods: Partial<Journal>): Journal {
  return new Proxy({} as Journal, {
    get: (_, name) =>
      methods[name as keyof Journal] ??
      (() => Promise.reject(new JournalError(`${String(name)}: disk full`))),
  });
}

/** A journal of one authorization, without a history, that says to each step what is told, and then that it was written. */
export function oneRowJournal(
  stored: Authorization | null,
  results: readonly (StepResult | 'fails')[] = [],
): Pick<Journal, 'advance' | 'findAuthorization' | 'historyPage'> & { readonly steps: Step[] } {
  const steps: Step[] = [];
  const left = [...results];
  return {
    steps,
    advance: async (step) => {
      steps.push(step);
      const result = left.shift() ?? { kind: 'written', version: step.before.version + 1 };
      if (result === 'fails') throw new JournalError('disk full');
      return result;
    },
    findAuthorization: async () => stored,
    historyPage: async () => ({ data: [], nextAfter: null }),
  };
}

export interface Stage {
  readonly clock: FakeClock;
  readonly deps: GatewayDeps;
  /** Everything that was told of alerts, remarks and resolutions, in order. */
  readonly told: readonly Readonly<Record<string, unknown>>[];
  /** What the journal's metrics call what was asked of it. */
  readonly journalCalls: readonly string[];
}

/** What a single piece of the gateway needs: a journal and providers as told, a clock that stands still. */
export function stage(
  parts: {
    readonly journal?: Partial<Journal>;
    readonly providers?: readonly Provider[];
    readonly more?: Partial<GatewayDeps>;
  } = {},
): Stage {
  const clock = new FakeClock();
  const told: Readonly<Record<string, unknown>>[] = [];
  const journalCalls: string[] = [];
  const tell =
    (what: string) =>
    (event: object): void => {
      told.push({ what, ...event });
    };
  const observer: Partial<Observer> = {
    alert: tell('alert'),
    remarked: tell('remarked'),
    resolved: tell('resolved'),
    journalTook: ({ operation }) => journalCalls.push(operation),
  };
  const deps = roadDeps({
    clock,
    random: new SeededRandom(1),
    journal: stubJournal(parts.journal ?? {}),
    provider: (id) => parts.providers?.find((provider) => provider.id === id),
    observer,
    resolverSchedule: [5_000, 30_000, 120_000],
  });
  return { clock, deps: { ...deps, ...parts.more }, told, journalCalls };
}
