-- People and services that may come in. Nothing used the first table of tokens.
DROP TABLE token;

CREATE TABLE account (
    key       INTEGER PRIMARY KEY,
    actor     TEXT    NOT NULL UNIQUE CHECK (substr(actor, 1, 5) = 'user:' OR substr(actor, 1, 4) = 'svc:'),
    -- The person who answers for a service.
    owner     TEXT,
    -- argon2id as a PHC string. NULL: comes in by tokens or by a provider alone.
    password  TEXT,
    member_of TEXT    NOT NULL CHECK (json_valid(member_of)),
    is_admin  INTEGER NOT NULL CHECK (is_admin IN (0, 1)),
    -- The OpenID provider that proves who it is, and its name for them. NULL: an account of this platform alone.
    issuer    TEXT,
    subject   TEXT,
    created   INTEGER NOT NULL,
    disabled  INTEGER,
    audit_seq INTEGER NOT NULL REFERENCES audit (seq),
    UNIQUE (issuer, subject)
) STRICT;

-- Of a token only its SHA-256 is kept.
CREATE TABLE token (
    key       INTEGER PRIMARY KEY,
    id        TEXT    NOT NULL UNIQUE CHECK (length(id) BETWEEN 1 AND 64),
    hash      BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    name      TEXT    NOT NULL CHECK (name <> ''),
    actor     TEXT    NOT NULL REFERENCES account (actor),
    scope     TEXT    NOT NULL CHECK (json_valid(scope)),
    -- Whether a login made it.
    is_session INTEGER NOT NULL CHECK (is_session IN (0, 1)),
    created   INTEGER NOT NULL,
    last_used INTEGER,
    expires   INTEGER NOT NULL,
    revoked   INTEGER,
    audit_seq INTEGER NOT NULL REFERENCES audit (seq)
) STRICT;
CREATE INDEX token_by_end ON token (revoked, expires);
