-- What the schema refuses, whatever the code above it does. Each change of an authorization is made while its row is
-- locked, so that what these look at does not change under them.

-- ---------------------------------------------------------------------------------------- authorizations

CREATE TRIGGER authorizations_begin BEFORE INSERT ON authorizations FOR EACH ROW
  WHEN (NOT ((NEW.open = 1 AND NEW.status = 'pending') OR (NEW.open = 0 AND NEW.holds_payment = 0)))
  EXECUTE FUNCTION journal_refuse('an authorization begins with its road open, or ends where it begins and holds nothing');

CREATE TRIGGER authorizations_stay BEFORE DELETE ON authorizations FOR EACH ROW
  WHEN (OLD.purged_before_ms IS NULL OR OLD.holds_payment = 1)
  EXECUTE FUNCTION journal_refuse('an authorization is deleted only when it is purged and holds no payment');

CREATE TRIGGER authorizations_version BEFORE UPDATE ON authorizations FOR EACH ROW
  WHEN (NEW.version <> OLD.version + 1)
  EXECUTE FUNCTION journal_refuse('every change of an authorization raises its version by one');

CREATE TRIGGER authorizations_identity BEFORE UPDATE OF sequence, id, account, merchant, reference, live, amount, currency,
  trace_id, created_at_ms ON authorizations FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('what was asked for never changes');

CREATE TRIGGER authorizations_under_way BEFORE UPDATE OF status, open, unsettled ON authorizations FOR EACH ROW
  WHEN ((NEW.unsettled = 1) <> (NEW.open = 1 OR NEW.status = 'pending' OR NEW.status = 'reversing'))
  EXECUTE FUNCTION journal_refuse('unsettled is what is open, pending or reversing');

CREATE TRIGGER authorizations_road BEFORE UPDATE OF open ON authorizations FOR EACH ROW
  WHEN (NEW.open > OLD.open)
  EXECUTE FUNCTION journal_refuse('a road that is over is never taken up again');

CREATE TRIGGER authorizations_answer BEFORE UPDATE OF answered ON authorizations FOR EACH ROW
  WHEN (NEW.answered < OLD.answered)
  EXECUTE FUNCTION journal_refuse('an answer that was given stays given');

CREATE FUNCTION journal_check_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM journal_refuse_when(
    NOT EXISTS (SELECT 1 FROM status_transitions WHERE from_status = OLD.status AND to_status = NEW.status),
    'this state may not follow that one');
  RETURN NEW;
END $$;
CREATE TRIGGER authorizations_status BEFORE UPDATE OF status ON authorizations FOR EACH ROW
  WHEN (NEW.status <> OLD.status) EXECUTE FUNCTION journal_check_status();

-- A payment is not released while an attempt at it may have moved money.
CREATE FUNCTION journal_check_release() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM journal_refuse_when(
    EXISTS (SELECT 1 FROM attempts WHERE "authorization" = NEW.sequence AND negative = 0
      AND outcome_kind IS DISTINCT FROM 'authentication_required'),
    'an attempt may have moved money');
  RETURN NEW;
END $$;
CREATE TRIGGER authorizations_release BEFORE UPDATE OF status ON authorizations FOR EACH ROW
  WHEN (NEW.holds_payment = 0 AND NEW.status <> OLD.status) EXECUTE FUNCTION journal_check_release();

-- Operations are written before the authorization that they change.
CREATE FUNCTION journal_check_sums() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  captured bigint;
  refunded bigint;
BEGIN
  SELECT coalesce(sum(amount) FILTER (WHERE kind = 'capture'), 0), coalesce(sum(amount) FILTER (WHERE kind = 'refund'), 0)
    INTO captured, refunded FROM operations WHERE "authorization" = NEW.sequence AND status = 'succeeded';
  PERFORM journal_refuse_when(NEW.captured_amount <> captured OR NEW.refunded_amount <> refunded,
    'captured and refunded are the sums of the operations that succeeded');
  RETURN NULL;
END $$;
CREATE TRIGGER authorizations_sums AFTER UPDATE ON authorizations FOR EACH ROW EXECUTE FUNCTION journal_check_sums();

