import type { Journal } from '../../src/gateway/ports.ts';

/** What the calls that hang are done with once they are let go: `lands`, as what is under way at a database is; `lost`: never. */
export type Landing = 'lands' | 'lost';

/** A journal of which calls can be made to hang, as those to a database do that accepts and does not answer. */
export function hangingJournal(journal: Journal) {
  let names: ReadonlySet<string> = new Set();
  let waiting: ((landing: Landing) => void)[] = [];
  const hanging = new Proxy(journal, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]): Promise<unknown> => {
        if (names.has(String(property))) {
          const landing = await new Promise<Landing>((resolve) => waiting.push(resolve));
          if (landing === 'lost') return new Promise(() => {});
        }
        return value.apply(target, args);
      };
    },
  });
  return {
    hanging,
    /** From now on calls of these names hang. */
    hang(which: readonly string[]): void {
      names = new Set(which);
    },
    /** The journal answers again. @returns how many calls hung */
    letGo(landing: Landing = 'lands'): number {
      names = new Set();
      const gone = waiting;
      waiting = [];
      for (const go of gone) go(landing);
      return gone.length;
    },
  };
}
