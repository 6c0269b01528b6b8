-- Signed checkpoints of the audit log (C2SP tlog-checkpoint), one a size. They have no entries of their own: an entry would ask for
-- the next checkpoint. What guards them is their signature.
CREATE TABLE audit_checkpoint (
    size BIGINT PRIMARY KEY CHECK (size >= 1),
    at   BIGINT NOT NULL,
    -- The root of the first `size` entries.
    root BYTEA  NOT NULL CHECK (length(root) = 32),
    -- The signed note, as it is published.
    note TEXT COLLATE "C"  NOT NULL CHECK (note <> '')
);

CREATE FUNCTION a_checkpoint_is_never_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a checkpoint is never changed' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER a_checkpoint_is_never_changed BEFORE UPDATE ON audit_checkpoint
FOR EACH ROW EXECUTE FUNCTION a_checkpoint_is_never_changed();

CREATE FUNCTION a_checkpoint_is_never_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a checkpoint is never deleted' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER a_checkpoint_is_never_deleted BEFORE DELETE ON audit_checkpoint
FOR EACH ROW EXECUTE FUNCTION a_checkpoint_is_never_deleted();
CREATE TRIGGER a_checkpoint_is_never_deleted_at_once BEFORE TRUNCATE ON audit_checkpoint
FOR EACH STATEMENT EXECUTE FUNCTION a_checkpoint_is_never_deleted();

-- How far each place is to which checkpoints are published.
CREATE TABLE checkpoint_place (
    place  TEXT COLLATE "C"  PRIMARY KEY CHECK (place <> ''),
    -- The newest checkpoint that is there, and when it was written.
    size   BIGINT,
    at     BIGINT,
    -- Since when it fails, and why. NULL: the last try succeeded.
    failed BIGINT,
    error  TEXT COLLATE "C" CHECK ((error IS NULL) = (failed IS NULL))
);
