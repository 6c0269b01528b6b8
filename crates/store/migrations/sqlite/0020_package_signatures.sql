-- Signatures of packages. They are no part of what they sign, so another key changes no identity.
CREATE TABLE package_signature (
    key         INTEGER PRIMARY KEY,
    digest      TEXT    NOT NULL CHECK (length(digest) = 64),
    signing_key TEXT    NOT NULL REFERENCES signing_key (id),
    bundle      TEXT    NOT NULL CHECK (json_valid(bundle)),
    at          INTEGER NOT NULL,
    audit_seq   INTEGER NOT NULL REFERENCES audit (seq),
    UNIQUE (digest, signing_key)
) STRICT;

CREATE TRIGGER a_signature_is_never_changed BEFORE UPDATE ON package_signature
BEGIN
    SELECT raise(ABORT, 'a signature of a package is never changed: sign again');
END;

CREATE TRIGGER a_signature_is_never_deleted BEFORE DELETE ON package_signature
BEGIN
    SELECT raise(ABORT, 'a signature of a package is never deleted: revoke its key');
END;
