import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LiveArms } from '../../src/gateway/live-arms.ts';
import { OverrideNews } from '../../src/gateway/override-news.ts';
import type { Journal, ProviderOverride } from '../../src/gateway/ports.ts';
import type { ReleaseResult } from '../../src/gateway/ruleset-release.ts';
import { SharedLook } from '../../src/gateway/shared-look.ts';
import type { SharedState } from '../../src/gateway/shared-state.ts';
import { Lanes } from '../../src/guards/lanes.ts';
import { hearChanges } from '../../src/start/follow-others.ts';
import { releaseReporter } from '../../src/start/make-app.ts';
import { takeOverride } from '../../src/start/overrides.ts';
import { announcingArms } from '../../src/start/tell-others.ts';
import { openInProcessJournal } from '../../src/stores/sqlite/in-process-journal.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { FakeClock, settled } from '../support/fake-clock.ts';
import { MemorySharedStore } from '../support/memory-shared-state.ts';
import { SILENT } from '../support/road-deps.ts';
import { STOPPED_ARM, sampleOverride } from '../support/sample-changes.ts';

/**
 * What one process changes is looked for by the others as soon as it tells them: here no time passes, so that a look that
 * comes by itself cannot stand in for one that was asked for.
 */

const OVERRIDE = sampleOverride('psp-a');
const ACTIVE: ReleaseResult = {
  kind: 'active',
  changed: true,
  active: {
    ...{ sequence: 2, version: 7, contentHash: 'of seven', atMs: 3_000, cause: 'activation', author: 'ops' },
    ...{ reason: 'ticket 1', untilMs: null, previous: 6, replaced: 6, leftByPersons: [] },
  },
};

let journal: Journal;
let clock: FakeClock;
let store: MemorySharedStore;

beforeEach(() => {
  journal = openInProcessJournal(':memory:');
  clock = new FakeClock();
  store = new MemorySharedStore(clock);
});
afterEach(() => journal.close());

const quietLog = () => createLog({ level: 'silent', clock, destination: { write: () => {} } });

/** Tells as much as there is to tell in no time. */
async function told(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await settled();
}

/** A process that follows, and counts what it looked at. */
async function otherProcess() {
  const seen = { looks: 0, overrides: [] as readonly ProviderOverride[] };
  const arms = new LiveArms();
  const look = new SharedLook({
    clock,
    journal,
    arms,
    observer: SILENT,
    setOverrides: (overrides) => {
      seen.overrides = overrides;
    },
    followRuleset: async () => {
      seen.looks += 1;
    },
  });
  look.begin();
  const end = hearChanges({ state: store.pod('other') }, look);
  // All was looked at once, for what was told before it listened.
  await told();
  seen.looks = 0;
  return { seen, arms, end };
}

const CHANGES = [
  {
    what: 'an override',
    change: (state: SharedState) =>
      takeOverride(OVERRIDE, {
        journal,
        lanes: new Lanes(new Map(), { clock, onTransition: () => {} }),
        overrideNews: new OverrideNews(),
        log: quietLog(),
        shared: { state },
      }),
  },
  {
    what: 'a ruleset that somebody activated',
    change: async (state: SharedState) => {
      const command = { version: 7, expectedActive: 6, author: 'ops', reason: 'ticket 1', untilMs: 5_000 };
      releaseReporter(quietLog(), state)({ command, result: ACTIVE, traceId: 'trace' });
    },
  },
  {
    what: 'an arm',
    change: async (state: SharedState) => {
      await journal.saveArmState(STOPPED_ARM);
      announcingArms(SILENT, state).armChanged(STOPPED_ARM);
    },
  },
];

describe('what one process changes', () => {
  it.each(CHANGES)('is looked for by the others in no time: $what', async ({ change }) => {
    const { seen, arms } = await otherProcess();
    await change(store.pod('own'));
    await told();
    expect(clock.monotonicMs()).toBe(0);
    expect(seen.looks).toBe(1);
    expect(seen.overrides).toEqual(await journal.listOverrides());
    expect(arms.isStopped('checkout', 'treatment')).toBe((await journal.listArmStates()).length > 0);
  });

  it.each(CHANGES)('is seen a second later where that is lost: $what', async ({ change }) => {
    const { seen } = await otherProcess();
    store.state = 'away';
    await change(store.pod('own'));
    await told();
    expect(seen.looks).toBe(0);
    await clock.advance(1_000);
    await told();
    expect(seen.looks).toBe(1);
    expect(seen.overrides).toEqual(await journal.listOverrides());
  });

  it('is not looked for by itself, nor by who has ended to listen', async () => {
    const { seen, end } = await otherProcess();
    const [{ change }] = CHANGES as [(typeof CHANGES)[number]];
    await change(store.pod('other'));
    await told();
    end();
    await change(store.pod('own'));
    await told();
    expect(seen.looks).toBe(0);
  });

  it('is not told where nothing came into force', async () => {
    const { seen } = await otherProcess();
    const command = { version: 7, expectedActive: 6, author: 'ops', reason: 'ticket 1', untilMs: 5_000 };
    const report = releaseReporter(quietLog(), store.pod('own'));
    for (const result of [
      { kind: 'other_active', active: 5 },
      { kind: 'refused', errors: [] },
    ] as const) {
      report({ command, result, traceId: 'trace' });
    }
    await told();
    expect(seen.looks).toBe(0);
  });
});
