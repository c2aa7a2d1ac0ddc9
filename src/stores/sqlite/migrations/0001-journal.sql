-- The journal. Small rows that change (authorizations, attempts) are kept apart from large ones that never do
-- (events), so that ending a road rewrites little. Wall clocks are milliseconds since 1970, amounts minor
-- units.

-- What the states of an authorization mean. Referenced with all columns, so that no row can contradict them.
CREATE TABLE authorization_statuses (
  status TEXT NOT NULL,
  -- A second authorization of the same payment is refused: money is, may be, or has been taken.
  holds_payment INTEGER NOT NULL,
  -- Something is still being found out or undone.
  unsettled INTEGER NOT NULL,
  PRIMARY KEY (status, holds_payment, unsettled)
) STRICT, WITHOUT ROWID;
INSERT INTO authorization_statuses (status, holds_payment, unsettled) VALUES
  ('pending', 1, 1), ('approved', 1, 0), ('partially_approved', 1, 0), ('declined', 0, 0),
  ('authentication_required', 0, 0), ('failed', 0, 0), ('reversing', 1, 1), ('voided', 0, 0),
  ('captured', 1, 0),
  ('partially_captured', 1, 0), ('refunded', 1, 0), ('partially_refunded', 1, 0), ('expired', 0, 0);

CREATE TABLE authorizations (
  sequence INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  account TEXT NOT NULL,
  merchant TEXT NOT NULL,
  reference TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'pending',
  holds_payment INTEGER NOT NULL DEFAULT 1,
  unsettled INTEGER NOT NULL DEFAULT 1,
  -- Raised by one with every change; also the number of the event that tells the change.
  version INTEGER NOT NULL DEFAULT 1 CHECK (version >= 1),
  open INTEGER NOT NULL DEFAULT 1 CHECK (open IN (0, 1)),
  live INTEGER NOT NULL CHECK (live IN (0, 1)),
  amount INTEGER NOT NULL CHECK (amount >= 1),
  currency TEXT NOT NULL,
  authorized_amount INTEGER NOT NULL DEFAULT 0 CHECK (authorized_amount >= 0),
  captured_amount INTEGER NOT NULL DEFAULT 0 CHECK (captured_amount BETWEEN 0 AND authorized_amount),
  refunded_amount INTEGER NOT NULL DEFAULT 0 CHECK (refunded_amount BETWEEN 0 AND captured_amount),
  provider TEXT,
  provider_reference TEXT,
  network_transaction TEXT,
  decline TEXT,
  trace_id TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  CHECK (open = 0 OR unsettled = 1),
  FOREIGN KEY (status, holds_payment, unsettled)
    REFERENCES authorization_statuses (status, holds_payment, unsettled)
) STRICT;

-- At most one authorization holds a payment. Each authorization stands in exactly one of the next two
-- indexes, and both together find all authorizations of a reference.
CREATE UNIQUE INDEX authorizations_holding ON authorizations (reference, merchant) WHERE holds_payment = 1;
CREATE INDEX authorizations_released ON authorizations (reference, merchant) WHERE holds_payment = 0;
-- What recovery and the resolver look for: few rows at any time.
CREATE INDEX authorizations_unsettled ON authorizations (open, account) WHERE unsettled = 1;
CREATE INDEX authorizations_by_account ON authorizations (account);
-- Whether a provider may be taken away.
CREATE INDEX authorizations_by_provider ON authorizations (provider)
  WHERE provider IS NOT NULL AND holds_payment = 1;

CREATE TRIGGER authorizations_stay BEFORE DELETE ON authorizations
BEGIN SELECT RAISE(ABORT, 'an authorization is never deleted'); END;

CREATE TRIGGER authorizations_version BEFORE UPDATE ON authorizations WHEN NEW.version <> OLD.version + 1
BEGIN SELECT RAISE(ABORT, 'every change of an authorization raises its version by one'); END;

CREATE TRIGGER authorizations_identity BEFORE UPDATE OF sequence, id, account, merchant, reference, live,
  amount, currency, trace_id, created_at_ms ON authorizations
BEGIN SELECT RAISE(ABORT, 'what was asked for never changes'); END;

-- What may be known about an attempt, and whether it is a definite negative: no money can have moved at this
-- provider, or what moved is confirmed to be undone.
CREATE TABLE outcome_kinds (
  kind TEXT NOT NULL,
  negative INTEGER NOT NULL,
  PRIMARY KEY (kind, negative)
) STRICT, WITHOUT ROWID;
INSERT INTO outcome_kinds (kind, negative) VALUES
  ('approved', 0), ('partially_approved', 0), ('partially_approved', 1), ('declined', 0), ('declined', 1),
  ('authentication_required', 0), ('pending', 0), ('rejected', 1), ('not_sent', 1), ('unknown', 0);

