-- What is told later, and by other names: a dispute may name only the capture that it is about, and of an approval the
-- transaction of the card's network, or until when it is good, may be told only afterwards.

CREATE INDEX operations_by_reference ON operations (provider_reference) WHERE provider_reference IS NOT NULL;

DROP TRIGGER attempts_settle;
CREATE TRIGGER attempts_settle BEFORE UPDATE OF outcome_kind, outcome, provider_reference, duration_ms ON attempts
  WHEN OLD.outcome_kind NOT IN ('unknown', 'pending') AND NOT (
    OLD.outcome_kind IN ('approved', 'partially_approved') AND NEW.outcome_kind IS OLD.outcome_kind
    AND NEW.provider_reference IS OLD.provider_reference AND NEW.duration_ms IS OLD.duration_ms
    AND json_remove(NEW.outcome, '$.networkTransaction', '$.expiresAtMs')
      IS json_remove(OLD.outcome, '$.networkTransaction', '$.expiresAtMs')
    -- What was not told is filled in, once.
    AND (json_extract(OLD.outcome, '$.networkTransaction') IS NULL
      OR json_extract(NEW.outcome, '$.networkTransaction') IS json_extract(OLD.outcome, '$.networkTransaction'))
    AND (json_extract(OLD.outcome, '$.expiresAtMs') IS NULL
      OR json_extract(NEW.outcome, '$.expiresAtMs') IS json_extract(OLD.outcome, '$.expiresAtMs')))
BEGIN SELECT RAISE(ABORT, 'a definite outcome never changes'); END;
