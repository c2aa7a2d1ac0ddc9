import { readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { AttemptOutcome } from '../../../src/core/attempt.ts';
import { ROUTING, T0 } from '../../contracts/journal-fixtures.ts';
import { sampleRequest } from '../../support/sample-request.ts';

/** An authorization as the first version of the journal left it. */
export interface FirstAuthorization {
  readonly id: string;
  readonly status: string;
  readonly open: boolean;
  /** Null: in flight. */
  readonly outcomes: readonly (AttemptOutcome | null)[];
  readonly negative: readonly boolean[];
  readonly authorizedAmount?: number;
  readonly answer?: string;
}

const MIGRATION = new URL('../../../src/stores/sqlite/migrations/0001-journal.sql', import.meta.url);
/** When the leases of its attempts end. */
export const FIRST_LEASE_END = T0 + 30_000;

/** Makes a database as the first version wrote it: its schema, and rows with what it kept of them. */
export function writeFirstDatabase(path: string, authorizations: readonly FirstAuthorization[]): void {
  const database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = WAL');
  database.exec('CREATE TABLE schema_migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT');
  database.exec(readFileSync(MIGRATION, 'utf8'));
  database.exec("INSERT INTO schema_migrations (number, name) VALUES (1, '0001-journal.sql')");
  for (const authorization of authorizations) writeFirst(database, authorization);
  database.close();
}

function writeFirst(database: DatabaseSync, authorization: FirstAuthorization): void {
  const { id, status, open, outcomes, negative, answer } = authorization;
  const request = sampleRequest({ reference: `order-${id}` });
  const holds = ['pending', 'approved', 'reversing', 'partially_approved'].includes(status) ? 1 : 0;
  const unsettled = status === 'pending' || status === 'reversing' ? 1 : 0;
  const version = outcomes.length + (open ? 0 : 1);
  const { lastInsertRowid: sequence } = database
    .prepare(
      `INSERT INTO authorizations (id, account, merchant, reference, status, holds_payment, unsettled, version, open, live,
        amount, currency, authorized_amount, provider, provider_reference, trace_id, created_at_ms)
       VALUES (?, 'acme', 'acme-eu', ?, ?, ?, ?, ?, ?, 0, 4999, 'EUR', ?, ?, ?, 't', ?)`,
    )
    .run(
      id,
      request.reference,
      status,
      holds,
      unsettled,
      version,
      open ? 1 : 0,
      authorization.authorizedAmount ?? 0,
      open ? null : `psp-${outcomes.length}`,
      open ? null : 'psp_a',
      T0,
    );
  database
    .prepare("INSERT INTO claims VALUES ('acme', 'acme-eu', 'authorize', ?, ?, ?)")
    .run(`key-${id}`, sequence, 'cd'.repeat(32));
  for (const [index, outcome] of outcomes.entries()) {
    database
      .prepare(
        `INSERT INTO attempts (authorization, number, id, provider, provider_key, fingerprint, propensity, started_at_ms,
          deadline_at_ms, owner, lease_until_ms, outcome_kind, outcome, negative)
         VALUES (?, ?, ?, ?, ?, 'f', 1, ?, ?, 'pod-old', ?, ?, ?, ?)`,
      )
      .run(
        sequence,
        index + 1,
        `att_${id}_${index + 1}`,
        `psp-${index + 1}`,
        `key_${id}_${index + 1}`,
        T0,
        T0 + 8_000,
        FIRST_LEASE_END,
        outcome?.kind ?? null,
        outcome === null ? null : JSON.stringify(outcome),
        negative[index] === true ? 1 : 0,
      );
  }
  const event = database.prepare(
    `INSERT INTO events (authorization, number, at_ms, actor, kind, data, answer_status, answer_body)
     VALUES (?, ?, ?, 'gateway', ?, ?, ?, ?)`,
  );
  const first = { attempt: `att_${id}_1`, provider: 'psp-1', request, routing: ROUTING };
  event.run(sequence, 1, T0, 'opened', JSON.stringify(first), null, null);
  for (let number = 2; number <= version; number += 1) {
    const isEnd = number === version && !open;
    const frozen = isEnd && answer !== undefined ? ([201, answer] as const) : ([null, null] as const);
    event.run(sequence, number, T0 + number * 10, isEnd ? 'concluded' : 'failed_over', '{}', ...frozen);
  }
}