CREATE TABLE attempts (
  authorization INTEGER NOT NULL REFERENCES authorizations (sequence),
  number INTEGER NOT NULL CHECK (number >= 1),
  id TEXT NOT NULL,
  provider TEXT NOT NULL,
  provider_key TEXT NOT NULL,
  provider_reference TEXT,
  fingerprint TEXT NOT NULL,
  propensity REAL NOT NULL CHECK (propensity BETWEEN 0 AND 1),
  started_at_ms INTEGER NOT NULL,
  deadline_at_ms INTEGER NOT NULL,
  owner TEXT NOT NULL,
  lease_until_ms INTEGER NOT NULL,
  -- Null while the request may be on its way.
  outcome_kind TEXT,
  outcome TEXT,
  negative INTEGER NOT NULL DEFAULT 0,
  -- The outcome is an assumption: the lease ended and nobody had said anything.
  lapsed INTEGER NOT NULL DEFAULT 0 CHECK (lapsed = 0 OR (lapsed = 1 AND outcome_kind = 'unknown')),
  duration_ms REAL,
  PRIMARY KEY (authorization, number),
  FOREIGN KEY (outcome_kind, negative) REFERENCES outcome_kinds (kind, negative),
  CHECK ((outcome_kind IS NULL) = (outcome IS NULL)),
  CHECK (negative = 0 OR outcome_kind IS NOT NULL),
  CHECK (lease_until_ms >= deadline_at_ms)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER attempts_stay BEFORE DELETE ON attempts
BEGIN SELECT RAISE(ABORT, 'an attempt is never deleted'); END;

-- Each attempt after the first needs all before it to be definite negatives. (A second "first" fails on the
-- key.)
CREATE TRIGGER attempts_follow BEFORE INSERT ON attempts WHEN NEW.number > 1
BEGIN
  SELECT RAISE(ABORT, 'an earlier attempt is not definitely negative')
    WHERE EXISTS (SELECT 1 FROM attempts WHERE authorization = NEW.authorization AND negative = 0);
  SELECT RAISE(ABORT, 'attempts are numbered 1, 2, and so on')
    WHERE NEW.number <> 1 + (SELECT count(*) FROM attempts WHERE authorization = NEW.authorization);
  SELECT RAISE(ABORT, 'the road of this authorization is over')
    WHERE NOT EXISTS (SELECT 1 FROM authorizations WHERE sequence = NEW.authorization AND open = 1);
END;

CREATE TRIGGER attempts_settle BEFORE UPDATE ON attempts WHEN OLD.negative = 1
  OR OLD.outcome_kind IN ('approved', 'declined', 'authentication_required')
BEGIN SELECT RAISE(ABORT, 'a definite outcome never changes'); END;

CREATE TRIGGER attempts_identity BEFORE UPDATE OF authorization, number, id, provider, provider_key,
  fingerprint, propensity, started_at_ms, deadline_at_ms ON attempts
BEGIN SELECT RAISE(ABORT, 'an intent never changes'); END;

-- A payment is not released while an attempt at it may have moved money.
CREATE TRIGGER authorizations_release BEFORE UPDATE OF status ON authorizations
  WHEN NEW.status IN ('declined', 'authentication_required', 'failed')
BEGIN
  SELECT RAISE(ABORT, 'an attempt may have moved money')
    WHERE EXISTS (SELECT 1 FROM attempts WHERE authorization = NEW.sequence AND negative = 0
      AND outcome_kind IS NOT 'authentication_required');
END;

-- What an idempotency key was used for.
CREATE TABLE claims (
  account TEXT NOT NULL,
  merchant TEXT NOT NULL,
  operation TEXT NOT NULL,
  key TEXT NOT NULL,
  authorization INTEGER NOT NULL REFERENCES authorizations (sequence),
  body_fingerprint TEXT NOT NULL,
  PRIMARY KEY (account, merchant, operation, key)
) STRICT, WITHOUT ROWID;

-- One event for each change of an authorization. The first one holds request and decision; the one that ended
-- the road holds the answer as frozen.
CREATE TABLE events (
  sequence INTEGER PRIMARY KEY,
  authorization INTEGER NOT NULL REFERENCES authorizations (sequence),
  number INTEGER NOT NULL CHECK (number >= 1),
  at_ms INTEGER NOT NULL,
  actor TEXT NOT NULL,
  kind TEXT NOT NULL,
  data TEXT NOT NULL,
  answer_status INTEGER,
  answer_body TEXT,
  UNIQUE (authorization, number),
  CHECK ((answer_status IS NULL) = (answer_body IS NULL))
) STRICT;

CREATE TRIGGER events_stay BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;

CREATE TRIGGER events_never_change BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;

CREATE TABLE rulesets (
  number INTEGER PRIMARY KEY,
  content_hash TEXT NOT NULL,
  files TEXT NOT NULL,
  registered_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE overrides (
  sequence INTEGER PRIMARY KEY,
  provider TEXT NOT NULL,
  brand TEXT,
  merchant TEXT,
  mode TEXT NOT NULL CHECK (mode IN ('force_open', 'force_closed', 'drain', 'auto')),
  reason TEXT NOT NULL,
  author TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER
) STRICT;

CREATE TRIGGER overrides_stay BEFORE DELETE ON overrides
BEGIN SELECT RAISE(ABORT, 'overrides are append-only'); END;

CREATE TRIGGER overrides_never_change BEFORE UPDATE ON overrides
BEGIN SELECT RAISE(ABORT, 'overrides are append-only'); END;

-- Written to find out whether the store can be written.
CREATE TABLE pings (id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL) STRICT;
INSERT INTO pings (id, count) VALUES (1, 0);
