-- The same writes as `journal_write_v1`, each step once for all commands of a batch instead of once for each command: what
-- it costs to begin a statement (the server reads the text of every check and of every trigger's condition anew) is paid
-- once a batch.
--
-- A batch comes as waves. Within one wave no two commands have a lock in common: they might as well have come in two
-- batches at once, so that any order is right, and they are done together. A command that shares a lock with one before it
-- is in a later wave, and sees what that one has written.
--
-- Replies are made from what was written. What a guard refuses fails the whole batch, as before.

-- ---------------------------------------------------------------------------------------- guards

-- The guards that look at each change, in fewer steps: they refuse the same in the same words.

CREATE OR REPLACE FUNCTION journal_json(document text) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN strpos(document, '\u') > 0 AND document ~* '\\u(0000|d[89a-f])'
    THEN regexp_replace(document, '\\u(0000|d[89a-f][0-9a-f][0-9a-f])', '\\ufffd', 'gi')::jsonb
    ELSE document::jsonb END
$$;

CREATE OR REPLACE FUNCTION journal_check_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM status_transitions WHERE from_status = OLD.status AND to_status = NEW.status) THEN
    RAISE EXCEPTION USING MESSAGE = 'this state may not follow that one', ERRCODE = 'PM001';
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION journal_check_release() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM attempts WHERE "authorization" = NEW.sequence AND negative = 0
    AND outcome_kind IS DISTINCT FROM 'authentication_required') THEN
    RAISE EXCEPTION USING MESSAGE = 'an attempt may have moved money', ERRCODE = 'PM001';
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION journal_check_sums() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  captured bigint;
  refunded bigint;
BEGIN
  SELECT coalesce(sum(amount) FILTER (WHERE kind = 'capture'), 0), coalesce(sum(amount) FILTER (WHERE kind = 'refund'), 0)
    INTO captured, refunded FROM operations WHERE "authorization" = NEW.sequence AND status = 'succeeded';
  IF NEW.captured_amount <> captured OR NEW.refunded_amount <> refunded THEN
    RAISE EXCEPTION USING MESSAGE = 'captured and refunded are the sums of the operations that succeeded',
      ERRCODE = 'PM001';
  END IF;
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION journal_check_answer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM authorizations WHERE sequence = NEW."authorization" AND answered = 1) THEN
    RAISE EXCEPTION USING MESSAGE = 'an answer is frozen once', ERRCODE = 'PM001';
  END IF;
  RETURN NEW;
END $$;

-- ---------------------------------------------------------------------------------------- what forbids an attempt

