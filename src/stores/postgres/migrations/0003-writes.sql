-- The writes on the way of a payment, a batch of them in one statement, which is one round trip and one commit. A command
-- that is refused has written nothing; one that cannot be written makes the whole statement fail.
--
-- Each statement in these functions sees what was committed before it. What must not change between looking and writing is
-- locked before anything is looked at: the caller names what by numbers, in ascending order, so that no two batches wait
-- for each other. Unique keys and triggers stand behind that.
--
-- A command is a JSON object of plain values. That of a later version may have more members; a member that changes its
-- meaning comes with a `journal_write_v2`.

CREATE FUNCTION journal_sha256(content text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT encode(sha256(convert_to(content, 'UTF8')), 'hex')
$$;

-- What a key was used for, and what was answered; null when it is free.
CREATE FUNCTION journal_find_claim_v1(scope jsonb) RETURNS jsonb LANGUAGE sql VOLATILE AS $$
  SELECT jsonb_build_object('authorization_id', a.id, 'operation_number', c.operation_number,
    'body_fingerprint', c.body_fingerprint, 'open', CASE WHEN c.operation_number = 0 THEN a.open ELSE 0 END,
    'answer_status', coalesce(o.answer_status, e.answer_status), 'answer_body', coalesce(o.answer_body, e.answer_body))
  FROM claims AS c JOIN authorizations AS a ON a.sequence = c."authorization"
    LEFT JOIN operations AS o ON o."authorization" = c."authorization" AND o.number = c.operation_number
    LEFT JOIN events AS e ON c.operation_number = 0 AND a.answered = 1 AND e."authorization" = a.sequence
      AND e.answer_status IS NOT NULL
  WHERE c.account = scope ->> 0 AND c.merchant = scope ->> 1 AND c.operation = scope ->> 2 AND c.key = scope ->> 3
  ORDER BY e.number LIMIT 1
$$;

-- Whether the card may be tried again at its merchant; null: it may. Of several reasons against it the one that lasts
-- longest is told. What callers were told to try themselves counts as attempts of our own do: the schemes see one card.
CREATE FUNCTION journal_scheme_stop_v1(scheme jsonb, own_authorization bigint, own_decision bigint) RETURNS jsonb
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  card text := scheme ->> 'cardKey';
  now_ms numeric := (scheme ->> 'nowMs')::numeric;
  leaving integer[] := ARRAY(SELECT value::integer FROM jsonb_array_elements_text(scheme -> 'leaving'));
  ceiling jsonb;
  reason text := scheme #>> '{stop,reason}';
  retry_at_ms numeric := (scheme #>> '{stop,retryAtMs}')::numeric;
  since_ms bigint;
  found_at_ms numeric;
  found_reason text;
BEGIN
  SELECT b.blocked_until_ms, b.block_reason INTO found_at_ms, found_reason FROM (
    SELECT blocked_until_ms, block_reason FROM attempts
      WHERE card_key = card AND blocked_until_ms IS NOT NULL AND blocked_until_ms > floor(now_ms)::bigint
    UNION ALL
    SELECT blocked_until_ms, block_reason FROM decision_attempts
      WHERE card_key = card AND blocked_until_ms IS NOT NULL AND blocked_until_ms > floor(now_ms)::bigint) AS b
  ORDER BY b.blocked_until_ms DESC LIMIT 1;
  IF found_at_ms IS NOT NULL AND (retry_at_ms IS NULL OR found_at_ms > retry_at_ms) THEN
    reason := found_reason;
    retry_at_ms := found_at_ms;
  END IF;
  FOR ceiling IN SELECT value FROM jsonb_array_elements(scheme -> 'limits') LOOP
    found_at_ms := NULL;
    IF (ceiling ->> 'max')::numeric <= 0 THEN
      found_at_ms := now_ms;
    ELSE
      since_ms := floor(now_ms - (ceiling ->> 'windowMs')::numeric)::bigint;
      -- The attempt that has to leave the window before another may be made: the last one that the ceiling still allows,
      -- counted from the newest. There is none while there is room.
      SELECT t.at_ms INTO found_at_ms FROM (
        SELECT t.started_at_ms AS at_ms FROM attempts AS t JOIN authorizations AS a ON a.sequence = t."authorization"
          WHERE t.card_key = card AND t.scheme_counts = 1 AND t.started_at_ms > since_ms
            AND (NOT (ceiling ->> 'sameAmount')::boolean
              OR (a.amount = (scheme ->> 'amount')::bigint AND a.currency = scheme ->> 'currency'))
            AND (t."authorization" <> own_authorization OR t.number <> ALL (leaving))
        UNION ALL
        SELECT t.offered_at_ms FROM decision_attempts AS t JOIN decisions AS d ON d.sequence = t.decision
          WHERE t.card_key = card AND t.scheme_counts = 1 AND t.offered_at_ms > since_ms
            AND (NOT (ceiling ->> 'sameAmount')::boolean
              OR (d.amount = (scheme ->> 'amount')::bigint AND d.currency = scheme ->> 'currency'))
            AND (t.decision <> own_decision OR t.number <> ALL (leaving))) AS t
      ORDER BY t.at_ms DESC LIMIT 1 OFFSET (ceiling ->> 'max')::bigint - 1;
    END IF;
    IF found_at_ms IS NOT NULL
      AND (retry_at_ms IS NULL OR found_at_ms + (ceiling ->> 'windowMs')::numeric > retry_at_ms) THEN
      reason := ceiling ->> 'name';
      retry_at_ms := found_at_ms + (ceiling ->> 'windowMs')::numeric;
    END IF;
  END LOOP;
  IF reason IS NULL THEN RETURN NULL; END IF;
  RETURN jsonb_build_object('stop', jsonb_build_object('reason', reason, 'retryAtMs', retry_at_ms));
END $$;

-- Number, id, provider, key, fingerprint, propensity, started, deadline, owner, card, counts.
CREATE FUNCTION journal_add_attempt_v1(whose bigint, intent jsonb) RETURNS void LANGUAGE sql VOLATILE AS $$
  INSERT INTO attempts ("authorization", number, id, provider, provider_key, fingerprint, propensity, started_at_ms,
    deadline_at_ms, owner, card_key, scheme_counts)
  VALUES (whose, (intent ->> 0)::integer, intent ->> 1, intent ->> 2, intent ->> 3, intent ->> 4,
    (intent ->> 5)::double precision, (intent ->> 6)::bigint, (intent ->> 7)::bigint, intent ->> 8, intent ->> 9,
    (intent ->> 10)::smallint)
$$;

-- An event: at, actor, kind, data, answer status, answer body. `head` is what the hash of the event begins with, without
-- the hash before, which only this transaction knows for certain.
CREATE FUNCTION journal_add_event_v1(whose bigint, number integer, previous text, head text, event jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  link text := journal_sha256('[' || coalesce('"' || previous || '"', 'null') || ',' || head || E'\n' || (event ->> 3)
    || coalesce(event ->> 5, ''));
BEGIN
  INSERT INTO events ("authorization", number, hash, at_ms, actor, kind, data, answer_status, answer_body)
  VALUES (whose, number, link, (event ->> 0)::bigint, event ->> 1, event ->> 2, event ->> 3, (event ->> 4)::integer,
    event ->> 5);
  RETURN link;
END $$;

-- Exposures: experiment, plan, arm, unit, propensity, redirected from. Their phases are there already.
CREATE FUNCTION journal_find_phase_v1(its_experiment text, its_plan text) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  found_number integer;
BEGIN
  SELECT number INTO found_number FROM experiment_phases WHERE experiment = its_experiment AND plan = its_plan;
  IF found_number IS NULL THEN
    RAISE EXCEPTION USING MESSAGE = format('experiment %s has no such phase', its_experiment), ERRCODE = 'PM002';
  END IF;
  RETURN found_number;
END $$;

CREATE FUNCTION journal_open_v1(command jsonb) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  claim jsonb := command -> 'claim';
  state jsonb := command -> 'state';
  event jsonb := command -> 'event';
  holder record;
  refusal jsonb;
  new_sequence bigint;
  link text;
  exposure jsonb;
BEGIN
  refusal := journal_find_claim_v1(claim);
  IF refusal IS NOT NULL THEN RETURN jsonb_build_object('claim', refusal); END IF;
  SELECT id, account INTO holder FROM authorizations
    WHERE reference = command ->> 'reference' AND merchant = command ->> 'merchant' AND holds_payment = 1;
  IF holder.id IS NOT NULL THEN
    -- Whose it is, is told only to its own account.
    RETURN jsonb_build_object('paymentLive', CASE WHEN holder.account = claim ->> 0 THEN holder.id END);
  END IF;
  IF command -> 'scheme' <> 'null'::jsonb THEN
    refusal := journal_scheme_stop_v1(command -> 'scheme', 0, 0);
    IF refusal IS NOT NULL THEN RETURN refusal; END IF;
  END IF;
  link := journal_sha256('[null,' || (command ->> 'head') || E'\n' || (event ->> 3) || coalesce(event ->> 5, ''));
  INSERT INTO authorizations (id, last_hash, merchant, reference, created_at_ms, holds_payment, status, unsettled, open,
    answered, account, live, amount, currency, provider, decline, lease_until_ms, trace_id)
  VALUES (command ->> 'id', link, command ->> 'merchant', command ->> 'reference', (event ->> 0)::bigint,
    CASE WHEN (command ->> 'holdsPayment')::boolean THEN 1 ELSE 0 END, state ->> 0, (state ->> 1)::smallint,
    (state ->> 2)::smallint, (state ->> 3)::smallint, state ->> 4, (state ->> 5)::smallint, (state ->> 6)::bigint,
    state ->> 7, state ->> 8, state ->> 9, (state ->> 10)::bigint, state ->> 11)
  RETURNING sequence INTO new_sequence;
  INSERT INTO claims ("authorization", account, merchant, operation, key, body_fingerprint, operation_number)
  VALUES (new_sequence, claim ->> 0, claim ->> 1, claim ->> 2, claim ->> 3, command ->> 'bodyFingerprint', 0);
  IF command -> 'attempt' <> 'null'::jsonb THEN PERFORM journal_add_attempt_v1(new_sequence, command -> 'attempt'); END IF;
  FOR exposure IN SELECT value FROM jsonb_array_elements(command -> 'exposures') LOOP
    INSERT INTO exposures ("authorization", experiment, arm, unit, phase, propensity, redirected_from, at_ms)
    VALUES (new_sequence, exposure ->> 0, exposure ->> 2, exposure ->> 3,
      journal_find_phase_v1(exposure ->> 0, exposure ->> 1), (exposure ->> 4)::double precision, exposure ->> 5,
      (event ->> 0)::bigint);
  END LOOP;
  PERFORM journal_add_event_v1(new_sequence, 1, NULL, command ->> 'head', event);
  RETURN 'null'::jsonb;
END $$;

-- Outcomes before operations before the attempt that follows: the order in which each permits the next.
CREATE FUNCTION journal_write_parts_v1(whose bigint, command jsonb) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  part jsonb;
  at_ms bigint := (command #>> '{event,0}')::bigint;
BEGIN
  FOR part IN SELECT value FROM jsonb_array_elements(command -> 'prepared') LOOP
    UPDATE attempts SET prepared_reference = part ->> 1 WHERE "authorization" = whose AND number = (part ->> 0)::integer;
  END LOOP;
  FOR part IN SELECT value FROM jsonb_array_elements(command -> 'outcomes') LOOP
    IF jsonb_array_length(part) > 6 THEN
      UPDATE attempts SET outcome_kind = part ->> 1, outcome = part ->> 2, negative = (part ->> 3)::smallint,
        provider_reference = part ->> 4, duration_ms = (part ->> 5)::double precision,
        scheme_counts = CASE WHEN (part ->> 6)::smallint = 1 AND card_key IS NOT NULL THEN 1 ELSE 0 END,
        blocked_until_ms = (part ->> 7)::bigint, block_reason = part ->> 8, outcome_at_ms = at_ms
      WHERE "authorization" = whose AND number = (part ->> 0)::integer;
    ELSE
      UPDATE attempts SET outcome_kind = part ->> 1, outcome = part ->> 2, negative = (part ->> 3)::smallint,
        provider_reference = part ->> 4, duration_ms = (part ->> 5)::double precision, outcome_at_ms = at_ms
      WHERE "authorization" = whose AND number = (part ->> 0)::integer;
    END IF;
  END LOOP;
  FOR part IN SELECT value FROM jsonb_array_elements(command -> 'operated') LOOP
    UPDATE operations SET status = part ->> 1, code = part ->> 2, provider_reference = part ->> 3,
      settled_at_ms = (part ->> 4)::bigint, answer_status = (part ->> 5)::integer, answer_body = part ->> 6
    WHERE "authorization" = whose AND number = (part ->> 0)::integer;
  END LOOP;
  FOR part IN SELECT value FROM jsonb_array_elements(command -> 'begun') LOOP
    INSERT INTO operations ("authorization", number, status, code, provider_reference, settled_at_ms, answer_status,
      answer_body, id, kind, purpose, attempt_number, target, amount, final, provider_key, created_at_ms)
    VALUES (whose, (part ->> 0)::integer, part ->> 1, part ->> 2, part ->> 3, (part ->> 4)::bigint, (part ->> 5)::integer,
      part ->> 6, part ->> 7, part ->> 8, part ->> 9, (part ->> 10)::integer, part ->> 11, (part ->> 12)::bigint,
      (part ->> 13)::smallint, part ->> 14, (part ->> 15)::bigint);
  END LOOP;
  FOR part IN SELECT value FROM jsonb_array_elements(command -> 'undone') LOOP
    UPDATE attempts SET negative = 1 WHERE "authorization" = whose AND number = part::integer;
  END LOOP;
  IF command -> 'attempt' <> 'null'::jsonb THEN PERFORM journal_add_attempt_v1(whose, command -> 'attempt'); END IF;
END $$;

-- Due at, step, failures, owner, lease until, keep the lease; JSON null ends the work.
CREATE FUNCTION journal_plan_work_v1(whose bigint, at_ms bigint, plan jsonb) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  keeps boolean := (plan ->> 5) = '1';
BEGIN
  IF plan = 'null'::jsonb THEN
    DELETE FROM work WHERE "authorization" = whose;
    RETURN;
  END IF;
  INSERT INTO work AS w ("authorization", since_ms, due_at_ms, step, failures, owner, lease_until_ms)
  VALUES (whose, at_ms, (plan ->> 0)::bigint, (plan ->> 1)::integer, (plan ->> 2)::integer, plan ->> 3, (plan ->> 4)::bigint)
  ON CONFLICT ("authorization") DO UPDATE SET due_at_ms = excluded.due_at_ms, step = excluded.step,
    failures = excluded.failures, owner = CASE WHEN keeps THEN w.owner ELSE excluded.owner END,
    lease_until_ms = CASE WHEN keeps THEN w.lease_until_ms ELSE excluded.lease_until_ms END;
END $$;

CREATE FUNCTION journal_advance_v1(command jsonb) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  claim jsonb := command #> '{claim,scope}';
  changed jsonb := command -> 'changed';
  exclusive jsonb := command -> 'exclusive';
  found_sequence bigint;
  found_hash text;
  next_version integer := (command ->> 'version')::integer + 1;
  refusal jsonb;
  link text;
BEGIN
  IF claim IS NOT NULL THEN
    refusal := journal_find_claim_v1(claim);
    IF refusal IS NOT NULL THEN RETURN jsonb_build_object('claim', refusal); END IF;
  END IF;
  -- Everything that a change needs to hold: what follows it in the same transaction needs no condition.
  SELECT sequence, last_hash INTO found_sequence, found_hash FROM authorizations
    WHERE id = command ->> 'id' AND version = next_version - 1 FOR NO KEY UPDATE;
  IF found_sequence IS NULL THEN RETURN 'null'::jsonb; END IF;
  IF command -> 'scheme' <> 'null'::jsonb THEN
    refusal := journal_scheme_stop_v1(command -> 'scheme', found_sequence, 0);
    IF refusal IS NOT NULL THEN RETURN refusal; END IF;
  END IF;
  IF exclusive <> 'null'::jsonb AND (
    EXISTS (SELECT 1 FROM attempts
      WHERE provider_reference = exclusive ->> 1 AND provider = exclusive ->> 0 AND id <> exclusive ->> 2)
    OR EXISTS (SELECT 1 FROM attempts
      WHERE prepared_reference = exclusive ->> 1 AND provider = exclusive ->> 0 AND id <> exclusive ->> 2)
    OR EXISTS (SELECT 1 FROM operations AS o
        JOIN attempts AS t ON t."authorization" = o."authorization" AND t.number = o.attempt_number
      WHERE o.target = exclusive ->> 1 AND t.provider = exclusive ->> 0 AND t.id <> exclusive ->> 2)) THEN
    RETURN '{"taken": true}'::jsonb;
  END IF;
  PERFORM journal_write_parts_v1(found_sequence, command);
  link := journal_add_event_v1(found_sequence, next_version, found_hash, command ->> 'head', command -> 'event');
  UPDATE authorizations SET version = next_version, last_hash = link,
    open = CASE WHEN changed ? 'open' THEN (changed ->> 'open')::smallint ELSE open END,
    status = CASE WHEN changed ? 'status' THEN changed ->> 'status' ELSE status END,
    unsettled = CASE WHEN changed ? 'unsettled' THEN (changed ->> 'unsettled')::smallint ELSE unsettled END,
    holds_payment = CASE WHEN changed ? 'holds_payment' THEN (changed ->> 'holds_payment')::smallint ELSE holds_payment END,
    authorized_amount =
      CASE WHEN changed ? 'authorized_amount' THEN (changed ->> 'authorized_amount')::bigint ELSE authorized_amount END,
    captured_amount =
      CASE WHEN changed ? 'captured_amount' THEN (changed ->> 'captured_amount')::bigint ELSE captured_amount END,
    refunded_amount =
      CASE WHEN changed ? 'refunded_amount' THEN (changed ->> 'refunded_amount')::bigint ELSE refunded_amount END,
    provider = CASE WHEN changed ? 'provider' THEN changed ->> 'provider' ELSE provider END,
    provider_reference =
      CASE WHEN changed ? 'provider_reference' THEN changed ->> 'provider_reference' ELSE provider_reference END,
    network_transaction =
      CASE WHEN changed ? 'network_transaction' THEN changed ->> 'network_transaction' ELSE network_transaction END,
    decline = CASE WHEN changed ? 'decline' THEN changed ->> 'decline' ELSE decline END,
    capture_closed =
      CASE WHEN changed ? 'capture_closed' THEN (changed ->> 'capture_closed')::smallint ELSE capture_closed END,
    expires_at_ms = CASE WHEN changed ? 'expires_at_ms' THEN (changed ->> 'expires_at_ms')::bigint ELSE expires_at_ms END,
    answered = CASE WHEN changed ? 'answered' THEN (changed ->> 'answered')::smallint ELSE answered END,
    lease_until_ms =
      CASE WHEN changed ? 'lease_until_ms' THEN (changed ->> 'lease_until_ms')::bigint ELSE lease_until_ms END
  WHERE sequence = found_sequence;
  IF claim IS NOT NULL THEN
    INSERT INTO claims ("authorization", account, merchant, operation, key, body_fingerprint, operation_number)
    VALUES (found_sequence, claim ->> 0, claim ->> 1, claim ->> 2, claim ->> 3, command #>> '{claim,bodyFingerprint}',
      (command #>> '{claim,operationNumber}')::integer);
  END IF;
  IF command -> 'work' <> '"unchanged"'::jsonb THEN
    PERFORM journal_plan_work_v1(found_sequence, (command #>> '{event,0}')::bigint, command -> 'work');
  END IF;
  RETURN to_jsonb(next_version);
END $$;

-- Number, provider, propensity, offered at, card, counts, cost, routing.
CREATE FUNCTION journal_add_offer_v1(whose bigint, offer jsonb) RETURNS void LANGUAGE sql VOLATILE AS $$
  INSERT INTO decision_attempts (decision, number, provider, propensity, offered_at_ms, card_key, scheme_counts, cost_bps,
    routing)
  VALUES (whose, (offer ->> 0)::integer, offer ->> 1, (offer ->> 2)::double precision, (offer ->> 3)::bigint, offer ->> 4,
    (offer ->> 5)::smallint, (offer ->> 6)::double precision, offer ->> 7)
$$;

CREATE FUNCTION journal_open_decision_v1(command jsonb) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  claim jsonb := command -> 'claim';
  decision jsonb := command -> 'decision';
  refusal jsonb;
  new_sequence bigint;
  exposure jsonb;
BEGIN
  IF claim <> 'null'::jsonb THEN
    SELECT jsonb_build_object('id', d.id, 'body_fingerprint', d.body_fingerprint, 'answer_status', d.answer_status,
      'answer_body', d.answer_body) INTO refusal
    FROM decisions AS d WHERE d.account = claim ->> 0 AND d.merchant = claim ->> 1 AND d.key = claim ->> 2;
    IF refusal IS NOT NULL THEN RETURN jsonb_build_object('claim', refusal); END IF;
  END IF;
  IF command -> 'scheme' <> 'null'::jsonb THEN
    refusal := journal_scheme_stop_v1(command -> 'scheme', 0, 0);
    IF refusal IS NOT NULL THEN RETURN refusal; END IF;
  END IF;
  INSERT INTO decisions (id, account, merchant, reference, key, body_fingerprint, amount, currency, created_at_ms,
    expires_at_ms, data, answer_status, answer_body, awaits_report)
  VALUES (decision ->> 0, decision ->> 1, decision ->> 2, decision ->> 3, decision ->> 4, decision ->> 5,
    (decision ->> 6)::bigint, decision ->> 7, (decision ->> 8)::bigint, (decision ->> 9)::bigint, decision ->> 10,
    (decision ->> 11)::integer, decision ->> 12, (decision ->> 13)::smallint)
  RETURNING sequence INTO new_sequence;
  IF command -> 'attempt' <> 'null'::jsonb THEN PERFORM journal_add_offer_v1(new_sequence, command -> 'attempt'); END IF;
  FOR exposure IN SELECT value FROM jsonb_array_elements(command -> 'exposures') LOOP
    INSERT INTO decision_exposures (decision, experiment, arm, unit, phase, propensity, redirected_from, at_ms)
    VALUES (new_sequence, exposure ->> 0, exposure ->> 2, exposure ->> 3,
      journal_find_phase_v1(exposure ->> 0, exposure ->> 1), (exposure ->> 4)::double precision, exposure ->> 5,
      (command ->> 'atMs')::bigint);
  END LOOP;
  RETURN 'null'::jsonb;
END $$;

CREATE FUNCTION journal_advance_decision_v1(command jsonb) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  report jsonb := command -> 'reported';
  found_sequence bigint;
  refusal jsonb;
BEGIN
  SELECT sequence INTO found_sequence FROM decisions
    WHERE id = command ->> 'id' AND version = (command ->> 'version')::integer FOR NO KEY UPDATE;
  IF found_sequence IS NULL THEN RETURN '"stale"'::jsonb; END IF;
  IF command -> 'scheme' <> 'null'::jsonb THEN
    refusal := journal_scheme_stop_v1(command -> 'scheme', 0, found_sequence);
    IF refusal IS NOT NULL THEN RETURN refusal; END IF;
  END IF;
  UPDATE decision_attempts SET outcome_kind = report ->> 1, outcome = report ->> 2, reports = report ->> 3,
    scheme_counts = CASE WHEN (report ->> 4)::smallint = 1 AND card_key IS NOT NULL THEN 1 ELSE 0 END,
    blocked_until_ms = (report ->> 5)::bigint, block_reason = report ->> 6, outcome_at_ms = (report ->> 7)::bigint,
    duration_ms = (report ->> 8)::double precision
  WHERE decision = found_sequence AND number = (report ->> 0)::integer;
  IF command -> 'attempt' <> 'null'::jsonb THEN PERFORM journal_add_offer_v1(found_sequence, command -> 'attempt'); END IF;
  UPDATE decisions SET version = version + 1, awaits_report = 0 WHERE sequence = found_sequence;
  RETURN '"written"'::jsonb;
END $$;

-- Does the commands in their order: objects with `name` and `command`. Replies in the same order.
CREATE FUNCTION journal_write_v1(locks bigint[], commands jsonb) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  lock_key bigint;
  each jsonb;
  replies jsonb[] := '{}';
BEGIN
  FOREACH lock_key IN ARRAY locks LOOP PERFORM pg_advisory_xact_lock(lock_key); END LOOP;
  FOR each IN SELECT value FROM jsonb_array_elements(commands) LOOP
    replies := replies || CASE each ->> 'name'
      WHEN 'open' THEN journal_open_v1(each -> 'command')
      WHEN 'advance' THEN journal_advance_v1(each -> 'command')
      WHEN 'openDecision' THEN journal_open_decision_v1(each -> 'command')
      WHEN 'advanceDecision' THEN journal_advance_decision_v1(each -> 'command')
    END;
  END LOOP;
  RETURN to_jsonb(replies);
END $$;
