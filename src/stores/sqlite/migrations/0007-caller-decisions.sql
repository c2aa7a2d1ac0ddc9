-- Decisions for callers that send their payments themselves: who they were told to try, and what they reported. No money
-- of ours is in them: they hold no payment and have no history, but they count for the cards' ceilings.

CREATE TABLE decisions (
  sequence INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  account TEXT NOT NULL,
  merchant TEXT NOT NULL,
  -- The idempotency key; null where none was given.
  key TEXT,
  body_fingerprint TEXT NOT NULL,
  -- Raised by one with every report that is taken.
  version INTEGER NOT NULL DEFAULT 1 CHECK (version >= 1),
  amount INTEGER NOT NULL CHECK (amount >= 1),
  currency TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  -- From when nobody else is offered.
  expires_at_ms INTEGER NOT NULL CHECK (expires_at_ms >= created_at_ms),
  -- JSON: what was asked for, and by what rule.
  data TEXT NOT NULL,
  -- The answer as given: a repeat under the key gets it byte for byte.
  answer_status INTEGER NOT NULL,
  answer_body TEXT NOT NULL,
  -- Somebody was to be tried, and nothing was reported yet.
  awaits_report INTEGER NOT NULL CHECK (awaits_report IN (0, 1)),
  -- It expired so, and was counted: once, whatever comes later.
  counted_unreported INTEGER NOT NULL DEFAULT 0 CHECK (counted_unreported IN (0, 1))
) STRICT;

CREATE UNIQUE INDEX decisions_by_key ON decisions (account, merchant, key) WHERE key IS NOT NULL;
CREATE INDEX decisions_unreported ON decisions (expires_at_ms) WHERE awaits_report = 1 AND counted_unreported = 0;
CREATE INDEX decisions_by_age ON decisions (created_at_ms);

CREATE TRIGGER decisions_version BEFORE UPDATE OF version ON decisions WHEN NEW.version <> OLD.version + 1
BEGIN SELECT RAISE(ABORT, 'every report on a decision raises its version by one'); END;

CREATE TRIGGER decisions_identity BEFORE UPDATE OF sequence, id, account, merchant, key, body_fingerprint, amount, currency,
  created_at_ms, expires_at_ms, data, answer_status, answer_body ON decisions
BEGIN SELECT RAISE(ABORT, 'what was decided never changes'); END;

CREATE TABLE decision_attempts (
  decision INTEGER NOT NULL REFERENCES decisions (sequence),
  number INTEGER NOT NULL CHECK (number >= 1),
  provider TEXT NOT NULL,
  propensity REAL NOT NULL CHECK (propensity BETWEEN 0 AND 1),
  offered_at_ms INTEGER NOT NULL,
  card_key TEXT,
  -- It was declined, or may be: as with attempts of our own.
  scheme_counts INTEGER NOT NULL DEFAULT 0 CHECK (scheme_counts = 0 OR (scheme_counts = 1 AND card_key IS NOT NULL)),
  blocked_until_ms INTEGER,
  block_reason TEXT,
  -- What the last report says; null before the first.
  outcome_kind TEXT CHECK (outcome_kind IN ('approved', 'partially_approved', 'declined', 'authentication_required',
    'pending', 'rejected', 'not_sent', 'unknown')),
  outcome TEXT,
  -- JSON: each report with the answer to it, in order.
  reports TEXT NOT NULL DEFAULT '[]',
  PRIMARY KEY (decision, number),
  CHECK ((outcome_kind IS NULL) = (outcome IS NULL)),
  CHECK ((blocked_until_ms IS NULL) = (block_reason IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX decision_attempts_by_card ON decision_attempts (card_key, offered_at_ms) WHERE scheme_counts = 1;
CREATE INDEX decision_attempts_blocking ON decision_attempts (card_key, blocked_until_ms)
  WHERE blocked_until_ms IS NOT NULL;

-- As with attempts of our own: nobody else before all earlier ones are definite negatives.
CREATE TRIGGER decision_attempts_follow BEFORE INSERT ON decision_attempts WHEN NEW.number > 1
BEGIN
  SELECT RAISE(ABORT, 'an earlier attempt of the decision is not definitely negative')
    WHERE EXISTS (SELECT 1 FROM decision_attempts WHERE decision = NEW.decision
      AND (outcome_kind IS NULL OR outcome_kind NOT IN ('declined', 'rejected', 'not_sent')));
  SELECT RAISE(ABORT, 'attempts of a decision are numbered 1, 2, and so on')
    WHERE NEW.number <> 1 + (SELECT count(*) FROM decision_attempts WHERE decision = NEW.decision);
END;

CREATE TRIGGER decision_attempts_settle BEFORE UPDATE OF outcome_kind, outcome, reports ON decision_attempts
  WHEN OLD.outcome_kind NOT IN ('unknown', 'pending')
BEGIN SELECT RAISE(ABORT, 'a definite outcome that was reported never changes'); END;

CREATE TRIGGER decision_attempts_identity BEFORE UPDATE OF decision, number, provider, propensity, offered_at_ms, card_key
  ON decision_attempts
BEGIN SELECT RAISE(ABORT, 'what was offered never changes'); END;
