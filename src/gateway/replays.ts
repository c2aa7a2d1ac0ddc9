import type { LearnerSettings, ReplayResult } from '../core/replay/ruleset-replay.ts';
import type { Verdict } from '../core/replay/verdict.ts';
import { inTime } from './journal-calls.ts';
import type { Clock, Journal, Randomness, RecordedRange } from './ports.ts';
import { JournalError } from './ports.ts';

/** Authorizations that are read at once: a few milliseconds of the journal's thread. */
const PAGE = 50;
/** A replay takes at most this share of the journal's time. */
const BUSY_SHARE = 0.2;
/** Longest pause between two pages, milliseconds: one that had to wait long has told nothing of its own length. */
const PAUSE_MAX_MS = 500;
/** Replays at the same time: each has a thread of its own, and payments need the others. */
const RUNNING_MAX = 2;
/** Replays that are kept; the oldest that has ended goes first. */
const KEPT_MAX = 50;
/** How long an ended replay can be read, milliseconds. */
const KEPT_MS = 3_600_000;
/** When it is worth to ask again while all places are taken. */
const RETRY_MS = 5_000;

/** Something wrong in the files of a ruleset, with its place. */
export interface RuleFinding {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  readonly what: string;
  readonly expected: string;
  readonly remedy: string;
}

/** What is to be replayed. */
export interface ReplayTask {
  /** Content of the ruleset by file name. */
  readonly files: Readonly<Record<string, string>>;
  /** What intervals are drawn with, 0 to 2^32 - 1. */
  readonly seed: number;
  readonly learner: LearnerSettings;
}

/** What a replay came to. */
export interface ReplayEnd {
  readonly verdict: Verdict;
  readonly result: ReplayResult;
}

/** A replay that computes elsewhere, such as in a thread of its own. */
export interface RunningReplay {
  /** Takes the next page of recorded authorizations. @throws ReplayFailed */
  add(text: string): Promise<void>;
  /** @throws ReplayFailed */
  end(): Promise<ReplayEnd>;
  /** Ends it, whatever it is at. */
  close(): void;
}

/** A replay that cannot go on, in words for whoever asked for it. */
export class ReplayFailed extends Error {
  override readonly name = 'ReplayFailed';
}

/** Where replays compute. */
export interface ReplayRunner {
  /** @throws ReplayFailed */
  begin(
    task: ReplayTask,
  ): Promise<
    | { readonly kind: 'begun'; readonly replay: RunningReplay }
    | { readonly kind: 'refused' | 'too_costly'; readonly findings: readonly RuleFinding[] }
  >;
}

/** A replay as it stands. */
export interface Replay {
  readonly id: string;
  readonly account: string;
  readonly state: 'running' | 'done' | 'failed';
  /** Number of the registered ruleset; null: files that were handed over. */
  readonly version: number | null;
  readonly range: RecordedRange;
  readonly seed: number;
  /** When it was asked for, wall clock. */
  readonly createdAtMs: number;
  readonly endedAtMs: number | null;
  /** Share of the journal that was looked at, 0 to 1. */
  readonly progress: number;
  /** Null until it is done. */
  readonly end: ReplayEnd | null;
  /** Why it failed; null when it did not. */
  readonly failure: string | null;
}

export interface ReplayCommand {
  readonly account: string;
  readonly rules:
    | { readonly kind: 'files'; readonly files: Readonly<Record<string, string>> }
    | { readonly kind: 'version'; readonly version: number };
  readonly range: RecordedRange;
  readonly seed: number;
  readonly learner: LearnerSettings;
  /** When it was asked for, wall clock: a range up to now ends there. */
  readonly askedAtMs: number;
  /** Monotonic clock until which the journal is waited for. */
  readonly untilMs: number;
}

export type ReplayStart =
  | { readonly kind: 'started'; readonly replay: Replay }
  /** `too_costly`: checking the rules was given up, since it took too much. */
  | { readonly kind: 'refused' | 'too_costly'; readonly findings: readonly RuleFinding[] }
  | { readonly kind: 'no_such_version' }
  | { readonly kind: 'busy'; readonly running: number; readonly retryAfterMs: number }
  | { readonly kind: 'stopping' };

export interface ReplaysDeps {
  readonly clock: Clock;
  readonly randomness: Pick<Randomness, 'id'>;
  readonly journal: Pick<Journal, 'recordedPage' | 'findRuleset'>;
  readonly runner: ReplayRunner;
  /** Told of every replay that began or ended; must not throw. */
  readonly onChanged: (replay: Replay) => void;
  /** Told of a bug that shows when nobody waits for it any more; must not throw. */
  readonly onLateFault: (error: unknown) => void;
}

interface Job {
  replay: Replay;
  readonly running: RunningReplay;
  readonly ended: Promise<void>;
}

/**
 * Replays of rules on recorded payments, beside the road. Nothing is sent and nothing is changed. The journal is read in
 * small pages between the commits of payments, with pauses, so that payments hardly wait; what is computed is computed
 * elsewhere. A replay that has ended is kept for a while, in this process alone.
 */
export class Replays {
  readonly #deps: ReplaysDeps;
  readonly #jobs = new Map<string, Job>();
  /** Replays whose rules are being checked. */
  #beginning = 0;
  #stopped = false;
  #wake: () => void = () => {};
  readonly #stopping: Promise<void>;

