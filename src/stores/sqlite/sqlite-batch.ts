import type { DatabaseSync } from 'node:sqlite';
import { type CommandName, READS_ONLY } from '../journal-commands.ts';
import { messageOf } from './database-files.ts';
import type { SqliteCommands } from './sqlite-commands.ts';

/** A command as it travels to the worker: plain values only. */
export type Command = readonly [name: CommandName, args: readonly unknown[]];

/** Replies in the order of the commands. */
export interface BatchReply {
  readonly values: readonly unknown[];
  /** Why a command failed, at its place; null when none did. */
  readonly failures: readonly (string | null)[] | null;
  /** Whether something was committed: one write to the disk. */
  readonly committed: boolean;
}

/** Runs batches of commands, each batch in one transaction with one commit. */
export class SqliteBatch {
  readonly #database: DatabaseSync;
  readonly #commands: SqliteCommands;
  readonly #beforeCommit: () => void;

  /** @param beforeCommit may throw, to make a commit fail in tests */
  constructor(database: DatabaseSync, commands: SqliteCommands, beforeCommit: () => void = () => {}) {
    this.#database = database;
    this.#commands = commands;
    this.#beforeCommit = beforeCommit;
  }

  /** Never throws: a failure is told in the reply, to those commands that it concerns. */
  run(batch: readonly Command[]): BatchReply {
    if (batch.every(isRead)) return this.#read(batch);
    const values: unknown[] = [];
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      for (const command of batch) values.push(this.#execute(command));
    } catch {
      // Some command failed half-way. Undo all, and find out which one, keeping the others.
      this.#rollBack();
      return this.#runGuarded(batch);
    }
    const failure = this.#commit();
    return failure === null ? { values, failures: null, committed: true } : this.#failWrites(batch, failure);
  }

  /** One transaction again, but each command in a savepoint of its own. */
  #runGuarded(batch: readonly Command[]): BatchReply {
    const values: unknown[] = [];
    const failures: (string | null)[] = [];
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      for (const command of batch) {
        this.#database.exec('SAVEPOINT command');
        try {
          values.push(this.#execute(command));
          failures.push(null);
        } catch (error) {
          values.push(null);
          failures.push(messageOf(error));
          // A full disk ends the whole transaction: then this throws, and nothing of the batch was written.
          this.#database.exec('ROLLBACK TO command');
        }
        this.#database.exec('RELEASE command');
      }
    } catch (error) {
      this.#rollBack();
      const first = failures.find((failure) => failure !== null);
      return this.#failWrites(batch, first ?? messageOf(error));
    }
    const failure = this.#commit();
    return failure === null ? { values, failures, committed: true } : this.#failWrites(batch, failure);
  }

  /** Nothing was committed. What only reads can still be answered, from what was committed before. */
  #failWrites(batch: readonly Command[], failure: string): BatchReply {
    const reads = batch.map((command) => (isRead(command) ? this.#read([command]) : null));
    return {
      values: reads.map((reply) => reply?.values[0] ?? null),
      failures: reads.map((reply) => (reply === null ? failure : (reply.failures?.[0] ?? null))),
      committed: false,
    };
  }

  /** Nobody else writes, so that reads need no transaction to agree with each other. */
  #read(batch: readonly Command[]): BatchReply {
    const failures: (string | null)[] = [];
    const values = batch.map((command) => {
      try {
        const value = this.#execute(command);
        failures.push(null);
        return value;
      } catch (error) {
        failures.push(messageOf(error));
        return null;
      }
    });
    return { values, failures, committed: false };
  }

  #execute([name, args]: Command): unknown {
    const execute = this.#commands[name] as (...args: readonly unknown[]) => unknown;
    return execute.apply(this.#commands, args as unknown[]);
  }

  #commit(): string | null {
    try {
      this.#beforeCommit();
      this.#database.exec('COMMIT');
      return null;
    } catch (error) {
      this.#rollBack();
      return messageOf(error);
    }
  }

  #rollBack(): void {
    if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
  }
}

function isRead([name]: Command): boolean {
  return READS_ONLY[name];
}
