import { describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../../src/core/attempt.ts';
import type { LearnedOutcome, Observer } from '../../src/gateway/ports.ts';
import { ApprovalDropWatch } from '../../src/guards/approval-drop-watch.ts';
import { OutcomeLearner } from '../../src/guards/outcome-learner.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { routingFacts } from '../support/routing-facts.ts';
import { SAMPLE_OUTCOMES } from '../support/sample-outcomes.ts';
import { SeededRandom } from '../support/seeded-random.ts';

const SEED = Number(process.env['SEED'] ?? 20_261_129);
const APPROVED = SAMPLE_OUTCOMES.approved;
const DECLINED: AttemptOutcome = SAMPLE_OUTCOMES.declinedSoft;

function world() {
  const random = new SeededRandom(SEED);
  const moves: Parameters<Observer['approvalMoved']>[0][] = [];
  const alerts: string[] = [];
  const watch = new ApprovalDropWatch({
    approvalMoved: (event) => moves.push(event),
    alert: ({ kind, detail }) => alerts.push(`${kind}: ${detail}`),
  });
  const learner = new OutcomeLearner(new FakeClock());
  const watched = watch.learning(learner);
  const facts = { ...routingFacts(), cardIssuerRegion: 'eea' } as const;
  const observe = (provider: string, outcome: AttemptOutcome, more: Partial<LearnedOutcome> = {}) =>
    watched.observe({
      provider,
      facts,
      attemptNumber: 1,
      outcome,
      durationMs: 5,
      resolvedLater: false,
      ...more,
    });
  const feed = (rates: Readonly<Record<string, number>>, turns: number) => {
    for (let turn = 0; turn < turns; turn += 1) {
      for (const [provider, rate] of Object.entries(rates)) {
        observe(provider, random.unit() < rate ? APPROVED : DECLINED);
      }
    }
  };
  return { moves, alerts, observe, feed, learner, facts, watched };
}

describe(`ApprovalDropWatch (SEED=${SEED})`, () => {
  it("tells a provider's drop by gauge and alert, and when it is over", () => {
    const { moves, alerts, feed } = world();
    feed({ a: 0.85, b: 0.85 }, 6_000);
    expect(moves).toEqual([]);
    feed({ a: 0.65, b: 0.85 }, 3_000);
    const told = moves.at(-1);
    expect(told).toMatchObject({ provider: 'a', region: 'eea', blame: 'provider' });
    expect(told?.drop).toBeGreaterThan(0.1);
    expect(alerts.at(-1)).toMatch(
      /^approval_dropped: a approves \d+\.\d % of first attempts with cards of eea instead of 8\d\.\d %, since about \d+/,
    );
    feed({ a: 0.85, b: 0.85 }, 3_000);
    expect(moves.at(-1)).toEqual({ provider: 'a', region: 'eea', blame: 'provider', drop: 0 });
  });

  it('tells a fall at all providers once, as the issuers', () => {
    const { moves, alerts, feed } = world();
    feed({ a: 0.85, b: 0.9, c: 0.8 }, 8_000);
    feed({ a: 0.7, b: 0.75, c: 0.65 }, 5_000);
    expect(alerts.filter((text) => text.startsWith('issuers_approve_less'))).toHaveLength(1);
    expect(moves.filter(({ blame }) => blame === 'provider')).toEqual([]);
    const common = moves.filter(({ blame }) => blame === 'issuers');
    expect(common.map(({ provider }) => provider)).toEqual(['all']);
    feed({ a: 0.85, b: 0.9, c: 0.8 }, 5_000);
    expect(moves.at(-1)).toEqual({ provider: 'all', region: 'eea', blame: 'issuers', drop: 0 });
  });

  it('hears first attempts that ended yes or no, and nothing else', () => {
    const { moves, observe, feed, learner, facts } = world();
    feed({ a: 0.85, b: 0.85 }, 6_000);
    for (let count = 0; count < 5_000; count += 1) {
      observe('a', SAMPLE_OUTCOMES.issuerDown);
      observe('a', DECLINED, { attemptNumber: 2 });
      observe('a', DECLINED, { resolvedLater: true });
      observe('a', DECLINED, { facts: { ...facts, cardIssuerRegion: null } });
      observe('a', SAMPLE_OUTCOMES.unknown);
      observe('a', SAMPLE_OUTCOMES.rejectedTransient);
    }
    expect(moves).toEqual([]);
    // The learner was told all of it.
    expect(learner.health('a', facts).samples).toBeGreaterThan(0);
  });
});
