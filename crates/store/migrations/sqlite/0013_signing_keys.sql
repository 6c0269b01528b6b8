-- The public keys of this platform. What a key signed is believed until the key is revoked; private keys are never here.
CREATE TABLE signing_key (
    key        INTEGER PRIMARY KEY,
    -- SHA-256 of the PEM text, in hex.
    id         TEXT    NOT NULL UNIQUE CHECK (length(id) = 64),
    purpose    TEXT    NOT NULL CHECK (purpose IN ('package', 'checkpoint')),
    public_key TEXT    NOT NULL CHECK (public_key <> ''),
    state      TEXT    NOT NULL CHECK (state IN ('active', 'superseded', 'revoked')),
    since      INTEGER NOT NULL,
    -- When it stopped signing.
    ended      INTEGER CHECK ((ended IS NULL) = (state = 'active')),
    audit_seq  INTEGER NOT NULL REFERENCES audit (seq)
) STRICT;

CREATE TRIGGER a_signing_key_begins_with_its_entry BEFORE INSERT ON signing_key
WHEN NEW.state <> 'active' OR NOT EXISTS (
    SELECT 1 FROM audit
    WHERE seq = NEW.audit_seq AND object = 'key:' || NEW.id AND before IS NULL AND after = NEW.state
)
BEGIN
    SELECT raise(ABORT, 'a signing key is registered with its audit entry');
END;

CREATE TRIGGER a_signing_key_moves_with_its_entry BEFORE UPDATE OF state, ended, audit_seq ON signing_key
WHEN NEW.audit_seq <= OLD.audit_seq OR NOT EXISTS (
    SELECT 1 FROM audit
    WHERE seq = NEW.audit_seq AND object = 'key:' || NEW.id AND before = OLD.state AND after = NEW.state
)
BEGIN
    SELECT raise(ABORT, 'a signing key changes its state only with its audit entry');
END;

CREATE TRIGGER a_revoked_signing_key_stays_so BEFORE UPDATE OF state ON signing_key
WHEN OLD.state = 'revoked'
BEGIN
    SELECT raise(ABORT, 'a revoked signing key stays revoked');
END;

CREATE TRIGGER a_signing_key_keeps_its_identity BEFORE UPDATE OF id, purpose, public_key, since ON signing_key
BEGIN
    SELECT raise(ABORT, 'a signing key is never edited: register another');
END;

CREATE TRIGGER a_signing_key_is_never_deleted BEFORE DELETE ON signing_key
BEGIN
    SELECT raise(ABORT, 'a signing key is never deleted: revoke it');
END;
