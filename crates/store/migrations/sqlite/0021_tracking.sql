-- Experiment tracking: what clients log, and what the runs of the platform log, in the same tables.
-- An experiment that has a project is under its contract and its rights.
CREATE TABLE experiment (
    key               INTEGER PRIMARY KEY,
    name              TEXT    NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 500),
    project           TEXT    UNIQUE REFERENCES project (name),
    -- Where artifacts of its runs lie: an address of any kind, below which each run has its folder.
    artifact_location TEXT    NOT NULL CHECK (artifact_location <> ''),
    lifecycle         TEXT    NOT NULL CHECK (lifecycle IN ('active', 'deleted')),
    created           INTEGER NOT NULL,
    updated           INTEGER NOT NULL
) STRICT;

CREATE TABLE experiment_tag (
    experiment INTEGER NOT NULL REFERENCES experiment (key) ON DELETE CASCADE,
    name       TEXT    NOT NULL CHECK (name <> ''),
    value      TEXT    NOT NULL,
    PRIMARY KEY (experiment, name)
) STRICT, WITHOUT ROWID;

INSERT INTO experiment (key, name, project, artifact_location, lifecycle, created, updated)
SELECT key, name, name, 'mlflow-artifacts:/' || key, 'active', created, created FROM project
ORDER BY key;

-- A run as tracking sees it. One that the platform executes has a row in `run` too, with the same key and id.
CREATE TABLE tracked_run (
    key          INTEGER PRIMARY KEY,
    id           TEXT    NOT NULL UNIQUE CHECK (length(id) BETWEEN 1 AND 256),
    experiment   INTEGER NOT NULL REFERENCES experiment (key),
    name         TEXT    NOT NULL,
    user_id      TEXT    NOT NULL,
    status       TEXT    NOT NULL CHECK (status IN ('scheduled', 'running', 'finished', 'failed', 'killed')),
    lifecycle    TEXT    NOT NULL CHECK (lifecycle IN ('active', 'deleted')),
    started      INTEGER,
    ended        INTEGER,
    -- When it was deleted; until it is collected it can be restored.
    deleted      INTEGER,
    artifact_uri TEXT    NOT NULL CHECK (artifact_uri <> '')
) STRICT;

-- The order of lists and searches where none is stated.
CREATE INDEX tracked_run_by_start ON tracked_run (experiment, started DESC, id);

INSERT INTO tracked_run (key, id, experiment, name, user_id, status, lifecycle, started, ended, deleted, artifact_uri)
SELECT run.key, run.id, experiment.key, run.id, '',
       CASE run.state WHEN 'queued' THEN 'scheduled' WHEN 'running' THEN 'running' WHEN 'succeeded' THEN 'finished'
                      WHEN 'cancelled' THEN 'killed' ELSE 'failed' END,
       'active', coalesce(run.started, run.created), run.ended, NULL,
       experiment.artifact_location || '/' || run.id || '/artifacts'
FROM run JOIN experiment ON experiment.project = run.project;

CREATE TABLE run_tag (
    run   INTEGER NOT NULL REFERENCES tracked_run (key) ON DELETE CASCADE,
    name  TEXT    NOT NULL CHECK (name <> ''),
    value TEXT    NOT NULL,
    PRIMARY KEY (run, name)
) STRICT, WITHOUT ROWID;

INSERT INTO run_tag (run, name, value) SELECT key, 'mlflow.runName', name FROM tracked_run;

-- What was logged belongs to the run as tracking sees it.
ALTER TABLE run_param RENAME TO run_param_before;
CREATE TABLE run_param (
    run   INTEGER NOT NULL REFERENCES tracked_run (key) ON DELETE CASCADE,
    name  TEXT    NOT NULL CHECK (name <> ''),
    value TEXT    NOT NULL,
    PRIMARY KEY (run, name)
) STRICT, WITHOUT ROWID;
INSERT INTO run_param SELECT * FROM run_param_before;
DROP TABLE run_param_before;

ALTER TABLE run_metric RENAME TO run_metric_before;
-- Logging the same point twice is one row. SQLite has no NaN: is_nan marks one, its value is 0.
CREATE TABLE run_metric (
    run    INTEGER NOT NULL REFERENCES tracked_run (key) ON DELETE CASCADE,
    metric INTEGER NOT NULL REFERENCES metric (key),
    step   INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    value  REAL    NOT NULL,
    is_nan INTEGER NOT NULL CHECK (is_nan IN (0, 1)),
    PRIMARY KEY (run, metric, step, at, value, is_nan)
) STRICT, WITHOUT ROWID;
INSERT INTO run_metric SELECT * FROM run_metric_before;
DROP TABLE run_metric_before;

ALTER TABLE run_metric_latest RENAME TO run_metric_latest_before;
-- The point with the highest step, then time, then value, of each metric of a run: what lists and searches show.
CREATE TABLE run_metric_latest (
    run    INTEGER NOT NULL REFERENCES tracked_run (key) ON DELETE CASCADE,
    metric INTEGER NOT NULL REFERENCES metric (key),
    step   INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    value  REAL    NOT NULL,
    is_nan INTEGER NOT NULL CHECK (is_nan IN (0, 1)),
    PRIMARY KEY (run, metric)
) STRICT, WITHOUT ROWID;
INSERT INTO run_metric_latest SELECT * FROM run_metric_latest_before;
DROP TABLE run_metric_latest_before;

