import type { CommandArguments, CommandName, CommandReply } from './sqlite-batch.ts';

/** Brings commands to the database, in a worker or in process. */
export interface CommandRunner {
  /**
   * Resolves once the command is committed.
   * @throws JournalError when it was not, or when that is not known
   */
  run<K extends CommandName>(name: K, args: CommandArguments<K>): Promise<CommandReply<K>>;
  /** Finishes what was begun and closes the database. */
  close(): Promise<void>;
}
