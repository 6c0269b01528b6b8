-- What people decide about versions besides a yes or a no.

CREATE TABLE version_act (
    key       INTEGER PRIMARY KEY,
    model     TEXT NOT NULL,
    number    INTEGER NOT NULL,
    kind      TEXT NOT NULL CHECK (kind IN ('submitted', 'returned', 'reviewed', 'retired', 'revoked')),
    by        TEXT NOT NULL CHECK (by <> ''),
    on_behalf TEXT,
    document  TEXT NOT NULL CHECK (json_valid(document)),
    at        INTEGER NOT NULL,
    audit_seq INTEGER NOT NULL REFERENCES audit (seq),
    FOREIGN KEY (model, number) REFERENCES model_version (model, number)
) STRICT;

CREATE INDEX version_act_by_version ON version_act (model, number, key);

CREATE TRIGGER an_act_about_a_version_is_never_changed BEFORE UPDATE ON version_act
BEGIN
    SELECT RAISE(ABORT, 'an act about a version is never changed: act again');
END;

CREATE TRIGGER an_act_about_a_version_is_never_deleted BEFORE DELETE ON version_act
BEGIN
    SELECT RAISE(ABORT, 'an act about a version is never deleted');
END;

-- Until when a version may fail one rule of one gate. Without a number: every version of the model.

CREATE TABLE waiver (
    key       INTEGER PRIMARY KEY,
    id        TEXT NOT NULL UNIQUE CHECK (length(id) BETWEEN 1 AND 64),
    model     TEXT NOT NULL REFERENCES model (name),
    number    INTEGER,
    gate      TEXT NOT NULL CHECK (length(gate) BETWEEN 1 AND 64),
    rule      TEXT NOT NULL CHECK (rule <> ''),
    state     TEXT NOT NULL CHECK (state IN ('granted', 'revoked')),
    by        TEXT NOT NULL CHECK (by <> ''),
    reason    TEXT NOT NULL CHECK (reason <> ''),
    since     INTEGER NOT NULL,
    until     INTEGER NOT NULL CHECK (until > since),
    audit_seq INTEGER NOT NULL REFERENCES audit (seq),
    FOREIGN KEY (model, number) REFERENCES model_version (model, number)
) STRICT;

CREATE INDEX waiver_by_model ON waiver (model, key);

CREATE TRIGGER a_waiver_begins_with_its_entry BEFORE INSERT ON waiver
WHEN NEW.state <> 'granted' OR NOT EXISTS (
    SELECT 1 FROM audit
    WHERE seq = NEW.audit_seq AND object = 'waiver:' || NEW.id AND before IS NULL AND after = NEW.state
)
BEGIN
    SELECT RAISE(ABORT, 'a waiver begins with its audit entry');
END;

CREATE TRIGGER a_waiver_moves_with_its_entry BEFORE UPDATE OF state, audit_seq ON waiver
WHEN NEW.audit_seq <= OLD.audit_seq OR OLD.state <> 'granted' OR NOT EXISTS (
    SELECT 1 FROM audit
    WHERE seq = NEW.audit_seq AND object = 'waiver:' || NEW.id AND before = OLD.state AND after = NEW.state
)
BEGIN
    SELECT RAISE(ABORT, 'a waiver changes its state only with its audit entry, and once');
END;

CREATE TRIGGER a_waiver_is_never_edited BEFORE UPDATE OF id, model, number, gate, rule, by, reason, since, until ON waiver
BEGIN
    SELECT RAISE(ABORT, 'a waiver is never edited: revoke it and grant another one');
END;

CREATE TRIGGER a_waiver_is_never_deleted BEFORE DELETE ON waiver
BEGIN
    SELECT RAISE(ABORT, 'a waiver is never deleted: revoke it');
END;
