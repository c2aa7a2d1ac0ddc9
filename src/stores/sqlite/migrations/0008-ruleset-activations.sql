-- Which ruleset is in force: that of the newest activation. The older ones tell what was in force before, and since when.

CREATE TABLE ruleset_activations (
  sequence INTEGER PRIMARY KEY CHECK (sequence >= 1),
  version INTEGER NOT NULL REFERENCES rulesets (number),
  -- The folder's content; a person's choice; a person's way back; the gateway's own way back from one that may not stay.
  cause TEXT NOT NULL CHECK (cause IN ('folder', 'activation', 'rollback', 'restored')),
  author TEXT NOT NULL,
  reason TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  -- The activation to which a rollback goes; null: there is none before.
  beneath INTEGER REFERENCES ruleset_activations (sequence) CHECK (beneath < sequence)
) STRICT;

CREATE INDEX ruleset_activations_by_version ON ruleset_activations (version, sequence);

-- Until now every content was in force from its registration to the next one's.
INSERT INTO ruleset_activations (sequence, version, cause, author, reason, at_ms, beneath)
SELECT place, number, 'folder', 'folder', 'the folder held it', registered_at_ms, nullif(place - 1, 0)
FROM (SELECT row_number() OVER (ORDER BY number) AS place, number, registered_at_ms FROM rulesets) ORDER BY place;

CREATE TRIGGER ruleset_activations_follow BEFORE INSERT ON ruleset_activations
  WHEN NEW.sequence <> 1 + (SELECT coalesce(max(sequence), 0) FROM ruleset_activations)
BEGIN SELECT RAISE(ABORT, 'activations of rulesets are numbered 1, 2, and so on'); END;

CREATE TRIGGER ruleset_activations_stay BEFORE DELETE ON ruleset_activations
BEGIN SELECT RAISE(ABORT, 'activations of rulesets are append-only'); END;

CREATE TRIGGER ruleset_activations_never_change BEFORE UPDATE ON ruleset_activations
BEGIN SELECT RAISE(ABORT, 'activations of rulesets are append-only'); END;

CREATE TRIGGER rulesets_stay BEFORE DELETE ON rulesets
BEGIN SELECT RAISE(ABORT, 'rulesets are append-only'); END;

CREATE TRIGGER rulesets_never_change BEFORE UPDATE ON rulesets
BEGIN SELECT RAISE(ABORT, 'rulesets are append-only'); END;
