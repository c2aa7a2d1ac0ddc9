import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LiveArms } from '../../src/gateway/live-arms.ts';
import { type ArmState, type Journal, JournalError, type ProviderOverride } from '../../src/gateway/ports.ts';
import { SharedLook, type SharedLookDeps } from '../../src/gateway/shared-look.ts';
import { openInProcessJournal } from '../../src/stores/sqlite/in-process-journal.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { STOPPED_ARM, sampleOverride } from '../support/sample-changes.ts';
import { sampleArm, sampleExperiment } from '../support/sample-experiment.ts';

const OVERRIDE = sampleOverride('a');
const EXPERIMENT = sampleExperiment({ arms: [sampleArm('control'), sampleArm('treatment')] });

let journal: Journal;
let clock: FakeClock;
let looking: SharedLook[];

beforeEach(() => {
  journal = openInProcessJournal(':memory:');
  clock = new FakeClock();
  looking = [];
});

afterEach(async () => {
  for (const each of looking) await each.stop();
  await journal.close();
});

/** Another process on the same journal, and what it goes by. */
function otherProcess(over: Partial<SharedLookDeps> = {}) {
  const seen = { overrides: [] as (readonly ProviderOverride[])[], follows: 0 };
  const changed: ArmState[] = [];
  const alerts: string[] = [];
  const arms = new LiveArms();
  const look = new SharedLook({
    clock,
    journal,
    arms,
    observer: {
      journalTook: () => {},
      alert: ({ kind }) => alerts.push(kind),
      armChanged: (state) => changed.push(state),
    },
    setOverrides: (overrides) => seen.overrides.push(overrides),
    followRuleset: async () => {
      seen.follows += 1;
    },
    ...over,
  });
  looking.push(look);
  return { look, seen, changed, alerts, arms };
}

describe('what another process changes in the journal', () => {
  it('counts in this one within a second', async () => {
    const { look, seen, changed, arms } = otherProcess();
    look.begin();
    await clock.advance(1_000);
    expect([seen.overrides, seen.follows]).toEqual([[[]], 1]);
    await journal.saveOverride(OVERRIDE);
    await journal.saveArmState(STOPPED_ARM);
    await journal.saveBanditShares({
      experiment: EXPERIMENT.id,
      arms: `${EXPERIMENT.seed} control,treatment`,
      shares: [0.3, 0.7],
      atMs: 3_000,
    });
    expect(arms.isStopped('checkout', 'treatment')).toBe(false);
    await clock.advance(1_000);
    expect(seen.overrides).toEqual([[], [OVERRIDE]]);
    expect(seen.follows).toBe(2);
    expect(arms.isStopped('checkout', 'treatment')).toBe(true);
    expect(arms.shares(EXPERIMENT)).toEqual([0.3, 0.7]);
    expect(changed).toEqual([STOPPED_ARM]);
  });

  it('is told once, however often it is looked at', async () => {
    await journal.saveOverride(OVERRIDE);
    await journal.saveArmState(STOPPED_ARM);
    const { look, seen, changed } = otherProcess();
    look.begin();
    await clock.advance(5_000);
    expect(seen.follows).toBe(5);
    expect(changed.length).toBe(1);
    await journal.saveArmState({ ...STOPPED_ARM, state: 'running', createdAtMs: 4_000 });
    await clock.advance(1_000);
    expect(changed.map(({ state }) => state)).toEqual(['stopped', 'running']);
  });

  it('counts at once where somebody asks for a look', async () => {
    const { look, seen } = otherProcess();
    await journal.saveOverride(OVERRIDE);
    await look.look();
    expect(seen.overrides).toEqual([[OVERRIDE]]);
  });

  it('of calls while a look runs one more follows, which sees what was committed before them', async () => {
    const gates: (() => void)[] = [];
    const pass = () => gates.shift()?.();
    const { look, seen } = otherProcess({
      journal: {
        listOverrides: () =>
          new Promise<void>((resolve) => gates.push(resolve)).then(() => journal.listOverrides()),
        listArmStates: () => journal.listArmStates(),
        listBanditShares: () => journal.listBanditShares(),
      },
    });
    const first = look.look();
    await clock.advance(0);
    pass();
    await first;
    const second = look.look();
    await clock.advance(0);
    await journal.saveOverride(OVERRIDE);
    const others = [look.look(), look.look(), look.look()];
    pass();
    await second;
    await clock.advance(0);
    pass();
    await Promise.all(others);
    expect(gates).toEqual([]);
    expect([seen.overrides, seen.follows]).toEqual([[[], [OVERRIDE], [OVERRIDE]], 3]);
  });

  it('counts although a long ruleset is still being read, which is waited for only by whoever asked for it', async () => {
    let isRead = () => {};
    const { look, seen } = otherProcess({
      followRuleset: () =>
        new Promise<void>((resolve) => {
          seen.follows += 1;
          isRead = resolve;
        }),
    });
    look.begin();
    await clock.advance(1_000);
    await journal.saveOverride(OVERRIDE);
    await clock.advance(1_000);
    expect([seen.overrides, seen.follows]).toEqual([[[], [OVERRIDE]], 1]);
    let isOver = false;
    const asked = look.look().then(() => {
      isOver = true;
    });
    await clock.advance(500);
    expect([isOver, seen.follows]).toEqual([false, 1]);
    isRead();
    await clock.advance(0);
    expect(seen.follows).toBe(2);
    isRead();
    await asked;
  });
});

it('a journal that fails changes nothing, is told once a look, and is asked again', async () => {
  let isFailing = false;
  const asked = { overrides: 0, states: 0 };
  const { look, seen, alerts, arms } = otherProcess({
    journal: {
      async listOverrides() {
        asked.overrides += 1;
        if (isFailing) throw new JournalError('not reachable');
        return journal.listOverrides();
      },
      async listArmStates() {
        asked.states += 1;
        return journal.listArmStates();
      },
      listBanditShares: () => journal.listBanditShares(),
    },
  });
  await journal.saveOverride(OVERRIDE);
  await journal.saveArmState(STOPPED_ARM);
  look.begin();
  await clock.advance(1_000);
  isFailing = true;
  await clock.advance(3_000);
  expect(asked).toEqual({ overrides: 4, states: 1 });
  expect(alerts).toEqual(['journal_failed', 'journal_failed', 'journal_failed']);
  expect([seen.overrides, arms.isStopped('checkout', 'treatment')]).toEqual([[[OVERRIDE]], true]);
  isFailing = false;
  await journal.saveOverride({ ...OVERRIDE, mode: 'auto' });
  await clock.advance(1_000);
  expect(seen.overrides.at(-1)).toEqual([{ ...OVERRIDE, mode: 'auto' }]);
});

it('a bug is told and does not end the looking', async () => {
  const { look, alerts, seen } = otherProcess({
    followRuleset: () => {
      seen.follows += 1;
      throw new TypeError('a bug');
    },
  });
  look.begin();
  await clock.advance(2_000);
  expect([seen.follows, alerts]).toEqual([2, ['housekeeping_failed', 'housekeeping_failed']]);
});

it('nothing is looked at once it is stopped', async () => {
  const { look, seen } = otherProcess();
  look.begin();
  await clock.advance(1_000);
  await look.stop();
  await clock.advance(5_000);
  await look.look();
  expect([seen.follows, clock.pendingTimers]).toEqual([1, 0]);
});
