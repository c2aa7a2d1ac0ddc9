import { describe, expect, it } from 'vitest';
import type { Experiment } from '../../src/core/experiments/experiment.ts';
import { ExperimentWatch } from '../../src/gateway/experiment-watch.ts';
import type { ArmState } from '../../src/gateway/ports.ts';
import { openInProcessJournal } from '../../src/stores/sqlite/in-process-journal.ts';
import { OUTCOMES, opened, sampleConclusion, sampleOpening, written } from '../contracts/journal-fixtures.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { roadDeps } from '../support/road-deps.ts';
import { sampleArm, sampleExperiment } from '../support/sample-experiment.ts';
import { sampleContract, sampleRuleset } from '../support/sample-ruleset.ts';
import { SeededRandom } from '../support/seeded-random.ts';

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
  const pay = async (arm: string, count: number, approved: number, phase = '{"shares":{}}') => {
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
      const outcome = index < approved ? OUTCOMES.approved : OUTCOMES.declined;
      await written(journal, sampleConclusion(opening.authorization, outcome));
    }
  };
  const look = async () => {
    await clock.advance(60_000);
    await new ExperimentWatch(deps).look();
  };
  return { deps, journal, experiment, alerts, changed, pay, look, watch: new ExperimentWatch(deps) };
}

const PHASE = JSON.stringify({
  seed: 'checkout-1',
  unit: 'payment',
  coverage: 1,
  namespace: null,
  shares: { control: 0.5, treatment: 0.5 },
});
const GUARDED = { expectedSample: 500, guardrails: [{ metric: 'approval_rate', margin: 0.03 }] } as const;

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
    };
    expect(await watch.setArm({ ...command, state: 'running' })).toMatchObject({ kind: 'set' });
    await watch.look();
    expect(deps.arms.isStopped('checkout', 'treatment')).toBe(false);
    expect(alerts.map(({ kind }) => kind)).toEqual([
      'experiment_arm_stopped',
      'experiment_guardrail_overruled',
    ]);
  }, 30_000);

  it('stops no baseline, and nothing that is not there', async () => {
    const { watch } = watched();
    const command = { experiment: 'checkout', state: 'stopped', reason: 'r', author: 'acme' } as const;
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

  it('reads more exposures than a page holds, and what is open is maturing', async () => {
    const { journal, pay, watch } = watched();
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
    const { report } = (await watch.results('checkout')) ?? {};
    expect(report?.arms[0]).toMatchObject({ assigned: 511, approved: 500, attemptsPerPayment: 1 });
  }, 30_000);

  it('forgets exposures with their authorizations', async () => {
    const { journal, pay, watch } = watched();
    await pay('control', 3, 0, PHASE);
    await opened(journal, 'auth_newest');
    expect(await journal.purge(Date.UTC(2100, 0), 10)).toBe(3);
    expect((await watch.results('checkout'))?.report.units).toBe(0);
  });
});
