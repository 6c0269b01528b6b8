-- The audit log: one row for every change that matters, in the transaction of the change.
-- The body is canonical JSON (RFC 8785); the leaf is SHA-256(0x00 || body), ready for an RFC 6962 tree.
-- Reasons are free text and may have to be erased: the body holds a salted hash, the text stands beside.
CREATE TABLE audit (
    seq           INTEGER PRIMARY KEY CHECK (seq >= 1),
    at            INTEGER NOT NULL,
    actor         TEXT    NOT NULL CHECK (actor <> ''),
    actor_kind    TEXT    NOT NULL CHECK (actor_kind <> ''),
    on_behalf     TEXT,
    action        TEXT    NOT NULL CHECK (action <> ''),
    object        TEXT    NOT NULL CHECK (object <> ''),
    object_digest TEXT,
    outcome       TEXT    NOT NULL CHECK (outcome IN ('done', 'denied', 'failed')),
    reason_hash   TEXT,
    before        TEXT,
    after         TEXT,
    evidence      TEXT    NOT NULL CHECK (json_valid(evidence)),
    body          BLOB    NOT NULL,
    leaf          BLOB    NOT NULL CHECK (length(leaf) = 32)
) STRICT;

CREATE INDEX audit_by_object ON audit (object, seq);
CREATE INDEX audit_by_actor ON audit (actor, seq);

CREATE TABLE audit_reason (
    seq  INTEGER PRIMARY KEY REFERENCES audit (seq),
    salt BLOB    NOT NULL CHECK (length(salt) = 16),
    text TEXT    NOT NULL
) STRICT;

CREATE TRIGGER the_audit_log_has_no_gaps BEFORE INSERT ON audit
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit)
BEGIN
    SELECT RAISE(ABORT, 'the audit log has no gaps: the next entry follows the last one');
END;

CREATE TRIGGER an_entry_is_never_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'an audit entry is never changed');
END;

CREATE TRIGGER an_entry_is_never_deleted BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'an audit entry is never deleted');
END;

CREATE TRIGGER a_reason_is_never_changed BEFORE UPDATE ON audit_reason
BEGIN
    SELECT RAISE(ABORT, 'a reason is never changed; it may only be erased');
END;
