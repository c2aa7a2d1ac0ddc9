import { statSync } from 'node:fs';
import type { SeededRandom } from '../../support/seeded-random.ts';
import type { Kind, Moment, Point } from './moments.ts';

/** A request as the trap tells it apart. */
export interface Passing {
  readonly kind: Kind;
  /** What the journal knows it by: the reference of its payment. */
  readonly reference: string | null;
}

/** A kill that was made, and the request that set it off. */
export interface Sprung extends Moment {
  readonly reference: string | null;
}

/** The journal's file is watched at most that long for the change that a request makes. */
const WATCH_MS = 400;

/** Kills the gateway when the wanted kind of request passes the wanted point; everything else passes unharmed. */
export class Trap {
  readonly #kill: () => void;
  readonly #journalFile: () => string;
  readonly #random: SeededRandom;
  #armed: (Moment & { skip: number; readonly done: (sprung: Sprung) => void }) | null = null;

  /** @param journalFile the file that every commit writes to */
  constructor(kill: () => void, journalFile: () => string, random: SeededRandom) {
    this.#kill = kill;
    this.#journalFile = journalFile;
    this.#random = random;
  }

  /** Resolves when it has killed; null when nothing fitting passed in time. */
  async arm(moment: Moment, withinMs: number): Promise<Sprung | null> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), withinMs);
    });
    const sprung = new Promise<Sprung>((done) => {
      this.#armed = { ...moment, skip: this.#random.integer(0, 2), done };
    });
    const how = await Promise.race([sprung, late]);
    clearTimeout(timer);
    this.#armed = null;
    return how;
  }

  /** Whether the next of this kind at this point is to be struck. */
  wants(point: Point, { kind }: Passing): boolean {
    return this.#armed?.point === point && this.#armed.kind === kind && this.#armed.skip === 0;
  }

  /** @returns true when it killed: whoever calls forwards nothing more */
  at(point: Point, passing: Passing): boolean {
    const spring = this.#take(point, passing);
    if (spring === null) return false;
    spring();
    return true;
  }

  /** The same at a random time from now on. */
  soonAfter(point: Point, passing: Passing, withinMs: number): void {
    const spring = this.#take(point, passing);
    if (spring === null) return;
    const delayMs = this.#random.integer(0, withinMs);
    if (delayMs === 0) setImmediate(spring);
    else setTimeout(spring, delayMs);
  }

  /** The same as soon as the journal's file changes. */
  onJournalWrite(point: Point, passing: Passing): void {
    if (!this.wants(point, passing)) return;
    const spring = this.#take(point, passing);
    if (spring !== null) void journalWrite(this.#journalFile(), WATCH_MS).then(spring);
  }

  #take(point: Point, passing: Passing): (() => void) | null {
    const armed = this.#armed;
    if (armed === null || armed.point !== point || armed.kind !== passing.kind) return null;
    if (armed.skip > 0) {
      armed.skip -= 1;
      return null;
    }
    this.#armed = null;
    return () => {
      this.#kill();
      armed.done({ point, kind: passing.kind, reference: passing.reference });
    };
  }
}

function stateOf(file: string): string {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? 'none' : `${stat.mtimeNs} ${stat.size}`;
}

/** Resolves as soon as the file has changed, or after this time. It is never opened: its locks are the gateway's. */
export async function journalWrite(file: string, withinMs: number): Promise<boolean> {
  const before = stateOf(file);
  const untilMs = performance.now() + withinMs;
  while (performance.now() < untilMs) {
    if (stateOf(file) !== before) return true;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return false;
}