-- The commands whose card may not be tried now, and why: of several reasons the one that lasts longest, of these the first.
-- The reasons are those of `journal_scheme_stop_v1`.
-- `own_authorizations`, `own_decisions`: to which each command belongs, in their order; null: to none yet.
CREATE FUNCTION journal_scheme_stops_v2(commands jsonb, own_authorizations bigint[], own_decisions bigint[])
RETURNS TABLE (place bigint, stop jsonb) LANGUAGE plpgsql VOLATILE ROWS 10 AS $$
BEGIN
  RETURN QUERY
  SELECT g.place, jsonb_build_object('reason', s.reason, 'retryAtMs', s.retry_at_ms)
  FROM (SELECT e.place, e.command -> 'scheme' AS scheme, e.command #>> '{scheme,cardKey}' AS card,
        (e.command #>> '{scheme,nowMs}')::numeric AS now_ms,
        floor((e.command #>> '{scheme,nowMs}')::numeric)::bigint AS whole_now_ms,
        coalesce(own_authorizations[e.place], 0) AS own_authorization, coalesce(own_decisions[e.place], 0) AS own_decision
      FROM jsonb_array_elements(commands) WITH ORDINALITY AS e (command, place)
      WHERE e.command -> 'scheme' <> 'null'::jsonb) AS g
    CROSS JOIN LATERAL (
      SELECT r.reason, r.retry_at_ms FROM (
        SELECT g.scheme #>> '{stop,reason}' AS reason, (g.scheme #>> '{stop,retryAtMs}')::numeric AS retry_at_ms,
          0::bigint AS rank
        UNION ALL
        (SELECT t.block_reason, t.blocked_until_ms::numeric, 1 FROM attempts AS t
          WHERE t.card_key = g.card AND t.blocked_until_ms IS NOT NULL AND t.blocked_until_ms > g.whole_now_ms
          ORDER BY t.blocked_until_ms DESC LIMIT 1)
        UNION ALL
        (SELECT t.block_reason, t.blocked_until_ms::numeric, 2 FROM decision_attempts AS t
          WHERE t.card_key = g.card AND t.blocked_until_ms IS NOT NULL AND t.blocked_until_ms > g.whole_now_ms
          ORDER BY t.blocked_until_ms DESC LIMIT 1)
        UNION ALL
        SELECT l.ceiling ->> 'name', f.at_ms + l.window_ms, 2 + l.number
        FROM (SELECT c.ceiling, c.number, (c.ceiling ->> 'windowMs')::numeric AS window_ms,
              (c.ceiling ->> 'max')::numeric AS max, (c.ceiling ->> 'sameAmount')::boolean AS same_amount,
              floor(g.now_ms - (c.ceiling ->> 'windowMs')::numeric)::bigint AS since_ms
            FROM jsonb_array_elements(g.scheme -> 'limits') WITH ORDINALITY AS c (ceiling, number)) AS l
          CROSS JOIN LATERAL (
            SELECT g.now_ms AS at_ms WHERE l.max <= 0
            UNION ALL
            -- The attempt that has to leave the window before another may be made: the last one that the ceiling still
            -- allows, counted from the newest. There is none while there is room.
            (SELECT n.at_ms::numeric FROM (
                SELECT t.started_at_ms AS at_ms FROM attempts AS t
                WHERE t.card_key = g.card AND t.scheme_counts = 1 AND t.started_at_ms > l.since_ms
                  AND (NOT l.same_amount OR EXISTS (SELECT 1 FROM authorizations AS a
                    WHERE a.sequence = t."authorization" AND a.amount = (g.scheme ->> 'amount')::bigint
                      AND a.currency = g.scheme ->> 'currency'))
                  AND (t."authorization" <> g.own_authorization OR NOT g.scheme -> 'leaving' @> to_jsonb(t.number))
                UNION ALL
                SELECT t.offered_at_ms FROM decision_attempts AS t
                WHERE t.card_key = g.card AND t.scheme_counts = 1 AND t.offered_at_ms > l.since_ms
                  AND (NOT l.same_amount OR EXISTS (SELECT 1 FROM decisions AS d
                    WHERE d.sequence = t.decision AND d.amount = (g.scheme ->> 'amount')::bigint
                      AND d.currency = g.scheme ->> 'currency'))
                  AND (t.decision <> g.own_decision OR NOT g.scheme -> 'leaving' @> to_jsonb(t.number))) AS n
              WHERE l.max > 0
              ORDER BY n.at_ms DESC LIMIT 1 OFFSET greatest(l.max - 1, 0)::bigint)) AS f) AS r
      WHERE r.reason IS NOT NULL
      ORDER BY r.retry_at_ms DESC, r.rank LIMIT 1) AS s;
END $$;

-- ---------------------------------------------------------------------------------------- authorizations

-- The commands at these places, in this order.
CREATE FUNCTION journal_only_v2(commands jsonb, places bigint[]) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(jsonb_agg(commands -> (p.place - 1)::integer ORDER BY p.number), '[]'::jsonb)
  FROM unnest(places) WITH ORDINALITY AS p (place, number)
$$;

-- All places from 1 on that are not refused.
CREATE FUNCTION journal_left_v2(count integer, refused bigint[]) RETURNS bigint[] LANGUAGE sql IMMUTABLE AS $$
  SELECT ARRAY(SELECT p FROM generate_series(1::bigint, count) AS p WHERE p <> ALL (refused))
$$;

CREATE FUNCTION journal_add_attempts_v2(whose bigint[], commands jsonb) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  INSERT INTO attempts ("authorization", number, id, provider, provider_key, fingerprint, propensity, started_at_ms,
    deadline_at_ms, owner, card_key, scheme_counts)
  SELECT whose[g.place], (g.intent ->> 0)::integer, g.intent ->> 1, g.intent ->> 2, g.intent ->> 3, g.intent ->> 4,
    (g.intent ->> 5)::double precision, (g.intent ->> 6)::bigint, (g.intent ->> 7)::bigint, g.intent ->> 8,
    g.intent ->> 9, (g.intent ->> 10)::smallint
  FROM ROWS FROM (jsonb_to_recordset(commands) AS (attempt jsonb)) WITH ORDINALITY AS g (intent, place)
  WHERE g.intent IS NOT NULL;
END $$;

-- As `journal_open_v1`, for commands of which none is about the same as another. Replies in their order.
CREATE FUNCTION journal_open_v2(commands jsonb) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  replies jsonb[] := array_fill('null'::jsonb, ARRAY[jsonb_array_length(commands)]);
  -- Which replies the commands that are left are given.
  places bigint[];
  refused bigint[] := '{}';
  hit record;
  ids text[];
  sequences bigint[];
  links text[];
BEGIN
  FOR hit IN
    SELECT g.place, g.claim, k.is_claimed IS NOT NULL AS is_claimed, a.id, a.account
    FROM ROWS FROM (jsonb_to_recordset(commands) AS (claim jsonb, merchant text, reference text))
        WITH ORDINALITY AS g (claim, merchant, reference, place)
      LEFT JOIN LATERAL (SELECT true AS is_claimed FROM claims AS c WHERE c.account = g.claim ->> 0
        AND c.merchant = g.claim ->> 1 AND c.operation = g.claim ->> 2 AND c.key = g.claim ->> 3 LIMIT 1) AS k ON true
      LEFT JOIN LATERAL (SELECT h.id, h.account FROM authorizations AS h WHERE h.reference = g.reference
        AND h.merchant = g.merchant AND h.holds_payment = 1 LIMIT 1) AS a ON true
    WHERE k.is_claimed OR a.id IS NOT NULL
  LOOP
    refused := refused || hit.place;
    -- Whose it is, is told only to its own account.
    replies[hit.place] := CASE WHEN hit.is_claimed THEN jsonb_build_object('claim', journal_find_claim_v1(hit.claim))
      ELSE jsonb_build_object('paymentLive', CASE WHEN hit.account = hit.claim ->> 0 THEN hit.id END) END;
  END LOOP;
  places := journal_left_v2(cardinality(replies), refused);
  IF refused <> '{}' THEN commands := journal_only_v2(commands, places); END IF;

  refused := '{}';
  FOR hit IN SELECT s.place, s.stop FROM journal_scheme_stops_v2(commands, NULL, NULL) AS s LOOP
    refused := refused || hit.place;
    replies[places[hit.place]] := jsonb_build_object('stop', hit.stop);
  END LOOP;
  IF refused <> '{}' THEN commands := journal_only_v2(commands, journal_left_v2(cardinality(places), refused)); END IF;
  IF jsonb_array_length(commands) = 0 THEN RETURN to_jsonb(replies); END IF;

  WITH opened AS (
    INSERT INTO authorizations (id, last_hash, merchant, reference, created_at_ms, holds_payment, status, unsettled, open,
      answered, account, live, amount, currency, provider, decline, lease_until_ms, trace_id)
    SELECT g.id, encode(sha256(convert_to(
        '[null,' || g.head || E'\n' || (g.event ->> 3) || coalesce(g.event ->> 5, ''), 'UTF8')), 'hex'),
      g.merchant, g.reference, (g.event ->> 0)::bigint, CASE WHEN g."holdsPayment" THEN 1 ELSE 0 END, g.state ->> 0, (g.state ->> 1)::smallint,
      (g.state ->> 2)::smallint, (g.state ->> 3)::smallint, g.state ->> 4, (g.state ->> 5)::smallint,
      (g.state ->> 6)::bigint, g.state ->> 7, g.state ->> 8, g.state ->> 9, (g.state ->> 10)::bigint, g.state ->> 11
    FROM jsonb_to_recordset(commands) AS g (id text, head text, merchant text, reference text, "holdsPayment" boolean,
      state jsonb, event jsonb)
    RETURNING id, sequence, last_hash)
  SELECT array_agg(o.id), array_agg(o.sequence), array_agg(o.last_hash) INTO ids, sequences, links FROM opened AS o;
  PERFORM journal_refuse_when(
    ids IS DISTINCT FROM ARRAY(SELECT e.command ->> 'id' FROM jsonb_array_elements(commands) AS e (command)),
    'what was opened is not what was to be opened, in its order');
  INSERT INTO claims ("authorization", account, merchant, operation, key, body_fingerprint, operation_number)
  SELECT sequences[g.place], g.claim ->> 0, g.claim ->> 1, g.claim ->> 2, g.claim ->> 3, g.body_fingerprint, 0
  FROM ROWS FROM (jsonb_to_recordset(commands) AS (claim jsonb, "bodyFingerprint" text))
    WITH ORDINALITY AS g (claim, body_fingerprint, place);
  PERFORM journal_add_attempts_v2(sequences, commands);
  IF commands @? '$[*].exposures[*]' THEN
    INSERT INTO exposures ("authorization", experiment, arm, unit, phase, propensity, redirected_from, at_ms)
    SELECT sequences[g.place], x.exposure ->> 0, x.exposure ->> 2, x.exposure ->> 3,
      journal_find_phase_v1(x.exposure ->> 0, x.exposure ->> 1), (x.exposure ->> 4)::double precision, x.exposure ->> 5,
      (g.command #>> '{event,0}')::bigint
    FROM jsonb_array_elements(commands) WITH ORDINALITY AS g (command, place)
      CROSS JOIN LATERAL jsonb_array_elements(g.command -> 'exposures') AS x (exposure);
  END IF;
  INSERT INTO events ("authorization", number, hash, at_ms, actor, kind, data, answer_status, answer_body)
  SELECT sequences[g.place], 1, links[g.place], (g.event ->> 0)::bigint, g.event ->> 1, g.event ->> 2, g.event ->> 3,
    (g.event ->> 4)::integer, g.event ->> 5
  FROM ROWS FROM (jsonb_to_recordset(commands) AS (event jsonb)) WITH ORDINALITY AS g (event, place);
  RETURN to_jsonb(replies);
END $$;

-- Outcomes before operations before the attempt that follows: the order in which each permits the next.
CREATE FUNCTION journal_write_parts_v2(whose bigint[], commands jsonb) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  IF commands @? '$[*].prepared[*]' THEN
    UPDATE attempts AS t SET prepared_reference = g.part ->> 1
    FROM (SELECT e.place, p.part
        FROM ROWS FROM (jsonb_to_recordset(commands) AS (prepared jsonb)) WITH ORDINALITY AS e (parts, place)
          CROSS JOIN LATERAL jsonb_array_elements(e.parts) AS p (part)) AS g
    WHERE t."authorization" = whose[g.place] AND t.number = (g.part ->> 0)::integer;
  END IF;
  IF commands @? '$[*].outcomes[*]' THEN
    UPDATE attempts AS t SET outcome_kind = g.part ->> 1, outcome = g.part ->> 2, negative = (g.part ->> 3)::smallint,
      provider_reference = g.part ->> 4, duration_ms = (g.part ->> 5)::double precision, outcome_at_ms = g.at_ms,
      scheme_counts = CASE WHEN NOT g.tells_scheme THEN t.scheme_counts
        WHEN (g.part ->> 6)::smallint = 1 AND t.card_key IS NOT NULL THEN 1 ELSE 0 END,
      blocked_until_ms = CASE WHEN g.tells_scheme THEN (g.part ->> 7)::bigint ELSE t.blocked_until_ms END,
      block_reason = CASE WHEN g.tells_scheme THEN g.part ->> 8 ELSE t.block_reason END
    FROM (SELECT e.place, p.part, jsonb_array_length(p.part) > 6 AS tells_scheme, (e.event ->> 0)::bigint AS at_ms
        FROM ROWS FROM (jsonb_to_recordset(commands) AS (outcomes jsonb, event jsonb))
            WITH ORDINALITY AS e (outcomes, event, place)
          CROSS JOIN LATERAL jsonb_array_elements(e.outcomes) AS p (part)) AS g
    WHERE t."authorization" = whose[g.place] AND t.number = (g.part ->> 0)::integer;
  END IF;
  IF commands @? '$[*].operated[*]' THEN
    UPDATE operations AS o SET status = g.part ->> 1, code = g.part ->> 2, provider_reference = g.part ->> 3,
      settled_at_ms = (g.part ->> 4)::bigint, answer_status = (g.part ->> 5)::integer, answer_body = g.part ->> 6
    FROM (SELECT e.place, p.part
        FROM ROWS FROM (jsonb_to_recordset(commands) AS (operated jsonb)) WITH ORDINALITY AS e (parts, place)
          CROSS JOIN LATERAL jsonb_array_elements(e.parts) AS p (part)) AS g
    WHERE o."authorization" = whose[g.place] AND o.number = (g.part ->> 0)::integer;
  END IF;
  IF commands @? '$[*].begun[*]' THEN
    INSERT INTO operations ("authorization", number, status, code, provider_reference, settled_at_ms, answer_status,
      answer_body, id, kind, purpose, attempt_number, target, amount, final, provider_key, created_at_ms)
    SELECT whose[g.place], (g.part ->> 0)::integer, g.part ->> 1, g.part ->> 2, g.part ->> 3, (g.part ->> 4)::bigint,
      (g.part ->> 5)::integer, g.part ->> 6, g.part ->> 7, g.part ->> 8, g.part ->> 9, (g.part ->> 10)::integer,
      g.part ->> 11, (g.part ->> 12)::bigint, (g.part ->> 13)::smallint, g.part ->> 14, (g.part ->> 15)::bigint
    FROM (SELECT e.place, p.part, p.number
        FROM ROWS FROM (jsonb_to_recordset(commands) AS (begun jsonb)) WITH ORDINALITY AS e (parts, place)
          CROSS JOIN LATERAL jsonb_array_elements(e.parts) WITH ORDINALITY AS p (part, number)) AS g
    -- The guards look at each with those before it there.
    ORDER BY g.place, g.number;
  END IF;
  IF commands @? '$[*].undone[*]' THEN
    UPDATE attempts AS t SET negative = 1
    FROM (SELECT e.place, p.part
        FROM ROWS FROM (jsonb_to_recordset(commands) AS (undone jsonb)) WITH ORDINALITY AS e (parts, place)
          CROSS JOIN LATERAL jsonb_array_elements(e.parts) AS p (part)) AS g
    WHERE t."authorization" = whose[g.place] AND t.number = g.part::integer;
  END IF;
  IF commands @? '$[*].attempt ? (@ != null)' THEN PERFORM journal_add_attempts_v2(whose, commands); END IF;
END $$;

-- Of each command: due at, step, failures, owner, lease until, keep the lease; JSON null ends the work.
CREATE FUNCTION journal_plan_work_v2(whose bigint[], commands jsonb) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  keeps boolean;
BEGIN
  DELETE FROM work AS w
  USING (SELECT whose[e.place] AS sequence FROM jsonb_array_elements(commands) WITH ORDINALITY AS e (command, place)
      WHERE e.command -> 'work' = 'null'::jsonb) AS g
  WHERE w."authorization" = g.sequence;
  FOREACH keeps IN ARRAY ARRAY[false, true] LOOP
    INSERT INTO work AS w ("authorization", since_ms, due_at_ms, step, failures, owner, lease_until_ms)
    SELECT whose[g.place], g.at_ms, (g.plan ->> 0)::bigint, (g.plan ->> 1)::integer, (g.plan ->> 2)::integer, g.plan ->> 3,
      (g.plan ->> 4)::bigint
    FROM (SELECT e.place, e.command -> 'work' AS plan, (e.command #>> '{event,0}')::bigint AS at_ms
        FROM jsonb_array_elements(commands) WITH ORDINALITY AS e (command, place)) AS g
    WHERE jsonb_typeof(g.plan) = 'array' AND (g.plan ->> 5 = '1') = keeps
    ON CONFLICT ("authorization") DO UPDATE SET due_at_ms = excluded.due_at_ms, step = excluded.step,
      failures = excluded.failures, owner = CASE WHEN keeps THEN w.owner ELSE excluded.owner END,
      lease_until_ms = CASE WHEN keeps THEN w.lease_until_ms ELSE excluded.lease_until_ms END;
  END LOOP;
END $$;

-- As `journal_advance_v1`, for commands of which none is about the same as another. Replies in their order.
CREATE FUNCTION journal_advance_v2(commands jsonb) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  replies jsonb[] := array_fill('null'::jsonb, ARRAY[jsonb_array_length(commands)]);
  -- Which replies the commands that are left are given.
  places bigint[];
  refused bigint[] := '{}';
  kept bigint[];
  hit record;
  sequences bigint[];
  hashes text[];
  links text[];
  written bigint[];
  versions integer[];
BEGIN
  IF commands @? '$[*].claim.scope' THEN
    FOR hit IN
      SELECT g.place, journal_find_claim_v1(g.scope) AS claim
      FROM (SELECT e.place, e.command #> '{claim,scope}' AS scope
          FROM jsonb_array_elements(commands) WITH ORDINALITY AS e (command, place)) AS g
        JOIN claims AS k ON k.account = g.scope ->> 0 AND k.merchant = g.scope ->> 1 AND k.operation = g.scope ->> 2
          AND k.key = g.scope ->> 3
    LOOP
      refused := refused || hit.place;
      replies[hit.place] := jsonb_build_object('claim', hit.claim);
    END LOOP;
  END IF;
  -- Everything that a change needs to hold: what follows it in the same transaction needs no condition.
  SELECT array_agg(l.place ORDER BY l.place), array_agg(l.sequence ORDER BY l.place),
    array_agg(l.last_hash ORDER BY l.place) INTO places, sequences, hashes
  FROM (SELECT g.place, a.sequence, a.last_hash
    FROM ROWS FROM (jsonb_to_recordset(commands) AS (id text, version integer)) WITH ORDINALITY AS g (id, version, place)
      JOIN authorizations AS a ON a.id = g.id AND a.version = g.version
    WHERE g.place <> ALL (refused) FOR NO KEY UPDATE OF a) AS l;
  IF places IS NULL THEN RETURN to_jsonb(replies); END IF;
  IF cardinality(places) < cardinality(replies) THEN commands := journal_only_v2(commands, places); END IF;

  refused := '{}';
  IF commands @? '$[*].exclusive ? (@ != null)' THEN
    FOR hit IN
      SELECT g.place FROM (SELECT e.place, e.command #>> '{exclusive,0}' AS provider,
          e.command #>> '{exclusive,1}' AS reference, e.command #>> '{exclusive,2}' AS attempt_id
        FROM jsonb_array_elements(commands) WITH ORDINALITY AS e (command, place)) AS g
      WHERE EXISTS (SELECT 1 FROM attempts AS t
          WHERE t.provider_reference = g.reference AND t.provider = g.provider AND t.id <> g.attempt_id)
        OR EXISTS (SELECT 1 FROM attempts AS t
          WHERE t.prepared_reference = g.reference AND t.provider = g.provider AND t.id <> g.attempt_id)
        OR EXISTS (SELECT 1 FROM operations AS o
            JOIN attempts AS t ON t."authorization" = o."authorization" AND t.number = o.attempt_number
          WHERE o.target = g.reference AND t.provider = g.provider AND t.id <> g.attempt_id)
    LOOP
      refused := refused || hit.place;
      replies[places[hit.place]] := '{"taken": true}'::jsonb;
    END LOOP;
  END IF;
  -- Told before that a reference is taken.
  FOR hit IN SELECT s.place, s.stop FROM journal_scheme_stops_v2(commands, sequences, NULL) AS s LOOP
    refused := refused || hit.place;
    replies[places[hit.place]] := jsonb_build_object('stop', hit.stop);
  END LOOP;
  IF refused <> '{}' THEN
    kept := journal_left_v2(cardinality(places), refused);
    IF kept = '{}' THEN RETURN to_jsonb(replies); END IF;
    commands := journal_only_v2(commands, kept);
    places := ARRAY(SELECT places[k.place] FROM unnest(kept) AS k (place));
    sequences := ARRAY(SELECT sequences[k.place] FROM unnest(kept) AS k (place));
    hashes := ARRAY(SELECT hashes[k.place] FROM unnest(kept) AS k (place));
  END IF;

  PERFORM journal_write_parts_v2(sequences, commands);
  WITH added AS (
    INSERT INTO events ("authorization", number, hash, at_ms, actor, kind, data, answer_status, answer_body)
    SELECT sequences[g.place], g.version + 1,
      encode(sha256(convert_to('[' || coalesce('"' || hashes[g.place] || '"', 'null') || ',' || g.head || E'\n'
        || (g.event ->> 3) || coalesce(g.event ->> 5, ''), 'UTF8')), 'hex'),
      (g.event ->> 0)::bigint, g.event ->> 1, g.event ->> 2, g.event ->> 3, (g.event ->> 4)::integer, g.event ->> 5
    FROM ROWS FROM (jsonb_to_recordset(commands) AS (head text, version integer, event jsonb))
      WITH ORDINALITY AS g (head, version, event, place)
    RETURNING "authorization", hash)
  SELECT array_agg(n."authorization"), array_agg(n.hash) INTO written, links FROM added AS n;
  PERFORM journal_refuse_when(written IS DISTINCT FROM sequences, 'the events are not those of the changes, in their order');
  WITH changed AS (
    UPDATE authorizations AS a SET version = g.version + 1, last_hash = links[g.place],
      open = CASE WHEN g.changed ? 'open' THEN (g.changed ->> 'open')::smallint ELSE a.open END,
      status = CASE WHEN g.changed ? 'status' THEN g.changed ->> 'status' ELSE a.status END,
      unsettled = CASE WHEN g.changed ? 'unsettled' THEN (g.changed ->> 'unsettled')::smallint ELSE a.unsettled END,
      holds_payment =
        CASE WHEN g.changed ? 'holds_payment' THEN (g.changed ->> 'holds_payment')::smallint ELSE a.holds_payment END,
      authorized_amount =
        CASE WHEN g.changed ? 'authorized_amount' THEN (g.changed ->> 'authorized_amount')::bigint ELSE a.authorized_amount END,
      captured_amount =
        CASE WHEN g.changed ? 'captured_amount' THEN (g.changed ->> 'captured_amount')::bigint ELSE a.captured_amount END,
      refunded_amount =
        CASE WHEN g.changed ? 'refunded_amount' THEN (g.changed ->> 'refunded_amount')::bigint ELSE a.refunded_amount END,
      provider = CASE WHEN g.changed ? 'provider' THEN g.changed ->> 'provider' ELSE a.provider END,
      provider_reference =
        CASE WHEN g.changed ? 'provider_reference' THEN g.changed ->> 'provider_reference' ELSE a.provider_reference END,
      network_transaction =
        CASE WHEN g.changed ? 'network_transaction' THEN g.changed ->> 'network_transaction' ELSE a.network_transaction END,
      decline = CASE WHEN g.changed ? 'decline' THEN g.changed ->> 'decline' ELSE a.decline END,
      capture_closed =
        CASE WHEN g.changed ? 'capture_closed' THEN (g.changed ->> 'capture_closed')::smallint ELSE a.capture_closed END,
      expires_at_ms =
        CASE WHEN g.changed ? 'expires_at_ms' THEN (g.changed ->> 'expires_at_ms')::bigint ELSE a.expires_at_ms END,
      answered = CASE WHEN g.changed ? 'answered' THEN (g.changed ->> 'answered')::smallint ELSE a.answered END,
      lease_until_ms =
        CASE WHEN g.changed ? 'lease_until_ms' THEN (g.changed ->> 'lease_until_ms')::bigint ELSE a.lease_until_ms END
    FROM ROWS FROM (jsonb_to_recordset(commands) AS (version integer, changed jsonb))
      WITH ORDINALITY AS g (version, changed, place)
    WHERE a.sequence = sequences[g.place]
    RETURNING a.sequence, a.version, g.place)
  SELECT array_agg(c.sequence ORDER BY c.place), array_agg(c.version ORDER BY c.place) INTO written, versions
  FROM changed AS c;
  PERFORM journal_refuse_when(written IS DISTINCT FROM sequences, 'what was changed is not what was to be changed');
  IF commands @? '$[*].claim.scope' THEN
    INSERT INTO claims ("authorization", account, merchant, operation, key, body_fingerprint, operation_number)
    SELECT sequences[g.place], g.claim #>> '{scope,0}', g.claim #>> '{scope,1}', g.claim #>> '{scope,2}',
      g.claim #>> '{scope,3}', g.claim ->> 'bodyFingerprint', (g.claim ->> 'operationNumber')::integer
    FROM (SELECT e.place, e.command -> 'claim' AS claim
        FROM jsonb_array_elements(commands) WITH ORDINALITY AS e (command, place)) AS g
    WHERE g.claim <> 'null'::jsonb;
  END IF;
  IF commands @? '$[*].work ? (@.type() != "string")' THEN PERFORM journal_plan_work_v2(sequences, commands); END IF;
  FOR written_at IN 1 .. cardinality(places) LOOP replies[places[written_at]] := to_jsonb(versions[written_at]); END LOOP;
  RETURN to_jsonb(replies);
END $$;

-- ---------------------------------------------------------------------------------------- decisions

CREATE FUNCTION journal_add_offers_v2(whose bigint[], commands jsonb) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  INSERT INTO decision_attempts (decision, number, provider, propensity, offered_at_ms, card_key, scheme_counts, cost_bps,
    routing)
  SELECT whose[g.place], (g.offer ->> 0)::integer, g.offer ->> 1, (g.offer ->> 2)::double precision, (g.offer ->> 3)::bigint,
    g.offer ->> 4, (g.offer ->> 5)::smallint, (g.offer ->> 6)::double precision, g.offer ->> 7
  FROM ROWS FROM (jsonb_to_recordset(commands) AS (attempt jsonb)) WITH ORDINALITY AS g (offer, place)
  WHERE g.offer IS NOT NULL;
END $$;

-- As `journal_open_decision_v1`, for commands of which none is about the same as another. Replies in their order.
CREATE FUNCTION journal_open_decision_v2(commands jsonb) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  replies jsonb[] := array_fill('null'::jsonb, ARRAY[jsonb_array_length(commands)]);
  places bigint[];
  refused bigint[] := '{}';
  hit record;
  ids text[];
  sequences bigint[];
BEGIN
  FOR hit IN
    SELECT g.place, d.id, d.body_fingerprint, d.answer_status, d.answer_body
    FROM (SELECT e.place, e.command -> 'claim' AS claim
        FROM jsonb_array_elements(commands) WITH ORDINALITY AS e (command, place)) AS g
      JOIN decisions AS d ON d.account = g.claim ->> 0 AND d.merchant = g.claim ->> 1 AND d.key = g.claim ->> 2
  LOOP
    refused := refused || hit.place;
    replies[hit.place] := jsonb_build_object('claim', jsonb_build_object('id', hit.id, 'body_fingerprint',
      hit.body_fingerprint, 'answer_status', hit.answer_status, 'answer_body', hit.answer_body));
  END LOOP;
  places := journal_left_v2(cardinality(replies), refused);
  IF refused <> '{}' THEN commands := journal_only_v2(commands, places); END IF;

  refused := '{}';
  FOR hit IN SELECT s.place, s.stop FROM journal_scheme_stops_v2(commands, NULL, NULL) AS s LOOP
    refused := refused || hit.place;
    replies[places[hit.place]] := jsonb_build_object('stop', hit.stop);
  END LOOP;
  IF refused <> '{}' THEN commands := journal_only_v2(commands, journal_left_v2(cardinality(places), refused)); END IF;
  IF jsonb_array_length(commands) = 0 THEN RETURN to_jsonb(replies); END IF;

  WITH opened AS (
    INSERT INTO decisions (id, account, merchant, reference, key, body_fingerprint, amount, currency, created_at_ms,
      expires_at_ms, data, answer_status, answer_body, awaits_report)
    SELECT g.decision ->> 0, g.decision ->> 1, g.decision ->> 2, g.decision ->> 3, g.decision ->> 4, g.decision ->> 5,
      (g.decision ->> 6)::bigint, g.decision ->> 7, (g.decision ->> 8)::bigint, (g.decision ->> 9)::bigint,
      g.decision ->> 10, (g.decision ->> 11)::integer, g.decision ->> 12, (g.decision ->> 13)::smallint
    FROM (SELECT e.command -> 'decision' AS decision FROM jsonb_array_elements(commands) AS e (command)) AS g
    RETURNING id, sequence)
  SELECT array_agg(o.id), array_agg(o.sequence) INTO ids, sequences FROM opened AS o;
  PERFORM journal_refuse_when(
    ids IS DISTINCT FROM ARRAY(SELECT e.command #>> '{decision,0}' FROM jsonb_array_elements(commands) AS e (command)),
    'what was decided is not what was to be decided, in its order');
  PERFORM journal_add_offers_v2(sequences, commands);
  IF commands @? '$[*].exposures[*]' THEN
    INSERT INTO decision_exposures (decision, experiment, arm, unit, phase, propensity, redirected_from, at_ms)
    SELECT sequences[g.place], x.exposure ->> 0, x.exposure ->> 2, x.exposure ->> 3,
      journal_find_phase_v1(x.exposure ->> 0, x.exposure ->> 1), (x.exposure ->> 4)::double precision, x.exposure ->> 5,
      (g.command ->> 'atMs')::bigint
    FROM jsonb_array_elements(commands) WITH ORDINALITY AS g (command, place)
      CROSS JOIN LATERAL jsonb_array_elements(g.command -> 'exposures') AS x (exposure);
  END IF;
  RETURN to_jsonb(replies);
END $$;

-- As `journal_advance_decision_v1`, for commands of which none is about the same as another. Replies in their order.
CREATE FUNCTION journal_advance_decision_v2(commands jsonb) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  replies jsonb[] := array_fill('"stale"'::jsonb, ARRAY[jsonb_array_length(commands)]);
  places bigint[];
  refused bigint[] := '{}';
  kept bigint[];
  hit record;
  sequences bigint[];
  written bigint[];
BEGIN
  SELECT array_agg(l.place ORDER BY l.place), array_agg(l.sequence ORDER BY l.place) INTO places, sequences
  FROM (SELECT g.place, d.sequence
    FROM ROWS FROM (jsonb_to_recordset(commands) AS (id text, version integer)) WITH ORDINALITY AS g (id, version, place)
      JOIN decisions AS d ON d.id = g.id AND d.version = g.version
    FOR NO KEY UPDATE OF d) AS l;
  IF places IS NULL THEN RETURN to_jsonb(replies); END IF;
  IF cardinality(places) < cardinality(replies) THEN commands := journal_only_v2(commands, places); END IF;

  FOR hit IN SELECT s.place, s.stop FROM journal_scheme_stops_v2(commands, NULL, sequences) AS s LOOP
    refused := refused || hit.place;
    replies[places[hit.place]] := jsonb_build_object('stop', hit.stop);
  END LOOP;
  IF refused <> '{}' THEN
    kept := journal_left_v2(cardinality(places), refused);
    IF kept = '{}' THEN RETURN to_jsonb(replies); END IF;
    commands := journal_only_v2(commands, kept);
    places := ARRAY(SELECT places[k.place] FROM unnest(kept) AS k (place));
    sequences := ARRAY(SELECT sequences[k.place] FROM unnest(kept) AS k (place));
  END IF;

  UPDATE decision_attempts AS t SET outcome_kind = g.report ->> 1, outcome = g.report ->> 2, reports = g.report ->> 3,
    scheme_counts = CASE WHEN (g.report ->> 4)::smallint = 1 AND t.card_key IS NOT NULL THEN 1 ELSE 0 END,
    blocked_until_ms = (g.report ->> 5)::bigint, block_reason = g.report ->> 6, outcome_at_ms = (g.report ->> 7)::bigint,
    duration_ms = (g.report ->> 8)::double precision
  FROM (SELECT e.place, e.command -> 'reported' AS report
      FROM jsonb_array_elements(commands) WITH ORDINALITY AS e (command, place)) AS g
  WHERE t.decision = sequences[g.place] AND t.number = (g.report ->> 0)::integer;
  PERFORM journal_add_offers_v2(sequences, commands);
  WITH changed AS (
    UPDATE decisions AS d SET version = d.version + 1, awaits_report = 0
    FROM unnest(sequences) WITH ORDINALITY AS g (sequence, place)
    WHERE d.sequence = g.sequence
    RETURNING d.sequence, g.place)
  SELECT array_agg(c.sequence ORDER BY c.place) INTO written FROM changed AS c;
  PERFORM journal_refuse_when(written IS DISTINCT FROM sequences, 'what was changed is not what was to be changed');
  FOR written_at IN 1 .. cardinality(places) LOOP replies[places[written_at]] := '"written"'::jsonb; END LOOP;
  RETURN to_jsonb(replies);
END $$;

-- ---------------------------------------------------------------------------------------- a batch

-- Does the waves in their order: objects with the commands of each name. Replies are objects of the same form.
--
-- Every look-up goes by an index: a plan that is made while a table is small, or before anything is known of it, would
-- otherwise read the whole of it for ever after.
CREATE FUNCTION journal_write_v2(locks bigint[], waves jsonb) RETURNS jsonb LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_material = off SET enable_memoize = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  wave jsonb;
  replies jsonb[] := '{}';
BEGIN
  -- A function in FROM gives its rows in order: nobody takes these in another one.
  PERFORM count(pg_advisory_xact_lock(l.key)) FROM unnest(locks) AS l (key);
  FOR wave IN SELECT w.wave FROM jsonb_array_elements(waves) AS w (wave) LOOP
    replies := replies || jsonb_build_object(
      'open', CASE WHEN wave ? 'open' THEN journal_open_v2(wave -> 'open') END,
      'advance', CASE WHEN wave ? 'advance' THEN journal_advance_v2(wave -> 'advance') END,
      'openDecision', CASE WHEN wave ? 'openDecision' THEN journal_open_decision_v2(wave -> 'openDecision') END,
      'advanceDecision',
        CASE WHEN wave ? 'advanceDecision' THEN journal_advance_decision_v2(wave -> 'advanceDecision') END);
  END LOOP;
  RETURN to_jsonb(replies);
END $$;
