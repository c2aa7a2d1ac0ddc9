-- What is told later, and by other names: a dispute may name only the capture that it is about.

CREATE INDEX operations_by_reference ON operations (provider_reference) WHERE provider_reference IS NOT NULL;
