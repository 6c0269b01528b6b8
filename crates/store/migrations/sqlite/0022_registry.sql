-- The registry that clients see: models with versions, tags and aliases. One that has a project is under its contract: its
-- versions have rows in `model_version` too, with the same numbers, and move by the acts of the platform alone.
CREATE TABLE registered_model (
    key         INTEGER PRIMARY KEY,
    name        TEXT    NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 256),
    project     TEXT    REFERENCES project (name),
    description TEXT    NOT NULL,
    created     INTEGER NOT NULL,
    updated     INTEGER NOT NULL,
    -- Of the newest version that there ever was: a number is not given twice.
    last_number INTEGER NOT NULL CHECK (last_number >= 0)
) STRICT;

CREATE TABLE registered_model_tag (
    model INTEGER NOT NULL REFERENCES registered_model (key) ON DELETE CASCADE,
    name  TEXT    NOT NULL CHECK (name <> ''),
    value TEXT    NOT NULL,
    PRIMARY KEY (model, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE registered_version (
    key            INTEGER PRIMARY KEY,
    model          INTEGER NOT NULL REFERENCES registered_model (key) ON DELETE CASCADE,
    number         INTEGER NOT NULL CHECK (number >= 1),
    description    TEXT    NOT NULL,
    user_id        TEXT    NOT NULL,
    stage          TEXT    NOT NULL CHECK (stage IN ('None', 'Staging', 'Production', 'Archived')),
    -- Where its files are, as the client said.
    source         TEXT    NOT NULL,
    run_id         TEXT    NOT NULL,
    run_link       TEXT    NOT NULL,
    -- The logged model that it is, if it is one.
    logged_model   TEXT,
    status         TEXT    NOT NULL CHECK (status IN ('pending_registration', 'failed_registration', 'ready')),
    status_message TEXT    NOT NULL,
    created        INTEGER NOT NULL,
    updated        INTEGER NOT NULL,
    UNIQUE (model, number)
) STRICT;

CREATE INDEX registered_version_by_run ON registered_version (run_id);
CREATE INDEX registered_version_by_update ON registered_version (updated DESC);

CREATE TABLE registered_version_tag (
    version INTEGER NOT NULL REFERENCES registered_version (key) ON DELETE CASCADE,
    name    TEXT    NOT NULL CHECK (name <> ''),
    value   TEXT    NOT NULL,
    PRIMARY KEY (version, name)
) STRICT, WITHOUT ROWID;

-- Names of versions of models without a contract; those of others stand in `alias`, with their time.
CREATE TABLE registered_model_alias (
    model  INTEGER NOT NULL REFERENCES registered_model (key) ON DELETE CASCADE,
    alias  TEXT    NOT NULL CHECK (length(alias) BETWEEN 1 AND 255),
    number INTEGER NOT NULL,
    PRIMARY KEY (model, alias)
) STRICT, WITHOUT ROWID;

INSERT INTO registered_model (name, project, description, created, updated, last_number)
SELECT model.name, model.project, '', model.created, model.created,
       coalesce((SELECT max(number) FROM model_version WHERE model_version.model = model.name), 0)
FROM model ORDER BY model.key;

INSERT INTO registered_version (model, number, description, user_id, stage, source, run_id, run_link, logged_model, status,
                                status_message, created, updated)
SELECT registered_model.key, model_version.number, '', '', 'None', 'kilter:' || model_version.digest,
       coalesce(model_version.run, ''), '', NULL, 'ready', '', model_version.created, model_version.created
FROM model_version JOIN registered_model ON registered_model.name = model_version.model ORDER BY model_version.key;
