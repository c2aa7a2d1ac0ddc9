import { describe, expect, it } from 'vitest';
import { doReadingTask, type ReadingLimits, type ReadingTask } from '../../src/config/reading-task.ts';
import { ReadingThread } from '../../src/config/reading-thread.ts';
import { systemClock } from '../../src/guards/system-clock.ts';
import { eventually } from '../support/eventually.ts';
import { HOSTILE_RULESETS } from './hostile-rulesets.ts';
import { shippedFiles } from './ruleset-files.ts';

const LIMITS: ReadingLimits = { timeMs: 60_000, memoryMb: 192, waitingMax: 2 };
const secrets = { environment: {}, paths: [], placeholder: 'not-there' };
const reading = (files: Readonly<Record<string, string>>) => ({ kind: 'read', files, secrets }) as const;
const GOOD = reading(shippedFiles());
/** Half a megabyte of brackets, each of which is a value: many seconds, and hundreds of megabytes. */
const HUGE = reading({ ...shippedFiles(), 'rules.yaml': `rules: [${'[],'.repeat(170_000)}]` });

/** Handles by which threads are told of: those that have ended have none. */
function ports(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'MessagePort').length;
}

async function nothingLeft(before: number): Promise<void> {
  await eventually('no thread is left', () => (ports() <= before ? true : null));
}

describe('a thread that reads rulesets', () => {
  it.each<[string, ReadingTask]>([
    ['the shipped files', GOOD],
    ['files that are missing', reading({})],
    ['nestings too deep for the stack', reading({ 'rules.yaml': '['.repeat(60_000) })],
    ...HOSTILE_RULESETS.map(({ name, files }): [string, ReadingTask] => [name, reading(files(100))]),
    [
      'two versions',
      { kind: 'compare', before: shippedFiles(), after: { ...shippedFiles(), 'rules.yaml': 'x' } },
    ],
  ])('comes to the same as where it is asked: %s', async (_name, task) => {
    const before = ports();
    const outcome = await new ReadingThread(LIMITS, systemClock).run(task);
    expect(outcome).toEqual({ kind: 'done', reply: structuredClone(doReadingTask(task)) });
    await nothingLeft(before);
  });

  it.each<[string, Partial<ReadingLimits>]>([
    ['time', { timeMs: 100 }],
    ['memory', { memoryMb: 64 }],
  ])('is ended when it needs more than its %s, and says at which file', async (limit, less) => {
    const before = ports();
    const outcome = await new ReadingThread({ ...LIMITS, ...less }, systemClock).run(HUGE);
    expect(outcome).toEqual({ kind: 'too_costly', limit, at: 'rules.yaml' });
    await nothingLeft(before);
  });

  it('does one after the other, lets some wait, and refuses more', async () => {
    const thread = new ReadingThread(LIMITS, systemClock);
    const outcomes = await Promise.all([1, 2, 3, 4, 5].map(() => thread.run(GOOD)));
    expect(outcomes.map(({ kind }) => kind)).toEqual(['done', 'done', 'done', 'busy', 'busy']);
    expect(outcomes[4]).toEqual({ kind: 'busy', waiting: 3 });
    expect((await thread.run(GOOD)).kind).toBe('done');
  });

  it('gives up what is under way and what waits once it is stopped', async () => {
    const before = ports();
    const thread = new ReadingThread(LIMITS, systemClock);
    const outcomes = [thread.run(HUGE), thread.run(GOOD)];
    await eventually('it has begun', () => (ports() > before ? true : null));
    thread.stop();
    outcomes.push(thread.run(GOOD));
    expect(await Promise.all(outcomes)).toEqual(Array.from({ length: 3 }, () => ({ kind: 'stopped' })));
    await nothingLeft(before);
  });

  it('says so when the thread dies of something else', async () => {
    const impossible = { kind: 'read', files: null, secrets } as unknown as ReadingTask;
    expect(await new ReadingThread(LIMITS, systemClock).run(impossible)).toMatchObject({
      kind: 'failed',
      reason: expect.stringMatching(/its thread failed: TypeError/),
    });
  });
});
