import { describe, expect, it } from 'vitest';
import type { Authorization } from '../../src/core/authorization.ts';
import type { Experiment } from '../../src/core/experiments/experiment.ts';
import { ExperimentWatch } from '../../src/gateway/experiment-watch.ts';
import { LiveArms } from '../../src/gateway/live-arms.ts';
import type { ArmState } from '../../src/gateway/ports.ts';
import { openInProcessJournal } from '../../src/stores/sqlite/in-process-journal.ts';
import {
  OUTCOMES,
  opened,
  sampleConclusion,
  sampleFinding,
  sampleOpening,
  T0,
  written,
} from '../contracts/journal-fixtures.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { hangingJournal } from '../support/hanging-journal.ts';
import { roadDeps } from '../support/road-deps.ts';
import { sampleArm, sampleExperiment } from '../support/sample-experiment.ts';
import { sampleContract, sampleRuleset } from '../support/sample-ruleset.ts';
import { SeededRandom } from '../support/seeded-random.ts';

/** A person's command that is waited for as long as it takes. */
const WAITED_FOR = { untilMs: Number.POSITIVE_INFINITY };

/** A watch over an experiment in a journal of its own, and a way to let payments meet its arms. */
function watched(over: Partial<Experiment> = {}) {
  const clock = new FakeClock();
  const journal = openInProcessJournal(':memory:');
  const alerts: { readonly kind: string; readonly detail: string }[] = [];
  const changed: ArmState[] = [];
  const experiment = sampleExperiment(over);
  const ruleset = {
    ...sampleRuleset([sampleContract('a')]),
    experiments: { holdout: null, list: [experiment], notes: [] },
  };
  const deps = roadDeps({
    clock,
    journal,
    ruleset,
    random: new SeededRandom(1),
    provider: () => undefined,
    observer: {
      alert: ({ kind, detail }) => void alerts.push({ kind, detail }),
      armChanged: (state) => void changed.push(state),
    },
  });
  let payments = 0;
  /** So many payments of an arm, the first of them approved, the last of them pending, the others declined. */
  const pay = async (
    arm: string,
    count: number,
    approved: number,
    phase = '{"shares":{}}',
    pending = 0,
  ): Promise<readonly Authorization[]> => {
    const open: Authorization[] = [];
    for (let index = 0; index < count; index += 1) {
      payments += 1;
      const id = `auth_${String(payments).padStart(6, '0')}`;
      const opening = sampleOpening(id);
      const exposure = {
        experiment: 'checkout',
        arm,
        unit: id,
        phase,
        propensity: 0.5,
        redirectedFrom: null,
      };
      await journal.open({ ...opening, exposures: [exposure] });
      const isOpen = index >= count - pending;
      const outcome = isOpen ? OUTCOMES.pending : index < approved ? OUTCOMES.approved : OUTCOMES.declined;
      const after = await written(journal, sampleConclusion(opening.authorization, outcome));
      if (isOpen) open.push(after);
    }
    return open;
  };
  /** @param afterMs how much later; left out: when everything is mature */
  const look = async (afterMs: number = experiment.maturityMs) => {
    await clock.advance(afterMs);
    await new ExperimentWatch(deps).look();
  };
  const watch = new ExperimentWatch(deps);
  const read = async () => (await watch.results(experiment.id))?.report;
  return { clock, deps, journal, experiment, alerts, changed, pay, look, watch, read };
}

const PHASE = JSON.stringify({
  seed: 'checkout-1',
  unit: 'payment',
  coverage: 1,
  namespace: null,
  shares: { control: 0.5, treatment: 0.5 },
});
const GUARDED = { expectedSample: 500, guardrails: [{ metric: 'approval_rate', margin: 0.03 }] } as const;

/** The treatment's provider approves almost all that it answers, and leaves 40 % pending. */
const SLOW = {
  arms: [sampleArm('control', ['a']), sampleArm('treatment', ['c'])],
  expectedSample: 500,
  guardrails: [{ metric: 'approval_rate', margin: 0.03 }],
} as const;

