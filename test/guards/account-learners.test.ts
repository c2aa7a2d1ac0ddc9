import { describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../../src/core/attempt.ts';
import { estimateOf } from '../../src/core/scoring/approval-model.ts';
import { blendApprovals } from '../../src/core/scoring/blend-approvals.ts';
import { AccountLearners } from '../../src/guards/account-learners.ts';
import { OutcomeLearner } from '../../src/guards/outcome-learner.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { routingFacts } from '../support/routing-facts.ts';
import { sampleDecline } from '../support/sample-outcomes.ts';

const FACTS = routingFacts();
const FIRST = { name: '', later: false };
const approved: AttemptOutcome = { kind: 'approved', providerReference: 'r', networkTransaction: null };
const declined: AttemptOutcome = { kind: 'declined', decline: sampleDecline(), providerReference: null };
const unknown: AttemptOutcome = { kind: 'unknown', code: 'timeout', providerReference: null };

function learners() {
  const clock = new FakeClock();
  const everybody = new OutcomeLearner(clock);
  const accounts = new AccountLearners(clock, everybody);
  const told = (provider: string, outcome: AttemptOutcome, resolvedLater = false) => ({
    provider,
    facts: FACTS,
    attemptNumber: 1,
    outcome,
    durationMs: 200,
    resolvedLater,
  });
  return {
    everybody,
    accounts,
    told,
    report(account: string, provider: string, outcome: AttemptOutcome, times: number) {
      for (let time = 0; time < times; time += 1) accounts.of(account).observe(told(provider, outcome));
    },
    call(provider: string, outcome: AttemptOutcome, times: number) {
      for (let time = 0; time < times; time += 1) everybody.observe(told(provider, outcome));
    },
    mean: (account: string, provider = 'a') => accounts.of(account).approval(provider, FACTS, FIRST).mean,
  };
}

describe('what accounts teach by their reports', () => {
  it('an account without reports sees exactly what everybody sees', () => {
    const { accounts, everybody, call } = learners();
    call('a', approved, 300);
    const seen = accounts.of('one');
    expect(seen.approval('a', FACTS, FIRST)).toEqual(everybody.approval('a', FACTS, FIRST));
    expect(seen.health('a', FACTS)).toEqual(everybody.health('a', FACTS));
    expect(seen.latencyP99Ms('a')).toBe(everybody.latencyP99Ms('a'));
  });

  it('an account that lies harms nobody but itself', () => {
    const { accounts, everybody, report, call, mean } = learners();
    call('a', approved, 300);
    call('b', declined, 300);
    const before = JSON.stringify([
      everybody.approval('a', FACTS, FIRST),
      accounts.of('two').approval('a', FACTS, FIRST),
      accounts.of('two').approval('b', FACTS, FIRST),
      accounts.of('two').health('a', FACTS),
    ]);
    report('one', 'a', declined, 5_000);
    report('one', 'a', unknown, 5_000);
    report('one', 'b', approved, 5_000);
    const after = JSON.stringify([
      everybody.approval('a', FACTS, FIRST),
      accounts.of('two').approval('a', FACTS, FIRST),
      accounts.of('two').approval('b', FACTS, FIRST),
      accounts.of('two').health('a', FACTS),
    ]);
    expect(after).toBe(before);
    expect(mean('one', 'a')).toBeLessThan(0.3);
    expect(mean('one', 'b')).toBeGreaterThan(0.8);
    expect(accounts.of('one').health('a', FACTS).processed).toBeLessThan(0.6);
  });

  it('the more an account reports, the more its own word counts', () => {
    const { report, call, mean } = learners();
    call('a', approved, 500);
    const means = [mean('one')];
    for (let round = 0; round < 6; round += 1) {
      report('one', 'a', declined, 50);
      means.push(mean('one'));
    }
    expect(means).toEqual([...means].sort((left, right) => right - left));
    expect(means[1]).toBeGreaterThan(0.6);
    expect(means.at(-1)).toBeLessThan(0.5);
  });

  it('a report that settles an unknown one teaches approval, and is no second sample of health', () => {
    const { accounts, told, mean } = learners();
    const seen = accounts.of('one');
    seen.observe(told('a', unknown));
    const health = seen.health('a', FACTS);
    const before = mean('one');
    seen.observe(told('a', approved, true));
    expect(seen.health('a', FACTS)).toEqual(health);
    expect(mean('one')).not.toBe(before);
  });

  it('knows how long answers take by its own reports', () => {
    const { accounts, report } = learners();
    report('one', 'a', approved, 100);
    expect(accounts.of('one').latencyP99Ms('a')).toBeGreaterThanOrEqual(200);
    expect(accounts.of('two').latencyP99Ms('a')).toBeNull();
  });
});

describe('blending', () => {
  const approval = (mean: number, deviation: number, level: 'prior' | 'bin' = 'bin', n = 1_000) => ({
    mean,
    deviation,
    level,
    n,
  });

  it('goes from what everybody knows to what the account knows, within bounds', () => {
    const everybody = approval(0.9, 0.01);
    const own = approval(0.5, 0.02, 'bin', 77);
    expect(blendApprovals(everybody, own, 0)).toBe(everybody);
    expect(blendApprovals(everybody, own, 200).mean).toBeCloseTo(0.7, 10);
    expect(blendApprovals(everybody, own, 1e9)).toMatchObject({ level: 'bin', n: 77 });
    expect(blendApprovals(everybody, own, 1e9).mean).toBeCloseTo(0.5, 5);
    for (const outcomes of [1, 10, 100, 1_000]) {
      const estimate = estimateOf(blendApprovals(approval(0.999, 0.3), approval(0.001, 0.3), outcomes));
      expect(estimate.low).toBeGreaterThanOrEqual(0);
      expect(estimate.high).toBeLessThanOrEqual(1);
    }
  });

  it('says where it is from: a prior is no knowledge', () => {
    const known = blendApprovals(approval(0.85, 0.05, 'prior', 0), approval(0.9, 0.05, 'bin', 3), 3);
    expect(known).toMatchObject({ level: 'bin', n: 3 });
  });
});