CREATE FUNCTION journal_check_purge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM journal_refuse_when(NEW.open = 1 OR NEW.unsettled = 1
      OR (NEW.holds_payment = 1 AND NEW.status NOT IN ('refunded', 'captured', 'partially_refunded'))
      OR EXISTS (SELECT 1 FROM work WHERE "authorization" = NEW.sequence)
      OR EXISTS (SELECT 1 FROM operations WHERE "authorization" = NEW.sequence AND status = 'pending'),
    'an authorization that may still move money is not purged');
  PERFORM journal_refuse_when(
    EXISTS (SELECT 1 FROM events WHERE "authorization" = NEW.sequence AND at_ms >= NEW.purged_before_ms),
    'an authorization that was changed since is not purged');
  RETURN NEW;
END $$;
CREATE TRIGGER authorizations_purge BEFORE UPDATE OF purged_before_ms ON authorizations FOR EACH ROW
  EXECUTE FUNCTION journal_check_purge();

CREATE TRIGGER authorizations_purged BEFORE UPDATE ON authorizations FOR EACH ROW
  WHEN (OLD.purged_before_ms IS NOT NULL)
  EXECUTE FUNCTION journal_refuse('an authorization that was purged never changes');

-- What belongs to an authorization goes only when that is purged: in the words that the trigger is made with.
CREATE FUNCTION journal_check_goes_with_authorization() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM journal_refuse_when(
    (SELECT purged_before_ms FROM authorizations WHERE sequence = OLD."authorization") IS NULL, TG_ARGV[0]);
  RETURN OLD;
END $$;

-- ---------------------------------------------------------------------------------------- attempts

CREATE TRIGGER attempts_stay BEFORE DELETE ON attempts FOR EACH ROW
  EXECUTE FUNCTION journal_check_goes_with_authorization('an attempt is deleted only with its authorization');

CREATE TRIGGER attempts_begin BEFORE INSERT ON attempts FOR EACH ROW WHEN (NEW.outcome_kind IS NOT NULL)
  EXECUTE FUNCTION journal_refuse('an attempt begins without an outcome');

CREATE TRIGGER attempts_begin_unprepared BEFORE INSERT ON attempts FOR EACH ROW WHEN (NEW.prepared_reference IS NOT NULL)
  EXECUTE FUNCTION journal_refuse('nothing is prepared before the intent is durable');

-- Each attempt after the first needs all before it to be negative. (A second "first" fails on the key.)
CREATE FUNCTION journal_check_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM journal_refuse_when(
    EXISTS (SELECT 1 FROM attempts WHERE "authorization" = NEW."authorization" AND negative = 0),
    'an earlier attempt is not definitely negative');
  PERFORM journal_refuse_when(
    NEW.number <> 1 + (SELECT count(*) FROM attempts WHERE "authorization" = NEW."authorization"),
    'attempts are numbered 1, 2, and so on');
  PERFORM journal_refuse_when(
    NOT EXISTS (SELECT 1 FROM authorizations WHERE sequence = NEW."authorization" AND open = 1 AND holds_payment = 1),
    'the road of this authorization is over');
  PERFORM journal_refuse_when(
    EXISTS (SELECT 1 FROM operations WHERE "authorization" = NEW."authorization" AND status = 'pending'),
    'something is still being undone');
  RETURN NEW;
END $$;
CREATE TRIGGER attempts_follow BEFORE INSERT ON attempts FOR EACH ROW WHEN (NEW.number > 1)
  EXECUTE FUNCTION journal_check_attempt();

-- Of an approval, what was not told is filled in, once: the transaction of the card's network, and until when it is good.
CREATE FUNCTION journal_check_settled() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  before jsonb := journal_json(OLD.outcome);
  after jsonb := journal_json(NEW.outcome);
BEGIN
  PERFORM journal_refuse_when(NOT (
      OLD.outcome_kind IN ('approved', 'partially_approved') AND NEW.outcome_kind IS NOT DISTINCT FROM OLD.outcome_kind
      AND NEW.provider_reference IS NOT DISTINCT FROM OLD.provider_reference
      AND NEW.duration_ms IS NOT DISTINCT FROM OLD.duration_ms
      AND after - ARRAY['networkTransaction', 'expiresAtMs'] IS NOT DISTINCT FROM
        before - ARRAY['networkTransaction', 'expiresAtMs']
      AND (before ->> 'networkTransaction' IS NULL
        OR after -> 'networkTransaction' IS NOT DISTINCT FROM before -> 'networkTransaction')
      AND (before ->> 'expiresAtMs' IS NULL
        OR after -> 'expiresAtMs' IS NOT DISTINCT FROM before -> 'expiresAtMs')),
    'a definite outcome never changes');
  RETURN NEW;
