import type { CredentialSources } from '../config/credentials.ts';
import { PLACEHOLDER } from '../config/missing-credentials.ts';
import { type RulesetReading, validateRulesetFiles } from '../config/validate-ruleset-files.ts';
import type { Authorization } from '../core/authorization.ts';
import type { TableCardFacts } from '../core/cards/card-facts.ts';
import { type LearnerSettings, RulesetReplay } from '../core/replay/ruleset-replay.ts';
import { verdictOf } from '../core/replay/verdict.ts';
import type { Ruleset } from '../core/rules/ruleset.ts';
import type { ReplayEnd } from '../gateway/replays.ts';
import { routingFacts } from '../gateway/routing-facts.ts';
import { seededUnit } from './seeded-unit.ts';

/**
 * Checks the files of rules that are only replayed: nothing is sent by them, so that no secret is looked up, whatever they
 * refer to.
 * @param onFile told of each file whenever it is looked into
 */
export function readReplayedRules(
  files: Readonly<Record<string, string>>,
  onFile?: (name: string) => void,
): RulesetReading {
  const sources: CredentialSources = {
    environment: {},
    readFile: () => ({ kind: 'unreadable', code: 'ENOENT' }),
    placeholder: PLACEHOLDER,
  };
  return validateRulesetFiles(files, sources, onFile);
}

export interface ReplayRunSettings {
  readonly ruleset: Ruleset;
  readonly cards: TableCardFacts;
  /** What intervals are drawn with, 0 to 2^32 - 1: the same seed, the same figures. */
  readonly seed: number;
  readonly learner: LearnerSettings;
}

/** Recorded authorizations through other rules, one after the other in the order of time. */
export class ReplayRun {
  readonly #cards: TableCardFacts;
  readonly #replay: RulesetReplay;

  constructor({ ruleset, cards, seed, learner }: ReplayRunSettings) {
    this.#cards = cards;
    this.#replay = new RulesetReplay({ ruleset, random: seededUnit(seed), learner });
  }

  add(authorization: Authorization): void {
    const { request, createdAtMs } = authorization;
    const facts = routingFacts(request, this.#cards.factsOf(request.card), createdAtMs);
    this.#replay.add({ authorization, facts });
  }

  end(): ReplayEnd {
    const result = this.#replay.result();
    return { verdict: verdictOf(result), result };
  }
}
