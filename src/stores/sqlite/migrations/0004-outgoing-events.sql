-- Events told to endpoints. What is told follows from the history alone: here is only how far each endpoint has been
-- served from it, and what became of each event.

CREATE TABLE event_cursors (
  endpoint TEXT NOT NULL,
  -- An id that is given to another account begins anew.
  account TEXT NOT NULL,
  -- Up to which event of the history deliveries were made.
  through_event INTEGER NOT NULL CHECK (through_event >= 0),
  PRIMARY KEY (endpoint, account)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER event_cursors_advance BEFORE UPDATE ON event_cursors WHEN NEW.through_event < OLD.through_event
BEGIN SELECT RAISE(ABORT, 'what was told is not made again'); END;

CREATE TABLE deliveries (
  sequence INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  endpoint TEXT NOT NULL,
  account TEXT NOT NULL,
  -- The change that it tells, and which of several things that one change means.
  authorization INTEGER NOT NULL REFERENCES authorizations (sequence),
  number INTEGER NOT NULL CHECK (number >= 1),
  part INTEGER NOT NULL CHECK (part >= 1),
  type TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'dead')),
  -- When it is sent, or sent again; null once nobody sends it any more by itself.
  due_at_ms INTEGER,
  -- Tries that failed since it was last begun.
  failures INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0),
  -- A lease that ended is free for others.
  owner TEXT,
  lease_until_ms INTEGER,
  -- What the last try came to: a status of HTTP, or why there was none.
  last_result TEXT,
  last_sent_at_ms INTEGER,
  CHECK ((state = 'waiting') = (due_at_ms IS NOT NULL)),
  CHECK ((owner IS NULL) = (lease_until_ms IS NULL)),
  CHECK (state <> 'delivered' OR last_sent_at_ms IS NOT NULL)
) STRICT;

CREATE INDEX deliveries_due ON deliveries (endpoint, account, due_at_ms, sequence) WHERE state = 'waiting';
-- What comes before another of the same authorization; and what goes with it.
CREATE INDEX deliveries_by_authorization ON deliveries (authorization, endpoint, sequence);
CREATE INDEX deliveries_by_account ON deliveries (account, sequence);
CREATE INDEX deliveries_by_state ON deliveries (account, state, sequence);
CREATE INDEX deliveries_open ON deliveries (endpoint, state, at_ms) WHERE state <> 'delivered';
CREATE INDEX deliveries_done ON deliveries (last_sent_at_ms) WHERE state = 'delivered';

CREATE TRIGGER deliveries_identity BEFORE UPDATE OF sequence, id, endpoint, account, authorization, number, part, type,
  at_ms ON deliveries
BEGIN SELECT RAISE(ABORT, 'what is told never changes'); END;
