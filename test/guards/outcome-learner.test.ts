import { describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../../src/core/attempt.ts';
import { OutcomeLearner } from '../../src/guards/outcome-learner.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { routingFacts } from '../support/routing-facts.ts';

const FACTS = routingFacts();
const approved: AttemptOutcome = { kind: 'approved', providerReference: 'r', networkTransaction: null };
const unknown: AttemptOutcome = { kind: 'unknown', code: 'timeout', providerReference: null };

const FIRST = { name: '', later: false };

describe('the learner', () => {
  it('learns approval from definite answers, health from technical ones, latency from answers', async () => {
    const clock = new FakeClock();
    const learner = new OutcomeLearner(clock);
    const observe = (outcome: AttemptOutcome, times: number) => {
      for (let time = 0; time < times; time += 1) {
        const resolvedLater = false;
        learner.observe({
          provider: 'a',
          facts: FACTS,
          attemptNumber: 1,
          outcome,
          durationMs: 200,
          resolvedLater,
        });
      }
    };
    expect(learner.approval('a', FACTS, FIRST)).toMatchObject({ mean: 0.85, level: 'prior' });
    expect(learner.latencyP99Ms('a')).toBe(null);
    observe(approved, 100);
    observe(unknown, 100);
    const estimate = learner.approval('a', FACTS, FIRST);
    expect(estimate.level).toBe('bin');
    expect(estimate.n).toBeLessThanOrEqual(100);
    expect(estimate.mean).toBeGreaterThan(0.9);
    expect(learner.health('a', FACTS).unknown).toBeGreaterThan(0.4);
    expect(learner.latencyP99Ms('a')).toBeGreaterThanOrEqual(200);
    await clock.advance(600_000);
    expect(learner.health('a', FACTS).unknown).toBeLessThan(0.05);
    expect(learner.approval('a', FACTS, FIRST)).toEqual(estimate);
  });

  it('takes a provider that never says yes or no for no better than one that does', () => {
    const learner = new OutcomeLearner(new FakeClock());
    const told = { facts: FACTS, attemptNumber: 1, durationMs: 200, resolvedLater: false };
    const pending: AttemptOutcome = { kind: 'pending', code: null, providerReference: 'r' };
    const stepUp: AttemptOutcome = { kind: 'authentication_required', code: '1A', providerReference: 'r' };
    for (let time = 0; time < 100; time += 1) {
      learner.observe({ ...told, provider: 'works on', outcome: pending });
      learner.observe({ ...told, provider: 'asks', outcome: stepUp });
    }
    const chance = (provider: string) =>
      learner.approval(provider, FACTS, FIRST).mean * learner.health(provider, FACTS).processed;
    expect(chance('works on')).toBeLessThan(0.1);
    expect(chance('asks')).toBeLessThan(0.3);
    // It answered: the time it needs is known, nothing failed definitely, and the yes that comes later teaches approval.
    expect(learner.latencyP99Ms('works on')).toBeGreaterThanOrEqual(200);
    const { processed, pending: working, unknown: lost } = learner.health('works on', FACTS);
    expect(processed + working).toBeCloseTo(1, 10);
    expect(lost).toBe(0);
    const settled = { ...told, provider: 'works on', outcome: approved, resolvedLater: true };
    for (let time = 0; time < 100; time += 1) learner.observe(settled);
    expect(learner.approval('works on', FACTS, FIRST).n).toBeGreaterThan(90);
    expect(learner.health('works on', FACTS)).toMatchObject({ processed, pending: working });
  });

  it('an outcome that was found out later teaches approval, and is no second sample of health', () => {
    const learner = new OutcomeLearner(new FakeClock());
    const told = { provider: 'a', facts: FACTS, attemptNumber: 1, durationMs: 200 };
    learner.observe({ ...told, outcome: unknown, resolvedLater: false });
    const health = learner.health('a', FACTS);
    learner.observe({ ...told, outcome: approved, resolvedLater: true });
    expect(learner.health('a', FACTS)).toEqual(health);
    expect(learner.approval('a', FACTS, FIRST).n).toBeGreaterThan(0);
  });
});
