import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LEARNER_DEFAULTS } from '../../src/core/replay/ruleset-replay.ts';
import { type Journal, JournalError } from '../../src/gateway/ports.ts';
import {
  type Replay,
  type ReplayCommand,
  ReplayFailed,
  type ReplayRunner,
  Replays,
  type ReplayTask,
} from '../../src/gateway/replays.ts';
import { openInProcessJournal } from '../../src/stores/sqlite/in-process-journal.ts';
import { concluded } from '../contracts/journal-fixtures.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { hangingJournal } from '../support/hanging-journal.ts';
import { sampleReplayEnd } from '../support/sample-replay.ts';

const ALL = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER };
const FILES = { 'rules.yaml': 'rules: []' };

/** Replays over a journal of so many authorizations, each page of which takes 10 ms to read. */
class Desk {
  readonly clock = new FakeClock();
  readonly journal: Journal;
  rulesets: Pick<Journal, 'findRuleset'>;
  readonly tasks: ReplayTask[] = [];
  readonly changed: Replay[] = [];
  readonly pages: string[] = [];
  readonly lateFaults: unknown[] = [];
  closed = 0;
  reading: () => void = () => {
    void this.clock.advance(10);
  };
  adding: () => Promise<void> = async () => {};
  /** What a replay waits for before it has begun. */
  beginning: Promise<void> = Promise.resolve();
  readonly replays: Replays;
  #ids = 0;

  constructor(journal: Journal) {
    this.journal = journal;
    this.rulesets = journal;
    const runner: ReplayRunner = {
      begin: async (task) => {
        this.tasks.push(task);
        await this.beginning;
        if (Object.keys(task.files).length === 0) {
          const words = { what: 'missing', expected: 'a file', remedy: 'create it' };
          return { kind: 'refused', findings: [{ file: 'rules.yaml', line: 1, column: 1, ...words }] };
        }
        return {
          kind: 'begun',
          replay: {
            add: async (text) => {
              this.pages.push(text);
              await this.adding();
            },
            end: async () => sampleReplayEnd(),
            close: () => {
              this.closed += 1;
            },
          },
        };
      },
    };
    this.replays = new Replays({
      clock: this.clock,
      randomness: { id: (prefix) => `${prefix}_${++this.#ids}` },
      journal: {
        findRuleset: (version) => this.rulesets.findRuleset(version),
        recordedPage: (...page) => {
          this.reading();
          return journal.recordedPage(...page);
        },
      },
      runner,
      onChanged: (replay) => this.changed.push(replay),
      onLateFault: (error) => this.lateFaults.push(error),
    });
  }

  start(over: Partial<ReplayCommand> = {}) {
    return this.replays.start({
      account: 'acme',
      rules: { kind: 'files', files: FILES },
      range: ALL,
      seed: 1,
      learner: LEARNER_DEFAULTS,
      askedAtMs: this.clock.wallMs(),
      untilMs: this.clock.monotonicMs() + 5_000,
      ...over,
    });
  }

  async started(): Promise<Replay> {
    const result = await this.start();
    if (result.kind !== 'started') throw new Error(result.kind);
    return result.replay;
  }

  /** Lets what is under way go on to where it waits for the clock or for nothing more. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    await new Promise<void>((resolve) => setImmediate(resolve));
  }

  /** Fires timers until nothing is left to do. @returns milliseconds that passed */
  async run(): Promise<number> {
    const begunMs = this.clock.monotonicMs();
    await this.settle();
    while (this.clock.fireNext()) await this.settle();
    return this.clock.monotonicMs() - begunMs;
  }
}

