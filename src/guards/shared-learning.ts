import { z } from 'zod';
import { LeastRecentMap } from '../core/scoring/least-recent-map.ts';
import type { AccountScopes, Clock, Learner } from '../gateway/ports.ts';
import type { OutcomeBatch, SharedState } from '../gateway/shared-state.ts';
import { encodeLearner, type Restorable, type Restored, restoreLearner } from './learner-state.ts';
import { type ObservedOutcome, OUTCOMES_MAX, readOutcomes, writeOutcomes } from './observed-outcome.ts';
import type { SharedStatus } from './shared-status.ts';

const EVERY_MS = 250;
/** Batches that wait for the store at most; beyond, the oldest is dropped: the others do without. */
const WAITING_MAX = 50;
/** Batches that are sent, or read, in one turn. */
const BATCHES_AT_ONCE = 10;
/** Processes of which the last batch is known. */
const PODS_MAX = 500;
const SNAPSHOT_FIRST_MS = 10_000;
const SNAPSHOT_EVERY_MS = 60_000;
/** Before anything of the stream. */
const BEGINNING = '0-0';

const aboutSchema = z.strictObject({
  /** Up to where of the stream it is in the copy. */
  position: z.string().regex(/^\d{1,20}-\d{1,20}$/),
  pod: z.string(),
  /** The last batch of that process that is in it. */
  number: z.int().min(0),
});

export interface SharedLearningDeps {
  readonly clock: Clock;
  readonly state: SharedState;
  readonly status: SharedStatus;
  /** What is taught by everybody's outcomes. */
  readonly learner: Learner;
  /** Of what was learned, what a copy is made of and restored to. */
  readonly saved: Restorable;
  /** What accounts teach by theirs. */
  readonly accounts: AccountScopes;
  /** Whether outcomes of this provider are learned from: names bound what is remembered. */
  readonly isProvider: (provider: string) => boolean;
  readonly observer: {
    /** How far this process is behind the stream, milliseconds. */
    lag(ms: number): void;
    /** Outcomes that others will not hear of, or that of others cannot be read. */
    dropped(outcomes: number): void;
  };
}

/**
 * Lets every process learn from the outcomes of all, within a second: each hands on what it observed, and takes up what
 * others did, each outcome once. A process that begins takes up the copy that another left, and what came after it. What
 * is learned stays in the process, whatever becomes of the store.
 */
export class SharedLearning {
  /** For the road: learns, and hands on. */
  readonly learner: Learner;
  /** The same for accounts that report. */
  readonly accounts: AccountScopes;
  readonly #deps: SharedLearningDeps;
  #observed: ObservedOutcome[] = [];
  readonly #waiting: { readonly number: number; readonly text: string; readonly count: number }[] = [];
  #number = 0;
  /** The last batch of the stream that was taken up; null: not yet known where to begin. */
  #position: string | null = null;
  /** Number of the last batch taken up, by process: one that was sent twice is taken up once. */
  readonly #last = new LeastRecentMap<string, { number: number }>(PODS_MAX);
  #snapshotAtMs: number;
  #turn: Promise<void> = Promise.resolve();
  #cancel = () => {};
  #closed = false;

