-- The servers that share this database, each with a data folder of its own. A database in a file has none: its only process
-- is replica 0.
CREATE TABLE replica (
    number       INTEGER PRIMARY KEY CHECK (number BETWEEN 0 AND 90000),
    -- What the data folder knows itself by.
    id           TEXT    NOT NULL UNIQUE CHECK (id <> ''),
    made         INTEGER NOT NULL,
    -- Everything that it answered before this time stands in partitions. NULL: it answers nobody.
    sealed_until INTEGER,
    -- Where its packages and partitions lie, so that others can read them. NULL: in its data folder.
    storage      TEXT
) STRICT;

-- Each replica has a log of its own.
CREATE TABLE recording_of_replica (
    endpoint       TEXT    NOT NULL REFERENCES endpoint (name),
    replica        INTEGER NOT NULL,
    sealed_through INTEGER NOT NULL CHECK (sealed_through >= 0),
    next_sequence  INTEGER NOT NULL CHECK (next_sequence >= 1),
    PRIMARY KEY (endpoint, replica)
) STRICT;
INSERT INTO recording_of_replica (endpoint, replica, sealed_through, next_sequence)
SELECT endpoint, 0, sealed_through, next_sequence FROM recording;
DROP TABLE recording;
ALTER TABLE recording_of_replica RENAME TO recording;

-- What each replica saw of a candidate since it loaded it: requests that were not the caller's fault, and those that failed.
CREATE TABLE candidate_requests (
    deployment TEXT    NOT NULL REFERENCES deployment (id),
    replica    INTEGER NOT NULL,
    requests   INTEGER NOT NULL CHECK (requests >= 0),
    errors     INTEGER NOT NULL CHECK (errors >= 0),
    PRIMARY KEY (deployment, replica)
) STRICT;

-- Whose process executes a run, or was asked for a deployment: what is left under way when that one ends is ended.
ALTER TABLE run ADD COLUMN replica INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deployment ADD COLUMN replica INTEGER NOT NULL DEFAULT 0;
