import type { Notice } from './ports.ts';

/** Notices remembered; beyond that the oldest are left to whoever comes first. */
const CAPACITY = 10_000;

/** Which notices this process has kept: it works them out at once, while others that share the journal leave them to it. */
export class KeptHere {
  readonly #keys = new Set<string>();

  add(provider: string, { eventId }: Pick<Notice, 'eventId'>): void {
    this.#keys.add(keyOf(provider, eventId));
    if (this.#keys.size <= CAPACITY) return;
    const [oldest] = this.#keys;
    if (oldest !== undefined) this.#keys.delete(oldest);
  }

  has(provider: string, { eventId }: Pick<Notice, 'eventId'>): boolean {
    return this.#keys.has(keyOf(provider, eventId));
  }

  delete(provider: string, { eventId }: Pick<Notice, 'eventId'>): void {
    this.#keys.delete(keyOf(provider, eventId));
  }
}

function keyOf(provider: string, eventId: string): string {
  return `${provider} ${eventId}`;
}
