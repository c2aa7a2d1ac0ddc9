import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AttemptOutcome, breakerSignal, isIssuerSide, learnerReward } from '../../src/core/attempt.ts';
import { Lanes } from '../../src/guards/lanes.ts';
import { readOutcomes, writeOutcomes } from '../../src/guards/observed-outcome.ts';
import { OutcomeLearner } from '../../src/guards/outcome-learner.ts';
import { ReportingAccounts } from '../../src/guards/reporting-accounts.ts';
import { SharedLearning } from '../../src/guards/shared-learning.ts';
import { SharedStatus } from '../../src/guards/shared-status.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemorySharedStore } from '../support/memory-shared-state.ts';
import { routingFacts } from '../support/routing-facts.ts';
import { SAMPLE_OUTCOMES } from '../support/sample-outcomes.ts';

const FIRST = { name: '', later: false };
const FACTS = routingFacts();

function learned(outcome: AttemptOutcome, over: object = {}) {
  return {
    provider: 'psp-a',
    facts: FACTS,
    attemptNumber: 1,
    outcome,
    durationMs: 120,
    resolvedLater: false,
    ...over,
  };
}

async function startPod(store: MemorySharedStore, clock: FakeClock, name: string) {
  const learner = new OutcomeLearner(clock);
  const lanes = new Lanes(new Map(), { clock, onTransition: () => {} });
  const seen = { dropped: 0, lag: -1 };
  const sharing = new SharedLearning({
    clock,
    state: store.pod(name),
    status: new SharedStatus(clock, { onFunction: () => {}, onChanged: () => {} }),
    learner,
    saved: learner,
    accounts: new ReportingAccounts(clock, lanes, learner),
    isProvider: (provider) => provider.startsWith('psp-'),
    observer: {
      lag: (ms) => {
        seen.lag = ms;
      },
      dropped: (outcomes) => {
        seen.dropped += outcomes;
      },
    },
  });
  const restored = await sharing.restore();
  sharing.begin();
  await clock.advance(0);
  const n = (provider = 'psp-a') => Math.round(learner.approval(provider, FACTS, FIRST).n * 100) / 100;
  return { learner, sharing, seen, restored, n, health: () => learner.health('psp-a', FACTS) };
}

function scene() {
  const clock = new FakeClock();
  return { clock, store: new MemorySharedStore(clock) };
}

const { approved } = SAMPLE_OUTCOMES;

describe('what an outcome teaches', () => {
  it.each(Object.entries(SAMPLE_OUTCOMES))('%s is read as it was written', (_name, outcome) => {
    const read = readOutcomes(
      writeOutcomes([{ account: 'acme', learned: learned(outcome, { scope: 'arm-b', attemptNumber: 2 }) }]),
    );
    const [one] = read ?? [];
    expect(one?.account).toBe('acme');
    expect(one?.learned).toMatchObject({
      provider: 'psp-a',
      attemptNumber: 2,
      scope: 'arm-b',
      durationMs: 120,
    });
    const { outcome: same } = one?.learned ?? { outcome: approved };
    expect([same.kind, learnerReward(same), breakerSignal(same), isIssuerSide(same)]).toEqual([
      outcome.kind,
      learnerReward(outcome),
      breakerSignal(outcome),
      isIssuerSide(outcome),
    ]);
  });

  it('holds no reference, amount or word of a provider', () => {
    const text = writeOutcomes(
      Object.values(SAMPLE_OUTCOMES).map((outcome) => ({ account: null, learned: learned(outcome) })),
    );
    expect(text).not.toContain('order-1');
    expect(text).not.toContain('p1"');
    expect(text).not.toContain('issuer_05');
  });

  it('is refused, and never throws, when it is of another form', () => {
    const good = writeOutcomes([{ account: null, learned: learned(approved) }]);
    expect(readOutcomes(good)).toHaveLength(1);
    for (const bad of [
      '',
      '{}',
      '[[]]',
      'null',
      good.replace('visa', 'vista'),
      good.replace('approved', 'aproved'),
    ]) {
      expect(readOutcomes(bad)).toBe(null);
    }
    const broken = fc
      .integer({ min: 0, max: good.length })
      .chain((at) =>
        fc.string({ maxLength: 6 }).map((text) => good.slice(0, at) + text + good.slice(at + 2)),
      );
    fc.assert(
      fc.property(fc.oneof(broken, fc.json()), (text) => {
        readOutcomes(text);
      }),
      { seed: 20_261_129, numRuns: 500 },
    );
  });
});

