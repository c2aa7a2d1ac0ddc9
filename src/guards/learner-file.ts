import { open, readFile, rename } from 'node:fs/promises';
import type { Clock } from '../gateway/ports.ts';
import { encodeLearner, type Restorable, type Restored, restoreLearner } from './learner-state.ts';

export interface LearnerFileDeps {
  readonly path: string;
  readonly clock: Clock;
  readonly learner: Restorable;
  /** Told when the state cannot be written; payments go on. */
  readonly onFailed: (error: unknown) => void;
}

/**
 * Keeps what was learned about approval in a file, so that a restart does not begin at the prior. A copy is made at once
 * and written beside the road, into a new file that takes the old one's place when it is complete: a crash leaves the
 * one before. It holds no card data: cells are hashes.
 */
export class LearnerFile {
  readonly #deps: LearnerFileDeps;
  #cancel = () => {};
  #closed = false;
  #saving: Promise<void> = Promise.resolve();

  constructor(deps: LearnerFileDeps) {
    this.#deps = deps;
  }

  async restore(): Promise<Restored> {
    let bytes: Buffer;
    try {
      bytes = await readFile(this.#deps.path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { kind: 'nothing' };
      return { kind: 'refused', problem: String(error) };
    }
    return restoreLearner(bytes, this.#deps.learner, this.#deps.clock);
  }

  /** Saves again and again, until {@link close}. */
  keep(everyMs: number): void {
    this.#cancel = this.#deps.clock.after(everyMs, () => {
      void this.save().then(() => (this.#closed ? undefined : this.keep(everyMs)));
    });
  }

  /** Writes what is known now. Never rejects: what fails is told. One after the other. */
  save(): Promise<void> {
    this.#saving = this.#saving.then(() => this.#write()).catch(this.#deps.onFailed);
    return this.#saving;
  }

  /** Saves once more, and ends. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    await this.save();
  }

  async #write(): Promise<void> {
    const { learner, clock, path } = this.#deps;
    const bytes = await encodeLearner(learner, clock);
    const file = await open(`${path}.new`, 'w', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${path}.new`, path);
  }
}
