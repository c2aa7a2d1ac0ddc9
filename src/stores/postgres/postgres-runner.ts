import { JournalError } from '../../gateway/ports.ts';
import { type CommandRunner, commandFailed } from '../command-runner.ts';
import type { CommandArguments, CommandName, CommandReply } from '../journal-commands.ts';
import type { PostgresCommands } from './postgres-commands.ts';
import { messageOf } from './postgres-connection.ts';

/** Brings commands to Postgres. */
export class PostgresRunner implements CommandRunner {
  readonly #commands: PostgresCommands;
  readonly #end: () => Promise<void>;
  #closed: Promise<void> | null = null;

  /** @param end waits for what is under way, and closes the connections */
  constructor(commands: PostgresCommands, end: () => Promise<void>) {
    this.#commands = commands;
    this.#end = end;
  }

  async run<K extends CommandName>(name: K, args: CommandArguments<K>): Promise<CommandReply<K>> {
    if (this.#closed !== null) throw commandFailed(name, 'the journal is closed', { isUnsent: true });
    try {
      return await this.#commands[name](...args);
    } catch (cause) {
      const isUnsent = cause instanceof JournalError && cause.isUnsent;
      throw commandFailed(name, messageOf(cause), { cause, isUnsent });
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }
}
