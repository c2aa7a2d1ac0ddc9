import { expect } from 'vitest';
import { runScript } from '../../cli/run-script.ts';
import { allAuthorizations, contradictions, unsettledOrWrong } from '../agreement.ts';
import type { CrashWorld } from './crash-world.ts';
import { type SeenInJournal, seenInJournal } from './seen-in-journal.ts';

/** Broken promises shown of each sort; one bug breaks many. */
const SHOWN = 10;

/** What one gateway's campaign came to, after it was judged. */
export interface Judged {
  readonly authorizations: number;
  readonly inLedger: number;
  readonly seen: SeenInJournal;
}

/**
 * Holds callers' answers, journal and providers' books against each other, ends the gateway in order, and looks through
 * its journal. To be called when the world has settled.
 */
export async function judge(world: CrashWorld): Promise<Judged> {
  const authorizations = await allAuthorizations(world.gateway);
  const ledger = await world.control.ledger();
  const told = new Set(world.callers.finals.map(({ ask }) => ask.reference));
  const known = new Set(authorizations.map(({ reference }) => reference));
  const wrong = {
    'told, and taken back or refused': world.callers.wrong,
    'of the process': world.wrong,
    'told, and not in the journal': [...told].filter((reference) => !known.has(reference)),
    'journal against ledger': contradictions(authorizations, ledger),
    'open or wrong in the end': unsettledOrWrong(authorizations, ledger),
  };
  for (const [sort, found] of Object.entries(wrong)) expect.soft(found.slice(0, SHOWN), sort).toEqual([]);
  const { code } = await world.gateway.stop();
  expect.soft(code, 'ends in order').toBe(0);
  const verified = await runScript('journal.ts', ['verify', world.gateway.folders.data]);
  expect
    .soft([verified.code, verified.stdout, verified.stderr], 'verified')
    .toEqual([0, expect.any(String), '']);
  return {
    authorizations: authorizations.length,
    inLedger: ledger.authorizations.length,
    seen: seenInJournal(world.gateway.folders.data),
  };
}
