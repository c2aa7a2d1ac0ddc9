import { afterEach, describe, expect, it, vi } from 'vitest';
import type { AttemptOutcome } from '../../src/core/attempt.ts';
import type { applyOutcome } from '../../src/core/lifecycle.ts';
import type { ProviderSemantics } from '../../src/core/resolution.ts';
import type { GatewayDeps } from '../../src/gateway/gateway-deps.ts';
import type { Journal, OperationCall, Provider } from '../../src/gateway/ports.ts';
import { Sightings } from '../../src/gateway/sightings.ts';
import type { WorldOptions } from './simulated-world.ts';

/**
 * Each mutant takes one rule away from the product; the simulation must notice, within a few seeds. A mutant that it
 * does not notice is a hole in its checks. Not among them is that a refused void is told as failed although it was done:
 * so many other rules ask what stands there that the simulation sees no harm; unit tests of refused voids do.
 */
interface Mutant {
  readonly options?: WorldOptions;
  /** A module of the product, with some of its exports replaced. */
  readonly module?: {
    readonly path: string;
    readonly replace: (original: Record<string, unknown>) => Record<string, unknown>;
  };
  /** What breaks seldom needs more than {@link PAYMENTS}. */
  readonly payments?: number;
  /** What the simulation says about it. */
  readonly noticed: RegExp;
}

const SEEDS = [11, 12, 13, 14, 15, 16];
const PAYMENTS = 400;

function withJournal(change: (journal: Journal) => Partial<Journal>): WorldOptions {
  const mutate = (deps: GatewayDeps): GatewayDeps => {
    const changed = change(deps.journal) as Record<string, unknown>;
    const journal = new Proxy(deps.journal, {
      get: (target, property) => changed[String(property)] ?? Reflect.get(target, property),
    });
    return { ...deps, journal };
  };
  return { mutate };
}

function withProviders(change: (provider: Provider) => Partial<Provider>): WorldOptions {
  const mutate = (deps: GatewayDeps): GatewayDeps => ({
    ...deps,
    provider: (id) => {
      const provider = deps.provider(id);
      return provider === undefined ? undefined : { ...provider, ...change(provider) };
    },
  });
  return { mutate };
}

function withSemantics(change: (semantics: ProviderSemantics) => Partial<ProviderSemantics>): WorldOptions {
  return withProviders(({ semantics }) => ({ semantics: { ...semantics, ...change(semantics) } }));
}

/** Every outcome that a provider tells is read in another way. */
function withOutcomes(read: (outcome: AttemptOutcome) => AttemptOutcome): WorldOptions {
  return withProviders((provider) => ({
    authorize: async (call) => read(await provider.authorize(call)),
    inquire: async (query) => {
      const answer = await provider.inquire(query);
      return answer.kind === 'found' ? { ...answer, outcome: read(answer.outcome) } : answer;
    },
  }));
}

class BlindSightings extends Sightings {
  override seenForMs(): number {
    return Number.MAX_SAFE_INTEGER;
  }
}

let keys = 0;
const underNewKey = (call: OperationCall): OperationCall => ({
  ...call,
  providerKey: `${call.providerKey}_${keys++}`,
});

