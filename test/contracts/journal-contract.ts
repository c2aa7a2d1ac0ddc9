import { afterEach, beforeEach, describe } from 'vitest';
import type { Journal } from '../../src/gateway/ports.ts';
import { advanceContract } from './journal-advance.ts';
import { ceilingContract } from './journal-ceilings.ts';
import { decisionContract } from './journal-decisions.ts';
import { deliveryContract } from './journal-deliveries.ts';
import { keepingContract } from './journal-keeping.ts';
import { openingContract } from './journal-opening.ts';
import { readingContract } from './journal-reading.ts';
import { rulesetContract } from './journal-rulesets.ts';
import { workContract } from './journal-work.ts';

/** A store that the contract runs on. Each call of `open` after a `close` sees what was written before. */
export interface JournalUnderTest {
  open(): Promise<Journal>;
  /** Frees what the store needed. */
  dispose(): Promise<void>;
}

/** What every journal must do, whatever it is built on. */
export function journalContract(name: string, makeStore: () => Promise<JournalUnderTest>): void {
  describe(`journal: ${name}`, () => {
    let store: JournalUnderTest;
    let journal: Journal;
    beforeEach(async () => {
      store = await makeStore();
      journal = await store.open();
    });
    afterEach(async () => {
      await journal.close();
      await store.dispose();
    });
    const get = (): Journal => journal;
    openingContract(get);
    advanceContract(get);
    ceilingContract(get);
    workContract(get);
    keepingContract(get);
    deliveryContract(get);
    decisionContract(get);
    const reopen = async () => {
      await journal.close();
      journal = await store.open();
      return journal;
    };
    rulesetContract(get, reopen);
    readingContract(get, reopen);
  });
}