  constructor(deps: SharedLearningDeps) {
    this.#deps = deps;
    this.#snapshotAtMs = deps.clock.monotonicMs() + SNAPSHOT_FIRST_MS;
    const { learner, accounts } = deps;
    this.learner = this.#telling(learner, null);
    this.accounts = {
      of: (account) => {
        const scope = accounts.of(account);
        return { ...scope, learner: this.#telling(scope.learner, account) };
      },
    };
  }

  /**
   * Takes up what others have learned, before anything is learned here.
   * @returns `nothing` when there is no copy, or nobody answers
   */
  async restore(): Promise<Restored> {
    const { state, status, saved, clock } = this.#deps;
    try {
      const copy = await state.loadSnapshot();
      const about = aboutSchema.safeParse(copy === null ? null : parsedJson(copy.about));
      if (copy === null || !about.success) {
        this.#position = (await state.readOutcomes(null, 1)).end ?? BEGINNING;
        status.answered('learning');
        return { kind: 'nothing' };
      }
      const restored = restoreLearner(Buffer.from(copy.bytes), saved, clock);
      if (restored.kind === 'refused') this.#position = (await state.readOutcomes(null, 1)).end ?? BEGINNING;
      else {
        this.#position = about.data.position;
        this.#last.touch(about.data.pod, () => ({ number: about.data.number }));
      }
      status.answered('learning');
      return restored;
    } catch (error) {
      status.failed('learning', error);
      return { kind: 'nothing' };
    }
  }

  /** Hands on and takes up, again and again, until {@link close}. */
  begin(): void {
    this.#cancel = this.#deps.clock.after(EVERY_MS, () => {
      this.#turn = this.#exchange().then(() => {
        if (!this.#closed) this.begin();
      });
    });
  }

  /** Hands on what is left, once. Never rejects for want of an answer. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    await this.#turn;
    this.#cut();
    await this.#send().catch((error: unknown) => this.#deps.status.failed('learning', error));
  }

  #telling(learner: Learner, account: string | null): Learner {
    return {
      approval: (provider, facts, scope) => learner.approval(provider, facts, scope),
      health: (provider, facts) => learner.health(provider, facts),
      latencyP99Ms: (provider) => learner.latencyP99Ms(provider),
      observe: (learned) => {
        learner.observe(learned);
        this.#tell({ account, learned });
      },
    };
  }

  #tell(observed: ObservedOutcome): void {
    this.#observed.push(observed);
    if (this.#observed.length >= OUTCOMES_MAX) this.#cut();
  }

  /** Makes a batch of what was observed. */
  #cut(): void {
    if (this.#observed.length === 0) return;
    this.#number += 1;
    const { length } = this.#observed;
    this.#waiting.push({ number: this.#number, text: writeOutcomes(this.#observed), count: length });
    this.#observed = [];
    if (this.#waiting.length > WAITING_MAX) this.#deps.observer.dropped(this.#waiting.shift()?.count ?? 0);
  }

  async #exchange(): Promise<void> {
    this.#cut();
    try {
      await this.#send();
      await this.#read();
      await this.#leaveSnapshot();
      this.#deps.status.answered('learning');
    } catch (error) {
      this.#deps.status.failed('learning', error);
    }
  }

  async #send(): Promise<void> {
    for (let sent = 0; sent < BATCHES_AT_ONCE; sent += 1) {
      const batch = this.#waiting[0];
      if (batch === undefined) return;
      await this.#deps.state.appendOutcomes(batch.number, batch.text);
      // While it was sent, it may have been dropped.
      if (this.#waiting[0] === batch) this.#waiting.shift();
    }
  }

  async #read(): Promise<void> {
    const { state, observer } = this.#deps;
    const { batches, end } = await state.readOutcomes(this.#position, BATCHES_AT_ONCE);
    // The first answer at all; or another stream than before, of a server that lost some or all of it.
    if (this.#position === null || (end !== null && isBefore(end, this.#position))) {
      this.#position = end ?? BEGINNING;
    }
    for (const batch of batches) {
      this.#takeUp(batch);
      this.#position = batch.position;
      // Whoever waits gets its turn between.
      await new Promise<void>((resolve) => {
        this.#deps.clock.after(0, resolve);
      });
    }
    observer.lag(end === null ? 0 : Math.max(0, timeOf(end) - timeOf(this.#position)));
  }

  #takeUp(batch: OutcomeBatch): void {
    const { state, observer, learner, accounts, isProvider } = this.#deps;
    if (batch.pod === state.pod) return;
    const last = this.#last.touch(batch.pod, () => ({ number: 0 }));
    if (!(batch.number > last.number)) return;
    last.number = batch.number;
    const outcomes = readOutcomes(batch.outcomes);
    if (outcomes === null) {
      observer.dropped(1);
      return;
    }
    for (const { account, learned } of outcomes) {
      if (!isProvider(learned.provider)) continue;
      try {
        (account === null ? learner : accounts.of(account).learner).observe(learned);
      } catch {
        // Whatever another process wrote must not end this one, and then each that reads it.
        observer.dropped(1);
      }
    }
  }

  /** Leaves a copy for processes that begin, when it is this one's turn. */
  async #leaveSnapshot(): Promise<void> {
    const { clock, state, saved } = this.#deps;
    if (clock.monotonicMs() < this.#snapshotAtMs || this.#position === null) return;
    this.#snapshotAtMs = clock.monotonicMs() + SNAPSHOT_EVERY_MS;
    if (!(await state.takeSnapshotTurn(SNAPSHOT_EVERY_MS))) return;
    // What is in the copy is in the batches up to here, and in no later one.
    this.#cut();
    const about = { position: this.#position, pod: state.pod, number: this.#number };
    const bytes = await encodeLearner(saved, clock);
    await state.saveSnapshot({ about: JSON.stringify(about), bytes });
  }
}

/** Milliseconds in a position: those of the server's clock. */
function timeOf(position: string): number {
  return Number(position.split('-')[0]);
}

function isBefore(one: string, other: string): boolean {
  const difference = timeOf(one) - timeOf(other);
  return difference < 0 || (difference === 0 && Number(one.split('-')[1]) < Number(other.split('-')[1]));
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