const MUTANTS: Readonly<Record<string, Mutant>> = {
  'what has no answer counts as rejected': {
    options: withProviders((provider) => ({
      authorize: async (call) => {
        const outcome = await provider.authorize(call);
        if (outcome.kind !== 'unknown') return outcome;
        return {
          kind: 'rejected',
          reason: 'transient',
          code: outcome.code,
          retryAfterMs: null,
          providerReference: null,
        };
      },
    })),
    noticed: /authorized 2 times at once|while .* holds|holds money/,
  },
  'not found is believed at once': {
    options: {
      mutate: (deps) => {
        const { mutate } = withSemantics(({ notFoundAfterMs }) => ({
          notFoundAfterMs: notFoundAfterMs === null ? null : 0,
        }));
        return { ...(mutate?.(deps) ?? deps), sightings: new BlindSightings(deps.clock) };
      },
    },
    noticed: /while .* holds|holds money|carried out/,
  },
  'a key is used as if it were kept for ever': {
    options: withSemantics(() => ({ keyLifetimeMs: null })),
    noticed: /times|holds/,
  },
  'requests are repeated where there are no keys': {
    options: withSemantics(() => ({ replay: 'same_answer' })),
    noticed: /times|holds/,
  },
  'an acknowledged void counts as done': {
    options: withProviders((provider) => ({
      void: async (call) => {
        const outcome = await provider.void(call);
        return outcome.kind === 'accepted' ? { kind: 'confirmed', providerReference: null } : outcome;
      },
    })),
    noticed: /holds/,
  },
  'captures and refunds are repeated under other keys': {
    options: withProviders((provider) => ({
      capture: (call) => provider.capture(underNewKey(call)),
      refund: (call) => provider.refund(underNewKey(call)),
    })),
    noticed: /carried out/,
  },
  'it is sent before it is written': {
    options: withJournal((journal) => ({
      open: async (opening) => {
        void journal.open(opening).catch(() => {});
        return { kind: 'opened' };
      },
    })),
    noticed: /without a durable intent|in no record|sent/,
  },
  'leases are ignored': {
    options: {
      mutate: (deps) => {
        const { mutate } = withJournal((journal) => ({
          listLapsed: (nowMs, limit) => journal.listLapsed(nowMs + 3_600_000, limit),
        }));
        return { ...(mutate?.(deps) ?? deps), sightings: new BlindSightings(deps.clock) };
      },
    },
    noticed: /./,
  },
  'what a dead process left stays open': {
    options: withJournal(() => ({ listLapsed: async () => [] })),
    noticed: /is still open/,
  },
  'nobody finds out what is unknown': {
    options: withJournal(() => ({ takeWork: async () => [] })),
    noticed: /is unsettled/,
  },
  'notices are put aside unread': {
    options: withJournal(() => ({ openNotices: async () => [] })),
    noticed: /holds|nobody holds|unsettled|carried out/,
  },
  'nothing expires': {
    options: withJournal(() => ({ listExpired: async () => [] })),
    noticed: /is past its validity/,
  },
  'keys of callers are forgotten': {
    options: withJournal((journal) => ({
      open: (opening) =>
        journal.open({ ...opening, claim: { ...opening.claim, key: `${opening.claim.key}-${keys++}` } }),
    })),
    noticed: /changed its final answer|pending again|two bodies/,
  },
  'work is given up, and nobody is told': {
    options: withJournal((journal) => ({
      postponeWork: (id, owner, plan) => journal.postponeWork(id, owner, { ...plan, dueAtMs: null }),
    })),
    noticed: /nobody was told/,
  },
  'a decline hides no approval': {
    options: withOutcomes((outcome) =>
      outcome.kind === 'declined'
        ? { ...outcome, decline: { ...outcome.decline, mayHideApproval: false } }
        : outcome,
    ),
    noticed: /holds|at once/,
  },
  'a partial approval is told as a full one': {
    options: withOutcomes((outcome) =>
      outcome.kind === 'partially_approved' && outcome.reversal === 'none'
        ? { kind: 'approved', providerReference: outcome.providerReference, networkTransaction: null }
        : outcome,
    ),
    noticed: /is held|recorded failed|unsettled/,
  },
  'an answer about something else is believed': {
    options: withOutcomes((outcome) =>
      outcome.kind === 'unknown' && outcome.code === 'answer_mismatch'
        ? {
            kind: 'approved',
            providerReference: outcome.providerReference ?? '',
            networkTransaction: null,
          }
        : outcome,
    ),
    noticed: /is held/,
  },
  'an unknown outcome fails over, and the journal lets it': {
    options: { prepare: ({ database }) => database.exec('DROP TRIGGER attempts_follow') },
    module: {
      path: '../../src/core/failover.ts',
      replace: (original) => ({
        ...original,
        judgeOutcome: (outcome: AttemptOutcome, how: unknown) =>
          outcome.kind === 'unknown'
            ? { mayFailOver: true, reason: 'rejected', technical: true }
            : (original['judgeOutcome'] as (...all: unknown[]) => unknown)(outcome, how),
      }),
    },
    noticed: /is sent after|went on after|at once/,
  },
  'an approval that comes too late stands': {
    module: {
      path: '../../src/core/lifecycle.ts',
      replace: (original) => ({
        ...original,
        applyOutcome: ((authorization, number, ...rest) => {
          const known = authorization.attempts[number - 1]?.outcome;
          const isSettled = known != null && known.kind !== 'unknown' && known.kind !== 'pending';
          if (isSettled) return { authorization, remarks: [], changed: false };
          return (original['applyOutcome'] as typeof applyOutcome)(authorization, number, ...rest);
        }) satisfies typeof applyOutcome,
      }),
    },
    payments: 1_200,
    noticed: /holds|nobody holds/,
  },
  'captures are repeated as soon as they are not found': {
    module: {
      path: '../../src/core/resolution.ts',
      replace: (original) => ({ ...original, isNotFoundEvidence: () => true }),
    },
    noticed: /carried out|holds/,
  },
};

describe('a product that lacks a rule is found out', () => {
  afterEach(() => {
    vi.doUnmock('../../src/core/failover.ts');
    vi.doUnmock('../../src/core/lifecycle.ts');
    vi.doUnmock('../../src/core/resolution.ts');
    vi.resetModules();
  });

  it.each(Object.entries(MUTANTS))(
    '%s',
    async (name, { options, module, payments, noticed }) => {
      vi.resetModules();
      if (module !== undefined) {
        vi.doMock(module.path, async (importOriginal) =>
          module.replace(await importOriginal<Record<string, unknown>>()),
        );
      }
      const { simulate } = await import('./simulation.ts');
      let broken: readonly string[] = [];
      for (const seed of SEEDS) {
        ({ broken } = await simulate(seed, payments ?? PAYMENTS, options));
        if (broken.length === 0) continue;
        console.log(`${name}: seed ${seed}: ${broken[0]?.split('\n')[0]}`);
        break;
      }
      expect(broken.length, 'not noticed').toBeGreaterThan(0);
      expect(broken[0]).toMatch(noticed);
    },
    120_000,
  );
});
