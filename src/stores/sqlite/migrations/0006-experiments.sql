-- Experiments: who met which arm, arms that were stopped, and what was seen at each look.

-- When what is known of an attempt came to be known: an approval that is found out days later is none in time. Null for
-- what was known before this migration.
ALTER TABLE attempts ADD COLUMN outcome_at_ms INTEGER;

-- Exposures of one phase were divided in the same way: `plan` is the JSON of seed, unit, coverage and shares.
CREATE TABLE experiment_phases (
  number INTEGER PRIMARY KEY,
  experiment TEXT NOT NULL,
  plan TEXT NOT NULL,
  first_at_ms INTEGER NOT NULL,
  UNIQUE (experiment, plan)
) STRICT;

-- Written with the authorization, whatever becomes of it: results are read by assignment.
CREATE TABLE exposures (
  authorization INTEGER NOT NULL REFERENCES authorizations (sequence),
  experiment TEXT NOT NULL,
  arm TEXT NOT NULL,
  unit TEXT NOT NULL,
  phase INTEGER NOT NULL REFERENCES experiment_phases (number),
  propensity REAL NOT NULL CHECK (propensity > 0 AND propensity <= 1),
  -- The arm that was stopped and whose unit this one has taken.
  redirected_from TEXT,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (authorization, experiment)
) STRICT, WITHOUT ROWID;

-- The order in which they are read: all of a unit together, oldest first.
CREATE INDEX exposures_by_unit ON exposures (experiment, unit, authorization);

CREATE TRIGGER exposures_never_change BEFORE UPDATE ON exposures
BEGIN SELECT RAISE(ABORT, 'an exposure never changes'); END;

CREATE TRIGGER exposures_stay BEFORE DELETE ON exposures
  WHEN (SELECT purged_before_ms FROM authorizations WHERE sequence = OLD.authorization) IS NULL
BEGIN SELECT RAISE(ABORT, 'an exposure is deleted only with its authorization'); END;

CREATE TRIGGER experiment_phases_never_change BEFORE UPDATE ON experiment_phases
BEGIN SELECT RAISE(ABORT, 'how units were divided never changes'); END;

CREATE TRIGGER experiment_phases_stay BEFORE DELETE ON experiment_phases
BEGIN SELECT RAISE(ABORT, 'phases are append-only'); END;

-- Who stopped an arm, or let it run again, when and why. The newest counts.
CREATE TABLE arm_states (
  sequence INTEGER PRIMARY KEY,
  experiment TEXT NOT NULL,
  arm TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('running', 'stopped')),
  reason TEXT NOT NULL,
  author TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL
) STRICT;

CREATE TRIGGER arm_states_stay BEFORE DELETE ON arm_states
BEGIN SELECT RAISE(ABORT, 'states of arms are append-only'); END;

CREATE TRIGGER arm_states_never_change BEFORE UPDATE ON arm_states
BEGIN SELECT RAISE(ABORT, 'states of arms are append-only'); END;

-- What an experiment looked like as it went: planned looks, and some between for the chart.
CREATE TABLE experiment_looks (
  experiment TEXT NOT NULL,
  number INTEGER NOT NULL CHECK (number >= 1),
  at_ms INTEGER NOT NULL,
  -- Which of the planned looks it is; null for the others.
  planned INTEGER CHECK (planned >= 1),
  -- JSON of the comparisons.
  data TEXT NOT NULL,
  PRIMARY KEY (experiment, number)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER experiment_looks_stay BEFORE DELETE ON experiment_looks
BEGIN SELECT RAISE(ABORT, 'looks are append-only'); END;

CREATE TRIGGER experiment_looks_never_change BEFORE UPDATE ON experiment_looks
BEGIN SELECT RAISE(ABORT, 'looks are append-only'); END;
