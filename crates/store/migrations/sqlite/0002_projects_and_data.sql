-- A project and every contract it ever had; datasets by content.
CREATE TABLE project (
    key       INTEGER PRIMARY KEY,
    name      TEXT    NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 64),
    created   INTEGER NOT NULL,
    audit_seq INTEGER NOT NULL REFERENCES audit (seq)
) STRICT;

-- The text of kilter.toml, and since when it holds. The highest number holds now.
CREATE TABLE contract (
    project   TEXT    NOT NULL REFERENCES project (name),
    number    INTEGER NOT NULL CHECK (number >= 1),
    digest    TEXT    NOT NULL CHECK (length(digest) = 64),
    text      TEXT    NOT NULL,
    since     INTEGER NOT NULL,
    audit_seq INTEGER NOT NULL REFERENCES audit (seq),
    PRIMARY KEY (project, number)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER a_contract_is_never_changed BEFORE UPDATE ON contract
BEGIN
    SELECT RAISE(ABORT, 'a contract is never changed; a new text is a new number');
END;

CREATE TRIGGER a_contract_is_never_deleted BEFORE DELETE ON contract
BEGIN
    SELECT RAISE(ABORT, 'a contract is never deleted: versions were judged by it');
END;

-- Bytes that were seen under a dataset's name. The digest is the identity.
CREATE TABLE dataset_version (
    key        INTEGER PRIMARY KEY,
    project    TEXT    NOT NULL REFERENCES project (name),
    dataset    TEXT    NOT NULL CHECK (length(dataset) BETWEEN 1 AND 64),
    digest     TEXT    NOT NULL CHECK (length(digest) = 64),
    rows       INTEGER NOT NULL CHECK (rows >= 0),
    bytes      INTEGER NOT NULL CHECK (bytes >= 0),
    source     TEXT    NOT NULL,
    schema     TEXT    NOT NULL CHECK (json_valid(schema)),
    profile    TEXT    NOT NULL CHECK (json_valid(profile)),
    first_seen INTEGER NOT NULL,
    UNIQUE (project, dataset, digest)
) STRICT;

CREATE INDEX dataset_version_by_project ON dataset_version (project, key);
