-- Signed checkpoints of the audit log (C2SP tlog-checkpoint), one a size. They have no entries of their own: an entry would ask for
-- the next checkpoint. What guards them is their signature.
CREATE TABLE audit_checkpoint (
    size INTEGER PRIMARY KEY CHECK (size >= 1),
    at   INTEGER NOT NULL,
    -- The root of the first `size` entries.
    root BLOB    NOT NULL CHECK (length(root) = 32),
    -- The signed note, as it is published.
    note TEXT    NOT NULL CHECK (note <> '')
) STRICT;

CREATE TRIGGER a_checkpoint_is_never_changed BEFORE UPDATE ON audit_checkpoint
BEGIN
    SELECT RAISE(ABORT, 'a checkpoint is never changed');
END;

CREATE TRIGGER a_checkpoint_is_never_deleted BEFORE DELETE ON audit_checkpoint
BEGIN
    SELECT RAISE(ABORT, 'a checkpoint is never deleted');
END;

-- How far each place is to which checkpoints are published.
CREATE TABLE checkpoint_place (
    place  TEXT    PRIMARY KEY CHECK (place <> ''),
    -- The newest checkpoint that is there, and when it was written.
    size   INTEGER,
    at     INTEGER,
    -- Since when it fails, and why. NULL: the last try succeeded.
    failed INTEGER,
    error  TEXT CHECK ((error IS NULL) = (failed IS NULL))
) STRICT;