-- A file that was logged, or a folder that is kept as one tree, by its path below the root of all artifacts.
CREATE TABLE artifact (
    path   TEXT    NOT NULL PRIMARY KEY CHECK (path <> ''),
    kind   TEXT    NOT NULL CHECK (kind IN ('file', 'tree')),
    digest TEXT    NOT NULL CHECK (length(digest) = 64),
    bytes  INTEGER NOT NULL CHECK (bytes >= 0),
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX artifact_by_digest ON artifact (digest);

-- What earlier runs left: whether it was a file is known by its content alone, and the record of the run has it.
INSERT INTO artifact (path, kind, digest, bytes, at)
SELECT substr(tracked_run.artifact_uri, length('mlflow-artifacts:/') + 1) || '/' || run_artifact.path, 'file',
       run_artifact.digest, run_artifact.bytes, run_artifact.at
FROM run_artifact JOIN tracked_run ON tracked_run.key = run_artifact.run;
DROP TABLE run_artifact;

-- A dataset that runs of an experiment read, as a client describes it.
CREATE TABLE tracked_dataset (
    key         INTEGER PRIMARY KEY,
    experiment  INTEGER NOT NULL REFERENCES experiment (key) ON DELETE CASCADE,
    name        TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 500),
    digest      TEXT    NOT NULL CHECK (digest <> ''),
    source_type TEXT    NOT NULL,
    source      TEXT    NOT NULL,
    schema      TEXT,
    profile     TEXT,
    UNIQUE (experiment, name, digest)
) STRICT;

CREATE TABLE run_input (
    run     INTEGER NOT NULL REFERENCES tracked_run (key) ON DELETE CASCADE,
    dataset INTEGER NOT NULL REFERENCES tracked_dataset (key) ON DELETE CASCADE,
    -- What it was read for: training, evaluation and the like.
    context TEXT,
    tags    TEXT    NOT NULL CHECK (json_valid(tags)),
    PRIMARY KEY (run, dataset)
) STRICT, WITHOUT ROWID;

CREATE INDEX run_input_by_dataset ON run_input (dataset);

-- A model that a client logged, before or without its registration.
CREATE TABLE logged_model (
    key            INTEGER PRIMARY KEY,
    id             TEXT    NOT NULL UNIQUE CHECK (length(id) BETWEEN 1 AND 64),
    experiment     INTEGER NOT NULL REFERENCES experiment (key),
    -- The run that made it, by its id; a run may be collected before its models.
    source_run     TEXT,
    name           TEXT    NOT NULL,
    model_type     TEXT    NOT NULL,
    status         TEXT    NOT NULL CHECK (status IN ('pending', 'ready', 'upload_failed')),
    status_message TEXT    NOT NULL,
    lifecycle      TEXT    NOT NULL CHECK (lifecycle IN ('active', 'deleted')),
    created        INTEGER NOT NULL,
    updated        INTEGER NOT NULL,
    deleted        INTEGER,
    artifact_uri   TEXT    NOT NULL CHECK (artifact_uri <> '')
) STRICT;

CREATE INDEX logged_model_by_creation ON logged_model (experiment, created DESC, id);
CREATE INDEX logged_model_by_run ON logged_model (source_run);

CREATE TABLE logged_model_param (
    model INTEGER NOT NULL REFERENCES logged_model (key) ON DELETE CASCADE,
    name  TEXT    NOT NULL CHECK (name <> ''),
    value TEXT    NOT NULL,
    PRIMARY KEY (model, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE logged_model_tag (
    model INTEGER NOT NULL REFERENCES logged_model (key) ON DELETE CASCADE,
    name  TEXT    NOT NULL CHECK (name <> ''),
    value TEXT    NOT NULL,
    PRIMARY KEY (model, name)
) STRICT, WITHOUT ROWID;

-- The latest point of each metric that was logged for a model on a dataset (both empty: on none).
CREATE TABLE logged_model_metric (
    model          INTEGER NOT NULL REFERENCES logged_model (key) ON DELETE CASCADE,
    metric         INTEGER NOT NULL REFERENCES metric (key),
    dataset_name   TEXT    NOT NULL,
    dataset_digest TEXT    NOT NULL,
    -- In which run, by its id.
    run            TEXT    NOT NULL,
    step           INTEGER NOT NULL,
    at             INTEGER NOT NULL,
    value          REAL    NOT NULL,
    is_nan         INTEGER NOT NULL CHECK (is_nan IN (0, 1)),
    PRIMARY KEY (model, metric, dataset_name, dataset_digest, run)
) STRICT, WITHOUT ROWID;

-- Models that a run read or made.
CREATE TABLE run_model (
    run   INTEGER NOT NULL REFERENCES tracked_run (key) ON DELETE CASCADE,
    model TEXT    NOT NULL CHECK (model <> ''),
    kind  TEXT    NOT NULL CHECK (kind IN ('input', 'output')),
    step  INTEGER NOT NULL,
    PRIMARY KEY (run, kind, model)
) STRICT, WITHOUT ROWID;