  constructor(deps: ReplaysDeps) {
    this.#deps = deps;
    this.#stopping = new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /**
   * Begins a replay, once its rules are found to be good.
   * @throws JournalError when registered rules cannot be read in time: then nothing was begun
   * @throws ReplayFailed
   */
  async start(command: ReplayCommand): Promise<ReplayStart> {
    if (this.#stopped) return { kind: 'stopping' };
    this.#forget();
    const running = this.#beginning + [...this.#jobs.values()].filter(isRunning).length;
    if (running >= RUNNING_MAX) return { kind: 'busy', running, retryAfterMs: RETRY_MS };
    this.#beginning += 1;
    try {
      return await this.#begin(command);
    } finally {
      this.#beginning -= 1;
    }
  }

  async #begin(command: ReplayCommand): Promise<ReplayStart> {
    const { account, rules, range, seed, learner, askedAtMs } = command;
    const { randomness, runner, onChanged } = this.#deps;
    const version = rules.kind === 'version' ? rules.version : null;
    const files = rules.kind === 'files' ? rules.files : await this.#registered(rules.version, command);
    if (files === undefined) return { kind: 'no_such_version' };
    const beginning = runner.begin({ files, seed, learner });
    const begun = await Promise.race([beginning, this.#stopping]);
    if (begun === undefined || this.#stopped) {
      void closeOnce(beginning);
      return { kind: 'stopping' };
    }
    if (begun.kind !== 'begun') return begun;
    const replay: Replay = {
      id: randomness.id('rpl'),
      account,
      state: 'running',
      version,
      range,
      seed,
      createdAtMs: askedAtMs,
      endedAtMs: null,
      progress: 0,
      end: null,
      failure: null,
    };
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const job: Job = { replay, running: begun.replay, ended };
    this.#jobs.set(replay.id, job);
    onChanged(replay);
    this.#run(job).then(resolve, resolve);
    return { kind: 'started', replay };
  }

  /** Content of the registered ruleset; left out when there is none. */
  async #registered(version: number, { untilMs }: ReplayCommand): Promise<ReplayTask['files'] | undefined> {
    const { journal, clock, onLateFault } = this.#deps;
    const waiting = { untilMs, clock, onLateFault };
    return (await inTime(() => journal.findRuleset(version), waiting))?.files;
  }

  /** The account's replay as it stands; null when there is none, or it was forgotten. */
  find(id: string, account: string): Replay | null {
    this.#forget();
    const replay = this.#jobs.get(id)?.replay;
    return replay?.account === account ? replay : null;
  }

  /** As {@link find}, once it has ended, or after a while. @param waitMs milliseconds at most */
  async settled(id: string, account: string, waitMs: number): Promise<Replay | null> {
    const ended = this.#jobs.get(id)?.ended;
    if (ended !== undefined) await this.#within(ended, waitMs);
    return this.find(id, account);
  }

  /** Ends all of them; nothing is begun any more. */
  stop(): void {
    this.#stopped = true;
    this.#wake();
    for (const { running } of this.#jobs.values()) running.close();
  }

  async #run(job: Job): Promise<void> {
    const { clock, journal, onChanged } = this.#deps;
    let ending: Pick<Replay, 'state' | 'end' | 'failure'>;
    try {
      let after: number | null = null;
      do {
        const askedMs = clock.monotonicMs();
        const page = await journal.recordedPage(job.replay.range, after, PAGE);
        const tookMs = clock.monotonicMs() - askedMs;
        await job.running.add(page.text);
        job.replay = { ...job.replay, progress: page.progress };
        after = page.next;
        if (after !== null) await this.#within(null, Math.min(PAUSE_MAX_MS, tookMs * (1 / BUSY_SHARE - 1)));
        if (this.#stopped) throw new ReplayFailed('the gateway is stopping: begin it again');
      } while (after !== null);
      ending = { state: 'done', end: await job.running.end(), failure: null };
    } catch (error) {
      ending = { state: 'failed', end: null, failure: this.#failureText(error) };
    }
    job.running.close();
    job.replay = { ...job.replay, ...ending, endedAtMs: clock.wallMs() };
    onChanged(job.replay);
  }

  #failureText(error: unknown): string {
    if (this.#stopped) return 'the gateway is stopping: begin it again';
    if (error instanceof JournalError) return 'the journal could not be read: begin it again';
    return error instanceof ReplayFailed ? error.message : `an unexpected fault: ${String(error)}`;
  }

  /** Waits for something, or for a time, or for the end of all. @param something null: for the time alone */
  async #within(something: Promise<void> | null, waitMs: number): Promise<void> {
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const cancel = this.#deps.clock.after(waitMs, resolve);
    await Promise.race([over, this.#stopping, ...(something === null ? [] : [something])]);
    cancel();
  }

  /** Those that ended long ago, and the oldest beyond what is kept. */
  #forget(): void {
    const oldestMs = this.#deps.clock.wallMs() - KEPT_MS;
    for (const [id, { replay }] of this.#jobs) {
      if (replay.endedAtMs === null) continue;
      if (replay.endedAtMs < oldestMs || this.#jobs.size >= KEPT_MAX) this.#jobs.delete(id);
    }
  }
}

function isRunning({ replay }: Job): boolean {
  return replay.state === 'running';
}

/** Of a replay that is not wanted any more: its rules may still be being checked. */
async function closeOnce(beginning: ReturnType<ReplayRunner['begin']>): Promise<void> {
  const begun = await beginning.catch(() => null);
  if (begun?.kind === 'begun') begun.replay.close();
}
