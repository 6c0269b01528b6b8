-- Who may come in, what is set, and which process does which chore.
-- Of a token only its SHA-256 is kept.
CREATE TABLE token (
    key       INTEGER PRIMARY KEY,
    id        TEXT    NOT NULL UNIQUE CHECK (length(id) BETWEEN 1 AND 64),
    hash      BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    name      TEXT    NOT NULL CHECK (name <> ''),
    actor     TEXT    NOT NULL CHECK (actor <> ''),
    roles     TEXT    NOT NULL CHECK (json_valid(roles)),
    created   INTEGER NOT NULL,
    last_used INTEGER,
    expires   INTEGER,
    revoked   INTEGER,
    audit_seq INTEGER NOT NULL REFERENCES audit (seq)
) STRICT;

CREATE TABLE setting (
    key       INTEGER PRIMARY KEY,
    name      TEXT    NOT NULL UNIQUE CHECK (name <> ''),
    value     TEXT    NOT NULL CHECK (json_valid(value)),
    since     INTEGER NOT NULL,
    audit_seq INTEGER NOT NULL REFERENCES audit (seq)
) STRICT;

-- The term grows whenever the holder changes: work done under an old term can be told apart and refused.
CREATE TABLE lease (
    name   TEXT    PRIMARY KEY CHECK (name <> ''),
    holder TEXT    NOT NULL CHECK (holder <> ''),
    until  INTEGER NOT NULL,
    term   INTEGER NOT NULL CHECK (term >= 1)
) STRICT;
