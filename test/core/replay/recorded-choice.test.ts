import { describe, expect, it } from 'vitest';
import type { CandidateExplanation, RoutingDecision } from '../../../src/core/decision.ts';
import { RecordedFavourites, unsupportedChoices } from '../../../src/core/replay/recorded-choice.ts';
import { sampleAttempt, sampleAuthorization, sampleCandidate } from '../../support/sample-authorization.ts';

function authorization(
  strategy: RoutingDecision['strategy'],
  [provider, propensity]: readonly [string, number],
  candidates: readonly CandidateExplanation[],
) {
  const base = sampleAuthorization([]);
  const attempts = [{ ...sampleAttempt(1, null), provider, propensity }];
  return { ...base, attempts, routing: { ...base.routing, strategy, candidates } };
}

const scored = (provider: string, score: number) => sampleCandidate(provider, { score });

describe('what the record could have chosen', () => {
  const choices = new Map([
    ['a', 0.4],
    ['b', 0.3],
    ['c', 0.2],
    ['d', 0.1],
  ]);

  it('is nothing else where nothing was drawn', () => {
    const certain = authorization(
      'priority',
      ['a', 1],
      ['a', 'b', 'c', 'd'].map((id) => sampleCandidate(id)),
    );
    const [attempt] = certain.attempts;
    if (attempt === undefined) throw new Error('one attempt');
    const found = unsupportedChoices(certain, attempt, choices);
    expect([...found]).toEqual([...choices].slice(1));
  });

  it('is whoever could be drawn: known, eligible, and not passed over', () => {
    const candidates = [
      sampleCandidate('a'),
      sampleCandidate('b', { reason: 'cost_tolerance_exceeded' }),
      sampleCandidate('c', { eligible: false, reason: 'disabled' }),
    ];
    const drawn = authorization('score', ['a', 0.6], candidates);
    const [attempt] = drawn.attempts;
    if (attempt === undefined) throw new Error('one attempt');
    expect([...unsupportedChoices(drawn, attempt, choices).keys()]).toEqual(['c', 'd']);
    const closed = authorization('score', ['a', 0.6], [sampleCandidate('b', { reason: 'breaker_open' })]);
    expect([...unsupportedChoices(closed, attempt, choices).keys()]).toEqual(['b', 'c', 'd']);
  });
});

describe('whom the record was most likely to choose', () => {
  it('does not depend on what was drawn', () => {
    const candidates = [scored('a', 0.7), scored('b', 0.9), scored('c', 0.8)];
    const favourites = new RecordedFavourites();
    for (const drawn of [
      ['a', 0.2],
      ['b', 0.45],
      ['c', 0.35],
    ] as const) {
      expect(favourites.next(authorization('score', drawn, candidates))).toBe('b');
    }
    expect(favourites.next(authorization('priority', ['c', 1], candidates))).toBe('c');
    const closed = [scored('a', 0.7), sampleCandidate('b', { score: 0.9, reason: 'breaker_open' })];
    expect(favourites.next(authorization('score', ['a', 0.5], closed))).toBe('a');
    expect(favourites.next({ ...authorization('score', ['a', 1], []), attempts: [] })).toBeNull();
  });

  it('is of a split the one that was chosen most often before, by rule', () => {
    const candidates = ['a', 'b', 'c'].map((id) => sampleCandidate(id));
    const favourites = new RecordedFavourites();
    const next = (provider: string, propensity: number, rule = 'one') => {
      const made = authorization('split', [provider, propensity], candidates);
      return favourites.next({ ...made, routing: { ...made.routing, rule } });
    };
    expect(next('a', 0.4)).toBe('a');
    expect(next('b', 0.35)).toBe('a');
    expect(next('a', 0.4)).toBe('a');
    expect(next('c', 0.25)).toBe('a');
    expect(next('c', 0.25, 'other')).toBe('c');
    expect(next('b', 0.8, 'third')).toBe('b');
  });
});
