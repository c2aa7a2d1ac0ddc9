import { LEARNER_DEFAULTS, RulesetReplay } from '../../src/core/replay/ruleset-replay.ts';
import { verdictOf } from '../../src/core/replay/verdict.ts';
import type { Replay, ReplayEnd } from '../../src/gateway/replays.ts';
import { routingFacts } from './routing-facts.ts';
import { sampleAttempt, sampleAuthorization, sampleCandidate } from './sample-authorization.ts';
import { SAMPLE_OUTCOMES } from './sample-outcomes.ts';
import { sampleAction, sampleContract, sampleRuleset } from './sample-ruleset.ts';
import { SeededRandom } from './seeded-random.ts';

const PROVIDERS = ['sandbox-a', 'sandbox-b'] as const;

/** A replay that came to something: half of the payments at either of two providers, replayed by one of them alone. */
export function sampleReplayEnd(to = 'sandbox-b', payments = 600): ReplayEnd {
  const random = new SeededRandom(7);
  const action = sampleAction({
    strategy: { kind: 'priority', order: [to] },
    fallback: false,
    attemptsMax: 1,
  });
  const contracts = [...PROVIDERS, 'newcomer'].map((id) => sampleContract(id));
  const ruleset = sampleRuleset(contracts, [{ name: 'all-to-one', matches: () => true, action }]);
  const replay = new RulesetReplay({ ruleset, random: () => random.unit(), learner: LEARNER_DEFAULTS });
  for (let number = 0; number < payments; number += 1) {
    const isSecond = random.chance(0.5);
    const outcome = SAMPLE_OUTCOMES[random.chance(isSecond ? 0.95 : 0.8) ? 'approved' : 'declinedSoft'];
    const base = sampleAuthorization([]);
    const attempt = {
      ...sampleAttempt(1, outcome),
      provider: PROVIDERS[isSecond ? 1 : 0] ?? '',
      propensity: 0.5,
    };
    const routing = { ...base.routing, candidates: PROVIDERS.map((provider) => sampleCandidate(provider)) };
    replay.add({ authorization: { ...base, routing, attempts: [attempt] }, facts: routingFacts() });
  }
  const result = replay.result();
  return { verdict: verdictOf(result), result };
}

/** A replay that runs; overridden where a test cares. */
export function sampleReplay(over: Partial<Replay> = {}): Replay {
  return {
    id: 'rpl_bcdfghjkmnpqrstvwxyzB',
    account: 'acme',
    state: 'running',
    version: null,
    range: { fromMs: 0, toMs: Date.UTC(2026, 10, 24) },
    seed: 1,
    createdAtMs: Date.UTC(2026, 10, 24, 9),
    endedAtMs: null,
    progress: 0.25,
    end: null,
    failure: null,
    ...over,
  };
}

/** Replayed once for all who ask. */
let ended: ReplayEnd | null = null;

/** The same, done. */
export function sampleDoneReplay(over: Partial<Replay> = {}): Replay {
  const endedAtMs = Date.UTC(2026, 10, 24, 9, 1);
  ended ??= sampleReplayEnd();
  return sampleReplay({ state: 'done', progress: 1, end: ended, endedAtMs, ...over });
}
