import type { Journal } from '../../src/gateway/ports.ts';
import { never } from './faulty-journal.ts';

/** Around which of a process's journal calls it dies: `before` it took effect, or `after` it did. */
export interface CrashPoint {
  /** From 0, in the order of the calls. */
  readonly call: number;
  readonly when: 'before' | 'after';
}

/** The journal as one process sees it, which dies at a point and to which nothing comes back from then on. */
export class CrashJournal {
  /** Names of the calls that were begun, in order. */
  readonly calls: string[] = [];
  readonly journal: Journal;
  readonly #point: CrashPoint | null;
  #dead = false;

  /** @param point null: it lives on, and only its calls are listed */
  constructor(journal: Journal, point: CrashPoint | null) {
    this.#point = point;
    this.journal = new Proxy(journal, {
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== 'function') return value;
        return (...args: readonly unknown[]) => this.#call(String(property), () => value.apply(target, args));
      },
    });
  }

  get dead(): boolean {
    return this.#dead;
  }

  async #call(name: string, call: () => unknown): Promise<unknown> {
    if (this.#dead) return never();
    const dies = this.#point?.call === this.calls.length ? this.#point.when : null;
    this.calls.push(name);
    if (dies === 'before') {
      this.#dead = true;
      return never();
    }
    const result = await call();
    if (dies === 'after') this.#dead = true;
    return this.#dead ? never() : result;
  }
}
