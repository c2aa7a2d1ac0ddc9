-- Three group roles, for logins that may do no more than they need. Run as often as you like, by a role that may make
-- roles, in the database and the schema of the journal: `npm run migrate -- --roles`. Then make logins that are members:
--
--   CREATE ROLE pointsman_deploy LOGIN PASSWORD '…' IN ROLE pointsman_migrate;   -- DATABASE_URL of npm run migrate
--   CREATE ROLE pointsman_pod LOGIN PASSWORD '…' IN ROLE pointsman_run;          -- DATABASE_URL of the gateway
--   CREATE ROLE pointsman_report LOGIN PASSWORD '…' IN ROLE pointsman_read;      -- reports, verify and export
--   ALTER ROLE pointsman_report SET idle_in_transaction_session_timeout = '5min'; -- a forgotten session must hold nothing up
--
-- pointsman_migrate owns the tables. pointsman_run reads and writes what the gateway does: it can change no column that
-- never changes, and neither make, alter, empty nor drop a table. pointsman_read reads all but the secrets.

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['pointsman_migrate', 'pointsman_run', 'pointsman_read'] LOOP
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = name) THEN EXECUTE format('CREATE ROLE %I NOLOGIN', name); END IF;
  END LOOP;
  -- Who runs this again, as a member of pointsman_migrate, need not own the schema.
  IF NOT has_schema_privilege('pointsman_migrate', current_schema(), 'CREATE') THEN
    EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %I TO pointsman_migrate', current_schema());
  END IF;
  FOREACH name IN ARRAY ARRAY['pointsman_run', 'pointsman_read'] LOOP
    IF NOT has_schema_privilege(name, current_schema(), 'USAGE') THEN
      EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), name);
    END IF;
  END LOOP;
END $$;

-- Whoever made them before the roles were there does not stay their owner.
DO $$
DECLARE
  relation regclass;
  routine regprocedure;
BEGIN
  FOR relation IN SELECT c.oid::regclass FROM pg_class AS c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND c.relname IN ('schema_migrations',
      'authorizations', 'status_transitions', 'attempts', 'operations', 'work', 'claims', 'notices', 'secrets', 'events',
      'hash_chain', 'seals', 'purged_events', 'event_cursors', 'deliveries', 'rulesets', 'ruleset_activations', 'overrides',
      'pings', 'experiment_phases', 'exposures', 'arm_states', 'experiment_looks', 'bandit_shares', 'decisions',
      'decision_attempts', 'decision_exposures', 'duties')
      AND pg_get_userbyid(c.relowner) <> 'pointsman_migrate'
  LOOP EXECUTE format('ALTER TABLE %s OWNER TO pointsman_migrate', relation); END LOOP;
  FOR routine IN SELECT p.oid::regprocedure FROM pg_proc AS p
    WHERE p.pronamespace = current_schema()::regnamespace AND p.proname LIKE 'journal\_%'
      AND pg_get_userbyid(p.proowner) <> 'pointsman_migrate'
  LOOP EXECUTE format('ALTER FUNCTION %s OWNER TO pointsman_migrate', routine); END LOOP;
END $$;

GRANT SELECT ON schema_migrations, authorizations, status_transitions, attempts, operations, work, claims, notices, events,
  hash_chain, seals, purged_events, event_cursors, deliveries, rulesets, ruleset_activations, overrides, pings,
  experiment_phases, exposures, arm_states, experiment_looks, bandit_shares, decisions, decision_attempts,
  decision_exposures, duties TO pointsman_run, pointsman_read;
GRANT SELECT ON secrets TO pointsman_run;
-- Verify compares with tables that it makes for itself, and takes back. Whoever has the database's own role alone can grant it.
DO $$
BEGIN
  IF NOT has_database_privilege('pointsman_read', current_database(), 'TEMPORARY') THEN
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO pointsman_read', current_database());
  END IF;
END $$;
-- That there is one, for verify.
GRANT SELECT (name) ON secrets TO pointsman_read;
GRANT SELECT ON SEQUENCE events_sequence_seq TO pointsman_run, pointsman_read;

GRANT INSERT ON authorizations, attempts, operations, work, claims, notices, secrets, events, seals, purged_events,
  event_cursors, deliveries, rulesets, ruleset_activations, overrides, experiment_phases, exposures, arm_states,
  experiment_looks, bandit_shares, decisions, decision_attempts, decision_exposures, duties TO pointsman_run;

-- What the purge lets go of; the guards say of what that may be.
GRANT DELETE ON authorizations, attempts, operations, work, claims, notices, events, deliveries, exposures, decisions,
  decision_attempts TO pointsman_run;

GRANT UPDATE (status, holds_payment, unsettled, version, open, authorized_amount, captured_amount, refunded_amount,
  provider, provider_reference, network_transaction, decline, capture_closed, expires_at_ms, answered, lease_until_ms,
  last_hash, purged_before_ms) ON authorizations TO pointsman_run;
GRANT UPDATE (scheme_counts, blocked_until_ms, block_reason, outcome_kind, outcome, negative, provider_reference,
  duration_ms, prepared_reference, outcome_at_ms) ON attempts TO pointsman_run;
GRANT UPDATE (status, code, provider_reference, settled_at_ms, answer_status, answer_body) ON operations TO pointsman_run;
GRANT UPDATE (due_at_ms, step, failures, owner, lease_until_ms) ON work TO pointsman_run;
GRANT UPDATE (result) ON notices TO pointsman_run;
GRANT UPDATE (through_event) ON event_cursors TO pointsman_run;
GRANT UPDATE (state, due_at_ms, failures, owner, lease_until_ms, last_result, last_sent_at_ms) ON deliveries
  TO pointsman_run;
GRANT UPDATE (arms, shares, at_ms) ON bandit_shares TO pointsman_run;
GRANT UPDATE (version, awaits_report, counted_unreported) ON decisions TO pointsman_run;
GRANT UPDATE (scheme_counts, blocked_until_ms, block_reason, outcome_kind, outcome, reports, outcome_at_ms, duration_ms)
  ON decision_attempts TO pointsman_run;
GRANT UPDATE (count) ON pings TO pointsman_run;
GRANT UPDATE (owner, until_ms) ON duties TO pointsman_run;
