import type { Attempt } from '../../../src/core/attempt.ts';
import type { RoutingFacts } from '../../../src/core/facts.ts';
import type { RecordedPayment } from '../../../src/core/replay/ruleset-replay.ts';
import type { Rule, RuleAction, Ruleset } from '../../../src/core/rules/ruleset.ts';
import { ApprovalModel } from '../../../src/core/scoring/approval-model.ts';
import { rankCandidates } from '../../../src/core/scoring/rank-candidates.ts';
import { routingFacts } from '../../support/routing-facts.ts';
import { sampleAttempt, sampleAuthorization, sampleCandidate } from '../../support/sample-authorization.ts';
import { SAMPLE_OUTCOMES } from '../../support/sample-outcomes.ts';
import { sampleAction, sampleContract, sampleRuleset } from '../../support/sample-ruleset.ts';
import type { SeededRandom } from '../../support/seeded-random.ts';
import { cardMix } from '../../worlds/card-mix.ts';
import type { CardKind } from '../../worlds/payment-world.ts';

/** How payments were routed while they were recorded. */
export type Recording =
  | { readonly kind: 'split'; readonly weights: ReadonlyMap<string, number> }
  /** The product's own strategy, which learns as it goes. */
  | { readonly kind: 'score'; readonly explorationShare: number };

/** A world of which everything is known: who approves which card how often, and how payments were routed. */
export interface KnownWorld {
  readonly providers: readonly string[];
  readonly cards: readonly CardKind[];
  /** Approval of first attempts by provider, before the card's own difference. */
  readonly means: readonly number[];
  /** What is left of it at second attempts. */
  readonly harder: number;
  readonly recording: Recording;
}

const ONE_CARD: readonly CardKind[] = [{ facts: routingFacts(), share: 1, gaps: [0, 0, 0, 0] }];

/** @param isOfOneCard nothing tells payments apart */
export function drawnWorld(
  random: SeededRandom,
  recording: Recording['kind'],
  isOfOneCard = false,
): KnownWorld {
  const providers = ['alpha', 'beta', 'gamma', 'delta'].slice(0, random.integer(3, 4));
  const cards = isOfOneCard
    ? ONE_CARD
    : cardMix({
        seed: random.integer(0, 1e9),
        providers: providers.length,
        countries: 3,
        issuers: 10,
        bins: 16,
        issuerSpread: 0.06,
        countryGap: 0.04,
        issuersWithGap: 0.4,
        issuerGap: 0.2,
        binsWithGap: 0.3,
        binGap: 0.2,
      });
  return {
    providers,
    cards,
    means: providers.map(() => 0.7 + 0.25 * random.unit()),
    harder: 0.4 + 0.5 * random.unit(),
    recording:
      recording === 'split'
        ? { kind: 'split', weights: new Map(providers.map((provider) => [provider, 0.15 + random.unit()])) }
        : { kind: 'score', explorationShare: 0.2 },
  };
}

function rateOf({ providers, means, harder }: KnownWorld, card: CardKind, provider: string, attempt: number) {
  const place = providers.indexOf(provider);
  const rate = Math.min(0.995, Math.max(0.005, (means[place] ?? 0) + (card.gaps[place] ?? 0)));
  return attempt === 1 ? rate : rate * harder;
}

/** Approval that rules come to which choose by fixed weights, without replacement, over all cards. */
export function trueApproval(
  world: KnownWorld,
  weightsFor: (facts: RoutingFacts) => ReadonlyMap<string, number>,
  attemptsMax: number,
): number {
  const all = world.cards.reduce((sum, { share }) => sum + share, 0);
  const value = (card: CardKind, weights: ReadonlyMap<string, number>, attempt: number): number => {
    const sum = [...weights.values()].reduce((total, weight) => total + weight, 0);
    if (attempt > attemptsMax || sum === 0) return 0;
    return [...weights].reduce((total, [provider, weight]) => {
      const rate = rateOf(world, card, provider, attempt);
      const left = new Map([...weights].filter(([other]) => other !== provider));
      return total + (weight / sum) * (rate + (1 - rate) * value(card, left, attempt + 1));
    }, 0);
  };
  return world.cards.reduce(
    (sum, card) => sum + (card.share / all) * value(card, weightsFor(card.facts), 1),
    0,
  );
}

