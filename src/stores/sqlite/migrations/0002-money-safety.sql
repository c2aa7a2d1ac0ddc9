-- What becomes of money afterwards: operations, work beside the road, ceilings of the card schemes, notices, a chain
-- of hashes over the history, and an orderly way to let go of what is no longer kept.

-- Everything is free to change while this runs; the triggers come back below, some of them stricter.
DROP TRIGGER authorizations_stay;
DROP TRIGGER authorizations_version;
DROP TRIGGER authorizations_identity;
DROP TRIGGER authorizations_release;
DROP TRIGGER attempts_stay;
DROP TRIGGER attempts_follow;
DROP TRIGGER attempts_settle;
DROP TRIGGER attempts_identity;
DROP TRIGGER events_stay;

-- ---------------------------------------------------------------------------------------- authorizations

-- An authorization is unsettled while its state says so, and as long as its road is open, whatever its state: a road
-- may have recorded an approval and still be capturing it.
INSERT INTO authorization_statuses (status, holds_payment, unsettled)
  SELECT status, holds_payment, 1 FROM authorization_statuses WHERE unsettled = 0;

-- Nothing more will be captured.
ALTER TABLE authorizations ADD COLUMN capture_closed INTEGER NOT NULL DEFAULT 0 CHECK (capture_closed IN (0, 1));
-- When what is not captured is given back. What was authorized before this migration has no such time.
ALTER TABLE authorizations ADD COLUMN expires_at_ms INTEGER;
-- An event holds the answer to the caller, for ever.
ALTER TABLE authorizations ADD COLUMN answered INTEGER NOT NULL DEFAULT 0 CHECK (answered IN (0, 1));
-- Until when the road holds the authorization; without meaning once the road is over.
ALTER TABLE authorizations ADD COLUMN lease_until_ms INTEGER;
-- Hash of the last event: what comes next is chained to it, and the end cannot be cut off unseen.
ALTER TABLE authorizations ADD COLUMN last_hash TEXT;
-- What it consisted of is gone, by a purge of all that was created before this; the row stays where it holds its payment.
ALTER TABLE authorizations ADD COLUMN purged_before_ms INTEGER;

UPDATE authorizations AS a SET answered = 1
  WHERE EXISTS (SELECT 1 FROM events AS e WHERE e.authorization = a.sequence AND e.answer_status IS NOT NULL);
UPDATE authorizations AS a
  SET lease_until_ms = (SELECT max(t.lease_until_ms) FROM attempts AS t WHERE t.authorization = a.sequence)
  WHERE open = 1;

CREATE INDEX authorizations_expiring ON authorizations (expires_at_ms) WHERE expires_at_ms IS NOT NULL;
-- Conditions on the way of every payment are told without lists: SQLite builds a table for each list that it meets.
CREATE INDEX authorizations_purgeable ON authorizations (created_at_ms)
  WHERE (holds_payment = 0 OR status = 'refunded') AND purged_before_ms IS NULL;
-- What was captured may be refunded, and is let go of by a clock of its own.
CREATE INDEX authorizations_refundable ON authorizations (created_at_ms)
  WHERE (status = 'captured' OR status = 'partially_refunded') AND purged_before_ms IS NULL;

-- Which state may follow which; the same table as in core.
CREATE TABLE status_transitions (
  from_status TEXT NOT NULL,
  to_status TEXT NOT NULL,
  PRIMARY KEY (from_status, to_status)
) STRICT, WITHOUT ROWID;
INSERT INTO status_transitions (from_status, to_status) VALUES
  ('pending', 'approved'), ('pending', 'partially_approved'), ('pending', 'declined'),
  ('pending', 'authentication_required'), ('pending', 'failed'), ('pending', 'reversing'), ('pending', 'voided'),
  ('pending', 'captured'),
  ('reversing', 'pending'), ('reversing', 'approved'), ('reversing', 'partially_approved'),
  ('reversing', 'declined'), ('reversing', 'authentication_required'), ('reversing', 'failed'),
  ('reversing', 'voided'), ('reversing', 'expired'),
  ('approved', 'reversing'), ('approved', 'partially_captured'), ('approved', 'captured'),
  ('approved', 'voided'), ('approved', 'expired'),
  ('partially_approved', 'reversing'), ('partially_approved', 'partially_captured'),
  ('partially_approved', 'captured'), ('partially_approved', 'voided'), ('partially_approved', 'expired'),
  ('partially_captured', 'captured'), ('partially_captured', 'partially_refunded'),
  ('partially_captured', 'refunded'),
  ('captured', 'partially_refunded'), ('captured', 'refunded'),
  ('partially_refunded', 'refunded'), ('refunded', 'partially_refunded');

