import { JournalError } from '../gateway/ports.ts';
import type { CommandArguments, CommandName, CommandReply } from './journal-commands.ts';

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

/**
 * The error of a command that failed. The cause leads: whoever reads the line wants to know what is wrong with the database,
 * and only then which of many commands, perhaps one in the background, was the first to meet it.
 */
export function commandFailed(
  name: CommandName,
  cause: string,
  options?: ConstructorParameters<typeof JournalError>[1],
): JournalError {
  return new JournalError(`${cause} (met by ${name})`, options);
}
