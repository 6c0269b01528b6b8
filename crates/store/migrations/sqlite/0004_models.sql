-- Versions of models, what judged them, who accepted them, and which one bore which name when.
CREATE TABLE model (
    key       INTEGER PRIMARY KEY,
    name      TEXT    NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 64),
    project   TEXT    NOT NULL REFERENCES project (name),
    created   INTEGER NOT NULL,
    audit_seq INTEGER NOT NULL REFERENCES audit (seq)
) STRICT;

CREATE INDEX model_by_project ON model (project, key);

CREATE TABLE model_version (
    key           INTEGER PRIMARY KEY,
    model         TEXT    NOT NULL REFERENCES model (name),
    number        INTEGER NOT NULL CHECK (number >= 1),
    state         TEXT    NOT NULL CHECK (state IN
                  ('draft', 'candidate', 'validated', 'approved', 'rejected', 'retired', 'revoked')),
    run           TEXT    REFERENCES run (id),
    makers        TEXT    NOT NULL CHECK (json_valid(makers)),
    digest        TEXT    NOT NULL CHECK (length(digest) = 64),
    signature     TEXT    NOT NULL CHECK (json_valid(signature)),
    policy        TEXT    NOT NULL,
    policy_digest TEXT    NOT NULL CHECK (length(policy_digest) = 64),
    metrics       TEXT    NOT NULL CHECK (json_valid(metrics)),
    created       INTEGER NOT NULL,
    audit_seq     INTEGER NOT NULL REFERENCES audit (seq),
    UNIQUE (model, number)
) STRICT;

CREATE INDEX model_version_by_digest ON model_version (digest);
CREATE INDEX model_version_by_run ON model_version (run);

CREATE TRIGGER version_numbers_have_no_gaps BEFORE INSERT ON model_version
WHEN NEW.number IS NOT (SELECT coalesce(max(number), 0) + 1 FROM model_version WHERE model = NEW.model)
BEGIN
    SELECT RAISE(ABORT, 'version numbers have no gaps');
END;

CREATE TRIGGER a_version_begins_with_its_entry BEFORE INSERT ON model_version
WHEN NEW.state <> 'draft' OR NOT EXISTS (
    SELECT 1 FROM audit
    WHERE seq = NEW.audit_seq AND object = 'version:' || NEW.model || '/' || NEW.number
      AND before IS NULL AND after = NEW.state
)
BEGIN
    SELECT RAISE(ABORT, 'a version begins as a draft, with its audit entry');
END;

CREATE TRIGGER a_version_moves_with_its_entry BEFORE UPDATE OF state, audit_seq ON model_version
WHEN NEW.audit_seq <= OLD.audit_seq OR NOT EXISTS (
    SELECT 1 FROM audit
    WHERE seq = NEW.audit_seq AND object = 'version:' || NEW.model || '/' || NEW.number
      AND before = OLD.state AND after = NEW.state
)
BEGIN
    SELECT RAISE(ABORT, 'a version changes its state only with its audit entry');
END;

CREATE TRIGGER a_retired_or_revoked_version_stays_so BEFORE UPDATE OF state ON model_version
WHEN OLD.state IN ('retired', 'revoked')
BEGIN
    SELECT RAISE(ABORT, 'a retired or revoked version stays so; a fix is a new version');
END;

CREATE TRIGGER a_version_is_never_edited
BEFORE UPDATE OF model, number, run, makers, digest, signature, policy, policy_digest, metrics, created ON model_version
BEGIN
    SELECT RAISE(ABORT, 'a version is never edited: its digest is its identity; a fix is a new version');
END;

CREATE TRIGGER a_version_is_never_deleted BEFORE DELETE ON model_version
BEGIN
    SELECT RAISE(ABORT, 'a version is never deleted: retire it');
END;

CREATE TABLE verdict (
    key           INTEGER PRIMARY KEY,
    model         TEXT    NOT NULL,
    number        INTEGER NOT NULL,
    gate          TEXT    NOT NULL CHECK (length(gate) BETWEEN 1 AND 64),
    outcome       TEXT    NOT NULL CHECK (outcome IN ('passed', 'failed', 'undecided')),
    evidence      TEXT    NOT NULL CHECK (json_valid(evidence)),
    policy_digest TEXT    NOT NULL CHECK (length(policy_digest) = 64),
    at            INTEGER NOT NULL,
    audit_seq     INTEGER NOT NULL REFERENCES audit (seq),
    FOREIGN KEY (model, number) REFERENCES model_version (model, number)
) STRICT;

CREATE INDEX verdict_by_version ON verdict (model, number, key);

CREATE TRIGGER a_verdict_is_never_changed BEFORE UPDATE ON verdict
BEGIN
    SELECT RAISE(ABORT, 'a verdict is never changed: judge again');
END;

CREATE TRIGGER a_verdict_is_never_deleted BEFORE DELETE ON verdict
BEGIN
    SELECT RAISE(ABORT, 'a verdict is never deleted');
END;

CREATE TABLE approval (
    key        INTEGER PRIMARY KEY,
    model      TEXT    NOT NULL,
    number     INTEGER NOT NULL,
    by         TEXT    NOT NULL CHECK (by <> ''),
    role       TEXT    NOT NULL CHECK (role <> ''),
    decision   TEXT    NOT NULL CHECK (decision IN ('approved', 'rejected')),
    conditions TEXT    NOT NULL CHECK (json_valid(conditions)),
    at         INTEGER NOT NULL,
    expires    INTEGER,
    audit_seq  INTEGER NOT NULL REFERENCES audit (seq),
    FOREIGN KEY (model, number) REFERENCES model_version (model, number)
) STRICT;

CREATE INDEX approval_by_version ON approval (model, number, key);

CREATE TRIGGER an_approval_is_never_changed BEFORE UPDATE ON approval
BEGIN
    SELECT RAISE(ABORT, 'an approval is never changed: decide again');
END;

CREATE TRIGGER an_approval_is_never_deleted BEFORE DELETE ON approval
BEGIN
    SELECT RAISE(ABORT, 'an approval is never deleted');
END;

-- Who bore the name `champion` at T is one query: since <= T < until.
CREATE TABLE alias (
    key       INTEGER PRIMARY KEY,
    model     TEXT    NOT NULL,
    alias     TEXT    NOT NULL CHECK (length(alias) BETWEEN 1 AND 64),
    number    INTEGER NOT NULL,
    since     INTEGER NOT NULL,
    until     INTEGER CHECK (until >= since),
    audit_seq INTEGER NOT NULL REFERENCES audit (seq),
    FOREIGN KEY (model, number) REFERENCES model_version (model, number)
) STRICT;

CREATE UNIQUE INDEX an_alias_names_one_version ON alias (model, alias) WHERE until IS NULL;
CREATE INDEX alias_by_name ON alias (model, alias, key);