-- ---------------------------------------------------------------------------------------- attempts

-- A void of ours may undo an approval: then no money stands there any more.
INSERT INTO outcome_kinds (kind, negative) VALUES ('approved', 1);

-- The lease has moved to the authorization: whoever holds it holds all of it.
CREATE TABLE attempts_next (
  authorization INTEGER NOT NULL REFERENCES authorizations (sequence),
  number INTEGER NOT NULL CHECK (number >= 1),
  id TEXT NOT NULL,
  provider TEXT NOT NULL,
  provider_key TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  propensity REAL NOT NULL CHECK (propensity BETWEEN 0 AND 1),
  started_at_ms INTEGER NOT NULL,
  deadline_at_ms INTEGER NOT NULL,
  owner TEXT NOT NULL,
  -- The card at the merchant as a keyed hash; null where no ceiling applies.
  card_key TEXT,
  -- Counts against the ceilings of its card: from its intent on, until its outcome says otherwise.
  scheme_counts INTEGER NOT NULL DEFAULT 0 CHECK (scheme_counts = 0 OR (scheme_counts = 1 AND card_key IS NOT NULL)),
  -- Its outcome forbids further attempts with this card at this merchant until then.
  blocked_until_ms INTEGER,
  block_reason TEXT,
  -- Null while the request may be on its way.
  outcome_kind TEXT,
  outcome TEXT,
  -- No money stands at the provider: by the outcome, or because a void has undone it.
  negative INTEGER NOT NULL DEFAULT 0,
  provider_reference TEXT,
  duration_ms REAL,
  PRIMARY KEY (authorization, number),
  FOREIGN KEY (outcome_kind, negative) REFERENCES outcome_kinds (kind, negative),
  CHECK ((outcome_kind IS NULL) = (outcome IS NULL)),
  CHECK (negative = 0 OR outcome_kind IS NOT NULL),
  CHECK ((blocked_until_ms IS NULL) = (block_reason IS NULL))
) STRICT, WITHOUT ROWID;

-- Whether a reversal was confirmed is all that is told of it now; that one was tried is an operation.
INSERT INTO attempts_next (authorization, number, id, provider, provider_key, fingerprint, propensity, started_at_ms,
    deadline_at_ms, owner, outcome_kind, outcome, negative, provider_reference, duration_ms)
  SELECT authorization, number, id, provider, provider_key, fingerprint, propensity, started_at_ms, deadline_at_ms,
    owner, outcome_kind,
    CASE WHEN outcome_kind = 'partially_approved' AND negative = 0
      THEN json_set(outcome, '$.reversal', 'none') ELSE outcome END,
    negative, provider_reference, duration_ms
  FROM attempts;
DROP TABLE attempts;
ALTER TABLE attempts_next RENAME TO attempts;

-- What a card was tried with, newest last. An attempt that does not count leaves it.
CREATE INDEX attempts_by_card ON attempts (card_key, started_at_ms) WHERE scheme_counts = 1;
CREATE INDEX attempts_blocking ON attempts (card_key, blocked_until_ms) WHERE blocked_until_ms IS NOT NULL;
-- Whose an authorization at a provider is: a person may not lay claim to that of another payment.
CREATE INDEX attempts_by_reference ON attempts (provider_reference) WHERE provider_reference IS NOT NULL;

-- ---------------------------------------------------------------------------------------- operations

