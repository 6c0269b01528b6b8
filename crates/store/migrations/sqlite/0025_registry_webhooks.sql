-- Whom clients want to be told of changes of the registry, and the events on their way. An event is in the transaction of its change.
CREATE TABLE registry_webhook (
    key         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE CHECK (length(id) BETWEEN 1 AND 64),
    name        TEXT NOT NULL CHECK (name <> ''),
    url         TEXT NOT NULL CHECK (url <> ''),
    description TEXT NOT NULL,
    -- The events that it wants, as a list.
    events      TEXT NOT NULL CHECK (json_valid(events)),
    state       TEXT NOT NULL CHECK (state IN ('active', 'disabled', 'deleted')),
    -- What signs its requests; in no answer, no entry of the audit log and no line of a log.
    secret      TEXT,
    created     INTEGER NOT NULL,
    updated     INTEGER NOT NULL,
    audit_seq   INTEGER NOT NULL REFERENCES audit (seq)
) STRICT;
CREATE INDEX registry_webhook_by_state ON registry_webhook (state);

CREATE TABLE registry_delivery (
    key       INTEGER PRIMARY KEY,
    webhook   INTEGER NOT NULL REFERENCES registry_webhook (key),
    event     TEXT NOT NULL CHECK (event <> ''),
    data      TEXT NOT NULL CHECK (json_valid(data)),
    state     TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
    attempts  INTEGER NOT NULL CHECK (attempts >= 0),
    -- When it was tried first: what is tried again says the same time.
    first_try INTEGER,
    -- When it is tried next, or when it ended.
    at        INTEGER NOT NULL,
    -- What the target answered last.
    detail    TEXT NOT NULL
) STRICT;
CREATE INDEX registry_delivery_due ON registry_delivery (state, at);

-- What a version of the registry names stays when clients delete it.
CREATE INDEX registered_version_by_model ON registered_version (logged_model);
