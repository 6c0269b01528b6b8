-- The complete subtrees of the Merkle tree (RFC 6962, SHA-256) over the leaves of the audit log, each written with the entry that
-- completes it: SHA-256(0x01 || left || right). Level 0 is `audit.leaf`. An audit log from before this table gets its subtrees when
-- the database is opened.
CREATE TABLE audit_node (
    -- The entry that completes the subtree: it covers the 2^level entries up to this one.
    seq   INTEGER NOT NULL REFERENCES audit (seq),
    level INTEGER NOT NULL CHECK (level BETWEEN 1 AND 62),
    hash  BLOB    NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (seq, level)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER a_subtree_is_never_changed BEFORE UPDATE ON audit_node
BEGIN
    SELECT RAISE(ABORT, 'a subtree of the audit log is never changed');
END;

CREATE TRIGGER a_subtree_is_never_deleted BEFORE DELETE ON audit_node
BEGIN
    SELECT RAISE(ABORT, 'a subtree of the audit log is never deleted');
END;
