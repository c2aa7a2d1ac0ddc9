import type { Journal } from '../../gateway/ports.ts';
import { type CommandRunner, commandFailed } from '../command-runner.ts';
import type { CommandName } from '../journal-commands.ts';
import { StoredJournal } from '../stored-journal.ts';
import { SqliteBatch } from './sqlite-batch.ts';
import { SqliteCommands } from './sqlite-commands.ts';
import { openDatabase } from './sqlite-database.ts';

/** Faults for tests: each may throw. */
export interface InProcessHooks {
  /** The command is executed, but not committed: throwing undoes it. */
  readonly beforeCommit?: (command: CommandName) => void;
  /** The command is committed: throwing loses the confirmation. */
  readonly afterCommit?: (command: CommandName) => void;
}

/**
 * The journal on the caller's own thread, each command in a transaction of its own: for simulations, property
 * tests and tools. It blocks on the disk, so that the gateway uses the journal of `worker-journal.ts`; the
 * SQL is the same.
 * @param path a file or `:memory:`
 * @throws JournalError when the database cannot be opened
 */
export function openInProcessJournal(path: string, hooks: InProcessHooks = {}): Journal {
  const database = openDatabase({ path });
  let current: CommandName = 'ping';
  const batches = new SqliteBatch(database, new SqliteCommands(database), () =>
    hooks.beforeCommit?.(current),
  );
  const runner: CommandRunner = {
    async run(name, args) {
      if (!database.isOpen) throw commandFailed(name, 'the journal is closed');
      current = name;
      const { values, failures } = batches.run([[name, args]]);
      const failure = failures?.[0] ?? null;
      if (failure !== null) throw commandFailed(name, failure);
      hooks.afterCommit?.(name);
      return values[0] as never;
    },
    async close() {
      if (database.isOpen) database.close();
    },
  };
  return new StoredJournal(runner);
}