it('of several processes that look, one stops an arm and tells it', async () => {
  const { clock, deps, journal, experiment, alerts, changed, pay } = watched(GUARDED);
  await pay('control', 300, 280, PHASE);
  await pay('treatment', 300, 120, PHASE);
  await clock.advance(experiment.maturityMs);
  const others = [new LiveArms(), new LiveArms()];
  for (const arms of [deps.arms, ...others]) await new ExperimentWatch({ ...deps, arms }).look();
  expect(alerts.map(({ kind }) => kind)).toEqual(['experiment_arm_stopped']);
  expect(changed).toHaveLength(1);
  expect(await journal.listArmStates()).toHaveLength(1);
  for (const arms of others) expect(arms.isStopped('checkout', 'treatment')).toBe(true);
});

describe('payments that stay pending in one arm', () => {
  it.each([60_000, 3_600_000])(
    'never make it better or safe, nor move a bandit, with a maturity of %d ms',
    async (maturityMs) => {
      const { deps, experiment, alerts, pay, look, read } = watched({ ...SLOW, maturityMs, mode: 'bandit' });
      await pay('control', 250, 225, PHASE);
      expect(await pay('treatment', 250, 149, PHASE, 100)).toHaveLength(100);
      let [looks, lastAgeMs] = [0, 0];
      for (const ageMs of [0, 59_999, 300_000, 3_599_999].filter((age) => age < maturityMs)) {
        await look(ageMs - lastAgeMs);
        lastAgeMs = ageMs;
        looks += 1;
        const young = await read();
        expect(young?.verdict).toBe(
          `Too few units to compare the arms. Still maturing: 500 payments (100 %), younger than ${maturityMs / 60_000} min and in no figure yet.`,
        );
        expect(young?.guardrails).toMatchObject([{ state: 'too_few' }]);
        expect(young?.comparisons).toEqual([]);
        expect([deps.arms.shares(experiment), alerts]).toEqual([null, []]);
      }
      expect(looks).toBe(maturityMs === 60_000 ? 2 : 4);
      await look(maturityMs + 15_000 - lastAgeMs);
      const mature = await read();
      expect(mature?.arms[1]).toMatchObject({ approvalRate: 149 / 250, unresolved: 100, maturing: 0 });
      expect(mature?.guardrails).toMatchObject([{ state: 'breached', ageMs: maturityMs }]);
      expect(mature?.verdict).toMatch(/^treatment is stopped: guardrail approval_rate/);
      expect(deps.arms.shares(experiment)?.[1]).toBeLessThan(0.1);
    },
    30_000,
  );

  it('count by what they were at that age: approved in time, and not later', async () => {
    const { journal, pay, look, read } = watched(SLOW);
    await pay('control', 110, 100, PHASE);
    const open = await pay('treatment', 110, 0, PHASE, 110);
    for (const [index, before] of open.entries()) {
      const atMs = T0 + (index < 100 ? 3_600_000 : 3_600_001);
      await written(journal, sampleFinding(before, 1, OUTCOMES.approved, { event: { atMs } }));
    }
    await look(3_700_000);
    const arms = (await read())?.arms.map(({ approved, unresolved }) => [approved, unresolved]);
    expect(arms).toEqual([
      [100, 0],
      [100, 10],
    ]);
  }, 30_000);

  it('do not hide a disaster among the others: it is stopped after five minutes, and said how', async () => {
    const { deps, alerts, pay, look, read } = watched(SLOW);
    await pay('control', 150, 140, PHASE);
    await pay('treatment', 150, 20, PHASE, 30);
    await look(299_999);
    expect(deps.arms.isStopped('checkout', 'treatment')).toBe(false);
    await look(1);
    expect(deps.arms.isStopped('checkout', 'treatment')).toBe(true);
    expect(alerts[0]?.detail).toMatch(
      /worse than control by more than 3 pp \(at least \d+\.?\d* pp, 5 min after each payment, whatever becomes of those still open\)$/,
    );
    const report = await read();
    expect(report?.guardrails).toMatchObject([{ state: 'breached', ageMs: 300_000 }]);
    expect(report?.comparisons).toEqual([]);
  }, 30_000);
});

