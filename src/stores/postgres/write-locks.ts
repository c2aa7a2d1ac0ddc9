import { hash } from 'node:crypto';
import type { AdvanceDecisionCommand, OpenDecisionCommand } from '../decision-commands.ts';
import type { SqlValue } from '../sql-values.ts';
import type { AdvanceCommand, OpenCommand } from '../write-commands.ts';

/** The commands that go to the database in batches. */
export interface WriteCommands {
  readonly open: OpenCommand;
  readonly advance: AdvanceCommand;
  readonly openDecision: OpenDecisionCommand;
  readonly advanceDecision: AdvanceDecisionCommand;
}

export type WriteName = keyof WriteCommands;

/**
 * What a command must have for itself from before it looks until it is committed: whoever writes about the same waits.
 * As numbers of 64 bits, as Postgres takes them. Two things may share one: then one waits for the other without need.
 */
export const WRITE_LOCKS: { [K in WriteName]: (command: WriteCommands[K]) => readonly bigint[] } = {
  open: ({ claim, merchant, reference, scheme }) => [
    lockKey('claim', ...claim),
    lockKey('payment', merchant, reference),
    ...cardLock(scheme),
  ],
  advance: ({ id, claim, scheme, exclusive }) => [
    lockKey('authorization', id),
    ...(claim === null ? [] : [lockKey('claim', ...claim.scope)]),
    ...cardLock(scheme),
    ...(exclusive === null ? [] : [lockKey('reference', exclusive[0], exclusive[1])]),
  ],
  openDecision: ({ claim, scheme }) => [
    ...(claim === null ? [] : [lockKey('decision claim', ...claim)]),
    ...cardLock(scheme),
  ],
  advanceDecision: ({ id, scheme }) => [lockKey('decision', id), ...cardLock(scheme)],
};

/** Each once, in the order in which everybody takes them: then nobody waits in a circle. */
export function inLockOrder(locks: readonly bigint[]): readonly bigint[] {
  return [...new Set(locks)].sort((left, right) => (left < right ? -1 : left > right ? 1 : 0));
}

function cardLock(scheme: { readonly cardKey: string } | null): readonly bigint[] {
  return scheme === null ? [] : [lockKey('card', scheme.cardKey)];
}

function lockKey(...names: readonly SqlValue[]): bigint {
  return hash('sha256', JSON.stringify(names), 'buffer').readBigInt64BE();
}
