import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openReadOnly } from '../../../src/stores/sqlite/database-files.ts';
import { openInProcessJournal } from '../../../src/stores/sqlite/in-process-journal.ts';
import { SqliteView } from '../../../src/stores/sqlite/sqlite-view.ts';
import { verifyJournal } from '../../../src/stores/verify/verify-journal.ts';
import { OUTCOMES } from '../../contracts/journal-fixtures.ts';
import { sampleDecisionOpening, sampleDecisionStep, sampleOffer } from '../../support/sample-decision.ts';
import { tamperWith } from './sample-journal.ts';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';

let folder: TemporaryFolder;
let path: string;
beforeEach(async () => {
  folder = temporaryFolder();
  path = join(folder.path, 'journal.sqlite');
  const journal = openInProcessJournal(path);
  await journal.openDecision(sampleDecisionOpening({ id: 'dec_silent' }));
  await journal.openDecision(sampleDecisionOpening({ id: 'dec_stopped', attempts: [] }));
  const opening = sampleDecisionOpening();
  await journal.openDecision(opening);
  const step = sampleDecisionStep(opening.decision, OUTCOMES.rejected, sampleOffer(2));
  await journal.advanceDecision(step);
  await journal.advanceDecision(sampleDecisionStep({ ...step.after, version: 2 }, OUTCOMES.unknown));
  await journal.close();
});
afterEach(() => folder.remove());

async function found(): Promise<readonly string[]> {
  const { database, close } = openReadOnly(path);
  const findings: string[] = [];
  await verifyJournal(new SqliteView(database), ({ where, what }) => findings.push(`${where} ${what}`));
  close();
  return findings;
}

const ONE = "(SELECT sequence FROM decisions WHERE id = 'dec_one')";

describe('what `journal verify` says of decisions', () => {
  it('nothing, as the gateway leaves them', async () => {
    expect(await found()).toEqual([]);
  });

  it.each([
    ['data', "UPDATE decisions SET data = '{' WHERE id = 'dec_one'", 'dec_one cannot be read'],
    [
      'the answer',
      "UPDATE decisions SET answer_body = replace(answer_body, 'dec_one', 'dec_two')",
      'dec_one its answer is about another decision',
    ],
    [
      'its payment',
      "UPDATE decisions SET reference = 'order-1' WHERE id = 'dec_one'",
      'dec_one is found by the name of another payment',
    ],
    [
      'an attempt',
      `DELETE FROM decision_attempts WHERE decision = ${ONE} AND number = 1`,
      'dec_one its attempt 1 is missing',
    ],
    [
      'an outcome',
      `UPDATE decision_attempts SET outcome_kind = 'approved' WHERE decision = ${ONE} AND number = 1`,
      'dec_one the outcome of its attempt 1 is not the one told',
    ],
    [
      'an outcome and what it is',
      `UPDATE decision_attempts SET outcome_kind = 'approved', outcome = '{"kind":"approved"}' WHERE decision = ${ONE} AND number = 1`,
      'dec_one another attempt follows its attempt 1, which is not definitely negative',
    ],
    [
      'reports',
      `UPDATE decision_attempts SET reports = '[]' WHERE decision = ${ONE} AND number = 2`,
      'dec_one the outcome of its attempt 2 was never reported',
    ],
    [
      'reports that are none',
      `UPDATE decision_attempts SET reports = '{' WHERE decision = ${ONE} AND number = 2`,
      'dec_one its attempt 2 cannot be read',
    ],
    [
      'the version',
      "UPDATE decisions SET version = 7 WHERE id = 'dec_silent'",
      'dec_silent has version 7 after 0 reports',
    ],
    [
      'what is awaited',
      "UPDATE decisions SET awaits_report = 1 WHERE id = 'dec_stopped'",
      'dec_stopped does not say rightly whether a report is awaited',
    ],
    ['a trigger', 'DROP TABLE decision_attempts', 'table decision_attempts was removed'],
  ])('when somebody changed %s', async (_, sql, finding) => {
    tamperWith(path, sql);
    expect(await found()).toContain(finding);
  });
});
