import type { Journal } from '../../src/gateway/ports.ts';
import { JournalError } from '../../src/gateway/ports.ts';

/** What happens to one journal call. */
export type JournalFault = 'none' | 'before' | 'after';

const WRITES = ['open', 'advance', 'takeWork', 'postponeWork', 'holdWork', 'takeOverWork'] as const;
const READS = [
  'findClaim',
  'findAuthorization',
  'historyPage',
  'listLapsed',
  'listExpired',
  'listHeldWork',
  'isReferenceElsewhere',
] as const;

/**
 * A journal that fails on demand: `before` the write took effect, or `after` it did and the caller is not told.
 * `dead()` is asked before and after each call: the process that called has crashed, and nothing comes back to it.
 */
export function faultyJournal(
  journal: Journal,
  faultOf: (operation: string) => JournalFault,
  dead: () => boolean,
): Journal {
  const faulty: Record<string, unknown> = {};
  for (const name of [...WRITES, ...READS]) {
    faulty[name] = async (...args: unknown[]): Promise<unknown> => {
      if (dead()) return never();
      const fault = (WRITES as readonly string[]).includes(name) ? faultOf(name) : 'none';
      if (fault === 'before') throw new JournalError(`${name}: refused before it was written`);
      const call = journal[name].bind(journal) as (...args: unknown[]) => Promise<unknown>;
      const value = await call(...args);
      if (dead()) return never();
      if (fault === 'after') throw new JournalError(`${name}: written, but the confirmation was lost`);
      return value;
    };
  }
  return new Proxy(journal, {
    get: (target, property) => {
      const value: unknown = faulty[String(property)] ?? Reflect.get(target, property);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** A promise that a crashed process waits for. */
export function never<T>(): Promise<T> {
  return new Promise<T>(() => {});
}