describe('learning over several processes', () => {
  it('comes to the others within a second, and to nobody twice', async () => {
    const { clock, store } = scene();
    const pods = [];
    for (const name of ['a', 'b', 'c']) pods.push(await startPod(store, clock, name));
    for (let index = 0; index < 450; index += 1) pods[index % 3]?.sharing.learner.observe(learned(approved));
    await clock.advance(1_000);
    const alone = new OutcomeLearner(clock);
    for (let index = 0; index < 450; index += 1) alone.observe(learned(approved));
    const expected = Math.round(alone.approval('psp-a', FACTS, FIRST).n * 100) / 100;
    expect(expected).toBeGreaterThan(400);
    expect(pods.map(({ n }) => n())).toEqual([expected, expected, expected]);
    await clock.advance(3_000);
    expect(pods.map(({ n }) => n())).toEqual([expected, expected, expected]);
    expect(pods.map(({ seen }) => seen)).toEqual(Array(3).fill({ dropped: 0, lag: 0 }));
    // Health and latency too.
    const healths = pods.map(({ health }) => Math.round(health().samples));
    expect(Math.min(...healths)).toBeGreaterThan(400);
  });

  it('takes what an account reported for the account only', async () => {
    const { clock, store } = scene();
    const [a, b] = [await startPod(store, clock, 'a'), await startPod(store, clock, 'b')];
    const { learner } = a.sharing.accounts.of('acme');
    for (let index = 0; index < 60; index += 1) learner.observe(learned(SAMPLE_OUTCOMES.declinedHard));
    await clock.advance(1_000);
    expect(b.n()).toBe(0);
    const seen = b.sharing.accounts.of('acme').learner.approval('psp-a', FACTS, FIRST);
    const others = b.sharing.accounts.of('other').learner.approval('psp-a', FACTS, FIRST);
    expect(seen.mean).toBeLessThan(others.mean - 0.1);
  });

  it('lets a process begin where the others are, without counting anything twice', async () => {
    const { clock, store } = scene();
    const [a, b] = [await startPod(store, clock, 'a'), await startPod(store, clock, 'b')];
    for (let index = 0; index < 100; index += 1) {
      (index % 2 === 0 ? a : b).sharing.learner.observe(learned(approved));
      await clock.advance(150);
    }
    // A copy was left after ten seconds; what came since is in the stream.
    const c = await startPod(store, clock, 'c');
    expect(c.restored).toMatchObject({ kind: 'restored', refused: 0 });
    await clock.advance(1_500);
    expect(a.n()).toBeGreaterThan(90);
    expect(b.n()).toBeCloseTo(a.n(), 1);
    expect(c.n()).toBeCloseTo(a.n(), 1);
  });

  it('loses nothing with the store: it stays, goes on, and what was observed meanwhile is handed on', async () => {
    const { clock, store } = scene();
    const [a, b] = [await startPod(store, clock, 'a'), await startPod(store, clock, 'b')];
    for (let index = 0; index < 50; index += 1) a.sharing.learner.observe(learned(approved));
    await clock.advance(1_000);
    const before = b.n();
    store.state = 'frozen';
    for (let index = 0; index < 50; index += 1) a.sharing.learner.observe(learned(approved));
    await clock.advance(5_000);
    expect(b.n()).toBe(before);
    store.clear();
    store.state = 'up';
    await clock.advance(1_000);
    expect(b.n()).toBeCloseTo(a.n(), 1);
    expect(b.n()).toBeGreaterThan(before + 40);
  });

  it('hands on only so much of what nobody could be told, and says what is lost', async () => {
    const { clock, store } = scene();
    const a = await startPod(store, clock, 'a');
    store.state = 'away';
    for (let index = 0; index < 12_000; index += 1) a.sharing.learner.observe(learned(approved));
    await clock.advance(1_000);
    expect(a.seen.dropped).toBe(2_000);
  });

  it('goes on when an outcome of another makes it throw', async () => {
    const { clock, store } = scene();
    const a = await startPod(store, clock, 'a');
    const other = store.pod('x');
    const outcomes = ['psp-b', 'psp-a'].map((provider) => ({
      account: null,
      learned: learned(approved, { provider }),
    }));
    const { observe } = a.learner;
    a.learner.observe = (one) => {
      if (one.provider === 'psp-b') throw new TypeError('a bug');
      observe.call(a.learner, one);
    };
    await other.appendOutcomes(1, writeOutcomes(outcomes));
    await clock.advance(1_000);
    expect([a.seen.dropped, a.n(), a.n('psp-b')]).toEqual([1, 1, 0]);
  });

  it('leaves out what another cannot have written, and providers that there are not', async () => {
    const { clock, store } = scene();
    const a = await startPod(store, clock, 'a');
    const other = store.pod('x');
    await other.appendOutcomes(1, '[["","psp-a"]]');
    await other.appendOutcomes(
      2,
      writeOutcomes([{ account: null, learned: learned(approved, { provider: 'gone' }) }]),
    );
    await other.appendOutcomes(3, writeOutcomes([{ account: null, learned: learned(approved) }]));
    // The same batch twice: its answer was lost, and it was sent again.
    await other.appendOutcomes(3, writeOutcomes([{ account: null, learned: learned(approved) }]));
    await clock.advance(1_000);
    expect(a.seen.dropped).toBe(1);
    expect(a.n()).toBe(1);
    expect(a.n('gone')).toBe(0);
  });
});
