import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Clock } from '../gateway/ports.ts';

export interface FolderWatchOptions {
  readonly folder: string;
  readonly clock: Clock;
  /** Looks at the folder; must not reject. */
  readonly look: () => Promise<void>;
  /** Time between looks when nothing is notified, milliseconds. */
  readonly pollMs: number;
  /** Time from a notice to the look, milliseconds, so that several files count as one edit. */
  readonly debounceMs: number;
}

/** Has a folder looked at whenever something in it changes, and now and then without that. */
export class FolderWatch {
  readonly #options: FolderWatchOptions;
  #watcher: FSWatcher | null = null;
  /** Device and inode of the watched folder, to notice that another was put in its place. */
  #watched = '';
  #cancelPoll: () => void = () => {};
  #cancelDebounce: (() => void) | null = null;
  #closed = false;

  constructor(options: FolderWatchOptions) {
    this.#options = options;
  }

  /** Begins to watch. */
  async begin(): Promise<void> {
    await this.#watchFolder();
    this.#schedulePoll();
  }

  /** No look is begun after it. */
  close(): void {
    this.#closed = true;
    this.#cancelPoll();
    this.#cancelDebounce?.();
    this.#watcher?.close();
  }

  #notice(): void {
    if (this.#closed || this.#cancelDebounce !== null) return;
    this.#cancelDebounce = this.#options.clock.after(this.#options.debounceMs, () => {
      this.#cancelDebounce = null;
      void this.#options.look();
    });
  }

  #schedulePoll(): void {
    if (this.#closed) return;
    this.#cancelPoll = this.#options.clock.after(this.#options.pollMs, () => {
      void this.#poll();
    });
  }

  /** What no notice tells: lost notices, network file systems, a folder put in the place of this one. */
  async #poll(): Promise<void> {
    await this.#watchFolder();
    await this.#options.look();
    this.#schedulePoll();
  }

  async #watchFolder(): Promise<void> {
    let found = '';
    try {
      const { dev, ino } = await stat(this.#options.folder);
      found = `${dev}:${ino}`;
      if (this.#closed || (this.#watcher !== null && found === this.#watched)) return;
      this.#watcher?.close();
      this.#watcher = watch(this.#options.folder, { persistent: false }, () => this.#notice());
      this.#watcher.on('error', () => this.#unwatch());
      this.#watched = found;
    } catch {
      // Without notices the poll still looks, and the look says what is wrong with the folder.
      this.#unwatch();
    }
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = null;
  }
}
