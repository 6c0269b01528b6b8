-- What people wrote about versions, and what objectives came to.

CREATE TABLE version_card (
    key       INTEGER PRIMARY KEY,
    model     TEXT NOT NULL,
    number    INTEGER NOT NULL,
    by        TEXT NOT NULL CHECK (by <> ''),
    parts     TEXT NOT NULL CHECK (json_valid(parts)),
    at        INTEGER NOT NULL,
    audit_seq INTEGER NOT NULL REFERENCES audit (seq),
    FOREIGN KEY (model, number) REFERENCES model_version (model, number)
) STRICT;

CREATE INDEX version_card_by_version ON version_card (model, number, key);

CREATE TRIGGER a_card_is_never_changed BEFORE UPDATE ON version_card
BEGIN
    SELECT RAISE(ABORT, 'a card is never changed: write it anew');
END;

CREATE TRIGGER a_card_is_never_deleted BEFORE DELETE ON version_card
BEGIN
    SELECT RAISE(ABORT, 'a card is never deleted');
END;

-- Readings, as those of monitors: no decisions, so without entries. Without a value: why there is none.

CREATE TABLE objective_reading (
    project   TEXT NOT NULL REFERENCES project (name),
    objective TEXT NOT NULL CHECK (objective <> ''),
    at        INTEGER NOT NULL,
    value     REAL,
    is_met    INTEGER CHECK (is_met IN (0, 1)),
    number    INTEGER,
    note      TEXT,
    PRIMARY KEY (project, objective, at)
) STRICT;
