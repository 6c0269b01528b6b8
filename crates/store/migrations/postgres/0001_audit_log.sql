-- Whether a text is JSON: what SQLite has built in.
CREATE FUNCTION json_valid(document TEXT) RETURNS BOOLEAN LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    PERFORM document::json;
    RETURN true;
EXCEPTION WHEN data_exception THEN
    RETURN false;
END $$;

-- The audit log: one row for every change that matters, in the transaction of the change.
-- The body is canonical JSON (RFC 8785); the leaf is SHA-256(0x00 || body), ready for an RFC 6962 tree.
-- Reasons are free text and may have to be erased: the body holds a salted hash, the text stands beside.
CREATE TABLE audit (
    seq           BIGINT PRIMARY KEY CHECK (seq >= 1),
    at            BIGINT NOT NULL,
    actor         TEXT COLLATE "C"  NOT NULL CHECK (actor <> ''),
    actor_kind    TEXT COLLATE "C"  NOT NULL CHECK (actor_kind <> ''),
    on_behalf     TEXT COLLATE "C",
    action        TEXT COLLATE "C"  NOT NULL CHECK (action <> ''),
    object        TEXT COLLATE "C"  NOT NULL CHECK (object <> ''),
    object_digest TEXT COLLATE "C",
    outcome       TEXT COLLATE "C"  NOT NULL CHECK (outcome IN ('done', 'denied', 'failed')),
    reason_hash   TEXT COLLATE "C",
    before        TEXT COLLATE "C",
    after         TEXT COLLATE "C",
    evidence      TEXT COLLATE "C"  NOT NULL CHECK (json_valid(evidence)),
    body          BYTEA    NOT NULL,
    leaf          BYTEA    NOT NULL CHECK (length(leaf) = 32)
);

CREATE INDEX audit_by_object ON audit (object, seq);
CREATE INDEX audit_by_actor ON audit (actor, seq);

CREATE TABLE audit_reason (
    seq  BIGINT PRIMARY KEY REFERENCES audit (seq),
    salt BYTEA    NOT NULL CHECK (length(salt) = 16),
    text TEXT COLLATE "C"  NOT NULL
);

CREATE FUNCTION the_audit_log_has_no_gaps() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM audit) THEN
        RAISE EXCEPTION 'the audit log has no gaps: the next entry follows the last one' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER the_audit_log_has_no_gaps BEFORE INSERT ON audit
FOR EACH ROW EXECUTE FUNCTION the_audit_log_has_no_gaps();

CREATE FUNCTION an_entry_is_never_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an audit entry is never changed' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER an_entry_is_never_changed BEFORE UPDATE ON audit
FOR EACH ROW EXECUTE FUNCTION an_entry_is_never_changed();

CREATE FUNCTION an_entry_is_never_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an audit entry is never deleted' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER an_entry_is_never_deleted BEFORE DELETE ON audit
FOR EACH ROW EXECUTE FUNCTION an_entry_is_never_deleted();
CREATE TRIGGER an_entry_is_never_deleted_at_once BEFORE TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION an_entry_is_never_deleted();

CREATE FUNCTION a_reason_is_never_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a reason is never changed; it may only be erased' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER a_reason_is_never_changed BEFORE UPDATE ON audit_reason
FOR EACH ROW EXECUTE FUNCTION a_reason_is_never_changed();
