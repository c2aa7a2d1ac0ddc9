import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, expect, test } from 'vitest';
import { openInProcessJournal } from '../../../src/stores/sqlite/in-process-journal.ts';
import { OUTCOMES, T0 } from '../../contracts/journal-fixtures.ts';
import { sampleDecision, sampleDecisionStep, sampleOffer } from '../../support/sample-decision.ts';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';

const MIGRATIONS = new URL('../../../src/stores/sqlite/migrations/', import.meta.url);
/** The last migration before decisions were in experiments. */
const LAST_BEFORE = '0007';

let folder: TemporaryFolder | null = null;
afterEach(() => folder?.remove());

/** A journal as the version before left it: a decision with an unknown outcome, and one that nobody has reported. */
function writtenBefore(): string {
  folder = temporaryFolder();
  const path = join(folder.path, 'journal.sqlite');
  const database = new DatabaseSync(path);
  database.exec('CREATE TABLE schema_migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT');
  const record = database.prepare('INSERT INTO schema_migrations (number, name) VALUES (?, ?)');
  for (const name of readdirSync(MIGRATIONS).sort()) {
    if (name.slice(0, 4) > LAST_BEFORE) continue;
    database.exec(readFileSync(new URL(name, MIGRATIONS), 'utf8'));
    record.run(Number(name.slice(0, 4)), name);
  }
  const { request, carriesCavv, brand, scaRegion, ruleset, rule, attemptsMax, threeDsReuse, traceId } =
    sampleDecision();
  const data = JSON.stringify({
    request,
    carriesCavv,
    brand,
    scaRegion,
    ruleset,
    rule,
    attemptsMax,
    threeDsReuse,
    traceId,
  });
  const insert = database.prepare(
    `INSERT INTO decisions (id, account, merchant, body_fingerprint, version, amount, currency, created_at_ms, expires_at_ms,
      data, answer_status, answer_body, awaits_report)
     VALUES (?, 'acme', 'acme-eu', 'f', ?, 4999, 'EUR', ${T0}, ${T0 + 8_000}, ?, 201, ?, ?)`,
  );
  const report = { outcome: 'unknown', code: 'timeout', networkCode: null, advice: null };
  const taken = JSON.stringify([{ ...report, answer: { next: 'wait', reason: 'unknown' } }]);
  for (const [id, reports, outcome] of [
    ['dec_silent', '[]', null],
    ['dec_unknown', taken, JSON.stringify(OUTCOMES.unknown)],
  ] as const) {
    const isReported = outcome !== null;
    insert.run(id, isReported ? 2 : 1, data, `{"id":"${id}"}`, isReported ? 0 : 1);
    database
      .prepare(
        `INSERT INTO decision_attempts (decision, number, provider, propensity, offered_at_ms, outcome_kind, outcome, reports)
         SELECT sequence, 1, 'sandbox-a', 1, ${T0}, ?, ?, ? FROM decisions WHERE id = ?`,
      )
      .run(isReported ? 'unknown' : null, outcome, reports, id);
  }
  database.close();
  return path;
}

test('decisions from before are found by their payment, read, reported, and in no experiment', async () => {
  const path = writtenBefore();
  const journal = openInProcessJournal(path);
  const payment = { account: 'acme', merchant: 'acme-eu', reference: 'order-7781', limit: 10 };
  const { data } = await journal.listDecisions(payment);
  expect(data.map(({ decision }) => decision.id)).toEqual(['dec_unknown', 'dec_silent']);
  const [unknown, silent] = data.map(({ decision }) => decision);
  if (unknown === undefined || silent === undefined) throw new Error('both are there');
  expect(unknown).toMatchObject({
    experiment: null,
    attempts: [
      {
        costBasisPoints: null,
        routing: null,
        reports: [{ outcome: 'unknown', atMs: null, latencyMs: null }],
      },
    ],
  });
  expect(await journal.advanceDecision(sampleDecisionStep(unknown, OUTCOMES.approved))).toEqual({
    kind: 'written',
  });
  const failedOver = sampleDecisionStep(silent, OUTCOMES.rejected, sampleOffer(2));
  expect(await journal.advanceDecision(failedOver)).toEqual({ kind: 'written' });
  expect(await journal.findDecision('dec_silent')).toEqual({ ...failedOver.after, version: 2 });
  expect(await journal.exposurePage('checkout', null, 10)).toEqual({ data: [], next: null });
  await journal.close();
  const database = new DatabaseSync(path);
  expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
  expect(database.prepare('PRAGMA foreign_key_check').all()).toEqual([]);
  database.close();
});
