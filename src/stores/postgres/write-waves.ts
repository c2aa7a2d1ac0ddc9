import { invariant } from '../../core/invariant.ts';
import type { WriteName } from './write-locks.ts';

/** A command of a batch. */
interface Lockable {
  readonly name: WriteName;
  /** JSON. */
  readonly text: string;
  /** What it must have for itself. */
  readonly locks: readonly bigint[];
}

/** Where a command stands: in which wave, and after how many of the same name there. */
export interface WavePlace {
  readonly wave: number;
  readonly name: WriteName;
  readonly index: number;
}

/**
 * Divides a batch into waves, as `journal_write_v2` takes them. Commands that share no lock are in one wave, and done
 * together, as if they came in two batches at once. One that shares a lock with one before it is in a later wave, and sees
 * what that one has written.
 * @returns `waves`: JSON; `places`: of each command, in the order of the batch
 */
export function inWaves(batch: readonly Lockable[]): {
  readonly waves: string;
  readonly places: readonly WavePlace[];
} {
  const waves: Map<WriteName, Members>[] = [];
  /** The first wave in which a lock is free. */
  const free = new Map<bigint, number>();
  const places = batch.map(({ name, text, locks }): WavePlace => {
    let wave = 0;
    for (const lock of locks) wave = Math.max(wave, free.get(lock) ?? 0);
    for (const lock of locks) free.set(lock, wave + 1);
    const named = waves[wave] ?? new Map<WriteName, Members>();
    waves[wave] = named;
    const members = named.get(name);
    if (members === undefined) {
      named.set(name, { count: 1, texts: text });
      return { wave, name, index: 0 };
    }
    // Put together by +, and not by join: a hundred kilobytes are not copied before they are sent.
    members.texts += `,${text}`;
    members.count += 1;
    return { wave, name, index: members.count - 1 };
  });
  let text = '';
  for (const wave of waves) text += `${text === '' ? '' : ','}${spelled(wave)}`;
  return { waves: `[${text}]`, places };
}

interface Members {
  count: number;
  /** JSON of each, with commas between. */
  texts: string;
}

function spelled(wave: ReadonlyMap<WriteName, Members>): string {
  let text = '';
  for (const [name, { texts }] of wave) text += `${text === '' ? '' : ','}"${name}":[${texts}]`;
  return `{${text}}`;
}

/**
 * @param replies of `journal_write_v2`: of each wave, of each name
 * @returns the reply to each command, in the order of the batch
 * @throws InvariantError when one has none
 */
export function repliesOf(places: readonly WavePlace[], replies: unknown): readonly unknown[] {
  invariant(Array.isArray(replies), 'a batch is answered wave by wave');
  return places.map(({ wave, name, index }) => {
    const named = (replies[wave] as { readonly [K in WriteName]?: readonly unknown[] | null } | undefined)?.[
      name
    ];
    const reply = named?.[index];
    invariant(reply !== undefined, 'each command has a reply');
    return reply;
  });
}
