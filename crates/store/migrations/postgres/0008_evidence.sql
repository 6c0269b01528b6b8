-- What the monitors of an endpoint believe so far: one document, moved on with the readings of the same window.
CREATE TABLE evidence (
    endpoint TEXT COLLATE "C"  PRIMARY KEY REFERENCES endpoint (name),
    model    TEXT COLLATE "C"  NOT NULL,
    number   BIGINT NOT NULL,
    -- The end of the last window that it has seen.
    through  BIGINT NOT NULL,
    document TEXT COLLATE "C"  NOT NULL CHECK (json_valid(document))
);