describe('the watch over experiments', () => {
  it('stops an arm that is proven to be worse, durably, with an alert and a reason', async () => {
    const { deps, journal, alerts, changed, pay, look, watch } = watched(GUARDED);
    await pay('control', 200, 180, PHASE);
    await pay('treatment', 200, 90, PHASE);
    await look();
    expect(deps.arms.isStopped('checkout', 'treatment')).toBe(true);
    expect(await journal.listArmStates()).toMatchObject([
      { experiment: 'checkout', arm: 'treatment', state: 'stopped', author: 'guardrail' },
    ]);
    expect(changed).toHaveLength(1);
    expect(alerts).toEqual([
      {
        kind: 'experiment_arm_stopped',
        detail: expect.stringMatching(
          /^experiment checkout, arm treatment: guardrail approval_rate: worse than control by more than 3 pp \(at least \d+\.\d+ pp\)$/,
        ),
      },
    ]);
    expect((await watch.results('checkout'))?.report.verdict).toMatch(
      /^treatment is stopped: guardrail approval_rate/,
    );
    await look();
    expect(alerts).toHaveLength(1);
  }, 30_000);

  it('leaves an arm alone that is as good', async () => {
    const { deps, pay, look } = watched(GUARDED);
    await pay('control', 200, 180, PHASE);
    await pay('treatment', 200, 178, PHASE);
    await look();
    expect(deps.arms.isStopped('checkout', 'treatment')).toBe(false);
  }, 30_000);

  it('does not undo what a person has decided, and says so once', async () => {
    const { deps, alerts, pay, look, watch } = watched(GUARDED);
    await pay('control', 150, 150, PHASE);
    await pay('treatment', 150, 0, PHASE);
    await look();
    const command = {
      experiment: 'checkout',
      arm: 'treatment',
      reason: 'it was our own fault',
      author: 'acme',
      ...WAITED_FOR,
    };
    expect(await watch.setArm({ ...command, state: 'running' })).toMatchObject({ kind: 'set' });
    await watch.look();
    expect(deps.arms.isStopped('checkout', 'treatment')).toBe(false);
    expect(alerts.map(({ kind }) => kind)).toEqual([
      'experiment_arm_stopped',
      'experiment_guardrail_overruled',
    ]);
  }, 30_000);

  it('does not move a state that is said again, in the same words by the same person', async () => {
    const { clock, deps, watch } = watched();
    const command = {
      experiment: 'checkout',
      arm: 'treatment',
      reason: 'r',
      author: 'acme',
      ...WAITED_FOR,
    } as const;
    const stop = () => watch.setArm({ ...command, state: 'stopped' });
    const first = await stop();
    expect(first).toMatchObject({ kind: 'set', state: { state: 'stopped' } });
    clock.jumpWall(60_000);
    expect(await stop()).toEqual(first);
    const sinceOf = (result: Awaited<ReturnType<typeof stop>>) =>
      result.kind === 'set' ? result.state.createdAtMs : Number.NaN;
    // Other words are a new statement, and so is the other state and the first one after it.
    const reworded = await watch.setArm({ ...command, state: 'stopped', reason: 'another' });
    expect(sinceOf(reworded) - sinceOf(first)).toBe(60_000);
    expect(deps.arms.state('checkout', 'treatment')?.reason).toBe('another');
    clock.jumpWall(60_000);
    await watch.setArm({ ...command, state: 'running' });
    expect(sinceOf(await stop()) - sinceOf(first)).toBe(120_000);
  });

  it('that cannot be read in time are asked for anew', async () => {
    const { clock, deps, pay } = watched();
    await pay('control', 5, 5, PHASE);
    const { hanging, hang, letGo } = hangingJournal(deps.journal);
    const watch = new ExperimentWatch({ ...deps, journal: hanging });
    hang(['exposurePage']);
    const reading = watch.results('checkout').catch((error: unknown) => error);
    await clock.advance(5_000);
    expect(await reading).toMatchObject({ name: 'JournalError' });
    letGo('lost');
    expect((await watch.results('checkout'))?.report.arms.map(({ assigned }) => assigned)).toEqual([5, 0]);
  });

  const HANGS: readonly (readonly [names: readonly string[], isWritten: boolean])[] = [
    // Nothing is written that nobody waits for, and that the person may have decided otherwise since.
    [['listArmStates'], false],
    // What was under way is told like any other when it is written.
    [['saveArmState'], true],
  ];
  it.each(HANGS)(
    'whose journal hangs at %j past the time of its request: written and told afterwards, %s',
    async (names, isWritten) => {
      const { clock, deps, changed } = watched();
      const { hanging, hang, letGo } = hangingJournal(deps.journal);
      const watch = new ExperimentWatch({ ...deps, journal: hanging });
      const command = { experiment: 'checkout', arm: 'treatment', reason: 'r', author: 'acme' } as const;
      hang(names);
      const setting = watch
        .setArm({ ...command, state: 'stopped', untilMs: clock.monotonicMs() + 5_000 })
        .catch((error: unknown) => error);
      await clock.advance(0);
      await clock.advance(6_000);
      expect(letGo()).toBe(1);
      if (isWritten) expect(await setting).toMatchObject({ kind: 'set' });
      else expect(await setting).toMatchObject({ name: 'JournalError', isUnsent: true });
      expect(await deps.journal.listArmStates()).toHaveLength(isWritten ? 1 : 0);
      expect(changed).toHaveLength(isWritten ? 1 : 0);
      expect(deps.arms.isStopped('checkout', 'treatment')).toBe(isWritten);
    },
  );

  it('stops no baseline, and nothing that is not there', async () => {
    const { watch } = watched();
    const command = {
      experiment: 'checkout',
      state: 'stopped',
      reason: 'r',
      author: 'acme',
      ...WAITED_FOR,
    } as const;
    expect(await watch.setArm({ ...command, arm: 'control' })).toEqual({ kind: 'is_baseline' });
    expect(await watch.setArm({ ...command, arm: 'other' })).toEqual({ kind: 'not_found' });
    expect(await watch.results('other')).toBeNull();
  });

  it('knows of payments in an experiment, whatever the rules have', async () => {
    const { pay, watch } = watched();
    expect(await watch.isRecorded('checkout')).toBe(false);
    await pay('control', 1, 1, PHASE);
    expect(await watch.isRecorded('checkout')).toBe(true);
    expect(await watch.isRecorded('other')).toBe(false);
  });

  it('keeps a look at each planned one, and where much has come in', async () => {
    const { journal, pay, look } = watched({ expectedSample: 400, plannedLooks: 2 });
    await pay('control', 60, 50, PHASE);
    await pay('treatment', 60, 50, PHASE);
    await look();
    await look();
    await pay('control', 50, 45, PHASE);
    await pay('treatment', 50, 45, PHASE);
    await look();
    const looks = await journal.listExperimentLooks('checkout');
    expect(looks.map(({ planned }) => planned)).toEqual([null, 1]);
  }, 30_000);

  it('moves the shares of a bandit to the arm that is better, with a floor for the others', async () => {
    const { deps, experiment, pay, look } = watched({
      mode: 'bandit',
      arms: [sampleArm('control'), sampleArm('treatment')],
    });
    await pay('control', 110, 66, PHASE);
    await pay('treatment', 110, 105, PHASE);
    await look();
    const [control = 0, treatment = 0] = deps.arms.shares(experiment) ?? [];
    expect(control).toBeCloseTo(0.05, 2);
    expect(treatment).toBeCloseTo(0.95, 2);
  }, 30_000);

  it('reads more exposures than a page holds, and what is young is maturing', async () => {
    const { clock, journal, pay, read } = watched();
    await pay('control', 510, 500, PHASE);
    const opening = sampleOpening('auth_open');
    await journal.open({
      ...opening,
      exposures: [
        {
          experiment: 'checkout',
          arm: 'control',
          unit: 'open',
          phase: PHASE,
          propensity: 0.5,
          redirectedFrom: null,
        },
      ],
    });
    await opened(journal, 'auth_other');
    expect((await read())?.arms[0]).toMatchObject({ assigned: 511, maturing: 511, approved: 0 });
    await clock.advance(3_600_000);
    const after = (await read())?.arms[0];
    expect(after).toMatchObject({ assigned: 511, maturing: 0, approved: 500, unresolved: 1 });
    expect(after?.attemptsPerPayment).toBe(1);
  }, 30_000);

  it('forgets exposures with their authorizations', async () => {
    const { journal, pay, watch } = watched();
    await pay('control', 3, 0, PHASE);
    await opened(journal, 'auth_newest');
    expect(await journal.purge(Date.UTC(2100, 0), 10)).toBe(3);
    expect((await watch.results('checkout'))?.report.units).toBe(0);
  });
});
