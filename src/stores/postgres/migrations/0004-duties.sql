-- What one process does at a time for all that share the journal, such as looking at the experiments. Never a fact about
-- money: whoever comes second merely does it too.

CREATE TABLE duties (
  name text PRIMARY KEY,
  owner text NOT NULL,
  until_ms bigint NOT NULL
);
