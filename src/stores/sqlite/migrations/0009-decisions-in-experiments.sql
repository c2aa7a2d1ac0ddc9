-- Decisions for callers that send themselves: found by their payment, and counted by experiments as authorizations are.

-- The caller's name of the payment, as `data` has it: several decisions may be about one.
ALTER TABLE decisions ADD COLUMN reference TEXT;
UPDATE decisions SET reference = json_extract(data, '$.request.reference');
CREATE INDEX decisions_by_payment ON decisions (account, merchant, reference);

CREATE TRIGGER decisions_reference BEFORE UPDATE OF reference ON decisions
BEGIN SELECT RAISE(ABORT, 'what was decided never changes'); END;

-- When the last report was taken, and how long the attempt took; null before, and for what was reported before this
-- migration.
ALTER TABLE decision_attempts ADD COLUMN outcome_at_ms INTEGER;
ALTER TABLE decision_attempts ADD COLUMN duration_ms REAL;
-- Fees as they were expected when it was offered, basis points of the amount; null: not known.
ALTER TABLE decision_attempts ADD COLUMN cost_bps REAL;
-- JSON: why it was offered; null for the first, whose explanation is in the answer.
ALTER TABLE decision_attempts ADD COLUMN routing TEXT;

CREATE TRIGGER decision_attempts_settled_at BEFORE UPDATE OF outcome_at_ms, duration_ms ON decision_attempts
  WHEN OLD.outcome_kind NOT IN ('unknown', 'pending')
BEGIN SELECT RAISE(ABORT, 'a definite outcome that was reported never changes'); END;

CREATE TRIGGER decision_attempts_explained BEFORE UPDATE OF cost_bps, routing ON decision_attempts
BEGIN SELECT RAISE(ABORT, 'what was offered never changes'); END;

-- Written with the decision, whatever becomes of it.
CREATE TABLE decision_exposures (
  decision INTEGER NOT NULL REFERENCES decisions (sequence) ON DELETE CASCADE,
  experiment TEXT NOT NULL,
  arm TEXT NOT NULL,
  unit TEXT NOT NULL,
  phase INTEGER NOT NULL REFERENCES experiment_phases (number),
  propensity REAL NOT NULL CHECK (propensity > 0 AND propensity <= 1),
  -- The arm that was stopped and whose unit this one has taken.
  redirected_from TEXT,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (decision, experiment)
) STRICT, WITHOUT ROWID;

CREATE INDEX decision_exposures_by_unit ON decision_exposures (experiment, unit, decision);

CREATE TRIGGER decision_exposures_never_change BEFORE UPDATE ON decision_exposures
BEGIN SELECT RAISE(ABORT, 'an exposure never changes'); END;

CREATE TRIGGER decision_exposures_stay BEFORE DELETE ON decision_exposures
  WHEN EXISTS (SELECT 1 FROM decisions WHERE sequence = OLD.decision)
BEGIN SELECT RAISE(ABORT, 'an exposure is deleted only with its decision'); END;

-- What a bandit divides by now: what its phases say of the past, and a restart must not lose. One for each experiment.
CREATE TABLE bandit_shares (
  experiment TEXT PRIMARY KEY,
  -- Seed and arms that they are of: of others they say nothing.
  arms TEXT NOT NULL,
  -- JSON: one share for each arm, in their order.
  shares TEXT NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Whose payments the arm is stopped for, by what the account itself reports of them; null: everybody's.
ALTER TABLE arm_states ADD COLUMN account TEXT;
