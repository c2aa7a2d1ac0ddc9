/** Of an authorization, by its id. */
export const sequenceOf = (id: string) => `(SELECT sequence FROM authorizations WHERE id = '${id}')`;
const of = sequenceOf;
/** Makes the row's own JSON another one. */
const replaced = (column: string, from: string, to: string) =>
  `${column} = replace(${column}, '${from}', '${to}')`;

/** A way to change a journal behind its back, and what must be told of it. */
export type Tampering = readonly [what: string, sql: string, where: RegExp, finding: RegExp];

/**
 * Such ways on every engine, with the sample journal. Each statement is run without triggers, foreign keys and checks, which
 * are all there again afterwards.
 */
export const TAMPERING: readonly Tampering[] = [
  // Events.
  [
    'an event is changed',
    `UPDATE events SET ${replaced('data', 'sandbox-a', 'sandbox-b')} WHERE "authorization" = ${of('auth_approved')} AND number = 2`,
    /^auth_approved, event 2$/,
    /does not fit its hash/,
  ],
  [
    'who made a change',
    `UPDATE events SET actor = 'nobody' WHERE "authorization" = ${of('auth_refunded')} AND number = 3`,
    /^auth_refunded, event 3$/,
    /does not fit its hash/,
  ],
  [
    'when it was made',
    `UPDATE events SET at_ms = at_ms + 1 WHERE "authorization" = ${of('auth_approved')} AND number = 1`,
    /^auth_approved, event 1$/,
    /does not fit its hash/,
  ],
  [
    'the answer that was given',
    `UPDATE events SET ${replaced('answer_body', 'approved', 'declined')} WHERE answer_body LIKE '%auth_approved%'`,
    /^auth_approved, event 2$/,
    /does not fit its hash/,
  ],
  [
    'an answer is gone',
    'UPDATE events SET answer_status = NULL, answer_body = NULL WHERE answer_status IS NOT NULL AND "authorization" = ' +
      of('auth_approved'),
    /^auth_approved$/,
    /has 0 frozen answers, and is marked as answered/,
  ],
  [
    'an event is taken out of the middle',
    `DELETE FROM events WHERE "authorization" = ${of('auth_captured')} AND number = 2`,
    /^auth_captured, event 2$/,
    /is missing/,
  ],
  [
    'the first event is gone',
    `DELETE FROM events WHERE "authorization" = ${of('auth_approved')} AND number = 1`,
    /^auth_approved, event 1$/,
    /is missing/,
  ],
  [
    'the last event is cut off, and the version set back',
    `DELETE FROM events WHERE "authorization" = ${of('auth_refunded')} AND number = 6;
     UPDATE authorizations SET version = 5 WHERE id = 'auth_refunded'`,
    /^auth_refunded$/,
    /its last hash is not that of its last event/,
  ],
  [
    'the newest event of all is cut off, with its authorization',
    `DELETE FROM events WHERE sequence > 38; DELETE FROM attempts WHERE "authorization" = ${of('auth_newest')};
     DELETE FROM claims WHERE "authorization" = ${of('auth_newest')}; DELETE FROM authorizations WHERE id = 'auth_newest'`,
    /^seal 4$/,
    /covers events up to row 39, the newest is 38: the end was cut off/,
  ],
  [
    'an event is added',
    `INSERT INTO events ("authorization", number, at_ms, actor, kind, data, hash)
     SELECT sequence, version + 1, 1, 'x', 'y', '{"changes":{}}', 'ab' FROM authorizations WHERE id = 'auth_approved'`,
    /^auth_approved, event 3$/,
    /is more than its 2 changes/,
  ],
  [
    'an event without a hash',
    `UPDATE events SET hash = NULL WHERE "authorization" = ${of('auth_open')}`,
    /^auth_open, event 1$/,
    /has no hash/,
  ],
  [
    'where hashes begin',
    'UPDATE hash_chain SET first_event = 20',
    /^event row \d+$/,
    /has a hash, though hashes begin at 20/,
  ],
  [
    'an event that cannot be read',
    `UPDATE events SET data = '{"chan' WHERE "authorization" = ${of('auth_unknown')} AND number = 2`,
    /^auth_unknown, event 2$/,
    /cannot be read/,
  ],
  // Seals.
  [
    'a seal',
    "UPDATE seals SET digest = replace(digest, 'a', 'b') WHERE number = 2",
    /^seal 2$/,
    /does not fit the events/,
  ],
  [
    'a seal is taken away',
    'DELETE FROM seals WHERE number = 2',
    /^seal 3$/,
    /follows seal 1: what is between was taken/,
  ],
  [
    'what a seal covers',
    'UPDATE seals SET through_event = through_event - 1 WHERE number = 3',
    /^seal 3$/,
    /does not fit/,
  ],
  ['a seal over nothing', "INSERT INTO seals VALUES (5, 39, 'ab', 1)", /^seal 5$/, /covers no event/],
  [
    'the hash of a purged event',
    'UPDATE purged_events SET hash = upper(hash) WHERE sequence = 1',
    /^seal 1$/,
    /does not fit the events from the first/,
  ],
  [
    'an event is called purged and is there',
    'INSERT INTO purged_events (sequence, hash) SELECT sequence, hash FROM events WHERE sequence = 12',
    /^event row 12$/,
    /is there, and purged as well/,
  ],
  // States and sums.
  [
    'a state',
    "UPDATE authorizations SET status = 'voided', holds_payment = 0 WHERE id = 'auth_approved'",
    /^auth_approved$/,
    /^status is voided, its events make it approved$/,
  ],
  [
    'a payment is released',
    "UPDATE authorizations SET holds_payment = 0 WHERE id = 'auth_approved'",
    /^auth_approved$/,
    /is approved and does not hold its payment/,
  ],
  [
    'what is unsettled is marked as settled',
    "UPDATE authorizations SET unsettled = 0 WHERE id = 'auth_unknown'",
    /^auth_unknown$/,
    /is unsettled by its state, and not by its mark/,
  ],
  [
    'what was captured',
    "UPDATE authorizations SET captured_amount = 1 WHERE id = 'auth_captured'",
    /^auth_captured$/,
    /captured is 1, its captures add up to 4999/,
  ],
  [
    'what was refunded, operation and all',
    `UPDATE operations SET amount = 1 WHERE "authorization" = ${of('auth_refunded')} AND kind = 'refund';
     UPDATE authorizations SET refunded_amount = 1 WHERE id = 'auth_refunded'`,
    /^auth_refunded, operation 2$/,
    /^amount: not what its events tell/,
  ],
  [
    'what was authorized',
    "UPDATE authorizations SET authorized_amount = 9999 WHERE id = 'auth_approved'",
    /^auth_approved$/,
    /authorized_amount is 9999, its events make it 4999/,
  ],
  [
    'what was asked for',
    "UPDATE authorizations SET amount = 1 WHERE id = 'auth_approved'",
    /^auth_approved$/,
    /its merchant, reference, amount or currency is not what was asked for/,
  ],
  [
    'the payment that it holds',
    "UPDATE authorizations SET reference = 'another' WHERE id = 'auth_captured'",
    /^auth_captured$/,
    /its merchant, reference, amount or currency/,
  ],
  [
    'whose it is',
    "UPDATE authorizations SET account = 'other' WHERE id = 'auth_voided'",
    /^auth_voided$/,
    /account is other, its events make it acme/,
  ],
  [
    'when it expires',
    "UPDATE authorizations SET expires_at_ms = NULL WHERE id = 'auth_approved'",
    /^auth_approved$/,
    /expires_at_ms is null/,
  ],
  // Attempts and operations.
  [
    'the outcome of an attempt',
    `UPDATE attempts SET outcome_kind = 'rejected', negative = 1,
       outcome = '{"kind":"rejected","reason":"transient","code":"x","retryAfterMs":null,"providerReference":null}',
       provider_reference = NULL WHERE "authorization" = ${of('auth_unknown')}`,
    /^auth_unknown, attempt 1$/,
    /^outcome: not what its events tell/,
  ],
  [
    'whether money may stand',
    `UPDATE attempts SET negative = 1 WHERE "authorization" = ${of('auth_approved')}`,
    /^auth_approved, attempt 1$/,
    /whether money may stand/,
  ],
  [
    'what a provider prepared',
    `UPDATE attempts SET prepared_reference = 'pi_1' WHERE "authorization" = ${of('auth_approved')}`,
    /^auth_approved/,
    /not what its events/,
  ],
  [
    'an attempt is added',
    `INSERT INTO attempts SELECT "authorization", 2, id, 'x', provider_key, fingerprint, propensity, started_at_ms,
       deadline_at_ms, owner, card_key, scheme_counts, blocked_until_ms, block_reason, outcome_kind, outcome, negative,
       provider_reference, duration_ms, prepared_reference, outcome_at_ms FROM attempts
     WHERE "authorization" = ${of('auth_approved')}`,
    /^auth_approved, attempt 2$/,
    /no event tells of it/,
  ],
  [
    'an attempt is gone',
    `DELETE FROM attempts WHERE "authorization" = ${of('auth_captured')} AND number = 2`,
    /^auth_captured, attempt 2$/,
    /its events tell of it, and it is gone/,
  ],
  [
    'the key at the provider',
    `UPDATE attempts SET provider_key = 'other' WHERE "authorization" = ${of('auth_unknown')}`,
    /^auth_unknown, attempt 1$/,
    /^provider_key: not what its events tell/,
  ],
  [
    'an operation is gone',
    `DELETE FROM operations WHERE "authorization" = ${of('auth_captured')}`,
    /^auth_captured, operation 1$/,
    /and it is gone/,
  ],
  [
    'how an operation ended',
    `UPDATE operations SET status = 'failed' WHERE "authorization" = ${of('auth_voided')}`,
    /^auth_voided, operation 1$/,
    /^status: not what its events tell/,
  ],
  [
    'the answer about an operation',
    `UPDATE operations SET answer_body = '{}' WHERE "authorization" = ${of('auth_captured')}`,
    /^auth_captured, operation 1$/,
    /its answer is not the one that was given/,
  ],
  [
    'an outcome that cannot be read',
    `UPDATE attempts SET outcome = '{' WHERE "authorization" = ${of('auth_unknown')}`,
    /^auth_unknown$/,
    /its rows cannot be read/,
  ],
  // Keys and work.
  [
    'an idempotency key is gone',
    `DELETE FROM claims WHERE "authorization" = ${of('auth_approved')}`,
    /^auth_approved$/,
    /its idempotency key is gone/,
  ],
  [
    'an idempotency key of somebody else',
    `UPDATE claims SET account = 'other' WHERE "authorization" = ${of('auth_approved')}`,
    /^auth_approved$/,
    /belongs to another account/,
  ],
  [
    'work is gone',
    `DELETE FROM work WHERE "authorization" = ${of('auth_unknown')}`,
    /^auth_unknown$/,
    /is pending, something is to be found out or done, and nobody is to look again/,
  ],
  [
    'the lease of an open road is gone',
    "UPDATE authorizations SET lease_until_ms = NULL WHERE id = 'auth_open'",
    /^auth_open$/,
    /no lease ends: nobody takes it up/,
  ],
  // What is left of what was purged.
  [
    'one that is unsettled is called purged',
    "UPDATE authorizations SET purged_before_ms = 1 WHERE id = 'auth_unknown'",
    /^auth_unknown$/,
    /was purged while it was pending/,
  ],
  [
    'a purged one has events',
    `UPDATE events SET "authorization" = ${of('auth_skeleton')} WHERE "authorization" = ${of('auth_open')}`,
    /^auth_skeleton$/,
    /is purged, and 1 rows of it are still there/,
  ],
  // The file and what else is in it.
  [
    'an authorization is gone, and nothing else',
    "DELETE FROM authorizations WHERE id = 'auth_approved'",
    /^(attempts|events|claims)/,
    /refers? to something in authorizations that is not there/,
  ],
  [
    'a transition is allowed',
    "INSERT INTO status_transitions VALUES ('captured', 'pending')",
    /^status_transitions$/,
    /row .*captured.*of its own/,
  ],
  [
    'a transition is gone',
    "DELETE FROM status_transitions WHERE from_status = 'approved'",
    /^status_transitions$/,
    /is gone/,
  ],
  ['the row that is written to', 'DELETE FROM pings', /^pings$/, /has 0 rows; expected 1/],
  ['where the hashes begin is gone', 'DELETE FROM hash_chain', /^hash_chain$/, /has 0 rows/],
  ['the secret', 'DELETE FROM secrets', /^secrets$/, /the secret of the keyed hashes is gone/],
  ['a notice that cannot be read', "UPDATE notices SET data = '{'", /^notices, row 1$/, /cannot be read/],
  [
    'an activation of a ruleset is gone',
    'DELETE FROM ruleset_activations WHERE sequence = 1',
    /^ruleset_activations, row 1$/,
    /is missing/,
  ],
  [
    'a unique index is gone',
    'DROP INDEX authorizations_holding',
    /^index authorizations_holding$/,
    /was removed/,
  ],
  [
    'an index is another',
    'DROP INDEX work_due; CREATE INDEX work_due ON work (step)',
    /^index work_due$/,
    /was changed/,
  ],
  ['a column is added', 'ALTER TABLE claims ADD COLUMN extra TEXT', /^table claims$/, /was changed/],
  ['a table is gone', 'DROP TABLE seals', /^table seals$/, /was removed/],
];