describe('replays beside the road', () => {
  let desk: Desk;
  beforeEach(async () => {
    const journal = openInProcessJournal(':memory:');
    for (let number = 0; number < 120; number += 1) await concluded(journal, `auth_${number}`);
    desk = new Desk(journal);
  });
  afterEach(() => desk.journal.close());

  it('reads the journal in pages, and leaves it to payments for four times as long as it took', async () => {
    const { id } = await desk.started();
    const tookMs = await desk.run();
    // Two more pages of 10 ms, and a pause of 40 ms after each but the last.
    expect(desk.pages.map((text) => (JSON.parse(text) as unknown[]).length)).toEqual([50, 50, 20]);
    expect(tookMs).toBeCloseTo(100, 6);
    expect(desk.replays.find(id, 'acme')).toMatchObject({ state: 'done', progress: 1, failure: null });
    expect(desk.replays.find(id, 'acme')?.end?.result.all.approval.payments).toBe(600);
    expect(desk.replays.find(id, 'somebody')).toBeNull();
    expect(desk.changed.map(({ state }) => state)).toEqual(['running', 'done']);
    expect(desk.closed).toBe(1);
  });

  it('was made when it was asked for, however long its rules took to check', async () => {
    const askedAtMs = desk.clock.wallMs();
    await desk.clock.advance(700);
    const started = await desk.start({ askedAtMs, range: { fromMs: 0, toMs: askedAtMs } });
    expect(started).toMatchObject({ replay: { createdAtMs: askedAtMs, range: { toMs: askedAtMs } } });
  });

  it('shows how far it is', async () => {
    const { id } = await desk.started();
    await desk.settle();
    expect(desk.replays.find(id, 'acme')?.progress).toBeCloseTo(50 / 120, 9);
    const waiting = desk.replays.settled(id, 'acme', 15);
    await desk.clock.advance(15);
    expect(await waiting).toMatchObject({ state: 'running' });
    const ended = desk.replays.settled(id, 'acme', 10_000);
    await desk.run();
    expect(await ended).toMatchObject({ state: 'done' });
  });

  it('replays a registered ruleset by its version', async () => {
    const version = await desk.journal.registerRuleset('h1', FILES, 0);
    expect(await desk.start({ rules: { kind: 'version', version } })).toMatchObject({
      kind: 'started',
      replay: { version },
    });
    expect(desk.tasks).toEqual([{ files: FILES, seed: 1, learner: LEARNER_DEFAULTS }]);
    expect(await desk.start({ rules: { kind: 'version', version: version + 1 } })).toEqual({
      kind: 'no_such_version',
    });
    await desk.run();
  });

  it.each(['lands', 'lost'] as const)(
    'begins nothing of registered rules that cannot be read in time (%s), and keeps no place for it',
    async (landing) => {
      const version = await desk.journal.registerRuleset('h1', FILES, 0);
      const { hanging, hang, letGo } = hangingJournal(desk.journal);
      desk.rulesets = hanging;
      hang(['findRuleset']);
      const rules = { kind: 'version', version } as const;
      const starting = [1, 2].map(() => desk.start({ rules }).catch((error: unknown) => error));
      await desk.clock.advance(5_000);
      for (const each of await Promise.all(starting)) expect(each).toBeInstanceOf(JournalError);
      expect(letGo(landing)).toBe(2);
      await desk.settle();
      expect([desk.tasks, desk.changed]).toEqual([[], []]);
      expect((await desk.start({ rules })).kind).toBe('started');
      await desk.run();
    },
  );

  it('begins nothing that is refused, and no more than two at a time', async () => {
    expect(await desk.start({ rules: { kind: 'files', files: {} } })).toMatchObject({ kind: 'refused' });
    await desk.started();
    await desk.started();
    expect(await desk.start()).toEqual({ kind: 'busy', running: 2, retryAfterMs: 5000 });
    await desk.run();
    expect((await desk.start()).kind).toBe('started');
    await desk.run();
    // Also those that are only being checked count.
    const kinds = await Promise.all([desk.start(), desk.start(), desk.start()]);
    expect(kinds.map(({ kind }) => kind)).toEqual(['started', 'started', 'busy']);
    await desk.run();
  });

  it('keeps what came of it for an hour, and fifty at most', async () => {
    const { id } = await desk.started();
    await desk.run();
    await desk.clock.advance(3_600_000 - 1);
    expect(desk.replays.find(id, 'acme')).not.toBeNull();
    await desk.clock.advance(2);
    expect(desk.replays.find(id, 'acme')).toBeNull();
    const ids: string[] = [];
    for (let number = 0; number < 55; number += 1) {
      ids.push((await desk.started()).id);
      await desk.run();
    }
    expect(ids.filter((each) => desk.replays.find(each, 'acme') !== null).length).toBeLessThanOrEqual(50);
    expect(desk.replays.find(ids.at(-1) ?? '', 'acme')).not.toBeNull();
  });

  it('tells of a journal that fails and of a thread that dies, and makes room', async () => {
    desk.reading = () => {
      throw new JournalError('gone');
    };
    const first = await desk.started();
    await desk.run();
    expect(desk.replays.find(first.id, 'acme')).toMatchObject({
      state: 'failed',
      end: null,
      failure: 'the journal could not be read: begin it again',
    });
    desk.reading = () => {};
    desk.adding = async () => {
      throw new ReplayFailed('its thread ended');
    };
    const second = await desk.started();
    await desk.run();
    expect(desk.replays.find(second.id, 'acme')).toMatchObject({
      state: 'failed',
      failure: 'its thread ended',
    });
    expect(desk.closed).toBe(2);
    desk.adding = async () => {};
    expect((await desk.start()).kind).toBe('started');
    await desk.run();
  });

  it('ends at once when the process does, and begins nothing more', async () => {
    const { id } = await desk.started();
    await desk.settle();
    desk.replays.stop();
    await desk.settle();
    expect(desk.replays.find(id, 'acme')).toMatchObject({
      state: 'failed',
      failure: 'the gateway is stopping: begin it again',
    });
    expect(desk.closed).toBeGreaterThan(0);
    expect(desk.pages).toHaveLength(1);
    expect(await desk.start()).toEqual({ kind: 'stopping' });
    expect(desk.clock.pendingTimers).toBe(0);
  });

  it('is not waited for when its rules are still being checked at the end, and is ended once they are', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    desk.beginning = promise;
    const starting = desk.start();
    await desk.settle();
    desk.replays.stop();
    expect(await starting).toEqual({ kind: 'stopping' });
    expect(desk.closed).toBe(0);
    resolve();
    await desk.settle();
    expect(desk.closed).toBe(1);
  });
});
