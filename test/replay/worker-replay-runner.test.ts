import { describe, expect, it } from 'vitest';
import { validateRulesetFiles } from '../../src/config/validate-ruleset-files.ts';
import { LEARNER_DEFAULTS } from '../../src/core/replay/ruleset-replay.ts';
import type { Clock } from '../../src/gateway/ports.ts';
import { ReplayFailed } from '../../src/gateway/replays.ts';
import { systemClock } from '../../src/guards/system-clock.ts';
import { WorkerReplayRunner } from '../../src/replay/worker-replay-runner.ts';
import { openInProcessJournal } from '../../src/stores/sqlite/in-process-journal.ts';
import { concluded, OUTCOMES } from '../contracts/journal-fixtures.ts';
import { priorityRules, providersYaml } from '../support/gateway-files.ts';

const FILES = {
  'providers.yaml': providersYaml([{ id: 'sandbox-a' }, { id: 'sandbox-b' }]),
  'rules.yaml': priorityRules(['sandbox-a'], { attempts_max: 1 }),
};
const TASK = { files: FILES, seed: 1, learner: LEARNER_DEFAULTS };
const ALL = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER };

describe('a replay in a thread of its own', () => {
  it('comes to what the journal’s payments say', async () => {
    const journal = openInProcessJournal(':memory:');
    for (let number = 0; number < 130; number += 1) {
      await concluded(journal, `auth_${number}`, number % 10 === 0 ? OUTCOMES.declined : OUTCOMES.approved);
    }
    const begun = await new WorkerReplayRunner([], systemClock).begin(TASK);
    if (begun.kind !== 'begun') throw new Error(JSON.stringify(begun));
    for (let after: number | null = null, isFirst = true; isFirst || after !== null; isFirst = false) {
      const page: Awaited<ReturnType<typeof journal.recordedPage>> = await journal.recordedPage(
        ALL,
        after,
        50,
      );
      await begun.replay.add(page.text);
      after = page.next;
    }
    const { result, verdict } = await begun.replay.end();
    await journal.close();
    begun.replay.close();
    expect(result.all.approval).toMatchObject({ payments: 130, recorded: 0.9 });
    expect(verdict.kind).toBe('no_difference');
    expect(result.rules.map(({ segment }) => segment)).toEqual(['in-order']);
  });

  it('refuses bad rules with all that is wrong, and looks up no secret that they refer to', async () => {
    const bad = { ...FILES, 'rules.yaml': priorityRules(['nobody', 'nobody-else']) };
    const refused = await new WorkerReplayRunner([], systemClock).begin({ ...TASK, files: bad });
    const expected = validateRulesetFiles(bad, {
      environment: {},
      readFile: () => ({ kind: 'unreadable', code: 'ENOENT' }),
    });
    expect(expected.kind).toBe('refused');
    expect(refused).toEqual({
      kind: 'refused',
      findings: expected.kind === 'refused' ? expected.errors : [],
    });
    const secret = FILES['providers.yaml'].replaceAll(
      '"adapter": "sandbox",',
      '"adapter": "stripe", "credentials": {"api_key": "file:/proc/self/environ", "webhook_secret": "env:PATH"},',
    );
    expect(secret).not.toBe(FILES['providers.yaml']);
    const begun = await new WorkerReplayRunner([], systemClock).begin({
      ...TASK,
      files: { ...FILES, 'providers.yaml': secret },
    });
    // What is refused here is not the secrets, which nobody has looked for.
    expect(JSON.stringify(begun)).not.toMatch(/environ|not set|not readable/);
    if (begun.kind === 'begun') begun.replay.close();
  });

  it('dies alone: of what it cannot read, and when it is ended', async () => {
    const runner = new WorkerReplayRunner([], systemClock);
    const begun = await runner.begin(TASK);
    if (begun.kind !== 'begun') throw new Error('good rules');
    await expect(begun.replay.add('no page')).rejects.toThrow(ReplayFailed);
    await expect(begun.replay.end()).rejects.toThrow(/its thread failed/);
    const other = await runner.begin(TASK);
    if (other.kind !== 'begun') throw new Error('good rules');
    const ending = other.replay.end();
    other.replay.close();
    await expect(ending).rejects.toThrow('it was ended');
    await expect(new WorkerReplayRunner(['/nowhere/bins.csv'], systemClock).begin(TASK)).rejects.toThrow(
      ReplayFailed,
    );
  });

  it('is given up when its rules take too long to check, and says at which file', async () => {
    const hasty: Clock = { ...systemClock, after: (_ms, action) => systemClock.after(1_000, action) };
    const files = { ...FILES, 'rules.yaml': `rules: [${'[],'.repeat(170_000)}]` };
    const given = await new WorkerReplayRunner([], hasty).begin({ ...TASK, files });
    expect(given).toMatchObject({
      kind: 'too_costly',
      findings: [{ file: 'rules.yaml', what: 'checking this file took more than 10 s, and was given up' }],
    });
  });

  it('takes as long as it takes once its rules are checked', async () => {
    const ends: (() => void)[] = [];
    let cancelled = 0;
    const clock: Clock = {
      ...systemClock,
      after(_ms, action) {
        ends.push(action);
        return () => {
          cancelled += 1;
        };
      },
    };
    const begun = await new WorkerReplayRunner([], clock).begin(TASK);
    if (begun.kind !== 'begun') throw new Error('good rules');
    expect([ends.length, cancelled]).toEqual([1, 1]);
    begun.replay.close();
  });
});
