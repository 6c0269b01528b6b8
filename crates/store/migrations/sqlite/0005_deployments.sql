-- Which version answers at which endpoint, since when and why; and the partitions of what was answered.
CREATE TABLE endpoint (
    key       INTEGER PRIMARY KEY,
    name      TEXT    NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 64),
    project   TEXT    NOT NULL REFERENCES project (name),
    created   INTEGER NOT NULL,
    audit_seq INTEGER NOT NULL REFERENCES audit (seq)
) STRICT;

CREATE INDEX endpoint_by_project ON endpoint (project, key);

-- live_since and live_until answer "what was live at T" without reading the audit log.
CREATE TABLE deployment (
    key            INTEGER PRIMARY KEY,
    id             TEXT    NOT NULL UNIQUE CHECK (length(id) BETWEEN 1 AND 64),
    endpoint       TEXT    NOT NULL REFERENCES endpoint (name),
    model          TEXT    NOT NULL,
    number         INTEGER NOT NULL,
    state          TEXT    NOT NULL CHECK (state IN
                   ('requested', 'shadow', 'canary', 'live', 'superseded', 'rolled_back', 'stopped')),
    canary_percent INTEGER CHECK (canary_percent BETWEEN 1 AND 100),
    created        INTEGER NOT NULL,
    started        INTEGER,
    ended          INTEGER,
    live_since     INTEGER,
    live_until     INTEGER CHECK (live_until >= live_since),
    reason        TEXT    NOT NULL CHECK (json_valid(reason)),
    audit_seq      INTEGER NOT NULL REFERENCES audit (seq),
    CHECK ((state = 'canary') = (canary_percent IS NOT NULL)),
    FOREIGN KEY (model, number) REFERENCES model_version (model, number)
) STRICT;

-- An endpoint has at most one live deployment and at most one candidate. The database keeps this, whatever races.
CREATE UNIQUE INDEX one_live_per_endpoint ON deployment (endpoint) WHERE state = 'live';
CREATE UNIQUE INDEX one_candidate_per_endpoint ON deployment (endpoint) WHERE state IN ('shadow', 'canary');
CREATE INDEX deployment_by_endpoint ON deployment (endpoint, key);
CREATE INDEX deployment_by_version ON deployment (model, number);
CREATE INDEX deployment_that_was_live ON deployment (endpoint, live_since, key) WHERE live_since IS NOT NULL;
CREATE INDEX deployment_that_serves ON deployment (key) WHERE state IN ('shadow', 'canary', 'live');

CREATE TRIGGER a_deployment_begins_with_its_entry BEFORE INSERT ON deployment
WHEN NEW.state <> 'requested' OR NOT EXISTS (
    SELECT 1 FROM audit
    WHERE seq = NEW.audit_seq AND object = 'deployment:' || NEW.id AND before IS NULL AND after = NEW.state
)
BEGIN
    SELECT RAISE(ABORT, 'a deployment begins as a request, with its audit entry');
END;

-- A canary step is written `canary 5` in the audit log.
CREATE TRIGGER a_deployment_moves_with_its_entry BEFORE UPDATE OF state, canary_percent, audit_seq ON deployment
WHEN NEW.audit_seq <= OLD.audit_seq OR NOT EXISTS (
    SELECT 1 FROM audit
    WHERE seq = NEW.audit_seq AND object = 'deployment:' || NEW.id
      AND before = OLD.state || coalesce(' ' || OLD.canary_percent, '')
      AND after = NEW.state || coalesce(' ' || NEW.canary_percent, '')
)
BEGIN
    SELECT RAISE(ABORT, 'a deployment changes its state only with its audit entry');
END;

CREATE TRIGGER an_ended_deployment_stays_ended BEFORE UPDATE OF state ON deployment
WHEN OLD.state IN ('superseded', 'rolled_back', 'stopped')
BEGIN
    SELECT RAISE(ABORT, 'it has ended; request a new deployment');
END;

CREATE TRIGGER a_deployment_keeps_its_identity BEFORE UPDATE OF id, endpoint, model, number, created, reason ON deployment
BEGIN
    SELECT RAISE(ABORT, 'a deployment keeps its endpoint, version and cause');
END;

CREATE TRIGGER a_deployment_is_never_deleted BEFORE DELETE ON deployment
BEGIN
    SELECT RAISE(ABORT, 'a deployment is never deleted: stop it');
END;

-- A Parquet file of the prediction log or of the label log.
CREATE TABLE partition (
    key      INTEGER PRIMARY KEY,
    kind     TEXT    NOT NULL CHECK (kind IN ('predictions', 'labels')),
    endpoint TEXT    NOT NULL REFERENCES endpoint (name),
    seq      INTEGER NOT NULL CHECK (seq >= 0),
    path     TEXT    NOT NULL CHECK (path <> ''),
    rows     INTEGER NOT NULL CHECK (rows >= 0),
    bytes    INTEGER NOT NULL CHECK (bytes >= 0),
    digest   TEXT    NOT NULL CHECK (length(digest) = 64),
    min_time INTEGER NOT NULL,
    max_time INTEGER NOT NULL CHECK (max_time >= min_time),
    UNIQUE (kind, endpoint, seq)
) STRICT;

CREATE INDEX partition_by_time ON partition (kind, endpoint, min_time, max_time);