END $$;
CREATE TRIGGER attempts_settle BEFORE UPDATE OF outcome_kind, outcome, provider_reference, duration_ms ON attempts
  FOR EACH ROW WHEN (OLD.outcome_kind NOT IN ('unknown', 'pending')) EXECUTE FUNCTION journal_check_settled();

CREATE TRIGGER attempts_say_more BEFORE UPDATE OF outcome_kind ON attempts FOR EACH ROW
  WHEN (OLD.outcome_kind IN ('unknown', 'pending') AND (NEW.outcome_kind IS NULL OR NEW.outcome_kind = 'unknown'
    OR (NEW.outcome_kind = 'pending' AND OLD.outcome_kind = 'pending')))
  EXECUTE FUNCTION journal_refuse('an outcome is replaced only by one that says more');

CREATE TRIGGER attempts_stay_negative BEFORE UPDATE OF negative ON attempts FOR EACH ROW
  WHEN (NEW.negative < OLD.negative) EXECUTE FUNCTION journal_refuse('what is undone stays undone');

-- What stood at a provider is gone only when a void has undone it. (`not_sent` and `rejected` never stood.)
CREATE FUNCTION journal_check_undone() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  outcome jsonb := journal_json(NEW.outcome);
BEGIN
  PERFORM journal_refuse_when(
    (NEW.outcome_kind = 'approved'
      OR (NEW.outcome_kind = 'partially_approved' AND outcome ->> 'reversal' IS DISTINCT FROM 'confirmed')
      OR (NEW.outcome_kind = 'declined' AND outcome #> '{decline,mayHideApproval}' IS DISTINCT FROM 'false'::jsonb))
    AND NOT EXISTS (SELECT 1 FROM operations WHERE "authorization" = NEW."authorization"
      AND attempt_number = NEW.number AND kind = 'void' AND status = 'succeeded'
      AND code IS DISTINCT FROM 'nothing_to_void'),
    'no void has undone this attempt');
  RETURN NEW;
END $$;
CREATE TRIGGER attempts_undone BEFORE UPDATE OF negative ON attempts FOR EACH ROW
  WHEN (NEW.negative = 1 AND NEW.outcome_kind IN ('approved', 'partially_approved', 'declined'))
  EXECUTE FUNCTION journal_check_undone();

CREATE TRIGGER attempts_identity BEFORE UPDATE OF "authorization", number, id, provider, provider_key, fingerprint,
  propensity, started_at_ms, deadline_at_ms, owner, card_key ON attempts FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('an intent never changes');

-- What comes later is told by the outcome.
CREATE FUNCTION journal_check_prepared() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM journal_refuse_when(OLD.prepared_reference IS NOT NULL OR OLD.outcome_kind IS NOT NULL
      OR NOT EXISTS (SELECT 1 FROM authorizations WHERE sequence = OLD."authorization" AND open = 1),
    'what is prepared is noted once, while the request is under way');
  RETURN NEW;
END $$;
CREATE TRIGGER attempts_prepare BEFORE UPDATE OF prepared_reference ON attempts FOR EACH ROW
  WHEN (NEW.prepared_reference IS DISTINCT FROM OLD.prepared_reference) EXECUTE FUNCTION journal_check_prepared();

-- ---------------------------------------------------------------------------------------- operations

CREATE TRIGGER operations_stay BEFORE DELETE ON operations FOR EACH ROW
  EXECUTE FUNCTION journal_check_goes_with_authorization('an operation is deleted only with its authorization');

CREATE FUNCTION journal_check_operation_number() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM journal_refuse_when(
    NEW.number <> 1 + (SELECT count(*) FROM operations WHERE "authorization" = NEW."authorization"),
    'operations are numbered 1, 2, and so on');
  RETURN NEW;
END $$;
CREATE TRIGGER operations_number BEFORE INSERT ON operations FOR EACH ROW
  EXECUTE FUNCTION journal_check_operation_number();

CREATE TRIGGER operations_identity BEFORE UPDATE OF "authorization", number, id, kind, purpose, attempt_number, target,
  amount, final, provider_key, created_at_ms ON operations FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('the intent of an operation never changes');

CREATE TRIGGER operations_settle BEFORE UPDATE ON operations FOR EACH ROW WHEN (OLD.status <> 'pending')
  EXECUTE FUNCTION journal_refuse('an operation that ended never changes');

CREATE FUNCTION journal_check_capture() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM journal_refuse_when(
    NOT EXISTS (SELECT 1 FROM attempts WHERE "authorization" = NEW."authorization" AND number = NEW.attempt_number
      AND outcome_kind IN ('approved', 'partially_approved') AND negative = 0),
    'only what was authorized, and stands, is captured');
  PERFORM journal_refuse_when(
    EXISTS (SELECT 1 FROM operations WHERE "authorization" = NEW."authorization"
      AND attempt_number = NEW.attempt_number AND kind = 'void'
      AND (status = 'pending' OR (status = 'succeeded' AND code IS DISTINCT FROM 'nothing_to_void'))),
    'what is being undone is not captured');
  PERFORM journal_refuse_when(
    NEW.amount + (SELECT coalesce(sum(amount), 0) FROM operations WHERE "authorization" = NEW."authorization"
        AND kind = 'capture' AND status <> 'failed')
      > (SELECT CASE t.outcome_kind WHEN 'approved' THEN a.amount
          ELSE (journal_json(t.outcome) ->> 'authorizedAmount')::numeric END
        FROM attempts AS t JOIN authorizations AS a ON a.sequence = t."authorization"
        WHERE t."authorization" = NEW."authorization" AND t.number = NEW.attempt_number),
    'captures exceed what was authorized');
  RETURN NEW;
END $$;
CREATE TRIGGER operations_capture BEFORE INSERT ON operations FOR EACH ROW WHEN (NEW.kind = 'capture')
  EXECUTE FUNCTION journal_check_capture();

CREATE FUNCTION journal_check_void() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- One that was cancelled before anything was known of it may be found approved after all.
  PERFORM journal_refuse_when(
    EXISTS (SELECT 1 FROM operations WHERE "authorization" = NEW."authorization"
        AND attempt_number = NEW.attempt_number AND kind = 'void' AND status = 'succeeded'
        AND code IS DISTINCT FROM 'nothing_to_void')
      AND EXISTS (SELECT 1 FROM attempts WHERE "authorization" = NEW."authorization" AND number = NEW.attempt_number
        AND outcome_kind <> 'rejected'),
    'this attempt is undone already');
  PERFORM journal_refuse_when(
    EXISTS (SELECT 1 FROM operations WHERE "authorization" = NEW."authorization"
      AND attempt_number = NEW.attempt_number AND kind = 'capture' AND status <> 'failed'),
    'captured money is not voided');
  RETURN NEW;
END $$;
CREATE TRIGGER operations_void BEFORE INSERT ON operations FOR EACH ROW WHEN (NEW.kind = 'void')
  EXECUTE FUNCTION journal_check_void();

CREATE FUNCTION journal_check_refund() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM journal_refuse_when(
    NEW.amount + (SELECT coalesce(sum(amount), 0) FROM operations WHERE "authorization" = NEW."authorization"
        AND kind = 'refund' AND status <> 'failed')
      > (SELECT coalesce(sum(amount), 0) FROM operations WHERE "authorization" = NEW."authorization"
        AND kind = 'capture' AND status = 'succeeded'),
    'refunds exceed what was captured');
  RETURN NEW;
END $$;
CREATE TRIGGER operations_refund BEFORE INSERT ON operations FOR EACH ROW WHEN (NEW.kind = 'refund')
  EXECUTE FUNCTION journal_check_refund();

-- ---------------------------------------------------------------------------------------- claims, events, seals

CREATE TRIGGER claims_stay BEFORE DELETE ON claims FOR EACH ROW
  EXECUTE FUNCTION journal_check_goes_with_authorization('a key is forgotten only with its authorization');

CREATE TRIGGER claims_never_change BEFORE UPDATE ON claims FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('what a key was used for never changes');

CREATE TRIGGER events_hashed BEFORE INSERT ON events FOR EACH ROW WHEN (NEW.hash IS NULL)
  EXECUTE FUNCTION journal_refuse('an event is written with its hash');

-- Events are written before the authorization that they change.
CREATE FUNCTION journal_check_answer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM journal_refuse_when(
    EXISTS (SELECT 1 FROM authorizations WHERE sequence = NEW."authorization" AND answered = 1),
    'an answer is frozen once');
  RETURN NEW;
END $$;
CREATE TRIGGER events_answer_once BEFORE INSERT ON events FOR EACH ROW
  WHEN (NEW.answer_status IS NOT NULL AND NEW.number > 1) EXECUTE FUNCTION journal_check_answer();

CREATE TRIGGER events_stay BEFORE DELETE ON events FOR EACH ROW
  EXECUTE FUNCTION journal_check_goes_with_authorization('events are append-only');

CREATE TRIGGER events_never_change BEFORE UPDATE ON events FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('events are append-only');

CREATE FUNCTION journal_keep_hash() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO purged_events (sequence, hash) VALUES (OLD.sequence, OLD.hash);
  RETURN NULL;
END $$;
CREATE TRIGGER events_purged AFTER DELETE ON events FOR EACH ROW WHEN (OLD.hash IS NOT NULL)
  EXECUTE FUNCTION journal_keep_hash();

CREATE TRIGGER purged_events_stay BEFORE DELETE ON purged_events FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('hashes are append-only');

CREATE TRIGGER purged_events_never_change BEFORE UPDATE ON purged_events FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('hashes are append-only');

CREATE TRIGGER seals_stay BEFORE DELETE ON seals FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('seals are append-only');

CREATE TRIGGER seals_never_change BEFORE UPDATE ON seals FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('seals are append-only');

CREATE TRIGGER hash_chain_stays BEFORE DELETE ON hash_chain FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('where the hashes begin never changes');

CREATE TRIGGER hash_chain_never_changes BEFORE UPDATE ON hash_chain FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('where the hashes begin never changes');

CREATE TRIGGER secrets_stay BEFORE DELETE ON secrets FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('a secret is made once');

CREATE TRIGGER secrets_never_change BEFORE UPDATE ON secrets FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('a secret is made once');

-- ---------------------------------------------------------------------------------------- notices, deliveries

CREATE TRIGGER notices_stay BEFORE DELETE ON notices FOR EACH ROW WHEN (OLD.result IS NULL)
  EXECUTE FUNCTION journal_refuse('a notice stays until somebody has dealt with it');

CREATE TRIGGER notices_never_change BEFORE UPDATE OF sequence, provider, event_id, type, attempt_id, data, received_at_ms,
  operation_id, provider_reference ON notices FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('what a provider sent never changes');

CREATE TRIGGER event_cursors_advance BEFORE UPDATE ON event_cursors FOR EACH ROW
  WHEN (NEW.through_event < OLD.through_event) EXECUTE FUNCTION journal_refuse('what was told is not made again');

CREATE TRIGGER deliveries_identity BEFORE UPDATE OF sequence, id, endpoint, account, "authorization", number, part, type,
  at_ms ON deliveries FOR EACH ROW EXECUTE FUNCTION journal_refuse('what is told never changes');

-- ---------------------------------------------------------------------------------------- rules, overrides

CREATE TRIGGER rulesets_stay BEFORE DELETE ON rulesets FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('rulesets are append-only');

CREATE TRIGGER rulesets_never_change BEFORE UPDATE ON rulesets FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('rulesets are append-only');

CREATE FUNCTION journal_check_activation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM journal_refuse_when(
    NEW.sequence <> 1 + (SELECT coalesce(max(sequence), 0) FROM ruleset_activations),
    'activations of rulesets are numbered 1, 2, and so on');
  RETURN NEW;
END $$;
CREATE TRIGGER ruleset_activations_follow BEFORE INSERT ON ruleset_activations FOR EACH ROW
  EXECUTE FUNCTION journal_check_activation();

CREATE TRIGGER ruleset_activations_stay BEFORE DELETE ON ruleset_activations FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('activations of rulesets are append-only');

CREATE TRIGGER ruleset_activations_never_change BEFORE UPDATE ON ruleset_activations FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('activations of rulesets are append-only');

CREATE TRIGGER overrides_stay BEFORE DELETE ON overrides FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('overrides are append-only');

CREATE TRIGGER overrides_never_change BEFORE UPDATE ON overrides FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('overrides are append-only');

-- ---------------------------------------------------------------------------------------- experiments

-- Phases never go, so that it needs no lock to see one.
CREATE FUNCTION journal_check_phase() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM journal_refuse_when(
    NOT EXISTS (SELECT 1 FROM experiment_phases WHERE number = NEW.phase AND experiment = NEW.experiment),
    'an exposure is of a phase of its experiment');
  RETURN NEW;
END $$;
CREATE TRIGGER exposures_phase BEFORE INSERT ON exposures FOR EACH ROW EXECUTE FUNCTION journal_check_phase();

CREATE TRIGGER exposures_never_change BEFORE UPDATE ON exposures FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('an exposure never changes');

CREATE TRIGGER exposures_stay BEFORE DELETE ON exposures FOR EACH ROW
  EXECUTE FUNCTION journal_check_goes_with_authorization('an exposure is deleted only with its authorization');

CREATE TRIGGER experiment_phases_never_change BEFORE UPDATE ON experiment_phases FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('how units were divided never changes');

CREATE TRIGGER experiment_phases_stay BEFORE DELETE ON experiment_phases FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('phases are append-only');

CREATE TRIGGER arm_states_stay BEFORE DELETE ON arm_states FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('states of arms are append-only');

CREATE TRIGGER arm_states_never_change BEFORE UPDATE ON arm_states FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('states of arms are append-only');

CREATE TRIGGER experiment_looks_stay BEFORE DELETE ON experiment_looks FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('looks are append-only');

CREATE TRIGGER experiment_looks_never_change BEFORE UPDATE ON experiment_looks FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('looks are append-only');

-- ---------------------------------------------------------------------------------------- decisions

CREATE TRIGGER decisions_version BEFORE UPDATE OF version ON decisions FOR EACH ROW
  WHEN (NEW.version <> OLD.version + 1)
  EXECUTE FUNCTION journal_refuse('every report on a decision raises its version by one');

CREATE TRIGGER decisions_identity BEFORE UPDATE OF sequence, id, account, merchant, key, body_fingerprint, amount, currency,
  created_at_ms, expires_at_ms, data, answer_status, answer_body, reference ON decisions FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('what was decided never changes');

-- As with attempts of our own: nobody else before all earlier ones are definite negatives.
CREATE FUNCTION journal_check_offer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM journal_refuse_when(
    EXISTS (SELECT 1 FROM decision_attempts WHERE decision = NEW.decision
      AND (outcome_kind IS NULL OR outcome_kind NOT IN ('declined', 'rejected', 'not_sent'))),
    'an earlier attempt of the decision is not definitely negative');
  PERFORM journal_refuse_when(
    NEW.number <> 1 + (SELECT count(*) FROM decision_attempts WHERE decision = NEW.decision),
    'attempts of a decision are numbered 1, 2, and so on');
  RETURN NEW;
END $$;
CREATE TRIGGER decision_attempts_follow BEFORE INSERT ON decision_attempts FOR EACH ROW WHEN (NEW.number > 1)
  EXECUTE FUNCTION journal_check_offer();

CREATE TRIGGER decision_attempts_settle BEFORE UPDATE OF outcome_kind, outcome, reports, outcome_at_ms, duration_ms
  ON decision_attempts FOR EACH ROW WHEN (OLD.outcome_kind NOT IN ('unknown', 'pending'))
  EXECUTE FUNCTION journal_refuse('a definite outcome that was reported never changes');

CREATE TRIGGER decision_attempts_identity BEFORE UPDATE OF decision, number, provider, propensity, offered_at_ms, card_key,
  cost_bps, routing ON decision_attempts FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('what was offered never changes');

CREATE TRIGGER decision_exposures_phase BEFORE INSERT ON decision_exposures FOR EACH ROW
  EXECUTE FUNCTION journal_check_phase();

CREATE TRIGGER decision_exposures_never_change BEFORE UPDATE ON decision_exposures FOR EACH ROW
  EXECUTE FUNCTION journal_refuse('an exposure never changes');

CREATE FUNCTION journal_check_goes_with_decision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM journal_refuse_when(
    EXISTS (SELECT 1 FROM decisions WHERE sequence = OLD.decision),
    'an exposure is deleted only with its decision');
  RETURN OLD;
END $$;
CREATE TRIGGER decision_exposures_stay BEFORE DELETE ON decision_exposures FOR EACH ROW
  EXECUTE FUNCTION journal_check_goes_with_decision();

-- ---------------------------------------------------------------------------------------- emptying a table at once

-- It passes by the triggers of rows: whoever owns the tables may still not do it by mistake.
DO $$
DECLARE
  guarded text;
BEGIN
  FOREACH guarded IN ARRAY ARRAY['authorizations', 'attempts', 'operations', 'work', 'claims', 'notices', 'secrets', 'events',
    'hash_chain', 'seals', 'purged_events', 'event_cursors', 'deliveries', 'rulesets', 'ruleset_activations', 'overrides',
    'experiment_phases', 'exposures', 'arm_states', 'experiment_looks', 'decisions', 'decision_attempts',
    'decision_exposures', 'status_transitions']
  LOOP
    EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION journal_refuse(%L)',
      guarded || '_not_emptied', guarded, 'the journal is never emptied');
  END LOOP;
END $$;