-- Captures, voids and refunds. A row is an intent: written before anything is sent.
CREATE TABLE operations (
  authorization INTEGER NOT NULL,
  number INTEGER NOT NULL CHECK (number >= 1),
  id TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('capture', 'void', 'refund')),
  purpose TEXT NOT NULL CHECK (purpose IN ('requested', 'automatic_capture', 'partial_approval', 'hidden_approval',
    'late_approval', 'quarantine', 'unknown_outcome', 'expiry', 'external')),
  attempt_number INTEGER NOT NULL,
  target TEXT,
  amount INTEGER NOT NULL CHECK (amount >= 0),
  final INTEGER NOT NULL CHECK (final IN (0, 1)),
  status TEXT NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed')),
  code TEXT,
  provider_key TEXT NOT NULL,
  provider_reference TEXT,
  created_at_ms INTEGER NOT NULL,
  settled_at_ms INTEGER,
  -- The answer to the caller, frozen when the operation ended.
  answer_status INTEGER,
  answer_body TEXT,
  PRIMARY KEY (authorization, number),
  FOREIGN KEY (authorization, attempt_number) REFERENCES attempts (authorization, number),
  CHECK (kind = 'void' OR amount >= 1),
  CHECK ((status = 'pending') = (settled_at_ms IS NULL)),
  CHECK ((answer_status IS NULL) = (answer_body IS NULL)),
  CHECK (answer_status IS NULL OR status <> 'pending')
) STRICT, WITHOUT ROWID;

CREATE INDEX operations_by_target ON operations (target) WHERE target IS NOT NULL;
CREATE INDEX operations_pending ON operations (authorization) WHERE status = 'pending';
CREATE UNIQUE INDEX operations_void_once ON operations (authorization, attempt_number)
  WHERE kind = 'void' AND status = 'pending';

-- ---------------------------------------------------------------------------------------- work

-- What somebody must look at again. A lease that ended is free for others.
CREATE TABLE work (
  authorization INTEGER PRIMARY KEY REFERENCES authorizations (sequence),
  -- Null: never by itself, a person has to close it.
  due_at_ms INTEGER,
  step INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  since_ms INTEGER NOT NULL,
  owner TEXT,
  lease_until_ms INTEGER,
  CHECK ((owner IS NULL) = (lease_until_ms IS NULL))
) STRICT;
CREATE INDEX work_due ON work (due_at_ms) WHERE due_at_ms IS NOT NULL;

-- Until now nobody looked again. What is unsettled is due at once.
INSERT INTO work (authorization, due_at_ms, step, failures, since_ms)
  SELECT a.sequence, e.at_ms, 0, 0, e.at_ms
  FROM authorizations AS a JOIN events AS e ON e.authorization = a.sequence AND e.number = a.version
  WHERE a.unsettled = 1 AND a.open = 0;

-- What was to be undone was `reversing`, without an operation that says what and why.
INSERT INTO operations (authorization, number, id, kind, purpose, attempt_number, amount, final, status, provider_key,
    created_at_ms)
  SELECT a.sequence, 1, 'void_' || substr(a.id, length('auth_') + 1) || '_1', 'void',
    CASE t.outcome_kind WHEN 'declined' THEN 'hidden_approval' ELSE 'partial_approval' END, t.number,
    coalesce(json_extract(t.outcome, '$.authorizedAmount'), a.amount), 0, 'pending', t.provider_key || '_v1', w.since_ms
  FROM authorizations AS a
    JOIN work AS w ON w.authorization = a.sequence
    JOIN attempts AS t ON t.authorization = a.sequence
  WHERE a.status = 'reversing' AND t.negative = 0 AND t.outcome_kind IN ('declined', 'partially_approved');
INSERT INTO events (authorization, number, at_ms, actor, kind, data)
  SELECT a.sequence, a.version + 1, o.created_at_ms, 'migration', 'reversal_begun', json_object('reason', 'upgrade',
    'changes', json_object('operations', json_array(json_object('id', o.id, 'number', o.number, 'kind', o.kind,
      'purpose', o.purpose, 'attemptNumber', o.attempt_number, 'target', NULL, 'amount', o.amount,
      'final', json('false'), 'status', o.status, 'code', NULL, 'providerKey', o.provider_key,
      'providerReference', NULL, 'createdAtMs', o.created_at_ms, 'settledAtMs', NULL))))
  FROM operations AS o JOIN authorizations AS a ON a.sequence = o.authorization;
UPDATE authorizations SET version = version + 1
  WHERE sequence IN (SELECT authorization FROM operations);

-- ---------------------------------------------------------------------------------------- claims, notices, secrets

-- The operation that the key began; 0: the authorization itself.
ALTER TABLE claims ADD COLUMN operation_number INTEGER NOT NULL DEFAULT 0;
-- What an authorization's keys are, for when it is purged.
CREATE INDEX claims_by_authorization ON claims (authorization);

