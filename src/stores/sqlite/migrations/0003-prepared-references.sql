-- Providers with two steps: the id of an authorization there is durable before the step by which money can move. And
-- notices that name an operation of ours, or only the provider's own id.

ALTER TABLE attempts ADD COLUMN prepared_reference TEXT;
CREATE INDEX attempts_by_prepared ON attempts (prepared_reference) WHERE prepared_reference IS NOT NULL;

CREATE TRIGGER attempts_begin_unprepared BEFORE INSERT ON attempts WHEN NEW.prepared_reference IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'nothing is prepared before the intent is durable'); END;

-- What comes later is told by the outcome.
CREATE TRIGGER attempts_prepare BEFORE UPDATE OF prepared_reference ON attempts
  WHEN NEW.prepared_reference IS NOT OLD.prepared_reference AND (OLD.prepared_reference IS NOT NULL
    OR OLD.outcome_kind IS NOT NULL
    OR NOT EXISTS (SELECT 1 FROM authorizations WHERE sequence = OLD.authorization AND open = 1))
BEGIN SELECT RAISE(ABORT, 'what is prepared is noted once, while the request is under way'); END;

ALTER TABLE notices ADD COLUMN operation_id TEXT;
ALTER TABLE notices ADD COLUMN provider_reference TEXT;

CREATE TRIGGER notices_subject_stays BEFORE UPDATE OF operation_id, provider_reference ON notices
BEGIN SELECT RAISE(ABORT, 'what a provider sent never changes'); END;
