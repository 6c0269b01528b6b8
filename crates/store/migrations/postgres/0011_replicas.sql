-- The servers that share this database, each with a data folder of its own. Replica 0 is a folder from before there were
-- numbers.
CREATE TABLE replica (
    number       BIGINT PRIMARY KEY CHECK (number BETWEEN 0 AND 90000),
    -- What the data folder knows itself by.
    id           TEXT COLLATE "C"  NOT NULL UNIQUE CHECK (id <> ''),
    made         BIGINT NOT NULL,
    -- Everything that it answered before this time stands in partitions. NULL: it answers nobody.
    sealed_until BIGINT,
    -- Where its packages and partitions lie, so that others can read them. NULL: in its data folder.
    storage      TEXT COLLATE "C"
);

-- Each replica has a log of its own.
ALTER TABLE recording ADD COLUMN replica BIGINT NOT NULL DEFAULT 0;
ALTER TABLE recording ALTER COLUMN replica DROP DEFAULT;
ALTER TABLE recording DROP CONSTRAINT recording_pkey;
ALTER TABLE recording ADD CONSTRAINT recording_pkey PRIMARY KEY (endpoint, replica);

-- What each replica saw of a candidate since it loaded it: requests that were not the caller's fault, and those that failed.
CREATE TABLE candidate_requests (
    deployment TEXT COLLATE "C"  NOT NULL REFERENCES deployment (id),
    replica    BIGINT NOT NULL,
    requests   BIGINT NOT NULL CHECK (requests >= 0),
    errors     BIGINT NOT NULL CHECK (errors >= 0),
    PRIMARY KEY (deployment, replica)
);

-- Whose process executes a run, or was asked for a deployment: what is left under way when that one ends is ended.
ALTER TABLE run ADD COLUMN replica BIGINT NOT NULL DEFAULT 0;
ALTER TABLE deployment ADD COLUMN replica BIGINT NOT NULL DEFAULT 0;