-- What providers sent by themselves, kept before it is acknowledged.
CREATE TABLE notices (
  sequence INTEGER PRIMARY KEY,
  provider TEXT NOT NULL,
  event_id TEXT NOT NULL,
  type TEXT NOT NULL,
  attempt_id TEXT,
  data TEXT NOT NULL,
  received_at_ms INTEGER NOT NULL,
  -- What became of it; null while nobody has dealt with it.
  result TEXT,
  UNIQUE (provider, event_id)
) STRICT;
CREATE INDEX notices_open ON notices (sequence) WHERE result IS NULL;
CREATE INDEX notices_settled ON notices (received_at_ms) WHERE result IS NOT NULL;

-- Made once, for keyed hashes that outlive a restart.
CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL CHECK (length(value) = 32)) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------------------------------- hashes and seals

-- SHA-256, hex, over the event and the hash of the authorization's event before it.
ALTER TABLE events ADD COLUMN hash TEXT;

-- From which event on a hash is owed.
CREATE TABLE hash_chain (id INTEGER PRIMARY KEY CHECK (id = 1), first_event INTEGER NOT NULL) STRICT;
INSERT INTO hash_chain (id, first_event) SELECT 1, coalesce(max(sequence), 0) + 1 FROM events;

CREATE TABLE seals (
  number INTEGER PRIMARY KEY,
  through_event INTEGER NOT NULL,
  digest TEXT NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;

-- What a seal covers stays checkable when the event itself is gone.
CREATE TABLE purged_events (sequence INTEGER PRIMARY KEY, hash TEXT NOT NULL) STRICT;

-- ---------------------------------------------------------------------------------------- rules: authorizations

CREATE TRIGGER authorizations_begin BEFORE INSERT ON authorizations
  WHEN NOT ((NEW.open = 1 AND NEW.status = 'pending') OR (NEW.open = 0 AND NEW.holds_payment = 0))
BEGIN SELECT RAISE(ABORT, 'an authorization begins with its road open, or ends where it begins and holds nothing'); END;

CREATE TRIGGER authorizations_stay BEFORE DELETE ON authorizations
  WHEN OLD.purged_before_ms IS NULL OR OLD.holds_payment = 1
BEGIN SELECT RAISE(ABORT, 'an authorization is deleted only when it is purged and holds no payment'); END;

CREATE TRIGGER authorizations_version BEFORE UPDATE ON authorizations WHEN NEW.version <> OLD.version + 1
BEGIN SELECT RAISE(ABORT, 'every change of an authorization raises its version by one'); END;

CREATE TRIGGER authorizations_identity BEFORE UPDATE OF sequence, id, account, merchant, reference, live,
  amount, currency, trace_id, created_at_ms ON authorizations
BEGIN SELECT RAISE(ABORT, 'what was asked for never changes'); END;

CREATE TRIGGER authorizations_under_way BEFORE UPDATE OF status, open, unsettled ON authorizations
  WHEN NEW.unsettled <> (NEW.open = 1 OR NEW.status = 'pending' OR NEW.status = 'reversing')
BEGIN SELECT RAISE(ABORT, 'unsettled is what is open, pending or reversing'); END;

CREATE TRIGGER authorizations_road BEFORE UPDATE OF open ON authorizations WHEN NEW.open > OLD.open
BEGIN SELECT RAISE(ABORT, 'a road that is over is never taken up again'); END;

CREATE TRIGGER authorizations_answer BEFORE UPDATE OF answered ON authorizations WHEN NEW.answered < OLD.answered
BEGIN SELECT RAISE(ABORT, 'an answer that was given stays given'); END;

CREATE TRIGGER authorizations_status BEFORE UPDATE OF status ON authorizations
  WHEN NEW.status <> OLD.status AND NOT EXISTS
    (SELECT 1 FROM status_transitions WHERE from_status = OLD.status AND to_status = NEW.status)
BEGIN SELECT RAISE(ABORT, 'this state may not follow that one'); END;

-- A payment is not released while an attempt at it may have moved money.
CREATE TRIGGER authorizations_release BEFORE UPDATE OF status ON authorizations WHEN NEW.holds_payment = 0
BEGIN
  SELECT RAISE(ABORT, 'an attempt may have moved money')
    WHERE EXISTS (SELECT 1 FROM attempts WHERE authorization = NEW.sequence AND negative = 0
      AND outcome_kind IS NOT 'authentication_required');
END;

-- Operations are written before the authorization that they change.
CREATE TRIGGER authorizations_sums AFTER UPDATE ON authorizations
  WHEN NEW.captured_amount <> (SELECT coalesce(sum(amount), 0) FROM operations
      WHERE authorization = NEW.sequence AND kind = 'capture' AND status = 'succeeded')
    OR NEW.refunded_amount <> (SELECT coalesce(sum(amount), 0) FROM operations
      WHERE authorization = NEW.sequence AND kind = 'refund' AND status = 'succeeded')
BEGIN SELECT RAISE(ABORT, 'captured and refunded are the sums of the operations that succeeded'); END;

CREATE TRIGGER authorizations_purge BEFORE UPDATE OF purged_before_ms ON authorizations
BEGIN
  SELECT RAISE(ABORT, 'an authorization that may still move money is not purged')
    WHERE NEW.open = 1 OR NEW.unsettled = 1
      OR (NEW.holds_payment = 1 AND NEW.status NOT IN ('refunded', 'captured', 'partially_refunded'))
      OR EXISTS (SELECT 1 FROM work WHERE authorization = NEW.sequence)
      OR EXISTS (SELECT 1 FROM operations WHERE authorization = NEW.sequence AND status = 'pending');
  SELECT RAISE(ABORT, 'an authorization that was changed since is not purged')
    WHERE EXISTS (SELECT 1 FROM events WHERE authorization = NEW.sequence AND at_ms >= NEW.purged_before_ms);
END;

CREATE TRIGGER authorizations_purged BEFORE UPDATE ON authorizations WHEN OLD.purged_before_ms IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an authorization that was purged never changes'); END;

-- ---------------------------------------------------------------------------------------- rules: attempts

CREATE TRIGGER attempts_stay BEFORE DELETE ON attempts
  WHEN (SELECT purged_before_ms FROM authorizations WHERE sequence = OLD.authorization) IS NULL
BEGIN SELECT RAISE(ABORT, 'an attempt is deleted only with its authorization'); END;

CREATE TRIGGER attempts_begin BEFORE INSERT ON attempts WHEN NEW.outcome_kind IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an attempt begins without an outcome'); END;

-- Each attempt after the first needs all before it to be negative. (A second "first" fails on the key.)
CREATE TRIGGER attempts_follow BEFORE INSERT ON attempts WHEN NEW.number > 1
BEGIN
  SELECT RAISE(ABORT, 'an earlier attempt is not definitely negative')
    WHERE EXISTS (SELECT 1 FROM attempts WHERE authorization = NEW.authorization AND negative = 0);
  SELECT RAISE(ABORT, 'attempts are numbered 1, 2, and so on')
    WHERE NEW.number <> 1 + (SELECT count(*) FROM attempts WHERE authorization = NEW.authorization);
  SELECT RAISE(ABORT, 'the road of this authorization is over')
    WHERE NOT EXISTS
      (SELECT 1 FROM authorizations WHERE sequence = NEW.authorization AND open = 1 AND holds_payment = 1);
  SELECT RAISE(ABORT, 'something is still being undone')
    WHERE EXISTS (SELECT 1 FROM operations WHERE authorization = NEW.authorization AND status = 'pending');
END;

CREATE TRIGGER attempts_settle BEFORE UPDATE OF outcome_kind, outcome, provider_reference, duration_ms ON attempts
  WHEN OLD.outcome_kind NOT IN ('unknown', 'pending')
BEGIN SELECT RAISE(ABORT, 'a definite outcome never changes'); END;

CREATE TRIGGER attempts_say_more BEFORE UPDATE OF outcome_kind ON attempts
  WHEN OLD.outcome_kind IN ('unknown', 'pending') AND (NEW.outcome_kind IS NULL OR NEW.outcome_kind = 'unknown'
    OR (NEW.outcome_kind = 'pending' AND OLD.outcome_kind = 'pending'))
BEGIN SELECT RAISE(ABORT, 'an outcome is replaced only by one that says more'); END;

CREATE TRIGGER attempts_stay_negative BEFORE UPDATE OF negative ON attempts WHEN NEW.negative < OLD.negative
BEGIN SELECT RAISE(ABORT, 'what is undone stays undone'); END;

-- What stood at a provider is gone only when a void has undone it. (`not_sent` and `rejected` never stood.)
CREATE TRIGGER attempts_undone BEFORE UPDATE OF negative ON attempts
  WHEN NEW.negative = 1 AND (NEW.outcome_kind = 'approved'
    OR (NEW.outcome_kind = 'partially_approved' AND json_extract(NEW.outcome, '$.reversal') IS NOT 'confirmed')
    OR (NEW.outcome_kind = 'declined' AND json_extract(NEW.outcome, '$.decline.mayHideApproval') IS NOT 0))
BEGIN
  SELECT RAISE(ABORT, 'no void has undone this attempt')
    WHERE NOT EXISTS (SELECT 1 FROM operations WHERE authorization = NEW.authorization
      AND attempt_number = NEW.number AND kind = 'void' AND status = 'succeeded' AND code IS NOT 'nothing_to_void');
END;

CREATE TRIGGER attempts_identity BEFORE UPDATE OF authorization, number, id, provider, provider_key,
  fingerprint, propensity, started_at_ms, deadline_at_ms, owner, card_key ON attempts
BEGIN SELECT RAISE(ABORT, 'an intent never changes'); END;

-- ---------------------------------------------------------------------------------------- rules: operations

CREATE TRIGGER operations_stay BEFORE DELETE ON operations
  WHEN (SELECT purged_before_ms FROM authorizations WHERE sequence = OLD.authorization) IS NULL
BEGIN SELECT RAISE(ABORT, 'an operation is deleted only with its authorization'); END;

CREATE TRIGGER operations_number BEFORE INSERT ON operations
  WHEN NEW.number <> 1 + (SELECT count(*) FROM operations WHERE authorization = NEW.authorization)
BEGIN SELECT RAISE(ABORT, 'operations are numbered 1, 2, and so on'); END;

CREATE TRIGGER operations_identity BEFORE UPDATE OF authorization, number, id, kind, purpose, attempt_number, target,
  amount, final, provider_key, created_at_ms ON operations
BEGIN SELECT RAISE(ABORT, 'the intent of an operation never changes'); END;

CREATE TRIGGER operations_settle BEFORE UPDATE ON operations WHEN OLD.status <> 'pending'
BEGIN SELECT RAISE(ABORT, 'an operation that ended never changes'); END;

CREATE TRIGGER operations_capture BEFORE INSERT ON operations WHEN NEW.kind = 'capture'
BEGIN
  SELECT RAISE(ABORT, 'only what was authorized, and stands, is captured')
    WHERE NOT EXISTS (SELECT 1 FROM attempts WHERE authorization = NEW.authorization AND number = NEW.attempt_number
      AND outcome_kind IN ('approved', 'partially_approved') AND negative = 0);
  SELECT RAISE(ABORT, 'what is being undone is not captured')
    WHERE EXISTS (SELECT 1 FROM operations WHERE authorization = NEW.authorization
      AND attempt_number = NEW.attempt_number AND kind = 'void'
      AND (status = 'pending' OR (status = 'succeeded' AND code IS NOT 'nothing_to_void')));
  SELECT RAISE(ABORT, 'captures exceed what was authorized')
    WHERE NEW.amount + (SELECT coalesce(sum(amount), 0) FROM operations WHERE authorization = NEW.authorization
        AND kind = 'capture' AND status <> 'failed')
      > (SELECT CASE t.outcome_kind WHEN 'approved' THEN a.amount ELSE json_extract(t.outcome, '$.authorizedAmount') END
        FROM attempts AS t JOIN authorizations AS a ON a.sequence = t.authorization
        WHERE t.authorization = NEW.authorization AND t.number = NEW.attempt_number);
END;

CREATE TRIGGER operations_void BEFORE INSERT ON operations WHEN NEW.kind = 'void'
BEGIN
  -- One that was cancelled before anything was known of it may be found approved after all.
  SELECT RAISE(ABORT, 'this attempt is undone already')
    WHERE EXISTS (SELECT 1 FROM operations WHERE authorization = NEW.authorization
        AND attempt_number = NEW.attempt_number AND kind = 'void' AND status = 'succeeded'
        AND code IS NOT 'nothing_to_void')
      AND EXISTS (SELECT 1 FROM attempts WHERE authorization = NEW.authorization AND number = NEW.attempt_number
        AND outcome_kind <> 'rejected');
  SELECT RAISE(ABORT, 'captured money is not voided')
    WHERE EXISTS (SELECT 1 FROM operations WHERE authorization = NEW.authorization
      AND attempt_number = NEW.attempt_number AND kind = 'capture' AND status <> 'failed');
END;

CREATE TRIGGER operations_refund BEFORE INSERT ON operations WHEN NEW.kind = 'refund'
BEGIN
  SELECT RAISE(ABORT, 'refunds exceed what was captured')
    WHERE NEW.amount + (SELECT coalesce(sum(amount), 0) FROM operations WHERE authorization = NEW.authorization
        AND kind = 'refund' AND status <> 'failed')
      > (SELECT coalesce(sum(amount), 0) FROM operations WHERE authorization = NEW.authorization
        AND kind = 'capture' AND status = 'succeeded');
END;

-- ---------------------------------------------------------------------------------------- rules: the rest

CREATE TRIGGER claims_stay BEFORE DELETE ON claims
  WHEN (SELECT purged_before_ms FROM authorizations WHERE sequence = OLD.authorization) IS NULL
BEGIN SELECT RAISE(ABORT, 'a key is forgotten only with its authorization'); END;

CREATE TRIGGER claims_never_change BEFORE UPDATE ON claims
BEGIN SELECT RAISE(ABORT, 'what a key was used for never changes'); END;

CREATE TRIGGER events_hashed BEFORE INSERT ON events WHEN NEW.hash IS NULL
BEGIN SELECT RAISE(ABORT, 'an event is written with its hash'); END;

-- Events are written before the authorization that they change.
CREATE TRIGGER events_answer_once BEFORE INSERT ON events WHEN NEW.answer_status IS NOT NULL AND NEW.number > 1
BEGIN
  SELECT RAISE(ABORT, 'an answer is frozen once')
    WHERE EXISTS (SELECT 1 FROM authorizations WHERE sequence = NEW.authorization AND answered = 1);
END;

CREATE TRIGGER events_stay BEFORE DELETE ON events
  WHEN (SELECT purged_before_ms FROM authorizations WHERE sequence = OLD.authorization) IS NULL
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;

CREATE TRIGGER events_purged AFTER DELETE ON events WHEN OLD.hash IS NOT NULL
BEGIN INSERT INTO purged_events (sequence, hash) VALUES (OLD.sequence, OLD.hash); END;

CREATE TRIGGER purged_events_stay BEFORE DELETE ON purged_events
BEGIN SELECT RAISE(ABORT, 'hashes are append-only'); END;

CREATE TRIGGER purged_events_never_change BEFORE UPDATE ON purged_events
BEGIN SELECT RAISE(ABORT, 'hashes are append-only'); END;

CREATE TRIGGER seals_stay BEFORE DELETE ON seals
BEGIN SELECT RAISE(ABORT, 'seals are append-only'); END;

CREATE TRIGGER seals_never_change BEFORE UPDATE ON seals
BEGIN SELECT RAISE(ABORT, 'seals are append-only'); END;

CREATE TRIGGER hash_chain_stays BEFORE DELETE ON hash_chain
BEGIN SELECT RAISE(ABORT, 'where the hashes begin never changes'); END;

CREATE TRIGGER hash_chain_never_changes BEFORE UPDATE ON hash_chain
BEGIN SELECT RAISE(ABORT, 'where the hashes begin never changes'); END;

CREATE TRIGGER secrets_stay BEFORE DELETE ON secrets
BEGIN SELECT RAISE(ABORT, 'a secret is made once'); END;

CREATE TRIGGER secrets_never_change BEFORE UPDATE ON secrets
BEGIN SELECT RAISE(ABORT, 'a secret is made once'); END;

CREATE TRIGGER notices_stay BEFORE DELETE ON notices WHEN OLD.result IS NULL
BEGIN SELECT RAISE(ABORT, 'a notice stays until somebody has dealt with it'); END;

CREATE TRIGGER notices_never_change BEFORE UPDATE OF sequence, provider, event_id, type, attempt_id, data,
  received_at_ms ON notices
BEGIN SELECT RAISE(ABORT, 'what a provider sent never changes'); END;
