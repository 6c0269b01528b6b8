-- A run, why it was started, and everything that was logged while it ran.
-- Inside, a run is an integer: a hundred metric rows then cost a hundred small keys.
CREATE TABLE run (
    key       INTEGER PRIMARY KEY,
    id        TEXT    NOT NULL UNIQUE CHECK (length(id) BETWEEN 1 AND 64),
    project   TEXT    NOT NULL REFERENCES project (name),
    cause     TEXT    NOT NULL CHECK (json_valid(cause)),
    state     TEXT    NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'refused')),
    created   INTEGER NOT NULL,
    started   INTEGER,
    ended     INTEGER,
    record    TEXT    NOT NULL CHECK (json_valid(record)),
    audit_seq INTEGER NOT NULL REFERENCES audit (seq)
) STRICT;

CREATE INDEX run_by_project ON run (project, key);
CREATE INDEX run_that_has_not_ended ON run (key) WHERE state IN ('queued', 'running');

CREATE TRIGGER a_run_begins_with_its_entry BEFORE INSERT ON run
WHEN NOT EXISTS (
    SELECT 1 FROM audit
    WHERE seq = NEW.audit_seq AND object = 'run:' || NEW.id AND before IS NULL AND after = NEW.state
)
BEGIN
    SELECT RAISE(ABORT, 'a run begins only with its audit entry');
END;

CREATE TRIGGER a_run_moves_with_its_entry BEFORE UPDATE OF state, audit_seq ON run
WHEN NEW.audit_seq <= OLD.audit_seq OR NOT EXISTS (
    SELECT 1 FROM audit
    WHERE seq = NEW.audit_seq AND object = 'run:' || NEW.id AND before = OLD.state AND after = NEW.state
)
BEGIN
    SELECT RAISE(ABORT, 'a run changes its state only with its audit entry');
END;

CREATE TRIGGER an_ended_run_stays_ended BEFORE UPDATE OF state ON run
WHEN OLD.state NOT IN ('queued', 'running')
BEGIN
    SELECT RAISE(ABORT, 'what has ended stays so; start a new run');
END;

CREATE TRIGGER a_run_keeps_its_identity BEFORE UPDATE OF id, project, cause, created ON run
BEGIN
    SELECT RAISE(ABORT, 'a run keeps its id, project and cause');
END;

CREATE TABLE run_step (
    run     INTEGER NOT NULL REFERENCES run (key) ON DELETE CASCADE,
    step    TEXT    NOT NULL CHECK (length(step) BETWEEN 1 AND 64),
    state   TEXT    NOT NULL CHECK (state IN
            ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'cached', 'skipped', 'refused')),
    started INTEGER,
    ended   INTEGER,
    record  TEXT    NOT NULL CHECK (json_valid(record)),
    PRIMARY KEY (run, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_param (
    run   INTEGER NOT NULL REFERENCES run (key) ON DELETE CASCADE,
    name  TEXT    NOT NULL CHECK (name <> ''),
    value TEXT    NOT NULL,
    PRIMARY KEY (run, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE metric (
    key  INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE CHECK (name <> '')
) STRICT;

-- Logging the same point twice is one row. SQLite has no NaN: is_nan marks one, its value is 0.
CREATE TABLE run_metric (
    run    INTEGER NOT NULL REFERENCES run (key) ON DELETE CASCADE,
    metric INTEGER NOT NULL REFERENCES metric (key),
    step   INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    value  REAL    NOT NULL,
    is_nan INTEGER NOT NULL CHECK (is_nan IN (0, 1)),
    PRIMARY KEY (run, metric, step, at, value, is_nan)
) STRICT, WITHOUT ROWID;

-- The point with the highest step, then time, then value, of each metric of a run: what lists and searches show.
CREATE TABLE run_metric_latest (
    run    INTEGER NOT NULL REFERENCES run (key) ON DELETE CASCADE,
    metric INTEGER NOT NULL REFERENCES metric (key),
    step   INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    value  REAL    NOT NULL,
    is_nan INTEGER NOT NULL CHECK (is_nan IN (0, 1)),
    PRIMARY KEY (run, metric)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_artifact (
    run    INTEGER NOT NULL REFERENCES run (key) ON DELETE CASCADE,
    path   TEXT    NOT NULL CHECK (path <> ''),
    digest TEXT    NOT NULL CHECK (length(digest) = 64),
    bytes  INTEGER NOT NULL CHECK (bytes >= 0),
    at     INTEGER NOT NULL,
    PRIMARY KEY (run, path)
) STRICT, WITHOUT ROWID;
