import { statSync } from 'node:fs';
import { pause } from '../../support/eventually.ts';
import type { SeededRandom } from '../../support/seeded-random.ts';
import type { KillPlan, Kind, Moment, Point } from './moments.ts';

/** A request as the trap tells it apart. */
export interface Passing {
  readonly kind: Kind;
  /** What the journal knows it by: the reference of its payment. */
  readonly reference: string | null;
  /** Its attempt was begun by a process that was killed: somebody finds out, or does, what was left. */
  readonly isOld: boolean;
}

/** A kill that was made, and the request that set it off. */
export type Sprung = Moment & Pick<Passing, 'reference' | 'isOld'>;

/** The journal's file is watched at most that long for the change that a request makes. */
const WATCH_MS = 400;
/** The wanted moment is waited for that long, and any that is planned after it. */
const NARROW_MS = 500;
const TRAP_MS = 2_000;

/** Kills the gateway when the wanted kind of request passes the wanted point; everything else passes unharmed. */
export class Trap {
  readonly #kill: () => void;
  readonly #journalFile: () => string;
  readonly #random: SeededRandom;
  #wants: (point: Point, kind: Kind) => boolean = () => false;
  /** A moment has come, and its kill is on the way. */
  #isTaken = false;
  #done: (sprung: Sprung) => void = () => {};

  /** @param journalFile the file that every commit writes to; asked for when it is needed */
  constructor(kill: () => void, journalFile: () => string, random: SeededRandom) {
    this.#kill = kill;
    this.#journalFile = journalFile;
    this.#random = random;
  }

  /**
   * Waits for the wanted moment, and after a while for any that is still planned.
   * @returns what it killed at; null when nothing of that passed in time
   */
  async arm(wanted: Moment, plan: KillPlan): Promise<Sprung | null> {
    const sprung = new Promise<Sprung>((resolve) => {
      this.#done = resolve;
    });
    const isWanted = (point: Point, kind: Kind): boolean => point === wanted.point && kind === wanted.kind;
    this.#wants = isWanted;
    this.#isTaken = false;
    const early = await Promise.race([sprung, pause(NARROW_MS)]);
    if (early !== undefined) return early;
    if (!this.#isTaken) this.#wants = (point, kind) => plan.has(point, kind) || isWanted(point, kind);
    const late = await Promise.race([sprung, pause(TRAP_MS)]);
    this.#wants = () => false;
    return late ?? null;
  }

  /** Whether the next of this kind at this point is to be struck. */
  wants(point: Point, { kind }: Passing): boolean {
    return this.#wants(point, kind);
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
    if (!this.#wants(point, passing.kind)) return null;
    this.#wants = () => false;
    this.#isTaken = true;
    const done = this.#done;
    return () => {
      this.#kill();
      done({ point, ...passing });
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
