-- The complete subtrees of the Merkle tree (RFC 6962, SHA-256) over the leaves of the audit log, each written with the entry that
-- completes it: SHA-256(0x01 || left || right). Level 0 is `audit.leaf`. An audit log from before this table gets its subtrees when
-- the database is opened.
CREATE TABLE audit_node (
    -- The entry that completes the subtree: it covers the 2^level entries up to this one.
    seq   BIGINT NOT NULL REFERENCES audit (seq),
    level BIGINT NOT NULL CHECK (level BETWEEN 1 AND 62),
    hash  BYTEA  NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (seq, level)
);

CREATE FUNCTION a_subtree_is_never_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a subtree of the audit log is never changed' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER a_subtree_is_never_changed BEFORE UPDATE ON audit_node
FOR EACH ROW EXECUTE FUNCTION a_subtree_is_never_changed();

CREATE FUNCTION a_subtree_is_never_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a subtree of the audit log is never deleted' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER a_subtree_is_never_deleted BEFORE DELETE ON audit_node
FOR EACH ROW EXECUTE FUNCTION a_subtree_is_never_deleted();
CREATE TRIGGER a_subtree_is_never_deleted_at_once BEFORE TRUNCATE ON audit_node
FOR EACH STATEMENT EXECUTE FUNCTION a_subtree_is_never_deleted();
