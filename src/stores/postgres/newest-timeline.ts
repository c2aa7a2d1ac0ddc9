/**
 * Which history a server writes on. A copy that is promoted begins a new one, with a higher number; a primary that was left
 * behind stays on its own.
 */
export interface Timeline {
  /** `system_identifier`: that of a server and of all its copies. */
  readonly system: string;
  readonly number: number;
}

/** The newest timeline that this process has met. An older one is not used any more: what was confirmed since is not there. */
export class NewestTimeline {
  /** Whether every host has been asked once. */
  areAllAsked = false;
  #newest: Timeline | null = null;

  meet(timeline: Timeline): void {
    if (!this.isPast(timeline)) this.#newest = timeline;
  }

  /** Whether another server was promoted since; those of different systems say nothing of each other. */
  isPast({ system, number }: Timeline): boolean {
    return this.#newest !== null && this.#newest.system === system && number < this.#newest.number;
  }
}