/** Rules over the world's providers: each with what it does, and the brand that it is for; null: all that is left. */
export function rulesOf(
  { providers }: Pick<KnownWorld, 'providers'>,
  ...rules: readonly (readonly [brand: string | null, action: Partial<RuleAction>])[]
): Ruleset {
  const compiled = rules.map(
    ([brand, action], index): Rule => ({
      name: `rule-${index + 1}`,
      matches: ({ cardBrand }) => brand === null || cardBrand === brand,
      action: sampleAction({ fallback: false, ...action }),
    }),
  );
  return sampleRuleset(
    providers.map((provider) => sampleContract(provider)),
    compiled,
  );
}

/** Payments of a world, as its recording policy made them: with the propensity of every attempt, and one failover. */
export function* recordedPayments(
  world: KnownWorld,
  random: SeededRandom,
  payments: number,
): Generator<RecordedPayment, void, undefined> {
  const model = new ApprovalModel();
  const shares = world.cards.reduce((sum, { share }) => sum + share, 0);
  for (let number = 1; number <= payments; number += 1) {
    const card = cardAt(world.cards, random.unit() * shares);
    const facts = { ...card.facts, reference: `order-${number}` };
    const attempts: Attempt[] = [];
    for (const attempt of [1, 2]) {
      const left = world.providers.filter((id) => attempts.every(({ provider }) => provider !== id));
      const [provider, propensity] = choose(world, left, { facts, attempt, model, random });
      const isApproved = random.chance(rateOf(world, card, provider, attempt));
      const outcome = SAMPLE_OUTCOMES[isApproved ? 'approved' : 'declinedSoft'];
      attempts.push({ ...sampleAttempt(attempt, outcome), provider, propensity });
      if (isApproved) break;
    }
    for (const [index, { provider, outcome }] of attempts.entries()) {
      model.observe(provider, facts, { name: '', later: index > 0 }, outcome?.kind === 'approved');
    }
    const base = sampleAuthorization([]);
    const candidates = world.providers.map((provider) => sampleCandidate(provider));
    const routing = { ...base.routing, strategy: world.recording.kind, candidates };
    yield { authorization: { ...base, routing, attempts }, facts };
  }
}

function cardAt(cards: readonly CardKind[], aim: number): CardKind {
  let below = 0;
  for (const card of cards) {
    below += card.share;
    if (aim < below) return card;
  }
  return cards.at(-1) as CardKind;
}

/** The choice of the recording policy, and its probability. */
function choose(
  { recording }: KnownWorld,
  left: readonly string[],
  made: {
    readonly facts: RoutingFacts;
    readonly attempt: number;
    readonly model: ApprovalModel;
    readonly random: SeededRandom;
  },
): readonly [provider: string, propensity: number] {
  const { facts, attempt, model, random } = made;
  if (recording.kind === 'score') {
    const { first, propensities } = rankCandidates({
      facts,
      exchangeRates: [],
      rule: 'all',
      action: sampleAction({ strategy: { kind: 'score' }, explorationShare: recording.explorationShare }),
      attemptsLeft: 3 - attempt,
      candidates: left.map((provider) => ({
        provider,
        fees: sampleContract(provider).fees,
        borrowsToken: false,
        approval: model.approval(provider, facts, { name: '', later: attempt > 1 }),
        health: { processed: 1, unknown: 0, pending: 0, samples: 0 },
        lane: { breaker: 'closed', closedBecause: null, limitHeadroom: 1 },
      })),
      ineligible: [],
      draw: () => random.unit(),
    });
    return [left[first ?? 0] ?? '', propensities[0] ?? 0];
  }
  const sum = left.reduce((total, provider) => total + (recording.weights.get(provider) ?? 0), 0);
  let aim = random.unit() * sum;
  for (const provider of left) {
    const weight = recording.weights.get(provider) ?? 0;
    if (aim < weight || provider === left.at(-1)) return [provider, weight / sum];
    aim -= weight;
  }
  return ['', 0];
}
